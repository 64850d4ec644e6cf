//! All images of an archive.

use std::sync::Arc;

use pontoon_image::{Archive, Progress, Reference};
use pontoon_storage::Store;

use super::{LoadError, PullOptions, PulledImage, pull};

/// Brings all images of an archive into the store, under the names they have there, and gives each with these names.
///
/// # Errors
/// See [`LoadError`]. Images before the failing one stay.
pub fn load(
    archive: &Archive,
    store: &Store,
    progress: &Arc<dyn Progress>,
    options: &PullOptions,
) -> Result<Vec<(PulledImage, Vec<Reference>)>, LoadError> {
    let mut loaded = Vec::new();
    for image in archive.images() {
        loaded.push((pull(image, store, image.names(), progress, options)?, image.names().to_vec()));
    }
    Ok(loaded)
}
