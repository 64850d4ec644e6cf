//! Commands for containers that exist: start, stop, kill, rm, ps, logs, exec, wait, port.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// Which containers a command is about; that there are any is checked where they are looked up.
#[derive(Debug, Args)]
pub struct Chosen {
    /// Names or ids
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Take all containers with which it can be done
    #[arg(short, long, conflicts_with = "containers")]
    pub all: bool,
    /// Read the container's id from a file
    #[arg(long, value_name = "FILE")]
    pub cidfile: Vec<PathBuf>,
    /// Take the container created last
    #[arg(short, long, conflicts_with_all = ["containers", "all"])]
    pub latest: bool,
}

/// Containers chosen by what they are like.
#[derive(Debug, Default, Args)]
pub struct Passing {
    /// Take those that pass, in any state in which it can be done: KEY=VALUE, as in `ps`
    #[arg(short, long, value_name = "KEY=VALUE", conflicts_with = "containers")]
    pub filter: Vec<String>,
}

/// `start`
#[derive(Debug, Args)]
pub struct StartArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Start all containers
    #[arg(long, conflicts_with = "containers")]
    pub all: bool,
    /// Those that pass
    #[command(flatten)]
    pub passing: Passing,
    /// Show what the container writes
    #[arg(short, long, conflicts_with = "all")]
    pub attach: bool,
    /// Keys that leave the container without ending it; the default is ctrl-p,ctrl-q
    #[arg(long, value_name = "KEY,...")]
    pub detach_keys: Option<String>,
    /// Give the container our standard input
    #[arg(short, long)]
    pub interactive: bool,
    /// Take the container created last
    #[arg(short, long)]
    pub latest: bool,
    /// Pass the signals we receive on to the container; the default is true with --attach
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub sig_proxy: Option<bool>,
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Take all containers that are not set up
    #[arg(short, long, conflicts_with = "containers")]
    pub all: bool,
    /// Take the container created last
    #[arg(short, long)]
    pub latest: bool,
}

/// `stop`
#[derive(Debug, Args)]
pub struct StopArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: Chosen,
    /// Those that pass
    #[command(flatten)]
    pub passing: Passing,
    /// A container that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(short, long, value_name = "SECONDS", alias = "timeout")]
    pub time: Option<i64>,
}

/// `kill`
#[derive(Debug, Args)]
pub struct KillArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: Chosen,
    /// Name or number of the signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    pub signal: String,
}

/// `rm`
#[derive(Debug, Args)]
pub struct RmArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: Chosen,
    /// Take those that pass, in any state in which it can be done: KEY=VALUE, as in `ps`
    #[arg(long, value_name = "KEY=VALUE", conflicts_with = "containers")]
    pub filter: Vec<String>,
    /// Stop running containers first; a container that does not exist is no error
    #[arg(short, long)]
    pub force: bool,
    /// A container that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
    /// Remove the containers that share its namespaces, too
    #[arg(long)]
    pub depend: bool,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(short, long, value_name = "SECONDS", alias = "timeout")]
    pub time: Option<i64>,
    /// Remove the container's volumes that have no name
    #[arg(short, long)]
    pub volumes: bool,
}

/// `ps`
#[derive(Debug, Args)]
pub struct PsArgs {
    /// Show containers that do not run, too
    #[arg(short, long)]
    pub all: bool,
    /// Show only containers that match KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show the N containers created last, running or not
    #[arg(short = 'n', long, value_name = "N", conflicts_with = "latest")]
    pub last: Option<i64>,
    /// Show the container created last
    #[arg(short, long)]
    pub latest: bool,
    /// Show containers that other programs keep in the store, too; there are none
    #[arg(long, alias = "storage")]
    pub external: bool,
    /// Show whole ids and commands
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
    /// Show the namespaces
    #[arg(long, alias = "namespace")]
    pub ns: bool,
    /// Show the pods
    #[arg(short, long)]
    pub pod: bool,
    /// Show the systemd units that containers belong to, and their states
    #[arg(long)]
    pub units: bool,
    /// No headings
    #[arg(long)]
    pub noheading: bool,
    /// Show only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Show sizes
    #[arg(short, long)]
    pub size: bool,
    /// Order of the list
    #[arg(long, value_name = "FIELD", default_value = "created")]
    pub sort: PsSort,
    /// Podman's; our records are always in step
    #[arg(long, hide = true)]
    pub sync: bool,
    /// Show the list again every so many seconds
    #[arg(short, long, value_name = "SECONDS", conflicts_with_all = ["latest", "quiet"])]
    pub watch: Option<u32>,
}

