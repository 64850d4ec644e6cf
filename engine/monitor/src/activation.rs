//! The program that leads connections to the container, where the service manager listens for it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Stdio};

use pontoon_monitor::plan::{ActivationPlan, MonitorPlan};
use pontoon_rootless::sys::{inherited_fd, keep_across_exec};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};

use crate::launch::LaunchError;

/// How long the program may take to end, once it is to.
const LONGEST: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };

/// The sockets, held as long as the supervisor lives: through all runs of the container.
#[derive(Debug)]
pub struct Activation<'a> {
    plan: &'a ActivationPlan,
    sockets: Vec<OwnedFd>,
}

/// The program while the container runs.
#[derive(Debug)]
pub struct Leading {
    /// Until it is reaped: then the number may be somebody else's.
    pid: Option<Pid>,
    /// It ends when this does.
    lifeline: Option<OwnedFd>,
}

impl<'a> Activation<'a> {
    /// Takes over the sockets, if there are any.
    pub fn of(plan: &'a MonitorPlan) -> Result<Option<Self>, LaunchError> {
        let Some(plan) = &plan.streams.activation else { return Ok(None) };
        let sockets = (3i32..).zip(&plan.ports).map(|(number, _)| inherited_fd(number));
        let sockets = sockets.collect::<io::Result<_>>();
        let sockets = sockets.map_err(LaunchError::io("take over the sockets of the service manager"))?;
        Ok(Some(Self { plan, sockets }))
    }

    /// Leads connections to the container whose first process has that pid.
    pub fn lead_to(&self, pid: i32) -> Result<Leading, LaunchError> {
        self.start(pid).map_err(LaunchError::io(format!("run `{}`", self.plan.program.display())))
    }

    fn start(&self, pid: i32) -> io::Result<Leading> {
        let path = format!("/proc/{pid}/ns/net");
        let network = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let (read, lifeline) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let mut command = Command::new(&self.plan.program);
        command.arg("activated").args(["--network", &keep_across_exec(&network)?.to_string()]);
        // Copies go along, so that ours stay with us alone.
        let mut copies = Vec::new();
        for (socket, port) in self.sockets.iter().zip(&self.plan.ports) {
            let copy = rustix::io::fcntl_dupfd_cloexec(socket.as_fd(), 3)?;
            command.args(["--listen", &keep_across_exec(&copy)?.to_string(), &port.to_string()]);
            copies.push(copy);
        }
        if let Some(seconds) = self.plan.idle {
            command.args(["--idle", &seconds.to_string()]);
        }
        let child = command.stdin(Stdio::from(File::from(read))).stdout(Stdio::null()).spawn()?;
        drop((network, copies));
        Ok(Leading { pid: Pid::from_raw(child.id().cast_signed()), lifeline: Some(lifeline) })
    }
}

impl Leading {
    /// The program's pid.
    pub fn pid(&self) -> Option<Pid> {
        self.pid
    }

    /// Whether that is the program's pid.
    pub fn is(&self, pid: Pid) -> bool {
        self.pid == Some(pid)
    }

    /// It has been reaped.
    pub fn ended(mut self) {
        self.pid = None;
    }
}

impl Drop for Leading {
    /// Clients are handed what the container said last, for which the program takes a second at most. Then their connections
    /// lead nowhere.
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let Some(pid) = self.pid else { return };
        if let Ok(end) = pidfd_open(pid, PidfdFlags::empty()) {
            let mut polled = [PollFd::new(&end, PollFlags::IN)];
            let _ = rustix::io::retry_on_intr(|| poll(&mut polled, Some(&LONGEST)));
        }
        // It is there, if only to be reaped.
        let _ = kill_process(pid, Signal::KILL);
    }
}
