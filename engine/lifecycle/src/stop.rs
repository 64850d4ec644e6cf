//! Asking a running container something: to stop, to take a signal, to say when it has ended.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

pub use pontoon_monitor::control::Stage;
use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::state::RunState;
use pontoon_storage::ContainerHandle;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;

use crate::exec::Causes;
use crate::nap::Nap;
use crate::record::ContainerRecord;
use crate::silent::{self, SOON};
use crate::start::StartError;
use crate::status::{self, Status};

/// Why it did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No supervisor.
    #[error("the container is not running")]
    NotRunning,
    /// The socket.
    #[error("cannot talk to the container's supervisor")]
    Talk(#[source] io::Error),
    /// It said why not.
    #[error("{}", .0.join(": "))]
    Refused(Vec<String>),
    /// It says nothing, and never will: it is stopped, frozen or stuck.
    #[error("the supervisor (pid {pid}) does not answer")]
    Silent {
        /// Its pid.
        pid: i32,
    },
}

impl AskError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Silent { .. } => Some("`pontoon rm -f` ends it, too, and removes the container".to_owned()),
            _ => None,
        }
    }

    /// Whether nobody is there to answer: it has ended, or is about to.
    #[must_use]
    pub fn is_over(&self) -> bool {
        match self {
            Self::NotRunning => true,
            Self::Talk(err) => is_gone(err),
            Self::Refused(_) | Self::Silent { .. } => false,
        }
    }
}

/// How long we wait for what a supervisor does at an end: it goes to the disk, which may be slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// Seconds between the stop signal and the kill where nothing else is said.
const USUAL_TIMEOUT: u32 = 10;

/// A connection on which a supervisor tells how something ended.
#[derive(Debug)]
pub struct Ending(OwnedFd);

impl Ending {
    pub(crate) fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Readable when it has ended.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Waits for the end and gives the exit code; `None` if the supervisor went away.
    #[must_use]
    pub fn wait(&self) -> Option<i32> {
        exit_code(self.reply())
    }

    fn reply(&self) -> Option<Reply> {
        control::receive::<Reply>(&self.0).ok().flatten().map(|(reply, _)| reply)
    }
}

/// Connects to a container's supervisor.
///
/// # Errors
/// See [`AskError`].
pub fn connect(container: &ContainerHandle) -> Result<OwnedFd, AskError> {
    control::connect_in(container.run_path()).map_err(|err| match err.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => AskError::NotRunning,
        _ => AskError::Talk(err),
    })
}

fn ask(container: &ContainerHandle, request: &Request) -> Result<Option<Reply>, AskError> {
    ask_within(container, request, None)
}

/// Asks something that has an answer by then, if the supervisor has any.
fn ask_within(
    container: &ContainerHandle,
    request: &Request,
    limit: Option<Duration>,
) -> Result<Option<Reply>, AskError> {
    let socket = connect(container)?;
    match control::send(&socket, request, &[]) {
        Ok(()) => {}
        // It was about to go when we came.
        Err(err) if is_gone(&err) => return Ok(None),
        Err(err) => return Err(AskError::Talk(err)),
    }
    if let Some(limit) = limit {
        silent::wait_for_answer(container, &socket, limit)?;
    }
    match control::receive::<Reply>(&socket) {
        Ok(answer) => Ok(answer.map(|(reply, _)| reply)),
        Err(err) if is_gone(&err) => Ok(None),
        Err(err) => Err(AskError::Talk(err)),
    }
}

