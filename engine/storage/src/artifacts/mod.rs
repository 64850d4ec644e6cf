//! Artifacts: an image layout of the OCI specification, `ROOT/artifacts/{oci-layout,index.json,blobs/ALGORITHM/HEX}`.
//!
//! The index names the artifacts and is their only record; it is replaced whole, under a lock on the directory. Blobs have
//! their digests for names and never change. They are made in `tmp/`, get their places before the index tells of them, and
//! are deleted after it does not any more: whoever takes or gives back a name deletes the blobs that nothing needs, also
//! those that somebody was killed over.

mod draft;
mod error;
mod layout;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FlockOperation};

pub use draft::ArtifactDraft;
pub use error::{ArtifactStoreError, FindArtifactError};
use layout::{Index, Named, Needs};

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::lock;
use crate::record::{Durability, RecordError, parse, read_bytes, to_bytes, write_record_atomically};
use crate::store::{Store, Temporary};

/// Below the store's directory.
const ARTIFACTS: &str = "artifacts";
const INDEX: &str = "index.json";
const LAYOUT: &str = "oci-layout";
const BLOBS: &str = "blobs";

/// An artifact of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredArtifact {
    /// Its name.
    pub name: String,
    /// The digest of its manifest.
    pub digest: String,
    /// The manifest, word for word.
    pub manifest: Vec<u8>,
}

/// What a name that is taken already means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placing<'a> {
    /// An error.
    New,
    /// The artifact of that name loses it.
    Replace,
    /// The same, if it still is the one with this digest.
    Instead(&'a str),
}

/// An artifact to be.
#[derive(Debug, Clone, Copy)]
pub struct NewArtifact<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its manifest, whose blobs are in the draft.
    pub manifest: &'a [u8],
    /// What the manifest is called.
    pub media_type: &'a str,
    /// What becomes of one of the same name.
    pub placing: Placing<'a>,
}

impl Store {
    /// The artifacts, in the order in which they came. Those whose manifest cannot be read are left out:
    /// [`Store::check`] tells of them.
    ///
    /// # Errors
    /// If the index cannot be read.
    pub fn list_artifacts(&self) -> Result<Vec<StoredArtifact>, ArtifactStoreError> {
        let Some(place) = self.artifacts_if_any()? else { return Ok(Vec::new()) };
        let index = read_index(&place)?;
        Ok(index.manifests.iter().filter_map(|it| stored(&place, it).ok()).collect())
    }

    /// Finds an artifact by its whole name, or by its digest or the beginning of that, with or without `sha256:`.
    ///
    /// # Errors
    /// If there is none, or several are meant.
    pub fn find_artifact(&self, wanted: &str) -> Result<StoredArtifact, FindArtifactError> {
        let missing = || FindArtifactError::NotFound { name: wanted.to_owned() };
        let place = self.artifacts_if_any()?.ok_or_else(missing)?;
        let index = read_index(&place)?;
        if let Some(named) = index.named(wanted) {
            return Ok(stored(&place, named)?);
        }
        let mut fitting = index.manifests.iter().filter(|it| layout::begins(&it.digest, wanted));
        let found = fitting.next().ok_or_else(missing)?;
        if fitting.any(|it| it.digest != found.digest) {
            return Err(FindArtifactError::Ambiguous { name: wanted.to_owned() });
        }
        Ok(stored(&place, found)?)
    }

    /// Where a blob lies; whether it is there is not looked at. It is never written to.
    ///
    /// # Errors
    /// If the digest is none.
    pub fn artifact_blob(&self, digest: &str) -> Result<PathBuf, ArtifactStoreError> {
        let (algorithm, hex) = layout::parts(digest)?;
        Ok(self.root().path.join(ARTIFACTS).join(BLOBS).join(algorithm).join(hex))
    }

    /// Begins an artifact: its blobs are put into the draft, and then [`Store::commit_artifact`] gives it its name.
    ///
    /// # Errors
    /// If a directory cannot be made.
    pub fn begin_artifact(&self) -> Result<ArtifactDraft, ArtifactStoreError> {
        let blobs = self.artifacts()?.open_or_make(BLOBS)?;
        Ok(ArtifactDraft::new(self.make_temporary("artifact")?, blobs))
    }

    /// Gives the blobs of a draft their places, and then the artifact its name; gives the manifest's digest. When it
    /// returns, all of it survives a power cut.
    ///
    /// # Errors
    /// If the name is taken, or a file cannot be written; the store has then what it had.
    pub fn commit_artifact(
        &self,
        mut draft: ArtifactDraft,
        new: NewArtifact<'_>,
    ) -> Result<String, ArtifactStoreError> {
        let (digest, size) = draft.add(&mut &*new.manifest)?;
        let place = self.artifacts()?;
        let _index = lock::index(place.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &place.path)?;
        let mut index = read_index(&place)?;
        let there = index.named(new.name).map(|it| it.digest.clone());
        match (new.placing, there) {
            (Placing::New, Some(_)) => {
                return Err(ArtifactStoreError::Exists { name: new.name.to_owned() });
            }
            (Placing::Instead(expected), there) if there.as_deref() != Some(expected) => {
                return Err(ArtifactStoreError::Changed { name: new.name.to_owned() });
            }
            _ => {}
        }
        draft.place()?;
        index.set(new.name, Named::new(new.name, &digest, size, new.media_type));
        write_layout(&place)?;
        write_index(&place, &index)?;
        delete_unneeded(&place, &index)?;
        Ok(digest)
    }

