//! Directories by handle: open, make, list. Never by joined path.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;

use crate::error::{At, FileError};

/// Flags of a directory handle that may be listed, synced and locked.
pub(crate) const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A directory of the store: its handle, and its path for messages and mounts.
#[derive(Debug)]
pub(crate) struct Place {
    /// The handle.
    pub fd: OwnedFd,
    /// The path; used in messages and given to mounts, never to open what lies below.
    pub path: PathBuf,
}

impl Place {
    /// Opens a directory below this one.
    pub fn open(&self, name: &str) -> Result<Self, FileError> {
        let path = self.path.join(name);
        let fd = rustix::fs::openat(&self.fd, name, DIRECTORY, Mode::empty()).at("open", &path)?;
        Ok(Self { fd, path })
    }

    /// Opens a directory below this one; makes it, for the owner alone, when it is missing.
    pub fn open_or_make(&self, name: &str) -> Result<Self, FileError> {
        match self.open(name) {
            Err(error) if error.is_not_found() => {
                match rustix::fs::mkdirat(&self.fd, name, Mode::RWXU) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(FileError::new("make", self.path.join(name), errno)),
                }
                self.open(name)
            }
            other => other,
        }
    }

    /// Whether something of this name exists.
    pub fn has(&self, name: &str) -> Result<bool, FileError> {
        match rustix::fs::statat(&self.fd, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FileError::new("look at", self.path.join(name), errno)),
        }
    }

    /// Makes renames and new names in this directory survive a power cut.
    pub fn sync(&self) -> Result<(), FileError> {
        rustix::fs::fsync(&self.fd).at("sync", &self.path)
    }

    /// The names below, in the order the file system gives them; `.` and `..` left out.
    pub fn list(&self) -> Result<Vec<Entry>, FileError> {
        let own = self.reopen()?;
        list(own.as_fd()).at("list", &self.path)
    }

    /// Whether it holds no name at all.
    pub fn is_empty(&self) -> Result<bool, FileError> {
        let own = self.reopen()?;
        is_empty(own.as_fd()).at("list", &self.path)
    }

    /// A handle with a position of its own: threads that list through one handle would take names from each other.
    fn reopen(&self) -> Result<OwnedFd, FileError> {
        crate::lock::reopen(self.fd.as_fd()).at("open", &self.path)
    }
}

/// One name of a directory.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The name's bytes, without a slash.
    pub name: Vec<u8>,
}

impl Entry {
    /// The name as text, when it is text.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.name).ok()
    }

    /// The name as a path of one component.
    pub fn path(&self) -> &Path {
        Path::new(OsStr::from_bytes(&self.name))
    }
}

/// Calls `visit` for each name of a directory, from its beginning; `.` and `..` left out. The handle must be one that
/// nobody else lists through.
pub(crate) fn for_each(
    fd: BorrowedFd<'_>,
    mut visit: impl FnMut(&[u8], FileType) -> rustix::io::Result<()>,
) -> rustix::io::Result<()> {
    // It may have been listed before.
    rustix::fs::seek(fd, rustix::fs::SeekFrom::Start(0))?;
    let mut buffer = [MaybeUninit::<u8>::uninit(); 16 * 1024];
    let mut entries = RawDir::new(fd, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            visit(name, entry.file_type())?;
        }
    }
    Ok(())
}

/// All names of a directory.
pub(crate) fn list(fd: BorrowedFd<'_>) -> rustix::io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for_each(fd, |name, _| {
        entries.push(Entry { name: name.to_vec() });
        Ok(())
    })?;
    Ok(entries)
}

/// Whether a directory holds no name at all.
fn is_empty(fd: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    match for_each(fd, |_, _| Err(Errno::NOTEMPTY)) {
        Ok(()) => Ok(true),
        Err(Errno::NOTEMPTY) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Sets the mode of what has a name, unless that has become a link meanwhile: others may be at work in the same directory.
pub(crate) fn chmod_no_link(
    parent: impl AsFd,
    name: impl rustix::path::Arg + Copy,
    mode: Mode,
) -> rustix::io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat(&parent, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&held)?;
    let kind = rustix::fs::FileType::from_raw_mode(stat.st_mode);
    if kind == rustix::fs::FileType::Symlink {
        return Err(rustix::io::Errno::LOOP);
    }
    if stat.st_mode & 0o7777 == mode.as_raw_mode() {
        return Ok(());
    }
    if kind == rustix::fs::FileType::Fifo {
        // To open one for reading waits for nobody, and this works where there is no /proc, or that of others.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        return rustix::fs::fchmod(rustix::fs::openat(parent, name, flags, Mode::empty())?, mode);
    }
    // A mere handle takes no fchmod; its entry in /proc leads to the very same file.
    rustix::fs::chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), mode)
}
