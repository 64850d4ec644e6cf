//! The search directories with everything below them, each read once: unit files and drop-ins.
//!
//! The first file of a name wins. Links may lead in circles; a directory is entered once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::{CStr, CString};
use std::fs;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pontoon_units::names::FileName;
use pontoon_units::search::{self, Leave, Manager, SearchDirectory, Writers};
use pontoon_units::{Content, DropIn, Source, UnitKind};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, fstat, openat, statat};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::listener::Listener;
use crate::read;
use crate::trust::Trust;

/// No hierarchy of unit files is deeper; each level holds a descriptor.
const DEEPEST: usize = 64;

/// So many bytes of a directory are asked for at a time.
const LISTING: usize = 8 * 1024;

/// All unit files that count, with their drop-ins.
pub fn sources(manager: Manager, directories: &[SearchDirectory], log: &mut dyn Listener) -> Vec<Source> {
    find(manager, directories, log).iter().map(Found::read).collect()
}

/// Finds all unit files that count; reading them is left to whoever wants them.
pub fn find(manager: Manager, directories: &[SearchDirectory], log: &mut dyn Listener) -> Vec<Found> {
    raise_descriptor_limit();
    let mut walk = Walk {
        manager,
        trust: Trust::new(Writers::Anybody, manager),
        users: users_directories(directories),
        entered: HashSet::new(),
        seen: HashSet::new(),
        found: Vec::new(),
        drop_ins: HashMap::new(),
        log,
    };
    for directory in directories {
        walk.trust = Trust::new(directory.writers, manager);
        let path = fs::canonicalize(&directory.path).unwrap_or_else(|_| directory.path.clone());
        let name = CString::new(path.as_os_str().as_encoded_bytes()).unwrap_or_default();
        match open_directory(CWD, &name) {
            Ok(handle) => walk.enter(handle, &path, directory.leave, 0),
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => walk.cannot_search(&path, errno),
        }
    }
    walk.attach_drop_ins();
    walk.found
}

/// Lets as many directories be open at once as the system allows; a deep tree needs one descriptor for each.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the usual thousand is enough for nearly everybody.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// The unit files of one directory, with all that lies below it or with its drop-ins alone.
pub fn sources_of(directory: &Path, leave: Leave, log: &mut dyn Listener) -> Vec<Source> {
    sources(
        Manager::System,
        &[SearchDirectory { path: directory.to_owned(), writers: Writers::Anybody, leave }],
        log,
    )
}

/// A unit file that counts, not read yet.
#[derive(Debug)]
pub struct Found {
    directory: Arc<OwnedFd>,
    file: CString,
    regular: bool,
    trust: Trust,
    name: Arc<str>,
    path: Arc<str>,
    drop_ins: Vec<Arc<DropIn>>,
}

impl Found {
    /// Reads it.
    pub fn read(&self) -> Source {
        let content = if self.file.to_str().is_err() {
            Content::Unreadable("its name is not UTF-8".to_owned())
        } else {
            read::content(self.directory.as_fd(), &self.file, self.regular, self.trust)
        };
        let drop_ins = self.drop_ins.iter().map(|drop_in| DropIn::clone(drop_in)).collect();
        Source { name: self.name.to_string(), path: Arc::clone(&self.path), content, drop_ins }
    }
}

/// A directory of drop-ins, opened when it was met, listed when somebody asks.
struct DropInDirectory {
    handle: OwnedFd,
    path: PathBuf,
    trust: Trust,
    files: Option<Vec<CString>>,
}

struct Walk<'a> {
    manager: Manager,
    /// Whose files count where the walk is.
    trust: Trust,
    /// Where users' own units lie, links resolved.
    users: Vec<PathBuf>,
    /// Device and inode of every directory entered.
    entered: HashSet<(u64, u64)>,
    /// Names of unit files taken.
    seen: HashSet<Arc<str>>,
    found: Vec<Found>,
    /// Directories of drop-ins by name, in order of precedence.
    drop_ins: HashMap<String, Vec<DropInDirectory>>,
    log: &'a mut dyn Listener,
}

