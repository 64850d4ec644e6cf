//! The decision: which program connects the namespace, with which words, and what its files say.

use std::fmt::Write;
use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::files::{Resolver, hosts};
use crate::join::{Attachment, Join, Joined};
use crate::{FollowPlan, HostFacts, PortMapping, Protocol, networks, pasta, slirp};

/// How the container is connected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// pasta where it is installed, else slirp4netns.
    #[default]
    Default,
    /// The host's network namespace.
    Host,
    /// A namespace with nothing but loopback.
    None,
    /// A namespace nobody sets up.
    Private,
    /// pasta, with the user's own options.
    Pasta(Vec<String>),
    /// slirp4netns, with its options as Podman names them.
    Slirp4netns(Vec<String>),
    /// Networks with names, which the network unit connects; at least one.
    Networks(Vec<Attachment>),
}

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkRequest {
    /// How to connect.
    pub mode: Mode,
    /// Published ports, random ones already chosen ([`crate::resolve_random`]).
    pub ports: Vec<PortMapping>,
    /// Host name inside.
    pub hostname: String,
    /// Name of the container.
    pub container_name: String,
    /// Id of the container.
    pub container_id: String,
    /// `--add-host`: `name` (or several, split at `;`) and an address or `host-gateway`.
    pub add_host: Vec<(String, String)>,
    /// `--dns`; `none` means that resolv.conf is left to the image.
    pub dns: Vec<String>,
    /// `--dns-search`; a single `.` means none.
    pub dns_search: Vec<String>,
    /// `--dns-option`.
    pub dns_option: Vec<String>,
    /// Whether the container has a user namespace of its own, which a helper must enter first.
    pub user_namespace: bool,
    /// Whether the container's root is another user than ourselves (`keep-id`), so that we may enter its namespaces but
    /// not list them in `/proc`.
    pub foreign_root: bool,
    /// Whether the process in which the namespaces are found may end before the container does (one that stands for the
    /// container's own, which hides from another container's processes).
    pub stand_in: bool,
}

/// Which helper program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HelperKind {
    /// `pasta`.
    Pasta,
    /// `slirp4netns`.
    Slirp4netns,
}

/// One word for a helper program; some are known only when the container's first process runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// As it stands.
    Text(String),
    /// Pid of the container's first process.
    Pid,
    /// Path of the process's network namespace, or of the file it is bound to ([`HelperPlan::bind_namespace`]).
    NetworkNamespace,
    /// Path of its user namespace.
    UserNamespace,
    /// Path of the helper's pid file.
    PidFile,
    /// Number of the descriptor on which the helper says that it is ready.
    ReadyFd,
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// A helper program and its words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperPlan {
    /// Which one.
    pub kind: HelperKind,
    /// Where it is.
    pub program: PathBuf,
    /// Its words, without the program's name.
    pub words: Vec<Word>,
    /// Whether the namespace must be bound to a file first: pasta gives up the right to look into processes before it
    /// opens the namespace, so that as root, without a user namespace, it could not open that of a process.
    pub bind_namespace: bool,
    /// Whether its files must be below `/tmp`: the AppArmor profile of the passt package knows no other place of root's.
    #[serde(default)]
    pub files_in_tmp: bool,
    /// Whether the helper gets mounts of its own first (by `unshare`): as root, slirp4netns would otherwise make its
    /// sandbox's mounts over the host's `/tmp`, wherever `/` is shared, as it is below systemd.
    pub own_mounts: bool,
    /// Whether it listens on ports of the host.
    pub publishes: bool,
    /// Ports it is asked to forward after its start, over its socket (slirp4netns only).
    pub forwards: Vec<PortMapping>,
    /// The address of the container to which those are forwarded.
    pub guest: Option<IpAddr>,
}

/// Everything that was decided about the network of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkPlan {
    /// The mode, `Default` resolved.
    pub mode: Mode,
    /// Whether the container gets a network namespace of its own.
    pub own_namespace: bool,
    /// Whether the container's own set-up must bring `lo` up (a helper does it where there is one).
    pub loopback_up: bool,
    /// The program to run beside the container.
    pub helper: Option<HelperPlan>,
    /// What the network unit is asked for, where it connects the container.
    #[serde(default)]
    pub join: Option<Join>,
    /// Published ports, for `ps` and `port`.
    pub ports: Vec<PortMapping>,
    /// Text of `/etc/hosts`.
    pub hosts: String,
    /// Text of `/etc/resolv.conf`; `None` leaves the image's own (`--dns none`, and without a network).
    pub resolv_conf: Option<String>,
    /// What of that is the host's, and changes with it.
    #[serde(default)]
    pub follow: Option<FollowPlan>,
    /// What `host.containers.internal` stands for.
    pub host_gateway: Option<IpAddr>,
    /// Addresses of the container, as far as they are known before the start.
    pub addresses: Vec<IpAddr>,
    /// What will not work as asked, to be told once.
    pub warnings: Vec<String>,
}

