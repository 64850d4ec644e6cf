//! The host, the store as a whole, and the program itself.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!(
        "unshare",
        "Run a command in the user namespace of containers",
        "[options] [COMMAND [ARG...]]",
        UnshareArgs,
        Command::Unshare
    ),
    row!(
        "completion",
        "Print the completion script of a shell",
        "SHELL",
        CompletionArgs,
        Command::Completion
    ),
    row!("__complete", "Tell a shell what may come next", "[WORD...]", CompleteArgs, Command::Complete),
    row!("events", "Show what is done to containers and images", "[options]", EventsArgs, Command::Events),
    row!("info", "Tell about the host and the store", "[options]", InfoArgs, Command::Info),
    row!("version", "Tell the version", "[options]", VersionArgs, Command::Version),
    row!(
        "system check",
        "Tell whether the store is sound, and mend it",
        "[options]",
        SystemCheckArgs,
        Command::SystemCheck
    ),
    row!("system df", "Show how much room things take", "[options]", SystemDfArgs, Command::SystemDf),
    row!(
        "system migrate",
        "Stop all containers, so that they start with new id maps",
        "",
        NoArgs,
        Command::SystemMigrate
    ),
    row!("system prune", "Remove what nothing uses", "[options]", SystemPruneArgs, Command::SystemPrune),
    row!(
        "system renumber",
        "Podman's: its locks have numbers, ours none",
        "",
        NoArgs,
        Command::SystemRenumber
    ),
    row!(
        "system reset",
        "Remove all containers, images, artifacts, volumes and secrets",
        "[options]",
        SystemResetArgs,
        Command::SystemReset
    ),
    row!(
        "doctor",
        "Tell what the host lacks for containers and services, and mend it",
        "[options]",
        DoctorArgs,
        Command::Doctor
    ),
    row!(
        "linger enable",
        "Let a user's services run without a session",
        "[USER]",
        LingerArgs,
        Command::LingerEnable
    ),
    row!(
        "linger disable",
        "End a user's services with the last session",
        "[USER]",
        LingerArgs,
        Command::LingerDisable
    ),
    row!("linger status", "Tell whether a user lingers", "[USER]", LingerArgs, Command::LingerStatus),
];
