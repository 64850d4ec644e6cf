//! Whose namespaces a container is to be in.

use std::net::IpAddr;
use std::path::PathBuf;

use pontoon_network::join::MacAddress;
use pontoon_rootless::idmap::Wish;
use serde::{Deserialize, Serialize};

/// Whose a namespace is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NamespaceMode {
    /// The container's own.
    #[default]
    Private,
    /// The host's.
    Host,
    /// Another container's.
    Container(String),
    /// One by path.
    Path(PathBuf),
}

/// `--userns`, `--uidmap`, `--gidmap`, `--subuidname`, `--subgidname`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserNsMode {
    /// The user's default map (rootless: our user is root inside); as root: no user namespace.
    #[default]
    Host,
    /// The calling user keeps its id inside, or gets the one given.
    KeepId {
        /// Container user id that stands for the caller.
        uid: Option<u32>,
        /// Container group id that stands for the caller's group.
        gid: Option<u32>,
        /// How many ids in all.
        size: Option<u32>,
    },
    /// The subordinate ids alone, without the calling user's own.
    NoMap,
    /// Ids that no other container has.
    Auto(AutoUserNs),
    /// Ids one by one; without any the user's default map.
    Mapped {
        /// User ids.
        uids: Vec<Wish>,
        /// Group ids.
        gids: Vec<Wish>,
    },
    /// What `/etc/subuid` and `/etc/subgid` grant to somebody.
    Granted {
        /// Whose user ids.
        user: String,
        /// Whose group ids.
        group: String,
    },
    /// The user namespace of another container.
    Container(String),
    /// One by path.
    Path(PathBuf),
}

/// `--userns auto`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AutoUserNs {
    /// How many ids; `None` is as many as the image's users need.
    pub size: Option<u32>,
    /// User ids that are to be certain ones.
    pub uids: Vec<Wish>,
    /// Group ids that are to be certain ones.
    pub gids: Vec<Wish>,
}

impl UserNsMode {
    /// The word for it, without what follows the colon.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Host => "host",
            Self::KeepId { .. } => "keep-id",
            Self::NoMap => "nomap",
            Self::Auto(_) => "auto",
            Self::Mapped { .. } | Self::Granted { .. } => "private",
            Self::Container(_) => "container",
            Self::Path(_) => "ns",
        }
    }
}

/// A network with a name that a container is on (podman-run(1), `--network`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkUse {
    /// The network's name.
    pub name: String,
    /// `ip`, `ip6`: addresses that are asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// `mac`: the hardware address that is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<MacAddress>,
    /// `alias`: names on this network, beside the container's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// `interface_name`: its interface inside; else the first free of `eth0`, `eth1`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interface: Option<String>,
}

/// `--network`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// The host's network namespace.
    Host,
    /// A namespace with nothing but loopback.
    None,
    /// pasta, with its own options (the words after `pasta:`, split at commas).
    Pasta(Vec<String>),
    /// slirp4netns, with its options.
    Slirp4netns(Vec<String>),
    /// Networks with names, in order: the first one has the default route.
    Named(Vec<NetworkUse>),
    /// The namespace of another container.
    Container(String),
    /// One by path.
    Path(PathBuf),
    /// A namespace without any set-up at all.
    Private,
}

/// `--hosts-file`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostsFile {
    /// A file of the host.
    Path(PathBuf),
    /// The image's own.
    Image,
    /// Nothing.
    None,
}
