//! Reaching a container's files: a child that sees them as the container does, with its ids, and does some work on them.
//!
//! Nothing of the container is executed, and no name is looked up outside its root. What the work needs of the host it has
//! by descriptors that were opened before.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_rootless::userns;
use rustix::mount::{OpenTreeFlags, open_tree};
use rustix::process::{Signal, WaitId, WaitIdOptions, waitid};

use crate::child;
use crate::message::{self, MAPPED, Report};
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
    let flags = match place {
        Place::Running { .. } => CloneFlags::default(),
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
            };
            match root {
                Ok(root) => {
                    // Entering has changed our ids, which takes the wish away.
                    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
                    message::send(&theirs, &Report::Prepared);
                    drop(theirs);
                    sys::exit_now(work(&root))
                }
                Err(failure) => {
                    message::send(&theirs, &Report::Failed(failure.clone()));
                    sys::exit_now(failure.exit_code())
                }
            }
        }
        Cloned::Parent { pid, pidfd } => {
            drop(theirs);
            let visitor = Visitor { child: pidfd, socket: ours };
            if let Place::AtRest { files } = place {
                if let Some(maps) = &files.user {
                    userns::write_maps(pid, maps)?;
                }
                match rustix::net::send(&visitor.socket, &[MAPPED], rustix::net::SendFlags::NOSIGNAL) {
                    Ok(_) | Err(rustix::io::Errno::PIPE | rustix::io::Errno::CONNRESET) => {}
                    Err(err) => return Err(StartError::Socket(err.into())),
                }
            }
            Ok(visitor)
        }
    }
}

impl Visitor {
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
