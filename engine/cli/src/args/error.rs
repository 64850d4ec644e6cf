//! Why a command line cannot be understood, and clap's errors in our words.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::refused;
use super::suggest::similar;

/// Why a command line cannot be carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgsError {
    /// Not an error: the words ask for the version ([`super::version_line`]), whatever else they ask for.
    #[error("the version was asked for")]
    Version,
    /// Not an error: the words ask for help, and this is the answer, for standard output.
    #[error("help was asked for")]
    Help {
        /// The whole answer.
        text: String,
    },
    /// No command at all.
    #[error("missing command")]
    NoCommand {
        /// The overview of all commands, for standard output.
        text: String,
    },
    /// A group of commands without the command.
    #[error("missing command after `pontoon {group}`")]
    NoSubcommand {
        /// `container`, `image`, `volume` or `linger`.
        group: String,
    },
    /// A command nobody knows.
    #[error("unknown command `pontoon {command}`")]
    UnknownCommand {
        /// As it was written.
        command: String,
        /// A known command that resembles it.
        similar: Option<String>,
    },
    /// A command of Podman's that we do not have.
    #[error("`pontoon {command}` is not supported")]
    CommandNotSupported {
        /// As it was written.
        command: String,
        /// What to do instead, or why, where there is something to say.
        instead: Option<&'static str>,
    },
    /// An option nobody knows.
    #[error("unknown option `{option}` of `{command}`")]
    UnknownOption {
        /// As it was written.
        option: String,
        /// `pontoon` and the command.
        command: String,
        /// A known option that resembles it.
        similar: Option<String>,
    },
    /// An option of Podman's that we do not have.
    #[error("`{option}` is not supported")]
    OptionNotSupported {
        /// As it was written.
        option: String,
        /// What to do instead, or why, where there is something to say.
        instead: Option<&'static str>,
    },
    /// A value that the option does not take.
    #[error("invalid value `{value}` for `{option}`: {why}")]
    InvalidValue {
        /// The option's name.
        option: String,
        /// The value as it was written.
        value: String,
        /// What is wrong with it.
        why: String,
    },
    /// An option at the end of the line that wants a value.
    #[error("`{option}` needs a value")]
    MissingValue {
        /// The option's name.
        option: String,
    },
    /// Too few words.
    #[error("`{command}` needs {wanted}")]
    MissingWords {
        /// `pontoon` and the command.
        command: String,
        /// What is missing.
        wanted: String,
    },
    /// A word too many.
    #[error("`{command}` does not take the word `{word}`")]
    UnexpectedWord {
        /// `pontoon` and the command.
        command: String,
        /// The word.
        word: String,
    },
    /// Two options that exclude each other.
    #[error("`{option}` cannot be used together with `{other}`")]
    Conflict {
        /// One option.
        option: String,
        /// The other.
        other: String,
    },
    /// A word that is no text.
    #[error("{word:?} is not valid UTF-8")]
    NotUtf8 {
        /// The word.
        word: OsString,
    },
    /// Something else that clap found, in its words.
    #[error("{text}")]
    Other {
        /// clap's first line.
        text: String,
        /// `pontoon` and the command.
        command: String,
    },
}

