//! `top`.

use std::fs;
use std::time::SystemTime;

use pontoon_lifecycle::{list, top, usage};

use super::{Context, Failure};
use pontoon_cli::args::TopArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::view::top::{self as view, Surroundings};

/// `pontoon top`
pub fn top(context: &Context, args: &TopArgs) -> Result<ExitStatus, Failure> {
    if args.list_descriptors {
        output::out(&view::descriptors())?;
        return Ok(ExitStatus::Success);
    }
    let store = context.store()?;
    let (name, words) = if args.latest {
        let newest = list::list(&store)?.containers.pop().map(|it| it.record.name);
        (newest.ok_or_else(|| Failure::new("there is no container", None))?, args.words.as_slice())
    } else {
        let (name, words) =
            args.words.split_first().ok_or_else(|| Failure::new("`top` needs a container", None))?;
        (name.clone(), words)
    };
    let columns = view::columns(words)?;
    let found = list::find(&store, &name)?;
    let Some(state) = found.status.run() else {
        let text = format!("container `{name}` is not running, so it has no processes");
        return Err(Failure::new(text, Some(format!("start it first: pontoon start {name}"))));
    };
    output::out(&view::text(&top::processes(state), &columns, &surroundings(top::names(state))))?;
    Ok(ExitStatus::Success)
}

/// What the kernel counts by, and what the container calls its users.
pub(super) fn surroundings(names: top::Names) -> Surroundings {
    let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = uptime.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    Surroundings {
        uptime: seconds,
        now: SystemTime::now(),
        ticks_per_second: rustix::param::clock_ticks_per_second(),
        memory: usage::host_memory() / 1024,
        names,
    }
}
