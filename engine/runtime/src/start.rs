//! Starting processes: the supervisor's side.
//!
//! [`Starting`] is a container between clone and exec. Its methods are called in order; each consumes or advances it, and
//! dropping it kills what was begun.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::sys::{self, CloneFlags, Cloned, SockFilter};
use pontoon_rootless::userns::{self, Mapping, UserNamespaceError};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};

use crate::between::{self, Made, StandIn, Way};
use crate::child::{self, FirstProcess};
use crate::fuse::FuseError;
use crate::mapped::IdSpaces;
use crate::message::{self, Failure, GO, MAPPED, PIVOT, PLACED, ROOTFS, Report};
use crate::plan::{JoinedNamespaces, Namespaces, Plan, Process, RootfsSource};

/// After how many nanoseconds without a word we look whether a process that others see was stopped.
const LOOK_AFTER: i64 = 10_000_000;
/// How often it is let go on.
const MOST_STOPS: u32 = 500;

/// What the first process gets as its standard streams.
#[derive(Debug)]
pub struct StandardStreams {
    /// Descriptor 0.
    pub stdin: OwnedFd,
    /// Descriptor 1.
    pub stdout: OwnedFd,
    /// Descriptor 2.
    pub stderr: OwnedFd,
}

/// What a process needs besides its plan.
#[derive(Debug, Default)]
pub struct Extras {
    /// The system call filter; empty for none.
    pub filter: Vec<SockFilter>,
    /// The init program, as a sealed file, for processes that want one.
    pub init: Option<OwnedFd>,
    /// Whether the kernel kills the process when the supervisor ends.
    pub dies_with_parent: bool,
    /// Descriptors that a process which joins gets, under the numbers that it preserves.
    pub passed: Vec<OwnedFd>,
    /// `/dev/shm` of the container that is joined, as a mount that has no place yet.
    pub shared_memory: Option<OwnedFd>,
    /// Whether a program that is not there is told before the process waits for the word to become it.
    pub looks_first: bool,
}

/// Why a container did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No new process, or no new namespaces.
    #[error("cannot make the namespaces of the container")]
    Clone(#[source] io::Error),
    /// The ids could not be mapped.
    #[error(transparent)]
    Maps(#[from] UserNamespaceError),
    /// The program that serves the root file system.
    #[error(transparent)]
    Fuse(#[from] FuseError),
    /// The process said which step failed.
    #[error("{0}")]
    Child(Failure, #[source] Option<io::Error>),
    /// The process ended without a word.
    #[error("the container's first process was killed while it was being set up")]
    Vanished,
    /// Others stop it.
    #[error(
        "processes of the pid namespace that is shared stop the container's first process again and again while it is set up"
    )]
    Stopped,
    /// Talking to it failed.
    #[error("cannot talk to the container's first process")]
    Socket(#[source] io::Error),
}

impl StartError {
    pub(crate) fn child(failure: Failure) -> Self {
        let cause = (failure.errno != 0).then(|| io::Error::from_raw_os_error(failure.errno));
        Self::Child(failure, cause)
    }

    /// The exit code that this failure gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Child(failure, _) => failure.exit_code(),
            _ => 125,
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Child(failure, _) => failure.hint(),
            Self::Maps(err) => err.hint(),
            Self::Fuse(err) => err.hint(),
            Self::Clone(err) => match err.raw_os_error() {
                Some(libc::EPERM | libc::EACCES | libc::ENOSYS) => Some(
                    "unprivileged user namespaces may be switched off: see sysctl kernel.unprivileged_userns_clone and \
                     kernel.apparmor_restrict_unprivileged_userns"
                        .to_owned(),
                ),
                Some(libc::ENOSPC) => Some("the limits are in /proc/sys/user/max_*_namespaces".to_owned()),
                _ => None,
            },
            Self::Stopped | Self::Vanished | Self::Socket(_) => None,
        }
    }
}

/// A container whose first process exists, but not yet its payload.
#[derive(Debug)]
pub struct Starting {
    pid: Pid,
    child: Option<OwnedFd>,
    line: Line,
    terminal: Option<OwnedFd>,
    /// Its id maps, as long as they are being written.
    mapping: Option<Mapping>,
    /// Who stands for it as long as it is closed to us.
    stand_in: Option<StandIn>,
}

