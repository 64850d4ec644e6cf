//! Reaching a container's files: a child that sees them as the container does, with its ids, and does some work on them.
//!
//! Nothing of the container is executed, and no name is looked up outside its root. What the work needs of the host it has
//! by descriptors that were opened before.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::fs::OFlags;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, waitid};

use crate::between::{self, Made, Way};
use crate::child;
use crate::common::Given;
use crate::databases::Databases;
use crate::fuse;
use crate::identity::look_up_owner_at_rest;
use crate::mapped::IdSpaces;
use crate::message::{self, Failure, MAPPED, ROOTFS, Report};
use crate::paths;
use crate::plan::{Files, MountSource, Rootfs, RootfsSource};
use crate::start::{StartError, report_socket};

/// Where the files are.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In a running container.
    Running {
        /// Its first process.
        process: BorrowedFd<'a>,
        /// Whether it has a user namespace of its own.
        user_namespace: bool,
    },
    /// On the host, as root over our own ids.
    Outside {
        /// Which those are; `None` as root, who has all.
        user: Option<&'a IdMaps>,
    },
    /// In one that does not run: its root file system, and its mounts from the host, are put together for the work.
    AtRest {
        /// What they are.
        files: &'a Files,
        /// The file systems of volumes that containers have which run.
        common: &'a [Given],
    },
}

/// `/dev/shm` of a running container, as a mount that has no place yet; `None` if it has none. Called with a single thread
/// only.
///
/// # Errors
/// See [`StartError`].
pub fn shared_memory(process: BorrowedFd<'_>, user_namespace: bool) -> Result<Option<OwnedFd>, StartError> {
    let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
    let work = |root: &OwnedFd| {
        let flags =
            OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
        let place = paths::open(root, "/dev/shm", OFlags::PATH | OFlags::DIRECTORY);
        match place.and_then(|it| open_tree(&it, "", flags)) {
            Ok(mount) => message::send(&theirs, &Report::Joined(mount)),
            Err(_) => return 1,
        }
        0
    };
    let visitor = visit(Place::Running { process, user_namespace }, work)?;
    drop(theirs);
    let said = message::receive(&ours).map_err(StartError::Socket)?;
    let _ = visitor.wait()?;
    Ok(match said {
        Some(Report::Joined(mount)) => Some(mount),
        _ => None,
    })
}

/// A child at work.
#[derive(Debug)]
pub struct Visitor {
    child: OwnedFd,
    socket: OwnedFd,
    /// The program that serves the root file system, if one does.
    server: Option<OwnedFd>,
    /// It has said that it is where the files are.
    has_entered: bool,
}

/// The root of a running container's files, without what is mounted in it: a mount that has no place. Called with a single
/// thread only.
///
/// # Errors
/// See [`StartError`].
pub fn root_of(process: BorrowedFd<'_>, user_namespace: bool) -> Result<OwnedFd, StartError> {
    mount_of_child(|| {
        let root = child::enter_files(process, user_namespace)?;
        without_mounts(root.as_fd()).map_err(|err| {
            let errno = rustix::io::Errno::from_io_error(&err).unwrap_or(rustix::io::Errno::IO);
            Failure::new(crate::Step::Rootfs, "/", errno)
        })
    })
}

/// What a child hands over, a mount that has no place: it alone enters the namespaces that this is found in. Called with a
/// single thread only.
pub(crate) fn mount_of_child(copy: impl FnOnce() -> Result<OwnedFd, Failure>) -> Result<OwnedFd, StartError> {
    let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
    match sys::clone(CloneFlags::default(), None).map_err(StartError::Clone)? {
        Cloned::Child => {
            drop(ours);
            let copied = copy();
            let code = i32::from(copied.is_err());
            message::send(&theirs, &copied.map_or_else(Report::Failed, Report::Root));
            sys::exit_now(code)
        }
        Cloned::Parent { pidfd, .. } => {
            drop(theirs);
            let report = message::receive(&ours).map_err(StartError::Socket);
            let _ = waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED);
            match report? {
                Some(Report::Root(root)) => Ok(root),
                Some(Report::Failed(failure)) => Err(StartError::child(failure)),
                _ => Err(StartError::Vanished),
            }
        }
    }
}

