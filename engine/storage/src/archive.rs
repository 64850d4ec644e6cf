//! A directory tree becomes an archive, read through handles; no link is followed and no mount is entered.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::copy::{open_below, xattr};
use crate::error::FileError;
use crate::tar::Kind;
use crate::tar::write::{Head, Writer};
use crate::unpack::whiteout;

/// What the archive is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchiveForm {
    /// The files as they are.
    Plain,
    /// A layer, from the upper directory of an overlay: what hides lower files is written as OCI's whiteouts.
    Layer,
}

/// A tree could not be archived.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file of the tree.
    #[error(transparent)]
    File(#[from] FileError),
    /// The archive.
    #[error("cannot write the archive")]
    Write(#[source] io::Error),
    /// A file that grows smaller while it is read.
    #[error("`{}` became shorter while it was read", path.display())]
    Shrunk {
        /// The file, from the tree's root.
        path: PathBuf,
    },
}

/// Writes what is open in `source`, a directory or a file, as an archive.
///
/// With `shown` the first entry, or all paths, begin with that name; without, only what lies in the directory is written. With
/// `.` the first entry is the directory itself, and the paths are as without. Gives the sockets, which are left out.
///
/// # Errors
/// See [`ArchiveError`].
pub fn write_archive(
    source: BorrowedFd<'_>,
    shown: Option<&OsStr>,
    form: ArchiveForm,
    out: impl Write,
) -> Result<Vec<PathBuf>, ArchiveError> {
    let buffered = io::BufWriter::with_capacity(1 << 18, out);
    let mut archiving = Archiving {
        writer: Writer::new(buffered),
        form,
        linked: HashMap::new(),
        sockets: Vec::new(),
        buffer: vec![0; 1 << 18],
    };
    let shown = shown.map(OsStr::as_bytes).unwrap_or_default();
    let stat = rustix::fs::fstat(source).map_err(failed("look at", shown))?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    if kind == FileType::Fifo {
        let head = head(shown, Kind::Fifo, &stat);
        archiving.writer.begin(&head).map_err(ArchiveError::Write)?;
    } else if kind == FileType::Directory {
        if !shown.is_empty() {
            let xattrs = xattr::list(source).map_err(failed("look at", shown))?;
            let head = Head { xattrs: &xattrs, ..head(shown, Kind::Directory, &stat) };
            archiving.writer.begin(&head).map_err(ArchiveError::Write)?;
        }
        archiving.directory(source, if shown == b"." { b"" } else { shown })?;
    } else {
        archiving.open_file(source, shown)?;
    }
    archiving.writer.finish().map_err(ArchiveError::Write)?;
    Ok(archiving.sockets)
}

fn failed(deed: &'static str, path: &[u8]) -> impl FnOnce(Errno) -> FileError {
    move |errno| FileError::new(deed, OsStr::from_bytes(if path.is_empty() { b"." } else { path }), errno)
}

struct Archiving<W: Write> {
    writer: Writer<W>,
    form: ArchiveForm,
    /// Files with several names: the first of them.
    linked: HashMap<(u64, u64), Vec<u8>>,
    sockets: Vec<PathBuf>,
    buffer: Vec<u8>,
}

impl<W: Write> Archiving<W> {
    /// What lies in a directory, whose path in the archive is `shown`.
    fn directory(&mut self, root: BorrowedFd<'_>, shown: &[u8]) -> Result<(), ArchiveError> {
        let joined = |path: &[u8], name: &[u8]| {
            if path.is_empty() { name.to_vec() } else { [path, name].join(&b'/') }
        };
        let mut open = vec![Vec::new()];
        while let Some(path) = open.pop() {
            let whole = joined(shown, &path);
            let whole = whole.strip_suffix(b"/").unwrap_or(&whole);
            let dir = open_below(root, &path).map_err(failed("open", whole))?;
            if self.form == ArchiveForm::Layer
                && !path.is_empty()
                && whiteout::is_marked_opaque(dir.as_fd()).map_err(failed("look at", whole))?
            {
                self.whiteout(&joined(whole, whiteout::OPAQUE))?;
            }
            let mut entries = crate::dir::list(dir.as_fd()).map_err(failed("list", whole))?;
            // The same tree gives the same archive.
            entries.sort_unstable_by(|left, right| left.name.cmp(&right.name));
            let mut below = Vec::new();
            for entry in entries {
                if self.entry(dir.as_fd(), &entry.name, &joined(whole, &entry.name))? {
                    below.push(joined(&path, &entry.name));
                }
            }
            open.extend(below.into_iter().rev());
        }
        Ok(())
    }

    /// One entry; true if it is a directory that is to be entered.
    fn entry(&mut self, dir: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<bool, ArchiveError> {
        let stat = match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Somebody deleted it.
            Err(Errno::NOENT) => return Ok(false),
            other => other.map_err(failed("look at", path))?,
        };
        if self.form == ArchiveForm::Layer
            && whiteout::is_one(dir, name, &stat).map_err(failed("look at", path))?
        {
            let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
                Some(slash) => path.split_at_checked(slash + 1).unwrap_or((b"", path)),
                None => (&b""[..], path),
            };
            self.whiteout(&[parent, whiteout::PREFIX, name].concat())?;
            return Ok(false);
        }
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => return self.file(dir, name, path).map(|()| false),
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Fifo,
            // A socket without its program is nothing.
            FileType::Socket => {
                self.sockets.push(PathBuf::from(OsStr::from_bytes(path)));
                return Ok(false);
            }
            FileType::Unknown => return Ok(false),
        };
        let link = match kind {
            Kind::Symlink => {
                rustix::fs::readlinkat(dir, name, Vec::new()).map_err(failed("read", path))?.into_bytes()
            }
            _ => Vec::new(),
        };
        let xattrs = match kind {
            Kind::Directory => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                match rustix::fs::openat(dir, name, flags, Mode::empty()) {
                    Ok(opened) => xattr::list(opened.as_fd()).map_err(failed("look at", path))?,
                    Err(Errno::NOENT) => return Ok(false),
                    Err(errno) => return Err(failed("open", path)(errno).into()),
                }
            }
            _ => Vec::new(),
        };
        let device = match kind {
            Kind::CharDevice | Kind::BlockDevice => {
                (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev))
            }
            _ => (0, 0),
        };
        let head = Head { link: &link, device, size: 0, xattrs: &xattrs, ..head(path, kind, &stat) };
        self.writer.begin(&head).map_err(ArchiveError::Write)?;
        Ok(kind == Kind::Directory)
    }

    fn file(&mut self, dir: BorrowedFd<'_>, name: &[u8], path: &[u8]) -> Result<(), ArchiveError> {
        // A pipe put in its place must not keep us waiting.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(failed("open", path))?;
        self.open_file(file.as_fd(), path)
    }

    fn open_file(&mut self, file: BorrowedFd<'_>, path: &[u8]) -> Result<(), ArchiveError> {
        let stat = rustix::fs::fstat(file).map_err(failed("look at", path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(failed("read what was put in the place of", path)(Errno::INVAL).into());
        }
        let key = (stat.st_dev, stat.st_ino);
        if stat.st_nlink > 1 {
            if let Some(first) = self.linked.get(&key) {
                let head = Head { link: first, ..head(path, Kind::Hardlink, &stat) };
                return self.writer.begin(&head).map_err(ArchiveError::Write);
            }
            self.linked.insert(key, path.to_vec());
        }
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let xattrs = xattr::list(file).map_err(failed("look at", path))?;
        let head = Head { size, xattrs: &xattrs, ..head(path, Kind::File, &stat) };
        self.writer.begin(&head).map_err(ArchiveError::Write)?;
        let mut left = size;
        while left > 0 {
            let room = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let Some(room) = self.buffer.get_mut(..room) else { break };
            match rustix::io::read(file, &mut *room) {
                Ok(0) => {
                    let path = PathBuf::from(OsStr::from_bytes(path));
                    return Err(ArchiveError::Shrunk { path });
                }
                Ok(count) => {
                    self.writer.data(room.get(..count).unwrap_or_default()).map_err(ArchiveError::Write)?;
                    left -= crate::record::length(count);
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(failed("read", path)(errno).into()),
            }
        }
        Ok(())
    }

    /// An empty file whose name hides something.
    fn whiteout(&mut self, path: &[u8]) -> Result<(), ArchiveError> {
        let head = Head {
            path,
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            mtime: 0,
            link: b"",
            device: (0, 0),
            size: 0,
            xattrs: &[],
        };
        self.writer.begin(&head).map_err(ArchiveError::Write)
    }
}

fn head<'a>(path: &'a [u8], kind: Kind, stat: &Stat) -> Head<'a> {
    Head {
        path,
        kind,
        mode: stat.st_mode & 0o7777,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mtime: stat.st_mtime,
        link: b"",
        device: (0, 0),
        size: 0,
        xattrs: &[],
    }
}
