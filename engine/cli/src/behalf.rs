//! What a user's command asks of root who has begun it: restarts of the system's services that run as the user.
//!
//! `pontoon --user NAME auto-update` works as the user on the user's images and containers; restarting units of the system is
//! not a user's business. So root stays behind, at the other end of a socket, and does nothing but that: of services that
//! have this user in `User=`, and of no others. The socket is the user's as long as the command runs: what a user could do
//! with it is to restart those services, whose processes are the user's anyhow.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pontoon_cli::exit::ExitStatus;
use pontoon_network::lease::USERS;
use pontoon_rootless::dbus::{self, Bus};
use pontoon_rootless::names;
use pontoon_rootless::packet;
use pontoon_rootless::sys::inherited_fd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::{Deserialize, Serialize};

use crate::commands::{Failure, Trouble, change};

/// The variable with the number of the socket.
pub const VARIABLE: &str = "PONTOON_BEHALF";

/// What is to be done with units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// Stop them, and start them again.
    Restart,
    /// Restart those that run. Nobody waits for it.
    RestartLater,
    /// Forget how often they were started, and that they have failed.
    Forget,
}

/// The user's end.
#[derive(Debug)]
pub struct Behalf(OwnedFd);

impl Behalf {
    /// The socket that root has left open for us, if we were begun so.
    pub fn inherited(environment: &BTreeMap<String, String>) -> Result<Option<Self>, Failure> {
        let Some(number) = environment.get(VARIABLE) else { return Ok(None) };
        let socket = number.parse().map_err(|_| io::ErrorKind::InvalidInput.into()).and_then(inherited_fd);
        let failed =
            |err: io::Error| Failure::from(err).while_doing(format!("cannot use {VARIABLE}={number}"));
        socket.map(|it| Some(Self(it))).map_err(failed)
    }

    /// Has root do something, and waits until it is done.
    pub fn change(&self, deed: Deed, units: &[&str]) -> Result<(), Trouble> {
        let answer = packet::send(&self.0, &(deed, units), &[])
            .and_then(|()| packet::receive::<Option<Trouble>>(&self.0))
            .and_then(|it| it.ok_or_else(|| io::ErrorKind::UnexpectedEof.into()));
        match answer {
            Ok((None, _)) => Ok(()),
            Ok((Some(trouble), _)) => Err(trouble),
            Err(err) => {
                let text = format!("whoever restarts units of the system has gone: {err}");
                Err(Trouble { text, is_canceled: false })
            }
        }
    }
}

/// Users whom units of the system have run as since the boot, by name.
pub fn users() -> Vec<String> {
    let entries = std::fs::read_dir(Path::new(USERS)).into_iter().flatten().flatten();
    let is_of_user = |name: &String, owner: u32| names::by_name(name).is_some_and(|it| it.uid == owner);
    let name = |entry: std::fs::DirEntry| {
        let owner = entry.metadata().ok()?.uid();
        entry.file_name().into_string().ok().filter(|it| is_of_user(it, owner))
    };
    let mut users: Vec<String> = entries.filter_map(name).collect();
    users.sort_unstable();
    users
}

/// Runs a command of ours as a user, and does for it what only root may. `output` takes what it prints; `None` is our own
/// standard output. Gives how it ended.
pub fn run(
    user: &str,
    words: &[impl AsRef<OsStr>],
    program: &str,
    output: Option<File>,
) -> Result<ExitStatus, Failure> {
    let failed = |err: io::Error| Failure::from(err).while_doing(format!("cannot go on as {user}"));
    let Some(account) = names::by_name(user) else {
        return Err(Failure::new(format!("there is no user `{user}`"), None));
    };
    let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None);
    let (ours, theirs) = pair.map_err(|err| failed(err.into()))?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0(program).args([OsString::from("--user"), user.into()]).args(words);
    command.env(VARIABLE, theirs.as_raw_fd().to_string());
    if let Some(output) = output {
        command.stdout(Stdio::from(output));
    }
    // It passes on through two programs: the one that becomes the user, and the one that then is the command.
    fcntl_setfd(&theirs, FdFlags::empty()).map_err(|err| failed(err.into()))?;
    let mut child: Child = command.spawn().map_err(failed)?;
    drop(theirs);
    let served = serve(&ours, account.uid);
    drop(ours);
    let status = child.wait().map_err(failed)?;
    served.map_err(failed)?;
    Ok(match (status.code().and_then(|it| u8::try_from(it).ok()), status.signal()) {
        (Some(0), _) => ExitStatus::Success,
        (Some(code), _) => ExitStatus::Payload(code),
        (None, signal) => ExitStatus::from_signal(signal.unwrap_or(0)),
    })
}

/// Does what is asked until nobody is there any more who could ask.
fn serve(socket: &OwnedFd, uid: u32) -> io::Result<()> {
    loop {
        let (deed, units) = match packet::receive::<(Deed, Vec<String>)>(socket) {
            Ok(Some((asked, _))) => asked,
            Ok(None) => return Ok(()),
            // Whatever it is, it is nothing that we do.
            Err(err) if err.kind() == io::ErrorKind::InvalidData => return Ok(()),
            Err(err) => return Err(err),
        };
        let answer = act(deed, &units, uid).err();
        match packet::send(socket.as_fd(), &answer, &[]) {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
}

fn act(deed: Deed, units: &[String], uid: u32) -> Result<(), Trouble> {
    let refused = |text: String| Trouble { text, is_canceled: false };
    let bus = Bus::system().map_err(|err| refused(err.to_string()))?;
    for unit in units {
        let user = dbus::service_user(&bus, unit).map_err(|err| Trouble::from(&err))?;
        let account = names::by_name(&user).map_or_else(|| user.parse().ok(), |it| Some(it.uid));
        if account != Some(uid) {
            let whose = if user.is_empty() { "root" } else { &user };
            return Err(refused(format!("`{unit}` runs as {whose}")));
        }
    }
    let units: Vec<&str> = units.iter().map(String::as_str).collect();
    change(&bus, deed, &units)
}
