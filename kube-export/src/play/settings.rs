//! Annotations of a pod that are settings of Podman's: for all its containers, or for one with `/NAME` after them.

use super::{Deciding, Spot};
use crate::objects::{Metadata, PodSpec};

const PREFIX: &str = "io.podman.annotations.";

/// Those that have an effect.
const TAKEN: [&str; 9] = [
    "apparmor",
    "infra.name",
    "init",
    "init.container.type",
    "label",
    "pids-limit",
    "ulimit",
    "userns",
    "volumes-from",
];

/// What Podman notes of containers, and writes into files; it reads none of it there.
const NOTED: [&str; 4] = ["autoremove", "cid-file", "privileged", "publish-all"];

/// A setting of the pod.
pub(super) fn of_pod<'a>(metadata: &'a Metadata, name: &str) -> Option<&'a str> {
    let value = metadata.annotations.get(&format!("{PREFIX}{name}"))?;
    Some(value.as_str()).filter(|it| !it.is_empty())
}

/// The annotation of a setting.
pub(super) fn key(name: &str) -> String {
    format!("{PREFIX}{name}")
}

/// Tells of settings that set nothing: who wrote them waits for what they do.
pub(super) fn tell(deciding: &mut Deciding<'_>, spot: &Spot<'_>, metadata: &Metadata, spec: &PodSpec) {
    let spot = spot.field("metadata.annotations");
    for key in metadata.annotations.keys() {
        let (name, container) = match key.strip_prefix(PREFIX) {
            Some(setting) => setting.split_once('/').unwrap_or((setting, "")),
            // What crun sets of the container's scope; there is none here.
            None if key.starts_with("org.systemd.property.") => (key.as_str(), ""),
            None => continue,
        };
        if NOTED.contains(&name) {
            continue;
        }
        let mut all = spec.init_containers.iter().chain(&spec.containers);
        if !TAKEN.contains(&name) {
            deciding.note(&spot.field(key), "there is no such setting here, and it has no effect");
        } else if !container.is_empty() && all.all(|it| it.name != container) {
            deciding.note(
                &spot.field(key),
                format_args!("there is no container `{container}`, and it has no effect"),
            );
        }
    }
}
