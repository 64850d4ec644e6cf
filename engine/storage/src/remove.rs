//! Deleting a tree by handles: no link is followed, no mount is entered, no depth is too deep.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags, ResolveFlags};
use rustix::io::Errno;

use crate::dir::{self, DIRECTORY};
use crate::error::FileError;

/// Handles held at once. Deeper directories are moved up to the top of the tree first, which goes anyway.
const MAX_LEVELS: usize = 64;

/// Names of directories kept at once; a directory with more is read again.
const MAX_NAMES: usize = 4096;

const RESOLVE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_SYMLINKS)
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);

/// Deletes `name` of `dir`, and, when it is a directory, all that lies below it. What is not there is fine.
///
/// Other processes may delete the same tree at the same time. Directories without permission for their owner are given
/// it. Files of ids that are not mapped for the caller need a caller who has them mapped.
pub fn remove_tree(dir: BorrowedFd<'_>, name: &str) -> Result<(), FileError> {
    let mut removal = Removal::default();
    removal
        .remove(dir, name.as_bytes())
        .map_err(|errno| FileError::new("delete", removal.path(name.as_bytes()), errno))
}

/// The same for a name of bytes, without a path in the error.
pub(crate) fn remove_below(dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    Removal::default().remove(dir, name)
}

struct Level {
    fd: OwnedFd,
    name: Vec<u8>,
    /// Directories in it that were seen and not yet entered.
    children: Vec<Vec<u8>>,
}

#[derive(Default)]
struct Removal {
    levels: Vec<Level>,
    moved: u64,
    /// What was last touched, for the error.
    last: Vec<u8>,
}

impl Removal {
    /// Where it went wrong.
    fn path(&self, top: &[u8]) -> PathBuf {
        let mut path = PathBuf::from(OsStr::from_bytes(top));
        for level in self.levels.iter().skip(1) {
            path.push(OsStr::from_bytes(&level.name));
        }
        if !self.last.is_empty() {
            path.push(OsStr::from_bytes(&self.last));
        }
        path
    }

