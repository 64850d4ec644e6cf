//! An image by the name a person wrote: a full name, a short name, or an archive's path behind its transport.

use std::path::Path;
use std::sync::Arc;

use pontoon_image::archive::ArchiveName;
use pontoon_image::{
    Archive, Digest, ImageSource, Progress, Reference, RegistriesConf, RegistryClient, ShortNameError,
    is_short_name, local_candidates, resolve_short_name,
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
    let candidates = match name_here(name, conf, store, options) {
        Some(here) => vec![here],
        None => resolve_short_name(name, conf)?,
    };
    for candidate in candidates {
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

/// The full name of the image that is here under a short one, as in Podman: who runs that one by this name means no other
/// registry's when it is to be fetched anew. Where a platform is asked for, what is here says nothing.
fn name_here(name: &str, conf: &RegistriesConf, store: &Store, options: &PullOptions) -> Option<Reference> {
    if options.platform.explicit || !is_short_name(name) {
        return None;
    }
    let likely = local_candidates(name, conf);
    if let Some(here) = likely.into_iter().find(|it| store.find_image(&it.to_string()).is_ok()) {
        return Some(here);
    }
    // An id has no such name, and with a digest it is the same image wherever it comes from.
    let image = store.find_image(name).ok().filter(|_| !name.contains('@'))?;
    let full = image.names.iter().find(|it| is_short_for(name, it))?;
    Reference::parse(full).ok().map(|it| it.for_pull())
}

/// Whether a full name with its tag ends as the short one says.
fn is_short_for(short: &str, full: &str) -> bool {
    let last = short.rsplit('/').next().unwrap_or_default();
    let tag = if last.contains(':') { "" } else { ":latest" };
    full.ends_with(&format!("/{short}{tag}"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_the_end_of_a_full_one() {
        for (short, full, is_short) in [
            ("busybox", "localhost:5000/busybox:latest", true),
            ("a/busybox:1", "quay.io/a/busybox:1", true),
            ("busybox", "quay.io/a/mybusybox:latest", false),
            ("busybox", "quay.io/busybox:1", false),
            ("a:1", "quay.io/a:11", false),
        ] {
            assert_eq!(is_short_for(short, full), is_short, "{short} {full}");
        }
    }
}
