//! `tree`, and what the manager says of the units of containers.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_cli::args::TreeArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::view::dependencies::{self, Kind, Name, Node};
use pontoon_cli::{message, output};
use pontoon_lifecycle::{list, network, pod};
use pontoon_rootless::dbus::{self, Bus, ManagerError, UnitDetails};
use pontoon_units::UnitKind;

use super::{Context, Failure, quadlet};

/// `pontoon tree`
pub fn tree(context: &Context, args: &TreeArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let host = context.network_host();
    let made = quadlet::made();
    let pods = pod::list(&context.host, &store)?.pods;
    let containers = list::list(&store)?.containers;
    let mut nodes = Vec::new();
    // What each unit has made or runs.
    let mut own: BTreeMap<String, Vec<Name>> = BTreeMap::new();
    for unit in &made {
        let own = own.entry(unit.unit.clone()).or_default();
        match &unit.makes {
            Some((UnitKind::Volume, name)) => own.push(Name::new(Kind::Volume, name.clone())),
            Some((_, name)) => own.push(Name::new(Kind::Network, name.clone())),
            None => {}
        }
    }
    for pod in &pods {
        let name = pod.record.name.clone();
        if let Some(unit) = &pod.record.systemd_unit {
            own.entry(unit.clone()).or_default().push(Name::new(Kind::Pod, name.clone()));
        }
        let needs = pod.infra().map(|it| networks_of(&it.record.request)).unwrap_or_default();
        nodes.push(Node { state: pod.state().word().to_owned(), needs, ..Node::new(Kind::Pod, name) });
    }
    // A pod's infra container is the pod.
    let pod_of = |id: &str| pods.iter().find(|it| it.record.id == id).map(|it| it.record.name.clone());
    for summary in containers.iter().filter(|it| it.record.request.infra.is_none()) {
        let (record, request) = (&summary.record, &summary.record.request);
        if let Some(unit) = &request.systemd_unit {
            own.entry(unit.clone()).or_default().push(Name::new(Kind::Container, record.name.clone()));
        }
        let mut needs = networks_of(request);
        let anonymous = |name: &str| record.anonymous_volumes.iter().any(|it| it == name);
        let volumes = record.volumes.iter().filter(|it| !anonymous(&it.name));
        needs.extend(volumes.map(|it| Name::new(Kind::Volume, it.name.clone())));
        match request.pod.as_ref().and_then(|it| pod_of(&it.id)) {
            Some(pod) => needs.push(Name::new(Kind::Pod, pod)),
            None => needs.extend(request.sharing().iter().map(|(_, other)| {
                let found = containers.iter().find(|it| it.record.id == *other);
                Name::new(Kind::Container, found.map_or(*other, |it| it.record.name.as_str()))
            })),
        }
        let state = summary.status.word().to_owned();
        let health = summary.health.clone();
        nodes.push(Node { state, health, needs, ..Node::new(Kind::Container, record.name.clone()) });
    }
    let anonymous: BTreeSet<&String> =
        containers.iter().flat_map(|it| &it.record.anonymous_volumes).collect();
    let volumes = store.list_volumes()?.volumes;
    let volumes = volumes.iter().filter(|it| !anonymous.contains(&it.name));
    nodes.extend(volumes.map(|it| Node::new(Kind::Volume, it.name.clone())));
    let networks = network::list(&host, &store)?.networks;
    nodes.extend(networks.into_iter().map(|it| Node::new(Kind::Network, it.name)));

    let names: BTreeSet<String> = own.keys().cloned().collect();
    let known = units(context, &names);
    for (name, needs) in own {
        let unit = known.get(&name).cloned().unwrap_or_default();
        let source = made.iter().find(|it| it.unit == name).map(|it| it.source.clone()).unwrap_or_default();
        let units = unit.needs.into_iter().filter(|it| names.contains(it));
        let needs = needs.into_iter().chain(units.map(|it| Name::new(Kind::Service, it))).collect();
        nodes.push(Node {
            exists: known.contains_key(&name),
            state: unit.active,
            sub_state: unit.sub,
            result: unit.result,
            source,
            needs,
            ..Node::new(Kind::Service, name)
        });
    }
    output::out(&dependencies::text(&dependencies::complete(nodes), args.format.as_deref())?)?;
    Ok(ExitStatus::Success)
}

fn networks_of(request: &pontoon_lifecycle::request::CreateRequest) -> Vec<Name> {
    request.networks().map(|it| Name::new(Kind::Network, it)).collect()
}

/// Units by name, as the caller's manager knows them, or else the system's, which may run services for users (`User=`).
pub fn units(context: &Context, names: &BTreeSet<String>) -> BTreeMap<String, UnitDetails> {
    let mut known = BTreeMap::new();
    let mut failures = Vec::new();
    let mut ask = |bus: &dyn Fn() -> Result<Bus, dbus::BusError>| {
        let missing: Vec<&str> =
            names.iter().filter(|it| !known.contains_key(*it)).map(String::as_str).collect();
        if missing.is_empty() {
            return;
        }
        let deed = "ask for units".to_owned();
        let bus = bus().map_err(|source| ManagerError::Bus { deed, source });
        match bus.and_then(|bus| dbus::unit_details(&bus, &missing)) {
            Ok(units) => known.extend(units.into_iter().map(|it| (it.name.clone(), it))),
            Err(error) => {
                let cause = std::error::Error::source(&error).map(|it| format!(": {it}")).unwrap_or_default();
                failures.push(format!("the states of units are not known: {error}{cause}"));
            }
        }
    };
    if context.host.is_rootless()
        && let Some(directory) = context.host.runtime_directory()
    {
        ask(&|| Bus::user(directory));
    }
    ask(&Bus::system);
    // A user whose services are the system's needs no manager.
    if names.iter().any(|it| !known.contains_key(it)) {
        failures.iter().for_each(|it| message::print_warning(it));
    }
    known
}
