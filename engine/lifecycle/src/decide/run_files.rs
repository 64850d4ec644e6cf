//! The files that every container finds in place of the image's.

use pontoon_monitor::plan::RunFile;
use pontoon_network::NetworkPlan;

use super::Facts;

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
