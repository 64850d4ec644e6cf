//! Pods.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!("pod clone", "Make a pod that is like another one", "[options] POD [NAME]", PodCloneArgs, |args| {
        Command::PodClone(Box::new(args))
    }),
    row!("pod create", "Make a pod", "[options] [NAME]", PodCreateArgs, |args| {
        Command::PodCreate(Box::new(args))
    }),
    row!("pod exists", "Tell by the exit code whether a pod exists", "POD", ExistsArgs, Command::PodExists),
    row!(
        "pod inspect",
        "Show all there is to know about pods",
        "[options] POD...",
        PodInspectArgs,
        Command::PodInspect
    ),
    row!(
        "pod kill",
        "Send a signal to the containers of pods",
        "[options] POD...",
        PodKillArgs,
        Command::PodKill
    ),
    row!(
        "pod logs",
        "Show what the containers of a pod wrote",
        "[options] POD",
        PodLogsArgs,
        Command::PodLogs
    ),
    row!("pod pause", "Freeze the processes of pods", "[options] POD...", PodsArgs, Command::PodPause),
    row!("pod prune", "Remove pods that do not run", "[options]", PodPruneArgs, Command::PodPrune),
    row!("pod ps", "List pods", "[options]", PodPsArgs, Command::PodPs),
    row!("pod restart", "Restart pods", "[options] POD...", PodsArgs, Command::PodRestart),
    row!("pod rm", "Remove pods and their containers", "[options] POD...", PodRmArgs, Command::PodRm),
    row!("pod start", "Start the containers of pods", "[options] POD...", PodStartArgs, Command::PodStart),
    row!(
        "pod stats",
        "Show what the containers of pods use",
        "[options] [POD...]",
        PodStatsArgs,
        Command::PodStats
    ),
    row!("pod stop", "Stop the containers of pods", "[options] POD...", PodStopArgs, Command::PodStop),
    row!("pod top", "Show the processes of a pod", "[options] POD [COLUMN...]", PodTopArgs, Command::PodTop),
    row!("pod unpause", "Let frozen pods go on", "[options] POD...", PodsArgs, Command::PodUnpause),
];
