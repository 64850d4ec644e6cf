//! Which way root file systems are mounted here: the kernel's overlayfs, or `fuse-overlayfs`.
//!
//! Tried once after every boot, on the store's own file system, and remembered in the runtime directory.

use std::ffi::CString;
use std::path::{Path, PathBuf};
use std::{fs, io};

use pontoon_rootless::helper;
use pontoon_storage::Store;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::host::Host;
use crate::storage_conf::Said;
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
    #[error("{place}: the mount program `{}` is not there", program.display())]
    MissingProgram {
        /// Who names it.
        place: String,
        /// The program.
        program: PathBuf,
    },
    /// `storage.conf` names a driver that we do not have.
    #[error("{place}: there is no driver `{driver}`, only `overlay`")]
    ForeignDriver {
        /// Who names it.
        place: String,
        /// The driver.
        driver: String,
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
            Self::ForeignDriver { .. } => {
                "write driver = \"overlay\", which the kernel or fuse-overlayfs provide; where it is to stay as it is for \
                 Podman, STORAGE_DRIVER=overlay in the environment or --storage-driver overlay say so to us alone"
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
    if let Some(Said { value, place }) = host.storage.foreign_driver.clone() {
        return Err(OverlayError::ForeignDriver { place, driver: value });
    }
    if let Some(Said { value: program, place }) = host.storage.mount_program.clone() {
        if !program.is_file() {
            return Err(OverlayError::MissingProgram { place, program });
        }
        return Ok(Choice::Fuse(program));
    }
    let remembered = remembered(store);
    let works = match fs::read_to_string(&remembered).as_deref() {
        Ok("native") => true,
        Ok("refused") => false,
        _ => {
            let answer = try_native(host, &store.paths().root);
            // Only the kernel's own answer is one until the next boot; a full disk or a missing helper program is none.
            let word = match answer {
                Answer::Works => Some("native"),
                Answer::Refused => Some("refused"),
                Answer::Unknown => None,
            };
            if let Some(word) = word {
                let _ = fs::create_dir_all(&store.paths().run);
                let _ = fs::write(&remembered, word);
            }
            // What kept us from trying will be told by whoever meets it next, with its own words.
            answer != Answer::Refused
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

/// The file in which the outcome is remembered until the next boot.
pub(crate) fn remembered(store: &Store) -> PathBuf {
    store.paths().run.join(REMEMBERED)
}

/// What trying showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Works,
    Refused,
    Unknown,
}

impl Answer {
    /// The kernel's answer to one of the calls that only overlayfs refuses.
    fn of(err: &io::Error) -> Self {
        match Errno::from_io_error(err) {
            Some(Errno::PERM | Errno::INVAL | Errno::NODEV | Errno::OPNOTSUPP | Errno::NOSYS) => {
                Self::Refused
            }
            _ => Self::Unknown,
        }
    }

    fn to_exit_code(self) -> i32 {
        match self {
            Self::Works => 0,
            Self::Refused => 1,
            Self::Unknown => 2,
        }
    }

    fn from_exit_code(code: Option<i32>) -> Self {
        match code {
            Some(0) => Self::Works,
            Some(1) => Self::Refused,
            _ => Self::Unknown,
        }
    }
}

/// Mounts one, writes through it and takes it away.
fn try_native(host: &Host, root: &Path) -> Answer {
    let place = root.join(format!("tmp/overlay-{}", std::process::id()));
    let answer = if host.is_rootless() {
        let work = |_: Option<&_>| {
            let answer = mount_and_write(&place, ",userxattr");
            let _ = fs::remove_dir_all(&place);
            answer.to_exit_code()
        };
        let worker = user_namespace::spawn(host, |_| Answer::Unknown.to_exit_code(), work);
        Answer::from_exit_code(worker.ok().and_then(user_namespace::Worker::wait))
    } else {
        mount_and_write(&place, "")
    };
    let _ = fs::remove_dir_all(&place);
    answer
}

fn mount_and_write(place: &Path, more: &str) -> Answer {
    let prepared = || -> io::Result<CString> {
        for name in ["lower", "upper", "work", "merged"] {
            fs::create_dir_all(place.join(name))?;
        }
        fs::write(place.join("lower/file"), "1")?;
        let place = place.display().to_string().replace('\\', r"\\").replace(',', r"\,").replace(':', r"\:");
        Ok(CString::new(format!("lowerdir={place}/lower,upperdir={place}/upper,workdir={place}/work{more}"))?)
    };
    let Ok(options) = prepared() else { return Answer::Unknown };
    let merged = place.join("merged");
    if let Err(err) = mount("overlay", &merged, "overlay", MountFlags::empty(), Some(options.as_c_str())) {
        return Answer::of(&err.into());
    }
    let written = fs::remove_file(merged.join("file"))
        .and_then(|()| fs::write(merged.join("other"), "2"))
        .and_then(|()| fs::create_dir(merged.join("directory")));
    let _ = unmount(&merged, UnmountFlags::DETACH);
    written.map_or_else(|err| Answer::of(&err), |()| Answer::Works)
}
