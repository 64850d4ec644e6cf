//! What the supervisor's loop listens to.

use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use crate::check::Job;

/// How many of those that have something to say are heard in one go.
const AT_ONCE: usize = 16;
/// A token is the kind of its source, and below these bits which of that kind.
const NUMBER_BITS: u32 = 56;

/// Who has something to say, or takes something again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The kernel, by signals to us.
    Signals,
    /// The timer.
    Timer,
    /// The control socket: somebody connects.
    Control,
    /// The payload's notify socket.
    Notify,
    /// The payload's terminal.
    Terminal,
    /// Who is attached to it.
    TerminalClient,
    /// A pipe that the payload writes into, by its place among ours.
    Output(usize),
    /// The one who reads the copy of that pipe, and who was not ready.
    Copy(usize),
    /// The log, which was behind: it takes something again.
    Log,
    /// The one who started us and looks on: is there no more.
    LookerOn,
    /// The network unit.
    Networks,
    /// The network's helper: it has ended.
    Helper,
    /// The host's resolvers.
    Resolvers,
    /// Work in the container: what it writes.
    Job(Job),
    /// The infra container's supervisor.
    Pod,
    /// A terminal that nobody holds, by the pid of its process.
    Unattended(u32),
    /// A pipe whose reader has gone, counted with the connections.
    Unread(u64),
    /// A connection to the control socket, or a process that is about to join: both are counted in one go.
    Talk(u64),
}

impl Source {
    /// What the kernel keeps for us.
    fn token(self) -> u64 {
        let (kind, number) = match self {
            Self::Signals => (0, 0),
            Self::Timer => (1, 0),
            Self::Control => (2, 0),
            Self::Notify => (3, 0),
            Self::Terminal => (4, 0),
            Self::TerminalClient => (5, 0),
            Self::Output(index) => (6, index as u64),
            Self::Copy(index) => (7, index as u64),
            Self::LookerOn => (8, 0),
            Self::Networks => (9, 0),
            Self::Resolvers => (10, 0),
            Self::Job(job) => (11, job as u64),
            Self::Pod => (12, 0),
            Self::Unattended(pid) => (13, pid.into()),
            Self::Talk(number) => (14, number),
            Self::Helper => (15, 0),
            Self::Log => (16, 0),
            Self::Unread(number) => (17, number),
        };
        kind << NUMBER_BITS | number
    }

    fn of_token(token: u64) -> Option<Self> {
        let number = token & !(u64::MAX << NUMBER_BITS);
        Some(match token >> NUMBER_BITS {
            0 => Self::Signals,
            1 => Self::Timer,
            2 => Self::Control,
            3 => Self::Notify,
            4 => Self::Terminal,
            5 => Self::TerminalClient,
            6 => Self::Output(usize::try_from(number).ok()?),
            7 => Self::Copy(usize::try_from(number).ok()?),
            8 => Self::LookerOn,
            9 => Self::Networks,
            10 => Self::Resolvers,
            11 => Self::Job(*Job::ALL.get(usize::try_from(number).ok()?)?),
            12 => Self::Pod,
            13 => Self::Unattended(u32::try_from(number).ok()?),
            14 => Self::Talk(number),
            15 => Self::Helper,
            16 => Self::Log,
            17 => Self::Unread(number),
            _ => return None,
        })
    }
}

/// All that is listened to.
#[derive(Debug)]
pub struct Sources(OwnedFd);

impl Sources {
    /// None yet.
    pub fn none() -> Result<Self, Errno> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    /// Listens to one more, until it is forgotten or closed.
    pub fn watch(&self, fd: BorrowedFd<'_>, source: Source, flags: EventFlags) -> Result<(), Errno> {
        epoll::add(&self.0, fd, EventData::new_u64(source.token()), flags)
    }

    /// Listens for other things of one that is listened to.
    pub fn change(&self, fd: BorrowedFd<'_>, source: Source, flags: EventFlags) -> Result<(), Errno> {
        epoll::modify(&self.0, fd, EventData::new_u64(source.token()), flags)
    }

    /// Listens to it no more, if it was listened to.
    pub fn forget(&self, fd: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.0, fd);
    }

    /// Sleeps until somebody has something to say, and gives who.
    pub fn wait(&self) -> Result<impl Iterator<Item = Source> + use<>, Errno> {
        let mut events = [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; AT_ONCE];
        let count = epoll::wait(&self.0, &mut events[..], None)?;
        Ok(events.into_iter().take(count).filter_map(|it| Source::of_token(it.data.u64())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_is_known_by_its_token() {
        let single = [
            Source::Signals,
            Source::Timer,
            Source::Control,
            Source::Notify,
            Source::Terminal,
            Source::TerminalClient,
            Source::LookerOn,
            Source::Networks,
            Source::Helper,
            Source::Resolvers,
            Source::Pod,
            Source::Log,
        ];
        let several = [
            Source::Output(0),
            Source::Output(1),
            Source::Copy(0),
            Source::Copy(1),
            Source::Unattended(u32::MAX),
            Source::Talk(0),
            Source::Talk(1 << 40),
            Source::Unread(7),
        ];
        let sources: Vec<Source> =
            single.into_iter().chain(several).chain(Job::ALL.map(Source::Job)).collect();
        for source in &sources {
            assert_eq!(Source::of_token(source.token()), Some(*source));
        }
        assert_eq!(Source::of_token(u64::MAX), None);
    }
}
