//! `pontoon-monitor`: one container's supervisor, from start to exit.
//!
//! Small, with a single thread, never polling. It is given a plan on a descriptor and executes it; it knows no command line
//! of a user, no image and no registry. Under the name `pontoon-init` it is a container's first process (`--init`),
//! and under `pontoon-lock` it waits for a lock in the place of a supervisor.

mod activation;
mod check;
mod connect;
mod course;
mod door;
mod files;
mod finish;
mod gate;
mod init;
mod late;
mod launch;
mod mapped;
mod output;
mod pause;
mod pod;
mod relay;
mod seal;
mod supervise;
mod tell;
mod timers;

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use pontoon_monitor::control::{self, Reply};
use pontoon_monitor::event::Deed;
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::{self, MonitorPlan, NotifyPlan, PodRole, Received};
use pontoon_monitor::restart::{Backoff, RestartPolicy};
use pontoon_monitor::state::{self, ExitRecord, FailureReport, Report, RunState};
use pontoon_monitor::{time, told_file};
use pontoon_rootless::sys::{self, inherited_fd};
use pontoon_runtime::plan::Process;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::activation::Activation;
use crate::course::Course;
use crate::gate::Gate;
use crate::launch::{Begun, LaunchError, launch};
use crate::supervise::{Halt, Supervisor};
use crate::tell::Teller;
use pontoon_monitor::outlet::say;

/// What the words of our command line say.
#[derive(Debug, Default)]
struct Arguments {
    /// The plan's file.
    plan: Option<OwnedFd>,
    /// The lock that says that the container lives; held, not used.
    lock: Option<OwnedFd>,
    /// Where reports go; without it, failures go to standard error.
    report: Option<OwnedFd>,
    /// The byte stream of an attached terminal.
    terminal: Option<OwnedFd>,
    /// Says by a byte that we are where we belong (in our scope), and by its end that we are not wanted.
    gate: Option<OwnedFd>,
}

fn main() -> ExitCode {
    let mut words = std::env::args();
    let name = words.next().unwrap_or_default();
    if name == "pontoon-init" {
        return exit(init::run(words.next().and_then(|it| it.parse().ok())));
    }
    if name == files::WAITER {
        return exit(files::wait());
    }
    if let Err(err) = seal::ensure_sealed() {
        return failed_before(&format!("cannot run from a sealed copy of {name}: {err}"));
    }
    let arguments = match read_arguments(words) {
        Ok(arguments) => arguments,
        Err(text) => return failed_before(&text),
    };
    // What is passed is the container's: nothing else that we run has it, such as the network's helper.
    if let Err(err) = sys::close_on_exec_from(3) {
        return failed_before(&format!("cannot keep descriptors to ourselves: {err}"));
    }
    // What is made in the container is everybody's there, whatever the caller's own files are to be.
    rustix::process::umask(rustix::fs::Mode::WGRP | rustix::fs::Mode::WOTH);
    sys::hear_of_children();
    sys::survive_file_limit(true);
    let Some(file) = arguments.plan else {
        return failed_before("it is started by `pontoon`, with a plan (--plan FD)");
    };
    let received = match plan::receive(file) {
        Ok(received) => received,
        Err(err) => return failed_before(&format!("cannot read the plan: {err}")),
    };
    exit(supervise(received, arguments.lock, arguments.gate, arguments.report, arguments.terminal))
}

fn exit(code: i32) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn failed_before(text: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: pontoon-monitor: {text}");
    exit(125)
}

fn read_arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let number =
            words.next().and_then(|it| it.parse().ok()).ok_or(format!("{word} needs a descriptor"))?;
        let fd = Some(inherited_fd(number).map_err(|err| format!("{word} {number}: {err}"))?);
        match word.as_str() {
            "--plan" => arguments.plan = fd,
            "--lock" => arguments.lock = fd,
            "--report" => arguments.report = fd,
            "--terminal" => arguments.terminal = fd,
            "--gate" => arguments.gate = fd,
            other => return Err(format!("unknown option {other}")),
        }
    }
    Ok(arguments)
}

