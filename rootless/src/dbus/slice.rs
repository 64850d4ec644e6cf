//! Slices: groups of units that have limits in common.

use zbus::Variant;

use super::Bus;
use super::bus::Link;
use super::manager::{MANAGER, ManagerError, ask, end_of_job, job_ends};

/// A slice to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRequest<'a> {
    /// Name of the unit, with `.slice`; the dashes in it are its place (systemd.slice(5)).
    pub name: &'a str,
    /// `Description=`.
    pub description: &'a str,
    /// What all that is in it may use.
    pub limits: &'a [SliceLimit],
}

/// A path of a block device, and a number that is for it.
pub type DeviceRate = (String, u64);

/// What a slice may use (systemd.resource-control(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SliceLimit {
    /// `MemoryMax=`, in bytes; `u64::MAX` is no limit, also of the next.
    MemoryMax(u64),
    /// `MemorySwapMax=`, in bytes.
    SwapMax(u64),
    /// `CPUQuota=`, in microseconds of processor time in a second.
    CpuQuota {
        /// How many.
        per_second: u64,
    },
    /// `CPUWeight=`, from 1 to 10000.
    CpuWeight(u64),
    /// `AllowedCPUs=`.
    Cpus(Vec<u32>),
    /// `AllowedMemoryNodes=`.
    MemoryNodes(Vec<u32>),
    /// `IOWeight=`, from 1 to 10000.
    IoWeight(u64),
    /// `IODeviceWeight=`.
    IoDeviceWeight(Vec<DeviceRate>),
    /// `IOReadBandwidthMax=`, bytes in a second.
    IoReadMax(Vec<DeviceRate>),
    /// `IOWriteBandwidthMax=`, bytes in a second.
    IoWriteMax(Vec<DeviceRate>),
}

impl SliceLimit {
    fn property(&self) -> (&'static str, Variant<'static>) {
        match self {
            Self::MemoryMax(bytes) => ("MemoryMax", Variant::from(*bytes)),
            Self::SwapMax(bytes) => ("MemorySwapMax", Variant::from(*bytes)),
            Self::CpuQuota { per_second } => ("CPUQuotaPerSecUSec", Variant::from(*per_second)),
            Self::CpuWeight(weight) => ("CPUWeight", Variant::from(*weight)),
            Self::Cpus(numbers) => ("AllowedCPUs", Variant::from(bits(numbers))),
            Self::MemoryNodes(numbers) => ("AllowedMemoryNodes", Variant::from(bits(numbers))),
            Self::IoWeight(weight) => ("IOWeight", Variant::from(*weight)),
            Self::IoDeviceWeight(rates) => ("IODeviceWeight", Variant::from(rates.clone())),
            Self::IoReadMax(rates) => ("IOReadBandwidthMax", Variant::from(rates.clone())),
            Self::IoWriteMax(rates) => ("IOWriteBandwidthMax", Variant::from(rates.clone())),
        }
    }
}

/// Numbers as the manager takes a set of them: bytes, the lowest bits first.
fn bits(numbers: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in numbers {
        let index = (number / 8) as usize;
        if bytes.len() <= index {
            bytes.resize(index + 1, 0);
        }
        if let Some(byte) = bytes.get_mut(index) {
            *byte |= 1 << (number % 8);
        }
    }
    bytes
}

/// Makes a slice and waits until it is there.
///
/// # Errors
/// [`ManagerError`].
pub fn start_slice(bus: &Bus, request: &SliceRequest<'_>) -> Result<(), ManagerError> {
    let deed = format!("make the slice `{}`", request.name);
    match ask(bus, &deed, async |link| slice_job(link, request).await)? {
        Ok(result) if result == "done" => Ok(()),
        Ok(result) => Err(ManagerError::Job { deed, result }),
        Err(fault) if fault.is("org.freedesktop.systemd1.UnitExists") => {
            Err(ManagerError::Exists { deed, unit: request.name.to_owned() })
        }
        Err(source) => Err(ManagerError::Call { deed, source }),
    }
}

async fn slice_job(link: &Link, request: &SliceRequest<'_>) -> zbus::Result<String> {
    let mut ends = job_ends(link).await?;
    let mut properties: Vec<(&str, Variant<'_>)> = vec![("Description", Variant::from(request.description))];
    for limit in request.limits {
        properties.push(limit.property());
    }
    let auxiliary: Vec<(&str, Vec<(&str, Variant<'_>)>)> = Vec::new();
    let answer =
        link.call(MANAGER, "StartTransientUnit", &(request.name, "fail", properties, auxiliary)).await?;
    end_of_job(&mut ends, answer.body().deserialize()?).await
}

#[cfg(test)]
mod tests {
    use super::bits;

    #[test]
    fn sets_of_numbers_are_bytes() {
        assert!(bits(&[]).is_empty());
        assert_eq!(bits(&[0, 1, 3]), [0b1011]);
        assert_eq!(bits(&[9]), [0, 0b10]);
    }
}
