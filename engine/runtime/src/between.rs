//! A process between the supervisor and a child that is made where the supervisor itself cannot be: in namespaces that are
//! joined, in a user namespace that was made beforehand, or below one in which files are put together that the child's own
//! ids could not reach.
//!
//! The child is the supervisor's own all the same (`CLONE_PARENT`). The process between ends as soon as it is made, unless
//! others are to find the child's namespaces in it: a child that another container's processes see must be closed to them from
//! its first instruction to the payload's, and so is closed to whoever starts it; the process between has the same network and
//! the same user namespace, and nobody in the container sees it.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, Signal, WaitId, WaitIdOptions, getpid, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::child;
use crate::message::{self, Failure, MAPPED, Report, Step};
use crate::plan::{JoinedNamespaces, Mounter};
use crate::start::{StartError, kill_and_reap};

/// Where the process between works.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way<'a> {
    /// Namespaces of a running container that the child shares.
    pub joined: Option<&'a JoinedNamespaces>,
    /// Who puts the files together.
    pub mounter: Option<&'a Mounter>,
    /// A user namespace that was made beforehand and is still empty: the child's own, or where files are put together that of
    /// the process between.
    pub namespace: Option<BorrowedFd<'a>>,
    /// Maps of the child's user namespace; `None` if it has none.
    pub user: Option<&'a IdMaps>,
    /// Namespaces that are the child's own.
    pub flags: CloneFlags,
    /// The child has a network namespace of its own, too.
    pub network: bool,
}

impl Way<'_> {
    /// Maps of the user namespace that the process between has for itself.
    fn own_maps(&self) -> Option<&IdMaps> {
        // Beside a container that is joined, it goes into the one that was made for that.
        self.mounter
            .filter(|_| self.joined.is_none() && self.namespace.is_none())
            .and_then(|it| it.user.as_ref())
    }

    /// Whether the process between stays and stands for the child: both are in the user namespace that is joined.
    fn stands(&self) -> bool {
        self.joined.is_some_and(|it| !it.own_user)
    }

    /// The user namespace that was made for the process between.
    fn own_namespace(&self) -> Option<BorrowedFd<'_>> {
        self.namespace.filter(|_| self.mounter.is_some())
    }
}

/// The process between, at work.
#[derive(Debug)]
pub(crate) struct Between {
    pid: Pid,
    pidfd: OwnedFd,
    /// Where it and the child speak to us.
    socket: OwnedFd,
    /// Whether it stays.
    stands: bool,
}

/// A child that was made.
#[derive(Debug)]
pub(crate) struct Made {
    /// The child.
    pub child: OwnedFd,
    /// Where it speaks.
    pub socket: OwnedFd,
    /// Who stands for it meanwhile.
    pub stand_in: Option<StandIn>,
}

/// A process in which the child's network and user namespace are found. It ends with this, or with the supervisor.
#[derive(Debug)]
pub(crate) struct StandIn {
    pub pid: Pid,
    pidfd: OwnedFd,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        kill_and_reap(&self.pidfd);
    }
}

/// Makes the process between. It does `work`, where files are put together, and makes the child, which does `go_on` with
/// what came of it; the value is the child's exit code.
pub(crate) fn begin<T>(
    way: Way<'_>,
    (ours, theirs): (OwnedFd, OwnedFd),
    work: impl FnOnce(&OwnedFd) -> Result<T, Failure>,
    go_on: impl FnOnce(T, OwnedFd) -> i32,
) -> Result<Between, StartError> {
    let flags = match (way.joined, way.own_maps()) {
        (None, Some(_)) => CloneFlags::MOUNT.with(CloneFlags::USER),
        (None, None) if way.mounter.is_some() && way.namespace.is_none() => CloneFlags::MOUNT,
        _ => CloneFlags::default(),
    };
    let supervisor = getpid();
    match sys::clone(flags, None).map_err(StartError::Clone)? {
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let between = Between { pid, pidfd, socket: ours, stands: way.stands() };
            if let Some(maps) = way.own_maps() {
                userns::write_maps(between.pid, maps)?;
                message::tell(&between.socket, MAPPED).map_err(StartError::Socket)?;
            }
            Ok(between)
        }
        Cloned::Child => {
            // Or we and the child would not hear of the supervisor's end.
            drop(ours);
            let failure = match make_child(way, &theirs, work) {
                Ok((Cloned::Child, made)) => sys::exit_now(go_on(made, theirs)),
                Ok((Cloned::Parent { pid, pidfd }, _)) => match map_child(way, pid) {
                    Ok(()) => {
                        let open = if way.stands() { be_found(supervisor) } else { Ok(()) };
                        match message::hand_over(&theirs, pidfd) {
                            Ok(()) => {
                                // Its end says that the child has become the payload.
                                drop(theirs);
                                if open.is_ok() && way.stands() {
                                    userns::stay(supervisor)
                                }
                                sys::exit_now(0)
                            }
                            Err(failure) => failure,
                        }
                    }
                    Err(failure) => {
                        let _ = rustix::process::pidfd_send_signal(&pidfd, rustix::process::Signal::KILL);
                        failure
                    }
                },
                Err(failure) => failure,
            };
            message::send(&theirs, &Report::Failed(failure.clone()));
            sys::exit_now(failure.exit_code())
        }
    }
}

