//! What runs in the process that becomes the container, between clone and exec.
//!
//! It executes the plan's steps in order and decides nothing. It is a copy of a single-threaded program, so it may use
//! memory, but it logs nothing and takes no lock; a failure goes back over the socket as step, subject and errno.

mod common;
mod confine;
mod files;
mod filesystem;
mod join;
mod keys;
mod label;
mod mounts;
mod opened;
mod rootfs;
mod terminal;

use std::os::fd::{AsFd, OwnedFd};

use pontoon_rootless::sys::{self, CloneFlags};
use pontoon_rootless::userns::become_root;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{DumpableBehavior, Signal};

use crate::databases::Databases;
use crate::hooks::{Hooks, Stage, Status, Why};
use crate::identity;
use crate::mapped::IdSpaces;
use crate::message::{self, Failure, GO, MAPPED, PIVOT, PLACED, Report, Step};
use crate::plan::{MountSource, Plan, Propagation, RootfsSource};
use crate::start::{self, Extras, StandardStreams};

use mounts::Owner;
use opened::Placed;

pub(crate) use common::{copy_common, make_common};
pub(crate) use files::{enter_files, mount_files, stay_outside};
pub(crate) use filesystem::mount_layers_here;
pub(crate) use join::{enter_joined, enter_mounter_of, join};
pub(crate) use mounts::mount_source_here;
pub(crate) use opened::{Opened, mount_opened_files, open_files};
pub(crate) use rootfs::mount_here as mount_root_here;

/// Everything that the first process needs besides the plan.
pub(crate) struct FirstProcess<'a> {
    pub plan: &'a Plan,
    pub extras: &'a Extras,
    /// What shows files with other owners.
    pub spaces: &'a IdSpaces,
    /// Its files, if the process between has put them together.
    pub opened: Option<Opened>,
    pub streams: Option<StandardStreams>,
    pub socket: &'a OwnedFd,
}

/// Turns this process into the container's first one. Comes back only with what went wrong.
pub(crate) fn become_first_process(first: FirstProcess<'_>) -> Failure {
    match prepare_and_exec(first) {
        Ok(never) => match never {},
        Err(failure) => failure,
    }
}

/// The files, before the process has its ids.
enum Prepared {
    /// What comes from the host.
    Here(Vec<Option<OwnedFd>>),
    /// All, put together by the process between.
    Elsewhere(Placed),
}

/// A value that cannot be: the code after a successful exec.
pub(crate) enum Never {}

