//! What is made before the first mount has its place.

use std::os::fd::OwnedFd;
use std::path::Path;

use pontoon_rootless::idmap::IdMaps;
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, move_mount};

use super::at;
use super::content::{begin_common, fill, first_copy_into};
use super::sources::{clone_mount, clone_part, show_with_ids};
use crate::child::filesystem;
use crate::child::rootfs::VolumeOverlay;
use crate::common::{self, Given};
use crate::identity::Identity;
use crate::mapped::IdSpaces;
use crate::message::{Failure, Step};
use crate::plan::{FirstCopy, Mount, MountSource};
use crate::tree;

/// A directory of every host, where a file system may stand for a moment: in a mount namespace that nobody else has.
const PLACE: &str = "/tmp";

/// Who owns what is given away.
#[derive(Clone, Copy)]
pub(in crate::child) struct Owner<'a> {
    /// The container's user and group, by their numbers in it.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// What the container's numbers are where the giving is done; `None` if they are the same.
    pub told: Option<&'a IdMaps>,
}

impl Owner<'_> {
    pub(in crate::child) fn of(identity: &Identity) -> Self {
        Self { uid: identity.uid, gid: identity.gid, told: None }
    }

    /// What numbers of the container are here.
    fn here(&self, uid: u32, gid: u32) -> Result<(u32, u32), Errno> {
        let Some(told) = self.told else { return Ok((uid, gid)) };
        Ok((told.host_uid(uid).ok_or(Errno::INVAL)?, told.host_gid(gid).ok_or(Errno::INVAL)?))
    }
}

/// Fills volumes that are still empty, and gives away what belongs to the container's user. `root` is the image, in which
/// nothing is mounted yet.
pub(in crate::child) fn prepare(
    root: &OwnedFd,
    mounts: &[Mount],
    sources: &mut [Option<OwnedFd>],
    spaces: &IdSpaces,
    common: &[Given],
    userxattr: bool,
    owner: Owner<'_>,
) -> Result<(), Failure> {
    for (number, (mount, source)) in mounts.iter().zip(sources).enumerate() {
        let failed = at(Step::Mount, &mount.target);
        let begin = |volume: &Path, first_copy: &FirstCopy| {
            owner
                .here(owner.uid, owner.gid)
                .and_then(|user| first_copy_into(root, &mount.target, volume, first_copy, user))
                .map_err(at(Step::Copy, &mount.target))
        };
        match &mount.source {
            MountSource::Overlay { lower, subpath, upper, work, is_fresh, first_copy } => {
                if let Some(first_copy) = first_copy {
                    begin(lower, first_copy)?;
                }
                let below = clone_part(lower, subpath.as_deref(), false)?;
                show_with_ids(&below, lower, false, spaces, number)?;
                let overlay = VolumeOverlay { lower: &below, upper, work, is_fresh: *is_fresh, userxattr };
                *source = Some(overlay.create().map_err(failed)?);
            }
            MountSource::Bind { path, recursive, first_copy: Some(first_copy), subpath } => {
                begin(path, first_copy)?;
                let mounted = clone_part(path, subpath.as_deref(), *recursive)?;
                show_with_ids(&mounted, path, *recursive, spaces, number)?;
                *source = Some(mounted);
            }
            MountSource::Bind { path, recursive, first_copy: None, subpath } if source.is_none() => {
                let mounted = clone_part(path, subpath.as_deref(), *recursive)?;
                show_with_ids(&mounted, path, *recursive, spaces, number)?;
                *source = Some(mounted);
            }
            MountSource::Filesystem { kind, device, options, subpath } => {
                let whole =
                    filesystem::create(kind, device.as_deref(), options, userxattr).map_err(&failed)?;
                *source = Some(match subpath {
                    Some(part) => filesystem::part_of(&whole, part, Path::new(PLACE)).map_err(failed)?,
                    None => whole,
                });
            }
            MountSource::Common { volume, subpath } => {
                let whole = match source.take() {
                    Some(given) => given,
                    None => {
                        filesystem::create(&volume.kind, volume.device.as_deref(), &volume.options, userxattr)
                            .map_err(&failed)?
                    }
                };
                let is_fresh = common::given(common, number).is_none_or(|(_, is_fresh)| is_fresh);
                let user = owner.here(owner.uid, owner.gid);
                user.and_then(|user| begin_common(root, &mount.target, volume, &whole, is_fresh, user))
                    .map_err(at(Step::Copy, &mount.target))?;
                *source = Some(match subpath {
                    Some(part) => filesystem::part_of(&whole, part, Path::new(PLACE)).map_err(failed)?,
                    None => whole,
                });
            }
            MountSource::Image { layers, subpath, changes } => {
                let whole = filesystem::of_image(layers, changes, userxattr).map_err(&failed)?;
                *source = Some(match subpath {
                    Some(part) => {
                        filesystem::part_of(&whole, part, &changes.join("whole")).map_err(failed)?
                    }
                    None => whole,
                });
            }
            _ => {}
        }
        let Some(mounted) = source else { continue };
        if mount.fill {
            fill(root, &mount.target, mounted).map_err(at(Step::Copy, &mount.target))?;
        }
        let ids = mount.owner.or(mount.give_to_user.then_some((owner.uid, owner.gid)));
        if let Some((uid, gid)) = ids {
            owner
                .here(uid, gid)
                .and_then(|(uid, gid)| tree::give(mounted, uid, gid))
                .map_err(at(Step::Owner, &mount.target))?;
        }
        if let Some(group) = mount.group {
            owner
                .here(owner.uid, group)
                .and_then(|(_, gid)| tree::share(mounted, gid, !mount.read_only))
                .map_err(at(Step::Owner, &mount.target))?;
        }
    }
    Ok(())
}

/// Gives a path of the host, or another file system, a place.
pub(crate) fn mount_source_here(source: &MountSource, userxattr: bool, place: &Path) -> Result<(), Failure> {
    let name = place.to_string_lossy();
    let failed = at(Step::Mount, &name);
    let mounted = match source {
        MountSource::Bind { path, recursive, .. } => clone_mount(path, *recursive),
        MountSource::Filesystem { kind, device, options, .. } => {
            filesystem::create(kind, device.as_deref(), options, userxattr)
        }
        _ => Err(Errno::INVAL),
    };
    mounted
        .and_then(|it| move_mount(&it, "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH))
        .map_err(failed)
}
