//! What is done at the container's start and before its end, and how far a run has got.
//!
//! The rules are those of Kubernetes (kubernetes.io, "Container Lifecycle Hooks"): the container is checked only when what belongs to its
//! start is done; if that fails, it is ended. What is done before the end is part of the time until it is killed, of which two
//! seconds are left for the stop signal in any case; with no time at all nothing is done.

use std::time::{Duration, Instant};

use pontoon_monitor::control::{Reply, Stage};
use pontoon_monitor::health::{Health, Outcome};
use pontoon_monitor::plan::Handler;

use super::Supervisor;
use crate::check::Job;
use crate::timers::Alarm;
use pontoon_monitor::outlet::say;

/// What is left after what is done before the end, whatever that took.
const LEAST_GRACE: Duration = Duration::from_secs(2);

/// Where a run is, as far as handlers go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Moment {
    /// What belongs to the start is still to be done, or being done.
    #[default]
    Starting,
    /// In between.
    Running,
    /// What belongs to the start is given up, so that what is done before the end can be done; it is to be killed then.
    Interrupting(Instant),
    /// What is done before the end is being done; it is to be killed then.
    Stopping(Instant),
    /// It was asked to end.
    Stopped,
}

impl Supervisor<'_> {
    /// The payload runs: what belongs to its start is done, and then it is checked.
    pub(super) fn begin_running(&mut self) {
        let plan = self.plan;
        match &plan.handlers.post_start {
            Some(handler) if self.moment == Moment::Starting => self.handle(handler),
            _ => self.runs_from_now_on(),
        }
    }

    fn handle(&mut self, handler: &Handler) {
        self.begin_job(Job::Handler, &handler.args, handler.is_probe, None);
    }

    fn runs_from_now_on(&mut self) {
        if self.moment == Moment::Starting {
            self.moment = Moment::Running;
        }
        if let Some(health) = self.health.as_ref().filter(|it| it.check().interval > 0) {
            self.timers.set(Alarm::Check, Duration::from_nanos(health.delay()));
        }
        self.await_readiness();
        self.tell_stages();
    }

    /// What was done is done.
    pub(super) fn handled(&mut self, outcome: &Outcome) {
        let passed = outcome.exit_code == 0;
        match self.moment {
            Moment::Starting if passed => self.runs_from_now_on(),
            Moment::Starting => {
                self.moment = Moment::Running;
                self.tell_handler("postStart", outcome, ", so it is ended");
                self.stop(None);
            }
            Moment::Interrupting(end) => self.prepare_end(end),
            Moment::Stopping(end) => {
                if !passed {
                    self.tell_handler("preStop", outcome, "");
                }
                self.ask_to_end(end);
            }
            Moment::Running | Moment::Stopped => {}
        }
    }

    /// Begins the end, for which there is so much time. True if something is done first; the stop signal follows by itself.
    pub(super) fn is_prepared_for_end(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        match &mut self.moment {
            // Asked once more: what was said before is not put off.
            Moment::Stopping(known) | Moment::Interrupting(known) => *known = end.min(*known),
            Moment::Stopped => return false,
            Moment::Starting | Moment::Running => {
                let is_wanted = self.plan.handlers.pre_stop.as_ref().is_some_and(|it| self.can_handle(it));
                self.moment = if is_wanted { Moment::Interrupting(end) } else { Moment::Stopped };
                if self.works(Job::Handler) {
                    // What belongs to the start is not waited for.
                    self.job_takes_too_long(Job::Handler);
                } else if is_wanted {
                    self.prepare_end(end);
                }
                return is_wanted;
            }
        }
        true
    }

    /// A process that joins a container that is paused would stand still.
    fn can_handle(&self, handler: &Handler) -> bool {
        handler.is_probe || !self.is_frozen()
    }

    fn prepare_end(&mut self, end: Instant) {
        let plan = self.plan;
        self.moment = Moment::Stopping(end);
        match &plan.handlers.pre_stop {
            Some(handler) => self.handle(handler),
            None => self.ask_to_end(end),
        }
    }

    /// The time is over that it had to end. True if that was spent before it was asked to, which is done now.
    pub(super) fn ends_preparing(&mut self) -> bool {
        let (Moment::Stopping(end) | Moment::Interrupting(end)) = self.moment else { return false };
        self.ask_to_end(end);
        self.job_takes_too_long(Job::Handler);
        true
    }

    /// Sends the stop signal, and sets the time after which it is killed.
    fn ask_to_end(&mut self, end: Instant) {
        self.moment = Moment::Stopped;
        let _ = self.kill(self.plan.stop_signal);
        let left = end.saturating_duration_since(Instant::now()).max(LEAST_GRACE);
        self.timers.set(Alarm::Kill, left);
    }

    fn tell_handler(&self, what: &str, outcome: &Outcome, then: &str) {
        let said = super::checks::words_of("it", Some(outcome));
        let text = format!("`{what}` of container `{}` failed{said}{then}\n", self.plan.name);
        say(&text);
    }

    /// Whether the run has got so far.
    fn has_reached(&self, stage: Stage) -> bool {
        // One that is on its way to its end, perhaps for the sake of its start, gets no further.
        let is_started = self.launched.held.is_none() && self.moment == Moment::Running;
        let is_up = || self.health.as_ref().is_none_or(|it| !it.is_starting_up());
        let is_ready = || self.health.as_ref().is_none_or(Health::is_ready);
        match stage {
            Stage::Started => is_started,
            Stage::Up => is_started && is_up(),
            Stage::Ready => is_started && is_up() && is_ready(),
        }
    }

    /// A client wants to know when the run has got so far.
    pub(super) fn await_stage(&mut self, client: u64, stage: Stage) {
        if let Some(it) = self.clients.get_mut(&client) {
            it.waits = true;
            self.stages.push((client, stage));
            self.tell_stages();
        }
    }

    /// Tells those who wait for how far the run has got.
    pub(super) fn tell_stages(&mut self) {
        let (told, left): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.stages).into_iter().partition(|it| self.has_reached(it.1));
        self.stages = left;
        for (client, _) in told {
            if let Some(it) = self.clients.get_mut(&client) {
                it.waits = false;
            }
            self.reply(client, &Reply::Done, &[]);
        }
    }
}
