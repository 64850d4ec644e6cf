//! Leftovers: what a killed process left in `tmp/`, layers nobody needs, and what lies in the trash.

use std::collections::HashSet;
use std::os::fd::AsFd;

use rustix::fs::{Mode, RenameFlags};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use crate::dir::{DIRECTORY, Place};
use crate::error::{At, FileError};
use crate::id::DiffId;
use crate::images::FindImageError;
use crate::lock;
use crate::store::Store;

/// Prefix of the mark that says: between these two moments layers may have got their place without an image.
pub(crate) const COMMIT_MARK: &str = "commit";

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Leftovers moved to the trash now.
    pub moved: usize,
    /// Whether the trash holds anything: then call [`Store::empty_trash`] where mapped ids can be deleted.
    pub trash: bool,
}

/// What emptying the trash did.
#[derive(Debug, Default)]
pub struct TrashReport {
    /// Trees deleted.
    pub deleted: usize,
    /// Trees that could not be deleted, with the reason; they stay in the trash.
    pub failed: Vec<FileError>,
}

impl Store {
    /// Moves leftovers of dead processes to the trash. Two short listings when there are none.
    pub fn sweep(&self) -> Result<SweepReport, FileError> {
        let mut report = SweepReport::default();
        let tmp = self.tmp()?;
        if !tmp.is_empty()? {
            report.moved = self.sweep_tmp(tmp)?;
        }
        let trash = self.trash()?;
        report.trash = !trash.is_empty()?;
        Ok(report)
    }

    fn sweep_tmp(&self, tmp: &Place) -> Result<usize, FileError> {
        // Alone, so that nobody is between making a directory and locking it. Who is busy here will be gone next time.
        let alone = lock::reopen(tmp.fd.as_fd()).at("open", &tmp.path)?;
        if !lock::try_alone(alone.as_fd()).at("lock", &tmp.path)? {
            return Ok(0);
        }
        let mut moved = 0;
        let mut marks = Vec::new();
        for entry in tmp.list()? {
            let Some(name) = entry.text() else { continue };
            match rustix::fs::openat(&tmp.fd, name, DIRECTORY, Mode::empty()) {
                Ok(held) => {
                    if !lock::try_alone(held.as_fd()).at("lock", tmp.path.join(name))? {
                        continue;
                    }
                }
                Err(Errno::NOENT) => continue,
                // Not a directory, so not in the middle of anything.
                Err(Errno::NOTDIR | Errno::LOOP) => {}
                Err(errno) => return Err(FileError::new("open", tmp.path.join(name), errno)),
            }
            if name.starts_with(COMMIT_MARK) {
                marks.push(name.to_owned());
            } else {
                moved += usize::from(self.discard(tmp, name)?);
            }
        }
        if !marks.is_empty()
            && let Some(layers) = self.collect_layers()?
        {
            moved += layers.len();
            for mark in marks {
                moved += usize::from(self.discard(tmp, &mark)?);
            }
        }
        Ok(moved)
    }

    /// Moves a thing of the store to the trash; false when it is not there.
    pub(crate) fn discard(&self, parent: &Place, name: &str) -> Result<bool, FileError> {
        let trash = self.trash()?;
        let to = crate::id::random_suffix().at("draw a name in", &trash.path)?;
        match rustix::fs::renameat_with(&parent.fd, name, &trash.fd, &to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(FileError::new("move to the trash", parent.path.join(name), errno)),
        }
    }

    /// The same for a directory in which `mount_point` may have something mounted, which is unmounted first: it would move
    /// along, and nobody could delete it there.
    pub(crate) fn discard_mounted(
        &self,
        parent: &Place,
        name: &str,
        mount_point: &str,
    ) -> Result<bool, FileError> {
        let path = parent.path.join(name).join(mount_point);
        // Each takes away one of those that are mounted on each other. Nearly always there is none, or we may not.
        while rustix::mount::unmount(&path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
        self.discard(parent, name)
    }

    /// Moves all layers that no image needs to the trash; `None` when somebody holds a lease, or when what images need
    /// cannot be told: then nothing is touched, and a later sweep sees to it.
    pub(crate) fn collect_layers(&self) -> Result<Option<Vec<DiffId>>, FileError> {
        let layers = self.layers()?;
        let alone = lock::reopen(layers.fd.as_fd()).at("open", &layers.path)?;
        if !lock::try_alone(alone.as_fd()).at("lock", &layers.path)? {
            return Ok(None);
        }
        let images = match self.own_images() {
            Ok(images) => images,
            Err(FindImageError::File(error)) => return Err(error),
            Err(_) => return Ok(None),
        };
        let needed: HashSet<&DiffId> = images.iter().flat_map(|image| &image.layers).collect();
        let mut collected = Vec::new();
        for entry in layers.list()? {
            let Some(name) = entry.text() else { continue };
            if let Some(layer) = DiffId::from_dir_name(name)
                && !needed.contains(&layer)
                && self.discard(layers, name)?
            {
                collected.push(layer);
            }
        }
        Ok(Some(collected))
    }

    /// Deletes what lies in the trash. Files of mapped ids need a caller inside the user namespace that maps them.
    ///
    /// Returns at once when another process is at it.
    pub fn empty_trash(&self) -> Result<TrashReport, FileError> {
        let mut report = TrashReport::default();
        let trash = self.trash()?;
        let mut failed = HashSet::new();
        let mut entries = trash.list()?;
        while !entries.is_empty() {
            let alone = lock::reopen(trash.fd.as_fd()).at("open", &trash.path)?;
            if !lock::try_alone(alone.as_fd()).at("lock", &trash.path)? {
                return Ok(report);
            }
            for entry in entries {
                let removed = match entry.text() {
                    Some(name) => crate::remove::remove_tree(trash.fd.as_fd(), name),
                    None => {
                        crate::remove::remove_below(trash.fd.as_fd(), &entry.name).at("delete", entry.path())
                    }
                };
                match removed {
                    Ok(()) => report.deleted += 1,
                    Err(error) => {
                        failed.insert(entry.name);
                        report.failed.push(FileError {
                            deed: error.deed,
                            path: trash.path.join(error.path),
                            source: error.source,
                        });
                    }
                }
            }
            drop(alone);
            // Whoever came meanwhile has left theirs to us.
            entries = trash.list()?;
            entries.retain(|it| !failed.contains(&it.name));
        }
        Ok(report)
    }
}
