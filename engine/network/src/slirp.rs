//! The words for slirp4netns, and what is said over its socket.

pub(crate) mod forward;

use std::net::{IpAddr, Ipv4Addr};

use crate::plan::{Connection, HelperKind, HelperPlan, PlanError, Word, refuse_sctp};
use crate::{HostFacts, PortMapping};

/// The options behind `slirp4netns:`, as Podman names them.
pub(crate) const OPTIONS: [&str; 7] =
    ["allow_host_loopback", "cidr", "enable_ipv6", "mtu", "outbound_addr", "outbound_addr6", "port_handler"];

/// Its socket, in the container's runtime directory; given as a relative path, since such paths have 107 bytes at most.
pub(crate) const SOCKET: &str = "slirp4netns.sock";

/// Where the socket is in that directory if the program is another user than we by then: a place in which that one may make it.
/// Everything above it is closed to others.
pub(crate) const PLACE: &str = "slirp4netns";

/// Where the helper's input is: we hold the other end, and it ends when that is closed, however we end.
const EXIT_FD: &str = "0";

/// A value of `port_handler`, and Podman's own: a program that forwards ports from inside.
const ROOTLESSKIT: &str = "rootlesskit";

/// What the user should know about the options.
pub(crate) fn warning(options: &[String], ports: &[PortMapping]) -> Option<String> {
    let asked = options.iter().rfind(|it| it.starts_with("port_handler="))?;
    (!ports.is_empty() && asked.ends_with(ROOTLESSKIT)).then(|| {
        "slirp4netns itself forwards the ports: port_handler=rootlesskit is taken as port_handler=slirp4netns".to_owned()
    })
}

/// What the options say.
#[derive(Debug)]
struct Options {
    allow_host_loopback: bool,
    cidr: Option<(Ipv4Addr, u8)>,
    enable_ipv6: bool,
    mtu: u16,
    outbound: Option<String>,
    outbound_v6: Option<String>,
}

pub(crate) fn connect(
    options: &[String],
    ports: &[PortMapping],
    facts: &HostFacts,
) -> Result<Connection, PlanError> {
    let missing = PlanError::MissingProgram { program: "slirp4netns", package: "slirp4netns" };
    let program = facts.slirp4netns.clone().ok_or(missing)?;
    refuse_sctp(ports, "slirp4netns")?;
    if let Some(mapping) = ports.iter().find(|it| it.host_ip.is_some_and(|address| address.is_ipv6())) {
        return Err(PlanError::SlirpIpv6 { mapping: mapping.to_string() });
    }
    let options = parse(options)?;
    let (network, prefix) = options.cidr.unwrap_or((Ipv4Addr::new(10, 0, 2, 0), 24));
    // The program counts its own addresses from the network's: the host is .2, the name server .3, the guest .100.
    let address = |host: u32| Ipv4Addr::from(u32::from(network).wrapping_add(host));
    let mut words: Vec<Word> = Vec::new();
    let mut add = |word: &str| words.push(word.into());
    if !options.allow_host_loopback {
        add("--disable-host-loopback");
    }
    add(&format!("--mtu={}", options.mtu));
    if options.cidr.is_some() {
        add(&format!("--cidr={network}/{prefix}"));
    }
    if options.enable_ipv6 {
        add("--enable-ipv6");
    }
    if let Some(outbound) = &options.outbound {
        add(&format!("--outbound-addr={outbound}"));
    }
    if let Some(outbound) = &options.outbound_v6 {
        add(&format!("--outbound-addr6={outbound}"));
    }
    add("--enable-sandbox");
    add("--enable-seccomp");
    add("--configure");
    if !ports.is_empty() {
        add("--api-socket");
        add(SOCKET);
    }
    add("--exit-fd");
    add(EXIT_FD);
    words.extend(["--ready-fd".into(), Word::ReadyFd]);
    // By its pid, not by paths: only so does the sandbox of a plain user enter the user namespace as well.
    words.extend([Word::Pid, "tap0".into()]);
    let guest = IpAddr::V4(address(100));
    // The host's loopback is the gateway's address; where that is closed, the host is its own outer address.
    let host = if options.allow_host_loopback { Some(IpAddr::V4(address(2))) } else { facts.address_v4 };
    Ok(Connection {
        helper: HelperPlan {
            kind: HelperKind::Slirp4netns,
            program,
            words,
            bind_namespace: false,
            files_in_tmp: false,
            publishes: !ports.is_empty(),
            own_mounts: facts.root,
            forwards: ports.to_vec(),
            guest: Some(guest),
        },
        forwarder: Some(address(3).to_string()),
        host_gateway: host,
        addresses: vec![guest],
    })
}

