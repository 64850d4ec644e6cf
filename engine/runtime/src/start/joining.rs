//! A process on its way into a running container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::cgroup::Entrance;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::line::report_socket;
use super::process::{kill_and_reap, pid_of};
use super::{Extras, Running, StandardStreams, StartError};
use crate::child;
use crate::message::{self, Failure, GO, Report, Step};
use crate::plan::{Namespaces, Process};

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
        cgroup: Option<&Entrance>,
    ) -> Result<Self, StartError> {
        let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
        let group = cgroup.and_then(Entrance::directory);
        match sys::clone(CloneFlags::default(), group).map_err(StartError::Clone)? {
            Cloned::Child => {
                drop(ours);
                let failure = match cgroup.map_or(Ok(()), Entrance::pass) {
                    Ok(()) => child::join(target, namespaces, process, extras, streams, &theirs),
                    Err(err) => {
                        Failure::new(Step::Namespaces, "", Errno::from_io_error(&err).unwrap_or(Errno::IO))
                    }
                };
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

    /// Whether [`Joining::advance`] would not wait.
    #[must_use]
    pub fn has_something_to_say(&self) -> bool {
        let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
        matches!(poll(&mut fds, Some(&Timespec::default())), Ok(1..))
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
                return Ok(Some(Running { pid, pidfd, terminal: self.terminal.take(), home: String::new() }));
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