impl NetworkPlan {
    /// The text of `/etc/hosts` once the container has joined its networks: with its own addresses.
    #[must_use]
    pub fn hosts_with(&self, joined: &Joined) -> String {
        let mut text = self.hosts.clone();
        if let Some(join) = &self.join {
            let names = if join.name == join.hostname { "" } else { &join.name };
            for address in joined.addresses() {
                let _ = writeln!(text, "{}", format!("{address}\t{} {names}", join.hostname).trim_end());
            }
        }
        text
    }
}

/// Why a network cannot be planned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Neither pasta nor slirp4netns is there, or not the one asked for.
    #[error("cannot find `{program}`, which connects the container to the network")]
    MissingProgram {
        /// Its name.
        program: &'static str,
        /// The Debian package.
        package: &'static str,
    },
    /// No helper forwards SCTP.
    #[error("cannot publish `{mapping}`: {program} forwards no SCTP")]
    Sctp {
        /// The mapping, as written.
        mapping: String,
        /// The helper.
        program: &'static str,
    },
    /// The packet filter leads nobody to the host's loopback, and nobody else could listen there.
    #[error(
        "cannot publish `{mapping}`: SCTP is led by the packet filter, which the host's loopback does not pass"
    )]
    SctpLoopback {
        /// The mapping, as written.
        mapping: String,
    },
    /// slirp4netns forwards no IPv6.
    #[error("cannot publish `{mapping}`: slirp4netns listens on no IPv6 address")]
    SlirpIpv6 {
        /// The mapping, as written.
        mapping: String,
    },
    /// An option that we set ourselves.
    #[error("the {program} option `{option}` is not for users: pontoon sets it")]
    ReservedOption {
        /// The helper.
        program: &'static str,
        /// The option.
        option: String,
    },
    /// An option that the helper, or our way to use it, does not have.
    #[error("unknown slirp4netns option `{option}`")]
    UnknownSlirpOption {
        /// The option.
        option: String,
    },
    /// An option with a value it cannot have.
    #[error("`{value}` is no value for the slirp4netns option `{option}`")]
    SlirpValue {
        /// The option.
        option: String,
        /// The value.
        value: String,
    },
    /// `--add-host` with something that is no address or no name.
    #[error("cannot add host `{name}` with address `{address}`")]
    AddHost {
        /// Name.
        name: String,
        /// Address.
        address: String,
    },
    /// `host-gateway` where the container cannot reach the host.
    #[error("cannot add host `{name}`: `host-gateway` has no address in this network")]
    NoHostGateway {
        /// Name.
        name: String,
    },
    /// A name server, search domain or option that cannot stand in a resolv.conf.
    #[error("`{value}` cannot be the value of {option}")]
    Dns {
        /// The option of the command line.
        option: &'static str,
        /// What it says.
        value: String,
    },
}

impl PlanError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::MissingProgram { package, .. } => {
                format!(
                    "install it (on Debian: apt-get install {package}), or run with --network none or host"
                )
            }
            Self::Sctp { .. } => "use --network host for SCTP, or as root a bridge".to_owned(),
            Self::SctpLoopback { .. } => "publish it on another address of the host's, or on all".to_owned(),
            Self::SlirpIpv6 { .. } => "use --network pasta for IPv6".to_owned(),
            Self::UnknownSlirpOption { .. } => format!("there are: {}", slirp::OPTIONS.join(", ")),
            Self::SlirpValue { option, .. } if option == "port_handler" => {
                "ports are forwarded by slirp4netns itself: port_handler=slirp4netns".to_owned()
            }
            Self::AddHost { .. } => "write it as --add-host name:address".to_owned(),
            Self::NoHostGateway { .. } => {
                "the installed pasta is too old for it (2024-08 has --map-guest-addr), or there is no network"
                    .to_owned()
            }
            Self::ReservedOption { .. } | Self::SlirpValue { .. } | Self::Dns { .. } => return None,
        })
    }
}

