//! Pipes for bytes on their way, lent to connections as long as there are bytes.

use std::io;
use std::os::fd::OwnedFd;

use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// What fits into one, in bytes. A user's pipes take 64 MiB together (pipe(7), `pipe-user-pages-soft`); who has more gets small ones.
const SIZE: usize = 256 * 1024;
/// Empty ones that are kept.
const SPARE: usize = 32;

/// A pipe and what is in it.
#[derive(Debug)]
pub(super) struct Pipe {
    pub(super) read: OwnedFd,
    pub(super) write: OwnedFd,
    /// In bytes; at least one page.
    pub(super) size: usize,
    pub(super) filled: usize,
}

/// Empty pipes.
#[derive(Debug, Default)]
pub(super) struct Pipes {
    spare: Vec<Pipe>,
}

impl Pipes {
    pub(super) fn lend(&mut self) -> io::Result<Pipe> {
        if let Some(pipe) = self.spare.pop() {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // One that may not be so large is as it is.
        let size = fcntl_setpipe_size(&write, SIZE).or_else(|_| rustix::pipe::fcntl_getpipe_size(&write))?;
        Ok(Pipe { read, write, size, filled: 0 })
    }

    /// Takes it back; with bytes in it, it is closed.
    pub(super) fn take_back(&mut self, pipe: Pipe) {
        if pipe.filled == 0 && self.spare.len() < SPARE {
            self.spare.push(pipe);
        }
    }
}
