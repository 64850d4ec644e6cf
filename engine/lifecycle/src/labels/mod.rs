//! Labels of security modules: AppArmor's profile and SELinux's contexts.
//!
//! Deciding is pure; what the host has is read here and passed as a value. Where the host has a module, a container is
//! labelled; where it has none, words for it are taken or refused as Podman does.

pub mod apparmor;
pub mod relabel;
pub mod selinux;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::record::ContainerRecord;
use crate::request::MountSource;
use crate::secret::Places;

pub use apparmor::AppArmorError;
pub use selinux::SelinuxError;

/// A container's SELinux contexts, chosen when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contexts {
    /// Of its processes.
    pub process: String,
    /// Of its files.
    pub mount: String,
}

/// Labels what is mounted with `:z` or `:Z`, where the container has a label; and its secrets and volumes, whose files are
/// for containers alone.
///
/// # Errors
/// See [`relabel::RelabelError`].
pub fn relabel_mounts(
    record: &ContainerRecord,
    places: Places<'_>,
    home: Option<&Path>,
) -> Result<(), relabel::RelabelError> {
    let Some(contexts) = &record.contexts else { return Ok(()) };
    let binds = record.request.mounts.iter().filter_map(|it| match &it.source {
        MountSource::Bind(path) => Some((path, &it.options)),
        _ => None,
    });
    for number in 0..record.secrets.len() {
        let copy = places.copy_path(record, number);
        if copy.exists() {
            relabel::relabel(&copy, home, &contexts.mount)?;
        }
    }
    let volumes = record.volumes.iter().filter(|it| it.tmpfs.is_none());
    for volume in volumes.clone().filter(|it| it.data.ends_with("_data")) {
        if !volume.options.iter().any(|it| it == "Z") {
            relabel::relabel(&volume.data, home, &relabel::shared(&contexts.mount))?;
        }
    }
    let volumes = volumes.map(|it| (&it.data, &it.options));
    for (path, options) in binds.chain(volumes) {
        let has = |word: &str| options.iter().any(|it| it == word);
        if has("Z") {
            relabel::relabel(path, home, &contexts.mount)?;
        } else if has("z") {
            relabel::relabel(path, home, &relabel::shared(&contexts.mount))?;
        }
    }
    Ok(())
}
