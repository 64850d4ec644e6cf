//! The container's output, line by line, to where it is kept.

mod file;
mod journal;

use std::io;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::time::Duration;

use pontoon_monitor::event::JOURNAL;
use pontoon_monitor::plan::{LogPlan, MonitorPlan};

use self::file::LogFile;
use self::journal::Journal;

/// A longer line is kept in parts, so that an endless one takes no endless memory. Conmon's limit, which readers expect.
const MAX_LINE: usize = 16 << 10;

/// For how long the last lines of a run wait for a journal that takes nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which stream a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output, or the terminal.
    Output,
    /// Standard error.
    Error,
}

/// Collects bytes into lines and keeps them.
#[derive(Debug)]
pub struct Log {
    sink: Sink,
    output: Vec<u8>,
    error: Vec<u8>,
}

#[derive(Debug)]
enum Sink {
    Journal(Journal),
    File(LogFile),
    Nothing,
}

impl Log {
    /// Opens what the plan names.
    ///
    /// # Errors
    /// If the log file cannot be opened.
    pub fn open(plan: &MonitorPlan) -> io::Result<Self> {
        let sink = match &plan.log {
            LogPlan::Journald { tag, labels } => {
                Sink::Journal(Journal::of(plan, tag.as_deref(), labels, Path::new(JOURNAL)))
            }
            LogPlan::File { path, max_size } => Sink::File(LogFile::open(path, *max_size)?),
            LogPlan::Passthrough | LogPlan::None => Sink::Nothing,
        };
        Ok(Self { sink, output: Vec::new(), error: Vec::new() })
    }

    /// One that keeps nothing.
    #[cfg(test)]
    pub(crate) fn nothing() -> Self {
        Self { sink: Sink::Nothing, output: Vec::new(), error: Vec::new() }
    }

    /// Whether output that also goes to our own standard streams would be in the journal twice.
    #[must_use]
    pub fn is_journal(&self) -> bool {
        matches!(self.sink, Sink::Journal(_))
    }

    /// Takes bytes of a stream; whole lines are kept at once.
    pub fn take(&mut self, stream: Stream, mut bytes: &[u8]) {
        if matches!(self.sink, Sink::Nothing) {
            return;
        }
        while let Some(end) = bytes.iter().position(|it| *it == b'\n') {
            let (line, rest) = bytes.split_at(end);
            bytes = rest.get(1..).unwrap_or_default();
            let pending = std::mem::take(self.pending(stream));
            if pending.is_empty() {
                self.keep_line(stream, line);
            } else {
                let line = [pending.as_slice(), line].concat();
                self.keep_line(stream, &line);
            }
        }
        if matches!(self.sink, Sink::File(_)) {
            // Somebody may wait for it, as for a question. Readers put parts together; those of the journal do not.
            for part in bytes.chunks(MAX_LINE) {
                self.keep(stream, part, true);
            }
            return;
        }
        self.pending(stream).extend_from_slice(bytes);
        while self.pending(stream).len() >= MAX_LINE {
            let rest = self.pending(stream).split_off(MAX_LINE);
            let part = std::mem::replace(self.pending(stream), rest);
            self.keep(stream, &part, true);
        }
    }

    /// Whether the journal has not taken all yet: it is to be given no more until it has.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        matches!(&self.sink, Sink::Journal(journal) if journal.is_behind())
    }

    /// What becomes writable when a log that is behind takes something again.
    #[must_use]
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        match &self.sink {
            Sink::Journal(journal) => journal.socket(),
            Sink::File(_) | Sink::Nothing => None,
        }
    }

    /// Gives a log that is behind what it takes now.
    pub fn catch_up(&mut self) {
        if let Sink::Journal(journal) = &mut self.sink {
            journal.catch_up();
        }
    }

    /// Keeps what is left without an end of line, and waits, within limits, until all is taken.
    pub fn finish(&mut self) {
        for stream in [Stream::Output, Stream::Error] {
            let rest = std::mem::take(self.pending(stream));
            if !rest.is_empty() {
                self.keep(stream, &rest, true);
            }
        }
        if let Sink::Journal(journal) = &mut self.sink {
            journal.catch_up_within(PATIENCE);
        }
    }

    fn pending(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Output => &mut self.output,
            Stream::Error => &mut self.error,
        }
    }

    fn keep_line(&mut self, stream: Stream, mut line: &[u8]) {
        while let Some((part, rest)) = line.split_at_checked(MAX_LINE).filter(|(_, rest)| !rest.is_empty()) {
            self.keep(stream, part, true);
            line = rest;
        }
        self.keep(stream, line, false);
    }

    /// Keeps a line, or a part of one. A log that cannot be written must not stop the payload: the line is lost.
    fn keep(&mut self, stream: Stream, line: &[u8], partial: bool) {
        match &mut self.sink {
            Sink::Nothing => {}
            Sink::Journal(journal) => journal.keep(stream, line, partial),
            Sink::File(file) => file.keep(stream, line, partial),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let path = std::env::temp_dir().join(format!("pontoon-log-{}-{}", std::process::id(), chunks.len()));
        let _ = std::fs::remove_file(&path);
        let sink = Sink::File(LogFile::open(&path, None).unwrap());
        let mut log = Log { sink, output: Vec::new(), error: Vec::new() };
        for chunk in chunks {
            log.take(Stream::Output, chunk);
        }
        log.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        text.lines().map(|it| it.split_once(' ').unwrap().1.to_owned()).collect()
    }

    #[test]
    fn bytes_become_lines() {
        assert_eq!(
            lines(&[b"one\ntw", b"o\n", b"\nrest"]),
            ["stdout F one", "stdout P tw", "stdout F o", "stdout F ", "stdout P rest"]
        );
    }

    #[test]
    fn an_endless_line_is_kept_in_parts() {
        let long = vec![b'x'; MAX_LINE * 2 + 5];
        let kept = lines(&[&long, b"end\n", b"", b""]);
        assert_eq!(kept.len(), 4);
        assert!(kept.first().is_some_and(|it| it.starts_with("stdout P x")));
        assert_eq!(
            kept.last_chunk().map(|it: &[String; 2]| it.each_ref().map(String::as_str)),
            Some(["stdout P xxxxx", "stdout F end"])
        );
    }
}
