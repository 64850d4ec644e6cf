//! What a running container has used so far, as its cgroup and its network namespace count it.

use std::cell::OnceCell;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use pontoon_monitor::state::RunState;
use rustix::fs::{CWD, Mode, OFlags, openat};

use crate::{small, top};

/// What was used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, in microseconds.
    pub cpu: u64,
    /// Memory in use, in bytes.
    pub memory: u64,
    /// The most memory it may use, in bytes; the host's if it has no limit.
    pub memory_limit: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Bytes received and sent, without the loopback interface.
    pub network: (u64, u64),
    /// Bytes read from and written to devices.
    pub block: (u64, u64),
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
        network: small::read(format!("/proc/{}/net/dev", state.pid)).map_or((0, 0), |text| network(&text)),
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

/// Bytes in and out of all interfaces but the loopback, proc_pid_net(5).
fn network(text: &str) -> (u64, u64) {
    let counts = text.lines().filter_map(|line| {
        let (name, rest) = line.split_once(':')?;
        let numbers: Vec<u64> = rest.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        (name.trim() != "lo").then_some((*numbers.first()?, *numbers.get(8)?))
    });
    counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1))
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
        let text = "Inter-|   Receive\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n  eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n tap0:1 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n";
        assert_eq!(network(text), (101, 22));
        assert_eq!(block("8:0 rbytes=10 wbytes=1 rios=3\n8:16 rbytes=5 wbytes=2\n"), (15, 3));
        assert_eq!(field("usage_usec 42\nuser_usec 1\n", "usage_usec"), Some(42));
        assert_eq!(
            (network(""), block("nonsense rbytes=x"), field("", "usage_usec")),
            ((0, 0), (0, 0), None)
        );
    }
}
