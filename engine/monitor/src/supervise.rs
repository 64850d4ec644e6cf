//! The supervisor's loop: it sleeps until something happens, and does the one thing that follows.

mod checks;
mod clients;
mod handlers;
mod jobs;
mod joining;
mod networks;

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal as NixSignal;
use nix::sys::signalfd::SignalFd;
use pontoon_monitor::control::{self, Reply, Stage};
use pontoon_monitor::event::Deed;
use pontoon_monitor::health::Health;
use pontoon_monitor::notify::{self, Notifier};
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::state::{self, FailureReport, RunState};
use pontoon_monitor::time;
use pontoon_network::ResolverFollower;
use pontoon_runtime::start::Joining;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, pidfd_send_signal, wait, waitpid};

use crate::activation::{Activation, Leading};
use crate::check::Job;
use crate::course::Course;
use crate::door::Door;
use crate::finish;
use crate::launch::Launched;
use crate::output::Stream;
use crate::relay::{OutputPipe, Relayed, Rest, Taps, Terminal};
use crate::tell::Teller;
use crate::timers::{Alarm, Timers};
use handlers::Moment;
use jobs::Desk;

const SIGNALS: u64 = 0;
const TIMER: u64 = 1;
const CONTROL: u64 = 2;
const NOTIFY: u64 = 3;
const TERMINAL: u64 = 4;
const TERMINAL_CLIENT: u64 = 5;
const OUTPUT: u64 = 6;
const COPY: u64 = 8;
const LOOKER_ON: u64 = 10;
const NETWORKS: u64 = 12;
const RESOLVERS: u64 = 13;
/// One for each [`Job`].
const JOBS: u64 = 14;
const JOBS_END: u64 = JOBS + Job::ALL.len() as u64;
/// The infra container's supervisor.
const POD: u64 = 20;
const CLIENTS: u64 = 100;
/// What Podman takes for the exit code of a container that has run for as long as it may; a shell sees 255.
const OUT_OF_TIME: i32 = -1;
/// Terminals that nobody holds, by the pids of their processes.
const UNATTENDED: u64 = 1 << 40;

/// A connection to the control socket.
#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    waits: bool,
    /// It is the supervisor of a member of the pod.
    membership: Option<Membership>,
}

/// What a member is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Membership {
    /// The pod is there as long as it is.
    Main,
    /// It is there for the others.
    Sidecar,
    /// It was told that they have ended.
    Dismissed,
}

/// A process that joined.
#[derive(Debug)]
struct Joined {
    client: u64,
    /// Its terminal, if nobody else holds it.
    terminal: Option<OwnedFd>,
}

/// A process that is about to join.
#[derive(Debug)]
struct Pending {
    joining: Joining,
    purpose: Purpose,
}

/// Who wants a process to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A client.
    Exec {
        /// Which.
        client: u64,
        /// Nobody holds its terminal.
        unattended: bool,
    },
    /// Work of ours.
    Job(Job),
}

/// What the loop holds.
pub struct Supervisor<'a> {
    plan: &'a MonitorPlan,
    teller: &'a Teller<'a>,
    launched: &'a mut Launched,
    manager: Option<&'a Notifier>,
    epoll: OwnedFd,
    signals: &'a SignalFd,
    timers: Timers,
    door: Door<'a>,
    outputs: [Option<OutputPipe>; 2],
    terminal: Option<Terminal>,
    /// What its two sides are watched for.
    terminal_watch: [EventFlags; 2],
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    joined: BTreeMap<i32, Joined>,
    /// By the token of what they say, which are of one kind with those of clients.
    pending: BTreeMap<u64, Pending>,
    ended: Option<i32>,
    report: Option<BorrowedFd<'a>>,
    started: Instant,
    health: Option<Health>,
    /// What is being done in the container.
    desks: [Desk; 3],
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
}

/// Why a run ends, as far as it does not end by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Halt {
    /// Somebody stopped it, by a command.
    pub by_command: bool,
    /// We were told to end, by a signal or by what a health check says.
    pub by_signal: bool,
    /// It is to be started anew, whatever its policy says.
    pub for_restart: bool,
    /// It was asked to end, in the way it wants to be.
    pub is_asked: bool,
    /// Whoever wanted it to end was neither itself nor its health check.
    pub by_others: bool,
}

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
        let exited = Reply::Exited { code: self.code, by_others: self.halt.by_others };
        for client in std::mem::take(&mut self.waiting) {
            let _ = control::send(&client, &exited, &[]);
        }
    }
}

