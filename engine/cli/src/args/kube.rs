//! `kube …`: Kubernetes objects.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

/// `kube play`
#[derive(Debug, Args)]
pub struct KubePlayArgs {
    /// Files with objects, their http or https addresses, or `-`
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Add an annotation
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
    /// File with credentials
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
    /// Directory with certificates and keys for the registry
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
    /// Files with ConfigMaps that the objects need
    #[arg(long, value_name = "FILE,...", value_delimiter = ',')]
    pub configmap: Vec<String>,
    /// Name and password for the registry
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<String>,
    /// Remove what the files say, as `kube down`
    #[arg(long, hide = true)]
    pub down: bool,
    /// With --down or --wait, remove volumes of claims as well
    #[arg(long)]
    pub force: bool,
    /// Address of a pod on its network; once for each pod
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Vec<String>,
    /// Where output goes: journald, k8s-file, json-file or none
    #[arg(long, value_name = "DRIVER")]
    pub log_driver: Option<String>,
    /// Option of the log driver
    #[arg(long, value_name = "KEY=VALUE")]
    pub log_opt: Vec<String>,
    /// Hardware address of a pod on its network; once for each pod
    #[arg(long, value_name = "ADDRESS")]
    pub mac_address: Vec<String>,
    /// Network of the pods
    #[arg(long, value_name = "MODE[:OPTION,...]", alias = "net")]
    pub network: Vec<String>,
    /// Keep the images' /etc/hostname
    #[arg(long)]
    pub no_hostname: bool,
    /// Keep the images' /etc/hosts
    #[arg(long)]
    pub no_hosts: bool,
    /// Call containers as they are called in the file, without their pod's name
    #[arg(long)]
    pub no_pod_prefix: bool,
    /// Podman's; ids are always shown whole
    #[arg(long, hide = true)]
    pub no_trunc: bool,
    /// Publish ports to the host
    #[arg(long, value_name = "[[IP:][HOST]:]PORT[/PROTOCOL]")]
    pub publish: Vec<String>,
    /// Publish ports that have none of the host
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub publish_all: Option<bool>,
    /// Say nothing while pulling
    #[arg(short, long)]
    pub quiet: bool,
    /// Make those pods anew that changed or do not run
    #[arg(long)]
    pub replace: bool,
    /// Directory with profiles of system calls
    #[arg(long, value_name = "DIR")]
    pub seccomp_profile_root: Option<PathBuf>,
    /// In a unit: stay as its main process as long as the pods run; `false`: change what another one stays for
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", hide = true)]
    pub service_container: Option<bool>,
    /// Which failures of containers are the unit's: any, all or none
    #[arg(long, value_name = "POLICY", default_value = "none", hide = true)]
    pub service_exit_code_propagation: ExitPropagation,
    /// Start the pods; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub start: Option<bool>,
    /// What is not known or has no effect is an error
    #[arg(long)]
    pub strict: bool,
    /// Require HTTPS and verify certificates
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls_verify: Option<bool>,
    /// User namespace of the pods
    #[arg(long, value_name = "MODE")]
    pub userns: Option<String>,
    /// Wait until the pods have ended or a signal comes, and remove them
    #[arg(short, long)]
    pub wait: bool,
    /// Print the commands that make the pods, and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Which failures of containers are the unit's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExitPropagation {
    /// One is enough.
    Any,
    /// All must fail.
    All,
    /// None is.
    None,
}

/// `kube down`
#[derive(Debug, Args)]
pub struct KubeDownArgs {
    /// Files with objects, their http or https addresses, or `-`
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<String>,
    /// Remove volumes of claims as well
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub force: Option<bool>,
}

/// `kube apply`
#[derive(Debug, Args)]
pub struct KubeApplyArgs {
    /// Containers, pods or volumes, by name or id
    #[arg(value_name = "CONTAINER|POD|VOLUME", conflicts_with = "file")]
    pub names: Vec<String>,
    /// The authorities that sign the cluster's certificate; `insecure` checks none
    #[arg(long, value_name = "FILE")]
    pub ca_cert_file: Option<String>,
    /// File with objects, its http or https address, or `-`
    #[arg(short, long, value_name = "FILE")]
    pub file: Option<String>,
    /// Take over what others manage of the objects
    #[arg(long)]
    pub force_conflicts: bool,
    /// How the cluster is reached; the default is KUBECONFIG, then ~/.kube/config
    #[arg(short, long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Namespace of objects that say none
    #[arg(long, value_name = "NAME")]
    pub ns: Option<String>,
    /// Add a Service with the ports that are published
    #[arg(short, long, conflicts_with = "file")]
    pub service: bool,
}

/// `kube generate`
#[derive(Debug, Args)]
pub struct KubeGenerateArgs {
    /// Containers, pods or volumes, by name or id; or unit files of them
    #[arg(value_name = "CONTAINER|POD|VOLUME|FILE", required = true)]
    pub names: Vec<String>,
    /// Write the variables of env files as ConfigMaps
    #[arg(long)]
    pub config_maps: bool,
    /// Write to this file
    #[arg(short, long, value_name = "FILE")]
    pub filename: Option<PathBuf>,
    /// Add annotations that only Podman and pontoon understand
    #[arg(long)]
    pub podman_only: bool,
    /// How many pods, of a deployment
    #[arg(short, long, value_name = "N")]
    pub replicas: Option<i64>,
    /// How to tell what is not written as it is: text or json, on standard error
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub report: ReportFormat,
    /// Write the secrets that are used, with their values, as Secrets
    #[arg(long)]
    pub secrets: bool,
    /// Add a Service with the ports that are published
    #[arg(short, long)]
    pub service: bool,
    /// What is not written as it is, is an error
    #[arg(long)]
    pub strict: bool,
    /// pod, deployment, daemonset or job; the default is what it was played of, else pod
    #[arg(short = 't', long = "type", value_name = "KIND", ignore_case = true)]
    pub kind: Option<WorkloadKind>,
}

/// `--type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkloadKind {
    /// A pod.
    Pod,
    /// Pods that are all alike.
    Deployment,
    /// A pod on each machine.
    Daemonset,
    /// A pod that ends.
    Job,
}

impl WorkloadKind {
    /// The one that `containers.conf` names.
    pub fn named(word: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(word, false).ok()
    }
}

/// `--report`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A line for each thing.
    Text,
    /// A list of objects.
    Json,
}
