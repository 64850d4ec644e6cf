//! Why an option cannot be understood.

use std::io;
use std::path::PathBuf;

use pontoon_network::PublishError;
use pontoon_runtime::capabilities::CapError;

/// Why the options of `run` or `create` cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// A value that the option does not take.
    #[error("invalid value `{value}` for `{option}`: {why}")]
    Invalid {
        /// The option.
        option: &'static str,
        /// Its value, as it was written.
        value: String,
        /// What is wrong with it.
        why: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// A value of Podman's that we do not have.
    #[error("`{option}={value}` is not supported")]
    NotSupported {
        /// The option.
        option: &'static str,
        /// Its value, as it was written.
        value: String,
        /// What to do instead.
        hint: Option<String>,
    },
    /// An option that makes no sense alone.
    #[error("`{option}` needs `{other}`")]
    Needs {
        /// The option.
        option: &'static str,
        /// What must stand beside it.
        other: &'static str,
    },
    /// Two options, or two values of one option, that exclude each other.
    #[error("`{one}` cannot be used together with `{other}`")]
    Conflict {
        /// One.
        one: String,
        /// The other.
        other: String,
    },
    /// Two mounts at the same place.
    #[error("two mounts want `{target}`")]
    SameTarget {
        /// The path in the container.
        target: String,
    },
    /// A `--publish` that cannot be read.
    #[error("invalid value `{value}` for `--publish`")]
    Publish {
        /// As it was written.
        value: String,
        /// What is wrong with it.
        #[source]
        source: PublishError,
    },
    /// Two `--publish` that want the same port.
    #[error("the published ports exclude each other")]
    PublishConflict {
        /// Which ones.
        #[source]
        source: PublishError,
    },
    /// A capability that there is not.
    #[error("invalid value `{value}` for `{option}`")]
    Capability {
        /// `--cap-add` or `--cap-drop`.
        option: &'static str,
        /// As it was written.
        value: String,
        /// What is wrong with it.
        #[source]
        source: CapError,
    },
    /// A file named by an option cannot be read.
    #[error("cannot read `{path}`, named by `{option}`", path = path.display())]
    Unreadable {
        /// The option.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of such a file is wrong.
    #[error("{path}:{line}: {why}", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl OptionError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { hint, .. } | Self::NotSupported { hint, .. } => hint.clone(),
            Self::Publish { source, .. } | Self::PublishConflict { source } => source.hint(),
            Self::Capability { source, .. } => source.hint(),
            _ => None,
        }
    }
}

/// What is wrong with a value, before it is known whose value it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is wrong.
    Invalid {
        /// What is wrong with it.
        why: String,
        /// What to write instead.
        hint: Option<String>,
    },
    /// It is right, and we do not have it.
    NotSupported {
        /// The part that we do not have; empty is the whole value.
        part: String,
        /// What to do instead.
        hint: Option<String>,
    },
}

impl Fault {
    /// A wrong value.
    pub(crate) fn invalid(why: impl Into<String>) -> Self {
        Self::Invalid { why: why.into(), hint: None }
    }

    /// A value that we do not have.
    pub(super) fn not_supported() -> Self {
        Self::NotSupported { part: String::new(), hint: None }
    }

    /// A part of a value that we do not have.
    pub(super) fn part_not_supported(part: impl Into<String>) -> Self {
        Self::NotSupported { part: part.into(), hint: None }
    }

    /// Adds what to write instead.
    pub(crate) fn hint(self, text: impl Into<String>) -> Self {
        let hint = Some(text.into());
        match self {
            Self::Invalid { why, .. } => Self::Invalid { why, hint },
            Self::NotSupported { part, .. } => Self::NotSupported { part, hint },
        }
    }

    /// Says whose value it is.
    pub(crate) fn of(self, option: &'static str, value: &str) -> OptionError {
        let value = value.to_owned();
        match self {
            Self::Invalid { why, hint } => OptionError::Invalid { option, value, why, hint },
            Self::NotSupported { part, hint } => {
                OptionError::NotSupported { option, value: if part.is_empty() { value } else { part }, hint }
            }
        }
    }
}

/// Reads an option's value, if it was given.
pub(super) fn optional<T>(
    option: &'static str,
    value: Option<&String>,
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Option<T>, OptionError> {
    value.map(|value| read(value).map_err(|fault| fault.of(option, value))).transpose()
}

/// Reads each value of an option.
pub(super) fn each<T>(
    option: &'static str,
    values: &[String],
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<T>, OptionError> {
    values.iter().map(|value| read(value).map_err(|fault| fault.of(option, value))).collect()
}

/// Reads each value of an option whose values may be lists with commas.
pub(super) fn each_listed<T>(
    option: &'static str,
    values: &[String],
    read: impl Fn(&str) -> Result<T, Fault>,
) -> Result<Vec<T>, OptionError> {
    each(option, &listed(values), read)
}

/// The items of values that may be lists with commas.
pub(super) fn listed(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| crate::args::split_list(value)).collect()
}
