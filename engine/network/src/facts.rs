//! What a plan must know about the host.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::HelperKind;
use crate::files::{Resolver, names_only_the_stub};

/// Facts about the host, read once by [`HostFacts::read`] or made by a test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// Where `pasta` is.
    pub pasta: Option<PathBuf>,
    /// Whether that pasta knows `--map-guest-addr` (2024-08 and newer).
    pub pasta_maps_guest_address: bool,
    /// Where `slirp4netns` is.
    pub slirp4netns: Option<PathBuf>,
    /// Text of `/etc/resolv.conf`, or of systemd-resolved's own list where the former only names its stub.
    pub resolv_conf: String,
    /// Text of `/etc/hosts`.
    pub hosts: String,
    /// The address from which the host reaches the outside, IPv4; pasta gives it to the container.
    pub address_v4: Option<IpAddr>,
    /// The same for IPv6.
    pub address_v6: Option<IpAddr>,
    /// Whether we run as root outside of any user namespace.
    pub root: bool,
    /// Whether AppArmor holds pasta to the places that the passt package's profile names, and the container's runtime directory is
    /// none of them.
    pub pasta_confined: bool,
    /// The program that is to lead a user's networks outside, if containers.conf names one other than pasta; not read here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uplink: Option<HelperKind>,
    /// What `host.containers.internal` stands for, as containers.conf has it; not read here.
    #[serde(default)]
    pub host_name: HostName,
}

/// What `host.containers.internal` and `host-gateway` stand for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostName {
    /// The address by which a container's network reaches the host.
    #[default]
    Found,
    /// Nothing: the name is not there.
    Nothing,
    /// This address.
    At(IpAddr),
}

impl HostName {
    /// The address, where `found` is what a network has.
    pub(crate) fn address(self, found: Option<IpAddr>) -> Option<IpAddr> {
        match self {
            Self::Found => found,
            Self::Nothing => None,
            Self::At(address) => Some(address),
        }
    }
}

/// Why the facts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// A file of the host cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// The host's own.
pub(crate) const RESOLV_CONF: &str = "/etc/resolv.conf";
/// Where systemd-resolved keeps the list of servers behind its stub.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";
const HOSTS: &str = "/etc/hosts";

/// Addresses for examples (RFC 5737, RFC 3849): nobody is there, so that the route to them is the default one.
const ELSEWHERE_V4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
const ELSEWHERE_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

impl HostFacts {
    /// Reads them; takes some tenths of a millisecond, starts no program and sends no packet. `directory` is the container's runtime
    /// directory.
    ///
    /// # Errors
    /// [`FactsError`] if a file is there and cannot be read; a missing one counts as empty.
    pub fn read(directory: &Path) -> Result<Self, FactsError> {
        let resolv_conf = host_resolv_conf(Path::new(RESOLV_CONF))?;
        let pasta = pontoon_rootless::helper::find("pasta", "passt").ok();
        let root = rustix::process::geteuid().is_root();
        Ok(Self {
            pasta_maps_guest_address: pasta.as_deref().is_some_and(maps_guest_address),
            pasta,
            slirp4netns: pontoon_rootless::helper::find("slirp4netns", "slirp4netns").ok(),
            resolv_conf,
            hosts: read(Path::new(HOSTS))?,
            address_v4: source_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(ELSEWHERE_V4)),
            address_v6: source_address(IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(ELSEWHERE_V6)),
            root,
            pasta_confined: pasta_is_confined(directory),
            uplink: None,
            host_name: HostName::Found,
        })
    }
}

/// Whether all resolvers that the host names listen on its loopback, where no container reaches them.
#[must_use]
pub fn resolver_is_local() -> bool {
    let text = host_resolv_conf(Path::new(RESOLV_CONF)).unwrap_or_default();
    let resolver = Resolver::parse(&text);
    !resolver.nameservers.is_empty() && resolver.without_loopback().nameservers.is_empty()
}

