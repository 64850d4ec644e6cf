//! `pod ps`, `pod inspect`, `pod exists`.

use std::time::SystemTime;

use pontoon_lifecycle::pod::{self, PodSummary, slice};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::request::{HostsFile, NamespaceMode, NetworkMode, NetworkUse, RestartPolicy};
use pontoon_lifecycle::resources::DeviceRate;
use pontoon_storage::{FindPodError, Store};

use super::super::found;
use super::{Context, Failure, all, latest};
use crate::commands::list as containers;
use pontoon_cli::args::{PodInspectArgs, PodPsArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::pod::{Columns, Container, Facts, InfraFacts, Row, inspect_text, list_text, sort};
use pontoon_cli::view::{ListOptions, mounts, policy_word};

/// `pontoon pod ps`
pub fn list(context: &Context, args: &PodPsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let filters = Filter::parse_all(&args.filter)?;
    let pods = if args.latest { vec![latest(context, &store)?] } else { all(context, &store)? };
    let rows = pods.iter().map(|it| row(context, it)).collect();
    let mut rows = filter::pods(rows, &filters)?;
    sort(&mut rows, args.sort);
    let options = ListOptions {
        format: args.format.as_deref(),
        quiet: args.quiet,
        no_trunc: args.no_trunc,
        noheading: args.noheading,
        now: SystemTime::now(),
    };
    let columns =
        Columns { ids: args.ctr_ids, names: args.ctr_names, status: args.ctr_status, namespaces: args.ns };
    output::out(&list_text(&rows, &options, columns)?)?;
    Ok(ExitStatus::Success)
}

/// A pod as lists show it.
fn row(context: &Context, pod: &PodSummary) -> Row {
    let record = &pod.record;
    let container = |it: &pontoon_lifecycle::list::Summary| Container {
        id: it.record.id.clone(),
        name: it.record.name.clone(),
        state: containers::state(&it.status).0.word(),
        restarts: containers::restarts(&it.status),
    };
    Row {
        id: record.id.clone(),
        name: record.name.clone(),
        created: from_nanos(record.created),
        status: pod.state().word(),
        infra: record.infra.clone().unwrap_or_default(),
        containers: pod.members.iter().map(container).collect(),
        labels: record.labels.iter().cloned().collect(),
        parent: slice::parent(&context.host, record).to_owned(),
        networks: pod.infra().map(|it| networks(&it.record)).unwrap_or_default(),
        shared: record.shared.iter().map(|it| it.word()).collect(),
        restart_policy: policy_word(record.restart),
    }
}

/// `pontoon pod inspect`
pub fn inspect(context: &Context, args: &PodInspectArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let (mut rows, missing) = found::each(&args.pods, |name| {
        let (_, pod) = pod::find(&store, name)?;
        Ok(facts(context, &pod))
    })?;
    if args.latest {
        rows.push(facts(context, &latest(context, &store)?));
    }
    output::out(&inspect_text(&rows, args.format.as_deref())?)?;
    missing.told()
}

/// The inspection of one pod; `None` if there is none of that name.
pub fn inspected(
    context: &Context,
    store: &Store,
    name: &str,
    format: Option<&str>,
) -> Result<Option<String>, Failure> {
    match pod::find(store, name) {
        Ok((_, pod)) => Ok(Some(inspect_text(&[facts(context, &pod)], format)?)),
        Err(err) if err.is_not_found() => Ok(None),
        Err(err) => Err(err.into()),
    }
}

fn facts(context: &Context, pod: &PodSummary) -> Facts {
    let record = &pod.record;
    let infra = pod.infra().map(|it| &it.record);
    let resources = &record.resources;
    let rates = |list: &[DeviceRate]| {
        list.iter().map(|it| (it.path.to_string_lossy().into_owned(), it.rate)).collect::<Vec<_>>()
    };
    let memory = resources.memory.unwrap_or(0);
    // As much swap again, where nothing else is said.
    let usual_swap = i64::try_from(memory.saturating_mul(2)).unwrap_or(i64::MAX);
    let quota = resources.cpu_quota.unwrap_or(0);
    Facts {
        row: row(context, pod),
        create_command: record.create_command.clone(),
        exit_policy: record.exit_policy.word(),
        hostname: record.hostname.clone().unwrap_or_default(),
        share_parent: record.share_parent,
        cgroup_path: cgroup_path(context, record),
        infra: infra.map(infra_facts),
        security_options: record.security_options.clone(),
        mounts: infra.map(mounts::of).unwrap_or_default(),
        devices: infra.map(devices).unwrap_or_default(),
        memory,
        // Without a limit of memory there is none of both together.
        memory_swap: resources.memory_swap.filter(|_| memory > 0).unwrap_or(usual_swap),
        cpu_shares: resources.cpu_shares.unwrap_or(0),
        cpu: (if quota > 0 { resources.cpu_period.unwrap_or(100_000) } else { 0 }, quota),
        cpuset_cpus: resources.cpuset_cpus.clone(),
        cpuset_mems: resources.cpuset_mems.clone(),
        blkio_weight: resources.blkio_weight.unwrap_or(0),
        device_rates: [
            rates(&resources.blkio_weight_device),
            rates(&resources.device_read_bps),
            rates(&resources.device_write_bps),
        ],
        restart: (record.restart != RestartPolicy::No).then(|| policy_word(record.restart)),
    }
}

/// Where the service manager makes the slice.
fn cgroup_path(context: &Context, record: &pod::PodRecord) -> String {
    let name = slice::name(&context.host, record);
    let uid = context.host.uid;
    let manager = match context.host.is_rootless() {
        true => format!("user.slice/user-{uid}.slice/user@{uid}.service/"),
        false => String::new(),
    };
    // A slice lies in those of the beginnings of its name.
    let stem = name.trim_end_matches(".slice");
    let dashes: Vec<usize> = stem.match_indices('-').map(|(index, _)| index).collect();
    let above: String =
        dashes.iter().filter_map(|it| stem.get(..*it)).map(|it| format!("{it}.slice/")).collect();
    format!("{manager}{above}{name}")
}

fn infra_facts(record: &ContainerRecord) -> InfraFacts {
    let request = &record.request;
    let mode = |mode: &NamespaceMode| match mode {
        NamespaceMode::Private => "private".to_owned(),
        NamespaceMode::Host => "host".to_owned(),
        NamespaceMode::Container(name) => format!("container:{name}"),
        NamespaceMode::Path(path) => format!("ns:{}", path.display()),
    };
    let given = |of: &dyn Fn(&NetworkUse) -> Option<String>| match &request.network {
        Some(NetworkMode::Named(uses)) => uses.first().and_then(of).unwrap_or_default(),
        _ => String::new(),
    };
    let no_resolv_conf = request.dns.iter().any(|it| it == "none");
    InfraFacts {
        ports: request.publish.clone(),
        host_network: request.network == Some(NetworkMode::Host),
        names: [
            if no_resolv_conf { Vec::new() } else { request.dns.clone() },
            request.dns_search.clone(),
            request.dns_option.clone(),
            request.add_host.iter().map(|(name, address)| format!("{name}:{address}")).collect(),
        ],
        no_hosts: request.no_hosts,
        no_hostname: request.no_hostname,
        no_resolv_conf,
        hosts_file: match &request.hosts_file {
            Some(HostsFile::Path(path)) => path.display().to_string(),
            Some(HostsFile::Image) => "image".to_owned(),
            Some(HostsFile::None) => "none".to_owned(),
            None => String::new(),
        },
        modes: [mode(&request.pid), request.userns.word().to_owned(), mode(&request.uts)],
        networks: networks(record),
        static_ip: given(&|it| it.addresses.first().map(ToString::to_string)),
        static_mac: given(&|it| it.mac.map(|it| it.to_string())),
    }
}

/// The networks with names that a container is on.
fn networks(record: &ContainerRecord) -> Vec<String> {
    match &record.request.network {
        Some(NetworkMode::Named(uses)) => uses.iter().map(|it| it.name.clone()).collect(),
        _ => Vec::new(),
    }
}

fn devices(record: &ContainerRecord) -> Vec<(String, String, String)> {
    let devices = record.request.devices.iter();
    devices.map(|it| (it.host.display().to_string(), it.container.clone(), it.permissions.clone())).collect()
}

/// `pontoon pod exists`
pub fn exists(context: &Context, name: &str) -> Result<ExitStatus, Failure> {
    match context.store()?.find_pod(name) {
        Ok(_) => Ok(ExitStatus::Success),
        Err(FindPodError::NotFound { .. }) => Ok(ExitStatus::No),
        Err(err) => Err(err.into()),
    }
}
