//! Its name, its directory and its record.

use std::io;
use std::os::fd::OwnedFd;

use pontoon_storage::{
    ContainerHandle, ContainerId, CreateError as StoreError, Durability, ImageId, ImageRecord, NewContainer,
    Store, Unsynced,
};

use super::CreateError;
use crate::record::ContainerRecord;
use crate::request::CreateRequest;
use crate::{names, status};

/// A container that goes when it ends need not survive a power cut, which ends it.
pub(super) fn durability(request: &CreateRequest) -> Durability {
    if request.rm { Durability::Volatile } else { Durability::Durable }
}

/// Writes the record under a name that is free, which is the host name as well if `named_as_host` says so.
pub(super) fn claim_and_write(
    store: &Store,
    id: &ContainerId,
    image: Option<&ImageRecord>,
    mounted_images: &[ImageId],
    record: &mut ContainerRecord,
    named_as_host: bool,
) -> Result<(ContainerHandle, Unsynced, OwnedFd), CreateError> {
    let run_directory = store.paths().run.join("containers").join(id.hex());
    make_private(&run_directory).map_err(CreateError::Lock)?;
    let lock = status::claim(&run_directory).map_err(CreateError::Lock)?;
    let lock = lock.ok_or_else(|| CreateError::Lock(io::ErrorKind::WouldBlock.into()))?;
    let durability = durability(&record.request);
    for attempt in 0.. {
        record.name = record.request.name.clone().unwrap_or_else(|| names::random(attempt));
        if named_as_host {
            record.request.hostname = Some(names::as_hostname(&record.name));
        }
        let new = NewContainer {
            id,
            name: Some(&record.name),
            image: image.map(|it| &it.id),
            more_images: mounted_images,
            record: &*record,
            durability,
        };
        match store.create_container(new) {
            Err(StoreError::NameTaken { .. }) if record.request.name.is_none() && attempt < 100 => {}
            // Of a `run --rm` that was killed: it gives the name back.
            Err(StoreError::NameTaken { by_id, .. }) if attempt == 0 && is_leftover(store, &by_id) => {}
            Err(err) => {
                let _ = std::fs::remove_dir_all(&run_directory);
                return Err(err.into());
            }
            Ok((container, unsynced)) => return Ok((container, unsynced, lock)),
        }
    }
    Err(CreateError::Random(io::ErrorKind::AlreadyExists.into()))
}

/// Whether a container was no more than a leftover, which is then removed.
fn is_leftover(store: &Store, id: &ContainerId) -> bool {
    let Ok(container) = store.container(id) else { return true };
    let Ok(record) = container.read_record::<ContainerRecord>() else { return false };
    status::tidy(store, container, &record).is_none()
}

fn make_private(directory: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}