/// What the host's `resolv.conf` says, or, where it names nothing but systemd-resolved's stub, the list behind that.
pub(crate) fn host_resolv_conf(path: &Path) -> Result<String, FactsError> {
    let text = read(path)?;
    if names_only_the_stub(&text) {
        let behind = read(Path::new(RESOLVED))?;
        if !behind.is_empty() {
            return Ok(behind);
        }
    }
    Ok(text)
}

/// Whether AppArmor keeps pasta from writing in a directory. Only root may see which profiles there are; for others one is
/// assumed where AppArmor is at work.
#[must_use]
pub fn pasta_is_confined(directory: &Path) -> bool {
    // What the profile allows to everybody.
    if directory.starts_with("/run/user") {
        return false;
    }
    if rustix::process::geteuid().is_root() {
        return has_profile("pasta");
    }
    std::fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|it| it.starts_with(b"Y"))
}

/// Whether AppArmor has that profile loaded.
fn has_profile(name: &str) -> bool {
    let profiles = std::fs::read_to_string("/sys/kernel/security/apparmor/profiles").unwrap_or_default();
    profiles.lines().any(|line| line.strip_prefix(name).is_some_and(|mode| mode.starts_with(" (")))
}

fn read(path: &Path) -> Result<String, FactsError> {
    match std::fs::read(path) {
        // A stray byte in a comment must not keep every container from starting.
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(err) if err.kind() == ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(FactsError::Read { path: path.to_owned(), source }),
    }
}

/// The address from which the host reaches the outside over IPv4, if it does.
#[must_use]
pub fn host_address() -> Option<IpAddr> {
    source_address(IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(ELSEWHERE_V4))
}

/// The address that packets to `elsewhere` would come from. Connecting a datagram socket sends nothing.
fn source_address(any: IpAddr, elsewhere: IpAddr) -> Option<IpAddr> {
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((elsewhere, 9)).ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|address| !address.is_loopback())
}

/// How much of a program file is looked at at once.
const WINDOW: usize = 32 * 1024;

/// Whether the program has the option, by its name among the strings of the program file: asking it by `--help` takes
/// ten times as long, and versions are written in too many ways.
fn maps_guest_address(pasta: &Path) -> bool {
    const OPTION: &[u8] = b"\0map-guest-addr\0";
    let Ok(mut program) = File::open(pasta) else { return false };
    // The same memory again and again: to touch as much as the whole file takes longer than to read it.
    let mut window = vec![0; WINDOW];
    let mut kept = 0;
    loop {
        let Some(room) = window.get_mut(kept..) else { return false };
        let Ok(count @ 1..) = program.read(room) else { return false };
        let filled = kept + count;
        if memchr::memmem::find(window.get(..filled).unwrap_or_default(), OPTION).is_some() {
            return true;
        }
        // It may lie across two windows.
        kept = filled.min(OPTION.len() - 1);
        window.copy_within(filled - kept..filled, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_facts_can_be_read() {
        let facts = HostFacts::read(Path::new("/run/user/0/x")).unwrap();
        assert_eq!(facts.root, rustix::process::getuid().is_root());
        assert!(facts.address_v4.is_none_or(|address| address.is_ipv4()));
        assert!(facts.address_v6.is_none_or(|address| address.is_ipv6()));
    }

    #[test]
    fn an_option_is_found_in_the_program_file() {
        let directory = std::env::temp_dir().join(format!("pontoon-facts-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let check = |content: &[u8], expected: bool| {
            let path = directory.join("pasta");
            std::fs::write(&path, content).unwrap();
            assert_eq!(maps_guest_address(&path), expected, "{} bytes", content.len());
        };
        check(b"\x7fELF\0netns\0map-guest-addr\0map-gw\0", true);
        check(b"\x7fELF\0netns\0no-map-guest-addr\0", false);
        check(b"", false);
        for place in [super::WINDOW - 8, super::WINDOW, 2 * super::WINDOW - 20] {
            let far = [vec![b'.'; place], b"\0map-guest-addr\0..".to_vec()].concat();
            check(&far, true);
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