impl Starting {
    /// Makes the first process, in its namespaces and in the supervisor's own cgroup, and begins to write its id maps, for
    /// which it waits. What it does then it does by itself, until it must be in its own cgroup (see [`Starting::placed`]).
    ///
    /// Without `streams` the process gets a terminal, if the plan asks for one. `namespace` is its user namespace (or
    /// that of its mounter, where it has one), with its maps, if that was made beforehand.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn begin(
        plan: &Plan,
        extras: &Extras,
        streams: Option<StandardStreams>,
        namespace: Option<BorrowedFd<'_>>,
    ) -> Result<Self, StartError> {
        let spaces = IdSpaces::make(&plan.rootfs, &plan.mounts)?;
        let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
        let flags =
            new_namespaces(&plan.namespaces, namespace.is_none() || plan.namespaces.mounter.is_some());
        let network = has_network(&plan.namespaces);
        let become_child = |theirs: OwnedFd, opened, streams| {
            let first = FirstProcess { plan, extras, spaces: &spaces, opened, streams, socket: &theirs };
            let failure = child::become_first_process(first);
            message::send(&theirs, &Report::Failed(failure.clone()));
            failure.exit_code()
        };
        let Namespaces { user, mounter, joined, .. } = &plan.namespaces;
        if joined.is_none() && mounter.is_none() && namespace.is_none() {
            let flags = if network { flags.with(CloneFlags::NETWORK) } else { flags };
            return match sys::clone(flags, None).map_err(StartError::Clone)? {
                Cloned::Child => {
                    drop(ours);
                    sys::exit_now(become_child(theirs, None, streams))
                }
                Cloned::Parent { pid, pidfd } => {
                    let mut made = Self {
                        pid,
                        child: Some(pidfd),
                        line: Line::new(ours),
                        terminal: None,
                        mapping: None,
                        stand_in: None,
                    };
                    made.mapping = user.as_ref().map(|it| userns::begin_maps(pid, it)).transpose()?;
                    Ok(made)
                }
            };
        }
        // One that is joined has its maps, and one below a mounter's is given them by that.
        let (joined, mounter) = (joined.as_ref(), mounter.as_ref());
        let way = Way { joined, mounter, namespace, user: user.as_ref(), flags, network };
        let open = |_: &OwnedFd| {
            let files = plan.files();
            mounter.map(|it| child::open_files(&files, &spaces, it)).transpose()
        };
        let go_on = |opened, theirs| become_child(theirs, opened, streams);
        let between = between::begin(way, (ours, theirs), open, go_on)?;
        let Made { child, socket, stand_in } = between.child()?;
        let mut line = Line::new(socket);
        let Some(pid) = pid_of(&child) else {
            kill_and_reap(&child);
            return Err(StartError::Vanished);
        };
        if joined.is_some_and(|it| it.pid) {
            line.watched = child.try_clone().ok();
        }
        Ok(Self { pid, child: Some(child), line, terminal: None, mapping: None, stand_in })
    }

    /// Pid of the first process, as the host sees it.
    #[must_use]
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Pid of a process, as the host sees it, in which the container's network and user namespace are found. It is not the first
    /// one where that hides from another container's processes; and it may end when the payload runs.
    #[must_use]
    pub fn representative(&self) -> Pid {
        self.stand_in.as_ref().map_or(self.pid, |it| it.pid)
    }

    /// Whether the first process is closed to us, too, until it has ids of its own, and nobody stands for it.
    #[must_use]
    pub fn is_hidden(&self, plan: &Plan) -> bool {
        plan.namespaces.joined.is_some() && self.stand_in.is_none()
    }

    /// Waits until the id maps are written; there are none for a container without a user namespace.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn map_ids(&mut self) -> Result<(), StartError> {
        Ok(self.mapping.take().map(Mapping::finish).transpose().map(drop)?)
    }

    /// The ids are mapped: lets the process take on its own, and go on with its mounts.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn mapped(&self) -> Result<(), StartError> {
        self.line.tell(MAPPED)
    }

    /// Why the process has ended, if it has and said so: what else goes wrong with it then is a consequence.
    #[must_use]
    pub fn failure(&self) -> Option<StartError> {
        loop {
            match message::receive_now(&self.line.socket) {
                Ok(Some(Report::Failed(failure))) => return Some(StartError::child(failure)),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// The process is in its cgroup by now: lets it go on with what hangs on that.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn placed(&self) -> Result<(), StartError> {
        self.line.tell(PLACED)
    }

    /// Waits until all mounts are made. `mount_rootfs` is called if the plan wants a helper to mount the root file system,
    /// `before_pivot` if it has hooks that run outside before the root is changed.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn prepared<E: From<StartError>>(
        &mut self,
        mount_rootfs: impl FnOnce(Pid) -> Result<(), E>,
        before_pivot: impl FnOnce(Pid) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut mount_rootfs, mut before_pivot) = (Some(mount_rootfs), Some(before_pivot));
        loop {
            match self.line.hear()? {
                Some(Report::Prepared) => return Ok(()),
                Some(Report::Terminal(master)) => self.terminal = Some(master),
                Some(Report::ReadyForRootfs) => {
                    if let Some(mount) = mount_rootfs.take() {
                        mount(self.pid)?;
                    }
                    self.line.tell(ROOTFS)?;
                }
                Some(Report::BeforePivot) => {
                    if let Some(work) = before_pivot.take() {
                        work(self.pid)?;
                    }
                    self.line.tell(PIVOT)?;
                }
                Some(Report::Failed(failure)) => return Err(StartError::child(failure).into()),
                Some(Report::Joined(_) | Report::Root(_)) | None => {
                    return Err(StartError::Vanished.into());
                }
            }
        }
    }

    /// Lets the process become the payload, and waits until it has.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn go(self) -> Result<Running, StartError> {
        let (running, held) = self.hold()?;
        match held.go() {
            Ok(()) => Ok(running),
            Err(err) => {
                kill_and_reap(&running.pidfd);
                Err(err)
            }
        }
    }

    /// Leaves the process where it is: it becomes the payload when it is told to.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn hold(mut self) -> Result<(Running, Held), StartError> {
        let child = self.child.take().ok_or(StartError::Vanished)?;
        let line = self.line.try_clone().map_err(StartError::Socket)?;
        Ok((Running { pid: self.pid, pidfd: child, terminal: self.terminal.take() }, Held { line }))
    }
}

