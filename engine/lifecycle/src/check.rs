//! Whether the store is sound, and mending it.

use pontoon_storage::{CheckOptions, CheckReport, Damage, FileError, ImageId, Part, RemoveImageError, Store};

use crate::host::Host;
use crate::remove::{self, RemoveOptions};
use crate::user_namespace::{self, EnterError};

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The child that looks.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// It ended without an answer.
    #[error("the check was ended before it was done")]
    Ended,
    /// The store.
    #[error("{0}")]
    Store(String),
    /// A file of it.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Looks at the whole store, as root over our ids.
///
/// # Errors
/// See [`CheckError`].
pub fn check(host: &Host, store: &Store, options: CheckOptions) -> Result<CheckReport, CheckError> {
    let report = user_namespace::ask(host, || store.check(options).map_err(|err| with_cause(&err)))?;
    report.ok_or(CheckError::Ended)?.map_err(CheckError::Store)
}

fn with_cause(err: &FileError) -> String {
    format!("{err}: {}", err.source)
}

/// What became of something damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mended {
    /// It was removed.
    Removed,
    /// A volume has a new record, and its data still.
    NewRecord,
    /// It is as it was, and why.
    Left(String),
}

/// Mends one damage. Images and artifacts go, for they can be had again; containers and secrets go only by force, and images that
/// containers need with them; volumes keep their data.
pub fn mend(host: &Host, store: &Store, damage: &Damage, force: bool) -> Mended {
    let left = |err: &dyn std::error::Error| Mended::Left(err.to_string());
    match damage.part {
        Part::Volume => match store.renew_volume_record(&damage.id) {
            Ok(()) => Mended::NewRecord,
            Err(err) => left(&err),
        },
        Part::Container | Part::Pod | Part::Secret if !force => Mended::Left("--force removes it".to_owned()),
        Part::Secret => store.remove_secret(&damage.id).map_or_else(|err| left(&err), |()| Mended::Removed),
        Part::Container => match remove_container(host, store, &damage.id) {
            Ok(()) => Mended::Removed,
            Err(err) => left(&err),
        },
        Part::Artifact => {
            store.forget_artifact(&damage.id).map_or_else(|err| left(&err), |()| Mended::Removed)
        }
        // Of its containers nothing is known but what they say themselves; they stay.
        Part::Pod => match store.find_pod(&damage.id) {
            Ok(pod) => store.remove_pod(pod).map_or_else(|err| left(&err), |_| Mended::Removed),
            Err(err) => left(&err),
        },
        Part::Image => {
            let Ok(id) = damage.id.parse::<ImageId>() else {
                return Mended::Left("its id is none".to_owned());
            };
            loop {
                match store.remove_image(&id, true) {
                    Ok(_) => return Mended::Removed,
                    Err(RemoveImageError::InUse { ids, .. }) if force => {
                        for user in &ids {
                            if let Err(err) = remove_container(host, store, user.hex()) {
                                return left(&err);
                            }
                        }
                    }
                    Err(err @ RemoveImageError::InUse { .. }) => {
                        return Mended::Left(format!("{err}; --force removes them, too"));
                    }
                    Err(err) => return left(&err),
                }
            }
        }
    }
}

fn remove_container(host: &Host, store: &Store, id: &str) -> Result<(), remove::RemoveError> {
    let options = RemoveOptions { force: true, ignore: true, depend: true, ..RemoveOptions::default() };
    remove::remove(host, store, id, options).map(drop)
}

/// Takes away names that lead nowhere, what killed commands left, and layers that no image needs.
///
/// # Errors
/// See [`CheckError`].
pub fn tidy(host: &Host, store: &Store, report: &CheckReport) -> Result<(), CheckError> {
    for name in &report.stale_image_names {
        // One that leads somewhere by now stays.
        if store.find_image(name).is_err() {
            let _ = store.untag(name);
        }
    }
    store.forget_stale_names()?;
    remove::sweep(host, store);
    if !report.idle_layers.is_empty() {
        store.delete_idle_layers()?;
    }
    remove::delete_files(host, store);
    Ok(())
}
