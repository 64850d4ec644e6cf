//! How a run begins: what is watched from the first moment on, and what is counted from the payload's start.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signalfd::SignalFd;
use pontoon_monitor::event::Deed;
use pontoon_monitor::health::Health;
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::state::{self, FailureReport, RunState};
use pontoon_monitor::time;
use pontoon_network::ResolverFollower;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;

use super::handlers::Moment;
use super::helper::Helpers;
use super::jobs::Desks;
use super::sources::{Source, Sources};
use super::{Halt, Supervisor};
use crate::activation::Activation;
use crate::course::Course;
use crate::door::Door;
use crate::finish;
use crate::launch::Launched;
use crate::output::Stream;
use crate::relay::{OutputPipe, Taps, Terminal};
use crate::tell::Teller;
use crate::timers::{Alarm, Timers};

impl<'a> Supervisor<'a> {
    /// Takes hold of everything that can happen. `client` is the attached terminal's byte stream, `report` the pipe to the one
    /// who started us, if that is not systemd.
    #[expect(clippy::too_many_arguments, reason = "what a run consists of, given once")]
    pub fn new(
        plan: &'a MonitorPlan,
        teller: &'a Teller<'a>,
        launched: &'a mut Launched,
        manager: Option<&'a Notifier>,
        signals: &'a SignalFd,
        control: &'a OwnedFd,
        client: Option<OwnedFd>,
        report: Option<BorrowedFd<'a>>,
        course: Course,
        state: RunState,
        activation: Option<&Activation<'_>>,
    ) -> Result<Self, Errno> {
        let sources = Sources::none()?;
        let timers = Timers::new()?;
        let copy = plan.streams.foreground && !(launched.log.is_journal() && stdout_is_journal());
        let outputs = launched.output.take().map_or([None, None], |(out, err)| {
            let pipe = |pipe, stream, hides: bool| Some(OutputPipe::new(pipe, stream, copy && !hides));
            let streams = &plan.streams;
            [pipe(out, Stream::Output, streams.hides_output), pipe(err, Stream::Error, streams.hides_errors)]
        });
        let terminal = launched.running.terminal.take().map(|master| Terminal::new(master, client));
        // Without it the container goes on with the resolvers that it has.
        let resolvers = follow_resolvers(plan, &course, launched.resolv_conf.take());
        let mut supervisor = Self {
            plan,
            teller,
            launched,
            manager,
            sources,
            signals,
            timers,
            door: Door::new(control),
            outputs,
            terminal,
            terminal_watch: [EventFlags::empty(); 2],
            clients: BTreeMap::new(),
            has_been_left: false,
            next_talk: 0,
            joined: BTreeMap::new(),
            pending: BTreeMap::new(),
            unread: BTreeMap::new(),
            ended: None,
            report,
            started: Instant::now(),
            health: course.health.clone().map(Health::new),
            desks: Desks::default(),
            moment: Moment::default(),
            stages: Vec::new(),
            askers: Vec::new(),
            taps: Taps::default(),
            halt: Halt::default(),
            resolvers,
            course,
            restarters: Vec::new(),
            has_run_out: false,
            state,
            failure: None,
            leading: None,
            is_idle: false,
            helpers: Helpers::begin(),
        };
        if let Some(activation) = activation {
            match activation.lead_to(supervisor.state.pid) {
                Ok(leading) => supervisor.leading = Some(leading),
                Err(err) => {
                    finish::warn(&err);
                    supervisor.stop(None);
                }
            }
        }
        if let Some(resolvers) = supervisor.resolvers.as_ref().and_then(ResolverFollower::fd) {
            supervisor.sources.watch(resolvers, Source::Resolvers, EventFlags::IN)?;
        }
        supervisor.sources.watch(supervisor.signals.as_fd(), Source::Signals, EventFlags::IN)?;
        supervisor.sources.watch(supervisor.timers.fd(), Source::Timer, EventFlags::IN)?;
        supervisor.sources.watch(supervisor.door.socket().as_fd(), Source::Control, EventFlags::IN)?;
        if let Some(socket) = &supervisor.launched.notify {
            supervisor.sources.watch(socket.as_fd(), Source::Notify, EventFlags::IN)?;
        }
        if let Some(pod) = &supervisor.launched.pod {
            supervisor.sources.watch(pod.as_fd(), Source::Pod, EventFlags::IN)?;
        }
        if let Some(networks) = &supervisor.launched.networks {
            supervisor.sources.watch(networks.as_fd(), Source::Networks, EventFlags::IN)?;
        }
        if let Some(network) = &supervisor.launched.network {
            supervisor.sources.watch(network.helper_fd(), Source::Helper, EventFlags::IN)?;
        }
        if let Some(report) = report {
            // Nothing but its reader's end is ever told of the writing side.
            supervisor.sources.watch(report, Source::LookerOn, EventFlags::empty())?;
        }
        for (index, output) in supervisor.outputs.iter().enumerate() {
            if let Some(output) = output {
                set_nonblocking(output.pipe.as_fd())?;
                supervisor.sources.watch(output.pipe.as_fd(), Source::Output(index), EventFlags::IN)?;
            }
        }
        if let Some(terminal) = &supervisor.terminal {
            set_nonblocking(terminal.master.as_fd())?;
            terminal.client.as_ref().map_or(Ok(()), |it| set_nonblocking(it.as_fd()))?;
        }
        supervisor.watch_terminal();
        if supervisor.launched.held.is_none() {
            supervisor.set_out();
        }
        Ok(supervisor)
    }