/// Lets `work` run in a child that sees the container's files; it is given a handle of their root, and its value is the
/// child's exit code. Called with a single thread only.
///
/// # Errors
/// See [`StartError`].
pub fn visit(place: Place<'_>, work: impl FnOnce(&OwnedFd) -> i32) -> Result<Visitor, StartError> {
    let spaces = match place {
        Place::AtRest { files, .. } => IdSpaces::make(&files.rootfs, &files.mounts)?,
        Place::Running { .. } | Place::Outside { .. } => IdSpaces::default(),
    };
    let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
    if let Place::AtRest { files: files @ Files { user, mounter: Some(mounter), .. }, common } = place {
        let flags = if user.is_some() { CloneFlags::MOUNT.with(CloneFlags::USER) } else { CloneFlags::MOUNT };
        let user = user.as_ref();
        let way = Way { joined: None, mounter: Some(mounter), namespace: None, user, flags, network: false };
        let owner = |databases: Databases<'_>, files: &Files| Ok(look_up_owner_at_rest(databases, files));
        let open = |_: &OwnedFd| child::open_files(files, &spaces, common, mounter, owner);
        let go_on =
            |opened, theirs: OwnedFd| attend(child::mount_opened_files(files, opened, &theirs), theirs, work);
        let between = between::begin(way, (ours, theirs), open, go_on)?;
        let Made { child, socket, .. } = between.child()?;
        let visitor = Visitor { child, socket, server: None, has_entered: false };
        visitor.let_go_on()?;
        return Ok(visitor);
    }
    let flags = match place {
        Place::Running { .. } | Place::Outside { user: None } => CloneFlags::default(),
        Place::Outside { user: Some(_) } => CloneFlags::USER,
        Place::AtRest { files, .. } if files.user.is_some() => CloneFlags::MOUNT.with(CloneFlags::USER),
        Place::AtRest { .. } => CloneFlags::MOUNT,
    };
    match sys::clone(flags, None).map_err(StartError::Clone)? {
        Cloned::Child => {
            drop(ours);
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            let root = match place {
                Place::Running { process, user_namespace } => child::enter_files(process, user_namespace),
                Place::AtRest { files, common } => child::mount_files(files, &spaces, common, &theirs),
                Place::Outside { user } => child::stay_outside(user, &theirs),
            };
            sys::exit_now(attend(root, theirs, work))
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let mut visitor = Visitor { child: pidfd, socket: ours, server: None, has_entered: false };
            let maps = match place {
                Place::Running { .. } => return Ok(visitor),
                Place::AtRest { files, .. } => files.user.as_ref(),
                Place::Outside { user } => user,
            };
            if let Some(maps) = maps {
                userns::write_maps(pid, maps)?;
            }
            visitor.let_go_on()?;
            if let Place::AtRest { files, .. } = place
                && matches!(files.rootfs.source, RootfsSource::Fuse { .. })
            {
                visitor.serve(pid, files)?;
            }
            Ok(visitor)
        }
    }
}

/// Does the work in the child, and gives its exit code.
fn attend(root: Result<OwnedFd, Failure>, socket: OwnedFd, work: impl FnOnce(&OwnedFd) -> i32) -> i32 {
    // Entering has changed our ids, which takes the wish away.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
    match root {
        Ok(root) => {
            message::send(&socket, &Report::Prepared { home: String::new() });
            drop(socket);
            work(&root)
        }
        Err(failure) => {
            message::send(&socket, &Report::Failed(failure.clone()));
            failure.exit_code()
        }
    }
}

