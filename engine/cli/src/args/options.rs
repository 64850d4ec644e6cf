//! Which options a command has, and which of them want a value: for whoever takes command lines apart word by word.

use std::collections::HashMap;

use super::{global, table};

/// The options of one command and those of the program itself, by every spelling.
#[derive(Debug, Default)]
pub struct Options {
    long: HashMap<String, Opt>,
    short: HashMap<char, Opt>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opt {
    /// Its first long spelling, without dashes.
    pub name: String,
    /// Whether the next word is its value, where none is in the word itself.
    pub wants_value: bool,
    /// Whether a second one adds to the first, in place of overriding it.
    pub repeats: bool,
    /// Whether it may stand before the command.
    pub is_global: bool,
}

impl Options {
    /// The options of a command by its first spelling (`pod create`); `None` if there is no such command.
    pub fn of(path: &str) -> Option<Self> {
        let entry = table::entry(path)?;
        let mut found = Self::default();
        // The same names again below: what may stand before the command may stand after it.
        found.add(&(entry.parser)(entry), false);
        found.add(&global::parser(), true);
        Some(found)
    }

    /// The options of the program itself.
    pub fn global() -> Self {
        let mut found = Self::default();
        found.add(&global::parser(), true);
        found
    }

    /// By a long spelling, without dashes.
    pub fn long(&self, spelling: &str) -> Option<&Opt> {
        self.long.get(spelling)
    }

    /// By a letter.
    pub fn short(&self, letter: char) -> Option<&Opt> {
        self.short.get(&letter)
    }

    fn add(&mut self, parser: &clap::Command, is_global: bool) {
        for arg in parser.get_arguments().filter(|arg| !arg.is_positional()) {
            let Some(name) = arg.get_long() else { continue };
            let takes = arg.get_action().takes_values();
            let least = arg.get_num_args().map_or(1, |range| range.min_values());
            let wants_value = takes && least > 0;
            let repeats = matches!(arg.get_action(), clap::ArgAction::Append);
            let option = Opt { name: name.to_owned(), wants_value, repeats, is_global };
            for spelling in arg
                .get_long_and_visible_aliases()
                .unwrap_or_default()
                .into_iter()
                .chain(arg.get_all_aliases().unwrap_or_default())
            {
                self.long.insert(spelling.to_owned(), option.clone());
            }
            // A command's own letters come first: `-h` of `run` is the host's name.
            for letter in arg.get_short_and_visible_aliases().unwrap_or_default() {
                self.short.entry(letter).or_insert_with(|| option.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_known_by_every_spelling() {
        let options = Options::of("run").unwrap();
        let check = |spelling: &str, name: &str, wants_value: bool| {
            let found = options.long(spelling).unwrap_or_else(|| panic!("{spelling}"));
            assert_eq!((found.name.as_str(), found.wants_value), (name, wants_value), "{spelling}");
        };
        check("name", "name", true);
        check("net", "network", true);
        check("rm", "rm", false);
        check("detach", "detach", false);
        check("sig-proxy", "sig-proxy", false);
        check("env", "env", true);
        check("root", "root", true);
        check("pids-limit", "pids-limit", true);
        assert_eq!(options.short('h').unwrap().name, "hostname");
        assert_eq!(options.short('t').unwrap().name, "tty");
        assert!(options.long("root").unwrap().is_global);
        assert!(options.long("nonsense").is_none());
        assert!(Options::of("nonsense").is_none());
    }
}
