//! How much of the host a container may use: what was asked for, and the files of its control group that say so.
//!
//! Values are those of Docker's and Podman's options, made for version 1 of control groups; they are converted here as
//! crun(1) converts them ("CGROUP V2").

use std::path::{Path, PathBuf};

use pontoon_monitor::limits::{Controller, Limit};
use serde::{Deserialize, Serialize};

/// Podman's default limit on processes; applied where the controller is there.
const DEFAULT_PIDS: i64 = 2048;
/// The kernel's period of processor time, in microseconds.
pub(crate) const DEFAULT_PERIOD: u64 = 100_000;

/// Limits, as asked for. `None` and an empty list or text leave a thing unlimited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// `--memory`, in bytes.
    pub memory: Option<u64>,
    /// `--memory-swap`: memory and swap together, in bytes; -1 is no limit.
    pub memory_swap: Option<i64>,
    /// `--memory-reservation`, in bytes: reclaimed last.
    pub memory_reservation: Option<u64>,
    /// `--pids-limit`; -1 and 0 are unlimited, `None` the default (2048 where it can be applied).
    pub pids_limit: Option<i64>,
    /// The same where nothing is said, and the controller is there; 0 and less is no limit.
    pub default_pids: Option<i64>,
    /// `--cpu-quota` (or `--cpus`), microseconds of processor time in a period; 0 and -1 are no limit.
    pub cpu_quota: Option<i64>,
    /// `--cpu-period`, in microseconds.
    pub cpu_period: Option<u64>,
    /// `--cpu-shares`, from 2 to 262144.
    pub cpu_shares: Option<u64>,
    /// `--cpuset-cpus`: processors, as `0-2,5`.
    pub cpuset_cpus: String,
    /// `--cpuset-mems`: memory nodes, as `0-2,5`.
    pub cpuset_mems: String,
    /// `--blkio-weight`, from 10 to 1000.
    pub blkio_weight: Option<u64>,
    /// `--blkio-weight-device`.
    pub blkio_weight_device: Vec<DeviceRate>,
    /// `--device-read-bps`, bytes in a second.
    pub device_read_bps: Vec<DeviceRate>,
    /// `--device-write-bps`.
    pub device_write_bps: Vec<DeviceRate>,
    /// `--device-read-iops`, operations in a second.
    pub device_read_iops: Vec<DeviceRate>,
    /// `--device-write-iops`.
    pub device_write_iops: Vec<DeviceRate>,
    /// `--cgroup-conf`: files of the group, and what is written to them.
    pub cgroup_conf: Vec<(String, String)>,
}

/// A block device of the host, and a number that applies to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRate {
    /// Its path.
    pub path: PathBuf,
    /// The number.
    pub rate: u64,
}

/// A device of a limit that is no block device, or is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}`, named by {option}, is not a block device of this host", path.display())]
pub struct NoDevice {
    /// The option.
    pub option: &'static str,
    /// The path.
    pub path: PathBuf,
}

impl Resources {
    /// What is said here in place of what was said before; the rest stays. For `update`.
    pub fn change(&mut self, by: Self) {
        fn set<T>(old: &mut Option<T>, new: Option<T>) {
            if new.is_some() {
                *old = new;
            }
        }
        fn set_text(old: &mut String, new: String) {
            if !new.is_empty() {
                *old = new;
            }
        }
        fn set_list<T>(old: &mut Vec<T>, new: Vec<T>) {
            if !new.is_empty() {
                *old = new;
            }
        }
        set(&mut self.memory, by.memory);
        set(&mut self.memory_swap, by.memory_swap);
        set(&mut self.memory_reservation, by.memory_reservation);
        set(&mut self.pids_limit, by.pids_limit);
        set(&mut self.cpu_quota, by.cpu_quota);
        set(&mut self.cpu_period, by.cpu_period);
        set(&mut self.cpu_shares, by.cpu_shares);
        set_text(&mut self.cpuset_cpus, by.cpuset_cpus);
        set_text(&mut self.cpuset_mems, by.cpuset_mems);
        set(&mut self.blkio_weight, by.blkio_weight);
        set_list(&mut self.blkio_weight_device, by.blkio_weight_device);
        set_list(&mut self.device_read_bps, by.device_read_bps);
        set_list(&mut self.device_write_bps, by.device_write_bps);
        set_list(&mut self.device_read_iops, by.device_read_iops);
        set_list(&mut self.device_write_iops, by.device_write_iops);
        set_list(&mut self.cgroup_conf, by.cgroup_conf);
    }

