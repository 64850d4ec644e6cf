//! `--publish`, `--expose`.

use pontoon_network::{PortMapping, Protocol, check_conflicts, parse_publish};

use super::OptionError;
use super::error::{Fault, listed};

/// Reads the mappings, each once, and sees that no two want the same port.
pub(super) fn publish(values: &[String]) -> Result<Vec<PortMapping>, OptionError> {
    let mut mappings: Vec<PortMapping> = Vec::new();
    for value in listed(values) {
        let mapping = parse_publish(&value).map_err(|source| OptionError::Publish { value, source })?;
        let says = |one: &PortMapping, other: &PortMapping| {
            // Several that choose their port are several.
            one.host_port != 0 && one.host_ip == other.host_ip && one.covers(other)
        };
        if !mappings.iter().any(|it| says(it, &mapping)) {
            mappings.retain(|it| !says(&mapping, it));
            mappings.push(mapping);
        }
    }
    check_conflicts(&mappings).map_err(|source| OptionError::PublishConflict { source })?;
    Ok(mappings)
}

/// `PORT[-PORT][/PROTOCOL]`, as single ports: `80/tcp`.
pub(super) fn expose(text: &str) -> Result<Vec<String>, Fault> {
    let wrong = || Fault::invalid("it must be PORT or PORT-PORT, with /tcp, /udp or /sctp behind it or not");
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let known = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp].map(Protocol::name);
    if !known.contains(&protocol) {
        return Err(wrong());
    }
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0 && !text.starts_with('+'));
    match (port(first), port(last)) {
        (Some(first), Some(last)) if first <= last => {
            Ok((first..=last).map(|port| format!("{port}/{protocol}")).collect())
        }
        _ => Err(wrong()),
    }
}

/// `EXPOSE` of a Containerfile, which has the form of `--expose`.
///
/// # Errors
/// If it names no ports.
pub fn exposed_ports(text: &str) -> Result<Vec<String>, OptionError> {
    expose(text).map_err(|fault| fault.of("EXPOSE", text))
}
