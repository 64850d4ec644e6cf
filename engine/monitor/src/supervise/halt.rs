//! How a run is brought to its end, if it does not end by itself.

use std::os::fd::AsFd;
use std::time::Duration;

use pontoon_monitor::ends::{self, EndNote};
use pontoon_monitor::state;
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};

use super::Supervisor;
use crate::finish;
use crate::timers::Alarm;

/// Why a run ends, as far as it does not end by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Halt {
    /// Somebody stopped it, by a command.
    pub by_command: bool,
    /// We were told to end, by a signal or by what a health check says.
    pub by_signal: bool,
    /// It is to be started anew, whatever its policy says.
    pub for_restart: bool,
    /// It was asked to end, in the way it wants to be.
    pub is_asked: bool,
    /// Whoever wanted it to end was neither itself nor its health check.
    pub by_others: bool,
}

impl Supervisor<'_> {
    pub(super) fn kill(&self, signal: i32) -> Result<(), Errno> {
        match Signal::from_named_raw(signal) {
            Some(signal) => pidfd_send_signal(&self.launched.running.pidfd, signal),
            None => pontoon_rootless::sys::pidfd_send_any_signal(self.launched.running.pidfd.as_fd(), signal)
                .map_err(|err| Errno::from_io_error(&err).unwrap_or(Errno::INVAL)),
        }
    }

    /// Notes that it is to end for others' reasons; not if it has done so by itself before.
    pub(super) fn told_by_others(&mut self) {
        if self.ended.is_none() && !self.halt.by_others {
            self.halt.by_others = true;
            self.note_end(true);
        }
    }

    /// Tells whoever tries an update with the container that this run ends.
    pub(super) fn note_end(&self, by_others: bool) {
        let Some(path) = &self.plan.trial else { return };
        let note = EndNote {
            id: self.plan.id.clone(),
            name: self.plan.name.clone(),
            supervisor: self.state.monitor_pid,
            started_at: self.state.started_at,
            by_others,
        };
        if let Err(err) = ends::add(path, &note) {
            finish::warn(&err);
        }
    }

    /// Asks the payload to end, and sets the time after which it is made to.
    pub(super) fn stop(&mut self, timeout: Option<u32>) {
        self.halt.is_asked = true;
        self.state.stopping = true;
        let _ = finish::note(self.plan, state::STATE_FILE, &self.state);
        let timeout = timeout.unwrap_or(self.plan.stop_timeout);
        // Where no program runs there is nobody to ask.
        if timeout == 0 || self.launched.held.is_some() {
            return self.time_is_up();
        }
        let time = Duration::from_secs(timeout.into());
        // Who asks once more does not put off what was set before, or one that is asked again and again would never end.
        self.timers.set_unless_sooner(Alarm::Kill, time);
        if !self.is_prepared_for_end(time) {
            let _ = self.kill(self.plan.stop_signal);
        }
    }

    pub(super) fn time_is_up(&mut self) {
        let _ = self.kill(Signal::KILL.as_raw());
        if let Some((cgroup, _)) = &self.launched.cgroup {
            let _ = cgroup.kill();
        }
        self.timers.cancel(Alarm::Kill);
    }

    /// Whether the container is paused.
    pub(super) fn is_frozen(&self) -> bool {
        let cgroup = self.launched.cgroup.as_ref().map(|it| &it.0);
        cgroup.and_then(|it| it.read("cgroup.freeze").ok()).is_some_and(|text| text.starts_with('1'))
    }
}
