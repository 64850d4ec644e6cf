//! `%` and `$`, which systemd expands before the engine sees them.

use super::Lint;

/// The letters systemd knows after `%`, man systemd.unit, Specifiers.
const SPECIFIERS: &str = "aAbBCdDEfgGhHiIjJlLmMnNopPqsStTuUvVwWyYz";

/// The keys whose value runs inside the container, so that their variables are meant to be those inside.
const RUN_INSIDE: [&str; 5] = ["Entrypoint", "Exec", "HealthCmd", "HealthStartupCmd", "ReloadCmd"];

/// Those of them that are several words.
const COMMANDS: [&str; 2] = ["Exec", "ReloadCmd"];

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
    if has_variables {
        return;
    }
    for key in RUN_INSIDE {
        let words = match file.unit.last(section, key) {
            Some(_) if COMMANDS.contains(&key) => lint.words(key),
            Some(_) => lint.values.scalar(key).into_iter().collect(),
            None => continue,
        };
        if let Some((word, name)) = words.iter().find_map(|word| Some((word, variable(&word.text)?))) {
            let text = format!("`${name}` is expanded by systemd, which knows no variable of the container");
            lint.warn(word, text, format!("write `$${name}`, and let a shell in the container expand it"));
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

/// The first variable of a word that systemd puts something in the place of: `${NAME}` wherever it stands, `$NAME` only as a word
/// of its own (systemd.service(5), Command lines).
fn variable(word: &str) -> Option<&str> {
    let is_name = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && text.chars().all(|part| part.is_ascii_alphanumeric() || part == '_')
    };
    if let Some(name) = word.strip_prefix('$').filter(|it| is_name(it)) {
        return Some(name);
    }
    let mut rest = word;
    while let Some((_, after)) = rest.split_once('$') {
        rest = after;
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
        } else if let Some((name, _)) = after.strip_prefix('{').and_then(|it| it.split_once('}'))
            && is_name(name)
        {
            return Some(name);
        }
    }
    None
}
