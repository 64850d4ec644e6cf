//! `events`: what was done, and what is being done, from the journal or from a file.

mod file;
mod journal;

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::SystemTime;

use pontoon_monitor::event::{Event, EventLog};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::{Context, Failure};
use crate::behalf::Behalf;
use pontoon_cli::args::EventsArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::time::{from_nanos, parse_since, parse_until};
use pontoon_cli::view::events::EventFormat;
use pontoon_cli::view::filter::EventFilters;

/// Which events are wanted, and how they are shown.
struct Wanted<'a> {
    since: Option<SystemTime>,
    until: Option<SystemTime>,
    /// Those to come are wanted, too.
    follow: bool,
    filters: EventFilters,
    format: EventFormat<'a>,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// There is something to read.
    Ready,
    /// What is yet to come is not wanted.
    TimeIsUp,
    /// Nobody reads what we write.
    ReaderGone,
}

/// `pontoon events`
pub fn events(context: &Context, args: &EventsArgs) -> Result<ExitStatus, Failure> {
    let now = SystemTime::now();
    let told = |option: &'static str| {
        move |err: pontoon_cli::time::TimeError| {
            Failure::from(err).while_doing(format!("cannot understand `{option}`"))
        }
    };
    let since = args.since.as_deref().map(|it| parse_since(it, now)).transpose().map_err(told("--since"))?;
    let until = args.until.as_deref().map(|it| parse_until(it, now)).transpose().map_err(told("--until"))?;
    let streams = args.stream != Some(false);
    let wanted = Wanted {
        // Without a word about the past only what happens from now on is shown.
        since: since.or((streams && until.is_none()).then_some(now)),
        until,
        follow: streams && until.is_none_or(|it| it > now),
        filters: EventFilters::parse(&args.filter)?,
        format: EventFormat { format: args.format.as_deref(), whole_ids: args.no_trunc != Some(false) },
    };
    wanted.format.check()?;
    // Before it began nothing has happened; journalctl would call that an error.
    if wanted.since.zip(wanted.until).is_some_and(|(since, until)| until < since) {
        return Ok(ExitStatus::Success);
    }
    match &context.host.events {
        EventLog::Journald => {
            let root = Behalf::inherited(&context.host.environment)?;
            journal::read(&wanted, context.host.uid, root.as_ref())
        }
        EventLog::File(path) => file::read(&wanted, path),
        EventLog::None => {
            let hint = "leave --events-backend out, or choose journald or file".to_owned();
            Err(Failure::new("cannot read events with the backend `none`: it keeps none", Some(hint)))
        }
    }
}

impl Wanted<'_> {
    /// Shows an event if it is wanted.
    fn show(&self, event: &Event) -> Result<(), Failure> {
        let time = from_nanos(event.time);
        let is_in_time =
            self.since.is_none_or(|since| time > since) && self.until.is_none_or(|until| time < until);
        if is_in_time && self.filters.pass(event) {
            output::out(&self.format.text(event)?)?;
        }
        Ok(())
    }

    /// Waits until there is something to read.
    fn wait(&self, source: BorrowedFd<'_>) -> Result<Woken, Failure> {
        loop {
            let left = match self.until {
                None => None,
                Some(until) => match until.duration_since(SystemTime::now()) {
                    Ok(left) => Timespec::try_from(left).ok(),
                    Err(_) => return Ok(Woken::TimeIsUp),
                },
            };
            let stdout = rustix::stdio::stdout();
            let mut fds = [
                PollFd::from_borrowed_fd(source, PollFlags::IN),
                // Asks for nothing, and is told when the reading end of a pipe is closed.
                PollFd::from_borrowed_fd(stdout, PollFlags::empty()),
            ];
            match poll(&mut fds, left.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(err) => return Err(io::Error::from(err).into()),
            }
            let [ready, reader] = fds.map(|it| it.revents());
            if reader.intersects(PollFlags::ERR | PollFlags::HUP) {
                return Ok(Woken::ReaderGone);
            }
            if !ready.is_empty() {
                return Ok(Woken::Ready);
            }
        }
    }
}

/// Bytes that become lines.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    /// Reads once and takes the whole lines; false at the end.
    fn read(
        &mut self,
        source: &mut (impl Read + AsFd),
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let mut buffer = [0u8; 16 << 10];
        let count = match source.read(&mut buffer) {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => return Ok(true),
            other => other?,
        };
        self.pending.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let mut rest = self.pending.as_slice();
        while let Some(end) = rest.iter().position(|it| *it == b'\n') {
            let (line, after) = rest.split_at(end);
            take(line)?;
            rest = after.get(1..).unwrap_or_default();
        }
        self.pending = rest.to_vec();
        Ok(count > 0)
    }
}
