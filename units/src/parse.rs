//! Text to tree: lines, comments, continuations, sections, assignments.
//!
//! Knows no section and no key by meaning. Never fails: what cannot be understood is a diagnostic, and the
//! rest of the file is still in the tree, so that all faults are told at once.
//!
//! The law is Podman's parser, not systemd's, where the two differ: a continuation joins without a space,
//! comments and empty lines inside it are skipped. What Podman drops in silence is an error here.

use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::tree::{Entry, Line, Section, Segment, Unit};

/// The largest file that is read; systemd refuses a line of this length, and nobody writes such a file.
pub const MAX_SIZE: usize = 1024 * 1024;

/// So many sections a file may have; looking one up is a walk through them.
const MAX_SECTIONS: usize = 1000;

/// Parses the bytes of a unit file.
///
/// `file` is the name that places carry.
pub fn parse(file: &Arc<str>, text: &[u8]) -> (Unit, Diagnostics) {
    let mut parser = Parser {
        file,
        unit: Unit::empty(Arc::clone(file)),
        faults: Diagnostics::new(),
        current: None,
        comments: Vec::new(),
    };
    if text.len() > MAX_SIZE {
        let fault = Diagnostic::error(Place::start_of(file), format!("file is larger than {MAX_SIZE} bytes"));
        parser.faults.push(fault);
        return (parser.unit, parser.faults);
    }
    parser.run(text);
    (parser.unit, parser.faults)
}

/// What is known while going through the lines.
struct Parser<'a> {
    file: &'a Arc<str>,
    unit: Unit,
    faults: Diagnostics,
    /// Index of the section that assignments go to.
    current: Option<usize>,
    /// Comments and empty lines not yet given to a section.
    comments: Vec<String>,
}

/// A line with its continuations.
struct Logical {
    text: String,
    segments: Vec<Segment>,
    /// Line and column of the last backslash, while it still waits for its next line.
    backslash: (u32, u32),
    /// An empty line that was skipped since.
    skipped_empty: Option<u32>,
}

