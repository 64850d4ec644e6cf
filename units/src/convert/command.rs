//! A command line being written, for systemd to read back word for word.

use crate::diagnostic::Diagnostics;
use crate::quote;
use crate::values::Values;
use crate::vocabulary::{Emit, Form, Key};

/// A command line.
#[derive(Debug)]
pub(super) struct CommandLine(String);

impl CommandLine {
    /// The program alone.
    pub(super) fn begin(program: &str) -> Self {
        let mut line = String::with_capacity(512);
        // The first word is a path to systemd, and expanded like one.
        quote::push_word(&mut line, &quote::percent(program));
        Self(line)
    }

    /// No words, to follow others.
    pub(super) fn empty() -> Self {
        Self(String::new())
    }

    /// The words of both.
    pub(super) fn followed_by(mut self, rest: &Self) -> Self {
        if !rest.0.is_empty() {
            self.0.push(' ');
            self.0.push_str(&rest.0);
        }
        self
    }

    /// The same, run as root whatever the service's `User=` says (systemd.service(5), "COMMAND LINES").
    pub(super) fn begin_as_root(program: &str) -> Self {
        let mut line = Self::begin(program);
        line.0.insert(0, '+');
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

    /// Adds what a row of the table says its key becomes.
    pub(super) fn push_key(&mut self, key: &'static Key, values: &Values<'_>, faults: &mut Diagnostics) {
        if !values.has_row(key) {
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
                    (Emit::Switch(option), Some(false)) => self.push(&[option, "=false"].concat()),
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
                Emit::Joined(option) => self.push(&[option, "=", text].concat()),
                Emit::Prefixed(option, prefix) => self.extend(&[option, &[prefix, text].concat()]),
                Emit::Lowered(option) => self.extend(&[option, &text.to_lowercase()]),
                Emit::Bare => self.push(text),
                Emit::Switch(_) | Emit::IfTrue(_) | Emit::Own(_) => {}
            }
        }
    }

    /// The whole line.
    pub(super) fn finish(self) -> String {
        self.0
    }

    /// The whole line, and the same whose failure is no failure of the service.
    pub(super) fn finish_twice(self) -> (String, String) {
        let tolerant = ["-", &self.0].concat();
        (self.0, tolerant)
    }
}
