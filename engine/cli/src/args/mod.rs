//! The command line: words into one typed [`Invocation`].
//!
//! The first word that is no option chooses a row of the [`table`], and only that command's parser is built:
//! building all of them would cost more than many commands take. It looks nothing up: no file, no container,
//! no environment. What `run` and `create` mean by their options is the business of [`crate::run_options`].

use std::ffi::OsString;

mod artifact;
mod complete;
mod container;
mod doctor;
mod empty;
mod error;
mod files;
mod flags;
mod generate;
mod global;
mod help;
mod image;
mod joint;
mod kube;
mod linger;
mod network;
mod objects;
mod options;
mod pod;
mod quadlet;
mod reader;
pub mod refused;
mod run;
mod secret;
mod suggest;
mod system;
mod table;
mod unit;
mod volume;

pub use artifact::{
    ArtifactAddArgs, ArtifactExtractArgs, ArtifactInspectArgs, ArtifactLsArgs, ArtifactPullArgs,
    ArtifactRmArgs,
};
pub use complete::{Candidate, CompleteArgs, CompletionArgs, Named, Next, next as next_word, starting_with};
pub use container::{
    AttachArgs, Chosen, CleanupArgs, ContainerCloneArgs, ExecArgs, HealthcheckRunArgs, ImagePruneArgs,
    InitArgs, KillArgs, LogsArgs, Passing, PauseArgs, PortArgs, PruneArgs, PsArgs, PsSort, RenameArgs,
    RestartArgs, RmArgs, StartArgs, StatsArgs, StopArgs, TopArgs, UpdateArgs, WaitArgs,
};
pub use doctor::DoctorArgs;
pub use error::ArgsError;
pub use files::{
    CommitArgs, CpArgs, DiffArgs, ExportArgs, ImageMountArgs, ImageUnmountArgs, MountArgs, UnmountArgs,
};
pub(crate) use flags::split_list;
pub use generate::{GenerateFormat, GenerateQuadletArgs, GenerateSystemdArgs};
pub use global::{EventsBackend, GlobalOptions, LogLevel};
pub use image::{
    HistoryArgs, ImageSort, ImageTreeArgs, ImagesArgs, ImportArgs, InspectImagesArgs, LoadArgs, PullArgs,
    RmiArgs, TagArgs, UntagArgs,
};
pub use joint::{JointOptions, LimitOptions};
pub use kube::{
    ExitPropagation, KubeApplyArgs, KubeDownArgs, KubeGenerateArgs, KubePlayArgs, ReportFormat, WorkloadKind,
};
pub use linger::LingerArgs;
pub use network::{
    NetworkConnectArgs, NetworkCreateArgs, NetworkDisconnectArgs, NetworkInspectArgs, NetworkLsArgs,
    NetworkReloadArgs, NetworkRmArgs, NetworkUpdateArgs,
};
pub use objects::{ExistsArgs, InspectArgs, InspectContainersArgs, InspectType};
pub use options::{Opt, Options};
pub use pod::{
    ChosenPods, PodCloneArgs, PodCreateArgs, PodInspectArgs, PodKillArgs, PodLogsArgs, PodPruneArgs,
    PodPsArgs, PodRmArgs, PodSort, PodStartArgs, PodStatsArgs, PodStopArgs, PodTopArgs, PodsArgs,
};
pub use quadlet::{
    FaultFormat, QuadletAdoptArgs, QuadletApplyArgs, QuadletCheckArgs, QuadletConvertArgs,
    QuadletExplainArgs, QuadletInstallArgs, QuadletListArgs, QuadletPlanArgs, QuadletPrintArgs,
    QuadletRmArgs, QuadletWaitNetworkArgs, WhoseArgs,
};
pub use run::{
    ContainerOptions, CreateArgs, Defaults, FixedOptions, HealthOptions, PlatformOptions, RegistryOptions,
    ResourceOptions, RunArgs,
};
pub use secret::{SecretCreateArgs, SecretInspectArgs, SecretRenewArgs, SecretRmArgs};
pub use suggest::similar;
pub use system::{
    EventsArgs, InfoArgs, NoArgs, SystemCheckArgs, SystemDfArgs, SystemPruneArgs, SystemResetArgs, TreeArgs,
    UnshareArgs, VersionArgs,
};
pub use unit::{AutoUpdateArgs, PinArgs, RollbackArgs};
pub use volume::{
    LsArgs, VolumeCreateArgs, VolumeExportArgs, VolumeImportArgs, VolumeInspectArgs, VolumeMountArgs,
    VolumePruneArgs, VolumeReloadArgs, VolumeRmArgs,
};

