//! Waiting until something is so, bounded, without sleeping through the moment it becomes so longer than a few milliseconds.
//!
//! Where the kernel or systemd can tell us, callers wait for that instead; this is for what is only seen by looking.

use std::time::{Duration, Instant};

/// Looks again and again until `look` yields something; panics with `what` and the last state after `limit`.
#[track_caller]
pub fn until_within<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    loop {
        match look() {
            Ok(found) => return found,
            Err(state) if Instant::now() >= end => panic!("waited {limit:?} for {what}; last seen:\n{state}"),
            Err(_) => rest(pause),
        }
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// [`until_within`] a limit that a loaded machine keeps: one minute.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    until_within(what, Duration::from_secs(60), look)
}

/// Waits until `look` is true.
#[track_caller]
pub fn until_true(what: &str, mut look: impl FnMut() -> bool) {
    until(what, || if look() { Ok(()) } else { Err(String::new()) });
}

/// Lets time pass. Only for showing that something does *not* happen in it.
pub fn rest(time: Duration) {
    let timeout = rustix::event::Timespec::try_from(time).expect("a short time");
    let end = Instant::now() + time;
    while rustix::event::poll(&mut [], Some(&timeout)).is_err() && Instant::now() < end {}
}
