//! The files that every container finds in place of the image's.

use std::path::{Path, PathBuf};

use pontoon_monitor::plan::RunFile;
use pontoon_network::NetworkPlan;
use pontoon_runtime::plan::{Mount, MountSource as Source, RootfsSource};
use pontoon_storage::MountPoints;

use super::Facts;
use super::mounts::target_of;
use crate::request::{MountRequest, MountSource};

/// The files that every container finds in place of the image's.
pub(super) fn run_files(facts: &Facts<'_>, network: &NetworkPlan, hostname: &str) -> Vec<RunFile> {
    let file = |name: &str, text: String| RunFile { name: name.to_owned(), text, copied: None };
    let request = &facts.record.request;
    let mut files = vec![file(".containerenv", container_environment(facts))];
    let shared = facts.shared.as_ref();
    if !request.no_hosts && request.shares_hosts_of().is_none() {
        let theirs = shared.and_then(|it| it.hosts.as_deref());
        let theirs = theirs.map(|it| with_own_name(it, hostname, &facts.record.name));
        files.push(file("hosts", theirs.unwrap_or_else(|| network.hosts.clone())));
    }
    if !request.no_hostname {
        files.push(file("hostname", format!("{hostname}\n")));
    }
    if let Some(zone) = request.timezone.as_deref() {
        let path = match zone {
            "local" => PathBuf::from("/etc/localtime"),
            zone => Path::new("/usr/share/zoneinfo").join(zone),
        };
        files.push(RunFile { copied: Some(path), ..file("localtime", String::new()) });
    }
    let theirs = shared.and_then(|it| it.resolv_conf.as_ref());
    if request.shares_network_of().is_none() {
        files.extend(theirs.or(network.resolv_conf.as_ref()).map(|text| file("resolv.conf", text.clone())));
    }
    files
}

/// The names of whoever's network it is, and our own, which programs look for.
fn with_own_name(hosts: &str, hostname: &str, name: &str) -> String {
    let is_there = |word: &str| {
        let names = |line: &str| {
            line.split('#').next().unwrap_or_default().split_whitespace().skip(1).any(|it| it == word)
        };
        hosts.lines().any(names)
    };
    let missing: Vec<&str> = [hostname, name].into_iter().filter(|it| !is_there(it)).collect();
    if missing.is_empty() {
        return hosts.to_owned();
    }
    let end = if hosts.is_empty() || hosts.ends_with('\n') { "" } else { "\n" };
    format!("{hosts}{end}127.0.0.1\t{}\n", missing.join(" "))
}

/// The mount points of a container that vanishes when it ends, so that nobody finds them missing then. They belong to the
/// caller, who must be the container's root.
pub(super) fn mount_points(facts: &Facts<'_>, files: &[RunFile], mounts: &[Mount]) -> Option<MountPoints> {
    let request = &facts.record.request;
    let is_seen_as_stored = facts.maps.as_ref().is_none_or(|maps| maps == facts.stored);
    let has_layers = matches!(&facts.rootfs, RootfsSource::Overlay { lower, .. } if !lower.is_empty());
    let points = MountPoints::new(files.iter().map(|it| target_of(&it.name)));
    // What begins as a copy of such a place is to begin as the image has it.
    let is_copied = |it: &Mount| match &it.source {
        Source::Tmpfs { copy_up, .. } => *copy_up,
        Source::Bind { first_copy, .. } | Source::Overlay { first_copy, .. } => {
            first_copy.as_ref().is_some_and(|it| !it.only_owner)
        }
        Source::Common { volume, .. } => it.fill || (volume.copies && volume.is_in_memory()),
        _ => it.fill,
    };
    let shows = mounts.iter().any(|it| is_copied(it) && points.reach_into(&it.target));
    (request.rm && request.rootfs.is_none() && is_seen_as_stored && has_layers && !shows).then_some(points)
}

/// `/run/.containerenv`: empty, but for privileged containers and those that see our store, as Podman has it.
fn container_environment(facts: &Facts<'_>) -> String {
    let record = facts.record;
    let shows_store = |it: &MountRequest| matches!(&it.source, MountSource::Bind(path) if facts.store.root.starts_with(path));
    let store = if record.request.mounts.iter().any(shows_store) { "graphRootMounted=1" } else { "" };
    if !record.request.privileged {
        return store.to_owned();
    }
    format!(
        "engine=\"pontoon-{}\"\nname=\"{}\"\nid=\"{}\"\nimage=\"{}\"\nimageid=\"{}\"\nrootless={}\n{store}",
        env!("CARGO_PKG_VERSION"),
        record.name,
        record.id,
        record.image_name,
        record.image_id,
        u8::from(facts.maps.is_some()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_missing_are_put_behind_those_of_the_network() {
        let theirs = "127.0.0.1\tlocalhost\n10.0.0.2\tfront v1 # back";
        let with = |hostname| with_own_name(theirs, hostname, "w2");
        assert_eq!(with("back"), format!("{theirs}\n127.0.0.1\tback w2\n"));
        assert_eq!(with("front"), format!("{theirs}\n127.0.0.1\tw2\n"));
        assert_eq!(with_own_name(theirs, "front", "v1"), theirs);
    }
}
