//! All commands: one row each, with its words, its purpose and the parser of its options.

use super::error::ArgsError;
use super::global::GlobalOptions;
use super::reader::{parser, read};
use super::suggest::similar;
use super::*;

/// One command.
pub(super) struct Entry {
    /// Its words: `ps`, `volume ls`.
    pub(super) path: &'static str,
    /// What it does, in one line.
    pub(super) about: &'static str,
    /// What follows its words.
    pub(super) usage: &'static str,
    /// Reads what follows its words.
    pub(super) read: Reader,
    /// Makes the parser of its options.
    pub(super) parser: fn(&Entry) -> clap::Command,
}

/// Reads what follows the words of a command.
type Reader = fn(&Entry, &[String]) -> Result<(GlobalOptions, Command), ArgsError>;

/// A word that needs another one to be a command.
pub(super) struct Group {
    /// The word.
    pub(super) name: &'static str,
    /// What its commands have in common.
    pub(super) about: &'static str,
}

/// The groups.
pub(super) const GROUPS: &[Group] = &[
    Group { name: "artifact", about: "Manage artifacts: files from registries" },
    Group { name: "container", about: "Manage containers" },
    Group { name: "generate", about: "Write unit files for containers and pods that are there" },
    Group { name: "healthcheck", about: "Check the health of containers" },
    Group { name: "image", about: "Manage images" },
    Group { name: "kube", about: "Run Kubernetes objects, and write them" },
    Group { name: "linger", about: "Let a user's services outlive the last session" },
    Group { name: "network", about: "Manage networks" },
    Group { name: "pod", about: "Manage pods: containers that share namespaces" },
    Group { name: "quadlet", about: "Check, convert and install unit files" },
    Group { name: "secret", about: "Manage secrets" },
    Group { name: "system", about: "Look after the store and tell about the host" },
    Group { name: "volume", about: "Manage volumes" },
];

/// A row: words, purpose, usage, type of the options, and what they become.
macro_rules! row {
    ($path:literal, $about:literal, $usage:literal, $args:ty, $wrap:expr) => {
        Entry {
            path: $path,
            about: $about,
            usage: $usage,
            read: |entry, words| {
                let (globals, args) = read::<$args>(entry, words)?;
                Ok((globals, $wrap(args)))
            },
            parser: |entry| parser::<$args>(entry),
        }
    };
}