/// A whole command line, understood.
#[derive(Debug)]
pub struct Invocation {
    /// What was said for all commands.
    pub globals: GlobalOptions,
    /// The command and its own options.
    pub command: Command,
    /// All words after the program's name, as they were said.
    pub words: Vec<String>,
}

/// The commands.
#[derive(Debug)]
pub enum Command {
    /// `generate quadlet`
    GenerateQuadlet(GenerateQuadletArgs),
    /// `generate systemd`
    GenerateSystemd(Box<GenerateSystemdArgs>),
    /// `run`
    Run(Box<RunArgs>),
    /// `create`
    Create(Box<CreateArgs>),
    /// `start`
    Start(StartArgs),
    /// `init`
    Init(InitArgs),
    /// `stop`
    Stop(StopArgs),
    /// `kill`
    Kill(KillArgs),
    /// `rm`
    Rm(RmArgs),
    /// `ps`
    Ps(PsArgs),
    /// `logs`
    Logs(LogsArgs),
    /// `exec`
    Exec(ExecArgs),
    /// `inspect`
    Inspect(InspectArgs),
    /// `container inspect`
    ContainerInspect(InspectContainersArgs),
    /// `container exists`
    ContainerExists(ExistsArgs),
    /// `wait`
    Wait(WaitArgs),
    /// `port`
    Port(PortArgs),
    /// `pull`
    Pull(PullArgs),
    /// `images`
    Images(ImagesArgs),
    /// `rmi`
    Rmi(RmiArgs),
    /// `image inspect`
    ImageInspect(InspectImagesArgs),
    /// `image exists`
    ImageExists(ExistsArgs),
    /// `import`
    Import(ImportArgs),
    /// `load`
    Load(LoadArgs),
    /// `tag`
    Tag(TagArgs),
    /// `untag`
    Untag(UntagArgs),
    /// `volume create`
    VolumeCreate(VolumeCreateArgs),
    /// `volume ls`
    VolumeLs(LsArgs),
    /// `volume inspect`
    VolumeInspect(VolumeInspectArgs),
    /// `volume rm`
    VolumeRm(VolumeRmArgs),
    /// `volume exists`
    VolumeExists(ExistsArgs),
    /// `volume mount`
    VolumeMount(VolumeMountArgs),
    /// `volume unmount`
    VolumeUnmount(VolumeMountArgs),
    /// `volume reload`
    VolumeReload(VolumeReloadArgs),
    /// `network connect`
    NetworkConnect(NetworkConnectArgs),
    /// `network create`
    NetworkCreate(Box<NetworkCreateArgs>),
    /// `network disconnect`
    NetworkDisconnect(NetworkDisconnectArgs),
    /// `network exists`
    NetworkExists(ExistsArgs),
    /// `network inspect`
    NetworkInspect(NetworkInspectArgs),
    /// `network ls`
    NetworkLs(NetworkLsArgs),
    /// `network prune`
    NetworkPrune(PruneArgs),
    /// `network reload`
    NetworkReload(NetworkReloadArgs),
    /// `network rm`
    NetworkRm(NetworkRmArgs),
    /// `network update`
    NetworkUpdate(NetworkUpdateArgs),
    /// `kube apply`
    KubeApply(KubeApplyArgs),
    /// `kube down`
    KubeDown(KubeDownArgs),
    /// `kube generate`
    KubeGenerate(KubeGenerateArgs),
    /// `kube play`
    KubePlay(Box<KubePlayArgs>),
    /// `quadlet adopt`
    QuadletAdopt(QuadletAdoptArgs),
    /// `quadlet apply`
    QuadletApply(QuadletApplyArgs),
    /// `quadlet check`
    QuadletCheck(QuadletCheckArgs),
    /// `quadlet convert`
    QuadletConvert(QuadletConvertArgs),
    /// `quadlet explain`
    QuadletExplain(QuadletExplainArgs),
    /// `quadlet install`
    QuadletInstall(QuadletInstallArgs),
    /// `quadlet list`
    QuadletList(QuadletListArgs),
    /// `quadlet plan`
    QuadletPlan(QuadletPlanArgs),
    /// `quadlet print`
    QuadletPrint(QuadletPrintArgs),
    /// `quadlet release`
    QuadletRelease(QuadletAdoptArgs),
    /// `quadlet rm`
    QuadletRm(QuadletRmArgs),
    /// `quadlet wait-network`
    QuadletWaitNetwork(QuadletWaitNetworkArgs),
    /// `container clone`
    ContainerClone(Box<ContainerCloneArgs>),
    /// `pod clone`
    PodClone(Box<PodCloneArgs>),
    /// `pod create`
    PodCreate(Box<PodCreateArgs>),
    /// `pod exists`
    PodExists(ExistsArgs),
    /// `pod inspect`
    PodInspect(PodInspectArgs),
    /// `pod kill`
    PodKill(PodKillArgs),
    /// `pod logs`
    PodLogs(PodLogsArgs),
    /// `pod pause`
    PodPause(PodsArgs),
    /// `pod prune`
    PodPrune(PodPruneArgs),
    /// `pod ps`
    PodPs(PodPsArgs),
    /// `pod restart`
    PodRestart(PodsArgs),
    /// `pod rm`
    PodRm(PodRmArgs),
    /// `pod start`
    PodStart(PodStartArgs),
    /// `pod stats`
    PodStats(PodStatsArgs),
    /// `pod stop`
    PodStop(PodStopArgs),
    /// `pod top`
    PodTop(PodTopArgs),
    /// `pod unpause`
    PodUnpause(PodsArgs),
    /// `completion`
    Completion(CompletionArgs),
    /// `__complete`
    Complete(CompleteArgs),
    /// `pause`
    Pause(PauseArgs),
    /// `unpause`
    Unpause(PauseArgs),
    /// `restart`
    Restart(RestartArgs),
    /// `rename`
    Rename(RenameArgs),
    /// `stats`
    Stats(StatsArgs),
    /// `top`
    Top(TopArgs),
    /// `history`
    History(HistoryArgs),
    /// `auto-update`
    AutoUpdate(AutoUpdateArgs),
    /// `rollback`
    Rollback(RollbackArgs),
    /// `pin`
    Pin(PinArgs),
    /// `unpin`
    Unpin(PinArgs),
    /// `image tree`
    ImageTree(ImageTreeArgs),
    /// `container prune`
    ContainerPrune(PruneArgs),
    /// `image prune`
    ImagePrune(ImagePruneArgs),
    /// `volume prune`
    VolumePrune(VolumePruneArgs),
    /// `healthcheck run`
    HealthcheckRun(HealthcheckRunArgs),
    /// `commit`
    Commit(CommitArgs),
    /// `cp`
    Cp(CpArgs),
    /// `diff`
    Diff(DiffArgs),
    /// `container diff`
    ContainerDiff(DiffArgs),
    /// `image diff`
    ImageDiff(DiffArgs),
    /// `export`
    Export(ExportArgs),
    /// `mount`
    Mount(MountArgs),
    /// `unmount`
    Unmount(UnmountArgs),
    /// `image mount`
    ImageMount(ImageMountArgs),
    /// `image unmount`
    ImageUnmount(ImageUnmountArgs),
    /// `secret create`
    SecretCreate(SecretCreateArgs),
    /// `secret exists`
    SecretExists(ExistsArgs),
    /// `secret inspect`
    SecretInspect(SecretInspectArgs),
    /// `secret ls`
    SecretLs(LsArgs),
    /// `secret renew`
    SecretRenew(SecretRenewArgs),
    /// `secret rm`
    SecretRm(SecretRmArgs),
    /// `update`
    Update(Box<UpdateArgs>),
    /// `volume export`
    VolumeExport(VolumeExportArgs),
    /// `volume import`
    VolumeImport(VolumeImportArgs),
    /// `artifact add`
    ArtifactAdd(ArtifactAddArgs),
    /// `artifact extract`
    ArtifactExtract(ArtifactExtractArgs),
    /// `artifact inspect`
    ArtifactInspect(ArtifactInspectArgs),
    /// `artifact ls`
    ArtifactLs(ArtifactLsArgs),
    /// `artifact pull`
    ArtifactPull(ArtifactPullArgs),
    /// `artifact rm`
    ArtifactRm(ArtifactRmArgs),
    /// `attach`
    Attach(AttachArgs),
    /// `container cleanup`
    ContainerCleanup(CleanupArgs),
    /// `unshare`
    Unshare(UnshareArgs),
    /// `events`
    Events(EventsArgs),
    /// `info`
    Info(InfoArgs),
    /// `version`
    Version(VersionArgs),
    /// `system check`
    SystemCheck(SystemCheckArgs),
    /// `system df`
    SystemDf(SystemDfArgs),
    /// `system migrate`
    SystemMigrate(NoArgs),
    /// `system prune`
    SystemPrune(SystemPruneArgs),
    /// `system renumber`
    SystemRenumber(NoArgs),
    /// `system reset`
    SystemReset(SystemResetArgs),
    /// `doctor`
    Doctor(DoctorArgs),
    /// `tree`
    Tree(TreeArgs),
    /// `linger enable`
    LingerEnable(LingerArgs),
    /// `linger disable`
    LingerDisable(LingerArgs),
    /// `linger status`
    LingerStatus(LingerArgs),
}

