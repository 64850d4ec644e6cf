//! The words of `--publish`, and mappings that get into each other's way.

use std::fmt;
use std::net::IpAddr;

use crate::{PortMapping, Protocol};

/// Why a word of `--publish` cannot be understood, or two of them not be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// No container port.
    #[error("`{text}` names no container port")]
    NoContainerPort {
        /// The whole word.
        text: String,
    },
    /// More colons than there are parts.
    #[error("`{text}` has too many parts")]
    TooManyParts {
        /// The whole word.
        text: String,
    },
    /// An address without a host port's colon behind it.
    #[error("`{text}` names an address of the host but no container port behind a second colon")]
    AddressWithoutPort {
        /// The whole word.
        text: String,
    },
    /// Not an IP address.
    #[error("`{address}` in `{text}` is not an IP address")]
    Address {
        /// The whole word.
        text: String,
        /// The part that should be one.
        address: String,
    },
    /// An IPv6 address without brackets.
    #[error("the IPv6 address in `{text}` must stand in brackets")]
    NoBrackets {
        /// The whole word.
        text: String,
    },
    /// Not a port from 1 to 65535.
    #[error("`{port}` in `{text}` is not a port from 1 to 65535")]
    Port {
        /// The whole word.
        text: String,
        /// The part that should be one.
        port: String,
    },
    /// A range that ends before it begins.
    #[error("the range `{range}` in `{text}` ends before it begins")]
    BackwardRange {
        /// The whole word.
        text: String,
        /// The range.
        range: String,
    },
    /// Ranges of different lengths.
    #[error("`{text}` maps {host} host ports to {container} container ports")]
    RangeLengths {
        /// The whole word.
        text: String,
        /// How many on the host.
        host: u16,
        /// How many in the container.
        container: u16,
    },
    /// Not tcp, udp or sctp.
    #[error("`{protocol}` in `{text}` is not a protocol")]
    Protocol {
        /// The whole word.
        text: String,
        /// The part that should be one.
        protocol: String,
    },
    /// Two mappings want the same host port.
    #[error("`{first}` and `{second}` both want port {port}/{protocol} of the host", protocol = protocol.name())]
    Conflict {
        /// One mapping.
        first: String,
        /// The other.
        second: String,
        /// The port.
        port: u16,
        /// Its protocol.
        protocol: Protocol,
    },
}

impl PublishError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Conflict { .. } => return None,
            Self::NoBrackets { .. } => "for instance [::1]:8080:80".to_owned(),
            Self::Protocol { .. } => "tcp, udp and sctp are protocols".to_owned(),
            _ => {
                "write it as [[ip:][hostPort]:]containerPort[/protocol], for instance 8080:80/tcp".to_owned()
            }
        })
    }
}

/// Reads `[[ip:][hostPort]:]containerPort[/protocol]`, ports being numbers or ranges like `8000-8010`.
///
/// A missing host port becomes 0, which [`crate::resolve_random`] resolves.
///
/// # Errors
/// [`PublishError`] names the part that cannot be understood.
pub fn parse_publish(text: &str) -> Result<PortMapping, PublishError> {
    let whole = || text.to_owned();
    let (addresses, protocol) = match text.split_once('/') {
        None => (text, Protocol::Tcp),
        Some((addresses, word)) => {
            let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];
            let found = known.into_iter().find(|it| it.name().eq_ignore_ascii_case(word));
            let unknown = || PublishError::Protocol { text: whole(), protocol: word.to_owned() };
            (addresses, found.ok_or_else(unknown)?)
        }
    };
    let (host_ip, rest) = split_address(text, addresses)?;
    let (host, container) = match rest.split_once(':') {
        None if host_ip.is_some() => return Err(PublishError::AddressWithoutPort { text: whole() }),
        None => ("", rest),
        Some((_, container)) if container.contains(':') => {
            return Err(PublishError::TooManyParts { text: whole() });
        }
        Some((host, container)) => (host, container),
    };
    if container.is_empty() {
        return Err(PublishError::NoContainerPort { text: whole() });
    }
    let (container_port, range) = parse_range(text, container)?;
    let host_port = if host.is_empty() {
        0
    } else {
        let (first, length) = parse_range(text, host)?;
        if length != range {
            return Err(PublishError::RangeLengths { text: whole(), host: length, container: range });
        }
        first
    };
    Ok(PortMapping { host_ip, host_port, container_port, range, protocol })
}

