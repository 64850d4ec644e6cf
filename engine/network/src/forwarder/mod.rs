//! Published ports of containers on networks: connections and datagrams are carried on, and the client keeps its address.
//!
//! The listening sockets are given; they may be of another network namespace, such as the host's. What leads to the container
//! is opened here, in the namespace of the calling process, *in the client's name*: bound to the client's address, which
//! that namespace does not have (`IP_TRANSPARENT`, see ip(7)). So the container sees who is calling, whatever program connects
//! the namespace to the outside. Bytes of connections go by splice(2) and never enter the process.
//!
//! The container answers to the client's address by way of its gateway, which is us. For these packets to be taken in instead
//! of being passed on, the namespace needs a rule of the packet filter that marks what belongs to a transparent socket
//! ([`MARK_STATEMENT`], in a chain of the hook `prerouting`), and for both families a rule that looks such packets up
//! in a table of their own, and there a route of type `local` for everything, as `ip rule add fwmark MARK lookup TABLE` and
//! `ip route add local default dev lo table TABLE` would make them. MARK and TABLE are its owner's to choose.
//!
//! Some clients' addresses cannot be kept: those that would not be answered by way of the gateway (see [`Target::way`]). They
//! appear as the gateway.

mod flow;
mod load;
mod relay;
mod server;
mod sockets;
mod target;
mod within;

pub use server::{Forwarder, Limits};
pub use target::{Target, Way};
pub use within::{ANSWERS, Within};

/// Matches packets for sockets that are open in somebody else's name, in the words of nft(8); a statement that sets the mark is
/// to follow.
pub const MARK_STATEMENT: &str = "socket transparent 1";
