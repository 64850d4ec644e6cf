//! What unit files are wanted for: each thing as the command line that would make it.

use std::path::Path;

use pontoon_cli::generate::line::Line;
use pontoon_cli::generate::quadlet::{QuadletError, Subject, name_of_image};
use pontoon_lifecycle::list;
use pontoon_lifecycle::network;
use pontoon_lifecycle::pod::{self, PodSummary};
use pontoon_lifecycle::record::{ContainerRecord, VolumeRecord};
use pontoon_lifecycle::volume;
use pontoon_network::config::{Driver, NetworkConfig};
use pontoon_storage::Store;
use pontoon_units::UnitKind;

use super::super::control::is_missing;
use super::super::{Context, Failure};

/// The thing that a command line makes; `None` if the words are none.
pub(super) fn of_command(words: &[String]) -> Result<Option<Subject>, Failure> {
    let program = words.first().and_then(|it| Path::new(it).file_name()?.to_str()).unwrap_or_default();
    if words.len() < 2 || !matches!(program, "podman" | "pontoon" | "docker") {
        return Ok(None);
    }
    for (path, kind) in [
        ("pod create", UnitKind::Pod),
        ("volume create", UnitKind::Volume),
        ("network create", UnitKind::Network),
    ] {
        let Ok(line) = Line::of(path, words) else { continue };
        let named = line.last("name").and_then(|it| it.value.clone()).or_else(|| line.rest.first().cloned());
        let Some(name) = named else {
            return Err(Failure::new("the command line says no name", Some("name what it makes".to_owned())));
        };
        return Ok(Some(Subject::new(kind, name, words.to_vec())));
    }
    let broken = |source| QuadletError::Line { name: words.join(" "), source };
    let line = Line::of_container(words).map_err(broken)?;
    let named = line.last("name").and_then(|it| it.value.clone());
    let name = named.unwrap_or_else(|| name_of_image(line.rest.first().map_or("", String::as_str)));
    Ok(Some(Subject::new(UnitKind::Container, name, words.to_vec())))
}

/// The things that are named, each after those that it refers to.
pub(super) fn of_names(context: &Context, names: &[String]) -> Result<Vec<Subject>, Failure> {
    let store = context.store()?;
    let mut found: Vec<Subject> = Vec::new();
    for name in names {
        if name.starts_with('-') {
            let hint = "options stand before the names".to_owned();
            return Err(Failure::new(format!("`{name}` is no name"), Some(hint)));
        }
        for subject in of_name(context, &store, name)? {
            if found.iter().all(|it| (it.kind, &it.name) != (subject.kind, &subject.name)) {
                found.push(subject);
            }
        }
    }
    Ok(found)
}

fn of_name(context: &Context, store: &Store, name: &str) -> Result<Vec<Subject>, Failure> {
    match list::find(store, name) {
        Ok(found) => return Ok(vec![container(store, &found.record)?]),
        Err(err) if is_missing(&err) => {}
        Err(err) => return Err(err.into()),
    }
    match pod::find(store, name) {
        Ok((_, pod)) => return of_pod(store, &pod),
        Err(err) if err.is_not_found() => {}
        Err(err) => return Err(err.into()),
    }
    if let Some(entry) = volume::list(store)?.volumes.iter().find(|it| it.name == name) {
        return Ok(vec![of_volume(name, &entry.record()?)]);
    }
    let host = context.network_host();
    if let Some(config) = network::list(&host, store)?.networks.into_iter().find(|it| it.name == name) {
        return Ok(vec![of_network(&config)]);
    }
    let hint = "`pontoon ps -a`, `pod ps`, `volume ls` and `network ls` list what there is; \
                a command line begins with `podman` or `pontoon`";
    let text = format!("`{name}` is neither a container nor a pod, a volume or a network");
    Err(Failure::new(text, Some(hint.to_owned())))
}

fn container(store: &Store, record: &ContainerRecord) -> Result<Subject, Failure> {
    let request = &record.request;
    if request.infra.is_some() {
        let hint =
            request.pod.as_ref().map(|it| format!("write the pod's: pontoon generate quadlet {}", it.id));
        return Err(Failure::new(format!("`{}` is the infra container of a pod", record.name), hint));
    }
    if request.init_container.is_some() {
        let hint = "`ExecStartPre=` in [Service] of the other containers' files can prepare them".to_owned();
        return Err(Failure::new(
            format!("`{}` is an init container, and no service", record.name),
            Some(hint),
        ));
    }
    let words = match &request.pod {
        Some(member) => {
            let pod = pod::find(store, &member.id).map(|(_, pod)| pod.record.name);
            in_pod(record, &pod.unwrap_or_else(|_| member.id.clone()))?
        }
        None => request.create_command.clone(),
    };
    Ok(Subject::new(UnitKind::Container, record.name.clone(), words))
}