/// The address at the beginning, if there is one, and what follows its colon.
fn split_address<'a>(text: &str, addresses: &'a str) -> Result<(Option<IpAddr>, &'a str), PublishError> {
    let parse = |address: &str| {
        let wrong = || PublishError::Address { text: text.to_owned(), address: address.to_owned() };
        address.parse::<IpAddr>().map(Some).map_err(|_| wrong())
    };
    if let Some(bracketed) = addresses.strip_prefix('[') {
        let (address, rest) = bracketed
            .split_once(']')
            .ok_or_else(|| PublishError::Address { text: text.to_owned(), address: addresses.to_owned() })?;
        let rest = rest
            .strip_prefix(':')
            .ok_or_else(|| PublishError::AddressWithoutPort { text: text.to_owned() })?;
        return Ok((parse(address)?, rest));
    }
    match addresses.matches(':').count() {
        0 | 1 => Ok((None, addresses)),
        2 => {
            let (address, rest) = addresses.split_once(':').unwrap_or(("", addresses));
            Ok((parse(address)?, rest))
        }
        _ if looks_like_ipv6(addresses) => Err(PublishError::NoBrackets { text: text.to_owned() }),
        _ => Err(PublishError::TooManyParts { text: text.to_owned() }),
    }
}

/// Whether the word begins with an IPv6 address somebody forgot the brackets of.
fn looks_like_ipv6(addresses: &str) -> bool {
    let ends = addresses.char_indices().filter(|(_, letter)| *letter == ':').map(|(place, _)| place);
    ends.chain([addresses.len()])
        .any(|end| addresses.get(..end).is_some_and(|head| head.parse::<std::net::Ipv6Addr>().is_ok()))
}

/// The first port of a range and how many there are.
fn parse_range(text: &str, range: &str) -> Result<(u16, u16), PublishError> {
    let port = |word: &str| {
        let digits = !word.is_empty() && word.bytes().all(|it| it.is_ascii_digit());
        let number = if digits { word.parse().ok().filter(|number| *number > 0) } else { None };
        number.ok_or_else(|| PublishError::Port { text: text.to_owned(), port: word.to_owned() })
    };
    let (first, last) = match range.split_once('-') {
        None => (port(range)?, port(range)?),
        Some((first, last)) => (port(first)?, port(last)?),
    };
    if last < first {
        return Err(PublishError::BackwardRange { text: text.to_owned(), range: range.to_owned() });
    }
    // Ports start at 1, so that even the widest range fits.
    Ok((first, last - first + 1))
}

/// Finds two mappings that want the same host port. A mapping written twice is no conflict, nor is one that says
/// a part of what another one says.
///
/// # Errors
/// [`PublishError::Conflict`].
pub fn check_conflicts(ports: &[PortMapping]) -> Result<(), PublishError> {
    for (place, first) in ports.iter().enumerate() {
        for second in ports.iter().skip(place + 1) {
            if first.covers(second) || second.covers(first) || first.protocol != second.protocol {
                continue;
            }
            if let Some(port) = first.common_host_port(second) {
                return Err(PublishError::Conflict {
                    first: first.to_string(),
                    second: second.to_string(),
                    port,
                    protocol: first.protocol,
                });
            }
        }
    }
    Ok(())
}

impl PortMapping {
    /// Whether all that comes by way of the other one comes to the same port of the container by this one.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if self == other {
            return true;
        }
        let has_address = match (self.host_ip, other.host_ip) {
            (None, _) => true,
            (Some(own), Some(theirs)) => {
                own == theirs || own.is_unspecified() && own.is_ipv4() == theirs.is_ipv4()
            }
            (Some(_), None) => false,
        };
        let way = |it: &Self| i32::from(it.container_port) - i32::from(it.host_port);
        let end = |it: &Self| u32::from(it.host_port) + u32::from(it.range.max(1));
        has_address
            && self.protocol == other.protocol
            // What is chosen later is nowhere yet.
            && self.host_port != 0
            && self.host_port <= other.host_port
            && end(self) >= end(other)
            && way(self) == way(other)
    }

    /// The lowest host port that both would listen on; none if their addresses keep them apart.
    pub(crate) fn common_host_port(&self, other: &Self) -> Option<u16> {
        let apart = match (self.host_ip, other.host_ip) {
            (Some(left), Some(right)) => {
                left != right
                    && (left.is_ipv4() != right.is_ipv4()
                        || !(left.is_unspecified() || right.is_unspecified()))
            }
            _ => false,
        };
        if apart || self.host_port == 0 || other.host_port == 0 {
            return None;
        }
        let port = self.host_port.max(other.host_port);
        let end = |it: &Self| u32::from(it.host_port) + u32::from(it.range);
        (u32::from(port) < end(self).min(end(other))).then_some(port)
    }
}

