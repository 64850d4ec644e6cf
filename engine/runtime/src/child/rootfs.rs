//! The root file system: mounting it, and moving into it.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{MountAttributes, map_mount_ids, set_mount_attributes};
use rustix::fs::{CWD, Gid, Mode, OFlags, Uid, fchown, fstat, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MountPropagationFlags, MoveMountFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount_bind,
    mount_change, move_mount, unmount,
};

use super::mounts::clone_mount;
use crate::mapped::IdSpaces;
use crate::message::{self, Failure, ROOTFS, Report, Step};
use crate::plan::{Rootfs, RootfsSource};
use crate::tree;

/// From `linux/mount.h`, for `mount_setattr`.
const MS_PRIVATE: u64 = 1 << 18;
const MS_SHARED: u64 = 1 << 20;

/// Longest value that `fsconfig` takes as a string.
const MAX_FSCONFIG: usize = 255;

/// Mounts the root file system on its mount point and gives a handle of its root.
pub(super) fn mount(rootfs: &Rootfs, spaces: &IdSpaces, socket: &OwnedFd) -> Result<OwnedFd, Failure> {
    let at = rootfs.mount_point.display().to_string();
    let failed = |err| Failure::new(Step::Rootfs, at.clone(), err);
    // Nothing that we mount may travel to the host; what the host mounts may still arrive (rslave volumes).
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC).map_err(failed)?;
    match &rootfs.source {
        RootfsSource::Overlay { lower, upper, work, userxattr, volatile } => {
            let overlay = Overlay {
                lower,
                upper,
                work,
                userxattr: *userxattr,
                volatile: *volatile,
                label: rootfs.label.as_deref(),
            };
            match overlay.create() {
                Ok(mounted) => {
                    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                    move_mount(&mounted, "", CWD, &rootfs.mount_point, flags).map_err(failed)?;
                }
                // Kernels before 6.8 do not know `lowerdir+`, and before 5.2 no fsopen at all.
                Err(Errno::INVAL | Errno::NOSYS) => overlay.mount_at(&rootfs.mount_point).map_err(failed)?,
                Err(err) => return Err(failed(err)),
            }
        }
        RootfsSource::Fuse { .. } => {
            // The helper needs the host's root and /proc as long as it lives, so it sits in a mount namespace of its own,
            // and its mount reaches ours through a place that both share for this moment.
            mount_bind(&rootfs.mount_point, &rootfs.mount_point).map_err(failed)?;
            let place = open_directory(&rootfs.mount_point).map_err(failed)?;
            propagate(&place, MS_SHARED).map_err(failed)?;
            message::send(socket, &Report::ReadyForRootfs);
            message::expect(socket, ROOTFS)?;
            propagate(&place, MS_PRIVATE).map_err(failed)?;
            let root = open_directory(&rootfs.mount_point).map_err(failed)?;
            propagate(&root, MS_PRIVATE).map_err(failed)?;
            without_devices(rootfs, &root)?;
            return Ok(root);
        }
        RootfsSource::Directory { path, .. } => {
            let root = directory(path, spaces)?;
            let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
            move_mount(&root, "", CWD, &rootfs.mount_point, flags).map_err(failed)?;
        }
    }
    let root = open_directory(&rootfs.mount_point).map_err(failed)?;
    without_devices(rootfs, &root)?;
    Ok(root)
}

/// Device nodes of an image, or that somebody makes in it, are no devices.
fn without_devices(rootfs: &Rootfs, root: &OwnedFd) -> Result<(), Failure> {
    if rootfs.devices {
        return Ok(());
    }
    let set = u64::from(MountAttrFlags::MOUNT_ATTR_NODEV.bits());
    let attributes = MountAttributes { set, ..Default::default() };
    set_mount_attributes(root.as_fd(), attributes, false)
        .map_err(|err| Failure::new(Step::Rootfs, "", Errno::from_io_error(&err).unwrap_or(Errno::INVAL)))
}

/// A directory of the host as a root file system, with what is mounted below it, detached.
fn directory(path: &Path, spaces: &IdSpaces) -> Result<OwnedFd, Failure> {
    let name = path.display().to_string();
    let failed = |err| Failure::new(Step::MountSource, name.clone(), err);
    let root = clone_mount(path, true).map_err(failed)?;
    if let Some(space) = spaces.rootfs() {
        map_mount_ids(root.as_fd(), space, true).map_err(|err| {
            Failure::new(Step::MountIds, name.clone(), Errno::from_io_error(&err).unwrap_or(Errno::INVAL))
        })?;
    }
    // The host's own mounts stay as they are.
    let attributes = MountAttributes { propagation: MS_PRIVATE, ..Default::default() };
    set_mount_attributes(root.as_fd(), attributes, true)
        .map_err(|err| failed(Errno::from_io_error(&err).unwrap_or(Errno::INVAL)))?;
    Ok(root)
}

