//! Why a process does not run.

use std::io;

use pontoon_rootless::userns::UserNamespaceError;

use crate::fuse::FuseError;
use crate::message::Failure;

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

    /// The exit code that this failure gives where a process was to join a container.
    #[must_use]
    pub fn exit_code_of_joining(&self) -> i32 {
        match self {
            Self::Child(failure, _) => failure.exit_code_of_joining(),
            _ => self.exit_code(),
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
