//! Copying between a container and the host, and out of one whole: `cp`, `export`.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use pontoon_monitor::event::Deed;
use pontoon_runtime::{paths, visit};
use pontoon_storage::{
    ArchiveForm, ExtractOptions, Ownership, Store, Transfer, extract_archive, transfer, write_archive,
};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::host::Host;
use crate::list::Found;
use crate::reach::{self, ReachError, Reached, WorkResult, reach, reach_outside};
use crate::request::UserNsMode;

/// How to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyOptions {
    /// What comes into a container belongs to its user; else it keeps its owners' numbers.
    pub archive: bool,
    /// A directory may take the place of something else, and the other way round.
    pub overwrite: bool,
}

/// Something is not as the copy needs it.
#[derive(Debug, thiserror::Error)]
enum Unfit {
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
    fn place(path: &Path, what: &'static str) -> Self {
        Self::Place { path: path.to_owned(), what }
    }
}

fn cannot_open(path: &Path) -> impl FnOnce(Errno) -> Unfit {
    let path = path.to_owned();
    move |source| Unfit::Open { path, source }
}

/// A tree of files in which paths are looked up: the host's, or a container's by the handle of its root.
#[derive(Debug, Clone, Copy)]
enum View<'a> {
    Host,
    Container(&'a OwnedFd),
}

impl View<'_> {
    fn open(self, path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self {
            Self::Host => openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty()),
            Self::Container(root) => paths::open(root, path, flags),
        }
    }
}

/// What is copied, as far as its place depends on it.
#[derive(Debug, Clone)]
struct What {
    is_directory: bool,
    /// Its name, as it was asked for; `None` if only what lies in it is meant.
    name: Option<OsString>,
}

impl What {
    fn new(path: &Path, is_directory: bool) -> Self {
        let contents_only = is_directory && ends_with_dot(path);
        Self { is_directory, name: path.file_name().filter(|_| !contents_only).map(OsStr::to_owned) }
    }
}

/// What is copied, open.
#[derive(Debug)]
struct Source {
    file: OwnedFd,
    what: What,
}