impl Walk<'_> {
    /// Takes in a directory: its files, its drop-ins, then the directories in it, by name.
    fn enter(&mut self, handle: OwnedFd, path: &Path, leave: Leave, depth: usize) {
        let Ok(about) = fstat(&handle) else { return };
        if !self.entered.insert((about.st_dev, about.st_ino)) {
            return;
        }
        if let Some(reason) = self.trust.refusal(&about) {
            self.log.error(&format!("{}: {reason}, not searched", path.display()));
            return;
        }
        if depth > DEEPEST {
            self.log.warning(&format!("{}: too deep, not searched", path.display()));
            return;
        }
        let entries = match list(&handle) {
            Ok(entries) => entries,
            Err(errno) => {
                self.cannot_search(path, errno);
                return;
            }
        };
        let handle = Arc::new(handle);
        let mut below = Vec::new();
        // What stands before every file's name, with its slash.
        let prefix = path.join("").to_string_lossy().into_owned();
        for (file, kind) in entries {
            let text = file.to_string_lossy();
            let is_unit = UnitKind::of_file_name(&text).is_some();
            if kind == FileType::RegularFile && !is_unit {
                continue;
            }
            let leads_to_directory = match kind {
                FileType::Directory => true,
                FileType::Symlink | FileType::Unknown => is_directory(&handle, &file),
                _ => false,
            };
            if leads_to_directory {
                if is_unit {
                    let text = format!("{}: is a directory, not a unit file", path.join(&*text).display());
                    self.log.error(&text);
                }
                below.push((file, kind));
            } else if is_unit {
                let name = Arc::from(&*text);
                self.unit(&handle, &prefix, file, name, kind == FileType::RegularFile);
            }
        }
        // A directory's own drop-ins come before those further down.
        below.sort_by_key(|(name, _)| !name.to_bytes().ends_with(b".d"));
        for (name, kind) in below {
            let text = name.to_string_lossy();
            let left = match leave {
                Leave::Nothing => false,
                Leave::Users => text == "users",
                Leave::Numbers => search::is_number(&text),
                Leave::Below => !text.ends_with(".d"),
            };
            if left {
                continue;
            }
            let mut inner = path.join(&*text);
            if kind != FileType::Directory {
                inner = fs::canonicalize(&inner).unwrap_or(inner);
                if search::is_somebody_elses(self.manager, &self.users, &inner) {
                    continue;
                }
            }
            let opened = match open_directory(handle.as_fd(), &name) {
                Ok(opened) => opened,
                Err(errno) => {
                    self.cannot_search(&inner, errno);
                    continue;
                }
            };
            if text.ends_with(".d") {
                if let Some(reason) = fstat(&opened).ok().and_then(|about| self.trust.refusal(&about)) {
                    self.log.error(&format!("{}: {reason}, not searched", inner.display()));
                    continue;
                }
                let directory =
                    DropInDirectory { handle: opened, path: inner, trust: self.trust, files: None };
                self.drop_ins.entry(text.into_owned()).or_default().push(directory);
            } else {
                self.enter(opened, &inner, Leave::Nothing, depth + 1);
            }
        }
    }

    fn cannot_search(&mut self, path: &Path, errno: Errno) {
        let cause = std::io::Error::from(errno);
        self.log.warning(&format!("{}: cannot search the directory: {cause}", path.display()));
    }

    /// Takes in a unit file, unless one of its name was met before.
    fn unit(&mut self, directory: &Arc<OwnedFd>, prefix: &str, file: CString, name: Arc<str>, regular: bool) {
        let path = [prefix, &name].concat();
        if !self.seen.insert(Arc::clone(&name)) {
            self.log.shadowed(&path);
            return;
        }
        self.log.debug(format_args!("Loading source unit file {path}"));
        let directory = Arc::clone(directory);
        let trust = self.trust;
        let path = Arc::from(path);
        self.found.push(Found { directory, file, regular, trust, name, path, drop_ins: Vec::new() });
    }

    /// Adds to every unit file what is to be added to it.
    fn attach_drop_ins(&mut self) {
        if self.drop_ins.is_empty() {
            return;
        }
        let mut contents: HashMap<PathBuf, Arc<DropIn>> = HashMap::new();
        for found in &mut self.found {
            let Some(name) = FileName::new(&*found.name) else { continue };
            // Of one file name only the most specific counts; all are added in the order of their names.
            let mut chosen: BTreeMap<CString, Arc<DropIn>> = BTreeMap::new();
            for directory in name.drop_in_directories() {
                for directory in self.drop_ins.get_mut(&directory).into_iter().flatten() {
                    let DropInDirectory { handle, path, trust, files } = directory;
                    for file in files.get_or_insert_with(|| configuration_files(handle)) {
                        if chosen.contains_key(file) {
                            continue;
                        }
                        let path = path.join(&*file.to_string_lossy());
                        let drop_in = contents.entry(path).or_insert_with_key(|path| {
                            let path: Arc<str> = Arc::from(path.to_string_lossy());
                            self.log.debug(format_args!("Loading source drop-in file {path}"));
                            Arc::new(DropIn {
                                path,
                                content: read::content(handle.as_fd(), file, false, *trust),
                            })
                        });
                        chosen.insert(file.clone(), Arc::clone(drop_in));
                    }
                }
            }
            found.drop_ins = chosen.into_values().collect();
        }
    }
}

