//! Another name for a container.

use pontoon_monitor::control::Request;
use pontoon_monitor::event::Deed;
use pontoon_storage::{Durability, FindContainerError, RecordError, RenameContainerError, Store};

use crate::host::Host;
use crate::list::{self, LookError};
use crate::stop;

/// Why it keeps its name.
#[derive(Debug, thiserror::Error)]
pub enum RenameError {
    /// It is not there.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The name.
    #[error(transparent)]
    Name(#[from] RenameContainerError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It was removed meanwhile.
    #[error(transparent)]
    Find(#[from] FindContainerError),
}

/// Renames a container, whatever it is doing.
///
/// # Errors
/// See [`RenameError`].
pub fn rename(host: &Host, store: &Store, query: &str, name: &str) -> Result<(), RenameError> {
    let (lock, mut found) = list::find(store, query)?.lock()?;
    // Whoever held the lock before may have given it another name: then it is not the one that is meant any more.
    if store.find_container(query)?.id() != found.container.id() {
        return Err(FindContainerError::NotFound { query: query.to_owned() }.into());
    }
    store.rename_container(&found.container, name)?;
    // The store's own entry is what names are looked up by; the record repeats it for whoever reads the record alone.
    found.record.name = name.to_owned();
    found.container.replace_record(&lock, &found.record, Durability::Durable)?;
    let _lock = found.status.can_be_asked().then_some(lock);
    if found.status.is_alive() {
        // One that does not hear it goes on under the old name in its events.
        let _ = stop::tell(&found.container, &Request::Renamed(name.to_owned()));
    }
    host.tell_of(store, &found.record, Deed::Rename);
    Ok(())
}
