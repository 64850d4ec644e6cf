//! Copying a tree: contents, holes, owners, modes, times, extended attributes, hard links, links as links.
//!
//! Both sides are entered by handles, no link is followed and no mount is entered, so a process that changes the source
//! meanwhile can spoil the copy and nothing else.

pub(crate) mod data;
pub(crate) mod xattr;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use crate::dir::DIRECTORY;
use crate::error::FileError;

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// The same for trees that people choose: what is mounted in them belongs to them.
const CROSSING: ResolveFlags = RESOLVE.difference(ResolveFlags::NO_XDEV);

/// What a copy keeps and what it changes.
pub(crate) trait Rules {
    /// The owner of the copy; `None` when there is none for it.
    fn user(&self, uid: u32) -> Option<u32>;
    /// The group of the copy; `None` when there is none for it.
    fn group(&self, gid: u32) -> Option<u32>;
    /// Whether whiteouts and overlayfs's attributes are kept: the copy is a layer itself.
    fn keeps_overlay(&self) -> bool;
    /// Whether what is of this kind is no part of the copy. Regular files, directories and links always are.
    fn leaves_out(&self, _kind: FileType, _path: &[u8]) -> bool {
        false
    }
    /// What becomes of what has a name that the copy wants.
    fn existing(&self) -> Existing {
        Existing::Unexpected
    }
}

/// What becomes of what is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// The copy is new, so it is an error.
    Unexpected,
    /// Directories take in what the source's have, other things are replaced; none of the two takes the other's place.
    Merged,
    /// The same, and one may take the other's place.
    Replaced,
}

/// A tree could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file of either side.
    #[error(transparent)]
    File(#[from] FileError),
    /// An owner has no counterpart.
    #[error("`{}` belongs to {uid}:{gid}, for which there is no id in the copy", path.display())]
    Unmapped {
        /// The file, from the tree's root.
        path: PathBuf,
        /// Its owner.
        uid: u32,
        /// Its group.
        gid: u32,
    },
}

enum Step {
    /// Copy what a directory holds.
    Enter(Vec<u8>),
    /// Give a directory its owner, mode and times, now that nothing is made in it any more.
    Finish(Vec<u8>),
}

/// Makes a pipe like the one that is open, under a name of its own.
pub(crate) fn copy_fifo(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    new_name: &[u8],
    rules: &dyn Rules,
) -> Result<(), CopyError> {
    let stat = rustix::fs::fstat(source).map_err(failed("look at", new_name))?;
    let copy = Copy { source, target, rules, linked: HashMap::new() };
    copy.node(target, new_name, new_name, &stat)
}

/// Copies an open file, under a name of its own.
pub(crate) fn copy_file(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    new_name: &[u8],
    rules: &dyn Rules,
) -> Result<(), CopyError> {
    let mut copy = Copy { source, target, rules, linked: HashMap::new() };
    copy.open_file(source, target, new_name, new_name)
}

/// Copies what lies in `source` into the directory `target`, which gets the source's owner, mode and attributes.
pub(crate) fn copy_tree(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    rules: &dyn Rules,
) -> Result<(), CopyError> {
    walk(source, target, rules, true)
}

/// The same, but the target itself stays as it is.
pub(crate) fn copy_contents(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    rules: &dyn Rules,
) -> Result<(), CopyError> {
    walk(source, target, rules, false)
}

fn walk(
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    rules: &dyn Rules,
    with_root: bool,
) -> Result<(), CopyError> {
    let mut copy = Copy { source, target, rules, linked: HashMap::new() };
    let mut steps = vec![Step::Enter(Vec::new())];
    while let Some(step) = steps.pop() {
        match step {
            Step::Enter(path) => {
                let (from, to) = copy.open_both(&path)?;
                if with_root || !path.is_empty() {
                    steps.push(Step::Finish(path.clone()));
                }
                let entries = crate::dir::list(from.as_fd()).map_err(failed("list", &path))?;
                for entry in entries {
                    let below = joined(&path, &entry.name);
                    if copy.entry(from.as_fd(), &entry.name, to.as_fd(), &entry.name, &below)? {
                        steps.push(Step::Enter(below));
                    }
                }
            }
            Step::Finish(path) => {
                let (from, to) = copy.open_both(&path)?;
                let stat = rustix::fs::fstat(&from).map_err(failed("look at", &path))?;
                copy.finish(from.as_fd(), to.as_fd(), &stat, &path)?;
            }
        }
    }
    Ok(())
}

fn joined(path: &[u8], name: &[u8]) -> Vec<u8> {
    if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') }
}

