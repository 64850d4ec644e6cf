//! Attaching to a running container.

use std::os::fd::{AsFd, OwnedFd};

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_storage::ContainerHandle;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::stop::{self, AskError, Ending};

/// What a looker-on may fall behind: the most that a user's pipe may hold without more rights (pipe(7)).
const PIPE_SIZE: usize = 1 << 20;

/// A container whose output we get.
#[derive(Debug)]
pub struct Attached {
    /// Its end.
    pub ending: Ending,
    /// What it writes on its standard output, or on its terminal.
    pub stdout: OwnedFd,
    /// What it writes on its standard error.
    pub stderr: OwnedFd,
    /// The way to its input; `None` if it reads nothing.
    pub input: Option<OwnedFd>,
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
            Ok(Attached { ending: Ending::new(socket), stdout, stderr, input: fds.into_iter().next() })
        }
        Some((Reply::Failed(report), _)) => Err(AskError::Refused(report.chain)),
        _ => Err(AskError::NotRunning),
    }
}
