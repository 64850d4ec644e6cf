//! One file while it becomes a service: what is known of it, and the text so far.
//!
//! What is done alike for every type is here: the copy of the sections, dependencies, options that need no
//! thought, references to other files. Knows the table's rows, no type's own rules.

use std::borrow::Cow;

use super::command::CommandLine;
use super::draft::Draft;
use super::loaded::Loaded;
use super::neighbours::Neighbours;
use super::{INSTALL, SERVICE, Settings, UNIT, dependencies, paths, run_as};
use crate::accounts::Account;
use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::kind::UnitKind;
use crate::quote;
use crate::tree::Section;
use crate::values::{Value, Values};
use crate::vocabulary::{self, EXTENSION_SECTION, Emit, Key, QUADLET_SECTION};

/// What the network is waited for with: a user's manager has no `network-online.target` that anything reaches.
const NETWORK_ONLINE: &str = "network-online.target";
const USER_NETWORK_ONLINE: &str = "pontoon-user-wait-network-online.service";

/// What came of a file.
#[derive(Debug)]
pub(super) struct Written {
    /// The service.
    pub(super) text: String,
    /// The socket or timer beside it.
    pub(super) beside: Option<String>,
    /// What is wrong with the file.
    pub(super) faults: Diagnostics,
}

/// A file being converted.
#[derive(Debug)]
pub(super) struct Work<'a> {
    pub(super) file: &'a Loaded,
    pub(super) values: Values<'a>,
    pub(super) draft: Draft<'a>,
    pub(super) faults: Diagnostics,
    neighbours: &'a Neighbours<'a>,
    settings: &'a Settings,
    /// The name of the user that a system's service runs as, if that is not root.
    pub(super) run_as: Option<String>,
    /// What `[X-Pontoon]` says.
    pub(super) extension: Values<'a>,
    /// The text of the `.socket`, or of a secret's `.timer`, beside the service, if there is to be one.
    pub(super) beside: Option<String>,
}

impl<'a> Work<'a> {
    /// The service before its commands are written: the unit's sections, dependencies translated, our own
    /// lines in `[Unit]`, our own sections under names that systemd passes over.
    pub(super) fn begin(
        file: &'a Loaded,
        neighbours: &'a Neighbours<'a>,
        settings: &'a Settings,
        mut faults: Diagnostics,
    ) -> Self {
        let kind = file.name.kind;
        let mut draft = Draft::copy(&file.unit);
        dependencies::translate(&mut draft, file, neighbours, &mut faults);
        let quadlet = Values::read(
            file.unit.section(QUADLET_SECTION),
            vocabulary::keys_of(QUADLET_SECTION).unwrap_or(&[]),
            &mut faults,
        );
        if quadlet.boolean("DefaultDependencies", &mut faults) != Some(false) {
            let online = if settings.user { USER_NETWORK_ONLINE } else { NETWORK_ONLINE };
            draft.add_on_top(UNIT, &[("Wants", online), ("After", online)]);
        }
        match source_path(&file.path) {
            Some(path) => draft.add(UNIT, "SourcePath", path),
            None => {
                let text = "no unit can hold the name of this file's directory";
                let fault = Diagnostic::error(Place::start_of(&file.path), text);
                faults.push(fault.with_hint("rename it without control characters"));
            }
        }
        draft.add(UNIT, "RequiresMountsFor", "%t/containers");
        for section in [kind.section(), QUADLET_SECTION] {
            draft.hide(section);
        }
        let extension = extension(file, &mut faults);
        for section in &file.unit.sections {
            warn_of_section(section, kind, &mut faults);
        }
        let values = Values::read(file.unit.section(kind.section()), vocabulary::keys(kind), &mut faults);
        let mut work =
            Self { file, values, draft, faults, neighbours, settings, run_as: None, extension, beside: None };
        if settings.user {
            run_as::warn(&mut work, &["User", "Group", "DynamicUser"]);
        } else {
            work.run_as = run_as::apply(&mut work);
            run_as::warn(&mut work, &["Group", "DynamicUser"]);
        }
        work
    }

    /// The texts, and what is wrong with the file.
    pub(super) fn finish(self) -> Written {
        Written { text: self.draft.to_text(), beside: self.beside, faults: self.faults }
    }

