//! What a copy is made of, and where it goes: paths, looked up in a tree that may be hostile.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use pontoon_runtime::{paths, visit};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

/// Something is not as the copy needs it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("`{}` {what}", path.display())]
    Place { path: PathBuf, what: &'static str },
    #[error("cannot open `{}`", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: Errno,
    },
}

impl Unfit {
    pub(super) fn place(path: &Path, what: &'static str) -> Self {
        Self::Place { path: path.to_owned(), what }
    }
}

pub(super) fn cannot_open(path: &Path) -> impl FnOnce(Errno) -> Unfit {
    let path = path.to_owned();
    move |source| Unfit::Open { path, source }
}

/// A tree of files in which paths are looked up: the host's, or a container's by the handle of its root.
#[derive(Debug, Clone, Copy)]
pub(super) enum View<'a> {
    Host,
    Container(&'a OwnedFd),
}

impl View<'_> {
    pub(super) fn open(self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self {
            Self::Host => openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()),
            Self::Container(root) => paths::open(root, path, flags),
        }
    }
}

/// What is copied, as far as its place depends on it.
#[derive(Debug, Clone)]
pub(super) struct What {
    pub(super) is_directory: bool,
    /// Its name; `None` if only what lies in it is meant.
    pub(super) name: Option<OsString>,
}

impl What {
    /// As it was asked for.
    pub(super) fn new(path: &Path, is_directory: bool) -> Self {
        let contents_only = is_directory && ends_with_dot(path);
        Self { is_directory, name: path.file_name().filter(|_| !contents_only).map(OsStr::to_owned) }
    }

    /// As it is. A link of a container's gives the name of what it leads to, as in Podman; one of the host's its own.
    fn found(view: View<'_>, path: &Path, is_directory: bool) -> Self {
        let asked = Self::new(path, is_directory);
        match (view, &asked.name) {
            (View::Container(_), Some(_)) => {
                let name = behind_links(view, path).ok().map(|(_, name)| name).or(asked.name);
                Self { name, ..asked }
            }
            _ => asked,
        }
    }
}

/// What is copied, open.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: OwnedFd,
    pub(super) what: What,
}

