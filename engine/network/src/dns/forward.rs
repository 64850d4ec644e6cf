//! A question that others are to answer.

use std::net::IpAddr;

use domain::base::Message;
use domain::base::iana::{OptRcode, Rcode};

use super::packet::{Asked, UDP_SIZE};

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolvers {
    /// The host's.
    Host,
    /// These, one after the other.
    These(Vec<IpAddr>),
}

/// A question to forward, with all that is needed to answer who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    pub(super) asked: Asked,
    /// How long the client's answer may be, in bytes.
    pub(super) limit: usize,
    /// Whom to ask.
    pub resolvers: Resolvers,
}

/// What a resolver's packet is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// No answer to the question; somebody tries to slip one in, or the network has delayed an old one.
    Foreign,
    /// The resolver cannot answer (`SERVFAIL`, `REFUSED`, `NOTIMP`); another one may. If none can, this goes to the client.
    Unable(Vec<u8>),
    /// Longer than the resolver may send over UDP, but not for the client: ask it over TCP. If it cannot, this goes to the client.
    AskByTcp(Vec<u8>),
    /// This goes to the client.
    Answer(Vec<u8>),
}

impl Forward {
    /// The client's id, by which its repetitions are known.
    #[must_use]
    pub fn id(&self) -> u16 {
        self.asked.id
    }

    /// Whether both ask the same.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        self.asked == other.asked
    }

    /// The message for a resolver, under an id that nobody can guess.
    #[must_use]
    pub fn query(&self, id: u16) -> Vec<u8> {
        self.asked.query(id)
    }

    /// What to do with what a resolver sent for [`Self::query`] with that id.
    #[must_use]
    pub fn read(&self, packet: &[u8], id: u16, by_tcp: bool) -> Reply {
        if !self.asked.is_answered_by(packet, id) {
            return Reply::Foreign;
        }
        let Ok(message) = Message::from_slice(packet) else { return Reply::Foreign };
        let rcode = message.header().rcode();
        let answer = self.with_client_id(packet, rcode);
        if matches!(rcode, Rcode::SERVFAIL | Rcode::REFUSED | Rcode::NOTIMP) {
            return Reply::Unable(answer);
        }
        if message.header().tc() && !by_tcp && self.limit > usize::from(self.asked.udp_limit()) {
            return Reply::AskByTcp(answer);
        }
        Reply::Answer(answer)
    }

    /// What the client hears if no resolver answers.
    #[must_use]
    pub fn failure(&self) -> Vec<u8> {
        self.asked.error(OptRcode::SERVFAIL, false)
    }

    fn with_client_id(&self, packet: &[u8], rcode: Rcode) -> Vec<u8> {
        if packet.len() > self.limit {
            return self.asked.truncated(rcode);
        }
        let mut answer = packet.to_vec();
        if let Some(place) = answer.get_mut(..2) {
            place.copy_from_slice(&self.asked.id.to_be_bytes());
        }
        answer
    }
}

/// How long an answer of a resolver over UDP can be, in bytes; with room for resolvers that send more than they may.
pub(super) const LONGEST_ANSWER: usize = 4 * UDP_SIZE as usize;
