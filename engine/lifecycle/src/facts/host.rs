//! What the host has for a container.

use std::path::{Path, PathBuf};

use pontoon_rootless::names::{self, HostUser};
use pontoon_runtime::capabilities::CapSet;
use pontoon_runtime::seccomp::{Profile, ProfileError};

use super::PlanError;
use crate::decide;
use crate::host::Host;
use crate::request::{CreateRequest, HostsFile, SeccompRequest, UserNsMode};

/// Where the host may have a profile of its own, the administrator's first.
const SECCOMP_PROFILES: [&str; 2] = ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"];

/// The profile of the filter; `None` if there is to be none, or if ours is to be taken.
pub(super) fn seccomp_profile(request: &SeccompRequest) -> Result<Option<Profile>, PlanError> {
    let read = |path: &Path| {
        let failed = |source| PlanError::Profile { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(|err| failed(err.into()))?;
        Profile::parse(&text).map_err(|err: ProfileError| failed(err.into()))
    };
    match request {
        SeccompRequest::Unconfined => Ok(None),
        SeccompRequest::Profile(path) => read(path).map(Some),
        SeccompRequest::Default => {
            SECCOMP_PROFILES.iter().map(Path::new).find(|it| it.exists()).map(read).transpose()
        }
    }
}

/// What `/etc/hosts` begins with. The image's is looked for in its layers, the topmost first: a link is not followed.
pub(super) fn hosts_file(file: &HostsFile, lower: &[PathBuf]) -> Result<String, PlanError> {
    let path = match file {
        HostsFile::None => None,
        HostsFile::Path(path) => Some(path.clone()),
        HostsFile::Image => {
            let found = lower.iter().map(|it| it.join("etc/hosts")).find(|it| it.symlink_metadata().is_ok());
            found.filter(|it| it.symlink_metadata().is_ok_and(|it| it.is_file()))
        }
    };
    let Some(path) = path else { return Ok(String::new()) };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(PlanError::HostsFile { path, source }),
    }
}

/// Users of the host's, by name or number, and the caller, if she keeps her id and somebody else runs the payload.
pub(super) fn host_users(host: &Host, request: &CreateRequest) -> Result<Vec<HostUser>, PlanError> {
    let find = |word: &String| match word.parse() {
        Ok(uid) => names::by_uid(uid),
        Err(_) => names::by_name(word),
    };
    let found = |it: &String| find(it).ok_or_else(|| PlanError::NoHostUser { name: it.clone() });
    let mut users = request.host_users.iter().map(found).collect::<Result<Vec<_>, _>>()?;
    if let UserNsMode::KeepId { uid, .. } = &request.userns
        && host.is_rootless()
        && request.user.is_some()
        && uid.is_none_or(|it| it == host.uid)
    {
        users.extend(host.user.clone().filter(|own| !users.iter().any(|it| it.uid == own.uid)));
    }
    Ok(users)
}

/// Who has the number on the host that a container is run by, if it is one.
pub(super) fn namesake(host: &Host, user: &str) -> Option<HostUser> {
    let uid: u32 = decide::user_id(user).parse().ok().filter(|uid| *uid != 0)?;
    let own = host.user.clone().filter(|own| own.uid == uid);
    own.or_else(|| names::local_by_uid(uid))
}

/// Every device node directly in `/dev` and in `/dev/net`, but for those that every container has.
pub(super) fn host_devices() -> Vec<PathBuf> {
    use std::os::unix::fs::FileTypeExt;
    let usual = ["null", "zero", "full", "tty", "random", "urandom", "console", "ptmx"];
    let entries = ["/dev", "/dev/net"].iter().filter_map(|it| std::fs::read_dir(it).ok()).flatten().flatten();
    let mut devices: Vec<_> = entries
        .filter(|it| it.file_type().is_ok_and(|kind| kind.is_char_device() || kind.is_block_device()))
        .filter(|it| !usual.iter().any(|name| it.file_name() == *name))
        .map(|it| it.path())
        .collect();
    devices.sort();
    devices
}

/// Our own hard limits, by the numbers of the resources.
pub(super) fn hard_limits() -> [Option<u64>; 16] {
    use rustix::process::{Resource, getrlimit};
    [
        Resource::Cpu,
        Resource::Fsize,
        Resource::Data,
        Resource::Stack,
        Resource::Core,
        Resource::Rss,
        Resource::Nproc,
        Resource::Nofile,
        Resource::Memlock,
        Resource::As,
        Resource::Locks,
        Resource::Sigpending,
        Resource::Msgqueue,
        Resource::Nice,
        Resource::Rtprio,
        Resource::Rttime,
    ]
    .map(|it| getrlimit(it).maximum)
}

/// How soon the kernel ends us where memory is short, see proc(5).
pub(super) fn oom_score_adj() -> i32 {
    let text = std::fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default();
    text.trim().parse().unwrap_or_default()
}

/// The capabilities that we ourselves could have: root's own container gets no more. A new user namespace has them all.
pub(crate) fn own_capabilities() -> CapSet {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|it| it.strip_prefix("CapBnd:"));
    let bits = bits.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
    bits.map_or(CapSet::ALL, CapSet::from_bits)
}

/// What tells how warm the processors are, and how that was dealt with: nobody's business in a container.
pub(super) fn thermal_directories() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/sys/devices/system/cpu") else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|it| {
            it.file_name().to_string_lossy().strip_prefix("cpu").is_some_and(|n| n.parse::<u32>().is_ok())
        })
        .map(|it| it.path().join("thermal_throttle"))
        .filter(|it| it.is_dir())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}
