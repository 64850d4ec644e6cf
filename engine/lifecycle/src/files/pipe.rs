//! Copies where no process sees both sides.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use pontoon_storage::{
    ArchiveForm, ExtractOptions, Ownership, Store, Transfer, extract_archive, random_suffix, transfer,
    write_archive,
};
use rustix::fs::{Mode, OFlags, openat};

use super::place::{Target, View, What, find_target, open_source};
use super::{CopyOptions, Payload};
use crate::host::Host;
use crate::list::Found;
use crate::reach::{self, ReachError, Reached, Way, WorkResult, reach_by, reach_outside};

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
        way: Option<Way>,
        work: impl FnOnce(View<'_>) -> WorkResult,
    ) -> Result<Reached, ReachError> {
        match (self, way) {
            (Self::Container(found), Some(way)) => {
                reach_by(host, store, found, way, |root| work(View::Container(root)))
            }
            _ => reach_outside(host, |_| work(View::Host)),
        }
    }

    /// The id of the container that it is of, if it is of one.
    fn id(&self) -> Option<&str> {
        match self {
            Self::Host => None,
            Self::Container(found) => Some(&found.record.id),
        }
    }

    fn way(&self, store: &Store) -> Result<Option<Way>, ReachError> {
        match self {
            Self::Host => Ok(None),
            Self::Container(found) => reach::way(store, found).map(Some),
        }
    }
}

