//! What the table is made of: an option, lines in which it stands, and what is seen of each line.

use crate::compare::Difference;

/// An option of `run`, as its help has it.
pub struct Row {
    /// With its two dashes.
    pub option: &'static str,
    /// Lines in which it stands.
    pub lines: &'static [Line],
    /// Values that neither engine takes.
    pub wrong: &'static [&'static str],
}

/// Words for `run` and `create`, and what comes of them.
pub struct Line {
    /// The words, as a shell reads them.
    pub words: &'static str,
    /// A variable of the host's, with its value; none if empty.
    pub variable: &'static str,
    /// Their effect.
    pub seen: Seen,
    /// Why Podman is not asked, if it is not.
    pub unlike: Option<&'static str>,
    /// What `inspect` tells otherwise than Podman's because of these words.
    pub differences: &'static [Difference],
}

/// Where an effect is seen. Scripts on the host find the words in `@O`, the image in `@B`, and a name for a container,
/// which is removed after them, in `@N`; all three are put in as text.
pub enum Seen {
    /// A shell script inside prints this.
    Inside(&'static str, &'static str),
    /// A script on the host prints this.
    Outside(&'static str, &'static str),
    /// After a script on the host, another one prints this sooner or later.
    Becomes(&'static str, &'static str, &'static str),
    /// Where this controller is alice's, a script inside prints this. Elsewhere the option is refused by its name.
    Limit(&'static str, &'static str, &'static str),
}

/// A row without wrong values.
pub const fn row(option: &'static str, lines: &'static [Line]) -> Row {
    Row { option, lines, wrong: &[] }
}

impl Row {
    /// Values that both refuse, ours with a word about which.
    pub const fn wrong(self, wrong: &'static [&'static str]) -> Self {
        Self { wrong, ..self }
    }
}

const fn line(words: &'static str, seen: Seen) -> Line {
    Line { words, variable: "", seen, unlike: None, differences: &[] }
}

/// See [`Seen::Inside`].
pub const fn inside(words: &'static str, script: &'static str, prints: &'static str) -> Line {
    line(words, Seen::Inside(script, prints))
}

/// See [`Seen::Outside`].
pub const fn outside(words: &'static str, script: &'static str, prints: &'static str) -> Line {
    line(words, Seen::Outside(script, prints))
}

/// See [`Seen::Becomes`].
pub const fn becomes(
    words: &'static str,
    script: &'static str,
    look: &'static str,
    prints: &'static str,
) -> Line {
    line(words, Seen::Becomes(script, look, prints))
}

/// See [`Seen::Limit`].
pub const fn limit(
    words: &'static str,
    controller: &'static str,
    script: &'static str,
    prints: &'static str,
) -> Line {
    line(words, Seen::Limit(controller, script, prints))
}

impl Line {
    /// Differences that these words make.
    pub const fn but(self, differences: &'static [Difference]) -> Self {
        Self { differences, ..self }
    }

    /// A variable of the host's, `NAME=VALUE`.
    pub const fn with(self, variable: &'static str) -> Self {
        Self { variable, ..self }
    }

    /// Leaves Podman out of it.
    pub const fn unlike(self, reason: &'static str) -> Self {
        Self { unlike: Some(reason), ..self }
    }
}
