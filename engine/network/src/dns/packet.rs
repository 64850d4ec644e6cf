//! Messages: reading a question, writing an answer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::base::iana::{Class, Opcode, OptRcode, Rcode, Rtype};
use domain::base::message_builder::{AdditionalBuilder, AnswerBuilder, PushError};
use domain::base::name::{Label, ToLabelIter, ToName};
use domain::base::{Message, MessageBuilder, Name, Question, Ttl};
use domain::rdata::{A, Aaaa, Ptr};

/// Containers come and go: nobody is to remember where one was.
const TTL: Ttl = Ttl::ZERO;
/// What a client takes over UDP that says nothing else (RFC 1035, 2.3.4).
const SMALLEST_LIMIT: u16 = 512;
/// What reaches everybody unfragmented; the size agreed upon for resolvers in 2020.
pub(crate) const UDP_SIZE: u16 = 1232;
/// An OPT record without options (RFC 6891, 6.1.2).
const OPT_LENGTH: usize = 11;

/// The flags of a question that matter to whom it is forwarded, and to the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) recursion_desired: bool,
    pub(crate) authentic_data: bool,
    pub(crate) checking_disabled: bool,
}

/// What an OPT record says (RFC 6891).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extended {
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    /// In bytes.
    pub(crate) udp_size: u16,
}

/// A question, as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) id: u16,
    pub(crate) opcode: Opcode,
    pub(crate) flags: Flags,
    /// As it was written, upper case kept.
    pub(crate) name: Name<Vec<u8>>,
    pub(crate) qtype: Rtype,
    pub(crate) class: Class,
    pub(crate) extended: Option<Extended>,
}

/// Why a packet is no question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Too short for a header, or an answer: nobody waits for a word about it.
    NoQuery,
    /// Its header can be read, the rest cannot.
    Malformed {
        /// Of the header.
        id: u16,
        /// Of the header.
        opcode: Opcode,
        /// What the answer is to say.
        rcode: Rcode,
    },
}

/// Reads a question.
pub(crate) fn read(packet: &[u8]) -> Result<Asked, Unreadable> {
    let message = Message::from_slice(packet).map_err(|_| Unreadable::NoQuery)?;
    let header = message.header();
    if header.qr() {
        return Err(Unreadable::NoQuery);
    }
    let malformed = |rcode| Unreadable::Malformed { id: header.id(), opcode: header.opcode(), rcode };
    if header.opcode() != Opcode::QUERY {
        return Err(malformed(Rcode::NOTIMP));
    }
    let question = message.sole_question().map_err(|_| malformed(Rcode::FORMERR))?;
    let mut asked = Asked {
        id: header.id(),
        opcode: header.opcode(),
        flags: Flags {
            recursion_desired: header.rd(),
            authentic_data: header.ad(),
            checking_disabled: header.cd(),
        },
        name: question.qname().to_vec(),
        qtype: question.qtype(),
        class: question.qclass(),
        extended: None,
    };
    let records = message.additional().map_err(|_| malformed(Rcode::FORMERR))?;
    for record in records {
        let record = record.map_err(|_| malformed(Rcode::FORMERR))?;
        if record.rtype() != Rtype::OPT {
            continue;
        }
        // One at most (RFC 6891, 6.1.1). Its class is the size, its time to live the rest of the header.
        if asked.extended.is_some() {
            return Err(malformed(Rcode::FORMERR));
        }
        let [_, version, flags, _] = record.ttl().as_secs().to_be_bytes();
        asked.extended = Some(Extended {
            version,
            dnssec_ok: flags & 0x80 != 0,
            udp_size: record.class().to_int().max(SMALLEST_LIMIT),
        });
    }
    Ok(asked)
}

impl Asked {
    /// How many bytes an answer over UDP may have.
    pub(crate) fn udp_limit(&self) -> u16 {
        self.extended.map_or(SMALLEST_LIMIT, |extended| extended.udp_size.min(UDP_SIZE))
    }

    /// The name in lower case without the last dot, if it is one that a container could have.
    pub(crate) fn text(&self) -> Option<String> {
        let mut text = String::new();
        for label in self.name.iter_labels().filter(|label| !label.is_root()) {
            if !text.is_empty() {
                text.push('.');
            }
            push_label(&mut text, label)?;
        }
        Some(text)
    }

    /// An answer with `records`, as many as fit into `limit` bytes.
    pub(crate) fn answer(&self, records: &[Found], limit: usize) -> Vec<u8> {
        let room = limit.saturating_sub(if self.extended.is_some() { OPT_LENGTH } else { 0 });
        let started = self.start(OptRcode::NOERROR, true);
        let Ok(mut answer) = started else { return self.bare(Rcode::SERVFAIL) };
        answer.set_push_limit(room);
        for record in records {
            if self.push(&mut answer, record).is_err() {
                answer.header_mut().set_tc(true);
                break;
            }
        }
        answer.clear_push_limit();
        self.finish(answer.additional(), OptRcode::NOERROR)
    }

    /// An answer that says why there is none.
    pub(crate) fn error(&self, code: OptRcode, authoritative: bool) -> Vec<u8> {
        match self.start(code, authoritative) {
            Ok(answer) => self.finish(answer.additional(), code),
            Err(_) => self.bare(code.rcode()),
        }
    }

