//! A process between the supervisor and a child that is made where the supervisor itself cannot be: in namespaces that are
//! joined, in a user namespace that was made beforehand, or below one in which files are put together that the child's own
//! ids could not reach.
//!
//! The child is the supervisor's own all the same (`CLONE_PARENT`); the process between ends as soon as it is made.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::child;
use crate::message::{self, Failure, MAPPED, Report, Step};
use crate::plan::{JoinedNamespaces, Mounter};
use crate::start::StartError;

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
}

impl Way<'_> {
    /// Maps of the user namespace that the process between has for itself.
    fn own_maps(&self) -> Option<&IdMaps> {
        // Beside a container that is joined, it goes into the one that was made for that.
        self.mounter
            .filter(|_| self.joined.is_none() && self.namespace.is_none())
            .and_then(|it| it.user.as_ref())
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
    match sys::clone(flags, None).map_err(StartError::Clone)? {
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let between = Between { pid, pidfd, socket: ours };
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
                        message::send(&theirs, &Report::Joined(pidfd));
                        sys::exit_now(0)
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
    /// Waits until the child is there, and gives it with the socket on which it speaks.
    pub(crate) fn child(self) -> Result<(OwnedFd, OwnedFd), StartError> {
        let said = message::receive(&self.socket).map_err(StartError::Socket)?;
        let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        match said {
            Some(Report::Joined(pidfd)) => Ok((pidfd, self.socket)),
            Some(Report::Failed(failure)) => Err(StartError::child(failure)),
            _ => Err(StartError::Vanished),
        }
    }
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
    let cloned = sys::clone(way.flags.with(CloneFlags::PARENT), None).map_err(|err| failed(&err))?;
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
