//! What is left of a run when it has ended.

use std::os::fd::OwnedFd;

use nix::sys::signalfd::SignalFd;
use pontoon_monitor::control::{self, Reply};
use pontoon_monitor::state::FailureReport;
use pontoon_network::ResolverFollower;

use super::streams::tell_unshown;
use super::{Halt, Supervisor};
use crate::course::Course;
use crate::relay::Rest;

/// What Podman takes for the exit code of a container that has run for as long as it may; a shell sees 255.
const OUT_OF_TIME: i32 = -1;

/// Connections that wait for the end, and the end.
#[derive(Debug)]
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Why, if not by itself.
    pub halt: Halt,
    /// What the next run is to be like.
    pub course: Course,
    /// Connections that wait for the container to run again.
    pub restarters: Vec<OwnedFd>,
    /// When the payload was started, nanoseconds since 1970; 0 if it never was.
    pub started_at: u64,
    /// Why it was not, if somebody wanted it to be.
    pub failure: Option<FailureReport>,
    /// The client of its terminal.
    pub client: Option<OwnedFd>,
    /// Connections on which nothing was heard yet.
    pub unheard: Vec<OwnedFd>,
    waiting: Vec<OwnedFd>,
    /// What it wrote last and nobody has taken yet.
    rests: Vec<Rest>,
    /// Closing it makes the kernel wait for ten milliseconds and more (inotify's marks end with an RCU grace period): nobody
    /// else should.
    _resolvers: Option<ResolverFollower>,
}

impl Ended {
    /// Waits for those who read slowly: the last thing of all, when everything else is done.
    pub fn give_rests(&mut self, signals: &SignalFd) {
        for rest in std::mem::take(&mut self.rests) {
            rest.give(signals);
        }
    }

    /// Tells everybody who waits.
    pub fn tell(&mut self) {
        let exited = Reply::Exited { code: self.code };
        for client in std::mem::take(&mut self.waiting) {
            let _ = control::send(&client, &exited, &[]);
        }
    }
}

impl Supervisor<'_> {
    /// The payload has ended: keeps what it wrote last, and ends what joined it.
    pub(super) fn finish(mut self) -> Ended {
        self.pending.clear();
        self.end_jobs();
        drop(self.leading.take());
        if !self.halt.by_others {
            self.note_end(false);
        }
        let mut rests = Vec::new();
        for output in self.outputs.iter_mut().flatten() {
            rests.extend(output.rest(&mut self.launched.log, &mut self.taps));
            tell_unshown(self.report, output);
        }
        if let Some(terminal) = &mut self.terminal {
            rests.extend(terminal.rest(&mut self.launched.log, &mut self.taps));
        }
        self.tell_let_go();
        self.launched.log.finish();
        self.reap();
        let restarters =
            self.restarters.iter().filter_map(|it| self.clients.remove(it)).map(|it| it.socket).collect();
        let (waiting, others): (Vec<_>, Vec<_>) = self.clients.into_values().partition(|it| it.waits);
        let waiting = waiting.into_iter().map(|it| it.socket).collect();
        let unheard = others.into_iter().filter(|it| !it.was_heard).map(|it| it.socket).collect();
        let client = self.terminal.and_then(|it| it.client);
        Ended {
            code: match (self.has_run_out, self.is_idle) {
                (true, _) => OUT_OF_TIME,
                // It ends as it was meant to.
                (false, true) => 0,
                (false, false) => self.ended.unwrap_or(125),
            },
            halt: self.halt,
            course: self.course,
            restarters,
            started_at: self.state.started_at,
            failure: self.failure,
            client,
            unheard,
            waiting,
            rests,
            _resolvers: self.resolvers,
        }
    }
}
