//! Control groups, version 2: where we are, what is delegated to us, sub-groups for a container.
//!
//! Knows limits as files and values; which container wants them it is told.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Access, AtFlags, Gid, Mode, OFlags, Uid, access, chownat};
use rustix::io::Errno;

use crate::sys::{self, CloneFlags, Cloned};

/// Where cgroup v2 is mounted on a systemd host.
pub const MOUNT: &str = "/sys/fs/cgroup";

/// What belongs to whom a group is delegated to, besides its directory (cgroups(7), "Delegation"), for kernels that do not say.
const DELEGATED: &str = "cgroup.procs\ncgroup.threads\ncgroup.subtree_control\n";

/// The file of a group whose changes the kernel tells of.
const EVENTS: &str = "cgroup.events";

/// A group, by its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    path: PathBuf,
}

/// Why a group could not be used.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// `/proc/self/cgroup` has no line for version 2.
    #[error("this host has no cgroup v2 hierarchy at {MOUNT}")]
    NoVersion2,
    /// A file or directory of the hierarchy.
    #[error("cannot {deed} {}", path.display())]
    File {
        /// What was tried.
        deed: &'static str,
        /// On what.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A limit was asked for whose controller is not there.
    #[error("the {controller} controller is not delegated to {}, so {option} cannot be applied", path.display())]
    NotDelegated {
        /// The controller.
        controller: &'static str,
        /// The option that needs it.
        option: String,
        /// The group.
        path: PathBuf,
    },
    /// The kernel has no such controller in the version 2 hierarchy.
    #[error("this kernel does not offer the {controller} controller, so {option} cannot be applied")]
    NotOffered {
        /// The controller.
        controller: &'static str,
        /// The option that needs it.
        option: String,
    },
    /// The controller is there, but it cannot do that.
    #[error("this kernel's {controller} controller has no `{file}`, so {option} cannot be applied")]
    NoFile {
        /// The controller.
        controller: &'static str,
        /// Its file.
        file: String,
        /// The option that needs it.
        option: String,
    },
}

impl CgroupError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotDelegated { .. } => Some(
                "delegate it, as root: pontoon doctor --fix --user USER; or put `[Service]` and `Delegate=cpu cpuset io memory \
                 pids` into /etc/systemd/system/user@.service.d/delegate.conf, run `systemctl daemon-reload` and log in again"
                    .to_owned(),
            ),
            Self::NotOffered { controller, .. } => Some(format!(
                "{MOUNT}/cgroup.controllers lists what it offers; {controller} may be switched off in the kernel, or taken \
                 by a hierarchy of version 1"
            )),
            Self::NoFile { .. } => None,
            Self::NoVersion2 => Some("boot with systemd.unified_cgroup_hierarchy=1".to_owned()),
            Self::File { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("the service needs `Delegate=yes`".to_owned())
            }
            Self::File { .. } => None,
        }
    }

    /// The kernel's error that it comes of.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        match self {
            Self::File { source, .. } => source,
            other => io::Error::other(other),
        }
    }
}

