//! The log as entries of the journal, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.
//!
//! A journal that takes nothing for a while (its disk is slow, it is being restarted) is not waited for: what it has not
//! taken is held, in order, and whoever fills the log sees that it is behind and gives no more until it has caught up.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pontoon_monitor::plan::MonitorPlan;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{self, Errno};
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType, connect, send, socket_with,
};

use super::Stream;

/// The journal's entries of one container.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Connected, so that it can be waited for until it takes something again. `None` where no journal listens.
    socket: Option<OwnedFd>,
    /// What every entry says of the container.
    fields: Vec<u8>,
    /// Lines that have not been taken yet.
    held: VecDeque<Line>,
}

/// A line, or a part of one.
#[derive(Debug)]
struct Line {
    stream: Stream,
    partial: bool,
    text: Box<[u8]>,
}

impl Journal {
    /// Entries that the journal at `path` gets about the container of a plan.
    pub fn of(plan: &MonitorPlan, tag: Option<&str>, labels: &[(String, String)], path: &Path) -> Self {
        let fields = fields(plan, tag, labels).into_bytes();
        Self { path: path.to_owned(), socket: connected(path).ok(), fields, held: VecDeque::new() }
    }

    /// Sends a line, or a part of one. Without a journal it is lost: that must not stop the payload.
    pub fn keep(&mut self, stream: Stream, line: &[u8], partial: bool) {
        let text = line.strip_suffix(b"\r").unwrap_or(line);
        if self.is_behind() || self.send(stream, text, partial) == Err(Errno::AGAIN) {
            self.held.push_back(Line { stream, partial, text: text.into() });
        }
    }

    /// Whether there is something that has not been taken yet.
    pub fn is_behind(&self) -> bool {
        !self.held.is_empty()
    }

    /// What becomes writable when the journal takes something again.
    pub fn socket(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Sends what is held, as far as it is taken now.
    pub fn catch_up(&mut self) {
        while let Some(line) = self.held.pop_front() {
            if self.send(line.stream, &line.text, line.partial) == Err(Errno::AGAIN) {
                self.held.push_front(line);
                return;
            }
        }
    }

    /// Sends what is held, and waits for it to be taken, but not for longer than `patience`. What is left then is lost.
    pub fn catch_up_within(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.is_behind() {
            let left = deadline.saturating_duration_since(Instant::now());
            let (Some(socket), Ok(left)) = (self.socket(), Timespec::try_from(left)) else { break };
            let mut fds = [PollFd::from_borrowed_fd(socket, PollFlags::OUT)];
            match poll(&mut fds, Some(&left)) {
                Ok(0) => break,
                Ok(_) | Err(Errno::INTR) => self.catch_up(),
                Err(_) => break,
            }
        }
        self.held.clear();
    }

    /// Sends one entry; `AGAIN` if the journal has no room for it now.
    fn send(&mut self, stream: Stream, text: &[u8], partial: bool) -> io::Result<()> {
        let mut message = self.fields.clone();
        message.extend(if stream == Stream::Output { b"PRIORITY=6\n" } else { b"PRIORITY=3\n" });
        if partial {
            message.extend(b"CONTAINER_PARTIAL_MESSAGE=true\n");
        }
        message.extend(b"MESSAGE=");
        message.extend(text);
        message.push(b'\n');
        let sent = match &self.socket {
            Some(socket) => send(socket, &message, SendFlags::NOSIGNAL),
            None => Err(Errno::NOTCONN),
        };
        match sent {
            Ok(_) => Ok(()),
            Err(err @ (Errno::AGAIN | Errno::MSGSIZE)) => Err(err),
            Err(_) => {
                // It was not there when we looked, or has been replaced by another one since.
                let socket = connected(&self.path)?;
                let sent = send(&socket, &message, SendFlags::NOSIGNAL);
                self.socket = Some(socket);
                sent.map(drop)
            }
        }
    }
}

fn connected(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

fn fields(plan: &MonitorPlan, tag: Option<&str>, labels: &[(String, String)]) -> String {
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
    fields
}

#[cfg(test)]
mod tests {
    use rustix::net::{RecvFlags, bind, recv};

    use super::*;

    /// A journal's socket that nobody reads, and what writes into it.
    fn standing_still(name: &str) -> (PathBuf, OwnedFd, Journal) {
        let path = std::env::temp_dir().join(format!("pontoon-journal-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let journal = listen(&path);
        let fields = b"CONTAINER_NAME=c\n".to_vec();
        let log = Journal { path: path.clone(), socket: None, fields, held: VecDeque::new() };
        (path, journal, log)
    }

    fn listen(path: &Path) -> OwnedFd {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).unwrap();
        bind(&socket, &SocketAddrUnix::new(path).unwrap()).unwrap();
        socket
    }

    /// The next entry's message.
    fn taken(journal: &OwnedFd) -> Option<String> {
        let mut buffer = [0u8; 4096];
        let (count, _) = recv(journal, &mut buffer, RecvFlags::empty()).ok()?;
        let text = String::from_utf8(buffer[..count].to_vec()).unwrap();
        text.strip_suffix('\n')?.split_once("MESSAGE=").map(|(_, message)| message.to_owned())
    }

    #[test]
    fn a_journal_that_stands_still_is_not_waited_for_and_gets_all_in_order() {
        let (path, journal, mut log) = standing_still("order");
        let mut given = 0;
        while !log.is_behind() || given < 2000 {
            log.keep(Stream::Output, format!("{given}").as_bytes(), false);
            given += 1;
        }
        let mut got = Vec::new();
        while got.len() < given {
            got.push(taken(&journal).unwrap());
            log.catch_up();
        }
        assert!(!log.is_behind());
        assert_eq!(got, (0..given).map(|it| it.to_string()).collect::<Vec<_>>());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_last_lines_wait_for_the_journal_and_not_for_ever() {
        let (path, journal, mut log) = standing_still("last");
        while !log.is_behind() {
            log.keep(Stream::Error, b"line", false);
        }
        log.catch_up_within(Duration::from_millis(1));
        assert!(!log.is_behind(), "what cannot be given is let go");
        while !log.is_behind() {
            log.keep(Stream::Error, b"last", false);
        }
        let reader = std::thread::spawn(move || {
            let mut last = None;
            let mut fds = [PollFd::new(&journal, PollFlags::IN)];
            let patience = Timespec { tv_sec: 60, tv_nsec: 0 };
            while poll(&mut fds, Some(&patience)) == Ok(1) {
                last = taken(&journal);
                if last.as_deref() == Some("last") {
                    break;
                }
            }
            last
        });
        log.catch_up_within(Duration::from_secs(60));
        assert_eq!(reader.join().unwrap().as_deref(), Some("last"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_journal_that_is_replaced_or_comes_late_gets_what_follows() {
        let (path, journal, mut log) = standing_still("replaced");
        log.keep(Stream::Output, b"first", false);
        assert_eq!(taken(&journal).as_deref(), Some("first"));
        drop(journal);
        std::fs::remove_file(&path).unwrap();
        log.keep(Stream::Output, b"to nobody", false);
        assert!(!log.is_behind());
        let journal = listen(&path);
        log.keep(Stream::Output, b"second\r", false);
        assert_eq!(taken(&journal).as_deref(), Some("second"));
        std::fs::remove_file(path).unwrap();
    }
}