/// The ways to both ends. Of two containers everybody takes the same one first, so that nobody waits for who waits for him.
fn ways(store: &Store, source: Side<'_>, target: Side<'_>) -> Result<(Option<Way>, Option<Way>), ReachError> {
    if source.id() <= target.id() {
        let first = source.way(store)?;
        return Ok((first, target.way(store)?));
    }
    let first = target.way(store)?;
    Ok((source.way(store)?, first))
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
    // A few bytes in front tell what comes.
    let (source_way, target_way) = ways(store, source, target)?;
    let reader = source.reach(host, store, source_way, |view| {
        // The child's own copy: while it is open, nobody can be found to have stopped reading.
        drop(read.take());
        let opened = open_source(view, from)?;
        File::from(write.try_clone()?).write_all(&announcement(&opened.what))?;
        let shown = OsString::from(ENTRY);
        let out = File::from(write.try_clone()?);
        let sockets = write_archive(opened.file.as_fd(), Some(&shown), ArchiveForm::Plain, out)?;
        let sockets = sockets.iter().filter_map(|it| it.strip_prefix(ENTRY).ok());
        options.warn_of(sockets);
        Ok(())
    })?;
    drop(write);
    let read = read.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))?;
    let writer = target.reach(host, store, target_way, |view| {
        let mut read = File::from(read.try_clone()?);
        // If nothing comes, the other side says why.
        let Some(what) = announced(&mut read)? else { return Ok(()) };
        let place = find_target(view, to, &what)?;
        let ownership = match (view, target) {
            // We are root over our own ids.
            (View::Host, _) | (_, Side::Host) => Ownership::Give(0, 0),
            (View::Container(root), Side::Container(found)) if options.archive => {
                let (uid, gid) = Payload::of(host, store, found).owner(root)?;
                Ownership::Give(uid, gid)
            }
            _ => Ownership::Keep,
        };
        receive(&place, ownership, options, read)
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

/// What comes: whether it is a directory, and its name behind the name's length.
fn announcement(what: &What) -> Vec<u8> {
    let name = what.name.as_deref().map(OsStr::as_bytes).unwrap_or_default();
    // A longer one there is not.
    let length = u8::try_from(name.len()).unwrap_or(u8::MAX);
    [&[u8::from(what.is_directory), length], name].concat()
}

/// Reads an [`announcement`]; nothing if there is none.
fn announced(from: &mut impl Read) -> io::Result<Option<What>> {
    let mut head = [0; 2];
    match from.read_exact(&mut head) {
        Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let [is_directory, length] = head;
    let mut name = vec![0; length.into()];
    from.read_exact(&mut name)?;
    let name = OsString::from_vec(name);
    // It leads nowhere else.
    let is_name = Path::new(&name).file_name() == Some(&name);
    if !name.is_empty() && !is_name {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(Some(What { is_directory: is_directory == 1, name: is_name.then_some(name) }))
}

/// Unpacks an archive of one entry beside its place, and puts it there.
fn receive(
    place: &Target,
    ownership: Ownership,
    options: CopyOptions,
    archive: File,
) -> Result<(), Box<dyn std::error::Error>> {
    // A name that nobody can have taken before: neither the container, nor one of us who was killed.
    let staging = format!(".pontoon-{}", random_suffix()?);
    rustix::fs::mkdirat(&place.directory, staging.as_str(), Mode::RWXU)?;
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let directory = openat(&place.directory, staging.as_str(), flags, Mode::empty())?;
    let extract = ExtractOptions { ownership, with_root: false, overwrite: false, devices: options.devices };
    let outcome = extract_archive(archive, directory.as_fd(), extract)
        .map_err(Box::<dyn std::error::Error>::from)
        .and_then(|_| {
            let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = openat(&directory, ENTRY, flags, Mode::empty())?;
            transfer(Transfer {
                source: file.as_fd(),
                to: place.directory.as_fd(),
                new_name: place.name.as_deref(),
                owner: None,
                overwrite: options.overwrite,
                devices: options.devices,
            })?;
            Ok(())
        });
    let _ = pontoon_storage::remove_tree(place.directory.as_fd(), &staging);
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_told_with_its_name() {
        let read = |bytes: &[u8]| announced(&mut &bytes[..]).unwrap();
        for (path, is_directory, expected) in [
            ("/a/file", false, Some("file")),
            ("/a/dir/", true, Some("dir")),
            ("/a/dir/.", true, None),
            ("/", true, None),
        ] {
            let what = read(&announcement(&What::new(Path::new(path), is_directory))).unwrap();
            assert_eq!((what.name.as_deref(), what.is_directory), (expected.map(OsStr::new), is_directory));
        }
        assert!(read(b"").is_none() && read(b"\x01").is_none());
        for hostile in [&b"\x00\x02.."[..], b"\x00\x03a/b", b"\x00\x02/a", b"\x00\x09short"] {
            assert!(announced(&mut &hostile[..]).is_err(), "{hostile:?}");
        }
    }

    /// One of us was killed here, or somebody has made what we could want; and it goes on.
    #[test]
    fn what_lies_beside_the_place_is_in_nobodys_way() {
        let place = std::env::temp_dir().join(format!("pontoon-receive-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        let old = format!(".pontoon-{}", std::process::id());
        std::fs::create_dir_all(place.join("into").join(&old)).unwrap();
        std::fs::write(place.join("file"), b"content").unwrap();
        let archive = File::create_new(place.join("archive")).unwrap();
        let file = File::open(place.join("file")).unwrap();
        write_archive(file.as_fd(), Some(OsStr::new(ENTRY)), ArchiveForm::Plain, archive).unwrap();
        let what = What::new(Path::new("file"), false);
        for name in ["one", "two"] {
            let target = find_target(View::Host, &place.join("into").join(name), &what).unwrap();
            let options = CopyOptions { archive: false, overwrite: false, devices: false, warn: |_| () };
            let archive = File::open(place.join("archive")).unwrap();
            receive(&target, Ownership::Keep, options, archive).unwrap();
        }
        let entries = std::fs::read_dir(place.join("into")).unwrap();
        let mut names: Vec<_> = entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        assert_eq!(names, [old.as_str(), "one", "two"]);
        assert_eq!(std::fs::read(place.join("into/two")).unwrap(), b"content");
        std::fs::remove_dir_all(place).unwrap();
    }
}
