//! What the journal does not have yet.
//!
//! journald takes what it is sent in the order in which it was sent, and some time later: on a busy machine a container
//! has ended, and everybody knows, before its last words can be read. Its supervisor sends the event `died` after them, to
//! the same socket. Whoever sees that one has them all.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use pontoon_cli::time::from_nanos;
use pontoon_lifecycle::status::Status;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// So long after a container's end its last words are waited for; the event may have been lost, or never sent.
const LATE: Duration = Duration::from_secs(5);

/// A run that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    began: SystemTime,
    ended: SystemTime,
}

impl Run {
    /// A container's last run, if that is over. What was only set up, or not even that, said nothing.
    pub(super) fn over(status: &Status) -> Option<Self> {
        match status {
            Status::Exited(exit) if exit.started_at != 0 => {
                Some(Self { began: from_nanos(exit.started_at), ended: from_nanos(exit.finished_at) })
            }
            _ => None,
        }
    }

    /// The run that was on when the container was looked at, and is over by now.
    pub(super) fn over_now(before: &Status) -> Option<Self> {
        before.run().map(|it| Self { began: from_nanos(it.started_at), ended: SystemTime::now() })
    }

    /// Waits until the journal has everything that a container said in this run, if it ended only just.
    pub(super) fn wait_for_last_words(self, id: &str) {
        // Nothing is left of the time: it ended long ago.
        let left = (self.ended + LATE).duration_since(SystemTime::now()).ok();
        let Some(Ok(limit)) = left.map(|it| Timespec::try_from(it.min(LATE))) else { return };
        let began = self.began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let child = Command::new("journalctl")
            .args(["--quiet", "--no-pager", "--output=cat", "--follow", "--lines=1"])
            .arg(format!("--since=@{}.{:06}", began.as_secs(), began.subsec_micros()))
            .args([&format!("PODMAN_ID={id}"), "PODMAN_TYPE=container", "PODMAN_EVENT=died"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        // Without it nothing can be shown either, and whoever shows says so.
        let Ok(mut child) = child else { return };
        if let Some(stdout) = &child.stdout {
            // If we are interrupted, what is there is shown.
            let _ = poll(&mut [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::IN)], Some(&limit));
        }
        let _ = child.kill();
        let _ = child.wait();
    }
}
