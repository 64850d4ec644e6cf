//! `logs`: what a container has said, from the journal or from its file.

mod file;
mod journal;

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::SystemTime;

use pontoon_lifecycle::decide::default_log_driver;
use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::request::LogDriver;
use pontoon_lifecycle::status::{self, Status};
use pontoon_lifecycle::stop;
use pontoon_monitor::event::JOURNAL;
use rustix::event::{Timespec, poll};

use super::{Context, Failure};
use crate::behalf::Behalf;
use pontoon_cli::args::LogsArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::log_driver_word;
use pontoon_cli::time::{log_time, moment_of, parse_since, parse_until};

/// Between two runs we look so often whether the next one has begun.
const MOMENT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// A run has ended: waits for the next one, if its supervisor is going to begin one, and gives what tells of its end.
fn next_run(found: &Found) -> Option<OwnedFd> {
    loop {
        match status::of(&found.container) {
            Status::Restarting(_) | Status::Starting => {}
            alive if alive.is_alive() => {
                if let Ok(ended) = stop::subscribe(&found.container) {
                    return Some(ended);
                }
            }
            _ => return None,
        }
        let _ = poll(&mut [], Some(&MOMENT));
    }
}

/// Which lines are wanted, and how they are shown.
struct Wanted {
    follow: bool,
    tail: Option<usize>,
    since: Option<SystemTime>,
    until: Option<SystemTime>,
    timestamps: bool,
    /// Whose line it is.
    prefix: Option<String>,
    /// What colours a line.
    color: Option<&'static str>,
    /// All of it goes to standard error, beside what was asked for.
    aside: bool,
}

impl Wanted {
    /// How long what comes is followed still, where that has an end.
    fn time_left(&self) -> Option<Timespec> {
        let left = self.until?.duration_since(SystemTime::now()).unwrap_or_default();
        // What does not fit is for ever.
        Timespec::try_from(left).ok()
    }
}

/// A line of a log.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    /// When it was written, in RFC 3339.
    time: &'a [u8],
    error: bool,
    text: &'a [u8],
    partial: bool,
}

/// The time of a line in the zone of the host; what is no time is shown as it is.
fn shown_time(time: &[u8]) -> Cow<'_, [u8]> {
    let moment = std::str::from_utf8(time).ok().and_then(moment_of);
    moment.map_or(Cow::Borrowed(time), |it| Cow::Owned(log_time(it).into_bytes()))
}

/// Colours of the lines of containers, one after the other.
const COLORS: [&str; 6] = ["\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[35m", "\x1b[36m"];

const NO_COLOR: &[u8] = b"\x1b[0m";

/// As much is written at once.
const BATCH: usize = 64 << 10;

/// Lines on their way to our standard streams.
struct Shown<'a> {
    wanted: &'a Wanted,
    bytes: Vec<u8>,
    error: bool,
}

impl<'a> Shown<'a> {
    fn new(wanted: &'a Wanted) -> Self {
        Self { wanted, bytes: Vec::with_capacity(BATCH + (BATCH >> 1)), error: false }
    }

    fn push(&mut self, line: Line<'_>) -> std::io::Result<()> {
        if line.error != self.error {
            self.flush()?;
            self.error = line.error;
        }
        self.bytes.extend_from_slice(self.wanted.color.unwrap_or_default().as_bytes());
        if let Some(prefix) = &self.wanted.prefix {
            self.bytes.extend_from_slice(prefix.as_bytes());
            self.bytes.push(b' ');
        }
        if self.wanted.timestamps {
            self.bytes.extend_from_slice(&shown_time(line.time));
            self.bytes.push(b' ');
        }
        self.bytes.extend_from_slice(line.text);
        if self.wanted.color.is_some() {
            self.bytes.extend_from_slice(NO_COLOR);
        }
        if !line.partial {
            self.bytes.push(b'\n');
        }
        if self.bytes.len() >= BATCH { self.flush() } else { Ok(()) }
    }

    /// Writes what has come together: at the end, and before anything is waited for.
    fn flush(&mut self) -> std::io::Result<()> {
        let outcome = if self.error || self.wanted.aside {
            output::forgiving(std::io::stderr().lock(), &self.bytes)
        } else {
            output::forgiving(std::io::stdout().lock(), &self.bytes)
        };
        self.bytes.clear();
        outcome
    }
}

/// `pontoon logs`
pub fn logs(context: &Context, args: &LogsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let mut names = args.containers.clone();
    if args.latest {
        names.extend(list::list(&store)?.containers.pop().map(|it| it.record.name));
    }
    if names.is_empty() {
        return Err(Failure::new("`logs` needs the name or id of a container", None));
    }
    let now = SystemTime::now();
    let since = args.since.as_deref().map(|it| parse_since(it, now)).transpose()?;
    let until = args.until.as_deref().map(|it| parse_until(it, now)).transpose()?;
    // All are there before anything is shown of one.
    let found = names.iter().map(|it| list::find(&store, it)).collect::<Result<Vec<_>, _>>()?;
    // Nothing was written before it began; journalctl would call that an error.
    if since.zip(until).is_some_and(|(since, until)| until < since) {
        return Ok(ExitStatus::Success);
    }
    let root = Behalf::inherited(&context.host.environment)?;
    let root = root.as_ref();
    let several = found.len() > 1;
    let wanted = found.iter().enumerate().map(|(number, it)| Wanted {
        follow: args.follow,
        tail: usize::try_from(args.tail).ok(),
        since,
        until,
        timestamps: args.timestamps,
        // Of several containers it is said whose line it is.
        prefix: several.then(|| match args.names {
            true => it.record.name.clone(),
            false => it.record.id.get(..12).unwrap_or_default().to_owned(),
        }),
        color: args.color.then(|| COLORS.get(number % COLORS.len()).copied().unwrap_or_default()),
        aside: false,
    });
    let each: Vec<(&Found, Wanted)> = found.iter().zip(wanted).collect();
    if !(args.follow && several) {
        each.iter().try_for_each(|(found, wanted)| show(found, wanted, root))?;
        return Ok(ExitStatus::Success);
    }
    // Each is followed by a thread of its own; what one writes at once are whole lines.
    std::thread::scope(|scope| {
        let threads: Vec<_> =
            each.iter().map(|(found, wanted)| scope.spawn(move || show(found, wanted, root))).collect();
        threads.into_iter().try_for_each(|it| it.join().unwrap_or(Ok(())))
    })?;
    Ok(ExitStatus::Success)
}

/// Shows on standard error what a container wrote last, before it is taken away.
pub(super) fn show_last(found: &Found) -> Result<(), Failure> {
    let wanted = Wanted {
        follow: false,
        tail: Some(10),
        since: None,
        until: None,
        timestamps: false,
        prefix: Some(found.record.name.clone()),
        color: None,
        aside: true,
    };
    show(found, &wanted, None)
}

/// Shows what is wanted of the log of one container.
fn show(found: &Found, wanted: &Wanted, root: Option<&Behalf>) -> Result<(), Failure> {
    let driver = found.record.request.log_driver.unwrap_or(default_log_driver(Path::new(JOURNAL).exists()));
    match driver {
        LogDriver::Journald => journal::show(found, wanted, root),
        LogDriver::K8sFile | LogDriver::JsonFile => file::show(found, wanted),
        LogDriver::None | LogDriver::Passthrough | LogDriver::PassthroughTty => Err(Failure::new(
            format!(
                "container `{}` keeps no log (--log-driver {})",
                found.record.name,
                log_driver_word(driver)
            ),
            Some("use --log-driver journald or k8s-file".to_owned()),
        )),
    }
}
