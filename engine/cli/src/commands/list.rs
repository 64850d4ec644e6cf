//! `ps`, `port`, and the rows that other commands show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::SystemTime;

use pontoon_lifecycle::disk;
use pontoon_lifecycle::host::Host;
use pontoon_lifecycle::list::{self, Summary};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::request::{MountSource, NetworkMode};
use pontoon_lifecycle::status::Status;
use pontoon_network::PortMapping;
use pontoon_storage::Store;

use super::{Context, Failure, tree};
use pontoon_cli::args::{PortArgs, PsArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::format::OmitEmpty;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::{ListOptions, policy_word, port, ps};
use pontoon_cli::{message, output};

/// `pontoon ps`
pub fn ps(context: &Context, args: &PsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let Some(seconds) = args.watch.filter(|it| *it > 0) else { return ps_once(context, &store, args) };
    let span = rustix::event::Timespec { tv_sec: seconds.into(), tv_nsec: 0 };
    loop {
        // From the top of an empty screen, as Podman does it.
        output::out("\x1b[2J\x1b[H")?;
        ps_once(context, &store, args)?;
        if !output::is_read_after(&span) {
            return Ok(output::reader_gone());
        }
    }
}

fn ps_once(context: &Context, store: &Store, args: &PsArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    let listing = list::list(store)?;
    for (id, reason) in &listing.broken {
        message::print_warning(&format!("container {id} cannot be shown: {reason}"));
    }
    let count = if args.latest { Some(1) } else { args.last.and_then(|it| usize::try_from(it).ok()) };
    let any_state = args.all || count.is_some() || filters.iter().any(Filter::asks_for_state);
    let mut images = ImageFacts::new(store);
    let mut rows: Vec<_> = listing.containers.iter().map(|it| row(it, &mut images)).collect();
    if args.size {
        let records: Vec<&ContainerRecord> = listing.containers.iter().map(|it| &it.record).collect();
        for (row, size) in rows.iter_mut().zip(sizes(&context.host, store, &records)) {
            row.size = Some(size);
        }
    }
    if args.ns {
        for row in &mut rows {
            row.namespaces = namespaces(row.pid);
        }
    }
    if rows.iter().any(|it| !it.pod.is_empty()) {
        // In a table of one's own the name may be asked for; programs get it with `--pod` only, as from Podman.
        let in_template = args.format.as_deref().is_some_and(|it| it.contains(".PodName"));
        let with_names = args.pod || in_template || filters.iter().any(Filter::asks_for_pod);
        tell_pods(store, &mut rows, with_names)?;
    }
    if args.units {
        tell_units(context, &mut rows);
    }
    let mut rows = filter::containers(rows, &filters)?;
    if !any_state {
        rows.retain(|it| it.state == ps::State::Running);
    }
    if let Some(count) = count {
        rows.sort_by_key(|it| std::cmp::Reverse(it.created));
        rows.truncate(count);
    }
    ps::sort(&mut rows, args.sort);
    let options = ListOptions {
        format: args.format.as_deref(),
        quiet: args.quiet,
        no_trunc: args.no_trunc,
        noheading: args.noheading,
        now: SystemTime::now(),
    };
    let columns = ps::Columns { size: args.size, pod: args.pod, namespaces: args.ns, units: args.units };
    output::out(&ps::text(&rows, &options, columns)?)?;
    Ok(ExitStatus::Success)
}

/// What containers have of their pods: the published ports, and the names of the pods where they are wanted.
fn tell_pods(store: &Store, rows: &mut [ps::Row], with_names: bool) -> Result<(), Failure> {
    let infra = rows.iter().filter(|it| it.is_infra);
    let ports: BTreeMap<String, _> = infra.map(|it| (it.id.clone(), it.ports.clone())).collect();
    let pods = if with_names { store.list_pods()?.pods } else { Vec::new() };
    let names: BTreeMap<&str, &str> = pods.iter().map(|it| (it.id.hex(), it.name.as_str())).collect();
    for row in rows.iter_mut().filter(|it| !it.pod.is_empty()) {
        if let Some(shared) = ports.get(&row.network_of) {
            row.ports.clone_from(shared);
        }
        if let Some(name) = names.get(row.pod.as_str()) {
            (*name).clone_into(&mut row.pod_name);
        }
    }
    Ok(())
}

/// The units of containers, as their manager knows them.
fn tell_units(context: &Context, rows: &mut [ps::Row]) {
    let unit_of = |row: &ps::Row| row.labels.get("PODMAN_SYSTEMD_UNIT").cloned();
    let names: BTreeSet<String> = rows.iter().filter_map(unit_of).collect();
    let known = tree::units(context, &names);
    for row in rows {
        row.unit = unit_of(row).map(|name| match known.get(&name) {
            Some(unit) => ps::Unit {
                name,
                active: unit.active.clone(),
                sub: unit.sub.clone(),
                result: unit.result.clone(),
            },
            None => ps::Unit { name, ..ps::Unit::default() },
        });
    }
}

/// The namespaces of a process; nothing of one that has ended.
fn namespaces(pid: i32) -> ps::Namespaces {
    let number = |name: &str| {
        // `net:[4026531840]`
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{name}")).ok()?;
        let text = link.to_str()?;
        Some(text.split_once('[')?.1.trim_end_matches(']').to_owned())
    };
    let told =
        |name: &str| OmitEmpty(if pid == 0 { String::new() } else { number(name).unwrap_or_default() });
    ps::Namespaces {
        mnt: told("mnt"),
        cgroup: told("cgroup"),
        ipc: told("ipc"),
        net: told("net"),
        pidns: told("pid"),
        uts: told("uts"),
        user: told("user"),
    }
}

/// What lists need of images, read once for each image.
pub struct ImageFacts<'a> {
    store: &'a Store,
    known: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, Default)]
