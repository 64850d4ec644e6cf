//! Limits of memory, processors, processes and devices: `--memory`, `--cpus`, `--pids-limit`, `--device-read-bps`, ….

use std::path::PathBuf;

use pontoon_lifecycle::resources::{DeviceRate, Resources};

use super::error::{Fault, each, each_listed, optional};
use super::{OptionError, size};
use crate::args::ResourceOptions;

/// Microseconds in a period of `--cpus`.
const PERIOD: u64 = 100_000;

/// Reads the options of `run`, `create`, `pod create` and `update`. Of a limit, 0 is as good as not said: templates and compose
/// files write so where there is none.
pub fn read(options: &ResourceOptions) -> Result<Resources, OptionError> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let mut resources = Resources {
        memory: optional("--memory", options.limits.memory.as_ref(), size::read)?.filter(|it| *it != 0),
        memory_swap: optional("--memory-swap", options.limits.memory_swap.as_ref(), memory_swap)?
            .filter(|it| *it != 0),
        memory_reservation: optional(
            "--memory-reservation",
            options.memory_reservation.as_ref(),
            size::read,
        )?
        .filter(|it| *it != 0),
        default_pids: None,
        pids_limit: optional("--pids-limit", options.pids_limit.as_ref(), pids)?,
        cpu_quota: optional("--cpu-quota", options.cpu_quota.as_ref(), quota)?,
        cpu_period: optional("--cpu-period", options.cpu_period.as_ref(), period)?.filter(|it| *it != 0),
        cpu_shares: optional("--cpu-shares", options.limits.cpu_shares.as_ref(), shares)?,
        cpuset_cpus: text(&optional("--cpuset-cpus", options.limits.cpuset_cpus.as_ref(), list)?),
        cpuset_mems: text(&optional("--cpuset-mems", options.limits.cpuset_mems.as_ref(), list)?),
        blkio_weight: optional("--blkio-weight", options.limits.blkio_weight.as_ref(), weight)?,
        blkio_weight_device: each("--blkio-weight-device", &options.limits.blkio_weight_device, |it| {
            device(it, weight)
        })?,
        device_read_bps: each("--device-read-bps", &options.limits.device_read_bps, |it| {
            device(it, size::rate)
        })?,
        device_write_bps: each("--device-write-bps", &options.limits.device_write_bps, |it| {
            device(it, size::rate)
        })?,
        device_read_iops: each("--device-read-iops", &options.device_read_iops, |it| device(it, operations))?,
        device_write_iops: each("--device-write-iops", &options.device_write_iops, |it| {
            device(it, operations)
        })?,
        cgroup_conf: each_listed("--cgroup-conf", &options.cgroup_conf, cgroup_file)?,
    };
    if let Some(text) = &options.limits.cpus {
        let other =
            [("--cpu-quota", options.cpu_quota.is_some()), ("--cpu-period", options.cpu_period.is_some())];
        if let Some((other, _)) = other.iter().find(|(_, is_set)| *is_set) {
            return Err(OptionError::Conflict { one: "--cpus".to_owned(), other: (*other).to_owned() });
        }
        if let Some(quota) = processors(text).map_err(|fault| fault.of("--cpus", text))? {
            (resources.cpu_quota, resources.cpu_period) = (Some(quota), Some(PERIOD));
        }
    }
    check_memory(&resources, options)?;
    Ok(resources)
}

/// The three sizes must fit each other.
fn check_memory(resources: &Resources, options: &ResourceOptions) -> Result<(), OptionError> {
    let word = |value: &Option<String>| value.clone().unwrap_or_default();
    match (resources.memory, resources.memory_swap) {
        (None, Some(swap)) if swap != -1 => {
            return Err(OptionError::Needs { option: "--memory-swap", other: "--memory" });
        }
        (Some(memory), Some(swap)) if u64::try_from(swap).is_ok_and(|swap| swap < memory) => {
            return Err(Fault::invalid("it counts memory and swap together, so it is at least --memory")
                .of("--memory-swap", &word(&options.limits.memory_swap)));
        }
        _ => {}
    }
    if let (Some(memory), Some(reserved)) = (resources.memory, resources.memory_reservation)
        && reserved > memory
    {
        return Err(Fault::invalid("it is at most --memory")
            .of("--memory-reservation", &word(&options.memory_reservation)));
    }
    Ok(())
}

