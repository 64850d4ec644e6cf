//! registries.conf: where the images of a name really are, and where short names are searched.
//!
//! Behaves as containers-registries.conf(5) says, version 2 of the format. It reads files and asks no registry.

mod parse;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::environment::Environment;
use crate::reference::Reference;
use crate::registry::RegistryError;

/// Where the configuration is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistriesPaths {
    /// The user's own main files. Where one exists it is read instead of all that is the system's: neither `main` nor
    /// `system_drop_ins` may change what a user has said.
    pub own: Vec<PathBuf>,
    /// Other main files; the first that exists is read, the others are not.
    pub main: Vec<PathBuf>,
    /// Whether `main` was named by somebody: then it must be there.
    pub is_named: bool,
    /// Directories whose `*.conf` files are read after `main`, in this order, each in the order of names.
    pub system_drop_ins: Vec<PathBuf>,
    /// The user's such directories, read after all others.
    pub own_drop_ins: Vec<PathBuf>,
    /// Files with recorded short-name aliases only; the first that exists wins over all others.
    pub alias_files: Vec<PathBuf>,
}

impl RegistriesPaths {
    /// Returns the paths Podman uses for the user of this environment.
    pub fn standard(environment: &Environment, rootless: bool) -> RegistriesPaths {
        let user = environment.user_config_dirs();
        let named = environment.path("CONTAINERS_REGISTRIES_CONF");
        let is_named = named.is_some();
        let (own, main) = match named {
            Some(path) => (Vec::new(), vec![path]),
            None => (
                user.iter().map(|dir| dir.join("registries.conf")).collect(),
                vec![
                    PathBuf::from("/etc/containers/registries.conf"),
                    PathBuf::from("/usr/share/containers/registries.conf"),
                ],
            ),
        };
        let system_drop_ins = vec![
            PathBuf::from("/usr/share/containers/registries.conf.d"),
            PathBuf::from("/etc/containers/registries.conf.d"),
        ];
        let own_drop_ins = user.iter().rev().map(|dir| dir.join("registries.conf.d")).collect();
        let cache = match rootless {
            true => environment
                .path("XDG_CACHE_HOME")
                .or_else(|| environment.path("HOME").map(|home| home.join(".cache")))
                .map(|dir| dir.join("containers")),
            false => Some(PathBuf::from("/var/cache/containers")),
        };
        let alias_files = cache.into_iter().map(|dir| dir.join("short-name-aliases.conf")).collect();
        RegistriesPaths { own, main, is_named, system_drop_ins, own_drop_ins, alias_files }
    }
}

/// What happens when a short name could mean several images; `short-name-mode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ShortNameMode {
    /// Ambiguity is an error, since nobody is asked.
    #[default]
    Enforcing,
    /// All registries are tried in order.
    Permissive,
    /// As permissive, and aliases are not used.
    Disabled,
}

/// Which pulls a mirror serves; `pull-from-mirror`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MirrorUse {
    /// All.
    #[default]
    All,
    /// Those by digest, which cannot be cheated.
    DigestOnly,
    /// Those by tag.
    TagOnly,
}

/// A `[[registry.mirror]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirror {
    /// Where it is: host, port, namespace.
    pub location: String,
    /// Whether TLS is not verified, and HTTP allowed.
    pub insecure: bool,
    /// Which pulls it serves.
    pub serves: MirrorUse,
}

/// A `[[registry]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEntry {
    /// Which images it is for: a beginning of their names, or `*.` and a domain.
    pub prefix: String,
    /// What replaces the prefix; empty leaves the name as it is.
    pub location: String,
    /// Whether TLS is not verified, and HTTP allowed.
    pub insecure: bool,
    /// Whether nothing may be pulled.
    pub blocked: bool,
    /// Tried first, in this order.
    pub mirrors: Vec<Mirror>,
    /// The file that has it.
    pub path: PathBuf,
    /// The line where it begins.
    pub line: usize,
}

/// A key that is read but changes nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unhonoured {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The key.
    pub key: String,
}

/// Says why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesError {
    /// A file cannot be read.
    #[error("cannot read `{path}`")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file is no TOML.
    #[error("{path}:{line}:{column}: {message}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        message: String,
    },
    /// A key has a value it cannot have.
    #[error("{path}:{line}:{column}: `{key}` {reason}")]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The key.
        key: String,
        /// What is wrong.
        reason: String,
    },
}

/// One place to ask for an image, in the order of asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSource {
    /// The image as it is called there.
    pub reference: Reference,
    /// Whether TLS is not verified, and HTTP allowed.
    pub insecure: bool,
    /// Whether it is a mirror.
    pub mirror: bool,
}

/// The merged configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistriesConf {
    /// Where short names are searched; `unqualified-search-registries`.
    pub search: Vec<String>,
    /// The file that says so.
    pub search_path: Option<PathBuf>,
    /// What happens to ambiguous short names.
    pub short_name_mode: ShortNameMode,
    /// Helpers asked for credentials; `credential-helpers`.
    pub credential_helpers: Vec<String>,
    /// The registries.
    pub registries: Vec<RegistryEntry>,
    /// Short names that have one meaning.
    pub aliases: BTreeMap<String, Reference>,
    /// Keys that change nothing here.
    pub unhonoured: Vec<Unhonoured>,
}

