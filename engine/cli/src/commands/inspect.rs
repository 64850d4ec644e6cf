//! `inspect` of containers, images, volumes and pods, and `container exists`.

use std::collections::BTreeMap;

use pontoon_image::{HealthConfig, ImageConfig};
use pontoon_lifecycle::create::image_config;
use pontoon_lifecycle::decide::{
    DEFAULT_STOP_TIMEOUT, default_capabilities, default_log_driver, is_systemd, known_environment, log_path,
    signal_number, usual_stop_signal,
};
use pontoon_lifecycle::health;
use pontoon_lifecycle::id_maps;
use pontoon_lifecycle::list::{self, Found, LookError};
use pontoon_lifecycle::network::{self, NetworkDeedError};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::request::{
    CreateRequest, LogDriver, NamespaceMode, NetworkMode, NetworkUse, SecretPlace, UserNsMode,
};
use pontoon_lifecycle::status::{self, Status};
use pontoon_lifecycle::stop;
use pontoon_monitor::event::JOURNAL;
use pontoon_monitor::health::HealthRecord;
use pontoon_monitor::state::PROCESS_FILE;
use pontoon_rootless::idmap::IdMaps;
use pontoon_runtime::capabilities::{self, CapSet};
use pontoon_runtime::plan::Process;
use pontoon_storage::{
    FindContainerError, FindImageError, FindPodError, FindVolumeError, ImageRecord, Store,
};

use super::{Context, Failure, found, list as rows, pod, volume};
use pontoon_cli::args::{InspectArgs, InspectContainersArgs, InspectImagesArgs, InspectType};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::format::OmitEmpty;
use pontoon_cli::output;
use pontoon_cli::run_options::log_driver_word;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::container::{
    Facts, GraphDriver, MadeFiles, NetworkFacts, NetworkHolder, Secret, StateFacts, text as container_text,
};
use pontoon_cli::view::image;
use pontoon_cli::view::mounts;
use pontoon_cli::view::network::inspect_text as network_text;
use pontoon_cli::view::volume::inspect_text as volume_text;

/// `pontoon inspect`
pub fn inspect(context: &Context, args: &InspectArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.names.clone();
    if args.latest {
        names.extend(list::list(&store)?.containers.pop().map(|it| it.record.id));
    }
    if names.is_empty() {
        return Err(Failure::new(
            "`inspect` needs the name or id of a container, an image, a volume, a network or a pod",
            None,
        ));
    }
    let (parts, missing) = found::each(&names, |name| of_any_kind(context, &store, name, args))?;
    output::out(&joined(&parts, args.format.as_deref()))?;
    missing.told()
}

/// What `inspect` shows of one name.
fn of_any_kind(context: &Context, store: &Store, name: &str, args: &InspectArgs) -> Result<String, Failure> {
    let format = args.format.as_deref();
    let kind = args.kind;
    let is = |it| kind == it || kind == InspectType::All;
    if is(InspectType::Container) {
        match list::find(store, name) {
            Err(LookError::Find(FindContainerError::NotFound { .. })) if kind == InspectType::All => {}
            other => return show_containers(context, store, &[other?], format, args.size),
        }
    }
    if is(InspectType::Image) {
        match context.find_image(store, name) {
            Err(FindImageError::NotFound { .. }) if kind == InspectType::All => {}
            other => return Ok(image::text(&[image_facts(store, &other?)?], format)?),
        }
    }
    if is(InspectType::Volume) {
        match volume::named(store, name) {
            Err(failure)
                if kind == InspectType::All
                    && matches!(
                        failure.error.downcast_ref(),
                        Some(FindVolumeError::NotFound { .. } | FindVolumeError::Empty)
                    ) => {}
            other => return Ok(volume_text(&[other?], format)?),
        }
    }
    if is(InspectType::Network) {
        match super::network::named(context, store, name) {
            Err(failure)
                if kind == InspectType::All
                    && matches!(
                        failure.error.downcast_ref::<NetworkDeedError>(),
                        Some(NetworkDeedError::NotFound { .. })
                    ) => {}
            other => return Ok(network_text(&[other?], format)?),
        }
    }
    match pod::inspected(context, store, name, format)? {
        Some(text) => Ok(text),
        None if kind == InspectType::Pod => Err(FindPodError::NotFound { query: name.to_owned() }.into()),
        None => Err(Failure::new(
            format!("no such object: `{name}` is no container, image, volume, network or pod"),
            None,
        )),
    }
}

