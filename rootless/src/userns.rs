//! User namespaces: which maps the caller may have, writing them, and moving into a short-lived one.
//!
//! There is no shared keeper process. Each container makes its own namespace; a command that needs mapped ids calls
//! [`enter`] at its very start and is root over them until it ends.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitOptions, geteuid, getpid, pidfd_open,
    pidfd_send_signal, waitid, waitpid,
};
use rustix::thread::{
    LinkNameSpaceType, move_into_link_name_space, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};

use crate::helper::{self, MissingHelper};
use crate::idmap::{IdMaps, IdRange};
use crate::shortage;
use crate::subid;
use crate::sys::{self, CloneFlags, Cloned};

/// Why a user namespace could not be made or mapped.
#[derive(Debug, thiserror::Error)]
pub enum UserNamespaceError {
    /// The kernel or the administrator does not let us make one.
    #[error("cannot make a user namespace")]
    Create(#[source] io::Error),
    /// A grant file is there but cannot be read.
    #[error("cannot read {path}")]
    Grants {
        /// The file.
        path: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// `newuidmap` or `newgidmap` is missing.
    #[error("cannot map the ids of the container")]
    Helper(#[from] MissingHelper),
    /// `newuidmap` or `newgidmap` said no.
    #[error("cannot map the ids of the container: {program} failed: {output}")]
    Refused {
        /// Which of the two.
        program: &'static str,
        /// What it said.
        output: String,
    },
    /// Writing a map, or a step around it, failed.
    #[error("cannot map the ids of the container: {step}")]
    Write {
        /// What was tried.
        step: &'static str,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl UserNamespaceError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Create(err) if err.raw_os_error() == Some(libc::ENOSPC) => {
                Some("the limit is in /proc/sys/user/max_user_namespaces".to_owned())
            }
            Self::Create(err) if shortage::hint(err).is_some() => shortage::hint(err),
            Self::Create(_) => Some(
                "unprivileged user namespaces may be switched off: see sysctl kernel.unprivileged_userns_clone and \
                 kernel.apparmor_restrict_unprivileged_userns"
                    .to_owned(),
            ),
            Self::Helper(missing) => Some(missing.hint()),
            Self::Refused { output, .. } if output.contains("Too many open files") => {
                shortage::hint_for(rustix::io::Errno::MFILE).map(str::to_owned)
            }
            Self::Refused { .. } => Some(
                "check the user's ranges in /etc/subuid and /etc/subgid, and that newuidmap and newgidmap are setuid or have file \
                 capabilities: `pontoon doctor` tells, and as root `pontoon doctor --fix --user USER` gives ranges that nobody has"
                    .to_owned(),
            ),
            Self::Grants { .. } | Self::Write { .. } => None,
        }
    }
}

/// What the caller may map: its own ids and the ranges granted to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    /// Our user id.
    pub uid: u32,
    /// Our group id.
    pub gid: u32,
    /// Ranges of `/etc/subuid`.
    pub subuids: Vec<(u32, u32)>,
    /// Ranges of `/etc/subgid`.
    pub subgids: Vec<(u32, u32)>,
}

impl Grants {
    /// Reads what a user is granted. Without a range in both files, both lists are empty: a map with one kind
    /// only would leave files with groups that nobody can give.
    ///
    /// # Errors
    /// [`UserNamespaceError::Grants`] if a file is there but cannot be read.
    pub fn of(uid: u32, gid: u32, name: Option<&str>) -> Result<Self, UserNamespaceError> {
        let read =
            |path| subid::read(path, name, uid).map_err(|source| UserNamespaceError::Grants { path, source });
        let (mut subuids, mut subgids) = (read(subid::SUBUID)?, read(subid::SUBGID)?);
        if subuids.is_empty() || subgids.is_empty() {
            subuids.clear();
            subgids.clear();
        }
        Ok(Self { uid, gid, subuids, subgids })
    }

