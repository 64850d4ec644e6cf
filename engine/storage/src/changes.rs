//! What an upper directory changes of the layers below it.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType};
use rustix::io::Errno;

use crate::copy::open_below;
use crate::error::FileError;
use crate::unpack::whiteout;

/// What became of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It is another one, or something in it is.
    Changed,
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// Its path, with a slash in front.
    pub path: PathBuf,
}

/// Compares an upper directory with the lower ones, the topmost first. Sorted by path.
///
/// Must be called where the owners of all of them are mapped.
///
/// # Errors
/// A file that cannot be looked at.
pub fn changes(upper: BorrowedFd<'_>, lower: &[OwnedFd]) -> Result<Vec<Change>, FileError> {
    let mut found = Vec::new();
    let mut open = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let dir = open_below(upper, &path).map_err(failed(&path))?;
        let entries = crate::dir::list(dir.as_fd()).map_err(failed(&path))?;
        if !path.is_empty() && whiteout::is_marked_opaque(dir.as_fd()).map_err(failed(&path))? {
            for name in names_below(lower, &path)? {
                if !entries.iter().any(|it| it.name == name) {
                    found.push(change(ChangeKind::Deleted, &joined(&path, &name)));
                }
            }
        }
        for entry in entries {
            let whole = joined(&path, &entry.name);
            let stat = match rustix::fs::statat(&dir, entry.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                other => other.map_err(failed(&whole))?,
            };
            let kind = if whiteout::is_one(dir.as_fd(), &entry.name, &stat).map_err(failed(&whole))? {
                ChangeKind::Deleted
            } else if exists(lower, &whole)? {
                ChangeKind::Changed
            } else {
                ChangeKind::Added
            };
            found.push(change(kind, &whole));
            if kind != ChangeKind::Deleted && FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                open.push(whole);
            }
        }
    }
    found.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(found)
}

fn change(kind: ChangeKind, path: &[u8]) -> Change {
    Change { kind, path: PathBuf::from(OsString::from_vec([b"/", path].concat())) }
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') }
}

fn failed(path: &[u8]) -> impl FnOnce(Errno) -> FileError {
    move |errno| FileError::new("look at", OsStr::from_bytes(path), errno)
}

/// What one layer says of a path.
enum Said {
    /// It is there.
    There,
    /// It is gone, or what it lies in hides all that is below.
    Gone,
    /// Nothing: the next layer is to be asked.
    Nothing,
}

fn exists(lower: &[OwnedFd], path: &[u8]) -> Result<bool, FileError> {
    for layer in lower {
        match ask(layer.as_fd(), path)? {
            Said::There => return Ok(true),
            Said::Gone => return Ok(false),
            Said::Nothing => {}
        }
    }
    Ok(false)
}

fn ask(layer: BorrowedFd<'_>, path: &[u8]) -> Result<Said, FileError> {
    let mut dir = open_below(layer, b"").map_err(failed(path))?;
    let mut hides = false;
    let mut components = path.split(|byte| *byte == b'/').peekable();
    while let Some(name) = components.next() {
        let stat = match rustix::fs::statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(if hides { Said::Gone } else { Said::Nothing }),
            other => other.map_err(failed(path))?,
        };
        if whiteout::is_one(dir.as_fd(), name, &stat).map_err(failed(path))? {
            return Ok(Said::Gone);
        }
        if components.peek().is_none() {
            return Ok(Said::There);
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
            return Ok(Said::Gone);
        }
        dir = open_below(dir.as_fd(), name).map_err(failed(path))?;
        hides |= whiteout::is_marked_opaque(dir.as_fd()).map_err(failed(path))?;
    }
    Ok(Said::There)
}

/// What the layers have in a directory, together.
fn names_below(lower: &[OwnedFd], path: &[u8]) -> Result<Vec<Vec<u8>>, FileError> {
    let mut names: Vec<Vec<u8>> = Vec::new();
    for layer in lower {
        let dir = match open_below(layer.as_fd(), path) {
            Ok(dir) => dir,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(errno) => return Err(failed(path)(errno)),
        };
        for entry in crate::dir::list(dir.as_fd()).map_err(failed(path))? {
            if !names.contains(&entry.name) && exists(lower, &joined(path, &entry.name))? {
                names.push(entry.name);
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn changes_are_told_from_additions() {
        let base = std::env::temp_dir().join(format!("pontoon-changes-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        for directory in ["upper/etc/new", "one/etc", "two/etc", "two/usr"] {
            fs::create_dir_all(base.join(directory)).unwrap();
        }
        for file in ["upper/etc/passwd", "upper/etc/new/file", "upper/etc/hosts", "two/etc/hosts"] {
            fs::write(base.join(file), "").unwrap();
        }
        fs::write(base.join("one/etc/passwd"), "").unwrap();
        let open = |name: &str| OwnedFd::from(fs::File::open(base.join(name)).unwrap());
        let found = changes(open("upper").as_fd(), &[open("one"), open("two")]).unwrap();
        let shown: Vec<_> = found.iter().map(|it| (it.kind, it.path.to_str().unwrap())).collect();
        assert_eq!(
            shown,
            [
                (ChangeKind::Changed, "/etc"),
                (ChangeKind::Changed, "/etc/hosts"),
                (ChangeKind::Added, "/etc/new"),
                (ChangeKind::Added, "/etc/new/file"),
                (ChangeKind::Changed, "/etc/passwd"),
            ]
        );
    }
}
