//! The plan of a supervisor, as it travels to it: in a sealed memory file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use pontoon_network::NetworkPlan;
use pontoon_rootless::sys::SockFilter;
use pontoon_runtime::devices::DeviceRule;
use pontoon_runtime::plan::{CommonVolume, Plan, Window};
use rustix::fs::MemfdFlags;
use serde::{Deserialize, Serialize};

use crate::event::EventLog;
use crate::health::HealthPlan;
use crate::limits::Limit;
use crate::restart::RestartPolicy;

/// Everything that was decided about one run of one container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonitorPlan {
    /// Id of the container, 64 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its image, as the user named it.
    pub image: String,
    /// Root of the store and its runtime directory.
    pub store: (PathBuf, PathBuf),
    /// The container's runtime directory.
    pub run_directory: PathBuf,
    /// Files to write into the runtime directory before anything is mounted.
    pub files: Vec<RunFile>,
    /// The process and its confinement.
    pub container: Plan,
    /// How many instructions the system call filter has; they follow the plan in its file.
    pub filter_length: usize,
    /// Its network.
    pub network: NetworkPlan,
    /// Its cgroup.
    pub cgroup: CgroupPlan,
    /// Where its output goes.
    pub log: LogPlan,
    /// What is told of its life.
    #[serde(default)]
    pub events: EventPlan,
    /// Who tells systemd that the service is ready.
    pub notify: NotifyPlan,
    /// What it gets as its input, and who sees its output besides the log.
    pub streams: StreamPlan,
    /// Signal that asks it to end.
    pub stop_signal: i32,
    /// Seconds until it is killed after that.
    pub stop_timeout: u32,
    /// Remove it when it has ended, with these anonymous volumes.
    pub remove: Option<Vec<String>>,
    /// Take this image's name away when the container is removed, and with its last name the image, unless something else
    /// uses it: its id, and the name.
    #[serde(default)]
    pub remove_image: Option<(String, String)>,
    /// It has run before: how that ended is remembered until this run is noted, or cannot be.
    #[serde(default)]
    pub has_run: bool,
    /// Its health checks.
    #[serde(default)]
    pub health: Option<HealthPlan>,
    /// What is done at its start and before its end.
    #[serde(default)]
    pub handlers: Handlers,
    /// The program that probes ([`crate::health::Check::is_probe`]).
    #[serde(default)]
    pub prober: PathBuf,
    /// Whether it is started anew when it ends.
    #[serde(default)]
    pub restart: RestartPolicy,
    /// The container is set up to just before its program is executed, and waits to be started (`init`).
    #[serde(default)]
    pub holds: bool,
    /// Seconds that it may run.
    #[serde(default)]
    pub timeout: Option<u32>,
    /// What it is in its pod.
    #[serde(default)]
    pub pod: Option<PodRole>,
    /// Volumes whose file systems it keeps for others, without mounting them.
    #[serde(default)]
    pub kept_volumes: Vec<CommonVolume>,
    /// Volumes that need no first copy once it runs.
    pub first_used_volumes: Vec<FirstUse>,
    /// Where the pid of its first process is written.
    pub pidfile: Option<PathBuf>,
    /// Where the supervisor's own pid is written.
    pub monitor_pidfile: Option<PathBuf>,
    /// An update of its unit is tried with it: who wants it to end is told in this file ([`crate::ends`]).
    #[serde(default)]
    pub trial: Option<PathBuf>,
    /// The file with its id, which goes with it.
    #[serde(default)]
    pub id_file: Option<PathBuf>,
}

impl MonitorPlan {
    /// Which of the files is the `resolv.conf` that the plan of its network speaks of; not that of a container with which it shares the network.
    #[must_use]
    pub fn resolv_conf(&self) -> Option<usize> {
        let text = self.network.resolv_conf.as_ref();
        self.files.iter().position(|it| it.name == "resolv.conf" && Some(&it.text) == text)
    }

    /// The files that pids are written to.
    pub fn pidfiles(&self) -> impl Iterator<Item = &PathBuf> {
        self.pidfile.iter().chain(&self.monitor_pidfile)
    }
}

/// What is done at moments of a container's life, as Kubernetes has it (kubernetes.io, "Container Lifecycle Hooks").
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Handlers {
    /// As soon as it runs; if it fails, the container is ended.
    pub post_start: Option<Handler>,
    /// Before it is asked to end; what it takes is part of the time until it is killed.
    pub pre_stop: Option<Handler>,
}

/// Something that is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handler {
    /// Program and arguments.
    pub args: Vec<String>,
    /// They are the words of a probe, as in [`crate::health::Check::is_probe`].
    pub is_probe: bool,
}

/// What a container is in its pod. Each member holds a connection to the infra container's supervisor as long as its own
/// supervisor lives: so that one knows, without asking anybody, when the last has ended, however it did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PodRole {
    /// It holds the pod's namespaces.
    Infra {
        /// It ends when the last member has (`--exit-policy stop`).
        stops_with_last: bool,
    },
    /// It is one of those that share them.
    Member {
        /// The runtime directory of the infra container.
        infra: PathBuf,
        /// It shares that one's network and `/etc/hosts`, in which it is found by its name.
        #[serde(default)]
        shares_hosts: bool,
        /// It is there for the others, and ends when they have.
        #[serde(default)]
        is_sidecar: bool,
    },
}

/// A volume that was never filled from an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstUse {
    /// Its name.
    pub name: String,
    /// Where its data lies, if that can be seen from the host.
    pub data: Option<PathBuf>,
}