fn parse(words: &[String]) -> Result<Options, PlanError> {
    let mut options = Options {
        allow_host_loopback: false,
        cidr: None,
        // As podman-run(1) has it.
        enable_ipv6: true,
        // The largest that the program takes: fewer, larger packets.
        mtu: 65520,
        outbound: None,
        outbound_v6: None,
    };
    for word in words {
        let (option, value) = word.split_once('=').unwrap_or((word, ""));
        let wrong = || PlanError::SlirpValue { option: option.to_owned(), value: value.to_owned() };
        match option {
            "allow_host_loopback" => options.allow_host_loopback = parse_bool(value).ok_or_else(wrong)?,
            "enable_ipv6" => options.enable_ipv6 = parse_bool(value).ok_or_else(wrong)?,
            "mtu" => options.mtu = value.parse().ok().filter(|mtu| *mtu >= 68).ok_or_else(wrong)?,
            "cidr" => options.cidr = Some(parse_cidr(value).ok_or_else(wrong)?),
            "outbound_addr" => options.outbound = Some(interface_or_address(value).ok_or_else(wrong)?),
            "outbound_addr6" => options.outbound_v6 = Some(interface_or_address(value).ok_or_else(wrong)?),
            // The container sees where it is asked from, not its own address as from rootlesskit: nobody minds that.
            "port_handler" if value == "slirp4netns" || value == ROOTLESSKIT => {}
            "port_handler" => return Err(wrong()),
            _ => return Err(PlanError::UnknownSlirpOption { option: option.to_owned() }),
        }
    }
    Ok(options)
}

fn parse_bool(value: &str) -> Option<bool> {
    match value {
        "true" | "1" | "t" | "T" | "TRUE" | "True" => Some(true),
        "false" | "0" | "f" | "F" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A network that has room for the program's own addresses.
fn parse_cidr(value: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix) = value.split_once('/')?;
    let prefix: u8 = prefix.parse().ok().filter(|prefix| (1..=25).contains(prefix))?;
    let mask = u32::MAX << (32 - u32::from(prefix));
    Some((Ipv4Addr::from(u32::from(address.parse::<Ipv4Addr>().ok()?) & mask), prefix))
}

fn interface_or_address(value: &str) -> Option<String> {
    let fine = |letter: char| letter.is_ascii_alphanumeric() || "-_.:%@".contains(letter);
    (!value.is_empty() && value.chars().all(fine)).then(|| value.to_owned())
}

/// What is asked over the socket for each port of a mapping.
pub(crate) fn forward_requests(mapping: &PortMapping, guest: IpAddr) -> impl Iterator<Item = (u16, String)> {
    let host = mapping.host_ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let protocol = mapping.protocol.name();
    let pairs = (mapping.host_port..=u16::MAX).zip(mapping.container_port..=u16::MAX);
    pairs.take(usize::from(mapping.range.max(1))).map(move |(host_port, guest_port)| {
        // Nothing in here needs quoting: a fixed word, two addresses, two numbers.
        let request = format!(
            r#"{{"execute":"add_hostfwd","arguments":{{"proto":"{protocol}","host_addr":"{host}","host_port":{host_port},"guest_addr":"{guest}","guest_port":{guest_port}}}}}"#
        );
        (host_port, request)
    })
}
