//! `storage.conf`: where the store lies and how root file systems are mounted, as containers-storage.conf(5) has it.
//!
//! The store's layout is our own. So `graphroot` and `runroot`, where Podman's store may lie, get a directory of ours
//! below them; Podman's own defaults leave our store where it is without a file.

mod files;
mod keys;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

pub use files::read;

/// Our directory below `graphroot` and `runroot`.
const OURS: &str = "pontoon";

/// What all files and variables say together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageConf {
    /// Where the store lies, if elsewhere than it does without the file.
    pub root: Option<PathBuf>,
    /// The same of what a reboot clears.
    pub run: Option<PathBuf>,
    /// The driver that is asked for and that we do not have, which whoever mounts refuses.
    pub foreign_driver: Option<Said<String>>,
    /// `mount_program`.
    pub mount_program: Option<Said<PathBuf>>,
    /// `additionalimagestores`: stores of ours whose images are seen in this one.
    pub image_stores: Vec<Said<PathBuf>>,
    /// `disable-volatile`: also file systems of containers that go when they end are written through.
    pub durable: bool,
    /// What has no effect, a line for each.
    pub unhonoured: Vec<String>,
    /// The file that counts.
    pub file: Option<PathBuf>,
}

/// A value, and who says it: `FILE:LINE:COLUMN`, or the name of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Who says it.
    pub place: String,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StorageConfError {
    /// It is there and cannot be read, or it was named and is not there.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no TOML.
    #[error("{place}: {message}")]
    Syntax {
        /// `FILE:LINE:COLUMN`.
        place: String,
        /// What is wrong.
        message: String,
    },
    /// A value of the wrong kind.
    #[error("{place}: `{key}` {reason}")]
    Value {
        /// `FILE:LINE:COLUMN`.
        place: String,
        /// The key.
        key: &'static str,
        /// What it must be.
        reason: String,
    },
}

/// What the files are read for.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The user's id.
    pub uid: u32,
    /// The user's name, if there is one.
    pub name: Option<&'a str>,
    /// The home directory.
    pub home: Option<&'a Path>,
    /// The environment.
    pub environment: &'a BTreeMap<String, String>,
}

impl StorageConfError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("$CONTAINERS_STORAGE_CONF must name a file".to_owned())
            }
            Self::Syntax { .. } => {
                Some("containers-storage.conf(5) shows how the file is written".to_owned())
            }
            _ => None,
        }
    }
}

impl Reader<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|it| !it.is_empty())
    }

    fn is_rootless(&self) -> bool {
        self.uid != 0
    }

    /// A path with `$HOME`, `$UID`, `$USER` and other variables in it.
    fn expand(&self, text: &str) -> Result<PathBuf, String> {
        let mut path = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            path.push_str(before);
            let braced = after.strip_prefix('{').and_then(|it| it.split_once('}'));
            let (name, after) = braced.unwrap_or_else(|| {
                let end = after.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
                after.split_at(end.unwrap_or(after.len()))
            });
            let value = match name {
                "UID" => Some(self.uid.to_string()),
                // Services have no such variables unless they ask for them.
                "USER" => self.name.or(self.variable(name)).map(str::to_owned),
                "HOME" => self.home.map(|it| it.display().to_string()),
                _ => self.variable(name).map(str::to_owned),
            };
            // A path with a hole in it would be somebody else's.
            path.push_str(&value.ok_or(format!("needs the variable `{name}`, which is not set"))?);
            rest = after;
        }
        path.push_str(rest);
        let path = PathBuf::from(path);
        if path.is_absolute() {
            // Without double and trailing slashes, so that it can be compared.
            Ok(path.components().collect())
        } else {
            Err("must be an absolute path".to_owned())
        }
    }

    /// Where Podman's store is if nothing is said; a copy of the system's file among the user's means nothing else.
    fn usual_roots(&self) -> Vec<PathBuf> {
        let mut all = vec![PathBuf::from("/var/lib/containers/storage")];
        if self.is_rootless() {
            let data = self.variable("XDG_DATA_HOME").map(PathBuf::from);
            all.extend(data.into_iter().chain(self.home.map(|it| it.join(".local/share"))));
            all.iter_mut().skip(1).for_each(|it| it.push("containers/storage"));
        }
        all
    }

    /// The same of its runtime directory.
    fn usual_runs(&self) -> Vec<PathBuf> {
        let mut all =
            vec![PathBuf::from("/run/containers/storage"), PathBuf::from("/var/run/containers/storage")];
        if self.is_rootless() {
            all.push(format!("/run/user/{}/containers", self.uid).into());
            all.extend(self.variable("XDG_RUNTIME_DIR").map(|it| Path::new(it).join("containers")));
        }
        all
    }
}
