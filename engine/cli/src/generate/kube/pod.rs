//! What is said of the pod: by its infra container, or by the containers that are in none.

use std::collections::BTreeMap;

use pontoon_kube::names::{NameRule, is_label_value, is_qualified};
use pontoon_kube::objects::{DnsConfig, DnsOption, HostAlias, PodSecurityContext, Sysctl};
use pontoon_lifecycle::annotated;
use pontoon_lifecycle::request::{CreateRequest, NamespaceMode, NetworkMode, RestartPolicy, UserNsMode};

use super::{Group, Writing};

/// Labels that are ours, or systemd's.
const OWN: [&str; 3] = ["io.pontoon.", "PODMAN_SYSTEMD_UNIT", "io.containers.autoupdate"];

pub(super) fn write(writing: &mut Writing<'_>, group: &Group<'_>) {
    for (key, value) in group.labels {
        label(writing, &group.name, key, value);
    }
    let alone: Vec<(&str, &CreateRequest)> = match group.infra {
        Some(infra) => vec![(group.name.as_str(), infra)],
        None => group.members.iter().map(|it| (it.name, it.request)).collect(),
    };
    let several = alone.len() > 1;
    for (name, request) in alone {
        namespaces(writing, name, request, several);
    }
    if group.shares_processes {
        writing.spec.share_process_namespace = Some(true);
    }
    // All containers of a pod have one policy and one time to end in.
    let members: Vec<_> =
        group.members.iter().filter(|it| !annotated::is_sidecar(&it.request.annotations)).collect();
    let policies: Vec<&str> = members.iter().map(|it| policy(it.request.restart)).collect();
    let first = policies
        .iter()
        .max_by_key(|it| ["Never", "OnFailure", "Always"].iter().position(|known| known == *it));
    if let Some(first) = first {
        (*first).clone_into(&mut writing.spec.restart_policy);
    }
    for (member, own) in members.into_iter().zip(&policies) {
        if Some(own) != first && member.request.init_container.is_none() {
            writing.approximated(member.name, "--restart", "all containers of a pod have one policy");
        }
        if matches!(member.request.restart, RestartPolicy::OnFailure { retries: Some(_) }) {
            writing.approximated(
                member.name,
                "--restart",
                "a cluster does not count how often it starts anew",
            );
        }
    }
    writing.spec.active_deadline_seconds = deadline(group);
    let times: Vec<u32> = group.members.iter().filter_map(|it| it.request.stop_timeout).collect();
    writing.spec.termination_grace_period_seconds = times.iter().max().map(|it| i64::from(*it));
    if times.iter().any(|it| Some(it) != times.first()) {
        writing.approximated(&group.name, "--stop-timeout", "all containers of a pod have the longest");
    }
}

/// Seconds after which all are ended: a cluster has no such time for one of them.
fn deadline(group: &Group<'_>) -> Option<i64> {
    let mut times = group.members.iter().map(|it| it.request.timeout.filter(|it| *it > 0));
    let first = times.next()??;
    times.all(|it| it == Some(first)).then(|| i64::from(first))
}

fn policy(policy: RestartPolicy) -> &'static str {
    match policy {
        RestartPolicy::No => "Never",
        RestartPolicy::OnFailure { .. } => "OnFailure",
        RestartPolicy::Always | RestartPolicy::UnlessStopped => "Always",
    }
}

/// A label where Kubernetes takes it as one, an annotation where it takes it as that.
pub(super) fn label(writing: &mut Writing<'_>, name: &str, key: &str, value: &str) {
    if OWN.iter().any(|it| key.starts_with(it)) {
        return;
    }
    let labels = &writing.metadata.labels;
    if is_qualified(key) && is_label_value(value) && labels.get(key).is_none_or(|it| it == value) {
        writing.metadata.labels.insert(key.to_owned(), value.to_owned());
    } else if is_qualified(key) && !writing.metadata.annotations.contains_key(key) {
        if key == "app" {
            // By this one the pod is found.
            writing.approximated(
                name,
                "--label app",
                "the label `app` is the pod's name; yours is an annotation",
            );
        } else {
            writing.approximated(
                name,
                &format!("--label {key}"),
                "it is an annotation: no label has such a value",
            );
        }
        writing.metadata.annotations.insert(key.to_owned(), value.to_owned());
    } else {
        writing.lost(name, &format!("--label {key}"), "a cluster takes no such key");
    }
}

fn namespaces(writing: &mut Writing<'_>, name: &str, request: &CreateRequest, several: bool) {
    // A pod is called as it is, there as here.
    if let Some(hostname) = request.hostname.as_ref().filter(|it| **it != writing.metadata.name) {
        let nearest = NameRule::Label.nearest(hostname);
        if nearest != *hostname {
            writing.approximated(
                name,
                "--hostname",
                format!("it is `{nearest}`: {}", NameRule::Label.words()),
            );
        }
        match several && !writing.spec.hostname.is_empty() && writing.spec.hostname != nearest {
            true => writing.lost(name, "--hostname", "all containers of a pod have one"),
            false => writing.spec.hostname = nearest,
        }
    }
    match &request.network {
        Some(NetworkMode::Host) => writing.spec.host_network = true,
        Some(NetworkMode::None) => writing.lost(name, "--network none", "a pod of a cluster has a network"),
        Some(NetworkMode::Container(_) | NetworkMode::Path(_)) => {
            writing.lost(name, "--network", "containers share a network by being in one pod");
        }
        // What the network is called is this machine's own business.
        _ => {}
    }
    writing.spec.host_pid |= matches!(request.pid, NamespaceMode::Host);
    writing.spec.host_ipc |= matches!(request.ipc, NamespaceMode::Host);
    match &request.userns {
        UserNsMode::Host => {}
        UserNsMode::Auto(_) => writing.spec.host_users = Some(false),
        other => {
            let text = "a cluster maps ids, or does not; which ones it does not let one say";
            writing.spec.host_users = Some(false);
            writing.approximated(name, &format!("--userns {}", other.word()), text);
        }
    }
    let mut hosts: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (host, address) in &request.add_host {
        match address.parse::<std::net::IpAddr>() {
            Ok(_) => hosts.entry(address).or_default().push(host.clone()),
            Err(_) => writing.lost(name, &format!("--add-host {host}"), "a cluster takes addresses only"),
        }
    }
    let aliases = hosts.into_iter().map(|(ip, hostnames)| HostAlias { hostnames, ip: ip.to_owned() });
    writing.spec.host_aliases.extend(aliases);
    if !request.dns.is_empty() || !request.dns_search.is_empty() || !request.dns_option.is_empty() {
        let options = request.dns_option.iter().map(|it| {
            let (name, value) =
                it.split_once(':').map_or((it.as_str(), None), |(name, value)| (name, Some(value)));
            DnsOption { name: name.to_owned(), value: value.map(str::to_owned) }
        });
        let dns = DnsConfig {
            nameservers: request.dns.clone(),
            options: options.collect(),
            searches: request.dns_search.clone(),
        };
        if !dns.nameservers.is_empty() {
            // Else a cluster puts its own before them.
            "None".clone_into(&mut writing.spec.dns_policy);
        }
        writing.spec.dns_config = Some(dns);
    }
    if !request.sysctls.is_empty() {
        let sysctls =
            request.sysctls.iter().map(|(name, value)| Sysctl { name: name.clone(), value: value.clone() });
        let context = writing.spec.security_context.get_or_insert_with(PodSecurityContext::default);
        context.sysctls.extend(sysctls);
    }
}
