//! Starting: the plan is handed to a supervisor, which becomes us, or runs beside us.

use std::cell::{OnceCell, RefCell};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::iter;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pontoon_image::ImageConfig;
use pontoon_monitor::plan::{self, ActivationPlan, MonitorPlan, StreamPlan};
use pontoon_monitor::state::{FailureReport, Report};
use pontoon_network::PortError;
use pontoon_rootless::cgroup::{self, Cgroup};
use pontoon_rootless::dbus::{Bus, BusError, ManagerError, ScopeRequest, start_scope};
use pontoon_rootless::sys::{SockFilter, keep_across_exec};
use pontoon_storage::{ContainerHandle, FileError, FindImageError, Store, Unsynced};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::base;
use crate::create::Created;
use crate::decide::{OVERLAYS, image_changes};
use crate::exec::Causes;
use crate::facts::{self, Known, PlanError};
use crate::hooks::precreate::{self, PrecreateError};
use crate::host::Host;
use crate::labels::{self, relabel::RelabelError};
use crate::network_unit;
use crate::pod::slice::SliceError;
use crate::pod::{self, PodRecord};
use crate::record::ContainerRecord;
use crate::request::{CgroupMode, LogDriver, MountSource};
use crate::secret::Places;
use crate::status;
use crate::stop::AskError;
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