/// What a helper contributes to the plan.
pub(crate) struct Connection {
    pub(crate) helper: HelperPlan,
    /// What its resolver asks to have the host's own asked.
    pub(crate) forwarder: Option<String>,
    pub(crate) host_gateway: Option<IpAddr>,
    pub(crate) addresses: Vec<IpAddr>,
}

const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// Decides; pure.
///
/// # Errors
/// [`PlanError`].
pub fn plan(request: &NetworkRequest, facts: &HostFacts) -> Result<NetworkPlan, PlanError> {
    let mode = resolve_mode(&request.mode, facts)?;
    let mut ports = request.ports.clone();
    remove_repeated(&mut ports);
    let connection = match &mode {
        Mode::Pasta(options) => Some(pasta::connect(options, &ports, request, facts)?),
        Mode::Slirp4netns(options) => Some(slirp::connect(options, &ports, facts)?),
        _ => None,
    };
    let own_namespace = mode != Mode::Host;
    if let Mode::Networks(_) = mode {
        match facts.root {
            true => refuse_sctp_on_loopback(&ports)?,
            false => refuse_sctp(&ports, "the network unit of an ordinary user")?,
        }
    }
    let attachments = match &mode {
        Mode::Networks(attachments) => attachments.as_slice(),
        _ => &[],
    };
    let (helper, forwarder, host_gateway, addresses) = match connection {
        Some(it) => (Some(it.helper), it.forwarder, it.host_gateway, it.addresses),
        None if !attachments.is_empty() => {
            let gateway = networks::host_gateway(attachments, facts);
            (None, networks::forwarder(facts.root), gateway, Vec::new())
        }
        None => (None, None, facts.address_v4.or(facts.address_v6), Vec::new()),
    };
    let host_gateway = facts.host_name.address(host_gateway);
    let is_closed = !attachments.is_empty() && networks::are_closed(attachments);
    let join = (!attachments.is_empty()).then(|| networks::join(attachments, &ports, request, facts));
    // Without a network there is nothing to resolve with, and what the image says is as good.
    let resolves = helper.is_some() || join.is_some() || !own_namespace;
    let on_networks = join.as_ref().map(|it| it.attachments.as_slice());
    let asked = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    let resolving = FollowPlan {
        forwarder,
        servers: request.dns.clone(),
        search: asked(&request.dns_search).map(|it| if it == ["."] { Vec::new() } else { it }),
        options: asked(&request.dns_option),
    };
    let resolv_conf = if resolves && request.dns != ["none"] {
        check_resolver(request)?;
        Some(resolving.at_start(&Resolver::parse(&facts.resolv_conf), on_networks))
    } else {
        None
    };
    // slirp4netns looks at the host's file by itself.
    let is_hosts_own = !own_namespace || matches!(mode, Mode::Pasta(_));
    let follows = (is_hosts_own && request.dns.is_empty()) || join.is_some();
    let follow = (follows && resolv_conf.is_some()).then_some(resolving);
    Ok(NetworkPlan {
        follow,
        join,
        hosts: hosts_text(request, facts, own_namespace, host_gateway, &addresses, is_closed)?,
        resolv_conf,
        loopback_up: own_namespace && helper.is_none() && attachments.is_empty() && mode != Mode::Private,
        // In the host's namespace every port is published as it is.
        ports: if own_namespace { ports } else { Vec::new() },
        own_namespace,
        warnings: warnings(&mode, &request.ports, facts),
        mode,
        helper,
        host_gateway,
        addresses,
    })
}

/// Shortcomings of what is installed.
fn warnings(mode: &Mode, ports: &[PortMapping], facts: &HostFacts) -> Vec<String> {
    if let Mode::Slirp4netns(options) = mode {
        return slirp::warning(options, ports).into_iter().collect();
    }
    // Seen on the pasta of Debian 12 (2023-03); that of Debian 13 (2025-05) does it right.
    let moved = |it: &&PortMapping| it.protocol == Protocol::Udp && it.host_port != it.container_port;
    match ports.iter().find(moved) {
        Some(mapping) if matches!(mode, Mode::Pasta(_)) && !facts.pasta_maps_guest_address => vec![format!(
            "the installed pasta is old and loses the answers of `{mapping}`; a newer passt, or the same port on both \
             sides, helps"
        )],
        _ => Vec::new(),
    }
}