struct Known {
    command: (Option<Vec<String>>, Option<Vec<String>>),
    labels: BTreeMap<String, String>,
    exposed: Vec<String>,
}

impl<'a> ImageFacts<'a> {
    /// Nothing is read yet.
    pub fn new(store: &'a Store) -> Self {
        Self { store, known: BTreeMap::new() }
    }

    fn of(&mut self, id: &str) -> &Known {
        let store = self.store;
        self.known.entry(id.to_owned()).or_insert_with(|| {
            let config = store
                .find_image(id)
                .ok()
                .and_then(|image| pontoon_lifecycle::create::image_config(store, &image).ok());
            config.map_or_else(Known::default, |it| Known {
                command: (it.config.entrypoint, it.config.cmd),
                labels: it.config.labels,
                exposed: it.config.exposed_ports,
            })
        })
    }
}

/// Entry point and words of a container, from its request and its image.
pub fn command(
    record: &ContainerRecord,
    entrypoint: Option<&Vec<String>>,
    cmd: Option<&Vec<String>>,
) -> (Vec<String>, Vec<String>) {
    let request = &record.request;
    let entry = request.entrypoint.clone().or_else(|| entrypoint.cloned()).unwrap_or_default();
    let words = if request.command.is_empty() && request.entrypoint.is_none() {
        cmd.cloned().unwrap_or_default()
    } else {
        request.command.clone()
    };
    (entry, words)
}

/// A container as `ps` shows it.
pub fn row(summary: &Summary, images: &mut ImageFacts<'_>) -> ps::Row {
    let record = &summary.record;
    let image = images.of(&record.image_id).clone();
    // As in Podman, the entry point is none of it.
    let (_, words) = command(record, image.command.0.as_ref(), image.command.1.as_ref());
    let mut labels = image.labels;
    labels.extend(record.request.labels.iter().cloned());
    if let Some(unit) = &record.request.systemd_unit {
        labels.insert("PODMAN_SYSTEMD_UNIT".to_owned(), unit.clone());
    }
    let (state, pid, exit_code, started, finished) = state(&summary.status);
    ps::Row {
        id: record.id.clone(),
        image: record.image_name.clone(),
        image_id: record.image_id.clone(),
        command: words,
        created: from_nanos(record.created),
        started_at: started,
        finished_at: finished,
        state,
        exit_code,
        pid,
        names: vec![record.name.clone()],
        ports: record.request.publish.clone(),
        exposed: image.exposed.into_iter().chain(record.request.expose.iter().cloned()).collect(),
        labels,
        annotations: record.request.annotations.iter().cloned().collect(),
        health: summary.health.clone(),
        restarts: restarts(&summary.status),
        restart_policy: policy_word(record.request.restart),
        starts_on_boot: record.starts_on_boot(&summary.status),
        mounts: mount_targets(record),
        sources: mount_sources(record),
        // Only networks with names are told, as Podman does it.
        networks: record.request.networks().map(str::to_owned).collect(),
        auto_remove: record.request.rm,
        cidfile: record.request.cidfile.as_ref().map(|it| it.display().to_string()).unwrap_or_default(),
        size: None,
        namespaces: ps::Namespaces::default(),
        pod: record.request.pod.as_ref().map(|it| it.id.clone()).unwrap_or_default(),
        pod_name: String::new(),
        is_infra: record.request.infra.is_some(),
        unit: None,
        network_of: match &record.request.network {
            Some(NetworkMode::Container(name)) => name.clone(),
            _ => String::new(),
        },
    }
}

