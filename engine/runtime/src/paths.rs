//! Paths inside a container's root, always through a handle of that root.
//!
//! Every lookup uses `openat2` with `RESOLVE_IN_ROOT`: an absolute or climbing symbolic link of the image stays inside, and
//! one that is exchanged while we look cannot lead out (CVE-2021-30465, CVE-2019-16884).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, ResolveFlags, mkdirat, openat, openat2, readlinkat, statat,
};
use rustix::io::Errno;

/// How often a dangling symbolic link is followed when its target is to be made.
const MAX_LINKS: u32 = 16;

const INSIDE: ResolveFlags = ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS);

/// Opens a path inside `root`.
///
/// # Errors
/// The kernel's error.
pub fn open(root: impl AsFd, path: impl AsRef<Path>, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry(|| openat2(&root, path.as_ref(), flags | OFlags::CLOEXEC, Mode::empty(), INSIDE))
}

/// Opens what is a part of `root`. A link that leads out, as an absolute one does, has no meaning there: unlike in a root file
/// system nobody has said what it starts from.
///
/// # Errors
/// `EXDEV` if a link leads out, else the kernel's error.
pub(crate) fn open_part(root: impl AsFd, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    let path = match path.trim_start_matches('/') {
        "" => ".",
        part => part,
    };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    retry(|| openat2(&root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve))
}

/// Opens a directory inside `root` that must not be, nor lie behind, a symbolic link.
///
/// # Errors
/// `ELOOP` if there is a link, `ENOTDIR` if it is no directory, else the kernel's error.
pub fn open_real_directory(root: impl AsFd, path: impl AsRef<Path>) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    retry(|| openat2(&root, path.as_ref(), flags, Mode::empty(), INSIDE | ResolveFlags::NO_SYMLINKS))
}

/// A handle of the root that this process has.
pub(crate) fn open_root() -> Result<OwnedFd, Errno> {
    rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// `openat2` gives `EAGAIN` when a rename or mount elsewhere in the system coincides with the lookup.
fn retry(mut open: impl FnMut() -> Result<OwnedFd, Errno>) -> Result<OwnedFd, Errno> {
    for _ in 0..1000 {
        match open() {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    }
    Err(Errno::AGAIN)
}

/// What is to be made where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// A directory.
    Directory,
    /// An empty regular file.
    File,
}

/// Opens `path` inside `root` as a mere handle (`O_PATH`), making it, and the directories above it, if missing.
///
/// # Errors
/// `EISDIR` or `ENOTDIR` if something of the other kind is there, `ELOOP` for endless links, else the kernel's error.
pub fn open_or_make(root: impl AsFd, path: impl AsRef<Path>, make: Make) -> Result<OwnedFd, Errno> {
    let found = make_at(root.as_fd(), path.as_ref(), make, MAX_LINKS)?;
    let is_directory = FileType::from_raw_mode(rustix::fs::fstat(&found)?.st_mode) == FileType::Directory;
    match (make, is_directory) {
        (Make::Directory, false) => Err(Errno::NOTDIR),
        (Make::File, true) => Err(Errno::ISDIR),
        _ => Ok(found),
    }
}

fn make_at(root: BorrowedFd<'_>, path: &Path, make: Make, links: u32) -> Result<OwnedFd, Errno> {
    match open(root, path, OFlags::PATH) {
        Err(Errno::NOENT) => {}
        other => return other,
    }
    if links == 0 {
        return Err(Errno::LOOP);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::NOENT) };
    let directory = make_at(root, parent, Make::Directory, links - 1)?;
    // `directory` may be a handle without read rights; the *at calls need none.
    let made = match make {
        Make::Directory => mkdirat(&directory, name, Mode::from_raw_mode(0o755)),
        Make::File => {
            let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::WRONLY | OFlags::CLOEXEC;
            openat(&directory, name, flags, Mode::from_raw_mode(0o644)).map(drop)
        }
    };
    match made {
        Ok(()) => open(root, path, OFlags::PATH),
        // Somebody else made it meanwhile, or it is a link whose target is missing: make that.
        Err(Errno::EXIST) => match readlinkat(&directory, name, Vec::new()) {
            Ok(link) => {
                let link = PathBuf::from(std::ffi::OsString::from(link.to_string_lossy().into_owned()));
                let target = if link.is_absolute() { link } else { parent.join(link) };
                make_at(root, &without_dots(&target), make, links - 1)
            }
            Err(Errno::INVAL) => open(root, path, OFlags::PATH),
            Err(err) => Err(err),
        },
        Err(err) => Err(err),
    }
}

