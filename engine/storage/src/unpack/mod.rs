//! An archive becomes a directory tree in `tmp/`, through directory handles, and nothing outside it is ever touched.
//!
//! An image is hostile input. Parents are resolved by the kernel with the layer's directory as the root
//! (`RESOLVE_IN_ROOT`), the last component is never followed, new files are made with `O_EXCL`. Where the process may
//! not make what an entry asks for, the entry is refused or counted as left out, never made as something else.

mod error;
mod file;
mod metadata;
mod path;
mod times;
mod tree;
pub(crate) mod whiteout;

#[cfg(test)]
mod tests;

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, Stat};
use rustix::io::Errno;

pub use error::UnpackError;
use times::DirectoryTimes;
use tree::Tree;

use crate::error::At;
use crate::id::DiffId;
use crate::layers::LayerMeta;
use crate::record::{Durability, to_bytes, write_fresh};
use crate::store::{Store, Temporary};
use crate::tar::{Entry, Kind, Reader};

/// Ten times the largest images seen; at some 300 bytes of inode each it bounds what one archive can eat.
const MAX_ENTRIES: u64 = 10_000_000;

/// Whose files the entries become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// The ids of the archive, seen in the process's user namespace.
    Keep,
    /// All belong to the caller, for users who have no range of ids.
    SquashToCaller,
    /// All belong to this user and group.
    Give(u32, u32),
}

impl Ownership {
    /// The owner that an entry gets; `None` leaves it the caller's.
    fn of(self, entry: &Entry) -> Option<(u32, u32)> {
        match self {
            Self::Keep => Some((entry.uid, entry.gid)),
            Self::SquashToCaller => None,
            Self::Give(uid, gid) => Some((uid, gid)),
        }
    }
}

/// Which attributes tell overlayfs of opaque directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XattrMode {
    /// `user.overlay.*`, for mounts with `userxattr` (in a user namespace).
    User,
    /// `trusted.overlay.*`, for mounts by root.
    Trusted,
}

/// How to unpack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnpackOptions {
    /// Whose files the entries become.
    pub ownership: Ownership,
    /// Which attributes tell overlayfs of opaque directories.
    pub xattr_mode: XattrMode,
}

/// How to unpack an archive that is no layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtractOptions {
    /// Whose files the entries become.
    pub ownership: Ownership,
    /// Whether an entry for the root gives the target directory its mode and owner.
    pub with_root: bool,
    /// Whether a directory may take the place of something else, and the other way round.
    pub overwrite: bool,
    /// Whether device nodes are made; else they are left out, and counted.
    pub devices: bool,
}

/// Unpacks an archive into a directory that is there; names mean nothing but themselves.
///
/// # Errors
/// See [`UnpackError`]; what was unpacked until then stays.
pub fn extract_archive(
    archive: impl Read,
    target: BorrowedFd<'_>,
    options: ExtractOptions,
) -> Result<UnpackReport, UnpackError> {
    // The attributes of overlayfs play no part.
    let unpack = UnpackOptions { ownership: options.ownership, xattr_mode: XattrMode::User };
    let mut unpacking = Unpacking {
        tree: Tree::new(target, unpack),
        times: DirectoryTimes::new(target),
        report: UnpackReport::default(),
        opaque: false,
        has_sparse: false,
        options: unpack,
        plain: Some(options),
    };
    let mut reader = Reader::new(archive);
    while let Some(entry) = reader.next_entry()? {
        unpacking.entry(&entry, &mut reader)?;
    }
    let (_, archive_size) = reader.finish()?;
    unpacking.times.apply(&unpacking.tree).at("set the times of directories in", ".")?;
    Ok(UnpackReport { archive_size, ..unpacking.report })
}

/// What was done and what was left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnpackReport {
    /// Entries of the archive.
    pub entries: u64,
    /// Bytes of the files.
    pub size: u64,
    /// Bytes of the archive.
    pub archive_size: u64,
    /// Device nodes left out, because the namespace may not make them.
    pub skipped_devices: u64,
    /// Extended attributes left out: overlayfs's own, and what the file system refused.
    pub skipped_xattrs: u64,
}

/// A layer that is whole but not yet in its place; dropping it deletes it.
#[derive(Debug)]
#[must_use = "a layer that is not committed is deleted"]
pub struct UnpackedLayer {
    pub(crate) diff_id: DiffId,
    pub(crate) report: UnpackReport,
    pub(crate) meta: LayerMeta,
    pub(crate) temporary: Temporary,
}

impl UnpackedLayer {
    /// The digest of the archive that was read.
    #[must_use]
    pub fn diff_id(&self) -> &DiffId {
        &self.diff_id
    }

    /// What was done and what was left out.
    #[must_use]
    pub fn report(&self) -> &UnpackReport {
        &self.report
    }
}