/// Several JSON lists become one.
fn joined(parts: &[String], format: Option<&str>) -> String {
    if parts.len() == 1 || format.is_some_and(|it| it != "json" && !it.is_empty()) {
        return parts.concat();
    }
    if parts.is_empty() {
        return "[]\n".to_owned();
    }
    let inner: Vec<&str> =
        parts.iter().map(|it| it.trim_end().trim_start_matches("[\n").trim_end_matches("\n]")).collect();
    format!("[\n{}\n]\n", inner.join(",\n"))
}

/// `pontoon container inspect`
pub fn containers(context: &Context, args: &InspectContainersArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.containers.clone();
    if args.latest {
        names.extend(list::list(&store)?.containers.pop().map(|it| it.record.id));
    }
    let (found, missing) = found::each(&names, |it| Ok(list::find(&store, it)?))?;
    output::out(&show_containers(context, &store, &found, args.format.as_deref(), args.size)?)?;
    missing.told()
}

/// `pontoon container exists`
pub fn container_exists(context: &Context, name: &str) -> Result<ExitStatus, Failure> {
    match list::find(&context.store()?, name) {
        Ok(_) => Ok(ExitStatus::Success),
        Err(LookError::Find(FindContainerError::NotFound { .. })) => Ok(ExitStatus::No),
        Err(err) => Err(err.into()),
    }
}

fn show_containers(
    context: &Context,
    store: &Store,
    found: &[Found],
    format: Option<&str>,
    with_size: bool,
) -> Result<String, Failure> {
    let facts = found.iter().map(|it| facts(context, store, it, with_size)).collect::<Result<Vec<_>, _>>()?;
    Ok(container_text(&facts, format)?)
}

fn facts<'a>(
    context: &Context,
    store: &Store,
    found: &'a Found,
    with_size: bool,
) -> Result<Facts<'a>, Failure> {
    let record = &found.record;
    let request = &record.request;
    let image = store.find_image(&record.image_id).ok();
    let config = image.as_ref().and_then(|it| image_config(store, it).ok());
    let run = config.as_ref().map(|it| &it.config);
    let (entry, words) =
        rows::command(record, run.and_then(|it| it.entrypoint.as_ref()), run.and_then(|it| it.cmd.as_ref()));
    let command: Vec<String> = entry.iter().chain(&words).cloned().collect();
    let id_of = |name: &str| store.find_container(name).map(|it| it.id().to_string());
    let needed: Vec<(String, String)> =
        request.needs().filter_map(|name| Some((name.to_owned(), id_of(name).ok()?))).collect();
    // What really runs, where it does.
    let process: Option<Process> = std::fs::read(found.container.run_path().join(PROCESS_FILE))
        .ok()
        .and_then(|it| serde_json::from_slice(&it).ok());
    let mut labels = run.map(|it| it.labels.clone()).unwrap_or_default();
    labels.extend(request.labels.iter().cloned());
    if let Some(unit) = &request.systemd_unit {
        labels.insert("PODMAN_SYSTEMD_UNIT".to_owned(), unit.clone());
    }
    let user = match (&request.user, &request.userns) {
        (Some(user), _) => user.clone(),
        (None, UserNsMode::KeepId { uid, gid, .. }) => {
            let host = &context.host;
            format!("{}:{}", uid.unwrap_or(host.uid), gid.unwrap_or(host.gid))
        }
        _ => run.map(|it| it.user.clone()).unwrap_or_default(),
    };
    let default = default_capabilities(request).unwrap_or(CapSet::DEFAULT);
    let caps = capabilities::merge(default, &request.cap_add, &request.cap_drop).unwrap_or(default);
    let mut cap_names: Vec<String> = caps.names().into_iter().map(str::to_owned).collect();
    cap_names.sort_unstable();
    // Another user than root has what was added by name, and nothing else (capabilities(7), "ambient").
    let (payload_user, _) = user.split_once(':').unwrap_or((&user, ""));
    let effective = if matches!(payload_user, "" | "root" | "0") {
        cap_names.clone()
    } else {
        let added = capabilities::named(&request.cap_add).unwrap_or(CapSet::EMPTY).intersection(caps);
        added.names().into_iter().map(str::to_owned).collect()
    };
    let driver = request.log_driver.unwrap_or(default_log_driver(std::path::Path::new(JOURNAL).exists()));
    let has_file = matches!(driver, LogDriver::K8sFile | LogDriver::JsonFile);
    let stop_signal =
        request.stop_signal.or_else(|| run.and_then(|it| signal_number(it.stop_signal.as_deref()?)));
    let holder = holder_of_network(store, &found.record);
    Ok(Facts {
        contexts: record.contexts.as_ref(),
        id: &record.id,
        name: &record.name,
        created: from_nanos(record.created),
        image_id: &record.image_id,
        image_digest: image.as_ref().map(|it| it.digest.clone()).unwrap_or_default(),
        image_name: &record.image_name,
        request,
        command: command.clone(),
        // One that was cleared is an empty word, as Podman tells it.
        entrypoint: match request.entrypoint.as_deref() {
            Some([]) => Some(vec![String::new()]),
            _ => (!entry.is_empty()).then_some(entry),
        },
        words: (!words.is_empty()).then_some(words),
        env: without_secrets(
            request,
            process.as_ref().map_or_else(
                || known_environment(request, config.as_ref().unwrap_or(&ImageConfig::default())),
                |it| it.env.clone(),
            ),
        ),
        secrets: secrets(record),
        workdir: request
            .workdir
            .clone()
            .or_else(|| run.map(|it| it.working_dir.clone()).filter(|it| !it.is_empty()))
            .unwrap_or_else(|| "/".to_owned()),
        user,
        hostname: hostname(store, record, MOST_SHARED),
        labels,
        exposed: exposed(config.as_ref(), request),
        stop_signal: stop_signal.unwrap_or_else(|| usual_stop_signal(request, &command)),
        stop_timeout: request.stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        healthcheck: config.as_ref().and_then(|it| health::effective(&request.health, it)).or_else(|| {
            let none = || HealthConfig { test: vec!["NONE".to_owned()], ..HealthConfig::default() };
            request.health.is_off().then(none)
        }),
        state: state(found, config.as_ref()),
        id_maps: id_maps(context, store, record),
        systemd: is_systemd(request, &command),
        needed,
        mounts: mounts::of(record),
        effective_caps: effective,
        bounding_caps: cap_names,
        network_mode: rows::network_word(record),
        networks: networks(context, store, holder.as_ref().unwrap_or(found)),
        network_holder: holder.as_ref().map(|it| network_holder(store, it)),
        directory: found.container.path().display().to_string(),
        files: made_files(store, found),
        log_driver: log_driver_word(driver),
        log_path: if has_file {
            log_path(request, found.container.path()).display().to_string()
        } else {
            String::new()
        },
        graph: graph(context, store, found, image.as_ref()),
        cgroup_manager: rows::CGROUP_MANAGER,
        size: if with_size { rows::sizes(&context.host, store, &[record]).pop() } else { None },
    })
}

