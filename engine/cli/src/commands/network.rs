//! `network create`, `exists`, `inspect`, `ls`, `prune`, `rm`, `update`, `connect`, `disconnect`, `reload`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use pontoon_lifecycle::list::{self, LookError};
use pontoon_lifecycle::network::{self, NetworkDeedError};
use pontoon_lifecycle::request::NetworkUse;
use pontoon_network::config::NetworkConfig;
use pontoon_network::join::JoinedAddress;
use pontoon_storage::Store;

use super::prune::{Pruned, confirm, filters};
use super::{Context, Failure, control, found};
use pontoon_cli::args::{
    NetworkConnectArgs, NetworkCreateArgs, NetworkDisconnectArgs, NetworkInspectArgs, NetworkLsArgs,
    NetworkReloadArgs, NetworkRmArgs, NetworkUpdateArgs, PruneArgs,
};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::time::moment_of;
use pontoon_cli::view::filter::{self, Filter};
use pontoon_cli::view::{ListOptions, network as view};
use pontoon_cli::{message, network_options, output, run_options};

/// `pontoon network create`
pub fn create(context: &Context, args: &NetworkCreateArgs) -> Result<ExitStatus, Failure> {
    let new = network_options::read(args)?;
    let made = network::create(&context.host, &context.store()?, &new, args.ignore)?;
    output::line(&made.name)?;
    Ok(ExitStatus::Success)
}

fn rows(context: &Context, store: &Store) -> Result<Vec<view::Row>, Failure> {
    let listing = network::list(&context.host, store)?;
    for (name, err) in &listing.broken {
        let why = std::error::Error::source(err).map(|it| format!(": {it}")).unwrap_or_default();
        message::print_warning(&format!("network {name} is left out: {err}{why}"));
    }
    let used = network::used_names(store)?;
    let row = |config: NetworkConfig| view::Row {
        is_used: used.contains(&config.name),
        config,
        containers: BTreeMap::new(),
    };
    Ok(listing.networks.into_iter().map(row).collect())
}

