//! A pod: the words of `pod create`, and its containers.

use std::collections::BTreeSet;

use super::{Deciding, OF_POD, PodWanted, Spot, container, mounts, settings};
use crate::names::NameRule;
use crate::objects::{ContainerPort, Metadata, PodSpec};

/// Modes of networks that are no networks with names.
const MODES: [&str; 7] = ["host", "none", "private", "pasta", "slirp4netns", "container", "ns"];

/// What holds for all containers of a pod.
pub(super) struct Around<'a> {
    pub(super) name: &'a str,
    pub(super) metadata: &'a Metadata,
    pub(super) spec: &'a PodSpec,
    pub(super) mounts: mounts::Mountable,
}

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    metadata: &Metadata,
    spec: &PodSpec,
) -> PodWanted {
    let inside = spot.field("spec");
    settings::tell(deciding, spot, metadata, spec);
    let mut wanted = PodWanted { name: metadata.name.clone(), ..PodWanted::default() };
    wanted.words = words(deciding, &inside, metadata, spec);
    let mut around = Around { name: &metadata.name, metadata, spec, mounts: mounts::Mountable::new() };
    around.mounts = mounts::volumes(deciding, &inside.field("volumes"), &around, &mut wanted);
    let mut names = BTreeSet::new();
    for (field, containers, is_init) in
        [("initContainers", &spec.init_containers, true), ("containers", &spec.containers, false)]
    {
        for (number, container) in containers.iter().enumerate() {
            let spot = inside.field(field).item(number);
            deciding.name(&spot.field("name"), &container.name, NameRule::Label);
            if !container.name.is_empty() && !names.insert(container.name.clone()) {
                let text = format!("there are two containers `{}`", container.name);
                deciding.fault(&spot.field("name"), text, None);
            }
            let container = container::decide(deciding, &spot, &around, container, is_init);
            wanted.containers.push(container);
        }
    }
    if spec.containers.is_empty() {
        deciding.fault(&inside.field("containers"), "a pod has at least one container", None);
    }
    wanted
}

fn words(deciding: &mut Deciding<'_>, spot: &Spot<'_>, metadata: &Metadata, spec: &PodSpec) -> Vec<String> {
    let mut words: Vec<String> = ["pod", "create", "--exit-policy=stop"].map(str::to_owned).to_vec();
    let mut say = |option: &str, value: &str| words.push(format!("--{option}={value}"));
    say("name", &metadata.name);
    say("label", &format!("{OF_POD}={}", metadata.name));
    for (key, value) in &metadata.labels {
        say("label", &format!("{key}={value}"));
    }
    if !spec.hostname.is_empty() {
        say("hostname", &spec.hostname);
    }
    let mut shared = vec!["net", "uts"];
    if !spec.host_ipc {
        shared.insert(0, "ipc");
    }
    if spec.share_process_namespace == Some(true) && !spec.host_pid {
        shared.push("pid");
    }
    say("share", &shared.join(","));
    if let Some(name) = settings::of_pod(metadata, "infra.name") {
        say("infra-name", name);
    }
    let userns = settings::of_pod(metadata, "userns");
    match (&deciding.options.userns, userns, spec.host_users) {
        (Some(mode), _, _) => say("userns", mode),
        (None, Some(mode), _) => say("userns", mode),
        (None, None, Some(false)) => say("userns", "auto"),
        (None, None, _) => {}
    }
    if spec.host_network {
        say("network", "host");
    } else {
        let number = deciding.play.pods.len();
        for network in &deciding.options.networks {
            say("network", network);
        }
        let first = deciding.options.networks.first().map_or("", String::as_str);
        if !first.is_empty() && !MODES.contains(&first.split(':').next().unwrap_or_default()) {
            let names = spec.containers.iter().map(|it| it.name.as_str());
            for name in
                std::iter::once(metadata.name.as_str()).chain(names).filter(|it| NameRule::Label.allows(it))
            {
                say("network-alias", name);
            }
        }
        if let Some(ip) = deciding.options.ips.get(number) {
            say("ip", ip);
        }
        if let Some(mac) = deciding.options.macs.get(number) {
            say("mac-address", mac);
        }
    }
    if deciding.options.no_hostname {
        words.push("--no-hostname".to_owned());
    }
    if deciding.options.no_hosts {
        words.push("--no-hosts".to_owned());
    } else {
        for alias in &spec.host_aliases {
            for name in &alias.hostnames {
                words.push(format!("--add-host={name}:{}", alias.ip));
            }
        }
    }
    if let Some(dns) = spec.dns_config.as_ref().filter(|_| !spec.host_network) {
        words.extend(dns.nameservers.iter().map(|it| format!("--dns={it}")));
        words.extend(dns.searches.iter().map(|it| format!("--dns-search={it}")));
        for option in &dns.options {
            let value = option.value.as_ref().map(|it| format!(":{it}")).unwrap_or_default();
            words.push(format!("--dns-option={}{value}", option.name));
        }
    }
    if let Some(context) = &spec.security_context {
        words.extend(context.sysctls.iter().map(|it| format!("--sysctl={}={}", it.name, it.value)));
        if context.fs_group.is_some_and(|it| u32::try_from(it).is_err()) {
            deciding.fault(&spot.field("securityContext.fsGroup"), "it is no number of a group", None);
        }
    }
    if !matches!(spec.restart_policy.as_str(), "" | "Always" | "OnFailure" | "Never") {
        let text = format!("`{}` is none of Always, OnFailure, Never", spec.restart_policy);
        deciding.fault(&spot.field("restartPolicy"), text, None);
    }
    words.extend(published(deciding, spot, spec));
    words
}