fn prepare_and_exec(first: FirstProcess<'_>) -> Result<Never, Failure> {
    let FirstProcess { plan, extras, spaces, opened, streams, socket } = first;
    // If the supervisor dies, so do we; said again whenever changing ids has cleared it.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    if let Some(score) = plan.process.oom_score_adj {
        std::fs::write("/proc/self/oom_score_adj", score.to_string()).map_err(|err| {
            Failure::new(Step::Rlimit, "oom_score_adj", Errno::from_io_error(&err).unwrap_or(Errno::IO))
        })?;
    }
    // While the supervisor has the ids mapped, and while we still have the user's own groups: what the user may open, the
    // container may be given.
    let files = match opened {
        Some(opened) => Prepared::Elsewhere(opened.at(&plan.rootfs)?),
        None => Prepared::Here(mounts::open_sources(&plan.mounts, spaces, &extras.common)?),
    };
    message::expect(socket, MAPPED)?;
    if let Some(maps) = &plan.namespaces.user {
        become_root(maps.is_single() || plan.process.keep_groups).map_err(|err| {
            Failure::new(Step::BecomeRoot, "", Errno::from_io_error(&err).unwrap_or(Errno::PERM))
        })?;
        // Changing ids has taken the wish away to end with the supervisor. One that has ended by now is seen by its socket.
        let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
        // It has also closed us to the supervisor and to the network's helper, who must still find our namespaces in
        // /proc. Where there is nobody else in here yet we are open until the payload runs; else we are closed until then, for
        // until the very end we have capabilities that they have not, and another process stands for us.
        let behavior =
            if plan.is_watched() { DumpableBehavior::NotDumpable } else { DumpableBehavior::Dumpable };
        let _ = rustix::process::set_dumpable_behavior(behavior);
        if start::has_own_ipc(&plan.namespaces) {
            new_namespace(CloneFlags::IPC)?;
        }
    }
    rustix::process::setsid().map_err(|err| Failure::new(Step::Terminal, "", err))?;
    if plan.namespaces.loopback_up {
        let failed = |err| Failure::new(Step::Namespaces, "", err);
        let any =
            rustix::net::socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
        sys::bring_loopback_up(any.map_err(failed)?)
            .map_err(|err| failed(Errno::from_io_error(&err).unwrap_or(Errno::IO)))?;
    }
    let mut in_place = Some(|| wait_for_place(plan, socket));
    let (root, mut sources, mut identity) = match files {
        Prepared::Here(mut sources) => {
            if plan.namespaces.user.is_some() {
                rootfs::give_to_root(&plan.rootfs, None)?;
            }
            if matches!(plan.rootfs.source, RootfsSource::Fuse { .. }) {
                // The supervisor starts the program that serves it where that belongs, and so does not listen before.
                in_place.take().map_or(Ok(()), |wait| wait())?;
            }
            let root = rootfs::mount(&plan.rootfs, spaces, socket)?;
            mounts::make_mtab(&root);
            let databases = Databases { root: &root, mounts: &plan.mounts, sources: &sources };
            let identity = identity::look_up_for(databases, &plan.process)?;
            mounts::prepare(
                &root,
                &plan.mounts,
                &mut sources,
                spaces,
                &extras.common,
                plan.rootfs.userxattr(),
                Owner::of(&identity),
            )?;
            (root, sources, identity)
        }
        Prepared::Elsewhere(placed) => {
            let (root, sources) = placed.attach()?;
            mounts::make_mtab(&root);
            let databases = Databases { root: &root, mounts: &plan.mounts, sources: &sources };
            let identity = identity::look_up_for(databases, &plan.process)?;
            (root, sources, identity)
        }
    };
    if let Some(shared) = &extras.shared_memory {
        let failed = |err: std::io::Error| {
            Failure::new(Step::MountSource, "/dev/shm", Errno::from_io_error(&err).unwrap_or(Errno::IO))
        };
        for (mount, source) in plan.mounts.iter().zip(&mut sources) {
            if mount.source == MountSource::SharedMemory {
                *source = Some(shared.try_clone().map_err(failed)?);
            }
        }
    }
    let databases = Databases { root: &root, mounts: &plan.mounts, sources: &sources };
    confine::add_entries(databases, &plan.process, &mut identity);
    mounts::make_all(&root, &plan.mounts, &plan.sysctls, sources, &identity, in_place)?;
    mounts::make_dev_links(&root, &plan.mounts)?;
    let terminal = if plan.process.terminal {
        let (master, slave) = terminal::open(&root, plan.process.window)?;
        message::send(socket, &Report::Terminal(master));
        Some(slave)
    } else {
        None
    };
    mounts::close_dev(&root, &plan.mounts)?;
    mounts::cover(&root, plan)?;
    confine::make_working_directory(&root, plan, &identity);
    run_hooks(plan, socket)?;
    let is_shared = plan.mounts.iter().any(|it| it.propagation == Propagation::Shared);
    rootfs::pivot(&root, plan.rootfs.read_only, is_shared)?;
    if let Some(hostname) = &plan.hostname {
        rustix::system::sethostname(hostname.as_bytes())
            .map_err(|err| Failure::new(Step::Hostname, hostname.clone(), err))?;
    }
    drop(root);
    confine::take_streams(streams, terminal, &identity)?;
    if extras.looks_first {
        confine::find_program(&plan.process)?;
    }
    message::send(socket, &Report::Prepared { home: identity.home.clone() });
    message::expect(socket, GO)?;
    confine::confine_and_exec(&plan.process, identity, extras, socket.as_fd(), Some(&plan.hooks))
}

/// Waits until we are in the group that is to be the root of our cgroup namespace, and makes that.
fn wait_for_place(plan: &Plan, socket: &OwnedFd) -> Result<(), Failure> {
    message::expect(socket, PLACED)?;
    if !plan.namespaces.cgroup || plan.namespaces.joined.as_ref().is_some_and(|it| it.cgroup) {
        return Ok(());
    }
    new_namespace(CloneFlags::CGROUP)
}

fn new_namespace(kind: CloneFlags) -> Result<(), Failure> {
    sys::unshare(kind)
        .map_err(|err| Failure::new(Step::Namespaces, "", Errno::from_io_error(&err).unwrap_or(Errno::PERM)))
}

/// The hooks that run before the root is changed: outside, and then here, in the container's namespaces, where programs are
/// still the host's.
fn run_hooks(plan: &Plan, socket: &OwnedFd) -> Result<(), Failure> {
    if plan.hooks.hold_root() {
        message::send(socket, &Report::BeforePivot);
        message::expect(socket, PIVOT)?;
    }
    run_here(&plan.hooks, Stage::CreateContainer)
}

/// Runs the hooks of a stage in this process's namespaces.
pub(super) fn run_here(hooks: &Hooks, stage: Stage) -> Result<(), Failure> {
    if hooks.all.is_empty() {
        return Ok(());
    }
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    hooks.run(stage, Status::Created, Some(pid)).map_err(|failure| {
        let errno = match &failure.why {
            Why::Run(err) => err.raw_os_error().unwrap_or_default(),
            _ => 0,
        };
        Failure { step: Step::Hook, subject: failure.to_string(), errno }
    })
}
