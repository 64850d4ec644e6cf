//! What a user's command asks of root who has begun it: restarts of the system's services that run as the user, and entries
//! of the journal that the user's processes wrote.
//!
//! `pontoon --user NAME auto-update` works as the user on the user's images and containers; restarting units of the system is
//! not a user's business, and neither is reading the system's journal, where `logs` and `events` find what is told by
//! those units. So root stays behind, at the other end of a socket, and does nothing but that: restarts services that have
//! this user in `User=`, and no others; finds entries of this user's, and no others. The socket is the user's as long as
//! the command runs: what a user could do with it is to restart services whose processes are the user's anyhow, and to read
//! what these wrote.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use pontoon_cli::exit::ExitStatus;
use pontoon_network::lease::USERS;
use pontoon_rootless::dbus::{self, Bus};
use pontoon_rootless::names;
use pontoon_rootless::packet;
use pontoon_rootless::sys::inherited_fd;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::commands::{Failure, Trouble, change};
use crate::entries::{self, Search};

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

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
enum Asked {
    /// Something is to be done with units; the answer is what went wrong.
    Change(Deed, Vec<String>),
    /// Entries are looked for; the answer is the search's number, with what they are read from, or why there is none.
    Find(Search),
    /// No more of this search is read. Unless more is wanted of it, it is cut off; the answer is whether all went well.
    Finish { number: u32, wants_more: bool },
}

/// So many searches go on at once.
const MOST_SEARCHES: usize = 256;

/// The user's end. Several threads may ask, one after the other.
#[derive(Debug)]
pub struct Behalf(Mutex<OwnedFd>);

impl Behalf {
    /// The socket that root has left open for us, if we were begun so.
    pub fn inherited(environment: &BTreeMap<String, String>) -> Result<Option<Self>, Failure> {
        let Some(number) = environment.get(VARIABLE) else { return Ok(None) };
        let socket = number.parse().map_err(|_| io::ErrorKind::InvalidInput.into()).and_then(inherited_fd);
        let failed =
            |err: io::Error| Failure::from(err).while_doing(format!("cannot use {VARIABLE}={number}"));
        socket.map(|it| Some(Self(Mutex::new(it)))).map_err(failed)
    }

    /// Has root do something, and waits until it is done.
    pub fn change(&self, deed: Deed, units: &[&str]) -> Result<(), Trouble> {
        let units = units.iter().map(|it| (*it).to_owned()).collect();
        match self.ask::<Option<Trouble>>(&Asked::Change(deed, units)) {
            Ok((None, _)) => Ok(()),
            Ok((Some(trouble), _)) => Err(trouble),
            Err(err) => {
                let text = format!("whoever restarts units of the system has gone: {err}");
                Err(Trouble { text, is_canceled: false })
            }
        }
    }

    /// Has root look for entries; gives what they are read from, and the search's number.
    pub fn find(&self, search: &Search) -> io::Result<(OwnedFd, u32)> {
        let (answer, fds) = self.ask::<Result<u32, String>>(&Asked::Find(search.clone()))?;
        let number = answer.map_err(io::Error::other)?;
        let text = fds.into_iter().next().ok_or(io::ErrorKind::InvalidData)?;
        Ok((text, number))
    }

    /// Waits until a search has ended, or ends it; tells whether all went well.
    pub fn finish(&self, number: u32, wants_more: bool) -> io::Result<bool> {
        Ok(self.ask(&Asked::Finish { number, wants_more })?.0)
    }

    fn ask<T: DeserializeOwned>(&self, asked: &Asked) -> io::Result<(T, Vec<OwnedFd>)> {
        let socket = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        packet::send(&*socket, asked, &[])?;
        packet::receive(&*socket)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
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
    let mut searches = Searches::default();
    loop {
        let asked = match packet::receive::<Asked>(socket) {
            Ok(Some((asked, _))) => asked,
            Ok(None) => return Ok(()),
            // Whatever it is, it is nothing that we do.
            Err(err) if err.kind() == io::ErrorKind::InvalidData => return Ok(()),
            Err(err) => return Err(err),
        };
        let sent = match asked {
            Asked::Change(deed, units) => packet::send(socket, &act(deed, &units, uid).err(), &[]),
            Asked::Find(search) => match searches.begin(&search, uid) {
                Ok((number, text)) => packet::send(socket, &Ok::<_, String>(number), &[text.as_fd()]),
                Err(err) => packet::send(socket, &Err::<u32, _>(err.to_string()), &[]),
            },
            Asked::Finish { number, wants_more } => {
                packet::send(socket, &searches.finish(number, wants_more), &[])
            }
        };
        match sent {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
}

/// What is being looked for; it is cut off with whoever has asked for it.
#[derive(Debug, Default)]
struct Searches {
    begun: BTreeMap<u32, Child>,
    last: u32,
}

impl Searches {
    fn begin(&mut self, search: &Search, uid: u32) -> io::Result<(u32, OwnedFd)> {
        if self.begun.len() >= MOST_SEARCHES {
            return Err(io::Error::other("too much is looked for at once"));
        }
        let (child, text) = search.begin(Some(uid))?;
        self.last = self.last.wrapping_add(1);
        self.begun.insert(self.last, child);
        Ok((self.last, text))
    }

    fn finish(&mut self, number: u32, wants_more: bool) -> bool {
        let Some(mut child) = self.begun.remove(&number) else { return false };
        entries::end(&mut child, wants_more).is_ok_and(|it| it.success())
    }
}

impl Drop for Searches {
    fn drop(&mut self) {
        for child in self.begun.values_mut() {
            // Nobody is there who could hear of it.
            let _ = entries::end(child, false);
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
