//! Images in files: docker-archive (`docker save`), oci-archive, OCI layout directories, and directories of one image (`dir:`).
//!
//! Archives are never unpacked: an index of their members is made and members are read in place. A compressed archive is
//! first written uncompressed to an unnamed temporary file in a directory the caller gives.

mod contents;
mod docker;
mod error;
mod oci;
mod tar_index;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use self::contents::Contents;
use self::docker::{DockerImage, DockerLayer};
pub use self::error::ArchiveError;
use self::oci::OciImage;
use crate::decompress::{self, DecompressLimits};
use crate::digest::Digest;
use crate::platform::PlatformRequest;
use crate::policy::Origin;
use crate::reference::Reference;
use crate::source::{ImageSource, LayerDescriptor, Progress, ResolvedImage, SourceError};

/// An archive or a layout, and the images in it.
#[derive(Debug)]
pub struct Archive {
    images: Vec<ArchiveImage>,
}

/// One image of an archive.
#[derive(Debug)]
pub struct ArchiveImage {
    contents: Arc<Contents>,
    names: Vec<Reference>,
    format: Format,
    /// Which member has which blob; known once the image is resolved, and only for docker-archives.
    layers: Mutex<Vec<DockerLayer>>,
}

#[derive(Debug)]
enum Format {
    Docker(DockerImage),
    Oci(OciImage),
}

impl Archive {
    /// Opens an archive, compressed or not, an OCI layout directory, or one of a single image. `spool` is a directory for the uncompressed
    /// copy.
    pub fn open(path: &Path, spool: &Path) -> Result<Archive, ArchiveError> {
        Archive::read(Contents::open(path, spool)?)
    }

    /// Opens an archive that comes from a pipe and is called `name`.
    pub fn from_reader(
        reader: impl Read + Send + 'static,
        name: &Path,
        spool: &Path,
    ) -> Result<Archive, ArchiveError> {
        Archive::read(Contents::spooled(reader, name, spool)?)
    }

    fn read(contents: Contents) -> Result<Archive, ArchiveError> {
        let contents = Arc::new(contents);
        // Newer versions of Docker write both; only their list of tags has the whole names.
        let is_docker = !contents.is_directory() && contents.find(docker::LIST)?.is_some();
        let found: Vec<(Format, Vec<Reference>)> = if is_docker {
            let list = docker::list(&contents)?;
            list.into_iter().map(|(image, names)| (Format::Docker(image), names)).collect()
        } else if contents.find(oci::INDEX)?.is_some() {
            oci::list(&contents)?.into_iter().map(|(image, names)| (Format::Oci(image), names)).collect()
        } else if let Some(manifest) = contents.flat_manifest() {
            vec![(Format::Oci(oci::flat(manifest)), Vec::new())]
        } else {
            return Err(ArchiveError::Unknown { path: contents.path.clone() });
        };
        let images = found
            .into_iter()
            .map(|(format, names)| ArchiveImage {
                contents: contents.clone(),
                names,
                format,
                layers: Mutex::default(),
            })
            .collect();
        Ok(Archive { images })
    }

    /// Returns the images.
    pub fn images(&self) -> &[ArchiveImage] {
        &self.images
    }
}

impl ArchiveImage {
    /// Returns the names the archive has for it.
    pub fn names(&self) -> &[Reference] {
        &self.names
    }

    /// Returns what a layout calls it, word for word; often a bare tag.
    pub fn tag(&self) -> Option<&str> {
        match &self.format {
            Format::Oci(image) => image.label.as_deref(),
            Format::Docker(_) => None,
        }
    }

    fn member(&self, digest: &Digest) -> Result<String, ArchiveError> {
        if let Format::Oci(_) = self.format {
            return Ok(self.contents.member_of(digest));
        }
        let layers = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = layers.iter().find(|layer| layer.digest == *digest);
        found
            .map(|layer| layer.member.clone())
            .ok_or_else(|| ArchiveError::NoLayer { path: self.contents.path.clone(), digest: digest.clone() })
    }
}

impl ImageSource for ArchiveImage {
    fn describe(&self) -> String {
        match self.names.first() {
            Some(name) => format!("{name} in {}", self.contents.path.display()),
            None => self.contents.path.display().to_string(),
        }
    }

    fn origin(&self) -> Origin {
        let transport = match (&self.format, self.contents.is_directory()) {
            (Format::Docker(_), _) => "docker-archive",
            (Format::Oci(_), true) if self.contents.flat_manifest().is_some() => "dir",
            (Format::Oci(_), true) => "oci",
            (Format::Oci(_), false) => "oci-archive",
        };
        Origin::file(transport, &self.contents.path)
    }

    fn resolve(&self, platform: &PlatformRequest) -> Result<ResolvedImage, SourceError> {
        match &self.format {
            Format::Oci(image) => image.resolve(&self.contents, &self.names, platform),
            Format::Docker(image) => {
                let (resolved, layers) = image.resolve(&self.contents, &self.names, platform)?;
                *self.layers.lock().unwrap_or_else(PoisonError::into_inner) = layers;
                Ok(resolved)
            }
        }
    }

    fn open_layer(
        &self,
        layer: &LayerDescriptor,
        limits: &DecompressLimits,
        progress: Arc<dyn Progress>,
    ) -> Result<Box<dyn Read + Send>, SourceError> {
        let member = self.member(&layer.digest)?;
        let (reader, _) = self.contents.open_member(&member)?;
        let reader = Reported { inner: reader, digest: layer.digest.clone(), progress };
        decompress::open_verified(reader, &layer.digest, layer.size, limits)
            .map_err(|err| self.contents.read_error(&member, err).into())
    }
}

/// Tells how much was read.
struct Reported {
    inner: Box<dyn Read + Send>,
    digest: Digest,
    progress: Arc<dyn Progress>,
}

impl Read for Reported {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buf)?;
        self.progress.layer_bytes(&self.digest, length as u64);
        Ok(length)
    }
}

/// An archive's path behind its transport: `docker-archive:PATH[:NAME]`, `oci-archive:PATH[:NAME]`, `oci:PATH[:NAME]`, `dir:PATH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveName {
    /// The path.
    pub path: PathBuf,
    /// Which image of it.
    pub image: Option<String>,
}

impl ArchiveName {
    /// Parses a name; `None` if it has no transport. `oci:` and `dir:` are always transports, as in Podman, even where what
    /// follows could be a tag.
    pub fn parse(text: &str) -> Option<ArchiveName> {
        if let Some(path) = text.strip_prefix("dir:").filter(|it| !it.is_empty()) {
            return Some(ArchiveName { path: PathBuf::from(path), image: None });
        }
        let archive = text.strip_prefix("docker-archive:").or_else(|| text.strip_prefix("oci-archive:"));
        let rest = archive.or_else(|| text.strip_prefix("oci:"))?;
        let (path, image) = match rest.split_once(':') {
            Some((path, image)) => (path, Some(image.to_owned()).filter(|it| !it.is_empty())),
            None => (rest, None),
        };
        (!path.is_empty()).then(|| ArchiveName { path: PathBuf::from(path), image })
    }
}
