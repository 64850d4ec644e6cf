//! Why a container did not start.

use std::io;
use std::path::PathBuf;

use pontoon_monitor::state::FailureReport;
use pontoon_network::PortError;
use pontoon_rootless::dbus::ManagerError;
use pontoon_storage::{FileError, FindImageError, RecordError};
use rustix::io::Errno;

use crate::exec::Causes;
use crate::facts::PlanError;
use crate::hooks::precreate::PrecreateError;
use crate::labels::relabel::RelabelError;
use crate::pod::slice::SliceError;
use crate::stop::AskError;

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// The container's directories.
    #[error(transparent)]
    File(#[from] FileError),
    /// How it ended before.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// What is to be labelled for it.
    #[error(transparent)]
    Relabel(#[from] RelabelError),
    /// The slice of its pod.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// Hooks that rewrite the plan.
    #[error(transparent)]
    Precreate(#[from] PrecreateError),
    /// The scope.
    #[error("cannot get a scope from the service manager")]
    Scope(#[from] ManagerError),
    /// The unit that has the networks.
    #[error("cannot reach the unit that connects containers to networks")]
    NetworkUnit(#[source] ManagerError),
    /// The place for changes to a volume.
    #[error("cannot make `{}`", path.display())]
    Overlay {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The supervisor's program.
    #[error("cannot run the supervisor `{}`", program.display())]
    Supervisor {
        /// Its path.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Too many start at once, and waiting for the others fails.
    #[error("cannot wait in `{}` for others that start containers", run.display())]
    Turn {
        /// The directory of what lives until the next boot.
        run: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The supervisor ended without a word.
    #[error("the supervisor was killed before the container ran")]
    Vanished,
    /// It was set up, and its supervisor does not let it go.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The supervisor said why.
    #[error("{}", .0.chain.first().map_or("the container could not be started", String::as_str))]
    Failed(FailureReport, #[source] Option<Causes>),
}

impl StartError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(err) => err.hint(),
            Self::Port(err) => err.hint(),
            Self::Relabel(err) => err.hint(),
            Self::Precreate(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Scope(err) | Self::NetworkUnit(err) => err.hint(),
            Self::Slice(err) => err.hint(),
            Self::Failed(report, _) => report.hint.clone(),
            Self::Supervisor { source, .. }
                if [Errno::NOENT, Errno::ACCESS, Errno::NOEXEC]
                    .map(Some)
                    .contains(&Errno::from_io_error(source)) =>
            {
                Some("it belongs to PREFIX/libexec/pontoon/pontoon-monitor; see `make install`".to_owned())
            }
            Self::Turn { .. } => Some("it must be writable for us, and have room; see --runroot".to_owned()),
            Self::Supervisor { .. }
            | Self::Image(_)
            | Self::Overlay { .. }
            | Self::Ask(_)
            | Self::Vanished => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Plan(err) => err.exit_code(),
            Self::Precreate(_) => 126,
            Self::Failed(report, _) => report.code,
            _ => 125,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_supervisor_that_is_not_there_is_to_be_installed() {
        let hint = |errno: Errno| {
            let source = io::Error::from(errno);
            StartError::Supervisor { program: PathBuf::from("/p"), source }.hint()
        };
        assert!(hint(Errno::NOENT).is_some_and(|it| it.contains("make install")));
        assert_eq!(hint(Errno::AGAIN), None);
        assert_eq!(hint(Errno::MFILE), None);
    }
}