impl Between {
    /// Waits until the child is there.
    pub(crate) fn child(self) -> Result<Made, StartError> {
        let said = message::receive(&self.socket).map_err(StartError::Socket)?;
        let stands = self.stands && matches!(said, Some(Report::Joined(_)));
        if !stands {
            let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        }
        let stand_in = stands.then_some(StandIn { pid: self.pid, pidfd: self.pidfd });
        match said {
            Some(Report::Joined(child)) => Ok(Made { child, socket: self.socket, stand_in }),
            Some(Report::Failed(failure)) => Err(StartError::child(failure)),
            _ => Err(StartError::Vanished),
        }
    }
}

/// Opens the process between to whoever starts the child.
fn be_found(supervisor: Pid) -> std::io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    if rustix::process::getppid() != Some(supervisor) {
        return Err(Errno::SRCH.into());
    }
    Ok(rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable)?)
}

fn failed(err: &std::io::Error) -> Failure {
    Failure::new(Step::Namespaces, "", Errno::from_io_error(err).unwrap_or(Errno::IO))
}

fn make_child<T>(
    way: Way<'_>,
    socket: &OwnedFd,
    work: impl FnOnce(&OwnedFd) -> Result<T, Failure>,
) -> Result<(Cloned, T), Failure> {
    if let (Some(joined), Some(mounter)) = (way.joined, way.mounter) {
        child::enter_mounter_of(joined, mounter)?;
    }
    let enter = |namespace| {
        let entered = move_into_link_name_space(namespace, Some(LinkNameSpaceType::User));
        entered.map_err(|err| Failure::new(Step::Namespaces, "", err))
    };
    if let Some(namespace) = way.own_namespace() {
        enter(namespace)?;
        sys::unshare(CloneFlags::MOUNT).map_err(|err| failed(&err))?;
    }
    if way.own_maps().is_some() {
        message::expect(socket, MAPPED)?;
    }
    let made = work(socket)?;
    if let Some(joined) = way.joined {
        child::enter_joined(joined, way.user.is_some() && !joined.own_user)?;
    }
    if let Some(namespace) = way.namespace.filter(|_| way.mounter.is_none()) {
        enter(namespace)?;
    }
    let mut flags = way.flags.with(CloneFlags::PARENT);
    if way.network && way.stands() {
        sys::unshare(CloneFlags::NETWORK).map_err(|err| failed(&err))?;
    } else if way.network {
        flags = flags.with(CloneFlags::NETWORK);
    }
    let cloned = sys::clone(flags, None).map_err(|err| failed(&err))?;
    Ok((cloned, made))
}

/// Gives a child with a user namespace of its own its maps; only we can, being root in the parent of it.
fn map_child(way: Way<'_>, pid: Pid) -> Result<(), Failure> {
    if way.joined.is_some_and(|it| !it.own_user) {
        return Ok(());
    }
    let (Some(maps), Some(mounter)) = (way.user, way.mounter) else { return Ok(()) };
    let told = mounter.told(maps);
    userns::write_maps(pid, &told).map_err(|err| match err {
        userns::UserNamespaceError::Write { source, .. } => failed(&source),
        _ => Failure::new(Step::Namespaces, "", Errno::PERM),
    })
}
