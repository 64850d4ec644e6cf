//! How much room things take on disk.
//!
//! Files of containers and volumes belong to mapped ids, and a directory may be closed to all but its owner: what is counted
//! is counted by a child that is root over those ids.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pontoon_storage::{DiffId, ImageId, ImageRecord, LayerError, Store};

use crate::host::Host;
use crate::user_namespace;

/// Bytes of the files below each of some directories, in their order. One that is not there takes nothing.
#[must_use]
pub fn sizes(host: &Host, directories: &[PathBuf]) -> Vec<u64> {
    let count = || directories.iter().map(|it| tree_size(it)).collect();
    if directories.is_empty() {
        return Vec::new();
    }
    // Without a child there are at least those files that we may see.
    user_namespace::ask(host, count).ok().flatten().unwrap_or_else(count)
}

/// Bytes of the files below a directory, each once whatever names it has; directories count nothing.
fn tree_size(directory: &Path) -> u64 {
    let mut total = 0;
    let mut seen = HashSet::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            // The metadata of a link is its own.
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                Ok(meta) if meta.nlink() > 1 && !seen.insert((meta.dev(), meta.ino())) => {}
                Ok(meta) => total += meta.len(),
                Err(_) => {}
            }
        }
    }
    total
}

/// How much room images take, and which of their layers they share.
#[derive(Debug, Default)]
pub struct ImageRoom {
    layers: HashMap<DiffId, Layer>,
}

#[derive(Debug)]
struct Layer {
    size: u64,
    images: BTreeSet<ImageId>,
}

impl ImageRoom {
    /// Looks at the layers of all images.
    ///
    /// # Errors
    /// If what is known of a layer cannot be read.
    pub fn of(store: &Store, images: &[ImageRecord]) -> Result<Self, LayerError> {
        let mut room = Self::default();
        for image in images {
            for layer in &image.layers {
                if let Some(known) = room.layers.get_mut(layer) {
                    known.images.insert(image.id.clone());
                } else {
                    let size = store.layer_meta(layer)?.size;
                    room.layers
                        .insert(layer.clone(), Layer { size, images: BTreeSet::from([image.id.clone()]) });
                }
            }
        }
        Ok(room)
    }

    /// Bytes of all layers together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.layers.values().map(|it| it.size).sum()
    }

    /// Bytes of an image's layers that others have, too.
    #[must_use]
    pub fn shared(&self, image: &ImageRecord) -> u64 {
        let layers = image.layers.iter().collect::<BTreeSet<_>>();
        let known = layers.into_iter().filter_map(|it| self.layers.get(it));
        known.filter(|it| it.images.len() > 1).map(|it| it.size).sum()
    }

    /// Bytes that removing some images would give back: of layers that no other image needs.
    #[must_use]
    pub fn given_back_by(&self, images: &BTreeSet<ImageId>) -> u64 {
        self.layers.values().filter(|it| it.images.is_subset(images)).map(|it| it.size).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_s_files_count_once_and_links_are_not_followed() {
        let directory = std::env::temp_dir().join(format!("pontoon-disk-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("below/empty")).unwrap();
        std::fs::write(directory.join("below/file"), [0; 1000]).unwrap();
        std::fs::hard_link(directory.join("below/file"), directory.join("again")).unwrap();
        std::os::unix::fs::symlink("/usr", directory.join("link")).unwrap();
        assert_eq!(tree_size(&directory), 1000 + 4);
        assert_eq!(tree_size(&directory.join("nothing")), 0);
        std::fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn layers_are_given_back_when_nobody_needs_them() {
        let id = |digit: &str| digit.repeat(64).parse::<ImageId>().unwrap();
        let layer = |size, images: &[&str]| Layer { size, images: images.iter().map(|it| id(it)).collect() };
        let diff = |digit: &str| format!("sha256:{}", digit.repeat(64)).parse::<DiffId>().unwrap();
        let room = ImageRoom {
            layers: HashMap::from([
                (diff("1"), layer(1000, &["a", "b"])),
                (diff("2"), layer(100, &["a"])),
                (diff("3"), layer(10, &["b"])),
            ]),
        };
        let given = |ids: &[&str]| room.given_back_by(&ids.iter().map(|it| id(it)).collect());
        assert_eq!(room.total(), 1110);
        assert_eq!((given(&[]), given(&["a"]), given(&["b"]), given(&["a", "b"])), (0, 100, 10, 1110));
    }
}
