//! The network unit: bridges, addresses, names and published ports of one user's containers.
//!
//! Two processes. The one [outside] is in the host's namespaces: it listens to the containers' supervisors, whose connections
//! are their leases, and holds what is the host's. The one [inside] is in a namespace of the user's networks (as root: in the
//! host's) and does what it is told there. Nothing is written to disk (but [what has become of a network's servers](resolvers), to the
//! runtime directory): the namespaces and sockets are kept by the service
//! manager while the unit is started anew, the bridges by the namespaces, and who has which address by the supervisors.

mod activated;
mod addresses;
mod conntrack;
mod inside;
mod links;
mod namespace;
mod netlink;
mod nft;
mod order;
mod outside;
mod ports;
mod probe;
mod resolvers;
mod rules;
mod service;
mod state;
mod tables;
mod uplink;
mod worker;

use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use pontoon_rootless::sys::inherited_fd;
use rustix::event::Timespec;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Tells whoever reads the journal.
fn warn(text: &str) {
    let _ = writeln!(io::stderr(), "warning: {text}");
}

/// Opens as many files as is allowed at all: each connection to a published port takes two descriptors, each question on its
/// way to a resolver one. The usual limit is low for the sake of select(2), which is not called here.
fn use_all_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    // With the usual limit there is less room, which is no fault.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// How long it is until then.
fn until(then: Instant) -> Timespec {
    timespec(then.saturating_duration_since(Instant::now()))
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

/// Runs the part that our words name.
pub fn main() -> ExitCode {
    use_all_descriptors();
    let mut words = std::env::args().skip(1);
    let outcome = match words.next().as_deref() {
        None => outside::run().map_err(|err| (err.to_string(), err.hint())),
        Some("inside") => {
            read_words(words).and_then(|words| words.run()).map_err(|err| (err.to_string(), None))
        }
        Some("probe") => return probe::run(words),
        Some("activated") => activated::run(words).map_err(|err| (err.to_string(), None)),
        Some(other) => Err((format!("unknown word `{other}`"), None)),
    };
    let Err((text, hint)) = outcome else { return ExitCode::SUCCESS };
    let _ = writeln!(io::stderr(), "error: pontoon-network: {text}");
    if let Some(hint) = hint {
        let _ = writeln!(io::stderr(), "hint: {hint}");
    }
    ExitCode::FAILURE
}

/// What the process inside is started with.
#[derive(Debug, Default)]
struct Words {
    orders: Option<OwnedFd>,
    user: Option<OwnedFd>,
    network: Option<OwnedFd>,
    is_single: bool,
}

fn read_words(mut words: impl Iterator<Item = String>) -> io::Result<Words> {
    let mut read = Words::default();
    while let Some(word) = words.next() {
        if word == "--single" {
            read.is_single = true;
            continue;
        }
        let number = words.next().and_then(|it| it.parse().ok()).ok_or(io::ErrorKind::InvalidInput)?;
        let fd = Some(inherited_fd(number)?);
        match word.as_str() {
            "--orders" => read.orders = fd,
            "--user" => read.user = fd,
            "--network" => read.network = fd,
            _ => return Err(io::ErrorKind::InvalidInput.into()),
        }
    }
    Ok(read)
}

impl Words {
    fn run(self) -> io::Result<()> {
        let orders = self.orders.ok_or(io::ErrorKind::InvalidInput)?;
        inside::run(&orders, self.user.map(|it| (it, self.is_single)), self.network)
    }
}
