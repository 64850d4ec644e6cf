//! What a client and a container say to each other in datagrams.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::sockets::{self, Destination};

/// The longest datagram there is, in bytes.
pub(super) const LONGEST: usize = 65536;
/// Datagrams that are carried before others have their turn.
pub(super) const AT_ONCE: usize = 64;

/// One client of one published port.
#[derive(Debug)]
pub(super) struct Flow {
    /// The token of the port.
    pub(super) port: u64,
    pub(super) client: SocketAddr,
    /// Which address of ours the client has written to last.
    destination: Option<Destination>,
    /// To and from the container.
    socket: UdpSocket,
    pub(super) last: Instant,
    /// When it is looked at whether it is still used.
    pub(super) due: Instant,
}

impl Flow {
    pub(super) fn new(
        port: u64,
        client: SocketAddr,
        socket: UdpSocket,
        idle: Duration,
        now: Instant,
    ) -> Self {
        Self { port, client, destination: None, socket, last: now, due: now + idle }
    }

    /// Hands a datagram of the client's to the container.
    pub(super) fn carry_up(&mut self, datagram: &[u8], destination: Option<Destination>, now: Instant) {
        self.last = now;
        self.destination = destination;
        // What the container does not take is lost, as on any network. That nobody is there (an earlier datagram's fate) is told
        // instead of sending: then it is sent again.
        if let Err(err) = self.socket.send(datagram)
            && err.kind() == io::ErrorKind::ConnectionRefused
        {
            let _ = self.socket.send(datagram);
        }
    }

    /// Hands the container's datagrams to the client, by the socket of the published port.
    pub(super) fn carry_down(&mut self, port: &UdpSocket, buffer: &mut [u8], now: Instant) {
        for _ in 0..AT_ONCE {
            match self.socket.recv(buffer) {
                Ok(length) => {
                    self.last = now;
                    let datagram = buffer.get(..length).unwrap_or_default();
                    // What the client's side does not take is lost.
                    let _ = sockets::send(port, datagram, self.client, self.destination.as_ref());
                }
                // With being told, such an error is gone.
                Err(err) if err.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }
}
