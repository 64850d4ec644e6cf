//! One file read, whatever it turns out to be.
//!
//! A name ending in `.container` may be a pipe, a device, a gigabyte or gone: nothing here waits or fails.

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;

use pontoon_units::Content;
use pontoon_units::parse::MAX_SIZE;
use rustix::fs::{FileType, Mode, OFlags, fstat, major, minor, openat};
use rustix::io::{Errno, read, retry_on_intr};

use crate::trust::Trust;

/// `/dev/null`, as major and minor number.
const NULL_DEVICE: (u32, u32) = (1, 3);

/// The first read; nearly every file ends within it.
const FIRST: usize = 16 * 1024;

/// What a file of a directory holds.
///
/// `regular` is what the directory says of it; then nobody need ask again, unless it matters whose it is.
pub fn content(directory: BorrowedFd<'_>, name: &CStr, regular: bool, trust: Trust) -> Content {
    match try_content(directory, name, regular, trust) {
        Ok(content) => content,
        Err(errno) => Content::Unreadable(std::io::Error::from(errno).to_string()),
    }
}

fn try_content(
    directory: BorrowedFd<'_>,
    name: &CStr,
    regular: bool,
    trust: Trust,
) -> Result<Content, Errno> {
    // Without NONBLOCK, opening a pipe waits for somebody to write into it.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = if regular { flags | OFlags::NOFOLLOW } else { flags };
    let file = openat(directory, name, flags, Mode::empty())?;
    if !regular || trust.is_strict() {
        let about = fstat(&file)?;
        match FileType::from_raw_mode(about.st_mode) {
            FileType::RegularFile => {}
            FileType::CharacterDevice if (major(about.st_rdev), minor(about.st_rdev)) == NULL_DEVICE => {
                return Ok(Content::Masked);
            }
            FileType::Directory => return Ok(Content::Unreadable("it is a directory".to_owned())),
            _ => return Ok(Content::Unreadable("it is not a regular file".to_owned())),
        }
        if let Some(reason) = trust.refusal(&about) {
            return Ok(Content::Unreadable(reason));
        }
    }
    let mut first = [MaybeUninit::uninit(); FIRST];
    let mut bytes = retry_on_intr(|| read(&file, &mut first).map(|(bytes, _)| bytes.to_vec()))?;
    // A read that stops short of its buffer has met the end of a regular file.
    while bytes.len() >= FIRST {
        if bytes.len() > MAX_SIZE {
            return Ok(Content::Unreadable(format!("it is larger than {MAX_SIZE} bytes")));
        }
        let mut more = vec![0; MAX_SIZE + 1];
        match retry_on_intr(|| read(&file, &mut more))? {
            0 => break,
            length => bytes.extend_from_slice(more.get(..length).unwrap_or(&[])),
        }
    }
    Ok(Content::Text(bytes))
}
