//! What is to be done after us, also where a signal ends us that nobody can hear.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    PidfdFlags, Signal, WaitId, WaitIdOptions, getpid, pidfd_open, pidfd_send_signal, setsid, waitid,
};

use crate::sys::{self, CloneFlags, Cloned};

/// A child that waits for our end. Dropping this ends it, and nothing is done.
#[derive(Debug)]
#[must_use = "nothing is done after us when this value is dropped"]
pub struct Afterwards {
    child: OwnedFd,
}

impl Afterwards {
    /// Has `work` done by a child when we end without having dropped this. Called with a single thread only.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn new(work: impl FnOnce()) -> io::Result<Self> {
        let us = pidfd_open(getpid(), PidfdFlags::empty())?;
        // What ends us is often meant for all who were started together, by a terminal or a service manager.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let cloned = sys::clone(CloneFlags::default(), None);
        if matches!(cloned, Ok(Cloned::Child)) {
            let _ = setsid();
            if wait_for(&us).is_ok() {
                work();
            }
            sys::exit_now(0);
        }
        before.thread_set_mask()?;
        match cloned? {
            Cloned::Parent { pidfd, .. } => Ok(Self { child: pidfd }),
            Cloned::Child => sys::exit_now(0),
        }
    }
}

/// Waits for the end of a process.
fn wait_for(process: &OwnedFd) -> Result<(), Errno> {
    loop {
        match poll(&mut [PollFd::new(process, PollFlags::IN)], None) {
            Err(Errno::INTR) => {}
            other => return other.map(drop),
        }
    }
}

impl Drop for Afterwards {
    fn drop(&mut self) {
        let _ = pidfd_send_signal(&self.child, Signal::KILL);
        let _ = waitid(WaitId::PidFd(self.child.as_fd()), WaitIdOptions::EXITED);
    }
}