/// Why it did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// The container's directories.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is to be labelled for it.
    #[error(transparent)]
    Relabel(#[from] RelabelError),
    /// The slice of its pod.
    #[error(transparent)]
    Slice(#[from] SliceError),
    /// Hooks that rewrite the plan.
    #[error(transparent)]
    Precreate(#[from] PrecreateError),
    /// The scope.
    #[error("cannot get a scope from the service manager")]
    Scope(#[from] ManagerError),
    /// The unit that has the networks.
    #[error("cannot reach the unit that connects containers to networks")]
    NetworkUnit(#[source] ManagerError),
    /// The place for changes to a volume.
    #[error("cannot make `{}`", path.display())]
    Overlay {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The supervisor's program.
    #[error("cannot run the supervisor `{}`", program.display())]
    Supervisor {
        /// Its path.
        program: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The supervisor ended without a word.
    #[error("the supervisor was killed before the container ran")]
    Vanished,
    /// It was set up, and its supervisor does not let it go.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The supervisor said why.
    #[error("{}", .0.chain.first().map_or("the container could not be started", String::as_str))]
    Failed(FailureReport, #[source] Option<Causes>),
}

impl StartError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(err) => err.hint(),
            Self::Port(err) => err.hint(),
            Self::Relabel(err) => err.hint(),
            Self::Precreate(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Scope(err) | Self::NetworkUnit(err) => err.hint(),
            Self::Slice(err) => err.hint(),
            Self::Failed(report, _) => report.hint.clone(),
            Self::Supervisor { .. } => {
                Some("it belongs to PREFIX/libexec/pontoon/pontoon-monitor; see `make install`".to_owned())
            }
            Self::Image(_) | Self::Overlay { .. } | Self::Ask(_) | Self::Vanished => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Plan(err) => err.exit_code(),
            Self::Precreate(_) => 126,
            Self::Failed(report, _) => report.code,
            _ => 125,
        }
    }
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
}

impl From<Created> for Startable {
    fn from(created: Created) -> Self {
        let Created { container, record, image, lock, unsynced } = created;
        Self { container, record, config: image, lock, unsynced }
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
}

/// Where the supervisor's processes are counted.
enum Place {
    /// Below the group that we are in.
    Here,
    /// In a scope asked from the service manager.
    Scope(Bus),
    /// In the group that we are in, without one of its own.
    Nowhere,
}

/// Whether our own cgroup is ours to divide: we are in a unit with `Delegate=yes`.
fn is_delegated() -> bool {
    Cgroup::of(None).is_ok_and(|it| it.is_delegated())
}

/// Whether our own cgroup is a login's: root may write there, too, but a container would be part of the login.
fn is_of_a_login() -> bool {
    Cgroup::of(None).is_ok_and(|it| it.is_of_a_login())
}

fn place(host: &Host, mode: CgroupMode) -> Place {
    match mode {
        CgroupMode::Disabled => Place::Nowhere,
        CgroupMode::Split if is_delegated() => Place::Here,
        CgroupMode::NoConmon if is_delegated() && !is_of_a_login() => Place::Here,
        // Without a manager to ask the container stays where we are; only a limit makes that an error.
        CgroupMode::Split | CgroupMode::NoConmon | CgroupMode::Enabled => match connect_to_manager(host) {
            Ok(bus) => Place::Scope(bus),
            // Whoever started us has given us one to divide, such as root with `--user`.
            Err(_) if host.is_rootless() && is_delegated() && !is_of_a_login() => Place::Here,
            Err(_) => Place::Nowhere,
        },
    }
}

/// Begins what is slow about a start and needs nothing to be known yet: called before anything else by whoever is going to
/// start a container, as far as is known then. It must have a single thread still.
pub fn hasten() {
    cgroup::hasten_moves();
}

/// The user's service manager; for root the system's.
pub(crate) fn connect_to_manager(host: &Host) -> Result<Bus, BusError> {
    match host.runtime_directory() {
        Some(directory) if host.is_rootless() => Bus::user(directory),
        _ => Bus::system(),
    }
}

/// Whether the supervisor is to become us: the service manager started us and watches this very process.
#[must_use]
pub fn is_main_process(host: &Host) -> bool {
    host.variable("SYSTEMD_EXEC_PID").and_then(|it| it.parse().ok()) == Some(std::process::id())
        && is_delegated()
}

/// Whether the service manager watches this very process, in a group that is not ours to divide: a service without `Delegate=`,
/// as Podman's `generate systemd` writes them. The supervisor is in a scope then, and the manager takes no word from there (from
/// root's alone), so it has to go on seeing us.
#[must_use]
pub fn is_watched(host: &Host) -> bool {
    host.variable("SYSTEMD_EXEC_PID").and_then(|it| it.parse().ok()) == Some(std::process::id())
        && host.variable("NOTIFY_SOCKET").is_some()
        && !is_delegated()
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
    let (plan, filter) = plan_for(host, store, &startable, own_cgroup, streams, warn)?;
    startable.unsynced.sync()?;
    let mut command = supervisor(host, &plan, &filter, &startable.lock)?;
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
    mut startable: Startable,
    attachment: Attachment,
    passed: Passed,
    warn: &dyn Fn(&str),
) -> Result<Started, StartError> {
    let unsynced = std::mem::take(&mut startable.unsynced);
    let record = &startable.record;
    let place = place(host, record.request.cgroups);
    let streams = match attachment {
        Attachment::Detached | Attachment::Held => StreamPlan {
            interactive: false,
            keeps_input: record.request.interactive,
            preserve_fds: passed.count,
            preserved: passed.listed,
            listens: passed.listens,
            activation: passed.activation,
            ..StreamPlan::default()
        },
        Attachment::Foreground { interactive, shown } => StreamPlan {
            interactive,
            preserve_fds: passed.count,
            preserved: passed.listed,
            listens: passed.listens,
            activation: passed.activation,
            foreground: true,
            hides_output: !shown.output,
            hides_errors: !shown.errors,
            ..StreamPlan::default()
        },
    };
    let own_cgroup = !matches!(place, Place::Nowhere);
    let (mut plan, filter) = plan_for(host, store, &startable, own_cgroup, streams, warn)?;
    plan.holds = attachment == Attachment::Held;
    let mut command = supervisor(host, &plan, &filter, &startable.lock)?;
    let failed = |source| StartError::Supervisor { program: host.monitor_program(), source };
    let (report_read, report_write) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| failed(err.into()))?;
    let (gate_read, gate_write) = pipe_with(PipeFlags::CLOEXEC).map_err(|err| failed(err.into()))?;
    pass(&mut command, "--report", &report_write).map_err(failed)?;
    pass(&mut command, "--gate", &gate_read).map_err(failed)?;
    let mut terminal = None;
    let mut theirs = None;
    if record.request.tty && matches!(attachment, Attachment::Foreground { .. }) {
        let (ours, other) = stream_pair().map_err(failed)?;
        pass(&mut command, "--terminal", &other).map_err(failed)?;
        (terminal, theirs) = (Some(ours), Some(other));
    }
    // Without anybody to see it, and where nothing is handed on.
    let passes =
        matches!(record.request.log_driver, Some(LogDriver::Passthrough | LogDriver::PassthroughTty));
    if (!matches!(attachment, Attachment::Foreground { .. }) && !passes) || record.request.tty {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    }
    // A session of its own: what the terminal sends us must not reach it.
    command.process_group(0);
    let child = command.spawn().map_err(failed)?;
    drop((report_write, gate_read, theirs));
    let reports = RefCell::new(BufReader::new(File::from(report_read)));
    let first = OnceCell::new();
    // What the supervisor says first: which processes it has made, or why it has not.
    let begun = || first.get_or_init(|| next_report(&mut reports.borrow_mut()));
    // The disk, the service manager and the supervisor work side by side.
    let placed = std::thread::scope(|threads| {
        let syncing = (!unsynced.is_empty()).then(|| threads.spawn(|| unsynced.sync()));
        if let Place::Scope(bus) = &place {
            start_slice(host, store, bus, record)?;
            let turn = turn::take(&store.paths().run).map_err(failed)?;
            // The bus may have given up on who connected long ago and said nothing.
            let fresh = if turn.waited { connect_to_manager(host).ok() } else { None };
            let pids = || match begun() {
                Some(Report::Begun { pids }) => iter::once(child.id()).chain(pids.iter().copied()).collect(),
                _ => Vec::new(),
            };
            scope(fresh.as_ref().unwrap_or(bus), record, child.id(), pids)?;
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
            drop(gate_write);
            next_report(&mut reports.borrow_mut())
        }
        Some(Report::Begun { .. }) => {
            // Where it has ended by itself, nobody reads this, and it has said why.
            let _ = rustix::io::write(&gate_write, b"1");
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
        Some(Report::Started { pid } | Report::Initialized { pid }) => Ok(Started { reports, pid, terminal }),
        Some(Report::Failed(report)) => {
            // Its last deeds are done when it closes the pipe.
            while next_report(&mut reports).is_some() {}
            let causes = Causes::of(report.chain.get(1..).unwrap_or_default());
            Err(StartError::Failed(report, causes))
        }
        Some(Report::Begun { .. } | Report::Exited { .. }) | None => {
            Err(placed.err().unwrap_or(StartError::Vanished))
        }
    }
}

/// The slice of the container's pod is there, with the pod's limits, before the first container is in it.
fn start_slice(host: &Host, store: &Store, bus: &Bus, record: &ContainerRecord) -> Result<(), StartError> {
    let in_slice = record.request.pod.as_ref().filter(|_| record.request.cgroup_parent.is_some());
    let pod =
        in_slice.and_then(|it| store.find_pod(&it.id).ok()?.read_entry().ok()?.record::<PodRecord>().ok());
    match pod.filter(|it| it.share_parent) {
        Some(pod) => Ok(pod::slice::start(host, bus, &pod)?),
        None => Ok(()),
    }
}

/// Asks for a scope around the supervisor and what it has made. One of the last run may still be on its way out; then it gets another name.
fn scope(
    bus: &Bus,
    record: &ContainerRecord,
    supervisor: u32,
    pids: impl Fn() -> Vec<u32>,
) -> Result<(), StartError> {
    let description = format!("Pontoon container {}", record.name);
    let ask = |name: &str| {
        let slice = record.request.cgroup_parent.as_deref();
        start_scope(bus, &ScopeRequest { name, description: &description, slice, delegate: true }, &pids)
    };
    match ask(&format!("pontoon-{}.scope", record.id)) {
        Err(ManagerError::Exists { .. }) => Ok(ask(&format!("pontoon-{}-{supervisor}.scope", record.id))?),
        other => Ok(other?),
    }
}

/// Makes the places for changes to what is mounted with the option `O`, and to images.
fn make_volume_overlays(record: &ContainerRecord, directory: &Path) -> Result<(), StartError> {
    let mounts = record.request.mounts.iter().enumerate();
    let images = mounts.filter(|(_, it)| matches!(it.source, MountSource::Image(_)));
    let mut names: Vec<String> = images.map(|(number, _)| image_changes(number)).collect();
    let options = record.request.mounts.iter().map(|it| &it.options);
    let options = options.chain(record.volumes.iter().map(|it| &it.options));
    if options.clone().any(|it| it.iter().any(|word| word == "O")) {
        names.extend((0..options.count()).map(|number| number.to_string()));
    }
    for name in names {
        let path = directory.join(OVERLAYS).join(name);
        std::fs::create_dir_all(&path).map_err(|source| StartError::Overlay { path, source })?;
    }
    Ok(())
}

fn next_report(reports: &mut BufReader<File>) -> Option<Report> {
    let mut line = String::new();
    match reports.read_line(&mut line) {
        Ok(count) if count > 0 => serde_json::from_str(&line).ok(),
        _ => None,
    }
}

impl Started {
    /// Waits for the container's end and gives its exit code; `None` if its supervisor was killed.
    pub fn wait(&mut self) -> Option<i32> {
        loop {
            match next_report(&mut self.reports)? {
                Report::Exited { code } => return Some(code),
                Report::Begun { .. }
                | Report::Initialized { .. }
                | Report::Started { .. }
                | Report::Failed(_) => {}
            }
        }
    }

    /// Readable when the container has ended.
    #[must_use]
    pub fn ended_fd(&self) -> &File {
        self.reports.get_ref()
    }
}

/// The file in which the service manager finds a container's supervisor, where one of its services starts the container and
/// goes on without us (`Type=forking`, `PIDFile=`).
#[must_use]
pub fn supervisor_pid_file(store: &Store, id: &str) -> PathBuf {
    run_directory(store, id).join("conmon.pid")
}

/// Makes the container's directories and its plan.
fn plan_for(
    host: &Host,
    store: &Store,
    startable: &Startable,
    own_cgroup: bool,
    streams: StreamPlan,
    warn: &dyn Fn(&str),
) -> Result<(MonitorPlan, Vec<SockFilter>), StartError> {
    let record = &startable.record;
    let image = base::image(store, record)?;
    startable.container.make_overlay_dirs(base::root(&record.request, image.as_ref())?)?;
    make_volume_overlays(&startable.record, startable.container.path())?;
    labels::relabel_mounts(
        record,
        Places { directory: startable.container.path(), run_directory: startable.container.run_path() },
        host.user.as_ref().map(|it| Path::new(&it.home)),
    )?;
    let known = Known {
        record,
        image: image.as_ref(),
        config: &startable.config,
        directory: startable.container.path(),
        run_directory: startable.container.run_path(),
        own_cgroup,
        streams,
    };
    let mut decided = facts::plan(host, store, &known)?;
    precreate::run(&mut decided.plan, &decided.precreate)?;
    // Of the plan: where the mode publishes nothing there is nothing to be taken.
    pontoon_network::check_free(&decided.plan.network.ports)?;
    if decided.plan.network.join.is_some() {
        network_unit::ensure(host).map_err(StartError::NetworkUnit)?;
    }
    for warning in &decided.warnings {
        warn(warning);
    }
    startable.container.clear_exit()?;
    Ok((decided.plan, decided.filter))
}

/// The command of a supervisor, with its plan and its lock.
fn supervisor(
    host: &Host,
    plan: &MonitorPlan,
    filter: &[SockFilter],
    lock: &OwnedFd,
) -> Result<Command, StartError> {
    let program = host.monitor_program();
    let failed = |source| StartError::Supervisor { program: program.clone(), source };
    let file = plan::send(plan, filter).map_err(failed)?;
    let mut command = Command::new(&program);
    command.arg0("pontoon-monitor");
    pass(&mut command, "--plan", &file).map_err(failed)?;
    pass(&mut command, "--lock", lock).map_err(failed)?;
    // The descriptor must stay open until the program runs; it has no other owner there.
    std::mem::forget(file);
    Ok(command)
}

fn pass(command: &mut Command, option: &str, fd: impl AsFd) -> io::Result<()> {
    let number = keep_across_exec(fd)?;
    command.args([option, &number.to_string()]);
    Ok(())
}

fn stream_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?)
}

/// Where a container's runtime files would be, for a plan that is only printed.
#[must_use]
pub fn run_directory(store: &Store, id: &str) -> PathBuf {
    Path::new(&store.paths().run).join("containers").join(id)
}
