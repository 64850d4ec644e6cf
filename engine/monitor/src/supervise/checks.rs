//! Health checks in the supervisor's loop: when they run, and what follows from what they say.

use std::time::Duration;

use pontoon_monitor::control::Reply;
use pontoon_monitor::health::{Health, HealthPlan, OnFailure, Outcome, Readiness, Verdict};
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::NotifyPlan;
use pontoon_monitor::state::{FailureReport, HEALTH_FILE, STATE_FILE};
use rustix::process::Signal;

use super::Supervisor;
use super::handlers::Moment;
use crate::check::Job;
use crate::finish;
use crate::timers::Alarm;
use pontoon_monitor::outlet::say;

/// When a check is tried again that could not be made, in nanoseconds.
const SOON: u64 = 1_000_000_000;

/// What a check may need beyond its own times, in nanoseconds, before the service manager loses its patience.
const SLACK: u64 = 15_000_000_000;

impl Supervisor<'_> {
    /// Checks in another way from now on, at once if nothing was checked before.
    pub(super) fn check_otherwise(&mut self, plan: Option<HealthPlan>) {
        self.course.health.clone_from(&plan);
        let interval = plan.as_ref().map_or(0, |it| it.check.interval);
        let mut first = Duration::ZERO;
        match (&mut self.health, plan) {
            (Some(health), Some(plan)) => {
                health.change(plan);
                first = Duration::from_nanos(health.check().interval);
            }
            (slot, plan) => *slot = plan.map(Health::new),
        }
        self.timers.cancel(Alarm::Check);
        if self.health.is_none() {
            let _ = std::fs::remove_file(self.plan.run_directory.join(HEALTH_FILE));
        }
        self.timers.cancel(Alarm::Readiness);
        // Else it is checked as soon as what belongs to its start is done.
        if self.moment != Moment::Starting {
            if self.health.is_some() && interval > 0 {
                self.timers.set(Alarm::Check, first);
            }
            self.await_readiness();
        }
        self.note_health();
        if self.health.is_none() && self.is_awaited() {
            // Without a check that could pass, nothing better than running can be waited for.
            self.tell_ready("running");
        }
        // What is waited for may have been a check's.
        self.tell_stages();
    }

    /// Runs the check that is due, unless one runs.
    pub(super) fn begin_check(&mut self) {
        let Some(check) = self.health.as_ref().map(|it| it.check().clone()) else { return };
        if self.works(Job::Check) || self.ended.is_some() {
            return;
        }
        if self.is_frozen() {
            // A process that joins would stand still, and we with it.
            let hint = Some(format!("let it go on first: pontoon unpause {}", self.plan.name));
            self.answer_askers(&failed("the container is paused", hint));
            self.timers.set(Alarm::Check, Duration::from_nanos(check.interval.max(SOON)));
            return;
        }
        self.begin_job(Job::Check, &check.args, check.is_probe, Some(Duration::from_nanos(check.timeout)));
    }

    /// Tells those who wait for the outcome of a check.
    fn answer_askers(&mut self, reply: &Reply) {
        for asker in std::mem::take(&mut self.askers) {
            self.reply(asker, reply, &[]);
        }
    }

    /// Checks whether the container serves, as long as it is not on its way to its end.
    pub(super) fn begin_readiness(&mut self) {
        let Some(Readiness { check, .. }) = self.health.as_ref().and_then(|it| it.plan().readiness.clone())
        else {
            return;
        };
        if self.works(Job::Readiness) || self.halt.is_asked {
            return;
        }
        if self.is_frozen() {
            self.timers.set(Alarm::Readiness, Duration::from_nanos(check.interval.max(SOON)));
            return;
        }
        let timeout = Some(Duration::from_nanos(check.timeout));
        self.begin_job(Job::Readiness, &check.args, check.is_probe, timeout);
    }

    /// Notes what a readiness check has said.
    pub(super) fn judge_readiness(&mut self, outcome: &Outcome) {
        let Some(health) = &mut self.health else { return };
        health.take_readiness(outcome.exit_code == 0);
        let interval = health.plan().readiness.as_ref().map_or(0, |it| it.check.interval);
        if interval > 0 {
            self.timers.set(Alarm::Readiness, Duration::from_nanos(interval));
        }
        self.note_health();
        self.tell_stages();
    }

    /// Notes an outcome, and does what follows from it.
    pub(super) fn judge(&mut self, outcome: Outcome) {
        let code = outcome.exit_code;
        let Some(health) = &mut self.health else {
            // It was taken away meanwhile.
            return self.answer_askers(&no_check());
        };
        let before = health.record().status.clone();
        let was_starting_up = health.is_starting_up();
        let grace = health.grace();
        let mut verdict = health.take(outcome, self.started.elapsed());
        if self.halt.is_asked && matches!(verdict, Verdict::Unhealthy(_)) {
            // It is on its way already; a check that fails meanwhile must not give it more time.
            verdict = Verdict::Nothing;
        }
        let has_come_up = was_starting_up && !health.is_starting_up();
        let interval = health.check().interval;
        // A check that says what the one before it said is no news, unless every one is asked for.
        let is_news = code != 0 || health.record().status != before;
        if is_news || health.plan().log_to_events {
            self.teller.health(health.record(), health.plan().log_to_events);
        }
        self.note_health();
        self.tell_manager_of_check(code == 0);
        if interval > 0 {
            self.timers.set(Alarm::Check, Duration::from_nanos(interval));
        }
        if has_come_up {
            self.await_readiness();
        }
        self.tell_stages();
        if let Verdict::Unhealthy(action @ (OnFailure::Kill | OnFailure::Stop | OnFailure::Restart)) = verdict
        {
            self.tell_unhealthy(action);
        }
        match verdict {
            Verdict::Nothing => {}
            Verdict::Unhealthy(OnFailure::None) if self.is_awaited() => {
                // It will not get ready, and nobody else would end it before the start's time is over.
                self.tell_unhealthy(OnFailure::Stop);
                self.halt.by_signal = true;
                self.stop(None);
            }
            Verdict::Unhealthy(OnFailure::None) => {}
            Verdict::Healthy => self.tell_ready("healthy"),
            Verdict::Unhealthy(OnFailure::Kill) => {
                // So that who asks meanwhile does not take it for one that goes on.
                self.state.stopping = true;
                let _ = finish::note(self.plan, STATE_FILE, &self.state);
                let _ = self.kill(Signal::KILL.as_raw());
            }
            Verdict::Unhealthy(OnFailure::Stop) => {
                self.halt.by_signal = true;
                self.stop(grace);
            }
            Verdict::Unhealthy(OnFailure::Restart) => {
                self.halt.for_restart = true;
                self.stop(grace);
            }
        }
        // Last, so that whoever waits for it finds what follows begun.
        self.answer_askers(&Reply::Exited { code });
    }

    /// Has the container's readiness checked from now on, once it is up.
    pub(super) fn await_readiness(&mut self) {
        let Some(health) = self.health.as_ref().filter(|it| !it.is_starting_up()) else { return };
        if let Some(readiness) = &health.plan().readiness {
            self.timers.set(Alarm::Readiness, Duration::from_nanos(readiness.delay));
        }
    }

    /// Whether the service manager waits for the first check that passes.
    fn is_awaited(&self) -> bool {
        self.manager.is_some() && self.plan.notify == NotifyPlan::Healthy && !self.course.was_healthy
    }

    /// The service manager, if it hears of health from us: not where the payload speaks with it.
    fn health_manager(&self) -> Option<&Notifier> {
        self.manager.filter(|_| matches!(self.plan.notify, NotifyPlan::Monitor | NotifyPlan::Healthy))
    }

    /// The container is as the service manager waits for it.
    fn tell_ready(&mut self, state: &str) {
        if let Some(manager) = self.health_manager() {
            let ready = if self.plan.notify == NotifyPlan::Healthy { "READY=1\n" } else { "" };
            manager.tell(&format!("{ready}STATUS=container is {state}"));
        }
        self.course.was_healthy = true;
    }

    /// Asks the service manager for the time until a check has said something, if it waits for that; `said` is what the
    /// last one said.
    pub(super) fn ask_for_time(&self, said: &str) {
        let (Some(health), Some(manager)) = (&self.health, self.manager) else { return };
        let check = health.check();
        if !self.is_awaited() || check.interval == 0 {
            return;
        }
        let nanos = check.interval.saturating_add(check.timeout).saturating_add(SLACK);
        manager.tell(&format!(
            "EXTEND_TIMEOUT_USEC={}\nSTATUS=waiting until the container is healthy{said}",
            nanos / 1000
        ));
    }

    /// Tells the service manager of a check's outcome, as far as it listens.
    fn tell_manager_of_check(&self, passed: bool) {
        let Some(manager) = self.health_manager() else { return };
        if passed && manager.watches() {
            manager.tell("WATCHDOG=1");
        }
        let Some(record) = self.health.as_ref().map(Health::record) else { return };
        if record.status == "unhealthy" {
            manager.tell(&format!("STATUS=container is unhealthy{}", self.last_words()));
        } else if record.status == "starting" {
            self.ask_for_time(&if passed { String::new() } else { self.last_words() });
        }
    }

    /// What the last check gave and said, in parentheses.
    fn last_words(&self) -> String {
        words_of("its check", self.health.as_ref().and_then(|it| it.record().log.back()))
    }

    /// Says, to whoever reads our standard error (in a unit: the journal), why the container comes to an end.
    pub(super) fn tell_unhealthy(&self, action: OnFailure) {
        let done = match action {
            OnFailure::Stop => "stopped",
            OnFailure::Restart => "started anew",
            OnFailure::Kill | OnFailure::None => "killed",
        };
        let name = &self.plan.name;
        let text = format!("container `{name}` is unhealthy{}, so it is {done}\n", self.last_words());
        say(&text);
    }

    /// Leaves word for other commands how the container is.
    pub(super) fn note_health(&self) {
        if let Some(health) = &self.health {
            finish::note_health(self.plan, health.plan(), health.record());
        }
    }
}

/// The answer to who asks for a check that is not there.
pub(super) fn no_check() -> Reply {
    failed("the container has no health check", None)
}

fn failed(why: &str, hint: Option<String>) -> Reply {
    Reply::Failed(FailureReport { chain: vec![why.to_owned()], hint, code: 125 })
}

/// What something gave and said, in parentheses: a container's words, so one line, not without end, and no commands to a
/// terminal.
pub(super) fn words_of(what: &str, outcome: Option<&Outcome>) -> String {
    let printable = |letter: char| if letter.is_control() { '?' } else { letter };
    let output = outcome.and_then(|it| it.output.lines().next()).unwrap_or_default();
    let output: String = output.chars().take(200).map(printable).collect();
    let code = outcome.map_or(0, |it| it.exit_code);
    let said = if output.is_empty() { String::new() } else { format!(": {output}") };
    format!(" ({what} gave {code}{said})")
}
