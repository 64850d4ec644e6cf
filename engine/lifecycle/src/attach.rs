//! Attaching to a running container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::state::FailureReport;
use pontoon_storage::ContainerHandle;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::stop::{self, AskError};

/// What a looker-on may fall behind: the most that a user's pipe may hold without more rights (pipe(7)).
const PIPE_SIZE: usize = 1 << 20;

/// A container whose output we get.
#[derive(Debug)]
pub struct Attached {
    ending: OwnedFd,
    /// What it writes on its standard output, or on its terminal.
    pub stdout: OwnedFd,
    /// What it writes on its standard error.
    pub stderr: OwnedFd,
    /// The way to its input; `None` if it reads nothing.
    pub input: Option<OwnedFd>,
}

/// How it came to an end.
#[derive(Debug)]
pub enum Outcome {
    /// With the container, and its exit code.
    Exited(i32),
    /// We were let go, since we read too slowly; why, and what to do.
    LetGo(FailureReport),
    /// The supervisor was killed.
    Gone,
}

impl Attached {
    /// Readable when it has ended.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.ending.as_fd()
    }

    /// Waits for the end.
    #[must_use]
    pub fn wait(&self) -> Outcome {
        match control::receive::<Reply>(&self.ending) {
            Ok(Some((Reply::Exited { code }, _))) => Outcome::Exited(code),
            Ok(Some((Reply::Failed(report), _))) => Outcome::LetGo(report),
            _ => Outcome::Gone,
        }
    }
}

/// Attaches.
///
/// # Errors
/// See [`AskError`].
pub fn attach(container: &ContainerHandle) -> Result<Attached, AskError> {
    let talk = |err: rustix::io::Errno| AskError::Talk(err.into());
    let socket = stop::connect(container)?;
    let (stdout, theirs_out) = pipe_with(PipeFlags::CLOEXEC).map_err(talk)?;
    let (stderr, theirs_err) = pipe_with(PipeFlags::CLOEXEC).map_err(talk)?;
    for pipe in [&stdout, &stderr] {
        let _ = fcntl_setpipe_size(pipe, PIPE_SIZE);
    }
    control::send(&socket, &Request::Attach, &[theirs_out.as_fd(), theirs_err.as_fd()])
        .map_err(AskError::Talk)?;
    drop((theirs_out, theirs_err));
    match control::receive::<Reply>(&socket).map_err(AskError::Talk)? {
        Some((Reply::Done, fds)) => {
            Ok(Attached { ending: socket, stdout, stderr, input: fds.into_iter().next() })
        }
        Some((Reply::Failed(report), _)) => Err(AskError::Refused(report.chain)),
        _ => Err(AskError::NotRunning),
    }
}
