//! Reaching a container's files: a child that sees them as the container does, with its ids, and does some work on them.
//!
//! Nothing of the container is executed, and no name is looked up outside its root. What the work needs of the host it has
//! by descriptors that were opened before.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use crate::between::{self, Way};
use crate::child;
use crate::message::{self, Failure, MAPPED, Report};
use crate::plan::Files;
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
    },
}

/// A child at work.
#[derive(Debug)]
pub struct Visitor {
    child: OwnedFd,
    socket: OwnedFd,
}

/// Lets `work` run in a child that sees the container's files; it is given a handle of their root, and its value is the
/// child's exit code. Called with a single thread only.
///
/// # Errors
/// See [`StartError`].
pub fn visit(place: Place<'_>, work: impl FnOnce(&OwnedFd) -> i32) -> Result<Visitor, StartError> {
    let (ours, theirs) = report_socket().map_err(StartError::Clone)?;
    if let Place::AtRest { files: files @ Files { user, mounter: Some(mounter), .. } } = place {
        let flags = if user.is_some() { CloneFlags::MOUNT.with(CloneFlags::USER) } else { CloneFlags::MOUNT };
        let way = Way { joined: None, mounter: Some(mounter), namespace: None, user: user.as_ref(), flags };
        let open = |_: &OwnedFd| child::open_files(files, mounter);
        let go_on =
            |opened, theirs: OwnedFd| attend(child::mount_opened_files(files, opened, &theirs), theirs, work);
        let between = between::begin(way, None, (ours, theirs), open, go_on)?;
        let (child, socket) = between.child()?;
        let visitor = Visitor { child, socket };
        visitor.let_go_on()?;
        return Ok(visitor);
    }
    let flags = match place {
        Place::Running { .. } | Place::Outside { user: None } => CloneFlags::default(),
        Place::Outside { user: Some(_) } => CloneFlags::USER,
        Place::AtRest { files } if files.user.is_some() => CloneFlags::MOUNT.with(CloneFlags::USER),
        Place::AtRest { .. } => CloneFlags::MOUNT,
    };
    match sys::clone(flags, None).map_err(StartError::Clone)? {
        Cloned::Child => {
            drop(ours);
            let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
            let root = match place {
                Place::Running { process, user_namespace } => child::enter_files(process, user_namespace),
                Place::AtRest { files } => child::mount_files(files, &theirs),
                Place::Outside { user } => child::stay_outside(user, &theirs),
            };
            sys::exit_now(attend(root, theirs, work))
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let visitor = Visitor { child: pidfd, socket: ours };
            let maps = match place {
                Place::Running { .. } => return Ok(visitor),
                Place::AtRest { files } => files.user.as_ref(),
                Place::Outside { user } => user,
            };
            if let Some(maps) = maps {
                userns::write_maps(pid, maps)?;
            }
            visitor.let_go_on()?;
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
            message::send(&socket, &Report::Prepared);
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
    /// Tells the child that its ids are mapped.
    fn let_go_on(&self) -> Result<(), StartError> {
        message::tell(&self.socket, MAPPED).map_err(StartError::Socket)
    }

    /// Waits for the child, and gives what the work said; `None` if a signal ended it.
    ///
    /// # Errors
    /// [`StartError::Child`] if the files could not be reached.
    pub fn wait(self) -> Result<Option<i32>, StartError> {
        let report = message::receive(&self.socket).map_err(StartError::Socket)?;
        let status = waitid(WaitId::PidFd(self.child.as_fd()), WaitIdOptions::EXITED)
            .map_err(|err| StartError::Socket(err.into()))?;
        match report {
            Some(Report::Failed(failure)) => Err(StartError::child(failure)),
            Some(_) => Ok(status.and_then(|it| it.exit_status())),
            None => Err(StartError::Vanished),
        }
    }
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