    /// The default map: see [`IdMaps::rootless`].
    #[must_use]
    pub fn maps(&self) -> IdMaps {
        IdMaps::rootless(self.uid, self.gid, &self.subuids, &self.subgids)
    }
}

/// Gives the new user namespace of process `pid` (a child of ours that waits) its maps.
///
/// As root they are written straight; a map of the caller's own id alone is written without help too; else `newuidmap` and
/// `newgidmap` do it, side by side.
///
/// # Errors
/// See [`UserNamespaceError`].
pub fn write_maps(pid: Pid, maps: &IdMaps) -> Result<(), UserNamespaceError> {
    begin_maps(pid, maps)?.finish()
}

/// Maps that are being written: while `newuidmap` and `newgidmap` work, which takes some milliseconds, other things can be done.
#[derive(Debug)]
pub struct Mapping {
    /// `newuidmap` and `newgidmap`, if they are needed.
    helpers: Option<(Child, Result<Child, UserNamespaceError>)>,
}

/// Begins what [`write_maps`] does.
///
/// # Errors
/// See [`UserNamespaceError`].
pub fn begin_maps(pid: Pid, maps: &IdMaps) -> Result<Mapping, UserNamespaceError> {
    let is_root = geteuid().is_root();
    if !is_root && maps.is_single() {
        write_file(pid, "setgroups", "deny")?;
    }
    if is_root || maps.is_single() {
        write_file(pid, "uid_map", &text_of(&maps.uids))?;
        write_file(pid, "gid_map", &text_of(&maps.gids))?;
        return Ok(Mapping { helpers: None });
    }
    let uids = start_helper("newuidmap", pid, &maps.uids)?;
    Ok(Mapping { helpers: Some((uids, start_helper("newgidmap", pid, &maps.gids))) })
}

impl Mapping {
    /// Waits until the maps are written.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn finish(self) -> Result<(), UserNamespaceError> {
        let Some((uids, gids)) = self.helpers else { return Ok(()) };
        let uids = finish_helper("newuidmap", uids);
        finish_helper("newgidmap", gids?)?;
        uids
    }
}

/// A user namespace in the making: while `newuidmap` and `newgidmap` work, which takes some milliseconds, other things can be
/// done. Nobody is in it in the end; what is to be enters it by its descriptor.
#[derive(Debug)]
pub struct NewNamespace {
    /// A process that has it meanwhile.
    holder: Holder,
    mapping: Mapping,
}

impl NewNamespace {
    /// Makes it and begins to write its maps. Called with a single thread only.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn begin(maps: &IdMaps) -> Result<Self, UserNamespaceError> {
        let parent = getpid();
        let (pid, pidfd) = match sys::clone(CloneFlags::USER, None).map_err(UserNamespaceError::Create)? {
            Cloned::Parent { pid, pidfd } => (pid, pidfd),
            Cloned::Child => hold(parent),
        };
        let holder = Holder { pid, pidfd };
        let mapping = begin_maps(pid, maps)?;
        Ok(Self { holder, mapping })
    }

    /// Makes it below another one of ours, whose ids `maps` tell of: root over that one, we need no help for its maps. Called with
    /// a single thread only.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn begin_below(outer: BorrowedFd<'_>, maps: &IdMaps) -> Result<Self, UserNamespaceError> {
        let at = |step| move |err: rustix::io::Errno| UserNamespaceError::Write { step, source: err.into() };
        let (said, says) = pipe_with(PipeFlags::CLOEXEC).map_err(at("pipe"))?;
        let parent = getpid();
        match sys::clone(CloneFlags::default(), None).map_err(UserNamespaceError::Create)? {
            Cloned::Child => {
                let made = make_holder_below(outer, maps, parent);
                let number = made.unwrap_or_else(|err| -err.raw_os_error().unwrap_or(libc::EIO));
                let _ = rustix::io::write(&says, &number.to_ne_bytes());
                sys::exit_now(0)
            }
            Cloned::Parent { pid, .. } => {
                drop(says);
                let mut number = [0u8; 4];
                let read = rustix::io::retry_on_intr(|| rustix::io::read(&said, &mut number));
                let _ = waitpid(Some(pid), WaitOptions::empty());
                read.map_err(at("read"))?;
                let pid = match i32::from_ne_bytes(number) {
                    error if error < 0 => {
                        return Err(UserNamespaceError::Create(io::Error::from_raw_os_error(-error)));
                    }
                    pid => Pid::from_raw(pid),
                };
                let pid =
                    pid.ok_or_else(|| UserNamespaceError::Create(io::ErrorKind::UnexpectedEof.into()))?;
                // It is our own child, so that the number stays its own until we have waited for it.
                let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(at("open"))?;
                Ok(Self { holder: Holder { pid, pidfd }, mapping: Mapping { helpers: None } })
            }
        }
    }

    /// Waits until its maps are written.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn finish(self) -> Result<OwnedFd, UserNamespaceError> {
        self.mapping.finish()?;
        let path = format!("/proc/{}/ns/user", self.holder.pid.as_raw_nonzero());
        rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|err| UserNamespaceError::Write { step: "open", source: err.into() })
    }
}

