//! What the user is told when something goes wrong: the one place where errors become text.
//!
//! ```text
//! error: cannot start container `web`
//!   caused by: cannot mount `/srv/data` at `/data`
//!   caused by: Permission denied (os error 13)
//! hint: `/srv/data` belongs to uid 1001, which is outside the ids mapped for you
//! ```

use std::error::Error;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

/// The text for an error, its causes and what to do about it; it ends with a line's end.
pub fn error_text(err: &dyn Error, hint: Option<&str>) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "error: {}", one_paragraph(&err.to_string()));
    let mut last = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let words = err.to_string();
        // A cause that says the same again is a wrapper, not a reason.
        if words != last {
            let _ = writeln!(text, "  caused by: {}", one_paragraph(&words));
        }
        last = words;
        cause = err.source();
    }
    if let Some(hint) = hint {
        let _ = writeln!(text, "hint: {}", one_paragraph(hint));
    }
    text
}

/// Prints an error, its causes and what to do about it on standard error.
pub fn print_error(err: &dyn Error, hint: Option<&str>) {
    say(&error_text(err, hint), 3);
}

/// Says something to whoever looks on: under the unit's name if that is the journal, else on standard error.
fn say(text: &str, priority: u8) {
    if !crate::journal::tell(text, priority) {
        crate::output::err(text);
    }
}

/// Whether warnings are printed: not with `--log-level=error`.
static WARNS: AtomicBool = AtomicBool::new(true);

/// Says that only what failed is to be printed.
pub fn silence_warnings() {
    WARNS.store(false, Ordering::Relaxed);
}

/// Prints a warning on standard error.
pub fn print_warning(text: &str) {
    if !WARNS.load(Ordering::Relaxed) {
        return;
    }
    say(&format!("warning: {}\n", one_paragraph(text)), 4);
}

/// Keeps a message one readable paragraph: further lines are indented, and control characters, which may come
/// from an image or a registry, cannot reach the terminal.
fn one_paragraph(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.trim_end().chars() {
        match letter {
            '\n' => clean.push_str("\n    "),
            '\t' => clean.push('\t'),
            other if other.is_control() => clean.extend(other.escape_default()),
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        #[source]
        below: Option<Box<Layer>>,
    }

    fn chain(texts: &[&'static str]) -> Layer {
        let mut layers = texts.iter().rev().fold(None, |below, text| Some(Box::new(Layer { text, below })));
        *layers.take().unwrap()
    }

    #[test]
    fn an_error_is_told_with_its_causes_and_its_hint() {
        let err = chain(&["cannot start container `web`", "cannot mount `/a` at `/b`", "Permission denied"]);
        assert_eq!(
            error_text(&err, Some("look at the owner of `/a`")),
            "error: cannot start container `web`\n  caused by: cannot mount `/a` at `/b`\n  caused by: Permission \
             denied\nhint: look at the owner of `/a`\n",
        );
    }

    #[test]
    fn a_cause_that_says_the_same_is_told_once() {
        assert_eq!(
            error_text(&chain(&["broken", "broken", "why"]), None),
            "error: broken\n  caused by: why\n"
        );
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let text = error_text(&chain(&["bad \u{1b}[2J name\nsecond"]), None);
        assert_eq!(text, "error: bad \\u{1b}[2J name\n    second\n");
    }
}
