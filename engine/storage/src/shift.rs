//! Copies of layers with other owners, for user namespaces whose ids lie elsewhere.
//!
//! A copy is kept beside the layer, one for each way to shift, and goes with it.

use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::{FlockOperation, Mode};
use serde::{Deserialize, Serialize};

use crate::copy::{CopyError, Rules, copy_tree};
use crate::error::{At, FileError};
use crate::id::{DiffId, hex};
use crate::layers::sha256;
use crate::lock;
use crate::store::Store;

/// `length` ids from `from` become as many from `to`. Both are ids as the calling process sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdRange {
    /// First id of the layer.
    pub from: u32,
    /// First id of the copy.
    pub to: u32,
    /// How many.
    pub length: u32,
}

/// Which ids of a layer become which ids of its copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdShift {
    /// User ids.
    pub uids: Vec<IdRange>,
    /// Group ids.
    pub gids: Vec<IdRange>,
    /// What all other users become; `None` refuses layers that have any.
    pub other_user: Option<u32>,
    /// The same for groups.
    pub other_group: Option<u32>,
}

impl IdShift {
    /// The name of the copy's directory.
    fn key(&self) -> String {
        let mut text = String::new();
        for (kind, ranges) in [("u", &self.uids), ("g", &self.gids)] {
            for range in ranges {
                text.push_str(&format!("{kind} {} {} {}\n", range.from, range.to, range.length));
            }
        }
        if (self.other_user, self.other_group) != (None, None) {
            text.push_str(&format!("others {:?} {:?}\n", self.other_user, self.other_group));
        }
        hex(&sha256(text.as_bytes())).chars().take(32).collect()
    }
}

/// The counterpart of an id in the first range that holds it.
fn shifted(ranges: &[IdRange], id: u32) -> Option<u32> {
    ranges.iter().find_map(|range| {
        let offset = id.checked_sub(range.from).filter(|offset| *offset < range.length)?;
        range.to.checked_add(offset)
    })
}

impl Rules for IdShift {
    fn user(&self, uid: u32) -> Option<u32> {
        shifted(&self.uids, uid).or(self.other_user)
    }

    fn group(&self, gid: u32) -> Option<u32> {
        shifted(&self.gids, gid).or(self.other_group)
    }

    fn keeps_overlay(&self) -> bool {
        true
    }
}

/// A layer could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum ShiftError {
    /// A file of the store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The layer is in a store of which only the images are looked at.
    #[error("layer {layer} of a read-only image cannot be copied to other ids")]
    ReadOnly {
        /// The layer.
        layer: DiffId,
    },
    /// A file of the layer.
    #[error("cannot copy layer {layer} to other ids")]
    Copy {
        /// The layer.
        layer: DiffId,
        /// Why.
        #[source]
        source: CopyError,
    },
}

impl ShiftError {
    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(error) | Self::Copy { source: CopyError::File(error), .. } => error.hint(),
            Self::ReadOnly { .. } => {
                Some("bring the image into the store itself: pontoon pull IMAGE".to_owned())
            }
            Self::Copy { source: CopyError::Unmapped { .. }, .. } => {
                Some("give yourself more ids in /etc/subuid and /etc/subgid (65536 are usual)".to_owned())
            }
        }
    }
}

impl Store {
    /// The directory to mount for a layer whose ids are shifted, if the copy has been made.
    pub fn shifted_layer_path(&self, layer: &DiffId, shift: &IdShift) -> Result<Option<PathBuf>, FileError> {
        let name = format!("{}/maps/{}", layer.dir_name(), shift.key());
        let layers = self.layers()?;
        Ok(layers.has(&name)?.then(|| layers.path.join(name).join("diff")))
    }

    /// Refuses a layer that lies in another store: a copy would have to lie there, too.
    pub fn may_be_shifted(&self, layer: &DiffId) -> Result<(), ShiftError> {
        if std::ptr::eq(self.holder(layer), self) {
            return Ok(());
        }
        Err(ShiftError::ReadOnly { layer: layer.clone() })
    }

    /// The directory to mount for a layer whose ids are shifted; makes the copy when it is missing.
    ///
    /// Must be called where all ids of both sides are mapped, by somebody whose container or lease holds the layer.
    pub fn shifted_layer(&self, layer: &DiffId, shift: &IdShift) -> Result<PathBuf, ShiftError> {
        if let Some(path) = self.shifted_layer_path(layer, shift)? {
            return Ok(path);
        }
        self.may_be_shifted(layer)?;
        let place = self.layers()?.open(&layer.dir_name())?;
        // Others who need the same copy wait for it.
        let _lock = lock::index(place.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &place.path)?;
        if let Some(path) = self.shifted_layer_path(layer, shift)? {
            return Ok(path);
        }
        let source = place.open("diff")?;
        let mut temporary = self.make_temporary("shift")?;
        let fresh = &temporary.place;
        rustix::fs::mkdirat(&fresh.fd, "diff", Mode::RWXU).at("make", fresh.path.join("diff"))?;
        let target = fresh.open("diff")?;
        copy_tree(source.fd.as_fd(), target.fd.as_fd(), shift)
            .map_err(|source| ShiftError::Copy { layer: layer.clone(), source })?;
        self.sync_all()?;
        let maps = place.open_or_make("maps")?;
        temporary.place_at(&maps, &shift.key())?;
        maps.sync()?;
        place.sync()?;
        Ok(maps.path.join(shift.key()).join("diff"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Keep-id for uid 1000: the caller (0 here) becomes 1000 inside, so files of root go to the first subordinate id.
    fn keep_id() -> IdShift {
        let ranges = vec![
            IdRange { from: 0, to: 1, length: 1000 },
            IdRange { from: 1000, to: 0, length: 1 },
            IdRange { from: 1001, to: 1001, length: 64535 },
        ];
        IdShift { uids: ranges.clone(), gids: ranges, other_user: None, other_group: None }
    }

    #[test]
    fn ids_go_where_the_ranges_say() {
        let shift = keep_id();
        for (id, expected) in
            [(0, Some(1)), (999, Some(1000)), (1000, Some(0)), (1001, Some(1001)), (65536, None)]
        {
            assert_eq!(shift.user(id), expected, "{id}");
        }
        let edge = [IdRange { from: 0, to: u32::MAX, length: 2 }];
        assert_eq!(shifted(&edge, 0), Some(u32::MAX));
        assert_eq!(shifted(&edge, 1), None);
    }

    #[test]
    fn each_way_to_shift_has_a_copy_of_its_own() {
        let mut other = keep_id();
        other.gids.clear();
        assert_ne!(keep_id().key(), other.key());
        assert_eq!(keep_id().key(), keep_id().key());
    }
}
