//! Published ports, in all the forms they are shown in.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_network::PortMapping;
use serde::Serialize;

/// The address that stands for all addresses.
const ANY: &str = "0.0.0.0";

/// A mapping in the JSON of `ps`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonPort {
    host_ip: String,
    container_port: u16,
    host_port: u16,
    range: u16,
    protocol: &'static str,
}

impl JsonPort {
    /// The mapping, as JSON has it.
    pub(super) fn new(mapping: &PortMapping) -> Self {
        Self {
            host_ip: mapping.host_ip.map(|address| address.to_string()).unwrap_or_default(),
            container_port: mapping.container_port,
            host_port: mapping.host_port,
            range: mapping.range,
            protocol: mapping.protocol.name(),
        }
    }
}

/// An address and a port of the host, as inspections have them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct HostPort {
    host_ip: String,
    host_port: String,
}

/// The mappings by port of the container, one by one: `80/tcp` and where it leads from.
pub fn bindings(mappings: &[PortMapping]) -> BTreeMap<String, Vec<HostPort>> {
    let mut bindings: BTreeMap<String, Vec<HostPort>> = BTreeMap::new();
    for (inside, protocol, outside) in single(mappings) {
        bindings.entry(format!("{inside}/{protocol}")).or_default().push(outside);
    }
    bindings
}

/// By the host's address, by protocol, by the host's port.
pub(super) fn sorted(mappings: &[PortMapping]) -> impl Iterator<Item = &PortMapping> {
    let mut sorted: Vec<&PortMapping> = mappings.iter().collect();
    sorted.sort_by_key(|it| (it.host_ip, it.protocol.name(), it.host_port));
    sorted.into_iter()
}

fn single<'a>(
    mappings: impl IntoIterator<Item = &'a PortMapping>,
) -> impl Iterator<Item = (u16, &'static str, HostPort)> {
    mappings.into_iter().flat_map(|mapping| {
        (0..mapping.range.max(1)).map(move |offset| {
            let host_ip = mapping.host_ip.map_or_else(|| ANY.to_owned(), |address| address.to_string());
            let host_port = mapping.host_port.saturating_add(offset).to_string();
            let inside = mapping.container_port.saturating_add(offset);
            (inside, mapping.protocol.name(), HostPort { host_ip, host_port })
        })
    })
}

/// `0.0.0.0:8080->80/tcp, 127.0.0.1:9000-9010->9000-9010/udp`; ports that are named and not published stand alone.
pub(super) fn summary(mappings: &[PortMapping], exposed: &[String]) -> String {
    let published = bindings(mappings);
    let alone = exposed.iter().filter(|port| !published.contains_key(*port));
    sorted(mappings).map(arrow).chain(ranges(alone)).collect::<Vec<String>>().join(", ")
}

/// Neighbours together, by protocol: `93/tcp`, `90-92/udp`.
fn ranges<'a>(ports: impl Iterator<Item = &'a String>) -> Vec<String> {
    let read = |port: &'a String| {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        Some((protocol, number.parse::<u16>().ok()?))
    };
    let mut ranges: Vec<(&str, u16, u16)> = Vec::new();
    for (protocol, port) in ports.filter_map(read).collect::<BTreeSet<_>>() {
        match ranges.last_mut() {
            Some((of, _, last)) if *of == protocol && last.checked_add(1) == Some(port) => *last = port,
            _ => ranges.push((protocol, port, port)),
        }
    }
    let text = |(protocol, first, last): (&str, u16, u16)| match first == last {
        true => format!("{first}/{protocol}"),
        false => format!("{first}-{last}/{protocol}"),
    };
    ranges.into_iter().map(text).collect()
}

fn arrow(mapping: &PortMapping) -> String {
    let range = |first: u16| match mapping.range {
        0 | 1 => first.to_string(),
        count => format!("{first}-{}", first.saturating_add(count - 1)),
    };
    let address = mapping.host_ip.map_or_else(|| ANY.to_owned(), |address| address.to_string());
    let (outside, inside) = (range(mapping.host_port), range(mapping.container_port));
    format!("{address}:{outside}->{inside}/{}", mapping.protocol.name())
}

/// Named ports by number, with their protocols.
pub(super) fn by_number(exposed: &[String]) -> BTreeMap<u16, Vec<String>> {
    let mut ports: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for port in exposed {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        if let Ok(number) = number.parse() {
            ports.entry(number).or_default().push(protocol.to_owned());
        }
    }
    ports
}

/// Why a port cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PortError {
    /// It is not published.
    #[error("the container publishes no port `{port}`")]
    NotPublished {
        /// As it was asked for.
        port: String,
    },
}

/// What `port` prints: all mappings, or where one port of the container leads from. `prefix` (the container's id,
/// with `--all`) begins each line.
pub fn text(
    mappings: &[PortMapping],
    wanted: Option<&str>,
    prefix: Option<&str>,
) -> Result<String, PortError> {
    let Some(port) = wanted else {
        let before = prefix.map(|id| format!("{}\t", super::shown_id(id, false))).unwrap_or_default();
        let line = |(inside, protocol, outside): (u16, &str, HostPort)| {
            format!("{before}{inside}/{protocol} -> {}\n", address(&outside))
        };
        return Ok(single(sorted(mappings)).map(line).collect());
    };
    let bindings = bindings(mappings);
    let key = if port.contains('/') { port.to_ascii_lowercase() } else { format!("{port}/tcp") };
    match bindings.get(&key) {
        Some(outside) => Ok(outside.iter().map(|port| address(port) + "\n").collect()),
        None => Err(PortError::NotPublished { port: port.to_owned() }),
    }
}

fn address(port: &HostPort) -> String {
    if port.host_ip.contains(':') {
        format!("[{}]:{}", port.host_ip, port.host_port)
    } else {
        format!("{}:{}", port.host_ip, port.host_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_ports_stand_together() {
        let words = ["90/udp", "91/udp", "93/tcp", "92/udp", "101/tcp", "102", "93/tcp"];
        let exposed = words.map(str::to_owned);
        assert_eq!(summary(&[], &exposed), "93/tcp, 101-102/tcp, 90-92/udp");
    }
}
