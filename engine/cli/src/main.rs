//! `pontoon`: words in, words out.

mod as_user;
mod behalf;
mod commands;
mod entries;
mod own_terminal;
mod user_scope;

use std::process::ExitCode;

use pontoon_cli::args::{self, ArgsError};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_lifecycle::start;

fn main() -> ExitCode {
    let mut words = std::env::args_os();
    let name = args::program_name(words.next());
    let words: Vec<_> = words.collect();
    let version =
        || finish(output::line(args::version_line(name)).map(|()| ExitStatus::Success).map_err(Into::into));
    if args::wants_version(&words) {
        return version();
    }
    pontoon_rootless::sys::hear_of_children();
    pontoon_rootless::sys::survive_file_limit(true);
    match args::as_user(&words) {
        Ok(None) => {}
        Ok(Some((user, rest))) => {
            if rustix::process::geteuid().is_root()
                && let Some(outcome) = own_terminal::give(name, &words)
            {
                return finish(outcome);
            }
            let is_served = std::env::var_os(behalf::VARIABLE).is_some();
            let needs_root = args::changes_units(rest) || args::reads_journal(rest);
            if needs_root && !is_served && rustix::process::geteuid().is_root() {
                return finish(behalf::run(&user, rest, name, None));
            }
            return finish(Err(as_user::go_on(&user, rest, name)));
        }
        Err(err) => return finish(Err(err.into())),
    }
    if args::starts_containers(&words) {
        start::hasten();
    }
    match args::parse(words) {
        Ok(invocation) => finish(commands::dispatch(invocation, name)),
        Err(ArgsError::Version) => version(),
        Err(ArgsError::Help { text }) => {
            finish(output::out(&text).map(|()| ExitStatus::Success).map_err(Into::into))
        }
        Err(err) => {
            if let ArgsError::NoCommand { text } = &err {
                let _ = output::out(text);
            }
            finish(Err(err.into()))
        }
    }
}

fn finish(outcome: Result<ExitStatus, commands::Failure>) -> ExitCode {
    match outcome {
        Ok(status) => status.into(),
        Err(failure) => {
            failure.print();
            failure.status.into()
        }
    }
}
