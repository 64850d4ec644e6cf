//! Images: manifest, config, and the names that lead to them.

mod error;
mod find;
mod names;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::os::fd::AsFd;

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use error::not_found;
pub use error::{CommitError, FindImageError, RemoveImageError};
pub use names::TagError;

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::id::{DiffId, ImageId};
use crate::layers::{LayerMeta, sha256};
use crate::lock::{self, LayerLease};
use crate::record::{
    Durability, RecordError, read_bytes, read_record, to_bytes, write_fresh, write_record_atomically,
};
use crate::store::Store;
use crate::sweep::COMMIT_MARK;
use crate::unpack::UnpackedLayer;

const MANIFEST: &str = "manifest.json";
const CONFIG: &str = "config.json";
const RECORD: &str = "record.json";

/// An image to be committed.
#[derive(Debug)]
pub struct NewImage<'a> {
    /// The bytes of the manifest.
    pub manifest: &'a [u8],
    /// The bytes of the config; their sha256 is the image's id.
    pub config: &'a [u8],
    /// Digest of the manifest, `sha256:…`.
    pub digest: String,
    /// All layers, bottom first.
    pub layers: Vec<DiffId>,
    /// Those of them that were unpacked now.
    pub unpacked: Vec<UnpackedLayer>,
    /// Full names, `registry/path:tag`, that shall lead to the image; they leave the images they led to.
    pub names: Vec<String>,
    /// Full names with digest, `registry/path@sha256:…`, under which it was pulled.
    pub repo_digests: Vec<String>,
    /// When it was made, seconds since 1970, from its config.
    pub created: Option<i64>,
}

/// An image of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRecord {
    /// The digits of the sha256 of its config.
    pub id: ImageId,
    /// Digest of its manifest.
    pub digest: String,
    /// Full names that lead to it, sorted; empty for an image without a name.
    pub names: Vec<String>,
    /// Full names with digest, under which it was pulled.
    pub repo_digests: Vec<String>,
    /// Those of them that were asked for as they are, without a tag: they stay when a tag moves on to another image.
    pub by_digest: Vec<String>,
    /// When it was made, seconds since 1970.
    pub created: Option<i64>,
    /// Bytes of the files of all its layers.
    pub size: u64,
    /// Its layers, bottom first.
    pub layers: Vec<DiffId>,
    /// How many of the lowest layers are hidden wholly by one above.
    pub hidden_layers: usize,
    /// Whether it is one of a store of which only the images are looked at: it stays as it is.
    pub read_only: bool,
}

impl ImageRecord {
    /// The layers to mount, bottom first: all but those that one above hides wholly.
    #[must_use]
    pub fn visible_layers(&self) -> &[DiffId] {
        self.layers.get(self.hidden_layers..).unwrap_or(&self.layers)
    }
}

/// What lies in `record.json`: all but the names, which are links of their own.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredImage {
    pub(crate) id: ImageId,
    pub(crate) digest: String,
    repo_digests: Vec<String>,
    /// `None` in older stores: nobody knows.
    #[serde(default)]
    by_digest: Option<Vec<String>>,
    created: Option<i64>,
    size: u64,
    pub(crate) layers: Vec<DiffId>,
    hidden_layers: usize,
}

impl StoredImage {
    fn with_names(self, mut names: Vec<String>) -> ImageRecord {
        names.sort_unstable();
        ImageRecord {
            id: self.id,
            digest: self.digest,
            names,
            by_digest: self.by_digest.unwrap_or_else(|| self.repo_digests.clone()),
            repo_digests: self.repo_digests,
            created: self.created,
            size: self.size,
            layers: self.layers,
            hidden_layers: self.hidden_layers,
            read_only: false,
        }
    }
}

fn newest_first(left: &ImageRecord, right: &ImageRecord) -> std::cmp::Ordering {
    right.created.cmp(&left.created).then_with(|| left.id.cmp(&right.id))
}

/// What went with an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovedImage {
    /// Names that no longer lead anywhere.
    pub untagged: Vec<String>,
    /// Layers that nothing needs any more; they lie in the trash, see [`Store::empty_trash`].
    pub layers: Vec<DiffId>,
}

