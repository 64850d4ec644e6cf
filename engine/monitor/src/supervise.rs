//! The supervisor's loop: it sleeps until something happens, and does the one thing that follows.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal as NixSignal;
use nix::sys::signalfd::SignalFd;
use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::event::Deed;
use pontoon_monitor::health::{Health, OnFailure, Outcome, Verdict};
use pontoon_monitor::notify::{self, Notifier};
use pontoon_monitor::plan::{MonitorPlan, NotifyPlan};
use pontoon_monitor::restart::RestartPolicy;
use pontoon_monitor::state::FailureReport;
use pontoon_runtime::plan::Process;
use pontoon_runtime::start::{Joining, Running, StandardStreams, StartError};
use pontoon_runtime::visit;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, pidfd_send_signal, wait, waitpid};

use crate::check::{Checking, Groups};
use crate::finish;
use crate::launch::Launched;
use crate::output::Stream;
use crate::relay::{OutputPipe, Relayed, Rest, Tap, Taps, Terminal};
use crate::tell::Teller;
use crate::timers::{Alarm, Timers};

const SIGNALS: u64 = 0;
const TIMER: u64 = 1;
const CONTROL: u64 = 2;
const NOTIFY: u64 = 3;
const TERMINAL: u64 = 4;
const TERMINAL_CLIENT: u64 = 5;
const OUTPUT: u64 = 6;
const COPY: u64 = 8;
const LOOKER_ON: u64 = 10;
const CHECK: u64 = 11;
const CLIENTS: u64 = 100;
/// When a check is tried again that could not be made, in nanoseconds.
const SOON: u64 = 1_000_000_000;

/// A connection to the control socket.
#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    waits: bool,
}

/// A process that joined.
#[derive(Debug)]
struct Joined {
    client: u64,
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
    Exec(u64),
    /// The check that is due.
    Check,
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
    control: &'a OwnedFd,
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
    health: Option<Health<'a>>,
    checking: Option<Checking>,
    check_groups: Groups,
    /// Clients that wait for the outcome of a check.
    askers: Vec<u64>,
    taps: Taps,
    halt: Halt,
    policy: RestartPolicy,
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
}

