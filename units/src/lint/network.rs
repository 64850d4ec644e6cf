//! Ports and networks that cannot be had.

use super::{Lint, is_expanded};
use crate::kind::UnitKind;

/// What a container in a pod shares with it, so that only the pod's file can say it.
const SHARED_WITH_POD: [&str; 13] = [
    "AddHost",
    "DNS",
    "DNSOption",
    "DNSSearch",
    "GIDMap",
    "HostName",
    "IP",
    "IP6",
    "Network",
    "NetworkAlias",
    "PublishPort",
    "UIDMap",
    "UserNS",
];

pub(super) fn look(lint: &mut Lint<'_>) {
    let pod = lint.values.scalar("Pod").filter(|_| lint.file.name.kind == UnitKind::Container);
    if let Some(pod) = pod {
        for key in SHARED_WITH_POD {
            if let Some(entry) = lint.file.unit.last("Container", key).filter(|entry| !entry.value.is_empty())
            {
                let text = format!("`{key}=` is what a container shares with its pod");
                lint.warn_at(entry, text, format!("move it to {}", pod.text));
            }
        }
    }
    for port in lint.list("PublishPort") {
        let Some(number) = host_port(&port.text).filter(|number| *number < lint.world.lowest_port()) else {
            continue;
        };
        let text = format!("an ordinary user cannot publish port {number}");
        let hint = format!(
            "use a port from {} on, or let users have this one: sysctl net.ipv4.ip_unprivileged_port_start={number}",
            lint.world.lowest_port()
        );
        lint.warn(&port, text, hint);
    }
}

/// The lowest port of the host that a `PublishPort=` names.
fn host_port(text: &str) -> Option<u16> {
    if is_expanded(text) {
        return None;
    }
    let ports = text.split('/').next().unwrap_or("");
    // An IPv6 address stands in brackets.
    let ports = ports.rsplit_once(']').map_or(ports, |(_, rest)| rest);
    let mut parts = ports.rsplit(':');
    let (_, host) = (parts.next()?, parts.next()?);
    host.split('-').next()?.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::host_port;

    #[test]
    fn the_port_of_the_host_is_found_in_every_form() {
        for (text, expected) in [
            ("80", None),
            ("80:8080", Some(80)),
            ("127.0.0.1:80:8080/tcp", Some(80)),
            ("[::1]:443:443", Some(443)),
            ("80-90:80-90/udp", Some(80)),
            (":80", None),
            ("127.0.0.1::80", None),
            ("${PORT}:80", None),
        ] {
            assert_eq!(host_port(text), expected, "{text}");
        }
    }
}
