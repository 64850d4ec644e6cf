//! Which way root file systems are mounted here: the kernel's overlayfs, or `fuse-overlayfs`.
//!
//! Tried once after every boot, on the store's own file system, and remembered in the runtime directory.

use std::fs;
use std::path::{Path, PathBuf};

use pontoon_rootless::helper;
use pontoon_storage::Store;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::host::Host;
use crate::storage_conf;
use crate::user_namespace;

/// Where the outcome is remembered.
const REMEMBERED: &str = "overlay";

/// The way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The kernel's overlayfs.
    Native,
    /// `fuse-overlayfs`, at this path.
    Fuse(PathBuf),
}

/// No way.
#[derive(Debug, thiserror::Error)]
pub enum OverlayError {
    /// The kernel refuses, and the program is not there.
    #[error("the kernel refuses overlay mounts at `{}`, and fuse-overlayfs is not installed", path.display())]
    Neither {
        /// The store.
        path: PathBuf,
    },
    /// `storage.conf` names a program that is not there.
    #[error("{} names the mount program `{}`, which is not there", file.display(), program.display())]
    MissingProgram {
        /// The file.
        file: PathBuf,
        /// The program.
        program: PathBuf,
    },
}

impl OverlayError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Neither { .. } => "install it, on Debian: apt-get install fuse-overlayfs".to_owned(),
            Self::MissingProgram { .. } => {
                "install it, on Debian: apt-get install fuse-overlayfs; or take the line out of the file"
                    .to_owned()
            }
        })
    }
}

/// Chooses.
///
/// # Errors
/// See [`OverlayError`].
pub fn choose(host: &Host, store: &Store) -> Result<Choice, OverlayError> {
    let conf = storage_conf::read(host);
    if let Some(program) = conf.mount_program {
        if !program.is_file() {
            return Err(OverlayError::MissingProgram { file: conf.file.unwrap_or_default(), program });
        }
        return Ok(Choice::Fuse(program));
    }
    let remembered = store.paths().run.join(REMEMBERED);
    let works = match fs::read_to_string(&remembered).as_deref() {
        Ok("native") => true,
        Ok("refused") => false,
        _ => {
            let works = try_native(host, &store.paths().root);
            let _ = fs::create_dir_all(&store.paths().run);
            let _ = fs::write(&remembered, if works { "native" } else { "refused" });
            works
        }
    };
    if works {
        return Ok(Choice::Native);
    }
    match helper::find("fuse-overlayfs", "fuse-overlayfs") {
        Ok(program) => Ok(Choice::Fuse(program)),
        Err(_) => Err(OverlayError::Neither { path: store.paths().root.clone() }),
    }
}

/// Mounts one, writes through it and takes it away.
fn try_native(host: &Host, root: &Path) -> bool {
    let place = root.join(format!("tmp/overlay-{}", std::process::id()));
    let work = |rootless: bool| -> std::io::Result<()> {
        for name in ["lower", "upper", "work", "merged"] {
            fs::create_dir_all(place.join(name))?;
        }
        fs::write(place.join("lower/file"), "1")?;
        let mut options = format!(
            "lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work",
            place.display().to_string().replace('\\', r"\\").replace(',', r"\,").replace(':', r"\:")
        );
        if rootless {
            options.push_str(",userxattr");
        }
        let options = std::ffi::CString::new(options)?;
        let merged = place.join("merged");
        mount("overlay", &merged, "overlay", MountFlags::empty(), Some(options.as_c_str()))?;
        let written = fs::remove_file(merged.join("file"))
            .and_then(|()| fs::write(merged.join("other"), "2"))
            .and_then(|()| fs::create_dir(merged.join("directory")));
        unmount(&merged, UnmountFlags::DETACH)?;
        written
    };
    let works = if host.is_rootless() {
        user_namespace::run(host, |_| {
            let works = work(true).is_ok();
            let _ = fs::remove_dir_all(&place);
            i32::from(!works)
        })
        .unwrap_or(false)
    } else {
        work(false).is_ok()
    };
    let _ = fs::remove_dir_all(&place);
    works
}
