//! `run` and `create`: what may be said about a new container, as it was said.
//!
//! The values are words still; [`crate::run_options`] reads them. Options that only repeat our one way of doing
//! a thing (`--ipc=private`, `--no-healthcheck`) are here too, so that lines written for Podman pass.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{ArgAction, Args};

use super::joint::{JointOptions, LimitOptions};

/// `run`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The container.
    #[command(flatten)]
    pub container: ContainerOptions,
    /// Run in the background and print the container's id
    #[arg(short, long)]
    pub detach: bool,
    /// Pass the signals we receive on to the container; the default is true without a terminal
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub sig_proxy: Option<bool>,
    /// Pass that many more descriptors, from 3 on
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub preserve_fds: u32,
    /// Pass these descriptors
    #[arg(long, value_name = "N,...", conflicts_with = "preserve_fds")]
    pub preserve_fd: Vec<String>,
    /// Lead what comes to a socket that systemd listens on for us to this port of the container; one for each socket
    #[arg(long, value_name = "PORT[/udp]", conflicts_with_all = ["preserve_fds", "preserve_fd"])]
    pub activate: Vec<ActivatedPort>,
    /// End the container when there was no such connection or datagram for so many seconds
    #[arg(long, value_name = "SECONDS", requires = "activate", value_parser = clap::value_parser!(u32).range(1..))]
    pub idle_timeout: Option<u32>,
    /// Print the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    // One list, so that nothing after the image is taken for an option of ours.
    /// Image, and the command with its words
    #[arg(value_name = "IMAGE", required = true, num_args = 1.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// `create`
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// The container.
    #[command(flatten)]
    pub container: ContainerOptions,
    /// Image, and the command with its words
    #[arg(value_name = "IMAGE", required = true, num_args = 1.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// Which of an image's platforms is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PlatformOptions {
    /// Choose an image of this architecture
    #[arg(long, value_name = "ARCH", alias = "override-arch")]
    pub arch: Option<String>,
    /// Choose an image of this operating system
    #[arg(long, value_name = "OS", alias = "override-os")]
    pub os: Option<String>,
    /// Choose an image of this variant of the architecture
    #[arg(long, value_name = "VARIANT", alias = "override-variant")]
    pub variant: Option<String>,
    /// Choose an image of this OS/ARCH[/VARIANT]
    #[arg(long, value_name = "PLATFORM", conflicts_with_all = ["arch", "os"])]
    pub platform: Option<String>,
}

/// How to speak to a registry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct RegistryOptions {
    /// File with credentials
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
    /// Directory with certificates and keys for the registry
    #[arg(long, value_name = "DIR")]
    pub cert_dir: Option<PathBuf>,
    /// Name and password for the registry
    #[arg(long, value_name = "USER:PASSWORD")]
    pub creds: Option<String>,
    /// Require HTTPS and verify certificates
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub tls_verify: Option<bool>,
    /// Try again so many times if the registry is out of reach
    #[arg(long, value_name = "NUMBER")]
    pub retry: Option<u32>,
    /// Wait so long before trying again
    #[arg(long, value_name = "DURATION")]
    pub retry_delay: Option<String>,
    /// Docker's; does nothing
    #[arg(long, hide = true)]
    pub disable_content_trust: bool,
}

/// How much of the host a container may use, as words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ResourceOptions {
    /// What a pod may be told as well.
    #[command(flatten)]
    pub limits: LimitOptions,
    /// Write to a file of the container's control group
    #[arg(long, value_name = "FILE=VALUE")]
    pub cgroup_conf: Vec<String>,
    /// Period of processor time, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_period: Option<String>,
    /// Processor time in a period, in microseconds
    #[arg(long, value_name = "MICROSECONDS")]
    pub cpu_quota: Option<String>,
    /// Reads in a second from a block device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_read_iops: Vec<String>,
    /// Writes in a second to a block device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_write_iops: Vec<String>,
    /// Memory that is reclaimed last
    #[arg(long, value_name = "SIZE")]
    pub memory_reservation: Option<String>,
    /// Highest number of processes; -1 is no limit
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub pids_limit: Option<String>,
}

