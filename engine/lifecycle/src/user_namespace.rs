//! Work that needs mapped ids, in a child that enters a short-lived user namespace.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns::{self, UserNamespaceError};
use rustix::pipe::PipeFlags;
use rustix::process::{Signal, WaitId, WaitIdOptions, set_parent_process_death_signal, waitid};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::host::Host;

/// Why the work could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum EnterError {
    /// The namespace.
    #[error(transparent)]
    Namespace(#[from] UserNamespaceError),
    /// The child.
    #[error("cannot make a child process")]
    Child(#[source] io::Error),
}

impl EnterError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Namespace(err) => err.hint(),
            Self::Child(_) => None,
        }
    }
}

/// A child at work.
#[derive(Debug)]
pub struct Worker {
    pidfd: OwnedFd,
}

impl Worker {
    /// Readable when the child has ended.
    #[must_use]
    pub fn ended_fd(&self) -> &OwnedFd {
        &self.pidfd
    }

    /// Waits for the child and gives its exit code; `None` if a signal ended it.
    #[must_use]
    pub fn wait(self) -> Option<i32> {
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED).ok().flatten()?;
        status.exit_status()
    }
}

/// Runs `work` in a child that is root over our ids, and gives the child. Called with a single thread only; as root the child
/// needs no namespace.
///
/// `failed` tells, in the child, why the namespace could not be entered; its value, like that of `work`, is the exit code.
///
/// # Errors
/// See [`EnterError`].
pub fn spawn(
    host: &Host,
    failed: impl FnOnce(UserNamespaceError) -> i32,
    work: impl FnOnce(Option<&IdMaps>) -> i32,
) -> Result<Worker, EnterError> {
    let maps = host.maps()?;
    match sys::clone(CloneFlags::default(), None).map_err(EnterError::Child)? {
        Cloned::Child => {
            let die_with_us = || {
                let _ = set_parent_process_death_signal(Some(Signal::KILL));
            };
            die_with_us();
            let code = match maps.as_ref().map_or(Ok(()), userns::enter) {
                Ok(()) => {
                    // Entering changes our ids, which takes the wish away.
                    die_with_us();
                    work(maps.as_ref())
                }
                Err(err) => failed(err),
            };
            sys::exit_now(code)
        }
        Cloned::Parent { pidfd, .. } => Ok(Worker { pidfd }),
    }
}

/// [`spawn`], and waits. Gives whether the work said 0.
///
/// # Errors
/// See [`EnterError`].
pub fn run(host: &Host, work: impl FnOnce(Option<&IdMaps>) -> i32) -> Result<bool, EnterError> {
    Ok(spawn(host, |_| 1, work)?.wait() == Some(0))
}

/// Has a question answered by a child that is root over our ids: `None` if it could not.
///
/// # Errors
/// See [`EnterError`].
pub fn ask<T: Serialize + DeserializeOwned>(
    host: &Host,
    answer: impl FnOnce() -> T,
) -> Result<Option<T>, EnterError> {
    if !host.is_rootless() {
        return Ok(Some(answer()));
    }
    let pipe =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(|errno| EnterError::Child(errno.into()))?;
    let (reader, writer) = (File::from(pipe.0), File::from(pipe.1));
    let worker = spawn(host, |_| 1, |_| i32::from(serde_json::to_writer(&writer, &answer()).is_err()))?;
    // Ours goes, so that the pipe ends with the child.
    drop(writer);
    let mut text = Vec::new();
    let read = (&reader).read_to_end(&mut text).is_ok();
    let is_whole = worker.wait() == Some(0) && read;
    Ok(serde_json::from_slice(&text).ok().filter(|_| is_whole))
}
