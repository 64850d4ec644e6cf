//! Copying a directory tree, by handles, without following any symbolic link.
//!
//! Of the directories on the way down none is held open, so that a deep tree takes no more descriptors than a flat one:
//! whoever comes back up opens the one above anew, and looks whether it is the same.

mod links;

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, CWD, Dir, DirEntry, FileType, Gid, Mode, OFlags, Timestamps, Uid, XattrFlags, chownat, fchmod,
    fgetxattr, flistxattr, fsetxattr, fstat, mkdirat, mknodat, openat, readlinkat, statat, symlinkat,
    utimensat,
};
use rustix::io::Errno;

use links::Links;

/// Deepest tree that is copied; an image has no business being deeper.
const MAX_DEPTH: u32 = 512;

/// Copies what is in `from` into the directory `to`, and gives `to` the owner, mode and times of `from`. A file that has
/// several names in `from` is one in `to`, too.
///
/// # Errors
/// The kernel's error.
pub(crate) fn copy_contents(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let ours = (reopened(from.as_fd())?, reopened(to.as_fd())?);
    copy_entries(ours.0, ours.1, &mut Links::new(to.as_fd()), MAX_DEPTH)?;
    copy_own_attributes(from, to)
}

/// Gives `to` the owner and mode of `from`.
///
/// # Errors
/// The kernel's error.
pub(crate) fn copy_owner(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let stat = fstat(from)?;
    rustix::fs::fchown(&to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777))
}

/// A directory's number, by which it is known again.
fn number(directory: &OwnedFd) -> Result<(u64, u64), Errno> {
    fstat(directory).map(|it| (it.st_dev, it.st_ino))
}

