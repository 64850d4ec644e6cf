//! Health checks in the supervisor's loop: when they run, and what follows from what they say.

use std::time::Duration;

use pontoon_monitor::control::Reply;
use pontoon_monitor::health::{Health, HealthPlan, OnFailure, Outcome, Verdict};
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::NotifyPlan;
use pontoon_monitor::state::HEALTH_FILE;
use rustix::event::epoll::{self, EventFlags};
use rustix::process::Signal;

use super::{CHECK, Purpose, Supervisor};
use crate::check::Checking;
use crate::finish;
use crate::timers::Alarm;

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
        } else if interval > 0 && self.launched.held.is_none() {
            self.timers.set(Alarm::Check, first);
        }
        self.note_health();
    }

    /// Runs the check that is due, unless one runs.
    pub(super) fn begin_check(&mut self) {
        let Some(health) = &self.health else { return };
        if self.checking.is_some() || self.ended.is_some() {
            return;
        }
        if self.is_frozen() {
            // A process that joins would stand still, and we with it.
            self.askers.clear();
            self.timers.set(Alarm::Check, Duration::from_nanos(health.check().interval.max(SOON)));
            return;
        }
        let (own, namespaces) = (&self.plan.container.process, &self.plan.container.namespaces);
        match Checking::begin(self.launched, own, namespaces, health.check(), &mut self.check_groups) {
            Ok((checking, joining)) => {
                let _ = self.watch(checking.output(), CHECK, EventFlags::IN);
                self.timers.set(Alarm::CheckTimeout, checking.timeout);
                self.checking = Some(checking);
                self.await_process(joining, Purpose::Check);
            }
            Err(outcome) => self.judge(outcome),
        }
    }

    pub(super) fn check_output(&mut self) {
        let Some(checking) = &mut self.checking else { return };
        if !checking.read() {
            let _ = epoll::delete(&self.epoll, checking.output());
        }
    }

    pub(super) fn check_ended(&mut self, code: i32) {
        let Some(checking) = self.take_check() else { return };
        self.judge(checking.outcome(code));
    }

    /// The check is over.
    pub(super) fn take_check(&mut self) -> Option<Checking> {
        let checking = self.checking.take()?;
        // What it leaves running may go on until its time is over.
        if !self.check_groups.note(&checking) {
            self.timers.cancel(Alarm::CheckTimeout);
        }
        let _ = epoll::delete(&self.epoll, checking.output());
        Some(checking)
    }

    pub(super) fn check_takes_too_long(&mut self) {
        self.check_groups.end_left_behind();
        let Some(checking) = &mut self.checking else { return };
        let is_process = checking.kill(&mut self.check_groups);
        self.give_up(|purpose| purpose == Purpose::Check);
        if !is_process {
            self.check_ended(-1);
        }
    }

    /// Notes an outcome, and does what follows from it.
    pub(super) fn judge(&mut self, outcome: Outcome) {
        let code = outcome.exit_code;
        let Some(health) = &mut self.health else { return };
        let before = health.record().status.clone();
        let verdict = health.take(outcome, self.started.elapsed());
        let interval = health.check().interval;
        // A check that says what the one before it said is no news, unless every one is asked for.
        let is_news = code != 0 || health.record().status != before;
        if is_news || health.plan().log_to_events {
            self.teller.health(health.record(), health.plan().log_to_events);
        }
        self.note_health();
        self.tell_manager_of_check(code == 0);
        for asker in std::mem::take(&mut self.askers) {
            self.reply(asker, &Reply::Exited { code, by_others: false }, &[]);
        }
        if interval > 0 {
            self.timers.set(Alarm::Check, Duration::from_nanos(interval));
        }
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
            Verdict::Healthy => self.tell_healthy(),
            Verdict::Unhealthy(OnFailure::Kill) => {
                let _ = self.kill(Signal::KILL.as_raw());
            }
            Verdict::Unhealthy(OnFailure::Stop) => {
                self.halt.by_signal = true;
                self.stop(None);
            }
            Verdict::Unhealthy(OnFailure::Restart) => {
                self.halt.for_restart = true;
                self.stop(None);
            }
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

    fn tell_healthy(&mut self) {
        if let Some(manager) = self.health_manager() {
            let ready = if self.plan.notify == NotifyPlan::Healthy { "READY=1\n" } else { "" };
            manager.tell(&format!("{ready}STATUS=container is healthy"));
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

    /// What the last check gave and said, in parentheses: a container's words, so one line, not without end, and no commands
    /// to a terminal.
    fn last_words(&self) -> String {
        let last = self.health.as_ref().and_then(|it| it.record().log.back());
        let printable = |letter: char| if letter.is_control() { '?' } else { letter };
        let output = last.and_then(|it| it.output.lines().next()).unwrap_or_default();
        let output: String = output.chars().take(200).map(printable).collect();
        let code = last.map_or(0, |it| it.exit_code);
        let said = if output.is_empty() { String::new() } else { format!(": {output}") };
        format!(" (its check gave {code}{said})")
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
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }

    /// Leaves word for other commands how the container is.
    pub(super) fn note_health(&self) {
        if let Some(health) = &self.health {
            finish::note_health(self.plan, health.plan(), health.record());
        }
    }
}
