//! A process that joins a running container.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns::become_root;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, PidfdFlags, pidfd_open};
use rustix::thread::{
    LinkNameSpaceType, ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
};

use super::{Never, confine, terminal};
use crate::identity;
use crate::message::{self, Failure, GO, Report, Step};
use crate::plan::{JoinedNamespaces, Mounter, NamespaceKind, Namespaces, Process};
use crate::start::{Extras, StandardStreams};

/// Joins the container whose first process is `target`. Runs in a child of the supervisor; the payload is its child in turn,
/// since a process that changes its pid namespace stays where it is. Comes back only with what went wrong.
pub(crate) fn join(
    target: BorrowedFd<'_>,
    namespaces: &Namespaces,
    process: &Process,
    extras: &Extras,
    streams: Option<StandardStreams>,
    socket: &OwnedFd,
) -> Failure {
    match enter(target, namespaces).and_then(|()| start(namespaces, process, extras, streams, socket)) {
        Ok(()) => sys::exit_now(0),
        Err(failure) => failure,
    }
}

/// Enters the namespaces of another container, or those by path, that a new one shares; what is made from here on is in them.
pub(crate) fn enter_joined(joined: &JoinedNamespaces, user_namespace: bool) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Namespaces, "", err);
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    // Opened while our ids are our own.
    let opened = open_paths(joined)?;
    let open_process = |pid| {
        let pid = Pid::from_raw(pid).ok_or(Errno::SRCH).map_err(failed)?;
        pidfd_open(pid, PidfdFlags::empty()).map_err(failed)
    };
    let others: Vec<_> = joined
        .others
        .iter()
        .map(|it| Ok((open_process(it.process)?, thread_kinds(|kind| it.kinds.contains(&kind)))))
        .collect::<Result<_, Failure>>()?;
    if joined.process != 0 {
        let process = open_process(joined.process)?;
        let mut kinds = thread_kinds(|kind| kind != NamespaceKind::User && joined.is_of_process(kind));
        kinds.set(ThreadNameSpaceType::USER, user_namespace);
        // All that is shared may be the host's.
        if !kinds.is_empty() {
            move_into_thread_name_spaces(process.as_fd(), kinds).map_err(failed)?;
        }
    } else if user_namespace {
        let user = owner(&opened)?;
        move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User)).map_err(failed)?;
    }
    for (kind, path, namespace) in &opened {
        let link = match kind {
            NamespaceKind::User => continue,
            NamespaceKind::Network => LinkNameSpaceType::Network,
            NamespaceKind::Pid => LinkNameSpaceType::ProcessID,
            NamespaceKind::Ipc => LinkNameSpaceType::InterProcessCommunication,
            NamespaceKind::Uts => LinkNameSpaceType::HostNameAndNISDomainName,
            NamespaceKind::Cgroup => LinkNameSpaceType::ControlGroup,
        };
        let failed = |err| Failure::new(Step::JoinPath, path.to_string_lossy(), err);
        move_into_link_name_space(namespace.as_fd(), Some(link)).map_err(failed)?;
    }
    // As root in the user namespace that they all belong to.
    for (process, kinds) in &others {
        move_into_thread_name_spaces(process.as_fd(), *kinds).map_err(failed)?;
    }
    Ok(())
}

/// The kinds that are wanted, as setns(2) takes them for a process.
fn thread_kinds(is_wanted: impl Fn(NamespaceKind) -> bool) -> ThreadNameSpaceType {
    let all = [
        (NamespaceKind::User, ThreadNameSpaceType::USER),
        (NamespaceKind::Network, ThreadNameSpaceType::NETWORK),
        (NamespaceKind::Pid, ThreadNameSpaceType::PROCESS_ID),
        (NamespaceKind::Ipc, ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION),
        (NamespaceKind::Uts, ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME),
        (NamespaceKind::Cgroup, ThreadNameSpaceType::CONTROL_GROUP),
    ];
    all.into_iter().filter(|it| is_wanted(it.0)).map(|it| it.1).collect()
}

type Opened<'a> = (NamespaceKind, &'a Path, OwnedFd);

fn open_paths(joined: &JoinedNamespaces) -> Result<Vec<Opened<'_>>, Failure> {
    joined
        .paths
        .iter()
        .map(|(kind, path)| {
            let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
            let opened = opened.map_err(|err| Failure::new(Step::JoinPath, path.to_string_lossy(), err))?;
            Ok((*kind, path.as_path(), opened))
        })
        .collect()
}

