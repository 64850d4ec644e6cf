//! Containers.

use super::*;

/// Their commands.
pub(super) const ENTRIES: &[Entry] = &[
    row!("run", "Run a command in a new container", "[options] IMAGE [COMMAND [ARG...]]", RunArgs, |args| {
        Command::Run(Box::new(args))
    }),
    row!(
        "create",
        "Create a container without starting it",
        "[options] IMAGE [COMMAND [ARG...]]",
        CreateArgs,
        |args| { Command::Create(Box::new(args)) }
    ),
    row!("start", "Start containers", "[options] CONTAINER...", StartArgs, Command::Start),
    row!("init", "Set containers up, to be started later", "[options] CONTAINER...", InitArgs, Command::Init),
    row!("stop", "Stop containers", "[options] CONTAINER...", StopArgs, Command::Stop),
    row!("restart", "Restart containers", "[options] CONTAINER...", RestartArgs, Command::Restart),
    row!("pause", "Freeze the processes of containers", "[options] CONTAINER...", PauseArgs, Command::Pause),
    row!("unpause", "Let frozen containers go on", "[options] CONTAINER...", PauseArgs, Command::Unpause),
    row!("stats", "Show what containers use", "[options] [CONTAINER...]", StatsArgs, Command::Stats),
    row!("rename", "Give a container another name", "CONTAINER NAME", RenameArgs, Command::Rename),
    row!(
        "top",
        "Show the processes of a container",
        "[options] CONTAINER [COLUMN...]",
        TopArgs,
        Command::Top
    ),
    row!(
        "container cleanup",
        "Clean up after containers whose supervisors were killed",
        "[options] CONTAINER...",
        CleanupArgs,
        Command::ContainerCleanup
    ),
    row!(
        "container prune",
        "Remove containers that do not run",
        "[options]",
        PruneArgs,
        Command::ContainerPrune
    ),
    row!("kill", "Send a signal to containers", "[options] CONTAINER...", KillArgs, Command::Kill),
    row!("rm", "Remove containers", "[options] CONTAINER...", RmArgs, Command::Rm),
    row!("ps", "List containers", "[options]", PsArgs, Command::Ps),
    row!("logs", "Show what containers wrote", "[options] CONTAINER...", LogsArgs, Command::Logs),
    row!(
        "exec",
        "Run a command in a running container",
        "[options] CONTAINER COMMAND [ARG...]",
        ExecArgs,
        Command::Exec
    ),
    row!(
        "inspect",
        "Show all there is to know about an object",
        "[options] OBJECT...",
        InspectArgs,
        Command::Inspect
    ),
    row!("wait", "Wait for containers to end", "[options] CONTAINER...", WaitArgs, Command::Wait),
    row!("port", "List published ports", "[options] CONTAINER [PORT[/PROTOCOL]]", PortArgs, Command::Port),
    row!(
        "container clone",
        "Make a container that is like another one",
        "[options] CONTAINER [NAME [IMAGE]]",
        ContainerCloneArgs,
        |args| { Command::ContainerClone(Box::new(args)) }
    ),
    row!(
        "container exists",
        "Tell by the exit code whether a container exists",
        "CONTAINER",
        ExistsArgs,
        Command::ContainerExists
    ),
    row!(
        "container inspect",
        "Show all there is to know about containers",
        "[options] CONTAINER...",
        InspectContainersArgs,
        Command::ContainerInspect
    ),
    row!(
        "attach",
        "See what a container writes, and write what it reads",
        "[options] CONTAINER",
        AttachArgs,
        Command::Attach
    ),
    row!(
        "healthcheck run",
        "Run the health check of a container",
        "[options] CONTAINER",
        HealthcheckRunArgs,
        Command::HealthcheckRun
    ),
    row!(
        "commit",
        "Make an image of a container",
        "[options] CONTAINER [IMAGE]",
        CommitArgs,
        Command::Commit
    ),
    row!(
        "cp",
        "Copy files between a container and the host",
        "[options] [CONTAINER:]SOURCE [CONTAINER:]TARGET",
        CpArgs,
        Command::Cp
    ),
    row!("diff", "Show what a container has changed", "[options] CONTAINER|IMAGE", DiffArgs, Command::Diff),
    row!(
        "container diff",
        "Show what a container has changed",
        "[options] CONTAINER",
        DiffArgs,
        Command::ContainerDiff
    ),
    row!(
        "export",
        "Write a container's files as an archive",
        "[options] CONTAINER",
        ExportArgs,
        Command::Export
    ),
    row!(
        "mount",
        "Mount the root file systems of containers, and tell where",
        "[options] [CONTAINER...]",
        MountArgs,
        Command::Mount
    ),
    row!(
        "unmount",
        "Unmount the root file systems of containers",
        "[options] CONTAINER...",
        UnmountArgs,
        Command::Unmount
    ),
    row!(
        "update",
        "Change limits, checks and other settings of a container",
        "[options] CONTAINER",
        UpdateArgs,
        |args| { Command::Update(Box::new(args)) }
    ),
];
