//! Its volumes: found, made, or taken over from another container.

use pontoon_image::ImageConfig;
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::{Durability, FindVolumeError, NewVolume, Store, VolumeError, VolumeHandle, VolumeLock};

use super::CreateError;
use super::claim::durability;
use crate::clean::clean;
use crate::host::Host;
use crate::record::{ContainerRecord, VolumeRecord, VolumeUse};
use crate::request::{CreateRequest, ImageVolumeMode, MountRequest, MountSource};
use crate::volume::{self, VolumeDeedError};
use crate::volume_options;

/// Before an option of the driver, among those of a mount.
const VOLUME_OPTION: &str = "volume-opt=";

/// What other containers mount, as far as the request has nothing else in the same place: binds go into the request,
/// volumes are given back.
pub(super) fn volumes_from(
    store: &Store,
    request: &mut CreateRequest,
) -> Result<Vec<VolumeUse>, CreateError> {
    let mut volumes: Vec<VolumeUse> = Vec::new();
    for (name, options) in &request.volumes_from.clone() {
        let other: ContainerRecord = store.find_container(name)?.read_record()?;
        // As with Podman, options that are given take the place of the other container's.
        let changed = |own: &[String]| {
            let kept = |it: &&String| options.is_empty() || it.starts_with("subpath=");
            own.iter().filter(kept).chain(options).cloned().collect::<Vec<_>>()
        };
        for volume in &other.volumes {
            if !request.mounts.iter().any(|it| it.target == volume.target) {
                volumes.retain(|it| it.target != volume.target);
                volumes.push(VolumeUse { options: changed(&volume.options), ..volume.clone() });
            }
        }
        for mount in other.request.mounts.iter().filter(|it| matches!(it.source, MountSource::Bind(_))) {
            if !request.mounts.iter().any(|it| it.target == mount.target) {
                let options = changed(&mount.options);
                request.mounts.push(MountRequest { options, ..mount.clone() });
            }
        }
    }
    Ok(volumes)
}

/// The volumes that are made for a container. Dropping this removes them again, unless they are kept: those with a name as far as
/// nobody else has come to use them.
#[derive(Debug)]
pub(super) struct NewVolumes<'a> {
    host: &'a Host,
    store: &'a Store,
    names: Vec<String>,
}

impl<'a> NewVolumes<'a> {
    /// None yet.
    pub(super) fn new(host: &'a Host, store: &'a Store) -> Self {
        Self { host, store, names: Vec::new() }
    }

    /// The container is there, and they are its own.
    pub(super) fn keep(mut self) {
        self.names.clear();
    }

    fn make(
        &mut self,
        new: NewVolume<'_, VolumeRecord>,
        record: &VolumeRecord,
    ) -> Result<VolumeHandle, VolumeDeedError> {
        let volume = volume::make(self.host, self.store, new, record)?;
        self.names.push(volume.name().to_owned());
        Ok(volume)
    }
}

impl Drop for NewVolumes<'_> {
    fn drop(&mut self) {
        for name in &self.names {
            if let Ok(volume) = self.store.find_volume(name)
                && self.store.remove_volume(volume, || volume::users(self.store, name)).is_ok()
            {
                self.host.tell_of_other(Kind::Volume, Deed::Remove, "", name);
            }
        }
    }
}