fn failed(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CgroupError {
    let path = path.to_owned();
    move |source| CgroupError::File { deed, path, source }
}

/// Lets the kernel begin now with what makes the first move of a process into a group slow.
///
/// A move takes a lock that all forks share, and the first one in a while must wait for an RCU grace period before it has
/// it: about ten milliseconds in which nobody computes anything (`percpu_down_write` in `cgroup_procs_write_start`; those
/// that follow soon after have it at once). Everything that starts a container in a group of its own makes such a move,
/// systemd for a scope as well as we. So a child of ours asks for one that changes nothing, at once, and the wait is over,
/// or nearly, when it matters. Called with a single thread only; nobody waits for the child.
pub fn hasten_moves() {
    let Ok(own) = Cgroup::of(None) else { return };
    // A session's group is not ours to write to; the manager's is, though we may not come from outside: asking is enough.
    let uid = rustix::process::geteuid().as_raw();
    let manager = PathBuf::from(format!("{MOUNT}/user.slice/user-{uid}.slice/user@{uid}.service"));
    let ours = |path: &Path| access(path.join("cgroup.procs"), Access::WRITE_OK).is_ok();
    let path = if ours(own.path()) { own.path } else { manager };
    if !ours(&path) {
        return;
    }
    if let Ok(Cloned::Child) = sys::clone(CloneFlags::default(), None) {
        let _ = Cgroup::at(path).enter(0);
        sys::exit_now(0);
    }
}

impl Cgroup {
    /// The group that process `pid` (or we ourselves) is in.
    ///
    /// # Errors
    /// [`CgroupError::NoVersion2`], or an unreadable `/proc`.
    pub fn of(pid: Option<i32>) -> Result<Self, CgroupError> {
        let path = pid.map_or_else(|| "/proc/self/cgroup".to_owned(), |pid| format!("/proc/{pid}/cgroup"));
        let text = fs::read_to_string(&path).map_err(failed("read", Path::new(&path)))?;
        let relative =
            text.lines().find_map(|line| line.strip_prefix("0::")).ok_or(CgroupError::NoVersion2)?;
        Ok(Self { path: PathBuf::from(format!("{MOUNT}{}", relative.trim_end_matches('/'))) })
    }

    /// The group of a directory below [`MOUNT`].
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether we may make groups below it and move processes within it.
    #[must_use]
    pub fn is_delegated(&self) -> bool {
        access(self.path.join("cgroup.procs"), Access::WRITE_OK).is_ok()
            && access(&self.path, Access::WRITE_OK).is_ok()
    }

    /// Whether it belongs to the login of a user, and not to a unit of his manager or the system's (systemd-logind.service(8)).
    #[must_use]
    pub fn is_of_a_login(&self) -> bool {
        let Ok(relative) = self.path.strip_prefix(MOUNT) else { return false };
        let mut names = relative.iter().filter_map(|it| it.to_str());
        let is_of_user = names.next() == Some("user.slice")
            && names.next().is_some_and(|it| it.starts_with("user-") && it.ends_with(".slice"));
        is_of_user && names.next().is_some_and(|it| it.ends_with(".scope"))
    }

    /// Makes a group below it; one that is there already (left over, or ours) is used.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn child(&self, name: &str) -> Result<Self, CgroupError> {
        let path = self.path.join(name);
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self { path }),
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => Ok(Self { path }),
            Err(err) => Err(failed("make", &path)(err)),
        }
    }

    /// A handle of its directory, by which processes are started in it.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn open(&self) -> Result<OwnedFd, CgroupError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(&self.path, flags, Mode::empty())
            .map_err(|err| failed("open", &self.path)(err.into()))
    }

    /// Opens it for processes that are started in it, also when it has been given to somebody else meanwhile.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn entrance(&self) -> Result<Entrance, CgroupError> {
        let path = self.path.join("cgroup.procs");
        let door = rustix::fs::open(&path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
        let door = door.map_err(|err| failed("open", &path)(err.into()))?;
        Ok(Entrance { directory: self.open()?, door: Some(door) })
    }

    /// Delegates it to somebody: whose it is makes groups below it, and moves processes between those.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn give(&self, uid: u32, gid: u32) -> Result<(), CgroupError> {
        let directory = self.open()?;
        let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        let given = |name: &str| chownat(&directory, name, owner.0, owner.1, AtFlags::EMPTY_PATH);
        let failed = |err: Errno| failed("give away", &self.path)(err.into());
        given("").map_err(failed)?;
        let names =
            fs::read_to_string("/sys/kernel/cgroup/delegate").unwrap_or_else(|_| DELEGATED.to_owned());
        for name in names.lines() {
            match given(name) {
                // Of a controller that is not at work here.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(err) => return Err(failed(err)),
            }
        }
        Ok(())
    }

    /// Moves a process into it (0: us).
    ///
    /// # Errors
    /// The kernel's error.
    pub fn enter(&self, pid: u32) -> Result<(), CgroupError> {
        self.write("cgroup.procs", &pid.to_string())
    }

    /// Controllers that can be switched on for groups below it.
    #[must_use]
    pub fn controllers(&self) -> Vec<String> {
        self.read("cgroup.controllers")
            .map(|it| it.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default()
    }

    /// Switches every available controller on for the groups below. What cannot be switched on is left off: whoever needs
    /// one asks with [`Cgroup::set_limit`] and is told.
    pub fn enable_controllers(&self) {
        let controllers = self.controllers();
        if controllers.is_empty() {
            return;
        }
        let all: Vec<_> = controllers.iter().map(|it| format!("+{it}")).collect();
        if self.write("cgroup.subtree_control", &all.join(" ")).is_err() {
            for one in all {
                let _ = self.write("cgroup.subtree_control", &one);
            }
        }
    }

    /// Writes a limit that somebody asked for by `option`.
    ///
    /// # Errors
    /// [`CgroupError::NotDelegated`], [`CgroupError::NotOffered`] or [`CgroupError::NoFile`] if the controller's file is
    /// not there, else the kernel's error.
    pub fn set_limit(
        &self,
        controller: &'static str,
        file: &str,
        value: &str,
        option: &str,
    ) -> Result<(), CgroupError> {
        if self.path.join(file).exists() {
            return self.write(file, value);
        }
        self.expect_controller(controller, option)?;
        Err(CgroupError::NoFile { controller, file: file.to_owned(), option: option.to_owned() })
    }

    /// Checks that a controller, which somebody needs for `option`, is at work in the group.
    ///
    /// # Errors
    /// [`CgroupError::NotDelegated`] or [`CgroupError::NotOffered`].
    pub fn expect_controller(&self, controller: &'static str, option: &str) -> Result<(), CgroupError> {
        let option = || option.to_owned();
        let has = |group: &Path| {
            let text = fs::read_to_string(group.join("cgroup.controllers")).unwrap_or_default();
            text.split_whitespace().any(|it| it == controller)
        };
        match (has(&self.path), has(Path::new(MOUNT))) {
            (true, _) => Ok(()),
            (false, false) => Err(CgroupError::NotOffered { controller, option: option() }),
            (false, true) => {
                Err(CgroupError::NotDelegated { controller, option: option(), path: self.path.clone() })
            }
        }
    }

    /// Writes a file of the group.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn write(&self, file: &str, value: &str) -> Result<(), CgroupError> {
        let path = self.path.join(file);
        fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .and_then(|mut it| io::Write::write_all(&mut it, value.as_bytes()))
            .map_err(failed("write", &path))
    }

    /// Reads a file of the group.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn read(&self, file: &str) -> Result<String, CgroupError> {
        let path = self.path.join(file);
        fs::read_to_string(&path).map_err(failed("read", &path))
    }

    /// Whether a process lives in it or below it.
    #[must_use]
    pub fn is_populated(&self) -> bool {
        self.read(EVENTS).is_ok_and(|text| text.lines().any(|it| it == "populated 1"))
    }

    /// Waits until a line (`populated 0`, `frozen 1`) stands in its `cgroup.events`, but not longer than `limit`: then false.
    ///
    /// # Errors
    /// The kernel's error, above all of a group that is gone.
    pub fn wait_for(&self, line: &str, limit: Duration) -> Result<bool, CgroupError> {
        let path = self.path.join(EVENTS);
        File::open(&path).and_then(|file| wait_in(&file, line, limit)).map_err(failed("read", &path))
    }

    /// Kills every process in it and below it, also those that fork meanwhile (`cgroup.kill`, Linux 5.14).
    ///
    /// # Errors
    /// The kernel's error; a group that is gone is no error.
    pub fn kill(&self) -> Result<(), CgroupError> {
        match self.write("cgroup.kill", "1") {
            Err(CgroupError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Removes it and the groups below it; none of them may hold a process.
    ///
    /// # Errors
    /// The kernel's error; a group that is gone is no error.
    pub fn remove(&self) -> Result<(), CgroupError> {
        if let Ok(entries) = fs::read_dir(&self.path) {
            for entry in entries.flatten().filter(|it| it.file_type().is_ok_and(|kind| kind.is_dir())) {
                Self { path: entry.path() }.remove()?;
            }
        }
        match fs::remove_dir(&self.path) {
            Ok(()) => Ok(()),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(err) => Err(failed("remove", &self.path)(err)),
        }
    }
}

/// Waits until a line stands in a file of whose changes the kernel tells by an exceptional condition. Of one that has not been
/// read since the last change it tells at once, so the descriptor that is read is the one that is waited on.
fn wait_in(file: &File, line: &str, limit: Duration) -> io::Result<bool> {
    let end = Instant::now() + limit;
    loop {
        let mut text = [0; 256];
        let length = file.read_at(&mut text, 0)?;
        let mut lines = text.get(..length).unwrap_or_default().split(|it| *it == b'\n');
        if lines.any(|it| it == line.as_bytes()) {
            return Ok(true);
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut fds = [PollFd::new(file, PollFlags::PRI)];
        match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
}

/// A way for new processes into a group.
#[derive(Debug)]
pub struct Entrance {
    directory: OwnedFd,
    /// Where they move themselves in, once they are made, for who may not make them there any more.
    door: Option<OwnedFd>,
}

impl Entrance {
    /// Into a group that stays ours.
    #[must_use]
    pub fn by(directory: OwnedFd) -> Self {
        Self { directory, door: None }
    }

    /// The group that a process is to be made in; `None` if it has to [`Entrance::pass`] itself.
    #[must_use]
    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.door.is_none().then(|| self.directory.as_fd())
    }

    /// Moves the calling process in, if it was not made there. What it may do is what its maker might when this was opened.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn pass(&self) -> io::Result<()> {
        self.door.as_ref().map_or(Ok(()), |it| Ok(rustix::io::write(it, b"0").map(drop)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_told_from_units() {
        let is_login = |path: &str| Cgroup::at(PathBuf::from(format!("{MOUNT}{path}"))).is_of_a_login();
        assert!(is_login("/user.slice/user-0.slice/session-3.scope"));
        assert!(is_login("/user.slice/user-1000.slice/session-c1.scope/below"));
        for path in [
            "/user.slice/user-1000.slice/user@1000.service/app.slice/some.scope",
            "/system.slice/some.service",
            "/machine.slice/some.scope",
            "/user.slice",
            "",
        ] {
            assert!(!is_login(path), "{path}");
        }
    }

    /// An ordinary file tells of no changes.
    #[test]
    fn a_line_is_waited_for_but_not_for_ever() {
        let path = std::env::temp_dir().join(format!("cgroup-events-{}", std::process::id()));
        fs::write(&path, "populated 1\nfrozen 0\n").unwrap();
        let file = File::open(&path).unwrap();
        let limit = Duration::from_millis(100);
        let begin = Instant::now();
        assert!(wait_in(&file, "frozen 0", Duration::from_secs(1000)).unwrap());
        assert!(!wait_in(&file, "frozen 1", limit).unwrap());
        assert!(begin.elapsed() >= limit);
        // Not a part of a line; and as it is now, wherever the last look has ended.
        assert!(!wait_in(&file, "populated", Duration::ZERO).unwrap());
        fs::write(&path, "populated 0\nfrozen 1\n").unwrap();
        assert!(wait_in(&file, "populated 0", Duration::ZERO).unwrap());
        fs::remove_file(&path).unwrap();
    }

    /// A file of the kernel's that has not been read yet counts as changed, like those of a group.
    #[test]
    fn waiting_for_the_kernel_takes_no_time_of_the_processor() {
        let Ok(file) = File::open("/sys/kernel/uevent_seqnum") else { return };
        let used = || {
            let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::try_from(time).unwrap()
        };
        let (limit, before) = (Duration::from_millis(300), used());
        assert!(!wait_in(&file, "no such line", limit).unwrap());
        assert!(used() - before < limit / 3);
    }
}
