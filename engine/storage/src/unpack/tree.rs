//! The layer's directory while it grows: finding parents, making directories, clearing the way for an entry.

use std::cell::Cell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

use super::{UnpackOptions, whiteout};
use crate::dir::DIRECTORY;

/// Links inside the layer mean the layer's own root; mount points and magic links have no business there.
const RESOLVE: ResolveFlags =
    ResolveFlags::IN_ROOT.union(ResolveFlags::NO_MAGICLINKS).union(ResolveFlags::NO_XDEV);

pub(super) struct Tree<'a> {
    root: BorrowedFd<'a>,
    pub options: UnpackOptions,
    /// The directory of the last entry: archives name a directory's files one after another.
    current_path: Vec<u8>,
    current: Option<OwnedFd>,
    /// Whether an entry took the place of an earlier one.
    replaced: Cell<bool>,
}

impl<'a> Tree<'a> {
    pub fn new(root: BorrowedFd<'a>, options: UnpackOptions) -> Self {
        Self { root, options, current_path: Vec::new(), current: None, replaced: Cell::new(false) }
    }

    /// Whether an entry has taken the place of an earlier one.
    pub fn has_replaced(&self) -> bool {
        self.replaced.get()
    }

    /// The directory entered last.
    pub fn here(&self) -> BorrowedFd<'_> {
        self.current.as_ref().map_or(self.root, |fd| fd.as_fd())
    }

    /// Makes `parent` the current directory; what is missing of it is made.
    pub fn enter(&mut self, parent: &[u8]) -> rustix::io::Result<()> {
        if parent.is_empty() {
            self.current = None;
            return Ok(());
        }
        if self.current.is_some() && self.current_path == parent {
            return Ok(());
        }
        self.current = None;
        let opened = match self.open(parent, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC) {
            // A whiteout may stand where a directory is needed now.
            Err(Errno::NOENT | Errno::NOTDIR) => self.make_parents(parent)?,
            other => other?,
        };
        self.current = Some(opened);
        self.current_path.clear();
        self.current_path.extend_from_slice(parent);
        Ok(())
    }

    /// Opens something of the layer as a container would find it, with the layer as its root.
    pub fn open(&self, path: &[u8], flags: OFlags) -> rustix::io::Result<OwnedFd> {
        loop {
            match rustix::fs::openat2(self.root, path, flags, Mode::empty(), RESOLVE) {
                // Something was renamed elsewhere on the machine while `..` was resolved: the kernel wants a retry.
                Err(Errno::AGAIN | Errno::INTR) => {}
                other => return other,
            }
        }
    }

    /// Opens a directory of the layer for changes; the last component is not followed.
    pub fn open_dir(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        self.open(path, DIRECTORY)
    }

    /// Makes the directories that lead somewhere, where the archive has no entries for them.
    fn make_parents(&self, path: &[u8]) -> rustix::io::Result<OwnedFd> {
        let mut here: Option<OwnedFd> = None;
        let mut end = 0;
        for component in path.split(|byte| *byte == b'/') {
            let parent = here.as_ref().map_or(self.root, |fd| fd.as_fd());
            match rustix::fs::mkdirat(parent, component, Mode::RWXU) {
                // The mask of the process must not show in the layer.
                Ok(()) => {
                    rustix::fs::chmodat(parent, component, Mode::from_raw_mode(0o755), AtFlags::empty())?
                }
                Err(Errno::EXIST) => {
                    let stat = rustix::fs::statat(parent, component, AtFlags::SYMLINK_NOFOLLOW)?;
                    if whiteout::is_one(parent, component, &stat)? {
                        let made = self.directory_over_whiteout(parent, component)?;
                        rustix::fs::fchmod(&made, Mode::from_raw_mode(0o755))?;
                    }
                }
                Err(errno) => return Err(errno),
            }
            end += component.len();
            let so_far = path.get(..end).unwrap_or(path);
            here = Some(self.open(so_far, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC)?);
            end += 1;
        }
        here.ok_or(Errno::NOENT)
    }

    /// A directory that the same layer hides first: only what the layer brings is to be seen in it.
    fn directory_over_whiteout(&self, parent: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
        rustix::fs::unlinkat(parent, name, AtFlags::empty())?;
        rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
        let made = rustix::fs::openat(parent, name, DIRECTORY, Mode::empty())?;
        whiteout::set_opaque(made.as_fd(), self.options.xattr_mode)?;
        Ok(made)
    }

    /// Makes the directory `name` in the current one, or takes the one that is there.
    pub fn make_dir(&mut self, name: &[u8]) -> rustix::io::Result<OwnedFd> {
        if rustix::fs::mkdirat(self.here(), name, Mode::RWXU) == Err(Errno::EXIST) {
            let stat = rustix::fs::statat(self.here(), name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                if whiteout::is_one(self.here(), name, &stat)? {
                    return self.directory_over_whiteout(self.here(), name);
                }
                self.replaced.set(true);
                rustix::fs::unlinkat(self.here(), name, AtFlags::empty())?;
                rustix::fs::mkdirat(self.here(), name, Mode::RWXU)?;
            }
        }
        rustix::fs::openat(self.here(), name, DIRECTORY, Mode::empty())
    }

    /// Does what makes something new called `name` in the current directory; if the name is taken, what has it goes
    /// first: the later entry of an archive wins.
    pub fn replacing<T>(
        &self,
        name: &[u8],
        make: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> rustix::io::Result<T> {
        match make(self.here()) {
            Err(Errno::EXIST) => {
                // Handles are only kept of the current directory, which is not below `name`.
                self.replaced.set(true);
                crate::remove::remove_below(self.here(), name)?;
                make(self.here())
            }
            other => other,
        }
    }

    /// What `name` in the current directory is.
    pub fn stat(&self, name: &[u8]) -> rustix::io::Result<Option<Stat>> {
        match rustix::fs::statat(self.here(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}
