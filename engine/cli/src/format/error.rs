//! What is wrong with a template, and where.

/// A fault, before the template's text is at hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// What is wrong.
    pub(super) why: String,
    /// Byte offset in the template.
    pub(super) at: usize,
    /// What to do about it.
    pub(super) hint: Option<String>,
}

impl Fault {
    /// A fault without a hint.
    pub(super) fn new(at: usize, why: impl Into<String>) -> Self {
        Self { why: why.into(), at, hint: None }
    }

    /// Adds what to do about it.
    pub(super) fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }

    /// The error to show: the line of the template, with a mark below the place.
    pub(super) fn within(self, text: &str) -> TemplateError {
        let at = (0..=self.at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0);
        let (before, after) = text.split_at(at);
        let start = before.rfind('\n').map_or(0, |index| index + 1);
        let end = after.find('\n').map_or(text.len(), |index| at + index);
        let line = text.get(start..end).unwrap_or_default().to_owned();
        let indent = before.get(start..).unwrap_or_default().chars();
        // A tab in the line must be a tab in the mark's line, or the mark stands elsewhere.
        let mut mark: String = indent.map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        mark.push('^');
        TemplateError { why: self.why, line, mark, hint: self.hint }
    }
}

/// A template that cannot be read or filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid format: {why}\n{line}\n{mark}")]
pub struct TemplateError {
    /// What is wrong.
    pub why: String,
    /// The line of the template.
    pub line: String,
    /// Blanks and a `^` below the place.
    pub mark: String,
    hint: Option<String>,
}

impl TemplateError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}
