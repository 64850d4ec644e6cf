//! The processes of a running container, as `/proc` has them.

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use pontoon_monitor::state::RunState;
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, fstat, openat};

use crate::small;

/// How a cgroup's directory is opened.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// One process, as the container sees it and as the host does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessInfo {
    /// Pid in the container.
    pub pid: u32,
    /// Pid on the host.
    pub host_pid: u32,
    /// Pid of the parent in the container; 0 if that is outside.
    pub parent: u32,
    /// Process group, as the container sees it.
    pub group: u32,
    /// One letter: `R`, `S`, `D`, `T`, `Z`, ….
    pub state: char,
    /// Real and effective user, as the container sees them.
    pub users: (u32, u32),
    /// Real and effective group, as the container sees them.
    pub groups: (u32, u32),
    /// Effective user on the host.
    pub host_user: u32,
    /// Effective group on the host.
    pub host_group: u32,
    /// Supplementary groups, as the container sees them, and as the host does.
    pub more_groups: (Vec<u32>, Vec<u32>),
    /// Capabilities: inheritable, permitted, effective, bounding, ambient.
    pub capabilities: [u64; 5],
    /// What of seccomp(2) is at work: 0 nothing, 1 strict, 2 a filter.
    pub seccomp: u8,
    /// Label of a security module; `None` if there is none.
    pub label: Option<String>,
    /// Whether it leads its session.
    pub leads_session: bool,
    /// Whether it is in the foreground of its terminal.
    pub in_foreground: bool,
    /// How many threads it has.
    pub threads: u32,
    /// Processor time, in clock ticks.
    pub cpu_ticks: u64,
    /// When it was started, in clock ticks after the boot.
    pub started_ticks: u64,
    /// Nice value.
    pub nice: i64,
    /// Device number of its terminal; 0 for none.
    pub terminal: u32,
    /// Memory in use, in KiB.
    pub resident: u64,
    /// Address space, in KiB.
    pub virtual_size: u64,
    /// Name of the program.
    pub name: String,
    /// Program and arguments; empty for a zombie.
    pub arguments: Vec<String>,
}

/// Users and groups by the container's own names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of users, by number.
    pub users: BTreeMap<u32, String>,
    /// Of groups, by number.
    pub groups: BTreeMap<u32, String>,
}

/// Reads the names that the root file system of a run's first process has. Whatever is wrong with its databases, there are
/// just no names.
#[must_use]
pub fn names(state: &RunState) -> Names {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::open(format!("/proc/{}/root", state.pid), flags, Mode::empty());
    root.map_or_else(
        |_| Names::default(),
        |root| {
            let (users, groups) = pontoon_runtime::identity::names_in(&root);
            Names { users, groups }
        },
    )
}

/// The processes of a run, by their pids on the host; those that end meanwhile are left out.
#[must_use]
pub fn processes(state: &RunState) -> Vec<ProcessInfo> {
    let pids = match &state.cgroup {
        Some(cgroup) => {
            openat(CWD, cgroup, DIRECTORY, Mode::empty()).map(|it| below(&it)).unwrap_or_default()
        }
        None => vec![state.pid.cast_unsigned()],
    };
    let mut found: Vec<(ProcessInfo, u32)> = pids.into_iter().filter_map(read).collect();
    found.sort_by_key(|(process, _)| process.host_pid);
    // A parent is told by its pid in the container; one outside is none of its business.
    let inner: Vec<(u32, u32)> = found.iter().map(|(process, _)| (process.host_pid, process.pid)).collect();
    let seen = |host: u32| inner.iter().find(|(known, _)| *known == host).map_or(0, |(_, pid)| *pid);
    found.iter_mut().for_each(|(process, parent)| process.parent = seen(*parent));
    found.into_iter().map(|(process, _)| process).collect()
}

/// The memory that all processes of a run have in use, in bytes, and how many they are: for where nobody counts for us.
/// `cgroup` is the run's, if it has one.
#[must_use]
pub fn memory_and_count(state: &RunState, cgroup: Option<&OwnedFd>) -> (u64, u64) {
    let pids = match cgroup {
        Some(cgroup) => below(cgroup),
        None => vec![state.pid.cast_unsigned()],
    };
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    // The second number of proc_pid_statm(5), in pages.
    let resident = |pid: u32| -> Option<u64> {
        let text = small::read(format!("/proc/{pid}/statm"))?;
        Some(text.split(' ').nth(1)?.parse::<u64>().ok()?.saturating_mul(page))
    };
    let each: Vec<u64> = pids.into_iter().filter_map(resident).collect();
    (each.iter().sum(), u64::try_from(each.len()).unwrap_or(0))
}