/// A first process that is set up and waits for the word to become the payload. Dropping this ends it.
#[derive(Debug)]
pub struct Held {
    line: Line,
}

impl Held {
    /// Gives the word, and waits until the process has become the payload. After an error the process ends by itself.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn go(self) -> Result<(), StartError> {
        self.line.tell(GO)?;
        match self.line.hear()? {
            None => Ok(()),
            Some(Report::Failed(failure)) => Err(StartError::child(failure)),
            Some(_) => Err(StartError::Vanished),
        }
    }
}

/// The way to a first process, and what it says.
#[derive(Debug)]
struct Line {
    socket: OwnedFd,
    /// The process, if others see it, who may stop it.
    watched: Option<OwnedFd>,
}

impl Line {
    fn new(socket: OwnedFd) -> Self {
        Self { socket, watched: None }
    }

    fn try_clone(&self) -> io::Result<Self> {
        let watched = self.watched.as_ref().map(OwnedFd::try_clone).transpose()?;
        Ok(Self { socket: self.socket.try_clone()?, watched })
    }

    fn tell(&self, byte: u8) -> Result<(), StartError> {
        message::tell(&self.socket, byte).map_err(StartError::Socket)
    }

    /// Waits for what the process says next; `None` when it has become the payload.
    ///
    /// The processes of a pid namespace may stop one another, and those of another container would have us wait for ever. So
    /// one that is stopped before it is the payload is let go on, until whoever stops it has shown that he does not let it.
    fn hear(&self) -> Result<Option<Report>, StartError> {
        let mut stops = 0;
        while let Some(process) = &self.watched {
            let look = Timespec { tv_sec: 0, tv_nsec: LOOK_AFTER };
            match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&look)) {
                Ok(0) => {}
                Err(Errno::INTR) => continue,
                _ => break,
            }
            let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG;
            if let Ok(Some(_)) = waitid(WaitId::PidFd(process.as_fd()), options) {
                stops += 1;
                if stops > MOST_STOPS {
                    return Err(StartError::Stopped);
                }
                let _ = pidfd_send_signal(process, Signal::CONT);
            }
        }
        message::receive(&self.socket).map_err(StartError::Socket)
    }
}

/// Whether the first process can be made anywhere, and be moved later to where it belongs: one that is made in another
/// container, or has others put its files together, is somebody else's from the start, or has company.
#[must_use]
pub fn can_be_moved(plan: &Plan) -> bool {
    let Namespaces { mounter, joined, .. } = &plan.namespaces;
    joined.is_none() && mounter.is_none() && !matches!(plan.rootfs.source, RootfsSource::Fuse { .. })
}

/// Whether the first process is still that of the user who starts it when it has its own ids: only such ones does the service
/// manager move for a user.
#[must_use]
pub fn keeps_owner(namespaces: &Namespaces) -> bool {
    let own = rustix::process::geteuid();
    own.is_root() || namespaces.user.as_ref().is_none_or(|it| it.host_uid(0) == Some(own.as_raw()))
}

/// Whether the first process has a network namespace of its own.
fn has_network(namespaces: &Namespaces) -> bool {
    namespaces.network && !namespaces.joined.as_ref().is_some_and(|it| it.network)
}

