//! Events: what was done to which object, in the words and fields of podman-events(1).
//!
//! Whoever does a deed tells of it, in one message to the journal or one line of a file. It knows no container, no image
//! and no store: it is told what there is to tell, and what cannot be told is lost without a word.

mod journal;
mod line;
mod log;
mod text;

use std::collections::BTreeMap;

pub use journal::{IDENTIFIER, from_journal, to_journal};
pub use line::{from_line, to_line};
pub use log::{EventLog, FILE, FILE_BEFORE, JOURNAL, MAX_FILE};

use crate::time;

/// An enum whose variants are words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $word:literal,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`")] $variant,)*
        }

        impl $name {
            /// All words.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// What a word means.
            #[must_use]
            pub fn of(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

words! {
    /// Kinds of objects; all that Podman has.
    Kind {
        Artifact = "artifact",
        Container = "container",
        Image = "image",
        Machine = "machine",
        Network = "network",
        Pod = "pod",
        Secret = "secret",
        System = "system",
        Volume = "volume",
    }
}

words! {
    /// What is done to objects; all that Podman has.
    Deed {
        Attach = "attach",
        AutoUpdate = "auto-update",
        Build = "build",
        Checkpoint = "checkpoint",
        Cleanup = "cleanup",
        Commit = "commit",
        Connect = "connect",
        Create = "create",
        Died = "died",
        Disconnect = "disconnect",
        Exec = "exec",
        ExecDied = "exec_died",
        Export = "export",
        HealthStatus = "health_status",
        History = "history",
        Import = "import",
        Init = "init",
        Kill = "kill",
        LoadFromArchive = "loadfromarchive",
        Mount = "mount",
        Pause = "pause",
        Prune = "prune",
        Pull = "pull",
        PullError = "pull-error",
        Push = "push",
        Refresh = "refresh",
        Remove = "remove",
        Rename = "rename",
        Renumber = "renumber",
        Restart = "restart",
        Restore = "restore",
        Rotate = "rotate",
        Save = "save",
        Start = "start",
        Stop = "stop",
        Sync = "sync",
        Tag = "tag",
        Unmount = "unmount",
        Unpause = "unpause",
        Untag = "untag",
        Update = "update",
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The kind of object.
    pub kind: Kind,
    /// What was done.
    pub deed: Deed,
    /// When, nanoseconds since 1970.
    pub time: u64,
    /// Id of the object; volumes have none.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The image of a container.
    pub image: String,
    /// The pod of a container, by id.
    pub pod: String,
    /// How a container, or a process in it, ended.
    pub exit_code: Option<i32>,
    /// Labels of a container.
    pub attributes: BTreeMap<String, String>,
    /// What a health check said.
    pub health: Option<HealthNews>,
    /// Why it failed.
    pub error: String,
}

/// What a health check said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthNews {
    /// `starting`, `healthy` or `unhealthy`.
    pub status: String,
    /// Failures since the last success.
    pub failing_streak: u32,
    /// Its outcome as JSON, where that goes to the events (`--health-log-destination events_logger`).
    pub log: String,
}

impl Event {
    /// Something that was done just now.
    #[must_use]
    pub fn now(kind: Kind, deed: Deed) -> Self {
        Self {
            kind,
            deed,
            time: time::now(),
            id: String::new(),
            name: String::new(),
            image: String::new(),
            pod: String::new(),
            exit_code: None,
            attributes: BTreeMap::new(),
            health: None,
            error: String::new(),
        }
    }
}

#[cfg(test)]
mod tests;
