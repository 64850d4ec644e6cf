//! Whiteouts: how an archive says that something of a lower layer is gone, and how overlayfs wants to hear it.
//!
//! In archives (OCI image layer specification, "Representing Changes"): `.wh.NAME` hides NAME, `.wh..wh..opq` hides all
//! that lower layers have in the directory. Both concern lower layers only, wherever they stand in the archive. On disk
//! (overlayfs documentation, "whiteouts and opaque directories"): a character device 0:0, and an attribute.

use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, XattrFlags};
use rustix::io::Errno;

use super::path::{Fault, Place};
use super::{UnpackError, Unpacking, XattrMode, error};
use crate::tar::Entry;

pub(crate) const PREFIX: &[u8] = b".wh.";
const META_PREFIX: &[u8] = b".wh..wh.";
pub(crate) const OPAQUE: &[u8] = b".wh..wh..opq";

/// What an entry's name means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning<'a> {
    /// An entry like any other.
    Entry,
    /// Bookkeeping of aufs, which some old archives carry.
    Ignored,
    /// The parent hides what is below it.
    Opaque,
    /// This name hides what is below it.
    Hides(&'a [u8]),
}

/// Tells whiteouts from entries.
pub(super) fn meaning(place: &Place) -> Result<Meaning<'_>, Fault> {
    for component in place.parent.split(|byte| *byte == b'/') {
        if component.starts_with(META_PREFIX) {
            return Ok(Meaning::Ignored);
        }
        if component.starts_with(PREFIX) {
            return Err(Fault("goes through a whiteout"));
        }
    }
    let name = place.name.as_slice();
    if name == OPAQUE {
        return Ok(Meaning::Opaque);
    }
    if name.starts_with(META_PREFIX) {
        return Ok(Meaning::Ignored);
    }
    match name.strip_prefix(PREFIX) {
        None => Ok(Meaning::Entry),
        Some(b"" | b"." | b"..") => Err(Fault("is a whiteout of no name")),
        Some(hidden) => Ok(Meaning::Hides(hidden)),
    }
}

/// Names of the attributes overlayfs looks at.
fn opaque_attribute(mode: XattrMode) -> &'static str {
    match mode {
        XattrMode::User => "user.overlay.opaque",
        XattrMode::Trusted => "trusted.overlay.opaque",
    }
}

fn whiteout_attribute(mode: XattrMode) -> &'static str {
    match mode {
        XattrMode::User => "user.overlay.whiteout",
        XattrMode::Trusted => "trusted.overlay.whiteout",
    }
}

/// Hides all that lower layers have in a directory.
pub(super) fn set_opaque(dir: BorrowedFd<'_>, mode: XattrMode) -> rustix::io::Result<()> {
    rustix::fs::fsetxattr(dir, opaque_attribute(mode), b"y", XattrFlags::empty())
}

