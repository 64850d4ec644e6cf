//! Logs in files, in the format of Kubernetes' log files: `TIME STREAM P|F TEXT`.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::SystemTime;

use pontoon_lifecycle::decide::log_path;
use pontoon_lifecycle::list::Found;
use pontoon_lifecycle::stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, inotify};

use super::{Line, Shown, Wanted};
use crate::commands::Failure;
use pontoon_cli::time::parse_since;

/// How long it takes to see what nobody tells of.
const A_WHILE: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// What is told of the log: that it was written to, and that another one has taken its place.
const CHANGES: inotify::WatchFlags = inotify::WatchFlags::MODIFY.union(inotify::WatchFlags::MOVE_SELF);

/// As much is read at once.
const BLOCK: usize = 256 << 10;

/// Shows what is wanted of a container's log, reading it once and keeping no more than a line of it, or the last ones.
pub(super) fn show(found: &Found, wanted: &Wanted) -> Result<(), Failure> {
    let path = log_path(&found.record.request, found.container.path());
    // Subscribed before the first look, so that no end and no line falls in between.
    let ended =
        if wanted.follow && found.status.is_alive() { stop::subscribe(&found.container).ok() } else { None };
    // Instances are counted by user, and a container's root is the user: one of hers may have taken all. Then we look again
    // from time to time.
    let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
    let watch = ended.as_ref().and_then(|_| inotify::init(flags).ok());
    let file = match open(&path) {
        Ok(file) => file,
        Err(rustix::io::Errno::NOENT) => return Ok(()),
        Err(err) => {
            let deed = format!("cannot read the log `{}`", path.display());
            return Err(Failure::from(io::Error::from(err)).while_doing(deed));
        }
    };
    let mut watch = watch.filter(|it| inotify::add_watch(it, &path, CHANGES).is_ok());
    let has_times = wanted.since.is_some() || wanted.until.is_some();
    let mut reader = match wanted.tail.filter(|_| !has_times) {
        Some(tail) => Reader::at(tail_offset(&file, tail)?, file)?,
        None => Reader::at(0, file)?,
    };
    let mut shown = Shown::new(wanted);
    match wanted.tail.filter(|_| has_times) {
        // Which lines are the last ones of those is known when all have been looked at.
        Some(tail) => {
            let mut last: VecDeque<Vec<u8>> = VecDeque::new();
            reader.lines(|text| {
                if line_of(text).is_some_and(|line| is_wanted(&line, wanted)) {
                    last.push_back(text.to_vec());
                    last.drain(..last.len().saturating_sub(tail));
                }
                Ok(())
            })?;
            for line in last.iter().filter_map(|it| line_of(it)) {
                shown.push(line)?;
            }
        }
        None => reader.show(&mut shown)?,
    }
    shown.flush()?;
    let Some(mut ended) = ended else { return Ok(()) };
    loop {
        let mut fds = vec![
            PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
            // Asks for nothing, and is told when the reading end of a pipe is closed.
            PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
        ];
        fds.extend(watch.iter().map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN)));
        let left = wanted.time_left();
        let pause = left.into_iter().chain(watch.is_none().then_some(A_WHILE)).min();
        if poll(&mut fds, pause.as_ref()).is_err() {
            continue;
        }
        let is_late = wanted.time_left() == Some(Timespec::default());
        let [over, unread] = [0, 1].map(|it| fds.get(it).is_some_and(|it| !it.revents().is_empty()));
        if let Some(watch) = &watch {
            let _ = rustix::io::read(watch, &mut [0u8; 4096]);
        }
        reader.show(&mut shown)?;
        if let Some(next) = reader.next(&path) {
            // Watched before it is read, so that no line falls in between; the one before is written no more.
            watch = watch.filter(|it| inotify::add_watch(it, &path, CHANGES).is_ok());
            reader.show(&mut shown)?;
            reader = Reader::at(0, next)?;
            reader.show(&mut shown)?;
        }
        shown.flush()?;
        if unread || is_late {
            return Ok(());
        }
        if over {
            match super::next_run(found) {
                Some(next) => ended = next,
                None => return Ok(()),
            }
        }
    }
}

/// The file lies where the container's owner put it, but a link could have been put in its place.
fn open(path: &Path) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(path, flags, Mode::empty()).map(File::from)
}

fn line_of(text: &[u8]) -> Option<Line<'_>> {
    let mut parts = text.splitn(4, |it| *it == b' ');
    let (time, stream, kind) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Line {
        time,
        error: stream == b"stderr",
        partial: kind == b"P",
        text: parts.next().unwrap_or_default(),
    })
}

fn is_wanted(line: &Line<'_>, wanted: &Wanted) -> bool {
    if wanted.since.is_none() && wanted.until.is_none() {
        return true;
    }
    let time = std::str::from_utf8(line.time).ok();
    let Some(moment) = time.and_then(|it| parse_since(it, SystemTime::UNIX_EPOCH).ok()) else { return true };
    wanted.since.is_none_or(|since| moment >= since) && wanted.until.is_none_or(|until| moment <= until)
}

