//! Copying between a container and the host, and out of one whole: `cp`, `export`.

mod pipe;
mod place;

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use pontoon_image::{DecompressLimits, rootfs};
use pontoon_monitor::event::Deed;
use pontoon_runtime::visit;
use pontoon_storage::{
    ArchiveForm, ExtractOptions, Ownership, Store, Transfer, extract_archive, transfer, write_archive,
};
use rustix::fs::OFlags;
use rustix::io::Errno;

use self::pipe::{Side, through_pipe};
use self::place::{
    Source, Target, Unfit, View, What, absolute, cannot_open, find_target, inside, open_source,
};
use crate::decide;
use crate::host::Host;
use crate::list::Found;
use crate::reach::{self, ReachError, reach};
use crate::request::UserNsMode;

/// How to copy.
#[derive(Debug, Clone, Copy)]
pub struct CopyOptions {
    /// What comes into a container belongs to its user; else it keeps its owners' numbers.
    pub archive: bool,
    /// A directory may take the place of something else, and the other way round.
    pub overwrite: bool,
    /// Device nodes are made; never on the host, where nobody asks whose container had them.
    pub devices: bool,
    /// Tells of what is left out.
    pub warn: fn(&str),
}

impl CopyOptions {
    fn warn_of<'a>(&self, sockets: impl IntoIterator<Item = &'a Path>) {
        for socket in sockets {
            (self.warn)(&format!("`{}` is a socket, which is left out", socket.display()));
        }
    }
}

