//! OCI layouts, as a directory or in a tar: `index.json` names manifests, `blobs/` has everything by its digest.

use super::contents::Contents;
use super::error::ArchiveError;
use crate::config::MAX_CONFIG_SIZE;
use crate::manifest::{Descriptor, Document, Index, MAX_MANIFEST_SIZE, ManifestError};
use crate::platform::PlatformRequest;
use crate::reference::{InvalidReference, Reference};
use crate::short_name::is_short_name;
use crate::source::{Found, ResolvedImage, SourceError};

/// The member that names the manifests.
pub(super) const INDEX: &str = "index.json";
/// Indexes within indexes; one is usual.
const MAX_DEPTH: usize = 4;
/// A whole name, as containerd and buildkit write it.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// A name, or only a tag.
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// An image of a layout: one manifest or index, or several manifests that differ in their platforms.
#[derive(Debug, Clone)]
pub(super) struct OciImage {
    entries: Vec<Descriptor>,
    /// What the layout calls it, word for word.
    pub label: Option<String>,
}

/// Lists the images with their names.
pub(super) fn list(contents: &Contents) -> Result<Vec<(OciImage, Vec<Reference>)>, ArchiveError> {
    let bytes = contents.read_member(INDEX, MAX_MANIFEST_SIZE)?;
    let index = match Document::parse(&bytes, None) {
        Ok(Document::Index(index, _)) => index,
        Ok(Document::Manifest(..)) => return Err(manifest_error(contents, INDEX, ManifestError::Neither)),
        Err(source) => return Err(manifest_error(contents, INDEX, source)),
    };
    let mut images: Vec<OciImage> = Vec::new();
    for entry in index.manifests {
        let label = [CONTAINERD_NAME, REF_NAME].iter().find_map(|key| entry.annotations.get(*key).cloned());
        let same = images.iter_mut().find(|image| {
            image.label == label
                && entry.platform.is_some()
                && image.entries.iter().all(|it| it.platform.is_some())
        });
        match same {
            Some(image) => image.entries.push(entry),
            None => images.push(OciImage { entries: vec![entry], label }),
        }
    }
    images
        .into_iter()
        .map(|image| {
            let name = image.label.as_deref().filter(|it| !it.is_empty()).map(local_name).transpose();
            let name = name.map_err(|source| ArchiveError::Name { path: contents.path.clone(), source })?;
            Ok((image, name.into_iter().collect()))
        })
        .collect()
}

/// The image of a directory without a layout; nothing says what it is called.
pub(super) fn flat(manifest: &Descriptor) -> OciImage {
    OciImage { entries: vec![manifest.clone()], label: None }
}

/// A name without a registry, or a bare tag, becomes one of this machine, as Podman has it.
fn local_name(label: &str) -> Result<Reference, InvalidReference> {
    let name = match is_short_name(label) {
        true => Reference::parse(&format!("localhost/{label}"))?,
        false => Reference::parse(label)?,
    };
    Ok(name.with_default_tag())
}

fn manifest_error(contents: &Contents, member: &str, source: ManifestError) -> ArchiveError {
    ArchiveError::Manifest { path: contents.path.clone(), member: member.to_owned(), source }
}

impl OciImage {
    /// Goes from index to index to the manifest that fits.
    pub(super) fn resolve(
        &self,
        contents: &Contents,
        names: &[Reference],
        request: &PlatformRequest,
    ) -> Result<ResolvedImage, SourceError> {
        let image = contents.path.display().to_string();
        let choose = |index: &Index| {
            index
                .choose(request)
                .cloned()
                .map_err(|source| SourceError::Manifest { image: image.clone(), source })
        };
        let mut entry = match self.entries.as_slice() {
            [only] => only.clone(),
            several => choose(&Index { manifests: several.to_vec(), annotations: Default::default() })?,
        };
        let mut outermost = None;
        for _ in 0..MAX_DEPTH {
            let bytes = contents.read_blob(&entry.digest, entry.size, MAX_MANIFEST_SIZE)?;
            let content_type = Some(entry.media_type.as_str()).filter(|it| !it.is_empty());
            let document = Document::parse(&bytes, content_type)
                .map_err(|source| manifest_error(contents, &contents.member_of(&entry.digest), source))?;
            match document {
                Document::Index(index, _) => {
                    let next = choose(&index)?;
                    outermost.get_or_insert((bytes, entry.digest));
                    entry = next;
                }
                Document::Manifest(manifest, manifest_type) => {
                    manifest
                        .check()
                        .map_err(|source| SourceError::Manifest { image: image.clone(), source })?;
                    let config_bytes =
                        contents.read_blob(&manifest.config.digest, manifest.config.size, MAX_CONFIG_SIZE)?;
                    return Found {
                        image: image.clone(),
                        manifest_bytes: bytes,
                        manifest_digest: entry.digest,
                        manifest_type,
                        manifest,
                        index: outermost,
                        config_bytes,
                        names: names.to_vec(),
                    }
                    .finish(request);
                }
            }
        }
        Err(ArchiveError::TooDeep { path: contents.path.clone(), limit: MAX_DEPTH }.into())
    }
}