/// Where the last lines begin: found from the end. Parts that belong together are one line.
fn tail_offset(file: &File, tail: usize) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = vec![0; BLOCK];
    let mut left = tail;
    // Where the entry begins that was found last.
    let mut found = None;
    // What follows the last end of a line is no entry yet.
    let mut is_last = true;
    while end > 0 {
        let size = usize::try_from(end).unwrap_or(BLOCK).min(BLOCK);
        let start = end - size as u64;
        let bytes = block.get_mut(..size).unwrap_or_default();
        file.read_exact_at(bytes, start)?;
        for (index, _) in bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n') {
            let begin = start + index as u64 + 1;
            if std::mem::take(&mut is_last) {
                if tail == 0 {
                    return Ok(begin);
                }
                continue;
            }
            if let Some(offset) = line_begins(file, begin, &mut found, &mut left)? {
                return Ok(offset);
            }
        }
        end = start;
    }
    Ok(line_begins(file, 0, &mut found, &mut left)?.unwrap_or(0))
}

/// An entry begins here, before the one that was found last: unless this is a part, a line begins with that one. Gives where,
/// if it is the last one that is wanted.
fn line_begins(
    file: &File,
    begin: u64,
    found: &mut Option<u64>,
    left: &mut usize,
) -> io::Result<Option<u64>> {
    let Some(later) = found.replace(begin) else { return Ok(None) };
    if is_part(file, begin)? {
        return Ok(None);
    }
    *left = left.saturating_sub(1);
    Ok((*left == 0).then_some(later))
}

/// Whether the entry that begins here is a part of a line, and not its end.
fn is_part(file: &File, begin: u64) -> io::Result<bool> {
    // A time of 35 characters at most, and the name of a stream.
    let mut head = [0; 64];
    let count = file.read_at(&mut head, begin)?;
    Ok(line_of(head.get(..count).unwrap_or_default()).is_some_and(|it| it.partial))
}

/// The file, and the part of a line that has been read.
struct Reader {
    file: BufReader<File>,
    pending: Vec<u8>,
}

impl Reader {
    fn at(offset: u64, mut file: File) -> io::Result<Self> {
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file: BufReader::with_capacity(BLOCK, file), pending: Vec::new() })
    }

    /// The file that has taken the place of this one, which was full.
    fn next(&self, path: &Path) -> Option<File> {
        let place = rustix::fs::lstat(path).ok()?;
        let own = rustix::fs::fstat(self.file.get_ref()).ok()?;
        (place.st_ino != own.st_ino || place.st_dev != own.st_dev).then(|| open(path).ok()).flatten()
    }

    /// Shows the whole lines that are there now, as far as they are wanted.
    fn show(&mut self, shown: &mut Shown<'_>) -> io::Result<()> {
        let wanted = shown.wanted;
        self.lines(|text| match line_of(text).filter(|line| is_wanted(line, wanted)) {
            Some(line) => shown.push(line),
            None => Ok(()),
        })
    }

    /// Reads the whole lines that are there now; the rest waits.
    fn lines(&mut self, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        loop {
            if self.file.read_until(b'\n', &mut self.pending)? == 0 {
                // Began anew: read from the start.
                let length = self.file.get_ref().metadata()?.len();
                if self.file.stream_position()? > length {
                    self.file.seek(SeekFrom::Start(0))?;
                    continue;
                }
                return Ok(());
            }
            if self.pending.last() == Some(&b'\n') {
                self.pending.pop();
                take(&self.pending)?;
                self.pending.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_found_from_the_end() {
        let path = std::env::temp_dir().join(format!("pontoon-tail-{}", std::process::id()));
        let long = "x".repeat(BLOCK);
        for (text, tail, expected) in [
            ("a\nb\nc\n", 1, "c\n"),
            ("a\nb\nc\n", 2, "b\nc\n"),
            ("a\nb\nc\n", 3, "a\nb\nc\n"),
            ("a\nb\nc\n", 9, "a\nb\nc\n"),
            ("a\nb\nc\n", 0, ""),
            ("", 3, ""),
            ("a\nb\nrest", 1, "b\nrest"),
            (&format!("a\n{long}\nb\n{long}\n"), 2, &format!("b\n{long}\n")),
            ("t stdout F a\nt stdout P b\nt stdout F c\nt stdout F d\n", 1, "t stdout F d\n"),
            (
                "t stdout F a\nt stdout P b\nt stdout F c\nt stdout F d\n",
                2,
                "t stdout P b\nt stdout F c\nt stdout F d\n",
            ),
            ("t stdout F a\nt stdout P b\nt stdout P c\n", 1, "t stdout P b\nt stdout P c\n"),
        ] {
            std::fs::write(&path, text).unwrap();
            let offset = tail_offset(&File::open(&path).unwrap(), tail).unwrap();
            assert_eq!(text.get(usize::try_from(offset).unwrap()..), Some(expected), "{tail}");
        }
        std::fs::remove_file(path).unwrap();
    }
}
