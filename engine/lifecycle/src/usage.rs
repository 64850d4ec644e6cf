//! What a running container has used so far, as its cgroup and its network namespace count it.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use pontoon_monitor::state::RunState;
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{small, top};

/// What was used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in microseconds.
    pub cpu: u64,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// The most memory it may use, in bytes; the host's if it has no limit.
    pub memory_limit: u64,
    /// Processes and threads.
    pub pids: u64,
    /// What went through its network interfaces, by their names, without the loopback.
    pub network: BTreeMap<String, Traffic>,
    /// Bytes read from and written to devices.
    pub block: (u64, u64),
}

/// What an interface has received, and what it has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Received.
    pub received: Counts,
    /// Sent.
    pub sent: Counts,
}

/// What went through an interface one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes.
    pub bytes: u64,
    /// Packets.
    pub packets: u64,
    /// Errors.
    pub errors: u64,
    /// Packets that were dropped.
    pub dropped: u64,
}

/// Opens the cgroups of many runs. Most of them lie side by side, and the way there is the longer part of opening one.
#[derive(Debug, Default)]
pub struct Cgroups {
    /// Where the last one was, two levels above it: the container's unit is between.
    base: Option<(String, OwnedFd)>,
}

impl Cgroups {
    fn open(&mut self, path: &str) -> Option<OwnedFd> {
        let open = |directory: BorrowedFd<'_>, path: &str| {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            openat(directory, path, flags, Mode::empty()).ok()
        };
        let (at, _) = path.rmatch_indices('/').nth(1)?;
        let (base, below) = path.split_at_checked(at)?;
        let below = below.strip_prefix('/')?;
        let known = self.base.as_ref().filter(|(known, _)| known == base);
        known.and_then(|(_, directory)| open(directory.as_fd(), below)).or_else(|| {
            // Or it was removed meanwhile, and is there anew.
            let (_, directory) = self.base.insert((base.to_owned(), open(CWD, base)?));
            open(directory.as_fd(), below)
        })
    }
}

/// Reads what a run has used. Where a controller is not delegated, memory is that of the processes, and what nobody
/// counts is 0.
#[must_use]
pub fn of(state: &RunState, cgroups: &mut Cgroups) -> Usage {
    let cgroup = state.cgroup.as_deref().and_then(|path| cgroups.open(path));
    let read = |file: &str| small::read_at(cgroup.as_ref()?, file);
    // Which files there are: to be told that one is missing takes as long as to open it.
    let controllers = read("cgroup.controllers").unwrap_or_default();
    let counts = |controller: &str| controllers.split_ascii_whitespace().any(|it| it == controller);
    let (has_memory, has_pids) = (counts("memory"), counts("pids"));
    let number = |file: &str| read(file).and_then(|text| text.trim().parse().ok());
    let all = OnceCell::new();
    let counted = || *all.get_or_init(|| top::memory_and_count(state, cgroup.as_ref()));
    Usage {
        cpu: read("cpu.stat").and_then(|text| field(&text, "usage_usec")).unwrap_or(0),
        memory: has_memory.then(|| number("memory.current")).flatten().unwrap_or_else(|| counted().0),
        memory_limit: has_memory.then(|| number("memory.max")).flatten().unwrap_or_else(host_memory),
        pids: has_pids.then(|| number("pids.current")).flatten().unwrap_or_else(|| counted().1),
        network: traffic_of(state.pid),
        block: counts("io").then(|| read("io.stat")).flatten().map_or((0, 0), |text| block(&text)),
    }
}

/// The host's memory in bytes, which does not change while we look.
#[must_use]
pub fn host_memory() -> u64 {
    static BYTES: OnceLock<u64> = OnceLock::new();
    *BYTES.get_or_init(|| {
        let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kib = text
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB")?.parse().ok());
        kib.map_or(0, |kib: u64| kib.saturating_mul(1024))
    })
}

/// The number behind a word, one pair a line.
fn field(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok())
}

/// What went through a process's interfaces. Those of the host are not the container's own, who shares them.
fn traffic_of(pid: i32) -> BTreeMap<String, Traffic> {
    let namespace = |whose: &str| fs::read_link(format!("/proc/{whose}/ns/net")).ok();
    let pid = pid.to_string();
    if namespace(&pid) == namespace("self") {
        return BTreeMap::new();
    }
    small::read(format!("/proc/{pid}/net/dev")).map(|text| traffic(&text)).unwrap_or_default()
}

/// All interfaces but the loopback, proc_pid_net(5).
fn traffic(text: &str) -> BTreeMap<String, Traffic> {
    let of_line = |line: &str| {
        let (name, rest) = line.split_once(':')?;
        let numbers: Vec<u64> = rest.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let (received, sent) = numbers.split_at_checked(8)?;
        let traffic = Traffic { received: counts(received)?, sent: counts(sent)? };
        (name.trim() != "lo").then(|| (name.trim().to_owned(), traffic))
    };
    text.lines().filter_map(of_line).collect()
}

fn counts(numbers: &[u64]) -> Option<Counts> {
    let [bytes, packets, errors, dropped, ..] = *numbers else { return None };
    Some(Counts { bytes, packets, errors, dropped })
}

/// Bytes read and written of all devices, cgroup v2 `io.stat`.
fn block(text: &str) -> (u64, u64) {
    let sum = |key: &str| -> u64 {
        text.split_ascii_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok()).sum()
    };
    (sum("rbytes="), sum("wbytes="))
}

#[cfg(test)]
mod tests {
    use rustix::fs::{fstat, stat};

    use super::*;

    #[test]
    fn groups_are_opened_wherever_they_are() {
        let root = std::env::temp_dir().join(format!("pontoon-usage-{}", std::process::id()));
        let path = |below: &str| root.join(below).to_str().unwrap().to_owned();
        let mut groups = Cgroups::default();
        for below in ["a/one/payload", "a/two/payload", "b/one/payload"] {
            std::fs::create_dir_all(path(below)).unwrap();
            let same = fstat(groups.open(&path(below)).unwrap()).unwrap();
            assert_eq!(same.st_ino, stat(path(below)).unwrap().st_ino, "{below}");
        }
        assert!(groups.open(&path("b/two/payload")).is_none() && groups.open("/").is_none());
        std::fs::remove_dir_all(&root).unwrap();
        assert!(groups.open(&path("b/one/payload")).is_none());
        std::fs::create_dir_all(path("b/one/payload")).unwrap();
        assert!(groups.open(&path("b/one/payload")).is_some());
        std::fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn counters_are_summed_up() {
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 100 1 2 3 0 0 0 0 20 4 5 6 0 0 0 0\n tap0:1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
        let found = traffic(text);
        assert_eq!(found.keys().collect::<Vec<_>>(), ["eth0", "tap0"]);
        assert_eq!(found["eth0"].received, Counts { bytes: 100, packets: 1, errors: 2, dropped: 3 });
        assert_eq!(found["eth0"].sent, Counts { bytes: 20, packets: 4, errors: 5, dropped: 6 });
        // Who shares our own has none.
        assert!(traffic_of(std::process::id().cast_signed()).is_empty());
        assert_eq!(block("8:0 rbytes=10 wbytes=1 rios=3\n8:16 rbytes=5 wbytes=2\n"), (15, 3));
        assert_eq!(field("usage_usec 42\nuser_usec 1\n", "usage_usec"), Some(42));
        assert!(traffic("").is_empty() && traffic("eth0: 1 2").is_empty());
        assert_eq!((block("nonsense rbytes=x"), field("", "usage_usec")), ((0, 0), None));
    }
}