/// The container's runs, from the plan to the last exit code: one, unless its policy wants more.
fn supervise(
    received: Received,
    lock: Option<OwnedFd>,
    mut gate: Option<OwnedFd>,
    report: Option<OwnedFd>,
    mut terminal: Option<OwnedFd>,
) -> i32 {
    let Received { plan, filter } = received;
    // What the payload is not to leave in a core file, such as secrets in variables, is in our memory as well.
    let core = plan.container.process.rlimits.iter().find(|it| it.resource == libc::RLIMIT_CORE);
    if core.is_some_and(|it| it.soft == Some(0)) {
        let maximum = getrlimit(Resource::Core).maximum;
        let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum });
    }
    let manager = match plan.notify {
        NotifyPlan::Ignore => None,
        NotifyPlan::Monitor | NotifyPlan::Healthy | NotifyPlan::Container => Notifier::from_environment(),
    };
    let mut reporter = Reporter { pipe: report.map(File::from) };
    let teller = Teller::new(&plan);
    let (signals, control) = match prepare(&plan) {
        Ok(prepared) => prepared,
        Err(err) => {
            return fail(&plan, &teller, &err, Begun::default(), &mut reporter, ExitRecord::default());
        }
    };
    let activation = match Activation::of(&plan) {
        Ok(activation) => activation,
        Err(err) => {
            return fail(&plan, &teller, &err, Begun::default(), &mut reporter, ExitRecord::default());
        }
    };
    let mut backoff = Backoff::default();
    let mut course = Course::of(&plan);
    let mut last_start = 0;
    let mut restarts = 0;
    let mut is_first = true;
    // Its place in its pod, until the very end.
    let mut _membership: Option<OwnedFd> = None;
    // Those who wait for the container to run again.
    let mut restarters: Vec<OwnedFd> = Vec::new();
    let mut files = None;
    let come = files::lock(&plan, &mut files, None, &signals, &control, &teller, &mut course);
    if let pause::Outcome::Stop { asker, others } = come {
        let exit = ExitRecord { stopped: asker.is_some(), ..ExitRecord::default() };
        let code = fail(&plan, &teller, &LaunchError::Stopped, Begun::default(), &mut reporter, exit);
        if let Some(asker) = &asker {
            let _ = control::send(asker, &Reply::Exited { code }, &[]);
        }
        // Closed with us, after the lock that says that we live.
        std::mem::forget((asker, late::answer(others, &control, code)));
        return code;
    }
    loop {
        let mut begun = Begun::default();
        let holds = plan.holds && is_first;
        let started_at = if holds { 0 } else { time::now() };
        let gate = gate.take().map(|word| Gate { word, reporter: &mut reporter });
        let mut place = None;
        let launched = pod::come(&plan).and_then(|it| {
            place = it;
            launch(&plan, &course, holds, filter.clone(), gate, &mut begun, manager.as_ref())
        });
        let mut launched = match launched {
            Ok(launched) => launched,
            Err(LaunchError::Unwanted) => return 125,
            Err(err) => {
                let err = if pod::has_ended(&plan) { LaunchError::PodEnds } else { err };
                let exit = ExitRecord { restarts, started_at: last_start, ..ExitRecord::default() };
                let report = FailureReport::new(&err, err.hint(), err.exit_code());
                answer(&mut restarters, &Reply::Failed(report));
                return fail(&plan, &teller, &err, begun, &mut reporter, exit);
            }
        };
        // Anew for every run: the infra container may have been started anew, too.
        if let Some(connection) = pod::join(&plan) {
            if matches!(plan.pod, Some(PodRole::Member { is_sidecar: true, .. })) {
                launched.pod = connection.try_clone().ok();
            }
            _membership = Some(connection);
        }
        drop(place);
        let pid = launched.running.pid.as_raw_nonzero().get();
        let state = RunState {
            pid,
            monitor_pid: own_pid(),
            started_at,
            cgroup: launched.cgroup.as_ref().map(|it| it.0.path().display().to_string()),
            restarts,
            initialized: holds,
            stopping: false,
            events: plan.events.log.clone(),
            networks: launched.networks.as_ref().map(|it| it.joined().clone()),
        };
        if let Err(source) = note_start(&plan, &state, &launched.running.home) {
            // Nobody could find it, nor end it.
            launched.give_up(&mut begun);
            let err = LaunchError::io("note that the container runs")(source);
            let report = FailureReport::new(&err, err.hint(), err.exit_code());
            answer(&mut restarters, &Reply::Failed(report));
            let exit = ExitRecord { restarts, started_at: last_start, ..ExitRecord::default() };
            return fail(&plan, &teller, &err, begun, &mut reporter, exit);
        }
        teller.tell(Deed::Init);
        if holds {
            reporter.tell(&Report::Initialized { pid });
            finish::note_first_use(std::mem::take(&mut launched.filled));
        } else {
            teller.tell(Deed::Start);
            answer(&mut restarters, &Reply::Started { pid, session: String::new(), reads_on: false });
            if is_first {
                if plan.streams.foreground {
                    teller.tell(Deed::Attach);
                }
                tell_manager(&plan, manager.as_ref());
                reporter.tell(&Report::Started { pid });
                finish::note_first_use(std::mem::take(&mut launched.filled));
            }
        }
        let looker_on = reporter.pipe.as_ref().map(AsFd::as_fd);
        let client = terminal.take();
        let supervisor = Supervisor::new(
            &plan,
            &teller,
            &mut launched,
            manager.as_ref(),
            &signals,
            &control,
            client,
            looker_on,
            course.clone(),
            state,
            activation.as_ref(),
        );
        is_first = false;
        let (mut ended, unsupervised) = match supervisor {
            Ok(supervisor) => (Some(supervisor.run()), None),
            Err(err) => {
                // Nobody would hear of its end, nor end it.
                launched.end();
                let err = LaunchError::io("look after the container")(err.into());
                finish::warn(&err);
                (None, Some(FailureReport::new(&err, err.hint(), err.exit_code())))
            }
        };
        if let Some(ended) = &mut ended {
            course = ended.course.clone();
            restarters.append(&mut ended.restarters);
        }
        let code = ended.as_ref().map_or(125, |it| it.code);
        let halt = ended.as_ref().map_or(Halt { by_signal: true, ..Halt::default() }, |it| it.halt);
        let started_at = ended.as_ref().map_or(started_at, |it| it.started_at);
        let failure = ended.as_mut().and_then(|it| it.failure.take()).or(unsupervised);
        last_start = started_at;
        if halt.is_asked {
            teller.tell(Deed::Stop);
        }
        teller.ended(Deed::Died, code);
        let oom_killed = launched.cgroup.as_ref().is_some_and(|it| finish::was_oom_killed(&it.0));
        drop(launched.networks.take());
        launched.volumes.clear();
        finish::undo_outside(launched.network.take(), begun.rootfs.as_ref(), None);
        if let Some((cgroup, _)) = &launched.cgroup {
            finish::remove_cgroup(&plan, cgroup, launched.user_namespace.as_ref().map(AsFd::as_fd));
        }
        finish::run_poststop_hooks(&plan);
        let mut exit = ExitRecord {
            code,
            started_at,
            finished_at: time::now(),
            oom_killed,
            held: started_at == 0 && failure.is_none(),
            error: failure.map(|it| it.chain.join(": ")),
            restarts,
            another_follows: false,
            start_follows: false,
            stopped: halt.by_command,
        };
        let mut stopper = None;
        let mut unheard = ended.as_mut().map_or_else(Vec::new, |it| std::mem::take(&mut it.unheard));
        if is_to_go_on(course.policy, &exit, halt) {
            let run = Duration::from_nanos(exit.finished_at.saturating_sub(exit.started_at));
            let delay = if halt.for_restart { Duration::ZERO } else { backoff.after(run) };
            finish::note_end(&plan, &ExitRecord { another_follows: true, ..exit.clone() });
            if let Some(ended) = &mut ended {
                ended.tell();
                terminal = ended.client.take();
            }
            // They are hung up on, and ask the next run.
            unheard.clear();
            // Whoever wants to look at its files, or to mend them, can do so until the next run.
            drop(files.take());
            let mut come = pause::before_restart(delay, code, &signals, &control, &teller, &mut course);
            if matches!(come, pause::Outcome::GoOn) {
                come = files::lock(&plan, &mut files, Some(code), &signals, &control, &teller, &mut course);
            }
            match come {
                pause::Outcome::GoOn => {
                    teller.tell(Deed::Restart);
                    course.resolv_conf = plan.network.resolv_conf_now(course.join.as_ref());
                    // One that somebody asks for is no attempt of the policy's.
                    restarts = if restarters.is_empty() { restarts + 1 } else { 0 };
                    continue;
                }
                pause::Outcome::Stop { asker, others } => {
                    unheard = others;
                    teller.tell(Deed::Stop);
                    exit.stopped = asker.is_some();
                    stopper = asker;
                }
            }
        }
        finish::settle(&plan, &teller, &exit);
        let chain = vec!["the container was stopped before it was started anew".to_owned()];
        answer(&mut restarters, &Reply::Failed(FailureReport { chain, hint: None, code: 125 }));
        if let Some(ended) = &mut ended {
            ended.tell();
        }
        if let Some(stopper) = &stopper {
            let _ = control::send(stopper, &Reply::Exited { code }, &[]);
        }
        let late = late::answer(unheard, &control, code);
        reporter.tell(&Report::Exited { code });
        drop(reporter);
        finish::delete_files(&plan, launched.user_namespace.as_ref().map(AsFd::as_fd));
        // Who reads slowly keeps nobody from starting it again.
        drop((files, lock));
        if let Some(mut ended) = ended {
            ended.give_rests(&signals);
            // Closed with us, after the lock that says that we live.
            std::mem::forget(ended);
        }
        std::mem::forget((stopper, late));
        return code;
    }
}