/// `ps --sort`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PsSort {
    /// By command.
    Command,
    /// By time of creation.
    Created,
    /// By id.
    Id,
    /// By image.
    Image,
    /// By name.
    Names,
    /// By age.
    Runningfor,
    /// By size.
    Size,
    /// By status.
    Status,
}

/// `logs`
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required_unless_present_any = ["latest"])]
    pub containers: Vec<String>,
    /// Show each container's lines in a colour of their own
    #[arg(long)]
    pub color: bool,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Take the container created last
    #[arg(short, long)]
    pub latest: bool,
    /// Of several containers, begin each line with the name instead of the id
    #[arg(short, long)]
    pub names: bool,
    /// Only lines since then: a time, or a duration before now
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only lines until then: a time, or a duration from now on
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only the last N lines; -1 is all
    #[arg(long, value_name = "N", default_value_t = -1, hide_default_value = true)]
    pub tail: i64,
    /// Begin each line with its time
    #[arg(short, long)]
    pub timestamps: bool,
    /// Docker's; there are no details
    #[arg(long, hide = true)]
    pub details: bool,
}

/// `exec`
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// Run in the background
    #[arg(short, long)]
    pub detach: bool,
    /// Keys that leave the container without ending it; the default is ctrl-p,ctrl-q
    #[arg(long, value_name = "KEY,...")]
    pub detach_keys: Option<String>,
    /// Set an environment variable, or take the host's (NAME, PREFIX*)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Keep standard input open
    #[arg(short, long)]
    pub interactive: bool,
    /// Take the container created last
    #[arg(short, long)]
    pub latest: bool,
    /// Pass that many more descriptors, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub preserve_fds: u32,
    /// Pass these descriptors
    #[arg(long, value_name = "N,...", conflicts_with = "preserve_fds")]
    pub preserve_fd: Vec<String>,
    /// Give the process all capabilities of the container's user namespace
    #[arg(long)]
    pub privileged: bool,
    /// Give the process a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// User and group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// Working directory inside
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,
    /// Container (unless --latest) and command
    #[arg(value_name = "CONTAINER", required = true, num_args = 1.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// `wait`
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Names or ids
    #[arg(value_name = "CONTAINER", required_unless_present_any = ["latest"])]
    pub containers: Vec<String>,
    /// States to wait for, any of them; the default is stopped
    #[arg(long, value_name = "STATE,...", value_delimiter = ',')]
    pub condition: Vec<String>,
    /// A container that does not exist is no error
    #[arg(long)]
    pub ignore: bool,
    /// Time between two looks, for states that nothing tells of; the default is 250ms
    #[arg(short, long, value_name = "DURATION")]
    pub interval: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "containers")]
    pub latest: bool,
}

/// `port`
#[derive(Debug, Args)]
pub struct PortArgs {
    /// Ports of all containers
    #[arg(short, long)]
    pub all: bool,
    /// Take the container created last
    #[arg(short, long)]
    pub latest: bool,
    /// Container (unless --latest), and the port inside it that is asked for
    #[arg(value_name = "CONTAINER", num_args = 0..=2, required_unless_present_any = ["all", "latest"])]
    pub words: Vec<String>,
}

/// `pause`, `unpause`
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: Chosen,
    /// Those that pass
    #[command(flatten)]
    pub passing: Passing,
}

/// `restart`
#[derive(Debug, Args)]
pub struct RestartArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: Chosen,
    /// Those that pass
    #[command(flatten)]
    pub passing: Passing,
    /// Restart those that run, of the named ones or of all
    #[arg(long)]
    pub running: bool,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(short, long, value_name = "SECONDS", alias = "timeout")]
    pub time: Option<i64>,
}

/// `rename`
#[derive(Debug, Args)]
pub struct RenameArgs {
    /// Name or id
    #[arg(value_name = "CONTAINER", required = true)]
    pub container: String,
    /// The new name
    #[arg(value_name = "NAME", required = true)]
    pub name: String,
}

