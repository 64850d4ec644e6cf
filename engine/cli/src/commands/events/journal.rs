//! Events from the journal, by `journalctl`.

use std::io::Read;
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use pontoon_monitor::event::{IDENTIFIER, from_journal};

use super::{Lines, Wanted, Woken};
use crate::commands::Failure;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::journal::catch_up;
use pontoon_cli::output;

/// The fields that events are made of.
const FIELDS: &str = "--output-fields=PODMAN_EVENT,PODMAN_TYPE,PODMAN_TIME,PODMAN_NAME,PODMAN_NETWORK_NAME,PODMAN_ID,PODMAN_IMAGE,PODMAN_POD_ID,\
                      PODMAN_EXIT_CODE,PODMAN_LABELS,PODMAN_HEALTH_STATUS,PODMAN_HEALTH_FAILING_STREAK,\
                      PODMAN_HEALTH_LOG,ERROR";
/// How much later than it happened an event may have come into the journal.
const LATE: Duration = Duration::from_secs(60);

/// Shows what is wanted.
pub fn read(wanted: &Wanted<'_>, uid: u32) -> Result<ExitStatus, Failure> {
    if !wanted.follow {
        catch_up();
    }
    let mut child = journalctl(wanted, uid)?;
    let Some(mut stdout) = child.stdout.take() else { return Ok(ExitStatus::Success) };
    let mut lines = Lines::default();
    let outcome = if wanted.follow {
        let outcome = follow(wanted, &mut stdout, &mut lines);
        let _ = child.kill();
        outcome
    } else {
        Ok(ExitStatus::Success)
    };
    // What it had written before is still in the pipe.
    let rest = if outcome.is_ok() { read_all(wanted, &mut stdout, &mut lines) } else { Ok(()) };
    // It must not wait for us while we wait for it.
    drop(stdout);
    let ended = child.wait()?;
    let status = outcome?;
    rest?;
    if !wanted.follow && !ended.success() {
        return Err(cannot_read("journalctl failed"));
    }
    Ok(status)
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
fn journalctl(wanted: &Wanted<'_>, uid: u32) -> Result<Child, Failure> {
    let mut command = Command::new("journalctl");
    command.args(["--quiet", "--no-pager", "--output=json", "--all", "--lines=all", FIELDS]);
    if wanted.follow {
        command.arg("--follow");
    }
    // The times of entries are those at which the journal got them.
    let until = wanted.until.filter(|_| !wanted.follow).and_then(|it| it.checked_add(LATE));
    for (option, moment) in [("--since", wanted.since), ("--until", until)] {
        if let Some(moment) = moment {
            let seconds = moment.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            command.arg(format!("{option}=@{}.{:06}", seconds.as_secs(), seconds.subsec_micros()));
        }
    }
    command.args([format!("SYSLOG_IDENTIFIER={IDENTIFIER}"), format!("_UID={uid}")]);
    command.args(wanted.filters.journal_matches());
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().map_err(|err| {
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