fn hold(parent: Pid) -> ! {
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    stay(parent)
}

/// Stays until somebody ends us, or our parent has ended: a process that does nothing but have its namespaces. The caller has
/// seen to that it is killed at its parent's end.
pub fn stay(parent: Pid) -> ! {
    // It may have ended before that.
    while rustix::process::getppid() == Some(parent) {
        let _ = rustix::event::poll(&mut [], None);
    }
    sys::exit_now(0)
}

/// Goes into `outer` and makes there, as a child of `parent`, which is ours, a process with a user namespace that has these maps. Gives its
/// pid.
fn make_holder_below(outer: BorrowedFd<'_>, maps: &IdMaps, parent: Pid) -> io::Result<i32> {
    move_into_link_name_space(outer, Some(LinkNameSpaceType::User))?;
    match sys::clone(CloneFlags::USER.with(CloneFlags::PARENT), None)? {
        Cloned::Child => hold(parent),
        Cloned::Parent { pid, pidfd } => {
            let written = write_file(pid, "uid_map", &text_of(&maps.uids))
                .and_then(|()| write_file(pid, "gid_map", &text_of(&maps.gids)));
            match written {
                Ok(()) => Ok(pid.as_raw_nonzero().get()),
                Err(err) => {
                    let _ = pidfd_send_signal(&pidfd, Signal::KILL);
                    Err(match err {
                        UserNamespaceError::Write { source, .. } => source,
                        _ => io::ErrorKind::Other.into(),
                    })
                }
            }
        }
    }
}

/// A child of ours that ends with this.
#[derive(Debug)]
struct Holder {
    pid: Pid,
    pidfd: OwnedFd,
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.pidfd, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
    }
}

fn text_of(ranges: &[IdRange]) -> String {
    ranges.iter().map(|it| format!("{} {} {}\n", it.container, it.host, it.size)).collect()
}

fn write_file(pid: Pid, file: &'static str, text: &str) -> Result<(), UserNamespaceError> {
    // One write: the kernel takes a map in a single call only (user_namespaces(7)).
    std::fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{}/{file}", pid.as_raw_nonzero()))
        .and_then(|mut it| it.write_all(text.as_bytes()))
        .map_err(|source| UserNamespaceError::Write { step: file, source })
}

fn start_helper(program: &'static str, pid: Pid, ranges: &[IdRange]) -> Result<Child, UserNamespaceError> {
    let path = helper::find(program, "uidmap")?;
    let mut command = Command::new(path);
    command.arg(pid.as_raw_nonzero().to_string());
    for it in ranges {
        command.args([it.container.to_string(), it.host.to_string(), it.size.to_string()]);
    }
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().map_err(|source| UserNamespaceError::Write { step: program, source })
}