/// Connections that wait for the end, and the end.
#[derive(Debug)]
pub struct Ended {
    /// Exit code.
    pub code: i32,
    /// Why, if not by itself.
    pub halt: Halt,
    /// The restart policy by now.
    pub policy: RestartPolicy,
    /// The client of its terminal.
    pub client: Option<OwnedFd>,
    waiting: Vec<OwnedFd>,
    /// What it wrote last and nobody has taken yet.
    rests: Vec<Rest>,
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
        for client in std::mem::take(&mut self.waiting) {
            let _ = control::send(&client, &Reply::Exited { code: self.code }, &[]);
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
        policy: RestartPolicy,
    ) -> Result<Self, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut timers = Timers::new()?;
        if let Some(seconds) = plan.timeout {
            timers.set(Alarm::RunTime, Duration::from_secs(seconds.into()));
        }
        let health = plan.health.as_ref().map(Health::new);
        if health.as_ref().is_some_and(|it| it.check().interval > 0) {
            timers.set(Alarm::Check, Duration::ZERO);
        }
        let copy = plan.streams.foreground && !(launched.log.is_journal() && stdout_is_journal());
        let outputs = launched.output.take().map_or([None, None], |(out, err)| {
            let pipe = |pipe, stream| Some(OutputPipe { pipe, stream, copy });
            [pipe(out, Stream::Output), pipe(err, Stream::Error)]
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
            control,
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
            health,
            checking: None,
            check_groups: Groups::default(),
            askers: Vec::new(),
            taps: Taps::default(),
            halt: Halt::default(),
            policy,
        };
        supervisor.watch(supervisor.signals.as_fd(), SIGNALS, EventFlags::IN)?;
        supervisor.watch(supervisor.timers.fd(), TIMER, EventFlags::IN)?;
        supervisor.watch(supervisor.control.as_fd(), CONTROL, EventFlags::IN)?;
        if let Some(socket) = &supervisor.launched.notify {
            supervisor.watch(socket.as_fd(), NOTIFY, EventFlags::IN)?;
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
        supervisor.note_health();
        Ok(supervisor)
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
            CHECK => self.check_output(),
            other if self.pending.contains_key(&other) => self.advance(other),
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
        let check = self.checking.as_ref().and_then(Checking::pid);
        for pid in joined.into_iter().chain(check).chain([self.launched.running.pid]) {
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
        } else if self.checking.as_ref().is_some_and(|it| it.pid() == Some(pid)) {
            self.check_ended(code);
        } else if let Some(joined) = self.joined.remove(&pid.as_raw_nonzero().get()) {
            self.teller.ended(Deed::ExecDied, code);
            self.reply(joined.client, &Reply::Exited { code }, &[]);
        }
    }

    fn kill(&self, signal: i32) -> Result<(), Errno> {
        match Signal::from_named_raw(signal) {
            Some(signal) => pidfd_send_signal(&self.launched.running.pidfd, signal),
            None => pontoon_rootless::sys::pidfd_send_any_signal(self.launched.running.pidfd.as_fd(), signal)
                .map_err(|err| Errno::from_io_error(&err).unwrap_or(Errno::INVAL)),
        }
    }

    /// Asks the payload to end, and sets the time after which it is made to.
    fn stop(&mut self, timeout: Option<u32>) {
        self.halt.is_asked = true;
        let timeout = timeout.unwrap_or(self.plan.stop_timeout);
        if timeout == 0 {
            return self.time_is_up();
        }
        let _ = self.kill(self.plan.stop_signal);
        self.timers.set(Alarm::Kill, Duration::from_secs(timeout.into()));
    }

    fn alarms(&mut self) {
        while let Some(alarm) = self.timers.next_due() {
            match alarm {
                Alarm::Kill | Alarm::RunTime => self.time_is_up(),
                Alarm::Check => self.begin_check(),
                Alarm::CheckTimeout => self.check_takes_too_long(),
            }
        }
    }

    fn check_takes_too_long(&mut self) {
        self.check_groups.end_left_behind();
        let Some(checking) = &mut self.checking else { return };
        let is_process = checking.kill(&mut self.check_groups);
        self.give_up(Purpose::Check);
        if !is_process {
            self.check_ended(-1);
        }
    }

    fn time_is_up(&mut self) {
        let _ = self.kill(Signal::KILL.as_raw());
        if let Some((cgroup, _)) = &self.launched.cgroup {
            let _ = cgroup.kill();
        }
        self.timers.cancel(Alarm::Kill);
    }

    /// Runs the check that is due, unless one runs.
    fn begin_check(&mut self) {
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

    fn check_output(&mut self) {
        let Some(checking) = &mut self.checking else { return };
        if !checking.read() {
            let _ = epoll::delete(&self.epoll, checking.output());
        }
    }

    fn check_ended(&mut self, code: i32) {
        let Some(checking) = self.take_check() else { return };
        self.judge(checking.outcome(code));
    }

    /// The check is over.
    fn take_check(&mut self) -> Option<Checking> {
        let checking = self.checking.take()?;
        // What it leaves running may go on until its time is over.
        if !self.check_groups.note(&checking) {
            self.timers.cancel(Alarm::CheckTimeout);
        }
        let _ = epoll::delete(&self.epoll, checking.output());
        Some(checking)
    }

    /// Has a process that is about to join watched.
    fn await_process(&mut self, joining: Joining, purpose: Purpose) {
        let token = self.next_client;
        self.next_client += 1;
        match self.watch(joining.fd(), token, EventFlags::IN) {
            Ok(()) => drop(self.pending.insert(token, Pending { joining, purpose })),
            Err(err) => self.did_not_join(purpose, &StartError::Socket(err.into())),
        }
    }

    /// A process that is about to join says something.
    fn advance(&mut self, token: u64) {
        let Some(pending) = self.pending.get_mut(&token) else { return };
        let purpose = pending.purpose;
        match pending.joining.advance() {
            Ok(None) => return,
            Ok(Some(running)) => self.has_joined(purpose, &running),
            Err(err) => self.did_not_join(purpose, &err),
        }
        self.forget_pending(|at, _| at == token);
        // It may have ended already, and others before it.
        self.reap();
    }

    /// Gives up those that are about to join for somebody.
    fn give_up(&mut self, unwanted: Purpose) {
        if self.pending.values().any(|it| it.purpose == unwanted) {
            self.forget_pending(|_, purpose| purpose == unwanted);
            self.reap();
        }
    }

    fn forget_pending(&mut self, unwanted: impl Fn(u64, Purpose) -> bool) {
        let epoll = &self.epoll;
        self.pending.retain(|token, it| {
            let is_kept = !unwanted(*token, it.purpose);
            if !is_kept {
                let _ = epoll::delete(epoll, it.joining.fd());
            }
            is_kept
        });
    }

    fn has_joined(&mut self, purpose: Purpose, running: &Running) {
        let client = match purpose {
            Purpose::Exec(client) => client,
            Purpose::Check => {
                if let Some(checking) = &mut self.checking {
                    checking.runs(running);
                }
                return;
            }
        };
        let pid = running.pid.as_raw_nonzero().get();
        self.joined.insert(pid, Joined { client });
        self.teller.tell(Deed::Exec);
        let terminal: Vec<_> = running.terminal.iter().map(AsFd::as_fd).collect();
        self.reply(client, &Reply::Started { pid }, &terminal);
    }

    fn did_not_join(&mut self, purpose: Purpose, err: &StartError) {
        match purpose {
            Purpose::Exec(client) => {
                let report = FailureReport::new(err, err.hint(), err.exit_code());
                self.reply(client, &Reply::Failed(report), &[]);
            }
            Purpose::Check => {
                if let Some(checking) = self.take_check() {
                    self.judge(checking.cannot_run(err));
                }
            }
        }
    }

    /// Notes an outcome, and does what follows from it.
    fn judge(&mut self, outcome: Outcome) {
        let code = outcome.exit_code;
        let Some(health) = &mut self.health else { return };
        let before = health.record().status.clone();
        let verdict = health.take(outcome, self.started.elapsed());
        let interval = health.check().interval;
        // A check that says what the one before it said is no news, unless every one is asked for.
        let is_news = code != 0 || health.record().status != before;
        if is_news || self.plan.health.as_ref().is_some_and(|it| it.log_to_events) {
            self.teller.health(health.record());
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
    fn tell_unhealthy(&self, action: OnFailure) {
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

    /// Whether the container is paused.
    fn is_frozen(&self) -> bool {
        let cgroup = self.launched.cgroup.as_ref().map(|it| &it.0);
        cgroup.and_then(|it| it.read("cgroup.freeze").ok()).is_some_and(|text| text.starts_with('1'))
    }

    /// Leaves word for other commands how the container is.
    fn note_health(&self) {
        if let (Some(health), Some(plan)) = (&self.health, &self.plan.health) {
            finish::note_health(self.plan, plan, health.record());
        }
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

    fn accept(&mut self) {
        while let Ok(socket) =
            rustix::net::accept_with(self.control, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
        {
            let token = self.next_client;
            self.next_client += 1;
            if self.watch(socket.as_fd(), token, EventFlags::IN).is_ok() {
                self.clients.insert(token, Client { socket, waits: false });
            }
        }
    }

    fn drop_client(&mut self, token: u64) {
        if let Some(client) = self.clients.remove(&token) {
            self.forget(client.socket.as_fd());
            self.give_up(Purpose::Exec(token));
        }
    }

    fn reply(&mut self, token: u64, reply: &Reply, fds: &[BorrowedFd<'_>]) {
        if let Some(client) = self.clients.get(&token)
            && control::send(&client.socket, reply, fds).is_err()
        {
            self.drop_client(token);
        }
    }

    fn hear(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        let (request, fds) = match control::receive::<Request>(&client.socket) {
            Ok(Some(received)) => received,
            Ok(None) | Err(_) => return self.drop_client(token),
        };
        match request {
            Request::Stop { timeout } => {
                client.waits = true;
                self.halt.by_command = true;
                self.stop(timeout);
            }
            Request::Wait => client.waits = true,
            Request::Check if self.health.is_none() => {
                let chain = vec!["the container has no health check".to_owned()];
                let report = FailureReport { chain, hint: None, code: 125 };
                self.reply(token, &Reply::Failed(report), &[]);
            }
            Request::Check => {
                self.askers.push(token);
                self.begin_check();
            }
            Request::Attach => self.attach(token, fds),
            Request::Renamed(name) => {
                self.teller.renamed(name);
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Policy(policy) => {
                self.policy = policy;
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Kill { signal } => {
                self.halt.by_command |= [Signal::KILL, Signal::TERM, Signal::INT, Signal::QUIT]
                    .map(Signal::as_raw)
                    .contains(&signal)
                    || signal == self.plan.stop_signal;
                let reply = match self.kill(signal) {
                    Ok(()) => {
                        self.teller.tell(Deed::Kill);
                        Reply::Done
                    }
                    Err(err) => Reply::Failed(FailureReport {
                        chain: vec![
                            "cannot send the signal".to_owned(),
                            std::io::Error::from(err).to_string(),
                        ],
                        hint: None,
                        code: 125,
                    }),
                };
                self.reply(token, &reply, &[]);
            }
            Request::Resize { rows, columns } => {
                if let Some(terminal) = &self.terminal {
                    let size = rustix::termios::Winsize {
                        ws_row: rows,
                        ws_col: columns,
                        ws_xpixel: 0,
                        ws_ypixel: 0,
                    };
                    let _ = rustix::termios::tcsetwinsize(&terminal.master, size);
                }
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Exec(process) => self.exec(token, &process, fds),
            Request::Root => {
                let user_namespace = self.plan.container.namespaces.user.is_some();
                match visit::root_of(self.launched.running.pidfd.as_fd(), user_namespace) {
                    Ok(root) => self.reply(token, &Reply::Done, &[root.as_fd()]),
                    Err(err) => {
                        let report = FailureReport::new(&err, err.hint(), err.exit_code());
                        self.reply(token, &Reply::Failed(report), &[]);
                    }
                }
            }
        }
    }

    /// Lets a client see what the payload writes from now on, and write what it reads.
    fn attach(&mut self, token: u64, fds: Vec<OwnedFd>) {
        let mut fds = fds.into_iter();
        let added = match (fds.next(), fds.next()) {
            (Some(stdout), Some(stderr)) => self.taps.add(Tap { stdout, stderr }),
            _ => Err(Errno::BADF),
        };
        if let Err(err) = added {
            let cause = std::io::Error::from(err).to_string();
            let chain = vec!["cannot attach".to_owned(), cause];
            return self.reply(token, &Reply::Failed(FailureReport { chain, hint: None, code: 125 }), &[]);
        }
        let master = self.terminal.as_ref().and_then(|it| it.master.try_clone().ok());
        let input = master.or_else(|| self.launched.input.as_ref().and_then(|it| it.try_clone().ok()));
        self.teller.tell(Deed::Attach);
        if let Some(client) = self.clients.get_mut(&token) {
            client.waits = true;
        }
        let input: Vec<_> = input.iter().map(AsFd::as_fd).collect();
        self.reply(token, &Reply::Done, &input);
    }

    fn exec(&mut self, token: u64, process: &Process, fds: Vec<OwnedFd>) {
        let mut fds = fds.into_iter();
        let streams = match (fds.next(), fds.next(), fds.next()) {
            (Some(stdin), Some(stdout), Some(stderr)) => Some(StandardStreams { stdin, stdout, stderr }),
            _ => None,
        };
        if streams.is_none() && !process.terminal {
            let text = "the request came without standard streams".to_owned();
            let report = FailureReport { chain: vec![text], hint: None, code: 125 };
            return self.reply(token, &Reply::Failed(report), &[]);
        }
        if self.is_frozen() {
            let text = "the container is paused".to_owned();
            let hint = Some(format!("let it go on first: pontoon unpause {}", self.plan.name));
            let report = FailureReport { chain: vec![text], hint, code: 125 };
            return self.reply(token, &Reply::Failed(report), &[]);
        }
        let cgroup = self.launched.cgroup.as_ref().map(|it| it.1.as_fd());
        let (target, namespaces) = (self.launched.running.pidfd.as_fd(), &self.plan.container.namespaces);
        match Joining::begin(target, namespaces, process, &self.launched.extras, streams, cgroup) {
            Ok(joining) => self.await_process(joining, Purpose::Exec(token)),
            Err(err) => self.did_not_join(Purpose::Exec(token), &err),
        }
    }

    /// The payload has ended: keeps what it wrote last, and ends what joined it.
    fn finish(mut self) -> Ended {
        self.pending.clear();
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
        let waiting = self.clients.into_values().filter(|it| it.waits).map(|it| it.socket).collect();
        let client = self.terminal.and_then(|it| it.client);
        Ended {
            code: self.ended.unwrap_or(125),
            halt: self.halt,
            policy: self.policy,
            client,
            waiting,
            rests,
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
