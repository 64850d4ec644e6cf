//! Whether a container that has ended is started anew, and when.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// `--restart`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestartPolicy {
    /// Never.
    #[default]
    No,
    /// Always; after a reboot, too.
    Always,
    /// When its exit code is not 0.
    OnFailure {
        /// So many times at most.
        retries: Option<u32>,
    },
    /// As `Always`, but after a reboot only if nobody had stopped it.
    UnlessStopped,
}

/// Time between the end of a run and the next one, the first time; it doubles with every run that is short.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Longest time between two runs.
const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A run of that length shows that the container works, and the next delay is the first one again.
const LONG_RUN: Duration = Duration::from_secs(10);

impl RestartPolicy {
    /// Whether a run that ended by itself with `code` is followed by another, `restarts` having been made already.
    #[must_use]
    pub fn wants_another(self, code: i32, restarts: u32) -> bool {
        match self {
            Self::No => false,
            Self::Always | Self::UnlessStopped => true,
            Self::OnFailure { retries } => code != 0 && retries.is_none_or(|most| restarts < most),
        }
    }
}

/// The time between two runs.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Self(FIRST_DELAY)
    }
}

impl Backoff {
    /// How long to wait after a run of that length.
    pub fn after(&mut self, run: Duration) -> Duration {
        if run >= LONG_RUN {
            self.0 = FIRST_DELAY;
        }
        let delay = self.0;
        self.0 = (delay * 2).min(LONGEST_DELAY);
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_tell_ends_apart() {
        let limited = RestartPolicy::OnFailure { retries: Some(2) };
        for (policy, code, restarts, expected) in [
            (RestartPolicy::No, 1, 0, false),
            (RestartPolicy::Always, 0, 99, true),
            (RestartPolicy::UnlessStopped, 0, 0, true),
            (RestartPolicy::OnFailure { retries: None }, 0, 0, false),
            (RestartPolicy::OnFailure { retries: None }, 1, 99, true),
            (limited, 1, 1, true),
            (limited, 1, 2, false),
        ] {
            assert_eq!(policy.wants_another(code, restarts), expected, "{policy:?} {code} {restarts}");
        }
    }

    #[test]
    fn short_runs_make_the_delay_longer() {
        let mut backoff = Backoff::default();
        let delays: Vec<_> = (0..12).map(|_| backoff.after(Duration::ZERO).as_millis()).collect();
        assert_eq!(delays[..4], [100, 200, 400, 800]);
        assert_eq!(delays[11], 60_000);
        assert_eq!(backoff.after(LONG_RUN).as_millis(), 100);
    }
}