    fn remove(&mut self, dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
        match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => return Ok(()),
            Err(Errno::ISDIR) => {}
            Err(errno) => return Err(errno),
        }
        match open(dir, name) {
            Ok(fd) => self.levels.push(Level { fd, name: name.to_vec(), children: Vec::new() }),
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(errno),
        }
        while let Some(depth) = self.levels.len().checked_sub(1) {
            if let Some(child) = self.levels.get_mut(depth).and_then(|level| level.children.pop()) {
                self.last.clone_from(&child);
                self.descend(depth, child)?;
                continue;
            }
            self.last.clear();
            let Some(level) = self.levels.get_mut(depth) else { break };
            empty(level, &mut self.last)?;
            if !level.children.is_empty() {
                continue;
            }
            let Some(done) = self.levels.pop() else { break };
            let parent = self.levels.last().map_or(dir, |level| level.fd.as_fd());
            match rustix::fs::unlinkat(parent, done.name.as_slice(), AtFlags::REMOVEDIR) {
                Ok(()) | Err(Errno::NOENT) => {}
                // Somebody made something in it meanwhile, or a deep directory was moved up to here.
                Err(Errno::NOTEMPTY | Errno::EXIST) => self.levels.push(done),
                Err(errno) => {
                    self.last = done.name;
                    return Err(errno);
                }
            }
        }
        Ok(())
    }

    /// Enters a directory, or moves it to the top of the tree when it lies too deep.
    fn descend(&mut self, depth: usize, child: Vec<u8>) -> rustix::io::Result<()> {
        let (Some(top), Some(level)) = (self.levels.first(), self.levels.get(depth)) else { return Ok(()) };
        if depth + 1 < MAX_LEVELS {
            match open(level.fd.as_fd(), &child) {
                Ok(fd) => self.levels.push(Level { fd, name: child, children: Vec::new() }),
                Err(Errno::NOENT) => {}
                // It was replaced meanwhile; the next reading sees what it is.
                Err(Errno::NOTDIR | Errno::LOOP) => {}
                Err(errno) => return Err(errno),
            }
            return Ok(());
        }
        loop {
            let name = format!(".deep-{}", self.moved);
            self.moved += 1;
            let moved = || {
                rustix::fs::renameat_with(
                    &level.fd,
                    child.as_slice(),
                    &top.fd,
                    name.as_str(),
                    RenameFlags::NOREPLACE,
                )
            };
            let result = match moved() {
                // A directory's own permission is needed to give it another parent.
                Err(Errno::ACCESS) => {
                    permit_child(level.fd.as_fd(), &child)?;
                    moved()
                }
                other => other,
            };
            match result {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// Deletes what is no directory and remembers what is one.
fn empty(level: &mut Level, last: &mut Vec<u8>) -> rustix::io::Result<()> {
    let Level { fd, children, .. } = level;
    let fd = fd.as_fd();
    let visited = dir::for_each(fd, |name, kind| {
        if kind != FileType::Directory {
            let unlinked = match rustix::fs::unlinkat(fd, name, AtFlags::empty()) {
                Err(Errno::ACCESS) => {
                    rustix::fs::fchmod(fd, Mode::RWXU)?;
                    rustix::fs::unlinkat(fd, name, AtFlags::empty())
                }
                other => other,
            };
            match unlinked {
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(Errno::ISDIR) => {}
                Err(errno) => {
                    last.clear();
                    last.extend_from_slice(name);
                    return Err(errno);
                }
            }
        }
        children.push(name.to_vec());
        if children.len() < MAX_NAMES { Ok(()) } else { Err(Errno::TOOBIG) }
    });
    match visited {
        Err(Errno::TOOBIG) if children.len() >= MAX_NAMES => {}
        other => other?,
    }
    if !children.is_empty() && rustix::fs::fstat(fd)?.st_mode & 0o300 != 0o300 {
        // Its directories are deleted from here later. Whoever is not the owner may still have the right.
        let _ = rustix::fs::fchmod(fd, Mode::RWXU);
    }
    Ok(())
}

/// Opens a directory, giving its owner permission where it lacks it.
fn open(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    let attempt = || loop {
        match rustix::fs::openat2(parent, name, DIRECTORY, Mode::empty(), RESOLVE) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            other => return other,
        }
    };
    match attempt() {
        Err(Errno::ACCESS) => {
            permit_child(parent, name)?;
            attempt()
        }
        other => other,
    }
}

/// Gives the owner of a directory permission to list and change it, without following a link that may stand there now.
fn permit_child(parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    use std::os::fd::AsRawFd;

    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let held = rustix::fs::openat2(parent, name, flags, Mode::empty(), RESOLVE)?;
    // A handle without permissions takes no fchmod; its entry in /proc leads to the very same directory.
    rustix::fs::chmod(format!("/proc/self/fd/{}", held.as_raw_fd()), Mode::RWXU)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestDir;

    #[test]
    fn links_are_deleted_and_not_followed() {
        let test = TestDir::new();
        test.write("outside/canary", b"alive");
        test.make("tree/a/b");
        test.write("tree/a/file", b"x");
        test.symlink("tree/a/b/link", &test.path("outside").to_string_lossy());
        test.symlink("tree/to-file", &test.path("outside/canary").to_string_lossy());
        remove_tree(test.fd(), "tree").unwrap();
        assert!(!test.exists("tree"));
        assert_eq!(test.read("outside/canary"), b"alive");
        test.symlink("top", "outside");
        remove_tree(test.fd(), "top").unwrap();
        assert_eq!(test.read("outside/canary"), b"alive");
    }

    #[test]
    fn what_is_not_there_is_fine() {
        remove_tree(TestDir::new().fd(), "nothing").unwrap();
    }

    #[test]
    fn a_tree_deeper_than_any_path_goes() {
        let test = TestDir::new();
        test.make("tree");
        let mut here = rustix::fs::openat(test.fd(), "tree", DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..5000 {
            rustix::fs::mkdirat(&here, "d", Mode::RWXU).unwrap();
            crate::record::write_fresh(here.as_fd(), "f", b"", crate::Durability::Volatile).unwrap();
            here = rustix::fs::openat(&here, "d", DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(test.fd(), "tree").unwrap();
        assert!(!test.exists("tree"));
    }

    #[test]
    fn a_directory_with_more_children_than_are_kept_goes() {
        let test = TestDir::new();
        for index in 0..MAX_NAMES * 2 + 10 {
            test.make(&format!("tree/{index}"));
        }
        remove_tree(test.fd(), "tree").unwrap();
        assert!(!test.exists("tree"));
    }

    #[test]
    fn directories_without_permissions_go_for_their_owner() {
        crate::testing::as_plain_user(
            "remove::tests::directories_without_permissions_go_for_their_owner",
            || {
                let test = TestDir::new();
                test.write("tree/closed/inner/file", b"x");
                test.write("tree/readonly/file", b"x");
                for closed in ["tree/closed/inner", "tree/closed", "tree/readonly", "tree"] {
                    let mode = if closed.ends_with("readonly") { 0o500 } else { 0 };
                    rustix::fs::chmod(test.path(closed), Mode::from_raw_mode(mode)).unwrap();
                }
                remove_tree(test.fd(), "tree").unwrap();
                assert!(!test.exists("tree"));
            },
        );
    }
}
