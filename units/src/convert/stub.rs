//! The service of a file that cannot be converted: it fails at once and says why.
//!
//! Needs nothing but a shell, since the engine may be what is missing. What the messages quote from the file
//! is handed to the shell as arguments, never as script, and to systemd with everything doubled or escaped
//! that it would expand; so no text of a file can become a command, an option or a line of the unit.

use super::draft::Draft;
use super::loaded::Loaded;
use super::{INSTALL, SERVICE, UNIT, work};
use crate::diagnostic::Diagnostics;
use crate::quote;
use crate::tree::Line;

/// The keys of `[Unit]` that are kept: whether the unit counts here at all, who waits for it or hears of its
/// failure. What it would pull in or wait for is not: it fails whatever comes of them.
const KEPT: [&str; 4] = ["Documentation", "Before", "OnFailure", "DefaultDependencies"];

/// So many faults are told; the rest is seen by `pontoon quadlet check`.
const TOLD: usize = 10;

/// The longest message that is told; systemd takes a whole line of a megabyte, readers don't.
const LONGEST: usize = 500;

/// Exit status for "configuration error", which `systemctl status` shows by that name.
const STATUS: u8 = 78;

/// The text of the failing service.
pub(super) fn text(file: &Loaded, faults: &Diagnostics) -> String {
    let mut draft = Draft::empty();
    draft.add(UNIT, "Description", description(file, faults));
    for entry in file.unit.entries(UNIT) {
        let key = entry.key.as_str();
        let condition = key.starts_with("Condition") || key.starts_with("Assert");
        if KEPT.contains(&key) || condition {
            // A name of one of our files means nothing to systemd.
            let files = key == "Before" || key == "OnFailure";
            if files
                && entry.value.split_whitespace().any(|word| crate::UnitKind::of_file_name(word).is_some())
            {
                continue;
            }
            draft.add(UNIT, &entry.key, &*entry.value);
        }
    }
    if let Some(path) = work::source_path(&file.path) {
        draft.add(UNIT, "SourcePath", path);
    }
    for (key, value) in [("Type", "oneshot"), ("SyslogIdentifier", "%N"), ("SyslogLevel", "err")] {
        draft.add(SERVICE, key, value);
    }
    draft.add(SERVICE, "ExecStart", command(faults));
    if let Some(section) = file.unit.section(INSTALL) {
        for line in &section.lines {
            if let Line::Entry(entry) = line {
                draft.add(INSTALL, &entry.key, &*entry.value);
            }
        }
    }
    draft.to_text()
}

/// The first fault, in place of the file's own description: the manager says it in each line about the unit, in
/// `systemctl status`, `list-units` and the unit's journal. What the command writes may miss the unit's journal, since
/// journald asks for the unit of a process that may have ended by then.
fn description(file: &Loaded, faults: &Diagnostics) -> String {
    let reason = faults.errors().next().map_or_else(|| file.name.full.clone(), ToString::to_string);
    // Only specifiers are expanded here, and a backslash at the end would take the next line with it.
    let mut text = format!("cannot be converted: {}", cut(&reason)).replace('%', "%%");
    if text.ends_with('\\') {
        text.push('.');
    }
    text
}

/// The command that tells the faults and fails.
fn command(faults: &Diagnostics) -> String {
    let script = format!(r#"printf '%s\n' "$@" >&2; exit {STATUS}"#);
    let mut words =
        vec!["/bin/sh".to_owned(), "-c".to_owned(), quote::literal(&script).into_owned(), "sh".to_owned()];
    let mut errors = faults.errors();
    for fault in errors.by_ref().take(TOLD) {
        words.push(message(&fault.to_string()));
        words.extend(fault.hint.as_ref().map(|hint| message(&format!("hint: {hint}"))));
    }
    let rest = errors.count();
    if rest > 0 {
        words.push(format!("and {rest} more"));
    }
    words.iter().fold(String::new(), |mut line, word| {
        quote::push_readable(&mut line, word);
        line
    })
}

/// A message as systemd must hand it on to a command: nothing expanded.
fn message(text: &str) -> String {
    quote::literal(&cut(text)).into_owned()
}

/// A message on one line, not too long.
fn cut(text: &str) -> String {
    let mut short: String =
        text.chars().take(LONGEST).map(|part| if part.is_control() { ' ' } else { part }).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    short
}
