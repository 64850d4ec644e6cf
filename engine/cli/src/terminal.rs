//! The terminal: whether there is one, and raw mode while a container has it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::termios::{self, OptionalActions, OutputModes, Termios};

/// Whether the descriptor is a terminal.
pub fn is_terminal(fd: BorrowedFd<'_>) -> bool {
    termios::isatty(fd)
}

/// A terminal in raw mode; dropping it restores what was.
#[derive(Debug)]
pub struct RawMode {
    fd: OwnedFd,
    before: Termios,
}

impl RawMode {
    /// Makes the terminal pass every key on as it is: no echo, no line editing, no signals.
    pub fn enter(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Self::change(fd, Termios::make_raw)
    }

    /// Makes the terminal show what another one has worked up already as it is; keys stay what they are.
    pub fn of_output(fd: BorrowedFd<'_>) -> io::Result<Self> {
        Self::change(fd, |it| it.output_modes.remove(OutputModes::OPOST))
    }

    fn change(fd: BorrowedFd<'_>, change: impl FnOnce(&mut Termios)) -> io::Result<Self> {
        // A descriptor of our own: the caller's may be closed before we restore.
        let fd = fd.try_clone_to_owned()?;
        let before = termios::tcgetattr(&fd)?;
        let mut settings = before.clone();
        change(&mut settings);
        termios::tcsetattr(&fd, OptionalActions::Drain, &settings)?;
        Ok(Self { fd, before })
    }

    /// Restores the terminal now, and tells whether that worked.
    pub fn leave(self) -> io::Result<()> {
        self.restore()
    }

    fn restore(&self) -> io::Result<()> {
        termios::tcsetattr(self.fd.as_fd(), OptionalActions::Drain, &self.before).map_err(io::Error::from)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that has gone away needs no restoring.
        let _ = self.restore();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    fn terminal() -> (OwnedFd, OwnedFd) {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY | rustix::fs::OFlags::CLOEXEC;
        let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
        (master, slave)
    }

    #[test]
    fn raw_mode_ends_with_its_guard() {
        let (_master, slave) = terminal();
        let echo = || termios::tcgetattr(&slave).unwrap().local_modes.contains(termios::LocalModes::ECHO);
        assert!(echo());
        let raw = RawMode::enter(slave.as_fd()).unwrap();
        assert!(!echo());
        drop(raw);
        assert!(echo());
    }

    #[test]
    fn a_file_is_no_terminal() {
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(!is_terminal(file.as_fd()));
        assert!(RawMode::enter(file.as_fd()).is_err());
    }
}