/// Opens what is to be copied. A link is followed. Of a pipe there is but a handle.
pub(super) fn open_source(view: View<'_>, path: &Path) -> Result<Source, Unfit> {
    let handle = view.open(path, OFlags::PATH).map_err(cannot_open(path))?;
    let kind = kind_of(&handle).map_err(cannot_open(path))?;
    let is_directory = kind == FileType::Directory;
    let what = What::found(view, path, is_directory);
    match kind {
        FileType::Directory | FileType::RegularFile => {}
        // It is not opened: that would keep us waiting.
        FileType::Fifo if !is_nameless(&handle) => return Ok(Source { file: handle, what }),
        // A device might never end.
        _ => return Err(Unfit::place(path, "is neither a regular file nor a directory")),
    }
    let file = match (view, is_directory) {
        // What is mounted below a container's directory is not its own.
        (View::Container(_), true) => visit::without_mounts(handle.as_fd())
            .and_then(|it| Ok(openat(&it, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
            .map_err(|err| cannot_open(path)(Errno::from_io_error(&err).unwrap_or(Errno::IO)))?,
        _ => view.open(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(cannot_open(path))?,
    };
    Ok(Source { file, what })
}

/// Whether it is a pipe between processes, which no file system has: somebody's standard input.
fn is_nameless(handle: &OwnedFd) -> bool {
    const PIPEFS: rustix::fs::FsWord = 0x5049_5045;
    rustix::fs::fstatfs(handle).is_ok_and(|it| it.f_type == PIPEFS)
}

fn kind_of(handle: &OwnedFd) -> Result<FileType, Errno> {
    Ok(FileType::from_raw_mode(statat(handle, c"", AtFlags::EMPTY_PATH)?.st_mode))
}

/// Whether a path ends with `/.`, which `Path` leaves out of its components.
fn ends_with_dot(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    bytes == b"." || bytes.ends_with(b"/.") || bytes == b".." || bytes.ends_with(b"/..")
}

fn ends_with_slash(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

/// Where a copy goes: a directory, and the name in it; without a name into that very directory.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) directory: OwnedFd,
    pub(super) name: Option<OsString>,
    /// The name is that of what is copied.
    takes_name: bool,
}

impl Target {
    /// The place for what has turned out to have another name.
    pub(super) fn of(self, what: &What) -> Self {
        if self.takes_name { Self { name: what.name.clone(), ..self } } else { self }
    }
}

/// Finds the place for a copy, by the rules of podman-cp(1).
pub(super) fn find_target(view: View<'_>, path: &Path, what: &What) -> Result<Target, Unfit> {
    let open_directory =
        |path: &Path| view.open(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(cannot_open(path));
    match view.open(path, OFlags::PATH) {
        Ok(handle) if kind_of(&handle).map_err(cannot_open(path))? == FileType::Directory => {
            Ok(Target { directory: open_directory(path)?, name: what.name.clone(), takes_name: true })
        }
        Ok(_) if what.is_directory => {
            Err(Unfit::place(path, "is a file: a directory cannot be copied over it"))
        }
        Ok(_) if ends_with_slash(path) => Err(Unfit::place(path, "is not a directory")),
        Ok(_) => {
            let (parent, name) = behind_links(view, path)?;
            Ok(Target { directory: open_directory(&parent)?, name: Some(name), takes_name: false })
        }
        Err(Errno::NOENT) if ends_with_slash(path) && !what.is_directory => {
            Err(Unfit::place(path, "does not exist: a file is copied into a directory that is there"))
        }
        // What a link leads to may be what is not there: a container's is followed, one of the host's replaced, as in Podman.
        Err(Errno::NOENT) => {
            let (parent, name) = match view {
                View::Container(_) => behind_links(view, path)?,
                View::Host => parent_and_name(path).ok_or_else(|| Unfit::place(path, "does not exist"))?,
            };
            Ok(Target { directory: open_directory(&parent)?, name: Some(name), takes_name: false })
        }
        // A file stands in the way of the path.
        Err(err) => Err(cannot_open(path)(err)),
    }
}

fn parent_and_name(path: &Path) -> Option<(PathBuf, OsString)> {
    let name = path.file_name()?.to_owned();
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some((parent.to_owned(), name))
}

/// Where a path leads in the end, so that a link's target is replaced or made, and not the link.
fn behind_links(view: View<'_>, path: &Path) -> Result<(PathBuf, OsString), Unfit> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let (parent, name) = parent_and_name(&path).ok_or_else(|| Unfit::place(&path, "does not exist"))?;
        let directory = view.open(&parent, OFlags::PATH | OFlags::DIRECTORY).map_err(cannot_open(&parent))?;
        match readlinkat(&directory, &name, Vec::new()) {
            Ok(link) => {
                path = parent.join(OsStr::from_bytes(link.as_bytes()));
            }
            Err(Errno::INVAL | Errno::NOENT) => return Ok((parent, name)),
            Err(err) => return Err(cannot_open(&path)(err)),
        }
    }
    Err(cannot_open(&path)(Errno::LOOP))
}

/// An absolute path of the host, for a process that changes its root.
pub(super) fn absolute(path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    // Joined as text: `Path` would drop a dot or slash at the end, which means something here.
    let mut joined = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")).into_os_string();
    joined.push("/");
    joined.push(path);
    joined.into()
}

/// A path in a container, from its root: a relative one begins where the payload does.
pub(super) fn inside(cwd: &str, path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    // As text, as above.
    let mut whole = OsString::from("/");
    let cwd = cwd.trim_matches('/');
    if !cwd.is_empty() {
        whole.push(cwd);
        whole.push("/");
    }
    // `./` is `.`: to Podman, what lies in the directory.
    let itself = path.components().all(|it| it == Component::CurDir);
    whole.push(if itself { Path::new(".") } else { path });
    whole.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_of_paths_mean_something() {
        assert!(ends_with_dot(Path::new("/a/.")) && ends_with_dot(Path::new(".")));
        assert!(!ends_with_dot(Path::new("/a/")) && !ends_with_dot(Path::new("/a/b.")));
        for (cwd, path, expected) in [
            ("/", "a/.", "/a/."),
            ("/own/", "a/", "/own/a/"),
            ("/own", ".", "/own/."),
            ("/own", "./", "/own/."),
            ("own", "../a", "/own/../a"),
            ("/own", "/a/.", "/a/."),
        ] {
            assert_eq!(inside(cwd, Path::new(path)).as_os_str(), expected, "{cwd} {path}");
        }
    }
}
