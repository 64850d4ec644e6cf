//! The container's files without its processes, for work that is done on them from outside.

use std::os::fd::{BorrowedFd, OwnedFd};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::userns::become_root;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::DumpableBehavior;
use rustix::thread::{ThreadNameSpaceType, move_into_thread_name_spaces};

use super::mounts::Owner;
use super::{confine, mounts, rootfs};
use crate::common::Given;
use crate::databases::Databases;
use crate::identity;
use crate::mapped::IdSpaces;
use crate::message::{self, Failure, MAPPED, Step};
use crate::plan::Files;

/// Enters the mount namespace (and the user namespace) of a running container.
pub(crate) fn enter_files(process: BorrowedFd<'_>, user_namespace: bool) -> Result<OwnedFd, Failure> {
    let failed = |err| Failure::new(Step::Namespaces, "", err);
    // The container's processes must not be able to touch us (CVE-2016-9962); they cannot see us either, since we stay in
    // our own pid namespace.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    let mut kinds = ThreadNameSpaceType::MOUNT;
    kinds.set(ThreadNameSpaceType::USER, user_namespace);
    move_into_thread_name_spaces(process, kinds).map_err(failed)?;
    if user_namespace {
        become_its_root()?;
    }
    confine::root_of_this_namespace()
}

/// Puts together what a container that does not run would see. Runs in a mount namespace of its own, and in a user namespace
/// whose ids the parent maps meanwhile, if there is to be one.
pub(crate) fn mount_files(
    files: &Files,
    spaces: &IdSpaces,
    common: &[Given],
    socket: &OwnedFd,
) -> Result<OwnedFd, Failure> {
    let mut sources = mounts::open_sources(&files.mounts, spaces, common)?;
    message::expect(socket, MAPPED)?;
    if files.user.is_some() {
        become_its_root()?;
    }
    if files.user.is_some() {
        rootfs::give_to_root(&files.rootfs, None)?;
    }
    let root = rootfs::mount(&files.rootfs, spaces, socket)?;
    let databases = Databases { root: &root, mounts: &files.mounts, sources: &sources };
    let identity = identity::look_up_owner_at_rest(databases, files);
    let userxattr = files.rootfs.userxattr();
    mounts::prepare(&root, &files.mounts, &mut sources, spaces, common, userxattr, Owner::of(&identity))?;
    mounts::make_all(&root, &files.mounts, &[], sources, &identity, None::<fn() -> _>)?;
    Ok(root)
}

/// Becomes root over the user's own ids and sees the host. The root given is the host's.
pub(crate) fn stay_outside(user: Option<&IdMaps>, socket: &OwnedFd) -> Result<OwnedFd, Failure> {
    message::expect(socket, MAPPED)?;
    if user.is_some() {
        become_its_root()?;
    }
    rustix::fs::open("/", OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|err| Failure::new(Step::Rootfs, "/", err))
}

/// What the user may read on the host by her groups she may copy.
pub(super) fn become_its_root() -> Result<(), Failure> {
    become_root(true)
        .map_err(|err| Failure::new(Step::BecomeRoot, "", Errno::from_io_error(&err).unwrap_or(Errno::PERM)))
}
