//! `stats`.

use std::collections::HashMap;
use std::time::{Instant, SystemTime};

use pontoon_lifecycle::list::{self, Running, Summary};
use pontoon_lifecycle::usage::{self, Cgroups, Usage};
use pontoon_monitor::state::RunState;
use pontoon_storage::Store;
use rustix::event::Timespec;

use super::{Context, Failure};
use pontoon_cli::args::{PodStatsArgs, StatsArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::stats::{self as view, Row};

/// Clears a terminal and goes to its beginning, console_codes(4).
const CLEAR: &str = "\x1b[2J\x1b[H";

/// What was seen so far.
#[derive(Default)]
struct Looks {
    /// Processor time at the last look, by id.
    last: HashMap<String, (u64, Instant)>,
    cgroups: Cgroups,
}

/// `pontoon stats`
pub fn stats(context: &Context, args: &StatsArgs) -> Result<ExitStatus, Failure> {
    if args.interval < 1 {
        return Err(Failure::new(
            format!("`--interval {}` is too short: at least 1 second", args.interval),
            None,
        ));
    }
    let store = context.store()?;
    let clears = !args.no_stream && !args.no_reset && rustix::termios::isatty(rustix::stdio::stdout());
    let mut looks = Looks::default();
    loop {
        let rows = look(&store, args, &mut looks)?;
        let text = view::text(&rows, args.format.as_deref(), args.no_trunc)?;
        output::out(&if clears { format!("{CLEAR}{text}") } else { text })?;
        if args.no_stream {
            return Ok(ExitStatus::Success);
        }
        let span = Timespec { tv_sec: i64::from(args.interval), tv_nsec: 0 };
        if !output::is_read_after(&span) {
            return Ok(output::reader_gone());
        }
    }
}

/// `pontoon pod stats`: of the containers of these pods.
pub fn pods(store: &Store, chosen: &[String], args: &PodStatsArgs) -> Result<ExitStatus, Failure> {
    let clears = !args.no_stream && !args.no_reset && rustix::termios::isatty(rustix::stdio::stdout());
    let mut looks = Looks::default();
    loop {
        let mut rows = Vec::new();
        for summary in list::list(store)?.containers {
            let pod = summary.record.request.pod.as_ref().map(|it| it.id.clone()).unwrap_or_default();
            if chosen.contains(&pod) {
                rows.extend(measured(&summary, true, &mut looks).map(|it| (pod, it)));
            }
        }
        let text = view::pod_text(&rows, args.format.as_deref())?;
        output::out(&if clears { format!("{CLEAR}{text}") } else { text })?;
        if args.no_stream {
            return Ok(ExitStatus::Success);
        }
        let span = Timespec { tv_sec: 5, tv_nsec: 0 };
        if !output::is_read_after(&span) {
            return Ok(output::reader_gone());
        }
    }
}

fn look(store: &Store, args: &StatsArgs, looks: &mut Looks) -> Result<Vec<Row>, Failure> {
    if !args.all && !args.latest && args.containers.is_empty() {
        let running = list::running(store)?.into_iter();
        return Ok(running.map(|Running { id, name, run }| of_run(id, name, &run, looks)).collect());
    }
    let mut listing = list::list(store)?.containers;
    if args.latest {
        listing = listing.pop().into_iter().collect();
    }
    let mut chosen = Vec::new();
    for name in &args.containers {
        let found = list::find(store, name)?;
        chosen.push(found.record.id);
    }
    let is_chosen = |id: &String| chosen.is_empty() || chosen.contains(id);
    let is_shown = args.all || !chosen.is_empty();
    let rows = listing.iter().filter(|summary| is_chosen(&summary.record.id));
    Ok(rows.filter_map(|summary| measured(summary, is_shown, looks)).collect())
}

/// What a container uses. One that does not run uses nothing, and is shown only if all are, or if it is meant.
fn measured(summary: &Summary, is_shown: bool, looks: &mut Looks) -> Option<Row> {
    let (id, name) = (summary.record.id.clone(), summary.record.name.clone());
    match summary.status.run() {
        Some(run) => Some(of_run(id, name, run, looks)),
        None => is_shown.then(|| row(id, name, Usage::default(), (0.0, 0.0), 0)),
    }
}

fn of_run(id: String, name: String, state: &RunState, looks: &mut Looks) -> Row {
    let (now, used) = (Instant::now(), usage::of(state, &mut looks.cgroups));
    let moment = SystemTime::now();
    let age = moment.duration_since(from_nanos(state.started_at)).unwrap_or_default();
    let since_1970 = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos();
    let average = share(used.cpu, age.as_secs_f64());
    let current = looks.last.insert(id.clone(), (used.cpu, now)).map_or(average, |(before, then)| {
        share(used.cpu.saturating_sub(before), now.duration_since(then).as_secs_f64())
    });
    row(id, name, used, (current, average), u64::try_from(since_1970).unwrap_or(0))
}

/// Percent of one processor.
fn share(microseconds: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { microseconds as f64 / 10_000.0 / seconds } else { 0.0 }
}

fn row(id: String, name: String, used: Usage, (cpu, average_cpu): (f64, f64), looked_at: u64) -> Row {
    Row {
        id,
        name,
        cpu,
        average_cpu,
        cpu_nanos: used.cpu.saturating_mul(1000),
        looked_at,
        memory: (used.memory, used.memory_limit),
        network: used.network,
        block: used.block,
        pids: used.pids,
    }
}