/// Whether an error says that nobody is at the other end any more.
fn is_gone(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Stops it: the stop signal, and the kill after the timeout (seconds; `None` is the container's own). Gives its exit code, or
/// `None` if its supervisor went away without a word.
///
/// # Errors
/// See [`AskError`].
pub fn stop(container: &ContainerHandle, timeout: Option<u32>) -> Result<Option<i32>, AskError> {
    // Its own is in its record.
    let own = || container.read_record::<ContainerRecord>().ok().and_then(|it| it.request.stop_timeout);
    let seconds = timeout.or_else(own).unwrap_or(USUAL_TIMEOUT);
    let limit = Duration::from_secs(seconds.into()) + PATIENCE;
    ask_anew(container, &Request::Stop { timeout }, Some(limit)).map(exit_code)
}

/// Lets it run, having been set up for it. Gives the pid of its first process.
///
/// # Errors
/// See [`StartError`].
pub fn let_it_run(container: &ContainerHandle) -> Result<i32, StartError> {
    started(ask(container, &Request::Start))
}

fn started(answer: Result<Option<Reply>, AskError>) -> Result<i32, StartError> {
    match answer {
        Ok(Some(Reply::Started { pid, .. })) => Ok(pid),
        Ok(Some(Reply::Failed(report))) => {
            let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
            Err(StartError::Failed(report, causes))
        }
        Ok(_) | Err(AskError::NotRunning) => Err(StartError::Vanished),
        Err(err) => Err(StartError::Ask(err)),
    }
}

/// Stops it, as [`stop`] does, and starts it anew under the same supervisor. Comes back when it runs again.
///
/// # Errors
/// See [`StartError`].
pub fn restart(container: &ContainerHandle, timeout: Option<u32>) -> Result<(), StartError> {
    started(ask(container, &Request::Restart { timeout })).map(drop)
}

/// Says that nobody writes to its input any more.
///
/// # Errors
/// See [`AskError`].
pub fn end_input(container: &ContainerHandle) -> Result<(), AskError> {
    // Of this run alone: the next one has an input of its own.
    done(ask(container, &Request::EndInput))
}

/// Waits until it has ended.
///
/// # Errors
/// See [`AskError`].
pub fn wait(container: &ContainerHandle) -> Result<Option<i32>, AskError> {
    ask_anew(container, &Request::Wait, None).map(exit_code)
}

/// A supervisor answers before its last deeds; its lock says when it is gone.
pub fn wait_for_supervisor(container: &ContainerHandle) {
    wait_while(|| status::of(container).is_alive());
}

/// Waits until what follows from a failed check has been done: the run has ended, and the next one has begun if one is to.
pub fn wait_for_deed(container: &ContainerHandle) {
    let mut nap = Nap::default();
    // As long as its program takes to end: it is killed when its time is over.
    while matches!(status::of(container), Status::Stopping(_)) {
        nap.take();
    }
    // A start may be put off for long where many have failed.
    wait_while(|| matches!(status::of(container), Status::Restarting(_) | Status::Starting));
}

/// Waits while something is so, but not longer than we have patience.
fn wait_while(is_so: impl Fn() -> bool) {
    let (end, mut nap) = (Instant::now() + PATIENCE, Nap::default());
    while is_so() && Instant::now() < end {
        nap.take();
    }
}

/// Waits until its run has got so far; false if it has ended before.
///
/// # Errors
/// See [`AskError`].
pub fn await_stage(container: &ContainerHandle, stage: Stage) -> Result<bool, AskError> {
    match ask(container, &Request::Await(stage))? {
        Some(Reply::Failed(report)) => Err(AskError::Refused(report.chain)),
        reply => Ok(reply == Some(Reply::Done)),
    }
}

fn exit_code(reply: Option<Reply>) -> Option<i32> {
    match reply {
        Some(Reply::Exited { code }) => Some(code),
        _ => None,
    }
}

/// Runs its health check, or waits for the one that runs. Gives the check's exit code; `None` if the container ended.
///
/// # Errors
/// See [`AskError`].
pub fn check_health(container: &ContainerHandle) -> Result<Option<i32>, AskError> {
    match ask(container, &Request::Check)? {
        Some(Reply::Failed(report)) => Err(AskError::Refused(report.chain)),
        reply => Ok(exit_code(reply)),
    }
}

/// Tells its supervisor something that is only done.
pub(crate) fn tell(container: &ContainerHandle, request: &Request) -> Result<(), AskError> {
    done(ask_anew(container, request, None))
}

fn done(answer: Result<Option<Reply>, AskError>) -> Result<(), AskError> {
    match answer? {
        Some(Reply::Failed(report)) => Err(AskError::Refused(report.chain)),
        _ => Ok(()),
    }
}

/// Asks, until the request has been heard or there is no supervisor. Before its first run one does not listen yet, at its end
/// no more, until that is noted; and at the end of a run it hangs up on those who have connected and not yet said what they
/// want: if another run follows, they are heard in that.
fn ask_anew(
    container: &ContainerHandle,
    request: &Request,
    limit: Option<Duration>,
) -> Result<Option<Reply>, AskError> {
    let mut was_there = false;
    let mut nap = Nap::default();
    loop {
        match ask_within(container, request, limit) {
            Ok(None) => was_there = true,
            Err(AskError::NotRunning) => {}
            other => return other,
        }
        if !status::of(container).is_alive() {
            return if was_there { Ok(None) } else { Err(AskError::NotRunning) };
        }
        nap.take();
    }
}

/// A descriptor that becomes readable when the container has ended.
///
/// # Errors
/// See [`AskError`].
pub fn subscribe(container: &ContainerHandle) -> Result<OwnedFd, AskError> {
    let socket = connect(container)?;
    control::send(&socket, &Request::Wait, &[]).map_err(AskError::Talk)?;
    Ok(socket)
}

/// Waits for the container's end from now on.
///
/// # Errors
/// See [`AskError`].
pub fn follow(container: &ContainerHandle) -> Result<Ending, AskError> {
    subscribe(container).map(Ending::new)
}

/// Becomes a member of the pod whose infra container this is, as long as the connection stands.
///
/// # Errors
/// See [`AskError`].
pub fn join_pod(infra: &ContainerHandle) -> Result<OwnedFd, AskError> {
    let socket = connect(infra)?;
    control::send(&socket, &Request::Member, &[]).map_err(AskError::Talk)?;
    // Answered, so that it counts from now on.
    control::receive::<Reply>(&socket).map_err(AskError::Talk)?;
    Ok(socket)
}

/// Ids of the sessions of `exec` that go on in it; none where its supervisor is busy, or older than this.
#[must_use]
pub fn sessions(container: &ContainerHandle) -> Vec<String> {
    let a_while = Timespec { tv_sec: 1, tv_nsec: 0 };
    let ask = || {
        let socket = connect(container).ok()?;
        control::send(&socket, &Request::Sessions, &[]).ok()?;
        let answers = poll(&mut [PollFd::new(&socket, PollFlags::IN)], Some(&a_while)).is_ok_and(|it| it > 0);
        answers.then(|| control::receive::<Reply>(&socket).ok().flatten())?
    };
    match ask() {
        Some((Reply::Sessions(sessions), _)) => sessions,
        _ => Vec::new(),
    }
}

/// Has a place in the pod whose infra container this is, as long as the connection stands: that one does not end for want of
/// members. `None` if its supervisor is older than these, or goes without a word.
///
/// # Errors
/// See [`AskError`]: [`AskError::NotRunning`] or [`AskError::Refused`] if it has ended, or is about to.
pub fn take_place(infra: &ContainerHandle) -> Result<Option<OwnedFd>, AskError> {
    let socket = connect(infra)?;
    control::send(&socket, &Request::Place, &[]).map_err(AskError::Talk)?;
    match control::receive::<Reply>(&socket).map_err(AskError::Talk)? {
        Some((Reply::Done, _)) => Ok(Some(socket)),
        Some((Reply::Failed(report), _)) => Err(AskError::Refused(report.chain)),
        _ => Ok(None),
    }
}

/// Tells its supervisor that it was paused. One that has gone, or is older than this, refuses nobody.
pub(crate) fn tell_of_pause(container: &ContainerHandle) {
    let _ = ask(container, &Request::Paused);
}

/// Sends a signal to its first process.
///
/// # Errors
/// See [`AskError`].
pub fn kill(container: &ContainerHandle, signal: i32) -> Result<(), AskError> {
    done(ask_within(container, &Request::Kill { signal, handed_on: false }, Some(SOON)))
}

/// Hands on a signal that came to somebody who looks on. Unlike [`kill`] it does not keep a container that ends by it from being
/// started anew.
///
/// # Errors
/// See [`AskError`].
pub fn hand_on(container: &ContainerHandle, signal: i32) -> Result<(), AskError> {
    done(ask_within(container, &Request::Kill { signal, handed_on: true }, Some(SOON)))
}

/// Kills it, and waits until the run that was killed has ended. Another may follow at once, of somebody who starts it anew: that
/// one is not waited for.
///
/// # Errors
/// See [`AskError`].
pub fn kill_for_good(container: &ContainerHandle) -> Result<(), AskError> {
    let run = status::run(container.run_path());
    let socket = connect(container)?;
    // A connection is with one run alone. Its end is asked for first, for after the kill it may be too late.
    for request in [Request::Wait, Request::Kill { signal: Signal::KILL.as_raw(), handed_on: false }] {
        match control::send(&socket, &request, &[]) {
            Ok(()) => {}
            Err(err) if is_gone(&err) => break,
            Err(err) => return Err(AskError::Talk(err)),
        }
    }
    let mut is_killed = false;
    loop {
        silent::wait_for_answer(container, &socket, SOON)?;
        match control::receive::<Reply>(&socket) {
            Ok(Some((Reply::Done, _))) => is_killed = true,
            Ok(Some((Reply::Failed(report), _))) => return Err(AskError::Refused(report.chain)),
            // Between two runs that is said at once, and then that nobody can be killed.
            Ok(Some((Reply::Exited { .. }, _))) if !is_killed => {}
            Ok(Some(_)) => return Ok(()),
            // It ended by itself as we came, and its end may have to be noted yet.
            Ok(None) => break,
            Err(err) if is_gone(&err) => break,
            Err(err) => return Err(AskError::Talk(err)),
        }
    }
    let is_it = |now: &RunState| run.as_ref().is_some_and(|it| it.pid == now.pid);
    wait_while(|| status::run(container.run_path()).as_ref().is_some_and(is_it));
    Ok(())
}

/// Sets the size of its terminal.
///
/// # Errors
/// See [`AskError`].
pub fn resize(container: &ContainerHandle, rows: u16, columns: u16) -> Result<(), AskError> {
    ask(container, &Request::Resize { rows, columns }).map(drop)
}