/// Tells those who wait for something, who then wait no more.
fn answer(clients: &mut Vec<OwnedFd>, reply: &Reply) {
    for client in clients.drain(..) {
        let _ = control::send(&client, reply, &[]);
    }
}

/// Whether another run follows.
fn is_to_go_on(policy: RestartPolicy, exit: &ExitRecord, halt: Halt) -> bool {
    let is_stopped = halt.by_command || halt.by_signal || exit.started_at == 0;
    !is_stopped && (halt.for_restart || policy.wants_another(exit.code, exit.restarts))
}

fn own_pid() -> i32 {
    std::process::id().cast_signed()
}

/// Tells the service manager which process is the service, and that it is ready unless that comes later.
fn tell_manager(plan: &MonitorPlan, manager: Option<&Notifier>) {
    let Some(manager) = manager else { return };
    // Without a check that could pass, nothing better than running can be waited for.
    let is_ready = match plan.notify {
        NotifyPlan::Monitor => true,
        NotifyPlan::Healthy => plan.health.is_none(),
        NotifyPlan::Ignore | NotifyPlan::Container => false,
    };
    let ready = if is_ready { "\nREADY=1\nSTATUS=container is running" } else { "" };
    manager.tell(&format!("MAINPID={}{ready}", std::process::id()));
}