/// The processes of a cgroup and of those below it.
fn below(cgroup: &OwnedFd) -> Vec<u32> {
    let text = small::read_at(cgroup, "cgroup.procs").unwrap_or_default();
    let mut pids: Vec<u32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    // Every directory below is a link more to this one; to look is much cheaper than to list its files.
    if fstat(cgroup).is_ok_and(|it| it.st_nlink <= 2) {
        return pids;
    }
    let listed = openat(cgroup, ".", DIRECTORY, Mode::empty()).and_then(Dir::new);
    for entry in listed.into_iter().flatten().flatten() {
        let name = entry.file_name().to_bytes();
        if entry.file_type() == FileType::Directory
            && ![&b"."[..], b".."].contains(&name)
            && let Ok(below_it) = openat(cgroup, entry.file_name(), DIRECTORY, Mode::empty())
        {
            pids.extend(below(&below_it));
        }
    }
    pids
}

/// A process and the host's pid of its parent, proc_pid_stat(5), proc_pid_status(5).
fn read(pid: u32) -> Option<(ProcessInfo, u32)> {
    let proc = Path::new("/proc").join(pid.to_string());
    let stat = fs::read_to_string(proc.join("stat")).ok()?;
    // The name stands in parentheses and may hold any character, these too.
    let (before, after) = stat.rsplit_once(')')?;
    let (_, name) = before.split_once('(')?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let number = |index: usize| fields.get(index).and_then(|field| field.parse::<i64>().ok());
    let status = fs::read_to_string(proc.join("status")).ok()?;
    let line = |key: &str| status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(":\t"));
    let set = |key: &str| line(key).and_then(|text| u64::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
    let numbers = |key: &str| -> Vec<u32> {
        line(key)
            .into_iter()
            .flat_map(str::split_ascii_whitespace)
            .filter_map(|word| word.parse().ok())
            .collect()
    };
    let kib =
        |key: &str| line(key).and_then(|text| text.trim().strip_suffix(" kB")?.parse().ok()).unwrap_or(0);
    let (users, groups, more) = (numbers("Uid"), numbers("Gid"), numbers("Groups"));
    let map = |file: &str| fs::read_to_string(proc.join(file)).unwrap_or_default();
    let (uid_map, gid_map) = (map("uid_map"), map("gid_map"));
    let command = fs::read(proc.join("cmdline")).unwrap_or_default();
    let arguments = command.strip_suffix(b"\0").map(|text| {
        text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    });
    let process = ProcessInfo {
        pid: numbers("NSpid").last().copied().unwrap_or(pid),
        host_pid: pid,
        parent: 0,
        group: numbers("NSpgid").last().copied().unwrap_or(0),
        state: fields.first()?.chars().next()?,
        users: (inside(*users.first()?, &uid_map), inside(*users.get(1)?, &uid_map)),
        groups: (inside(*groups.first()?, &gid_map), inside(*groups.get(1)?, &gid_map)),
        host_user: *users.get(1)?,
        host_group: *groups.get(1)?,
        more_groups: (more.iter().map(|id| inside(*id, &gid_map)).collect(), more),
        capabilities: ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(set),
        seccomp: numbers("Seccomp").first().and_then(|it| u8::try_from(*it).ok()).unwrap_or(0),
        label: small::read(proc.join("attr/current")).map(|it| it.trim_end_matches(['\0', '\n']).to_owned()),
        leads_session: number(3)? == i64::from(pid),
        in_foreground: number(2)? == number(5)?,
        threads: u32::try_from(number(17)?).unwrap_or(1),
        cpu_ticks: u64::try_from(number(11)? + number(12)?).unwrap_or(0),
        started_ticks: u64::try_from(number(19)?).unwrap_or(0),
        nice: number(16)?,
        terminal: u32::try_from(number(4)?).unwrap_or(0),
        resident: kib("VmRSS"),
        virtual_size: kib("VmSize"),
        name: name.to_owned(),
        arguments: arguments.unwrap_or_default(),
    };
    Some((process, u32::try_from(number(1)?).ok()?))
}

/// An id as the owner of a map sees it, user_namespaces(7); one that is not in it is as it is.
///
/// The map shows the ids of our own namespace in its second column.
fn inside(id: u32, map: &str) -> u32 {
    let ranges = map.lines().filter_map(|line| {
        let mut numbers = line.split_ascii_whitespace().map_while(|word| word.parse::<u32>().ok());
        Some((numbers.next()?, numbers.next()?, numbers.next()?))
    });
    ranges
        .filter_map(|(inner, outer, count)| {
            let offset = id.checked_sub(outer).filter(|offset| *offset < count)?;
            inner.checked_add(offset)
        })
        .next()
        .unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_seen_through_the_map() {
        let map = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!([1000, 100_000, 100_032, 5].map(|id| inside(id, map)), [0, 1, 33, 5]);
    }

    #[test]
    fn we_are_a_process() {
        let state = RunState { pid: std::process::id().cast_signed(), ..RunState::default() };
        let found = processes(&state);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].host_pid, found[0].parent), (std::process::id(), 0));
        assert!(!found[0].arguments.is_empty() && found[0].resident > 0 && found[0].threads > 0);
        let root = names(&state);
        assert_eq!(root.users.get(&0).map(String::as_str), Some("root"));
    }
}