/// Opens what is to be copied. A link is followed.
fn open_source(view: View<'_>, path: &Path) -> Result<Source, Unfit> {
    let handle = view.open(path, OFlags::PATH).map_err(cannot_open(path))?;
    let kind = kind_of(&handle).map_err(cannot_open(path))?;
    let is_directory = kind == FileType::Directory;
    // A pipe or a device would keep us waiting, or never end.
    if !is_directory && kind != FileType::RegularFile {
        return Err(Unfit::place(path, "is neither a regular file nor a directory"));
    }
    let file = match (view, is_directory) {
        // What is mounted below a container's directory is not its own.
        (View::Container(_), true) => visit::without_mounts(handle.as_fd())
            .and_then(|it| Ok(openat(&it, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?))
            .map_err(|err| cannot_open(path)(Errno::from_io_error(&err).unwrap_or(Errno::IO)))?,
        _ => view.open(path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(cannot_open(path))?,
    };
    Ok(Source { file, what: What::new(path, is_directory) })
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
struct Target {
    directory: OwnedFd,
    name: Option<OsString>,
}

/// Finds the place for a copy, by the rules of podman-cp(1).
fn find_target(view: View<'_>, path: &Path, what: &What) -> Result<Target, Unfit> {
    let open_directory =
        |path: &Path| view.open(path, OFlags::RDONLY | OFlags::DIRECTORY).map_err(cannot_open(path));
    match view.open(path, OFlags::PATH) {
        Ok(handle) if kind_of(&handle).map_err(cannot_open(path))? == FileType::Directory => {
            Ok(Target { directory: open_directory(path)?, name: what.name.clone() })
        }
        Ok(_) if what.is_directory => {
            Err(Unfit::place(path, "is a file: a directory cannot be copied over it"))
        }
        Ok(_) if ends_with_slash(path) => Err(Unfit::place(path, "is not a directory")),
        Ok(_) => {
            let (parent, name) = behind_links(view, path)?;
            Ok(Target { directory: open_directory(&parent)?, name: Some(name) })
        }
        Err(Errno::NOENT) if ends_with_slash(path) && !what.is_directory => {
            Err(Unfit::place(path, "does not exist: a file is copied into a directory that is there"))
        }
        Err(Errno::NOENT) => {
            let (parent, name) = parent_and_name(path).ok_or_else(|| Unfit::place(path, "does not exist"))?;
            Ok(Target { directory: open_directory(&parent)?, name: Some(name) })
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

/// Where a path leads in the end, so that a link's target is replaced and not the link.
fn behind_links(view: View<'_>, path: &Path) -> Result<(PathBuf, OsString), Unfit> {
    let mut path = path.to_owned();
    for _ in 0..40 {
        let (parent, name) = parent_and_name(&path).ok_or_else(|| Unfit::place(&path, "has no name"))?;
        let directory = view.open(&parent, OFlags::PATH | OFlags::DIRECTORY).map_err(cannot_open(&parent))?;
        match readlinkat(&directory, &name, Vec::new()) {
            Ok(link) => {
                let link = OsString::from(link.to_string_lossy().into_owned());
                path = parent.join(link);
            }
            Err(Errno::INVAL) => return Ok((parent, name)),
            Err(err) => return Err(cannot_open(&path)(err)),
        }
    }
    Err(cannot_open(&path)(Errno::LOOP))
}

fn copy(
    source: &Source,
    target: &Target,
    owner: Option<(u32, u32)>,
    overwrite: bool,
) -> Result<(), Box<dyn std::error::Error>> {
    Ok(transfer(Transfer {
        source: source.file.as_fd(),
        to: target.directory.as_fd(),
        new_name: target.name.as_deref(),
        owner,
        overwrite,
    })?)
}

/// The ids by which a container's payload is known, for files that come in.
fn owner_inside(
    found: &Found,
    image_user: &str,
    root: &OwnedFd,
) -> Result<(u32, u32), pontoon_runtime::Failure> {
    let user = found.record.request.user.as_deref().unwrap_or(image_user);
    visit::look_up(root, user)
}

/// The ids by which the container knows us, for files that go out.
fn caller_inside(host: &Host, found: &Found) -> (u32, u32) {
    match &found.record.request.userns {
        UserNsMode::KeepId { uid, gid, .. } if host.is_rootless() => {
            (uid.unwrap_or(host.uid), gid.unwrap_or(host.gid))
        }
        _ => (0, 0),
    }
}

/// An absolute path of the host, for a process that changes its root.
fn absolute(path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    // Joined as text: `Path` would drop a dot or slash at the end, which means something here.
    let mut joined = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")).into_os_string();
    joined.push("/");
    joined.push(path);
    joined.into()
}

/// A path in a container, from its root.
fn inside(path: &Path) -> PathBuf {
    let mut whole = OsString::from("/");
    whole.push(path);
    if path.is_absolute() { path.to_owned() } else { whole.into() }
}

/// Opens the place in a container, and copies to it.
fn put(
    found: &Found,
    image_user: &str,
    root: &OwnedFd,
    source: &Source,
    to: &Path,
    options: CopyOptions,
) -> Result<(), Box<dyn std::error::Error>> {
    let target = find_target(View::Container(root), to, &source.what)?;
    let owner = if options.archive { Some(owner_inside(found, image_user, root)?) } else { None };
    copy(source, &target, owner, options.overwrite)
}

/// Copies from the host into a container.
///
/// # Errors
/// See [`ReachError`].
pub fn copy_in(
    host: &Host,
    store: &Store,
    from: &Path,
    found: &Found,
    to: &Path,
    options: CopyOptions,
) -> Result<(), ReachError> {
    if !reach::knows_us(host, store, found)? {
        let (from, to) = (absolute(from), inside(to));
        return through_pipe(host, store, (Side::Host, &from), (Side::Container(found), &to), options);
    }
    let source = open_source(View::Host, &absolute(from)).map_err(failed)?;
    let (to, user) = (inside(to), image_user(store, found));
    reach(host, store, found, |root| put(found, &user, root, &source, &to, options))?.wait()
}

/// Copies within a container.
///
/// # Errors
/// See [`ReachError`].
pub fn copy_within(
    host: &Host,
    store: &Store,
    found: &Found,
    from: &Path,
    to: &Path,
    options: CopyOptions,
) -> Result<(), ReachError> {
    let (from, to, user) = (inside(from), inside(to), image_user(store, found));
    reach(host, store, found, |root| {
        let source = open_source(View::Container(root), &from)?;
        put(found, &user, root, &source, &to, options)
    })?
    .wait()
}

/// Copies out of a container to the host.
///
/// # Errors
/// See [`ReachError`].
pub fn copy_out(
    host: &Host,
    store: &Store,
    found: &Found,
    from: &Path,
    to: &Path,
    options: CopyOptions,
) -> Result<(), ReachError> {
    let (from, to) = (inside(from), absolute(to));
    if !reach::knows_us(host, store, found)? {
        return through_pipe(host, store, (Side::Container(found), &from), (Side::Host, &to), options);
    }
    // The host's side is opened while we still see it; which place is meant depends on what is copied, so both are.
    let place = |is_directory| find_target(View::Host, &to, &What::new(&from, is_directory));
    let (for_file, for_directory) = (place(false), place(true));
    let owner = caller_inside(host, found);
    reach(host, store, found, |root| {
        let source = open_source(View::Container(root), &from)?;
        let target = if source.what.is_directory { for_directory } else { for_file };
        copy(&source, &target?, Some(owner), options.overwrite)
    })?
    .wait()
}

/// Copies between two containers.
///
/// # Errors
/// See [`ReachError`].
pub fn copy_between(
    host: &Host,
    store: &Store,
    (source, from): (&Found, &Path),
    (target, to): (&Found, &Path),
    options: CopyOptions,
) -> Result<(), ReachError> {
    let (from, to) = (inside(from), inside(to));
    through_pipe(host, store, (Side::Container(source), &from), (Side::Container(target), &to), options)
}

/// One end of a copy.
#[derive(Debug, Clone, Copy)]
enum Side<'a> {
    Host,
    Container(&'a Found),
}

impl Side<'_> {
    fn reach(
        self,
        host: &Host,
        store: &Store,
        work: impl FnOnce(View<'_>) -> WorkResult,
    ) -> Result<Reached, ReachError> {
        match self {
            Self::Host => reach_outside(host, |_| work(View::Host)),
            Self::Container(found) => reach(host, store, found, |root| work(View::Container(root))),
        }
    }
}

/// Copies where no process sees both sides: an archive goes through a pipe.
fn through_pipe(
    host: &Host,
    store: &Store,
    (source, from): (Side<'_>, &Path),
    (target, to): (Side<'_>, &Path),
    options: CopyOptions,
) -> Result<(), ReachError> {
    let pipe = || rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from);
    let (read, write) = pipe()?;
    let mut read = Some(read);
    // One byte in front tells what comes.
    let reader = source.reach(host, store, |view| {
        // The child's own copy: while it is open, nobody can be found to have stopped reading.
        drop(read.take());
        let opened = open_source(view, from)?;
        rustix::io::write(&write, &[u8::from(opened.what.is_directory)])?;
        let shown = OsString::from(ENTRY);
        Ok(write_archive(
            opened.file.as_fd(),
            Some(&shown),
            ArchiveForm::Plain,
            File::from(write.try_clone()?),
        )?)
    })?;
    drop(write);
    let read = read.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
    let writer = target.reach(host, store, |view| {
        let mut kind = [0];
        if rustix::io::read(&read, &mut kind)? == 0 {
            // The other side says why.
            return Ok(());
        }
        let place = find_target(view, to, &What::new(from, kind == [1]))?;
        let ownership = match (view, target) {
            // We are root over our own ids.
            (View::Host, _) | (_, Side::Host) => Ownership::Give(0, 0),
            (View::Container(root), Side::Container(found)) if options.archive => {
                let (uid, gid) = owner_inside(found, &image_user(store, found), root)?;
                Ownership::Give(uid, gid)
            }
            _ => Ownership::Keep,
        };
        receive(&place, ownership, options.overwrite, File::from(read.try_clone()?))
    });
    drop(read);
    let (sent, received) = (reader.wait(), writer?.wait());
    match sent {
        // Who stopped reading knows why.
        Err(ReachError::ReaderGone) => received.and(Err(ReachError::ReaderGone)),
        Err(err) => Err(err),
        Ok(()) => received,
    }
}

/// The name of the one entry in archives between two of our own processes.
const ENTRY: &str = "entry";

/// Unpacks an archive of one entry beside its place, and puts it there.
fn receive(
    place: &Target,
    ownership: Ownership,
    overwrite: bool,
    archive: File,
) -> Result<(), Box<dyn std::error::Error>> {
    let staging = format!(".pontoon-{}", std::process::id());
    rustix::fs::mkdirat(&place.directory, staging.as_str(), Mode::RWXU)?;
    let directory =
        openat(&place.directory, staging.as_str(), OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let options = ExtractOptions { ownership, with_root: false, overwrite: false };
    let outcome = extract_archive(archive, directory.as_fd(), options)
        .map_err(Box::<dyn std::error::Error>::from)
        .and_then(|_| {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = openat(&directory, ENTRY, flags, Mode::empty())?;
            Ok(transfer(Transfer {
                source: file.as_fd(),
                to: place.directory.as_fd(),
                new_name: place.name.as_deref(),
                owner: None,
                overwrite,
            })?)
        });
    let _ = pontoon_storage::remove_tree(place.directory.as_fd(), &staging);
    outcome
}

/// Unpacks an archive in a directory of a container.
///
/// # Errors
/// See [`ReachError`].
pub fn extract_into(
    host: &Host,
    store: &Store,
    archive: BorrowedFd<'_>,
    found: &Found,
    to: &Path,
    options: CopyOptions,
) -> Result<(), ReachError> {
    let archive = archive.try_clone_to_owned()?;
    let (to, user) = (inside(to), image_user(store, found));
    reach(host, store, found, |root| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = View::Container(root).open(&to, flags).map_err(|err| match err {
            Errno::NOENT | Errno::NOTDIR => {
                Unfit::place(&to, "is not a directory: an archive is unpacked in a directory that is there")
            }
            other => cannot_open(&to)(other),
        })?;
        let ownership = if options.archive {
            let (uid, gid) = owner_inside(found, &user, root)?;
            Ownership::Give(uid, gid)
        } else {
            Ownership::Keep
        };
        let options = ExtractOptions { ownership, with_root: false, overwrite: options.overwrite };
        extract_archive(File::from(archive), directory.as_fd(), options)?;
        Ok(())
    })?
    .wait()
}

/// Writes something of a container as an archive.
///
/// # Errors
/// See [`ReachError`].
pub fn archive_of(
    host: &Host,
    store: &Store,
    found: &Found,
    from: &Path,
    out: BorrowedFd<'_>,
) -> Result<(), ReachError> {
    let out = out.try_clone_to_owned()?;
    let from = inside(from);
    reach(host, store, found, |root| {
        let source = open_source(View::Container(root), &from)?;
        let out = File::from(out);
        Ok(write_archive(source.file.as_fd(), source.what.name.as_deref(), ArchiveForm::Plain, out)?)
    })?
    .wait()
}

/// Writes a container's whole root file system as an archive, without what is mounted in it.
///
/// # Errors
/// See [`ReachError`].
pub fn export(host: &Host, store: &Store, found: &Found, out: BorrowedFd<'_>) -> Result<(), ReachError> {
    archive_of(host, store, found, Path::new("/."), out)?;
    host.tell_of(store, &found.record, Deed::Export);
    Ok(())
}

/// Who the image says that its payload is.
fn image_user(store: &Store, found: &Found) -> String {
    let image = store.find_image(&found.record.image_id).ok();
    let config = image.and_then(|it| crate::create::image_config(store, &it).ok());
    config.map(|it| it.config.user).unwrap_or_default()
}

fn failed(err: Unfit) -> ReachError {
    let report = pontoon_monitor::state::FailureReport::new(&err, None, 125);
    let causes = crate::exec::Causes::of(report.chain.get(1..).unwrap_or_default());
    ReachError::Work(report, causes)
}

/// A part of `CONTAINER:PATH`, or a path of the host: a colon before the first slash names a container (podman-cp(1)).
#[must_use]
pub fn split_container(text: &str) -> Option<(&str, &str)> {
    let (name, path) = text.split_once(':')?;
    let is_path = name.is_empty() || name.contains('/') || matches!(name, "." | "..");
    (!is_path && !Path::new(name).components().any(|it| it == Component::ParentDir)).then_some((name, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colon_before_the_first_slash_names_a_container() {
        for (text, expected) in [
            ("web:/etc/passwd", Some(("web", "/etc/passwd"))),
            ("web:relative", Some(("web", "relative"))),
            ("web:/a:b", Some(("web", "/a:b"))),
            ("./web:x", None),
            ("/tmp/a:b", None),
            ("plain", None),
            (":x", None),
        ] {
            assert_eq!(split_container(text), expected, "{text}");
        }
    }

    #[test]
    fn ends_of_paths_mean_something() {
        assert!(ends_with_dot(Path::new("/a/.")) && ends_with_dot(Path::new(".")));
        assert!(!ends_with_dot(Path::new("/a/")) && !ends_with_dot(Path::new("/a/b.")));
        assert_eq!(inside(Path::new("a/.")).as_os_str(), "/a/.");
    }
}
