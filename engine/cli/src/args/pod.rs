//! Commands for pods.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::joint::{JointOptions, LimitOptions};

/// Which pods a command is about.
#[derive(Debug, Default, Args)]
pub struct ChosenPods {
    /// Names or ids
    #[arg(value_name = "POD")]
    pub pods: Vec<String>,
    /// Take all pods
    #[arg(short, long, conflicts_with = "pods")]
    pub all: bool,
    /// Take the pod created last
    #[arg(short, long, conflicts_with_all = ["pods", "all"])]
    pub latest: bool,
}

/// `pod create`
#[derive(Debug, Clone, Default, Args)]
pub struct PodCreateArgs {
    /// Name of the pod; without one we choose
    #[arg(value_name = "NAME", conflicts_with = "name")]
    pub positional: Option<String>,
    /// Name of the pod
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,
    /// What is its infra container's.
    #[command(flatten)]
    pub joint: JointOptions,
    /// What all its containers may use together.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Slice that the pod's own slice is in
    #[arg(long, value_name = "NAME.slice")]
    pub cgroup_parent: Option<String>,
    /// What becomes of the pod when its last container has ended: continue (the default) or stop
    #[arg(long, value_name = "POLICY")]
    pub exit_policy: Option<String>,
    /// Make a container that holds the pod's namespaces; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub infra: Option<bool>,
    /// Write the process id of the infra container's monitor to this file
    #[arg(long, value_name = "FILE")]
    pub infra_conmon_pidfile: Option<PathBuf>,
    /// Name of the infra container
    #[arg(long, value_name = "NAME")]
    pub infra_name: Option<String>,
    /// Network: NAME[:ip=…,mac=…,alias=…], pasta, slirp4netns, ns:PATH, host, none
    #[arg(long, value_name = "MODE[:OPTION,...]", alias = "net")]
    pub network: Vec<String>,
    /// PID namespace of the pod: private, host, or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub pid: Option<String>,
    /// Write the pod's id to this file
    #[arg(long, value_name = "FILE")]
    pub pod_id_file: Option<PathBuf>,
    /// Remove a pod of the same name first
    #[arg(long)]
    pub replace: bool,
    /// When to start the containers anew that say nothing else: no, always, on-failure[:N] or unless-stopped
    #[arg(long, value_name = "POLICY")]
    pub restart: Option<String>,
    /// Namespaces that the containers share: cgroup, ipc, net, pid, user, uts, or none; the default is ipc,net,uts
    #[arg(long, value_name = "NAMESPACE,...")]
    pub share: Option<String>,
    /// Put the containers into a slice of the pod's; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub share_parent: Option<bool>,
    /// User namespace: host, keep-id[:uid=…,gid=…,size=…], auto[:size=…], nomap or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub userns: Option<String>,
    /// Host name namespace of the pod: private, host or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub uts: Option<String>,
}

/// `pod clone`
#[derive(Debug, Args)]
pub struct PodCloneArgs {
    /// Name or id of the pod that the new one is like
    #[arg(value_name = "POD")]
    pub pod: String,
    /// Remove the original, with its containers
    #[arg(long)]
    pub destroy: bool,
    /// Start the new pod
    #[arg(long)]
    pub start: bool,
    /// What is to be another way than the original's
    #[command(flatten)]
    pub options: PodCreateArgs,
}

/// `pod ps`
#[derive(Debug, Args)]
pub struct PodPsArgs {
    /// Show the ids of the containers
    #[arg(long)]
    pub ctr_ids: bool,
    /// Show the names of the containers
    #[arg(long)]
    pub ctr_names: bool,
    /// Show what the containers are doing
    #[arg(long)]
    pub ctr_status: bool,
    /// Show only pods that match KEY=VALUE
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show the pod created last
    #[arg(short, long)]
    pub latest: bool,
    /// Show whole ids
    #[arg(long, alias = "notruncate")]
    pub no_trunc: bool,
    /// No headings
    #[arg(short, long)]
    pub noheading: bool,
    /// Show the namespaces that are shared
    #[arg(long, alias = "namespace")]
    pub ns: bool,
    /// Show only ids
    #[arg(short, long)]
    pub quiet: bool,
    /// Order of the list
    #[arg(long, value_name = "FIELD", default_value = "created")]
    pub sort: PodSort,
}

