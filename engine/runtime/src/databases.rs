//! Where a container's users and groups are read from: what is mounted over the databases from the host, else the image.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::identity::{read_database_in, read_regular};
use crate::message::{Failure, Step};
use crate::paths;
use crate::plan::{Mount, MountSource};

/// The root file system, and what is going to be mounted in it, which has no place yet.
#[derive(Clone, Copy)]
pub(crate) struct Databases<'a> {
    pub root: &'a OwnedFd,
    pub mounts: &'a [Mount],
    /// For each mount what is shown there, as far as it is open.
    pub sources: &'a [Option<OwnedFd>],
}

impl Databases<'_> {
    /// Reads `passwd` or `group`. As in Podman, a mount of the file itself or else of `/etc` is looked into, and is taken for
    /// empty where it has none that can be read. What is no regular file is never opened.
    pub(crate) fn read(&self, name: &str) -> Result<String, Failure> {
        let path = format!("/etc/{name}");
        let failed = |err| Failure::new(Step::UserDatabase, path.as_str(), err);
        if let Some(file) = self.shown_at(&path) {
            return read_handle(file).map_err(failed);
        }
        match self.shown_at("/etc") {
            Some(directory) if paths::kind(directory).map_err(failed)? == FileType::Directory => {
                match paths::open(directory, name, OFlags::PATH) {
                    Ok(file) => read_handle(&file).map_err(failed),
                    Err(_) => Ok(String::new()),
                }
            }
            _ => read_database_in(self.root, &path),
        }
    }

    /// Whether a file of its own is shown as this database.
    pub(crate) fn is_mounted(&self, name: &str) -> bool {
        self.shown_at(&format!("/etc/{name}")).is_some()
    }

    /// What of the host is shown in this very place. Volumes that get what the image has are as the image is.
    fn shown_at(&self, target: &str) -> Option<&OwnedFd> {
        let is_there = |mount: &Mount| {
            Path::new(&mount.target) == Path::new(target)
                && matches!(mount.source, MountSource::Bind { first_copy: None, .. })
        };
        let (_, source) = self.mounts.iter().zip(self.sources).rev().find(|it| is_there(it.0))?;
        source.as_ref()
    }
}

/// Reads what a mere handle is of.
fn read_handle(handle: &OwnedFd) -> Result<String, Errno> {
    if paths::kind(handle)? != FileType::RegularFile {
        return Ok(String::new());
    }
    // The same file, whatever becomes of its name.
    let path = format!("/proc/self/fd/{}", handle.as_raw_fd());
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => read_regular(&file),
        Err(Errno::ACCESS | Errno::PERM) => Ok(String::new()),
        Err(err) => Err(err),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::identity::{look_up_owner, look_up_owner_at_rest};
    use crate::plan::{Files, RootfsSource};

    fn mount(target: &str) -> Mount {
        let source =
            MountSource::Bind { path: PathBuf::new(), recursive: true, first_copy: None, subpath: None };
        serde_json::from_value(serde_json::json!({ "target": target, "source": source })).unwrap()
    }

    #[test]
    fn what_is_mounted_is_read_instead_of_the_image_s() {
        let place = std::env::temp_dir().join(format!("pontoon-databases-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        for directory in ["root/etc", "other"] {
            std::fs::create_dir_all(place.join(directory)).unwrap();
        }
        for (file, text) in [
            ("root/etc/passwd", "image"),
            ("root/etc/group", "image"),
            ("other/passwd", "etc"),
            ("own", "own"),
        ] {
            std::fs::write(place.join(file), text).unwrap();
        }
        // What is not regular must neither hang us nor be opened; a link leads nowhere else.
        rustix::fs::mknodat(rustix::fs::CWD, place.join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", place.join("other/group")).unwrap();
        let open = |name: &str| rustix::fs::open(place.join(name), OFlags::PATH, Mode::empty()).unwrap();
        let root = open("root");
        let read = |mounted: &[(&str, &str)]| {
            let mounts: Vec<_> = mounted.iter().map(|it| mount(it.0)).collect();
            let sources: Vec<_> = mounted.iter().map(|it| Some(open(it.1))).collect();
            let databases = Databases { root: &root, mounts: &mounts, sources: &sources };
            ["passwd", "group"].map(|name| databases.read(name).unwrap())
        };
        assert_eq!(read(&[]), ["image", "image"]);
        assert_eq!(read(&[("/etc/passwd", "own")]), ["own", "image"]);
        assert_eq!(read(&[("/etc/", "other")]), ["etc", ""]);
        assert_eq!(read(&[("/etc", "other"), ("/etc/passwd", "own")]), ["own", ""]);
        assert_eq!(read(&[("/etc/passwd", "fifo"), ("/etc/group", "other")]), ["", ""]);
        std::fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn one_that_is_too_large_keeps_nobody_from_files_at_rest() {
        let place = std::env::temp_dir().join(format!("pontoon-databases-large-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        std::fs::create_dir_all(place.join("etc")).unwrap();
        let large = std::fs::File::create(place.join("etc/passwd")).unwrap();
        large.set_len(100 << 30).unwrap();
        let root = rustix::fs::open(&place, OFlags::PATH, Mode::empty()).unwrap();
        let databases = Databases { root: &root, mounts: &[], sources: &[] };
        assert_eq!(databases.read("passwd").unwrap_err().step, Step::UserDatabase);
        for owner in ["", "1000", "nginx"] {
            let source = RootfsSource::Overlay {
                lower: Vec::new(),
                upper: place.clone(),
                work: place.clone(),
                userxattr: true,
                volatile: false,
            };
            let rootfs = serde_json::json!({ "source": source, "mount_point": place, "read_only": false });
            let files = Files {
                rootfs: serde_json::from_value(rootfs).unwrap(),
                user: None,
                mounter: None,
                mounts: Vec::new(),
                owner: owner.to_owned(),
                hosts: Vec::new(),
            };
            // One who starts hears of it.
            assert_eq!(look_up_owner(databases, &files).unwrap_err().step, Step::UserDatabase);
            assert_eq!(look_up_owner_at_rest(databases, &files).uid, 0);
        }
        std::fs::remove_dir_all(&place).unwrap();
    }
}