    /// An answer that only says that the whole one is longer than fits.
    pub(crate) fn truncated(&self, rcode: Rcode) -> Vec<u8> {
        match self.start(OptRcode::from_rcode(rcode), false) {
            Ok(mut answer) => {
                answer.header_mut().set_tc(true);
                self.finish(answer.additional(), OptRcode::from_rcode(rcode))
            }
            Err(_) => self.bare(Rcode::SERVFAIL),
        }
    }

    /// The same question for a resolver, under another id; its answer fits into [`Self::udp_limit`] bytes.
    pub(crate) fn query(&self, id: u16) -> Vec<u8> {
        let mut builder = MessageBuilder::new_vec();
        let header = builder.header_mut();
        header.set_id(id);
        header.set_rd(self.flags.recursion_desired);
        header.set_ad(self.flags.authentic_data);
        header.set_cd(self.flags.checking_disabled);
        let mut question = builder.question();
        // A vector takes any message that has been read before.
        let _ = question.push((&self.name, self.qtype, self.class));
        let mut additional = question.additional();
        self.push_opt(&mut additional, OptRcode::NOERROR);
        additional.finish()
    }

    /// Whether `packet` is an answer to [`Self::query`] with that id.
    pub(crate) fn is_answered_by(&self, packet: &[u8], id: u16) -> bool {
        let Ok(message) = Message::from_slice(packet) else { return false };
        let header = message.header();
        header.id() == id
            && header.qr()
            && header.opcode() == self.opcode
            && message.sole_question().is_ok_and(|question| {
                question.qname().name_eq(&self.name)
                    && question.qtype() == self.qtype
                    && question.qclass() == self.class
            })
    }

    fn start(&self, code: OptRcode, authoritative: bool) -> Result<AnswerBuilder<Vec<u8>>, PushError> {
        let mut builder = MessageBuilder::new_vec();
        let header = builder.header_mut();
        header.set_id(self.id);
        header.set_qr(true);
        header.set_opcode(self.opcode);
        header.set_aa(authoritative);
        header.set_rd(self.flags.recursion_desired);
        header.set_ra(true);
        header.set_cd(self.flags.checking_disabled);
        header.set_rcode(code.rcode());
        let mut question = builder.question();
        question.push(Question::new(&self.name, self.qtype, self.class))?;
        Ok(question.answer())
    }

    fn push(&self, answer: &mut AnswerBuilder<Vec<u8>>, record: &Found) -> Result<(), PushError> {
        match record {
            Found::Address(IpAddr::V4(address)) => {
                answer.push((&self.name, Class::IN, TTL, A::new(*address)))
            }
            Found::Address(IpAddr::V6(address)) => {
                answer.push((&self.name, Class::IN, TTL, Aaaa::new(*address)))
            }
            Found::Name(name) => answer.push((&self.name, Class::IN, TTL, Ptr::new(name))),
        }
    }

    fn push_opt(&self, additional: &mut AdditionalBuilder<Vec<u8>>, code: OptRcode) {
        let Some(extended) = self.extended else { return };
        // A vector takes it.
        let _ = additional.opt(|opt| {
            opt.set_udp_payload_size(UDP_SIZE);
            opt.set_rcode(code);
            opt.set_dnssec_ok(extended.dnssec_ok);
            Ok(())
        });
    }

    fn finish(&self, mut additional: AdditionalBuilder<Vec<u8>>, code: OptRcode) -> Vec<u8> {
        self.push_opt(&mut additional, code);
        additional.finish()
    }

    fn bare(&self, rcode: Rcode) -> Vec<u8> {
        header_only(self.id, self.opcode, rcode)
    }
}

/// An answer to a packet of which only the header could be read.
pub(crate) fn header_only(id: u16, opcode: Opcode, rcode: Rcode) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    let header = builder.header_mut();
    header.set_id(id);
    header.set_qr(true);
    header.set_opcode(opcode);
    header.set_rcode(rcode);
    builder.finish()
}

/// What belongs into an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Found {
    /// An A or AAAA record.
    Address(IpAddr),
    /// A PTR record.
    Name(Name<Vec<u8>>),
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` stands for (RFC 1035, 3.5; RFC 3596, 2.5).
pub(crate) fn reverse_address(text: &str) -> Option<IpAddr> {
    if let Some(octets) = text.strip_suffix(".in-addr.arpa") {
        let mut address = [0; 4];
        let mut parts = octets.split('.');
        for octet in address.iter_mut().rev() {
            *octet = decimal(parts.next()?)?;
        }
        return parts.next().is_none().then(|| Ipv4Addr::from(address).into());
    }
    let mut address = 0_u128;
    let mut parts = text.strip_suffix(".ip6.arpa")?.split('.');
    for place in 0..32 {
        let nibble = parts.next().filter(|part| part.len() == 1)?;
        address |= u128::from_str_radix(nibble, 16).ok()? << (4 * place);
    }
    parts.next().is_none().then(|| Ipv6Addr::from(address).into())
}

/// A number without signs or leading zeros.
fn decimal(text: &str) -> Option<u8> {
    let number: u8 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn push_label(text: &mut String, label: &Label) -> Option<()> {
    for byte in label.iter() {
        if !byte.is_ascii_graphic() || byte == b'.' {
            return None;
        }
        text.push(char::from(byte.to_ascii_lowercase()));
    }
    Some(())
}
