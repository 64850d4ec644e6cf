//! Everything goes: containers, images, volumes, secrets, and the store itself.

use pontoon_storage::{FileError, OpenError};

use crate::host::Host;
use crate::pod;
use crate::remove::{self, RemoveError, RemoveOptions};
use crate::user_namespace::{self, EnterError};

/// What commands keep beside the store's own, by the beginnings of names.
const BESIDE: [&str; 1] = ["id-maps.lock"];
const BESIDE_RUN: [&str; 4] = ["containers.conf.told", "events", "overlay", "turn."];

/// Why not all is gone.
#[derive(Debug, thiserror::Error)]
pub enum ResetError {
    /// The store.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A container stays.
    #[error(transparent)]
    Container(#[from] RemoveError),
    /// The child that deletes.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// It could not delete all.
    #[error("{0}")]
    Left(String),
}

/// Stops and removes all containers, then deletes the store.
///
/// # Errors
/// See [`ResetError`].
pub fn reset(host: &Host) -> Result<(), ResetError> {
    let store = host.open_store()?;
    // What cannot be removed as a pod goes container by container.
    for pod in store.list_pods()?.pods {
        let _ = pod::remove(host, &store, pod.id.hex(), true, Some(0));
    }
    let all = store.list_containers()?;
    let broken = all.broken.into_iter().map(|(id, _)| id);
    let ids: Vec<_> = all.containers.into_iter().map(|it| it.id).chain(broken).collect();
    for id in ids {
        // What they do is of no use to anybody any more, so nobody waits for them.
        let options = RemoveOptions {
            force: true,
            ignore: true,
            depend: true,
            with_pod: true,
            timeout: Some(0),
            ..RemoveOptions::default()
        };
        remove::remove(host, &store, id.hex(), options)?;
    }
    let deleted = user_namespace::ask(host, || {
        let done = store.delete(&BESIDE, &BESIDE_RUN);
        done.map_err(|err| format!("{err}"))
    })?;
    match deleted {
        Some(Ok(())) => Ok(()),
        Some(Err(why)) => Err(ResetError::Left(why)),
        None => Err(ResetError::Left("the store could not be deleted".to_owned())),
    }
}
