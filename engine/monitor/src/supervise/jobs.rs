//! Work in the container: how it begins and comes to its end, whatever it is for.

use std::time::Duration;

use pontoon_monitor::health::Outcome;
use rustix::event::epoll::EventFlags;
use rustix::process::Pid;

use super::Supervisor;
use super::joining::Purpose;
use super::sources::Source;
use crate::check::{Groups, Job, Working};
use crate::timers::Alarm;

/// The work of one kind.
#[derive(Debug)]
struct Desk {
    working: Option<Working>,
    groups: Groups,
}

/// One desk for each kind, in their order.
#[derive(Debug)]
pub struct Desks([Desk; Job::ALL.len()]);

impl Default for Desks {
    fn default() -> Self {
        Self(Job::ALL.map(|job| Desk { working: None, groups: Groups::of(job) }))
    }
}

impl Desks {
    fn of(&mut self, job: Job) -> &mut Desk {
        let [check, readiness, handler] = &mut self.0;
        match job {
            Job::Check => check,
            Job::Readiness => readiness,
            Job::Handler => handler,
        }
    }
}

impl Supervisor<'_> {
    /// Whether work of that kind is being done.
    pub(super) fn works(&mut self, job: Job) -> bool {
        self.desks.of(job).working.is_some()
    }

    /// The processes of what is being done.
    pub(super) fn working_pids(&self) -> impl Iterator<Item = Pid> {
        self.desks.0.iter().filter_map(|it| it.working.as_ref()?.pid())
    }

    /// Whose process that is.
    pub(super) fn job_of(&self, pid: Pid) -> Option<Job> {
        let is_its = |desk: &Desk| desk.working.as_ref().is_some_and(|it| it.pid() == Some(pid));
        Job::ALL.into_iter().zip(&self.desks.0).find(|(_, desk)| is_its(desk)).map(|it| it.0)
    }

    /// Begins it. It must not be frozen.
    pub(super) fn begin_job(&mut self, job: Job, args: &[String], is_probe: bool, timeout: Option<Duration>) {
        let desk = self.desks.of(job);
        match Working::begin(self.launched, self.plan, args, is_probe, &mut desk.groups) {
            Ok((working, joining)) => {
                let _ = self.sources.watch(working.output(), Source::Job(job), EventFlags::IN);
                if let Some(timeout) = timeout {
                    self.timers.set(Alarm::TimeOver(job), timeout);
                }
                desk.working = Some(working);
                if let Some(joining) = joining {
                    self.await_process(joining, Purpose::Job(job));
                }
            }
            Err(outcome) => self.job_is_done(job, outcome),
        }
    }

    /// Its process runs.
    pub(super) fn job_runs(&mut self, job: Job, running: &pontoon_runtime::start::Running) {
        if let Some(working) = &mut self.desks.of(job).working {
            working.runs(running);
        }
    }

    pub(super) fn job_output(&mut self, job: Job) {
        let Some(working) = &mut self.desks.of(job).working else { return };
        if !working.read() {
            self.sources.forget(working.output());
        }
    }

    pub(super) fn job_ended(&mut self, job: Job, code: i32) {
        let Some(working) = self.take_job(job) else { return };
        self.job_is_done(job, working.outcome(code));
    }

    /// It is over.
    pub(super) fn take_job(&mut self, job: Job) -> Option<Working> {
        let desk = self.desks.of(job);
        let working = desk.working.take()?;
        // What it leaves running may go on until its time is over.
        if !desk.groups.note(&working) {
            self.timers.cancel(Alarm::TimeOver(job));
        }
        self.sources.forget(working.output());
        Some(working)
    }

    /// Its time is over.
    pub(super) fn job_takes_too_long(&mut self, job: Job) {
        let desk = self.desks.of(job);
        desk.groups.end_left_behind();
        let Some(working) = &mut desk.working else { return };
        let is_process = working.kill(&mut desk.groups);
        self.give_up(|purpose| purpose == Purpose::Job(job));
        if !is_process {
            self.job_ended(job, -1);
        }
    }

    fn job_is_done(&mut self, job: Job, outcome: Outcome) {
        match job {
            Job::Check => self.judge(outcome),
            Job::Readiness => self.judge_readiness(&outcome),
            Job::Handler => self.handled(&outcome),
        }
    }

    /// It could not be started.
    pub(super) fn job_cannot_run(&mut self, job: Job, err: &pontoon_runtime::start::StartError) {
        if let Some(working) = self.take_job(job) {
            self.job_is_done(job, working.cannot_run(err));
        }
    }

    /// The container has ended: nothing is to be done in it any more.
    pub(super) fn end_jobs(&mut self) {
        for desk in &mut self.desks.0 {
            if let Some(mut working) = desk.working.take() {
                working.kill(&mut desk.groups);
            }
        }
    }
}