/// The user namespace by path, or the one that the others belong to.
fn owner(opened: &[Opened<'_>]) -> Result<OwnedFd, Failure> {
    let failed = |err| Failure::new(Step::Namespaces, "", err);
    if let Some((_, _, user)) = opened.iter().find(|it| it.0 == NamespaceKind::User) {
        return user.try_clone().map_err(|err| failed(Errno::from_io_error(&err).unwrap_or(Errno::IO)));
    }
    let (_, path, first) = opened.first().ok_or(Errno::SRCH).map_err(failed)?;
    sys::owner_namespace(first).map_err(|err| {
        Failure::new(Step::JoinPath, path.to_string_lossy(), Errno::from_io_error(&err).unwrap_or(Errno::IO))
    })
}

/// Enters the user namespace above that of another container, in which its files were put together, and a mount namespace
/// of our own below that.
pub(crate) fn enter_mounter_of(joined: &JoinedNamespaces, mounter: &Mounter) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Namespaces, "", err);
    let io_failed = |err: std::io::Error| failed(Errno::from_io_error(&err).unwrap_or(Errno::IO));
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    if mounter.user.is_some() {
        let theirs = if joined.process == 0 {
            owner(&open_paths(joined)?)?
        } else {
            let path = format!("/proc/{}/ns/user", joined.process);
            rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?
        };
        let above = sys::parent_namespace(&theirs).map_err(io_failed)?;
        move_into_link_name_space(above.as_fd(), Some(LinkNameSpaceType::User)).map_err(failed)?;
    }
    sys::unshare(CloneFlags::MOUNT).map_err(io_failed)
}

fn enter(target: BorrowedFd<'_>, namespaces: &Namespaces) -> Result<(), Failure> {
    let failed = |err| Failure::new(Step::Namespaces, "", err);
    // From here on the container's processes can see us in /proc; they must not be able to touch us (CVE-2016-9962).
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(failed)?;
    let mut kinds = ThreadNameSpaceType::MOUNT;
    kinds.set(ThreadNameSpaceType::PROCESS_ID, !namespaces.host_pid);
    kinds.set(ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION, !namespaces.host_ipc);
    kinds.set(ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME, !namespaces.host_uts);
    kinds.set(ThreadNameSpaceType::USER, namespaces.user.is_some());
    kinds.set(ThreadNameSpaceType::NETWORK, namespaces.network);
    kinds.set(ThreadNameSpaceType::CONTROL_GROUP, namespaces.cgroup);
    move_into_thread_name_spaces(target, kinds).map_err(failed)
}

fn start(
    namespaces: &Namespaces,
    process: &Process,
    extras: &Extras,
    streams: Option<StandardStreams>,
    socket: &OwnedFd,
) -> Result<(), Failure> {
    let failed = |err: std::io::Error| {
        Failure::new(Step::Namespaces, "", Errno::from_io_error(&err).unwrap_or(Errno::IO))
    };
    match sys::clone(CloneFlags::default(), None).map_err(failed)? {
        Cloned::Parent { pidfd, .. } => message::hand_over(socket, pidfd),
        Cloned::Child => {
            let failure = match run(namespaces, process, extras, streams, socket) {
                Ok(never) => match never {},
                Err(failure) => failure,
            };
            message::send(socket, &Report::Failed(failure.clone()));
            sys::exit_now(failure.exit_code())
        }
    }
}

fn run(
    namespaces: &Namespaces,
    process: &Process,
    extras: &Extras,
    streams: Option<StandardStreams>,
    socket: &OwnedFd,
) -> Result<Never, Failure> {
    if let Some(maps) = &namespaces.user {
        become_root(maps.is_single() || process.keep_groups).map_err(|err| {
            Failure::new(Step::BecomeRoot, "", Errno::from_io_error(&err).unwrap_or(Errno::PERM))
        })?;
    }
    rustix::process::setsid().map_err(|err| Failure::new(Step::Terminal, "", err))?;
    let root = confine::root_of_this_namespace()?;
    // To a process that comes later `user:` is the user with all its groups, as with Podman.
    let user = process.user.strip_suffix(':').unwrap_or(&process.user);
    let identity = identity::look_up_joining(&root, user, &process.groups)?;
    let terminal = if process.terminal {
        let (master, slave) = terminal::open_pair(&root, process.window)?;
        message::send(socket, &Report::Terminal(master));
        Some(slave)
    } else {
        None
    };
    drop(root);
    confine::take_streams(streams, terminal, &identity)?;
    message::expect(socket, GO)?;
    confine::confine_and_exec(process, identity, extras, socket.as_fd(), None)
}
