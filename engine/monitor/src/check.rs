//! A health check at work: a process that joined the container, its output, and who waits for its outcome.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use pontoon_monitor::health::{Check, MAX_OUTPUT, Outcome};
use pontoon_monitor::time;
use pontoon_runtime::plan::Process;
use pontoon_runtime::start::{self, StandardStreams};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::launch::Launched;

/// A check that runs.
#[derive(Debug)]
pub struct Checking {
    /// Its process.
    pub pid: Pid,
    /// How long it may take.
    pub timeout: Duration,
    output: OwnedFd,
    text: Vec<u8>,
    started: u64,
    took_too_long: bool,
}

impl Checking {
    /// Starts it. Where it cannot be started, that is its outcome.
    pub fn begin(
        launched: &Launched,
        own: &Process,
        namespaces: &pontoon_runtime::plan::Namespaces,
        check: &Check,
    ) -> Result<Self, Outcome> {
        let started = time::now();
        let failed = |text: String, code| Outcome {
            start: time::rfc3339_z(started),
            end: time::rfc3339_z(time::now()),
            exit_code: code,
            output: text,
        };
        let (output, streams) = streams().map_err(|err| failed(io::Error::from(err).to_string(), 125))?;
        let process = Process {
            args: check.args.clone(),
            terminal: false,
            init: false,
            entry: None,
            create_cwd: false,
            preserve_fds: 0,
            ..own.clone()
        };
        let target = launched.running.pidfd.as_fd();
        let cgroup = launched.cgroup.as_ref().map(|it| it.1.as_fd());
        match start::join(target, namespaces, &process, &launched.extras, Some(streams), cgroup) {
            Ok(running) => Ok(Self {
                pid: running.pid,
                timeout: Duration::from_nanos(check.timeout),
                output,
                text: Vec::new(),
                started,
                took_too_long: false,
            }),
            Err(err) => Err(failed(err.to_string(), err.exit_code())),
        }
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

    /// Ends it, and what it has started.
    pub fn kill(&mut self) {
        self.took_too_long = true;
        // It leads a session of its own, and is not reaped yet, so the number is its group's.
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// What came of it.
    pub fn outcome(mut self, code: i32) -> Outcome {
        // Something of it may still hold the pipe open, and write without end.
        while self.text.len() < MAX_OUTPUT && is_readable(self.output()) && self.read() {}
        Outcome {
            start: time::rfc3339_z(self.started),
            end: time::rfc3339_z(time::now()),
            exit_code: if self.took_too_long { -1 } else { code },
            output: String::from_utf8_lossy(&self.text).into_owned(),
        }
    }
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