/// State, pid, exit code, and the two times of the last run.
pub fn state(status: &Status) -> (ps::State, i32, i32, Option<SystemTime>, Option<SystemTime>) {
    let moment = |nanos: u64| (nanos > 0).then(|| from_nanos(nanos));
    match status {
        Status::Created | Status::Starting => (ps::State::Created, 0, 0, None, None),
        Status::Initialized(state) => (ps::State::Initialized, state.pid, 0, None, None),
        Status::Restarting(exit) => {
            (ps::State::Restarting, 0, exit.code, moment(exit.started_at), moment(exit.finished_at))
        }
        Status::Running(state) => (ps::State::Running, state.pid, 0, moment(state.started_at), None),
        Status::Stopping(state) => (ps::State::Stopping, state.pid, 0, moment(state.started_at), None),
        Status::Paused(state) => (ps::State::Paused, state.pid, 0, moment(state.started_at), None),
        Status::Exited(exit) if !exit.is_of_run() => (ps::State::Created, 0, exit.code, None, None),
        Status::Exited(exit) => {
            (ps::State::Exited, 0, exit.code, moment(exit.started_at), moment(exit.finished_at))
        }
        Status::Abandoned(state) => (ps::State::Exited, 0, 137, moment(state.started_at), None),
    }
}

/// How often the last run, or the one that goes on, was a restart by the policy.
pub fn restarts(status: &Status) -> u32 {
    match status {
        Status::Initialized(state)
        | Status::Running(state)
        | Status::Paused(state)
        | Status::Stopping(state)
        | Status::Abandoned(state) => state.restarts,
        Status::Exited(exit) | Status::Restarting(exit) => exit.restarts,
        Status::Created | Status::Starting => 0,
    }
}

fn mount_sources(record: &ContainerRecord) -> Vec<(String, String)> {
    let binds = record.request.mounts.iter().filter_map(|it| match &it.source {
        MountSource::Bind(path) => Some((path.display().to_string(), it.target.clone())),
        _ => None,
    });
    binds.chain(record.volumes.iter().map(|it| (it.name.clone(), it.target.clone()))).collect()
}

fn mount_targets(record: &ContainerRecord) -> Vec<String> {
    let others = record.request.mounts.iter().filter(|it| {
        matches!(
            it.source,
            MountSource::Bind(_) | MountSource::Image(_) | MountSource::Ramfs | MountSource::Devpts
        )
    });
    let mut targets: Vec<_> = others.map(|it| it.target.clone()).collect();
    targets.extend(record.volumes.iter().map(|it| it.target.clone()));
    targets
}

/// The network's word.
pub fn network_word(record: &ContainerRecord) -> &'static str {
    match &record.request.network {
        None | Some(NetworkMode::Pasta(_)) => "pasta",
        Some(NetworkMode::Host) => "host",
        Some(NetworkMode::None) => "none",
        Some(NetworkMode::Named(_)) => "bridge",
        Some(NetworkMode::Container(_)) => "container",
        Some(NetworkMode::Path(_)) => "ns",
        Some(NetworkMode::Private) => "private",
        Some(NetworkMode::Slirp4netns(_)) => "slirp4netns",
    }
}

/// What containers take on disk.
pub fn sizes(host: &Host, store: &Store, records: &[&ContainerRecord]) -> Vec<ps::Size> {
    let upper = |record: &&ContainerRecord| {
        store.find_container(&record.id).map_or_else(|_| PathBuf::new(), |container| container.upper_path())
    };
    let written = disk::sizes(host, &records.iter().map(upper).collect::<Vec<_>>());
    let image = |record: &ContainerRecord| store.find_image(&record.image_id).map_or(0, |it| it.size);
    let pairs = records.iter().zip(written);
    pairs.map(|(record, rw_size)| ps::Size { root_fs_size: image(record) + rw_size, rw_size }).collect()
}

/// `pontoon port`
pub fn port(context: &Context, args: &PortArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    if args.all {
        for summary in list::list(&store)?.containers {
            if summary.status.is_alive() {
                let id = summary.record.id.get(..12).unwrap_or_default().to_owned();
                let ports = ports_of(&store, &summary.record);
                output::out(&port::text(&ports, None, Some(&id)).map_err(plain)?)?;
            }
        }
        return Ok(ExitStatus::Success);
    }
    let (name, wanted) = if args.latest {
        let newest = list::list(&store)?.containers.pop().map(|it| it.record.id);
        (newest, args.words.first())
    } else {
        (args.words.first().cloned(), args.words.get(1))
    };
    let name =
        name.ok_or_else(|| Failure::new("`port` needs the name or id of a container, or --all", None))?;
    let found = list::find(&store, &name)?;
    let ports = ports_of(&store, &found.record);
    let text = port::text(&ports, wanted.map(String::as_str), None).map_err(plain)?;
    output::out(&text)?;
    Ok(ExitStatus::Success)
}

/// The published ports that lead to a container: those of the one whose network it is in, such as its pod's.
fn ports_of(store: &Store, record: &ContainerRecord) -> Vec<PortMapping> {
    match &record.request.network {
        Some(NetworkMode::Container(owner)) => {
            list::find(store, owner).map(|it| it.record.request.publish).unwrap_or_default()
        }
        _ => record.request.publish.clone(),
    }
}

fn plain(err: port::PortError) -> Failure {
    Failure::new(err, None)
}

/// The cgroup manager's word, which Podman tells of containers without groups as well.
pub const CGROUP_MANAGER: &str = "systemd";
