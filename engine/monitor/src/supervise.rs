//! The supervisor's loop: it sleeps until something happens, and does the one thing that follows.
//!
//! What may happen is a [`Source`]; [`Supervisor::happened`] says what follows from each, and the files beside this one do it.

mod beginning;
mod checks;
mod children;
mod clients;
mod ended;
mod halt;
mod handlers;
mod helper;
mod jobs;
mod joining;
mod networks;
mod sources;
mod streams;

use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use nix::sys::signal::Signal as NixSignal;
use nix::sys::signalfd::SignalFd;
use pontoon_monitor::control::Stage;
use pontoon_monitor::health::Health;
use pontoon_monitor::notify::{self, Notifier};
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::state::{FailureReport, RunState};
use pontoon_network::ResolverFollower;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

pub use self::ended::Ended;
pub use self::halt::Halt;

use self::clients::Client;
use self::handlers::Moment;
use self::helper::Helpers;
use self::jobs::Desks;
use self::joining::{Joined, Pending};
use self::sources::{Source, Sources};
use crate::activation::Leading;
use crate::course::Course;
use crate::door::Door;
use crate::launch::Launched;
use crate::relay::{OutputPipe, Taps, Terminal};
use crate::tell::Teller;
use crate::timers::{Alarm, Timers};

/// What the loop holds.
pub struct Supervisor<'a> {
    plan: &'a MonitorPlan,
    teller: &'a Teller<'a>,
    launched: &'a mut Launched,
    manager: Option<&'a Notifier>,
    sources: Sources,
    signals: &'a SignalFd,
    timers: Timers,
    door: Door<'a>,
    outputs: [Option<OutputPipe>; 2],
    terminal: Option<Terminal>,
    /// What its two sides are watched for.
    terminal_watch: [EventFlags; 2],
    clients: BTreeMap<u64, Client>,
    /// A member of the pod has ended, whatever became of the others.
    has_been_left: bool,
    /// The number of the next connection, or process that is about to join.
    next_talk: u64,
    joined: BTreeMap<i32, Joined>,
    /// By numbers that are of one kind with those of clients.
    pending: BTreeMap<u64, Pending>,
    /// Pipes that processes which joined still write into, and nobody reads any more; numbered with the clients.
    unread: BTreeMap<u64, OwnedFd>,
    ended: Option<i32>,
    report: Option<BorrowedFd<'a>>,
    started: Instant,
    health: Option<Health>,
    /// What is being done in the container.
    desks: Desks,
    moment: Moment,
    /// Clients that wait for how far the run gets.
    stages: Vec<(u64, Stage)>,
    /// Clients that wait for the outcome of a check.
    askers: Vec<u64>,
    taps: Taps,
    halt: Halt,
    /// What the next run is to be like.
    course: Course,
    /// Clients that wait for the container to run again.
    restarters: Vec<u64>,
    /// It has run for as long as it may.
    has_run_out: bool,
    /// What other commands are told of the run.
    state: RunState,
    /// Why the first process, which was held, did not become the payload.
    failure: Option<FailureReport>,
    /// What leads connections to the container.
    leading: Option<Leading>,
    /// It was not needed any more.
    is_idle: bool,
    /// Writes the host's resolvers into the container's file when they change.
    resolvers: Option<ResolverFollower>,
    /// What connects the container's network, and did before.
    helpers: Helpers,
}

impl Supervisor<'_> {
    /// Runs until the payload has ended and everything it wrote has been kept.
    pub fn run(mut self) -> Ended {
        while self.ended.is_none() {
            let happened = match self.sources.wait() {
                Ok(happened) => happened,
                Err(Errno::INTR) => continue,
                // The descriptor is ours and valid; if the kernel refuses, supervising is over.
                Err(_) => break,
            };
            for source in happened {
                self.happened(source);
            }
        }
        self.finish()
    }

    fn happened(&mut self, source: Source) {
        match source {
            Source::Signals => self.read_signals(),
            Source::Timer => self.alarms(),
            Source::Control => self.accept(),
            Source::Talk(number) if self.pending.contains_key(&number) => self.advance(number),
            Source::Talk(client) => self.hear(client),
            Source::Output(index) => self.output(index),
            Source::Copy(index) => self.copy_is_ready(index),
            Source::Log => self.log_is_ready(),
            Source::Terminal => self.terminal_is_ready(),
            Source::TerminalClient => self.terminal_client_is_ready(),
            Source::Unattended(pid) => self.forget_output(pid),
            Source::Unread(number) => self.forget_unread(number),
            Source::LookerOn => self.let_go(),
            Source::Job(job) => self.job_output(job),
            Source::Notify => {
                if let (Some(socket), Some(manager)) = (&self.launched.notify, self.manager) {
                    notify::relay(socket, manager);
                }
            }
            Source::Pod => self.hear_pod(),
            Source::Networks => self.attend_networks(),
            Source::Helper => self.helper_ended(),
            // A file that cannot be written stays as it is.
            Source::Resolvers => drop(self.resolvers.as_mut().map(ResolverFollower::follow)),
        }
    }

    fn read_signals(&mut self) {
        while let Ok(Some(signal)) = self.signals.read_signal() {
            match NixSignal::try_from(signal.ssi_signo.cast_signed()) {
                Ok(NixSignal::SIGCHLD) => self.reap(),
                // systemd, or a person, wants it to end.
                Ok(NixSignal::SIGTERM | NixSignal::SIGINT) => {
                    self.halt.by_signal = true;
                    self.told_by_others();
                    self.stop(None);
                }
                Ok(other) => {
                    let _ = self.kill(other as i32);
                }
                Err(_) => {}
            }
        }
    }

    fn alarms(&mut self) {
        while let Some(alarm) = self.timers.next_due() {
            match alarm {
                Alarm::Kill => {
                    if !self.ends_preparing() {
                        self.time_is_up();
                    }
                }
                Alarm::RunTime => {
                    self.has_run_out = true;
                    self.time_is_up();
                }
                Alarm::Check => self.begin_check(),
                Alarm::Readiness => self.begin_readiness(),
                Alarm::Helper => self.replace_helper(),
                Alarm::TimeOver(job) => self.job_takes_too_long(job),
            }
        }
    }
}
