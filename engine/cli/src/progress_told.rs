//! The progress of a pull, told to a service manager: `systemctl status` shows how far it is.

use std::sync::{Arc, Mutex, PoisonError};

use pontoon_image::{Digest, Progress, ResolvedImage};
use pontoon_monitor::notify::Notifier;

/// Tells a manager how many percent of an image have come, and another one everything.
pub struct ToldProgress {
    other: Arc<dyn Progress>,
    manager: Notifier,
    what: String,
    counted: Mutex<Counted>,
}

/// Bytes of layers, of those that are not there yet.
#[derive(Debug, Default)]
struct Counted {
    all: u64,
    come: u64,
    told: Option<u64>,
}

impl Counted {
    /// The percents, if they are others than those that were told last.
    fn news(&mut self) -> Option<u64> {
        let percents = self.come.saturating_mul(100).checked_div(self.all)?.min(100);
        (self.told.replace(percents) != Some(percents)).then_some(percents)
    }
}

impl ToldProgress {
    /// Tells `manager` of a pull of `what`, and `other` everything.
    pub fn new(other: Arc<dyn Progress>, manager: Notifier, what: &str) -> Self {
        Self { other, manager, what: what.to_owned(), counted: Mutex::default() }
    }

    fn count(&self, count: impl FnOnce(&mut Counted)) {
        // A panic elsewhere leaves at worst an odd number.
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut counted);
        if let Some(percents) = counted.news() {
            self.manager.tell(&format!("STATUS=pulling {}: {percents} %", self.what));
        }
    }
}

impl Progress for ToldProgress {
    fn resolved(&self, image: &ResolvedImage) {
        self.other.resolved(image);
    }

    fn layer_present(&self, digest: &Digest) {
        self.other.layer_present(digest);
    }

    fn layer_started(&self, digest: &Digest, size: u64) {
        self.other.layer_started(digest, size);
        self.count(|it| it.all = it.all.saturating_add(size));
    }

    fn layer_bytes(&self, digest: &Digest, bytes: u64) {
        self.other.layer_bytes(digest, bytes);
        self.count(|it| it.come = it.come.saturating_add(bytes));
    }

    fn layer_done(&self, digest: &Digest) {
        self.other.layer_done(digest);
    }

    fn retrying(&self, what: &str, reason: &str) {
        self.other.retrying(what, reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_percent_is_told_once() {
        let mut counted = Counted::default();
        assert_eq!(counted.news(), None);
        counted.all = 1000;
        assert_eq!(counted.news(), Some(0));
        counted.come = 9;
        assert_eq!(counted.news(), None);
        counted.come = 400;
        assert_eq!((counted.news(), counted.news()), (Some(40), None));
        // A broken transfer that begins anew counts twice.
        counted.come = 2000;
        assert_eq!(counted.news(), Some(100));
    }
}
