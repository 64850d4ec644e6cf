//! The process inside, as it is seen from outside: started, told what to do, and replaced if it is killed.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, Command, Stdio};

use pontoon_network::lease::Refusal;
use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::packet;
use pontoon_rootless::sys::keep_across_exec;
use pontoon_rootless::userns::{Grants, NewNamespace, UserNamespaceError};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use super::order::{Answer, Order};

/// Why nothing can be done inside.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Its process.
    #[error("cannot start the process inside")]
    Start(#[source] io::Error),
    /// It ended.
    #[error("the process inside has ended")]
    Ended,
    /// It said why.
    #[error(transparent)]
    Refused(Refusal),
}

impl WorkerError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::Start(_) | Self::Ended => None,
        }
    }

    /// As it is told to others.
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused(refusal) => refusal.clone(),
            other => Refusal::of(other, other.hint()),
        }
    }
}

/// The user namespace in which everything is, unless we are root.
#[derive(Debug)]
pub struct UserNamespace {
    /// A handle of it.
    pub fd: OwnedFd,
    /// Its maps.
    pub maps: IdMaps,
}

impl UserNamespace {
    /// One with all ids of the user. Called with a single thread only.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn make() -> Result<Self, UserNamespaceError> {
        let maps = maps()?;
        Ok(Self { fd: NewNamespace::begin(&maps)?.finish()?, maps })
    }

    /// One that was kept.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn kept(fd: OwnedFd) -> Result<Self, UserNamespaceError> {
        Ok(Self { fd, maps: maps()? })
    }
}

fn maps() -> Result<IdMaps, UserNamespaceError> {
    let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
    let name = pontoon_rootless::names::by_uid(uid).map(|it| it.name);
    Ok(Grants::of(uid, gid, name.as_deref())?.maps())
}

/// The process.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    socket: OwnedFd,
}

impl Worker {
    /// Starts it in the namespaces, and gives its network namespace.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn start(
        user: Option<&UserNamespace>,
        network: Option<BorrowedFd<'_>>,
    ) -> Result<(Self, OwnedFd), WorkerError> {
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .map_err(|err| WorkerError::Start(err.into()))?;
        let mut command = Command::new("/proc/self/exe");
        command.arg("inside").stdin(Stdio::null());
        let mut passed = vec![("--orders", theirs.as_fd())];
        passed.extend(user.map(|it| ("--user", it.fd.as_fd())));
        passed.extend(network.map(|it| ("--network", it)));
        for (word, fd) in &passed {
            // Inherited by this one child only: we have one thread, and nothing else is started in between.
            let number = keep_across_exec(fd).map_err(WorkerError::Start)?;
            command.args([word, number.to_string().as_str()]);
        }
        if user.is_some_and(|it| it.maps.is_single()) {
            command.arg("--single");
        }
        let child = command.spawn();
        for (_, fd) in &passed {
            let _ = fcntl_setfd(fd, FdFlags::CLOEXEC);
        }
        let child = child.map_err(WorkerError::Start)?;
        drop(theirs);
        let worker = Self { child, socket: ours };
        let (_, mut fds) = worker.hear()?;
        let home = fds.pop().ok_or(WorkerError::Ended)?;
        Ok((worker, home))
    }

    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has something done; when it is readable, [`Worker::hear`] has the answer.
    ///
    /// # Errors
    /// [`WorkerError::Ended`].
    pub fn order(&self, order: &Order, fds: &[BorrowedFd<'_>]) -> Result<(), WorkerError> {
        packet::send(&self.socket, order, fds).map_err(|_| WorkerError::Ended)
    }

    /// What came of an order.
    ///
    /// # Errors
    /// [`WorkerError`].
    pub fn hear(&self) -> Result<(Answer, Vec<OwnedFd>), WorkerError> {
        match packet::receive::<Answer>(&self.socket) {
            Ok(Some((Answer::Failed(refusal), _))) => Err(WorkerError::Refused(refusal)),
            Ok(Some(heard)) => Ok(heard),
            Ok(None) | Err(_) => Err(WorkerError::Ended),
        }
    }
}

impl AsFd for Worker {
    /// Readable when it has an answer or has ended: it speaks only when it is asked.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
