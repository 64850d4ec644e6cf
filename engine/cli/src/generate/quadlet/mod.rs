//! `generate quadlet`: unit files (podman-systemd.unit(5)) that give back what is there.
//!
//! The inverse of `pontoon_units::convert`, by the same table of keys: each option becomes the key that stands for it, and
//! `PodmanArgs=` where there is none. What comes of it is converted back and compared, option by option; a key that would
//! say something else than the option gives way to `PodmanArgs=`, and if that does not help either there is no file.

mod check;
mod file;
mod keys;
#[cfg(test)]
mod tests;
mod value;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pontoon_units::UnitKind;

use super::line::{Line, LineError};

pub use file::File;

/// A thing that a file is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// What it is: a container, pod, volume or network.
    pub kind: UnitKind,
    /// Its name: that of the file, and of the thing itself if it has one.
    pub name: String,
    /// The command line that makes it.
    pub words: Vec<String>,
    /// What its file says besides: section, key and value, which must be systemd's already.
    pub settings: Vec<(&'static str, &'static str, String)>,
}

impl Subject {
    /// A thing with nothing besides.
    pub fn new(kind: UnitKind, name: impl Into<String>, words: Vec<String>) -> Self {
        Self { kind, name: name.into(), words, settings: Vec::new() }
    }
}

/// Why there is no file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuadletError {
    /// It was made in another way.
    #[error("the command line that makes `{name}` cannot be read")]
    Line {
        /// The thing.
        name: String,
        /// Why.
        #[source]
        source: LineError,
    },
    /// The command line says nothing to run.
    #[error("the command line of `{name}` names no image")]
    NoImage {
        /// The thing.
        name: String,
    },
    /// Two would have one file.
    #[error("two files would be called `{name}`")]
    SameName {
        /// The file's name.
        name: String,
    },
    /// A name that no file can have.
    #[error("`{name}` cannot be the name of a unit file")]
    FileName {
        /// The name.
        name: String,
    },
    /// No file can say it.
    #[error("`{file}` cannot say `{option}`: {reason}")]
    Refused {
        /// The file.
        file: String,
        /// The option.
        option: String,
        /// Why.
        reason: &'static str,
    },
    /// The file was converted back, with a fault.
    #[error("`{file}` would not convert: {fault}")]
    Fault {
        /// The file.
        file: String,
        /// What is wrong.
        fault: String,
    },
    /// The file was converted back, and says something else.
    #[error("`{file}` would not give the same back: {}", differences.join("; "))]
    Differs {
        /// The file.
        file: String,
        /// What differs.
        differences: Vec<String>,
    },
}

impl QuadletError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Line { .. } => Some("give the words of a `podman run` or `pontoon create`".to_owned()),
            Self::SameName { .. } => Some("give one of them another name (`--name`)".to_owned()),
            Self::NoImage { .. }
            | Self::FileName { .. }
            | Self::Refused { .. }
            | Self::Fault { .. }
            | Self::Differs { .. } => None,
        }
    }
}

/// The files that stand for each other's names: things that are generated together refer to each other.
#[derive(Debug, Clone, Default)]
pub(super) struct References {
    volumes: BTreeMap<String, String>,
    networks: BTreeMap<String, String>,
    pods: BTreeMap<String, String>,
}

/// Unit files for things, in their order. Relative paths are taken from `directory`, which must be absolute.
pub fn files(subjects: &[Subject], directory: &Path, user: bool) -> Result<Vec<File>, QuadletError> {
    let mut references = References::default();
    let mut names = BTreeSet::new();
    for subject in subjects {
        let file = file_name(subject)?;
        let place = match subject.kind {
            UnitKind::Volume => Some(&mut references.volumes),
            UnitKind::Network => Some(&mut references.networks),
            UnitKind::Pod => Some(&mut references.pods),
            _ => None,
        };
        if let Some(place) = place {
            place.insert(subject.name.clone(), file.clone());
        }
        if !names.insert(file.clone()) {
            return Err(QuadletError::SameName { name: file });
        }
    }
    let lines: Vec<Line> = subjects.iter().map(|it| line(it, directory)).collect::<Result<_, _>>()?;
    // Options that no key says rightly, by file.
    let mut plain: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for last in [false, true] {
        let mut files = Vec::new();
        for (subject, line) in subjects.iter().zip(&lines) {
            let name = file_name(subject)?;
            let as_words = plain.get(&name).cloned().unwrap_or_default();
            files.push(keys::file(&name, subject, line, &references, &as_words)?);
        }
        let mut differs = Vec::new();
        for difference in check::differences(&files, subjects, &lines, user)? {
            differs.push(difference);
        }
        let Some(first) = differs.first() else { return Ok(files) };
        if last {
            let differences = first.options.iter().map(|it| format!("`--{it}`")).collect();
            return Err(QuadletError::Differs { file: first.file.clone(), differences });
        }
        for one in differs {
            plain.entry(one.file).or_default().extend(one.options);
        }
    }
    Ok(Vec::new())
}

fn file_name(subject: &Subject) -> Result<String, QuadletError> {
    let name = &subject.name;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if name.is_empty() || name.starts_with(['.', '-']) || name.len() > 200 || !name.chars().all(fits) {
        return Err(QuadletError::FileName { name: name.clone() });
    }
    Ok(format!("{name}.{}", subject.kind.extension()))
}

/// The command line taken apart, with absolute paths.
fn line(subject: &Subject, directory: &Path) -> Result<Line, QuadletError> {
    let parsed = match subject.kind {
        UnitKind::Pod => Line::of("pod create", &subject.words),
        UnitKind::Volume => Line::of("volume create", &subject.words),
        UnitKind::Network => Line::of("network create", &subject.words),
        _ => Line::of_container(&subject.words),
    };
    let mut line = parsed.map_err(|source| QuadletError::Line { name: subject.name.clone(), source })?;
    for given in line.options.iter_mut().flat_map(|group| &mut group.given) {
        let Some(value) = &mut given.value else { continue };
        match given.name.as_str() {
            "volume" if value.starts_with('.') => {
                let (source, rest) = value.split_once(':').unwrap_or((value, ""));
                *value = format!("{}:{rest}", absolute(directory, source));
            }
            "env-file" | "label-file" | "pidfile" | "conmon-pidfile" => *value = absolute(directory, value),
            _ => {}
        }
    }
    if line.last("rootfs").is_some_and(super::line::Given::is_on)
        && let Some(root) = line.rest.first_mut()
    {
        *root = absolute(directory, root);
    }
    Ok(line)
}

/// A path from a directory, without `.` and `..` as far as they are words alone.
fn absolute(directory: &Path, path: &str) -> String {
    use std::path::{Component, PathBuf};
    let mut whole = PathBuf::new();
    for part in directory.join(path).components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                whole.pop();
            }
            other => whole.push(other),
        }
    }
    whole.to_string_lossy().into_owned()
}

/// The name that a container without one gets here: its image's, without registry and tag.
pub fn name_of_image(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or(image);
    let end = last.find(['@', ':']).unwrap_or(last.len());
    let name: String = last.get(..end).unwrap_or(last).chars().filter(|it| it.is_ascii()).collect();
    if name.is_empty() { "container".to_owned() } else { name }
}
