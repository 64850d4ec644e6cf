//! Unit files, services and what they run.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!(
        "generate quadlet",
        "Write unit files for what is there, or for a command line",
        "[options] NAME...|COMPOSE-FILE|COMMAND",
        GenerateQuadletArgs,
        Command::GenerateQuadlet
    ),
    row!(
        "generate systemd",
        "Write services for a container or a pod",
        "[options] CONTAINER|POD",
        GenerateSystemdArgs,
        |args| { Command::GenerateSystemd(Box::new(args)) }
    ),
    row!(
        "auto-update",
        "Update the containers of units to the newest images",
        "[options]",
        AutoUpdateArgs,
        Command::AutoUpdate
    ),
    row!(
        "rollback",
        "Let a unit run a version of its image that it ran before",
        "UNIT [DIGEST]",
        RollbackArgs,
        Command::Rollback
    ),
    row!("pin", "Hold a unit at the images that it runs", "UNIT", PinArgs, Command::Pin),
    row!("unpin", "Let a unit run newer images again", "UNIT", PinArgs, Command::Unpin),
    row!(
        "quadlet adopt",
        "Make the services of containers/systemd instead of Podman's generator",
        "[options]",
        QuadletAdoptArgs,
        Command::QuadletAdopt
    ),
    row!(
        "quadlet apply",
        "Reload the unit files and restart the services they change",
        "[options]",
        QuadletApplyArgs,
        Command::QuadletApply
    ),
    row!(
        "quadlet check",
        "Tell all that is wrong with unit files",
        "[options] [FILE|DIRECTORY...]",
        QuadletCheckArgs,
        Command::QuadletCheck
    ),
    row!(
        "quadlet convert",
        "Show the services that unit files become",
        "[options] FILE|DIRECTORY...",
        QuadletConvertArgs,
        Command::QuadletConvert
    ),
    row!(
        "quadlet explain",
        "Tell what keys mean",
        "[options] [KEY|SECTION...]",
        QuadletExplainArgs,
        Command::QuadletExplain
    ),
    row!(
        "quadlet install",
        "Install unit files",
        "[options] PATH|URL...",
        QuadletInstallArgs,
        Command::QuadletInstall
    ),
    row!("quadlet list", "List unit files", "[options]", QuadletListArgs, Command::QuadletList),
    row!(
        "quadlet plan",
        "Show what reloading the unit files would change",
        "[options]",
        QuadletPlanArgs,
        Command::QuadletPlan
    ),
    row!("quadlet print", "Print a unit file", "[options] FILE", QuadletPrintArgs, Command::QuadletPrint),
    row!(
        "quadlet release",
        "Leave containers/systemd to Podman's generator again",
        "[options]",
        QuadletAdoptArgs,
        Command::QuadletRelease
    ),
    row!("quadlet rm", "Remove unit files", "[options] NAME...", QuadletRmArgs, Command::QuadletRm),
    row!(
        "quadlet wait-network",
        "Wait until the network of the system is online",
        "[options]",
        QuadletWaitNetworkArgs,
        Command::QuadletWaitNetwork
    ),
    row!(
        "tree",
        "Show services, pods, containers, volumes and networks, and who needs whom",
        "[options]",
        TreeArgs,
        Command::Tree
    ),
];
