//! Finding and opening a bus.

use std::cell::RefCell;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zbus::message::Message;
use zbus::{Connection, DynamicType, connection};

use super::Fault;

/// How long an answer may take; a reload with many generators on a slow machine takes some seconds.
const PATIENCE: Duration = Duration::from_secs(90);

const SYSTEM_BUS: &str = "/run/dbus/system_bus_socket";

/// Whose bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    User,
    System,
}

/// A way to the user manager, or to the system manager and logind.
///
/// (systemd's private sockets, which need no bus, are no way: what it says there is no strict D-Bus, and zbus refuses it.)
#[derive(Debug)]
pub struct Bus {
    whose: Whose,
    socket: PathBuf,
    /// Opened to see whether there is a bus at all, used for the first deed.
    opened: RefCell<Option<UnixStream>>,
}

/// Why a bus cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// Nobody answers at the socket.
    #[error("cannot reach the user manager at `{}`", path.display())]
    User {
        /// The socket.
        path: PathBuf,
        /// Another user to whom the runtime directory belongs.
        owner: Option<u32>,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Nobody answers at the socket.
    #[error("cannot reach the system bus at `{}`", path.display())]
    System {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The socket is there, but what is behind it does not speak with us.
    #[error("cannot talk to the message bus at `{}`", path.display())]
    Handshake {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: Fault,
    },
}

impl BusError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::User { owner: Some(owner), .. } => Some(format!(
                "XDG_RUNTIME_DIR belongs to uid {owner}: after su or sudo there is no session of your own; log in as the \
                 user (ssh, machinectl shell USER@) or set XDG_RUNTIME_DIR=/run/user/$(id -u) for a user with linger"
            )),
            Self::User { source, .. } if source.kind() == io::ErrorKind::NotFound => Some(
                "no user manager runs: log in with a session (not by su or sudo), or let it run always: loginctl \
                 enable-linger USER; on Debian it needs the packages dbus-user-session and libpam-systemd"
                    .to_owned(),
            ),
            Self::User { .. } => Some("`systemctl --user status` must work first".to_owned()),
            Self::System { .. } => Some("systemd and dbus must run: `systemctl status dbus`".to_owned()),
            Self::Handshake { .. } => None,
        }
    }
}

impl Bus {
    /// The user's bus, in `$XDG_RUNTIME_DIR`, where the user manager answers.
    ///
    /// # Errors
    /// [`BusError`] if nobody listens there.
    pub fn user(runtime_dir: &Path) -> Result<Self, BusError> {
        Self::checked(Whose::User, runtime_dir.join("bus"))
    }

    /// The system bus, where the system manager and logind answer.
    ///
    /// # Errors
    /// [`BusError`] if nobody listens there.
    pub fn system() -> Result<Self, BusError> {
        Self::checked(Whose::System, SYSTEM_BUS.into())
    }

    fn checked(whose: Whose, socket: PathBuf) -> Result<Self, BusError> {
        let bus = Self { whose, socket, opened: RefCell::new(None) };
        let opened = bus.open()?;
        bus.opened.replace(Some(opened));
        Ok(bus)
    }

    fn open(&self) -> Result<UnixStream, BusError> {
        let path = self.socket.clone();
        UnixStream::connect(&self.socket).map_err(|source| match self.whose {
            Whose::User => BusError::User { owner: foreign_owner(&path), path, source },
            Whose::System => BusError::System { path, source },
        })
    }

    /// Does something over a connection of its own, which is closed before this returns: so no helper thread of the bus
    /// is left behind.
    pub(super) fn with<T>(
        &self,
        deed: impl AsyncFnOnce(&Link) -> zbus::Result<T>,
    ) -> Result<zbus::Result<T>, BusError> {
        zbus::block_on(async {
            let link = self.connect().await?;
            let done = deed(&link).await;
            link.connection.graceful_shutdown().await;
            Ok(done)
        })
    }

    async fn connect(&self) -> Result<Link, BusError> {
        let stream = match self.opened.take() {
            Some(opened) => opened,
            None => self.open()?,
        };
        let built = connection::Builder::unix_stream(stream).method_timeout(PATIENCE).build().await;
        let failed =
            |err: zbus::Error| BusError::Handshake { path: self.socket.clone(), source: Fault::from(&err) };
        built.map(|connection| Link { connection }).map_err(failed)
    }
}

/// The owner of the directory that holds the socket, if that is somebody else.
fn foreign_owner(socket: &Path) -> Option<u32> {
    let owner = std::fs::metadata(socket.parent()?).ok()?.uid();
    (owner != rustix::process::geteuid().as_raw()).then_some(owner)
}

/// An open connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) connection: Connection,
}

impl Link {
    /// Calls a method and waits for the answer.
    pub(super) async fn call<B>(
        &self,
        (service, path, interface): (&str, &str, &str),
        method: &str,
        body: &B,
    ) -> zbus::Result<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        self.connection.call_method(Some(service), path, Some(interface), method, body).await
    }
}
