//! A command line taken apart: which words are options, which belong together, and what is left.
//!
//! The words stay as they were said, so that they can be written again; what they mean is not looked at.

use crate::args::{Opt, Options};

/// Words that make up one or more options: `--name web`, `-p8080:80`, `-dit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// As they were said.
    pub words: Vec<String>,
    /// What they set.
    pub given: Vec<Given>,
}

/// One option with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// Its first long spelling, without dashes.
    pub name: String,
    /// Its value; a switch that stands alone has none.
    pub value: Option<String>,
    /// Whether it is no switch.
    pub wants_value: bool,
    /// Whether a second one adds to the first, in place of overriding it.
    pub repeats: bool,
    /// Whether it may stand before the command.
    pub is_global: bool,
}

impl Given {
    /// Whether it is a switch that is on.
    pub fn is_on(&self) -> bool {
        self.value.as_deref().is_none_or(|value| matches!(value, "1" | "t" | "T" | "true" | "TRUE" | "True"))
    }

    /// Written in one word.
    fn word(&self) -> String {
        match &self.value {
            Some(value) => format!("--{}={value}", self.name),
            None => format!("--{}", self.name),
        }
    }
}

/// A whole command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The options before the command.
    pub globals: Vec<Group>,
    /// The words of the command: `container`, `run`.
    pub command: Vec<String>,
    /// Its options.
    pub options: Vec<Group>,
    /// What follows: image and command, or a name.
    pub rest: Vec<String>,
}

/// Why a command line cannot be taken apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It is none of those that are looked for.
    #[error("`{}` is not `{expected}`", words.join(" "))]
    OtherCommand {
        /// The command line.
        words: Vec<String>,
        /// What was looked for.
        expected: &'static str,
    },
    /// A word that no option is.
    #[error("unknown option `{word}`")]
    UnknownOption {
        /// The word.
        word: String,
    },
    /// The last word wants another one.
    #[error("`{word}` has no value")]
    NoValue {
        /// The word.
        word: String,
    },
}

impl Line {
    /// Takes the words of `run` or `create` apart; the first is the program.
    pub fn of_container(words: &[String]) -> Result<Self, LineError> {
        let expected = "run` or `create";
        let (globals, rest) = before_command(words)?;
        let (command, rest) = match rest {
            [group, command, rest @ ..] if group == "container" && is_maker(command) => {
                (vec![group.clone(), command.clone()], rest)
            }
            [command, rest @ ..] if is_maker(command) => (vec![command.clone()], rest),
            _ => return Err(LineError::OtherCommand { words: words.to_vec(), expected }),
        };
        // `run` has all options that `create` has.
        let (options, rest) = groups(rest, &Options::of("run").unwrap_or_default())?;
        Ok(Self { globals, command, options, rest: rest.to_vec() })
    }

    /// Takes the words of `pod create`, of `volume create` or of `network create` apart; the first is the program.
    pub fn of(path: &'static str, words: &[String]) -> Result<Self, LineError> {
        let (globals, rest) = before_command(words)?;
        let command: Vec<String> = path.split(' ').map(str::to_owned).collect();
        let Some(rest) = rest.strip_prefix(command.as_slice()) else {
            return Err(LineError::OtherCommand { words: words.to_vec(), expected: path });
        };
        let (mut options, mut rest) = groups(rest, &Options::of(path).unwrap_or_default())?;
        // Here options may follow what is no option.
        let mut names = Vec::new();
        while let Some((first, after)) = rest.split_first() {
            names.push(first.clone());
            let (more, left) = groups(after, &Options::of(path).unwrap_or_default())?;
            options.extend(more);
            rest = left;
        }
        Ok(Self { globals, command, options, rest: names })
    }

    /// The options, one by one.
    pub fn given(&self) -> impl Iterator<Item = &Given> {
        self.options.iter().flat_map(|group| &group.given)
    }

    /// The last value of an option.
    pub fn last(&self, name: &str) -> Option<&Given> {
        self.given().filter(|given| given.name == name).last()
    }

    /// The words of the program's own options, wherever they stand, each as it was said.
    pub fn global_words(&self) -> Vec<String> {
        let after = self.options.iter().filter(|group| group.given.iter().all(|it| it.is_global));
        self.globals.iter().chain(after).flat_map(|group| group.words.iter().cloned()).collect()
    }

    /// Takes options away.
    pub fn without(&mut self, is_unwanted: impl Fn(&Given) -> bool) {
        for group in &mut self.options {
            if group.given.iter().any(&is_unwanted) {
                group.given.retain(|given| !is_unwanted(given));
                group.words = group.given.iter().map(Given::word).collect();
            }
        }
        self.options.retain(|group| !group.given.is_empty());
    }
}

fn is_maker(word: &str) -> bool {
    matches!(word, "run" | "create")
}

/// The options of the program itself, and what follows them.
fn before_command(words: &[String]) -> Result<(Vec<Group>, &[String]), LineError> {
    groups(words.get(1..).unwrap_or_default(), &Options::global())
}