/// Health checks, as words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct HealthOptions {
    /// Command that tells whether the container is well: a line for a shell, a JSON list of words, or `none`
    #[arg(long, value_name = "COMMAND", aliases = ["healthcheck-command"])]
    pub health_cmd: Option<String>,
    /// Time between two checks, or `disable`
    #[arg(long, value_name = "DURATION", aliases = ["healthcheck-interval"])]
    pub health_interval: Option<String>,
    /// Where outcomes are kept: local, events_logger, or a directory
    #[arg(long, value_name = "WHERE")]
    pub health_log_destination: Option<String>,
    /// Outcomes that are kept; 0 is all
    #[arg(long, value_name = "N")]
    pub health_max_log_count: Option<String>,
    /// Bytes of each output that are kept; 0 is all
    #[arg(long, value_name = "BYTES")]
    pub health_max_log_size: Option<String>,
    /// What becomes of an unhealthy container: none, kill, restart or stop
    #[arg(long, value_name = "WHAT")]
    pub health_on_failure: Option<String>,
    /// Failures in a row that make it unhealthy
    #[arg(long, value_name = "N", aliases = ["healthcheck-retries"])]
    pub health_retries: Option<String>,
    /// Time at the start in which failures do not count
    #[arg(long, value_name = "DURATION", aliases = ["healthcheck-start-period"])]
    pub health_start_period: Option<String>,
    /// Command that tells whether the container is up; other checks wait for it
    #[arg(long, value_name = "COMMAND")]
    pub health_startup_cmd: Option<String>,
    /// Time between two startup checks
    #[arg(long, value_name = "DURATION")]
    pub health_startup_interval: Option<String>,
    /// Failures until the container is restarted; 0 waits for ever
    #[arg(long, value_name = "N")]
    pub health_startup_retries: Option<String>,
    /// Successes until the container counts as up
    #[arg(long, value_name = "N")]
    pub health_startup_success: Option<String>,
    /// Time that a startup check may take
    #[arg(long, value_name = "DURATION")]
    pub health_startup_timeout: Option<String>,
    /// Time that a check may take
    #[arg(long, value_name = "DURATION", aliases = ["healthcheck-timeout"])]
    pub health_timeout: Option<String>,
    /// Switch the image's health check off
    #[arg(long)]
    pub no_healthcheck: bool,
}

