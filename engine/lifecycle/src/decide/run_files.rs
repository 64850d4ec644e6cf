//! The files that every container finds in place of the image's.

use pontoon_monitor::plan::RunFile;
use pontoon_network::NetworkPlan;
use pontoon_runtime::plan::{Mount, MountSource as Source, RootfsSource};
use pontoon_storage::MountPoints;

use super::Facts;
use super::mounts::target_of;

/// The files that every container finds in place of the image's.
pub(super) fn run_files(facts: &Facts<'_>, network: &NetworkPlan, hostname: &str) -> Vec<RunFile> {
    let file = |name: &str, text: String| RunFile { name: name.to_owned(), text };
    let request = &facts.record.request;
    let mut files = vec![file(".containerenv", container_environment(facts))];
    let shared = facts.shared.as_ref();
    if !request.no_hosts && request.shares_hosts_of().is_none() {
        let theirs = shared.and_then(|it| it.hosts.clone());
        files.push(file("hosts", theirs.unwrap_or_else(|| network.hosts.clone())));
    }
    if !request.no_hostname {
        files.push(file("hostname", format!("{hostname}\n")));
    }
    let theirs = shared.and_then(|it| it.resolv_conf.as_ref());
    if request.shares_network_of().is_none() {
        files.extend(theirs.or(network.resolv_conf.as_ref()).map(|text| file("resolv.conf", text.clone())));
    }
    files
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
        Source::Bind { first_copy, .. } => first_copy.is_some(),
        _ => it.fill,
    };
    let shows = mounts.iter().any(|it| is_copied(it) && points.reach_into(&it.target));
    (request.rm && request.rootfs.is_none() && is_seen_as_stored && has_layers && !shows).then_some(points)
}

/// `/run/.containerenv`: empty, but for privileged containers, as Podman has it.
fn container_environment(facts: &Facts<'_>) -> String {
    if !facts.record.request.privileged {
        return String::new();
    }
    let record = facts.record;
    format!(
        "engine=\"pontoon-{}\"\nname=\"{}\"\nid=\"{}\"\nimage=\"{}\"\nimageid=\"{}\"\nrootless={}\n",
        env!("CARGO_PKG_VERSION"),
        record.name,
        record.id,
        record.image_name,
        record.image_id,
        u8::from(facts.maps.is_some()),
    )
}
