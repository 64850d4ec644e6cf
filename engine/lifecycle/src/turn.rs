//! Taking turns: the service manager tells everybody who waits for a scope of every scope that is made, so a thousand that
//! wait at once would drown in a million words. A few at a time are done with sooner.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::{Errno, retry_on_intr};

/// So many ask at once.
const AT_ONCE: u32 = 8;

/// A turn; it ends when this is dropped, or with the process.
#[derive(Debug)]
pub struct Turn {
    _lock: OwnedFd,
    /// Whether it had to be waited for.
    pub waited: bool,
}

/// Waits for a turn among all that use the same runtime directory.
///
/// # Errors
/// The kernel's error.
pub fn take(run_directory: &Path) -> io::Result<Turn> {
    let own = std::process::id() % AT_ONCE;
    let open = |number: u32| {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let path = run_directory.join(format!("turn.{number}"));
        rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)
    };
    for number in (0..AT_ONCE).map(|it| (own + it) % AT_ONCE) {
        let file = open(number)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Turn { _lock: file, waited: false }),
            Err(Errno::WOULDBLOCK) => {}
            Err(err) => return Err(err.into()),
        }
    }
    let file = open(own)?;
    retry_on_intr(|| flock(&file, FlockOperation::LockExclusive))?;
    Ok(Turn { _lock: file, waited: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_have_a_turn_at_once_and_others_wait() {
        let directory = std::env::temp_dir().join(format!("pontoon-turn-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let mut turns: Vec<Turn> = (0..AT_ONCE).map(|_| take(&directory).unwrap()).collect();
        assert!(turns.iter().all(|it| !it.waited));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| take(&directory).unwrap());
            // It waits for one of them, whichever that is.
            turns.clear();
            waiting.join().unwrap();
        });
        std::fs::remove_dir_all(directory).unwrap();
    }
}