    /// The files of the group, in the order in which they are written. `number` gives a block device's `MAJOR:MINOR`.
    ///
    /// # Errors
    /// [`NoDevice`].
    pub fn limits(&self, number: impl Fn(&Path) -> Option<String>) -> Result<Vec<Limit>, NoDevice> {
        let mut limits = self.memory_limits();
        limits.extend(self.processor_limits());
        limits.extend(self.device_limits(number)?);
        limits.push(match self.pids_limit {
            Some(count) if count > 0 => {
                limit(Controller::Pids, "pids.max", count.to_string(), "--pids-limit")
            }
            Some(_) => by_default(Controller::Pids, "pids.max", "max".to_owned()),
            None => {
                let default = self.default_pids.unwrap_or(DEFAULT_PIDS);
                let text = if default > 0 { default.to_string() } else { "max".to_owned() };
                by_default(Controller::Pids, "pids.max", text)
            }
        });
        for (file, value) in &self.cgroup_conf {
            limits.push(limit(Controller::of(file), file, value.clone(), "--cgroup-conf"));
        }
        Ok(limits)
    }

    fn memory_limits(&self) -> Vec<Limit> {
        let mut limits = Vec::new();
        let memory = Controller::Memory;
        if let Some(bytes) = self.memory {
            limits.push(limit(memory, "memory.max", bytes.to_string(), "--memory"));
        }
        match (self.memory_swap, self.memory) {
            (Some(-1), _) => limits.push(by_default(memory, "memory.swap.max", "max".to_owned())),
            (Some(both), Some(bytes)) => {
                let swap = u64::try_from(both).unwrap_or(0).saturating_sub(bytes);
                limits.push(limit(memory, "memory.swap.max", swap.to_string(), "--memory-swap"));
            }
            // As much swap again, as Podman has it; not every kernel counts swap.
            (None, Some(bytes)) => limits.push(by_default(memory, "memory.swap.max", bytes.to_string())),
            _ => {}
        }
        if let Some(bytes) = self.memory_reservation {
            limits.push(limit(memory, "memory.low", bytes.to_string(), "--memory-reservation"));
        }
        limits
    }

    fn processor_limits(&self) -> Vec<Limit> {
        let mut limits = Vec::new();
        let period = self.cpu_period.unwrap_or(DEFAULT_PERIOD);
        let cpu = Controller::Cpu;
        match (self.cpu_quota.filter(|it| *it > 0), self.cpu_period) {
            (Some(quota), _) => {
                let value = format!("{quota} {period}");
                limits.push(limit(cpu, "cpu.max", value, "--cpus or --cpu-quota"));
            }
            (None, Some(_)) => limits.push(limit(cpu, "cpu.max", format!("max {period}"), "--cpu-period")),
            (None, None) if self.cpu_quota.is_some() => {
                limits.push(by_default(cpu, "cpu.max", format!("max {period}")));
            }
            (None, None) => {}
        }
        if let Some(shares) = self.cpu_shares.filter(|it| *it > 0) {
            limits.push(limit(
                Controller::Cpu,
                "cpu.weight",
                weight_of_shares(shares).to_string(),
                "--cpu-shares",
            ));
        }
        if !self.cpuset_cpus.is_empty() {
            let cpus = self.cpuset_cpus.clone();
            limits.push(limit(Controller::Cpuset, "cpuset.cpus", cpus, "--cpuset-cpus"));
        }
        if !self.cpuset_mems.is_empty() {
            let nodes = self.cpuset_mems.clone();
            limits.push(limit(Controller::Cpuset, "cpuset.mems", nodes, "--cpuset-mems"));
        }
        limits
    }

    fn device_limits(&self, number: impl Fn(&Path) -> Option<String>) -> Result<Vec<Limit>, NoDevice> {
        let mut limits = Vec::new();
        if let Some(weight) = self.blkio_weight.filter(|it| *it > 0) {
            limits.push(io_weight("default", weight, "--blkio-weight"));
        }
        let find = |device: &DeviceRate, option| {
            number(&device.path).ok_or_else(|| NoDevice { option, path: device.path.clone() })
        };
        for device in &self.blkio_weight_device {
            let option = "--blkio-weight-device";
            limits.push(io_weight(&find(device, option)?, device.rate, option));
        }
        let rates = [
            (&self.device_read_bps, "rbps", "--device-read-bps"),
            (&self.device_write_bps, "wbps", "--device-write-bps"),
            (&self.device_read_iops, "riops", "--device-read-iops"),
            (&self.device_write_iops, "wiops", "--device-write-iops"),
        ];
        for (devices, key, option) in rates {
            for device in devices {
                let value = format!("{} {key}={}", find(device, option)?, device.rate);
                limits.push(limit(Controller::Io, "io.max", value, option));
            }
        }
        Ok(limits)
    }
}

