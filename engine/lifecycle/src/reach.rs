//! Reaching the files of a container, running or not, for work that is done in a child.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};

use pontoon_monitor::files_lock;
use pontoon_monitor::plan::StreamPlan;
use pontoon_monitor::state::{FailureReport, RunState};
use pontoon_runtime::plan::Files;
use pontoon_runtime::start::StartError;
use pontoon_runtime::visit::{self, Place, Visitor};
use pontoon_storage::{FileError, FindContainerError, FindImageError, OpenError, Store};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::base;
use crate::common;
use crate::create::CreateError;
use crate::exec::Causes;
use crate::facts::{self, Known, PlanError};
use crate::host::Host;
use crate::id_maps::{self, IdMapsError};
use crate::list::Found;
use crate::nap::Nap;
use crate::request::UserNsMode;
use crate::status::{self, Status};

/// Why the files could not be reached, or what went wrong with them.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// It cannot be told what they are.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Its ids.
    #[error(transparent)]
    Ids(#[from] IdMapsError),
    /// Its image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// Its image's configuration.
    #[error(transparent)]
    Config(#[from] CreateError),
    /// Its directories.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its runtime directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The child.
    #[error("cannot reach the container's files")]
    Visit(#[from] StartError),
    /// Something around it.
    #[error("cannot reach the container's files")]
    Io(#[from] io::Error),
    /// It went while it was waited for.
    #[error(transparent)]
    Gone(#[from] FindContainerError),
    /// The run whose files they are has ended.
    #[error("the container ended while its files were reached")]
    Ended,
    /// Its supervisor was killed while it was waited for.
    #[error("the container's supervisor was killed just now")]
    Abandoned,
    /// The child was killed.
    #[error("the process at work on the container's files was killed")]
    Killed,
    /// What the work writes is not read any more.
    #[error("what is written is not read to its end")]
    ReaderGone,
    /// What the work said.
    #[error("{}", .0.chain.first().map_or("the work failed", String::as_str))]
    Work(FailureReport, #[source] Option<Causes>),
}

impl ReachError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(err) => err.hint(),
            Self::Ids(err) => err.hint(),
            Self::Config(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Open(err) => err.hint(),
            Self::Visit(err) => err.hint(),
            Self::Ended => Some("try again: now they are reached at rest".to_owned()),
            Self::Abandoned => Some("try again: then it is put in order first".to_owned()),
            Self::Work(report, _) => report.hint.clone(),
            Self::Image(_) | Self::Gone(_) | Self::Io(_) | Self::Killed | Self::ReaderGone => None,
        }
    }
}

/// A child at work on a container's files.
#[derive(Debug)]
pub struct Reached {
    visitor: Visitor,
    said: OwnedFd,
    /// Keeps the container from running while its files are put together by us.
    _lock: Option<OwnedFd>,
}

/// How work ends whose output nobody reads.
const READER_GONE: i32 = 2;

/// Whether an error, or one of its causes, is that nobody reads any more.
fn is_broken_pipe(err: &(dyn std::error::Error + 'static)) -> bool {
    let own = err.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe);
    own || err.source().is_some_and(is_broken_pipe)
}

/// What work gives.
pub type WorkResult = Result<(), Box<dyn std::error::Error>>;

/// The way to a container's files.
#[derive(Debug)]
pub enum Way {
    /// Those that its first process sees.
    Running(OwnedFd),
    /// They are put together, and it does not run as long as this lock is held.
    AtRest(OwnedFd),
}

/// Finds the way to a container's files, and waits for whoever has them: another command, or a run that is about to begin
/// or to end.
///
/// # Errors
/// See [`ReachError`].
pub fn way(store: &Store, found: &Found) -> Result<Way, ReachError> {
    let mut status = found.status.clone();
    let mut nap = Nap::default();
    loop {
        match &status {
            Status::Abandoned(_) => return Err(ReachError::Abandoned),
            other => {
                if let Some(process) = other.process().map(process_of) {
                    match process {
                        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
                        process => return Ok(Way::Running(process?)),
                    }
                } else if let Some(lock) = lock_at_rest(store, found)? {
                    return Ok(Way::AtRest(lock));
                }
            }
        }
        nap.take();
        status = status::of(&found.container);
    }
}

/// The lock on the files of a container that does not run, if nobody has it.
fn lock_at_rest(store: &Store, found: &Found) -> Result<Option<OwnedFd>, ReachError> {
    found.container.open_run_dir(store)?;
    let Some(lock) = files_lock::try_take(found.container.run_path())? else { return Ok(None) };
    still_there(store, found)?;
    // A run holds the lock for longer than anybody can see it.
    Ok(Some(lock))
}

/// Before we came so far, somebody may have removed it.
fn still_there(store: &Store, found: &Found) -> Result<(), ReachError> {
    match store.container(found.container.id()) {
        Err(FindContainerError::NotFound { .. }) => {
            // We may have made it anew.
            let _ = std::fs::remove_dir_all(found.container.run_path());
            Err(found.is_gone().into())
        }
        container => Ok(container.map(drop)?),
    }
}

/// Whether a process has. What is its own is gone a moment before its end is told.
fn has_ended(process: &OwnedFd) -> bool {
    let a_moment = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
    poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&a_moment)).is_ok_and(|it| it > 0)
}

/// Lets `work` run in a child that sees the container's files; it is given a handle of their root. Called with a single
/// thread only.
///
/// # Errors
/// See [`ReachError`].
pub fn reach(
    host: &Host,
    store: &Store,
    found: &Found,
    mut work: impl FnMut(&OwnedFd) -> WorkResult,
) -> Result<Reached, ReachError> {
    loop {
        match reach_by(host, store, found, way(store, found)?, &mut work) {
            // Its end came first; the work has not begun.
            Err(ReachError::Ended) => {}
            other => return other,
        }
    }
}

/// [`reach`] by a way that has been found before.
///
/// # Errors
/// See [`ReachError`].
pub fn reach_by(
    host: &Host,
    store: &Store,
    found: &Found,
    way: Way,
    work: impl FnOnce(&OwnedFd) -> WorkResult,
) -> Result<Reached, ReachError> {
    let (said, say) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
    let reporting = reporting(say, work);
    let (visitor, lock) = match way {
        Way::Running(process) => {
            let user_namespace = id_maps::of(host, store, &found.record)?.is_some();
            let place = Place::Running { process: process.as_fd(), user_namespace };
            let mut visitor = visit::visit(place, reporting)?;
            if let Err(err) = visitor.enter() {
                // The child ends by itself.
                let _ = visitor.wait();
                if has_ended(&process) {
                    still_there(store, found)?;
                    return Err(ReachError::Ended);
                }
                return Err(err.into());
            }
            (visitor, None)
        }
        Way::AtRest(lock) => {
            let mut files = at_rest(host, store, found)?;
            let given = common::at_rest(store, &mut files.mounts)?;
            (visit::visit(Place::AtRest { files: &files, common: &given }, reporting)?, Some(lock))
        }
    };
    Ok(Reached { visitor, said, _lock: lock })
}

/// Lets `work` run in a child that sees the host and is root over our own ids. Called with a single thread only.
///
/// # Errors
/// See [`ReachError`].
pub fn reach_outside(host: &Host, work: impl FnOnce(&OwnedFd) -> WorkResult) -> Result<Reached, ReachError> {
    let (said, say) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
    let maps = host.maps().map_err(IdMapsError::from)?;
    let visitor = visit::visit(Place::Outside { user: maps.as_ref() }, reporting(say, work))?;
    Ok(Reached { visitor, said, _lock: None })
}

/// Whether our own ids are among those of a container, so that who works on its files can reach ours.
///
/// # Errors
/// See [`ReachError`].
pub fn knows_us(host: &Host, store: &Store, found: &Found) -> Result<bool, ReachError> {
    if found.record.request.userns == UserNsMode::Host {
        return Ok(true);
    }
    let maps = id_maps::of(host, store, &found.record)?;
    Ok(maps.is_none_or(|it| it.knows(host.uid, host.gid)))
}

/// The work, with a way to say what went wrong; gives the exit code of the child.
fn reporting(say: OwnedFd, work: impl FnOnce(&OwnedFd) -> WorkResult) -> impl FnOnce(&OwnedFd) -> i32 {
    |root| {
        // What is copied keeps its mode.
        rustix::process::umask(rustix::fs::Mode::empty());
        match work(root) {
            Ok(()) => 0,
            Err(err) if is_broken_pipe(err.as_ref()) => READER_GONE,
            Err(err) => {
                let report = FailureReport::new(err.as_ref(), None, 125);
                if let Ok(text) = serde_json::to_vec(&report) {
                    let _ = File::from(say).write_all(&text);
                }
                1
            }
        }
    }
}

impl Reached {
    /// Waits for the work.
    ///
    /// # Errors
    /// See [`ReachError`].
    pub fn wait(self) -> Result<(), ReachError> {
        let code = self.visitor.wait()?;
        match code {
            Some(0) => Ok(()),
            None => Err(ReachError::Killed),
            Some(READER_GONE) => Err(ReachError::ReaderGone),
            Some(_) => {
                let mut text = Vec::new();
                File::from(self.said).read_to_end(&mut text)?;
                let report: FailureReport = serde_json::from_slice(&text).unwrap_or_default();
                let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
                Err(ReachError::Work(report, causes))
            }
        }
    }
}

/// The first process, held so that its number cannot come to mean another.
fn process_of(state: &RunState) -> io::Result<OwnedFd> {
    let pid = Pid::from_raw(state.pid).ok_or(io::ErrorKind::NotFound)?;
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Err(io::ErrorKind::NotFound.into()),
        process => process?,
    };
    if !state.has_its_pid()? {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the container has ended"));
    }
    Ok(process)
}

/// What is mounted in a container that does not run.
fn at_rest(host: &Host, store: &Store, found: &Found) -> Result<Files, ReachError> {
    let image = base::image(store, &found.record)?;
    let config = base::config(store, image.as_ref())?;
    found.container.make_overlay_dirs(base::root_mode(&found.record.request, image.as_ref())?)?;
    let known = Known {
        record: &found.record,
        image: image.as_ref(),
        config: &config,
        directory: found.container.path(),
        run_directory: found.container.run_path(),
        own_cgroup: false,
        streams: StreamPlan::default(),
        default_mounts: Vec::new(),
    };
    Ok(facts::files(host, store, &known)?)
}
