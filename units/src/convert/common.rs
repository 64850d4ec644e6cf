//! What is done alike for every type: the copy of the sections, dependencies, the beginning of commands,
//! the options that need no thought.
//!
//! Knows the table's rows, no type's own rules.

use super::draft::Draft;
use super::loaded::Loaded;
use super::neighbours::Neighbours;
use super::{SERVICE, Settings, UNIT};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::UnitKind;
use crate::quote;
use crate::tree::Entry;
use crate::values::{self, Values};
use crate::vocabulary::{self, Emit, Form, Key, QUADLET_SECTION};
use crate::words::Splitting;

/// The keys of `[Unit]` that name other units, so may name our files.
const DEPENDENCIES: [&str; 15] = [
    "After",
    "Before",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "ReloadPropagatedFrom",
    "Requires",
    "Requisite",
    "StopPropagatedFrom",
    "Upholds",
    "Wants",
];

/// What the network is waited for with: a user's manager has no `network-online.target` that anything reaches.
const NETWORK_ONLINE: &str = "network-online.target";
const USER_NETWORK_ONLINE: &str = "pontoon-user-wait-network-online.service";

/// A command line being written.
#[derive(Debug, Default)]
pub(super) struct CommandLine(String);

impl CommandLine {
    /// The program with what stands before any sub-command: modules, then global words.
    pub(super) fn begin(settings: &Settings, values: &Values<'_>, faults: &mut Diagnostics) -> Self {
        let mut line = String::with_capacity(512);
        // The first word is a path to systemd, and expanded like one.
        quote::push_word(&mut line, &settings.engine.replace('%', "%%"));
        let mut line = Self(line);
        for module in values.list("ContainersConfModule", faults) {
            line.push(&format!("--module={}", module.text));
        }
        line.push_words(values, "GlobalArgs", faults);
        line
    }

    /// Adds a word.
    pub(super) fn push(&mut self, word: &str) {
        quote::push_word(&mut self.0, word);
    }

    /// Adds words.
    pub(super) fn extend(&mut self, words: &[&str]) {
        for word in words {
            self.push(word);
        }
    }

    /// Adds the words of a key as they are.
    pub(super) fn push_words(&mut self, values: &Values<'_>, name: &str, faults: &mut Diagnostics) {
        for word in values.words(name, faults) {
            self.push(&word.text);
        }
    }

    /// Adds what a row of the table says its key becomes.
    pub(super) fn push_key(&mut self, key: &Key, values: &Values<'_>, faults: &mut Diagnostics) {
        if !values.has(key.name) {
            return;
        }
        let texts = match key.form {
            Form::Scalar | Form::ScalarOrEmpty | Form::Number => {
                values.scalar(key.name).into_iter().collect()
            }
            Form::List => values.list(key.name, faults),
            Form::Words | Form::Command | Form::LastCommand => values.words(key.name, faults),
            Form::Pairs => values.pairs(key.name, faults),
            Form::Boolean => {
                let value = values.boolean(key.name, faults);
                match (key.emit, value) {
                    (Emit::Switch(option), Some(true)) => self.push(option),
                    (Emit::Switch(option), Some(false)) => self.push(&format!("{option}=false")),
                    (Emit::IfTrue(words), Some(true)) => self.extend(words),
                    _ => {}
                }
                return;
            }
        };
        for value in texts {
            let text = &value.text;
            match key.emit {
                Emit::Separate(option) => self.extend(&[option, text]),
                Emit::Joined(option) => self.push(&format!("{option}={text}")),
                Emit::Prefixed(option, prefix) => self.extend(&[option, &format!("{prefix}{text}")]),
                Emit::Lowered(option) => self.extend(&[option, &text.to_lowercase()]),
                Emit::Switch(_) | Emit::IfTrue(_) | Emit::Own => {}
            }
        }
    }