/// What we are called: `podman`, where we stand in for it under its name, or `pontoon`.
pub fn program_name(word: Option<OsString>) -> &'static str {
    let word = word.unwrap_or_default();
    match std::path::Path::new(&word).file_name() {
        Some(name) if name == "podman" => "podman",
        _ => "pontoon",
    }
}

/// The version of Podman whose behaviour we have.
pub const PODMAN: &str = "5.4.2";

/// What `--version` prints, without the line's end. Under Podman's name it is the version of Podman whose behaviour we have and
/// nothing else: podman-compose takes the line's last word, kind wants three. What we are, `version` and `info` say.
pub fn version_line(name: &str) -> &'static str {
    match name {
        "podman" => "podman version 5.4.2",
        _ => concat!("pontoon version ", env!("CARGO_PKG_VERSION")),
    }
}

/// Tells whether the words (without the program's name) ask for the version first, and so for nothing else.
///
/// For the fast path of the binary: nothing has to be built or read to answer.
pub fn wants_version(words: &[OsString]) -> bool {
    words.first().is_some_and(|first| first == "--version" || first == "-v")
}

/// Tells whether the words (without the program's name) are those of a command that starts containers, as far as that can be
/// seen before they are read: for what the binary may begin meanwhile.
pub fn starts_containers(words: &[OsString]) -> bool {
    let Some(words) = words.iter().map(|it| it.to_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
    else {
        return false;
    };
    if words.iter().any(|it| it == "--dry-run" || it == "--cgroups=disabled") {
        return false;
    }
    let Ok((_, rest)) = global::split(&words) else { return false };
    let path = table::find(&rest).map_or("", |(entry, _)| entry.path);
    matches!(path.strip_prefix("container ").unwrap_or(path), "init" | "restart" | "run" | "start")
}

/// Tells whether the words (without the program's name) are those of a command that restarts units.
pub fn changes_units(words: &[OsString]) -> bool {
    matches!(path_of(words), Some("auto-update" | "rollback" | "secret renew"))
}

/// Tells whether the words (without the program's name) are those of a command that reads the journal, where entries of the
/// system's units are not for everybody.
pub fn reads_journal(words: &[OsString]) -> bool {
    matches!(path_of(words), Some("logs" | "container logs" | "events" | "system events"))
}

/// Tells whether the words (without the program's name) are those of a command whose containers live on after it.
pub fn needs_a_place(words: &[OsString]) -> bool {
    let path = path_of(words).map(|it| it.strip_prefix("container ").unwrap_or(it));
    matches!(
        path,
        Some(
            "clone"
                | "init"
                | "kube play"
                | "pod clone"
                | "pod restart"
                | "pod start"
                | "restart"
                | "run"
                | "start"
        )
    )
}

/// The command that words ask for, if they ask for one.
fn path_of(words: &[OsString]) -> Option<&'static str> {
    let words = words.iter().map(|it| it.to_str().map(str::to_owned)).collect::<Option<Vec<_>>>()?;
    let (_, rest) = global::split(&words).ok()?;
    table::find(&rest).ok().map(|(entry, _)| entry.path)
}