    /// The program with what stands before any sub-command, modules and global words, then the sub-command.
    pub(super) fn command(&mut self, words: &[&str]) -> CommandLine {
        let mut line = CommandLine::begin(&self.settings.engine);
        self.words_before(&mut line);
        line.extend(words);
        line
    }

    fn words_before(&mut self, line: &mut CommandLine) {
        for module in self.list("ContainersConfModule") {
            line.push(&format!("--module={}", module.text));
        }
        for word in self.words("GlobalArgs") {
            line.push(&word.text);
        }
    }

    /// The same for a command that restarts units: where the service runs as a user, root begins it, and stays behind for that.
    pub(super) fn command_for_user(&mut self, words: &[&str]) -> CommandLine {
        let Some(user) = self.run_as.clone() else { return self.command(words) };
        let mut line = CommandLine::begin_as_root(&self.settings.engine);
        line.extend(&["--user", &user]);
        self.words_before(&mut line);
        line.extend(words);
        line
    }

    /// Adds what each row of the type's table becomes, in the order of the table; `own` deals with the rows
    /// that are more than an option.
    pub(super) fn rows(
        &mut self,
        line: &mut CommandLine,
        mut own: impl FnMut(&mut Self, &'static Key, &mut CommandLine),
    ) {
        for key in vocabulary::keys(self.file.name.kind) {
            match key.emit {
                Emit::Own(_) => own(self, key, line),
                _ => line.push_key(key, &self.values, &mut self.faults),
            }
        }
    }

    /// The one text of a key, unless it is unset.
    pub(super) fn scalar(&self, name: &str) -> Option<Value<'a>> {
        self.values.scalar(name)
    }

