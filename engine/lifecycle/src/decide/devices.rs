//! Which devices the container may use.

use pontoon_runtime::devices::{DeviceRule, USUAL};

use super::{DecideError, Facts};
use crate::devices::{FoundDevice, NoFilter};

/// The rules; `None` leaves it to the nodes that are mounted.
pub(super) fn decide(facts: &Facts<'_>) -> Result<Option<Vec<DeviceRule>>, DecideError> {
    let request = &facts.record.request;
    if request.privileged {
        return Ok(None);
    }
    match (&facts.device_filter, request.device_cgroup_rules.is_empty()) {
        (Ok(()), _) => {}
        // A default, which is left out where it cannot be had.
        (Err(_), true) => return Ok(None),
        (Err(why), false) => return Err(DecideError::NoDeviceFilter(why.clone())),
    }
    if facts.maps.is_some() && !request.device_cgroup_rules.is_empty() {
        return Err(DecideError::NoDeviceFilter(NoFilter::UserNamespace));
    }
    let mut rules = USUAL.to_vec();
    rules.extend(facts.asked_devices.iter().filter_map(FoundDevice::rule));
    rules.extend(&request.device_cgroup_rules);
    Ok(Some(rules))
}
