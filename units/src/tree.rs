//! A unit file as sections of lines, each with its place.
//!
//! Knows neither sections nor keys by meaning; values are text as written, continuations joined.

use std::fmt;
use std::sync::Arc;

use crate::diagnostic::Place;

/// A run of a value's text that lies on one physical line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Byte offset in the joined value.
    pub(crate) offset: usize,
    /// Physical line.
    pub(crate) line: u32,
    /// Column of the run's first character.
    pub(crate) column: u32,
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, trimmed.
    pub key: String,
    /// The value, trimmed, continuations joined.
    pub value: String,
    /// Where the key begins.
    pub place: Place,
    /// Where the value begins.
    pub(crate) first: Segment,
    /// Where the joined lines of the value begin; empty without continuations.
    pub(crate) rest: Vec<Segment>,
}

impl Entry {
    /// The place of a byte of the value, through continuations.
    pub fn place_at(&self, offset: usize) -> Place {
        let segment = self.rest.iter().rev().find(|segment| segment.offset <= offset).unwrap_or(&self.first);
        let between = self.value.get(segment.offset..offset).unwrap_or("").chars().count();
        let column = segment.column.saturating_add(u32::try_from(between).unwrap_or(u32::MAX));
        Place { file: Arc::clone(&self.place.file), line: segment.line, column }
    }

    /// Where the value begins.
    pub fn value_place(&self) -> Place {
        self.place_at(0)
    }
}

/// One line inside a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A comment with its leading mark, or an empty line.
    Comment(String),
    /// An assignment.
    Entry(Entry),
}

/// One section; repeated sections of a file are merged into their first occurrence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The name between the brackets; empty only for the comments of a file that has no section.
    pub name: String,
    /// Where the first header of this name stands.
    pub place: Place,
    /// Comments before the header.
    pub comments: Vec<String>,
    /// What the section holds, in order.
    pub lines: Vec<Line>,
}

impl Section {
    /// The assignments in order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.lines.iter().filter_map(|line| match line {
            Line::Entry(entry) => Some(entry),
            Line::Comment(_) => None,
        })
    }

    /// The last assignment to a key.
    pub fn last(&self, key: &str) -> Option<&Entry> {
        self.entries().rfind(|entry| entry.key == key)
    }
}

/// A whole unit file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The file as it was found.
    pub file: Arc<str>,
    /// The sections in order of first appearance.
    pub sections: Vec<Section>,
}

impl Unit {
    /// A unit without any section.
    pub fn empty(file: Arc<str>) -> Self {
        Self { file, sections: Vec::new() }
    }

    /// The section of a name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The last assignment to a key of a section.
    pub fn last(&self, section: &str, key: &str) -> Option<&Entry> {
        self.section(section)?.last(key)
    }

    /// All assignments of a section; none if there is no such section.
    pub fn entries(&self, section: &str) -> impl DoubleEndedIterator<Item = &Entry> {
        self.section(section).into_iter().flat_map(Section::entries)
    }

    /// The section of a name, made at the end if there is none.
    pub fn section_or_new(&mut self, name: &str, place: &Place) -> &mut Section {
        let index = match self.sections.iter().position(|section| section.name == name) {
            Some(index) => index,
            None => {
                self.sections.push(Section {
                    name: name.to_owned(),
                    place: place.clone(),
                    comments: Vec::new(),
                    lines: Vec::new(),
                });
                self.sections.len() - 1
            }
        };
        &mut self.sections[index]
    }

    /// Appends another file's sections and lines, as a drop-in does.
    pub fn merge(&mut self, other: Self) {
        for section in other.sections {
            let own = self.section_or_new(&section.name, &section.place);
            own.comments.extend(section.comments);
            own.lines.extend(section.lines);
        }
    }
}

impl fmt::Display for Unit {
    /// The text again: comments where they were, each assignment on one line.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, section) in self.sections.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            for comment in &section.comments {
                writeln!(out, "{comment}")?;
            }
            // Only the comments of a file without sections have a section without a name.
            if !section.name.is_empty() {
                writeln!(out, "[{}]", section.name)?;
            }
            for line in &section.lines {
                match line {
                    Line::Comment(comment) => writeln!(out, "{comment}")?,
                    Line::Entry(entry) => writeln!(out, "{}={}", entry.key, entry.value)?,
                }
            }
        }
        Ok(())
    }
}
