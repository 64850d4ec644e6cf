//! What the facts mean, and what mends what is amiss.

mod ids;
mod manager;
mod network;
mod store;

use serde::Serialize;

use self::ids::{id_helpers, id_overlaps, subordinate_ids, user_namespaces};
use self::manager::{cgroups, generator, linger, manager};
use self::network::{network, networks_of_root, ping, ports};
use self::store::{overlay, runtime_state};
use super::facts::Facts;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Ranges in `/etc/subuid` and `/etc/subgid`.
    SubordinateIds,
    /// Whether nobody else has these ids.
    IdOverlaps,
    /// `newuidmap` and `newgidmap`.
    IdHelpers,
    /// User namespaces.
    UserNamespaces,
    /// cgroup v2 and its controllers.
    Cgroups,
    /// Runtime directory, manager and bus.
    Manager,
    /// Linger.
    Linger,
    /// Programs and devices of networks.
    Network,
    /// Ports below 1024.
    Ports,
    /// Ping.
    Ping,
    /// Root file systems.
    Overlay,
    /// State that nobody keeps.
    RuntimeState,
    /// Generators.
    Generator,
}

impl Check {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SubordinateIds => "subordinate ids",
            Self::IdOverlaps => "id overlaps",
            Self::IdHelpers => "id helpers",
            Self::UserNamespaces => "user namespaces",
            Self::Cgroups => "cgroups",
            Self::Manager => "manager",
            Self::Linger => "linger",
            Self::Network => "network",
            Self::Ports => "ports",
            Self::Ping => "ping",
            Self::Overlay => "overlay",
            Self::RuntimeState => "runtime state",
            Self::Generator => "generator",
        }
    }
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Containers run, and something that they may want does not work.
    Limited,
    /// Containers or their services do not work as they should.
    Broken,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limited => "limited",
            Self::Broken => "broken",
        }
    }
}

/// Who can mend something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The user.
    User,
    /// Root only.
    Root,
}

/// What `doctor --fix` can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Give the user ranges of ids that nobody has.
    AllotIds {
        /// The user.
        name: String,
        /// Its number.
        uid: u32,
    },
    /// Have systemd delegate all controllers to users.
    Delegate,
    /// Let the user's services run without a session.
    EnableLinger {
        /// The user.
        uid: u32,
    },
    /// Take away what is left over in the runtime directory.
    Tidy,
}

/// How something is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// The command.
    pub command: String,
    /// By whom.
    pub by: Actor,
    /// What we can do ourselves.
    pub deed: Option<Deed>,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How it stands.
    pub level: Level,
    /// In words.
    pub says: String,
    /// How it is mended, where it can be.
    pub mend: Option<Mend>,
}

fn good(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, level: Level::Good, says: says.into(), mend: None }
}

fn limited(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, level: Level::Limited, says: says.into(), mend: None }
}

fn broken(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, level: Level::Broken, says: says.into(), mend: None }
}

impl Finding {
    fn by_root(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(Mend { command: command.into(), by: Actor::Root, deed: None });
        self
    }

    fn by_user(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(Mend { command: command.into(), by: Actor::User, deed: None });
        self
    }

    fn with(mut self, deed: Deed) -> Self {
        if let Some(mend) = &mut self.mend {
            mend.deed = Some(deed);
        }
        self
    }
}

/// Judges.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    if facts.subject.uid != 0 {
        all.push(subordinate_ids(facts));
        all.extend(id_overlaps(facts));
        all.push(id_helpers(&facts.id_helpers));
        all.extend(user_namespaces(facts));
    }
    all.push(cgroups(facts));
    all.push(manager(facts));
    if facts.subject.uid != 0 {
        all.push(linger(facts));
        all.push(network(facts));
        all.push(ports(facts));
        all.push(ping(facts));
    } else {
        all.push(networks_of_root(facts));
    }
    if let Some(own) = &facts.own {
        all.push(overlay(own));
        all.push(runtime_state(own));
    }
    all.push(generator(facts));
    all
}

/// The command that has us do it for the subject.
fn fix_for(facts: &Facts) -> String {
    match &facts.subject.name {
        Some(name) => format!("pontoon doctor --fix --user {name}"),
        None => format!("pontoon doctor --fix --user {}", facts.subject.uid),
    }
}