    /// Takes an artifact's name away, and deletes what nothing needs then.
    ///
    /// # Errors
    /// If it has become another one meanwhile, or a file cannot be written.
    pub fn remove_artifact(&self, name: &str, digest: &str) -> Result<(), ArtifactStoreError> {
        let place = self.artifacts()?;
        let _index = lock::index(place.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &place.path)?;
        let mut index = read_index(&place)?;
        if index.named(name).is_none_or(|it| it.digest != digest) {
            return Err(ArtifactStoreError::Changed { name: name.to_owned() });
        }
        index.remove(name);
        write_index(&place, &index)?;
        delete_unneeded(&place, &index)?;
        Ok(())
    }

    /// What is wrong with each artifact, by its name: blobs that are missing, cut short or, looked at thoroughly, others.
    pub(crate) fn artifact_faults(
        &self,
        thorough: bool,
    ) -> Result<Vec<(String, Vec<String>)>, ArtifactStoreError> {
        let Some(place) = self.artifacts_if_any()? else { return Ok(Vec::new()) };
        // Nobody deletes a blob while it is looked at.
        let _index = lock::index(place.fd.as_fd(), FlockOperation::LockShared).at("lock", &place.path)?;
        let index = read_index(&place)?;
        let faults = index.manifests.iter().map(|named| {
            let faults = match stored(&place, named).and_then(|it| Needs::of(&place, &it)) {
                Ok(needs) => needs.blobs.iter().filter_map(|it| it.fault(&place, thorough)).collect(),
                Err(error) => vec![error.to_string()],
            };
            (named.name().to_owned(), faults)
        });
        Ok(faults.filter(|(_, faults)| !faults.is_empty()).collect())
    }

    /// Forgets an artifact whatever is wrong with it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn forget_artifact(&self, name: &str) -> Result<(), ArtifactStoreError> {
        let place = self.artifacts()?;
        let _index = lock::index(place.fd.as_fd(), FlockOperation::LockExclusive).at("lock", &place.path)?;
        let mut index = read_index(&place)?;
        index.remove(name);
        write_index(&place, &index)?;
        delete_unneeded(&place, &index)?;
        Ok(())
    }

    fn artifacts(&self) -> Result<Place, FileError> {
        self.root().open_or_make(ARTIFACTS)
    }

    /// Who only looks makes nothing.
    fn artifacts_if_any(&self) -> Result<Option<Place>, FileError> {
        match self.root().open(ARTIFACTS) {
            Ok(place) => Ok(Some(place)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn read_index(place: &Place) -> Result<Index, RecordError> {
    let path = place.path.join(INDEX);
    match read_bytes(place.fd.as_fd(), INDEX, &path) {
        Ok(bytes) => parse(&bytes, &path),
        Err(error) if error.is_not_found() => Ok(Index::default()),
        Err(error) => Err(error),
    }
}

fn write_index(place: &Place, index: &Index) -> Result<(), ArtifactStoreError> {
    let bytes = to_bytes(index, &place.path.join(INDEX))?;
    Ok(write_record_atomically(place.fd.as_fd(), INDEX, &bytes, Durability::Durable)?)
}

/// The file by which others know the directory for what it is.
fn write_layout(place: &Place) -> Result<(), FileError> {
    if place.has(LAYOUT)? {
        return Ok(());
    }
    let text = b"{\"imageLayoutVersion\":\"1.0.0\"}";
    write_record_atomically(place.fd.as_fd(), LAYOUT, text, Durability::Durable)
}

fn stored(place: &Place, named: &Named) -> Result<StoredArtifact, ArtifactStoreError> {
    let (algorithm, hex) = layout::parts(&named.digest)?;
    let path = place.path.join(BLOBS).join(algorithm).join(hex);
    let directory = place.open(BLOBS)?.open(algorithm)?;
    let manifest = read_bytes(directory.fd.as_fd(), hex, &path)?;
    Ok(StoredArtifact { name: named.name().to_owned(), digest: named.digest.clone(), manifest })
}

/// Deletes the blobs that no artifact needs. If it cannot be told of one what it needs, nothing is deleted.
fn delete_unneeded(place: &Place, index: &Index) -> Result<(), FileError> {
    let mut needed: HashSet<String> = HashSet::new();
    for named in &index.manifests {
        let Ok(needs) = stored(place, named).and_then(|it| Needs::of(place, &it)) else { return Ok(()) };
        needed.insert(named.digest.clone());
        needed.extend(needs.blobs.into_iter().map(|it| it.digest));
    }
    let Ok(blobs) = place.open(BLOBS) else { return Ok(()) };
    for algorithm in blobs.list()? {
        let Some(algorithm) = algorithm.text() else { continue };
        let directory = blobs.open(algorithm)?;
        for blob in directory.list()? {
            let Some(hex) = blob.text() else { continue };
            if !needed.contains(&format!("{algorithm}:{hex}")) {
                rustix::fs::unlinkat(&directory.fd, hex, AtFlags::empty())
                    .at("delete", directory.path.join(hex))?;
            }
        }
    }
    Ok(())
}
