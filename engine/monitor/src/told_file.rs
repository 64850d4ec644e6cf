//! Files that tell others a pid or an id (`--pidfile`, `--conmon-pidfile`, `--cidfile`).
//!
//! They lie where their reader wants them, which may be a directory of everybody's: a name that stands there already is
//! replaced if it is a file or a link, and left alone if it is anything else, such as `/dev/null`.

use std::ffi::OsStr;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use pontoon_storage::replace_file;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat, unlinkat};
use rustix::io::Errno;

/// Opens the directory of a file that can be (re)placed.
fn open_place(path: &Path) -> io::Result<(std::os::fd::OwnedFd, &OsStr)> {
    let name = path.file_name().ok_or(io::ErrorKind::IsADirectory)?;
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = openat(CWD, parent, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok((directory, name)),
        Err(err) => Err(err.into()),
        Ok(stat) => match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile | FileType::Symlink => Ok((directory, name)),
            _ => Err(io::Error::other("it is there already, and no regular file")),
        },
    }
}

/// Whether something could be written, as far as can be told before it is known.
///
/// # Errors
/// Of opening the directory, and when something stands there that is not replaced.
pub fn check(path: &Path) -> io::Result<()> {
    open_place(path).map(drop)
}

/// Writes what is told.
///
/// # Errors
/// Those of [`check`], and of writing.
pub fn write(path: &Path, text: &str) -> io::Result<()> {
    let (directory, name) = open_place(path)?;
    let mode = Mode::from_raw_mode(0o644);
    replace_file(directory.as_fd(), name, text.as_bytes(), mode).map_err(|err| err.source.into())
}

/// Takes it away.
pub fn remove(path: &Path) {
    if let Ok((directory, name)) = open_place(path) {
        let _ = unlinkat(&directory, name, AtFlags::empty());
    }
}
