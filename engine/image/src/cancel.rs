//! A flag that stops a transfer from outside, and the only way this room waits for time to pass.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Stops everything that was given a clone of it.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<(Mutex<bool>, Condvar)>);

impl Cancel {
    /// Makes a flag that is not set.
    pub fn new() -> Cancel {
        Cancel::default()
    }

    /// Sets the flag and wakes everybody who waits.
    pub fn cancel(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// Tells whether the flag is set.
    pub fn is_cancelled(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the time to pass; returns true as soon as the flag is set.
    pub fn wait(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut cancelled = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !*cancelled {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            cancelled = self.0.1.wait_timeout(cancelled, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiter_is_woken_by_the_flag() {
        let cancel = Cancel::new();
        let other = cancel.clone();
        let waiter = std::thread::spawn(move || other.wait(Duration::from_secs(3600)));
        cancel.cancel();
        assert!(waiter.join().unwrap());
        assert!(cancel.is_cancelled());
    }

    #[test]
    fn the_time_passes_without_it() {
        assert!(!Cancel::new().wait(Duration::from_millis(1)));
    }
}
