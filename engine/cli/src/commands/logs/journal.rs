//! Logs that the journal keeps.

use std::io::{BufRead, BufReader, Read};
use std::os::fd::AsFd;

use pontoon_lifecycle::list::Found;
use pontoon_lifecycle::stop;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::Value;

use super::{Line, Shown, Wanted};
use crate::behalf::Behalf;
use crate::commands::Failure;
use crate::entries::{Entries, Of, Search};
use pontoon_cli::journal::catch_up;
use pontoon_cli::time::rfc3339;

/// The journal's entries of a container.
fn entries<'a>(
    found: &Found,
    wanted: &Wanted,
    after: Option<String>,
    follow: bool,
    root: Option<&'a Behalf>,
) -> Result<Entries<'a>, Failure> {
    let of = Of::Container(found.record.id.clone());
    let search = Search { of, follow, lines: wanted.tail, after, since: wanted.since, until: wanted.until };
    Entries::find(&search, None, root).map_err(|err| {
        let failure = Failure::from(err).while_doing("cannot read the journal with `journalctl`".to_owned());
        Failure { hint: Some("use --log-driver k8s-file where there is no systemd".to_owned()), ..failure }
    })
}

/// An entry of the journal.
struct Entry {
    time: String,
    error: bool,
    message: Vec<u8>,
    partial: bool,
    cursor: String,
}

impl Entry {
    fn line(&self) -> Line<'_> {
        Line { time: self.time.as_bytes(), error: self.error, text: &self.message, partial: self.partial }
    }
}

fn entry(text: &[u8]) -> Option<Entry> {
    let entry: Value = serde_json::from_slice(text).ok()?;
    let field = |name: &str| entry.get(name).and_then(Value::as_str);
    // What is no text, journalctl gives as a list of bytes.
    let message = match entry.get("MESSAGE")? {
        Value::String(text) => text.clone().into_bytes(),
        Value::Array(bytes) => bytes.iter().filter_map(|it| u8::try_from(it.as_u64()?).ok()).collect(),
        _ => Vec::new(),
    };
    let microseconds: u64 = field("__REALTIME_TIMESTAMP")?.parse().ok()?;
    Some(Entry {
        time: rfc3339(pontoon_cli::time::from_nanos(microseconds.saturating_mul(1000))),
        error: field("PRIORITY") == Some("3"),
        message,
        partial: field("CONTAINER_PARTIAL_MESSAGE") == Some("true"),
        cursor: field("__CURSOR")?.to_owned(),
    })
}

/// Shows what is wanted of a container's log.
pub(super) fn show(found: &Found, wanted: &Wanted, root: Option<&Behalf>) -> Result<(), Failure> {
    let mut cursor = None;
    if wanted.follow && found.status.is_alive() {
        cursor = follow_journal(found, wanted, root)?;
    }
    catch_up();
    // What was written while we stopped listening, or everything.
    let entries = entries(found, wanted, cursor, false, root)?;
    let mut shown = Shown::new(wanted);
    for text in BufReader::new(&entries.text).split(b'\n') {
        if let Some(entry) = entry(&text?) {
            shown.push(entry.line())?;
        }
    }
    shown.flush()?;
    match entries.finish()? {
        true => Ok(()),
        // It has said why.
        false => Err(Failure::new("the journal cannot be read: `journalctl` failed", None)),
    }
}

/// Shows entries as they come until the container has ended for good; gives the cursor of the last one.
fn follow_journal(found: &Found, wanted: &Wanted, root: Option<&Behalf>) -> Result<Option<String>, Failure> {
    let Ok(mut ended) = stop::subscribe(&found.container) else { return Ok(None) };
    let mut entries = entries(found, wanted, None, true, root)?;
    let mut cursor = None;
    let mut pending = Vec::new();
    let mut shown = Shown::new(wanted);
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(entries.text.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(ended.as_fd(), PollFlags::IN),
            // Asks for nothing, and is told when the reading end of a pipe is closed.
            PollFd::from_borrowed_fd(rustix::stdio::stdout(), PollFlags::empty()),
        ];
        if poll(&mut fds, wanted.time_left().as_ref()).is_err() {
            continue;
        }
        let is_late = wanted.time_left() == Some(Timespec::default());
        let [text, end, unread] = fds.map(|it| !it.revents().is_empty());
        if unread {
            break;
        }
        if text {
            let mut buffer = [0u8; 16 << 10];
            let count = entries.text.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            pending.extend_from_slice(buffer.get(..count).unwrap_or_default());
            while let Some(end) = pending.iter().position(|it| *it == b'\n') {
                let rest = pending.split_off(end + 1);
                let whole = std::mem::replace(&mut pending, rest);
                if let Some(entry) = entry(&whole) {
                    shown.push(entry.line())?;
                    cursor = Some(entry.cursor);
                }
            }
            shown.flush()?;
        } else if is_late {
            break;
        } else if end {
            match super::next_run(found) {
                Some(next) => ended = next,
                None => break,
            }
        }
    }
    entries.stop()?;
    Ok(cursor)
}
