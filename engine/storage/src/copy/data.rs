//! The bytes of a file: shared where the file system can, holes left as holes.

use std::os::fd::BorrowedFd;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use crate::record::write_all;

/// Copies the first `size` bytes of `from` into the empty file `to`.
pub(super) fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>, size: u64) -> rustix::io::Result<()> {
    if size == 0 {
        return Ok(());
    }
    if rustix::fs::ioctl_ficlone(to, from).is_ok() {
        return Ok(());
    }
    let mut position = 0;
    while position < size {
        let start = match rustix::fs::seek(from, SeekFrom::Data(position)) {
            Ok(start) => start,
            // A hole up to the end.
            Err(Errno::NXIO) => break,
            // The file system cannot tell.
            Err(Errno::INVAL) => position,
            Err(errno) => return Err(errno),
        };
        let end = match rustix::fs::seek(from, SeekFrom::Hole(start)) {
            Ok(end) => end.min(size),
            Err(Errno::NXIO) => break,
            Err(Errno::INVAL) => size,
            Err(errno) => return Err(errno),
        };
        if start >= end {
            break;
        }
        piece(from, to, start, end)?;
        position = end;
    }
    rustix::fs::ftruncate(to, size)
}

/// Copies the bytes from `start` to `end`; a file that became shorter meanwhile ends it early.
fn piece(from: BorrowedFd<'_>, to: BorrowedFd<'_>, start: u64, end: u64) -> rustix::io::Result<()> {
    let (mut read_at, mut write_at) = (start, start);
    while read_at < end {
        let length = usize::try_from(end - read_at).unwrap_or(usize::MAX).min(1 << 30);
        match rustix::fs::copy_file_range(from, Some(&mut read_at), to, Some(&mut write_at), length) {
            Ok(0) => return Ok(()),
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => {
                return by_hand(from, to, read_at, end);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// The same where the kernel will not do it between two file systems.
fn by_hand(from: BorrowedFd<'_>, to: BorrowedFd<'_>, mut position: u64, end: u64) -> rustix::io::Result<()> {
    let mut buffer = vec![0_u8; 128 * 1024];
    rustix::fs::seek(to, SeekFrom::Start(position))?;
    while position < end {
        let length = usize::try_from(end - position).unwrap_or(usize::MAX).min(buffer.len());
        let Some(room) = buffer.get_mut(..length) else { break };
        match rustix::io::pread(from, room, position) {
            Ok(0) => break,
            Ok(read) => {
                write_all(to, buffer.get(..read).unwrap_or_default())?;
                position += crate::record::length(read);
            }
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
