//! Waiting for what nobody tells of.

use rustix::event::{Timespec, poll};

/// How long the longest nap is, in nanoseconds.
const LONGEST: i64 = 20_000_000;

/// Naps that grow longer, since what has not happened soon is likely to take its time.
#[derive(Debug, Clone, Copy)]
pub struct Nap {
    nanos: i64,
}

impl Default for Nap {
    fn default() -> Self {
        Self { nanos: 1_000_000 }
    }
}

impl Nap {
    /// Sleeps for a moment.
    pub fn take(&mut self) {
        let _ = poll(&mut [], Some(&Timespec { tv_sec: 0, tv_nsec: self.nanos }));
        self.nanos = (self.nanos * 3 / 2).min(LONGEST);
    }
}
