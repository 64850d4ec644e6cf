//! The name server of networks: containers' names from a table, everything else from the host's resolvers.
//!
//! Two halves. [`decide`] is pure: a packet, the [`Names`], and which network it came from give a [`Verdict`]: an answer,
//! silence, or a question to forward. [`DnsServer`] around it moves packets and decides nothing. Neither knows containers:
//! whoever owns a network says which names its members have ([`NetworkNames`]).
//!
//! What programs see is what aardvark-dns 1.14 shows them, seen beside it: names with and without `dns.podman`, in any case; no
//! time to live, so that nothing is remembered of a container that went; an empty answer where a name has no address of the
//! family; `NXDOMAIN` below `dns.podman`, and for everything unknown on internal networks; the names of an address backwards.
//! Different on purpose: a question for other types of a name of ours is answered with nothing instead of being asked
//! outside, `ANY` is answered, and a resolver that does not answer is a `SERVFAIL` instead of silence.

mod connection;
mod decide;
mod exchange;
mod forward;
mod names;
mod packet;
mod resolv_conf;
mod server;

#[cfg(test)]
mod server_tests;
#[cfg(test)]
mod tests;

pub use decide::{Transport, Verdict, decide};
pub use forward::{Forward, Reply, Resolvers};
pub use names::{Member, Names, NetworkNames, SEARCH_DOMAIN};
pub use server::DnsServer;