/// Parts `--user NAME`, which stands before everything else, from the words (without the program's name) that are to be
/// understood as that user's.
///
/// # Errors
/// [`ArgsError::NotUtf8`] for a name that is no text.
pub fn as_user(words: &[OsString]) -> Result<Option<(String, &[OsString])>, ArgsError> {
    let text = |word: &OsString| word.clone().into_string().map_err(|word| ArgsError::NotUtf8 { word });
    match words {
        [option, name, rest @ ..] if option == "--user" => Ok(Some((text(name)?, rest))),
        [word, rest @ ..] if word.as_encoded_bytes().starts_with(b"--user=") => {
            let word = text(word)?;
            Ok(word.strip_prefix("--user=").map(|name| (name.to_owned(), rest)))
        }
        _ => Ok(None),
    }
}

/// Reads the words of a command line, without the program's name.
pub fn parse(words: Vec<OsString>) -> Result<Invocation, ArgsError> {
    let words = words
        .into_iter()
        .map(|word| word.into_string().map_err(|word| ArgsError::NotUtf8 { word }))
        .collect::<Result<Vec<String>, ArgsError>>()?;
    let (before, rest) = global::split(&words)?;
    let (entry, own_words) = table::find(&rest)?;
    let (after, command) = (entry.read)(entry, own_words)?;
    Ok(Invocation { globals: before.overridden_by(after), command, words })
}

#[cfg(test)]
mod tests;
