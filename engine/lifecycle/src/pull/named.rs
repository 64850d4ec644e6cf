//! An image by the name a person wrote: a full name, a short name, or an archive's path behind its transport.

use std::path::Path;
use std::sync::Arc;

use pontoon_image::archive::ArchiveName;
use pontoon_image::{
    Archive, Digest, ImageSource, Progress, Reference, RegistriesConf, RegistryClient, ShortNameError,
    resolve_short_name,
};
use pontoon_storage::{ImageRecord, Store};

use super::{PullNamedError, PullOptions, PulledImage, pull};

/// A pulled image and the name it was found under.
#[derive(Debug, Clone)]
pub struct PulledName {
    /// The image.
    pub image: PulledImage,
    /// Its full name; an archive's image may have none.
    pub name: Option<Reference>,
}

/// Pulls the image a name stands for. Of several candidates the first that works is taken; `spool` is a directory for
/// temporary files.
///
/// # Errors
/// See [`PullNamedError`].
pub fn pull_named(
    name: &str,
    client: &RegistryClient,
    conf: &RegistriesConf,
    spool: &Path,
    store: &Store,
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<PulledName, PullNamedError> {
    if let Some(archive) = ArchiveName::parse(name) {
        return pull_archive(&archive, spool, store, progress, options);
    }
    let mut tried = Vec::new();
    let mut last = None;
    for candidate in resolve_short_name(name, conf)? {
        match pull_reference(&candidate, client, store, progress, options) {
            Ok(image) => return Ok(PulledName { image, name: Some(candidate) }),
            Err(err) => {
                tried.push(format!("{candidate}: {err}"));
                last = Some(err);
            }
        }
    }
    match last {
        Some(err) if tried.len() == 1 => Err(err),
        Some(err) => Err(PullNamedError::AllFailed {
            name: name.to_owned(),
            tried: tried.join("; "),
            source: Box::new(err),
        }),
        None => Err(ShortNameError::NoSearchRegistry { name: name.to_owned() }.into()),
    }
}

fn pull_reference(
    reference: &Reference,
    client: &RegistryClient,
    store: &Store,
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<PulledImage, PullNamedError> {
    let source = client.source(reference)?.with_progress(progress.clone());
    Ok(pull(&source, store, std::slice::from_ref(reference), progress, options)?)
}

fn pull_archive(
    name: &ArchiveName,
    spool: &Path,
    store: &Store,
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<PulledName, PullNamedError> {
    let archive = Archive::open(&name.path, spool)?;
    let all = || {
        let mut names: Vec<String> =
            archive.images().iter().flat_map(|it| it.names()).map(Reference::to_string).collect();
        if names.is_empty() {
            names.push("images without names".to_owned());
        }
        names.join(", ")
    };
    let wanted = match &name.image {
        Some(text) => Some(Reference::parse(text)?.with_default_tag()),
        None => None,
    };
    let image = match (&wanted, archive.images()) {
        (Some(wanted), images) => images
            .iter()
            .find(|it| it.names().contains(wanted))
            // A layout's images often have a bare tag for a name.
            .or_else(|| images.iter().find(|it| it.tag() == name.image.as_deref()))
            .ok_or_else(|| PullNamedError::NoSuchImage {
                path: name.path.clone(),
                name: wanted.to_string(),
                names: all(),
            })?,
        (None, [only]) => only,
        (None, _) => return Err(PullNamedError::SeveralImages { path: name.path.clone(), names: all() }),
    };
    let names: Vec<Reference> = match image.names() {
        [] => wanted.into_iter().collect(),
        names => names.to_vec(),
    };
    let pulled = pull(image as &dyn ImageSource, store, &names, progress, options)?;
    Ok(PulledName { image: pulled, name: names.into_iter().next() })
}

/// Tells whether an image of the store is what the registry has now under this digest (`--pull=newer`).
#[must_use]
pub fn knows_remote(record: &ImageRecord, name: &Reference, remote: &Digest) -> bool {
    record.digest == remote.as_str()
        || record.repo_digests.contains(&name.with_digest(remote.clone()).to_string())
}