    /// The payload runs from now on: everything begins that is counted from its start.
    pub(super) fn set_out(&mut self) {
        self.started = Instant::now();
        if let Some(seconds) = self.plan.timeout {
            self.timers.set(Alarm::RunTime, Duration::from_secs(seconds.into()));
        }
        self.note_health();
        self.ask_for_time("");
        self.begin_running();
    }

    /// Gives the first process, which was held, the word to become the payload.
    pub(super) fn let_it_run(&mut self) -> Result<(), FailureReport> {
        let Some(held) = self.launched.held.take() else {
            let chain = vec!["the container is running already".to_owned()];
            return Err(FailureReport { chain, hint: None, code: 125 });
        };
        if let Err(err) = held.go() {
            // The process ends by itself, and that is heard as always.
            let report = FailureReport::new(&err, err.hint(), err.exit_code());
            self.failure = Some(report.clone());
            return Err(report);
        }
        self.state.initialized = false;
        self.state.started_at = time::now();
        let _ = finish::note(self.plan, state::STATE_FILE, &self.state);
        self.teller.tell(Deed::Start);
        crate::tell_manager(self.plan, self.manager);
        finish::run_poststart_hooks(self.plan, self.launched.running.pid.as_raw_nonzero().get());
        self.set_out();
        Ok(())
    }
}

fn set_nonblocking(fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = rustix::fs::fcntl_getfl(fd)?;
    rustix::fs::fcntl_setfl(fd, flags | rustix::fs::OFlags::NONBLOCK)
}

/// Whether our standard output is a stream of the journal, as `$JOURNAL_STREAM` says (systemd.exec(5)).
fn stdout_is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Some((device, inode)) = stream.split_once(':') else { return false };
    rustix::fs::fstat(rustix::stdio::stdout())
        .is_ok_and(|it| device.parse() == Ok(it.st_dev) && inode.parse() == Ok(it.st_ino))
}

/// Follows the host's resolvers, and the container's networks, if the file is its own.
fn follow_resolvers(plan: &MonitorPlan, course: &Course, file: Option<File>) -> Option<ResolverFollower> {
    let text = &plan.files.get(plan.resolv_conf()?)?.text;
    let text = course.resolv_conf.as_ref().unwrap_or(text);
    ResolverFollower::begin(&plan.network, course.join.as_ref(), file?, text).ok().flatten()
}
