//! The command line that a service runs, as systemd would hand it over: without quotes, `%` and `$` (systemd.unit(5),
//! "Specifiers"; systemd.service(5), "Command lines").
//!
//! Knows no machine: what a specifier stands for there is asked of whoever calls.

use pontoon_units::words::{Splitting, WordFault, split};

/// A command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its words; the first is the program.
    pub words: Vec<String>,
    /// Variables that the service does not set itself: systemd may know them, and here they are empty.
    pub unset: Vec<String>,
}

/// A service, and where it is.
#[derive(Clone, Copy)]
pub struct Service<'a> {
    /// The unit's name, as `web.service`.
    pub name: &'a str,
    /// The unit's text.
    pub text: &'a str,
    /// What a letter after `%` stands for on this machine: `h` is the home directory.
    pub machine: &'a dyn Fn(char) -> Option<String>,
}

/// Why there is no command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// There is none.
    #[error("service `{name}` has no `{key}=`")]
    NoCommand {
        /// The unit.
        name: String,
        /// The setting.
        key: &'static str,
    },
    /// It is not closed somewhere.
    #[error("`{key}=` of service `{name}` cannot be read")]
    Words {
        /// The unit.
        name: String,
        /// The setting.
        key: &'static str,
        /// Why.
        #[source]
        source: WordFault,
    },
    /// A letter that stands for something only systemd knows.
    #[error("what `%{letter}` is in service `{name}` is known to systemd alone")]
    Specifier {
        /// The unit.
        name: String,
        /// The letter.
        letter: char,
    },
}

impl Service<'_> {
    /// The last value of a setting, as it is written.
    #[must_use]
    pub fn setting(&self, key: &str) -> Option<&str> {
        self.settings(key).next_back()
    }

    fn settings(&self, key: &str) -> impl DoubleEndedIterator<Item = &str> {
        self.text.lines().filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='))
    }

    /// The command line of a setting, `ExecStart` or another one.
    ///
    /// # Errors
    /// See [`ServiceError`].
    pub fn command(&self, key: &'static str) -> Result<Command, ServiceError> {
        let line = self.setting(key).filter(|it| !it.is_empty());
        let line = line.ok_or_else(|| ServiceError::NoCommand { name: self.name.to_owned(), key })?;
        let mut environment: Vec<(String, String)> = Vec::new();
        for value in self.settings("Environment") {
            if value.is_empty() {
                environment.clear();
            }
            for word in self.split(value, "Environment")? {
                environment
                    .extend(word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())));
            }
        }
        let mut command = Command { words: Vec::new(), unset: Vec::new() };
        for word in self.split(line, key)? {
            expand(&mut command, &word, &environment);
        }
        Ok(command)
    }

    /// A value's words, with what their specifiers stand for.
    fn split(&self, value: &str, key: &'static str) -> Result<Vec<String>, ServiceError> {
        let words = split(value, Splitting::Command).map_err(|source| ServiceError::Words {
            name: self.name.to_owned(),
            key,
            source,
        })?;
        words.iter().map(|it| self.specified(&it.text)).collect()
    }

    fn specified(&self, text: &str) -> Result<String, ServiceError> {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(char) = chars.next() {
            if char != '%' {
                out.push(char);
                continue;
            }
            match chars.next() {
                None => out.push('%'),
                Some('%') => out.push('%'),
                // What is no letter is left alone.
                Some(other) if !other.is_ascii_alphabetic() => out.extend(['%', other]),
                Some(letter) => {
                    let known = self.of_name(letter).or_else(|| (self.machine)(letter));
                    let name = || self.name.to_owned();
                    out.push_str(&known.ok_or_else(|| ServiceError::Specifier { name: name(), letter })?);
                }
            }
        }
        Ok(out)
    }

    /// What the unit's own name says.
    fn of_name(&self, letter: char) -> Option<String> {
        let stem = self.name.rsplit_once('.').map_or(self.name, |(stem, _)| stem);
        let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
        let last = prefix.rsplit('-').next().unwrap_or(prefix);
        Some(match letter {
            'n' => self.name.to_owned(),
            'N' => stem.to_owned(),
            'p' => prefix.to_owned(),
            'P' => unescaped(prefix),
            'i' => instance.to_owned(),
            'I' => unescaped(instance),
            'j' => last.to_owned(),
            'J' => unescaped(last),
            'f' => {
                let path = unescaped(if instance.is_empty() { prefix } else { instance });
                format!("/{}", path.trim_start_matches('/'))
            }
            _ => return None,
        })
    }
}

