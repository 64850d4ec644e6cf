//! A supervisor's side of the network unit: the connection that is the container's lease.
//!
//! As long as it is open, the container's names, addresses and ports are its own. When it closes, they are free; when the unit
//! has ended, the connection is at its end, and [`Lease::renew`] says again what the container has. Somebody always listens:
//! the service manager holds the socket.

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::packet;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde::{Deserialize, Serialize};

use crate::join::{Attachment, Join, Joined, JoinedNetwork};

/// The socket, in the runtime directory of the user (or `/run`).
pub const SOCKET: &str = "pontoon/network.sock";
/// The unit that listens on it.
pub const SOCKET_UNIT: &str = "pontoon-network.socket";

/// Where the socket is, for who we are: the user's runtime directory; for root `/run`.
#[must_use]
pub fn runtime_directory() -> PathBuf {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return PathBuf::from("/run");
    }
    let given = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|it| it.is_absolute());
    given.unwrap_or_else(|| PathBuf::from(format!("/run/user/{}", uid.as_raw())))
}

/// Below it, the runtime directories of users whom units of the system run as (`User=`), by their names: they are there from
/// the first such unit until the next boot, whether the user logs in and out or not. `pontoon-user@.service` makes them.
pub const USERS: &str = "/run/pontoon-users";
/// Below it, what the networks of these users listen on, by their names; in a directory of root's, since it is root's manager
/// that makes them. `pontoon-network@.socket` does.
const USERS_SOCKETS: &str = "/run/pontoon-network";

/// Where the unit is reached, for a store with that runtime directory and a user with that one (`/run` for root).
#[must_use]
pub fn socket(run: &Path, runtime: &Path) -> PathBuf {
    let name = run.strip_prefix(USERS).ok().and_then(|it| it.iter().next());
    match name {
        Some(name) => {
            let mut file = name.to_owned();
            file.push(".sock");
            Path::new(USERS_SOCKETS).join(file)
        }
        None => runtime.join(SOCKET),
    }
}

/// What the unit is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Answered by [`Reply::Welcome`], with a descriptor of the user namespace that containers' own are to be made in, if
    /// there is one.
    Hello,
    /// Answered by [`Reply::Welcome`], with descriptors of the user namespace and of the network namespace of the bridges. As long as the
    /// connection is open, both stay.
    Look,
    /// Connect a container, whose network namespace comes with it; answered by [`Reply::Joined`]. May be said again with what
    /// the container has got.
    Join(Box<Join>),
    /// Connect it to one more network; answered by [`Reply::Connected`].
    Connect(Box<Attachment>),
    /// Take it off the network of that name; answered by [`Reply::Done`].
    Disconnect(String),
    /// Make the rules of all networks again, which others have flushed; answered by [`Reply::Done`]. Anybody may ask.
    Reload,
    /// The name server asks these for other names from now on, for those on the network; answered by [`Reply::Done`]. Anybody
    /// may ask.
    Resolvers {
        /// The network's name.
        network: String,
        /// Of the network itself; none: the host's.
        servers: Vec<IpAddr>,
    },
}

/// What it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// It is there.
    Welcome {
        /// Maps of the user namespace that comes along.
        maps: Option<IdMaps>,
    },
    /// The container is connected.
    Joined(Joined),
    /// It is on one more network.
    Connected(JoinedNetwork),
    /// It was done.
    Done,
    /// It could not be done.
    Failed(Refusal),
}

/// Why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}", chain.join(": "))]
pub struct Refusal {
    /// The errors, the outermost first.
    pub chain: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Refusal {
    /// An error with its causes.
    #[must_use]
    pub fn of(err: &dyn std::error::Error, hint: Option<String>) -> Self {
        let mut chain = vec![err.to_string()];
        let mut cause = err.source();
        while let Some(err) = cause {
            chain.push(err.to_string());
            cause = err.source();
        }
        Self { chain, hint }
    }
}

/// Why a container is not connected.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Nobody listens.
    #[error("cannot reach the network unit at `{}`", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Talking failed.
    #[error("cannot talk to the network unit")]
    Talk(#[source] io::Error),
    /// It ended without an answer.
    #[error("the network unit ended without an answer")]
    Vanished,
    /// It said why.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl LeaseError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Connect { .. } => {
                Some(format!("`systemctl --user start {SOCKET_UNIT}` (as root without --user) makes it"))
            }
            Self::Refused(refusal) => refusal.hint.clone(),
            Self::Vanished => Some(
                "`systemctl --user status pontoon-network.service` (as root without --user) says why"
                    .to_owned(),
            ),
            Self::Talk(_) => None,
        }
    }
}

/// The user namespace below which containers on networks have theirs.
#[derive(Debug)]
pub struct Outer {
    /// A handle of it.
    pub namespace: OwnedFd,
    /// Its maps, by ids of the host.
    pub maps: IdMaps,
}

/// The namespaces of a user's networks.
#[derive(Debug)]
pub struct Namespaces {
    /// Who may do what.
    pub user: OwnedFd,
    /// Whether that has one id only.
    pub is_single: bool,
    /// Where the bridges are.
    pub network: OwnedFd,
    /// The connection to the unit, which holds them as long as it is open.
    pub connection: OwnedFd,
}

/// The connection.
#[derive(Debug)]
pub struct Lease {
    socket: OwnedFd,
    path: PathBuf,
}

fn dial(path: &Path) -> io::Result<OwnedFd> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