impl RegistriesConf {
    /// Reads and merges all files that exist. One that was named and does not is an error: it may be what forbids a registry.
    pub fn read(paths: &RegistriesPaths) -> Result<RegistriesConf, RegistriesError> {
        let mut conf = RegistriesConf::default();
        if !conf.take_first(&paths.own)? {
            if !conf.take_first(&paths.main)? && paths.is_named {
                let path = paths.main.first().cloned().unwrap_or_default();
                return Err(RegistriesError::Read { path, source: io::ErrorKind::NotFound.into() });
            }
            conf.take_drop_ins(&paths.system_drop_ins)?;
        }
        conf.take_drop_ins(&paths.own_drop_ins)?;
        for path in &paths.alias_files {
            if let Some(text) = read_if_exists(path)? {
                conf.merge_aliases(parse::parse(path, &text)?.aliases);
                break;
            }
        }
        Ok(conf)
    }

    /// Takes in the first of the files that exists, and tells whether there is one.
    fn take_first(&mut self, paths: &[PathBuf]) -> Result<bool, RegistriesError> {
        for path in paths {
            if let Some(text) = read_if_exists(path)? {
                self.merge(parse::parse(path, &text)?);
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take_drop_ins(&mut self, directories: &[PathBuf]) -> Result<(), RegistriesError> {
        for directory in directories {
            for path in drop_ins_of(directory)? {
                if let Some(text) = read_if_exists(&path)? {
                    self.merge(parse::parse(&path, &text)?);
                }
            }
        }
        Ok(())
    }

    /// Parses one text, named `path` in errors.
    pub fn parse(path: &Path, text: &str) -> Result<RegistriesConf, RegistriesError> {
        let mut conf = RegistriesConf::default();
        conf.merge(parse::parse(path, text)?);
        Ok(conf)
    }

    /// Lays a later file over what is known.
    fn merge(&mut self, file: parse::ParsedFile) {
        if let Some(search) = file.search {
            self.search = search;
            self.search_path = Some(file.path);
        }
        if let Some(mode) = file.short_name_mode {
            self.short_name_mode = mode;
        }
        if let Some(helpers) = file.credential_helpers {
            self.credential_helpers = helpers;
        }
        for entry in file.registries {
            match self.registries.iter_mut().find(|known| known.prefix == entry.prefix) {
                Some(known) => *known = entry,
                None => self.registries.push(entry),
            }
        }
        self.merge_aliases(file.aliases);
        self.unhonoured.extend(file.unhonoured);
    }

    fn merge_aliases(&mut self, aliases: Vec<(String, Option<Reference>)>) {
        for (name, value) in aliases {
            match value {
                Some(reference) => self.aliases.insert(name, reference),
                // An empty value takes an earlier alias back.
                None => self.aliases.remove(&name),
            };
        }
    }

    /// Returns the entry with the longest prefix that fits the image.
    pub fn find(&self, reference: &Reference) -> Option<&RegistryEntry> {
        let name = reference.to_string();
        self.registries
            .iter()
            .filter(|entry| matched_length(&name, &entry.prefix).is_some())
            .max_by_key(|entry| entry.prefix.len())
    }

    /// Returns the places to ask for an image, mirrors first.
    pub fn pull_sources(&self, reference: &Reference) -> Result<Vec<PullSource>, RegistryError> {
        let Some(entry) = self.find(reference) else {
            return Ok(vec![PullSource { reference: reference.clone(), insecure: false, mirror: false }]);
        };
        if entry.blocked {
            let registry = entry.prefix.clone();
            return Err(RegistryError::Blocked { registry, path: entry.path.clone(), line: entry.line });
        }
        let by_digest = reference.digest().is_some();
        let serving = entry.mirrors.iter().filter(|mirror| match mirror.serves {
            MirrorUse::All => true,
            MirrorUse::DigestOnly => by_digest,
            MirrorUse::TagOnly => !by_digest,
        });
        let mut sources = Vec::new();
        for mirror in serving {
            let reference = entry.rewrite(reference, &mirror.location)?;
            sources.push(PullSource { reference, insecure: mirror.insecure, mirror: true });
        }
        let reference = entry.rewrite(reference, &entry.location)?;
        sources.push(PullSource { reference, insecure: entry.insecure, mirror: false });
        Ok(sources)
    }
}

impl RegistryEntry {
    /// Replaces the part of the name that the prefix matched.
    fn rewrite(&self, reference: &Reference, location: &str) -> Result<Reference, RegistryError> {
        if location.is_empty() {
            return Ok(reference.clone());
        }
        let name = reference.to_string();
        let rest =
            matched_length(&name, &self.prefix).and_then(|length| name.get(length..)).unwrap_or_default();
        Reference::parse(&format!("{location}{rest}")).map_err(|_| RegistryError::Rewrite {
            image: name.clone(),
            path: self.path.clone(),
            line: self.line,
        })
    }
}

/// Returns how much of the name a prefix matches; it ends where a part of the name ends.
fn matched_length(name: &str, prefix: &str) -> Option<usize> {
    if let Some(domain) = prefix.strip_prefix('*') {
        let host_end = name.find(['/', ':', '@']).unwrap_or(name.len());
        let host = name.get(..host_end)?;
        return (host.ends_with(domain) && host.len() > domain.len()).then_some(host_end);
    }
    let rest = name.strip_prefix(prefix)?;
    (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then_some(prefix.len())
}

fn read_if_exists(path: &Path) -> Result<Option<String>, RegistriesError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(RegistriesError::Read { path: path.to_owned(), source }),
    }
}

/// Lists the `*.conf` files of a directory by name; a directory that is not there or is closed to us has none.
fn drop_ins_of(directory: &Path) -> Result<Vec<PathBuf>, RegistriesError> {
    let read = |source| RegistriesError::Read { path: directory.to_owned(), source };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(err)
            if matches!(
                err.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::PermissionDenied
            ) =>
        {
            return Ok(Vec::new());
        }
        Err(err) => return Err(read(err)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(read)?.path();
        if path.extension().is_some_and(|extension| extension == "conf") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests;
