//! `--network`, `--ip`, `--mac-address`, `--network-alias`, `--add-host`, `--dns`.

use std::net::IpAddr;

use pontoon_lifecycle::network::DEFAULT_WORD;
use pontoon_lifecycle::request::{MacAddress, NetworkMode, NetworkUse};
use pontoon_network::config::{is_interface_name, is_name};

use super::error::{Fault, listed};
use super::{Host, OptionError, modes};
use crate::args::{ContainerOptions, JointOptions};

/// What all these options say together: a mode, or networks with names.
pub(super) fn read_all(options: &ContainerOptions, host: &Host) -> Result<Option<NetworkMode>, OptionError> {
    let mut mode = read(&options.network, host)?;
    // Of a word that stands twice, the later one counts.
    match &mut mode {
        Some(NetworkMode::Pasta(words)) => drop(words.splice(0..0, options.defaults.pasta.iter().cloned())),
        Some(NetworkMode::Slirp4netns(words)) => {
            words.splice(0..0, options.defaults.slirp4netns.iter().cloned());
        }
        _ => {}
    }
    let addresses = static_addresses(options.joint.ip.as_deref(), options.joint.ip6.as_deref())?;
    let mac = options.joint.mac_address.as_deref().map(mac_address).transpose()?;
    let aliases = listed(&options.joint.network_alias);
    for alias in &aliases {
        check_alias(alias).map_err(|fault| fault.of("--network-alias", alias))?;
    }
    let Some(option) = option_of_one(options) else { return Ok(mode) };
    if mode.is_none() && !host.rootless {
        mode = Some(NetworkMode::Named(vec![NetworkUse {
            name: DEFAULT_WORD.to_owned(),
            ..NetworkUse::default()
        }]));
    }
    let Some(NetworkMode::Named(uses)) = &mut mode else {
        return Err(OptionError::Needs { option, other: "--network NAME" });
    };
    match uses.as_mut_slice() {
        [only] => {
            only.addresses.extend(addresses);
            only.mac = mac.or(only.mac);
        }
        [first, second, ..] if option != "--network-alias" => {
            return Err(OptionError::Conflict {
                one: option.to_owned(),
                other: format!("--network={} --network={}", first.name, second.name),
            });
        }
        _ => {}
    }
    for network in uses {
        network.aliases.extend(aliases.iter().cloned());
    }
    Ok(mode)
}

/// The first option that is given and says what a container is on one network.
pub(super) fn option_of_one(options: &ContainerOptions) -> Option<&'static str> {
    let joint = &options.joint;
    let given = [
        ("--ip", joint.ip.is_some()),
        ("--ip6", joint.ip6.is_some()),
        ("--mac-address", joint.mac_address.is_some()),
        ("--network-alias", !joint.network_alias.is_empty()),
    ];
    given.into_iter().find_map(|(option, is_given)| is_given.then_some(option))
}

/// `--ip` and `--ip6`.
pub fn static_addresses(ip: Option<&str>, ip6: Option<&str>) -> Result<Vec<IpAddr>, OptionError> {
    let read = |option, text: Option<&str>, is_v4| {
        let one = |it: &str| address(it, is_v4).map_err(|fault| fault.of(option, it));
        text.map(one).transpose()
    };
    Ok([read("--ip", ip, true)?, read("--ip6", ip6, false)?].into_iter().flatten().collect())
}

fn address(text: &str, is_v4: bool) -> Result<IpAddr, Fault> {
    match text.parse::<IpAddr>() {
        Ok(found) if found.is_ipv4() == is_v4 => Ok(found),
        Ok(_) if is_v4 => Err(Fault::invalid("it is an address of IPv6").hint("`ip6` is for these")),
        Ok(_) => Err(Fault::invalid("it is an address of IPv4").hint("`ip` is for these")),
        Err(_) => Err(Fault::invalid("it is no IP address")),
    }
}

/// `--mac-address`.
pub fn mac_address(text: &str) -> Result<MacAddress, OptionError> {
    mac(text).map_err(|fault| fault.of("--mac-address", text))
}