/// The commands, by their first spelling.
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
    row!("image prune", "Remove images that nothing uses", "[options]", ImagePruneArgs, Command::ImagePrune),
    row!(
        "volume prune",
        "Remove volumes that no container uses",
        "[options]",
        PruneArgs,
        Command::VolumePrune
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
    row!("pull", "Pull images from a registry", "[options] IMAGE...", PullArgs, Command::Pull),
    row!("images", "List images", "[options] [IMAGE]", ImagesArgs, Command::Images),
    row!(
        "history",
        "Show how an image was made, or what a unit has run",
        "[options] IMAGE|UNIT.service",
        HistoryArgs,
        Command::History
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
        "image tree",
        "Show the layers of an image as a tree",
        "[options] IMAGE",
        ImageTreeArgs,
        Command::ImageTree
    ),
    row!("rmi", "Remove images", "[options] IMAGE...", RmiArgs, Command::Rmi),
    row!(
        "import",
        "Make an image from a tar of a root file system",
        "[options] PATH [NAME]",
        ImportArgs,
        Command::Import
    ),
    row!("load", "Load images from an archive", "[options]", LoadArgs, Command::Load),
    row!("tag", "Give an image more names", "IMAGE NAME...", TagArgs, Command::Tag),
    row!("untag", "Take names from an image", "IMAGE [NAME...]", UntagArgs, Command::Untag),
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
        "image diff",
        "Show what an image's topmost layer changes",
        "[options] IMAGE",
        DiffArgs,
        Command::ImageDiff
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
        "image mount",
        "Mount images, and tell where",
        "[options] [IMAGE...]",
        ImageMountArgs,
        Command::ImageMount
    ),
    row!("image unmount", "Unmount images", "[options] IMAGE...", ImageUnmountArgs, Command::ImageUnmount),
    row!(
        "image exists",
        "Tell by the exit code whether an image exists",
        "IMAGE",
        ExistsArgs,
        Command::ImageExists
    ),
    row!(
        "image inspect",
        "Show all there is to know about images",
        "[options] IMAGE...",
        InspectImagesArgs,
        Command::ImageInspect
    ),
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
    row!(
        "kube apply",
        "Give objects to a cluster, by its API",
        "[options] [CONTAINER|POD|VOLUME...]",
        KubeApplyArgs,
        Command::KubeApply
    ),
    row!(
        "kube down",
        "Remove what Kubernetes objects say",
        "[options] FILE...",
        KubeDownArgs,
        Command::KubeDown
    ),
    row!(
        "kube generate",
        "Write Kubernetes objects of containers, pods and volumes",
        "[options] CONTAINER|POD|VOLUME...",
        KubeGenerateArgs,
        Command::KubeGenerate
    ),
    row!("kube play", "Run what Kubernetes objects say", "[options] FILE...", KubePlayArgs, |args| {
        Command::KubePlay(Box::new(args))
    }),
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
        "artifact add",
        "Make an artifact of files",
        "[options] ARTIFACT PATH...",
        ArtifactAddArgs,
        Command::ArtifactAdd
    ),
    row!(
        "artifact extract",
        "Write the files of an artifact",
        "[options] ARTIFACT PATH",
        ArtifactExtractArgs,
        Command::ArtifactExtract
    ),
    row!(
        "artifact inspect",
        "Show all there is to know about an artifact",
        "[options] ARTIFACT",
        ArtifactInspectArgs,
        Command::ArtifactInspect
    ),
    row!("artifact ls", "List artifacts", "[options]", ArtifactLsArgs, Command::ArtifactLs),
    row!(
        "artifact pull",
        "Pull an artifact from a registry",
        "[options] ARTIFACT",
        ArtifactPullArgs,
        Command::ArtifactPull
    ),
    row!("artifact rm", "Remove artifacts", "[options] ARTIFACT...", ArtifactRmArgs, Command::ArtifactRm),
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
    row!("secret create", "Keep a secret", "[options] NAME FILE|-", SecretCreateArgs, Command::SecretCreate),
    row!(
        "secret exists",
        "Tell by the exit code whether a secret exists",
        "SECRET",
        ExistsArgs,
        Command::SecretExists
    ),
    row!(
        "secret inspect",
        "Show what is known of secrets",
        "[options] SECRET...",
        SecretInspectArgs,
        Command::SecretInspect
    ),
    row!("secret ls", "List secrets", "[options]", LsArgs, Command::SecretLs),
    row!(
        "secret renew",
        "Make a secret, or bring it up to date and restart the services that use it",
        "[options] NAME [-- COMMAND [ARG...]]",
        SecretRenewArgs,
        Command::SecretRenew
    ),
    row!("secret rm", "Remove secrets", "[options] SECRET...", SecretRmArgs, Command::SecretRm),
    row!(
        "update",
        "Change limits, checks and other settings of a container",
        "[options] CONTAINER",
        UpdateArgs,
        |args| { Command::Update(Box::new(args)) }
    ),
    row!(
        "volume export",
        "Write a volume's content as an archive",
        "[options] VOLUME",
        VolumeExportArgs,
        Command::VolumeExport
    ),
    row!(
        "volume import",
        "Unpack an archive in a volume",
        "VOLUME [FILE]",
        VolumeImportArgs,
        Command::VolumeImport
    ),
    row!("volume mount", "Mount volumes, and tell where", "VOLUME...", VolumeMountArgs, Command::VolumeMount),
    row!("volume unmount", "Unmount volumes", "VOLUME...", VolumeMountArgs, Command::VolumeUnmount),
    row!(
        "volume reload",
        "Ask the drivers of volumes what they have",
        "",
        VolumeReloadArgs,
        Command::VolumeReload
    ),
    row!("volume create", "Create a volume", "[options] [NAME]", VolumeCreateArgs, Command::VolumeCreate),
    row!(
        "volume exists",
        "Tell by the exit code whether a volume exists",
        "VOLUME",
        ExistsArgs,
        Command::VolumeExists
    ),
    row!(
        "volume inspect",
        "Show all there is to know about volumes",
        "[options] VOLUME...",
        VolumeInspectArgs,
        Command::VolumeInspect
    ),
    row!("volume ls", "List volumes", "[options]", LsArgs, Command::VolumeLs),
    row!("volume rm", "Remove volumes", "[options] VOLUME...", VolumeRmArgs, Command::VolumeRm),
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
        "tree",
        "Show services, pods, containers, volumes and networks, and who needs whom",
        "[options]",
        TreeArgs,
        Command::Tree
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

