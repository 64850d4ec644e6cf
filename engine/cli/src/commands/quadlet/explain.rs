//! `quadlet explain`: what a key means, from the table that converts it.

use pontoon_cli::args::{FaultFormat, QuadletExplainArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::keys::{self, Found};
use pontoon_units::suggest;
use pontoon_units::vocabulary::{self, SECTIONS};

use crate::commands::Failure;

/// `pontoon quadlet explain`
pub fn explain(args: &QuadletExplainArgs) -> Result<ExitStatus, Failure> {
    let mut text = String::new();
    let mut found = Vec::new();
    for word in &args.words {
        let rows = look_up(word);
        if rows.is_empty() {
            return Err(unknown(word));
        }
        // A section as a whole is a list; a key is told at length.
        let is_section = rows.len() > 1 && rows.iter().all(|row| row.section == rows[0].section);
        text.push_str(&if is_section { keys::list(&rows) } else { keys::text(&rows) });
        found.extend(rows);
    }
    let text = match (args.format, args.words.is_empty()) {
        (FaultFormat::Json, true) => keys::json(&every()),
        (FaultFormat::Json, false) => keys::json(&found),
        (FaultFormat::Text, true) => keys::sections(&every()),
        (FaultFormat::Text, false) => text,
    };
    output::out(&text)?;
    Ok(ExitStatus::Success)
}

fn every() -> Vec<Found> {
    SECTIONS.into_iter().flat_map(of_section).collect()
}

fn of_section(section: &'static str) -> Vec<Found> {
    let rows = vocabulary::keys_of(section).unwrap_or(&[]);
    let mut found: Vec<Found> = rows.iter().map(|key| Found { section, key }).collect();
    found.sort_by_key(|found| found.key.name.to_ascii_lowercase());
    found
}

/// The section a word names, `[Pod]`, `pod` or `.pod`.
fn section(word: &str) -> Option<&'static str> {
    let bare = word.trim_start_matches('[').trim_end_matches(']').trim_start_matches('.');
    SECTIONS.into_iter().find(|section| section.eq_ignore_ascii_case(bare))
}

/// The rows a word names: all keys of a section, a key of one section, a key wherever it is known.
fn look_up(word: &str) -> Vec<Found> {
    let (within, name) = match word.split_once(['.', '/']).filter(|(within, _)| !within.is_empty()) {
        Some((within, name)) => (section(within), name),
        None => (None, word),
    };
    let name = name.trim_end_matches('=');
    let sections = SECTIONS.into_iter().filter(|section| within.is_none_or(|within| within == *section));
    let rows: Vec<Found> =
        sections.flat_map(of_section).filter(|found| found.key.name.eq_ignore_ascii_case(name)).collect();
    match (rows.is_empty(), within, section(word)) {
        (true, None, Some(section)) => of_section(section),
        // `Pod` and `Image` are keys and sections; who writes brackets or a dot means the section.
        (false, None, Some(section)) if word.starts_with(['[', '.']) => of_section(section),
        _ => rows,
    }
}

fn unknown(word: &str) -> Failure {
    let name = word.split_once('.').map_or(word, |(_, name)| name).trim_end_matches('=');
    let rows = every();
    let known = rows.iter().map(|found| found.key.name).chain(SECTIONS);
    let hint = suggest::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
    let hint = hint.unwrap_or_else(|| "`pontoon quadlet explain` lists all sections and keys".to_owned());
    Failure::new(format!("no section has a key `{name}`"), Some(hint))
}
