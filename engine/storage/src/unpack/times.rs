//! Times of directories: set when nothing is made in them any more, without keeping a big archive's paths in memory.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::metadata::timestamps;
use super::tree::Tree;
use crate::record::write_all;

/// Some ten thousand paths. What goes beyond is written to a file without a name.
const IN_MEMORY: usize = 1 << 20;

/// A record is the time (8 + 4 bytes), the length of the path (2 bytes) and the path.
const HEAD: usize = 14;

pub(super) struct DirectoryTimes<'a> {
    dir: BorrowedFd<'a>,
    buffer: Vec<u8>,
    spilled: Option<OwnedFd>,
}

impl<'a> DirectoryTimes<'a> {
    /// `dir` is where the file goes, if one is needed.
    pub fn new(dir: BorrowedFd<'a>) -> Self {
        Self { dir, buffer: Vec::new(), spilled: None }
    }

    pub fn remember(&mut self, path: &[u8], (seconds, nanoseconds): (i64, u32)) -> rustix::io::Result<()> {
        let length = u16::try_from(path.len()).map_err(|_| Errno::NAMETOOLONG)?;
        self.buffer.extend_from_slice(&seconds.to_ne_bytes());
        self.buffer.extend_from_slice(&nanoseconds.to_ne_bytes());
        self.buffer.extend_from_slice(&length.to_ne_bytes());
        self.buffer.extend_from_slice(path);
        if self.buffer.len() < IN_MEMORY {
            return Ok(());
        }
        if self.spilled.is_none() {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(self.dir, "times", flags, Mode::RUSR | Mode::WUSR)?;
            rustix::fs::unlinkat(self.dir, "times", AtFlags::empty())?;
            self.spilled = Some(file);
        }
        if let Some(file) = &self.spilled {
            write_all(file.as_fd(), &self.buffer)?;
            self.buffer.clear();
        }
        Ok(())
    }

    /// Sets all times, in the archive's order, so that the last entry of a directory wins.
    pub fn apply(self, tree: &Tree<'_>) -> rustix::io::Result<()> {
        if let Some(file) = &self.spilled {
            rustix::fs::seek(file, SeekFrom::Start(0))?;
            let mut piece = vec![0_u8; IN_MEMORY];
            let mut start = 0;
            while let Some(free) = piece.get_mut(start..) {
                let read = match rustix::io::read(file, free) {
                    Ok(0) => break,
                    Err(Errno::INTR) => continue,
                    other => other?,
                };
                let end = start + read;
                let used = apply_whole(piece.get(..end).unwrap_or_default(), tree)?;
                piece.copy_within(used..end, 0);
                start = end - used;
            }
        }
        apply_whole(&self.buffer, tree).map(drop)
    }
}

/// Sets the times of all whole records; how many bytes they took.
fn apply_whole(bytes: &[u8], tree: &Tree<'_>) -> rustix::io::Result<usize> {
    let mut used = 0;
    while let Some((time, path)) = record(bytes.get(used..).unwrap_or_default()) {
        match tree.open_dir(path) {
            Ok(dir) => rustix::fs::futimens(&dir, &timestamps(time))?,
            // A later entry put something else there.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {}
            Err(errno) => return Err(errno),
        }
        used += HEAD + path.len();
    }
    Ok(used)
}

fn record(bytes: &[u8]) -> Option<((i64, u32), &[u8])> {
    let seconds = i64::from_ne_bytes(*bytes.first_chunk::<8>()?);
    let nanoseconds = u32::from_ne_bytes(*bytes.get(8..)?.first_chunk::<4>()?);
    let length = u16::from_ne_bytes(*bytes.get(12..)?.first_chunk::<2>()?);
    Some(((seconds, nanoseconds), bytes.get(HEAD..HEAD + usize::from(length))?))
}