/// Gives a failed call its path.
fn failed(deed: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> FileError {
    move |errno| {
        let path: &[u8] = if path.is_empty() { b"." } else { path };
        FileError::new(deed, OsStr::from_bytes(path), errno)
    }
}

/// Opens a directory below a root, without following anything.
pub(crate) fn open_below(root: BorrowedFd<'_>, path: &[u8]) -> rustix::io::Result<OwnedFd> {
    open_with(root, path, RESOLVE)
}

fn open_with(root: BorrowedFd<'_>, path: &[u8], resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    let path: &[u8] = if path.is_empty() { b"." } else { path };
    loop {
        match rustix::fs::openat2(root, path, DIRECTORY, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
}

fn times(stat: &Stat) -> Timestamps {
    let nanoseconds = |value| i64::try_from(value).unwrap_or(0);
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: nanoseconds(stat.st_atime_nsec) },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: nanoseconds(stat.st_mtime_nsec) },
    }
}

struct Copy<'a> {
    source: BorrowedFd<'a>,
    target: BorrowedFd<'a>,
    rules: &'a dyn Rules,
    /// Files with several names: where the first of them was copied to.
    linked: HashMap<(u64, u64), Vec<u8>>,
}

impl Copy<'_> {
    fn open_both(&self, path: &[u8]) -> Result<(OwnedFd, OwnedFd), FileError> {
        let resolve = if self.rules.existing() == Existing::Unexpected { RESOLVE } else { CROSSING };
        let from = open_with(self.source, path, resolve).map_err(failed("open", path))?;
        let to = open_with(self.target, path, resolve).map_err(failed("open the copy of", path))?;
        Ok((from, to))
    }

    /// Copies one name; true when it is a directory whose content comes later.
    fn entry(
        &mut self,
        from: BorrowedFd<'_>,
        name: &[u8],
        to: BorrowedFd<'_>,
        new_name: &[u8],
        path: &[u8],
    ) -> Result<bool, CopyError> {
        let stat = match rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Somebody deleted it: then it is not part of the copy.
            Err(Errno::NOENT) => return Ok(false),
            other => other.map_err(failed("look at", path))?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                self.making(to, new_name, true, || rustix::fs::mkdirat(to, new_name, Mode::RWXU))
                    .map_err(failed("make the copy of", path))?;
                return Ok(true);
            }
            FileType::RegularFile => self.file(from, name, to, new_name, path, &stat)?,
            FileType::Symlink => {
                let link = rustix::fs::readlinkat(from, name, Vec::new()).map_err(failed("read", path))?;
                self.making(to, new_name, false, || rustix::fs::symlinkat(link.as_c_str(), to, new_name))
                    .map_err(failed("make the copy of", path))?;
                self.named_metadata(to, new_name, &stat, path)?;
            }
            FileType::CharacterDevice if stat.st_rdev == 0 && !self.rules.keeps_overlay() => {}
            kind if self.rules.leaves_out(kind, path) => {}
            kind => match self.node(to, new_name, path, &stat) {
                // Who may not make devices had none to copy, unless somebody else put them there.
                Err(CopyError::File(err))
                    if err.source == Errno::PERM
                        && matches!(kind, FileType::CharacterDevice | FileType::BlockDevice) => {}
                other => other?,
            },
        }
        Ok(false)
    }

    /// Makes another pipe, socket or device of the same kind.
    fn node(&self, to: BorrowedFd<'_>, new_name: &[u8], path: &[u8], stat: &Stat) -> Result<(), CopyError> {
        let kind = FileType::from_raw_mode(stat.st_mode);
        // With its mode from the beginning, as far as the umask lets it: what is no pipe can be given another only by way of a
        // /proc of our own, which a container has not.
        let mode = Mode::from_raw_mode(stat.st_mode & 0o777);
        let make = || rustix::fs::mknodat(to, new_name, kind, mode, stat.st_rdev);
        self.making(to, new_name, false, make).map_err(failed("make the copy of", path))?;
        self.named_metadata(to, new_name, stat, path)
    }

    /// Makes something new; what has its name goes first, as far as the rules allow.
    fn making<T>(
        &self,
        to: BorrowedFd<'_>,
        name: &[u8],
        is_directory: bool,
        make: impl Fn() -> rustix::io::Result<T>,
    ) -> rustix::io::Result<Option<T>> {
        match make() {
            Err(Errno::EXIST) if self.rules.existing() != Existing::Unexpected => {}
            other => return other.map(Some),
        }
        let there = rustix::fs::statat(to, name, AtFlags::SYMLINK_NOFOLLOW)?;
        match (is_directory, FileType::from_raw_mode(there.st_mode) == FileType::Directory) {
            (true, true) => return Ok(None),
            (false, false) => rustix::fs::unlinkat(to, name, AtFlags::empty())?,
            _ if self.rules.existing() == Existing::Replaced => crate::remove::remove_below(to, name)?,
            (true, false) => return Err(Errno::NOTDIR),
            (false, true) => return Err(Errno::ISDIR),
        }
        make().map(Some)
    }

    fn file(
        &mut self,
        from: BorrowedFd<'_>,
        name: &[u8],
        to: BorrowedFd<'_>,
        new_name: &[u8],
        path: &[u8],
        stat: &Stat,
    ) -> Result<(), CopyError> {
        if stat.st_nlink > 1
            && let Some(first) = self.linked.get(&(stat.st_dev, stat.st_ino))
        {
            let (parent, first_name) = match first.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => {
                    (first.get(..slash).unwrap_or_default(), first.get(slash + 1..).unwrap_or_default())
                }
                None => (&b""[..], first.as_slice()),
            };
            let parent = open_below(self.target, parent).map_err(failed("open the copy of", first))?;
            let link = || rustix::fs::linkat(&parent, first_name, to, new_name, AtFlags::empty());
            self.making(to, new_name, false, link).map_err(failed("link the copy of", path))?;
            return Ok(());
        }
        // A pipe put in its place must not keep us waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let source = rustix::fs::openat(from, name, flags, Mode::empty()).map_err(failed("open", path))?;
        self.open_file(source.as_fd(), to, new_name, path)
    }

    fn open_file(
        &mut self,
        source: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        new_name: &[u8],
        path: &[u8],
    ) -> Result<(), CopyError> {
        let stat = rustix::fs::fstat(source).map_err(failed("look at", path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed("copy, as a regular file,", path)(Errno::INVAL).into());
        }
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let make = || rustix::fs::openat(to, new_name, flags, Mode::RUSR | Mode::WUSR);
        let made = match self.making(to, new_name, false, make) {
            // Something is mounted there, which cannot be replaced but can be written.
            Err(Errno::BUSY) => {
                let flags =
                    OFlags::TRUNC | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                rustix::fs::openat(to, new_name, flags, Mode::empty()).map(Some)
            }
            other => other,
        };
        let target = made.map_err(failed("make the copy of", path))?;
        let target = target.ok_or_else(|| failed("make the copy of", path)(Errno::EXIST))?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        data::copy(source, target.as_fd(), size).map_err(failed("copy", path))?;
        self.finish(source, target.as_fd(), &stat, path)?;
        if stat.st_nlink > 1 {
            self.linked.insert((stat.st_dev, stat.st_ino), path.to_vec());
        }
        Ok(())
    }

    fn owner(&self, stat: &Stat, path: &[u8]) -> Result<(Uid, Gid), CopyError> {
        match (self.rules.user(stat.st_uid), self.rules.group(stat.st_gid)) {
            (Some(uid), Some(gid)) if uid != u32::MAX && gid != u32::MAX => {
                Ok((Uid::from_raw(uid), Gid::from_raw(gid)))
            }
            _ => Err(CopyError::Unmapped {
                path: PathBuf::from(OsStr::from_bytes(if path.is_empty() { b"." } else { path })),
                uid: stat.st_uid,
                gid: stat.st_gid,
            }),
        }
    }

    /// Owner, mode, attributes and times of an open file or directory, in the order in which none undoes another.
    fn finish(
        &self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        stat: &Stat,
        path: &[u8],
    ) -> Result<(), CopyError> {
        let (uid, gid) = self.owner(stat, path)?;
        rustix::fs::fchown(to, Some(uid), Some(gid)).map_err(failed("set the owner of the copy of", path))?;
        rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))
            .map_err(failed("set the mode of the copy of", path))?;
        xattr::copy(from, to, self.rules).map_err(failed("copy the attributes of", path))?;
        rustix::fs::futimens(to, &times(stat)).map_err(failed("set the times of the copy of", path))?;
        Ok(())
    }

    /// The same for what cannot be opened.
    fn named_metadata(
        &self,
        to: BorrowedFd<'_>,
        name: &[u8],
        stat: &Stat,
        path: &[u8],
    ) -> Result<(), CopyError> {
        let (uid, gid) = self.owner(stat, path)?;
        rustix::fs::chownat(to, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(failed("set the owner of the copy of", path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            crate::dir::chmod_no_link(to, name, Mode::from_raw_mode(stat.st_mode & 0o7777))
                .map_err(failed("set the mode of the copy of", path))?;
        }
        rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(failed("set the times of the copy of", path))?;
        Ok(())
    }
}