    /// The whole line.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The service before its commands are written: the unit's sections, dependencies translated, our own lines
/// in `[Unit]`, our own sections under names that systemd passes over.
pub(super) fn begin<'u>(
    file: &'u Loaded,
    neighbours: &Neighbours<'_>,
    settings: &Settings,
    faults: &mut Diagnostics,
) -> Draft<'u> {
    let mut draft = Draft::copy(&file.unit);
    translate_dependencies(&mut draft, file, neighbours, faults);
    let quadlet = Values::read(
        file.unit.section(QUADLET_SECTION),
        vocabulary::keys_of(QUADLET_SECTION).unwrap_or(&[]),
        faults,
    );
    if quadlet.boolean("DefaultDependencies", faults) != Some(false) {
        let online = if settings.user { USER_NETWORK_ONLINE } else { NETWORK_ONLINE };
        draft.add_on_top(UNIT, &[("Wants", online), ("After", online)]);
    }
    if let Some(path) = source_path(&file.path) {
        draft.add(UNIT, "SourcePath", path);
    }
    draft.add(UNIT, "RequiresMountsFor", "%t/containers");
    for section in [file.name.kind.section(), QUADLET_SECTION] {
        draft.rename(section, format!("X-{section}"));
    }
    draft
}

/// A path as `SourcePath=` can hold it: `%` doubled; nothing if it would break the line.
pub(super) fn source_path(path: &str) -> Option<String> {
    (!path.contains(char::is_control)).then(|| path.replace('%', "%%"))
}

/// The values of the type's own section, with warnings about sections that are likely slips.
pub(super) fn read_values<'u>(file: &'u Loaded, faults: &mut Diagnostics) -> Values<'u> {
    let kind = file.name.kind;
    for section in &file.unit.sections {
        warn_of_section(section, kind, faults);
    }
    for key in ["User", "Group", "DynamicUser"] {
        if let Some(entry) = file.unit.last(SERVICE, key) {
            let text =
                format!("`{key}=` in [{SERVICE}] changes who runs the engine, not who runs in the container");
            let fault = Diagnostic::warning(entry.place.clone(), text);
            faults.push(fault.with_hint("use `User=` in [Container], or a user service"));
        }
    }
    Values::read(file.unit.section(kind.section()), vocabulary::keys(kind), faults)
}

/// Replaces the names of our files in `[Unit]` by those of their services.
fn translate_dependencies(
    draft: &mut Draft<'_>,
    file: &Loaded,
    neighbours: &Neighbours<'_>,
    faults: &mut Diagnostics,
) {
    let Some(section) = file.unit.section(UNIT) else { return };
    for key in DEPENDENCIES {
        let entries: Vec<&Entry> = section.entries().filter(|entry| entry.key == key).collect();
        let effective = values::since_reset(&entries);
        let ours = |entry: &&Entry| UnitKind::ALL.iter().any(|kind| entry.value.contains(kind.extension()));
        if !effective.iter().any(ours) {
            continue;
        }
        let mut line = String::new();
        let mut replaced = false;
        for word in effective
            .iter()
            .flat_map(|entry| values::split_entry(entry, Splitting::Plain, faults))
            .collect::<Vec<_>>()
        {
            if UnitKind::of_file_name(&word.text).is_none() {
                quote::push_word(&mut line, &word.text);
                continue;
            }
            if faults.is_full() {
                return;
            }
            replaced = true;
            match neighbours.service(&word.text, &word) {
                Ok(service) => quote::push_word(&mut line, service),
                Err(fault) => faults.push(*fault),
            }
        }
        if replaced {
            draft.remove(UNIT, key);
            draft.add(UNIT, key, line);
        }
    }
}

/// A section that neither systemd nor we read is passed on, but its author may have meant another.
fn warn_of_section(section: &crate::tree::Section, kind: UnitKind, faults: &mut Diagnostics) {
    let name = section.name.as_str();
    let known = [UNIT, SERVICE, super::INSTALL, QUADLET_SECTION, kind.section()];
    if name.is_empty() || name.starts_with("X-") || known.contains(&name) || faults.is_full() {
        return;
    }
    let fault = Diagnostic::warning(
        section.place.clone(),
        format!("[{name}] means nothing in a .{} file", kind.extension()),
    );
    faults.push(match crate::suggest::nearest(name, known) {
        Some(near) => fault.with_hint(format!("did you mean [{near}]?")),
        None => fault,
    });
}