impl Store {
    /// Reads an uncompressed archive to its end and unpacks it into a temporary directory.
    ///
    /// Fails when the archive's digest is not `expected`, and on anything malformed or hostile; then nothing is left.
    /// Must be called where the archive's ids are mapped, unless ownership is squashed.
    pub fn unpack_layer(
        &self,
        expected: Option<&DiffId>,
        archive: impl Read,
        options: UnpackOptions,
    ) -> Result<UnpackedLayer, UnpackError> {
        let temporary = self.make_temporary("layer")?;
        let place = &temporary.place;
        rustix::fs::mkdirat(&place.fd, "diff", Mode::RWXU).at("make", place.path.join("diff"))?;
        let diff = place.open("diff")?;
        rustix::fs::fchmod(&diff.fd, Mode::from_raw_mode(0o755)).at("set the mode of", &diff.path)?;

        let mut unpacking = Unpacking {
            tree: Tree::new(diff.fd.as_fd(), options),
            times: DirectoryTimes::new(place.fd.as_fd()),
            report: UnpackReport::default(),
            opaque: false,
            has_sparse: false,
            options,
            plain: None,
        };
        let mut reader = Reader::new(archive);
        while let Some(entry) = reader.next_entry()? {
            unpacking.entry(&entry, &mut reader)?;
        }
        let (digest, archive_size) = reader.finish()?;
        let diff_id = DiffId::from_bytes(&digest);
        if let Some(expected) = expected
            && *expected != diff_id
        {
            return Err(UnpackError::WrongDigest { expected: expected.clone(), found: diff_id });
        }
        unpacking.times.apply(&unpacking.tree).at("set the times of directories in", &diff.path)?;

        let report = UnpackReport { archive_size, ..unpacking.report };
        let meta = LayerMeta {
            size: report.size,
            archive_size,
            entries: report.entries,
            opaque: unpacking.opaque,
            skipped_devices: report.skipped_devices,
            exact: !unpacking.has_sparse && !unpacking.tree.has_replaced(),
        };
        let bytes = to_bytes(&meta, &place.path.join("meta.json"))?;
        // The commit syncs the whole file system once, for all layers.
        write_fresh(place.fd.as_fd(), "meta.json", &bytes, Durability::Volatile)?;
        Ok(UnpackedLayer { diff_id, report, meta, temporary })
    }
}

/// One archive on its way.
struct Unpacking<'a> {
    tree: Tree<'a>,
    times: DirectoryTimes<'a>,
    report: UnpackReport,
    opaque: bool,
    has_sparse: bool,
    options: UnpackOptions,
    /// The archive is no layer.
    plain: Option<ExtractOptions>,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, entry: &Entry, reader: &mut Reader<R>) -> Result<(), UnpackError> {
        self.report.entries += 1;
        if self.report.entries > MAX_ENTRIES {
            return Err(UnpackError::TooManyEntries { limit: MAX_ENTRIES });
        }
        let Some(place) = path::split(&entry.path).map_err(|fault| fault.of(entry))? else {
            if self.plain.is_some_and(|it| !it.with_root) {
                return Ok(());
            }
            return self.root_entry(entry);
        };
        if let Some(plain) = self.plain {
            if !plain.overwrite {
                self.must_not_swap(entry, &place)?;
            }
            return self.make(entry, &place, reader);
        }
        match whiteout::meaning(&place).map_err(|fault| fault.of(entry))? {
            whiteout::Meaning::Ignored => Ok(()),
            whiteout::Meaning::Opaque => self.make_opaque(entry, &place.parent),
            whiteout::Meaning::Hides(name) => self.hide(entry, &place.parent, name),
            whiteout::Meaning::Entry => self.make(entry, &place, reader),
        }
    }

    /// Refuses a directory in the place of something else, and the other way round.
    fn must_not_swap(&mut self, entry: &Entry, place: &path::Place) -> Result<(), UnpackError> {
        self.tree.enter(&place.parent).map_err(error::failed("make the directory of", entry))?;
        let there = self.tree.stat(&place.name).map_err(error::failed("look at", entry))?;
        let is_directory = |stat: Stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        match (there.map(is_directory), entry.kind == Kind::Directory) {
            (Some(true), false) => Err(error::failed("replace by", entry)(Errno::ISDIR)),
            (Some(false), true) => Err(error::failed("replace by", entry)(Errno::NOTDIR)),
            _ => Ok(()),
        }
    }

    /// An entry for the layer's own root, `.` or `/`: it is a directory or it is an attack.
    fn root_entry(&mut self, entry: &Entry) -> Result<(), UnpackError> {
        if entry.kind != Kind::Directory {
            return Err(UnpackError::RootNotDirectory { entry: error::shown(&entry.path) });
        }
        let root = self.tree.open_dir(b".").map_err(error::failed("open", entry))?;
        self.directory_metadata(entry, root.as_fd())?;
        self.times.remember(b".", entry.mtime).map_err(error::failed("remember the time of", entry))?;
        Ok(())
    }

    fn make<R: Read>(
        &mut self,
        entry: &Entry,
        place: &path::Place,
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        self.tree.enter(&place.parent).map_err(error::failed("make the directory of", entry))?;
        match entry.kind {
            Kind::File => self.file(entry, &place.name, reader),
            Kind::Directory => self.directory(entry, place),
            Kind::Symlink => self.symlink(entry, &place.name),
            Kind::Hardlink => self.hardlink(entry, place),
            Kind::CharDevice | Kind::BlockDevice | Kind::Fifo => self.node(entry, &place.name),
        }
    }

    fn directory(&mut self, entry: &Entry, place: &path::Place) -> Result<(), UnpackError> {
        let dir = self.tree.make_dir(&place.name).map_err(error::failed("make", entry))?;
        self.directory_metadata(entry, dir.as_fd())?;
        let mut path = place.parent.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(&place.name);
        self.times.remember(&path, entry.mtime).map_err(error::failed("remember the time of", entry))
    }
}