/// `top`
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Name or id, then columns
    #[arg(value_name = "CONTAINER [COLUMN...]", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
    /// Take the container created last
    #[arg(short, long)]
    pub latest: bool,
    /// List the columns there are
    #[arg(long)]
    pub list_descriptors: bool,
}

/// `stats`
#[derive(Debug, Args)]
pub struct StatsArgs {
    /// Names or ids; without any, all that run
    #[arg(value_name = "CONTAINER")]
    pub containers: Vec<String>,
    /// Show containers that do not run, too
    #[arg(short, long, conflicts_with = "containers")]
    pub all: bool,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 5)]
    pub interval: i32,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "containers")]
    pub latest: bool,
    /// Do not clear the screen between two looks
    #[arg(long)]
    pub no_reset: bool,
    /// Look once
    #[arg(long)]
    pub no_stream: bool,
    /// Show whole ids
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
}

/// `container prune`
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Remove only what matches KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
}

/// `image prune`
#[derive(Debug, Args)]
pub struct ImagePruneArgs {
    /// Remove all images that no container uses, not only those without a name
    #[arg(short, long)]
    pub all: bool,
    /// Remove images of containers that other programs keep in the store, too; there are none
    #[arg(long)]
    pub external: bool,
    /// Remove only what matches KEY=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
}

/// `healthcheck run`
#[derive(Debug, Args)]
pub struct HealthcheckRunArgs {
    /// Name or id
    #[arg(value_name = "CONTAINER", required = true)]
    pub container: String,
    /// A failed check is no error
    #[arg(long)]
    pub ignore_result: bool,
}

/// `update`
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    pub container: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "container")]
    pub latest: bool,
    /// When to start the container anew: no, always, on-failure[:N] or unless-stopped
    #[arg(long, value_name = "POLICY")]
    pub restart: Option<String>,
    /// Set an environment variable for the next run, or take the host's (NAME, PREFIX*)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Take a variable out of the environment of the next run
    #[arg(long, value_name = "NAME")]
    pub unsetenv: Vec<String>,
    /// How its health is checked.
    #[command(flatten)]
    pub health: super::HealthOptions,
    /// What it may use.
    #[command(flatten)]
    pub resources: super::ResourceOptions,
}

/// `container clone`
#[derive(Debug, Args)]
pub struct ContainerCloneArgs {
    /// Name or id of the container that the new one is like
    #[arg(value_name = "CONTAINER")]
    pub container: String,
    /// Name of the new one
    #[arg(value_name = "NAME")]
    pub new_name: Option<String>,
    /// Its image, in place of the original's
    #[arg(value_name = "IMAGE")]
    pub image: Option<String>,
    /// Remove the original
    #[arg(long)]
    pub destroy: bool,
    /// Remove the original also if it runs
    #[arg(short, long)]
    pub force: bool,
    /// Name of the new one
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Put the new one into a pod
    #[arg(long, value_name = "POD")]
    pub pod: Option<String>,
    /// Start the new one
    #[arg(long)]
    pub run: bool,
    /// What it may use, in place of what the original may.
    #[command(flatten)]
    pub resources: super::ResourceOptions,
}

/// `attach`
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// Name or id
    #[arg(value_name = "CONTAINER")]
    pub container: Option<String>,
    /// Take the container created last
    #[arg(short, long, conflicts_with = "container")]
    pub latest: bool,
    /// Keys that leave the container without ending it; the default is ctrl-p,ctrl-q
    #[arg(long, value_name = "KEY,...")]
    pub detach_keys: Option<String>,
    /// Do not give the container our standard input
    #[arg(long)]
    pub no_stdin: bool,
    /// Pass the signals we receive on to the container; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub sig_proxy: Option<bool>,
}

/// `container cleanup`
#[derive(Debug, Args)]
pub struct CleanupArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: Chosen,
    /// Remove the container, too
    #[arg(long)]
    pub rm: bool,
    /// Remove its image, too, unless another container uses it
    #[arg(long)]
    pub rmi: bool,
    /// Podman's; a container that runs is never touched
    #[arg(long, hide = true)]
    pub stopped_only: bool,
}
