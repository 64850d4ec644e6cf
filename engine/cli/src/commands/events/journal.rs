//! Events from the journal, by `journalctl`.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use pontoon_monitor::event::from_journal;

use super::{Lines, Wanted, Woken};
use crate::behalf::Behalf;
use crate::commands::Failure;
use crate::entries::{Entries, Of, Search};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::journal::catch_up;
use pontoon_cli::output;

/// How much later than it happened an event may have come into the journal.
const LATE: Duration = Duration::from_secs(60);

/// Shows what is wanted.
pub fn read(wanted: &Wanted<'_>, uid: u32, root: Option<&Behalf>) -> Result<ExitStatus, Failure> {
    if !wanted.follow {
        catch_up();
    }
    let mut entries = entries(wanted, uid, root)?;
    let mut lines = Lines::default();
    let outcome = if wanted.follow {
        let outcome = follow(wanted, &mut entries.text, &mut lines);
        entries.stop()?;
        outcome
    } else {
        Ok(ExitStatus::Success)
    };
    // What it had written before is still in the pipe.
    let rest = if outcome.is_ok() { read_all(wanted, &mut entries.text, &mut lines) } else { Ok(()) };
    let is_well = wanted.follow || entries.finish()?;
    let status = outcome?;
    rest?;
    if is_well { Ok(status) } else { Err(cannot_read("journalctl failed")) }
}

/// Reads as long as there is something to wait for.
fn follow(
    wanted: &Wanted<'_>,
    stdout: &mut (impl Read + AsFd),
    lines: &mut Lines,
) -> Result<ExitStatus, Failure> {
    loop {
        match wanted.wait(stdout.as_fd())? {
            Woken::TimeIsUp => return Ok(ExitStatus::Success),
            Woken::ReaderGone => return Ok(output::reader_gone()),
            Woken::Ready => {
                if !lines.read(stdout, |line| show(wanted, line))? {
                    return Err(cannot_read("journalctl has ended"));
                }
            }
        }
    }
}

fn read_all(wanted: &Wanted<'_>, stdout: &mut (impl Read + AsFd), lines: &mut Lines) -> Result<(), Failure> {
    while lines.read(stdout, |line| show(wanted, line))? {}
    Ok(())
}

fn show(wanted: &Wanted<'_>, line: &[u8]) -> Result<(), Failure> {
    match from_journal(&String::from_utf8_lossy(line)) {
        Some(event) => wanted.show(&event),
        None => Ok(()),
    }
}

/// The journal's entries that are events of this user's.
fn entries<'a>(wanted: &Wanted<'_>, uid: u32, root: Option<&'a Behalf>) -> Result<Entries<'a>, Failure> {
    let search = Search {
        of: Of::Events(wanted.filters.journal_matches()),
        follow: wanted.follow,
        lines: None,
        after: None,
        since: wanted.since,
        // The times of entries are those at which the journal got them.
        until: wanted.until.filter(|_| !wanted.follow).and_then(|it| it.checked_add(LATE)),
    };
    Entries::find(&search, Some(uid), root).map_err(|err| {
        let failure = Failure::from(err).while_doing("cannot read the journal with `journalctl`".to_owned());
        Failure { hint: hint(), ..failure }
    })
}

fn cannot_read(why: &'static str) -> Failure {
    let failure = Failure::new(why, None).while_doing("cannot read events from the journal".to_owned());
    Failure { hint: hint(), ..failure }
}

#[expect(clippy::unnecessary_wraps, reason = "the form in which failures hold it")]
fn hint() -> Option<String> {
    Some("use --events-backend file where there is no journal".to_owned())
}