/// Ports that the image and the request name.
fn exposed(config: Option<&ImageConfig>, request: &CreateRequest) -> Vec<String> {
    let of_image = config.into_iter().flat_map(|it| &it.config.exposed_ports);
    of_image.chain(&request.expose).cloned().collect()
}

/// The container that has the network namespace, if that is another one: it may itself have been given another one's to share.
fn holder_of_network(store: &Store, record: &ContainerRecord) -> Option<Found> {
    let mut holder: Option<Found> = None;
    for _ in 0..MOST_SHARED {
        let record = holder.as_ref().map_or(record, |it| &it.record);
        let Some(NetworkMode::Container(name)) = &record.request.network else { break };
        holder = Some(list::find(store, name).ok()?);
    }
    holder
}

fn network_holder(store: &Store, found: &Found) -> NetworkHolder {
    let record = &found.record;
    let config = store.find_image(&record.image_id).ok().and_then(|it| image_config(store, &it).ok());
    let (_, pid, ..) = rows::state(&found.status);
    NetworkHolder {
        id: record.id.clone(),
        hostname: hostname(store, record, MOST_SHARED),
        pid,
        request: record.request.clone(),
        network_mode: rows::network_word(record),
        exposed: exposed(config.as_ref(), &record.request),
    }
}

/// The networks with names that it is on.
fn networks(context: &Context, store: &Store, found: &Found) -> Vec<NetworkFacts> {
    let Some(NetworkMode::Named(uses)) = &found.record.request.network else { return Vec::new() };
    let host = context.network_host();
    let joined = found.status.process().and_then(|it| it.networks.as_ref());
    let facts = |network: &NetworkUse| {
        let joined = joined.and_then(|it| it.networks.iter().find(|it| it.network == network.name));
        // Of one that is gone nothing but the name is known.
        let id =
            || network::find(&host, store, &network.name).map_or_else(|_| network.name.clone(), |it| it.id);
        NetworkFacts {
            name: network.name.clone(),
            id: joined.map_or_else(id, |it| it.id.clone()),
            is_default: network.name == host.networks.default_name,
            aliases: network.aliases.clone(),
            joined: joined.cloned(),
        }
    };
    uses.iter().map(facts).collect()
}

