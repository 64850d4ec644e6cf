//! The control socket of a supervisor: one JSON text a packet, with descriptors beside it.
//!
//! It lies in a directory that only the user can enter. Whoever can connect may do to the container what its owner may.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use pontoon_network::join::Attachment;
pub use pontoon_rootless::packet::{MAX_FDS, receive, send};
use pontoon_runtime::plan::Process;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use serde::{Deserialize, Serialize};

use crate::health::HealthPlan;
use crate::limits::Limit;
use crate::restart::RestartPolicy;
use crate::state::FailureReport;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Request {
    /// Let the first process, which waits, become the payload; answered by [`Reply::Started`].
    Start,
    /// Send the stop signal, kill after the timeout; answered by [`Reply::Exited`].
    Stop {
        /// Seconds; `None` is the container's own.
        timeout: Option<u32>,
    },
    /// Send a signal to the first process; answered by [`Reply::Done`].
    Kill {
        /// Signal number.
        signal: i32,
        /// It came to somebody who looks on, and is only handed on: if it ends the container, nobody has asked for that by a command.
        #[serde(default)]
        handed_on: bool,
    },
    /// Answered by [`Reply::Exited`] when the container has ended.
    Wait,
    /// Run a process in the container. Three descriptors come with it unless it has a terminal, and behind them those that
    /// it preserves. Answered by
    /// [`Reply::Started`] (with the terminal's master side, if it has one), then by [`Reply::Exited`].
    Exec(Box<Process>),
    /// Of a client whose process runs and writes into pipes that the client reads: the reading ends come with it, for output and
    /// errors. When the client has gone, what is still written is read and thrown away, so that the process goes on. Not
    /// answered; only for those who were told that they may ([`Reply::Started`]).
    ReadOn,
    /// Nobody is to read on what that process writes there: it is to see that nobody does. Not answered.
    Unread {
        /// Its errors, or its output.
        errors: bool,
    },
    /// Run the health check that is due, or wait for the one that runs; answered by [`Reply::Exited`] with its exit code.
    Check,
    /// Get a copy of what the payload writes: two pipes come with it, for output and errors. Answered by [`Reply::Done`], with
    /// a descriptor that leads to its input if it has one, then by [`Reply::Exited`], or by [`Reply::Failed`] to one who read
    /// so slowly that it was let go.
    Attach,
    /// Nobody writes to the payload's input any more; answered by [`Reply::Done`].
    EndInput,
    /// Use another restart policy from now on; answered by [`Reply::Done`].
    Policy(RestartPolicy),
    /// Use these limits when it is started anew: those of the run that goes on are set already; answered by [`Reply::Done`].
    Limits(Vec<Limit>),
    /// Check its health in another way from now on, or not at all; answered by [`Reply::Done`].
    Health(Option<Box<HealthPlan>>),
    /// Use this environment, `NAME=value`, when it is started anew; answered by [`Reply::Done`].
    Environment(Vec<String>),
    /// Stop it as [`Request::Stop`] does, and start it anew at once; answered by [`Reply::Started`] when it runs again.
    Restart {
        /// Seconds; `None` is the container's own.
        timeout: Option<u32>,
    },
    /// The client is the supervisor of a member of the pod whose infra container this is; it is one as long as it is
    /// connected. Answered by [`Reply::Done`].
    Member,
    /// As [`Request::Member`], of one that is there for the others. When the last of those has ended it is told, by
    /// [`Reply::Exited`], that it may end, too.
    Sidecar,
    /// The client is about to start a member of the pod: as long as it is connected the infra container does not end for want of
    /// members. Answered by [`Reply::Done`], or by [`Reply::Failed`] if it is about to end already.
    Place,
    /// Answered by [`Reply::Done`] when the run has got so far, and by [`Reply::Exited`] if it ends before.
    Await(Stage),
    /// Connect the container to one more network; answered by [`Reply::Done`].
    Connect(Box<Attachment>),
    /// Take it off the network of that name; answered by [`Reply::Done`].
    Disconnect(String),
    /// The container has another name; answered by [`Reply::Done`].
    Renamed(String),
    /// Tell the sessions of `exec` that go on; answered by [`Reply::Sessions`].
    Sessions,
    /// The container was paused: whoever is about to join it is refused, as if it had come a moment later; answered by
    /// [`Reply::Done`].
    Paused,
    /// Get the root of the container's files, without what is mounted in it: answered by [`Reply::Done`], with a handle of a
    /// mount that has no place.
    Root,
    /// Get the file system of the volume of that name, if the container has it: answered by [`Reply::Done`], with a handle of a
    /// mount that has no place.
    Volume(String),
    /// Set the size of the container's terminal.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
}

/// How far a run has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// What is done after its start is done.
    Started,
    /// Its startup check has passed, too.
    Up,
    /// It serves, as far as checks can tell.
    Ready,
}

/// What the supervisor answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reply {
    /// It was done.
    Done,
    /// A process was started.
    Started {
        /// Its pid.
        pid: i32,
        /// The id of the session, if it is one of `exec`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        session: String,
        /// Whether [`Request::ReadOn`] is understood, which older supervisors do not.
        #[serde(default)]
        reads_on: bool,
    },
    /// A process, or the container, has ended.
    Exited {
        /// Exit code.
        code: i32,
    },
    /// Ids of the sessions of `exec` that go on.
    Sessions(Vec<String>),
    /// It could not be done.
    Failed(FailureReport),
}

/// The address of the socket in `directory`, whatever the length of its path: it goes through a handle of the directory.
fn address(directory: BorrowedFd<'_>) -> io::Result<SocketAddrUnix> {
    use std::os::fd::AsRawFd;
    Ok(SocketAddrUnix::new(format!(
        "/proc/self/fd/{}/{}",
        directory.as_raw_fd(),
        crate::state::CONTROL_SOCKET
    ))?)
}

fn open_directory(directory: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Listens in a runtime directory; a socket that is left there is replaced.
///
/// # Errors
/// The kernel's error.
pub fn listen_in(directory: &Path) -> io::Result<OwnedFd> {
    let directory = open_directory(directory)?;
    match rustix::fs::unlinkat(&directory, crate::state::CONTROL_SOCKET, rustix::fs::AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(err) => return Err(err.into()),
    }
    let socket = seqpacket(SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    bind(&socket, &address(directory.as_fd())?)?;
    listen(&socket, 64)?;
    Ok(socket)
}

/// Connects to the supervisor of a container.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` if there is none, else the kernel's error.
pub fn connect_in(directory: &Path) -> io::Result<OwnedFd> {
    let directory = open_directory(directory)?;
    let socket = seqpacket(SocketFlags::CLOEXEC)?;
    connect(&socket, &address(directory.as_fd())?)?;
    Ok(socket)
}

fn seqpacket(flags: SocketFlags) -> io::Result<OwnedFd> {
    Ok(socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?)
}
