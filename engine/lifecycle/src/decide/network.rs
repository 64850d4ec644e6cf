//! What the network is asked for, and the names that follow from it.

use pontoon_network::{Mode, NetworkPlan, NetworkRequest};

use super::{DecideError, Facts};
use crate::request::{NamespaceMode, NetworkMode};

pub(super) fn network_plan(facts: &Facts<'_>) -> Result<NetworkPlan, DecideError> {
    let request = &facts.record.request;
    let mode = match &request.network {
        None => Mode::Default,
        // Taken from its last one, there is nothing but loopback.
        Some(NetworkMode::Named(uses)) if uses.is_empty() => Mode::None,
        Some(NetworkMode::Named(_)) => Mode::Networks(facts.attachments.clone()),
        Some(NetworkMode::Host) => Mode::Host,
        Some(NetworkMode::None) => Mode::None,
        // Whose it is has set it up.
        Some(NetworkMode::Private | NetworkMode::Container(_) | NetworkMode::Path(_)) => Mode::Private,
        Some(NetworkMode::Pasta(options)) => Mode::Pasta(options.clone()),
        Some(NetworkMode::Slirp4netns(options)) => Mode::Slirp4netns(options.clone()),
    };
    let wanted = NetworkRequest {
        mode,
        ports: request.publish.clone(),
        hostname: name_of_its_own(facts),
        container_name: facts.record.name.clone(),
        container_id: facts.record.id.clone(),
        add_host: request.add_host.clone(),
        dns: request.dns.clone(),
        dns_search: request.dns_search.clone(),
        dns_option: request.dns_option.clone(),
        user_namespace: facts.maps.is_some(),
        stand_in: facts.shared.is_some(),
        foreign_root: facts.maps.as_ref().is_some_and(|it| it.host_uid(0) != Some(facts.caller.uid)),
    };
    let mut plan = pontoon_network::plan(&wanted, facts.network)?;
    if let (Some(theirs), Some(join)) = (shared_hostname(facts), &mut plan.join) {
        // On networks it leads to whose it is.
        join.names.retain(|it| it != theirs || *it == facts.record.name);
    }
    Ok(plan)
}

/// The host name of another container, if that is this one's, too.
fn shared_hostname<'a>(facts: &'a Facts<'_>) -> Option<&'a String> {
    facts.shared.as_ref()?.hostname.as_ref()
}

/// What stands before the container's name at its own address in `/etc/hosts`. The host's has no address there.
fn name_of_its_own(facts: &Facts<'_>) -> String {
    let request = &facts.record.request;
    let known = request.hostname.as_ref().or_else(|| shared_hostname(facts));
    match request.uts {
        NamespaceMode::Host => known.unwrap_or(&facts.record.name).clone(),
        _ => known.cloned().unwrap_or_else(|| short(&facts.record.id)),
    }
}

pub(super) fn hostname(facts: &Facts<'_>, network: &NetworkPlan) -> String {
    match facts.record.request.hostname.as_ref().or_else(|| shared_hostname(facts)) {
        Some(name) => name.clone(),
        None if !network.own_namespace || facts.record.request.uts == NamespaceMode::Host => {
            facts.hostname.clone()
        }
        None => short(&facts.record.id),
    }
}

fn short(id: &str) -> String {
    id.chars().take(12).collect()
}
