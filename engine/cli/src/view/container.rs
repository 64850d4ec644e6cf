//! The inspection of a container, with Podman's fields.

mod config;
mod facts;
mod state;

pub use facts::{Facts, GraphDriver, MadeFiles, Mount, Secret, StateFacts};
use pontoon_lifecycle::labels::apparmor::UNCONFINED;
use serde::Serialize;

use config::{Config, config};
use state::{State, state};

use super::host_config::HostConfig;
use super::inspection;
use super::network_settings;
pub use super::network_settings::{NetworkFacts, NetworkHolder};
use crate::format::{NullIfEmpty, OmitEmpty, TemplateError, WireTime};
use crate::time::rfc3339_local;

/// The text of `inspect` for containers.
pub fn text(containers: &[Facts<'_>], format: Option<&str>) -> Result<String, TemplateError> {
    let shown: Vec<Shown<'_>> = containers.iter().map(shown).collect();
    inspection(&shown, format)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    id: &'a str,
    created: WireTime,
    path: String,
    args: Vec<String>,
    state: State,
    image: &'a str,
    image_digest: &'a str,
    image_name: &'a str,
    rootfs: String,
    pod: String,
    resolv_conf_path: &'a str,
    hostname_path: &'a str,
    hosts_path: &'a str,
    static_dir: &'a str,
    #[serde(rename = "OCIConfigPath")]
    oci_config_path: OmitEmpty<&'static str>,
    #[serde(rename = "OCIRuntime")]
    oci_runtime: &'static str,
    conmon_pid_file: String,
    pid_file: String,
    name: &'a str,
    restart_count: u32,
    driver: &'a str,
    mount_label: String,
    process_label: String,
    app_armor_profile: String,
    effective_caps: NullIfEmpty<Vec<String>>,
    bounding_caps: NullIfEmpty<Vec<String>>,
    #[serde(rename = "ExecIDs")]
    exec_ids: &'a [String],
    graph_driver: &'a GraphDriver,
    #[serde(skip_serializing_if = "Option::is_none")]
    size_rw: Option<u64>,
    size_root_fs: OmitEmpty<u64>,
    mounts: &'a [Mount],
    dependencies: Vec<&'a str>,
    network_settings: network_settings::NetworkSettings,
    namespace: &'static str,
    is_infra: bool,
    is_service: bool,
    kube_exit_code_propagation: &'static str,
    #[serde(rename = "lockNumber")]
    lock_number: u32,
    config: Config<'a>,
    host_config: HostConfig,
    use_image_hosts: bool,
    use_image_hostname: bool,
}

fn shown<'a>(facts: &'a Facts<'a>) -> Shown<'a> {
    let request = facts.request;
    let (path, args) = match facts.command.split_first() {
        // A single word is told twice, as Podman does it.
        Some((path, [])) => (path.clone(), vec![path.clone()]),
        Some((path, args)) => (path.clone(), args.to_vec()),
        None => (String::new(), Vec::new()),
    };
    let written =
        |file: Option<&std::path::PathBuf>| file.map(|path| path.display().to_string()).unwrap_or_default();
    Shown {
        id: facts.id,
        created: WireTime(rfc3339_local(facts.created)),
        path,
        args,
        state: state(&facts.state),
        image: facts.image_id,
        image_digest: &facts.image_digest,
        image_name: facts.image_name,
        rootfs: request.rootfs.as_ref().map(|it| it.path.display().to_string()).unwrap_or_default(),
        pod: request.pod.as_ref().map(|it| it.id.clone()).unwrap_or_default(),
        resolv_conf_path: &facts.files.resolv_conf,
        hostname_path: &facts.files.hostname,
        hosts_path: &facts.files.hosts,
        static_dir: &facts.directory,
        oci_config_path: OmitEmpty(""),
        oci_runtime: "pontoon",
        conmon_pid_file: written(request.conmon_pidfile.as_ref()),
        pid_file: written(request.pidfile.as_ref()),
        name: facts.name,
        restart_count: facts.state.restarts,
        driver: &facts.graph.name,
        mount_label: facts.contexts.map(|it| it.mount.clone()).unwrap_or_default(),
        process_label: facts.contexts.map(|it| it.process.clone()).unwrap_or_default(),
        app_armor_profile: request.apparmor.clone().filter(|it| it != UNCONFINED).unwrap_or_default(),
        effective_caps: NullIfEmpty(facts.effective_caps.clone()),
        bounding_caps: NullIfEmpty(facts.bounding_caps.clone()),
        exec_ids: &facts.state.sessions,
        graph_driver: &facts.graph,
        size_rw: facts.size.map(|size| size.rw_size),
        size_root_fs: OmitEmpty(facts.size.map_or(0, |size| size.root_fs_size)),
        mounts: &facts.mounts,
        dependencies: dependencies(facts),
        network_settings: network_settings::of(facts),
        namespace: "",
        is_infra: request.infra.is_some(),
        is_service: false,
        kube_exit_code_propagation: "invalid",
        lock_number: 0,
        config: config(facts),
        host_config: HostConfig::new(facts),
        use_image_hosts: request.no_hosts,
        use_image_hostname: request.no_hostname,
    }
}

/// The containers that it needs, each once, for however many of its namespaces.
fn dependencies<'a>(facts: &'a Facts<'_>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = Vec::new();
    for (_, id) in &facts.needed {
        if !ids.contains(&id.as_str()) {
            ids.push(id);
        }
    }
    ids
}
