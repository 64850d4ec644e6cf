//! `wait`.

use std::time::Duration;

use pontoon_lifecycle::list::{self, Found, LookError};
use pontoon_lifecycle::status::{self, Status};
use pontoon_lifecycle::stop as ask;
use pontoon_lifecycle::{base, health};
use pontoon_storage::{FindContainerError, Store};
use rustix::event::{Timespec, poll};

use super::control::{Selection, for_each, is_missing};
use super::{Context, Failure};
use pontoon_cli::args::WaitArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::time::{TimeError, parse_duration};

/// The states that can be waited for.
const STATES: [&str; 10] = [
    "configured",
    "created",
    "exited",
    "healthy",
    "initialized",
    "paused",
    "removing",
    "running",
    "stopped",
    "unhealthy",
];

/// Those of them that a health check tells.
const HEALTH: [&str; 2] = ["healthy", "unhealthy"];

/// What is printed for a container that has not ended, or is not there.
const NO_CODE: i32 = -1;

/// What is told of a container whose supervisor was killed, and it with that.
const KILLED: i32 = 137;

/// Time between two looks, as Podman's.
const INTERVAL: Duration = Duration::from_millis(250);

/// `pontoon wait`
pub fn wait(context: &Context, args: &WaitArgs) -> Result<ExitStatus, Failure> {
    if let Some(other) = args.condition.iter().find(|it| !STATES.contains(&it.as_str())) {
        let text = format!("`wait --condition {other}` is not supported");
        return Err(Failure::new(text, Some(format!("the states are {}", STATES.join(", ")))));
    }
    let interval = args.interval.as_deref().map(read_interval).transpose()?.unwrap_or(INTERVAL);
    let store = context.store()?;
    let selection = Selection {
        command: "wait",
        names: &args.containers,
        cidfiles: &[],
        filters: &[],
        all: false,
        latest: args.latest,
        ignore: args.ignore,
        ignore_files: false,
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
    // Afterwards the name may be another's.
    let id = found.record.id.clone();
    while found.status.is_alive() {
        match ask::wait(&found.container) {
            Ok(Some(code)) => return Ok(code),
            Ok(None) | Err(ask::AskError::NotRunning) => {}
            Err(err) => return Err(err.into()),
        }
        found = match list::find(store, &id) {
            Err(err) if ignore && is_missing(&err) => return Ok(NO_CODE),
            // It ended and was removed before we could ask: nobody knows how.
            Err(err) if is_missing(&err) => {
                let query = name.to_owned();
                return Err(LookError::from(FindContainerError::NotFound { query }).into());
            }
            other => other?,
        };
    }
    match found.status {
        Status::Exited(exit) => Ok(exit.code),
        // As it is listed.
        Status::Abandoned(_) => Ok(KILLED),
        _ => Ok(0),
    }
}

/// A duration; a number alone is milliseconds.
fn read_interval(text: &str) -> Result<Duration, TimeError> {
    let interval =
        parse_duration(text).or_else(|err| parse_duration(&format!("{text}ms")).map_err(|_| err))?;
    // Time for others.
    Ok(interval.max(Duration::from_millis(1)))
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
    let is_all = |known: &[&str]| states.iter().all(|it| known.contains(&it.as_str()));
    let (only_removing, only_health) = (is_all(&["removing"]), is_all(&HEALTH));
    let may_be_removed = states.iter().any(|it| it == "removing");
    // Afterwards the name may be another's.
    let mut id: Option<String> = None;
    let mut code = NO_CODE;
    loop {
        let found = match list::find(store, id.as_deref().unwrap_or(name)) {
            Err(err) if is_missing(&err) && (ignore || (may_be_removed && id.is_some())) => return Ok(code),
            other => other?,
        };
        if id.is_none() && states.iter().any(|it| HEALTH.contains(&it.as_str())) {
            check_health(store, &found)?;
        }
        id.get_or_insert_with(|| found.record.id.clone());
        code = match &found.status {
            Status::Exited(exit) => exit.code,
            _ => NO_CODE,
        };
        let health = found.status.run().and_then(|_| status::health(found.container.run_path()));
        let is_so = |state: &String| {
            is_in(&found.status, state) || health.as_ref().is_some_and(|it| it.status == *state)
        };
        if states.iter().any(is_so) {
            return Ok(code);
        }
        if only_health && matches!(found.status, Status::Exited(_)) {
            return Err(Failure::new(format!("container `{name}` has ended, and nothing checks it"), None));
        }
        // Its supervisor tells the code, which is gone when it is removed at its end.
        if only_removing
            && found.status.is_alive()
            && let Ok(Some(told)) = ask::wait(&found.container)
        {
            code = told;
        }
        // No descriptor, so only the time, or a signal, ends it.
        let _ = poll(&mut [], Some(&span));
    }
}

/// A state that nothing would ever tell is not waited for.
fn check_health(store: &Store, found: &Found) -> Result<(), Failure> {
    let config = base::config(store, base::image(store, &found.record)?.as_ref())?;
    let request = &found.record.request;
    match health::plan(&request.health, &request.annotations, &config) {
        Ok(None) => {
            let text = format!("container `{}` has no health check to wait for", found.record.name);
            Err(Failure::new(text, Some("`--health-cmd` gives it one".to_owned())))
        }
        _ => Ok(()),
    }
}

fn is_in(status: &Status, state: &str) -> bool {
    match state {
        "configured" => status.word() == "created",
        // One that could not be started is as it was, and has ended nonetheless.
        "stopped" | "exited" => matches!(status, Status::Exited(_) | Status::Abandoned(_)),
        other => status.word() == other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_monitor::state::ExitRecord;

    #[test]
    fn what_could_not_be_started_is_created_and_has_ended() {
        let failed = Status::Exited(ExitRecord { code: 127, ..ExitRecord::default() });
        let ran = Status::Exited(ExitRecord { started_at: 1, ..ExitRecord::default() });
        let words = ["created", "configured", "stopped", "exited", "running"];
        let states = |status: &Status| words.map(|it| is_in(status, it));
        assert_eq!(states(&failed), [true, true, true, true, false]);
        assert_eq!(states(&ran), [false, false, true, true, false]);
        assert_eq!(states(&Status::Created), [true, true, false, false, false]);
    }

    #[test]
    fn a_number_is_milliseconds() {
        for (text, expected) in [("10", Some(10)), ("1.5s", Some(1500)), ("0", Some(1)), ("x", None)] {
            let expected = expected.map(Duration::from_millis);
            assert_eq!(read_interval(text).ok(), expected, "{text}");
        }
    }
}
