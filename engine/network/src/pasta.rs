//! The words for pasta.
//!
//! Chosen so that the pasta of Debian 12 (2023) and every later one knows them, and otherwise as Podman chooses them:
//! the container has the host's own address, ports are forwarded only when published, nothing of the host is reachable
//! by its loopback address, and names are resolved by the host's own resolver.

use std::net::IpAddr;

use crate::plan::{Connection, HelperKind, HelperPlan, PlanError, Word, refuse_sctp};
use crate::{HostFacts, NetworkRequest, PortMapping, Protocol};

/// Queries sent there are answered by the host's resolver.
const DNS_FORWARD: &str = "169.254.1.1";
/// The host, from inside.
const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 1, 2));
/// What a container gets from a host without any address of its own (pasta of 2024-11 and later).
const LOCAL_MODE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(169, 254, 2, 1));

/// Options that decide what pasta connects and how we know of it.
const RESERVED: [&str; 10] = [
    "--netns",
    "--userns",
    "--netns-only",
    "--no-netns-quit",
    "-P",
    "--pid",
    "-f",
    "--foreground",
    "--runas",
    "--config-net",
];

pub(crate) fn connect(
    options: &[String],
    ports: &[PortMapping],
    request: &NetworkRequest,
    facts: &HostFacts,
) -> Result<Connection, PlanError> {
    let user_namespace = request.user_namespace;
    let missing = PlanError::MissingProgram { program: "pasta", package: "passt" };
    let program = facts.pasta.clone().ok_or(missing)?;
    refuse_sctp(ports, "pasta")?;
    for option in options {
        let name = option.split('=').next().unwrap_or(option);
        let glued =
            name.len() > 2 && !name.starts_with("--") && (name.starts_with("-P") || name.starts_with("-f"));
        if RESERVED.contains(&name) || glued {
            return Err(PlanError::ReservedOption { program: "pasta", option: name.to_owned() });
        }
    }
    let asked = Asked { options };
    let mut words: Vec<Word> = vec!["--config-net".into()];
    // `--map-gw` is Podman's word, not pasta's: it takes back our `--no-map-gw`.
    words.extend(options.iter().filter(|option| *option != "--map-gw").map(|option| option.as_str().into()));
    for mapping in ports {
        words.push(if mapping.protocol == Protocol::Udp { "-u" } else { "-t" }.into());
        words.push(Word::Text(port_specification(mapping)));
    }
    let published = |protocol| ports.iter().any(|it| it.protocol == protocol);
    let mut unless = |asked: bool, default: &[&str]| {
        if !asked {
            words.extend(default.iter().map(|&word| word.into()));
        }
    };
    unless(asked.any(&["-t", "--tcp-ports"]) || published(Protocol::Tcp), &["-t", "none"]);
    unless(asked.any(&["-u", "--udp-ports"]) || published(Protocol::Udp), &["-u", "none"]);
    unless(asked.any(&["-T", "--tcp-ns"]), &["-T", "none"]);
    unless(asked.any(&["-U", "--udp-ns"]), &["-U", "none"]);
    let dns_forward = asked.value(&["--dns-forward"]);
    unless(dns_forward.is_some(), &["--dns-forward", DNS_FORWARD]);
    unless(asked.any(&["--map-gw", "--no-map-gw"]), &["--no-map-gw"]);
    let guest_address = asked.value(&["--map-guest-addr"]);
    let maps_guest = facts.pasta_maps_guest_address && guest_address.is_none();
    unless(!maps_guest, &["--map-guest-addr", &HOST.to_string()]);
    // An old one does not look which address the container has, and sends the first frame to nobody: who connects at once waits
    // until the container speaks. What it sets, it knows.
    let knows = facts.pasta_maps_guest_address || asked.any(&["--ns-mac-addr"]);
    unless(knows, &["--ns-mac-addr", &hardware_address(&request.container_id)]);
    unless(asked.any(&["-q", "--quiet", "-d", "--debug", "--trace"]), &["--quiet"]);
    words.extend(["--pid".into(), Word::PidFile]);
    if user_namespace {
        words.extend(["--userns".into(), Word::UserNamespace]);
    }
    if request.foreign_root || request.stand_in {
        // It would watch the path of the namespace, which it may not open, or which goes before the namespace does, to end with
        // it. We end it ourselves.
        words.push("--no-netns-quit".into());
    }
    if facts.root {
        // Else it becomes `nobody`, who may not enter the namespaces.
        words.extend(["--runas".into(), "0".into()]);
    }
    words.extend(["--netns".into(), Word::NetworkNamespace]);
    let family = Family::of(&asked);
    let host_gateway = match guest_address {
        Some(address) => address.parse().ok(),
        // Our addresses for the host and its resolver are of IPv4.
        None if family == Family::V6 => facts.address_v4.or(facts.address_v6),
        None => maps_guest.then_some(HOST),
    };
    Ok(Connection {
        helper: HelperPlan {
            kind: HelperKind::Pasta,
            program,
            words,
            bind_namespace: facts.root && !user_namespace,
            publishes: !ports.is_empty() || asked.any(&["-t", "--tcp-ports", "-u", "--udp-ports"]),
            files_in_tmp: facts.pasta_confined,
            own_mounts: false,
            forwards: Vec::new(),
            guest: None,
        },
        forwarder: dns_forward.or((family != Family::V6).then_some(DNS_FORWARD)).map(str::to_owned),
        host_gateway,
        addresses: addresses(&asked, family, facts),
    })
}

