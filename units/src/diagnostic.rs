//! What is wrong with a file, where, and what to do about it.
//!
//! Knows nothing of units; a place is a file name, a line and a column.

use std::fmt;
use std::sync::Arc;

/// A position in a file; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file as it was found.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The beginning of a file, for faults that belong to the whole of it.
    pub fn start_of(file: &Arc<str>) -> Self {
        Self { file: Arc::clone(file), line: 1, column: 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The file cannot be converted.
    Error,
    /// The file is converted, but probably means something else than its author thinks.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// One fault of a file.
///
/// Its `Display` is the one line `file:line:column: error: text`; the hint is for the face to print.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Diagnostic {
    /// Where the fault is.
    pub place: Place,
    /// Whether the file can still be converted.
    pub severity: Severity,
    /// What is wrong, lower case, without a final dot.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error without a hint.
    pub fn error(place: Place, text: impl Into<String>) -> Self {
        Self { place, severity: Severity::Error, text: text.into(), hint: None }
    }

    /// A warning without a hint.
    pub fn warning(place: Place, text: impl Into<String>) -> Self {
        Self { place, severity: Severity::Warning, text: text.into(), hint: None }
    }

    /// The fault with its hint, on one line.
    pub fn with_its_hint(&self) -> String {
        match &self.hint {
            None => self.to_string(),
            Some(hint) => format!("{self}; hint: {}", hint.replace(char::is_control, " ")),
        }
    }

    /// The same fault with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, severity, text, .. } = self;
        // A path or a value quoted in the text may hold anything; one fault stays one line.
        for part in format!("{place}: {severity}: {text}").chars() {
            if part.is_control() {
                write!(out, "{}", part.escape_default())?
            } else {
                fmt::Write::write_char(out, part)?
            }
        }
        Ok(())
    }
}

/// So many errors and so many warnings of one file are told; a hostile file could have a million.
const ENOUGH: usize = 100;

/// Faults in the order they were met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    errors: usize,
    warnings: usize,
}

impl Diagnostics {
    /// Nothing wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a fault, unless the very same one was told already or there are too many of its kind.
    pub fn push(&mut self, mut fault: Diagnostic) {
        let (count, what) = match fault.severity {
            Severity::Error => (&mut self.errors, "errors"),
            Severity::Warning => (&mut self.warnings, "warnings"),
        };
        if *count > ENOUGH || self.list.contains(&fault) {
            return;
        }
        if *count == ENOUGH {
            fault.text = format!("too many {what}, the rest is not told");
            fault.hint = None;
        }
        *count += 1;
        self.list.push(fault);
    }

    /// Whether no further error will be told, so that looking for more is a waste.
    pub fn is_full(&self) -> bool {
        self.errors > ENOUGH
    }

    /// Whether no further warning will be told.
    pub fn is_full_of_warnings(&self) -> bool {
        self.warnings > ENOUGH
    }

    /// Adds all faults of another file.
    pub fn append(&mut self, other: Self) {
        self.errors += other.errors;
        self.warnings += other.warnings;
        self.list.extend(other.list);
    }

    /// Whether anything forbids the conversion.
    pub fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// The errors alone.
    pub fn errors(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter().filter(|fault| fault.severity == Severity::Error)
    }

    /// All faults.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.list.iter()
    }

    /// Whether there is no fault at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults ordered by place, so that a reader goes through a file once.
    pub fn sort(&mut self) {
        self.list.sort_by(|one, other| (&one.place, &one.text).cmp(&(&other.place, &other.text)));
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
