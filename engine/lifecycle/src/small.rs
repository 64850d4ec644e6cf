//! Small files, read with as few calls as will do: lists of many containers consist of little else.

use std::os::fd::AsFd;

use rustix::fs::{CWD, Mode, OFlags};
use rustix::path::Arg;

/// Reads a file, [`read_at`].
pub fn read(path: impl Arg) -> Option<String> {
    read_at(CWD, path)
}

/// Reads a file below a directory, without asking for its size first, which the kernel's own files do not know; `None` if it
/// cannot be read.
pub fn read_at(directory: impl AsFd, path: impl Arg) -> Option<String> {
    let file = rustix::fs::openat(directory, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let (mut text, mut buffer) = (Vec::new(), [0u8; 4096]);
    loop {
        let count = rustix::io::read(&file, &mut buffer).ok()?;
        text.extend_from_slice(buffer.get(..count)?);
        // The kernel writes its own files line by line: there is a next one only where it might not have found room.
        if count < buffer.len() / 2 {
            return String::from_utf8(text).ok();
        }
    }
}