impl Store {
    /// Commits an image: one `syncfs`, the layers' renames, the record, the names last.
    ///
    /// The lease must have been taken before [`Store::has_layer`] was asked about the layers that were not unpacked.
    pub fn commit_image(&self, lease: &LayerLease, image: NewImage<'_>) -> Result<ImageRecord, CommitError> {
        let _ = lease;
        for name in &image.names {
            names::check(name)?;
        }
        let mut metas: HashMap<DiffId, LayerMeta> = HashMap::new();
        for layer in &image.unpacked {
            metas.insert(layer.diff_id.clone(), layer.meta.clone());
        }
        let mut stack = Vec::with_capacity(image.layers.len());
        for layer in &image.layers {
            stack.push(match metas.get(layer) {
                Some(meta) => meta.clone(),
                None if self.holder(layer).has_layer(layer)? => self.layer_meta(layer)?,
                None => return Err(CommitError::LayerMissing { layer: layer.clone() }),
            });
        }
        let stored = StoredImage {
            id: ImageId::from_bytes(&sha256(image.config)),
            digest: image.digest,
            by_digest: Some(if image.names.is_empty() { image.repo_digests.clone() } else { Vec::new() }),
            repo_digests: image.repo_digests,
            created: image.created,
            size: stack.iter().map(|meta| meta.size).sum(),
            layers: image.layers,
            hidden_layers: stack.iter().rposition(|meta| meta.opaque).unwrap_or(0),
        };

        // Killed or failed between here and the end, the mark makes the next sweep look for layers without an image.
        let mark = self.make_temporary(COMMIT_MARK)?;
        let committed =
            self.commit_stored(stored, image.unpacked, (image.manifest, image.config), &image.names);
        if committed.is_err() {
            mark.leave();
        }
        committed
    }

    /// Gives layers and an image their places; `texts` are its manifest and its config.
    fn commit_stored(
        &self,
        stored: StoredImage,
        unpacked: Vec<UnpackedLayer>,
        texts: (&[u8], &[u8]),
        names: &[String],
    ) -> Result<ImageRecord, CommitError> {
        let (id, (manifest, config)) = (stored.id.clone(), texts);
        let mut temporary = self.make_temporary("image")?;
        let fresh = &temporary.place;
        let record = to_bytes(&stored, &fresh.path.join(RECORD))?;
        for (name, bytes) in [(MANIFEST, manifest), (CONFIG, config), (RECORD, record.as_slice())] {
            write_fresh(fresh.fd.as_fd(), name, bytes, Durability::Volatile)?;
        }
        self.sync_all()?;
        self.place_layers(unpacked)?;

        let images = self.images()?;
        let _index =
            lock::index(images.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &images.path)?;
        if temporary.place_at(images, id.hex())? {
            images.sync()?;
        } else {
            drop(temporary);
            self.merge_image(images, stored, manifest)?;
        }
        self.set_names(&id, names)?;
        self.image(&id).map_err(CommitError::from_find)
    }

    /// The image was there: what is new of it is added. An equal config means equal layers.
    fn merge_image(&self, images: &Place, new: StoredImage, manifest: &[u8]) -> Result<(), CommitError> {
        let place = images.open(new.id.hex())?;
        let mut old: StoredImage = read_record(place.fd.as_fd(), RECORD, &place.path.join(RECORD))?;
        let mut changed = false;
        for digest in new.repo_digests {
            if !old.repo_digests.contains(&digest) {
                old.repo_digests.push(digest);
                changed = true;
            }
        }
        if let Some(known) = &mut old.by_digest {
            for digest in new.by_digest.into_iter().flatten() {
                if !known.contains(&digest) {
                    known.push(digest);
                    changed = true;
                }
            }
        }
        if old.digest != new.digest {
            write_record_atomically(place.fd.as_fd(), MANIFEST, manifest, Durability::Durable)?;
            old.digest = new.digest;
            changed = true;
        }
        if changed {
            let bytes = to_bytes(&old, &place.path.join(RECORD))?;
            write_record_atomically(place.fd.as_fd(), RECORD, &bytes, Durability::Durable)?;
        }
        Ok(())
    }