fn resolve_mode(mode: &Mode, facts: &HostFacts) -> Result<Mode, PlanError> {
    match mode {
        Mode::Default if facts.pasta.is_some() => Ok(Mode::Pasta(Vec::new())),
        Mode::Default if facts.slirp4netns.is_some() => Ok(Mode::Slirp4netns(Vec::new())),
        Mode::Default => Err(PlanError::MissingProgram { program: "pasta", package: "passt" }),
        other => Ok(other.clone()),
    }
}

/// A mapping that is written twice, or of which another one says all, counts once.
fn remove_repeated(ports: &mut Vec<PortMapping>) {
    let mut kept: Vec<PortMapping> = Vec::with_capacity(ports.len());
    for mapping in ports.drain(..) {
        if !kept.iter().any(|it| it.covers(&mapping)) {
            kept.retain(|it| !mapping.covers(it));
            kept.push(mapping);
        }
    }
    *ports = kept;
}

/// No helper forwards SCTP.
pub(crate) fn refuse_sctp(ports: &[PortMapping], program: &'static str) -> Result<(), PlanError> {
    match ports.iter().find(|it| it.protocol == Protocol::Sctp) {
        Some(mapping) => Err(PlanError::Sctp { mapping: mapping.to_string(), program }),
        None => Ok(()),
    }
}

/// As root the packet filter leads it to bridges.
fn refuse_sctp_on_loopback(ports: &[PortMapping]) -> Result<(), PlanError> {
    let is_lost = |it: &&PortMapping| {
        it.protocol == Protocol::Sctp && it.host_ip.is_some_and(|address| address.is_loopback())
    };
    match ports.iter().find(is_lost) {
        Some(mapping) => Err(PlanError::SctpLoopback { mapping: mapping.to_string() }),
        None => Ok(()),
    }
}

fn hosts_text(
    request: &NetworkRequest,
    facts: &HostFacts,
    own_namespace: bool,
    gateway: Option<IpAddr>,
    addresses: &[IpAddr],
    is_closed: bool,
) -> Result<String, PlanError> {
    // From a closed network nobody reaches the host; what asks for its address starts all the same, as with Podman.
    let asked_gateway = gateway.or(is_closed.then_some(networks::HOST));
    let mut added = Vec::new();
    for (name, address) in &request.add_host {
        let wrong = || PlanError::AddHost { name: name.clone(), address: address.clone() };
        let names: Vec<String> = name.split(';').map(str::to_owned).collect();
        if names.iter().any(|it| it.is_empty() || !is_one_word(it)) {
            return Err(wrong());
        }
        let address = match address.as_str() {
            "host-gateway" => asked_gateway.ok_or_else(|| PlanError::NoHostGateway { name: name.clone() })?,
            text => text.trim_matches(['[', ']']).parse().map_err(|_| wrong())?,
        };
        added.push((address, names));
    }
    let mut own = Vec::new();
    if let Some(gateway) = gateway {
        own.push((gateway, vec!["host.containers.internal".to_owned(), "host.docker.internal".to_owned()]));
    }
    // On networks with names the addresses are known when it has joined them: see [`NetworkPlan::hosts_with`].
    if own_namespace && !matches!(request.mode, Mode::Networks(_)) {
        let mut names = vec![request.hostname.clone()];
        if request.container_name != request.hostname {
            names.push(request.container_name.clone());
        }
        own.push((addresses.first().copied().unwrap_or(LOCALHOST), names));
    }
    Ok(hosts(&added, &facts.hosts, &own))
}

/// Whether what was asked for can stand in a resolv.conf.
fn check_resolver(request: &NetworkRequest) -> Result<(), PlanError> {
    let is_address = |it: &String| it.split('%').next().unwrap_or(it).parse::<IpAddr>().is_ok();
    if let Some(value) = request.dns.iter().find(|it| !is_address(it) || !is_one_word(it)) {
        return Err(PlanError::Dns { option: "--dns", value: value.clone() });
    }
    for (option, words) in [("--dns-search", &request.dns_search), ("--dns-option", &request.dns_option)] {
        if let Some(value) = words.iter().find(|it| !is_one_word(it)) {
            return Err(PlanError::Dns { option, value: value.clone() });
        }
    }
    Ok(())
}

/// Whether the text stays one word in a file of lines and words.
fn is_one_word(text: &str) -> bool {
    !text.contains(|letter: char| letter.is_whitespace() || letter.is_control() || letter == '#')
}

#[cfg(test)]
mod tests;
