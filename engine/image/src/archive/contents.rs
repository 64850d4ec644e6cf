//! The members of an archive or of a directory, by name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::error::ArchiveError;
use super::tar_index::{IndexError, MAX_MEMBERS, TarIndex};
use crate::decompress::{self, Compression, DecompressError, DecompressLimits};
use crate::digest::{Digest, DigestReader, VerifyError};
use crate::manifest::{Descriptor, MAX_MANIFEST_SIZE};

/// Where members are read from.
#[derive(Debug)]
pub(super) struct Contents {
    /// What people call it.
    pub path: PathBuf,
    place: Place,
    /// The manifest of a directory that holds one image without a layout (`dir:`), where each blob has its digits for a name.
    flat: Option<Descriptor>,
}

/// The member that makes a directory such a one (containers-transports(5)).
const FLAT_VERSION: &str = "version";
/// Its manifest.
const FLAT_MANIFEST: &str = "manifest.json";

#[derive(Debug)]
enum Place {
    Tar(TarIndex),
    Directory(PathBuf),
}

/// A member being read.
pub(super) type Member = (Box<dyn Read + Send>, u64);

impl Contents {
    /// Opens a directory, an archive, or a compressed archive, of which an uncompressed copy is made in `spool`.
    pub(super) fn open(path: &Path, spool: &Path) -> Result<Contents, ArchiveError> {
        let read = |source| ArchiveError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(read)?;
        let metadata = file.metadata().map_err(read)?;
        if metadata.is_dir() {
            let place = Place::Directory(path.to_owned());
            return Contents { path: path.to_owned(), place, flat: None }.look_for_flat();
        }
        if !metadata.is_file() {
            return Contents::spooled(file, path, spool);
        }
        let mut first = Vec::new();
        (&file).take(6).read_to_end(&mut first).map_err(read)?;
        match Compression::detect(&first) {
            Ok(Compression::None) => Contents::index(file, path),
            Ok(_) => Contents::spooled(File::open(path).map_err(read)?, path, spool),
            Err(source) => Err(ArchiveError::Decompress { path: path.to_owned(), source }),
        }
    }

