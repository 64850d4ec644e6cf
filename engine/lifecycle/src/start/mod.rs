//! Starting: the plan is handed to a supervisor, which becomes us, or runs beside us.

mod error;
mod place;
mod prepare;
mod supervisor;

use std::cell::{OnceCell, RefCell};
use std::fs::File;
use std::io::BufReader;
use std::iter;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use pontoon_image::ImageConfig;
use pontoon_monitor::plan::{ActivationPlan, StreamPlan};
use pontoon_monitor::state::Report;
use pontoon_rootless::cgroup;
use pontoon_rootless::dbus::ManagerError;
use pontoon_runtime::plan::Window;
use pontoon_storage::{ContainerHandle, Store, Unsynced};
use rustix::io::{FdFlags, fcntl_setfd};

pub use self::error::StartError;
pub(crate) use self::place::connect_to_manager;
pub use self::place::{group_of_containers, is_main_process, is_watched};
pub use self::prepare::note_start;

use self::place::Place;
use self::supervisor::{Spawned, next_report};
use crate::create::Created;
use crate::exec::Causes;
use crate::host::Host;
use crate::record::ContainerRecord;
use crate::request::CgroupMode;
use crate::status;
use crate::turn;

/// How a container is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attachment {
    /// It is set up to just before its program is executed, in a scope of its own, and waits to be started.
    Held,
    /// It runs on beside us, in a scope of its own.
    Detached,
    /// It runs beside us, and we see its output and wait.
    Foreground {
        /// Our input is its input.
        interactive: bool,
        /// What of it we see.
        shown: Shown,
    },
}

/// Which of a container's streams are shown (`--attach`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// Its standard output, and its terminal.
    pub output: bool,
    /// Its standard error.
    pub errors: bool,
}

impl Shown {
    /// Everything.
    pub const ALL: Self = Self { output: true, errors: true };
}

/// Descriptors of ours from 3 on that are to be the payload's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Passed {
    /// How many, without a gap.
    pub count: u32,
    /// Others, by their numbers.
    pub listed: Vec<u32>,
    /// Whether they are sockets that the service manager listens on (sd_listen_fds(3)).
    pub listens: bool,
    /// These sockets are not the payload's: connections to them are led to it.
    pub activation: Option<ActivationPlan>,
}

/// A container that is about to be started.
#[derive(Debug)]
pub struct Startable {
    /// The container.
    pub container: ContainerHandle,
    /// Its record.
    pub record: ContainerRecord,
    /// Its image's configuration.
    pub config: ImageConfig,
    /// The lock of its supervisor.
    pub lock: OwnedFd,
    /// What of it must be synced before it runs.
    pub unsynced: Unsynced,
    /// Whether it has run before: what [`note_start`] gives.
    pub has_run: bool,
}

impl From<Created> for Startable {
    fn from(created: Created) -> Self {
        let Created { container, record, image, lock, unsynced } = created;
        Self { container, record, config: image, lock, unsynced, has_run: false }
    }
}

/// A container that was started.
#[derive(Debug)]
pub struct Started {
    reports: BufReader<File>,
    /// Pid of its first process, as the host sees it.
    pub pid: i32,
    /// The byte stream of its terminal, if we are attached to one.
    pub terminal: Option<OwnedFd>,
    /// The way to its input, if that is ours to give and it has no terminal: a pipe.
    pub input: Option<OwnedFd>,
}

/// What there is to know of a container that was started in the foreground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has ended, with this exit code.
    Exited(i32),
    /// What it writes cannot be written where our own output goes. It may go on.
    Unshown {
        /// Our standard error, or our standard output.
        errors: bool,
        /// The number of the cause, as in errno(3).
        errno: i32,
    },
    /// Its supervisor was killed.
    Gone,
}

impl Started {
    /// Waits for the container's end, or for what keeps us from seeing it.
    pub fn wait(&mut self) -> Outcome {
        loop {
            match next_report(&mut self.reports) {
                Some(Report::Exited { code }) => return Outcome::Exited(code),
                Some(Report::Unshown { errors, errno }) => return Outcome::Unshown { errors, errno },
                Some(
                    Report::Begun { .. }
                    | Report::Initialized { .. }
                    | Report::Started { .. }
                    | Report::Failed(_),
                ) => {}
                None => return Outcome::Gone,
            }
        }
    }

