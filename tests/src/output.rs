//! What a command said and how it ended, with assertions that show all of it when they fail.

use std::fmt;

/// Exit code, standard output and standard error of one command.
#[derive(Clone, PartialEq, Eq)]
pub struct Output {
    /// The words that were run, for messages.
    pub command: String,
    /// Exit code; 128 + signal where a signal ended it, as shells say it.
    pub code: i32,
    /// Standard output, lossily decoded.
    pub stdout: String,
    /// Standard error, lossily decoded.
    pub stderr: String,
}

impl fmt::Debug for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "$ {}", self.command)?;
        writeln!(out, "exit {}", self.code)?;
        writeln!(out, "--- stdout\n{}", self.stdout)?;
        writeln!(out, "--- stderr\n{}", self.stderr)
    }
}

impl Output {
    /// Demands exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.fails(0)
    }

    /// Demands that exit code.
    #[track_caller]
    pub fn fails(self, code: i32) -> Self {
        assert!(self.code == code, "expected exit {code}:\n{self:?}");
        self
    }

    /// Demands an exit code for what never came as far as the command: 125, or 126 where the original says so.
    #[track_caller]
    pub fn fails_before_the_command(self) -> Self {
        assert!(matches!(self.code, 125 | 126), "expected exit 125 or 126:\n{self:?}");
        self
    }

    /// Demands any exit code but 0, and a word about it on standard error.
    #[track_caller]
    pub fn refused(self) -> Self {
        assert!(self.code != 0, "expected a failure:\n{self:?}");
        assert!(!self.stderr.trim().is_empty(), "failed without a word:\n{self:?}");
        self.no_panic()
    }

    /// Demands that the program did not die of a fault of its own.
    #[track_caller]
    pub fn no_panic(self) -> Self {
        assert!(
            !self.stderr.contains("panicked at") && self.code != 101 && self.code != 134,
            "it panicked:\n{self:?}"
        );
        self
    }

    /// Demands that text on standard output.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "expected `{text}` on standard output:\n{self:?}");
        self
    }

    /// Demands that text on standard error, whatever the case of its letters.
    #[track_caller]
    pub fn warns(self, text: &str) -> Self {
        assert!(
            self.stderr.to_lowercase().contains(&text.to_lowercase()),
            "expected `{text}` on standard error:\n{self:?}"
        );
        self
    }

    /// Demands exactly these bytes on standard output, blanks at the end aside.
    #[track_caller]
    pub fn prints(self, text: &str) -> Self {
        assert!(self.stdout.trim_end() == text.trim_end(), "expected exactly `{text}`:\n{self:?}");
        self
    }

    /// Demands that this text is nowhere on standard output.
    #[track_caller]
    pub fn lacks(self, text: &str) -> Self {
        assert!(!self.stdout.contains(text), "did not expect `{text}`:\n{self:?}");
        self
    }

    /// Standard output without blanks around it.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("no JSON ({err}):\n{self:?}"))
    }
}
