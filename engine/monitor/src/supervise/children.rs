//! Processes that have ended: the payload, those that joined it, and what works for it.

use pontoon_monitor::control::Reply;
use pontoon_monitor::event::Deed;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, WaitStatus, wait, waitpid};

use super::Supervisor;
use crate::activation::Leading;

impl Supervisor<'_> {
    /// Takes up every child that has ended: the payload, processes that joined, helpers. While one is about to join, only
    /// those that we know, so that it cannot have ended before we know it.
    pub(super) fn reap(&mut self) {
        if self.pending.is_empty() {
            self.reap_with(|| wait(WaitOptions::NOHANG));
            return;
        }
        let joined: Vec<Pid> = self.joined.keys().filter_map(|pid| Pid::from_raw(*pid)).collect();
        let working: Vec<Pid> = self.working_pids().collect();
        let leading = self.leading.as_ref().and_then(Leading::pid);
        for pid in joined.into_iter().chain(working).chain(leading).chain([self.launched.running.pid]) {
            self.reap_with(|| waitpid(Some(pid), WaitOptions::NOHANG));
        }
    }

    fn reap_with(&mut self, wait: impl Fn() -> Result<Option<(Pid, WaitStatus)>, Errno>) {
        loop {
            match wait() {
                Ok(Some((pid, status))) => {
                    let code = match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => code,
                        (None, Some(signal)) => 128 + signal,
                        (None, None) => continue,
                    };
                    self.child_ended(pid, code);
                }
                Err(Errno::INTR) => {}
                Ok(None) | Err(_) => return,
            }
        }
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
            self.teller.ended(Deed::ExecDied, code);
            self.reply(joined.client, &Reply::Exited { code }, &[]);
        }
    }
}