/// What must stand before the first process is made: orphans come to us, signals wait to be read, clients can connect.
fn prepare(plan: &MonitorPlan) -> Result<(SignalFd, OwnedFd), LaunchError> {
    for path in plan.pidfiles() {
        told_file::check(path).map_err(LaunchError::io(format!("write a pid to `{}`", path.display())))?;
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|err| LaunchError::io("become the parent of orphans")(err.into()))?;
    let mut wanted = SigSet::empty();
    for signal in [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGWINCH,
        Signal::SIGCONT,
    ] {
        wanted.add(signal);
    }
    let blocked = wanted.thread_block().map_err(io::Error::from);
    let signals = blocked
        .and_then(|()| Ok(SignalFd::with_flags(&wanted, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?))
        .map_err(LaunchError::io("read signals"))?;
    let control =
        control::listen_in(&plan.run_directory).map_err(LaunchError::io("make the control socket"))?;
    Ok((signals, control))
}

/// Leaves word for other commands that, and how, the container runs, or is set up.
fn note_start(plan: &MonitorPlan, state: &RunState, home: &str) -> io::Result<()> {
    let process = &plan.container.process;
    let process = Process { env: process.environment(home), ..process.clone() };
    finish::note(plan, state::PROCESS_FILE, &process)?;
    finish::note(plan, state::STATE_FILE, state)?;
    finish::forget_last_end(plan);
    if let Some(path) = &plan.pidfile {
        let _ = told_file::write(path, &state.pid.to_string());
    }
    if let Some(path) = &plan.monitor_pidfile {
        let _ = told_file::write(path, &state.monitor_pid.to_string());
    }
    Ok(())
}

/// The container could not be started: undoes what was begun, and says why. `exit` knows of the runs before.
fn fail(
    plan: &MonitorPlan,
    teller: &Teller<'_>,
    err: &LaunchError,
    begun: Begun,
    reporter: &mut Reporter,
    exit: ExitRecord,
) -> i32 {
    let report = FailureReport::new(err, err.hint(), err.exit_code());
    let code = report.code;
    finish::undo_outside(begun.network, begun.rootfs.as_ref(), begun.cgroup.as_ref());
    finish::run_poststop_hooks(plan);
    let error = Some(report.chain.join(": "));
    let exit = finish::end_of_start(plan, ExitRecord { code, finished_at: time::now(), error, ..exit });
    finish::settle(plan, teller, &exit);
    reporter.fail(plan, report);
    // The container's user namespace is gone, and nothing in it has run: the files are ours.
    finish::delete_files(plan, None);
    code
}

/// Tells the one who spawned us; without one, whoever reads our standard error (in a unit: the journal).
struct Reporter {
    pipe: Option<File>,
}

impl Reporter {
    fn tell(&mut self, report: &Report) {
        if let Some(pipe) = &self.pipe {
            report.send(pipe.as_fd());
        }
    }

    fn fail(&mut self, plan: &MonitorPlan, report: FailureReport) {
        if self.pipe.is_some() {
            return self.tell(&Report::Failed(report));
        }
        let mut text = format!("error: cannot start container `{}`\n", plan.name);
        for cause in &report.chain {
            text.push_str(&format!("  caused by: {cause}\n"));
        }
        if let Some(hint) = &report.hint {
            text.push_str(&format!("hint: {hint}\n"));
        }
        say(&text);
    }
}
