//! Everything that happens at a time, on one timer of the kernel.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::check::Job;

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alarm {
    /// A payload that was asked to end is killed.
    Kill,
    /// The payload has run as long as it may.
    RunTime,
    /// A health check is due.
    Check,
    /// A readiness check is due.
    Readiness,
    /// The network's helper has ended, and another one is due.
    Helper,
    /// Something that is done in the container has taken too long.
    TimeOver(Job),
}

/// The timer, and what it is set for.
#[derive(Debug)]
pub struct Timers {
    fd: OwnedFd,
    due: BTreeMap<Alarm, Instant>,
}

impl Timers {
    /// A timer that is set for nothing.
    pub fn new() -> Result<Self, Errno> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self { fd: timerfd_create(TimerfdClockId::Monotonic, flags)?, due: BTreeMap::new() })
    }

    /// Readable when something is due.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Sets an alarm, in place of an earlier one of its kind. A time beyond the clock is never.
    pub fn set(&mut self, alarm: Alarm, after: Duration) {
        match Instant::now().checked_add(after) {
            Some(at) => self.due.insert(alarm, at),
            None => self.due.remove(&alarm),
        };
        self.arm();
    }

    /// Sets an alarm, unless one of its kind is to come sooner.
    pub fn set_unless_sooner(&mut self, alarm: Alarm, after: Duration) {
        let known = self.due.get(&alarm).map(|at| at.saturating_duration_since(Instant::now()));
        if known.is_none_or(|left| after < left) {
            self.set(alarm, after);
        }
    }

    /// Takes an alarm back.
    pub fn cancel(&mut self, alarm: Alarm) {
        if self.due.remove(&alarm).is_some() {
            self.arm();
        }
    }

    /// Takes an alarm that is due.
    pub fn next_due(&mut self) -> Option<Alarm> {
        let _ = rustix::io::read(&self.fd, &mut [0u8; 8]);
        let now = Instant::now();
        let alarm = self.due.iter().find(|(_, at)| **at <= now).map(|(alarm, _)| *alarm);
        if let Some(alarm) = alarm {
            self.due.remove(&alarm);
        }
        self.arm();
        alarm
    }

    fn arm(&self) {
        // Zero would switch it off; what is due already happens at once.
        let left = self
            .due
            .values()
            .min()
            .map(|at| at.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1)));
        let value =
            left.and_then(|it| Timespec::try_from(it).ok()).unwrap_or(Timespec { tv_sec: 0, tv_nsec: 0 });
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        let _ = timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &once);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_come_when_they_are_due_and_once() {
        let mut timers = Timers::new().unwrap();
        timers.set(Alarm::Kill, Duration::from_secs(3600));
        assert_eq!(timers.next_due(), None);
        timers.set(Alarm::Check, Duration::ZERO);
        timers.set(Alarm::RunTime, Duration::ZERO);
        timers.cancel(Alarm::RunTime);
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(timers.fd(), rustix::event::PollFlags::IN)];
        assert_eq!(rustix::event::poll(&mut fds, None), Ok(1));
        assert_eq!((timers.next_due(), timers.next_due()), (Some(Alarm::Check), None));
        timers.set(Alarm::Kill, Duration::MAX);
        assert!(timers.due.is_empty());
    }

    #[test]
    fn what_is_to_come_sooner_stays() {
        let mut timers = Timers::new().unwrap();
        timers.set_unless_sooner(Alarm::Kill, Duration::from_secs(20));
        let first = timers.due.clone();
        timers.set_unless_sooner(Alarm::Kill, Duration::from_secs(60));
        timers.set_unless_sooner(Alarm::Kill, Duration::MAX);
        assert_eq!(timers.due, first);
        timers.set_unless_sooner(Alarm::Kill, Duration::from_secs(3));
        assert!(timers.due < first);
    }
}
