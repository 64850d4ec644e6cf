//! Why a planned network cannot be connected.

use std::io;
use std::path::PathBuf;

use crate::Protocol;

/// Why a network cannot be connected or taken down.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The program cannot be run.
    #[error("cannot run `{}`", program.display())]
    Spawn {
        /// Program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program that the helper needs is not there.
    #[error("cannot prepare mounts for the network helper")]
    Missing {
        /// Which one.
        #[source]
        source: pontoon_rootless::helper::MissingHelper,
    },
    /// Its end cannot be waited for.
    #[error("cannot wait for `{}`", program.display())]
    Wait {
        /// Program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It did not connect the namespace.
    #[error("`{}` cannot connect the container to the network: {words}", program.display(), words = or_nothing(words))]
    Refused {
        /// Program.
        program: PathBuf,
        /// What it said.
        words: String,
    },
    /// The namespace cannot be bound to a file for it.
    #[error("cannot bind the network namespace to `{}`", path.display())]
    Bind {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// slirp4netns cannot be asked for a port.
    #[error("cannot ask slirp4netns to forward port {port}/{protocol}", protocol = protocol.name())]
    Forward {
        /// Port of the host.
        port: u16,
        /// Protocol.
        protocol: Protocol,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// slirp4netns does not forward a port.
    #[error("slirp4netns cannot forward port {port}/{protocol}: {words}", protocol = protocol.name())]
    ForwardRefused {
        /// Port of the host.
        port: u16,
        /// Protocol.
        protocol: Protocol,
        /// What it said.
        words: String,
    },
    /// The helper does not end.
    #[error("cannot end the network helper with pid {pid}")]
    End {
        /// Its pid.
        pid: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl NetworkError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { source } => Some(source.hint()),
            Self::Refused { words, .. } if words.contains("/dev/net/tun") => {
                Some("/dev/net/tun must be there and open to everybody: modprobe tun; chmod 666 /dev/net/tun".to_owned())
            }
            Self::Refused { words, .. } if words.contains("in use") || words.contains("bind") => {
                Some("`ss -lntup` shows who listens on the ports of the host".to_owned())
            }
            Self::Refused { words, .. } if words.contains("outable") => Some(
                "the host has no default route for the container to use; with a newer pasta that is no matter, and \
                 --network none or host need none"
                    .to_owned(),
            ),
            Self::ForwardRefused { .. } => {
                Some("`ss -lntup` shows who listens on the ports of the host".to_owned())
            }
            _ => None,
        }
    }
}

fn or_nothing(words: &str) -> &str {
    if words.is_empty() { "it did not say why" } else { words }
}