    /// Makes an uncompressed copy of what `reader` gives; `path` is what it is called.
    pub(super) fn spooled(
        reader: impl Read + Send + 'static,
        path: &Path,
        spool: &Path,
    ) -> Result<Contents, ArchiveError> {
        let read = |err: io::Error| match err.downcast::<DecompressError>() {
            Ok(source) => ArchiveError::Decompress { path: path.to_owned(), source },
            Err(source) => ArchiveError::Read { path: path.to_owned(), source },
        };
        let write = |source| ArchiveError::Spool { archive: path.to_owned(), path: spool.to_owned(), source };
        let mut archive = decompress::open_unverified(reader, &DecompressLimits::default()).map_err(read)?;
        let copy = unnamed_file(spool).map_err(write)?;
        let mut buffer = vec![0; 128 << 10];
        loop {
            let length = match archive.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => continue,
                Err(err) => return Err(read(err)),
            };
            io::Write::write_all(&mut (&copy), buffer.get(..length).unwrap_or_default()).map_err(write)?;
        }
        Contents::index(copy, path)
    }

    fn index(file: File, path: &Path) -> Result<Contents, ArchiveError> {
        match TarIndex::read(file) {
            Ok(index) => Ok(Contents { path: path.to_owned(), place: Place::Tar(index), flat: None }),
            Err(IndexError::Io(source)) => Err(ArchiveError::Read { path: path.to_owned(), source }),
            Err(IndexError::NoTar) => Err(ArchiveError::Unknown { path: path.to_owned() }),
            Err(IndexError::TooManyMembers) => {
                Err(ArchiveError::TooManyMembers { path: path.to_owned(), limit: MAX_MEMBERS })
            }
        }
    }

    /// Looks whether the directory holds an image without a layout.
    fn look_for_flat(self) -> Result<Contents, ArchiveError> {
        if self.find(FLAT_VERSION)?.is_none() || self.find(FLAT_MANIFEST)?.is_none() {
            return Ok(self);
        }
        let bytes = self.read_member(FLAT_MANIFEST, MAX_MANIFEST_SIZE)?;
        let flat = Descriptor {
            media_type: String::new(),
            digest: Digest::sha256(&bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
            platform: None,
        };
        Ok(Contents { flat: Some(flat), ..self })
    }

    /// The manifest of an image without a layout.
    pub(super) fn flat_manifest(&self) -> Option<&Descriptor> {
        self.flat.as_ref()
    }

    /// Where a blob is kept. A digest has no characters that could lead elsewhere.
    pub(super) fn member_of(&self, digest: &Digest) -> String {
        match &self.flat {
            None => blob_member(digest),
            Some(manifest) if manifest.digest == *digest => FLAT_MANIFEST.to_owned(),
            Some(_) => {
                // So are manifests called that an index names.
                let manifest = format!("{}.{FLAT_MANIFEST}", digest.hex());
                if matches!(self.find(&manifest), Ok(Some(_))) { manifest } else { digest.hex().to_owned() }
            }
        }
    }

    /// Opens a member, if it is there; returns its size, too.
    pub(super) fn find(&self, member: &str) -> Result<Option<Member>, ArchiveError> {
        match &self.place {
            Place::Tar(index) => Ok(index
                .open(member)
                .map(|(section, size)| (Box::new(section) as Box<dyn Read + Send>, size))),
            Place::Directory(directory) => {
                let path = directory.join(member);
                let read = |source| ArchiveError::Read { path: path.clone(), source };
                let file = match File::open(&path) {
                    Ok(file) => file,
                    Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
                    Err(err) => return Err(read(err)),
                };
                let size = file.metadata().map_err(read)?.len();
                Ok(Some((Box::new(file), size)))
            }
        }
    }

    /// Tells whether it is a directory, in which no docker-archive lies.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.place, Place::Directory(_))
    }

    /// Opens a member.
    pub(super) fn open_member(&self, member: &str) -> Result<Member, ArchiveError> {
        let missing = || ArchiveError::Missing { path: self.path.clone(), member: member.to_owned() };
        self.find(member)?.ok_or_else(missing)
    }

    /// Reads a small member whole.
    pub(super) fn read_member(&self, member: &str, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let (reader, size) = self.open_member(member)?;
        let too_large =
            || ArchiveError::TooLarge { path: self.path.clone(), member: member.to_owned(), limit };
        if size > limit {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        reader
            .take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| ArchiveError::Read { path: self.path.clone(), source })?;
        if bytes.len() as u64 > limit { Err(too_large()) } else { Ok(bytes) }
    }

    /// Reads a small blob of a layout, checked against its digest.
    pub(super) fn read_blob(&self, digest: &Digest, size: u64, limit: u64) -> Result<Vec<u8>, ArchiveError> {
        let member = self.member_of(digest);
        let bytes = self.read_member(&member, limit)?;
        let mut checked = Vec::with_capacity(bytes.len());
        DigestReader::new(bytes.as_slice(), digest.clone(), Some(size))
            .read_to_end(&mut checked)
            .map_err(|err| self.read_error(&member, err))?;
        Ok(checked)
    }

    /// Reads a JSON member.
    pub(super) fn read_json<T: DeserializeOwned>(&self, member: &str, limit: u64) -> Result<T, ArchiveError> {
        let bytes = self.read_member(member, limit)?;
        serde_json::from_slice(&bytes).map_err(|source| ArchiveError::Json {
            path: self.path.clone(),
            member: member.to_owned(),
            source,
        })
    }

    /// Finds out what an error of a stream was.
    pub(super) fn read_error(&self, member: &str, err: io::Error) -> ArchiveError {
        let path = self.path.clone();
        match err.downcast::<VerifyError>() {
            Ok(source) => ArchiveError::Content { path, member: member.to_owned(), source },
            Err(err) => match err.downcast::<DecompressError>() {
                Ok(source) => ArchiveError::Decompress { path, source },
                Err(source) => ArchiveError::Read { path, source },
            },
        }
    }
}

/// Returns where a layout keeps a blob.
pub(super) fn blob_member(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm().name(), digest.hex())
}

/// Makes a file that nobody else can find and that goes away by itself.
fn unnamed_file(directory: &Path) -> io::Result<File> {
    use rustix::fs::{CWD, Mode, OFlags, openat};
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    match openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR) {
        Ok(fd) => Ok(File::from(fd)),
        // Some file systems (overlayfs of old kernels, some network ones) cannot do that.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::ISDIR | rustix::io::Errno::INVAL) => {
            let mut random = [0; 8];
            rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
            let path = directory.join(format!(".archive-{:016x}", u64::from_ne_bytes(random)));
            let file = File::options().read(true).write(true).create_new(true).open(&path)?;
            std::fs::remove_file(&path)?;
            Ok(file)
        }
        Err(err) => Err(err.into()),
    }
}
