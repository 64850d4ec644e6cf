//! Health checks in the supervisor's loop: when they run, and what follows from what they say.

use std::time::Duration;

use pontoon_monitor::control::Reply;
use pontoon_monitor::health::{Health, HealthPlan, OnFailure, Outcome, Verdict};
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
        for asker in std::mem::take(&mut self.askers) {
            self.reply(asker, &Reply::Exited { code }, &[]);
        }
        if interval > 0 {
            self.timers.set(Alarm::Check, Duration::from_nanos(interval));
        }
        if let Verdict::Unhealthy(action @ (OnFailure::Kill | OnFailure::Stop | OnFailure::Restart)) = verdict
        {
            self.tell_unhealthy(action);
        }
        match verdict {
            Verdict::Nothing | Verdict::Unhealthy(OnFailure::None) => {}
            Verdict::Healthy => {
                if self.plan.notify == NotifyPlan::Healthy
                    && let Some(manager) = self.manager
                {
                    manager.tell("READY=1\nSTATUS=container is healthy");
                }
            }
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

    /// Says, to whoever reads our standard error (in a unit: the journal), why the container comes to an end.
    pub(super) fn tell_unhealthy(&self, action: OnFailure) {
        let done = match action {
            OnFailure::Stop => "stopped",
            OnFailure::Restart => "started anew",
            OnFailure::Kill | OnFailure::None => "killed",
        };
        let record = self.health.as_ref().map(Health::record);
        let last = record.and_then(|it| it.log.back());
        // A container's words, on a terminal or in the journal: one line, not without end, and no commands to the terminal.
        let printable = |letter: char| if letter.is_control() { '?' } else { letter };
        let output = last.and_then(|it| it.output.lines().next()).unwrap_or_default();
        let output: String = output.chars().take(200).map(printable).collect();
        let code = last.map_or(0, |it| it.exit_code);
        let said = if output.is_empty() { String::new() } else { format!(": {output}") };
        let name = &self.plan.name;
        let text =
            format!("container `{name}` is unhealthy (its check gave {code}{said}), so it is {done}\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
    }

    /// Leaves word for other commands how the container is.
    pub(super) fn note_health(&self) {
        if let Some(health) = &self.health {
            finish::note_health(self.plan, health.plan(), health.record());
        }
    }
}
