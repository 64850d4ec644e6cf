//! Files with several names, remembered while a tree is copied: its copy has them as one file, too.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::ffi::{CStr, OsStr};
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Stat, linkat};
use rustix::io::Errno;

use crate::paths;

/// The names that files have got in a copy so far.
pub(super) struct Links<'a> {
    /// The copy's topmost directory.
    root: BorrowedFd<'a>,
    /// The directory that is being filled, as a path from there.
    current: PathBuf,
    /// Where the first name of a file lies, by its device and number in what is copied. Others have one name only.
    first: HashMap<(u64, u64), PathBuf>,
}

impl<'a> Links<'a> {
    pub(super) fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, current: PathBuf::from("."), first: HashMap::new() }
    }

    /// From here on it is about the directory with this name.
    pub(super) fn enter(&mut self, name: &CStr) {
        self.current.push(OsStr::from_bytes(name.to_bytes()));
    }

    /// And again about the one above.
    pub(super) fn leave(&mut self) {
        self.current.pop();
    }

    /// Gives what was copied of a file before another name, in the directory `to`. Else it is to be copied: then gives `false`.
    ///
    /// # Errors
    /// The kernel's error.
    pub(super) fn link(&mut self, stat: &Stat, to: BorrowedFd<'_>, name: &CStr) -> Result<bool, Errno> {
        if stat.st_nlink < 2 {
            return Ok(false);
        }
        let first = match self.first.entry((stat.st_dev, stat.st_ino)) {
            Entry::Occupied(first) => first.into_mut(),
            Entry::Vacant(place) => {
                place.insert(self.current.join(OsStr::from_bytes(name.to_bytes())));
                return Ok(false);
            }
        };
        // The copy may lie where somebody else can write, who must not lead us to another file by a link.
        let directory = paths::open_real_directory(self.root, first.parent().unwrap_or(Path::new(".")));
        let own_name = first.file_name().unwrap_or_default();
        match directory.and_then(|it| linkat(it, own_name, to, name, AtFlags::empty())) {
            Ok(()) => Ok(true),
            // Not every file system has such names, nor any number of them, and a path may be too long.
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK | Errno::NAMETOOLONG | Errno::XDEV) => {
                Ok(false)
            }
            Err(err) => Err(err),
        }
    }
}
