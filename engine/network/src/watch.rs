//! A file whose changes are heard of, however it is changed.
//!
//! It is often a link, and what it leads to is replaced, or is not there yet. So every directory on the way is watched for the
//! next name on it, and the file itself, which may be mounted from elsewhere.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};

/// As many links as the kernel follows, see path_resolution(7).
const MOST_LINKS: usize = 40;

/// The directories on the way, by watch, with the name that is next on the way in each.
#[derive(Debug)]
pub(crate) struct Watch {
    pub(crate) path: PathBuf,
    fd: OwnedFd,
    steps: Vec<(i32, OsString)>,
    file: Option<i32>,
}

impl Watch {
    pub(crate) fn new(path: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut watch = Self { path: path.to_owned(), fd, steps: Vec::new(), file: None };
        watch.set_up();
        Ok(watch)
    }

    /// Takes what has happened, and says whether it may concern the file. If so, the way is watched anew already, so that nothing
    /// goes by that happens while the file is read.
    pub(crate) fn has_changed(&mut self) -> bool {
        let changed = self.concerns_us();
        if changed {
            for watch in self.steps.drain(..).map(|(watch, _)| watch).chain(self.file.take()) {
                // One of a directory that is gone has gone with it; one of two names in one directory, with the other.
                let _ = inotify::remove_watch(&self.fd, watch);
            }
            self.set_up();
        }
        changed
    }

    fn set_up(&mut self) {
        for (directory, name) in way(&self.path) {
            let flags = WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::ONLYDIR;
            // What is not there cannot be watched, and is looked for in the directory above.
            if let Ok(watch) = inotify::add_watch(&self.fd, &directory, flags) {
                self.steps.push((watch, name));
            }
        }
        let flags = WatchFlags::CLOSE_WRITE | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF;
        self.file = inotify::add_watch(&self.fd, &self.path, flags).ok();
    }

    fn concerns_us(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        let mut ours = false;
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            // A queue that ran over may have lost what concerns us; its watch is -1.
            ours |= event.wd() == -1
                || self.file == Some(event.wd())
                || self.steps.iter().any(|(watch, next)| *watch == event.wd() && name == Some(next));
        }
        ours
    }
}

/// Each directory on the way to a file with the next name in it, links included.
fn way(path: &Path) -> Vec<(PathBuf, OsString)> {
    let mut steps = Vec::new();
    let mut links = 0;
    let mut at = PathBuf::from("/");
    let mut rest: Vec<OsString> = names(path);
    while let Some(name) = rest.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        steps.push((at.clone(), name.clone()));
        let next = at.join(&name);
        let Ok(target) = std::fs::read_link(&next) else {
            at = next;
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            break;
        }
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(names(&target));
    }
    steps
}

/// The names of a path, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect();
    names.reverse();
    names
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