/// A file in the runtime directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// Its name.
    pub name: String,
    /// What it says.
    pub text: String,
    /// A file of the host's that it is a copy of instead, made anew for every run.
    #[serde(default)]
    pub copied: Option<PathBuf>,
}

/// Where the container's processes are counted and limited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CgroupPlan {
    /// Below the group that the supervisor is started in; else the container stays in that group itself.
    pub own: bool,
    /// Limits, in order.
    pub limits: Vec<Limit>,
    /// Which devices they may use; `None` leaves that to the nodes that are there.
    #[serde(default)]
    pub devices: Option<Vec<DeviceRule>>,
    /// Given to the container's root, who is not us and makes groups of its own there.
    #[serde(default)]
    pub is_given: bool,
}

/// Where output is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogPlan {
    /// The journal.
    Journald {
        /// `CONTAINER_TAG`.
        tag: Option<String>,
        /// More fields of every message.
        #[serde(default)]
        labels: Vec<(String, String)>,
    },
    /// A file in Kubernetes' log format.
    File {
        /// Its path.
        path: PathBuf,
        /// Size in bytes at which it starts anew, keeping one older file.
        max_size: Option<u64>,
    },
    /// The payload gets our own standard streams; nothing is kept.
    Passthrough,
    /// Nothing is kept.
    None,
}

/// What is told of a container's life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPlan {
    /// To whom.
    pub log: EventLog,
    /// The container's pod, by id.
    #[serde(default)]
    pub pod: String,
    /// The container's labels, which every event carries.
    pub labels: BTreeMap<String, String>,
    /// What health checks say is not told.
    #[serde(default)]
    pub without_health: bool,
}

/// Who tells systemd what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NotifyPlan {
    /// Nobody.
    Ignore,
    /// The supervisor, as soon as the payload runs.
    Monitor,
    /// The supervisor, when a health check has passed.
    Healthy,
    /// The payload, through a socket at `/run/notify/notify.sock` that lets only harmless fields pass.
    Container,
}

/// The streams of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamPlan {
    /// Our own standard input is the payload's (`--interactive`): a pipe, unless whoever started us meant to pass on what it has,
    /// by the log driver or as the main process of a service. Else it gets `/dev/null`.
    pub interactive: bool,
    /// Its input stays open for whoever attaches.
    #[serde(default)]
    pub keeps_input: bool,
    /// So many more descriptors of ours, from 3 on, are the payload's.
    #[serde(default)]
    pub preserve_fds: u32,
    /// Descriptors of ours with these numbers are the payload's.
    #[serde(default)]
    pub preserved: Vec<u32>,
    /// These are sockets that the service manager listens on for it (sd_listen_fds(3)).
    #[serde(default)]
    pub listens: bool,
    /// Sockets that the service manager listens on are not the payload's: connections to them are led to it.
    #[serde(default)]
    pub activation: Option<ActivationPlan>,
    /// Output also goes to our own standard output and error.
    pub foreground: bool,
    /// But not what it writes on its standard output.
    #[serde(default)]
    pub hides_output: bool,
    /// But not what it writes on its standard error.
    #[serde(default)]
    pub hides_errors: bool,
    /// How large our terminal is, if it is to be seen there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// Connections and datagrams to the sockets that the service manager listens on for us (sd_listen_fds(3)), and where they are
/// led.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationPlan {
    /// The payload's port for each of them, in their order; of TCP or UDP, as the socket is.
    pub ports: Vec<u16>,
    /// The container ends when there was no connection and no datagram for so many seconds.
    pub idle: Option<u32>,
    /// The program that leads them.
    pub program: PathBuf,
}

/// The plan as the supervisor finds it.
#[derive(Debug)]
pub struct Received {
    /// The plan.
    pub plan: MonitorPlan,
    /// The system call filter.
    pub filter: Vec<SockFilter>,
}

/// Puts a plan into a memory file.
///
/// # Errors
/// The kernel's error.
pub fn send(plan: &MonitorPlan, filter: &[SockFilter]) -> io::Result<OwnedFd> {
    let mut bytes = vec![0u8; 8];
    serde_json::to_writer(&mut bytes, plan)?;
    let length = (bytes.len() - 8) as u64;
    if let Some(head) = bytes.get_mut(..8) {
        head.copy_from_slice(&length.to_le_bytes());
    }
    for it in filter {
        bytes.extend(it.code.to_ne_bytes());
        bytes.extend([it.jt, it.jf]);
        bytes.extend(it.k.to_ne_bytes());
    }
    let mut file = File::from(rustix::fs::memfd_create("pontoon-plan", MemfdFlags::CLOEXEC)?);
    file.write_all(&bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file.into())
}

/// Reads what [`send`] wrote.
///
/// # Errors
/// `InvalidData` for anything else.
pub fn receive(file: OwnedFd) -> io::Result<Received> {
    let malformed = || io::Error::new(io::ErrorKind::InvalidData, "malformed plan");
    let mut bytes = Vec::new();
    let mut file = File::from(file);
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let (head, rest) = bytes.split_first_chunk::<8>().ok_or_else(malformed)?;
    let length = usize::try_from(u64::from_le_bytes(*head)).map_err(|_| malformed())?;
    let (json, code) = rest.split_at_checked(length).ok_or_else(malformed)?;
    let plan = serde_json::from_slice(json)?;
    let filter = code
        .chunks_exact(8)
        .filter_map(|it| match *it {
            [a, b, jt, jf, c, d, e, f] => Some(SockFilter {
                code: u16::from_ne_bytes([a, b]),
                jt,
                jf,
                k: u32::from_ne_bytes([c, d, e, f]),
            }),
            _ => None,
        })
        .collect();
    Ok(Received { plan, filter })
}
