//! The slice that a pod's containers are in, where a service manager makes their control groups.

use pontoon_rootless::cgroup::{Cgroup, CgroupError, MOUNT};
use pontoon_rootless::dbus::{
    Bus, ManagerError, SliceLimit, SliceRequest, UnitDeed, change_units, start_slice,
};

use crate::host::Host;
use crate::pod::record::PodRecord;
use crate::resources::{
    DEFAULT_PERIOD, DeviceRate, NoDevice, Resources, block_device, scaled_io_weight, weight_of_shares,
};

/// What containers of a user are in, and what those of root are in, unless something else is asked for.
const USUAL: (&str, &str) = ("app.slice", "system.slice");

/// What stands in the name of every slice of a pod.
pub(crate) const MARK: &str = "pontoon_pod_";

/// Why a pod's containers cannot be limited.
#[derive(Debug, thiserror::Error)]
pub enum SliceError {
    /// A device.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// A controller.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The service manager.
    #[error("cannot limit the pod")]
    Manager(#[from] ManagerError),
}

impl SliceError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Device(_) => None,
            Self::Cgroup(err) => err.hint(),
            Self::Manager(err) => err.hint(),
        }
    }
}

/// The slice that a pod's own is in.
#[must_use]
pub fn parent<'a>(host: &Host, pod: &'a PodRecord) -> &'a str {
    let usual = if host.is_rootless() { USUAL.0 } else { USUAL.1 };
    pod.cgroup_parent.as_deref().unwrap_or(usual)
}

/// Its name. The dashes in a slice's name are its place: this one is in the slice of the name before the last dash
/// (systemd.slice(5)).
#[must_use]
pub fn name(host: &Host, pod: &PodRecord) -> String {
    let parent = parent(host, pod);
    let parent = parent.strip_suffix(".slice").unwrap_or(parent);
    // `-.slice` is the root of all.
    let prefix = if parent == "-" { String::new() } else { format!("{parent}-") };
    format!("{prefix}{MARK}{}.slice", pod.id)
}

/// Starts the slice with the pod's limits; without any, the manager makes it by itself when the first container is in it.
///
/// # Errors
/// See [`SliceError`].
pub fn start(host: &Host, bus: &Bus, pod: &PodRecord) -> Result<(), SliceError> {
    let limits = limits(&pod.resources);
    if limits.is_empty() {
        return Ok(());
    }
    check(host, &pod.resources)?;
    let description = format!("Pontoon pod {}", pod.name);
    let name = name(host, pod);
    match start_slice(bus, &SliceRequest { name: &name, description: &description, limits: &limits }) {
        // With these limits, by whoever started the pod before.
        Ok(()) | Err(ManagerError::Exists { .. }) => Ok(()),
        Err(err) => Err(err.into()),
    }
}

/// Stops it, and so whatever is left in it. One that is not there is fine.
pub fn stop(host: &Host, bus: &Bus, pod: &PodRecord) {
    let _ = change_units(bus, &[&name(host, pod)], UnitDeed::Stop);
}

/// What the service manager is told.
fn limits(resources: &Resources) -> Vec<SliceLimit> {
    let mut limits = Vec::new();
    let memory = resources.memory;
    limits.extend(memory.map(SliceLimit::MemoryMax));
    limits.extend(match (resources.memory_swap, memory) {
        (Some(-1), Some(_)) => Some(SliceLimit::SwapMax(u64::MAX)),
        (Some(both), Some(memory)) => {
            Some(SliceLimit::SwapMax(u64::try_from(both).unwrap_or(0).saturating_sub(memory)))
        }
        // As much swap again, as for containers.
        (None, Some(memory)) => Some(SliceLimit::SwapMax(memory)),
        (_, None) => None,
    });
    if let Some(quota) = resources.cpu_quota.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0) {
        let period = resources.cpu_period.filter(|it| *it > 0).unwrap_or(DEFAULT_PERIOD);
        limits.push(SliceLimit::CpuQuota { per_second: quota.saturating_mul(1_000_000) / period });
    }
    let shares = resources.cpu_shares.filter(|it| *it > 0);
    limits.extend(shares.map(|it| SliceLimit::CpuWeight(weight_of_shares(it))));
    for (text, limit) in [
        (&resources.cpuset_cpus, SliceLimit::Cpus as fn(Vec<u32>) -> SliceLimit),
        (&resources.cpuset_mems, SliceLimit::MemoryNodes),
    ] {
        if !text.is_empty() {
            limits.push(limit(number_list(text)));
        }
    }
    let weight = resources.blkio_weight.filter(|it| *it > 0);
    limits.extend(weight.map(|it| SliceLimit::IoWeight(scaled_io_weight(it))));
    let path = |it: &DeviceRate| it.path.to_string_lossy().into_owned();
    let weights: Vec<_> =
        resources.blkio_weight_device.iter().map(|it| (path(it), scaled_io_weight(it.rate))).collect();
    let rates = |list: &[DeviceRate]| list.iter().map(|it| (path(it), it.rate)).collect::<Vec<_>>();
    for (list, limit) in [
        (weights, SliceLimit::IoDeviceWeight as fn(Vec<(String, u64)>) -> SliceLimit),
        (rates(&resources.device_read_bps), SliceLimit::IoReadMax),
        (rates(&resources.device_write_bps), SliceLimit::IoWriteMax),
    ] {
        if !list.is_empty() {
            limits.push(limit(list));
        }
    }
    limits
}

/// The group in which the service manager makes slices and scopes.
pub(crate) fn manager_group(host: &Host) -> Cgroup {
    let path = match host.is_rootless() {
        true => format!("{MOUNT}/user.slice/user-{0}.slice/user@{0}.service", host.uid),
        false => MOUNT.to_owned(),
    };
    Cgroup::at(path.into())
}

/// Every controller that is needed must be at work where the manager makes slices: it would pass over the others in silence.
fn check(host: &Host, resources: &Resources) -> Result<(), SliceError> {
    let group = manager_group(host);
    for limit in resources.limits(block_device)? {
        if let Some(option) = &limit.option {
            group.expect_controller(limit.controller.name(), option)?;
        }
    }
    Ok(())
}

/// `0-2,5` as numbers.
fn number_list(text: &str) -> Vec<u32> {
    let mut numbers = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>()) {
            // No machine has more.
            numbers.extend(first..=last.min(8191));
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_the_manager_s_words() {
        let resources = Resources {
            memory: Some(1 << 20),
            cpu_quota: Some(150_000),
            cpu_shares: Some(1024),
            cpuset_cpus: "0-1,3".to_owned(),
            ..Resources::default()
        };
        let expected = [
            SliceLimit::MemoryMax(1 << 20),
            SliceLimit::SwapMax(1 << 20),
            SliceLimit::CpuQuota { per_second: 1_500_000 },
            SliceLimit::CpuWeight(39),
            SliceLimit::Cpus(vec![0, 1, 3]),
        ];
        assert_eq!(limits(&resources), expected);
        assert_eq!(limits(&Resources::default()), []);
    }
}