    /// All images, newest first. One that is in several stores is there once for those names that only lead to it there.
    pub fn list_images(&self) -> Result<Vec<ImageRecord>, FindImageError> {
        let mut records = self.own_images()?;
        for other in &self.others {
            for record in other.own_images()? {
                let known =
                    |name: &String| records.iter().any(|it| it.id == record.id && it.names.contains(name));
                if !records.iter().any(|it| it.id == record.id) || !record.names.iter().all(known) {
                    records.push(ImageRecord { read_only: true, ..record });
                }
            }
        }
        records.sort_by(newest_first);
        Ok(records)
    }

    /// The images that are in this store itself, in no order.
    pub(crate) fn own_images(&self) -> Result<Vec<ImageRecord>, FindImageError> {
        let images = self.images()?;
        let mut names: HashMap<ImageId, Vec<String>> = HashMap::new();
        for (name, id) in self.all_names()? {
            names.entry(id).or_default().push(name);
        }
        let mut records = Vec::new();
        for entry in images.list()? {
            let Some(id) = entry.text().and_then(ImageId::from_hex) else { continue };
            match self.stored_image(&id) {
                Ok(stored) => records.push(stored.with_names(names.remove(&id).unwrap_or_default())),
                // Removed between the listing and now.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(records)
    }

    /// The image of an id.
    pub fn image(&self, id: &ImageId) -> Result<ImageRecord, FindImageError> {
        self.here_or_elsewhere(|store| store.own_image(id))
    }

    pub(super) fn own_image(&self, id: &ImageId) -> Result<ImageRecord, FindImageError> {
        let stored = self.stored_image(id).map_err(|error| not_found(error, id))?;
        Ok(stored.with_names(self.names_of(id)?))
    }

    /// Looks for an image here, and where it is not here, in the stores whose images are seen here as well.
    fn here_or_elsewhere(
        &self,
        look: impl Fn(&Self) -> Result<ImageRecord, FindImageError>,
    ) -> Result<ImageRecord, FindImageError> {
        let mut found = look(self);
        for other in &self.others {
            if !matches!(found, Err(FindImageError::NotFound { .. })) {
                break;
            }
            found = look(other).map(|it| ImageRecord { read_only: true, ..it });
        }
        found
    }

    /// The full names that lead to an image, sorted.
    fn names_of(&self, id: &ImageId) -> Result<Vec<String>, FileError> {
        let mut names: Vec<String> =
            self.all_names()?.into_iter().filter(|(_, owner)| owner == id).map(|(name, _)| name).collect();
        names.sort_unstable();
        Ok(names)
    }

    pub(crate) fn stored_image(&self, id: &ImageId) -> Result<StoredImage, RecordError> {
        let images = self.images()?;
        let name = format!("{}/{RECORD}", id.hex());
        let stored: StoredImage = read_record(images.fd.as_fd(), &name, &images.path.join(&name))?;
        Ok(stored)
    }

    /// The bytes of an image's config.
    pub fn image_config(&self, id: &ImageId) -> Result<Vec<u8>, FindImageError> {
        self.image_file(id, CONFIG)
    }

    /// The bytes of an image's manifest.
    pub fn image_manifest(&self, id: &ImageId) -> Result<Vec<u8>, FindImageError> {
        self.image_file(id, MANIFEST)
    }

    fn image_file(&self, id: &ImageId, file: &str) -> Result<Vec<u8>, FindImageError> {
        let name = format!("{}/{file}", id.hex());
        let images = self.store_of(id)?.images()?;
        read_bytes(images.fd.as_fd(), &name, &images.path.join(&name)).map_err(|error| not_found(error, id))
    }

    /// The store that has an image: this one, another one, or this one if none has it.
    fn store_of(&self, id: &ImageId) -> Result<&Self, FileError> {
        if self.others.is_empty() || self.images()?.has(id.hex())? {
            return Ok(self);
        }
        for other in &self.others {
            if other.images()?.has(id.hex())? {
                return Ok(other);
            }
        }
        Ok(self)
    }

    /// Whether an image is here or in another store whose images are seen here.
    pub(crate) fn sees_image(&self, id: &ImageId) -> Result<bool, FileError> {
        self.store_of(id)?.images()?.has(id.hex())
    }

    /// Brings the record of an image that is in another store here, with its names there; its layers stay where they are.
    /// False if it is nowhere. The index is locked by the caller.
    fn adopt(&self, images: &Place, id: &ImageId) -> Result<bool, TagError> {
        let owner = self.store_of(id)?;
        let place = owner.images()?;
        if !self.sees_image(id)? {
            return Ok(false);
        }
        let mut temporary = self.make_temporary("image")?;
        for file in [MANIFEST, CONFIG, RECORD] {
            let name = format!("{}/{file}", id.hex());
            let bytes = read_bytes(place.fd.as_fd(), &name, &place.path.join(&name))?;
            write_fresh(temporary.place.fd.as_fd(), file, &bytes, Durability::Durable)?;
        }
        temporary.place.sync()?;
        if temporary.place_at(images, id.hex())? {
            images.sync()?;
        }
        let mut names = Vec::new();
        for name in owner.names_of(id)? {
            if self.name_owner(&name)?.is_none() {
                names.push(name);
            }
        }
        self.set_names(id, &names)?;
        Ok(true)
    }

    /// Removes an image and the layers that nothing else needs. With several names it takes `force`.
    ///
    /// While a pull or a build holds a lease, the layers stay until a later sweep.
    pub fn remove_image(&self, id: &ImageId, force: bool) -> Result<RemovedImage, RemoveImageError> {
        let images = self.images()?;
        let index = lock::index(images.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &images.path)?;
        let untagged = self.remove_locked(images, id, force)?;
        drop(index);
        self.without_image(untagged)
    }

    /// Takes a name of an image away, and with its last name the image itself, unless a container needs that. `None` if it was
    /// the name only. An image that is known by other names keeps them; without a name it is one of several names that stays.
    pub fn remove_image_name(
        &self,
        id: &ImageId,
        name: &str,
    ) -> Result<Option<RemovedImage>, RemoveImageError> {
        let images = self.images()?;
        // Held from the look to the end, so that no name comes or goes in between.
        let index = lock::index(images.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &images.path)?;
        let names = self.names_of(id)?;
        if names.iter().any(|it| it == name) {
            if names.len() > 1 {
                self.unlink_name(name)?;
                self.image_names()?.sync()?;
                return Ok(None);
            }
        } else if !name.is_empty() && !names.is_empty() {
            return Err(RemoveImageError::OtherNames { image: id.clone(), names });
        }
        let untagged = self.remove_locked(images, id, false)?;
        drop(index);
        self.without_image(untagged).map(Some)
    }

    /// Removes an image, but not yet its layers, under the index's lock; gives the names that it had.
    fn remove_locked(
        &self,
        images: &Place,
        id: &ImageId,
        force: bool,
    ) -> Result<Vec<String>, RemoveImageError> {
        if !images.has(id.hex())? {
            return Err(match self.image(id) {
                Ok(_) => RemoveImageError::ReadOnly { image: id.clone() },
                Err(error) => error.into(),
            });
        }
        // Only its names are asked for, so that an image whose record is broken can be removed too.
        let names = self.names_of(id)?;
        if names.len() > 1 && !force {
            return Err(RemoveImageError::SeveralNames { image: id.clone(), names });
        }
        self.refuse_use(id)?;
        // Killed before the layers went, the mark makes the next sweep look for them.
        let mark = self.make_temporary(COMMIT_MARK)?;
        for name in &names {
            self.unlink_name(name)?;
        }
        self.discard(images, id.hex())?;
        mark.leave();
        Ok(names)
    }

    /// What went with an image that is removed: its names, and the layers that nothing needs any more.
    fn without_image(&self, untagged: Vec<String>) -> Result<RemovedImage, RemoveImageError> {
        let layers = self.collect_layers()?.unwrap_or_default();
        Ok(RemovedImage { untagged, layers })
    }

    /// Refuses when a container needs the image.
    fn refuse_use(&self, id: &ImageId) -> Result<(), RemoveImageError> {
        let list = self.list_containers()?;
        if let Some((container, source)) = list.broken.into_iter().next() {
            return Err(RemoveImageError::UnknownUse { container, source });
        }
        let users: Vec<_> = list.containers.into_iter().filter(|container| container.needs(id)).collect();
        if users.is_empty() {
            return Ok(());
        }
        Err(RemoveImageError::InUse {
            image: id.clone(),
            containers: users
                .iter()
                .map(|user| user.name.clone().unwrap_or_else(|| user.id.short().to_owned()))
                .collect(),
            ids: users.into_iter().map(|user| user.id).collect(),
        })
    }
}
