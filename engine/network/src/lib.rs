//! Published ports, networks with names, and the programs that connect a rootless network namespace to the outside.
//!
//! Knows no container and no image: it is given words, facts about the host and the pid of a process in a new network
//! namespace, and gives back a plan of one helper program and two files. [`plan`] decides and touches nothing;
//! [`Starting`] and [`NetworkSession`] do what was decided.

pub mod config;
pub mod dns;
mod ending;
mod error;
mod facts;
mod files;
mod follow;
pub mod forwarder;
mod free;
mod interfaces;
pub mod join;
pub mod lease;
mod led;
mod listen;
mod networks;
mod pasta;
mod plan;
mod poll;
mod port;
mod publish;
mod session;
mod slirp;
mod watch;

pub use error::NetworkError;
pub use facts::{FactsError, HostFacts, HostName, host_address, pasta_is_confined, resolver_is_local};
pub use follow::{FollowPlan, ResolverFollower, rewrite};
pub use free::{PortError, check_free, resolve_random};
pub use interfaces::HostInterfaces;
pub use ipnet::IpNet as Subnet;
pub use led::led;
pub use listen::{Listener, listen};
pub use networks::{HOST, RESOLVER};
pub use plan::{HelperKind, HelperPlan, Mode, NetworkPlan, NetworkRequest, PlanError, Word, plan};
pub use port::{PortMapping, Protocol};
pub use publish::{PublishError, check_conflicts, parse_publish};
pub use session::{Leftover, NetworkSession, Starting, end_left, is_left, leftover};
