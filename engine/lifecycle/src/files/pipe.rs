//! Copies where no process sees both sides.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use pontoon_storage::{
    ArchiveForm, ExtractOptions, Ownership, Store, Transfer, extract_archive, transfer, write_archive,
};
use rustix::fs::{Mode, OFlags, openat};

use super::place::{Target, View, What, find_target, open_source};
use super::{CopyOptions, image_user, owner_inside};
use crate::host::Host;
use crate::list::Found;
use crate::reach::{ReachError, Reached, WorkResult, reach, reach_outside};

/// The name of the one entry in archives between two of our own processes.
const ENTRY: &str = "entry";

/// One end of a copy.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'a> {
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
pub(super) fn through_pipe(
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