    /// The lines of a key.
    pub(super) fn list(&mut self, name: &str) -> Vec<Value<'a>> {
        self.values.list(name, &mut self.faults)
    }

    /// The words of a key.
    pub(super) fn words(&mut self, name: &str) -> Vec<Value<'a>> {
        self.values.words(name, &mut self.faults)
    }

    /// Yes or no.
    pub(super) fn boolean(&mut self, name: &str) -> Option<bool> {
        self.values.boolean(name, &mut self.faults)
    }

    /// Notes that a key that must be there is not; not if it may be one that could not be read or is misspelt.
    pub(super) fn lacks(&mut self, key: &str, text: &str, hint: &str) {
        let section = self.file.name.kind.section();
        let known = vocabulary::keys(self.file.name.kind);
        let is_meant = |written: &str| {
            known.iter().all(|row| row.name != written)
                && crate::suggest::nearest(written, known.iter().map(|row| row.name)) == Some(key)
        };
        let misspelt = self.file.unit.entries(section).any(|entry| is_meant(&entry.key));
        if !misspelt && !self.file.faults.has_errors() {
            let fault = Diagnostic::error(self.file.section_place(section), text);
            self.faults.push(fault.with_hint(hint));
        }
    }

    /// Adds a line to `[Service]`.
    pub(super) fn service(&mut self, key: &'static str, value: impl Into<Cow<'a, str>>) {
        self.draft.add(SERVICE, key, value);
    }

    /// Adds lines to `[Service]` where the file has not set them itself.
    pub(super) fn service_missing(&mut self, lines: &[(&'static str, &'static str)]) {
        for (key, value) in lines {
            self.draft.add_missing(SERVICE, key, value);
        }
    }

    /// Adds a line to `[Service]` unless the file has that key itself.
    pub(super) fn service_usual(&mut self, key: &'static str, value: String) {
        if !self.draft.has(SERVICE, key) {
            self.draft.add(SERVICE, key, value);
        }
    }

    /// Ties the service to another unit by keys of `[Unit]`.
    pub(super) fn tie(&mut self, keys: &[&'static str], unit: String) {
        for key in keys {
            self.draft.add(UNIT, key, unit.clone());
        }
    }

    /// The user that a unit names.
    pub(super) fn account(&self, user: &str) -> Option<Account> {
        self.settings.accounts.find(user)
    }

    /// Notes a fault with a hint.
    pub(super) fn error(&mut self, at: &Value<'_>, text: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Diagnostic::error(at.place(), text).with_hint(hint));
    }

    /// The same of what begins at a byte of the value.
    pub(super) fn error_in(&mut self, at: &Value<'_>, offset: usize, text: String, hint: &str) {
        self.faults.push(Diagnostic::error(at.place_at(offset), text).with_hint(hint));
    }

    /// Notes something that likely means not what was meant.
    pub(super) fn warning(&mut self, at: &Value<'_>, text: impl Into<String>, hint: impl Into<String>) {
        self.faults.push(Diagnostic::warning(at.place(), text).with_hint(hint));
    }

    /// What another file provides; `[Unit]` then requires its service. Nothing if it cannot be had, which is
    /// a fault.
    pub(super) fn resource_of(&mut self, name: &str, at: &Value<'_>) -> Option<String> {
        self.provided(name, at, &["Requires", "After"])
    }

    /// As [`Self::resource_of`], with the keys of `[Unit]` that tie the two services.
    pub(super) fn provided(&mut self, name: &str, at: &Value<'_>, ties: &[&'static str]) -> Option<String> {
        match self.neighbours.resource(name, at) {
            Ok((service, resource)) => {
                if let Some(text) = self.other_owner(name) {
                    let hint = "give both the same `User=` in [Service], or none";
                    self.faults.push(Diagnostic::error(at.place(), text).with_hint(hint));
                    return None;
                }
                for key in ties {
                    self.draft.add(UNIT, key, service.to_owned());
                }
                Some(resource)
            }
            Err(fault) => {
                self.faults.push(*fault);
                None
            }
        }
    }

    /// Whether there is a file of that name.
    pub(super) fn has_neighbour(&self, name: &str) -> bool {
        self.neighbours.file(name).is_some()
    }

    /// Why what another file provides is not there for this one: it belongs to another user.
    fn other_owner(&self, name: &str) -> Option<String> {
        // The same user may be written as a name and as a number.
        let owner = |file: &Loaded| {
            let user = run_as::user_of(file).unwrap_or_else(|| "root".to_owned());
            self.account(&user).map_or(user, |account| account.name)
        };
        let (theirs, ours) = (owner(self.neighbours.file(name)?), owner(self.file));
        let name = crate::parse::brief(name);
        (!self.settings.user && theirs != ours)
            .then(|| format!("`{name}` is {theirs}'s, and this service is {ours}'s"))
    }

    /// A path as seen from the unit file's directory, for a command; one that begins with something systemd expands is
    /// left alone.
    pub(super) fn path<'t>(&self, text: &'t str) -> Cow<'t, str> {
        paths::absolute_unless_expanded(&quote::literal(self.file.directory()), text)
    }

    /// The unit file's directory, for a command.
    pub(super) fn directory_in_command(&self) -> Cow<'a, str> {
        quote::literal(self.file.directory())
    }

    /// The unit file's directory, for a line of the unit, where only specifiers are expanded.
    pub(super) fn directory_in_unit(&self) -> Cow<'a, str> {
        quote::percent(self.file.directory())
    }

    /// A name given in the file becomes a positional word, so it must not look like an option.
    pub(super) fn refuse_dash(&mut self, value: &Value<'_>) {
        if value.text.starts_with('-') {
            let text = format!("`{}` is no name, it begins with a dash", crate::parse::brief(&value.text));
            self.faults.push(Diagnostic::error(value.place(), text));
        }
    }
}

/// What `[X-Pontoon]` says; only a container has keys there.
fn extension<'a>(file: &'a Loaded, faults: &mut Diagnostics) -> Values<'a> {
    let section = file.unit.section(EXTENSION_SECTION);
    let kind = file.name.kind;
    if kind == UnitKind::Container {
        return Values::read(section, vocabulary::keys_of(EXTENSION_SECTION).unwrap_or(&[]), faults);
    }
    if let Some(section) = section {
        let text = format!("[{EXTENSION_SECTION}] means nothing in a .{} file", kind.extension());
        faults.push(Diagnostic::warning(section.place.clone(), text));
    }
    Values::read(None, &[], faults)
}

/// A path as `SourcePath=` can hold it: `%` doubled; nothing if it would break the line.
pub(super) fn source_path(path: &str) -> Option<Cow<'_, str>> {
    (!path.contains(char::is_control)).then(|| quote::percent(path))
}

/// A section that neither systemd nor we read is passed on, but its author may have meant another.
fn warn_of_section(section: &Section, kind: UnitKind, faults: &mut Diagnostics) {
    let name = section.name.as_str();
    let known = [UNIT, SERVICE, INSTALL, QUADLET_SECTION, kind.section()];
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
