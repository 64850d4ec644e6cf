//! Whether Podman's own generator is at work here.
//!
//! Two generators must never write the same name, so where it is, the directories both know are its. It is at
//! work if systemd would run it: found first in systemd's own order, executable, and not masked by a link to
//! `/dev/null` or an empty file (man systemd.generator).

use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pontoon_units::search::Manager;

/// Where systemd looks for generators, first to last.
const PLACES: [&str; 5] =
    ["run/systemd", "etc/systemd", "usr/local/lib/systemd", "usr/lib/systemd", "lib/systemd"];

/// Podman's generator as it is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Original {
    /// Where it lies, or where it is masked.
    pub path: PathBuf,
    /// Whether systemd runs it.
    pub at_work: bool,
}

/// Finds Podman's generator for a manager.
pub fn find(manager: Manager) -> Option<Original> {
    find_below(Path::new("/"), manager).filter(|found| !is_ourselves(&found.path))
}

/// Finds what systemd would run below some root.
fn find_below(root: &Path, manager: Manager) -> Option<Original> {
    let below = match manager {
        Manager::System => "system-generators/podman-system-generator",
        Manager::User { .. } => "user-generators/podman-user-generator",
    };
    let mut places = PLACES.iter().map(|place| root.join(place).join(below));
    let path = places.find(|path| path.symlink_metadata().is_ok())?;
    Some(Original { at_work: is_run(&path), path })
}

/// Whether systemd runs a generator of this path.
fn is_run(path: &Path) -> bool {
    let Ok(metadata) = fs::metadata(path) else { return false };
    let masked = metadata.file_type().is_char_device() || metadata.len() == 0;
    metadata.is_file() && !masked && metadata.permissions().mode() & 0o111 != 0
}

/// Whether the name of the original leads to this very program.
fn is_ourselves(path: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|it| (it.dev(), it.ino()));
    identity(path).is_some() && identity(path) == identity(Path::new("/proc/self/exe"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const USER: Manager = Manager::User { uid: 1000 };

    fn root(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("pontoon-original-{}-{name}", std::process::id()));
        for below in ["usr/lib/systemd/user-generators", "etc/systemd/user-generators"] {
            fs::create_dir_all(root.join(below)).unwrap();
        }
        root
    }

    fn install(root: &Path) -> PathBuf {
        let path = root.join("usr/lib/systemd/user-generators/podman-user-generator");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn it_is_at_work_where_it_is_installed_for_that_manager() {
        let root = root("installed");
        assert_eq!(find_below(&root, USER), None);
        let path = install(&root);
        assert_eq!(find_below(&root, USER), Some(Original { path, at_work: true }));
        assert_eq!(find_below(&root, Manager::System), None);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn it_is_not_at_work_where_it_is_masked() {
        let root = root("masked");
        install(&root);
        let mask = root.join("etc/systemd/user-generators/podman-user-generator");
        symlink("/dev/null", &mask).unwrap();
        assert!(!find_below(&root, USER).unwrap().at_work);
        fs::remove_file(&mask).unwrap();
        fs::write(&mask, "").unwrap();
        assert!(!find_below(&root, USER).unwrap().at_work);
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn it_is_not_at_work_where_nobody_may_execute_it() {
        let root = root("plain");
        let path = install(&root);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(!find_below(&root, USER).unwrap().at_work);
        fs::remove_dir_all(root).unwrap();
    }
}