/// The `*.conf` files of a directory.
fn configuration_files(directory: &OwnedFd) -> Vec<CString> {
    let entries = list(directory).unwrap_or_default();
    let names = entries.into_iter().map(|(name, _)| name);
    // As for systemd itself, what editors hide while they work is none of them.
    names.filter(|name| name.to_bytes().ends_with(b".conf") && !name.to_bytes().starts_with(b".")).collect()
}

/// The directories that users' own units lie in, links resolved.
fn users_directories(directories: &[SearchDirectory]) -> Vec<PathBuf> {
    let users = directories.iter().filter_map(|directory| match directory.leave {
        Leave::Nothing | Leave::Below => None,
        Leave::Users => Some(directory.path.join("users")),
        Leave::Numbers => Some(directory.path.clone()),
    });
    users.filter_map(|path| fs::canonicalize(path).ok()).collect()
}

/// The entries of a directory by name; it is read to its end, so that it can be listed once.
fn list(directory: &OwnedFd) -> rustix::io::Result<Vec<(CString, FileType)>> {
    let mut buffer = [MaybeUninit::uninit(); LISTING];
    let mut rest = RawDir::new(directory, &mut buffer);
    let mut entries = Vec::new();
    while let Some(entry) = rest.next() {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            entries.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries)
}

/// Whether a name leads to a directory, through links.
fn is_directory(directory: &OwnedFd, name: &CStr) -> bool {
    statat(directory, name, AtFlags::empty())
        .is_ok_and(|about| FileType::from_raw_mode(about.st_mode) == FileType::Directory)
}

/// Opens a directory to read it.
fn open_directory(at: impl AsFd, name: &CStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    openat(at, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silent;

    impl Listener for Silent {
        fn warning(&mut self, _: &str) {}
    }

    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(manager: Manager, leave: Leave, path: &Path) -> Vec<String> {
        let directories = [SearchDirectory { path: path.to_owned(), writers: Writers::Anybody, leave }];
        let found = sources(manager, &directories, &mut Silent);
        found.into_iter().map(|source| source.name).collect()
    }

    fn units(name: &str) -> PathBuf {
        let root = std::env::temp_dir().join(format!("pontoon-walk-{}-{name}", std::process::id()));
        let units = root.join("units");
        for (below, file) in [
            ("", "system"),
            ("users", "all"),
            ("users/1000", "mine"),
            ("users/1001", "theirs"),
            ("users/team", "team"),
            ("users-too", "like-users"),
        ] {
            fs::create_dir_all(units.join(below)).unwrap();
            fs::write(units.join(below).join(format!("{file}.container")), "").unwrap();
        }
        fs::create_dir_all(units.join("sub")).unwrap();
        symlink("../users/1001", units.join("sub/back-door")).unwrap();
        symlink("1001", units.join("users/name")).unwrap();
        units
    }

    #[test]
    fn the_system_reads_no_users_directory_by_any_way() {
        let units = units("system");
        assert_eq!(
            names(Manager::System, Leave::Users, &units),
            ["system.container", "like-users.container"]
        );
        fs::remove_dir_all(units.parent().unwrap()).unwrap();
    }

    #[test]
    fn a_user_reads_what_is_for_all_and_for_nobody_else() {
        let units = units("user");
        let me = Manager::User { uid: 1000 };
        assert_eq!(names(me, Leave::Numbers, &units.join("users")), ["all.container", "team.container"]);
        fs::remove_dir_all(units.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_anybody_may_write_does_not_count_where_all_users_read() {
        let root = std::env::temp_dir().join(format!("pontoon-walk-{}-trust", std::process::id()));
        let write = |name: &str, mode| {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        write("good.container", 0o644);
        write("open.container", 0o666);
        write("good.container.d/open.conf", 0o666);
        write("open/inside.container", 0o644);
        write("open.container.d/x.conf", 0o644);
        for open in ["open", "open.container.d"] {
            fs::set_permissions(root.join(open), fs::Permissions::from_mode(0o777)).unwrap();
        }
        let manager = Manager::User { uid: rustix::process::getuid().as_raw() };
        let directory = |writers| [SearchDirectory { path: root.clone(), writers, leave: Leave::Nothing }];
        let found = sources(manager, &directory(Writers::Root), &mut Silent);
        let refused = Content::Unreadable("anybody may write to it".to_owned());
        let names: Vec<_> =
            found.iter().map(|source| (source.name.as_str(), source.content == refused)).collect();
        assert_eq!(names, [("good.container", false), ("open.container", true)]);
        assert_eq!(found[0].drop_ins[0].content, refused);
        assert!(found[1].drop_ins.is_empty());
        assert_eq!(sources(manager, &directory(Writers::Anybody), &mut Silent).len(), 3);
        fs::remove_dir_all(&root).unwrap();
    }
}
