//! The command line, as Podman's generator has it.
//!
//! One dash or two, `-user=false`, everything after the output directory ignored: systemd passes three.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What `-h` prints.
pub const USAGE: &str = "usage: pontoon-generator [-v] [-user] [-no-kmsg-log] OUTPUT_DIRECTORY
       pontoon-generator [-v] [-user] -dryrun
  -dryrun       print the units instead of writing them
  -no-kmsg-log  tell faults on standard error, not in the kernel's log
  -user         search the user's directories, not the system's
  -v            tell more
  -version      print the version";

/// What is to be done.
#[derive(Debug)]
pub enum Asked {
    /// The work.
    Run(Options),
    /// `-version`.
    Version,
    /// `-h`.
    Help,
}

/// How the work is to be done.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// The name the program was called by.
    pub program: String,
    /// Whether for a user's manager.
    pub user: bool,
    /// Whether to tell more.
    pub verbose: bool,
    /// Whether the kernel's log is used.
    pub kernel_log: bool,
    /// Whether faults go to standard error in any case.
    pub dry_run: bool,
    /// Where units go; nothing in a dry run.
    pub output: Option<PathBuf>,
}

/// A command line that cannot be understood.
#[derive(Debug, thiserror::Error)]
pub enum OptionError {
    /// No such option.
    #[error("no such option: {name}")]
    Unknown {
        /// As given.
        name: String,
    },
    /// An option's value is neither true nor false.
    #[error("`{value}` is neither true nor false for {name}")]
    NotBoolean {
        /// The option.
        name: String,
        /// As given.
        value: String,
    },
}

/// Reads the command line, the program's name included.
pub fn parse(arguments: &[OsString]) -> Result<Asked, OptionError> {
    let program = arguments.first().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let called = program.rsplit('/').next().unwrap_or("");
    let mut user = called.contains("user");
    let (mut verbose, mut dry_run, mut kernel_log) = (false, false, true);
    let mut version = false;
    let mut rest = arguments.get(1..).unwrap_or(&[]).iter();
    let mut output = None;
    for argument in rest.by_ref() {
        let bytes = argument.as_bytes();
        if bytes == b"--" {
            break;
        }
        let Some(option) = bytes.strip_prefix(b"-").filter(|rest| !rest.is_empty()) else {
            output = Some(argument);
            break;
        };
        let option = String::from_utf8_lossy(option.strip_prefix(b"-").unwrap_or(option));
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (&*option, None),
        };
        let flag = match name {
            "v" => &mut verbose,
            "user" => &mut user,
            "dryrun" => &mut dry_run,
            "version" => &mut version,
            "no-kmsg-log" => {
                kernel_log = !boolean(name, value)?;
                continue;
            }
            "h" | "help" => return Ok(Asked::Help),
            _ => return Err(OptionError::Unknown { name: argument.to_string_lossy().into_owned() }),
        };
        *flag = boolean(name, value)?;
    }
    if version {
        return Ok(Asked::Version);
    }
    let output = output.or_else(|| rest.next()).map(OsStr::new).map(PathBuf::from).filter(|_| !dry_run);
    Ok(Asked::Run(Options {
        program,
        user,
        verbose: verbose || dry_run,
        kernel_log: kernel_log && !dry_run,
        dry_run,
        output,
    }))
}

/// The value of a flag; the words Go's flags take.
fn boolean(name: &str, value: Option<&str>) -> Result<bool, OptionError> {
    match value {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(value) => Err(OptionError::NotBoolean { name: format!("-{name}"), value: value.to_owned() }),
    }
}
