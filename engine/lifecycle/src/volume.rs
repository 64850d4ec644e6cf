//! Volumes: made, listed, removed. A volume in use by a container stays.

use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{
    ContainerId, Durability, FileError, FindVolumeError, NewVolume, Store, VolumeError, VolumeHandle,
    VolumeList,
};

use crate::host::Host;
use crate::record::{ContainerRecord, VolumeRecord};
use crate::{remove, user_namespace};

/// Why a deed on volumes failed.
#[derive(Debug, thiserror::Error)]
pub enum VolumeDeedError {
    /// The store.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// It is not there.
    #[error(transparent)]
    Find(#[from] FindVolumeError),
    /// No randomness for a name.
    #[error("cannot draw a random name")]
    Random(#[source] std::io::Error),
    /// Containers could not be listed.
    #[error(transparent)]
    File(#[from] FileError),
    /// It cannot be given the owner that was asked for.
    #[error("cannot give the volume `{name}` to {uid}:{gid}")]
    Owner {
        /// Its name.
        name: String,
        /// User id in a container.
        uid: u32,
        /// Group id in a container.
        gid: u32,
    },
    /// It could not be removed with its containers.
    #[error(transparent)]
    Remove(#[from] remove::RemoveError),
}

impl VolumeDeedError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Volume(VolumeError::InUse { .. }) => {
                Some("remove those containers first, or use --force, which removes them too".to_owned())
            }
            Self::Volume(VolumeError::Exists { .. }) => Some("use --ignore if that is fine".to_owned()),
            Self::Owner { .. } => {
                Some("the ids must be among those granted to you in /etc/subuid and /etc/subgid".to_owned())
            }
            Self::File(err) => err.hint(),
            Self::Remove(err) => err.hint(),
            _ => None,
        }
    }
}

/// Makes a volume, and gives its name; with `ignore`, one that is there is fine.
///
/// # Errors
/// See [`VolumeDeedError`].
pub fn create(
    host: &Host,
    store: &Store,
    name: Option<&str>,
    record: &VolumeRecord,
    ignore: bool,
) -> Result<String, VolumeDeedError> {
    // Somebody has asked for it: without a name it gets one, other than what is made for a container without being named.
    let drawn = match name {
        Some(_) => None,
        None => Some(ContainerId::random().map_err(|err| VolumeDeedError::Random(err.into()))?.to_string()),
    };
    let name = name.or(drawn.as_deref());
    let new = NewVolume { name, copy_up: record.has_first_use(), record, durability: Durability::Durable };
    match (make(host, store, new, record), name) {
        (Err(VolumeDeedError::Volume(VolumeError::Exists { .. })), Some(name)) if ignore => {
            Ok(name.to_owned())
        }
        (made, _) => Ok(made?.name().to_owned()),
    }
}

/// Makes a volume with the owner that its record speaks of.
pub(crate) fn make(
    host: &Host,
    store: &Store,
    new: NewVolume<'_, VolumeRecord>,
    record: &VolumeRecord,
) -> Result<VolumeHandle, VolumeDeedError> {
    let volume = store.create_volume(new)?;
    if let Some((uid, gid)) = record.owner().filter(|_| record.is_plain()) {
        // The ids are those of a container, which only a user namespace can give.
        let data = volume.data_path();
        let given =
            user_namespace::run(host, |_| i32::from(std::os::unix::fs::chown(&data, uid, gid).is_err()));
        if !given.unwrap_or(false) {
            let name = volume.name().to_owned();
            let _ = store.remove_volume(volume, || Ok::<_, VolumeError>(Vec::new()));
            return Err(VolumeDeedError::Owner { name, uid: uid.unwrap_or(0), gid: gid.unwrap_or(0) });
        }
    }
    host.tell_of_other(Kind::Volume, Deed::Create, "", volume.name());
    Ok(volume)
}

/// All volumes, the oldest first.
///
/// # Errors
/// See [`VolumeDeedError`].
pub fn list(store: &Store) -> Result<VolumeList, VolumeDeedError> {
    let mut list = store.list_volumes()?;
    list.volumes.sort_by_key(|it| it.created);
    Ok(list)
}

/// Removes a volume; with `force`, the containers that use it go first, in that way.
///
/// # Errors
/// See [`VolumeDeedError`].
pub fn remove(
    host: &Host,
    store: &Store,
    name: &str,
    force: Option<remove::RemoveOptions>,
) -> Result<(), VolumeDeedError> {
    let volume = store.find_volume(name)?;
    if let Some(options) = force {
        for user in users(store, name)? {
            remove::remove(host, store, &user, options)?;
        }
    }
    store.remove_volume(volume, || users(store, name))?;
    host.tell_of_other(Kind::Volume, Deed::Remove, "", name);
    remove::delete_files(host, store);
    Ok(())
}

/// Names of the containers that use a volume.
///
/// # Errors
/// See [`VolumeDeedError`].
pub fn users(store: &Store, name: &str) -> Result<Vec<String>, VolumeDeedError> {
    let mut users = Vec::new();
    for entry in store.list_containers()?.containers {
        if let Ok(record) = entry.record::<ContainerRecord>()
            && record.volumes.iter().any(|it| it.name == name)
        {
            users.push(record.name);
        }
    }
    Ok(users)
}