impl Visitor {
    /// Lets a program serve the root file system, as soon as the child is ready for it.
    fn serve(&mut self, pid: Pid, files: &Files) -> Result<(), StartError> {
        match message::receive(&self.socket).map_err(StartError::Socket)? {
            Some(Report::ReadyForRootfs) => {}
            Some(Report::Failed(failure)) => return Err(StartError::child(failure)),
            _ => return Err(StartError::Vanished),
        }
        // The program goes into the background: it must become our child, so that we can end it.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(|err| StartError::Socket(err.into()))?;
        self.server = fuse::mount(pid, &files.rootfs, files.user.as_ref())?;
        match rustix::net::send(&self.socket, &[ROOTFS], rustix::net::SendFlags::NOSIGNAL) {
            Ok(_) | Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => Ok(()),
            Err(err) => Err(StartError::Socket(err.into())),
        }
    }

    /// Tells the child that its ids are mapped.
    fn let_go_on(&self) -> Result<(), StartError> {
        message::tell(&self.socket, MAPPED).map_err(StartError::Socket)
    }

    /// Waits until the child is where the files are, and about to begin its work.
    ///
    /// # Errors
    /// [`StartError::Child`] if they could not be reached.
    pub fn enter(&mut self) -> Result<(), StartError> {
        match message::receive(&self.socket).map_err(StartError::Socket)? {
            Some(Report::Failed(failure)) => Err(StartError::child(failure)),
            Some(_) => {
                self.has_entered = true;
                Ok(())
            }
            None => Err(StartError::Vanished),
        }
    }

    /// Waits for the child, and gives what the work said; `None` if a signal ended it.
    ///
    /// # Errors
    /// [`StartError::Child`] if the files could not be reached.
    pub fn wait(mut self) -> Result<Option<i32>, StartError> {
        let entered = if self.has_entered { Ok(()) } else { self.enter() };
        let status = waitid(WaitId::PidFd(self.child.as_fd()), WaitIdOptions::EXITED)
            .map_err(|err| StartError::Socket(err.into()))?;
        drop(self.server.take().map(Server));
        entered.map(|()| status.and_then(|it| it.exit_status()))
    }
}

/// A program that serves a root file system, and ends with this.
struct Server(OwnedFd);

impl Drop for Server {
    fn drop(&mut self) {
        // It keeps nothing to itself: what was written is in the directory of changes.
        let _ = rustix::process::pidfd_send_signal(&self.0, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.0.as_fd()), WaitIdOptions::EXITED);
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        drop(self.server.take().map(Server));
    }
}

/// Mounts the root file system of a container that does not run on its mount point, in our own mount namespace, as root over
/// its ids.
///
/// # Errors
/// See [`StartError`].
pub fn mount_here(rootfs: &Rootfs) -> Result<(), StartError> {
    if matches!(rootfs.source, RootfsSource::Fuse { .. }) {
        return Ok(fuse::mount_here(rootfs)?);
    }
    let spaces = IdSpaces::make(rootfs, &[])?;
    child::mount_root_here(rootfs, &spaces).map_err(StartError::child)
}

/// Mounts layers on each other, the topmost first, for reading, in our own mount namespace.
///
/// # Errors
/// See [`StartError`].
pub fn mount_layers_here(layers: &[PathBuf], userxattr: bool, place: &Path) -> Result<(), StartError> {
    child::mount_layers_here(layers, userxattr, place).map_err(StartError::child)
}

/// Mounts a path of the host, or another file system, in our own mount namespace.
///
/// # Errors
/// See [`StartError`].
pub fn mount_source_here(source: &MountSource, userxattr: bool, place: &Path) -> Result<(), StartError> {
    child::mount_source_here(source, userxattr, place).map_err(StartError::child)
}

/// The user and group ids that a user has by the container's own database. Called by work.
///
/// # Errors
/// [`crate::Step::UnknownUser`] and the like.
pub fn look_up(root: &OwnedFd, user: &str) -> Result<(u32, u32), crate::Failure> {
    let identity = crate::identity::look_up_in(root, user, &[])?;
    Ok((identity.uid, identity.gid))
}

/// The same files without what is mounted in them: a directory, or a file, of one file system. Called by work.
///
/// # Errors
/// The kernel's error.
pub fn without_mounts(of: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(open_tree(of, "", flags)?)
}
