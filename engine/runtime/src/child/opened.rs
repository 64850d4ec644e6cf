//! Files that are put together by a process whose ids are ours, for a container whose ids are not.

use std::os::fd::OwnedFd;

use pontoon_rootless::userns::become_root;
use rustix::io::Errno;
use rustix::process::DumpableBehavior;

use super::mounts::{self, Owner};
use super::rootfs;
use crate::common::Given;
use crate::databases::Databases;
use crate::identity::{self, Identity};
use crate::mapped::IdSpaces;
use crate::message::{self, Failure, MAPPED, Step};
use crate::plan::{Files, Mounter, Rootfs};

/// The root file system and what is mounted in it, by handles of mounts that have no place yet.
pub(crate) struct Opened {
    root: OwnedFd,
    sources: Vec<Option<OwnedFd>>,
}

/// The same, with a handle of the place where the root goes.
pub(super) struct Placed {
    opened: Opened,
    mount_point: OwnedFd,
}

/// How it is found out who gets what is given away.
pub(crate) type OwnerOf = fn(Databases<'_>, &Files) -> Result<Identity, Failure>;

/// Puts the files together. Runs in a mount namespace of its own, with the maps of `mounter`.
pub(crate) fn open_files(
    files: &Files,
    spaces: &IdSpaces,
    common: &[Given],
    mounter: &Mounter,
    owner: OwnerOf,
) -> Result<Opened, Failure> {
    let mut sources = mounts::open_sources(&files.mounts, spaces, common)?;
    if let Some(maps) = &mounter.user {
        become_root(maps.is_single()).map_err(|err| {
            Failure::new(Step::BecomeRoot, "", Errno::from_io_error(&err).unwrap_or(Errno::PERM))
        })?;
        // Else nobody, not even we, could write the maps of the process that we make.
        let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable);
    }
    let told = files.user.as_ref().map(|maps| mounter.told(maps));
    rootfs::give_to_root(&files.rootfs, told.as_ref())?;
    let root = rootfs::create(&files.rootfs, spaces)?;
    let databases = Databases { root: &root, mounts: &files.mounts, sources: &sources };
    let identity = owner(databases, files)?;
    mounts::prepare(
        &root,
        &files.mounts,
        &mut sources,
        spaces,
        common,
        files.rootfs.userxattr(),
        Owner { told: told.as_ref(), ..Owner::of(&identity) },
    )?;
    if let (Some(maps), None) = (&told, &mounter.user) {
        mounts::make_own_nodes(&files.rootfs, &files.mounts, &mut sources, maps)?;
    }
    Ok(Opened { root, sources })
}

impl Opened {
    /// Finds the place of the root, while we still have the ids to reach it.
    pub(super) fn at(self, rootfs: &Rootfs) -> Result<Placed, Failure> {
        let failed = |err| Failure::new(Step::Rootfs, rootfs.mount_point.display().to_string(), err);
        let mount_point = rootfs::open_directory(&rootfs.mount_point).map_err(failed)?;
        Ok(Placed { opened: self, mount_point })
    }
}

impl Placed {
    /// Puts the root in its place.
    pub(super) fn attach(self) -> Result<(OwnedFd, Vec<Option<OwnedFd>>), Failure> {
        let Opened { root, sources } = self.opened;
        rootfs::attach(&root, &self.mount_point)?;
        Ok((root, sources))
    }
}

/// Puts what was opened in its place, for work on it while the container does not run.
pub(crate) fn mount_opened_files(
    files: &Files,
    opened: Opened,
    socket: &OwnedFd,
) -> Result<OwnedFd, Failure> {
    let placed = opened.at(&files.rootfs)?;
    message::expect(socket, MAPPED)?;
    if files.user.is_some() {
        super::files::become_its_root()?;
    }
    let (root, sources) = placed.attach()?;
    let databases = Databases { root: &root, mounts: &files.mounts, sources: &sources };
    let identity = identity::look_up_owner_at_rest(databases, files);
    mounts::make_all(&root, &files.mounts, &[], sources, &identity, None::<fn() -> _>)?;
    Ok(root)
}