    /// Whether there is something for [`Started::wait`] already, of which [`Started::told_fd`] says nothing.
    #[must_use]
    pub fn is_told(&self) -> bool {
        !self.reports.buffer().is_empty()
    }

    /// Readable when [`Started::wait`] has something to give.
    #[must_use]
    pub fn told_fd(&self) -> &File {
        self.reports.get_ref()
    }
}

/// Begins what is slow about a start and needs nothing to be known yet: called before anything else by whoever is going to
/// start a container, as far as is known then. It must have a single thread still.
pub fn hasten() {
    cgroup::hasten_moves();
}

/// Becomes the supervisor: the same process goes on under its program. Comes back only with an error. What the user should
/// know about the plan goes to `warn`.
///
/// # Errors
/// See [`StartError`].
pub fn become_supervisor(
    host: &Host,
    store: &Store,
    startable: Startable,
    streams: StreamPlan,
    warn: &dyn Fn(&str),
) -> Result<std::convert::Infallible, StartError> {
    let own_cgroup = startable.record.request.cgroups != CgroupMode::Disabled;
    let (plan, filter) = prepare::plan_for(host, store, &startable, own_cgroup, streams, warn)?;
    startable.unsynced.sync()?;
    let (mut command, _plan) = supervisor::command(host, &plan, &filter, &startable.lock)?;
    let program = host.monitor_program();
    // systemd's own variables stay: the supervisor speaks to it.
    Err(StartError::Supervisor { program, source: command.exec() })
}

/// Starts a container beside us. What the user should know about the plan goes to `warn`.
///
/// # Errors
/// See [`StartError`].
pub fn start(
    host: &Host,
    store: &Store,
    startable: Startable,
    attachment: Attachment,
    passed: Passed,
    warn: &dyn Fn(&str),
) -> Result<Started, StartError> {
    begin(host, store, startable, attachment, passed, warn)?.finish(host, store)
}

/// A container whose supervisor is at work, and has not been let go yet. Dropping it ends that.
#[derive(Debug)]
pub struct Begun {
    record: ContainerRecord,
    place: Place,
    supervisor: Spawned,
    unsynced: Unsynced,
    /// Also ours, so that nobody else starts the container before all of this start is over.
    _lock: OwnedFd,
}

/// The first half of a start: everything up to where there is only to be waited. What the user should know about the plan goes
/// to `warn`.
///
/// # Errors
/// See [`StartError`].
pub fn begin(
    host: &Host,
    store: &Store,
    mut startable: Startable,
    attachment: Attachment,
    passed: Passed,
    warn: &dyn Fn(&str),
) -> Result<Begun, StartError> {
    let unsynced = std::mem::take(&mut startable.unsynced);
    let record = &startable.record;
    let place = place::place(host, record.request.cgroups, record.request.cgroup_parent.as_deref());
    let streams = streams(record, attachment, passed);
    let own_cgroup = !matches!(place, Place::Nowhere);
    let (mut plan, filter) = prepare::plan_for(host, store, &startable, own_cgroup, streams, warn)?;
    plan.holds = attachment == Attachment::Held;
    let (command, _plan) = supervisor::command(host, &plan, &filter, &startable.lock)?;
    let supervisor = supervisor::spawn(host, record, command, attachment)?;
    let Startable { record, lock, .. } = startable;
    // The next supervisor that we run has nothing to do with it.
    fcntl_setfd(&lock, FdFlags::CLOEXEC).map_err(|err| supervisor::failed(host, err.into()))?;
    Ok(Begun { record, place, supervisor, unsynced, _lock: lock })
}

