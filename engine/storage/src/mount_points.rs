//! Directories with nothing but mount points in them: the lowest layer of containers that vanish when they end.
//!
//! Few images have a place for `/run/.containerenv`, some none for `/proc`. The place would be made in the container's own
//! directory, with a copy of each directory above it, and be deleted with it a moment later, for every container anew. In a
//! layer below the image's it is made once. Containers that stay keep their own: they can be exported when they have ended,
//! and Podman's have it then.

use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat, symlinkat};

use crate::dir::Place;
use crate::error::{At, FileError};
use crate::store::{Store, StorePaths};

/// Where they are.
const DIRECTORY: &str = "mount-points";

/// What every container has, beside the link `/etc/mtab`.
const FILE_SYSTEMS: [&str; 3] = ["dev", "proc", "sys"];

/// The places of one kind of container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountPoints {
    files: Vec<String>,
}

impl MountPoints {
    /// Places for kernel file systems, and for these files (`/etc/hosts`), each one directory below the root.
    #[must_use]
    pub fn new<'a>(files: impl IntoIterator<Item = &'a str>) -> Self {
        let mut files: Vec<String> =
            files.into_iter().map(|it| it.trim_start_matches('/').to_owned()).collect();
        files.sort_unstable();
        Self { files }
    }

    /// Where they lie once [`Store::make_mount_points`] has made them.
    #[must_use]
    pub fn path(&self, store: &StorePaths) -> PathBuf {
        store.root.join(DIRECTORY).join(self.name())
    }

    /// Whether something of them lies at this place of the container, or below it.
    #[must_use]
    pub fn reach_into(&self, place: &str) -> bool {
        let files = self.files.iter().map(String::as_str);
        files.chain(FILE_SYSTEMS).chain(["etc/mtab"]).any(|it| Path::new("/").join(it).starts_with(place))
    }

    /// The name of their directory.
    fn name(&self) -> String {
        let names = self.files.iter().map(|it| it.rsplit('/').next().unwrap_or(it).trim_start_matches('.'));
        names.chain(["mtab"]).collect::<Vec<_>>().join("+")
    }
}

impl Store {
    /// Makes a set of mount points, if it is not there yet.
    ///
    /// Nothing of it is made durable: a place that a power cut has taken is made in the container, as any other that is
    /// missing.
    ///
    /// # Errors
    /// Files that cannot be made.
    pub fn make_mount_points(&self, points: &MountPoints) -> Result<(), FileError> {
        let parent = self.root().open_or_make(DIRECTORY)?;
        let name = points.name();
        if parent.has(&name)? {
            return Ok(());
        }
        let mut made = self.make_temporary("mount-points")?;
        for name in FILE_SYSTEMS {
            make(&made.place, name)?;
        }
        for file in &points.files {
            let (directory, name) = file.split_once('/').unwrap_or((".", file));
            let directory = make(&made.place, directory)?;
            let path = directory.path.join(name);
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = openat(&directory.fd, name, flags, Mode::RUSR).at("make", &path)?;
            // Whatever the caller's umask.
            rustix::fs::fchmod(&file, Mode::from_raw_mode(0o644)).at("set the mode of", &path)?;
        }
        let etc = make(&made.place, "etc")?;
        symlinkat("/proc/mounts", &etc.fd, "mtab").at("make", etc.path.join("mtab"))?;
        set_mode(&made.place)?;
        made.place_at(&parent, &name)?;
        Ok(())
    }
}

fn make(parent: &Place, name: &str) -> Result<Place, FileError> {
    let place = parent.open_or_make(name)?;
    set_mode(&place)?;
    Ok(place)
}

fn set_mode(place: &Place) -> Result<(), FileError> {
    rustix::fs::fchmod(&place.fd, Mode::from_raw_mode(0o755)).at("set the mode of", &place.path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::MountPoints;
    use crate::testing::TestDir;

    #[test]
    fn places_are_made_once_and_open_to_everybody() {
        let dir = TestDir::new();
        let store = dir.store();
        let points = MountPoints::new(["/run/.containerenv", "/etc/hosts", "/etc/hostname"]);
        let path = points.path(store.paths());
        for _ in 0..2 {
            store.make_mount_points(&points).unwrap();
            let mode = |name: &str| path.join(name).metadata().unwrap().permissions().mode();
            let modes =
                ["", "dev", "proc", "sys", "etc", "run", "etc/hosts", "etc/hostname", "run/.containerenv"]
                    .map(mode);
            let (directory, file) = (0o040_755, 0o100_644);
            assert_eq!(modes[..6], [directory; 6]);
            assert_eq!(modes[6..], [file; 3]);
        }
        assert!(path.join("etc/resolv.conf").symlink_metadata().is_err());
        assert_eq!(path.join("etc/mtab").read_link().unwrap(), std::path::Path::new("/proc/mounts"));
    }

    #[test]
    fn what_lies_above_them_is_known() {
        let points = MountPoints::new(["/etc/hosts"]);
        let reached = ["/", "/etc", "/etc/hosts", "/dev"].map(|it| points.reach_into(it));
        let others = ["/et", "/etc/hostname", "/run", "/dev/shm"].map(|it| points.reach_into(it));
        assert_eq!((reached, others), ([true; 4], [false; 4]));
    }

    #[test]
    fn other_files_lie_elsewhere_and_their_order_does_not_matter() {
        let store = TestDir::new().store();
        let path = |files: &[&str]| MountPoints::new(files.iter().copied()).path(store.paths());
        assert_eq!(path(&["/etc/hosts", "/run/.containerenv"]), path(&["/run/.containerenv", "/etc/hosts"]));
        assert_ne!(path(&["/etc/hosts", "/run/.containerenv"]), path(&["/run/.containerenv"]));
    }
}
