//! A service's text while it is being written.
//!
//! Begins as a copy of the unit's sections and borrows from it; knows no key by meaning.

use std::borrow::Cow;

use crate::tree::{Entry, Unit};

/// The sections of a service to be.
#[derive(Debug)]
pub(super) struct Draft<'u> {
    sections: Vec<DraftSection<'u>>,
}

#[derive(Debug)]
struct DraftSection<'u> {
    name: Cow<'u, str>,
    lines: Vec<DraftLine<'u>>,
}

#[derive(Debug)]
struct DraftLine<'u> {
    key: Cow<'u, str>,
    value: Cow<'u, str>,
}

/// So many lines a section mostly gets, so that it need not grow.
const USUALLY_ADDED: usize = 12;

impl<'u> Draft<'u> {
    /// Nothing yet.
    pub(super) fn empty() -> Self {
        Self { sections: Vec::new() }
    }

    /// All sections of a unit as they are, without comments: they are for who reads the file.
    pub(super) fn copy(unit: &'u Unit) -> Self {
        let line = |entry: &'u Entry| DraftLine {
            key: Cow::Borrowed(&entry.key),
            value: Cow::Borrowed(&entry.value),
        };
        let mut sections = Vec::with_capacity(unit.sections.len() + 1);
        for section in unit.sections.iter().filter(|section| !section.name.is_empty()) {
            let mut lines = Vec::with_capacity(section.lines.len() + USUALLY_ADDED);
            lines.extend(section.entries().map(line));
            sections.push(DraftSection { name: Cow::Borrowed(&section.name), lines });
        }
        Self { sections }
    }

    /// Whether a key is assigned in a section.
    pub(super) fn has(&self, section: &str, key: &str) -> bool {
        self.find(section).is_some_and(|section| section.lines.iter().any(|line| line.key == key))
    }

    /// Adds a line at the end of a section.
    pub(super) fn add(&mut self, section: &'u str, key: &'u str, value: impl Into<Cow<'u, str>>) {
        self.ensure(section).lines.push(DraftLine { key: Cow::Borrowed(key), value: value.into() });
    }

    /// Adds a line unless the key is assigned already.
    pub(super) fn add_missing(&mut self, section: &'u str, key: &'u str, value: &'u str) {
        if !self.has(section, key) {
            self.add(section, key, value);
        }
    }

    /// Adds lines at the top of a section, the first of them first.
    pub(super) fn add_on_top(&mut self, section: &'u str, lines: &[(&'u str, &'u str)]) {
        let lines = lines
            .iter()
            .map(|(key, value)| DraftLine { key: Cow::Borrowed(key), value: Cow::Borrowed(value) });
        self.ensure(section).lines.splice(0..0, lines);
    }

    /// Changes the last assignment to a key, or adds one.
    pub(super) fn set(&mut self, section: &'u str, key: &'u str, value: impl Into<Cow<'u, str>>) {
        let last = self.ensure(section).lines.iter_mut().rfind(|line| line.key == key);
        match last {
            Some(line) => line.value = value.into(),
            _ => self.add(section, key, value),
        }
    }

    /// Removes all assignments to a key.
    pub(super) fn remove(&mut self, section: &'u str, key: &str) {
        self.ensure(section).lines.retain(|line| line.key != key);
    }

    /// Gives a section a name that systemd passes over; if there is one of that name, what it holds goes there.
    pub(super) fn hide(&mut self, name: &str) {
        let Some(index) = self.sections.iter().position(|section| section.name == name) else { return };
        let to = ["X-", name].concat();
        if self.find(&to).is_some() {
            let moved = self.sections.remove(index);
            if let Some(target) = self.sections.iter_mut().find(|section| section.name == to) {
                target.lines.extend(moved.lines);
            }
        } else if let Some(section) = self.sections.get_mut(index) {
            section.name = Cow::Owned(to);
        }
    }

    /// The text: one empty line between sections.
    pub(super) fn to_text(&self) -> String {
        // Thousands of texts are held at once, so none takes more room than it needs.
        let mut length = 0;
        self.for_each_part(|part| length += part.len());
        let mut text = String::with_capacity(length);
        self.for_each_part(|part| text.push_str(part));
        text
    }

    fn for_each_part<'d>(&'d self, mut take: impl FnMut(&'d str)) {
        for (index, section) in self.sections.iter().enumerate() {
            if index > 0 {
                take("\n");
            }
            take("[");
            take(&section.name);
            take("]\n");
            for line in &section.lines {
                take(&line.key);
                take("=");
                take(&line.value);
                take("\n");
            }
        }
    }

    fn find(&self, name: &str) -> Option<&DraftSection<'u>> {
        self.sections.iter().find(|section| section.name == name)
    }

    fn ensure(&mut self, name: &'u str) -> &mut DraftSection<'u> {
        let index = self.sections.iter().position(|section| section.name == name).unwrap_or_else(|| {
            let lines = Vec::with_capacity(USUALLY_ADDED);
            self.sections.push(DraftSection { name: Cow::Borrowed(name), lines });
            self.sections.len() - 1
        });
        &mut self.sections[index]
    }
}