/// A part of a unit's name as systemd-escape(1) has it without its escapes: `-` is `/`, `\xHH` a byte.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let code = rest.strip_prefix("\\x").and_then(|it| u8::from_str_radix(it.get(..2)?, 16).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                let plain = if first == '-' { '/' } else { first };
                bytes.extend_from_slice(plain.encode_utf8(&mut [0; 4]).as_bytes());
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Adds a word with what its variables hold: `${NAME}` anywhere, and `$NAME` that is the whole word, which becomes as many words
/// as its value has.
fn expand(command: &mut Command, word: &str, environment: &[(String, String)]) {
    let is_name = |name: &str| {
        name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
            && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
    };
    let unset = &mut command.unset;
    let mut value = |name: &str| match environment.iter().rfind(|it| it.0 == name) {
        Some((_, value)) => value.clone(),
        None => {
            if !unset.iter().any(|it| it == name) {
                unset.push(name.to_owned());
            }
            String::new()
        }
    };
    if let Some(name) = word.strip_prefix('$').filter(|it| is_name(it)) {
        command.words.extend(value(name).split_whitespace().map(str::to_owned));
        return;
    }
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let braced =
            after.strip_prefix('{').and_then(|it| it.split_once('}')).filter(|(name, _)| is_name(name));
        rest = match (braced, after.strip_prefix('$')) {
            (Some((name, more)), _) => {
                out.push_str(&value(name));
                more
            }
            (None, Some(more)) => {
                out.push('$');
                more
            }
            (None, None) => {
                out.push('$');
                after
            }
        };
    }
    out.push_str(rest);
    command.words.push(out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(name: &str, text: &str) -> Result<Command, ServiceError> {
        let machine = |letter: char| (letter == 'h').then(|| "/home/alice".to_owned());
        Service { name, text, machine: &machine }.command("ExecStart")
    }

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let text = format!("[Service]\nEnvironment=A=b \"C=d e\"\nEnvironment=U=%n\nExecStart={line}\n");
        assert_eq!(words("web-x@a-b.service", &text).unwrap().words, expected, "{line}");
    }

    #[test]
    fn a_line_is_what_systemd_would_run() {
        check("/p run \"a b\" '' x", &["/p", "run", "a b", "", "x"]);
        check("/p %h/data %% 5%", &["/p", "/home/alice/data", "%", "5%"]);
        check(
            "/p %n %N %p %i %I %j %f",
            &["/p", "web-x@a-b.service", "web-x@a-b", "web-x", "a-b", "a/b", "x", "/a/b"],
        );
        check("/p ${A}x $C \"${C}\" $$A $${A} $5", &["/p", "bx", "d", "e", "d e", "$A", "${A}", "$5"]);
        check("/p ${U}", &["/p", "web-x@a-b.service"]);
        check("/p $B ${B}x", &["/p", "x"]);
    }

    #[test]
    fn what_is_not_known_is_told() {
        let text = "[Service]\nExecStart=/p $B ${B} ${Z}\n";
        assert_eq!(words("w.service", text).unwrap().unset, ["B", "Z"]);
        let fault = |text: &str| words("w.service", text).unwrap_err().to_string();
        assert!(fault("ExecStart=/p %d").contains("`%d`"));
        assert!(fault("ExecStart=/p 'a").contains("cannot be read"));
        assert!(fault("ExecStop=/p").contains("no `ExecStart=`"));
        assert_eq!(unescaped("a\\x2db-c\\xc3\\xa9"), "a-b/cé");
    }
}
