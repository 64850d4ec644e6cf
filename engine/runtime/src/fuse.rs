//! `fuse-overlayfs`: the root file system where the kernel's overlayfs refuses.
//!
//! The program runs in the container's user and mount namespace, but not in its pid namespace, so that the container neither
//! sees nor ends it. It goes away with the mount.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CStringArray, CloneFlags, Cloned};
use pontoon_rootless::userns::become_root;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, WaitOptions, pidfd_open, waitpid};
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use crate::plan::{Rootfs, RootfsSource};

/// Why it is not mounted.
#[derive(Debug, thiserror::Error)]
pub enum FuseError {
    /// A step around the program.
    #[error("cannot start fuse-overlayfs")]
    Start(#[source] io::Error),
    /// The program failed.
    #[error("fuse-overlayfs cannot mount the root file system: {said}")]
    Failed {
        /// What it said.
        said: String,
    },
}

impl FuseError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some("check that /dev/fuse is there and open to everybody (mode 666)".to_owned())
    }
}

/// The program and its words.
struct Command {
    program: CString,
    words: CStringArray,
    environment: CStringArray,
}

impl Command {
    fn new(rootfs: &Rootfs) -> Result<Self, FuseError> {
        let RootfsSource::Fuse { program, lower, upper, work } = &rootfs.source else {
            return Err(FuseError::Start(io::ErrorKind::InvalidInput.into()));
        };
        let text =
            |path: &Path| path.to_string_lossy().replace('\\', r"\\").replace(':', r"\:").replace(',', r"\,");
        let lower: Vec<_> = lower.iter().map(|it| text(it)).collect();
        let options = format!("lowerdir={},upperdir={},workdir={}", lower.join(":"), text(upper), text(work));
        let invalid = |_| FuseError::Start(io::ErrorKind::InvalidInput.into());
        let words = [
            b"fuse-overlayfs".as_slice(),
            b"-o",
            options.as_bytes(),
            rootfs.mount_point.as_os_str().as_bytes(),
        ];
        let words = words.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>().map_err(invalid)?;
        Ok(Self {
            program: CString::new(program.as_os_str().as_bytes()).map_err(invalid)?,
            words: CStringArray::new(words),
            environment: CStringArray::new(vec![c"PATH=/usr/bin:/bin".to_owned()]),
        })
    }
}

/// Mounts a root file system in the mount namespace of `target`, or in ours; comes back when it is mounted.
///
/// Gives the program that serves the mount, where the kernel tells which it is.
///
/// # Errors
/// See [`FuseError`].
pub fn mount(target: Pid, rootfs: &Rootfs, maps: Option<&IdMaps>) -> Result<Option<OwnedFd>, FuseError> {
    let target = pidfd_open(target, PidfdFlags::empty()).map_err(|err| FuseError::Start(err.into()))?;
    start(rootfs, || {
        let mut kinds = ThreadNameSpaceType::MOUNT;
        kinds.set(ThreadNameSpaceType::USER, maps.is_some());
        move_into_thread_name_spaces(target.as_fd(), kinds)?;
        // What it needs of the host must stay where it is when the container changes its root.
        sys::unshare(CloneFlags::MOUNT)?;
        maps.map_or(Ok(()), |maps| become_root(maps.is_single()))
    })
}

/// Mounts a root file system in our own mount namespace. The program goes on until it is unmounted.
///
/// # Errors
/// See [`FuseError`].
pub fn mount_here(rootfs: &Rootfs) -> Result<(), FuseError> {
    start(rootfs, || Ok(())).map(drop)
}

fn start(rootfs: &Rootfs, enter: impl FnOnce() -> io::Result<()>) -> Result<Option<OwnedFd>, FuseError> {
    let start = |err: rustix::io::Errno| FuseError::Start(err.into());
    let Command { program, words, environment } = Command::new(rootfs)?;
    let (said_read, said_write) = pipe_with(PipeFlags::CLOEXEC).map_err(start)?;
    match sys::clone(CloneFlags::default(), None).map_err(FuseError::Start)? {
        Cloned::Child => {
            // It outlives us, and with it would whatever was left open for us.
            let ready = sys::close_on_exec_from(3)
                .and_then(|()| enter())
                .and_then(|()| Ok(rustix::stdio::dup2_stderr(&said_write)?));
            if ready.is_ok() {
                sys::reset_signals();
                let _ = sys::exec_path(&program, &words, &environment);
            }
            sys::exit_now(1)
        }
        Cloned::Parent { pid, .. } => {
            drop(said_write);
            // It goes into the background once the mount stands, so its end is its word; the pipe stays open in the
            // background, so it is read only after a failure.
            let status = waitpid(Some(pid), WaitOptions::empty()).map_err(start)?;
            if status.is_some_and(|(_, status)| status.exit_status() == Some(0)) {
                return Ok(find_server());
            }
            let mut said = [0u8; 4096];
            let count = rustix::io::read(&said_read, &mut said).unwrap_or(0);
            let said = String::from_utf8_lossy(said.get(..count).unwrap_or_default()).trim().to_owned();
            Err(FuseError::Failed { said })
        }
    }
}

/// The program in the background has become our child, since we adopt orphans.
fn find_server() -> Option<OwnedFd> {
    let children = std::fs::read_to_string("/proc/thread-self/children").ok()?;
    let is_server = |pid: &&str| {
        std::fs::read_to_string(format!("/proc/{pid}/comm"))
            .is_ok_and(|name| name.trim_end() == "fuse-overlayfs")
    };
    let pid = Pid::from_raw(children.split_whitespace().find(is_server)?.parse().ok()?)?;
    pidfd_open(pid, PidfdFlags::empty()).ok()
}
