//! Something that the supervisor does in a container, or in its network: a health check, or what belongs to its start and end.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use pontoon_monitor::health::{MAX_OUTPUT, Outcome};
use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::time;
use pontoon_rootless::cgroup::{Cgroup, CgroupError, Entrance};
use pontoon_rootless::sys::keep_across_exec;
use pontoon_runtime::plan::Process;
use pontoon_runtime::start::{Joining, Running, StandardStreams, StartError};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::launch::Launched;
use crate::mapped;

/// What is done; one of each kind at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// The health check.
    Check,
    /// The readiness check.
    Readiness,
    /// What is done at the start, or before the end.
    Handler,
}

impl Job {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Check, Self::Readiness, Self::Handler];

    /// Name of its own cgroup below the container's, with a number behind it.
    fn cgroup(self) -> &'static str {
        match self {
            Self::Check => "pontoon-check",
            Self::Readiness => "pontoon-ready",
            Self::Handler => "pontoon-handler",
        }
    }
}

/// The cgroup that checks run in, below the container's: with it everything that a check has started is ended, whatever
/// session it has made of itself.
///
/// One that has been killed is not used again. The kernel counts how often that was done, and compares it, for a process
/// that is made in a group, with the count of its parent's group: it would be dead at once (`cgroup_css_set_fork`, as of
/// Linux 6.14).
#[derive(Debug)]
pub struct Groups {
    job: Job,
    number: u64,
    /// Where the last check has left something running.
    left_behind: Option<Cgroup>,
    /// Killed, and not yet empty when it was last tried to remove them.
    killed: Vec<Cgroup>,
}

impl Groups {
    /// Of one kind of work.
    pub fn of(job: Job) -> Self {
        Self { job, number: 0, left_behind: None, killed: Vec::new() }
    }

    /// The one for the next check. `namespace` has the ids of the container's group, if that is not ours any more.
    fn current(&mut self, container: &Cgroup, namespace: Option<BorrowedFd<'_>>) -> Option<Cgroup> {
        let remove = |it: &Cgroup| it.remove().map_err(CgroupError::into_io);
        self.killed.retain(|it| mapped::here_or_within(namespace, || remove(it)).is_err());
        let name = format!("{}-{}", self.job.cgroup(), self.number);
        let make = || container.child(&name).map(drop).map_err(CgroupError::into_io);
        mapped::here_or_within(namespace, make).ok()?;
        Some(Cgroup::at(container.path().join(name)))
    }

    fn kill(&mut self, cgroup: Cgroup) {
        let _ = cgroup.kill();
        self.number = self.number.wrapping_add(1);
        self.killed.push(cgroup);
    }

    /// A check is over. True if something of it is still there.
    pub fn note(&mut self, work: &Working) -> bool {
        self.left_behind = work.cgroup.clone().filter(Cgroup::is_populated);
        self.left_behind.is_some()
    }

    /// Ends what the last check has left behind.
    pub fn end_left_behind(&mut self) {
        if let Some(cgroup) = self.left_behind.take() {
            self.kill(cgroup);
        }
    }
}

/// Work that is being done.
#[derive(Debug)]
pub struct Working {
    /// Its process, once it is one.
    pid: Option<Pid>,
    cgroup: Option<Cgroup>,
    output: OwnedFd,
    text: Vec<u8>,
    started: u64,
    took_too_long: bool,
}

