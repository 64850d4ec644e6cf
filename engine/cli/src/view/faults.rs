//! Faults of unit files: for people with the line they are in, for programs as JSON.

use std::collections::HashMap;
use std::fmt::Write as _;

use pontoon_units::{Content, Diagnostic, Severity, Source};
use serde::Serialize;

use crate::format::json;

/// The most of a line that is shown, in characters; a mark far to the right is shown with what is around it.
const WIDTH: usize = 100;

/// The texts that faults lie in.
#[derive(Debug, Default)]
pub struct Texts<'s>(HashMap<&'s str, &'s [u8]>);

impl<'s> Texts<'s> {
    /// The texts of unit files and their drop-ins.
    pub fn of(sources: impl IntoIterator<Item = &'s Source>) -> Self {
        let mut texts = HashMap::new();
        let mut add = |path: &'s str, content: &'s Content| {
            if let Content::Text(bytes) = content {
                texts.insert(path, bytes.as_slice());
            }
        };
        for source in sources {
            add(&source.path, &source.content);
            for drop_in in &source.drop_ins {
                add(&drop_in.path, &drop_in.content);
            }
        }
        Self(texts)
    }

    /// A line of a file, counted from 1.
    fn line(&self, file: &str, number: u32) -> Option<String> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        let line = self.0.get(file)?.split(|byte| *byte == b'\n').nth(index)?;
        // A tab is as wide as a blank here, so that the mark stands where it belongs.
        let clean = |part: char| if part.is_control() { ' ' } else { part };
        Some(String::from_utf8_lossy(line).trim_end().chars().map(clean).collect())
    }
}

/// The faults for people: each with its line, a mark and what to do.
pub fn text(faults: &[Diagnostic], texts: &Texts<'_>) -> String {
    let mut text = String::new();
    for fault in faults {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{fault}");
        if let Some(line) = texts.line(&fault.place.file, fault.place.line).filter(|line| !line.is_empty()) {
            let number = fault.place.line.to_string();
            let column = usize::try_from(fault.place.column).unwrap_or(1).saturating_sub(1);
            let (line, column) = window(&line, column);
            let _ = writeln!(text, " {number} | {line}");
            let _ = writeln!(text, " {:width$} | {:column$}^", "", "", width = number.len());
        }
        if let Some(hint) = &fault.hint {
            let _ = writeln!(text, "hint: {}", hint.replace(char::is_control, " "));
        }
        text.push('\n');
    }
    text
}

/// The part of a line around a column, and the column in it.
fn window(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    if length <= WIDTH {
        return (line.to_owned(), column.min(length));
    }
    let start = column.saturating_sub(WIDTH / 2).min(length - WIDTH);
    let mut shown: String = line.chars().skip(start).take(WIDTH).collect();
    let mut shift = 0;
    if start > 0 {
        shown.insert(0, '…');
        shift = 1;
    }
    if start + WIDTH < length {
        shown.push('…');
    }
    (shown, (column - start + shift).min(WIDTH + 1))
}

/// How many faults there are in how many files, as a line.
pub fn summary(faults: &[Diagnostic], files: usize) -> String {
    let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
    let warnings = faults.len() - errors;
    let counted = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("{}, {} in {}\n", counted(errors, "error"), counted(warnings, "warning"), counted(files, "file"))
}

/// A fault for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    severity: String,
    message: &'a str,
    hint: Option<&'a str>,
}

/// The faults for programs: a list of objects with `File`, `Line`, `Column` (from 1, in characters), `Severity`
/// (`error`, `warning`), `Message` and `Hint` (or null).
pub fn json(faults: &[Diagnostic]) -> String {
    let shown: Vec<Shown<'_>> = faults
        .iter()
        .map(|fault| Shown {
            file: &fault.place.file,
            line: fault.place.line,
            column: fault.place.column,
            severity: fault.severity.to_string(),
            message: &fault.text,
            hint: fault.hint.as_deref(),
        })
        .collect();
    format!("{}\n", json::pretty(&shown, 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use pontoon_units::Place;

    fn source(text: &str) -> Source {
        Source {
            name: "web.container".to_owned(),
            path: Arc::from("/u/web.container"),
            content: Content::Text(text.as_bytes().to_vec()),
            drop_ins: Vec::new(),
        }
    }

    fn fault(line: u32, column: u32) -> Diagnostic {
        Diagnostic::error(Place { file: Arc::from("/u/web.container"), line, column }, "wrong")
            .with_hint("mend it")
    }

    #[test]
    fn a_mark_stands_below_what_is_wrong() {
        let sources = [source("[Container]\n\tImgé=x\n")];
        let found = text(&[fault(2, 6)], &Texts::of(&sources));
        assert_eq!(found, "/u/web.container:2:6: error: wrong\n 2 |  Imgé=x\n   |      ^\nhint: mend it\n\n");
    }

    #[test]
    fn a_long_line_is_shown_around_the_mark() {
        let line = format!("{}!{}", "a".repeat(500), "b".repeat(500));
        let sources = [source(&line)];
        let found = text(&[fault(1, 501)], &Texts::of(&sources));
        let lines: Vec<&str> = found.lines().collect();
        let mark = lines[2].chars().position(|part| part == '^').unwrap();
        assert_eq!(lines[1].chars().nth(mark), Some('!'));
        assert!(lines[1].chars().count() < 120, "{}", lines[1]);
    }

    #[test]
    fn a_place_that_is_not_there_is_no_reason_to_fail() {
        assert_eq!(
            text(&[fault(9, 900)], &Texts::default()),
            "/u/web.container:9:900: error: wrong\nhint: mend it\n\n"
        );
    }
}
