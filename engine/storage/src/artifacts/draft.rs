//! An artifact that is being made: its blobs, in a directory that nobody else knows.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::{ArtifactStoreError, Temporary, layout};
use crate::dir::Place;
use crate::error::{At, FileError};
use crate::record::write_all;

/// What a blob is called before its digest is known.
const FRESH: &str = "fresh";
/// Containers have blobs mounted, and their users, who may be anybody, read them; nobody else gets at the directory.
const BLOB_MODE: Mode = Mode::from_raw_mode(0o644);

/// The blobs of an artifact to be. Dropped, they go.
#[derive(Debug)]
pub struct ArtifactDraft {
    temporary: Temporary,
    /// Where the blobs of all artifacts are.
    blobs: Place,
    digests: Vec<String>,
}

impl ArtifactDraft {
    pub(super) fn new(temporary: Temporary, blobs: Place) -> Self {
        Self { temporary, blobs, digests: Vec::new() }
    }

    /// Takes a blob that the store has already; false if it has none of this digest. From here on nobody deletes it.
    ///
    /// # Errors
    /// If the digest is none, or the file system refuses.
    pub fn take(&mut self, digest: &str) -> Result<bool, ArtifactStoreError> {
        let (algorithm, hex) = layout::parts(digest)?;
        let place = self.place_of(algorithm)?;
        let name = digest.replace(':', "-");
        let here = &self.temporary.place;
        match rustix::fs::linkat(&place.fd, hex, &here.fd, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(FileError::new("link", place.path.join(hex), errno).into()),
        }
        self.remember(digest);
        Ok(true)
    }

    /// Writes a blob whose content and size its reader checks: it fails at the end if they are not what `digest` says.
    ///
    /// # Errors
    /// The reader's, or the file system's.
    pub fn receive(&mut self, digest: &str, from: &mut dyn Read) -> Result<(), ArtifactStoreError> {
        layout::parts(digest)?;
        self.write(from, |_| {})?;
        self.name(digest)
    }

    /// Writes a blob, and gives its digest and size.
    ///
    /// # Errors
    /// The reader's, or the file system's.
    pub fn add(&mut self, from: &mut dyn Read) -> Result<(String, u64), ArtifactStoreError> {
        let mut sum = Sha256::new();
        let size = self.write(from, |bytes| sum.update(bytes))?;
        let digest = format!("sha256:{}", crate::id::hex(&sum.finalize()));
        self.name(&digest)?;
        Ok((digest, size))
    }

    fn write(&self, from: &mut dyn Read, mut see: impl FnMut(&[u8])) -> Result<u64, ArtifactStoreError> {
        let place = &self.temporary.place;
        let path = place.path.join(FRESH);
        let flags = OFlags::CREATE | OFlags::TRUNC | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: OwnedFd = rustix::fs::openat(&place.fd, FRESH, flags, BLOB_MODE).at("make", &path)?;
        let mut buffer = vec![0; 128 * 1024];
        let mut size = 0;
        loop {
            let length = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(ArtifactStoreError::Source(err)),
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            see(bytes);
            write_all(file.as_fd(), bytes).at("write", &path)?;
            size += bytes.len() as u64;
        }
        // Whatever the umask is.
        rustix::fs::fchmod(&file, BLOB_MODE).at("set the mode of", &path)?;
        rustix::fs::fsync(&file).at("sync", &path)?;
        Ok(size)
    }

    fn name(&mut self, digest: &str) -> Result<(), ArtifactStoreError> {
        let place = &self.temporary.place;
        let name = digest.replace(':', "-");
        rustix::fs::renameat(&place.fd, FRESH, &place.fd, &name).at("rename", place.path.join(&name))?;
        self.remember(digest);
        Ok(())
    }

    fn remember(&mut self, digest: &str) {
        if !self.digests.iter().any(|it| it == digest) {
            self.digests.push(digest.to_owned());
        }
    }

    fn place_of(&self, algorithm: &str) -> Result<Place, FileError> {
        self.blobs.open_or_make(algorithm)
    }

    /// Gives the blobs their places; one that is there is the same.
    pub(super) fn place(&self) -> Result<(), ArtifactStoreError> {
        let here = &self.temporary.place;
        let mut filled: Vec<Place> = Vec::new();
        for digest in &self.digests {
            let (algorithm, hex) = layout::parts(digest)?;
            let place = self.place_of(algorithm)?;
            let name = digest.replace(':', "-");
            // Where both names are of one file, nothing happens, and the one here goes with the draft.
            rustix::fs::renameat(&here.fd, &name, &place.fd, hex)
                .at("move into place", place.path.join(hex))?;
            if !filled.iter().any(|it| it.path == place.path) {
                filled.push(place);
            }
        }
        filled.iter().try_for_each(Place::sync)?;
        Ok(self.blobs.sync()?)
    }
}
