//! `%` and `$`, which systemd expands before the engine sees them.

use super::Lint;

/// The letters systemd knows after `%`, man systemd.unit, Specifiers.
const SPECIFIERS: &str = "aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyYz";

/// The keys whose value runs inside the container, so that their variables are meant to be those inside.
const RUN_INSIDE: [&str; 5] = ["Entrypoint", "Exec", "HealthCmd", "HealthStartupCmd", "ReloadCmd"];

/// The keys of `[Service]` that give the service variables.
const GIVE_VARIABLES: [&str; 3] = ["Environment", "EnvironmentFile", "PassEnvironment"];

pub(super) fn look(lint: &mut Lint<'_>) {
    let file = lint.file;
    let section = file.name.kind.section();
    let has_variables =
        file.unit.entries("Service").any(|entry| GIVE_VARIABLES.contains(&entry.key.as_str()));
    for entry in file.unit.entries(section) {
        if let Some(letter) = unknown_specifier(&entry.value) {
            let text = format!("`%{letter}` is nothing that systemd expands");
            lint.warn_at(entry, text, format!("write `%%{letter}` for the text itself"));
        }
    }
    for entry in RUN_INSIDE.into_iter().filter_map(|key| file.unit.last(section, key)) {
        if let Some(name) = variable(&entry.value).filter(|_| !has_variables) {
            let text = format!("`${name}` is expanded by systemd, which knows no variable of the container");
            lint.warn_at(
                entry,
                text,
                format!("write `$${name}`, and let a shell in the container expand it"),
            );
        }
    }
}

/// The first letter after a `%` that systemd does not know; what is no letter is left alone by it.
fn unknown_specifier(text: &str) -> Option<char> {
    let mut parts = text.chars();
    while let Some(part) = parts.next() {
        if part != '%' {
            continue;
        }
        match parts.next() {
            Some(letter) if letter.is_ascii_alphabetic() && !SPECIFIERS.contains(letter) => {
                return Some(letter);
            }
            _ => {}
        }
    }
    None
}

/// The first variable that a text names, `$NAME` or `${NAME}`.
fn variable(text: &str) -> Option<&str> {
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        let bare = after.strip_prefix('{').unwrap_or(after);
        let end =
            bare.find(|part: char| !(part.is_ascii_alphanumeric() || part == '_')).unwrap_or(bare.len());
        let name = bare.get(..end).unwrap_or("");
        if name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
            return Some(name);
        }
        rest = after;
    }
    None
}