/// Mounts the root file system without a place. Only the kernel's own can be.
pub(super) fn create(rootfs: &Rootfs, spaces: &IdSpaces) -> Result<OwnedFd, Failure> {
    let failed = |err| Failure::new(Step::Rootfs, rootfs.mount_point.display().to_string(), err);
    match &rootfs.source {
        RootfsSource::Overlay { lower, upper, work, userxattr, volatile } => {
            let overlay = Overlay {
                lower,
                upper,
                work,
                userxattr: *userxattr,
                volatile: *volatile,
                label: rootfs.label.as_deref(),
            };
            let root = overlay.create().map_err(failed)?;
            without_devices(rootfs, &root)?;
            Ok(root)
        }
        RootfsSource::Directory { path, .. } => {
            let root = directory(path, spaces)?;
            without_devices(rootfs, &root)?;
            Ok(root)
        }
        RootfsSource::Fuse { .. } => Err(failed(Errno::OPNOTSUPP)),
    }
}

/// Mounts the root file system on its mount point, in a mount namespace that is used for other things, too.
pub(crate) fn mount_here(rootfs: &Rootfs, spaces: &IdSpaces) -> Result<(), Failure> {
    let root = create(rootfs, spaces)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&root, "", CWD, &rootfs.mount_point, flags)
        .map_err(|err| Failure::new(Step::Rootfs, rootfs.mount_point.display().to_string(), err))
}

/// Gives a root file system that was mounted elsewhere its place.
pub(super) fn attach(root: &OwnedFd, mount_point: &OwnedFd) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Rootfs, "", err);
    mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC).map_err(failed)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(root, "", mount_point, "", flags).map_err(failed)
}

/// The directory of changes shows as the container's root directory: it is given to the container's root before it is
/// mounted, unless somebody else there has it. `told` is what the container's ids are here, if they are others.
pub(super) fn give_to_root(rootfs: &Rootfs, told: Option<&IdMaps>) -> Result<(), Failure> {
    let (RootfsSource::Overlay { upper, .. } | RootfsSource::Fuse { upper, .. }) = &rootfs.source else {
        // Somebody's own directory stays whose it is.
        return Ok(());
    };
    let own = IdMaps::all();
    let told = told.unwrap_or(&own);
    let give = || {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(CWD, upper, flags, Mode::empty())?;
        let stat = fstat(&directory)?;
        let (uid, gid) = (told.host_uid(0).ok_or(Errno::INVAL)?, told.host_gid(0).ok_or(Errno::INVAL)?);
        if (stat.st_uid, stat.st_gid) == (uid, gid) {
            return Ok(());
        }
        fchown(&directory, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))
    };
    give().map_err(|err| Failure::new(Step::Rootfs, upper.display().to_string(), err))
}

pub(super) fn open_directory(path: &Path) -> Result<OwnedFd, Errno> {
    openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

fn propagate(mount: &OwnedFd, propagation: u64) -> Result<(), Errno> {
    let attributes = MountAttributes { propagation, ..Default::default() };
    set_mount_attributes(mount.as_fd(), attributes, false)
        .map_err(|err| Errno::from_io_error(&err).unwrap_or(Errno::INVAL))
}

/// A directory that is mounted with the option `O`: changes go to another one.
pub(super) struct VolumeOverlay<'a> {
    /// A mount of the directory that stays as it is.
    pub lower: &'a OwnedFd,
    /// What takes the changes.
    pub upper: &'a Path,
    /// Its work directory.
    pub work: &'a Path,
    /// Whether both begin empty.
    pub is_fresh: bool,
    /// See [`RootfsSource::Overlay`].
    pub userxattr: bool,
}

