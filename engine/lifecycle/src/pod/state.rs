//! What a pod is doing, told from what its containers are doing, in Podman's words.

use crate::status::Status;

/// What a pod is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// None of its containers was ever started, or it has none.
    Created,
    /// All of them run.
    Running,
    /// Some run, and some do not.
    Degraded,
    /// None runs, some have ended or are about to, and some have not been started or are paused.
    Stopped,
    /// All have ended, or are about to.
    Exited,
    /// All are paused.
    Paused,
    /// None runs, none has ended, and some are between two states.
    Error,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Running,
        Self::Degraded,
        Self::Stopped,
        Self::Exited,
        Self::Paused,
        Self::Error,
    ];

    /// Podman's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Running => "Running",
            Self::Degraded => "Degraded",
            Self::Stopped => "Stopped",
            Self::Exited => "Exited",
            Self::Paused => "Paused",
            Self::Error => "Error",
        }
    }

    /// Tells it from what each container is doing, the infra container among them, init containers too.
    #[must_use]
    pub fn of<'a>(members: impl IntoIterator<Item = &'a Status>) -> Self {
        let (mut all, mut running, mut paused, mut ended, mut other) = (0, 0, 0, 0, 0);
        for status in members {
            all += 1;
            match status {
                Status::Running(_) => running += 1,
                Status::Paused(_) => paused += 1,
                Status::Exited(exit) if !exit.is_of_run() => {}
                // Who stops is about to have ended: that is no error.
                Status::Exited(_) | Status::Abandoned(_) | Status::Stopping(_) => ended += 1,
                Status::Created | Status::Starting => {}
                Status::Initialized(_) | Status::Restarting(_) => other += 1,
            }
        }
        match () {
            () if all == 0 => Self::Created,
            () if running == all => Self::Running,
            () if running > 0 => Self::Degraded,
            () if paused == all => Self::Paused,
            () if ended == all => Self::Exited,
            () if ended > 0 => Self::Stopped,
            () if other > 0 => Self::Error,
            () => Self::Created,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_monitor::state::{ExitRecord, RunState};

    /// The containers by their first letters: created, running, paused, exited, initialized, stopping.
    #[test]
    fn a_pod_s_state_is_that_of_its_containers() {
        let status = |letter: char| match letter {
            'c' => Status::Created,
            'r' => Status::Running(RunState::default()),
            'p' => Status::Paused(RunState::default()),
            'e' => Status::Exited(ExitRecord { started_at: 1, ..ExitRecord::default() }),
            // One that could not be started has the state that it had.
            'f' => Status::Exited(ExitRecord::default()),
            's' => Status::Stopping(RunState::default()),
            'i' => Status::Initialized(RunState::default()),
            other => panic!("{other}"),
        };
        for (members, expected) in [
            ("", "Created"),
            ("c", "Created"),
            ("cf", "Created"),
            ("rrr", "Running"),
            ("rre", "Degraded"),
            ("rc", "Degraded"),
            ("rp", "Degraded"),
            ("pp", "Paused"),
            ("ppe", "Stopped"),
            ("pc", "Created"),
            ("ce", "Stopped"),
            ("ee", "Exited"),
            ("es", "Exited"),
            ("ss", "Exited"),
            ("rs", "Degraded"),
            ("cs", "Stopped"),
            ("ci", "Error"),
        ] {
            let members: Vec<Status> = members.chars().map(status).collect();
            assert_eq!(State::of(&members).word(), expected, "{members:?}");
        }
    }
}