/// The files that its start has made, as long as they are there; those about the network may be the ones of its pod.
fn made_files(store: &Store, found: &Found) -> MadeFiles {
    let infra = found.record.request.shares_network_of().and_then(|it| store.find_container(it).ok());
    let made = |name: &str| {
        let of_infra = infra.as_ref().filter(|_| name != "hostname").map(|it| it.run_path().join(name));
        let own = found.container.run_path().join(name);
        let found = std::iter::once(own).chain(of_infra).find(|it| it.exists());
        found.map(|it| it.display().to_string()).unwrap_or_default()
    };
    MadeFiles { resolv_conf: made("resolv.conf"), hostname: made("hostname"), hosts: made("hosts") }
}

/// How many containers a host name is followed through, each of which shares that of the next.
const MOST_SHARED: u8 = 8;

/// The name that it has, or will have, for itself.
fn hostname(store: &Store, record: &ContainerRecord, most: u8) -> String {
    let request = &record.request;
    let short = |id: &str| id.chars().take(12).collect();
    let theirs = |name: &str| store.find_container(name).ok()?.read_record().ok();
    match (&request.hostname, &request.uts) {
        (Some(name), _) => name.clone(),
        (None, NamespaceMode::Container(name)) if most > 0 => {
            theirs(name).map_or_else(|| short(&record.id), |it| hostname(store, &it, most - 1))
        }
        (None, mode) if *mode == NamespaceMode::Host || request.network == Some(NetworkMode::Host) => {
            rustix::system::uname().nodename().to_string_lossy().into_owned()
        }
        _ => short(&record.id),
    }
}

/// Its id maps as Podman tells them: by ids of the user's default map.
fn id_maps(context: &Context, store: &Store, record: &ContainerRecord) -> Option<IdMaps> {
    if record.request.userns == UserNsMode::Host {
        return None;
    }
    let maps = id_maps::of(&context.host, store, record).ok().flatten()?;
    Some(maps.within(&id_maps::stored(&context.host).ok()?))
}

/// The environment with asterisks for secrets, which are not for everybody who may look.
fn without_secrets(request: &CreateRequest, mut env: Vec<String>) -> Vec<String> {
    for secret in &request.secrets {
        let SecretPlace::Env { name } = &secret.place else { continue };
        let hidden = format!("{name}=*******");
        match env.iter_mut().find(|it| it.split('=').next() == Some(name)) {
            Some(setting) => *setting = hidden,
            None => env.push(hidden),
        }
    }
    env
}

fn secrets(record: &ContainerRecord) -> Vec<Secret> {
    let pairs = record.secrets.iter().zip(&record.request.secrets);
    pairs
        .filter_map(|(copy, used)| match &used.place {
            SecretPlace::Mount { uid, gid, mode, .. } => Some(Secret {
                name: copy.name.clone(),
                id: copy.id.clone(),
                uid: *uid,
                gid: *gid,
                mode: *mode,
            }),
            SecretPlace::Env { .. } => None,
        })
        .collect()
}

fn state(found: &Found, config: Option<&ImageConfig>) -> StateFacts {
    let is_checked = config.is_some_and(|it| health::effective(&found.record.request.health, it).is_some());
    let status = &found.status;
    let (state, pid, exit_code, started_at, finished_at) = rows::state(status);
    let (monitor_pid, cgroup_path) = status
        .process()
        .map_or((0, String::new()), |state| (state.monitor_pid, state.cgroup.clone().unwrap_or_default()));
    let (oom_killed, error) = match status {
        Status::Exited(exit) => (exit.oom_killed, exit.error.clone().unwrap_or_default()),
        _ => (false, String::new()),
    };
    let cgroup_path =
        cgroup_path.strip_prefix(pontoon_rootless::cgroup::MOUNT).unwrap_or(&cgroup_path).to_owned();
    StateFacts {
        state,
        pid,
        monitor_pid,
        exit_code,
        oom_killed,
        error,
        started_at,
        finished_at,
        health: status::health(found.container.run_path()).or_else(|| is_checked.then(HealthRecord::default)),
        restarts: rows::restarts(status),
        stopped: matches!(status, Status::Exited(exit) if exit.stopped),
        sessions: status.run().map(|_| stop::sessions(&found.container)).unwrap_or_default(),
        cgroup_path,
    }
}

