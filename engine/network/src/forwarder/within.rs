//! The short way: connections that begin and end in the container's own network namespace.
//!
//! Between the forwarder and the container is then the container's loopback interface: no bridge, no packet filter, no
//! packets of a network's size. What the program in the container answers to the client's address is to come back there
//! instead of leaving by the gateway. So these connections have a mark, which answers take over from the packets that they
//! answer ([`ANSWERS`]), and a rule and a route there take in what has it, just as those of
//! [the forwarder's own namespace](super).

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::socket::{setsockopt, sockopt};
use rustix::fs::{Mode, OFlags, open};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The kernel's settings by which accepted sockets take over marks, and the kernel's own answers do (that nobody listens), as
/// paths below `/proc/sys` (ip-sysctl of the kernel). The last one is for IPv6, which a host may be without.
pub const ANSWERS: [&str; 3] =
    ["net/ipv4/tcp_fwmark_accept", "net/ipv4/fwmark_reflect", "net/ipv6/fwmark_reflect"];

/// A container's network namespace, to open sockets in.
#[derive(Debug)]
pub struct Within {
    namespace: OwnedFd,
    home: OwnedFd,
    mark: u32,
}

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum WithinError {
    /// The kernel said no.
    #[error(transparent)]
    Refused(#[from] io::Error),
    /// The calling thread is in the container's namespace and does not come out again.
    #[error("cannot leave a container's network namespace")]
    Lost(#[source] io::Error),
}

impl Within {
    /// For the calling thread, which comes back to the namespace that it is in now. In `namespace`, [`ANSWERS`] are on, and
    /// what has the mark is taken in, whatever address it is for.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(namespace: OwnedFd, mark: u32) -> io::Result<Self> {
        let home = open("/proc/thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { namespace, home, mark })
    }

    /// A socket for a connection.
    pub(super) fn socket(&self, family: AddressFamily, flags: SocketFlags) -> Result<OwnedFd, WithinError> {
        let network = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(self.namespace.as_fd(), network).map_err(io::Error::from)?;
        let socket = socket_with(family, SocketType::STREAM, flags, None);
        move_into_link_name_space(self.home.as_fd(), network).map_err(|err| WithinError::Lost(err.into()))?;
        let socket = socket.map_err(io::Error::from)?;
        setsockopt(&socket, sockopt::Mark, &self.mark).map_err(io::Error::from)?;
        Ok(socket)
    }
}