/// Finds or makes the volumes that the request and the image name. As long as what it gives is held, nobody removes them: until
/// the record is written nobody else knows who uses them.
pub(super) fn use_volumes(
    new: &mut NewVolumes<'_>,
    record: &mut ContainerRecord,
    image: &ImageConfig,
) -> Result<Vec<VolumeLock>, CreateError> {
    let mounts = record.request.mounts.clone();
    let mut held = Vec::new();
    for mount in &mounts {
        let (volume, lock) = match &mount.source {
            MountSource::Volume(name) => find_or_make(new, name, &volume_record(new.host, mount)?)?,
            MountSource::Anonymous => make_anonymous(new, record, &volume_record(new.host, mount)?)?,
            _ => continue,
        };
        held.push(lock);
        let options: Vec<String> =
            mount.options.iter().filter(|it| !it.starts_with(VOLUME_OPTION)).cloned().collect();
        record.volumes.push(used(&volume, &mount.target, &options));
    }
    if record.request.image_volume == ImageVolumeMode::Ignore {
        return Ok(held);
    }
    for target in &image.config.volumes {
        let target = clean(target);
        let has = |other: &str| clean(other) == target;
        if !mounts.iter().any(|it| has(&it.target)) && !record.volumes.iter().any(|it| has(&it.target)) {
            if record.request.image_volume == ImageVolumeMode::Tmpfs {
                let source = MountSource::Tmpfs;
                record.request.mounts.push(MountRequest { source, target, options: Vec::new() });
                continue;
            }
            let (volume, lock) = make_anonymous(new, record, &VolumeRecord::default())?;
            held.push(lock);
            record.volumes.push(used(&volume, &target, &[]));
        }
    }
    Ok(held)
}

/// What stands behind a volume: its own data, or what its driver options name.
pub(crate) fn used(volume: &VolumeHandle, target: &str, options: &[String]) -> VolumeUse {
    let entry = volume.read_entry().ok();
    let record: VolumeRecord = entry.as_ref().and_then(|it| it.record().ok()).unwrap_or_default();
    let filesystem = record.filesystem();
    VolumeUse {
        name: volume.name().to_owned(),
        target: target.to_owned(),
        data: record.bound().unwrap_or_else(|| volume.data_path()),
        options: options.to_vec(),
        tmpfs: filesystem.as_ref().filter(|it| it.kind == "tmpfs").map(|it| it.options.clone()),
        filesystem: record.bound_filesystem().or(filesystem.filter(|it| it.kind != "tmpfs")),
        is_bound: record.bound().is_some(),
        has_owner: record.owner().is_some(),
        no_copy: !record.copies(),
        is_anonymous: entry.is_some_and(|it| it.anonymous),
    }
}

/// What `volume-opt=` says of the volume, should it have to be made.
fn volume_record(host: &Host, mount: &MountRequest) -> Result<VolumeRecord, CreateError> {
    let options = mount.options.iter().filter_map(|it| it.strip_prefix(VOLUME_OPTION));
    let options: Vec<String> = options.map(str::to_owned).collect();
    Ok(volume_options::read(&options, host.is_rootless())?)
}

fn find_or_make(
    new: &mut NewVolumes<'_>,
    name: &str,
    record: &VolumeRecord,
) -> Result<(VolumeHandle, VolumeLock), CreateError> {
    loop {
        let volume = match new.store.find_volume(name) {
            Err(FindVolumeError::NotFound { .. }) => {
                let copy_up = record.has_first_use();
                let wanted = NewVolume { name: Some(name), copy_up, record, durability: Durability::Durable };
                match new.make(wanted, record) {
                    // Somebody else was first.
                    Err(VolumeDeedError::Volume(VolumeError::Exists { .. })) => continue,
                    made => made?,
                }
            }
            found => found?,
        };
        match volume.hold() {
            // It was removed just now.
            Err(err) if err.is_not_found() => {}
            held => return Ok((volume, held.map_err(VolumeError::from)?)),
        }
    }
}

fn make_anonymous(
    new: &mut NewVolumes<'_>,
    record: &mut ContainerRecord,
    volume_record: &VolumeRecord,
) -> Result<(VolumeHandle, VolumeLock), CreateError> {
    let wanted = NewVolume {
        name: None,
        copy_up: volume_record.has_first_use(),
        record: volume_record,
        durability: durability(&record.request),
    };
    let volume = new.make(wanted, volume_record)?;
    record.anonymous_volumes.push(volume.name().to_owned());
    let lock = volume.hold().map_err(VolumeError::from)?;
    Ok((volume, lock))
}