fn mac(text: &str) -> Result<MacAddress, Fault> {
    let found: MacAddress = text
        .parse()
        .map_err(|_| Fault::invalid("it is no hardware address").hint("write it as 92:d0:c6:0a:29:33"))?;
    let [first, ..] = found.0;
    // The kernel gives these to no interface.
    if first & 1 == 1 || found.0 == [0; 6] {
        return Err(Fault::invalid("no interface can have it").hint("the first number must be even"));
    }
    Ok(found)
}

/// Whether it can be a name that others ask the DNS for.
fn check_alias(text: &str) -> Result<(), Fault> {
    let is_one = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
    };
    match text.len() <= 253 && text.split('.').all(is_one) {
        true => Ok(()),
        false => Err(Fault::invalid(format!("`{text}` cannot be a host's name"))),
    }
}

/// Reads the one mode, or the networks with names.
fn read(values: &[String], host: &Host) -> Result<Option<NetworkMode>, OptionError> {
    let mut chosen: Option<(&String, Option<NetworkMode>)> = None;
    for value in values {
        let mode = mode(value, host).map_err(|fault| fault.of("--network", value))?;
        chosen = Some(match (chosen.take(), mode) {
            (Some((_, Some(NetworkMode::Named(mut uses)))), Some(NetworkMode::Named(more))) => {
                more.into_iter().for_each(|it| add(&mut uses, it));
                (value, Some(NetworkMode::Named(uses)))
            }
            (Some((other, earlier)), mode) if earlier != mode => {
                let words = |value: &str| format!("--network={value}");
                return Err(OptionError::Conflict { one: words(other), other: words(value) });
            }
            (_, mode) => (value, mode),
        });
    }
    Ok(chosen.and_then(|(_, mode)| mode))
}

/// One more network; what is said of one twice, the later word decides.
fn add(uses: &mut Vec<NetworkUse>, new: NetworkUse) {
    match uses.iter_mut().find(|it| it.name == new.name) {
        Some(same) => *same = new,
        None => uses.push(new),
    }
}

/// One `--network`; `None` is what is so without it.
pub(super) fn mode(text: &str, host: &Host) -> Result<Option<NetworkMode>, Fault> {
    let (name, options) = match text.split_once(':') {
        Some((name, options)) => (name, Some(options)),
        None => (text, None),
    };
    let split = |options: Option<&str>| match options {
        None | Some("") => Vec::new(),
        Some(options) => options.split(',').map(str::to_owned).collect(),
    };
    let plain = |mode| match options {
        None => Ok(mode),
        Some(_) => Err(Fault::invalid(format!("`{name}` takes no options"))),
    };
    match name {
        "" | "default" => plain(None),
        "host" => plain(Some(NetworkMode::Host)),
        "none" => plain(Some(NetworkMode::None)),
        "pasta" => Ok(Some(NetworkMode::Pasta(split(options)))),
        "slirp4netns" => {
            let options = split(options);
            if let Some(option) = options.iter().find(|option| !option.contains('=')) {
                return Err(Fault::invalid(format!("the option `{option}` has no value"))
                    .hint("write it as slirp4netns:mtu=1500,enable_ipv6=true"));
            }
            Ok(Some(NetworkMode::Slirp4netns(options)))
        }
        // For a user, Podman's `private` is what the default is; for root it is the default network.
        "private" if host.rootless => plain(None),
        "private" => Ok(Some(NetworkMode::Named(vec![network(DEFAULT_WORD, options)?]))),
        "container" => match options {
            Some(name) if !name.is_empty() => Ok(Some(NetworkMode::Container(name.to_owned()))),
            _ => Err(Fault::invalid("the container is missing").hint("write it as container:NAME")),
        },
        "ns" => match options {
            Some(path) if !path.is_empty() => Ok(Some(NetworkMode::Path(modes::namespace_path(path, host)))),
            _ => Err(Fault::invalid("the path is missing").hint("write it as ns:PATH")),
        },
        "pod" => Err(Fault::not_supported().hint(
            "a network NAME, pasta, slirp4netns, container:NAME, ns:PATH, host and none are supported",
        )),
        // Without options there may be several, as in a list of Podman's.
        _ if options.is_none() && name.contains(',') => {
            let mut uses = Vec::new();
            for name in name.split(',') {
                add(&mut uses, network(name, None)?);
            }
            Ok(Some(NetworkMode::Named(uses)))
        }
        name => Ok(Some(NetworkMode::Named(vec![network(name, options)?]))),
    }
}