/// Other spellings: what may be written, and the first spelling of the same command.
const ALIASES: &[(&str, &str)] = &[
    ("artifact list", "artifact ls"),
    ("artifact remove", "artifact rm"),
    ("container attach", "attach"),
    ("container commit", "commit"),
    ("container cp", "cp"),
    ("container create", "create"),
    ("container exec", "exec"),
    ("container export", "export"),
    ("container init", "init"),
    ("container kill", "kill"),
    ("container list", "ps"),
    ("container logs", "logs"),
    ("container ls", "ps"),
    ("container port", "port"),
    ("container ps", "ps"),
    ("container mount", "mount"),
    ("container pause", "pause"),
    ("container rename", "rename"),
    ("container restart", "restart"),
    ("container rm", "rm"),
    ("container run", "run"),
    ("container start", "start"),
    ("container stats", "stats"),
    ("container stop", "stop"),
    ("container top", "top"),
    ("container umount", "unmount"),
    ("container unmount", "unmount"),
    ("container unpause", "unpause"),
    ("container update", "update"),
    ("container wait", "wait"),
    ("generate kube", "kube generate"),
    ("image history", "history"),
    ("image import", "import"),
    ("image list", "images"),
    ("image load", "load"),
    ("image ls", "images"),
    ("image pull", "pull"),
    ("image rm", "rmi"),
    ("image tag", "tag"),
    ("image umount", "image unmount"),
    ("image untag", "untag"),
    ("play kube", "kube play"),
    ("pod list", "pod ps"),
    ("pod ls", "pod ps"),
    ("quadlet cat", "quadlet print"),
    ("quadlet ls", "quadlet list"),
    ("network list", "network ls"),
    ("network remove", "network rm"),
    ("secret list", "secret ls"),
    ("secret remove", "secret rm"),
    ("system events", "events"),
    ("system info", "info"),
    ("umount", "unmount"),
    ("volume list", "volume ls"),
    ("volume remove", "volume rm"),
    ("volume umount", "volume unmount"),
];

/// Finds the command that the words begin with, and the words that follow it.
pub(super) fn find(words: &[String]) -> Result<(&'static Entry, &[String]), ArgsError> {
    let Some((first, rest)) = words.split_first() else {
        return Err(ArgsError::NoCommand { text: help::overview() });
    };
    if first == "help" {
        return Err(help_about(rest));
    }
    if let Some(entry) = entry(first) {
        return Ok((entry, rest));
    }
    let Some((second, last)) = rest.split_first() else {
        return Err(match group(first) {
            Some(_) => ArgsError::NoSubcommand { group: first.clone() },
            None => unknown(first.clone()),
        });
    };
    let path = format!("{first} {second}");
    match (entry(&path), group(first)) {
        (Some(entry), _) => Ok((entry, last)),
        (None, Some(group)) if second == "--help" || second == "-h" => {
            Err(ArgsError::Help { text: help::group(group.name, group.about) })
        }
        (None, Some(_)) => Err(unknown(path)),
        (None, None) if refused::group(first) => {
            let instead = refused::command(&path).flatten();
            Err(ArgsError::CommandNotSupported { command: path, instead })
        }
        (None, None) => Err(unknown(first.clone())),
    }
}

/// What `pontoon help …` prints.
fn help_about(words: &[String]) -> ArgsError {
    let path = words.join(" ");
    if path.is_empty() {
        return ArgsError::Help { text: help::overview() };
    }
    if let Some(group) = group(&path) {
        return ArgsError::Help { text: help::group(group.name, group.about) };
    }
    let Some(entry) = entry(&path) else { return unknown(path) };
    match (entry.read)(entry, &["--help".to_owned()]) {
        Err(answer) => answer,
        Ok(_) => unknown(path),
    }
}

/// Whether a word needs another one to be a command.
pub(super) fn is_group(name: &str) -> bool {
    group(name).is_some()
}

fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

pub(super) fn entry(path: &str) -> Option<&'static Entry> {
    let path = ALIASES.iter().find(|(alias, _)| *alias == path).map_or(path, |(_, path)| path);
    ENTRIES.iter().find(|entry| entry.path == path)
}

fn unknown(command: String) -> ArgsError {
    if let Some(instead) = refused::command(&command) {
        return ArgsError::CommandNotSupported { command, instead };
    }
    let known = ENTRIES
        .iter()
        .map(|entry| entry.path)
        .chain(ALIASES.iter().map(|(alias, _)| *alias))
        .chain(GROUPS.iter().map(|group| group.name));
    let similar = similar(&command, known).map(str::to_owned);
    ArgsError::UnknownCommand { command, similar }
}