fn memory_swap(text: &str) -> Result<i64, Fault> {
    if text == "-1" {
        return Ok(-1);
    }
    i64::try_from(size::read(text)?).map_err(|_| Fault::invalid("it is too large"))
}

/// How many processes; -1 and 0 are no limit.
fn pids(text: &str) -> Result<i64, Fault> {
    match text.parse() {
        Ok(number) if number >= -1 => Ok(number),
        _ => Err(Fault::invalid("it must be a number, or -1 for no limit")),
    }
}

/// The kernel takes no quota below a millisecond.
fn quota(text: &str) -> Result<i64, Fault> {
    match text.parse() {
        Ok(quota) if quota >= 1000 || quota == 0 || quota == -1 => Ok(quota),
        _ => Err(Fault::invalid("it must be at least 1000 microseconds, or 0 for no limit")),
    }
}

fn period(text: &str) -> Result<u64, Fault> {
    if text == "0" {
        return Ok(0);
    }
    number(text, 1000, 1_000_000, "it must be from 1000 to 1000000 microseconds")
}

fn shares(text: &str) -> Result<u64, Fault> {
    if text == "0" {
        return Ok(0);
    }
    number(text, 2, 262_144, "it must be a number from 2 to 262144")
}

fn weight(text: &str) -> Result<u64, Fault> {
    if text == "0" {
        return Ok(0);
    }
    number(text, 10, 1000, "it must be a number from 10 to 1000")
}

fn operations(text: &str) -> Result<u64, Fault> {
    number(text, 1, u64::MAX, "it must be a number of operations in a second")
}

fn number(text: &str, least: u64, most: u64, form: &'static str) -> Result<u64, Fault> {
    match text.parse() {
        Ok(number) if (least..=most).contains(&number) && !text.starts_with('+') => Ok(number),
        _ => Err(Fault::invalid(form)),
    }
}

/// A number of processors, as microseconds of the usual period; 0 and -1 are no limit.
fn processors(text: &str) -> Result<Option<i64>, Fault> {
    let wrong = || Fault::invalid("it must be a number of processors, at least 0.01, as 2 or 1.5");
    let number: f64 = text.parse().map_err(|_| wrong())?;
    if number == 0.0 || text == "-1" {
        return Ok(None);
    }
    if !(0.01..=100_000.0).contains(&number) || text.contains(['e', 'E', '+']) {
        return Err(wrong());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most ten thousand million")]
    Ok(Some((number * 100_000.0).round() as i64))
}

/// Numbers and ranges, as `0-2,5`.
fn list(text: &str) -> Result<String, Fault> {
    let is_part = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let number =
            |it: &str| it.parse::<u32>().ok().filter(|_| it.bytes().all(|byte| byte.is_ascii_digit()));
        matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to)
    };
    if text.split(',').all(is_part) {
        return Ok(text.to_owned());
    }
    Err(Fault::invalid("it must be a list of numbers and ranges, as 0-2,5"))
}

/// `DEVICE:NUMBER`; whether the device is one is seen at the start.
fn device(text: &str, read: impl Fn(&str) -> Result<u64, Fault>) -> Result<DeviceRate, Fault> {
    let form = "it must be DEVICE:NUMBER, as /dev/sda:1mb";
    let (path, rate) = text.rsplit_once(':').ok_or_else(|| Fault::invalid(form))?;
    if !path.starts_with("/dev/") {
        return Err(Fault::invalid("the device must be a path below /dev"));
    }
    Ok(DeviceRate { path: PathBuf::from(path), rate: read(rate)? })
}

/// `FILE=VALUE`: a file of the group itself.
pub(super) fn cgroup_file(text: &str) -> Result<(String, String), Fault> {
    match text.split_once('=') {
        Some((file, value)) if file.contains('.') && !file.contains('/') && !file.starts_with('.') => {
            // Files of the group's life are ours.
            if file.starts_with("cgroup.") {
                return Err(Fault::invalid(
                    "the files `cgroup.*` move and end processes, and are not limits",
                ));
            }
            Ok((file.to_owned(), value.to_owned()))
        }
        _ => Err(Fault::invalid("it must be FILE=VALUE, as memory.high=1073741824")),
    }
}