/// The options that some words begin with, and what follows them.
fn groups<'w>(mut words: &'w [String], options: &Options) -> Result<(Vec<Group>, &'w [String]), LineError> {
    let mut found = Vec::new();
    while let [first, rest @ ..] = words {
        if first == "--" {
            return Ok((found, rest));
        }
        if first == "-" || !first.starts_with('-') {
            break;
        }
        let (given, wants_value) = one(first, options)?;
        let mut group = Group { words: vec![first.clone()], given };
        words = rest;
        if wants_value {
            let [value, rest @ ..] = rest else { return Err(LineError::NoValue { word: first.clone() }) };
            group.words.push(value.clone());
            if let Some(last) = group.given.last_mut() {
                last.value = Some(value.clone());
            }
            words = rest;
        }
        found.push(group);
    }
    Ok((found, words))
}

/// What a word that begins with a dash sets, and whether the next one is its last option's value.
fn one(word: &str, options: &Options) -> Result<(Vec<Given>, bool), LineError> {
    let unknown = || LineError::UnknownOption { word: word.to_owned() };
    let given = |option: &Opt, value: Option<&str>| Given {
        name: option.name.clone(),
        value: value.map(str::to_owned),
        wants_value: option.wants_value,
        repeats: option.repeats,
        is_global: option.is_global,
    };
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let option = options.long(name).ok_or_else(unknown)?;
        return Ok((vec![given(option, value)], option.wants_value && value.is_none()));
    }
    let mut found = Vec::new();
    let letters = word.get(1..).unwrap_or_default();
    for (offset, letter) in letters.char_indices() {
        let option = options.short(letter).ok_or_else(unknown)?;
        let rest = letters.get(offset + letter.len_utf8()..).unwrap_or_default();
        if let Some(value) = rest.strip_prefix('=') {
            found.push(given(option, Some(value)));
            return Ok((found, false));
        }
        if option.wants_value {
            found.push(given(option, (!rest.is_empty()).then_some(rest)));
            return Ok((found, rest.is_empty()));
        }
        found.push(given(option, None));
    }
    Ok((found, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    /// The options as `name=value`, then what follows.
    #[track_caller]
    fn check(line: &str, options: &[&str], rest: &[&str]) {
        let found = Line::of_container(&words(line)).unwrap();
        let given: Vec<String> = found
            .given()
            .map(|it| match &it.value {
                Some(value) => format!("{}={value}", it.name),
                None => it.name.clone(),
            })
            .collect();
        assert_eq!(given, options, "{line}");
        assert_eq!(found.rest, rest, "{line}");
        // The words are all there, in their order.
        let mut all: Vec<String> = vec![words(line)[0].clone()];
        all.extend(found.globals.iter().flat_map(|it| it.words.clone()));
        all.extend(found.command.clone());
        all.extend(found.options.iter().flat_map(|it| it.words.clone()));
        all.extend(found.rest.clone());
        assert_eq!(all, words(line).into_iter().filter(|it| it != "--").collect::<Vec<_>>());
    }

    #[test]
    fn words_are_told_apart() {
        check("p run i", &[], &["i"]);
        check("p run --rm i --rm", &["rm"], &["i", "--rm"]);
        check("p run --rm=false -d=true i", &["rm=false", "detach=true"], &["i"]);
        check("p run -dit --name w i", &["detach", "interactive", "tty", "name=w"], &["i"]);
        check("p run -dp 80:80 i", &["detach", "publish=80:80"], &["i"]);
        check("p run -p80:80 -eA=d -e=B=c i", &["publish=80:80", "env=A=d", "env=B=c"], &["i"]);
        check("p run --env A=b --net=host i sh -c x", &["env=A=b", "network=host"], &["i", "sh", "-c", "x"]);
        check("p run --pids-limit -1 i", &["pids-limit=-1"], &["i"]);
        check("p --root /r container create --root /s -h x i", &["root=/s", "hostname=x"], &["i"]);
        check("p run -- i -x", &[], &["i", "-x"]);
        check("p run --sig-proxy=false i", &["sig-proxy=false"], &["i"]);
    }

    #[test]
    fn options_of_the_program_are_found_wherever_they_stand() {
        let line = Line::of_container(&words("p --root /r run --runroot=/x -d i")).unwrap();
        assert_eq!(line.global_words(), ["--root", "/r", "--runroot=/x"]);
    }

    #[test]
    fn options_are_taken_out_of_clusters() {
        let mut line = Line::of_container(&words("p run -itd=false --rm i")).unwrap();
        line.without(|it| it.name == "detach" || it.name == "rm");
        let left: Vec<&String> = line.options.iter().flat_map(|it| &it.words).collect();
        assert_eq!(left, ["--interactive", "--tty"]);
    }

    #[test]
    fn a_pod_s_name_may_stand_anywhere() {
        let line = Line::of("pod create", &words("p pod create -p 80:80 shop --label a=b")).unwrap();
        assert_eq!(line.rest, ["shop"]);
        assert_eq!(line.given().map(|it| it.name.as_str()).collect::<Vec<_>>(), ["publish", "label"]);
    }

    #[test]
    fn other_lines_are_refused() {
        let refused = |line: &str| Line::of_container(&words(line)).unwrap_err();
        assert!(matches!(refused("p pod create"), LineError::OtherCommand { .. }));
        assert!(matches!(refused("p"), LineError::OtherCommand { .. }));
        assert!(matches!(refused("p run --bogus i"), LineError::UnknownOption { .. }));
        assert!(matches!(refused("p run --name"), LineError::NoValue { .. }));
    }
}
