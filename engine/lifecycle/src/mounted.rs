//! Root file systems of containers and images, and volumes, mounted for whoever looks at them from outside: `mount`, `image
//! mount`, `volume mount`.
//!
//! Nothing is remembered: what is mounted here the kernel knows, in `/proc/self/mountinfo`. A thing that is mounted once more
//! is bound over itself, so the mounts in one place are the counter that Podman keeps (podman-unmount(1)); it cannot be wrong
//! after a crash, and a reboot clears it. As an ordinary user all of it is in the mount namespace of `unshare`, and goes with it.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::plan::StreamPlan;
use pontoon_monitor::state::FailureReport;
use pontoon_runtime::plan::{MountSource, Rootfs, RootfsSource};
use pontoon_runtime::start::StartError;
use pontoon_runtime::visit;
use pontoon_storage::{FileError, FindImageError, ImageRecord, OpenError, Store, VolumeHandle};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{
    MoveMountFlags, OpenTreeFlags, UnmountFlags, move_mount, open_tree, unmount as unmount_at,
};

use crate::base;
use crate::common;
use crate::create::CreateError;
use crate::exec::Causes;
use crate::facts::{self, Known, PlanError};
use crate::host::Host;
use crate::list::Found;
use crate::overlay::{self, Choice, OverlayError};
use crate::reach::{self, ReachError, Way};
use crate::record::VolumeRecord;