/// A MAC address of a container: locally administered, unicast, and the same each time.
fn hardware_address(id: &str) -> String {
    let own: Vec<_> =
        id.as_bytes().chunks_exact(2).take(5).filter_map(|it| str::from_utf8(it).ok()).collect();
    if own.len() == 5 { format!("02:{}", own.join(":")) } else { "02:00:00:00:00:01".to_owned() }
}

/// What pasta connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    V4,
    V6,
    Both,
}

impl Family {
    fn of(asked: &Asked<'_>) -> Self {
        let is = |names: &[&str]| asked.options.iter().any(|it| names.contains(&it.as_str()));
        match (is(&["-4", "--ipv4-only"]), is(&["-6", "--ipv6-only"])) {
            (true, false) => Self::V4,
            (false, true) => Self::V6,
            _ => Self::Both,
        }
    }
}

/// The addresses that the container will have.
fn addresses(asked: &Asked<'_>, family: Family, facts: &HostFacts) -> Vec<IpAddr> {
    let given: Vec<IpAddr> = asked
        .values(&["-a", "--address"])
        .filter_map(|value| value.split('/').next().and_then(|address| address.parse().ok()))
        .collect();
    let of = |is_v4: bool, hosts_own: Option<IpAddr>| {
        given.iter().copied().find(|address| address.is_ipv4() == is_v4).or(hosts_own)
    };
    let v4 = of(true, facts.address_v4).filter(|_| family != Family::V6);
    let v6 = of(false, facts.address_v6).filter(|_| family != Family::V4);
    let known: Vec<IpAddr> = v4.into_iter().chain(v6).collect();
    if known.is_empty() && family != Family::V6 { vec![LOCAL_MODE] } else { known }
}

/// `[address/]first-last:first-last`.
fn port_specification(mapping: &PortMapping) -> String {
    let address = mapping.host_ip.map(|address| format!("{address}/")).unwrap_or_default();
    let range = |first: u16| format!("{first}-{}", first.saturating_add(mapping.range.max(1) - 1));
    format!("{address}{}:{}", range(mapping.host_port), range(mapping.container_port))
}

/// The options that the user gave.
struct Asked<'a> {
    options: &'a [String],
}

impl<'a> Asked<'a> {
    fn any(&self, names: &[&str]) -> bool {
        self.options.iter().any(|option| {
            let name = option.split('=').next().unwrap_or(option);
            let glued =
                |short: &str| short.len() == 2 && !option.starts_with("--") && option.starts_with(short);
            names.contains(&name) || names.iter().any(|it| glued(it))
        })
    }

    fn value(&self, names: &'a [&'a str]) -> Option<&'a str> {
        self.values(names).last()
    }

    /// The values of an option, written as a word of their own, behind `=`, or glued to a short name.
    fn values(&self, names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
        let options = self.options;
        options.iter().enumerate().filter_map(move |(place, option)| {
            if names.contains(&option.as_str()) {
                return options.get(place + 1).map(String::as_str);
            }
            names.iter().find_map(|name| {
                let rest = option.strip_prefix(name)?;
                if name.len() == 2 { Some(rest) } else { rest.strip_prefix('=') }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::hardware_address;

    #[test]
    fn a_hardware_address_is_a_containers_own_and_nobodys_by_make() {
        let id = "9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0";
        assert_eq!(hardware_address(id), "02:9f:8e:7d:6c:5b");
        assert_eq!(hardware_address(""), "02:00:00:00:00:01");
    }
}
