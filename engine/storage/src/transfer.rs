//! Copying into a tree that is there already, as cp(1) does: directories are merged, files replaced.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

use crate::copy::{self, CopyError, Existing, Rules};
use crate::dir::DIRECTORY;
use crate::error::{At, FileError};

/// What is copied where.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'a> {
    /// The source: an open directory or file, or a handle of a pipe.
    pub source: BorrowedFd<'a>,
    /// The directory that the copy comes into.
    pub to: BorrowedFd<'a>,
    /// The copy's name in it; `None` copies what lies in the source into that very directory.
    pub new_name: Option<&'a OsStr>,
    /// Whose the copy is; `None` keeps the source's owners.
    pub owner: Option<(u32, u32)>,
    /// Whether a directory may take the place of something else, and the other way round.
    pub overwrite: bool,
    /// Whether device nodes are made; else they are left out.
    pub devices: bool,
}

/// Why it could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// On the way.
    #[error(transparent)]
    Copy(#[from] CopyError),
    /// The source or the target itself.
    #[error(transparent)]
    File(#[from] FileError),
}

struct Merging {
    owner: Option<(u32, u32)>,
    overwrite: bool,
    devices: bool,
    sockets: RefCell<Vec<PathBuf>>,
}

impl Rules for Merging {
    fn user(&self, uid: u32) -> Option<u32> {
        Some(self.owner.map_or(uid, |owner| owner.0))
    }

    fn group(&self, gid: u32) -> Option<u32> {
        Some(self.owner.map_or(gid, |owner| owner.1))
    }

    fn keeps_overlay(&self) -> bool {
        false
    }

    fn leaves_out(&self, kind: FileType, path: &[u8]) -> bool {
        // A socket without its program is nothing.
        if kind == FileType::Socket {
            self.sockets.borrow_mut().push(PathBuf::from(OsStr::from_bytes(path)));
        }
        match kind {
            FileType::Socket => true,
            FileType::CharacterDevice | FileType::BlockDevice => !self.devices,
            _ => false,
        }
    }

    fn existing(&self) -> Existing {
        if self.overwrite { Existing::Replaced } else { Existing::Merged }
    }
}

/// Copies. Gives the sockets, from the source, which are left out.
///
/// # Errors
/// See [`TransferError`].
pub fn transfer(wanted: Transfer<'_>) -> Result<Vec<PathBuf>, TransferError> {
    let Transfer { owner, overwrite, devices, .. } = wanted;
    let rules = Merging { owner, overwrite, devices, sockets: RefCell::default() };
    copy_by(wanted, &rules)?;
    Ok(rules.sockets.into_inner())
}

fn copy_by(wanted: Transfer<'_>, rules: &Merging) -> Result<(), TransferError> {
    let stat = rustix::fs::fstat(wanted.source).at("look at", "the source")?;
    let Some(name) = wanted.new_name else {
        return Ok(copy::copy_contents(wanted.source, wanted.to, rules)?);
    };
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {}
        FileType::Fifo => return Ok(copy::copy_fifo(wanted.source, wanted.to, name.as_bytes(), rules)?),
        _ => return Ok(copy::copy_file(wanted.source, wanted.to, name.as_bytes(), rules)?),
    }
    let make = || rustix::fs::mkdirat(wanted.to, name, Mode::RWXU);
    match make() {
        Err(Errno::EXIST) if wanted.overwrite => {
            let there = rustix::fs::statat(wanted.to, name, AtFlags::SYMLINK_NOFOLLOW).at("look at", name)?;
            if FileType::from_raw_mode(there.st_mode) != FileType::Directory {
                crate::remove::remove_below(wanted.to, name.as_bytes()).at("replace", name)?;
                make().at("make", name)?;
            }
        }
        Err(Errno::EXIST) => {}
        other => other.at("make", name)?,
    }
    let target = rustix::fs::openat(wanted.to, name, DIRECTORY, Mode::empty()).at("open", name)?;
    Ok(copy::copy_tree(wanted.source, target.as_fd(), rules)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    fn fixture(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("pontoon-transfer-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        for directory in ["from/tree/sub", "to/tree/sub"] {
            fs::create_dir_all(base.join(directory)).unwrap();
        }
        fs::write(base.join("from/tree/sub/new"), "new").unwrap();
        fs::write(base.join("from/tree/both"), "theirs").unwrap();
        fs::write(base.join("to/tree/both"), "a longer text").unwrap();
        fs::write(base.join("to/tree/sub/old"), "old").unwrap();
        base
    }

    fn run(base: &std::path::Path, overwrite: bool) -> Result<Vec<PathBuf>, TransferError> {
        let source = fs::File::open(base.join("from/tree")).unwrap();
        let to = fs::File::open(base.join("to")).unwrap();
        transfer(Transfer {
            source: source.as_fd(),
            to: to.as_fd(),
            new_name: Some(OsStr::new("tree")),
            owner: None,
            overwrite,
            devices: true,
        })
    }

    #[test]
    fn trees_are_merged() {
        let base = fixture("merged");
        symlink("/etc/passwd", base.join("to/tree/link")).unwrap();
        fs::write(base.join("from/tree/link"), "no link").unwrap();
        fs::set_permissions(base.join("from/tree/sub"), PermissionsExt::from_mode(0o711)).unwrap();
        run(&base, false).unwrap();
        let text = |path: &str| fs::read_to_string(base.join(path)).unwrap();
        assert_eq!((text("to/tree/both"), text("to/tree/sub/new")), ("theirs".to_owned(), "new".to_owned()));
        assert_eq!((text("to/tree/sub/old"), text("to/tree/link")), ("old".to_owned(), "no link".to_owned()));
        assert!(!base.join("to/tree/link").is_symlink());
        assert_eq!(fs::metadata(base.join("to/tree/sub")).unwrap().permissions().mode() & 0o777, 0o711);
    }

    #[test]
    fn a_directory_takes_the_place_of_a_file_only_if_asked() {
        let base = fixture("swapped");
        fs::remove_dir_all(base.join("to/tree/sub")).unwrap();
        fs::write(base.join("to/tree/sub"), "a file").unwrap();
        fs::remove_file(base.join("to/tree/both")).unwrap();
        fs::create_dir(base.join("to/tree/both")).unwrap();
        let err = run(&base, false).unwrap_err();
        assert!(matches!(err, TransferError::Copy(CopyError::File(_))), "{err}");
        run(&base, true).unwrap();
        assert_eq!(fs::read_to_string(base.join("to/tree/both")).unwrap(), "theirs");
        assert!(base.join("to/tree/sub/new").is_file());
    }

    #[test]
    fn sockets_are_left_out_and_told() {
        let base = fixture("sockets");
        drop(UnixListener::bind(base.join("from/tree/sub/socket")).unwrap());
        assert_eq!(run(&base, false).unwrap(), [PathBuf::from("sub/socket")]);
        assert!(!base.join("to/tree/sub/socket").exists() && base.join("to/tree/sub/new").is_file());
    }

    #[test]
    fn a_pipe_alone_is_made_anew() {
        let base = fixture("pipe");
        let from = fs::File::open(base.join("from")).unwrap();
        rustix::fs::mknodat(&from, "pipe", FileType::Fifo, Mode::from_raw_mode(0o640), 0).unwrap();
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC;
        let source = rustix::fs::openat(&from, "pipe", flags, Mode::empty()).unwrap();
        let to = fs::File::open(base.join("to/tree")).unwrap();
        // What has its name is replaced, as by a file.
        transfer(Transfer {
            source: source.as_fd(),
            to: to.as_fd(),
            new_name: Some(OsStr::new("both")),
            owner: None,
            overwrite: false,
            devices: true,
        })
        .unwrap();
        let made = rustix::fs::statat(&to, "both", AtFlags::SYMLINK_NOFOLLOW).unwrap();
        assert_eq!(FileType::from_raw_mode(made.st_mode), FileType::Fifo);
        assert_eq!(made.st_mode & 0o777, 0o640);
    }
}
