//! What a container's root file system begins with: an image, or a directory of the host (`--rootfs`), which says nothing
//! of what is to run in it.

use std::io;
use std::os::unix::fs::PermissionsExt;

use pontoon_image::ImageConfig;
use pontoon_storage::{FindImageError, ImageRecord, Store};

use crate::create::{CreateError, image_config};
use crate::facts::PlanError;
use crate::record::ContainerRecord;
use crate::request::CreateRequest;

/// A container's image; `None` if it has a directory.
///
/// # Errors
/// See [`FindImageError`].
pub fn image(store: &Store, record: &ContainerRecord) -> Result<Option<ImageRecord>, FindImageError> {
    match record.request.rootfs {
        Some(_) => Ok(None),
        None => store.find_image(&record.image_id).map(Some),
    }
}

/// What an image says of its payload; where there is none, nothing is said.
///
/// # Errors
/// See [`CreateError`].
pub fn config(store: &Store, image: Option<&ImageRecord>) -> Result<ImageConfig, CreateError> {
    image.map_or_else(|| Ok(ImageConfig::default()), |it| image_config(store, it))
}

/// Mode of the root directory, with which the container's changes are kept; it belongs to the container's root. An image's is
/// Podman's, whatever its layers say: who makes an image of a directory that is closed to others does not mean its root.
///
/// # Errors
/// [`PlanError::Rootfs`] if the directory that stands for an image is none.
pub fn root_mode(request: &CreateRequest, image: Option<&ImageRecord>) -> Result<u32, PlanError> {
    match (image, &request.rootfs) {
        (Some(_), _) => Ok(0o555),
        (None, None) => Ok(0o755),
        (None, Some(rootfs)) => {
            let failed = |source| PlanError::Rootfs { path: rootfs.path.clone(), source };
            let found = rootfs.path.metadata().map_err(failed)?;
            if !found.is_dir() {
                return Err(failed(io::ErrorKind::NotADirectory.into()));
            }
            Ok(found.permissions().mode() & 0o7777)
        }
    }
}
