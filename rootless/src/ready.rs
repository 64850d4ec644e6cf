//! Whether something can be read or written, now or soon.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Whether that can be done with it without waiting, or comes to pass within a time; an end, and what would fail, count as well.
#[must_use]
pub fn is_ready(fd: impl AsFd, what: PollFlags, within: Duration) -> bool {
    let end = Instant::now() + within;
    loop {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now())).ok();
        match poll(&mut [PollFd::new(&fd, what)], left.as_ref()) {
            Err(Errno::INTR) => {}
            Ok(0) => return false,
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_is_ready_when_something_is_in_it_or_its_other_end_is_closed() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        let now = Duration::ZERO;
        assert!(!is_ready(&read, PollFlags::IN, Duration::from_millis(1)));
        assert!(is_ready(&write, PollFlags::OUT, now));
        rustix::io::write(&write, b"x").unwrap();
        assert!(is_ready(&read, PollFlags::IN, now));
        rustix::io::read(&read, &mut [0; 1]).unwrap();
        drop(write);
        assert!(is_ready(&read, PollFlags::IN, now));
    }
}