/// Opens the directory above, which must be the one with this number: somebody may have moved things meanwhile.
fn above(directory: &OwnedFd, expected: (u64, u64)) -> Result<OwnedFd, Errno> {
    let found = openat(directory, "..", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    if number(&found)? == expected { Ok(found) } else { Err(Errno::STALE) }
}

/// Opens a directory in another one.
fn below(directory: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    openat(directory, name, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The names of what is in a directory.
fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    entries(directory)?.map(|it| it.map(|it| it.file_name().to_owned())).collect()
}

/// Does something in a directory, with nothing held open above it; gives both again.
fn inside(
    directory: OwnedFd,
    inner: OwnedFd,
    work: impl FnOnce(OwnedFd) -> Result<OwnedFd, Errno>,
) -> Result<(OwnedFd, OwnedFd), Errno> {
    let expected = number(&directory)?;
    drop(directory);
    let inner = work(inner)?;
    Ok((above(&inner, expected)?, inner))
}

/// Copies what is in `from` into `to`; gives both again.
fn copy_entries(
    mut from: OwnedFd,
    mut to: OwnedFd,
    links: &mut Links<'_>,
    depth: u32,
) -> Result<(OwnedFd, OwnedFd), Errno> {
    if depth == 0 {
        return Err(Errno::NAMETOOLONG);
    }
    for name in names(&from)? {
        let name = name.as_c_str();
        let stat = statat(&from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                mkdirat(&to, name, Mode::RWXU)?;
                let inner = (below(&from, name)?, below(&to, name)?);
                let expected = (number(&from)?, number(&to)?);
                drop((from, to));
                links.enter(name);
                let inner = copy_entries(inner.0, inner.1, links, depth - 1)?;
                links.leave();
                // Before it gets its mode, which may let nobody through.
                (from, to) = (above(&inner.0, expected.0)?, above(&inner.1, expected.1)?);
                copy_own_attributes(inner.0, inner.1)?;
            }
            FileType::RegularFile if links.link(&stat, to.as_fd(), name)? => {}
            FileType::RegularFile => {
                let source = openat(
                    &from,
                    name,
                    OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
                    Mode::empty(),
                )?;
                let create =
                    OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let target = openat(&to, name, create, Mode::RUSR | Mode::WUSR)?;
                copy_bytes(&source, &target)?;
                copy_attributes(&source, &target)?;
                rustix::fs::fchown(&target, owner.0, owner.1)?;
                fchmod(&target, mode)?;
                let times = Timestamps {
                    last_access: time(stat.st_atime, stat.st_atime_nsec),
                    last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
                };
                rustix::fs::futimens(&target, &times)?;
            }
            FileType::Symlink => {
                let link = readlinkat(&from, name, Vec::new())?;
                symlinkat(&*link, &to, name)?;
                chownat(&to, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            kind @ (FileType::Fifo | FileType::Socket) => {
                mknodat(&to, name, kind, mode, 0)?;
                chownat(&to, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
            }
            // Device nodes and overlay's whiteouts: not for a volume.
            _ => {}
        }
        if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink {
            let times = Timestamps {
                last_access: time(stat.st_atime, stat.st_atime_nsec),
                last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
            };
            utimensat(&to, name, &times, AtFlags::SYMLINK_NOFOLLOW)?;
        }
    }
    Ok((from, to))
}

/// Gives the directory `to` what the directory `from` has of its own: attributes, owner, mode and times.
///
/// # Errors
/// The kernel's error.
pub(crate) fn copy_own_attributes(from: impl AsFd, to: impl AsFd) -> Result<(), Errno> {
    let (source, target) = (reopened(from.as_fd())?, reopened(to.as_fd())?);
    copy_attributes(&source, &target)?;
    copy_owner(&source, &target)?;
    let stat = fstat(&source)?;
    let times = Timestamps {
        last_access: time(stat.st_atime, stat.st_atime_nsec),
        last_modification: time(stat.st_mtime, stat.st_mtime_nsec),
    };
    rustix::fs::futimens(&target, &times)
}

/// Gives a file, or a directory with all that is in it, to somebody. No link is followed.
///
/// As in Podman, what belongs to them already is left as it is, with all that is in it: they may have given some of that to
/// others since. So the top comes last, or what was interrupted would never be brought to its end.
///
/// # Errors
/// The kernel's error.
pub(crate) fn give(handle: &OwnedFd, uid: u32, gid: u32) -> Result<(), Errno> {
    let stat = statat(handle, "", AtFlags::EMPTY_PATH)?;
    if (stat.st_uid, stat.st_gid) == (uid, gid) {
        return Ok(());
    }
    let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
    if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        give_entries(reopened(handle.as_fd())?, owner, MAX_DEPTH)?;
    }
    chownat(handle, "", owner.0, owner.1, AtFlags::EMPTY_PATH)
}

fn give_entries(
    mut directory: OwnedFd,
    owner: (Option<Uid>, Option<Gid>),
    depth: u32,
) -> Result<OwnedFd, Errno> {
    if depth == 0 {
        return Err(Errno::NAMETOOLONG);
    }
    for name in names(&directory)? {
        chownat(&directory, &*name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
        match below(&directory, &name) {
            Ok(inner) => (directory, _) = inside(directory, inner, |it| give_entries(it, owner, depth - 1))?,
            Err(Errno::NOTDIR | Errno::LOOP) => {}
            Err(err) => return Err(err),
        }
    }
    Ok(directory)
}

/// Gives a group what is mounted, with all that is in it: to read and, if it is `writable`, to write; what is made in its
/// directories later is the group's as well. No link is followed. This is what Kubernetes does for `fsGroup`.
///
/// # Errors
/// The kernel's error.
pub(crate) fn share(handle: &OwnedFd, gid: u32, writable: bool) -> Result<(), Errno> {
    let gid = Gid::from_raw(gid);
    let rights = if writable { 0o660 } else { 0o440 };
    if crate::paths::kind(handle)? == FileType::Directory {
        return share_directory(reopened(handle.as_fd())?, gid, rights, MAX_DEPTH).map(drop);
    }
    // A single file keeps its mode: it is held by its place alone.
    chownat(handle, "", None, Some(gid), AtFlags::EMPTY_PATH)
}

fn share_directory(mut directory: OwnedFd, gid: Gid, rights: u32, depth: u32) -> Result<OwnedFd, Errno> {
    if depth == 0 {
        return Err(Errno::NAMETOOLONG);
    }
    for name in names(&directory)? {
        match FileType::from_raw_mode(statat(&directory, &*name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode) {
            FileType::Directory => {
                let inner = below(&directory, &name)?;
                (directory, _) = inside(directory, inner, |it| share_directory(it, gid, rights, depth - 1))?;
            }
            FileType::RegularFile => {
                let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
                share_one(&openat(&directory, &*name, flags, Mode::empty())?, gid, rights)?;
            }
            _ => chownat(&directory, &*name, None, Some(gid), AtFlags::SYMLINK_NOFOLLOW)?,
        }
    }
    share_one(&directory, gid, rights | 0o2110)?;
    Ok(directory)
}

fn share_one(file: &OwnedFd, gid: Gid, rights: u32) -> Result<(), Errno> {
    let stat = fstat(file)?;
    rustix::fs::fchown(file, None, Some(gid))?;
    // After that: a change of the owner takes bits away.
    fchmod(file, Mode::from_raw_mode(stat.st_mode & 0o7777 | rights))
}

/// What is in a directory, but for itself and the one above.
///
/// # Errors
/// The kernel's error, at once or when it comes to it.
pub(crate) fn entries(directory: impl AsFd) -> Result<impl Iterator<Item = Result<DirEntry, Errno>>, Errno> {
    let is_other = |entry: &DirEntry| !matches!(entry.file_name().to_bytes(), b"." | b"..");
    Ok(Dir::read_from(directory)?.filter(move |it| it.as_ref().map_or(true, is_other)))
}

/// A readable descriptor of the same directory.
fn reopened(directory: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    openat(directory, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn time(seconds: i64, nanoseconds: u64) -> rustix::fs::Timespec {
    rustix::fs::Timespec { tv_sec: seconds, tv_nsec: nanoseconds.cast_signed() }
}

fn copy_bytes(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    let mut buffer = vec![0u8; 128 << 10];
    loop {
        let count = match rustix::io::read(from, &mut buffer) {
            Ok(0) => return Ok(()),
            Err(Errno::INTR) => continue,
            other => other?,
        };
        let mut rest = buffer.get(..count).unwrap_or_default();
        while !rest.is_empty() {
            let written = rustix::io::write(to, rest)?;
            rest = rest.get(written..).unwrap_or_default();
        }
    }
}

/// Extended attributes, but for overlay's own marks, which must not be taken for truth in another place.
fn copy_attributes(from: &OwnedFd, to: &OwnedFd) -> Result<(), Errno> {
    let mut names = vec![0u8; 64 << 10];
    let length = match flistxattr(from, &mut names) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        other => other?,
    };
    for name in names.get(..length).unwrap_or_default().split(|it| *it == 0).filter(|it| !it.is_empty()) {
        if name.starts_with(b"user.overlay.") || name.starts_with(b"trusted.") {
            continue;
        }
        let mut value = vec![0u8; 64 << 10];
        let length = match fgetxattr(from, name, &mut value) {
            Err(Errno::NODATA | Errno::OPNOTSUPP) => continue,
            other => other?,
        };
        match fsetxattr(to, name, value.get(..length).unwrap_or_default(), XattrFlags::empty()) {
            // What this file system or namespace does not let us set (security labels) is left behind.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::PERM) => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Removes the entries below a directory of the host that a first copy left unfinished.
pub(crate) fn remove_leftover(path: &std::path::Path) -> Result<(), Errno> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(Errno::from_io_error(&err).unwrap_or(Errno::IO)),
    }
}

/// Removes an entry of a directory, whatever it is, with all that is in it.
///
/// # Errors
/// The kernel's error.
pub(crate) fn remove_entry(directory: &OwnedFd, name: &str) -> Result<(), Errno> {
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    remove_below(reopened(directory.as_fd())?, &name, MAX_DEPTH).map(drop)
}

fn remove_below(mut directory: OwnedFd, name: &CStr, depth: u32) -> Result<OwnedFd, Errno> {
    match below(&directory, name) {
        Ok(_) if depth == 0 => return Err(Errno::NAMETOOLONG),
        Ok(inner) => {
            let (above, _) = inside(directory, inner, |mut it| {
                for name in names(&it)? {
                    it = remove_below(it, &name, depth - 1)?;
                }
                Ok(it)
            })?;
            directory = above;
            rustix::fs::unlinkat(&directory, name, AtFlags::REMOVEDIR)?;
        }
        Err(Errno::NOENT) => {}
        Err(Errno::NOTDIR | Errno::LOOP) => rustix::fs::unlinkat(&directory, name, AtFlags::empty())?,
        Err(err) => return Err(err),
    }
    Ok(directory)
}

/// Makes an empty directory of the host and opens it.
pub(crate) fn fresh_directory(path: &std::path::Path) -> Result<OwnedFd, Errno> {
    remove_leftover(path)?;
    mkdirat(CWD, path, Mode::RWXU)?;
    openat(CWD, path, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    #[test]
    fn what_belongs_to_somebody_already_is_not_walked() {
        let place = std::env::temp_dir().join(format!("pontoon-give-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(&place).unwrap();
        let own = fs::metadata(&place).unwrap();
        // The handle can neither be listed nor changed through, which a walk would need.
        fs::set_permissions(&place, fs::Permissions::from_mode(0o0)).unwrap();
        let top = openat(CWD, &place, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        assert_eq!(give(&top, own.uid(), own.gid()), Ok(()));
        fs::remove_dir(place).unwrap();
    }

    /// What the walks of the deep tree hold open, at most.
    #[test]
    fn a_deep_tree_takes_no_more_descriptors_than_a_flat_one() {
        let place = std::env::temp_dir().join(format!("pontoon-deep-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        let deep = std::path::PathBuf::from(["d"; 450].join("/"));
        fs::create_dir_all(place.join("from").join(&deep)).unwrap();
        fs::create_dir_all(place.join("to/copy")).unwrap();
        fs::write(place.join("from").join(&deep).join("file"), b"x").unwrap();
        let open = |name: &str| {
            openat(CWD, place.join(name), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
        };
        let (from, to) = (open("from"), open("to"));
        let copy = open("to/copy");
        let old = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        let few = rustix::process::Rlimit { current: Some(300), ..old };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, few).unwrap();
        let copied = copy_contents(&from, &copy);
        let own = fstat(&to).unwrap();
        let shared = share(&copy, own.st_gid, true);
        let read = fs::read(place.join("to/copy").join(&deep).join("file"));
        let removed = remove_entry(&to, "copy");
        rustix::process::setrlimit(rustix::process::Resource::Nofile, old).unwrap();
        assert_eq!((copied, shared, removed), (Ok(()), Ok(()), Ok(())));
        assert_eq!(read.unwrap(), b"x");
        assert!(!place.join("to/copy").exists());
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_file_with_several_names_is_one_in_the_copy_too() {
        let place = std::env::temp_dir().join(format!("pontoon-links-{}", std::process::id()));
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("from/a/b")).unwrap();
        fs::create_dir_all(place.join("to")).unwrap();
        fs::write(place.join("from/a/b/one"), b"x").unwrap();
        fs::write(place.join("from/alone"), b"x").unwrap();
        fs::hard_link(place.join("from/a/b/one"), place.join("from/two")).unwrap();
        fs::hard_link(place.join("from/a/b/one"), place.join("from/a/three")).unwrap();
        let open = |name: &str| {
            openat(CWD, place.join(name), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap()
        };
        copy_contents(open("from"), open("to")).unwrap();
        let number = |name: &str| fs::metadata(place.join("to").join(name)).unwrap().ino();
        assert_eq!(number("a/b/one"), number("two"));
        assert_eq!(number("a/b/one"), number("a/three"));
        assert_eq!(fs::metadata(place.join("to/two")).unwrap().nlink(), 3);
        assert_eq!(fs::metadata(place.join("to/alone")).unwrap().nlink(), 1);
        fs::remove_dir_all(place).unwrap();
    }
}
