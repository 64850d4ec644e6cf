//! Options that containers and pods have alike: what a pod is given of the first kind is its infra container's, and with that all
//! its members'.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// What may be said of a container's namespaces and of what is mounted in it, or of all containers of a pod; as words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct JointOptions {
    /// Add a line to /etc/hosts
    #[arg(long, value_name = "HOST:IP")]
    pub add_host: Vec<String>,
    /// Give a device of the host, or one of a CDI specification (VENDOR/CLASS=NAME)
    #[arg(long, value_name = "HOST[:CONTAINER[:rwm]]")]
    pub device: Vec<String>,
    /// Name servers
    #[arg(long, value_name = "ADDRESS,...")]
    pub dns: Vec<String>,
    /// Options of the resolver
    #[arg(long, value_name = "OPTION,...", aliases = ["dns-opt"])]
    pub dns_option: Vec<String>,
    /// Search domains
    #[arg(long, value_name = "DOMAIN,...")]
    pub dns_search: Vec<String>,
    /// Map group ids
    #[arg(long, value_name = "[FLAGS]CONTAINER:FROM[:AMOUNT]")]
    pub gidmap: Vec<String>,
    /// Give graphics processors: all, or numbers (CDI devices nvidia.com/gpu=…)
    #[arg(long, value_name = "GPU,...")]
    pub gpus: Vec<String>,
    /// Host name inside; a pod's is its name otherwise
    #[arg(short = 'h', long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// What /etc/hosts begins with: a file, `image` or `none`
    #[arg(long, value_name = "FILE")]
    pub hosts_file: Option<String>,
    /// Address on the network
    #[arg(long, value_name = "ADDRESS")]
    pub ip: Option<String>,
    /// Address of IPv6 on the network
    #[arg(long, value_name = "ADDRESS")]
    pub ip6: Option<String>,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Read labels from a file
    #[arg(long, value_name = "FILE")]
    pub label_file: Vec<PathBuf>,
    /// Hardware address on the network
    #[arg(long, value_name = "ADDRESS")]
    pub mac_address: Option<String>,
    /// One more name on the networks
    #[arg(long, value_name = "NAME")]
    pub network_alias: Vec<String>,
    /// Keep the image's /etc/hostname
    #[arg(long)]
    pub no_hostname: bool,
    /// Keep the image's /etc/hosts
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true)]
    pub no_hosts: Option<bool>,
    /// Publish ports to the host
    #[arg(short, long, value_name = "[[IP:][HOST]:]PORT[/PROTOCOL]")]
    pub publish: Vec<String>,
    /// no-new-privileges, seccomp=…, mask=…, unmask=…, label=…, apparmor=…
    #[arg(long, value_name = "OPTION")]
    pub security_opt: Vec<String>,
    /// Size of /dev/shm
    #[arg(long, value_name = "SIZE")]
    pub shm_size: Option<String>,
    /// Size of the file systems made for systemd
    #[arg(long, value_name = "SIZE")]
    pub shm_size_systemd: Option<String>,
    /// Map the group ids that /etc/subgid grants to NAME
    #[arg(long, value_name = "NAME")]
    pub subgidname: Option<String>,
    /// Map the user ids that /etc/subuid grants to NAME
    #[arg(long, value_name = "NAME")]
    pub subuidname: Option<String>,
    /// Kernel parameters of the namespaces
    #[arg(long, value_name = "KEY=VALUE,...")]
    pub sysctl: Vec<String>,
    /// Map user ids
    #[arg(long, value_name = "[FLAGS]CONTAINER:FROM[:AMOUNT]")]
    pub uidmap: Vec<String>,
    /// Mount a volume or a path of the host
    #[arg(short, long, value_name = "[SOURCE:]TARGET[:OPTION,...]")]
    pub volume: Vec<String>,
    /// Mount what other containers mount
    #[arg(long, value_name = "CONTAINER[:OPTION,...]")]
    pub volumes_from: Vec<String>,
}

impl JointOptions {
    /// Whether ids are given one by one, or by the name of whose they are.
    pub(crate) fn has_id_maps(&self) -> bool {
        !self.uidmap.is_empty()
            || !self.gidmap.is_empty()
            || self.subuidname.is_some()
            || self.subgidname.is_some()
    }
}

/// How much of the host a container, or a pod, may use at most, as words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct LimitOptions {
    /// Share of block devices' time, 10 to 1000
    #[arg(long, value_name = "WEIGHT")]
    pub blkio_weight: Option<String>,
    /// Share of one block device's time
    #[arg(long, value_name = "DEVICE:WEIGHT")]
    pub blkio_weight_device: Vec<String>,
    /// Share of processor time, 2 to 262144
    #[arg(short = 'c', long, value_name = "SHARES")]
    pub cpu_shares: Option<String>,
    /// How many processors' time, as 1.5
    #[arg(long, value_name = "NUMBER")]
    pub cpus: Option<String>,
    /// Which processors, as 0-2,5
    #[arg(long, value_name = "LIST")]
    pub cpuset_cpus: Option<String>,
    /// Which memory nodes, as 0-2,5
    #[arg(long, value_name = "LIST")]
    pub cpuset_mems: Option<String>,
    /// Bytes in a second that may be read from a block device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_read_bps: Vec<String>,
    /// Bytes in a second that may be written to a block device
    #[arg(long, value_name = "DEVICE:RATE")]
    pub device_write_bps: Vec<String>,
    /// Memory limit, in bytes or with b, k, m, g
    #[arg(short, long, value_name = "SIZE")]
    pub memory: Option<String>,
    /// Limit of memory and swap together; -1 is no limit
    #[arg(long, value_name = "SIZE", allow_hyphen_values = true)]
    pub memory_swap: Option<String>,
}
