//! The way to the outside of a rootless user's networks: one pasta for all of them, or one slirp4netns where that is missing or
//! asked for.
//!
//! Their namespace has an address of its own, whatever the host's is: pasta opens ordinary sockets of the host for what comes
//! out of it. So nothing of it changes when the host gets another address, another route, or its first one.
//!
//! What containers send outside is slow where the peer is near (some Mbit/s with the pasta of 2025-05, also without a bridge, and
//! whatever the MTU or the offloads are; with Podman's alike): pasta drops what does not fit into its socket's send buffer, which begins
//! with the middle number of `net.ipv4.tcp_wmem`, and the container sends it again. A larger number there makes it ten times as fast.
//!
//! slirp4netns opens ordinary sockets as well, so that addresses and routes of the host may change. Of the host's resolvers it asks the
//! first one of its IPv4; it looks at the host's file again when that changes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pontoon_network::{HelperKind, HelperPlan, NetworkSession, RESOLVER, Starting, Word};
use pontoon_rootless::helper;

/// The namespace's own address and what it takes for its router; link-local (RFC 3927), so that it is nobody else's.
const ADDRESS: &str = "169.254.2.1";
const ROUTER: &str = "169.254.2.2";
/// The same for IPv6: a local one (RFC 4193) of our own.
const ADDRESS_V6: &str = "fd70:6e74:6f6f:6e00::1";
const ROUTER_V6: &str = "fe80::1";
/// The interface.
pub const INTERFACE: &str = "uplink";
/// slirp4netns counts from here: its router is .2, its resolver .3, the namespace .100.
const SLIRP_SUBNET: &str = "169.254.2.0/24";
const SLIRP_RESOLVER: Ipv4Addr = Ipv4Addr::new(169, 254, 2, 3);
/// Of IPv6 its subnet is always fd00::/64. It announces that once in some minutes, which we do not wait for.
const SLIRP_ADDRESS_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x100));
const SLIRP_ROUTER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2));
/// Time between the end of a pasta and the next one, the first time.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// What runs, or why not.
#[derive(Debug)]
pub struct Uplink {
    directory: PathBuf,
    /// Which program is asked for.
    asked: Option<HelperKind>,
    /// What runs.
    session: Option<(HelperKind, NetworkSession)>,
    delay: Duration,
    /// What was last told of it.
    told: String,
}

impl Uplink {
    /// None yet; its files are to be in that directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, asked: None, session: None, delay: FIRST_DELAY, told: String::new() }
    }

    /// Which program it is to be. Whether it is to be started again for that.
    pub fn choose(&mut self, asked: Option<HelperKind>) -> bool {
        std::mem::replace(&mut self.asked, asked) != asked
    }

    fn is_slirp(&self) -> bool {
        matches!(&self.session, Some((HelperKind::Slirp4netns, _)))
    }

    /// Where the host's resolver is, if it is not where containers look for it.
    pub fn resolver(&self) -> Option<Ipv4Addr> {
        self.is_slirp().then_some(SLIRP_RESOLVER)
    }

    /// An address that the interface has not got, with its router.
    pub fn address_to_give(&self) -> Option<(IpAddr, IpAddr)> {
        self.is_slirp().then_some((SLIRP_ADDRESS_V6, SLIRP_ROUTER_V6))
    }

    /// Starts it for the namespaces of a process, and waits until they are connected. Without it nothing outside is reached,
    /// which is told once.
    pub fn start(&mut self, pid: u32) {
        self.stop();
        let session = plan(self.asked, &self.directory).and_then(|plan| {
            let _ = std::fs::create_dir_all(&self.directory);
            Starting::begin(&plan, pid, &self.directory)
                .and_then(Starting::finish)
                .map(|session| (plan.kind, session))
                .map_err(|err| err.to_string())
        });
        match session {
            Ok(session) => {
                self.session = Some(session);
                self.told.clear();
            }
            Err(text) => {
                if text != self.told {
                    super::warn(&format!("networks have no way to the outside: {text}"));
                    self.told = text;
                }
            }
        }
    }

    /// Readable when it has ended.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.session.as_ref().map(|(_, session)| session.helper_fd())
    }

    /// It has ended, or could not be started: says when to start it again.
    pub fn ended(&mut self) -> Duration {
        self.stop();
        let delay = self.delay;
        self.delay = (delay * 2).min(LONGEST_DELAY);
        delay
    }

    /// It has run for a while.
    pub fn runs_well(&mut self) {
        self.delay = FIRST_DELAY;
    }

    /// Ends it.
    pub fn stop(&mut self) {
        if let Some((_, session)) = self.session.take() {
            let _ = session.stop();
        }
    }
}

fn plan(asked: Option<HelperKind>, directory: &Path) -> Result<HelperPlan, String> {
    let find = |program, package| {
        helper::find(program, package).map_err(|missing| format!("{missing} ({})", missing.hint()))
    };
    let slirp4netns = || find("slirp4netns", "slirp4netns").map(slirp4netns);
    if asked == Some(HelperKind::Slirp4netns) {
        return slirp4netns();
    }
    match find("pasta", "passt") {
        Ok(program) => Ok(pasta(program, directory)),
        Err(missing) => slirp4netns().map_err(|_| missing),
    }
}

fn pasta(program: PathBuf, directory: &Path) -> HelperPlan {
    let resolver = RESOLVER.to_string();
    let words = [
        "--config-net",
        "--quiet",
        "-t",
        "none",
        "-u",
        "none",
        "-T",
        "none",
        "-U",
        "none",
        "--no-map-gw",
        "--dns-forward",
        &resolver,
        "--no-netns-quit",
        "--ns-ifname",
        INTERFACE,
        "-a",
        ADDRESS,
        "-n",
        "24",
        "-g",
        ROUTER,
        "-a",
        ADDRESS_V6,
        "-g",
        ROUTER_V6,
        "--pid",
    ];
    let mut words: Vec<Word> = words.into_iter().map(Word::from).collect();
    words.extend([
        Word::PidFile,
        "--userns".into(),
        Word::UserNamespace,
        "--netns".into(),
        Word::NetworkNamespace,
    ]);
    plan_of(HelperKind::Pasta, program, words, pontoon_network::pasta_is_confined(directory))
}

fn slirp4netns(program: PathBuf) -> HelperPlan {
    // The largest packets that it takes.
    let words =
        ["--mtu=65520", "--cidr", SLIRP_SUBNET, "--enable-ipv6", "--disable-host-loopback", "--configure"];
    let confined = ["--enable-sandbox", "--enable-seccomp"];
    // It ends when its input, whose other end we hold, is closed.
    let ends = ["--exit-fd", "0", "--ready-fd"];
    let words = words.into_iter().chain(confined).chain(ends).map(Word::from);
    let words = words.chain([Word::ReadyFd, Word::Pid, INTERFACE.into()]).collect();
    plan_of(HelperKind::Slirp4netns, program, words, false)
}

fn plan_of(kind: HelperKind, program: PathBuf, words: Vec<Word>, files_in_tmp: bool) -> HelperPlan {
    HelperPlan {
        kind,
        program,
        words,
        bind_namespace: false,
        files_in_tmp,
        own_mounts: false,
        // Nothing; but it is our child, whose end we wait for.
        publishes: true,
        forwards: Vec::new(),
        guest: None,
    }
}