impl Lease {
    /// Connects to the unit at its socket, and learns in which user namespace the container's own is to be made.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn begin(path: PathBuf) -> Result<(Self, Option<Outer>), LeaseError> {
        let lease = Self::dialled(path)?;
        lease.ask(&Request::Hello, &[])?;
        match lease.hear()? {
            (Reply::Welcome { maps }, mut fds) => {
                let outer = maps.zip(fds.pop()).map(|(maps, namespace)| Outer { namespace, maps });
                Ok((lease, outer))
            }
            _ => Err(LeaseError::Vanished),
        }
    }

    /// The namespaces of the networks, whose unit is reached at that socket.
    ///
    /// # Errors
    /// [`LeaseError`]; [`LeaseError::Vanished`] also as root, whose networks are the host's.
    pub fn look(path: PathBuf) -> Result<Namespaces, LeaseError> {
        let lease = Self::dialled(path)?;
        lease.ask(&Request::Look, &[])?;
        let (Reply::Welcome { maps: Some(maps) }, fds) = lease.hear()? else {
            return Err(LeaseError::Vanished);
        };
        let Ok([user, network]) = <[OwnedFd; 2]>::try_from(fds) else { return Err(LeaseError::Vanished) };
        Ok(Namespaces { user, is_single: maps.is_single(), network, connection: lease.socket })
    }

    fn dialled(path: PathBuf) -> Result<Self, LeaseError> {
        let socket = dial(&path).map_err(|source| LeaseError::Connect { path: path.clone(), source })?;
        Ok(Self { socket, path })
    }

    /// Asks for a container's networks; [`Lease::joined`] has the answer.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn ask_to_join(&self, join: &Join, namespace: BorrowedFd<'_>) -> Result<(), LeaseError> {
        self.ask(&Request::Join(Box::new(join.clone())), &[namespace])
    }

    /// Waits until the container is connected.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn joined(&self) -> Result<Joined, LeaseError> {
        match self.hear()?.0 {
            Reply::Joined(joined) => Ok(joined),
            _ => Err(LeaseError::Vanished),
        }
    }

    /// Connects the container to one more network.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn connect(&self, attachment: &Attachment) -> Result<JoinedNetwork, LeaseError> {
        self.ask(&Request::Connect(Box::new(attachment.clone())), &[])?;
        loop {
            match self.hear()?.0 {
                Reply::Connected(joined) => return Ok(joined),
                // The answer to what was said when the unit was started anew.
                Reply::Joined(_) => {}
                _ => return Err(LeaseError::Vanished),
            }
        }
    }

    /// Takes the container off a network.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn disconnect(&self, network: &str) -> Result<(), LeaseError> {
        self.ask(&Request::Disconnect(network.to_owned()), &[])?;
        loop {
            match self.hear()?.0 {
                Reply::Done => return Ok(()),
                Reply::Joined(_) => {}
                _ => return Err(LeaseError::Vanished),
            }
        }
    }

    /// After the unit has ended: connects to the one that follows, and says what the container has. Its answer comes when that
    /// runs; the connection is readable then.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn renew(&mut self, join: &Join, namespace: BorrowedFd<'_>) -> Result<(), LeaseError> {
        self.socket =
            dial(&self.path).map_err(|source| LeaseError::Connect { path: self.path.clone(), source })?;
        self.ask_to_join(join, namespace)
    }

    /// Hears one thing.
    ///
    /// # Errors
    /// [`LeaseError`]; [`LeaseError::Vanished`] when the unit has ended.
    pub fn hear(&self) -> Result<(Reply, Vec<OwnedFd>), LeaseError> {
        match packet::receive::<Reply>(&self.socket).map_err(LeaseError::Talk)? {
            Some((Reply::Failed(refusal), _)) => Err(LeaseError::Refused(refusal)),
            Some(heard) => Ok(heard),
            None => Err(LeaseError::Vanished),
        }
    }

    fn ask(&self, request: &Request, fds: &[BorrowedFd<'_>]) -> Result<(), LeaseError> {
        packet::send(&self.socket, request, fds).map_err(LeaseError::Talk)
    }
}

impl AsFd for Lease {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Has the rules of all networks made again, by the unit that is reached there ([`socket`]).
///
/// # Errors
/// [`LeaseError`].
pub fn reload(path: PathBuf) -> Result<(), LeaseError> {
    have_done(path, &Request::Reload)
}

/// Has the name server ask others from now on, for those who are on a network.
///
/// # Errors
/// [`LeaseError`].
pub fn change_resolvers(path: PathBuf, network: &str, servers: &[IpAddr]) -> Result<(), LeaseError> {
    have_done(path, &Request::Resolvers { network: network.to_owned(), servers: servers.to_owned() })
}

fn have_done(path: PathBuf, request: &Request) -> Result<(), LeaseError> {
    let socket = dial(&path).map_err(|source| LeaseError::Connect { path: path.clone(), source })?;
    let lease = Lease { socket, path };
    lease.ask(request, &[])?;
    match lease.hear()?.0 {
        Reply::Done => Ok(()),
        _ => Err(LeaseError::Vanished),
    }
}

/// What a container asks for when it joins again: the addresses that it has.
#[must_use]
pub fn again(join: &Join, joined: &Joined) -> Join {
    let mut again = join.clone();
    for attachment in &mut again.attachments {
        if let Some(has) = joined.networks.iter().find(|it| it.network == attachment.network.name) {
            attachment.addresses = has.addresses.iter().map(|it| it.address).collect();
            attachment.mac = Some(has.mac);
        }
    }
    again
}