/// What the first process does not share with the host or with another container, but for the network.
fn new_namespaces(namespaces: &Namespaces, with_user: bool) -> CloneFlags {
    let joined = namespaces.joined.as_ref();
    let shares = |which: fn(&JoinedNamespaces) -> bool| joined.is_some_and(which);
    let mut flags = CloneFlags::MOUNT;
    let mut add = |wanted: bool, flag| {
        if wanted {
            flags = flags.with(flag);
        }
    };
    add(with_user && namespaces.user.is_some() && joined.is_none_or(|it| it.own_user), CloneFlags::USER);
    add(!namespaces.host_pid && !shares(|it| it.pid), CloneFlags::PID);
    add(!namespaces.host_uts && !shares(|it| it.uts), CloneFlags::UTS);
    add(!namespaces.host_ipc && !shares(|it| it.ipc), CloneFlags::IPC);
    flags
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            kill_and_reap(&child);
        }
    }
}

/// A process whose payload runs. It is not ended by dropping this.
#[derive(Debug)]
pub struct Running {
    /// Its pid, as the host sees it.
    pub pid: Pid,
    /// The process itself.
    pub pidfd: OwnedFd,
    /// The master side of its terminal, if it has one.
    pub terminal: Option<OwnedFd>,
}

/// A process on its way into a running container, before its payload runs.
///
/// From the moment that it is seen there, the container's processes may stop it, as they may one another; so nobody waits for
/// it here: whoever began it watches [`Joining::fd`] and may give it up, which is what dropping it does.
#[derive(Debug)]
pub struct Joining {
    between: Option<OwnedFd>,
    socket: OwnedFd,
    joined: Option<OwnedFd>,
    terminal: Option<OwnedFd>,
}

impl Joining {
    /// Begins to start a process in the container whose first process is `target`; it becomes a child of the caller, which
    /// must be a child subreaper, and must reap no child that it does not know until this is done.
    ///
    /// # Errors
    /// [`StartError::Clone`].
    pub fn begin(
        target: BorrowedFd<'_>,
        namespaces: &Namespaces,
        process: &Process,
        extras: &Extras,
        streams: Option<StandardStreams>,
        cgroup: Option<BorrowedFd<'_>>,
    ) -> Result<Self, StartError> {
        let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
        match sys::clone(CloneFlags::default(), cgroup).map_err(StartError::Clone)? {
            Cloned::Child => {
                drop(ours);
                let failure = child::join(target, namespaces, process, extras, streams, &theirs);
                message::send(&theirs, &Report::Failed(failure.clone()));
                sys::exit_now(failure.exit_code())
            }
            Cloned::Parent { pidfd, .. } => {
                Ok(Self { between: Some(pidfd), socket: ours, joined: None, terminal: None })
            }
        }
    }

    /// Readable when it has something to say.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Hears one thing that it says, and waits for that if need be. Gives the process as soon as its payload runs.
    ///
    /// # Errors
    /// See [`StartError`]; it is over then.
    pub fn advance(&mut self) -> Result<Option<Running>, StartError> {
        match message::receive(&self.socket).map_err(StartError::Socket)? {
            Some(Report::Joined(pidfd)) => {
                self.joined = Some(pidfd);
                // Only now: what we do not know of never becomes a payload.
                message::tell(&self.socket, GO).map_err(StartError::Socket)?;
            }
            Some(Report::Terminal(master)) => self.terminal = Some(master),
            Some(Report::Failed(failure)) => return Err(StartError::child(failure)),
            Some(_) => {}
            // Both have closed their ends: the process between by its end, the other one by becoming the payload.
            None => {
                let pidfd = self.joined.take().ok_or(StartError::Vanished)?;
                let Some(pid) = pid_of(&pidfd) else {
                    kill_and_reap(&pidfd);
                    return Err(StartError::Vanished);
                };
                return Ok(Some(Running { pid, pidfd, terminal: self.terminal.take() }));
            }
        }
        Ok(None)
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        // The process between has ended by itself, unless the container stands still.
        if let Some(between) = self.between.take() {
            kill_and_reap(&between);
        }
        while self.joined.is_none() {
            match message::receive_now(&self.socket) {
                Ok(Some(Report::Joined(pidfd))) => self.joined = Some(pidfd),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        if let Some(joined) = self.joined.take() {
            kill_and_reap(&joined);
        }
    }
}

/// The number of a process, as seen from here.
fn pid_of(pidfd: &OwnedFd) -> Option<Pid> {
    use std::os::fd::AsRawFd;
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    let number = text.lines().find_map(|it| it.strip_prefix("Pid:"))?.trim().parse().ok()?;
    Pid::from_raw(number)
}

pub(crate) fn kill_and_reap(process: &OwnedFd) {
    let _ = pidfd_send_signal(process, Signal::KILL);
    let _ = waitid(WaitId::PidFd(process.as_fd()), WaitIdOptions::EXITED);
}

pub(crate) fn report_socket() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}
