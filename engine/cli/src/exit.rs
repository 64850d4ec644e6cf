//! Exit codes, all in one place.

/// How `pontoon` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitStatus {
    /// 0: done.
    Success,
    /// 1: the answer is no (`exists`), or the object does not exist (`rm`, `rmi`, `volume rm`).
    No,
    /// 2: the object is in use or running (`rm`, `rmi`, `volume rm`).
    Busy,
    /// 125: we failed; nothing was run.
    OurFault,
    /// 126: the command cannot be executed.
    NotExecutable,
    /// 127: the command does not exist.
    NotFound,
    /// What the container's process, or a command run for the user, ended with.
    Payload(u8),
}

impl ExitStatus {
    /// The number the process exits with.
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::No => 1,
            Self::Busy => 2,
            Self::OurFault => 125,
            Self::NotExecutable => 126,
            Self::NotFound => 127,
            Self::Payload(code) => code,
        }
    }

    /// The status of a payload killed by a signal, as shells tell it.
    pub fn from_signal(signal: i32) -> Self {
        Self::Payload(u8::try_from(signal).ok().and_then(|number| number.checked_add(128)).unwrap_or(255))
    }
}

impl From<ExitStatus> for std::process::ExitCode {
    fn from(status: ExitStatus) -> Self {
        Self::from(status.code())
    }
}

#[cfg(test)]
mod tests {
    use super::ExitStatus;

    #[test]
    fn codes_are_those_that_users_of_other_engines_know() {
        let codes =
            [ExitStatus::OurFault, ExitStatus::NotExecutable, ExitStatus::NotFound].map(ExitStatus::code);
        assert_eq!(codes, [125, 126, 127]);
        assert_eq!(ExitStatus::from_signal(9).code(), 137);
        assert_eq!(ExitStatus::from_signal(200).code(), 255);
        assert_eq!(ExitStatus::Payload(3).code(), 3);
    }
}
