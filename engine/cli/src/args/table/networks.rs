//! Networks.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!(
        "network connect",
        "Put a container on a network",
        "[options] NETWORK CONTAINER",
        NetworkConnectArgs,
        Command::NetworkConnect
    ),
    row!("network create", "Make a network", "[options] [NAME]", NetworkCreateArgs, |args| {
        Command::NetworkCreate(Box::new(args))
    }),
    row!(
        "network disconnect",
        "Take a container from a network",
        "[options] NETWORK CONTAINER",
        NetworkDisconnectArgs,
        Command::NetworkDisconnect
    ),
    row!(
        "network exists",
        "Tell by the exit code whether a network exists",
        "NETWORK",
        ExistsArgs,
        Command::NetworkExists
    ),
    row!(
        "network inspect",
        "Show all there is to know about networks",
        "[options] NETWORK...",
        NetworkInspectArgs,
        Command::NetworkInspect
    ),
    row!("network ls", "List networks", "[options]", NetworkLsArgs, Command::NetworkLs),
    row!(
        "network prune",
        "Remove networks that no container uses",
        "[options]",
        PruneArgs,
        Command::NetworkPrune
    ),
    row!(
        "network reload",
        "Make the rules of containers' networks again",
        "[options] [CONTAINER...]",
        NetworkReloadArgs,
        Command::NetworkReload
    ),
    row!("network rm", "Remove networks", "[options] NETWORK...", NetworkRmArgs, Command::NetworkRm),
    row!(
        "network update",
        "Change the DNS servers of a network",
        "[options] NETWORK",
        NetworkUpdateArgs,
        Command::NetworkUpdate
    ),
];