/// Why something could not be mounted.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// An ordinary user, outside `unshare`.
    #[error("`{command}` needs a place where you may mount: it must be run inside `pontoon unshare`")]
    NotUnshared {
        /// The command.
        command: &'static str,
    },
    /// The way to its files.
    #[error(transparent)]
    Reach(#[from] ReachError),
    /// Its files.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Its image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// Its image's configuration.
    #[error(transparent)]
    Config(#[from] CreateError),
    /// Its directories.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its runtime directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// How root file systems are mounted.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// An image without the kernel's overlayfs.
    #[error("images cannot be mounted here: that needs the kernel's overlayfs, and fuse-overlayfs is used")]
    FuseImage,
    /// The mount.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What a container's supervisor said.
    #[error("{}", .0.chain.first().map_or("the container's supervisor refused", String::as_str))]
    Supervisor(FailureReport, #[source] Option<Causes>),
    /// A step around it.
    #[error("cannot mount at `{}`", path.display())]
    Mount {
        /// The place.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A step around the end of it.
    #[error("cannot unmount `{}`", path.display())]
    Unmount {
        /// The place.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl MountError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotUnshared { command } => {
                Some(format!("pontoon unshare gives you a shell where `pontoon {command}` works"))
            }
            Self::Reach(err) => err.hint(),
            Self::Plan(err) => err.hint(),
            Self::Config(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Open(err) => err.hint(),
            Self::Overlay(err) => err.hint(),
            Self::FuseImage => Some("`pontoon info` says why".to_owned()),
            Self::Start(err) => err.hint(),
            Self::Supervisor(report, _) => report.hint.clone(),
            Self::Image(_) | Self::Mount { .. } | Self::Unmount { .. } => None,
        }
    }
}

/// Refuses a command where its caller cannot mount.
///
/// # Errors
/// [`MountError::NotUnshared`].
pub fn check(host: &Host, command: &'static str) -> Result<(), MountError> {
    if host.may_mount() { Ok(()) } else { Err(MountError::NotUnshared { command }) }
}

/// What is mounted in this mount namespace: how many mounts there are in each place.
#[derive(Debug, Default)]
pub struct Mounted(HashMap<PathBuf, usize>);

impl Mounted {
    /// Asks the kernel.
    #[must_use]
    pub fn read() -> Self {
        let text = std::fs::read("/proc/self/mountinfo").unwrap_or_default();
        let mut found = HashMap::new();
        for place in text.split(|it| *it == b'\n').filter_map(place_of) {
            *found.entry(place).or_default() += 1;
        }
        Self(found)
    }

    /// How many mounts there are in a place.
    #[must_use]
    pub fn count(&self, place: &Path) -> usize {
        self.0.get(place).copied().unwrap_or(0)
    }
}

/// The fifth word of a line of mountinfo, without its escapes (proc_pid_mountinfo(5)).
fn place_of(line: &[u8]) -> Option<PathBuf> {
    let word = line.split(|it| *it == b' ').nth(4)?;
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let [first, more @ ..] = rest {
        let octal =
            more.get(..3).filter(|it| *first == b'\\' && it.iter().all(|it| (b'0'..=b'7').contains(it)));
        match octal {
            Some([a, b, c]) => {
                // Three octal digits can be more than a byte; the kernel writes none that are.
                bytes.push(((a - b'0') & 3) << 6 | ((b - b'0') << 3) | (c - b'0'));
                rest = more.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
}

/// How many mounts there are in one place.
#[must_use]
pub fn count(place: &Path) -> usize {
    Mounted::read().count(place)
}

/// Where a container's root file system is mounted for others to see.
#[must_use]
pub fn place_of_container(found: &Found) -> PathBuf {
    found.container.path().join("rootfs")
}

/// Where an image is. The directory is one of those that a reboot clears.
#[must_use]
pub fn place_of_image(store: &Store, image: &ImageRecord) -> PathBuf {
    store.paths().run.join("image-mounts").join(image.id.hex()).join("merged")
}

/// Mounts the root file system of a container, once more if it is mounted already, and tells where.
///
/// # Errors
/// See [`MountError`].
pub fn mount_container(host: &Host, store: &Store, found: &Found) -> Result<PathBuf, MountError> {
    check(host, "mount")?;
    let place = place_of_container(found);
    if count(&place) > 0 {
        mount_again(&place)?;
        return Ok(place);
    }
    match reach::way(store, found)? {
        Way::Running(_) => attach(&root_of_running(found)?, &place)?,
        Way::AtRest(_lock) => visit::mount_here(&rootfs_at_rest(host, store, found)?)?,
    }
    Ok(place)
}

/// What the root file system of a container that does not run is put together from.
fn rootfs_at_rest(host: &Host, store: &Store, found: &Found) -> Result<Rootfs, MountError> {
    let image = base::image(store, &found.record)?;
    let config = base::config(store, image.as_ref())?;
    found.container.make_overlay_dirs(base::root_mode(&found.record.request, image.as_ref())?)?;
    let known = Known {
        record: &found.record,
        image: image.as_ref(),
        config: &config,
        directory: found.container.path(),
        run_directory: found.container.run_path(),
        own_cgroup: false,
        streams: StreamPlan::default(),
        default_mounts: Vec::new(),
    };
    let rootfs = facts::rootfs(host, store, &known)?;
    Ok(match rootfs.source {
        // It is removed when it ends, but not before it has been looked at.
        RootfsSource::Overlay { lower, upper, work, userxattr, .. } => Rootfs {
            source: RootfsSource::Overlay { lower, upper, work, userxattr, volatile: false },
            ..rootfs
        },
        _ => rootfs,
    })
}

/// The root of a container that runs, without what is mounted in it: only its supervisor can go there.
fn root_of_running(found: &Found) -> Result<OwnedFd, MountError> {
    let failed = |source| MountError::Mount { path: place_of_container(found), source };
    let socket = control::connect_in(found.container.run_path()).map_err(failed)?;
    control::send(&socket, &Request::Root, &[]).map_err(failed)?;
    match control::receive::<Reply>(&socket).map_err(failed)? {
        Some((Reply::Done, fds)) => {
            fds.into_iter().next().ok_or_else(|| failed(io::ErrorKind::UnexpectedEof.into()))
        }
        Some((Reply::Failed(report), _)) => {
            let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
            Err(MountError::Supervisor(report, causes))
        }
        Some(_) | None => Err(failed(io::ErrorKind::UnexpectedEof.into())),
    }
}

fn attach(mounted: &OwnedFd, place: &Path) -> Result<(), MountError> {
    move_mount(mounted.as_fd(), "", CWD, place, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .map_err(|err| MountError::Mount { path: place.to_owned(), source: err.into() })
}

/// The kernel's word, without the words for what is in a container.
fn at_place(err: StartError, place: &Path) -> MountError {
    match err {
        StartError::Child(_, Some(source)) => MountError::Mount { path: place.to_owned(), source },
        other => other.into(),
    }
}

fn mount_again(place: &Path) -> Result<(), MountError> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let copy = open_tree(CWD, place, flags)
        .map_err(|err| MountError::Mount { path: place.to_owned(), source: err.into() })?;
    attach(&copy, place)
}

/// Takes away the last mount in a place, or all of them. Gives how many there were.
///
/// # Errors
/// [`MountError::Unmount`].
pub fn unmount(place: &Path, all: bool) -> Result<usize, MountError> {
    let there = count(place);
    for _ in 0..if all { there } else { there.min(1) } {
        match unmount_at(place, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(err) => return Err(MountError::Unmount { path: place.to_owned(), source: err.into() }),
        }
    }
    Ok(there)
}

/// Mounts an image, for reading, and tells where.
///
/// # Errors
/// See [`MountError`].
pub fn mount_image(host: &Host, store: &Store, image: &ImageRecord) -> Result<PathBuf, MountError> {
    check(host, "image mount")?;
    let place = place_of_image(store, image);
    if count(&place) > 0 {
        mount_again(&place)?;
        return Ok(place);
    }
    if overlay::choose(host, store)? != Choice::Native {
        return Err(MountError::FuseImage);
    }
    let failed = |source| MountError::Mount { path: place.clone(), source };
    let nothing = place.with_file_name("nothing");
    for directory in [&place, &nothing] {
        std::fs::create_dir_all(directory).map_err(failed)?;
    }
    let mut layers: Vec<PathBuf> =
        image.visible_layers().iter().rev().map(|it| store.layer_path(it)).collect();
    // The kernel wants two directories, or one that can be written to.
    layers.push(nothing);
    visit::mount_layers_here(&layers, host.is_rootless(), &place).map_err(|err| at_place(err, &place))?;
    Ok(place)
}

/// Mounts what a volume is made of in its place, if it is more than a directory, and tells where its data is. What containers
/// have that run is the same.
///
/// # Errors
/// See [`MountError`].
pub fn mount_volume(
    host: &Host,
    store: &Store,
    volume: &VolumeHandle,
    record: &VolumeRecord,
) -> Result<PathBuf, MountError> {
    check(host, "volume mount")?;
    let place = volume.data_path();
    if record.is_plain() {
        return Ok(place);
    }
    if count(&place) > 0 {
        mount_again(&place)?;
        return Ok(place);
    }
    if record.is_common() {
        let failed = |source| MountError::Mount { path: place.clone(), source };
        if let Some(theirs) = common::of_volume(store, volume.name()).map_err(failed)? {
            attach(&theirs, &place)?;
            return Ok(place);
        }
    }
    let source = match (record.bound(), record.filesystem()) {
        (Some(path), _) => MountSource::Bind { path, recursive: true, first_copy: None, subpath: None },
        (None, Some(it)) => {
            let pair = |word: &String| match word.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (word.clone(), None),
            };
            let options = it.options.iter().map(pair).collect();
            MountSource::Filesystem { kind: it.kind, device: it.device, options, subpath: None }
        }
        (None, None) => return Ok(place),
    };
    visit::mount_source_here(&source, host.is_rootless(), &place).map_err(|err| at_place(err, &place))?;
    Ok(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_without_their_escapes() {
        let line = br"36 35 98:0 /mnt1 /mnt/a\040b\134c rw,noatime master:1 - ext3 /dev/root rw";
        assert_eq!(place_of(line), Some(PathBuf::from(r"/mnt/a b\c")));
        assert_eq!(place_of(b""), None);
    }

    #[test]
    fn the_root_is_mounted() {
        assert!(count(Path::new("/")) > 0 && count(Path::new("/no/such/place")) == 0);
    }
}
