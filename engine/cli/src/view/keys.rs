//! The keys of unit files, explained.

use std::fmt::Write as _;

use pontoon_units::{Key, vocabulary};
use serde::Serialize;

use crate::format::json;

/// A key where it belongs.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    /// Its section.
    pub section: &'static str,
    /// Its row.
    pub key: &'static Key,
}

/// Keys at length.
pub fn text(found: &[Found]) -> String {
    let mut text = String::new();
    for Found { section, key } in found {
        if !text.is_empty() {
            text.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}= in [{section}]: {}\n", key.name, key.meaning);
        let _ = writeln!(text, "  value     {}", key.form.in_words());
        let _ = writeln!(text, "  becomes   {}", key.emit.in_words());
        let since =
            if key.since == vocabulary::OURS { "not Podman's" } else { &format!("Podman {}", key.since) };
        let _ = writeln!(text, "  since     {since}");
        let _ = writeln!(text, "  example   {}={}", key.name, key.example);
    }
    text
}

/// Keys, one a line.
pub fn list(found: &[Found]) -> String {
    let width = found.iter().map(|found| found.key.name.len() + 1).max().unwrap_or(0);
    let mut text = String::new();
    let mut last = "";
    for Found { section, key } in found {
        if *section != last {
            let _ = writeln!(text, "[{section}]");
            last = section;
        }
        let _ = writeln!(text, "  {:width$}  {}", format!("{}=", key.name), key.meaning);
    }
    text
}

/// All sections with the names of their keys.
pub fn sections(found: &[Found]) -> String {
    let mut text = String::new();
    for rows in found.chunk_by(|one, other| one.section == other.section) {
        let Some(first) = rows.first() else { continue };
        let _ = writeln!(text, "[{}]", first.section);
        let mut line = String::from(" ");
        for row in rows {
            if line.len() + row.key.name.len() > 98 {
                let _ = writeln!(text, "{line}");
                line = String::from(" ");
            }
            line.push(' ');
            line.push_str(row.key.name);
        }
        let _ = writeln!(text, "{line}\n");
    }
    text.push_str("`pontoon quadlet explain KEY` tells more about a key.\n");
    text
}

/// A key for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Shown {
    section: &'static str,
    key: &'static str,
    meaning: &'static str,
    value: &'static str,
    repeatable: bool,
    becomes: String,
    since: &'static str,
    example: &'static str,
}

/// Keys for programs: a list of objects with `Section`, `Key`, `Meaning`, `Value`, `Repeatable`, `Becomes`, `Since`
/// (the first release of Podman that knows it) and `Example`.
pub fn json(found: &[Found]) -> String {
    let shown: Vec<Shown> = found
        .iter()
        .map(|Found { section, key }| Shown {
            section,
            key: key.name,
            meaning: key.meaning,
            value: key.form.in_words(),
            repeatable: key.form.repeatable(),
            becomes: key.emit.in_words(),
            since: key.since,
            example: key.example,
        })
        .collect();
    format!("{}\n", json::pretty(&shown, 2))
}
