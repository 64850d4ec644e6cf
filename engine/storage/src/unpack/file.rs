//! Entries that are not directories: files and their data, links, pipes, devices.

use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{FileType, Mode, OFlags, SeekFrom};
use rustix::io::Errno;

use super::metadata::timestamps;
use super::path::{self, Place};
use super::{UnpackError, Unpacking, error, whiteout};
use crate::record::write_all;
use crate::tar::{Entry, Kind, Reader, Sparse};

impl Unpacking<'_> {
    pub(super) fn file<R: Read>(
        &mut self,
        entry: &Entry,
        name: &[u8],
        reader: &mut Reader<R>,
    ) -> Result<(), UnpackError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self
            .tree
            .replacing(name, |here| rustix::fs::openat(here, name, flags, Mode::RUSR | Mode::WUSR))
            .map_err(error::failed("make", entry))?;
        match &entry.sparse {
            None => copy_data(entry, reader, file.as_fd(), entry.size)?,
            Some(sparse) => {
                self.has_sparse = true;
                copy_pieces(entry, sparse, reader, file.as_fd())?;
            }
        }
        self.report.size += entry.size;
        self.open_metadata(entry, file.as_fd())?;
        rustix::fs::futimens(&file, &timestamps(entry.mtime)).map_err(error::failed("set the time of", entry))
    }

    pub(super) fn symlink(&mut self, entry: &Entry, name: &[u8]) -> Result<(), UnpackError> {
        self.tree
            .replacing(name, |here| rustix::fs::symlinkat(entry.link.as_slice(), here, name))
            .map_err(error::failed("make", entry))?;
        self.named_metadata(entry, name)
    }

    /// A hard link to something the layer already has. The link itself has no owner or mode of its own.
    pub(super) fn hardlink(&mut self, entry: &Entry, place: &Place) -> Result<(), UnpackError> {
        let no_target = || UnpackError::LinkTarget {
            entry: error::shown(&entry.path),
            target: error::shown(&entry.link),
        };
        let target = path::split(&entry.link).map_err(|fault| fault.of(entry))?.ok_or_else(no_target)?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent: &[u8] = if target.parent.is_empty() { b"." } else { &target.parent };
        let dir = match self.tree.open(parent, flags) {
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Err(no_target()),
            other => other.map_err(error::failed("find the target of", entry))?,
        };
        let stat =
            match rustix::fs::statat(&dir, target.name.as_slice(), rustix::fs::AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => return Err(no_target()),
                other => other.map_err(error::failed("find the target of", entry))?,
            };
        let hidden = whiteout::is_one(dir.as_fd(), &target.name, &stat);
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory
            || hidden.map_err(error::failed("find the target of", entry))?
        {
            return Err(no_target());
        }
        // A link to itself must not delete itself first.
        let there = self.tree.stat(&place.name).map_err(error::failed("look at", entry))?;
        if there.is_some_and(|there| there.st_ino == stat.st_ino && there.st_dev == stat.st_dev) {
            return Ok(());
        }
        let from = target.name.as_slice();
        let to = place.name.as_slice();
        self.tree
            .replacing(to, |here| rustix::fs::linkat(&dir, from, here, to, rustix::fs::AtFlags::empty()))
            .map_err(error::failed("link", entry))
    }

    pub(super) fn node(&mut self, entry: &Entry, name: &[u8]) -> Result<(), UnpackError> {
        let (kind, device) = match entry.kind {
            Kind::Fifo => (FileType::Fifo, 0),
            // To overlayfs this device means "deleted"; to everybody else it means nothing.
            Kind::CharDevice if entry.device == (0, 0) => {
                self.report.skipped_devices += 1;
                return Ok(());
            }
            Kind::CharDevice => {
                (FileType::CharacterDevice, rustix::fs::makedev(entry.device.0, entry.device.1))
            }
            _ => (FileType::BlockDevice, rustix::fs::makedev(entry.device.0, entry.device.1)),
        };
        if kind != FileType::Fifo && self.plain.is_some_and(|it| !it.devices) {
            self.report.skipped_devices += 1;
            return Ok(());
        }
        // With its mode from the beginning: see the copy of a node.
        let mode = Mode::from_raw_mode(entry.mode & 0o777);
        let made = self.tree.replacing(name, |here| rustix::fs::mknodat(here, name, kind, mode, device));
        match made {
            Ok(()) => self.named_metadata(entry, name),
            // In a user namespace; containers get their devices from the engine anyway.
            Err(Errno::PERM) if kind != FileType::Fifo => {
                self.report.skipped_devices += 1;
                Ok(())
            }
            Err(errno) => Err(error::failed("make", entry)(errno)),
        }
    }
}

/// Writes so many bytes of the archive at the file's position.
fn copy_data<R: Read>(
    entry: &Entry,
    reader: &mut Reader<R>,
    file: BorrowedFd<'_>,
    mut length: u64,
) -> Result<(), UnpackError> {
    while length > 0 {
        let chunk = reader.chunk()?;
        let taken = chunk.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let chunk = chunk.get(..taken).unwrap_or_default();
        if chunk.is_empty() {
            // The map of holes was checked against the data.
            return Err(error::failed("write", entry)(Errno::IO));
        }
        write_all(file, chunk).map_err(error::failed("write", entry))?;
        reader.consume(taken);
        length -= crate::record::length(taken);
    }
    Ok(())
}

/// Writes the pieces of a file with holes where they belong.
fn copy_pieces<R: Read>(
    entry: &Entry,
    sparse: &Sparse,
    reader: &mut Reader<R>,
    file: BorrowedFd<'_>,
) -> Result<(), UnpackError> {
    rustix::fs::ftruncate(file, sparse.size).map_err(error::failed("size", entry))?;
    for (start, length) in &sparse.map {
        if *length > 0 {
            rustix::fs::seek(file, SeekFrom::Start(*start)).map_err(error::failed("write", entry))?;
            copy_data(entry, reader, file, *length)?;
        }
    }
    Ok(())
}