/// `pod ps --sort`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PodSort {
    /// By time of creation.
    Created,
    /// By id.
    Id,
    /// By name.
    Name,
    /// By what they are doing.
    Status,
    /// By the number of containers.
    Number,
}

/// `pod inspect`
#[derive(Debug, Args)]
pub struct PodInspectArgs {
    /// Names or ids
    #[arg(value_name = "POD", required_unless_present = "latest")]
    pub pods: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Take the pod created last
    #[arg(short, long, conflicts_with = "pods")]
    pub latest: bool,
}

/// `pod rm`
#[derive(Debug, Args)]
pub struct PodRmArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: ChosenPods,
    /// Stop running containers first; a pod that does not exist is no error
    #[arg(short, long)]
    pub force: bool,
    /// A pod that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
    /// Read the pod's id from a file, which is removed, too
    #[arg(long, value_name = "FILE")]
    pub pod_id_file: Vec<PathBuf>,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(short, long, value_name = "SECONDS", alias = "timeout")]
    pub time: Option<i64>,
}

/// `pod start`
#[derive(Debug, Args)]
pub struct PodStartArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: ChosenPods,
    /// Read the pod's id from a file
    #[arg(long, value_name = "FILE")]
    pub pod_id_file: Vec<PathBuf>,
}

/// `pod stop`
#[derive(Debug, Args)]
pub struct PodStopArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: ChosenPods,
    /// A pod that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
    /// Read the pod's id from a file
    #[arg(long, value_name = "FILE")]
    pub pod_id_file: Vec<PathBuf>,
    /// Seconds until a container that does not stop is killed; -1 waits for ever
    #[arg(short, long, value_name = "SECONDS", alias = "timeout")]
    pub time: Option<i64>,
}

/// `pod restart`, `pod pause`, `pod unpause`
#[derive(Debug, Args)]
pub struct PodsArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: ChosenPods,
}

/// `pod kill`
#[derive(Debug, Args)]
pub struct PodKillArgs {
    /// Those that are named
    #[command(flatten)]
    pub chosen: ChosenPods,
    /// Name or number of the signal
    #[arg(short, long, value_name = "SIGNAL", default_value = "KILL")]
    pub signal: String,
}

/// `pod prune`
#[derive(Debug, Args)]
pub struct PodPruneArgs {
    /// Do not ask
    #[arg(short, long)]
    pub force: bool,
}

/// `pod logs`
#[derive(Debug, Args)]
pub struct PodLogsArgs {
    /// Name or id
    #[arg(value_name = "POD", required_unless_present = "latest")]
    pub pod: Option<String>,
    /// Show the containers in colours
    #[arg(long)]
    pub color: bool,
    /// Only of this container of the pod
    #[arg(short, long, value_name = "CONTAINER")]
    pub container: Option<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    pub follow: bool,
    /// Take the pod created last
    #[arg(short, long, conflicts_with = "pod")]
    pub latest: bool,
    /// Begin each line with the name instead of the id
    #[arg(short, long)]
    pub names: bool,
    /// Only lines since then: a time, or a duration before now
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only lines until then: a time, or a duration before now
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only the last N lines; -1 is all
    #[arg(long, value_name = "N", default_value_t = -1, hide_default_value = true)]
    pub tail: i64,
    /// Begin each line with its time
    #[arg(short, long)]
    pub timestamps: bool,
}

/// `pod stats`
#[derive(Debug, Args)]
pub struct PodStatsArgs {
    /// Names or ids; without any, all that run
    #[arg(value_name = "POD")]
    pub pods: Vec<String>,
    /// Show all pods
    #[arg(short, long, conflicts_with = "pods")]
    pub all: bool,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Take the pod created last
    #[arg(short, long, conflicts_with = "pods")]
    pub latest: bool,
    /// Do not clear the screen between two looks
    #[arg(long)]
    pub no_reset: bool,
    /// Look once
    #[arg(long)]
    pub no_stream: bool,
}

/// `pod top`
#[derive(Debug, Args)]
pub struct PodTopArgs {
    /// Name or id, then columns
    #[arg(value_name = "POD [COLUMN...]", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
    /// Take the pod created last
    #[arg(short, long)]
    pub latest: bool,
}