impl Parser<'_> {
    fn run(&mut self, text: &[u8]) {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let mut pending: Option<Logical> = None;
        let mut number = 0_u32;
        for raw in text.split(|byte| *byte == b'\n') {
            number = number.saturating_add(1);
            let Some(physical) = self.decode(raw, number) else { continue };
            let line = physical.trim();
            if is_comment(line) {
                match &mut pending {
                    Some(logical) if line.is_empty() => {
                        logical.skipped_empty.get_or_insert(number);
                    }
                    Some(_) => {}
                    None => self.comments.push(line.to_owned()),
                }
                continue;
            }
            let indent = physical.len() - physical.trim_start().len();
            let column = column_after(physical.get(..indent).unwrap_or(""));
            if let Some(logical) = &pending {
                self.warn_of_swallowing(logical, line, number, column);
            }
            let (line, continued) = match line.strip_suffix('\\') {
                Some(rest) => (rest, true),
                None => (line, false),
            };
            if !continued && pending.is_none() {
                self.line(line, &[Segment { offset: 0, line: number, column }]);
                continue;
            }
            let logical = pending.get_or_insert_with(|| Logical {
                text: String::new(),
                segments: Vec::new(),
                backslash: (number, column),
                skipped_empty: None,
            });
            logical.segments.push(Segment { offset: logical.text.len(), line: number, column });
            logical.text.push_str(line);
            logical.skipped_empty = None;
            if continued {
                let after = column_after(line).saturating_add(column).saturating_sub(1);
                logical.backslash = (number, after);
            } else if let Some(logical) = pending.take() {
                self.line(&logical.text, &logical.segments);
            }
        }
        if let Some(logical) = pending {
            let (line, column) = logical.backslash;
            let fault =
                Diagnostic::error(self.place(line, column), "the line continues, but nothing follows")
                    .with_hint("remove the backslash at its end");
            self.faults.push(fault);
            // A backslash at the end of a value would let it go on in the service, too.
            let whole = logical.text.trim_end_matches(|part: char| part == '\\' || part.is_whitespace());
            self.line(whole, &logical.segments);
        }
        self.finish();
    }

    /// A physical line as text, or nothing if it cannot go into a unit.
    fn decode<'t>(&mut self, raw: &'t [u8], number: u32) -> Option<&'t str> {
        let comment = raw.trim_ascii_start().first().is_some_and(|byte| matches!(byte, b'#' | b';'));
        let (valid, what) = match std::str::from_utf8(raw) {
            Ok(text) => {
                // systemd ends a line at a carriage return or a NUL as well, so either would let the rest of
                // the line pass for a line of its own in the service.
                let end = text.trim_end_matches('\r').len();
                match raw.iter().take(end).position(|byte| matches!(byte, 0 | b'\r')) {
                    None => return Some(text),
                    Some(at) => {
                        let what = if raw.get(at) == Some(&0) { "a NUL byte" } else { "a carriage return" };
                        (text.get(..at).unwrap_or(""), what)
                    }
                }
            }
            Err(error) => {
                let valid = raw.get(..error.valid_up_to()).unwrap_or(&[]);
                (std::str::from_utf8(valid).unwrap_or(""), "text that is not UTF-8")
            }
        };
        let place = self.place(number, column_after(valid));
        self.faults.push(if comment {
            Diagnostic::warning(place, format!("comment holds {what} and is left out"))
        } else {
            Diagnostic::error(place, format!("line holds {what}"))
        });
        None
    }

    /// Takes in one logical line.
    fn line(&mut self, text: &str, segments: &[Segment]) {
        let Some(first) = segments.first() else { return };
        let place = self.place(first.line, first.column);
        if text.starts_with('[') {
            self.header(text, place);
            return;
        }
        let Some((key, value)) = text.split_once('=').filter(|(key, _)| !key.is_empty()) else {
            let fault = Diagnostic::error(
                place,
                format!("`{}` is no assignment, section or comment", brief(text)),
            )
            .with_hint(
                "an assignment is `Key=value`; a long value goes on after a backslash at the line's end",
            );
            self.faults.push(fault);
            return;
        };
        let offset = text.len() - value.trim_start().len();
        let (first, rest) = value_segments(text, segments, offset, *first);
        let key = key.trim_end().to_owned();
        let Some(section) = self.current.and_then(|index| self.unit.sections.get_mut(index)) else {
            let fault = Diagnostic::error(place, format!("`{}=` stands before any section", brief(&key)))
                .with_hint("begin with a section such as [Container]");
            self.faults.push(fault);
            return;
        };
        section.lines.extend(self.comments.drain(..).map(Line::Comment));
        let value = value.trim().to_owned();
        // Many sections have one line, and thousands of files are held at once.
        if section.lines.is_empty() {
            section.lines.reserve_exact(1);
        }
        section.lines.push(Line::Entry(Entry { key, value, place, first, rest }));
    }

    /// Takes in a line that begins with a bracket.
    fn header(&mut self, text: &str, place: Place) {
        let (name, after) = match text.get(1..).and_then(|rest| rest.split_once(']')) {
            Some(parts) => parts,
            None => {
                self.faults
                    .push(Diagnostic::error(place, format!("`{}` lacks its closing bracket", brief(text))));
                return;
            }
        };
        if !after.chars().all(|part| matches!(part, ' ' | '\t')) {
            let fault = Diagnostic::error(place, format!("text after the section header [{}]", brief(name)))
                .with_hint("a comment stands on a line of its own");
            self.faults.push(fault);
            return;
        }
        if name.is_empty() || name.chars().any(|part| part == '[' || part.is_control()) {
            self.faults.push(Diagnostic::error(place, format!("[{}] is no name for a section", brief(name))));
            return;
        }
        if self.unit.sections.len() >= MAX_SECTIONS {
            self.current = None;
            self.faults.push(Diagnostic::error(place, format!("file has more than {MAX_SECTIONS} sections")));
            return;
        }
        let before = std::mem::take(&mut self.comments);
        // One empty line between sections is written anyhow.
        let skip = usize::from(before.first().is_some_and(String::is_empty));
        let section = self.unit.section_or_new(name, &place);
        section.comments.extend(before.into_iter().skip(skip));
        self.current = self.unit.sections.iter().position(|section| section.name == name);
    }

    /// Gives the comments at the end to the last section.
    fn finish(&mut self) {
        let comments = std::mem::take(&mut self.comments);
        let lines = comments.into_iter().map(Line::Comment);
        match self.current.and_then(|index| self.unit.sections.get_mut(index)) {
            Some(section) => section.lines.extend(lines),
            None => self.unit.sections.push(Section {
                name: String::new(),
                place: Place::start_of(self.file),
                comments: Vec::new(),
                lines: lines.collect(),
            }),
        }
    }

    /// A backslash too many makes a value eat what stands below; the author should hear of it.
    fn warn_of_swallowing(&mut self, logical: &Logical, line: &str, number: u32, column: u32) {
        let (backslash, _) = logical.backslash;
        let header =
            line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(looks_like_a_name);
        let assignment = logical.skipped_empty.is_some()
            && line.split_once('=').is_some_and(|(key, _)| looks_like_a_name(key.trim_end()));
        if header || assignment {
            let what = if header { "section header" } else { "assignment" };
            let text = format!("this {what} is part of the value above it, which goes on");
            let fault = Diagnostic::warning(self.place(number, column), text)
                .with_hint(format!("remove the backslash at the end of line {backslash}"));
            self.faults.push(fault);
        }
    }

    fn place(&self, line: u32, column: u32) -> Place {
        Place { file: Arc::clone(self.file), line, column }
    }
}

/// Whether a trimmed line says nothing.
fn is_comment(line: &str) -> bool {
    line.is_empty() || line.starts_with(['#', ';'])
}

/// Whether text looks like the name of a section or a key: a capital, then letters, some of them small.
fn looks_like_a_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().all(|part| part.is_ascii_alphanumeric() || part == '-')
        && text.contains(|part: char| part.is_ascii_lowercase())
}

/// The column of the character after some text that begins a line.
fn column_after(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_add(1)
}

/// The places of a value that begins at `offset` of a logical line.
fn value_segments(
    text: &str,
    segments: &[Segment],
    offset: usize,
    start: Segment,
) -> (Segment, Vec<Segment>) {
    let holder = segments.iter().rev().find(|segment| segment.offset <= offset).copied().unwrap_or(start);
    let between = text.get(holder.offset..offset).map_or(0, |text| text.chars().count());
    let column = holder.column.saturating_add(u32::try_from(between).unwrap_or(u32::MAX));
    let first = Segment { offset: 0, line: holder.line, column };
    let rest = segments
        .iter()
        .filter(|segment| segment.offset > offset)
        .map(|segment| Segment { offset: segment.offset - offset, ..*segment })
        .collect();
    (first, rest)
}

/// Enough of a text to recognise it.
pub(crate) fn brief(text: &str) -> String {
    const ENOUGH: usize = 60;
    match text.char_indices().nth(ENOUGH) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or("")),
    }
}
