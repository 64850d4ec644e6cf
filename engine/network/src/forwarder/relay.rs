//! One connection: a client's socket and one to the container, and the bytes between them.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::net::sockopt;

use super::load::{Load, Loads};
use crate::poll::Poll;

/// What is carried in one direction before others have their turn, in bytes.
const AT_ONCE: usize = 2 << 20;
/// After so much silence the other end is asked whether it is still there (tcp(7), `TCP_KEEPIDLE`), so that whoever vanished
/// without a word takes no place for ever.
const IDLE: Duration = Duration::from_secs(300);

/// Which of the two sockets; the lowest bit of the token it is waited for under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Container,
}

/// The connection.
#[derive(Debug)]
pub(super) struct Relay {
    client: TcpStream,
    container: TcpStream,
    is_connected: bool,
    /// From the client to the container.
    up: Direction,
    /// From the container to the client.
    down: Direction,
}

/// One direction. Readiness is remembered: the kernel tells of it only when it begins.
#[derive(Debug, Default)]
struct Direction {
    readable: bool,
    writable: bool,
    load: Option<Load>,
    /// All has been read.
    ended: bool,
    /// And the receiver has been told.
    told: bool,
}

/// How it goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Going {
    /// When something happens to its sockets.
    Waiting,
    /// At once, when others have had their turn.
    More,
    /// Both directions have ended.
    Ended,
    /// One side has broken it off, and the other one has been told so.
    Broken,
}

struct Broken;

impl Relay {
    /// A connection that has been accepted, and one that has been begun for it. Both are waited for, under `token` and the
    /// number behind it.
    pub(super) fn new(client: TcpStream, container: TcpStream, token: u64, poll: &Poll) -> io::Result<Self> {
        client.set_nonblocking(true)?;
        sockopt::set_tcp_nodelay(&client, true)?;
        for socket in [&client, &container] {
            sockopt::set_socket_keepalive(socket, true)?;
            sockopt::set_tcp_keepidle(socket, IDLE)?;
        }
        let flags = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        poll.add_as(token, &client, flags)?;
        poll.add_as(token | 1, &container, flags)?;
        // Until here, a client that is let go hears that it is broken off.
        sockopt::set_socket_linger(&client, None)?;
        Ok(Self {
            client,
            container,
            is_connected: false,
            up: Direction::default(),
            down: Direction::default(),
        })
    }

    /// Something has happened to one of the sockets.
    pub(super) fn happened(&mut self, side: Side, flags: EventFlags, loads: &mut Loads) -> Going {
        let wrong = flags.intersects(EventFlags::ERR | EventFlags::HUP);
        let readable = wrong || flags.intersects(EventFlags::IN | EventFlags::RDHUP);
        let writable = wrong || flags.contains(EventFlags::OUT);
        let (own, from, to) = match side {
            Side::Client => (&self.client, &mut self.up, &mut self.down),
            Side::Container => (&self.container, &mut self.down, &mut self.up),
        };
        from.readable |= readable;
        to.writable |= writable;
        if flags.contains(EventFlags::ERR) && !matches!(own.take_error(), Ok(None)) {
            return self.break_off(loads);
        }
        if side == Side::Container && writable {
            self.is_connected = true;
        }
        self.go_on(loads)
    }

    /// Carries what there is.
    pub(super) fn go_on(&mut self, loads: &mut Loads) -> Going {
        if !self.is_connected {
            return Going::Waiting;
        }
        let up = self.up.carry(&self.client, &self.container, loads);
        let down = self.down.carry(&self.container, &self.client, loads);
        match (up, down) {
            (Ok(_), Ok(_)) if self.up.told && self.down.told => Going::Ended,
            (Ok(up), Ok(down)) if up || down => Going::More,
            (Ok(_), Ok(_)) => Going::Waiting,
            _ => self.break_off(loads),
        }
    }

    /// Whether the client has yet to be handed something that the container has said, if only that this was all.
    pub(super) fn owes(&self) -> bool {
        !self.down.told
    }

    /// Breaks both connections off, as whoever is at the other end would see it without us (`RST`).
    pub(super) fn break_off(&mut self, loads: &mut Loads) -> Going {
        for socket in [&self.client, &self.container] {
            // On a socket that cannot be set so, the other end hears of an orderly end instead.
            let _ = sockopt::set_socket_linger(socket, Some(Duration::ZERO));
        }
        for direction in [&mut self.up, &mut self.down] {
            if let Some(load) = direction.load.take() {
                loads.take_back(load);
            }
        }
        Going::Broken
    }
}

impl Direction {
    /// Carries bytes as long as there are some and the receiver takes them; says whether it could go on.
    fn carry(&mut self, from: &TcpStream, to: &TcpStream, loads: &mut Loads) -> Result<bool, Broken> {
        let mut left = AT_ONCE;
        while !self.told {
            let filled = self.load.as_ref().map_or(0, Load::filled);
            if let Some(load) = self.load.as_mut().filter(|_| filled > 0 && self.writable) {
                match load.give(to) {
                    Ok(given) => {
                        left = left.saturating_sub(given);
                        if left == 0 {
                            return Ok(true);
                        }
                    }
                    Err(Errno::AGAIN) => self.writable = false,
                    Err(Errno::INTR) => {}
                    Err(_) => return Err(Broken),
                }
            } else if self.readable && !self.ended {
                match self.load.get_or_insert_with(|| loads.lend()).take(from) {
                    Ok(0) => self.ended = true,
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(Errno::AGAIN) if filled == 0 => self.readable = false,
                    // It is full, or nothing is there.
                    Err(Errno::AGAIN) => break,
                    Err(_) => return Err(Broken),
                }
            } else {
                if filled == 0 {
                    if let Some(load) = self.load.take() {
                        loads.take_back(load);
                    }
                    if self.ended {
                        // It is gone already where this fails, which shows by itself.
                        let _ = to.shutdown(Shutdown::Write);
                        self.told = true;
                    }
                }
                break;
            }
        }
        Ok(false)
    }
}