fn finish_helper(program: &'static str, child: Child) -> Result<(), UserNamespaceError> {
    let output =
        child.wait_with_output().map_err(|source| UserNamespaceError::Write { step: program, source })?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(UserNamespaceError::Refused { program, output })
}

/// Moves the calling process into a new user namespace and a new mount namespace, as root over `maps`.
///
/// Must be called while the process has one thread, as its first deed. As real root it does nothing: root needs no map.
///
/// # Errors
/// See [`UserNamespaceError`].
pub fn enter(maps: &IdMaps) -> Result<(), UserNamespaceError> {
    if geteuid().is_root() {
        return Ok(());
    }
    let at = |step| move |source: io::Error| UserNamespaceError::Write { step, source };
    let (ready_read, ready_write) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| at("pipe")(err.into()))?;
    let (said_read, said_write) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| at("pipe")(err.into()))?;
    // The helper process stays outside: the maps of a namespace can only be given from its parent.
    let us = getpid();
    match sys::clone(CloneFlags::default(), None).map_err(at("clone"))? {
        Cloned::Child => {
            drop(ready_write);
            sys::exit_now(map_from_outside(us, maps, ready_read, said_write));
        }
        Cloned::Parent { pid, .. } => {
            drop(said_write);
            let entered = sys::unshare(CloneFlags::USER.with(CloneFlags::MOUNT));
            if entered.is_ok() {
                rustix::io::write(&ready_write, b"1").map_err(|err| at("write")(err.into()))?;
            }
            drop(ready_write);
            let mut said = String::new();
            io::Read::read_to_string(&mut std::fs::File::from(said_read), &mut said).map_err(at("read"))?;
            let ended = waitpid(Some(pid), WaitOptions::empty()).map_err(|err| at("waitpid")(err.into()))?;
            entered.map_err(UserNamespaceError::Create)?;
            if ended.is_none_or(|(_, status)| status.exit_status() != Some(0)) {
                return Err(UserNamespaceError::Refused { program: "newuidmap", output: said });
            }
            become_root(maps.is_single()).map_err(at("setresuid"))
        }
    }
}

/// Moves the calling process into namespaces of ours that are there, as root over the user namespace, and into a new mount namespace.
///
/// Must be called while the process has one thread.
///
/// # Errors
/// The kernel's error.
pub fn enter_those(user: BorrowedFd<'_>, is_single: bool, network: BorrowedFd<'_>) -> io::Result<()> {
    move_into_link_name_space(user, Some(LinkNameSpaceType::User))?;
    become_root(is_single)?;
    move_into_link_name_space(network, Some(LinkNameSpaceType::Network))?;
    sys::unshare(CloneFlags::MOUNT)
}

/// Runs in the helper process: waits until the other is inside, then writes its maps. Gives the exit status.
fn map_from_outside(target: Pid, maps: &IdMaps, ready: OwnedFd, said: OwnedFd) -> i32 {
    let mut byte = [0u8; 1];
    if !matches!(rustix::io::read(&ready, &mut byte), Ok(1)) {
        return 1;
    }
    match write_maps(target, maps) {
        Ok(()) => 0,
        Err(err) => {
            let text = match &err {
                UserNamespaceError::Refused { output, .. } => output.clone(),
                other => other.to_string(),
            };
            let _ = std::fs::File::from(said).write_all(text.as_bytes());
            1
        }
    }
}

/// Takes on id 0 of the namespace that the process is in, and drops the supplementary groups of outside, unless they are to
/// be kept or must be.
///
/// # Errors
/// The kernel's error.
pub fn become_root(keeps_groups: bool) -> io::Result<()> {
    use rustix::process::{Gid, Uid};
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT)?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT)?;
    if !keeps_groups {
        // With one id mapped, `setgroups` is denied for ever and the groups of outside show as the overflow group.
        set_thread_groups(&[])?;
    }
    Ok(())
}