/// The command line of a member, with its pod by name, however it was said.
fn in_pod(record: &ContainerRecord, pod: &str) -> Result<Vec<String>, Failure> {
    let words = &record.request.create_command;
    let broken = |source| QuadletError::Line { name: record.name.clone(), source };
    let mut line = Line::of_container(words).map_err(broken)?;
    line.without(|it| matches!(it.name.as_str(), "pod" | "pod-id-file" | "infra-conmon-pidfile"));
    let mut whole: Vec<String> = words.first().cloned().into_iter().collect();
    whole.extend(line.globals.into_iter().flat_map(|it| it.words));
    whole.extend(line.command);
    whole.extend(["--pod".to_owned(), pod.to_owned()]);
    whole.extend(line.options.into_iter().flat_map(|it| it.words));
    whole.extend(line.rest);
    Ok(whole)
}

fn of_pod(store: &Store, pod: &PodSummary) -> Result<Vec<Subject>, Failure> {
    let name = pod.record.name.clone();
    // One that `run --pod new:NAME` made has that command line, which makes more than the pod.
    let words = match Line::of("pod create", &pod.record.create_command) {
        Ok(_) => pod.record.create_command.clone(),
        Err(_) => {
            let hint = "`pontoon pod inspect` tells what it has; give a line: pontoon generate quadlet pontoon pod create …";
            let text = format!("pod `{name}` was made by the command line of a container");
            return Err(Failure::new(text, Some(hint.to_owned())));
        }
    };
    let mut found = vec![Subject::new(UnitKind::Pod, name, words)];
    let mut members: Vec<&ContainerRecord> = pod.own_members().map(|it| &it.record).collect();
    members.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    for member in members {
        found.push(container(store, member)?);
    }
    Ok(found)
}

fn words(path: &str) -> Vec<String> {
    ["pontoon"].into_iter().chain(path.split(' ')).map(str::to_owned).collect()
}

fn of_volume(name: &str, record: &VolumeRecord) -> Subject {
    let mut line = words("volume create");
    let mut add = |option: &str, value: String| line.extend([format!("--{option}"), value]);
    for (key, value) in &record.labels {
        add("label", format!("{key}={value}"));
    }
    for (key, value) in &record.options {
        add("opt", if value.is_empty() { key.clone() } else { format!("{key}={value}") });
    }
    for (option, id) in [("uid", record.uid), ("gid", record.gid)] {
        if let Some(id) = id {
            add(option, id.to_string());
        }
    }
    line.push(name.to_owned());
    Subject::new(UnitKind::Volume, name, line)
}

fn of_network(config: &NetworkConfig) -> Subject {
    let mut line = words("network create");
    let mut add = |option: &str, value: &str| line.extend([format!("--{option}"), value.to_owned()]);
    let is_bridge = config.driver == Driver::Bridge;
    if !is_bridge {
        add("driver", &config.driver.to_string());
    }
    for subnet in &config.subnets {
        add("subnet", &subnet.subnet.to_string());
        if let Some(gateway) = subnet.gateway {
            add("gateway", &gateway.to_string());
        }
        if let Some(range) = &subnet.lease_range
            && let (Some(first), Some(last)) = (range.start_ip, range.end_ip)
        {
            add("ip-range", &format!("{first}-{last}"));
        }
    }
    for route in &config.routes {
        let metric = route.metric.map(|it| format!(",{it}")).unwrap_or_default();
        add("route", &format!("{},{}{metric}", route.destination, route.gateway));
    }
    for address in &config.network_dns_servers {
        add("dns", &address.to_string());
    }
    for (key, value) in &config.options {
        add("opt", &format!("{key}={value}"));
    }
    for (key, value) in &config.labels {
        add("label", &format!("{key}={value}"));
    }
    // A bridge that was not named has a name by number, which is drawn anew.
    let number = config.network_interface.strip_prefix("podman").map(|it| it.parse::<u32>().is_ok());
    if !config.network_interface.is_empty() && number != Some(true) {
        match is_bridge {
            true => add("interface-name", &config.network_interface),
            false => add("opt", &format!("parent={}", config.network_interface)),
        }
    }
    if let Some(driver) = config.ipam_options.get("driver").filter(|it| *it != "host-local") {
        add("ipam-driver", driver);
    }
    for (option, is_on) in [
        ("internal", config.internal),
        ("ipv6", config.ipv6_enabled),
        ("disable-dns", is_bridge && !config.dns_enabled),
    ] {
        if is_on {
            line.push(format!("--{option}"));
        }
    }
    line.push(config.name.clone());
    Subject::new(UnitKind::Network, config.name.clone(), line)
}
