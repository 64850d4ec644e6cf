//! Starting processes: the supervisor's side.
//!
//! [`Starting`] is a container between clone and exec. Its methods are called in order; each consumes or advances it, and
//! dropping it kills what was begun. [`Joining`] is a process on its way into a container that runs.

mod error;
mod joining;
mod line;
mod namespaces;
mod process;

use std::os::fd::{BorrowedFd, OwnedFd};

use pontoon_rootless::sys::{self, CloneFlags, Cloned, SockFilter};
use pontoon_rootless::userns::{self, Mapping};
use rustix::process::Pid;

pub use self::error::StartError;
pub use self::joining::Joining;
pub(crate) use self::line::report_socket;
pub(crate) use self::namespaces::has_own_ipc;
pub use self::namespaces::{can_be_moved, keeps_owner};
pub(crate) use self::process::kill_and_reap;

use self::line::Line;
use self::namespaces::{has_network, new_namespaces};
use self::process::pid_of;
use crate::between::{self, Made, StandIn, Way};
use crate::child::{self, FirstProcess};
use crate::common::Given;
use crate::identity::look_up_owner;
use crate::mapped::IdSpaces;
use crate::message::{self, GO, MAPPED, PIVOT, PLACED, ROOTFS, Report};
use crate::plan::{Namespaces, Plan};

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
    /// The file systems of volumes that others may have as well.
    pub common: Vec<Given>,
    /// Whether a program that is not there is told before the process waits for the word to become it.
    pub looks_first: bool,
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
    /// The home of the user who runs it, by the container's own user database; empty for one that joined.
    pub home: String,
}

/// A container whose first process exists, but not yet its payload.
#[derive(Debug)]
pub struct Starting {
    pid: Pid,
    child: Option<OwnedFd>,
    line: Line,
    terminal: Option<OwnedFd>,
    home: String,
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
                        home: String::new(),
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
            let open = |it| child::open_files(&files, &spaces, &extras.common, it, look_up_owner);
            mounter.map(open).transpose()
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
        Ok(Self {
            pid,
            child: Some(child),
            line,
            terminal: None,
            home: String::new(),
            mapping: None,
            stand_in,
        })
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
                Some(Report::Prepared { home }) => {
                    self.home = home;
                    return Ok(());
                }
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
        let home = std::mem::take(&mut self.home);
        let running = Running { pid: self.pid, pidfd: child, terminal: self.terminal.take(), home };
        Ok((running, Held { line }))
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            kill_and_reap(&child);
        }
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
