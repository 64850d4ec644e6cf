//! The container's output, line by line, to where it is kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use pontoon_monitor::plan::{LogPlan, MonitorPlan};
use pontoon_monitor::time;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, sendto, socket_with};

/// A longer line is kept in parts, so that an endless one takes no endless memory. Conmon's limit, which readers expect.
const MAX_LINE: usize = 16 << 10;

const JOURNAL: &str = "/run/systemd/journal/socket";

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
    Journal { socket: OwnedFd, address: SocketAddrUnix, fields: Vec<u8> },
    File { path: PathBuf, file: File, size: u64, max_size: Option<u64> },
    Nothing,
}

impl Log {
    /// Opens what the plan names.
    ///
    /// # Errors
    /// If the log file or the journal's socket cannot be opened.
    pub fn open(plan: &MonitorPlan) -> io::Result<Self> {
        let sink = match &plan.log {
            LogPlan::Journald { tag, labels } => journal(plan, tag.as_deref(), labels)?,
            LogPlan::File { path, max_size } => {
                let file = open_file(path)?;
                let size = file.metadata()?.len();
                Sink::File { path: path.clone(), file, size, max_size: *max_size }
            }
            LogPlan::Passthrough | LogPlan::None => Sink::Nothing,
        };
        Ok(Self { sink, output: Vec::new(), error: Vec::new() })
    }

    /// Whether output that also goes to our own standard streams would be in the journal twice.
    #[must_use]
    pub fn is_journal(&self) -> bool {
        matches!(self.sink, Sink::Journal { .. })
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
        if matches!(self.sink, Sink::File { .. }) {
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

    /// Keeps what is left without an end of line.
    pub fn finish(&mut self) {
        for stream in [Stream::Output, Stream::Error] {
            let rest = std::mem::take(self.pending(stream));
            if !rest.is_empty() {
                self.keep(stream, &rest, true);
            }
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
            Sink::Journal { socket, address, fields } => {
                let mut message = fields.clone();
                let priority = if stream == Stream::Output { "PRIORITY=6\n" } else { "PRIORITY=3\n" };
                message.extend(priority.as_bytes());
                if partial {
                    message.extend(b"CONTAINER_PARTIAL_MESSAGE=true\n");
                }
                message.extend(b"MESSAGE=");
                message.extend(line.strip_suffix(b"\r").unwrap_or(line));
                message.push(b'\n');
                let _ = sendto(socket, &message, SendFlags::NOSIGNAL, address);
            }
            Sink::File { path, file, size, max_size } => {
                let name = if stream == Stream::Output { "stdout" } else { "stderr" };
                let kind = if partial { 'P' } else { 'F' };
                let mut entry = format!("{} {name} {kind} ", time::rfc3339(time::now())).into_bytes();
                entry.extend(line);
                entry.push(b'\n');
                if max_size.is_some_and(|max| *size > 0 && *size + entry.len() as u64 > max)
                    && let Ok(fresh) = begin_anew(path)
                {
                    (*file, *size) = (fresh, 0);
                }
                if file.write_all(&entry).is_ok() {
                    *size += entry.len() as u64;
                }
            }
        }
    }
}

/// Puts a full log aside, as `.log.1`, and gives the fresh one. Who looks at the log meanwhile finds the one or the other.
fn begin_anew(path: &Path) -> io::Result<File> {
    let fresh_path = path.with_extension("log.new");
    // What is there was left by a supervisor that was killed just here.
    match std::fs::remove_file(&fresh_path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let fresh = open_file(&fresh_path)?;
    let aside = path.with_extension("log.1");
    if renameat_with(CWD, &fresh_path, CWD, path, RenameFlags::EXCHANGE).is_ok() {
        std::fs::rename(&fresh_path, aside)?;
    } else {
        // A file system that cannot exchange names has a moment without a log.
        std::fs::rename(path, aside)?;
        std::fs::rename(&fresh_path, path)?;
    }
    Ok(fresh)
}

fn open_file(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe without a reader would keep us waiting, and nothing but a file can be read again.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path);
    let not_a_file = || io::Error::other(format!("`{}` is no regular file", path.display()));
    let file = match file {
        Err(err) if err.raw_os_error() == Some(libc::ENXIO) => return Err(not_a_file()),
        other => other?,
    };
    if file.metadata()?.is_file() { Ok(file) } else { Err(not_a_file()) }
}

fn journal(plan: &MonitorPlan, tag: Option<&str>, labels: &[(String, String)]) -> io::Result<Sink> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let address = SocketAddrUnix::new(JOURNAL)?;
    let short = plan.id.get(..12).unwrap_or(&plan.id);
    let mut fields = format!(
        "CONTAINER_ID={short}\nCONTAINER_ID_FULL={}\nCONTAINER_NAME={}\nSYSLOG_IDENTIFIER={}\n",
        plan.id,
        plan.name,
        tag.unwrap_or(&plan.name).replace('\n', " ")
    );
    // The image's name comes from the user, so it is a single line; other names have been checked when they were given.
    fields.push_str(&format!("IMAGE_NAME={}\n", plan.image.replace('\n', " ")));
    if let Some(tag) = tag {
        fields.push_str(&format!("CONTAINER_TAG={}\n", tag.replace('\n', " ")));
    }
    for (name, value) in labels {
        fields.push_str(&format!("{name}={}\n", value.replace('\n', " ")));
    }
    Ok(Sink::Journal { socket, address, fields: fields.into_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&[u8]]) -> Vec<String> {
        let path = std::env::temp_dir().join(format!("pontoon-log-{}-{}", std::process::id(), chunks.len()));
        let _ = std::fs::remove_file(&path);
        let file = open_file(&path).unwrap();
        let sink = Sink::File { path: path.clone(), file, size: 0, max_size: None };
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
    fn a_full_log_is_put_aside_and_never_missing() {
        let directory = std::env::temp_dir().join(format!("pontoon-full-log-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("ctr.log");
        let sink = Sink::File {
            path: path.clone(),
            file: open_file(&path).unwrap(),
            size: 0,
            max_size: Some(10_000),
        };
        let mut log = Log { sink, output: Vec::new(), error: Vec::new() };
        let watcher = std::thread::spawn({
            let path = path.clone();
            move || (0..20_000).filter(|_| std::fs::metadata(&path).is_err()).count()
        });
        while !watcher.is_finished() {
            log.take(Stream::Output, b"a line\n");
        }
        assert_eq!(watcher.join().unwrap(), 0);
        let mut names: Vec<_> =
            std::fs::read_dir(&directory).unwrap().map(|it| it.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["ctr.log", "ctr.log.1"]);
        assert!(std::fs::metadata(directory.join("ctr.log.1")).unwrap().len() <= 10_000);
        std::fs::remove_dir_all(&directory).unwrap();
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