const NETWORK_OPTIONS: &str = "the options are ip, ip6, mac, alias and interface_name";

/// A network with a name, and how the container is on it (podman-run(1), `--network`, "Network options").
fn network(name: &str, options: Option<&str>) -> Result<NetworkUse, Fault> {
    if !is_name(name) {
        return Err(Fault::invalid(format!("`{name}` is no network")).hint(
            "a network NAME, pasta, slirp4netns, container:NAME, ns:PATH, host and none are supported",
        ));
    }
    let mut network = NetworkUse { name: name.to_owned(), ..NetworkUse::default() };
    for option in options.unwrap_or_default().split(',').filter(|it| !it.is_empty()) {
        let Some((key, value)) = option.split_once('=') else {
            return Err(Fault::invalid(format!("the option `{option}` has no value")).hint(NETWORK_OPTIONS));
        };
        match key {
            // Unlike --ip and --ip6, either is for both families in Podman.
            "ip" | "ip6" => network
                .addresses
                .push(value.parse().map_err(|_| Fault::invalid(format!("`{value}` is no IP address")))?),
            "mac" => network.mac = Some(mac(value)?),
            "alias" => {
                check_alias(value)?;
                network.aliases.push(value.to_owned());
            }
            "interface_name" if is_interface_name(value) => network.interface = Some(value.to_owned()),
            "interface_name" => {
                return Err(Fault::invalid(format!("`{value}` cannot be the name of an interface"))
                    .hint("it has 1 to 15 bytes, and no `/`, `:`, or space, and is not `lo`"));
            }
            _ => return Err(Fault::part_not_supported(option).hint(NETWORK_OPTIONS)),
        }
    }
    Ok(network)
}

/// Without a network nobody is asked for names. What is usual (`containers.conf`) was not asked for.
pub(super) fn check_resolver(
    joint: &JointOptions,
    usual: &[&str],
    network: Option<&NetworkMode>,
) -> Result<(), OptionError> {
    let given = [
        ("--dns", !joint.dns.is_empty()),
        ("--dns-search", !joint.dns_search.is_empty()),
        ("--dns-option", !joint.dns_option.is_empty()),
    ];
    match given.into_iter().find(|(option, is_given)| *is_given && !usual.contains(option)) {
        Some((option, _)) if network == Some(&NetworkMode::None) => {
            Err(OptionError::Conflict { one: option.to_owned(), other: "--network=none".to_owned() })
        }
        _ => Ok(()),
    }
}

/// `NAME[;NAME…]:ADDRESS`; the address may be `host-gateway`.
pub(super) fn added_host(text: &str) -> Result<(String, String), Fault> {
    let Some((names, address)) = text.split_once(':') else {
        return Err(Fault::invalid("it must be NAME:ADDRESS"));
    };
    let bad =
        |name: &str| name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '#');
    if names.split(';').any(bad) {
        return Err(Fault::invalid("the name is missing or is no host name"));
    }
    let bare = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(address);
    if address != "host-gateway" && bare.parse::<IpAddr>().is_err() {
        return Err(Fault::invalid(format!("`{address}` is neither an IP address nor `host-gateway`")));
    }
    Ok((names.to_owned(), bare.to_owned()))
}

/// An IP address, or `none`, which leaves the image's resolv.conf alone.
pub(super) fn dns_server(text: &str) -> Result<String, Fault> {
    if text == "none" || text.parse::<IpAddr>().is_ok() {
        return Ok(text.to_owned());
    }
    Err(Fault::invalid("it is no IP address"))
}