/// As it would be written for `--publish`.
impl fmt::Display for PortMapping {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            Some(IpAddr::V6(address)) => write!(out, "[{address}]:")?,
            Some(IpAddr::V4(address)) => write!(out, "{address}:")?,
            None => {}
        }
        let range = |out: &mut fmt::Formatter<'_>, first: u16| match self.range {
            0 | 1 => write!(out, "{first}"),
            length => write!(out, "{first}-{}", u32::from(first) + u32::from(length) - 1),
        };
        if self.host_port != 0 {
            range(out, self.host_port)?;
        }
        if self.host_port != 0 || self.host_ip.is_some() {
            write!(out, ":")?;
        }
        range(out, self.container_port)?;
        write!(out, "/{}", self.protocol.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, written: &str) {
        assert_eq!(parse_publish(text).map(|it| it.to_string()).as_deref(), Ok(written), "{text}");
    }

    #[test]
    fn every_form_of_the_word_is_read() {
        check("80", "80/tcp");
        check("8080:80", "8080:80/tcp");
        check(":80", "80/tcp");
        check("127.0.0.1:8080:80", "127.0.0.1:8080:80/tcp");
        check("127.0.0.1::80/udp", "127.0.0.1::80/udp");
        check("[::1]:8080:80/TCP", "[::1]:8080:80/tcp");
        check("[::1]::80", "[::1]::80/tcp");
        check("[127.0.0.1]:80:80", "127.0.0.1:80:80/tcp");
        check("0.0.0.0:80:80", "0.0.0.0:80:80/tcp");
        check("8000-8010:80-90/sctp", "8000-8010:80-90/sctp");
        check("8000-8002", "8000-8002/tcp");
        check("080:080", "80:80/tcp");
        check("1-65535:1-65535", "1-65535:1-65535/tcp");
    }

    #[track_caller]
    fn check_refused(text: &str, message: &str) {
        assert_eq!(parse_publish(text).unwrap_err().to_string(), message);
    }

    #[test]
    fn faults_are_named_precisely() {
        check_refused("", "`` names no container port");
        check_refused("8080:", "`8080:` names no container port");
        check_refused("80:80:80:80", "`80:80:80:80` has too many parts");
        check_refused(
            "[::1]:80",
            "`[::1]:80` names an address of the host but no container port behind a second colon",
        );
        check_refused(
            "[::1]80",
            "`[::1]80` names an address of the host but no container port behind a second colon",
        );
        check_refused("[::1", "`[::1` in `[::1` is not an IP address");
        check_refused("::1:80:80", "the IPv6 address in `::1:80:80` must stand in brackets");
        check_refused("localhost:80:80", "`localhost` in `localhost:80:80` is not an IP address");
        check_refused("1.2.3:80:80", "`1.2.3` in `1.2.3:80:80` is not an IP address");
        check_refused("0:80", "`0` in `0:80` is not a port from 1 to 65535");
        check_refused("80:0", "`0` in `80:0` is not a port from 1 to 65535");
        check_refused("70000", "`70000` in `70000` is not a port from 1 to 65535");
        check_refused("+80", "`+80` in `+80` is not a port from 1 to 65535");
        check_refused(" 80", "` 80` in ` 80` is not a port from 1 to 65535");
        check_refused("-1", "`` in `-1` is not a port from 1 to 65535");
        check_refused("80-", "`` in `80-` is not a port from 1 to 65535");
        check_refused("65535-65536", "`65536` in `65535-65536` is not a port from 1 to 65535");
        check_refused("8002-8000:80", "the range `8002-8000` in `8002-8000:80` ends before it begins");
        check_refused("8000-8002:80", "`8000-8002:80` maps 3 host ports to 1 container ports");
        check_refused("80/", "`` in `80/` is not a protocol");
        check_refused("80/icmp", "`icmp` in `80/icmp` is not a protocol");
        check_refused("80/tcp/udp", "`tcp/udp` in `80/tcp/udp` is not a protocol");
    }

    #[track_caller]
    fn check_conflict(words: &str, message: Option<&str>) {
        let ports: Vec<PortMapping> = words.split(' ').map(|word| parse_publish(word).unwrap()).collect();
        assert_eq!(check_conflicts(&ports).err().map(|err| err.to_string()).as_deref(), message, "{words}");
    }

    #[test]
    fn two_mappings_of_one_host_port_are_a_conflict() {
        check_conflict("80:80 81:80 80:80/udp 82 83", None);
        check_conflict("80:80 80:80", None);
        check_conflict("127.0.0.1:80:80 80:80", None);
        check_conflict("80-82:80-82 0.0.0.0:81:81", None);
        check_conflict(
            "127.0.0.1:80:80 80:81",
            Some("`127.0.0.1:80:80/tcp` and `80:81/tcp` both want port 80/tcp of the host"),
        );
        check_conflict("127.0.0.1:80:80 127.0.0.2:80:81", None);
        check_conflict("0.0.0.0:80:80 [::]:80:80", None);
        check_conflict("80-81:80-81 82:82", None);
        check_conflict("80:80 80:81", Some("`80:80/tcp` and `80:81/tcp` both want port 80/tcp of the host"));
        check_conflict(
            "80-82:80-82/udp 81:90/udp",
            Some("`80-82:80-82/udp` and `81:90/udp` both want port 81/udp of the host"),
        );
        check_conflict(
            "80:80 127.0.0.1:80:81",
            Some("`80:80/tcp` and `127.0.0.1:80:81/tcp` both want port 80/tcp of the host"),
        );
        check_conflict("0.0.0.0:80:80 127.0.0.1:80:80", None);
        check_conflict(
            "0.0.0.0:80:80 127.0.0.1:80:81",
            Some("`0.0.0.0:80:80/tcp` and `127.0.0.1:80:81/tcp` both want port 80/tcp of the host"),
        );
    }
}