impl VolumeOverlay<'_> {
    /// Makes the mount, detached.
    pub(super) fn create(&self) -> Result<OwnedFd, Errno> {
        if self.is_fresh {
            tree::fresh_directory(self.work)?;
            let upper = tree::fresh_directory(self.upper)?;
            // An owner without an id here stays behind; the mode decides who may come in.
            let _ = tree::copy_owner(self.lower_directory()?, &upper);
        }
        let lower = [PathBuf::from(format!("/proc/self/fd/{}", self.lower.as_raw_fd()))];
        let (upper, work) = (self.upper, self.work);
        let (userxattr, volatile) = (self.userxattr, self.is_fresh);
        Overlay { lower: &lower, upper, work, userxattr, volatile, label: None }.create()
    }

    fn lower_directory(&self) -> Result<OwnedFd, Errno> {
        openat(self.lower, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }
}

/// See [`RootfsSource::Overlay`].
pub(super) struct Overlay<'a> {
    pub lower: &'a [PathBuf],
    pub upper: &'a Path,
    pub work: &'a Path,
    pub userxattr: bool,
    pub volatile: bool,
    pub label: Option<&'a str>,
}

impl Overlay<'_> {
    /// Makes the mount, detached. No length limit on the list of layers.
    pub(super) fn create(&self) -> Result<OwnedFd, Errno> {
        if self.volatile {
            // The kernel's mark that this was mounted before without being written to disk: it refuses a second time, for the
            // machine may have lost it. It has not, or its container would be gone (overlayfs, "Volatile mount").
            let mark = self.work.join("work/incompat/volatile");
            let _ = rustix::fs::unlink(mark.join("dirty"));
            let _ = rustix::fs::rmdir(mark);
        }
        let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(&context, "source", "overlay")?;
        for layer in self.lower {
            if layer.as_os_str().len() > MAX_FSCONFIG {
                return Err(Errno::INVAL);
            }
            fsconfig_set_string(&context, "lowerdir+", layer)?;
        }
        fsconfig_set_string(&context, "upperdir", self.upper)?;
        fsconfig_set_string(&context, "workdir", self.work)?;
        if let Some(label) = self.label {
            fsconfig_set_string(&context, "context", label)?;
        }
        for flag in self.flags() {
            fsconfig_set_flag(&context, flag)?;
        }
        fsconfig_create(&context)?;
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
    }

    fn flags(&self) -> impl Iterator<Item = &'static str> {
        let userxattr = self.userxattr.then_some("userxattr");
        userxattr.into_iter().chain(self.volatile.then_some("volatile"))
    }

    /// The old call: all options in one string of at most a page.
    fn mount_at(&self, target: &Path) -> Result<(), Errno> {
        let lower: Vec<_> = self.lower.iter().map(|it| escaped(it)).collect();
        let mut options = format!(
            "lowerdir={},upperdir={},workdir={}",
            lower.join(":"),
            escaped(self.upper),
            escaped(self.work)
        );
        if let Some(label) = self.label {
            options.push_str(&format!(",context=\"{label}\""));
        }
        for flag in self.flags() {
            options.push(',');
            options.push_str(flag);
        }
        let options = std::ffi::CString::new(options).map_err(|_| Errno::INVAL)?;
        rustix::mount::mount("overlay", target, "overlay", MountFlags::empty(), Some(options.as_c_str()))
    }
}

/// Overlay's own escapes: a comma ends an option, a colon a layer.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('\\', r"\\").replace(':', r"\:").replace(',', r"\,")
}

/// Makes `root` the root of this mount namespace; nothing of the host can be reached afterwards.
///
/// Where a mount is shared the root is, too, as Podman has it: programs that start containers in here look for that.
pub(super) fn pivot(root: &OwnedFd, read_only: bool, is_shared: bool) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Pivot, "", err);
    rustix::process::fchdir(root).map_err(failed)?;
    // Both names are the same directory: the old root ends up stacked on the new one, and is taken away by its place in the
    // stack. No directory has to be made for it in the image.
    rustix::process::pivot_root(".", ".").map_err(failed)?;
    unmount(".", UnmountFlags::DETACH).map_err(failed)?;
    rustix::process::chdir("/").map_err(failed)?;
    if read_only || is_shared {
        let read_only = if read_only { MountAttrFlags::MOUNT_ATTR_RDONLY } else { MountAttrFlags::empty() };
        let root = openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
        let attributes = MountAttributes {
            set: u64::from(read_only.bits()),
            propagation: if is_shared { MS_SHARED } else { 0 },
            ..Default::default()
        };
        set_mount_attributes(root.as_fd(), attributes, false)
            .map_err(|err| failed(Errno::from_io_error(&err).unwrap_or(Errno::INVAL)))?;
    }
    Ok(())
}
