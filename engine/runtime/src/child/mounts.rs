//! The mounts of a container, each made from a handle onto a handle.
//!
//! No path of the image is ever resolved by the kernel's `mount`: the source is a detached mount, the target a handle found
//! inside the root, so that exchanging a link in between changes nothing.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{MountAttributes, map_mount_ids, set_mount_attributes};
use rustix::fs::{
    CWD, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, fstat, major, minor, openat, openat2,
    readlinkat, symlinkat,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

use super::filesystem;
use super::rootfs::VolumeOverlay;
use crate::identity::Identity;
use crate::mapped::IdSpaces;
use crate::message::{Failure, Step};
use crate::paths::{self, Make, open_or_make, open_real_directory};
use crate::plan::{Mount, MountSource, Plan, Propagation};
use crate::tree;

/// `MS_UNBINDABLE`, `MS_PRIVATE` and `MS_SLAVE`, from `linux/mount.h`, for `mount_setattr`.
const MS_UNBINDABLE: u64 = 1 << 17;
const MS_PRIVATE: u64 = 1 << 18;
const MS_SLAVE: u64 = 1 << 19;
/// From `linux/magic.h`.
const PROC_SUPER_MAGIC: i64 = 0x9fa0;
/// A directory of every host, where a file system may stand for a moment: in a mount namespace that nobody else has.
const PLACE: &str = "/tmp";
/// Where a copy is made in what is to be filled.
const STAGING: &str = ".pontoon-filling";

fn at(step: Step, subject: &str) -> impl Fn(Errno) -> Failure {
    let subject = subject.to_owned();
    move |err| Failure::new(step, subject.clone(), err)
}

fn kernel_error(err: &std::io::Error) -> Errno {
    Errno::from_io_error(err).unwrap_or(Errno::INVAL)
}

/// A detached copy of a mount of the host.
pub(super) fn clone_mount(path: &Path, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(CWD, path, flags)
}

/// The same of a file or directory of the host, or of what lies in it, where no link leads out.
fn clone_part(path: &Path, subpath: Option<&str>, recursive: bool) -> Result<OwnedFd, Failure> {
    let shown = subpath.map_or_else(|| path.to_owned(), |it| path.join(it));
    let failed = |err| Failure::new(Step::MountSource, shown.to_string_lossy(), err);
    let Some(subpath) = subpath else { return clone_mount(path, recursive).map_err(failed) };
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let clone = || {
        let whole = openat(CWD, path, directory, Mode::empty())?;
        let part = paths::open(&whole, subpath, OFlags::PATH)?;
        let mut flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
        open_tree(&part, "", flags)
    };
    clone().map_err(failed)
}

/// Takes hold of everything that comes from the host, while its mounts are still as the host has them.
/// Volumes that may need a first copy are left for later: the copy decides which directory is mounted.
pub(super) fn open_sources(mounts: &[Mount], spaces: &IdSpaces) -> Result<Vec<Option<OwnedFd>>, Failure> {
    let open = |(number, mount): (usize, &Mount)| match &mount.source {
        MountSource::Bind { path, recursive, first_copy: None, subpath, .. } => {
            let mounted = clone_part(path, subpath.as_deref(), *recursive)?;
            show_with_ids(&mounted, path, *recursive, spaces, number)?;
            Ok(Some(mounted))
        }
        MountSource::Link { path, recursive } => open_unfollowed(path, *recursive).map(Some),
        MountSource::Device { path, number } => open_device(path, *number).map(Some),
        _ => Ok(None),
    };
    mounts.iter().enumerate().map(open).collect()
}

/// Shows the files of a mount that has no place yet with other owners, if that is asked for.
fn show_with_ids(
    mounted: &OwnedFd,
    path: &Path,
    recursive: bool,
    spaces: &IdSpaces,
    number: usize,
) -> Result<(), Failure> {
    let Some(space) = spaces.mount(number) else { return Ok(()) };
    map_mount_ids(mounted.as_fd(), space, recursive)
        .map_err(|err| Failure::new(Step::MountIds, path.to_string_lossy(), kernel_error(&err)))
}

/// What a path names, a handle of the link if it is one.
fn open_unfollowed(path: &Path, recursive: bool) -> Result<OwnedFd, Failure> {
    let open = || {
        let handle = openat(CWD, path, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if paths::kind(&handle)? == FileType::Symlink {
            return Ok(handle);
        }
        let mut flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
        open_tree(&handle, "", flags)
    };
    open().map_err(at(Step::MountSource, &path.to_string_lossy()))
}

/// A node of the host's `/dev`, checked by its handle to be the device that it is named after (CVE-2025-31133).
fn open_device(path: &Path, number: Option<(u32, u32)>) -> Result<OwnedFd, Failure> {
    let name = path.to_string_lossy();
    let node = clone_mount(path, false).map_err(at(Step::MountSource, &name))?;
    let stat = fstat(&node).map_err(at(Step::MountSource, &name))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let fits = match number {
        Some(number) => {
            kind == FileType::CharacterDevice && (major(stat.st_rdev), minor(stat.st_rdev)) == number
        }
        None => matches!(kind, FileType::CharacterDevice | FileType::BlockDevice),
    };
    if fits { Ok(node) } else { Err(Failure { step: Step::Device, subject: name.into_owned(), errno: 0 }) }
}

/// Who owns what is given away.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    /// The container's user and group, by their numbers in it.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// What the container's numbers are where the giving is done; `None` if they are the same.
    pub told: Option<&'a IdMaps>,
}

impl Owner<'_> {
    pub(super) fn of(identity: &Identity) -> Self {
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
pub(super) fn prepare(
    root: &OwnedFd,
    mounts: &[Mount],
    sources: &mut [Option<OwnedFd>],
    spaces: &IdSpaces,
    userxattr: bool,
    owner: Owner<'_>,
) -> Result<(), Failure> {
    for (number, (mount, source)) in mounts.iter().zip(sources).enumerate() {
        let failed = at(Step::Mount, &mount.target);
        match &mount.source {
            MountSource::Overlay { lower, subpath, upper, work, is_fresh } => {
                let below = clone_part(lower, subpath.as_deref(), false)?;
                show_with_ids(&below, lower, false, spaces, number)?;
                let overlay = VolumeOverlay { lower: &below, upper, work, is_fresh: *is_fresh, userxattr };
                *source = Some(overlay.create().map_err(failed)?);
            }
            MountSource::Bind { path, recursive, first_copy: Some(staging), subpath, keeps_owner } => {
                owner
                    .here(owner.uid, owner.gid)
                    .map(|ids| Some(ids).filter(|_| !keeps_owner))
                    .and_then(|ids| first_copy_into(root, &mount.target, path, staging, ids))
                    .map_err(at(Step::Copy, &mount.target))?;
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

/// Makes mounts, in order.
pub(super) fn make_all(
    root: &OwnedFd,
    mounts: &[Mount],
    sysctls: &[(String, String)],
    sources: Vec<Option<OwnedFd>>,
    identity: &Identity,
) -> Result<(), Failure> {
    for (mount, source) in mounts.iter().zip(sources) {
        make(root, mount, source, sysctls, identity)?;
    }
    Ok(())
}

fn make(
    root: &OwnedFd,
    mount: &Mount,
    source: Option<OwnedFd>,
    sysctls: &[(String, String)],
    identity: &Identity,
) -> Result<(), Failure> {
    let failed = at(Step::Mount, &mount.target);
    let (mounted, target) = match &mount.source {
        MountSource::Proc => {
            let proc = new_filesystem("proc", &[], &[], mount).map_err(&failed)?;
            write_sysctls(&proc, sysctls)?;
            (proc, kernel_target(root, &mount.target)?)
        }
        MountSource::Sysfs => {
            (new_filesystem("sysfs", &[], &[], mount).map_err(&failed)?, kernel_target(root, &mount.target)?)
        }
        MountSource::Cgroup => (
            new_filesystem("cgroup2", &[], &[], mount).map_err(&failed)?,
            kernel_target(root, &mount.target)?,
        ),
        MountSource::Mqueue => {
            (new_filesystem("mqueue", &[], &[], mount).map_err(&failed)?, kernel_target(root, &mount.target)?)
        }
        MountSource::Devpts { gid, label } => {
            let mut options =
                vec![("ptmxmode".to_owned(), "0666".to_owned()), ("mode".to_owned(), "0620".to_owned())];
            options.extend(gid.map(|gid| ("gid".to_owned(), gid.to_string())));
            options.extend(label.iter().map(|label| ("context".to_owned(), label.clone())));
            let devpts = new_filesystem("devpts", &options, &["newinstance"], mount).map_err(&failed)?;
            (devpts, kernel_target(root, &mount.target)?)
        }
        MountSource::Tmpfs { options, copy_up } => {
            let tmpfs = new_filesystem("tmpfs", options, &[], mount).map_err(&failed)?;
            let was_there = existing(root, &mount.target).map_err(at(Step::MountTarget, &mount.target))?;
            let target = if mount.target == "/dev" {
                kernel_target(root, &mount.target)?
            } else {
                asked_target(root, &mount.target, Make::Directory)?
            };
            // A place that we make has nothing to be taken over.
            if *copy_up && was_there.is_some() {
                let copied = reopen_directory(&target).and_then(|from| {
                    reopen_directory(&tmpfs).and_then(|to| copy_into_tmpfs(&from, &to, options))
                });
                copied.map_err(at(Step::Copy, &mount.target))?;
            }
            if mount.give_to_user {
                tree::give(&tmpfs, identity.uid, identity.gid).map_err(at(Step::Owner, &mount.target))?;
            }
            set_attributes(&tmpfs, mount, true).map_err(&failed)?;
            (tmpfs, target)
        }
        MountSource::AskedDevpts { options } => {
            let mut all = vec![("ptmxmode".to_owned(), "0666".to_owned())];
            all.extend(options.iter().cloned());
            let devpts = new_filesystem("devpts", &all, &["newinstance"], mount).map_err(&failed)?;
            (devpts, asked_target(root, &mount.target, Make::Directory)?)
        }
        MountSource::Bind { .. }
        | MountSource::Overlay { .. }
        | MountSource::SharedMemory
        | MountSource::Link { .. }
        | MountSource::Filesystem { .. }
        | MountSource::Image { .. } => {
            let recursive = matches!(
                mount.source,
                MountSource::Bind { recursive: true, .. } | MountSource::Link { recursive: true, .. }
            );
            let Some(mounted) = source else { return Err(failed(Errno::BADF)) };
            if mount.target == "/proc" {
                // The host's: its settings are those of whoever writes them.
                write_sysctls(&mounted, sysctls)?;
            }
            let kind = paths::kind(&mounted).map_err(&failed)?;
            if kind == FileType::Symlink {
                return copy_link(root, &mount.target, &mounted).map_err(failed);
            }
            let make = if kind == FileType::Directory { Make::Directory } else { Make::File };
            let target = asked_target(root, &mount.target, make)?;
            set_attributes(&mounted, mount, recursive).map_err(&failed)?;
            (mounted, target)
        }
        MountSource::Device { .. } => {
            let Some(mounted) = source else { return Err(failed(Errno::BADF)) };
            let target = asked_target(root, &mount.target, Make::File)?;
            set_attributes(&mounted, mount, false).map_err(&failed)?;
            (mounted, target)
        }
    };
    attach(&mounted, &target).map_err(failed)
}

/// A place that somebody asks for.
fn asked_target(root: &OwnedFd, path: &str, make: Make) -> Result<OwnedFd, Failure> {
    let target = open_or_make(root, path, make).map_err(at(Step::MountTarget, path))?;
    if is_shown_by_proc(&target).map_err(at(Step::MountTarget, path))? {
        return Err(Failure { step: Step::ProcTarget, subject: path.to_owned(), errno: 0 });
    }
    Ok(target)
}

/// Whether a place lies in a `proc` file system: a link of the image has led there, and what programs believe about
/// processes must not be replaced (CVE-2019-16884).
fn is_shown_by_proc(place: &OwnedFd) -> Result<bool, Errno> {
    Ok(rustix::fs::fstatfs(place)?.f_type == PROC_SUPER_MAGIC)
}

fn attach(mounted: &OwnedFd, target: &OwnedFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mounted, "", target, "", flags)
}

/// The mount point of a kernel file system: a real directory. An image that has a link there wants to lead us (or the
/// programs that trust `/proc`) elsewhere (CVE-2019-16884, CVE-2023-27561).
fn kernel_target(root: &OwnedFd, path: &str) -> Result<OwnedFd, Failure> {
    match open_real_directory(root, path) {
        Ok(target) => Ok(target),
        Err(Errno::NOENT) => {
            open_or_make(root, path, Make::Directory).map_err(at(Step::MountTarget, path))?;
            open_real_directory(root, path).map_err(at(Step::SymlinkTarget, path))
        }
        Err(err) => Err(Failure::new(Step::SymlinkTarget, path, err)),
    }
}

fn attributes_of(mount: &Mount) -> MountAttrFlags {
    let mut flags = MountAttrFlags::empty();
    flags.set(MountAttrFlags::MOUNT_ATTR_RDONLY, mount.read_only);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOSUID, mount.nosuid);
    flags.set(MountAttrFlags::MOUNT_ATTR_NODEV, mount.nodev);
    flags.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, mount.noexec);
    flags
}

/// A new instance of a file system, detached. A tmpfs gets its attributes later: a copy may have to be written first.
fn new_filesystem(
    name: &str,
    options: &[(String, String)],
    flags: &[&str],
    mount: &Mount,
) -> Result<OwnedFd, Errno> {
    let context = fsopen(name, FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", name)?;
    for (key, value) in options {
        fsconfig_set_string(&context, key.as_str(), value.as_str())?;
    }
    for flag in flags {
        fsconfig_set_flag(&context, *flag)?;
    }
    fsconfig_create(&context)?;
    let attributes = if name == "tmpfs" { MountAttrFlags::empty() } else { attributes_of(mount) };
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

fn set_attributes(mounted: &OwnedFd, mount: &Mount, recursive: bool) -> Result<(), Errno> {
    let propagation = match mount.propagation {
        Propagation::Private => MS_PRIVATE,
        Propagation::Slave => MS_SLAVE,
        Propagation::Shared => 0,
        Propagation::Unbindable => MS_UNBINDABLE,
    };
    let attributes = MountAttributes { set: u64::from(attributes_of(mount).bits()), clear: 0, propagation };
    set_mount_attributes(mounted.as_fd(), attributes, recursive).map_err(|err| kernel_error(&err))
}

fn reopen_directory(handle: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(handle, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// The content of the image's directory, with its owner and mode unless options say which they are.
fn copy_into_tmpfs(from: &OwnedFd, to: &OwnedFd, options: &[(String, String)]) -> Result<(), Errno> {
    let before = fstat(to)?;
    tree::copy_contents(from, to)?;
    let has = |name: &str| options.iter().any(|(key, _)| key == name);
    let (uid, gid) = (
        has("uid").then_some(Uid::from_raw(before.st_uid)),
        has("gid").then_some(Gid::from_raw(before.st_gid)),
    );
    if uid.is_some() || gid.is_some() {
        rustix::fs::fchown(to, uid, gid)?;
    }
    if has("mode") {
        rustix::fs::fchmod(to, Mode::from_raw_mode(before.st_mode & 0o7777))?;
    }
    Ok(())
}

/// Fills a volume that is empty: with the image's directory where there is one, else it is given to the container's user.
/// Without ids for that user the volume keeps its owner and mode, whatever is copied into it.
///
/// The copy is made beside the volume and renamed over its empty directory, so a crash leaves it empty or complete.
fn first_copy_into(
    root: &OwnedFd,
    target: &str,
    volume: &Path,
    staging: &Path,
    user: Option<(u32, u32)>,
) -> Result<(), Errno> {
    let directory = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let current = openat(CWD, volume, directory, Mode::empty())?;
    if !paths::is_empty(&current)? {
        return Ok(());
    }
    tree::remove_leftover(staging)?;
    let source = match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => source,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => {
            let Some((uid, gid)) = user else { return Ok(()) };
            return rustix::fs::fchown(&current, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        }
        Err(err) => return Err(err),
    };
    if paths::is_empty(&source)? {
        return if user.is_some() { tree::copy_owner(&source, &current) } else { Ok(()) };
    }
    let copy = tree::fresh_directory(staging)?;
    tree::copy_contents(&source, &copy)?;
    if user.is_none() {
        tree::copy_owner(&current, &copy)?;
    }
    rustix::fs::syncfs(&copy)?;
    rustix::fs::rename(staging, volume)
}

/// Fills what is mounted with the image's directory, if there is nothing in it.
///
/// The copy is made in a directory of its own, whose entries are moved when it is whole. What a crash has left there is no
/// content.
fn fill(root: &OwnedFd, target: &str, mounted: &OwnedFd) -> Result<(), Errno> {
    if paths::kind(mounted)? != FileType::Directory {
        return Ok(());
    }
    let source = match paths::open(root, target, OFlags::DIRECTORY) {
        Ok(source) => source,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(()),
        Err(err) => return Err(err),
    };
    let place = reopen_directory(mounted)?;
    tree::remove_entry(&place, STAGING)?;
    if !paths::is_empty(&reopen_directory(mounted)?)? || paths::is_empty(reopen_directory(&source)?)? {
        return Ok(());
    }
    rustix::fs::mkdirat(&place, STAGING, Mode::RWXU)?;
    let staging = openat(&place, STAGING, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    tree::copy_contents(&source, &staging)?;
    rustix::fs::syncfs(&staging)?;
    tree::copy_owner(&staging, &place)?;
    for entry in Dir::read_from(&staging)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            rustix::fs::renameat(&staging, entry.file_name(), &place, entry.file_name())?;
        }
    }
    rustix::fs::unlinkat(&place, STAGING, rustix::fs::AtFlags::REMOVEDIR)
}

/// Makes the same link as one of the host's. What is there already must be the same.
fn copy_link(root: &OwnedFd, target: &str, link: &OwnedFd) -> Result<(), Errno> {
    let to = readlinkat(link, "", Vec::new())?;
    let path = Path::new(target);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL) };
    let parent = open_or_make(root, parent, Make::Directory)?;
    if is_shown_by_proc(&parent)? {
        return Err(Errno::PERM);
    }
    match symlinkat(&*to, &parent, name) {
        Err(Errno::EXIST) if readlinkat(&parent, name, Vec::new()).is_ok_and(|it| it == to) => Ok(()),
        other => other,
    }
}

/// Kernel settings, through the new `proc` before anybody else can see it (CVE-2025-52881).
fn write_sysctls(proc: &OwnedFd, sysctls: &[(String, String)]) -> Result<(), Failure> {
    for (name, value) in sysctls {
        let path = format!("sys/{}", name.replace('.', "/"));
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        openat2(proc, path.as_str(), OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty(), resolve)
            .and_then(|file| rustix::io::write(&file, value.as_bytes()).map(drop))
            .map_err(at(Step::Sysctl, name))?;
    }
    Ok(())
}

/// The links that programs expect in `/dev`, if that is a fresh file system of ours. Without one (no `/dev` mount) there are none.
pub(super) fn make_dev_links(root: &OwnedFd) -> Result<(), Failure> {
    let dev = match open_real_directory(root, "/dev") {
        Ok(dev) => dev,
        Err(_) => return Ok(()),
    };
    let links = [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
        ("/proc/kcore", "core"),
    ];
    for (to, name) in links {
        match rustix::fs::symlinkat(to, &dev, name) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(err) => return Err(Failure::new(Step::Mount, format!("/dev/{name}"), err)),
        }
    }
    Ok(())
}

/// Covers the masked paths and makes the others read-only. A path that this kernel does not have needs no cover.
pub(super) fn cover(root: &OwnedFd, plan: &Plan) -> Result<(), Failure> {
    for path in &plan.masked_paths {
        let failed = at(Step::Mask, path);
        let Some(target) = existing(root, path).map_err(&failed)? else { continue };
        if paths::kind(&target).map_err(&failed)? == FileType::Directory {
            let empty = Mount {
                target: path.clone(),
                source: MountSource::Tmpfs { options: Vec::new(), copy_up: false },
                read_only: true,
                nosuid: true,
                nodev: true,
                noexec: true,
                propagation: Propagation::Private,
                give_to_user: false,
                owner: None,
                fill: false,
                ids: None,
            };
            let options = [("size".to_owned(), "0".to_owned()), ("mode".to_owned(), "755".to_owned())];
            let mounted = new_filesystem("tmpfs", &options, &[], &empty).map_err(&failed)?;
            set_attributes(&mounted, &empty, false).map_err(&failed)?;
            attach(&mounted, &target).map_err(failed)?;
        } else {
            // A detached mount can be attached once only, so each cover is taken, and checked, anew.
            let null = open_device(Path::new("/dev/null"), Some((1, 3)))?;
            let closed = MountAttrFlags::MOUNT_ATTR_RDONLY
                | MountAttrFlags::MOUNT_ATTR_NOSUID
                | MountAttrFlags::MOUNT_ATTR_NOEXEC;
            let attributes =
                MountAttributes { set: u64::from(closed.bits()), clear: 0, propagation: MS_PRIVATE };
            set_mount_attributes(null.as_fd(), attributes, false)
                .map_err(|err| failed(kernel_error(&err)))?;
            attach(&null, &target).map_err(failed)?;
        }
    }
    for path in &plan.readonly_paths {
        let failed = at(Step::Mask, path);
        let Some(target) = existing(root, path).map_err(&failed)? else { continue };
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_EMPTY_PATH
            | OpenTreeFlags::AT_RECURSIVE;
        let copy = open_tree(&target, "", flags).map_err(&failed)?;
        let read_only = u64::from(MountAttrFlags::MOUNT_ATTR_RDONLY.bits());
        let attributes = MountAttributes { set: read_only, clear: 0, propagation: MS_PRIVATE };
        set_mount_attributes(copy.as_fd(), attributes, true).map_err(|err| failed(kernel_error(&err)))?;
        attach(&copy, &target).map_err(failed)?;
    }
    Ok(())
}

fn existing(root: &OwnedFd, path: &str) -> Result<Option<OwnedFd>, Errno> {
    match paths::open(root, path, OFlags::PATH) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => Ok(None),
        Err(err) => Err(err),
    }
}
