//! All commands: one row each, with its words, its purpose and the parser of its options.

use super::error::ArgsError;
use super::global::GlobalOptions;
use super::reader::{parser, read};
use super::suggest::similar;
use super::*;

/// One command.
pub(super) struct Entry {
    /// Its words: `ps`, `volume ls`.
    pub(super) path: &'static str,
    /// What it does, in one line.
    pub(super) about: &'static str,
    /// What follows its words.
    pub(super) usage: &'static str,
    /// Reads what follows its words.
    pub(super) read: Reader,
    /// Makes the parser of its options.
    pub(super) parser: fn(&Entry) -> clap::Command,
}

/// Reads what follows the words of a command.
type Reader = fn(&Entry, &[String]) -> Result<(GlobalOptions, Command), ArgsError>;

/// A word that needs another one to be a command.
pub(super) struct Group {
    /// The word.
    pub(super) name: &'static str,
    /// What its commands have in common.
    pub(super) about: &'static str,
}

/// The groups.
pub(super) const GROUPS: &[Group] = &[
    Group { name: "artifact", about: "Manage artifacts: files from registries" },
    Group { name: "container", about: "Manage containers" },
    Group { name: "generate", about: "Write unit files for containers and pods that are there" },
    Group { name: "healthcheck", about: "Check the health of containers" },
    Group { name: "image", about: "Manage images" },
    Group { name: "kube", about: "Run Kubernetes objects, and write them" },
    Group { name: "linger", about: "Let a user's services outlive the last session" },
    Group { name: "network", about: "Manage networks" },
    Group { name: "pod", about: "Manage pods: containers that share namespaces" },
    Group { name: "quadlet", about: "Check, convert and install unit files" },
    Group { name: "secret", about: "Manage secrets" },
    Group { name: "system", about: "Look after the store and tell about the host" },
    Group { name: "volume", about: "Manage volumes" },
];

/// A row: words, purpose, usage, type of the options, and what they become.
macro_rules! row {
    ($path:literal, $about:literal, $usage:literal, $args:ty, $wrap:expr) => {
        Entry {
            path: $path,
            about: $about,
            usage: $usage,
            read: |entry, words| {
                let (globals, args) = read::<$args>(entry, words)?;
                Ok((globals, $wrap(args)))
            },
            parser: |entry| parser::<$args>(entry),
        }
    };
}

// After the macro, which they use.
mod containers;
mod host;
mod images;
mod kube;
mod networks;
mod pods;
mod stores;
mod units;

/// All commands, by their first spelling.
pub(super) fn entries() -> impl Iterator<Item = &'static Entry> {
    [
        containers::ENTRIES,
        images::ENTRIES,
        pods::ENTRIES,
        kube::ENTRIES,
        networks::ENTRIES,
        stores::ENTRIES,
        units::ENTRIES,
        host::ENTRIES,
    ]
    .into_iter()
    .flatten()
}

/// Other spellings: what may be written, and the first spelling of the same command.
const ALIASES: &[(&str, &str)] = &[
    ("artifact list", "artifact ls"),
    ("artifact remove", "artifact rm"),
    ("container attach", "attach"),
    ("container commit", "commit"),
    ("container cp", "cp"),
    ("container create", "create"),
    ("container exec", "exec"),
    ("container export", "export"),
    ("container init", "init"),
    ("container kill", "kill"),
    ("container list", "ps"),
    ("container logs", "logs"),
    ("container ls", "ps"),
    ("container port", "port"),
    ("container ps", "ps"),
    ("container mount", "mount"),
    ("container pause", "pause"),
    ("container rename", "rename"),
    ("container restart", "restart"),
    ("container rm", "rm"),
    ("container run", "run"),
    ("container start", "start"),
    ("container stats", "stats"),
    ("container stop", "stop"),
    ("container top", "top"),
    ("container umount", "unmount"),
    ("container unmount", "unmount"),
    ("container unpause", "unpause"),
    ("container update", "update"),
    ("container wait", "wait"),
    ("generate kube", "kube generate"),
    ("image history", "history"),
    ("image import", "import"),
    ("image list", "images"),
    ("image load", "load"),
    ("image ls", "images"),
    ("image pull", "pull"),
    ("image rm", "rmi"),
    ("image tag", "tag"),
    ("image umount", "image unmount"),
    ("image untag", "untag"),
    ("play kube", "kube play"),
    ("pod list", "pod ps"),
    ("pod ls", "pod ps"),
    ("quadlet cat", "quadlet print"),
    ("quadlet ls", "quadlet list"),
    ("network list", "network ls"),
    ("network remove", "network rm"),
    ("secret list", "secret ls"),
    ("secret remove", "secret rm"),
    ("system events", "events"),
    ("system info", "info"),
    ("umount", "unmount"),
    ("volume list", "volume ls"),
    ("volume remove", "volume rm"),
    ("volume umount", "volume unmount"),
];

/// Finds the command that the words begin with, and the words that follow it.
pub(super) fn find(words: &[String]) -> Result<(&'static Entry, &[String]), ArgsError> {
    let Some((first, rest)) = words.split_first() else {
        return Err(ArgsError::NoCommand { text: help::overview() });
    };
    if first == "help" {
        return Err(help_about(rest));
    }
    if let Some(entry) = entry(first) {
        return Ok((entry, rest));
    }
    let Some((second, last)) = rest.split_first() else {
        return Err(match group(first) {
            Some(_) => ArgsError::NoSubcommand { group: first.clone() },
            None => unknown(first.clone()),
        });
    };
    let path = format!("{first} {second}");
    match (entry(&path), group(first)) {
        (Some(entry), _) => Ok((entry, last)),
        (None, Some(group)) if second == "--help" || second == "-h" => {
            Err(ArgsError::Help { text: help::group(group.name, group.about) })
        }
        (None, Some(_)) => Err(unknown(path)),
        (None, None) if refused::group(first) => {
            let instead = refused::command(&path).flatten();
            Err(ArgsError::CommandNotSupported { command: path, instead })
        }
        (None, None) => Err(unknown(first.clone())),
    }
}

/// What `pontoon help …` prints.
fn help_about(words: &[String]) -> ArgsError {
    let path = words.join(" ");
    if path.is_empty() {
        return ArgsError::Help { text: help::overview() };
    }
    if let Some(group) = group(&path) {
        return ArgsError::Help { text: help::group(group.name, group.about) };
    }
    let Some(entry) = entry(&path) else { return unknown(path) };
    match (entry.read)(entry, &["--help".to_owned()]) {
        Err(answer) => answer,
        Ok(_) => unknown(path),
    }
}

/// Whether a word needs another one to be a command.
pub(super) fn is_group(name: &str) -> bool {
    group(name).is_some()
}

fn group(name: &str) -> Option<&'static Group> {
    GROUPS.iter().find(|group| group.name == name)
}

pub(super) fn entry(path: &str) -> Option<&'static Entry> {
    let path = ALIASES.iter().find(|(alias, _)| *alias == path).map_or(path, |(_, path)| path);
    entries().find(|entry| entry.path == path)
}

fn unknown(command: String) -> ArgsError {
    if let Some(instead) = refused::command(&command) {
        return ArgsError::CommandNotSupported { command, instead };
    }
    let known = entries()
        .map(|entry| entry.path)
        .chain(ALIASES.iter().map(|(alias, _)| *alias))
        .chain(GROUPS.iter().map(|group| group.name));
    let similar = similar(&command, known).map(str::to_owned);
    ArgsError::UnknownCommand { command, similar }
}
