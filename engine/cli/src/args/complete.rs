//! What may come next on a command line: for the completion of shells.
//!
//! Says what kind of word is wanted; names of things on this host are looked up by whoever asks.

use clap::Args;

use super::help;
use super::table::{self, Entry};

/// `completion`
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell
    #[arg(value_name = "SHELL", required = true, value_parser = ["bash", "fish", "zsh"])]
    pub shell: String,
}

/// `__complete`
#[derive(Debug, Args)]
pub struct CompleteArgs {
    /// The words after the program's name, the last of them unfinished
    #[arg(value_name = "WORD", trailing_var_arg = true, allow_hyphen_values = true)]
    pub words: Vec<String>,
}

/// A word that may come next, and what it means.
pub type Candidate = (String, String);

/// What may come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// One of these words.
    Words(Vec<Candidate>),
    /// The name of something.
    Name(Named),
}

/// Things with names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// Artifacts.
    Artifact,
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Networks.
    Network,
    /// Pods.
    Pod,
    /// Volumes.
    Volume,
    /// Units that run containers.
    Unit,
    /// Unit files that a manager reads.
    UnitFile,
    /// Sections and keys of unit files.
    Key,
    /// Files and directories, which the shell knows best.
    File,
}

/// What may take the place of the last word.
pub fn next(words: &[String]) -> Next {
    let (last, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    // Options of the program itself are passed over; their values are not told apart from commands here.
    let commands: Vec<&str> =
        before.iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
    let found = match commands.as_slice() {
        [] => return Next::Words(starting_with(last, overview())),
        [first, ..] if table::is_group(first) => match commands.get(1) {
            None => return Next::Words(starting_with(last, help::commands_of(first))),
            Some(second) => table::entry(&format!("{first} {second}")),
        },
        [first, ..] => table::entry(first),
    };
    let Some(entry) = found else { return Next::Words(Vec::new()) };
    if last.starts_with('-') {
        return Next::Words(starting_with(last, options(entry)));
    }
    match entry.path {
        "completion" => Next::Words(starting_with(last, ["bash", "fish", "zsh"].map(bare).to_vec())),
        path => Next::Name(named(path)),
    }
}

/// What a command's own words name.
fn named(path: &str) -> Named {
    match path.split_once(' ') {
        Some(("quadlet", "explain")) => Named::Key,
        Some(("quadlet", "print" | "rm")) => Named::UnitFile,
        Some(("artifact", "extract" | "inspect" | "rm")) => Named::Artifact,
        Some(("container", _)) | Some(("generate", _)) | Some(("kube", "apply" | "generate")) => {
            Named::Container
        }
        Some(("image", _)) => Named::Image,
        Some(("network", "reload")) => Named::Container,
        Some(("network", _)) => Named::Network,
        Some(("pod", "create" | "prune" | "ps")) => Named::File,
        Some(("pod", _)) => Named::Pod,
        Some(("volume", _)) => Named::Volume,
        None => match path {
            "start" | "stop" | "restart" | "pause" | "unpause" | "rename" | "stats" | "top" | "kill"
            | "rm" | "logs" | "exec" | "wait" | "port" | "inspect" => Named::Container,
            "rollback" | "pin" | "unpin" => Named::Unit,
            "run" | "create" | "history" | "rmi" | "tag" | "untag" | "pull" | "images" => Named::Image,
            _ => Named::File,
        },
        Some(_) => Named::File,
    }
}

fn overview() -> Vec<Candidate> {
    let single = table::entries().filter(|entry| !entry.path.contains(' ') && !entry.path.starts_with('_'));
    let groups = table::GROUPS.iter().map(|group| (group.name.to_owned(), group.about.to_owned()));
    single.map(|entry| (entry.path.to_owned(), entry.about.to_owned())).chain(groups).collect()
}

fn options(entry: &Entry) -> Vec<Candidate> {
    let parser = (entry.parser)(entry);
    let long = parser.get_arguments().filter_map(|arg| {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        Some((format!("--{}", arg.get_long()?), help))
    });
    long.collect()
}

fn bare(word: &str) -> Candidate {
    (word.to_owned(), String::new())
}

/// Those of some words that may be meant by a beginning, in order.
pub fn starting_with(beginning: &str, words: Vec<Candidate>) -> Vec<Candidate> {
    let mut words: Vec<Candidate> =
        words.into_iter().filter(|(word, _)| word.starts_with(beginning)).collect();
    words.sort();
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Next {
        next(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        let Next::Words(found) = words(line) else { panic!("{line}") };
        assert_eq!(found.iter().map(|(word, _)| word.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn commands_and_options_are_completed() {
        check("vol", &["volume"]);
        check("quadlet pl", &["plan"]);
        check("quadlet rm --f", &["--force"]);
        check("completion z", &["zsh"]);
        check("nonsense x", &[]);
        check("_", &[]);
    }

    #[test]
    fn other_words_are_names() {
        assert_eq!(words("quadlet explain Im"), Next::Name(Named::Key));
        assert_eq!(words("stop -t 3 w"), Next::Name(Named::Container));
        assert_eq!(words("container rm "), Next::Name(Named::Container));
        assert_eq!(words("network rm x"), Next::Name(Named::Network));
        assert_eq!(words("pod stop s"), Next::Name(Named::Pod));
        assert_eq!(words("volume rm x"), Next::Name(Named::Volume));
        assert_eq!(words("quadlet check ./"), Next::Name(Named::File));
    }
}
