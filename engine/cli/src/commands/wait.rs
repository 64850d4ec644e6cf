//! `wait`.

use std::time::Duration;

use pontoon_lifecycle::list;
use pontoon_lifecycle::status::{self, Status};
use pontoon_lifecycle::stop as ask;
use pontoon_storage::Store;
use rustix::event::{Timespec, poll};

use super::control::{Selection, for_each, is_missing};
use super::{Context, Failure};
use pontoon_cli::args::WaitArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::time::parse_duration;

/// The states that can be waited for.
const STATES: [&str; 9] = [
    "configured",
    "created",
    "exited",
    "healthy",
    "initialized",
    "paused",
    "running",
    "stopped",
    "unhealthy",
];

/// What is printed for a container that has not ended, or is not there.
const NO_CODE: i32 = -1;

/// Time between two looks, as Podman's.
const INTERVAL: Duration = Duration::from_millis(250);

/// `pontoon wait`
pub fn wait(context: &Context, args: &WaitArgs) -> Result<ExitStatus, Failure> {
    if let Some(other) = args.condition.iter().find(|it| !STATES.contains(&it.as_str())) {
        let text = format!("`wait --condition {other}` is not supported");
        return Err(Failure::new(text, Some(format!("the states are {}", STATES.join(", ")))));
    }
    let interval = args.interval.as_deref().map(parse_duration).transpose()?.unwrap_or(INTERVAL);
    let store = context.store()?;
    let selection = Selection {
        command: "wait",
        names: &args.containers,
        cidfiles: &[],
        filters: &[],
        all: false,
        latest: args.latest,
        ignore: args.ignore,
    };
    let names = selection.resolve(&store, |_| true)?;
    let only_the_end = args.condition.iter().all(|state| matches!(state.as_str(), "stopped" | "exited"));
    for_each(&names, |name| {
        let code = match only_the_end {
            true => until_ended(&store, name, args.ignore)?,
            false => until(&store, name, &args.condition, interval, args.ignore)?,
        };
        Ok(Some(code.to_string()))
    })
}

/// Waits for the end, which the supervisor tells.
fn until_ended(store: &Store, name: &str, ignore: bool) -> Result<i32, Failure> {
    let mut found = match list::find(store, name) {
        Err(err) if ignore && is_missing(&err) => return Ok(NO_CODE),
        other => other?,
    };
    while found.status.is_alive() {
        if let Ok(Some(code)) = ask::wait(&found.container) {
            return Ok(code);
        }
        found = match list::find(store, name) {
            // It ended and was removed before we could ask.
            Err(err) if is_missing(&err) => return Ok(0),
            other => other?,
        };
    }
    match found.status {
        Status::Exited(exit) => Ok(exit.code),
        _ => Ok(0),
    }
}

/// Looks again and again until a container is in one of some states: nobody tells of those.
fn until(
    store: &Store,
    name: &str,
    states: &[String],
    interval: Duration,
    ignore: bool,
) -> Result<i32, Failure> {
    let span = Timespec::try_from(interval).map_err(std::io::Error::other)?;
    loop {
        let found = match list::find(store, name) {
            Err(err) if ignore && is_missing(&err) => return Ok(NO_CODE),
            other => other?,
        };
        let health = found.status.run().and_then(|_| status::health(found.container.run_path()));
        let is_so = |state: &String| {
            is_in(&found.status, state) || health.as_ref().is_some_and(|it| it.status == *state)
        };
        if states.iter().any(is_so) {
            return Ok(match found.status {
                Status::Exited(exit) => exit.code,
                _ => NO_CODE,
            });
        }
        // No descriptor, so only the time, or a signal, ends it.
        let _ = poll(&mut [], Some(&span));
    }
}

fn is_in(status: &Status, state: &str) -> bool {
    match state {
        "configured" => status.word() == "created",
        "stopped" => status.word() == "exited",
        other => status.word() == other,
    }
}
