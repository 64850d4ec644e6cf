//! What is in a mount before it has a place: copies of what the image has there.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{CWD, Dir, FileType, Gid, Mode, OFlags, Uid, fstat, openat};
use rustix::io::Errno;

use crate::{paths, tree};

/// Where a copy is made in what is to be filled.
const STAGING: &str = ".pontoon-filling";

pub(super) fn reopen_directory(handle: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(handle, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The content of the image's directory, with its owner and mode unless options say which they are.
pub(super) fn copy_into_tmpfs(
    from: &OwnedFd,
    to: &OwnedFd,
    options: &[(String, String)],
) -> Result<(), Errno> {
    let before = fstat(to)?;
    tree::copy_contents(from, to)?;
    let has = |name: &str| options.iter().any(|(key, _)| key == name);
    let (uid, gid) = (
        has("uid").then_some(Uid::from_raw(before.st_uid)),
        has("gid").then_some(Gid::from_raw(before.st_gid)),
    );
    if uid.is_some() || gid.is_some() {
        rustix::fs::fchown(to, uid, gid)?;
    }
    if has("mode") {
        rustix::fs::fchmod(to, Mode::from_raw_mode(before.st_mode & 0o7777))?;
    }
    Ok(())
}

/// Fills a volume that is empty: with the image's directory where there is one, else it is given to the container's user.
/// Without ids for that user the volume keeps its owner and mode, whatever is copied into it.
///
/// The copy is made beside the volume and renamed over its empty directory, so a crash leaves it empty or complete.
pub(super) fn first_copy_into(
    root: &OwnedFd,
    target: &str,
    volume: &Path,
    staging: &Path,
    user: Option<(u32, u32)>,
) -> Result<(), Errno> {
    let directory = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let current = openat(CWD, volume, directory, Mode::empty())?;
    if !paths::is_empty(&current)? {
        return Ok(());
    }
    tree::remove_leftover(staging)?;
    let source = match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => source,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
            let Some((uid, gid)) = user else { return Ok(()) };
            return rustix::fs::fchown(&current, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        }
        Err(err) => return Err(err),
    };
    if paths::is_empty(&source)? {
        return if user.is_some() { tree::copy_owner(&source, &current) } else { Ok(()) };
    }
    let copy = tree::fresh_directory(staging)?;
    tree::copy_contents(&source, &copy)?;
    if user.is_none() {
        tree::copy_owner(&current, &copy)?;
    }
    rustix::fs::syncfs(&copy)?;
    rustix::fs::rename(staging, volume)
}

/// Fills what is mounted with the image's directory, if there is nothing in it.
///
/// The copy is made in a directory of its own, whose entries are moved when it is whole. What a crash has left there is no
/// content.
pub(super) fn fill(root: &OwnedFd, target: &str, mounted: &OwnedFd) -> Result<(), Errno> {
    if paths::kind(mounted)? != FileType::Directory {
        return Ok(());
    }
    let source = match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => source,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(err) => return Err(err),
    };
    let place = reopen_directory(mounted)?;
    tree::remove_entry(&place, STAGING)?;
    if !paths::is_empty(&reopen_directory(mounted)?)? || paths::is_empty(reopen_directory(&source)?)? {
        return Ok(());
    }
    rustix::fs::mkdirat(&place, STAGING, Mode::RWXU)?;
    let staging = openat(&place, STAGING, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    tree::copy_contents(&source, &staging)?;
    rustix::fs::syncfs(&staging)?;
    tree::copy_owner(&staging, &place)?;
    for entry in Dir::read_from(&staging)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            rustix::fs::renameat(&staging, entry.file_name(), &place, entry.file_name())?;
        }
    }
    rustix::fs::unlinkat(&place, STAGING, rustix::fs::AtFlags::REMOVEDIR)
}