/// `pontoon network ls`
pub fn list(context: &Context, args: &NetworkLsArgs) -> Result<ExitStatus, Failure> {
    let filters = Filter::parse_all(&args.filter)?;
    filter::check_networks(&filters)?;
    let rows = filter::networks(rows(context, &context.store()?)?, &filters)?;
    let options = ListOptions {
        format: args.format.as_deref(),
        quiet: args.quiet,
        no_trunc: args.no_trunc,
        noheading: args.noheading,
        now: SystemTime::now(),
    };
    output::out(&view::list_text(&rows, &options)?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon network inspect`: what is there is shown, and what is not is an error then.
pub fn inspect(context: &Context, args: &NetworkInspectArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let (rows, missing) = found::each(&args.networks, |name| named(context, &store, name))?;
    output::out(&view::inspect_text(&rows, args.format.as_deref())?)?;
    missing.told()
}

/// The row of a network by name or id.
pub fn named(context: &Context, store: &Store, query: &str) -> Result<view::Row, Failure> {
    let config = network::find(&context.network_host(), store, query)?;
    let users = network::users(store, &config)?;
    let containers = users.iter().filter_map(|it| member(store, &it.id, &config)).collect();
    Ok(view::Row { is_used: !users.is_empty(), config, containers })
}

/// What a container has of a network, if it runs.
fn member(store: &Store, id: &str, network: &NetworkConfig) -> Option<(String, view::Member)> {
    let found = list::find(store, id).ok()?;
    let joined = found.status.process()?.networks.as_ref()?;
    let own = joined.networks.iter().find(|it| it.network == network.name)?;
    let address = |it: &JoinedAddress| view::Address {
        ipnet: format!("{}/{}", it.address, it.prefix),
        gateway: it.gateway.map(|it| it.to_string()),
    };
    let interface = view::Interface {
        subnets: own.addresses.iter().map(address).collect(),
        mac_address: own.mac.to_string(),
    };
    let interfaces = BTreeMap::from([(own.interface.clone(), interface)]);
    Some((id.to_owned(), view::Member { name: found.record.name.clone(), interfaces }))
}

/// `pontoon network exists`
pub fn exists(context: &Context, name: &str) -> Result<ExitStatus, Failure> {
    match network::find(&context.host, &context.store()?, name) {
        Ok(_) => Ok(ExitStatus::Success),
        Err(NetworkDeedError::NotFound { .. }) => Ok(ExitStatus::No),
        Err(err) => Err(err.into()),
    }
}

/// `pontoon network rm`
pub fn remove(context: &Context, args: &NetworkRmArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    // A time below zero is for ever, as in Podman; so long is longer than anybody waits.
    let timeout = args.time.map(|it| u32::try_from(it).unwrap_or(u32::MAX));
    let mut last: Option<Failure> = None;
    for name in &args.networks {
        match network::remove(&context.host, &store, name, args.force, timeout) {
            Ok(name) => output::line(&name)?,
            Err(NetworkDeedError::NotFound { .. }) if args.force => {}
            Err(err) => {
                let status = match &err {
                    NetworkDeedError::NotFound { .. } => ExitStatus::No,
                    NetworkDeedError::InUse { .. } => ExitStatus::Busy,
                    _ => ExitStatus::OurFault,
                };
                if let Some(earlier) = last.replace(Failure { status, ..Failure::from(err) }) {
                    earlier.print();
                }
            }
        }
    }
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// `pontoon network update`
pub fn update(context: &Context, args: &NetworkUpdateArgs) -> Result<ExitStatus, Failure> {
    let add = network_options::addresses("--dns-add", &args.dns_add)?;
    let drop = network_options::addresses("--dns-drop", &args.dns_drop)?;
    output::line(&network::update(&context.host, &context.store()?, &args.network, &add, &drop)?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon network prune`
pub fn prune(context: &Context, args: &PruneArgs) -> Result<ExitStatus, Failure> {
    let filters = filters(&args.filter)?;
    if !confirm(args.force, "WARNING! This will remove all networks that no container uses.\n")? {
        return Ok(ExitStatus::Success);
    }
    for name in idle(context, &context.store()?, &filters)?.names {
        output::line(&name)?;
    }
    Ok(ExitStatus::Success)
}

/// Removes the networks that no container is on and that pass.
pub(super) fn idle(context: &Context, store: &Store, filters: &[Filter]) -> Result<Pruned, Failure> {
    let mut pruned = Pruned::default();
    for row in rows(context, store)? {
        let config = row.config;
        let created = moment_of(&config.created).unwrap_or(SystemTime::UNIX_EPOCH);
        if row.is_used
            || config.name == context.host.networks.default_name
            || !filter::may_be_pruned(filters, &config.labels, created, SystemTime::now())?
        {
            continue;
        }
        match network::remove(&context.host, store, &config.name, false, None) {
            Ok(name) => pruned.names.push(name),
            // Somebody was faster, in removing it or in using it.
            Err(NetworkDeedError::NotFound { .. } | NetworkDeedError::InUse { .. }) => {}
            Err(err) => Failure::from(err).print(),
        }
    }
    Ok(pruned)
}

/// `pontoon network connect`
pub fn connect(context: &Context, args: &NetworkConnectArgs) -> Result<ExitStatus, Failure> {
    let addresses = run_options::static_addresses(args.ip.as_deref(), args.ip6.as_deref())?;
    let wanted = NetworkUse {
        name: args.network.clone(),
        addresses,
        mac: args.mac_address.as_deref().map(run_options::mac_address).transpose()?,
        aliases: args.alias.clone(),
        interface: None,
    };
    network::connect(&context.host, &context.store()?, &args.container, wanted)?;
    Ok(ExitStatus::Success)
}

/// `pontoon network disconnect`
pub fn disconnect(context: &Context, args: &NetworkDisconnectArgs) -> Result<ExitStatus, Failure> {
    network::disconnect(&context.host, &context.store()?, &args.container, &args.network)?;
    Ok(ExitStatus::Success)
}

/// `pontoon network reload`: what others flushed of the rules is made again. Rules belong to networks here, not to containers, so
/// that it is done once, for all of them.
pub fn reload(context: &Context, args: &NetworkReloadArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let chosen = control::Selection {
        command: "network reload",
        names: &args.containers,
        cidfiles: &[],
        filters: &[],
        all: args.all,
        latest: args.latest,
        ignore: false,
        ignore_files: false,
    };
    let names = chosen.resolve(&store, |status| status.is_alive())?;
    let mut is_done = false;
    control::for_each(&names, |name| {
        let found = match list::find(&store, name) {
            Err(LookError::Find(err)) => return Err(err.into()),
            other => other?,
        };
        if !is_done && found.status.is_alive() && found.record.request.networks().next().is_some() {
            network::reload(&context.host)?;
            is_done = true;
        }
        Ok(Some(found.record.id))
    })
}
