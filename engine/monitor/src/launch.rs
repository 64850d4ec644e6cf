//! From the plan to a running payload: files, process, network, cgroup, in this order.
//!
//! The first process and the network's helper begin their work where we are; once all of us are where we belong (in our
//! scope), they are moved to the container's groups. So nobody waits for the service manager with nothing to do.

mod current;
mod error;
mod groups;
mod parts;
mod shared;
mod streams;
mod volumes;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};

use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::MonitorPlan;
use pontoon_network::NetworkSession;
use pontoon_rootless::cgroup::{Cgroup, Entrance};
use pontoon_rootless::sys::SockFilter;
use pontoon_rootless::userns::NewNamespace;
use pontoon_runtime::fuse;
use pontoon_runtime::hooks::{Stage, Status};
use pontoon_runtime::plan::RootfsSource;
use pontoon_runtime::start::{self, Extras, Held, Running, StartError, Starting};
use pontoon_storage::VolumeHandle;
use rustix::process::{Pid, Signal, WaitOptions, pidfd_send_signal, waitpid};

pub use self::error::LaunchError;
pub use self::shared::files_namespace;

use self::parts::Parts;
use self::streams::Streams;
use self::volumes::Volumes;
use crate::connect::{self, Connected, Early};
use crate::course::Course;
use crate::finish;
use crate::gate::Gate;
use crate::output::Log;

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
    /// Its cgroup, and a way for processes into it.
    pub cgroup: Option<(Cgroup, Entrance)>,
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
    /// Its `resolv.conf`, which need not be ours any more.
    pub resolv_conf: Option<File>,
    /// What every process in it gets.
    pub extras: Extras,
    /// Volumes' file systems that it has together with others.
    pub volumes: Vec<volumes::Held>,
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

impl Launched {
    /// Ends what was launched, and gives back what is to be undone.
    pub fn give_up(&mut self, begun: &mut Begun) {
        self.end();
        drop(self.networks.take());
        begun.network = self.network.take();
        begun.cgroup = self.cgroup.take().map(|it| it.0);
    }

    /// Ends its processes.
    pub fn end(&self) {
        let _ = pidfd_send_signal(&self.running.pidfd, Signal::KILL);
        let _ = waitpid(Some(self.running.pid), WaitOptions::empty());
    }
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
    let current = current::current(plan, course)?;
    let plan = current.as_ref().unwrap_or(plan);
    let Early { namespace, lease } = connect::begin(plan)?;
    let Parts { log, notify, streams, mut extras, files } = parts::make(plan, holds, filter, manager)?;
    let mut volumes = Volumes::take(plan)?;
    extras.common = std::mem::take(&mut volumes.given);
    let Streams { payload: streams, output, input } = streams;
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
    let representative = starting.representative().as_raw_nonzero().get();
    // Before it takes on its own ids: while it does, nobody but root finds its namespaces.
    let joining = lease.map(|it| connect::ask(plan, it, representative)).transpose()?;
    let user_namespace = shared::files_namespace(&plan.container.namespaces, representative)
        .map_err(LaunchError::io("open the container's user namespace"))?;
    let goes_on = gate.is_none() || start::keeps_owner(&plan.container.namespaces);
    if goes_on {
        starting.mapped()?;
    }
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
    let placed = placed.and_then(|()| {
        let space = user_namespace.as_ref().map(AsFd::as_fd);
        groups::place(plan, &course.limits, first, &company, space, begun)
    });
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
    let volumes = volumes.begun(plan);
    begun.network = connected?;
    if is_hidden {
        begun.network = connect()?.map(pontoon_network::Starting::finish).transpose()?;
    }
    let networks = joining.map(|it| it.finish(plan, files.hosts)).transpose()?;
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
        resolv_conf: files.resolv_conf,
        extras: Extras { filter: extras.filter, ..Extras::default() },
        volumes,
    })
}