/// Options that `run` and `create` share, as words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ContainerOptions {
    /// What a pod may be told as well.
    #[command(flatten)]
    pub joint: JointOptions,
    /// Add an annotation
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,
    /// Attach to these streams only: stdin, stdout, stderr
    #[arg(short, long, value_name = "STREAM,...")]
    pub attach: Vec<String>,
    /// Grant capabilities
    #[arg(long, value_name = "CAP,...")]
    pub cap_add: Vec<String>,
    /// Take capabilities away
    #[arg(long, value_name = "CAP,...")]
    pub cap_drop: Vec<String>,
    /// Directories inside that get /etc/hosts and the like, too
    #[arg(long, value_name = "DIR,...")]
    pub chrootdirs: Vec<String>,
    /// Control group: enabled, disabled, no-conmon or split
    #[arg(long, value_name = "MODE")]
    pub cgroups: Option<String>,
    /// Write the container's id to this file
    #[arg(long, value_name = "FILE")]
    pub cidfile: Option<PathBuf>,
    /// Write the monitor's process id to this file
    #[arg(long, value_name = "FILE")]
    pub conmon_pidfile: Option<PathBuf>,
    /// Keys that leave the container without ending it; the default is ctrl-p,ctrl-q
    #[arg(long, value_name = "KEY,...")]
    pub detach_keys: Option<String>,
    /// Let root's container use these devices, by numbers: as `c 42:* rwm`
    #[arg(long, value_name = "TYPE MAJOR:MINOR ACCESS")]
    pub device_cgroup_rule: Vec<String>,
    /// Replace the image's entry point: one word, or a JSON list of words; empty clears it
    #[arg(long, value_name = "WORD")]
    pub entrypoint: Option<String>,
    /// Set an environment variable, or take the host's (NAME, PREFIX*)
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Read environment variables from a file
    #[arg(long, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,
    /// Set a variable that the image sets, with ${NAME} of the image's in its value
    #[arg(long, value_name = "NAME=VALUE")]
    pub env_merge: Vec<String>,
    /// Take the host's whole environment
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub env_host: Option<bool>,
    /// Note ports the container listens on, without publishing them
    #[arg(long, value_name = "PORT[/PROTOCOL],...")]
    pub expose: Vec<String>,
    /// Add groups; keep-groups keeps the caller's
    #[arg(long, value_name = "GROUP,...")]
    pub group_add: Vec<String>,
    /// Line of /etc/group for a group that the image does not know
    #[arg(long, value_name = "LINE")]
    pub group_entry: Option<String>,
    /// Make users of the host known in the container
    #[arg(long, value_name = "USER,...")]
    pub hostuser: Vec<String>,
    /// Take the host's proxy variables
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub http_proxy: Option<bool>,
    /// Run a small init that passes signals on and reaps processes
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub init: Option<bool>,
    /// A program of the host that is the init
    #[arg(long, value_name = "FILE")]
    pub init_path: Option<PathBuf>,
    /// Keep standard input open
    #[arg(short, long)]
    pub interactive: bool,
    /// IPC namespace: private, shareable, none, host, container:NAME or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub ipc: Option<String>,
    /// Where output goes: journald, k8s-file, json-file, passthrough or none
    #[arg(long, value_name = "DRIVER")]
    pub log_driver: Option<String>,
    /// Option of the log driver
    #[arg(long, value_name = "KEY=VALUE")]
    pub log_opt: Vec<String>,
    /// Mount something: type=bind|volume|tmpfs,source=…,target=…
    #[arg(long, value_name = "KEY=VALUE,...")]
    pub mount: Vec<String>,
    /// Name of the container
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Network: NAME[:ip=…,mac=…,alias=…], pasta, slirp4netns, container:NAME, ns:PATH, host, none
    #[arg(long, value_name = "MODE[:OPTION,...]", alias = "net")]
    pub network: Vec<String>,
    /// Readiness of the container to be killed when memory is short, -1000 to 1000
    #[arg(long, value_name = "N")]
    pub oom_score_adj: Option<String>,
    /// Give a user that the image does not know an entry in /etc/passwd and /etc/group; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub passwd: Option<bool>,
    /// Line of /etc/passwd for a user that the image does not know
    #[arg(long, value_name = "LINE")]
    pub passwd_entry: Option<String>,
    /// What the kernel says it is: LINUX or LINUX32
    #[arg(long, value_name = "NAME")]
    pub personality: Option<String>,
    /// Write the process id of the container's first process to this file
    #[arg(long, value_name = "FILE")]
    pub pidfile: Option<PathBuf>,
    /// PID namespace: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub pid: Option<String>,
    /// Pod that the container is in; new:NAME makes it
    #[arg(long, value_name = "[new:]NAME")]
    pub pod: Option<String>,
    /// Read the id of the container's pod from a file
    #[arg(long, value_name = "FILE")]
    pub pod_id_file: Option<PathBuf>,
    /// Run before the other containers of the pod: once, or always (at each start of the pod)
    #[arg(long, value_name = "WHEN")]
    pub init_ctr: Option<String>,
    /// Write the process id of a new pod's infra container's monitor to this file
    #[arg(long, value_name = "FILE")]
    pub infra_conmon_pidfile: Option<PathBuf>,
    /// Take away most of the confinement
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub privileged: Option<bool>,
    /// Publish all exposed ports to random ones of the host
    #[arg(short = 'P', long)]
    pub publish_all: bool,
    /// When to pull: always, missing, never or newer
    #[arg(long, value_name = "POLICY")]
    pub pull: Option<String>,
    /// Say nothing while pulling
    #[arg(short, long)]
    pub quiet: bool,
    /// Mount the root file system read-only
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub read_only: Option<bool>,
    /// With --read-only, mount tmpfs on /run, /tmp and /var/tmp; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub read_only_tmpfs: Option<bool>,
    /// Remove a container of the same name first
    #[arg(long)]
    pub replace: bool,
    /// When to start the container anew: no, always, on-failure[:N] or unless-stopped
    #[arg(long, value_name = "POLICY")]
    pub restart: Option<String>,
    /// Remove the container when it ends
    #[arg(long)]
    pub rm: bool,
    /// Remove the image, too, when the container ends, unless another one uses it
    #[arg(long)]
    pub rmi: bool,
    /// The first word is a directory with a root file system, as DIR[:O][:idmap], and no image
    #[arg(long)]
    pub rootfs: bool,
    /// Who tells systemd that the service is ready: container, conmon, healthy or ignore
    #[arg(long, value_name = "WHO")]
    pub sdnotify: Option<String>,
    /// Show a secret in a file, or in a variable (type=env)
    #[arg(long, value_name = "NAME[,KEY=VALUE,...]")]
    pub secret: Vec<String>,
    /// Signal that stops the container
    #[arg(long, value_name = "SIGNAL")]
    pub stop_signal: Option<String>,
    /// Seconds until a container that does not stop is killed
    #[arg(long, value_name = "SECONDS")]
    pub stop_timeout: Option<String>,
    /// Seconds that the container may run
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<String>,
    /// Mount a tmpfs
    #[arg(long, value_name = "PATH[:OPTION,...]")]
    pub tmpfs: Vec<String>,
    /// Give the container a terminal
    #[arg(short, long)]
    pub tty: bool,
    /// Time zone, or `local`
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// Resource limits
    #[arg(long, value_name = "NAME=SOFT[:HARD],...")]
    pub ulimit: Vec<String>,
    /// File mode mask, in octal
    #[arg(long, value_name = "MASK")]
    pub umask: Option<String>,
    /// Take a variable out of the image's environment
    #[arg(long, value_name = "NAME")]
    pub unsetenv: Vec<String>,
    /// Take out all that the image and the engine set
    #[arg(long)]
    pub unsetenv_all: bool,
    /// User and group, by name or number
    #[arg(short, long, value_name = "USER[:GROUP]")]
    pub user: Option<String>,
    /// User namespace: host, keep-id[:uid=…,gid=…,size=…], auto[:size=…], nomap, container:NAME or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub userns: Option<String>,
    /// Host name namespace: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub uts: Option<String>,
    /// Slice that the container is in
    #[arg(long, value_name = "NAME.slice")]
    pub cgroup_parent: Option<String>,
    /// Control group namespace: private, host, container:NAME or ns:PATH
    #[arg(long, value_name = "MODE")]
    pub cgroupns: Option<String>,
    /// What the image's volumes are: anonymous, tmpfs or ignore
    #[arg(long, value_name = "MODE")]
    pub image_volume: Option<String>,
    /// Start these containers before this one
    #[arg(long, value_name = "CONTAINER,...")]
    pub requires: Vec<String>,
    /// Be ready for systemd: true (if it is the command), false or always
    #[arg(long, value_name = "MODE")]
    pub systemd: Option<String>,
    /// Working directory inside
    #[arg(short, long, value_name = "DIR")]
    pub workdir: Option<String>,

    /// How its health is checked.
    #[command(flatten)]
    pub health: HealthOptions,
    /// What it may use.
    #[command(flatten)]
    pub resources: ResourceOptions,
    /// Which platform of the image.
    #[command(flatten)]
    pub platform: PlatformOptions,
    /// How to speak to the registry.
    #[command(flatten)]
    pub registry: RegistryOptions,

    /// What `containers.conf` says, as far as there is no option for it.
    #[arg(skip)]
    pub defaults: Defaults,

    /// Namespace modes: only our one way is taken.
    #[command(flatten)]
    pub fixed: FixedOptions,
}

