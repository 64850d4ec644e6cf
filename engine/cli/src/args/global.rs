//! Options that stand before the command, and may stand after it.

use std::path::PathBuf;

use clap::{Args, FromArgMatches, ValueEnum};

use super::empty;
use super::error::ArgsError;
use super::flags::with_podman_manners;
use super::refused;

/// What is said once for all commands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct GlobalOptions {
    /// Podman's; errors and warnings are printed, and there are no lesser messages
    #[arg(long, value_name = "LEVEL", ignore_case = true)]
    pub log_level: Option<LogLevel>,
    /// The same as `--log-level debug`, as Docker has it
    #[arg(short = 'D', long, hide = true)]
    pub debug: bool,
    /// Directory of layers, images, containers and volumes
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Directory of what lives until the next boot
    #[arg(long, value_name = "DIR")]
    pub runroot: Option<PathBuf>,
    /// Only `overlay`
    #[arg(long, value_name = "DRIVER", value_parser = only_overlay)]
    pub storage_driver: Option<String>,
    /// Read this module of containers.conf as well
    #[arg(long, value_name = "MODULE")]
    pub module: Vec<String>,
    /// Directory with CDI specifications, in place of the usual ones
    #[arg(long, value_name = "DIR")]
    pub cdi_spec_dir: Vec<PathBuf>,
    /// Directory with hooks, in place of the usual one
    #[arg(long, value_name = "DIR")]
    pub hooks_dir: Vec<PathBuf>,
    /// Read this file in place of mounts.conf
    #[arg(long, value_name = "FILE", hide = true)]
    pub default_mounts_file: Option<PathBuf>,
    /// Directory of the files of networks, in place of the store's
    #[arg(long, value_name = "DIR")]
    pub network_config_dir: Option<PathBuf>,
    /// Where events are kept; the default is the journal where there is one, else a file
    #[arg(long, value_name = "BACKEND")]
    pub events_backend: Option<EventsBackend>,
    /// Directory of Docker's config.json, where credentials are read
    #[arg(long, value_name = "DIR")]
    pub config: Option<PathBuf>,
    /// Read this file in place of registries.conf
    #[arg(long, value_name = "FILE")]
    pub registries_conf: Option<PathBuf>,
    /// Write standard output to a file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Write no standard output
    #[arg(long)]
    pub noout: bool,
}

impl GlobalOptions {
    /// Joins what stood before the command with what stood after it; the latter wins.
    pub(super) fn overridden_by(self, after: Self) -> Self {
        Self {
            log_level: after.log_level.or(self.log_level),
            debug: self.debug || after.debug,
            root: after.root.or(self.root),
            runroot: after.runroot.or(self.runroot),
            storage_driver: after.storage_driver.or(self.storage_driver),
            module: self.module.into_iter().chain(after.module).collect(),
            cdi_spec_dir: self.cdi_spec_dir.into_iter().chain(after.cdi_spec_dir).collect(),
            hooks_dir: self.hooks_dir.into_iter().chain(after.hooks_dir).collect(),
            default_mounts_file: after.default_mounts_file.or(self.default_mounts_file),
            network_config_dir: after.network_config_dir.or(self.network_config_dir),
            events_backend: after.events_backend.or(self.events_backend),
            config: after.config.or(self.config),
            registries_conf: after.registries_conf.or(self.registries_conf),
            out: after.out.or(self.out),
            noout: self.noout || after.noout,
        }
    }
}

fn only_overlay(text: &str) -> Result<String, String> {
    match text {
        // Empty is as good as not said.
        "overlay" | "" => Ok(text.to_owned()),
        _ => Err("it must be `overlay`, which native overlayfs or fuse-overlayfs provide".to_owned()),
    }
}

/// `--events-backend`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EventsBackend {
    /// The journal.
    Journald,
    /// A file in the runtime directory.
    File,
    /// They are not kept.
    None,
}

impl EventsBackend {
    /// The one that `containers.conf` names; a word that is none is nothing.
    pub fn named(word: &str) -> Option<Self> {
        <Self as ValueEnum>::from_str(word, false).ok()
    }
}

/// `--log-level`. There are two kinds of messages, warnings and errors: below `warn` there is nothing more to tell (what a
/// command is about to do is shown by `run --dry-run`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What helps whoever looks for a fault.
    Debug,
    /// What is being done.
    Info,
    /// What was ignored or looks wrong.
    #[default]
    #[value(alias = "warning")]
    Warn,
    /// What failed.
    #[value(aliases = ["fatal", "panic"])]
    Error,
}

/// The parser of the global options alone.
pub(super) fn parser() -> clap::Command {
    GlobalOptions::augment_args(clap::Command::new("pontoon").bin_name("pontoon"))
        .mut_args(with_podman_manners)
        .no_binary_name(true)
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .arg(
            clap::Arg::new("help")
                .long("help")
                .short('h')
                .action(clap::ArgAction::SetTrue)
                .help("Show this help"),
        )
        .arg(
            clap::Arg::new("version")
                .long("version")
                .short('v')
                .action(clap::ArgAction::SetTrue)
                .help("Show the version"),
        )
}

/// Parts the global options from the command and its words.
pub(super) fn split(words: &[String]) -> Result<(GlobalOptions, Vec<String>), ArgsError> {
    // Nearly every line begins with its command; then no parser is built.
    if words.first().is_some_and(|word| !word.starts_with('-')) {
        return Ok((GlobalOptions::default(), words.to_vec()));
    }
    let rest = clap::Arg::new("rest").num_args(0..).trailing_var_arg(true);
    let mut parser = refused::with_idle(parser(), "").arg(rest);
    let mut matches =
        parser.try_get_matches_from_mut(words).map_err(|err| ArgsError::from_clap("", &parser, &err))?;
    if matches.get_flag("version") {
        return Err(ArgsError::Version);
    }
    empty::forget(&parser, &mut matches);
    let rest: Vec<String> = matches.remove_many("rest").map(Iterator::collect).unwrap_or_default();
    if matches.get_flag("help") || rest.is_empty() {
        let text = super::help::overview();
        return Err(if matches.get_flag("help") {
            ArgsError::Help { text }
        } else {
            ArgsError::NoCommand { text }
        });
    }
    let globals =
        GlobalOptions::from_arg_matches(&matches).map_err(|err| ArgsError::from_clap("", &parser, &err))?;
    Ok((globals, rest))
}
