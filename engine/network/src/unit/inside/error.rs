//! Why something could not be done to the networks.

use std::io;

use pontoon_network::join::Link;

use super::super::nft::NftError;

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub enum InsideError {
    /// The kernel said no.
    #[error("cannot {deed}")]
    Kernel {
        /// What was tried.
        deed: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The packet filter.
    #[error("cannot set up the rules of the network")]
    Rules(#[source] NftError),
    /// Somebody else's interface has the name.
    #[error("the interface `{interface}` is there already and is no bridge of ours")]
    Foreign {
        /// Its name.
        interface: String,
    },
    /// The interface that macvlan or ipvlan is to sit on.
    #[error("the host has no interface `{interface}`, which network `{network}` is on")]
    NoParent {
        /// Its name.
        interface: String,
        /// The network.
        network: String,
    },
    /// The bridge that somebody else looks after.
    #[error("the host has no bridge `{interface}`, which network `{network}` is on")]
    NoBridge {
        /// Its name.
        interface: String,
        /// The network.
        network: String,
    },
    /// macvlan and ipvlan sit on the interface of the default route where none is named.
    #[error("network `{network}` names no interface of the host, and the host has no default route")]
    NoDefaultRoute {
        /// The network.
        network: String,
    },
    /// The VRF that a bridge is to be in.
    #[error("the host has no VRF `{vrf}`, which network `{network}` is in")]
    NoVrf {
        /// Its name.
        vrf: String,
        /// The network.
        network: String,
    },
    /// The kernel is without it.
    #[error("the kernel has no {what}, which network `{network}` needs")]
    Unsupported {
        /// What.
        what: &'static str,
        /// The network.
        network: String,
    },
    /// An order without what belongs to it.
    #[error("malformed order")]
    Malformed,
}

impl InsideError {
    pub(super) fn kernel(deed: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Kernel { deed: deed.into(), source }
    }

    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Rules(err) => err.hint(),
            Self::NoParent { .. } => Some("`ip link` shows the interfaces".to_owned()),
            Self::Foreign { interface } => Some(format!("`ip link show {interface}` shows what it is")),
            Self::NoBridge { interface, .. } => Some(format!(
                "`ip link add {interface} type bridge` makes one; with -o mode=unmanaged pontoon does not"
            )),
            Self::NoDefaultRoute { .. } => Some("make it with -o parent=INTERFACE".to_owned()),
            Self::NoVrf { vrf, .. } => Some(format!("`ip link add {vrf} type vrf table NUMBER` makes it")),
            Self::Kernel { .. } | Self::Unsupported { .. } | Self::Malformed => None,
        }
    }
}

/// Whether the kernel was built without it: links of an unknown kind are `EOPNOTSUPP` (rtnetlink(7)).
pub(super) fn is_unsupported(err: &io::Error) -> bool {
    err.raw_os_error() == Some(libc::EOPNOTSUPP)
}

pub(super) fn unsupported(network: &Link, what: &'static str) -> InsideError {
    InsideError::Unsupported { what, network: network.name.clone() }
}