impl Working {
    /// Begins it, and gives the process that is about to join, if it is one. Where it cannot be begun, that is its outcome.
    pub fn begin(
        launched: &Launched,
        plan: &MonitorPlan,
        args: &[String],
        is_probe: bool,
        groups: &mut Groups,
    ) -> Result<(Self, Option<Joining>), Outcome> {
        let started = time::now();
        groups.end_left_behind();
        let (output, streams) = match streams() {
            Ok(streams) => streams,
            Err(err) => return Err(outcome(started, 125, io::Error::from(err).to_string())),
        };
        let work = Self { pid: None, cgroup: None, output, text: Vec::new(), started, took_too_long: false };
        if is_probe {
            let program = plan.prober.display();
            let pid = probe(launched, plan, args, streams)
                .map_err(|err| outcome(started, 125, format!("cannot run `{program}`: {err}")))?;
            return Ok((Self { pid, ..work }, None));
        }
        let space = launched.user_namespace.as_ref().map(AsFd::as_fd).filter(|_| plan.cgroup.is_given);
        let cgroup = launched.cgroup.as_ref().and_then(|(all, _)| groups.current(all, space));
        let entrance = cgroup.as_ref().and_then(|it| Some(Entrance::by(it.open().ok()?)));
        let (own, namespaces) = (&plan.container.process, &plan.container.namespaces);
        let process = Process {
            args: args.to_vec(),
            terminal: false,
            init: false,
            entry: None,
            create_cwd: false,
            preserve_fds: 0,
            ..own.clone()
        };
        let target = launched.running.pidfd.as_fd();
        let place = entrance.as_ref().or_else(|| launched.cgroup.as_ref().map(|it| &it.1));
        let joining = Joining::begin(target, namespaces, &process, &launched.extras, Some(streams), place)
            .map_err(|err| outcome(started, err.exit_code(), err.to_string()))?;
        Ok((Self { cgroup, ..work }, Some(joining)))
    }

    /// Its process runs.
    pub fn runs(&mut self, running: &Running) {
        self.pid = Some(running.pid);
    }

    /// What came of one that could not be started.
    pub fn cannot_run(&self, err: &StartError) -> Outcome {
        outcome(self.started, err.exit_code(), err.to_string())
    }

    /// Its process, once it is one.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Where its output is read.
    pub fn output(&self) -> BorrowedFd<'_> {
        self.output.as_fd()
    }

    /// Reads what is there; beyond what is kept it is only taken away. False at the end.
    pub fn read(&mut self) -> bool {
        let mut buffer = [0u8; 4096];
        match rustix::io::read(&self.output, &mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                let room = MAX_OUTPUT.saturating_sub(self.text.len()).min(count);
                self.text.extend_from_slice(buffer.get(..room).unwrap_or_default());
                true
            }
            Err(Errno::INTR | Errno::AGAIN) => true,
            Err(_) => false,
        }
    }

    /// Ends it, and what it has started. False if it is no process yet, so that no end of one will be told.
    pub fn kill(&mut self, groups: &mut Groups) -> bool {
        self.took_too_long = true;
        if let Some(pid) = self.pid {
            // It leads a session of its own, and is not reaped yet, so the number is its group's.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        if let Some(cgroup) = self.cgroup.take() {
            groups.kill(cgroup);
        }
        self.pid.is_some()
    }

    /// What came of it.
    pub fn outcome(mut self, code: i32) -> Outcome {
        // Something of it may still hold the pipe open, and write without end.
        while self.text.len() < MAX_OUTPUT && is_readable(self.output()) && self.read() {}
        let code = if self.took_too_long { -1 } else { code };
        outcome(self.started, code, String::from_utf8_lossy(&self.text).into_owned())
    }
}

/// Starts our own program for probes, which finds its way into the container's network.
fn probe(
    launched: &Launched,
    plan: &MonitorPlan,
    args: &[String],
    streams: StandardStreams,
) -> io::Result<Option<Pid>> {
    let path = format!("/proc/{}/ns/net", launched.running.pid.as_raw_nonzero());
    let network = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let child = Command::new(&plan.prober)
        .args(["probe", "--network", &keep_across_exec(&network)?.to_string()])
        .args(args)
        // So that it can be ended as a process of the container can.
        .process_group(0)
        .stdin(File::from(streams.stdin))
        .stdout(File::from(streams.stdout))
        .stderr(File::from(streams.stderr))
        .spawn()?;
    Ok(Pid::from_raw(child.id().cast_signed()))
}

fn outcome(started: u64, exit_code: i32, output: String) -> Outcome {
    Outcome { start: time::rfc3339_z(started), end: time::rfc3339_z(time::now()), exit_code, output }
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds.iter().any(|it| it.revents().contains(PollFlags::IN))
}

/// Nothing to read, and one pipe for all that is written.
fn streams() -> Result<(OwnedFd, StandardStreams), Errno> {
    let stdin = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    let (read, stdout) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::fs::fcntl_setfl(&read, OFlags::NONBLOCK)?;
    let stderr = rustix::io::fcntl_dupfd_cloexec(&stdout, 3)?;
    Ok((read, StandardStreams { stdin, stdout, stderr }))
}
