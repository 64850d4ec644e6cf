//! The way to the outside of a rootless user's networks: one pasta for all of them.
//!
//! Their namespace has an address of its own, whatever the host's is: pasta opens ordinary sockets of the host for what comes
//! out of it. So nothing of it changes when the host gets another address, another route, or its first one.
//!
//! What containers send outside is slow where the peer is near (some Mbit/s with the pasta of 2025-05, also without a bridge, and
//! whatever the MTU or the offloads are; with Podman's alike): pasta drops what does not fit into its socket's send buffer, which begins
//! with the middle number of `net.ipv4.tcp_wmem`, and the container sends it again. A larger number there makes it ten times as fast.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use pontoon_network::{HelperKind, HelperPlan, NetworkSession, Starting, Word};
use pontoon_rootless::helper;

/// The namespace's own address and what it takes for its router; link-local (RFC 3927), so that it is nobody else's.
const ADDRESS: &str = "169.254.2.1";
const ROUTER: &str = "169.254.2.2";
/// The same for IPv6: a local one (RFC 4193) of our own.
const ADDRESS_V6: &str = "fd70:6e74:6f6f:6e00::1";
const ROUTER_V6: &str = "fe80::1";
/// The host's resolver, for networks without a name server of ours.
const RESOLVER: &str = "169.254.1.1";
/// Time between the end of a pasta and the next one, the first time.
const FIRST_DELAY: Duration = Duration::from_millis(50);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// What runs, or why not.
#[derive(Debug)]
pub struct Uplink {
    directory: PathBuf,
    session: Option<NetworkSession>,
    delay: Duration,
    /// What was last told of it.
    told: String,
}

impl Uplink {
    /// None yet; its files are to be in that directory.
    pub fn new(directory: PathBuf) -> Self {
        Self { directory, session: None, delay: FIRST_DELAY, told: String::new() }
    }

    /// Starts it for the namespaces of a process, and waits until they are connected. Without it nothing outside is reached,
    /// which is told once.
    pub fn start(&mut self, pid: u32) {
        self.stop();
        let session = plan(&self.directory).and_then(|plan| {
            let _ = std::fs::create_dir_all(&self.directory);
            Starting::begin(&plan, pid, &self.directory)
                .and_then(Starting::finish)
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
        self.session.as_ref().map(NetworkSession::helper_fd)
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
        if let Some(session) = self.session.take() {
            let _ = session.stop();
        }
    }
}

fn plan(directory: &Path) -> Result<HelperPlan, String> {
    let program: PathBuf =
        helper::find("pasta", "passt").map_err(|missing| format!("{missing} ({})", missing.hint()))?;
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
        RESOLVER,
        "--no-netns-quit",
        "--ns-ifname",
        "uplink",
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
    Ok(HelperPlan {
        kind: HelperKind::Pasta,
        program,
        words,
        bind_namespace: false,
        files_in_tmp: pontoon_network::pasta_is_confined(directory),
        own_mounts: false,
        // Nothing; but it is our child, whose end we wait for.
        publishes: true,
        forwards: Vec::new(),
        guest: None,
    })
}