/// What is so if nothing else is said: not from the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Defaults {
    /// Environment, which the image's overrides.
    pub env: Vec<String>,
    /// Volumes, as `--volume`, where nothing else is mounted.
    pub volume: Vec<String>,
    /// Mounts, as `--mount`, where nothing else is mounted.
    pub mount: Vec<String>,
    /// Kernel settings, as `--sysctl`, where they are the container's own.
    pub sysctl: Vec<String>,
    /// Most processes, where that can be limited.
    pub pids_limit: Option<i64>,
    /// Files of the control group, as `--cgroup-conf`, where nothing else is to be in them.
    pub cgroup_conf: Vec<String>,
    /// Options of pasta, in front of those of the network itself.
    pub pasta: Vec<String>,
    /// Options of slirp4netns, in front of those of the network itself.
    pub slirp4netns: Vec<String>,
    /// Where CDI specifications are.
    pub cdi_spec_dirs: Option<Vec<PathBuf>>,
    /// Where hooks are.
    pub hooks_dirs: Option<Vec<PathBuf>>,
    /// Capabilities in place of the usual ones.
    pub capabilities: Option<Vec<String>>,
    /// Options of namespaces that the command line leaves open: `--network`, `--dns`, ….
    pub usual: Vec<&'static str>,
}

/// Options of which only the value that describes what we do anyway is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct FixedOptions {
    /// Choice of the seccomp profile
    #[arg(long, hide = true)]
    pub seccomp_policy: Option<String>,
}

/// A port of the container for `--activate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActivatedPort {
    /// Not 0.
    pub port: u16,
    /// UDP; else TCP.
    pub is_udp: bool,
}

impl FromStr for ActivatedPort {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (port, is_udp) = match text.strip_suffix("/udp") {
            Some(port) => (port, true),
            None => (text.strip_suffix("/tcp").unwrap_or(text), false),
        };
        let port = port.parse().ok().filter(|port| *port > 0);
        let port = port.ok_or("it must be a port from 1 to 65535, with `/udp` behind it for datagrams")?;
        Ok(Self { port, is_udp })
    }
}