/// The ports of the host.
fn published(deciding: &mut Deciding<'_>, spot: &Spot<'_>, spec: &PodSpec) -> Vec<String> {
    // Those of the command line stand for those of the file that are the same inside.
    let inside = |text: &str| {
        let (ports, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
        (ports.rsplit(':').next().unwrap_or_default().to_owned(), protocol.to_ascii_lowercase())
    };
    let given: BTreeSet<_> = deciding.options.publish.iter().map(|it| inside(it)).collect();
    let mut words: Vec<String> =
        deciding.options.publish.iter().map(|it| format!("--publish={it}")).collect();
    if spec.host_network {
        return Vec::new();
    }
    for (number, container) in spec.containers.iter().enumerate() {
        let spot = spot.field("containers").item(number).field("ports");
        for (number, port) in container.ports.iter().enumerate() {
            let spot = spot.item(number);
            if port.container_port == 0 {
                deciding.fault(&spot.field("containerPort"), "there must be a port from 1 to 65535", None);
                continue;
            }
            let Some(protocol) = protocol(port) else {
                let text = format!("ports of `{}` cannot be published; TCP, UDP and SCTP can", port.protocol);
                deciding.fault(&spot.field("protocol"), text, None);
                continue;
            };
            let Some(host) = host_port(port, deciding.options.publish_all) else { continue };
            if given.contains(&(port.container_port.to_string(), protocol.to_owned())) {
                continue;
            }
            let address = match port.host_ip.as_str() {
                "" => String::new(),
                ip if ip.contains(':') => format!("[{ip}]:"),
                ip => format!("{ip}:"),
            };
            words.push(format!("--publish={address}{host}:{}/{protocol}", port.container_port));
        }
    }
    words
}

fn protocol(port: &ContainerPort) -> Option<&'static str> {
    match port.protocol.to_ascii_uppercase().as_str() {
        "" | "TCP" => Some("tcp"),
        "UDP" => Some("udp"),
        "SCTP" => Some("sctp"),
        _ => None,
    }
}

fn host_port(port: &ContainerPort, all: bool) -> Option<u16> {
    port.host_port.filter(|it| *it > 0).or(all.then_some(port.container_port))
}
