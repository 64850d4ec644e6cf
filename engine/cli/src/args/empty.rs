//! Options given empty: they are not said, as in Podman. Scripts write `--user "$WHO"`.

use std::any::TypeId;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command, Id};

/// Options that say something by an empty value, or whose empty value is wrong: numbers, times, and the like.
const SAY_SOMETHING: &[&str] = &[
    "cpu-period",
    "cpu-quota",
    "cpu-shares",
    "cpus",
    "detach-keys",
    "entrypoint",
    "filename",
    "health-interval",
    "health-log-destination",
    "health-max-log-count",
    "health-max-log-size",
    "health-retries",
    "health-start-period",
    "health-startup-interval",
    "health-startup-retries",
    "health-startup-success",
    "health-startup-timeout",
    "health-timeout",
    "interval",
    "oom-score-adj",
    "pids-limit",
    "registries-conf",
    "restart-policy",
    "share",
    "stop-timeout",
    "timeout",
];

/// Lets an option be given empty whose values are otherwise not empty, if that is as good as not giving it.
pub(super) fn may_be_empty(arg: Arg) -> Arg {
    if is_text(&arg) && arg.get_value_parser().type_id() == TypeId::of::<PathBuf>() {
        return arg.value_parser(OsStringValueParser::new().map(PathBuf::from));
    }
    arg
}

/// Takes out what was given empty.
pub(super) fn forget(parser: &Command, matches: &mut ArgMatches) {
    let is_empty = |id: &Id| {
        let mut values = matches.get_raw(id.as_str()).into_iter().flatten();
        values.next().is_some_and(std::ffi::OsStr::is_empty) && values.next().is_none()
    };
    let empty: Vec<&Id> =
        parser.get_arguments().filter(|it| is_text(it)).map(Arg::get_id).filter(|id| is_empty(id)).collect();
    for id in empty {
        // It is known: the parser has it.
        let _ = matches.try_clear_id(id.as_str());
    }
}

/// Whether it is an option with one text or path that can be left out.
fn is_text(arg: &Arg) -> bool {
    let kind = arg.get_value_parser().type_id();
    matches!(arg.get_action(), ArgAction::Set)
        && !arg.is_positional()
        && arg.get_default_values().is_empty()
        && !arg.get_long().is_some_and(|it| SAY_SOMETHING.contains(&it))
        && (kind == TypeId::of::<String>() || kind == TypeId::of::<PathBuf>())
}
