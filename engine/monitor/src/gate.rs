//! The way from where we were started to where we belong: whoever started us puts us there, and what we have made by then.

use std::os::fd::OwnedFd;

use pontoon_monitor::state::Report;

use crate::Reporter;
use crate::launch::LaunchError;

/// Where we wait for that.
pub struct Gate<'a> {
    /// Says by a byte that we are where we belong (in our scope), and by its end that we are not wanted.
    pub word: OwnedFd,
    /// Where we tell whom we have made.
    pub reporter: &'a mut Reporter,
}

impl Gate<'_> {
    /// Tells which processes come along; they must keep their pids.
    pub fn announce(&mut self, pids: Vec<u32>) {
        self.reporter.tell(&Report::Begun { pids });
    }

    /// Waits until all are there.
    ///
    /// # Errors
    /// [`LaunchError::Unwanted`].
    pub fn pass(self) -> Result<(), LaunchError> {
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.word, &mut [0u8; 1])) {
            Ok(1) => Ok(()),
            _ => Err(LaunchError::Unwanted),
        }
    }
}