impl ArgsError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Version
            | Self::Help { .. }
            | Self::NotUtf8 { .. }
            | Self::InvalidValue { .. }
            | Self::Conflict { .. } => None,
            Self::NoCommand { .. } => Some("see `pontoon --help`".to_owned()),
            Self::NoSubcommand { group } => Some(format!("see `pontoon {group} --help`")),
            Self::UnknownCommand { similar: Some(similar), .. } => {
                Some(format!("did you mean `pontoon {similar}`?"))
            }
            Self::CommandNotSupported { instead: Some(instead), .. } => Some((*instead).to_owned()),
            Self::UnknownCommand { similar: None, .. } | Self::CommandNotSupported { instead: None, .. } => {
                Some("`pontoon --help` lists the commands there are".to_owned())
            }
            Self::UnknownOption { similar: Some(similar), .. } => Some(format!("did you mean `{similar}`?")),
            Self::OptionNotSupported { instead, .. } => instead.map(str::to_owned),
            Self::UnknownOption { command, .. }
            | Self::MissingWords { command, .. }
            | Self::UnexpectedWord { command, .. }
            | Self::Other { command, .. } => Some(format!("see `{command} --help`")),
            Self::MissingValue { .. } => None,
        }
    }

    /// Says in our words what clap found wrong with the words of a command; `path` is empty for the words before it.
    pub(super) fn from_clap(path: &str, parser: &clap::Command, err: &clap::Error) -> Self {
        let command = format!("pontoon {path}").trim_end().to_owned();
        let text_of = |kind: ContextKind| match err.get(kind) {
            Some(ContextValue::String(text)) => text.clone(),
            Some(ContextValue::Strings(texts)) => texts.join(" "),
            _ => String::new(),
        };
        let argument = text_of(ContextKind::InvalidArg);
        let option = bare_option(&argument);
        match err.kind() {
            ErrorKind::DisplayHelp => Self::Help { text: err.render().to_string() },
            ErrorKind::UnknownArgument if option.starts_with('-') => {
                unknown_option(path, command, option, parser)
            }
            ErrorKind::UnknownArgument => Self::UnexpectedWord { command, word: argument },
            ErrorKind::TooManyValues => {
                Self::UnexpectedWord { command, word: text_of(ContextKind::InvalidValue) }
            }
            ErrorKind::InvalidValue if text_of(ContextKind::InvalidValue).is_empty() => {
                missing(command, option)
            }
            ErrorKind::InvalidValue => {
                let choices = match err.get(ContextKind::ValidValue) {
                    Some(ContextValue::Strings(choices)) => choices.join(", "),
                    _ => String::new(),
                };
                Self::InvalidValue {
                    option,
                    value: text_of(ContextKind::InvalidValue),
                    why: format!("it must be one of: {choices}"),
                }
            }
            // One that is taken only where it asks for nothing.
            ErrorKind::ValueValidation if let Some(instead) = refused::option(path, &option) => {
                Self::OptionNotSupported { option, instead }
            }
            ErrorKind::ValueValidation => Self::InvalidValue {
                option,
                value: text_of(ContextKind::InvalidValue),
                why: std::error::Error::source(err).map(ToString::to_string).unwrap_or_default(),
            },
            ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
                missing(command, option)
            }
            ErrorKind::MissingRequiredArgument => Self::MissingWords { command, wanted: wanted(&argument) },
            ErrorKind::ArgumentConflict => {
                Self::Conflict { option: subject(&argument), other: subject(&text_of(ContextKind::PriorArg)) }
            }
            _ => {
                let rendered = err.render().to_string();
                let first = rendered.lines().next().unwrap_or_default();
                Self::Other { text: first.strip_prefix("error: ").unwrap_or(first).to_owned(), command }
            }
        }
    }
}

/// An option that wants a value, or a place where words were wanted.
fn missing(command: String, argument: String) -> ArgsError {
    if argument.starts_with('-') {
        ArgsError::MissingValue { option: argument }
    } else {
        ArgsError::MissingWords { command, wanted: wanted(&argument) }
    }
}

/// An option or a positional word, as clap names it, in ours.
fn subject(text: &str) -> String {
    if text.starts_with('-') { bare_option(text) } else { wanted(text) }
}

/// `--name`, from clap's `--name <NAME>` or `--rm[=<BOOL>]`; the last spelling where there are several.
fn bare_option(text: &str) -> String {
    let end = text.find([' ', '[', '=']).unwrap_or(text.len());
    text.get(..end).unwrap_or(text).to_owned()
}

/// `IMAGE`, from clap's `<IMAGE>...`.
fn wanted(text: &str) -> String {
    text.trim_end_matches("...").replace(['<', '>', '[', ']'], "")
}

/// An option that the command does not have: one of Podman's, or a slip of the fingers.
fn unknown_option(path: &str, command: String, option: String, parser: &clap::Command) -> ArgsError {
    if let Some(instead) = refused::option(path, &option) {
        return ArgsError::OptionNotSupported { option, instead };
    }
    // Without the dashes, which all options have in common.
    let similar = option.strip_prefix("--").and_then(|name| {
        let known = parser.get_arguments().filter_map(|arg| arg.get_long());
        similar(name, known).map(|it| format!("--{it}"))
    });
    ArgsError::UnknownOption { option, command, similar }
}
