//! Processes that have ended: the payload, those that joined it, and what works for it.

use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait, waitpid};

use super::Supervisor;
use crate::activation::Leading;

impl Supervisor<'_> {
    /// Takes up every child that has ended: the payload, processes that joined, helpers.
    pub(super) fn reap(&mut self) {
        while let Some((pid, status)) = self.next_that_ended() {
            match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => self.child_ended(pid, code),
                (None, Some(signal)) => self.child_ended(pid, 128 + signal),
                (None, None) => {}
            }
        }
    }

    /// While a process is about to join, only those that we know are looked at, so that it cannot have ended before we know
    /// it. What follows from one child's end may have another one join, so that is asked anew for each.
    fn next_that_ended(&self) -> Option<(Pid, WaitStatus)> {
        if self.pending.is_empty() {
            return ended_one(|| wait(WaitOptions::NOHANG));
        }
        let joined = self.joined.keys().filter_map(|pid| Pid::from_raw(*pid));
        let leading = self.leading.as_ref().and_then(Leading::pid);
        joined
            .chain(self.working_pids())
            .chain(leading)
            .chain([self.launched.running.pid])
            .find_map(|pid| ended_one(|| waitpid(Some(pid), WaitOptions::NOHANG)))
    }

    fn child_ended(&mut self, pid: Pid, code: i32) {
        if pid == self.launched.running.pid {
            self.ended = Some(code);
        } else if let Some(job) = self.job_of(pid) {
            self.job_ended(job, code);
        } else if let Some(leading) = self.leading.take_if(|it| it.is(pid)) {
            leading.ended();
            self.is_idle = code == 0;
            self.halt.by_signal |= self.is_idle;
            if self.is_idle {
                self.told_by_others();
            }
            self.stop(None);
        } else if let Some(joined) = self.joined.remove(&pid.as_raw_nonzero().get()) {
            self.has_left(&joined, code);
        }
    }
}

fn ended_one(wait: impl Fn() -> Result<Option<(Pid, WaitStatus)>, Errno>) -> Option<(Pid, WaitStatus)> {
    loop {
        match wait() {
            Err(Errno::INTR) => {}
            found => return found.ok().flatten(),
        }
    }
}
