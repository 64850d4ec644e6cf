//! What a supervisor leaves in its runtime directory, for others to read, and what outlives it.

use std::io;
use std::os::fd::BorrowedFd;

use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_rootless::shortage;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::event::EventLog;

/// Held locked by the supervisor as long as it lives: the one truth about whether a container runs.
pub const LOCK_FILE: &str = "monitor.lock";
/// The [`RunState`], once the payload runs.
pub const STATE_FILE: &str = "state.json";
/// The first process as it was planned, for processes that join.
pub const PROCESS_FILE: &str = "process.json";
/// What health checks have said: a [`crate::health::HealthRecord`].
pub const HEALTH_FILE: &str = "healthcheck.log";
/// The control socket.
pub const CONTROL_SOCKET: &str = "ctl";
/// Name of the supervisor's cgroup, with the short id behind it.
pub const SUPERVISOR_CGROUP: &str = "supervisor";
/// Name of the payload's cgroup, with the short id behind it.
pub const PAYLOAD_CGROUP: &str = "payload";
/// Path of the notify socket in the container.
pub const NOTIFY_DIRECTORY: &str = "/run/notify";
/// Directory of the notify socket in the runtime directory.
pub const NOTIFY_SUBDIRECTORY: &str = "notify";
/// Name of the notify socket.
pub const NOTIFY_NAME: &str = "notify.sock";

/// A container that runs, or is set up to run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// Pid of its first process, as the host sees it.
    pub pid: i32,
    /// Pid of its supervisor.
    pub monitor_pid: i32,
    /// When it was started, nanoseconds since 1970; 0 as long as it waits to be.
    pub started_at: u64,
    /// Its cgroup's directory.
    pub cgroup: Option<String>,
    /// How often its supervisor has started it anew.
    #[serde(default)]
    pub restarts: u32,
    /// Its first process is set up, and waits for the word to become the payload.
    #[serde(default)]
    pub initialized: bool,
    /// It was asked to end.
    #[serde(default)]
    pub stopping: bool,
    /// Where its supervisor tells of events: whoever cleans up after it tells the rest there.
    #[serde(default)]
    pub events: EventLog,
    /// What it has on networks with names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<pontoon_network::join::Joined>,
}

impl RunState {
    /// Whether its pid still is that of a process of the container: once that has ended, the number may come to be anybody's.
    /// Asked when the process is held, so that the answer stays true.
    ///
    /// # Errors
    /// If it cannot be told. One that has ended is no error.
    pub fn has_its_pid(&self) -> io::Result<bool> {
        let Some(cgroup) = &self.cgroup else { return Ok(true) };
        match Cgroup::of(Some(self.pid)) {
            Ok(group) => Ok(group.path().starts_with(cgroup)),
            Err(CgroupError::File { source, .. }) => match Errno::from_io_error(&source) {
                Some(Errno::NOENT | Errno::SRCH) => Ok(false),
                _ => Err(source),
            },
            Err(err) => Err(io::Error::other(err)),
        }
    }
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Exit code: the payload's, or 128 plus the signal that ended it, or ours (125 to 127) if it never ran.
    pub code: i32,
    /// When it was started, nanoseconds since 1970; 0 if it never ran.
    pub started_at: u64,
    /// When it ended, nanoseconds since 1970.
    pub finished_at: u64,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why it did not start.
    pub error: Option<String>,
    /// How often its supervisor had started it anew.
    #[serde(default)]
    pub restarts: u32,
    /// Whether its supervisor is about to start it anew.
    #[serde(default)]
    pub another_follows: bool,
    /// Whether a start has begun since, of which nothing is known yet.
    #[serde(default)]
    pub start_follows: bool,
    /// Whether somebody stopped it, by a command.
    #[serde(default)]
    pub stopped: bool,
    /// Whether it ended before its program was executed, having been set up.
    #[serde(default)]
    pub held: bool,
}

impl ExitRecord {
    /// Whether there was a run: one whose program was executed, or that had come to just before it.
    #[must_use]
    pub fn is_of_run(&self) -> bool {
        self.started_at != 0 || self.held
    }
}

/// What a supervisor tells the one who spawned it, a JSON text a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Report {
    /// What the container consists of so far, for whoever puts it where it belongs.
    Begun {
        /// Pids of processes beside the supervisor, as the host sees them.
        pids: Vec<u32>,
    },
    /// Everything is set up, and the first process waits.
    Initialized {
        /// Its pid.
        pid: i32,
    },
    /// The payload runs.
    Started {
        /// Its pid.
        pid: i32,
    },
    /// It could not be started.
    Failed(FailureReport),
    /// What it writes can no longer be shown on the streams of the one who spawned us. It goes on.
    Unshown {
        /// Which of them could not be written: standard error, or standard output.
        errors: bool,
        /// The number of the cause, as in errno(3).
        errno: i32,
    },
    /// It has ended.
    Exited {
        /// Exit code.
        code: i32,
    },
}

impl Report {
    /// Sends it. Whoever does not read it any more does not want it.
    pub fn send(&self, to: BorrowedFd<'_>) {
        let Ok(mut line) = serde_json::to_vec(self) else { return };
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match rustix::io::write(to, rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }
}

/// A failure in words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    /// The error, and below it its causes.
    pub chain: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Exit code: 125, 126 or 127.
    pub code: i32,
}

impl FailureReport {
    /// Takes an error's words and those of its causes. Of what has run short there is always something to say.
    #[must_use]
    pub fn new(error: &(dyn std::error::Error + 'static), hint: Option<String>, code: i32) -> Self {
        let hint = hint.or_else(|| shortage::hint(error));
        let mut chain = vec![error.to_string()];
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            if chain.last() != Some(&text) {
                chain.push(text);
            }
            cause = error.source();
        }
        Self { chain, hint, code }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_or_is_anothers_has_not_the_pid() {
        let of = |pid, cgroup: Option<&str>| {
            let state = RunState { pid, cgroup: cgroup.map(str::to_owned), ..RunState::default() };
            state.has_its_pid().unwrap()
        };
        let own = i32::try_from(std::process::id()).unwrap();
        // No pid is as large as this.
        assert!(!of(i32::MAX, Some("/sys/fs/cgroup")));
        assert!(of(own, Some("/sys/fs/cgroup")) && of(own, None));
        assert!(!of(own, Some("/sys/fs/cgroup/of/a/container")));
    }
}
