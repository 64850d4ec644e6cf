//! Values of containers.conf that become those of options, each told wrong where it stands.

use std::net::IpAddr;

use super::error::Fault;
use super::{
    Host, devices, labels, limits, logs, modes, mounts, names, network, resources, security, size, userns,
};
use crate::detach_keys::DetachKeys;

/// Reads a value, or an item of a list, as the option does that the key stands for.
///
/// # Errors
/// What is wrong with it, as it would be said of the option.
pub(crate) fn check(key: &str, text: &str) -> Result<(), String> {
    read(key, text).map_err(|fault| match fault {
        Fault::Invalid { why, .. } => why,
        Fault::NotSupported { .. } => "it is not supported".to_owned(),
    })
}

fn read(key: &str, text: &str) -> Result<(), Fault> {
    let host = Host { directory: Some("/".into()), ..Host::default() };
    match key {
        "containers.annotations" => labels::annotation(text).map(drop),
        "containers.cgroupns" | "containers.pidns" | "containers.utsns" => {
            modes::namespace(text, &host).map(drop)
        }
        "containers.cgroup_conf" => resources::cgroup_file(text).map(drop),
        "containers.cgroups" => modes::cgroups(text).map(drop),
        "containers.default_capabilities" => security::capabilities("", &[text.to_owned()])
            .map(drop)
            .map_err(|_| Fault::invalid("there is no such capability")),
        "containers.default_sysctls" => limits::sysctl(text).map(drop),
        "containers.default_ulimits" => limits::ulimit(text).map(drop),
        "containers.devices" if pontoon_lifecycle::cdi::is_name(text) => Ok(()),
        "containers.devices" => devices::read(text, &host).map(drop),
        "containers.dns_servers" => network::dns_server(text).map(drop),
        "containers.host_containers_internal_ip" if text == "none" || text.parse::<IpAddr>().is_ok() => {
            Ok(())
        }
        "containers.host_containers_internal_ip" => {
            Err(Fault::invalid("it must be an IP address, or `none`"))
        }
        "containers.ipcns" => modes::ipc(text, &host).map(drop),
        "containers.log_driver" => logs::driver(text).map(drop),
        "containers.mounts" => mounts::mount(text, &host).map(drop),
        "containers.netns" => network::mode(text, &host).map(drop),
        "containers.oom_score_adj" => limits::oom_score(text).map(drop),
        "containers.shm_size" => size::read(text).map(drop),
        "containers.tz" => names::timezone(text).map(drop),
        "containers.umask" => names::umask(text).map(drop),
        "containers.userns" => userns::check(text),
        "containers.volumes" => mounts::volume(text, &host).map(drop),
        "engine.detach_keys" => {
            DetachKeys::read(Some(text)).map(drop).map_err(|err| Fault::invalid(err.reason()))
        }
        "engine.image_copy_tmp_dir" if text == "storage" || text.starts_with('/') => Ok(()),
        "engine.image_copy_tmp_dir" => Err(Fault::invalid("it must be an absolute path, or `storage`")),
        "engine.image_volume_mode" => modes::image_volume(text).map(drop),
        "engine.pull_policy" => modes::pull(text).map(drop),
        _ => Ok(()),
    }
}