/// Opens the place in a container, and copies to it.
fn put(
    payload: &Payload,
    root: &OwnedFd,
    source: &Source,
    to: &Path,
    options: CopyOptions,
) -> Result<(), Box<dyn std::error::Error>> {
    let target = find_target(View::Container(root), to, &source.what)?;
    let owner = if options.archive { Some(payload.owner(root)?) } else { None };
    copy(source, &target, owner, options)
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
        let (from, to) = (absolute(from), Payload::of(host, store, found).inside(to));
        return through_pipe(host, store, (Side::Host, &from), (Side::Container(found), &to), options);
    }
    let source = open_source(View::Host, &absolute(from)).map_err(failed)?;
    let payload = Payload::of(host, store, found);
    let to = payload.inside(to);
    reach(host, store, found, |root| put(&payload, root, &source, &to, options))?.wait()
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
    let payload = Payload::of(host, store, found);
    let (from, to) = (payload.inside(from), payload.inside(to));
    reach(host, store, found, |root| {
        let source = open_source(View::Container(root), &from)?;
        put(&payload, root, &source, &to, options)
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
    let (from, to) = (Payload::of(host, store, found).inside(from), absolute(to));
    let options = CopyOptions { devices: false, ..options };
    if !reach::knows_us(host, store, found)? {
        return through_pipe(host, store, (Side::Container(found), &from), (Side::Host, &to), options);
    }
    // The host's side is opened while we still see it; which place is meant depends on what is copied, so both are.
    let place = |is_directory| find_target(View::Host, &to, &What::new(&from, is_directory));
    let mut places = Some((place(false), place(true)));
    let owner = caller_inside(host, found);
    reach(host, store, found, |root| {
        let source = open_source(View::Container(root), &from)?;
        // The work is done once, however often it is begun.
        let Some((for_file, for_directory)) = places.take() else { return Ok(()) };
        let target = if source.what.is_directory { for_directory } else { for_file };
        copy(&source, &target?.of(&source.what), Some(owner), options)
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
    let from = Payload::of(host, store, source).inside(from);
    let to = Payload::of(host, store, target).inside(to);
    through_pipe(host, store, (Side::Container(source), &from), (Side::Container(target), &to), options)
}

/// Unpacks an archive, which may be compressed, in a directory of a container.
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
    let payload = Payload::of(host, store, found);
    let to = payload.inside(to);
    reach(host, store, found, |root| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        let directory = View::Container(root).open(&to, flags).map_err(|err| match err {
            Errno::NOENT | Errno::NOTDIR => {
                Unfit::place(&to, "is not a directory: an archive is unpacked in a directory that is there")
            }
            other => cannot_open(&to)(other),
        })?;
        let ownership = if options.archive {
            let (uid, gid) = payload.owner(root)?;
            Ownership::Give(uid, gid)
        } else {
            Ownership::Keep
        };
        let options = ExtractOptions {
            ownership,
            with_root: false,
            overwrite: options.overwrite,
            devices: options.devices,
        };
        let archive =
            rootfs::open_tar_reader(File::from(archive.try_clone()?), &DecompressLimits::default())?;
        if extract_archive(archive, directory.as_fd(), options)?.entries == 0 {
            return Err(Unfit::place(Path::new("-"), "is no archive, or one of nothing").into());
        }
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
    options: CopyOptions,
) -> Result<(), ReachError> {
    let out = out.try_clone_to_owned()?;
    let from = Payload::of(host, store, found).inside(from);
    reach(host, store, found, |root| {
        let source = open_source(View::Container(root), &from)?;
        let out = File::from(out.try_clone()?);
        let shown = source.what.name.as_deref();
        let sockets = write_archive(source.file.as_fd(), shown, ArchiveForm::Plain, out)?;
        options.warn_of(sockets.iter().map(PathBuf::as_path));
        Ok(())
    })?
    .wait()
}

/// Writes a container's whole root file system as an archive, without what is mounted in it.
///
/// # Errors
/// See [`ReachError`].
pub fn export(host: &Host, store: &Store, found: &Found, out: BorrowedFd<'_>) -> Result<(), ReachError> {
    // Nobody takes the sockets of a whole system for something that lasts.
    let options = CopyOptions { archive: true, overwrite: false, devices: true, warn: |_| {} };
    archive_of(host, store, found, Path::new("/."), out, options)?;
    host.tell_of(store, &found.record, Deed::Export);
    Ok(())
}

/// A part of `CONTAINER:PATH`, or a path of the host: a colon before the first slash names a container (podman-cp(1)).
#[must_use]
pub fn split_container(text: &str) -> Option<(&str, &str)> {
    let (name, path) = text.split_once(':')?;
    let is_path = name.is_empty() || name.contains('/') || matches!(name, "." | "..");
    (!is_path && !Path::new(name).components().any(|it| it == Component::ParentDir)).then_some((name, path))
}

fn copy(
    source: &Source,
    target: &Target,
    owner: Option<(u32, u32)>,
    options: CopyOptions,
) -> Result<(), Box<dyn std::error::Error>> {
    let sockets = transfer(Transfer {
        source: source.file.as_fd(),
        to: target.directory.as_fd(),
        new_name: target.name.as_deref(),
        owner,
        overwrite: options.overwrite,
        devices: options.devices,
    })?;
    options.warn_of(sockets.iter().map(PathBuf::as_path));
    Ok(())
}

/// What a copy asks of a container's payload: who it is, and where it begins.
struct Payload {
    user: String,
    cwd: String,
}

impl Payload {
    /// Where the image cannot be read any more, the request has to do.
    fn of(host: &Host, store: &Store, found: &Found) -> Self {
        let image = store.find_image(&found.record.image_id).ok();
        let config = image.and_then(|it| crate::create::image_config(store, &it).ok()).unwrap_or_default();
        Self {
            user: decide::user(&found.record, &config, crate::facts::caller(host)),
            cwd: decide::working_directory(&found.record.request, &config),
        }
    }

    /// A path in the container, from its root.
    fn inside(&self, path: &Path) -> PathBuf {
        inside(&self.cwd, path)
    }

    /// The ids by which it is known, for files that come in.
    fn owner(&self, root: &OwnedFd) -> Result<(u32, u32), pontoon_runtime::Failure> {
        visit::look_up(root, &self.user)
    }
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

fn failed(err: Unfit) -> ReachError {
    let report = pontoon_monitor::state::FailureReport::new(&err, None, 125);
    let causes = crate::exec::Causes::of(report.chain.get(1..).unwrap_or_default());
    ReachError::Work(report, causes)
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
}