/// Folds `.` and `..` by text; above the root there is only the root.
fn without_dots(path: &Path) -> PathBuf {
    let mut folded = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => folded.push(name),
            Component::ParentDir => {
                folded.pop();
            }
            _ => {}
        }
    }
    folded
}

/// Whether a directory handle has no entries.
pub(crate) fn is_empty(directory: impl AsFd) -> Result<bool, Errno> {
    let listing = rustix::fs::Dir::read_from(directory)?;
    for entry in listing {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The type of what a handle refers to.
pub(crate) fn kind(of: impl AsFd) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(statat(of, c"", AtFlags::EMPTY_PATH)?.st_mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn fixture(name: &str) -> (PathBuf, OwnedFd) {
        let base = std::env::temp_dir().join(format!("pontoon-paths-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(base.join("root")).unwrap();
        let root = openat(rustix::fs::CWD, base.join("root"), OFlags::PATH, Mode::empty()).unwrap();
        (base, root)
    }

    #[test]
    fn a_part_is_reached_by_no_link_that_leads_out() {
        let (base, root) = fixture("part");
        fs::create_dir_all(base.join("root/a/b")).unwrap();
        for (target, name) in
            [("/", "whole"), ("/a", "absolute"), ("a/b", "in"), ("..", "a/up"), ("../..", "a/above")]
        {
            symlink(target, base.join("root").join(name)).unwrap();
        }
        for (path, expected) in [
            ("a/b", Ok(())),
            ("/a/b", Ok(())),
            ("/", Ok(())),
            ("in", Ok(())),
            ("a/up", Ok(())),
            ("whole", Err(Errno::XDEV)),
            ("absolute", Err(Errno::XDEV)),
            ("a/above", Err(Errno::XDEV)),
            ("in/../../..", Err(Errno::XDEV)),
            ("nothing", Err(Errno::NOENT)),
        ] {
            assert_eq!(open_part(&root, path, OFlags::PATH).map(drop), expected, "{path}");
        }
        fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn missing_directories_are_made() {
        let (base, root) = fixture("make");
        open_or_make(&root, "/a/b/c", Make::Directory).unwrap();
        open_or_make(&root, "/a/b/file", Make::File).unwrap();
        assert!(base.join("root/a/b/c").is_dir() && base.join("root/a/b/file").is_file());
    }

    #[test]
    fn links_that_climb_stay_inside() {
        let (base, root) = fixture("climb");
        fs::create_dir(base.join("outside")).unwrap();
        symlink(base.join("outside"), base.join("root/absolute")).unwrap();
        symlink("../../../../outside", base.join("root/relative")).unwrap();
        open_or_make(&root, "/absolute/x", Make::Directory).unwrap();
        open_or_make(&root, "/relative/x", Make::File).unwrap();
        assert_eq!(fs::read_dir(base.join("outside")).unwrap().count(), 0);
        assert!(base.join("root/outside/x").is_file());
    }

    #[test]
    fn a_dangling_link_has_its_target_made_inside() {
        let (base, root) = fixture("dangling");
        fs::create_dir(base.join("root/etc")).unwrap();
        symlink("../run/systemd/resolve/stub.conf", base.join("root/etc/resolv.conf")).unwrap();
        open_or_make(&root, "/etc/resolv.conf", Make::File).unwrap();
        assert!(base.join("root/run/systemd/resolve/stub.conf").is_file());
    }

    #[test]
    fn links_that_lead_in_a_circle_are_an_error() {
        let (base, root) = fixture("circle");
        symlink("b", base.join("root/a")).unwrap();
        symlink("a", base.join("root/b")).unwrap();
        assert_eq!(open_or_make(&root, "/a/x", Make::Directory).map(drop), Err(Errno::LOOP));
    }

    #[test]
    fn a_link_is_no_real_directory() {
        let (base, root) = fixture("real");
        fs::create_dir(base.join("root/real")).unwrap();
        symlink("real", base.join("root/proc")).unwrap();
        assert_eq!(open_real_directory(&root, "/proc").map(drop), Err(Errno::LOOP));
        assert!(open_real_directory(&root, "/real").is_ok());
    }

    #[test]
    fn a_file_in_the_way_is_named_as_such() {
        let (base, root) = fixture("kind");
        fs::write(base.join("root/file"), "").unwrap();
        fs::create_dir(base.join("root/dir")).unwrap();
        assert_eq!(open_or_make(&root, "/file", Make::Directory).map(drop), Err(Errno::NOTDIR));
        assert_eq!(open_or_make(&root, "/dir", Make::File).map(drop), Err(Errno::ISDIR));
    }
}
