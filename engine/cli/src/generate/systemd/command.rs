//! Command lines of services.

use pontoon_units::quote;

/// A command line that is being written: words that are quoted already.
#[derive(Debug, Clone, Default)]
pub(super) struct Command {
    words: Vec<String>,
}

impl Command {
    /// Begins with a program, and its own options.
    pub(super) fn of(program: &str, options: &[String]) -> Self {
        // Variables are not expanded in the program's own path (systemd.service(5)).
        let mut line = String::new();
        quote::push_readable(&mut line, &program.replace('%', "%%"));
        let mut command = Self { words: vec![line] };
        command.words(options);
        command
    }

    /// Words of ours, in which systemd expands `%t` and the like.
    pub(super) fn ours<W: AsRef<str>>(&mut self, words: &[W]) -> &mut Self {
        self.words.extend(words.iter().map(|word| word.as_ref().to_owned()));
        self
    }

    /// Words that reach the program as they are.
    pub(super) fn words<W: AsRef<str>>(&mut self, words: &[W]) -> &mut Self {
        self.words.extend(words.iter().map(|word| self::word(word.as_ref())));
        self
    }

    /// The line, with each option on a line of its own.
    pub(super) fn fold(&self) -> String {
        let mut line = String::new();
        for word in &self.words {
            match (line.is_empty(), word.starts_with('-')) {
                (true, _) => {}
                (false, true) => line.push_str(" \\\n\t"),
                (false, false) => line.push(' '),
            }
            line.push_str(word);
        }
        line
    }
}

/// A word of a command line, which nobody expands.
pub(super) fn word(text: &str) -> String {
    let mut word = String::new();
    quote::push_readable(&mut word, &quote::literal(text));
    word
}

/// A value of another key, which nobody expands; `$` means nothing there.
pub(super) fn value(text: &str) -> String {
    let mut word = String::new();
    quote::push_readable(&mut word, &text.replace('%', "%%"));
    word
}
