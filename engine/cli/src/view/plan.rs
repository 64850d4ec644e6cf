//! What a reload would change.

use std::fmt::Write as _;

use pontoon_generator::plan::Fate;
use serde::Serialize;
use similar::TextDiff;

use crate::format::json;

/// One service that changes, or is stale.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its name.
    pub unit: String,
    /// What happens to it: `added`, `changed`, `removed`; `stale` if it runs as it was before an earlier reload.
    pub change: &'static str,
    /// The file it comes from.
    pub source: String,
    /// Whether it runs.
    pub running: bool,
    /// Whether it must be restarted.
    pub restart: bool,
    /// Why it would fail, if its file cannot be converted.
    pub fault: Option<String>,
    /// Its text as it is.
    pub before: String,
    /// Its text as it would be.
    pub after: String,
}

/// The word for what happens to a service.
pub fn word(fate: Fate) -> &'static str {
    match fate {
        Fate::Added => "added",
        Fate::Changed => "changed",
        Fate::Removed => "removed",
    }
}

/// The plan for people.
pub fn text(entries: &[Entry]) -> String {
    if entries.is_empty() {
        return "a reload changes nothing\n".to_owned();
    }
    let width = entries.iter().map(|entry| entry.unit.len()).max().unwrap_or(0);
    let mut text = String::new();
    for entry in entries {
        let note = match (entry.change, entry.running, entry.restart) {
            _ if entry.fault.is_some() && entry.running => "runs, and could not be started again",
            _ if entry.fault.is_some() => "cannot be converted",
            ("stale", ..) => "runs as it was before it was changed, must be restarted",
            (_, true, true) => "runs, must be restarted",
            ("removed", true, false) => "runs, and goes on until it is stopped",
            (_, true, false) => "runs, and may go on",
            _ => "",
        };
        // Writing to a string cannot fail.
        let line = format!("{:8} {:width$}  {note}", entry.change, entry.unit);
        let _ = writeln!(text, "{}", line.trim_end());
        if let Some(fault) = &entry.fault {
            let _ = writeln!(text, "    {fault}");
        } else if entry.change == "changed" {
            for line in diff(entry).lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    text
}

/// The lines that differ.
fn diff(entry: &Entry) -> String {
    TextDiff::from_lines(&entry.before, &entry.after).unified_diff().context_radius(0).to_string()
}

/// A service for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown<'a> {
    unit: &'a str,
    change: &'static str,
    source: &'a str,
    running: bool,
    restart: bool,
    diff: String,
    fault: Option<&'a str>,
}

/// The plan for programs: a list of objects with `Unit`, `Change` (`added`, `changed`, `removed`, `stale`), `Source`
/// (a path, empty if it is not known), `Running`, `Restart` (whether `apply` restarts it), `Diff` (unified, empty
/// unless changed) and `Fault` (why it would fail, or null).
pub fn json(entries: &[Entry]) -> String {
    let shown: Vec<Shown<'_>> = entries
        .iter()
        .map(|entry| Shown {
            unit: &entry.unit,
            change: entry.change,
            source: &entry.source,
            running: entry.running,
            restart: entry.restart,
            diff: if entry.change == "changed" { diff(entry) } else { String::new() },
            fault: entry.fault.as_deref(),
        })
        .collect();
    format!("{}\n", json::pretty(&shown, 2))
}