impl Begun {
    /// The second half: the supervisor is put where it belongs and let go, and says that the container runs. Several may be
    /// finished at once.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn finish(self, host: &Host, store: &Store) -> Result<Started, StartError> {
        let Self { record, place, supervisor, unsynced, _lock } = self;
        let Spawned { pid: supervisor, reports, gate, terminal, input } = supervisor;
        let reports = RefCell::new(reports);
        let first = OnceCell::new();
        // What the supervisor says first: which processes it has made, or why it has not.
        let begun = || first.get_or_init(|| next_report(&mut reports.borrow_mut()));
        // The disk, the service manager and the supervisor work side by side.
        let placed = std::thread::scope(|threads| {
            let syncing = (!unsynced.is_empty()).then(|| threads.spawn(|| unsynced.sync()));
            if let Place::Scope(bus) = &place {
                place::start_slice(host, store, bus, &record)?;
                let run = &store.paths().run;
                let turn = turn::take(run).map_err(|source| StartError::Turn { run: run.clone(), source })?;
                // The bus may have given up on who connected long ago and said nothing.
                let fresh = if turn.waited { connect_to_manager(host).ok() } else { None };
                let pids = || match begun() {
                    Some(Report::Begun { pids }) => {
                        iter::once(supervisor).chain(pids.iter().copied()).collect()
                    }
                    _ => Vec::new(),
                };
                place::scope(fresh.as_ref().unwrap_or(bus), &record, supervisor, pids)?;
            }
            match syncing.map(std::thread::ScopedJoinHandle::join) {
                Some(Ok(synced)) => synced.map_err(StartError::from),
                Some(Err(_)) => Err(StartError::Vanished),
                None => Ok(()),
            }
        });
        let report = match begun() {
            // If it is not where it belongs, the gate is dropped unopened, which ends it without a word; unless it ends by itself,
            // which is why, and of which it has a word.
            Some(Report::Begun { .. }) if placed.is_err() => {
                drop(gate);
                next_report(&mut reports.borrow_mut())
            }
            Some(Report::Begun { .. }) => {
                // Where it has ended by itself, nobody reads this, and it has said why.
                let _ = rustix::io::write(&gate, b"1");
                next_report(&mut reports.borrow_mut())
            }
            other => other.clone(),
        };
        let mut reports = reports.into_inner();
        if matches!(placed, Err(StartError::Scope(ManagerError::Job { .. }))) {
            // When the supervisor has ended, too.
            while next_report(&mut reports).is_some() {}
            status::stop_scopes(&record.id);
        }
        match report {
            Some(Report::Started { pid } | Report::Initialized { pid }) => {
                Ok(Started { reports, pid, terminal, input })
            }
            Some(Report::Failed(report)) => {
                // Its last deeds are done when it closes the pipe.
                while next_report(&mut reports).is_some() {}
                let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
                Err(StartError::Failed(report, causes))
            }
            Some(Report::Begun { .. } | Report::Unshown { .. } | Report::Exited { .. }) | None => {
                Err(placed.err().unwrap_or(StartError::Vanished))
            }
        }
    }
}

/// Which of its streams are ours, and what of ours it gets.
fn streams(record: &ContainerRecord, attachment: Attachment, passed: Passed) -> StreamPlan {
    let Passed { count: preserve_fds, listed: preserved, listens, activation } = passed;
    let plan = StreamPlan { preserve_fds, preserved, listens, activation, ..StreamPlan::default() };
    match attachment {
        Attachment::Detached | Attachment::Held => {
            StreamPlan { keeps_input: record.request.interactive, ..plan }
        }
        Attachment::Foreground { interactive, shown } => StreamPlan {
            interactive,
            foreground: true,
            hides_output: !shown.output,
            hides_errors: !shown.errors,
            window: Window::of(rustix::stdio::stdin()),
            ..plan
        },
    }
}

/// The file in which the service manager finds a container's supervisor, where one of its services starts the container and
/// goes on without us (`Type=forking`, `PIDFile=`).
#[must_use]
pub fn supervisor_pid_file(store: &Store, id: &str) -> PathBuf {
    run_directory(store, id).join("conmon.pid")
}

/// Where a container's runtime files would be, for a plan that is only printed.
#[must_use]
pub fn run_directory(store: &Store, id: &str) -> PathBuf {
    Path::new(&store.paths().run).join("containers").join(id)
}
