//! From the plan to a running payload: files, process, network, cgroup, in this order.
//!
//! The first process and the network's helper begin their work where we are; once all of us are where we belong (in our
//! scope), they are moved to the container's groups. So nobody waits for the service manager with nothing to do.

use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use pontoon_monitor::limits::{self, Limit};
use pontoon_monitor::notify::{self, Notifier};
use pontoon_monitor::plan::{LogPlan, MonitorPlan, NotifyPlan};
use pontoon_monitor::state;
use pontoon_network::lease::LeaseError;
use pontoon_network::{NetworkError, NetworkSession};
use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_rootless::sys::{self, SockFilter};
use pontoon_rootless::userns::NewNamespace;
use pontoon_runtime::devices::{self, DeviceRule};
use pontoon_runtime::fuse;
use pontoon_runtime::hooks::{HookFailure, Stage, Status};
use pontoon_runtime::plan::{MountSource, Namespaces, RootfsSource};
use pontoon_runtime::start::{self, Extras, Held, Running, StandardStreams, StartError, Starting};
use pontoon_runtime::visit;
use pontoon_storage::VolumeHandle;
use rustix::fs::{Mode, OFlags, XattrFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::connect::{self, Connected, Early};
use crate::course::Course;
use crate::gate::Gate;
use crate::output::Log;
use crate::{finish, pod, seal};

/// Why the container does not run.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The process.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The cgroup.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The network.
    #[error("cannot connect the container to the network")]
    Network(#[from] NetworkError),
    /// Its networks with names.
    #[error("cannot connect the container to its networks")]
    Lease(#[from] LeaseError),
    /// The root file system by its helper.
    #[error(transparent)]
    Fuse(#[from] fuse::FuseError),
    /// The container whose ipc namespace it shares was made without `/dev/shm`.
    #[error("the container whose ipc namespace is shared has no /dev/shm")]
    NoSharedMemory,
    /// The container whose namespaces it shares.
    #[error("the container whose namespaces are shared does not run")]
    NotRunning,
    /// A hook.
    #[error(transparent)]
    Hook(#[from] HookFailure),
    /// The program that decides about devices.
    #[error("cannot limit the container to its devices")]
    Devices(#[source] io::Error),
    /// Who started us does not want it any more: nothing is to be told, nor to be put in order.
    #[error("nobody waits for the container any more")]
    Unwanted,
    /// Anything around them.
    #[error("cannot {deed}")]
    Io {
        /// What was tried.
        deed: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl LaunchError {
    pub(crate) fn io(deed: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { deed: deed.into(), source }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Start(err) => err.hint(),
            Self::Cgroup(err) => err.hint(),
            Self::Network(err) => err.hint(),
            Self::Lease(err) => err.hint(),
            Self::Fuse(err) => err.hint(),
            Self::Hook(_) => None,
            Self::NotRunning => Some("start that one first".to_owned()),
            Self::Devices(_) => Some(
                "the kernel needs CONFIG_CGROUP_BPF, and whoever starts us must leave us CAP_BPF or CAP_SYS_ADMIN".to_owned(),
            ),
            Self::NoSharedMemory | Self::Unwanted | Self::Io { .. } => None,
        }
    }

    /// The exit code it gives.
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Start(err) => err.exit_code(),
            Self::Hook(_) => 126,
            _ => 125,
        }
    }
}

/// What a running container consists of, from outside.
#[derive(Debug)]
pub struct Launched {
    /// The payload, or the process that is to become it.
    pub running: Running,
    /// Volumes that it is the first to use, and that were filled for it.
    pub filled: Vec<VolumeHandle>,
    /// The word for it to become the payload, if it waits for that.
    pub held: Option<Held>,
    /// A user namespace to remove its files in when it has ended.
    pub user_namespace: Option<OwnedFd>,
    /// Its network's helper.
    pub network: Option<NetworkSession>,
    /// Its networks with names.
    pub networks: Option<Connected>,
    /// Its cgroup, and a handle to start processes in.
    pub cgroup: Option<(Cgroup, OwnedFd)>,
    /// Its output, if it goes through us.
    pub output: Option<(OwnedFd, OwnedFd)>,
    /// The way to its input, if that is kept open for whoever attaches.
    pub input: Option<OwnedFd>,
    /// Where its output is kept.
    pub log: Log,
    /// The payload's notify socket.
    pub notify: Option<OwnedFd>,
    /// The infra container's supervisor, which tells when the others have ended, if we are there for them.
    pub pod: Option<OwnedFd>,
    /// What every process in it gets.
    pub extras: Extras,
}

/// What must be undone if the launch fails half-way; kept apart so that the supervisor can undo it whatever happens.
#[derive(Debug, Default)]
pub struct Begun {
    /// The cgroup.
    pub cgroup: Option<Cgroup>,
    /// The network's helper.
    pub network: Option<NetworkSession>,
    /// The program that serves the root file system.
    pub rootfs: Option<OwnedFd>,
}

/// Starts the container, or sets it up if it `holds`. What was begun is noted in `begun` as it happens. `gate` is to be passed
/// before our groups can be made, if we are not where we belong.
pub fn launch(
    plan: &MonitorPlan,
    course: &Course,
    holds: bool,
    filter: Vec<SockFilter>,
    mut gate: Option<Gate<'_>>,
    begun: &mut Begun,
    manager: Option<&Notifier>,
) -> Result<Launched, LaunchError> {
    let current = current(plan, course)?;
    let plan = current.as_ref().unwrap_or(plan);
    let Early { namespace, lease } = connect::begin(plan)?;
    let deed = match &plan.log {
        LogPlan::File { path, .. } => format!("open the log `{}`", path.display()),
        _ => "open the log".to_owned(),
    };
    let log = Log::open(plan).map_err(LaunchError::io(deed))?;
    write_files(plan)?;
    pod::be_known(plan)?;
    let notify = match plan.notify {
        NotifyPlan::Container if manager.is_some() => Some(listen_for_payload(&plan.run_directory)?),
        _ => None,
    };
    let Streams { payload: streams, output, input } = make_streams(plan)?;
    let init = if plan.container.process.init || plan.container.process.pauses {
        Some(seal::own_program().map_err(LaunchError::io("open our own program"))?)
    } else {
        None
    };
    let shared_memory = shared_memory(plan)?;
    let extras = Extras {
        filter,
        init,
        shared_memory,
        dies_with_parent: true,
        looks_first: holds,
        ..Extras::default()
    };
    let can_be_moved = start::can_be_moved(&plan.container) && lease.is_none();
    if let Some(mut gate) = gate.take_if(|_| !can_be_moved) {
        gate.announce(Vec::new());
        gate.pass()?;
    }
    let namespace = namespace.map(NewNamespace::finish).transpose().map_err(StartError::from)?;
    let namespace = namespace.as_ref().map(AsFd::as_fd);
    let mut starting = Starting::begin(&plan.container, &extras, streams, namespace)?;
    let pid = starting.pid().as_raw_nonzero().get();
    let first = pid.cast_unsigned();
    let is_hidden = starting.is_hidden(&plan.container);
    let helps_early = plan.network.helper.is_some() && !is_hidden;
    if let Some(gate) = gate.as_mut().filter(|_| !helps_early) {
        gate.announce(vec![first]);
    }
    starting.map_ids()?;
    let goes_on = gate.is_none() || start::keeps_owner(&plan.container.namespaces);
    if goes_on {
        starting.mapped()?;
    }
    let representative = starting.representative().as_raw_nonzero().get();
    let joining = lease.map(|it| connect::ask(plan, it, representative)).transpose()?;
    let connect = || {
        let helper = plan.network.helper.as_ref();
        let at = representative.cast_unsigned();
        let begin = |it| pontoon_network::Starting::begin(it, at, &plan.run_directory);
        helper.map(begin).transpose()
    };
    // The helper connects the namespace while the process makes its mounts, unless it cannot be found before they are made.
    let mut connecting = if is_hidden { None } else { connect()? };
    let helper = connecting.as_ref().and_then(pontoon_network::Starting::pid);
    if let Some(gate) = gate.as_mut().filter(|_| helps_early) {
        gate.announce([first].into_iter().chain(helper).collect());
    }
    let stand_in = Some(representative.cast_unsigned()).filter(|it| *it != first);
    let company: Vec<u32> = stand_in.into_iter().chain(helper).collect();
    let placed = gate.map_or(Ok(()), Gate::pass);
    let placed = placed.and_then(|()| place(plan, &course.limits, first, &company, begun));
    // Who has ended by itself cannot be put anywhere, neither by us nor by the service manager.
    let cgroup = placed.map_err(|err| {
        let of_helper = || connecting.as_mut()?.failure().map(LaunchError::from);
        starting.failure().map(LaunchError::from).or_else(of_helper).unwrap_or(err)
    })?;
    if !goes_on {
        starting.mapped()?;
    }
    starting.placed()?;
    let mount_rootfs = |pid: Pid| match &plan.container.rootfs.source {
        RootfsSource::Fuse { .. } => {
            let rootfs = &plan.container.rootfs;
            begun.rootfs = fuse::mount(pid, rootfs, plan.container.namespaces.user.as_ref())?;
            Ok(())
        }
        RootfsSource::Overlay { .. } | RootfsSource::Directory { .. } => Ok(()),
    };
    let hooks = &plan.container.hooks;
    let before_pivot = |pid: Pid| {
        let pid = Some(pid.as_raw_nonzero().get());
        hooks.run(Stage::Prestart, Status::Created, pid)?;
        Ok(hooks.run(Stage::CreateRuntime, Status::Created, pid)?)
    };
    let prepared = starting.prepared::<LaunchError>(mount_rootfs, before_pivot);
    // Even if the mounts failed, the helper's end must be known before it can be undone.
    let connected = connecting.map(pontoon_network::Starting::finish).transpose();
    prepared?;
    begun.network = connected?;
    if is_hidden {
        begun.network = connect()?.map(pontoon_network::Starting::finish).transpose()?;
    }
    let networks = joining.map(|it| it.finish(plan)).transpose()?;
    let user_namespace = files_namespace(&plan.container.namespaces, representative)
        .map_err(LaunchError::io("open the container's user namespace"))?;
    let filled = finish::filled_volumes(plan);
    let (running, held) = match holds {
        true => starting.hold().map(|(running, held)| (running, Some(held)))?,
        false => (starting.go()?, None),
    };
    if held.is_none() {
        finish::run_poststart_hooks(plan, pid);
    }
    Ok(Launched {
        running,
        filled,
        held,
        user_namespace,
        network: begun.network.take(),
        networks,
        cgroup,
        output,
        input,
        log,
        notify,
        pod: None,
        extras: Extras { filter: extras.filter, ..Extras::default() },
    })
}

/// The plan as it is by now, if it is not as it was made: with the process that the container whose namespaces are shared has,
/// which may have been started anew since, and with another environment.
fn current(plan: &MonitorPlan, course: &Course) -> Result<Option<MonitorPlan>, LaunchError> {
    let joined = plan.container.namespaces.joined.as_ref().filter(|it| it.process != 0);
    let is_as_planned = course.environment == plan.container.process.env
        && course.join == plan.network.join
        && course.resolv_conf.is_none();
    if joined.is_none() && is_as_planned {
        return Ok(None);
    }
    let mut current = plan.clone();
    current.network.join.clone_from(&course.join);
    if let (Some(text), Some(place)) = (&course.resolv_conf, plan.resolv_conf())
        && let Some(file) = current.files.get_mut(place)
    {
        file.text.clone_from(text);
    }
    current.container.process.env.clone_from(&course.environment);
    if let Some(joined) = current.container.namespaces.joined.as_mut().filter(|it| it.process != 0) {
        let state = fs::read(joined.run_directory.join(state::STATE_FILE)).map_err(io::Error::other);
        let state =
            state.and_then(|it| serde_json::from_slice::<state::RunState>(&it).map_err(io::Error::other));
        let state = state.map_err(|_| LaunchError::NotRunning)?;
        if !state.has_its_pid() {
            return Err(LaunchError::NotRunning);
        }
        joined.process = state.pid;
    }
    Ok(Some(current))
}

/// `/dev/shm` of the container whose ipc namespace is shared, if this one is to see it.
fn shared_memory(plan: &MonitorPlan) -> Result<Option<OwnedFd>, LaunchError> {
    let namespaces = &plan.container.namespaces;
    let is_wanted = plan.container.mounts.iter().any(|it| it.source == MountSource::SharedMemory);
    let Some(joined) = namespaces.joined.as_ref().filter(|_| is_wanted) else { return Ok(None) };
    let pid = Pid::from_raw(joined.process).ok_or(LaunchError::NotRunning)?;
    let process = pidfd_open(pid, PidfdFlags::empty())
        .map_err(|err| LaunchError::io("find the container whose namespaces are shared")(err.into()))?;
    let found = visit::shared_memory(process.as_fd(), namespaces.user.is_some())?;
    found.map(Some).ok_or(LaunchError::NoSharedMemory)
}

/// The user namespace that has all ids of the container's files, and ours: its own, or the one above it.
fn files_namespace(namespaces: &Namespaces, pid: i32) -> io::Result<Option<OwnedFd>> {
    if namespaces.user.is_none() || namespaces.mounter.as_ref().is_some_and(|it| it.user.is_none()) {
        return Ok(None);
    }
    let own =
        rustix::fs::open(format!("/proc/{pid}/ns/user"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    Ok(Some(if namespaces.mounter.is_some() { sys::parent_namespace(&own)? } else { own }))
}

/// Makes the container's groups, if it has any of its own: `payload` with its limits, for its first process, and `supervisor`
/// beside that for us and the network's helper, for a group that has sub-groups with controllers may not hold processes itself
/// (cgroups(7), "no internal processes").
fn place(
    plan: &MonitorPlan,
    limits: &[Limit],
    first: u32,
    company: &[u32],
    begun: &mut Begun,
) -> Result<Option<(Cgroup, OwnedFd)>, LaunchError> {
    if !plan.cgroup.own {
        return Ok(None);
    }
    let mut base = Cgroup::of(None)?;
    let name = base.path().file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with(state::SUPERVISOR_CGROUP) {
        // We were started by somebody who sits there, or this is not our first run.
        base = Cgroup::at(base.path().parent().unwrap_or(Path::new("/")).to_owned());
    }
    let supervisor = base.child(&cgroup_name(plan, state::SUPERVISOR_CGROUP))?;
    supervisor.enter(0)?;
    for pid in company {
        supervisor.enter(*pid)?;
    }
    let payload_name = cgroup_name(plan, state::PAYLOAD_CGROUP);
    if plan.cgroup.devices.is_some() {
        // One that is left over would keep its old program beside the new one.
        let _ = Cgroup::at(base.path().join(&payload_name)).remove();
    }
    let payload = base.child(&payload_name)?;
    begun.cgroup = Some(payload.clone());
    payload.enter(first)?;
    base.enable_controllers();
    limits::apply(limits, &payload)?;
    let handle = payload.open()?;
    if let Some(rules) = &plan.cgroup.devices {
        filter_devices(rules, &handle).map_err(LaunchError::Devices)?;
    }
    Ok(Some((payload, handle)))
}

/// Named after the container: what is left of a former run in the same unit must not be mistaken for this one.
fn cgroup_name(plan: &MonitorPlan, kind: &str) -> String {
    format!("{kind}-{}", plan.id.get(..12).unwrap_or(&plan.id))
}

/// From here on the kernel asks these rules about every device that a process in the group opens or makes.
fn filter_devices(rules: &[DeviceRule], cgroup: &OwnedFd) -> io::Result<()> {
    let program = sys::load_device_program(&devices::compile(rules))?;
    sys::attach_device_program(cgroup.as_fd(), program.as_fd())
}

fn write_files(plan: &MonitorPlan) -> Result<(), LaunchError> {
    for file in &plan.files {
        let path = plan.run_directory.join(&file.name);
        fs::write(&path, &file.text).map_err(LaunchError::io(format!("write {}", path.display())))?;
        if let Some(label) = &plan.container.rootfs.label {
            // Without it the container could not read what is mounted for it (SELinux).
            rustix::fs::setxattr(&path, "security.selinux", label.as_bytes(), XattrFlags::empty())
                .map_err(|err| LaunchError::io(format!("label {}", path.display()))(err.into()))?;
        }
    }
    Ok(())
}

fn listen_for_payload(run_directory: &Path) -> Result<OwnedFd, LaunchError> {
    let directory = run_directory.join(state::NOTIFY_SUBDIRECTORY);
    let made = fs::create_dir(&directory).or_else(|err| match err.kind() {
        io::ErrorKind::AlreadyExists => Ok(()),
        _ => Err(err),
    });
    made.and_then(|()| notify::listen_at(&directory.join(state::NOTIFY_NAME)))
        .map_err(LaunchError::io("make the container's notify socket"))
}

/// The payload's streams, and our ends of them.
#[derive(Debug, Default)]
struct Streams {
    payload: Option<StandardStreams>,
    output: Option<(OwnedFd, OwnedFd)>,
    input: Option<OwnedFd>,
}

fn make_streams(plan: &MonitorPlan) -> Result<Streams, LaunchError> {
    let failed =
        |err: rustix::io::Errno| LaunchError::io("make the container's standard streams")(err.into());
    if plan.container.process.terminal {
        return Ok(Streams::default());
    }
    let own = |fd: rustix::fd::BorrowedFd<'_>| rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(failed);
    let mut input = None;
    let stdin = if plan.streams.interactive {
        own(rustix::stdio::stdin())?
    } else if plan.streams.keeps_input {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
        input = Some(write);
        read
    } else {
        rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?
    };
    if plan.log == LogPlan::Passthrough {
        let (stdout, stderr) = (own(rustix::stdio::stdout())?, own(rustix::stdio::stderr())?);
        return Ok(Streams { payload: Some(StandardStreams { stdin, stdout, stderr }), output: None, input });
    }
    let (out_read, stdout) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let (err_read, stderr) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
    let payload = Some(StandardStreams { stdin, stdout, stderr });
    Ok(Streams { payload, output: Some((out_read, err_read)), input })
}