fn graph(context: &Context, store: &Store, found: &Found, image: Option<&ImageRecord>) -> GraphDriver {
    let mut data = BTreeMap::new();
    let _ = context;
    if let Some(rootfs) = found.record.request.rootfs.as_ref().filter(|it| it.overlay) {
        data.insert("LowerDir".to_owned(), rootfs.path.display().to_string());
    }
    if let Some(image) = image {
        let lower: Vec<_> = image
            .visible_layers()
            .iter()
            .rev()
            .map(|it| store.layer_path(it).display().to_string())
            .collect();
        data.insert("LowerDir".to_owned(), lower.join(":"));
    }
    data.insert("UpperDir".to_owned(), found.container.upper_path().display().to_string());
    data.insert("WorkDir".to_owned(), found.container.work_path().display().to_string());
    GraphDriver { name: "overlay".to_owned(), data }
}

/// `pontoon image inspect`
pub fn images(context: &Context, args: &InspectImagesArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let (facts, missing) =
        found::each(&args.images, |name| image_facts(&store, &context.find_image(&store, name)?))?;
    output::out(&image::text(&facts, args.format.as_deref())?)?;
    missing.told()
}

/// What its maker says of an image: in images of the OCI that stands in the history, with the first of its layers.
fn comment(config: &ImageConfig) -> String {
    let first = || config.history.first().map(|it| it.comment.clone());
    config.comment.clone().filter(|it| !it.is_empty()).or_else(first).unwrap_or_default()
}

fn image_facts(store: &Store, record: &ImageRecord) -> Result<image::Facts, Failure> {
    let config = image_config(store, record)?;
    let manifest = store.image_manifest(&record.id)?;
    let mut layers =
        record.visible_layers().iter().rev().map(|it| store.layer_path(it).display().to_string());
    let mut data = BTreeMap::new();
    data.extend(layers.next().map(|it| ("UpperDir".to_owned(), it)));
    let lower: Vec<String> = layers.collect();
    if !lower.is_empty() {
        data.insert("LowerDir".to_owned(), lower.join(":"));
    }
    let set = |names: &[String]| names.iter().map(|it| (it.clone(), BTreeMap::new())).collect();
    let run = &config.config;
    Ok(image::Facts {
        id: record.id.to_string(),
        digest: record.digest.clone(),
        names: record.names.clone(),
        repo_digests: super::image::repo_digests(record),
        created: config.created.clone(),
        author: config.author.clone().unwrap_or_default(),
        comment: comment(&config),
        version: String::new(),
        architecture: config.architecture.clone(),
        os: config.os.clone(),
        size: record.size,
        config: image::Config {
            user: run.user.clone(),
            exposed_ports: set(&run.exposed_ports),
            env: run.env.clone(),
            entrypoint: run.entrypoint.clone().unwrap_or_default(),
            cmd: run.cmd.clone().unwrap_or_default(),
            volumes: set(&run.volumes),
            working_dir: run.working_dir.clone(),
            labels: run.labels.clone(),
            stop_signal: run.stop_signal.clone().unwrap_or_default(),
            healthcheck: run.healthcheck.clone(),
        },
        annotations: BTreeMap::new(),
        manifest_type: media_type(&manifest),
        layers: record.layers.iter().map(ToString::to_string).collect(),
        graph: GraphDriver { name: "overlay".to_owned(), data },
        history: config
            .history
            .iter()
            .map(|it| image::HistoryEntry {
                created: OmitEmpty(it.created.clone().unwrap_or_default()),
                created_by: OmitEmpty(it.created_by.clone()),
                author: OmitEmpty(it.author.clone()),
                comment: OmitEmpty(it.comment.clone()),
                empty_layer: OmitEmpty(it.empty_layer),
            })
            .collect(),
    })
}

/// What a manifest says of its own kind.
fn media_type(manifest: &[u8]) -> String {
    let value: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    value
        .get("mediaType")
        .and_then(|it| it.as_str())
        .unwrap_or("application/vnd.oci.image.manifest.v1+json")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_lifecycle::request::SecretUse;

    #[test]
    fn secrets_are_hidden_whether_they_are_set_or_not() {
        let secret = |name: &str| SecretUse {
            place: SecretPlace::Env { name: name.to_owned() },
            name: "db".to_owned(),
        };
        let request =
            CreateRequest { secrets: vec![secret("DB"), secret("KEY")], ..CreateRequest::default() };
        let env = ["A=1", "DB=secret", "DBX=2"].map(str::to_owned).to_vec();
        assert_eq!(without_secrets(&request, env), ["A=1", "DB=*******", "DBX=2", "KEY=*******"]);
    }
}