impl<'a> Supervisor<'a> {
    #[expect(clippy::too_many_arguments, reason = "what a run consists of, given once")]
    /// Takes hold of everything that can happen. `client` is the attached terminal's byte stream, `report` the pipe to the one
    /// who started us, if that is not systemd.
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
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let timers = Timers::new()?;
        let copy = plan.streams.foreground && !(launched.log.is_journal() && stdout_is_journal());
        let outputs = launched.output.take().map_or([None, None], |(out, err)| {
            let pipe = |pipe, stream, hides: bool| Some(OutputPipe { pipe, stream, copy: copy && !hides });
            let streams = &plan.streams;
            [pipe(out, Stream::Output, streams.hides_output), pipe(err, Stream::Error, streams.hides_errors)]
        });
        let terminal = launched.running.terminal.take().map(|master| Terminal::new(master, client));
        let mut supervisor = Self {
            plan,
            teller,
            launched,
            manager,
            epoll,
            signals,
            timers,
            door: Door::new(control),
            outputs,
            terminal,
            terminal_watch: [EventFlags::empty(); 2],
            clients: BTreeMap::new(),
            next_client: CLIENTS,
            joined: BTreeMap::new(),
            pending: BTreeMap::new(),
            ended: None,
            report,
            started: Instant::now(),
            health: course.health.clone().map(Health::new),
            desks: Desk::all(),
            moment: Moment::default(),
            stages: Vec::new(),
            askers: Vec::new(),
            taps: Taps::default(),
            halt: Halt::default(),
            // Without it the container goes on with the resolvers that it has.
            resolvers: follow_resolvers(plan, &course),
            course,
            restarters: Vec::new(),
            has_run_out: false,
            state,
            failure: None,
            leading: None,
            is_idle: false,
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
            supervisor.watch(resolvers, RESOLVERS, EventFlags::IN)?;
        }
        supervisor.watch(supervisor.signals.as_fd(), SIGNALS, EventFlags::IN)?;
        supervisor.watch(supervisor.timers.fd(), TIMER, EventFlags::IN)?;
        supervisor.watch(supervisor.door.socket().as_fd(), CONTROL, EventFlags::IN)?;
        if let Some(socket) = &supervisor.launched.notify {
            supervisor.watch(socket.as_fd(), NOTIFY, EventFlags::IN)?;
        }
        if let Some(pod) = &supervisor.launched.pod {
            supervisor.watch(pod.as_fd(), POD, EventFlags::IN)?;
        }
        if let Some(networks) = &supervisor.launched.networks {
            supervisor.watch(networks.as_fd(), NETWORKS, EventFlags::IN)?;
        }
        if let Some(report) = report {
            // Nothing but its reader's end is ever told of the writing side.
            supervisor.watch(report, LOOKER_ON, EventFlags::empty())?;
        }
        for (index, output) in (0u64..).zip(&supervisor.outputs) {
            if let Some(output) = output {
                set_nonblocking(output.pipe.as_fd())?;
                supervisor.watch(output.pipe.as_fd(), OUTPUT + index, EventFlags::IN)?;
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
    fn set_out(&mut self) {
        self.started = Instant::now();
        if let Some(seconds) = self.plan.timeout {
            self.timers.set(Alarm::RunTime, Duration::from_secs(seconds.into()));
        }
        self.note_health();
        self.ask_for_time("");
        self.begin_running();
    }

    /// Gives the first process, which was held, the word to become the payload.
    fn let_it_run(&mut self) -> Result<(), FailureReport> {
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
        finish::note(self.plan, state::STATE_FILE, &self.state);
        self.teller.tell(Deed::Start);
        crate::tell_manager(self.plan, self.manager);
        finish::run_poststart_hooks(self.plan, self.launched.running.pid.as_raw_nonzero().get());
        self.set_out();
        Ok(())
    }

    fn watch(&self, fd: BorrowedFd<'_>, token: u64, flags: EventFlags) -> Result<(), Errno> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token), flags)
    }

    fn forget(&self, fd: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Runs until the payload has ended and everything it wrote has been kept.
    pub fn run(mut self) -> Ended {
        let mut events = [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 16];
        while self.ended.is_none() {
            let count = match epoll::wait(&self.epoll, &mut events[..], None) {
                Ok(count) => count,
                Err(Errno::INTR) => continue,
                // The descriptor is ours and valid; if the kernel refuses, supervising is over.
                Err(_) => break,
            };
            for event in events.iter().take(count) {
                self.happened(event.data.u64());
            }
        }
        self.finish()
    }

    fn happened(&mut self, token: u64) {
        match token {
            SIGNALS => self.read_signals(),
            TIMER => self.alarms(),
            CONTROL => self.accept(),
            // A file that cannot be written stays as it is.
            RESOLVERS => drop(self.resolvers.as_mut().map(ResolverFollower::follow)),
            NOTIFY => {
                if let (Some(socket), Some(manager)) = (&self.launched.notify, self.manager) {
                    notify::relay(socket, manager);
                }
            }
            TERMINAL => self.terminal_is_ready(),
            TERMINAL_CLIENT => self.terminal_client_is_ready(),
            OUTPUT | 7 => self.output((token - OUTPUT) as usize),
            COPY | 9 => self.copy_is_ready((token - COPY) as usize),
            LOOKER_ON => self.let_go(),
            JOBS..JOBS_END => self.job_output(token),
            NETWORKS => self.attend_networks(),
            POD => self.hear_pod(),
            other if self.pending.contains_key(&other) => self.advance(other),
            terminal if terminal >= UNATTENDED => self.forget_output(terminal - UNATTENDED),
            client => self.hear(client),
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

    /// Takes up every child that has ended: the payload, processes that joined, helpers. While one is about to join, only
    /// those that we know, so that it cannot have ended before we know it.
    fn reap(&mut self) {
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
            self.reply(joined.client, &Reply::Exited { code, by_others: false }, &[]);
        }
    }

    fn kill(&self, signal: i32) -> Result<(), Errno> {
        match Signal::from_named_raw(signal) {
            Some(signal) => pidfd_send_signal(&self.launched.running.pidfd, signal),
            None => pontoon_rootless::sys::pidfd_send_any_signal(self.launched.running.pidfd.as_fd(), signal)
                .map_err(|err| Errno::from_io_error(&err).unwrap_or(Errno::INVAL)),
        }
    }

    /// Notes that it is to end for others' reasons; not if it has done so by itself before.
    fn told_by_others(&mut self) {
        self.halt.by_others |= self.ended.is_none();
    }

    /// Asks the payload to end, and sets the time after which it is made to.
    fn stop(&mut self, timeout: Option<u32>) {
        self.halt.is_asked = true;
        self.state.stopping = true;
        finish::note(self.plan, state::STATE_FILE, &self.state);
        let timeout = timeout.unwrap_or(self.plan.stop_timeout);
        // Where no program runs there is nobody to ask.
        if timeout == 0 || self.launched.held.is_some() {
            return self.time_is_up();
        }
        let time = Duration::from_secs(timeout.into());
        self.timers.set(Alarm::Kill, time);
        if !self.is_prepared_for_end(time) {
            let _ = self.kill(self.plan.stop_signal);
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
                Alarm::TimeOver(job) => self.job_takes_too_long(job),
            }
        }
    }

    fn time_is_up(&mut self) {
        let _ = self.kill(Signal::KILL.as_raw());
        if let Some((cgroup, _)) = &self.launched.cgroup {
            let _ = cgroup.kill();
        }
        self.timers.cancel(Alarm::Kill);
    }

    /// Whether the container is paused.
    fn is_frozen(&self) -> bool {
        let cgroup = self.launched.cgroup.as_ref().map(|it| &it.0);
        cgroup.and_then(|it| it.read("cgroup.freeze").ok()).is_some_and(|text| text.starts_with('1'))
    }

    fn output(&mut self, index: usize) {
        let Some(slot) = self.outputs.get_mut(index) else { return };
        let Some(output) = slot else { return };
        match output.relay(&mut self.launched.log, &mut self.taps) {
            Relayed::Some => {}
            Relayed::End => {
                if let Some(output) = slot.take() {
                    self.forget(output.pipe.as_fd());
                }
            }
            Relayed::Blocked => {
                let (pipe, target) = (output.pipe.as_fd(), output.copy_target());
                let _ = epoll::delete(&self.epoll, pipe);
                let flags = EventFlags::OUT | EventFlags::ONESHOT;
                let _ = epoll::add(&self.epoll, target, EventData::new_u64(COPY + index as u64), flags);
            }
        }
    }

    fn copy_is_ready(&mut self, index: usize) {
        if let Some(Some(output)) = self.outputs.get(index) {
            self.forget(output.copy_target());
            let _ = self.watch(output.pipe.as_fd(), OUTPUT + index as u64, EventFlags::IN);
        }
    }

    /// Nobody looks on any more: what was open for them must not be held, or whoever reads it waits for us.
    fn let_go(&mut self) {
        for index in 0..self.outputs.len() {
            let Some(Some(output)) = self.outputs.get_mut(index) else { continue };
            if std::mem::take(&mut output.copy) {
                let (pipe, target) = (output.pipe.as_fd(), output.copy_target());
                let _ = epoll::delete(&self.epoll, target);
                // It is watched already unless the copy was blocked.
                let flags = EventFlags::IN;
                let _ = epoll::add(&self.epoll, pipe, EventData::new_u64(OUTPUT + index as u64), flags);
            }
        }
        if let Some(report) = self.report {
            self.forget(report);
        }
        let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        if let Ok(null) = null {
            let _ = rustix::stdio::dup2_stdin(&null);
            let _ = rustix::stdio::dup2_stdout(&null);
            let _ = rustix::stdio::dup2_stderr(&null);
        }
    }

    fn terminal_is_ready(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.relay(&mut self.launched.log, &mut self.taps);
        }
        self.watch_terminal();
    }

    fn terminal_client_is_ready(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.attend_client();
        }
        self.watch_terminal();
    }

    /// Watches both sides of the terminal for what is wanted of them now.
    fn watch_terminal(&mut self) {
        let Some(terminal) = &self.terminal else { return };
        let master = (terminal.master.as_fd(), TERMINAL, terminal.master_events());
        let client =
            terminal.client.as_ref().map(|it| (it.as_fd(), TERMINAL_CLIENT, terminal.client_events()));
        for (known, (fd, token, wanted)) in
            self.terminal_watch.iter_mut().zip([Some(master), client].into_iter().flatten())
        {
            let data = EventData::new_u64(token);
            // A hang-up is told whether asked for or not, so a side of which nothing is wanted is not watched at all.
            let _ = match (known.is_empty(), wanted.is_empty()) {
                (true, true) => Ok(()),
                (true, false) => epoll::add(&self.epoll, fd, data, wanted),
                (false, true) => epoll::delete(&self.epoll, fd),
                (false, false) if *known == wanted => Ok(()),
                (false, false) => epoll::modify(&self.epoll, fd, data, wanted),
            };
            *known = wanted;
        }
    }

    /// The payload has ended: keeps what it wrote last, and ends what joined it.
    fn finish(mut self) -> Ended {
        self.pending.clear();
        self.end_jobs();
        drop(self.leading.take());
        let mut rests = Vec::new();
        for output in self.outputs.iter_mut().flatten() {
            let bytes = output.rest(&mut self.launched.log, &mut self.taps);
            rests.extend(Rest::new(output.copy_target(), bytes));
        }
        if let Some(terminal) = &mut self.terminal {
            let bytes = terminal.rest(&mut self.launched.log, &mut self.taps);
            rests.extend(terminal.client.as_ref().and_then(|it| Rest::new(it.as_fd(), bytes)));
        }
        self.launched.log.finish();
        self.reap();
        let restarters =
            self.restarters.iter().filter_map(|it| self.clients.remove(it)).map(|it| it.socket).collect();
        let waiting = self.clients.into_values().filter(|it| it.waits).map(|it| it.socket).collect();
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
            waiting,
            rests,
            _resolvers: self.resolvers,
        }
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
fn follow_resolvers(plan: &MonitorPlan, course: &Course) -> Option<ResolverFollower> {
    let file = plan.files.get(plan.resolv_conf()?)?;
    let path = plan.run_directory.join(&file.name);
    let text = course.resolv_conf.as_ref().unwrap_or(&file.text);
    ResolverFollower::begin(&plan.network, course.join.as_ref(), &path, text).ok().flatten()
}