/// Whether a directory hides all that lower layers have in it.
fn is_opaque(dir: BorrowedFd<'_>, mode: XattrMode) -> rustix::io::Result<bool> {
    let mut value = [0_u8; 8];
    match rustix::fs::fgetxattr(dir, opaque_attribute(mode), &mut value[..]) {
        Ok(1) => Ok(value.first() == Some(&b'y')),
        Ok(_) | Err(Errno::NODATA | Errno::NOTSUP | Errno::RANGE) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether a directory of an upper layer hides all that lower layers have in it, whoever mounted it.
pub(crate) fn is_marked_opaque(dir: BorrowedFd<'_>) -> rustix::io::Result<bool> {
    Ok(is_opaque(dir, XattrMode::User)? || is_opaque(dir, XattrMode::Trusted)?)
}

/// Whether what lies there is a whiteout that was made here. Devices 0:0 of archives are never made.
pub(crate) fn is_one(parent: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> rustix::io::Result<bool> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::CharacterDevice => Ok(stat.st_rdev == 0),
        FileType::RegularFile if stat.st_size == 0 => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(parent, name, flags, Mode::empty())?;
            for mode in [XattrMode::User, XattrMode::Trusted] {
                let mut value = [0_u8; 8];
                match rustix::fs::fgetxattr(&file, whiteout_attribute(mode), &mut value[..]) {
                    Ok(_) | Err(Errno::RANGE) => return Ok(true),
                    Err(_) => {}
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}

/// Makes a whiteout where devices are forbidden: an empty file with an attribute, in a directory marked for them.
///
/// FIXME: ask no version when Linux 6.7 is the baseline; nothing but a mount would tell whether the kernel heeds it,
/// and where it does not, deleted files would come back as empty ones.
fn make_by_attribute(dir: BorrowedFd<'_>, name: &[u8], mode: XattrMode) -> rustix::io::Result<bool> {
    if !kernel_has_attribute_whiteouts() {
        return Ok(false);
    }
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?;
    rustix::fs::fsetxattr(&file, whiteout_attribute(mode), b"y", XattrFlags::empty())?;
    rustix::fs::fsetxattr(dir, opaque_attribute(mode), b"x", XattrFlags::empty())?;
    Ok(true)
}

fn kernel_has_attribute_whiteouts() -> bool {
    let name = rustix::system::uname();
    let release = name.release().to_string_lossy();
    let mut numbers =
        release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 7)
}

impl Unpacking<'_> {
    /// `.wh..wh..opq`
    pub(super) fn make_opaque(&mut self, entry: &Entry, parent: &[u8]) -> Result<(), UnpackError> {
        let failed = || error::failed("mark the directory of", entry);
        self.tree.enter(parent).map_err(failed())?;
        let dir = rustix::fs::openat(self.tree.here(), ".", crate::dir::DIRECTORY, Mode::empty())
            .map_err(failed())?;
        set_opaque(dir.as_fd(), self.options.xattr_mode).map_err(failed())?;
        // Overlayfs never asks whether the root is opaque; the lower layers are left out of the mount instead.
        self.opaque |= parent.is_empty();
        // Whiteouts say nothing more in here; those made by attribute would show as files.
        for child in crate::dir::list(dir.as_fd()).map_err(failed())? {
            let stat = rustix::fs::statat(&dir, child.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(failed())?;
            if is_one(dir.as_fd(), &child.name, &stat).map_err(failed())? {
                rustix::fs::unlinkat(&dir, child.name.as_slice(), AtFlags::empty()).map_err(failed())?;
            }
        }
        Ok(())
    }

    /// `.wh.NAME`
    pub(super) fn hide(&mut self, entry: &Entry, parent: &[u8], name: &[u8]) -> Result<(), UnpackError> {
        let failed = || error::failed("mark as deleted by", entry);
        match self.tree.enter(parent) {
            // The layer put a file in the directory's place, which hides all of it; umoci writes the whiteouts all the same.
            Err(Errno::NOTDIR) => return Ok(()),
            other => other.map_err(failed())?,
        };
        if let Some(stat) = self.tree.stat(name).map_err(failed())? {
            // The layer brings its own: a file hides what is below by itself, a directory must be told to.
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let dir = rustix::fs::openat(self.tree.here(), name, crate::dir::DIRECTORY, Mode::empty());
                set_opaque(dir.map_err(failed())?.as_fd(), self.options.xattr_mode).map_err(failed())?;
            }
            return Ok(());
        }
        let dir = rustix::fs::openat(self.tree.here(), ".", crate::dir::DIRECTORY, Mode::empty())
            .map_err(failed())?;
        if is_opaque(dir.as_fd(), self.options.xattr_mode).map_err(failed())? {
            return Ok(());
        }
        match rustix::fs::mknodat(&dir, name, FileType::CharacterDevice, Mode::empty(), 0) {
            Ok(()) => Ok(()),
            Err(Errno::PERM | Errno::NOTSUP) => {
                match make_by_attribute(dir.as_fd(), name, self.options.xattr_mode).map_err(failed())? {
                    true => Ok(()),
                    false => Err(UnpackError::NoWhiteouts { entry: error::shown(&entry.path) }),
                }
            }
            Err(errno) => Err(failed()(errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<Meaning<'_>, &'static str>) {
        let place = super::super::path::split(path.as_bytes()).unwrap().unwrap();
        assert_eq!(meaning(&place), expected.map_err(Fault), "{path}");
    }

    #[test]
    fn names_that_begin_with_the_prefix_are_whiteouts() {
        check("a/.wh.b", Ok(Meaning::Hides(b"b")));
        check(".wh.b", Ok(Meaning::Hides(b"b")));
        check("a/.wh..wh..opq", Ok(Meaning::Opaque));
        check("a/.whb", Ok(Meaning::Entry));
        check("a/b.wh.c", Ok(Meaning::Entry));
        check(".wh..wh.plnk", Ok(Meaning::Ignored));
        check(".wh..wh.plnk/1.2", Ok(Meaning::Ignored));
        check(".wh....", Ok(Meaning::Hides(b"...")));
    }

    #[test]
    fn whiteouts_of_no_name_and_paths_through_whiteouts_are_refused() {
        check("a/.wh.", Err("is a whiteout of no name"));
        check("a/.wh..", Err("is a whiteout of no name"));
        check("a/.wh...", Err("is a whiteout of no name"));
        check(".wh.a/b", Err("goes through a whiteout"));
    }

    /// What is made where devices are forbidden must mean the same to overlayfs.
    #[test]
    fn whiteouts_by_attribute_hide_files_from_overlayfs() {
        let name = "unpack::whiteout::tests::whiteouts_by_attribute_hide_files_from_overlayfs";
        crate::testing::in_user_namespace(name, || {
            let test = crate::testing::TestDir::new();
            test.write("lower/d/gone", b"x");
            test.write("lower/d/kept", b"x");
            for made in ["upper/d", "merged"] {
                test.make(made);
            }
            let dir = std::fs::File::open(test.path("upper/d")).unwrap();
            assert!(make_by_attribute(dir.as_fd(), b"gone", XattrMode::User).unwrap());
            let stat = rustix::fs::statat(&dir, "gone", AtFlags::SYMLINK_NOFOLLOW).unwrap();
            assert!(is_one(dir.as_fd(), b"gone", &stat).unwrap());
            assert!(!is_opaque(dir.as_fd(), XattrMode::User).unwrap());
            let script = format!(
                "cd {} && mount -t overlay overlay -o userxattr,lowerdir=upper:lower merged && ls -A merged/d",
                test.path("").display()
            );
            assert_eq!(crate::testing::run("unshare", &["--mount", "--", "sh", "-c", &script]), b"kept\n");
        });
    }
}
