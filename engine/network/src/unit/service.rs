//! What the service manager gives and keeps: sockets and namespaces, sd_listen_fds(3), sd_notify(3), FDSTORE=1.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use pontoon_rootless::sys::inherited_fd;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Descriptors that were passed to us, with their names.
///
/// # Errors
/// The kernel's error, if one that was promised is not open.
pub fn passed() -> io::Result<Vec<(String, OwnedFd)>> {
    let number = |name: &str| std::env::var(name).ok().and_then(|it| it.parse::<u32>().ok());
    if number("LISTEN_PID") != Some(std::process::id()) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0);
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    (0..count)
        .map(|place| {
            let fd = inherited_fd(i32::try_from(3 + place).unwrap_or(i32::MAX))?;
            Ok((names.next().unwrap_or_default().to_owned(), fd))
        })
        .collect()
}

/// The way to the service manager; silent where there is none.
#[derive(Debug)]
pub struct Manager {
    socket: Option<UnixDatagram>,
}

impl Manager {
    /// Finds it (`$NOTIFY_SOCKET`).
    pub fn find() -> Self {
        let connect = || {
            let path = std::env::var("NOTIFY_SOCKET").ok()?;
            let address = match path.strip_prefix('@') {
                Some(name) => SocketAddr::from_abstract_name(name).ok()?,
                None => SocketAddr::from_pathname(path).ok()?,
            };
            let socket = UnixDatagram::unbound().ok()?;
            socket.connect_addr(&address).ok()?;
            Some(socket)
        };
        Self { socket: connect() }
    }

    /// Says something.
    pub fn tell(&self, text: &str) {
        self.send(text, &[]);
    }

    /// Has a descriptor kept: it comes back by that name if we are started again before the unit has stopped.
    pub fn keep(&self, name: &str, fd: BorrowedFd<'_>) {
        self.send(&format!("FDSTORE=1\nFDNAME={name}"), &[fd]);
    }

    /// Has what is kept under that name let go.
    pub fn let_go(&self, name: &str) {
        self.send(&format!("FDSTOREREMOVE=1\nFDNAME={name}"), &[]);
    }

    fn send(&self, text: &str, fds: &[BorrowedFd<'_>]) {
        let Some(socket) = &self.socket else { return };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(fds));
        }
        // A manager that does not listen is none.
        let _ = sendmsg(socket.as_fd(), &[IoSlice::new(text.as_bytes())], &mut control, SendFlags::NOSIGNAL);
    }
}
