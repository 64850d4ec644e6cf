//! Room for bytes on their way, lent to connections as long as there are bytes.

use std::net::TcpStream;
use std::os::fd::OwnedFd;

use rustix::io::{Errno, read, write};
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// What fits into one, in bytes.
const SIZE: usize = 256 * 1024;
/// Empty ones that are kept.
const SPARE: usize = 32;
/// Most bytes in one step. A pipe takes so many pieces, however long each is: it may hold more than its size, or less.
const AT_ONCE: usize = 1 << 20;

/// Bytes on their way.
#[derive(Debug)]
pub(super) struct Load {
    filled: usize,
    room: Room,
}

/// Where they are.
#[derive(Debug)]
enum Room {
    /// In the kernel.
    Pipe { read: OwnedFd, write: OwnedFd },
    /// With us, from `start` on. Copying them takes a third more time than a pipe, but less than a small one.
    Memory { bytes: Box<[u8]>, start: usize },
}

impl Load {
    /// A pipe, if there is room for one. A user's pipes take 64 MiB together (pipe(7), `pipe-user-pages-soft`), of which two pastas
    /// have nearly all; beyond that, new ones take two pieces, and with those a connection goes at a third of its speed.
    fn pipe() -> Option<Self> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
        fcntl_setpipe_size(&write, SIZE).ok()?;
        Some(Self { filled: 0, room: Room::Pipe { read, write } })
    }

    fn memory() -> Self {
        Self { filled: 0, room: Room::Memory { bytes: vec![0; SIZE].into(), start: 0 } }
    }

    /// How many there are.
    pub(super) fn filled(&self) -> usize {
        self.filled
    }

    /// Takes in what there is, and says how much: nothing at the end.
    ///
    /// # Errors
    /// The kernel's; [`Errno::AGAIN`] if nothing is there or there is no room.
    pub(super) fn take(&mut self, from: &TcpStream) -> Result<usize, Errno> {
        let taken = match &mut self.room {
            Room::Pipe { write, .. } => {
                splice(from, None, write, None, AT_ONCE, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?
            }
            Room::Memory { bytes, start } => {
                if self.filled == 0 {
                    *start = 0;
                }
                match bytes.get_mut(*start + self.filled..) {
                    None | Some([]) => return Err(Errno::AGAIN),
                    Some(room) => read(from, room)?,
                }
            }
        };
        self.filled += taken;
        Ok(taken)
    }

    /// Gives what it can, and says how much.
    ///
    /// # Errors
    /// The kernel's; [`Errno::AGAIN`] if the receiver takes nothing now.
    pub(super) fn give(&mut self, to: &TcpStream) -> Result<usize, Errno> {
        let given = match &mut self.room {
            Room::Pipe { read, .. } => {
                splice(read, None, to, None, self.filled, SpliceFlags::MOVE | SpliceFlags::NONBLOCK)?
            }
            Room::Memory { bytes, start } => {
                let given = write(to, bytes.get(*start..*start + self.filled).unwrap_or_default())?;
                *start += given;
                given
            }
        };
        self.filled = self.filled.saturating_sub(given);
        Ok(given)
    }
}

/// Empty ones.
#[derive(Debug, Default)]
pub(super) struct Loads {
    spare: Vec<Load>,
}

impl Loads {
    pub(super) fn lend(&mut self) -> Load {
        self.spare.pop().or_else(Load::pipe).unwrap_or_else(Load::memory)
    }

    /// Takes it back; with bytes in it, or if it is not a pipe, it is thrown away: there may be room for pipes again.
    pub(super) fn take_back(&mut self, load: Load) {
        if load.filled == 0 && matches!(load.room, Room::Pipe { .. }) && self.spare.len() < SPARE {
            self.spare.push(load);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpListener};
    use std::thread;

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    /// Two ends of a connection; the second one never blocks.
    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        far.set_nonblocking(true).unwrap();
        (near, far)
    }

    fn wait(socket: &TcpStream, flags: PollFlags) {
        poll(&mut [PollFd::new(socket, flags)], None).unwrap();
    }

    /// Carries more than there is room for, both when the receiver is slow and when the sender is.
    fn carry(mut load: Load) {
        let sent: Vec<u8> = (0..3 * SIZE).map(|it| u8::try_from(it % 251).unwrap()).collect();
        let (mut client, from) = pair();
        let (mut server, to) = pair();
        assert_eq!(load.take(&from), Err(Errno::AGAIN));
        let written = sent.clone();
        let writer = thread::spawn(move || {
            client.write_all(&written).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        let reader = thread::spawn(move || {
            let mut read = Vec::new();
            server.read_to_end(&mut read).unwrap();
            read
        });
        let mut has_ended = false;
        while !has_ended || load.filled() > 0 {
            if !has_ended {
                wait(&from, PollFlags::IN);
                match load.take(&from) {
                    Ok(taken) => has_ended = taken == 0,
                    Err(err) => assert!(err == Errno::AGAIN && load.filled() > 0, "{err}"),
                }
            }
            if load.filled() > 0 {
                wait(&to, PollFlags::OUT);
                match load.give(&to) {
                    Ok(given) => assert!(given > 0),
                    Err(err) => assert_eq!(err, Errno::AGAIN),
                }
            }
        }
        to.shutdown(Shutdown::Write).unwrap();
        writer.join().unwrap();
        assert!(reader.join().unwrap() == sent);
    }

    #[test]
    fn bytes_come_out_as_they_went_in() {
        carry(Load::memory());
        // Others of the same user may have all the room that pipes may take.
        if let Some(load) = Load::pipe() {
            carry(load);
        }
    }
}
