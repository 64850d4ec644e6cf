//! Events from a file, and the older one that was put aside when it was full.

use std::fs::{DirBuilder, File};
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use pontoon_monitor::event::{FILE_BEFORE, from_line};
use rustix::fs::{Mode, OFlags, inotify};

use super::{Lines, Wanted, Woken};
use crate::commands::Failure;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;

/// A file that is read to its end, and again when it has grown.
struct Tail {
    file: File,
    lines: Lines,
}

impl Tail {
    /// Opens a file; `None` if it is not there.
    fn open(path: &Path) -> Result<Option<Self>, Failure> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match rustix::fs::open(path, flags, Mode::empty()) {
            Ok(fd) => Ok(Some(Self { file: fd.into(), lines: Lines::default() })),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(err) => {
                let deed = format!("cannot read the events in `{}`", path.display());
                Err(Failure::from(io::Error::from(err)).while_doing(deed))
            }
        }
    }

    fn is(&self, path: &Path) -> bool {
        let own = self.file.metadata().map(|it| (it.dev(), it.ino())).ok();
        own.is_some() && own == std::fs::metadata(path).map(|it| (it.dev(), it.ino())).ok()
    }

    fn read(&mut self, wanted: &Wanted<'_>) -> Result<(), Failure> {
        let show = |line: &[u8]| from_line(line).map_or(Ok(()), |event| wanted.show(&event));
        while self.lines.read(&mut self.file, show)? {}
        Ok(())
    }
}

/// Shows what is wanted.
pub fn read(wanted: &Wanted<'_>, path: &Path) -> Result<ExitStatus, Failure> {
    // Before the first look, so that nothing falls in between.
    let watch = if wanted.follow { Some(watch(path)?) } else { None };
    let mut tails = Vec::new();
    let current = Tail::open(path)?;
    let mut older = path.as_os_str().to_owned();
    older.push(FILE_BEFORE);
    // Put aside while we opened it, it would be read twice.
    let is_same = current.as_ref().is_some_and(|it| it.is(Path::new(&older)));
    if !is_same {
        tails.extend(Tail::open(Path::new(&older))?);
    }
    tails.extend(current);
    for tail in &mut tails {
        tail.read(wanted)?;
    }
    let Some(watch) = watch else { return Ok(ExitStatus::Success) };
    loop {
        catch_up(wanted, path, &mut tails)?;
        match wanted.wait(watch.as_fd())? {
            Woken::TimeIsUp => return Ok(ExitStatus::Success),
            Woken::ReaderGone => return Ok(output::reader_gone()),
            Woken::Ready => {
                let mut events = [0u8; 4096];
                let _ = rustix::io::read(&watch, &mut events);
            }
        }
    }
}

/// Reads what has come since, and goes on with the file that was begun anew. Somebody may still write the last line of
/// the one before, so that is kept open, too.
fn catch_up(wanted: &Wanted<'_>, path: &Path, tails: &mut Vec<Tail>) -> Result<(), Failure> {
    for tail in tails.iter_mut() {
        begin_again_if_cut(tail)?;
        tail.read(wanted)?;
    }
    if tails.last().is_some_and(|it| it.is(path)) {
        return Ok(());
    }
    if let Some(mut fresh) = Tail::open(path)? {
        fresh.read(wanted)?;
        tails.push(fresh);
        if tails.len() > 2 {
            tails.remove(0);
        }
    }
    Ok(())
}

/// Somebody may have emptied the file.
fn begin_again_if_cut(tail: &mut Tail) -> Result<(), Failure> {
    if tail.file.metadata()?.len() < tail.file.stream_position()? {
        tail.file.seek(SeekFrom::Start(0))?;
    }
    Ok(())
}

/// Told of every change below the file's directory.
fn watch(path: &Path) -> Result<OwnedFd, Failure> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)
        .map_err(io::Error::from)?;
    let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE | inotify::WatchFlags::MOVED_TO;
    let watched = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .and_then(|()| Ok(inotify::add_watch(&watch, directory, flags)?));
    match watched {
        Ok(_) => Ok(watch),
        Err(err) => {
            let deed = format!("cannot watch the events in `{}`", directory.display());
            Err(Failure::from(err).while_doing(deed))
        }
    }
}
