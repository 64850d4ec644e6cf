//! Writing to the standard streams without falling over a reader that has gone away.
//!
//! `println!` panics when the other end of a pipe is closed; nothing here does.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::exit::ExitStatus;

/// Writes text to standard output and flushes it.
///
/// A closed pipe is no error: whoever read has seen enough (`pontoon ps | head -1`).
pub fn out(text: &str) -> io::Result<()> {
    forgiving(io::stdout().lock(), text.as_bytes())
}

/// Writes text and a line's end to standard output.
pub fn line(text: &str) -> io::Result<()> {
    let mut whole = String::with_capacity(text.len() + 1);
    whole.push_str(text);
    whole.push('\n');
    out(&whole)
}

/// Writes text to standard error; there is nobody left to tell if that fails.
pub fn err(text: &str) {
    let _ = forgiving(io::stderr().lock(), text.as_bytes());
}

/// Waits for a while; whether there still is somebody to write for. A signal ends the wait, too.
#[must_use]
pub fn is_read_after(span: &Timespec) -> bool {
    // Asks for nothing, and is told when the reading end of a pipe is closed.
    let mut fds = [PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty())];
    !(poll(&mut fds, Some(span)).is_ok_and(|ready| ready > 0))
}

/// How we end when nobody reads any more: as a program that writes itself would.
#[must_use]
pub fn reader_gone() -> ExitStatus {
    ExitStatus::from_signal(nix::sys::signal::Signal::SIGPIPE as i32)
}

/// Writes bytes; a reader that has gone away is no error.
pub fn forgiving(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_error_but_a_full_disk_is() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        forgiving(writer, b"text").unwrap();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert!(forgiving(full, b"text").is_err());
    }
}
