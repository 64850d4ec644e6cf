//! `--network`, `--add-host`, `--dns`.

use std::net::IpAddr;

use pontoon_lifecycle::request::NetworkMode;

use super::error::Fault;
use super::{Host, OptionError, modes};

/// Reads the one network there may be.
pub(super) fn read(values: &[String], host: &Host) -> Result<Option<NetworkMode>, OptionError> {
    let mut chosen: Option<(&String, Option<NetworkMode>)> = None;
    for value in values {
        let mode = mode(value, host).map_err(|fault| fault.of("--network", value))?;
        if let Some((other, earlier)) = &chosen
            && *earlier != mode
        {
            let words = |value: &str| format!("--network={value}");
            return Err(OptionError::Conflict { one: words(other), other: words(value) });
        }
        chosen = Some((value, mode));
    }
    Ok(chosen.and_then(|(_, mode)| mode))
}

fn mode(text: &str, host: &Host) -> Result<Option<NetworkMode>, Fault> {
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
        // For a user, Podman's `private` is what the default is.
        "private" if host.rootless => plain(None),
        "container" => match options {
            Some(name) if !name.is_empty() => Ok(Some(NetworkMode::Container(name.to_owned()))),
            _ => Err(Fault::invalid("the container is missing").hint("write it as container:NAME")),
        },
        "ns" => match options {
            Some(path) if !path.is_empty() => Ok(Some(NetworkMode::Path(modes::namespace_path(path, host)))),
            _ => Err(Fault::invalid("the path is missing").hint("write it as ns:PATH")),
        },
        "private" | "bridge" | "pod" => Err(Fault::not_supported()
            .hint("pasta, slirp4netns, container:NAME, ns:PATH, host and none are supported")),
        name if super::names::is_name(name) => Err(Fault::not_supported()
            .hint("networks with names are not there yet; pasta, slirp4netns, host and none are supported")),
        _ => Err(Fault::invalid("it is no network").hint("pasta, slirp4netns, host and none are supported")),
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
