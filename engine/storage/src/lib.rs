//! Layers, images, containers and volumes on disk: who owns which file, in which order files appear, and what
//! happens when a process dies in between.
//!
//! It knows no registry, no plan and no runtime. What a container or a volume *is* stays the caller's business: its
//! record is any serde value. It enters no namespace: work that meets mapped ids (unpacking, shifting, copying up,
//! emptying the trash) must be called by a process that already sits in the right user namespace.
//!
//! # Disk
//!
//! ```text
//! ROOT/format                              the number of this layout
//! ROOT/layers/sha256-HEX/{diff/,meta.json} one layer by diff id; maps/KEY/diff holds it with other owners
//! ROOT/mount-points/FILES/                 places for what every container mounts, by the names of the files
//! ROOT/images/HEX/{manifest.json,config.json,record.json}
//! ROOT/images/names/NAME                   a link whose text is the image's id and the name
//! ROOT/containers/HEX/{record.json,exit.json,upper/,work/,rootfs/}
//! ROOT/containers/names/NAME               a link whose text is the container's id
//! ROOT/pods/HEX/{record.json,rootfs/}
//! ROOT/pods/names/NAME                     a link whose text is the pod's id
//! ROOT/volumes/NAME/{record.json,_data/,needs-copy-up}
//! ROOT/secrets/NAME/{record.json,data}
//! ROOT/artifacts/{oci-layout,index.json,blobs/ALGORITHM/HEX}
//! ROOT/networks/NAME.json                 a network, in the format of netavark
//! ROOT/units/UNIT.json                     what is remembered of a systemd unit
//! ROOT/tmp/*                               being made; a directory without a living lock is a leftover
//! ROOT/trash/*                             being deleted
//! RUN/containers/HEX/                      what a reboot may forget
//! RUN/units/UNIT.json                      locked while a unit's record is changed
//! RUN/units/UNIT.ends                      how containers end with which an update of the unit is tried
//! ```
//!
//! # Locks
//!
//! All are `flock`s held by descriptors, so they die with their process. Whoever takes several takes them in this order:
//!
//! 1. [`UnitLock`], one
//! 2. [`PullLock`], one per key of the caller's choice
//! 3. [`LayerLease`] (shared; deleting layers needs it alone and never waits for it)
//! 4. [`PodLock`], one
//! 5. [`ContainerLock`], by rising id
//! 6. [`VolumeLock`], by rising name
//! 7. the lock of one layer while its shifted copy is made
//! 8. [`NetworkChange`]
//! 9. the index locks of images, container names, pod names, volumes and artifacts, in this order: taken and given back
//!    inside one call
//!
//! # Order of writes
//!
//! A thing is made in `tmp/`, made durable, renamed to its place without replacing, and named last. It is unnamed
//! first, renamed into `trash/`, and deleted last. So at every moment a name leads to a whole thing.

mod archive;
mod artifacts;
mod changes;
mod check;
mod containers;
mod copy;
mod dir;
mod error;
mod id;
mod images;
mod layers;
mod lock;
mod mount_points;
mod networks;
mod pods;
mod record;
mod remove;
mod reset;
mod secrets;
mod service_records;
mod shift;
mod stale;
mod store;
mod sweep;
mod tar;
#[cfg(test)]
mod testing;
mod transfer;
mod unpack;
mod volumes;

pub use archive::{ArchiveError, ArchiveForm, write_archive};
pub use artifacts::{
    ArtifactDraft, ArtifactStoreError, FindArtifactError, NewArtifact, Placing, StoredArtifact,
};
pub use changes::{Change, ChangeKind, changes};
pub use check::{CheckOptions, CheckReport, Damage, Part};
pub use containers::{
    ContainerEntry, ContainerHandle, ContainerList, CreateError, FindContainerError, NewContainer,
    RemoveContainerError, RenameContainerError,
};
pub use copy::CopyError;
pub use error::FileError;
pub use id::{ContainerId, DiffId, IdError, ImageId, random_suffix};
pub use images::{
    CommitError, FindImageError, ImageRecord, NewImage, RemoveImageError, RemovedImage, TagError,
};
pub use layers::{LayerError, LayerMeta};
pub use lock::{ContainerLock, LayerLease, PodLock, PullLock, UnitLock, VolumeLock};
pub use mount_points::MountPoints;
pub use networks::{NetworkChange, NetworkFiles, NetworkHold};
pub use pods::{CreatePodError, FindPodError, PodEntry, PodHandle, PodList};
pub use record::{Durability, RecordError, Unsynced, read_record, replace_file, write_record_atomically};
pub use remove::remove_tree;
pub use secrets::{MAX_SECRET, SecretData, SecretError, SecretRecord};
pub use shift::{IdRange, IdShift, ShiftError};
pub use store::{OpenError, Store, StorePaths};
pub use sweep::{SweepReport, TrashReport};
pub use tar::TarError;
pub use transfer::{Transfer, TransferError, transfer};
pub use unpack::extract_archive;
pub use unpack::{
    ExtractOptions, Ownership, UnpackError, UnpackOptions, UnpackReport, UnpackedLayer, XattrMode,
};
pub use volumes::{FindVolumeError, NewVolume, VolumeEntry, VolumeError, VolumeHandle, VolumeList};