/// Whether it takes a limit away, which needs no controller: where there is none, nothing is limited.
pub(crate) fn is_lifting(limit: &Limit) -> bool {
    limit.value.split(' ').next() == Some("max")
}

fn limit(controller: Controller, file: &str, value: String, option: &str) -> Limit {
    Limit { controller, file: file.to_owned(), value, option: Some(option.to_owned()), otherwise: None }
}

fn by_default(controller: Controller, file: &str, value: String) -> Limit {
    Limit { controller, file: file.to_owned(), value, option: None, otherwise: None }
}

/// Docker's weights go from 10 to 1000, those of the cost model from 1 to 10000.
pub(crate) fn scaled_io_weight(weight: u64) -> u64 {
    1 + weight.saturating_sub(10) * 9999 / 990
}

/// Where the BFQ scheduler is at work it has the say, and its weights are Docker's; else the cost model's, from 1 to 10000.
fn io_weight(device: &str, weight: u64, option: &str) -> Limit {
    let otherwise =
        limit(Controller::Io, "io.weight", format!("{device} {}", scaled_io_weight(weight)), option);
    Limit {
        otherwise: Some(Box::new(otherwise)),
        ..limit(Controller::Io, "io.bfq.weight", format!("{device} {weight}"), option)
    }
}

/// Shares go from 2 to 262144, weights from 1 to 10000.
pub(crate) fn weight_of_shares(shares: u64) -> u64 {
    1 + shares.saturating_sub(2) * 9999 / 262_142
}

/// A block device's `MAJOR:MINOR`, from the host's `/dev`.
#[must_use]
pub fn block_device(path: &Path) -> Option<String> {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let metadata = std::fs::metadata(path).ok().filter(|it| it.file_type().is_block_device())?;
    let number = metadata.rdev();
    Some(format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(resources: &Resources) -> Vec<String> {
        let number = |path: &Path| path.starts_with("/dev").then(|| "8:0".to_owned());
        let limits = resources.limits(number).unwrap();
        limits.into_iter().map(|it| format!("{}={}", it.file, it.value)).collect()
    }

    #[test]
    fn options_become_files() {
        let resources = Resources {
            memory: Some(1 << 20),
            memory_swap: Some(3 << 20),
            memory_reservation: Some(4096),
            cpu_quota: Some(150_000),
            cpu_shares: Some(1024),
            cpuset_cpus: "0-1".to_owned(),
            blkio_weight: Some(1000),
            device_write_bps: vec![DeviceRate { path: "/dev/sda".into(), rate: 10 }],
            pids_limit: Some(7),
            cgroup_conf: vec![("memory.high".to_owned(), "5".to_owned())],
            ..Resources::default()
        };
        assert_eq!(
            written(&resources),
            [
                "memory.max=1048576",
                "memory.swap.max=2097152",
                "memory.low=4096",
                "cpu.max=150000 100000",
                "cpu.weight=39",
                "cpuset.cpus=0-1",
                "io.bfq.weight=default 1000",
                "io.max=8:0 wbps=10",
                "pids.max=7",
                "memory.high=5",
            ]
        );
    }

    #[test]
    fn without_a_word_only_processes_are_limited() {
        assert_eq!(written(&Resources::default()), ["pids.max=2048"]);
        let period = Resources { cpu_period: Some(50_000), pids_limit: Some(-1), ..Resources::default() };
        assert_eq!(written(&period), ["cpu.max=max 50000", "pids.max=max"]);
    }

    #[test]
    fn no_limit_needs_no_controller() {
        let resources = Resources {
            memory_swap: Some(-1),
            cpu_quota: Some(-1),
            pids_limit: Some(0),
            ..Resources::default()
        };
        let limits = resources.limits(|_| None).unwrap();
        assert_eq!(written(&resources), ["memory.swap.max=max", "cpu.max=max 100000", "pids.max=max"]);
        assert!(limits.iter().all(|it| it.option.is_none() && is_lifting(it)), "{limits:?}");
    }

    #[test]
    fn a_device_must_be_one() {
        let resources = Resources {
            device_read_iops: vec![DeviceRate { path: "/tmp/x".into(), rate: 1 }],
            ..Resources::default()
        };
        let err = resources.limits(|_| None).unwrap_err();
        assert_eq!(
            err.to_string(),
            "`/tmp/x`, named by --device-read-iops, is not a block device of this host"
        );
    }
}
