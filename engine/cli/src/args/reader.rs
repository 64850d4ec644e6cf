//! Builds one command's parser and reads its words.

use clap::{Arg, ArgAction, Args, FromArgMatches, Id};

use super::empty;
use super::error::ArgsError;
use super::flags::with_podman_manners;
use super::global::GlobalOptions;
use super::refused;
use super::table::Entry;

/// Reads a command's own words, and the global options among them.
pub(super) fn read<T: Args>(entry: &Entry, words: &[String]) -> Result<(GlobalOptions, T), ArgsError> {
    let mut parser = refused::with_idle(parser::<T>(entry), entry.path);
    let mut matches = parser
        .try_get_matches_from_mut(words)
        .map_err(|err| ArgsError::from_clap(entry.path, &parser, &err))?;
    empty::forget(&parser, &mut matches);
    let globals = GlobalOptions::from_arg_matches(&matches)
        .map_err(|err| ArgsError::from_clap(entry.path, &parser, &err))?;
    let args =
        T::from_arg_matches(&matches).map_err(|err| ArgsError::from_clap(entry.path, &parser, &err))?;
    Ok((globals, args))
}

/// A command's own option goes before a global one of the same name (`commit --config`), which can then only be written
/// before the command: behind it, it has a name that nobody writes.
fn without_shadowed(parser: clap::Command) -> clap::Command {
    let (globals, own): (Vec<_>, Vec<_>) = parser.get_arguments().partition(|it| it.is_hide_set());
    let is_shadowed =
        |it: &&&Arg| own.iter().any(|own| own.get_long().is_some() && own.get_long() == it.get_long());
    let shadowed: Vec<Id> = globals.iter().filter(is_shadowed).map(|it| it.get_id().clone()).collect();
    shadowed.into_iter().fold(parser, |parser, id| parser.mut_arg(id, |arg| arg.long("global option")))
}

/// The parser of one command.
pub(super) fn parser<T: Args>(entry: &Entry) -> clap::Command {
    let name = entry.path.rsplit(' ').next().unwrap_or(entry.path);
    let bare = clap::Command::new(name)
        .bin_name(format!("pontoon {}", entry.path))
        .override_usage(format!("pontoon {} {}", entry.path, entry.usage))
        .no_binary_name(true)
        .args_override_self(true)
        .disable_help_flag(true)
        .disable_version_flag(true);
    let globals = GlobalOptions::augment_args(bare).mut_args(|arg| arg.hide(true));
    let own = without_shadowed(T::augment_args(globals));
    // `-h` is help wherever it is not an option of the command (`run -h NAME` is the host's name).
    let short_is_free = own.get_arguments().all(|arg| arg.get_short() != Some('h'));
    let help = Arg::new("help").long("help").action(ArgAction::Help).help("Show this help");
    let help = if short_is_free { help.short('h') } else { help };
    // The struct's own doc comment is for readers of the code.
    own.about(entry.about).long_about(None).mut_args(with_podman_manners).arg(help)
}
