//! The words of ps(1) that people type: `-ef`, `aux`, `-eo pid,user,args`. Nobody's program is run for them: one of the image
//! must not be trusted, and one of the host would have to be let into the container.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use pontoon_lifecycle::top::ProcessInfo;

use super::{Column, ColumnError, Show, Surroundings, arguments, plain, terminal};

/// What options on their own show.
const SHORT: [&str; 4] = ["pid", "tty", "time", "comm"];
const FULL: [&str; 8] = ["uname", "pid", "ppid", "c", "stime", "tty", "time", "args"];
const USERS: [&str; 11] =
    ["user", "pid", "%cpu", "%mem", "vsz", "rss", "tty", "stat", "start", "bsdtime", "command"];
const PLAIN: [&str; 5] = ["pid", "tty", "stat", "bsdtime", "command"];

/// The columns of `-o`: names, heading, what is shown (ps(1), "STANDARD FORMAT SPECIFIERS").
const COLUMNS: [(&[&str], &str, Show); 27] = [
    (&["args", "cmd"], "CMD", |it, _| arguments(it)),
    (&["command"], "COMMAND", |it, _| arguments(it)),
    (&["comm", "ucmd", "ucomm"], "COMMAND", |it, _| plain(&it.name)),
    (&["pid", "tgid"], "PID", |it, _| it.pid.to_string()),
    (&["ppid"], "PPID", |it, _| it.parent.to_string()),
    (&["pgid", "pgrp"], "PGID", |it, _| it.group.to_string()),
    (&["user", "euser"], "USER", |it, around| around.user(it.users.1)),
    (&["uname"], "UID", |it, around| around.user(it.users.1)),
    (&["ruser"], "RUSER", |it, around| around.user(it.users.0)),
    (&["uid", "euid"], "UID", |it, _| it.users.1.to_string()),
    (&["ruid"], "RUID", |it, _| it.users.0.to_string()),
    (&["group", "egroup"], "GROUP", |it, around| around.group(it.groups.1)),
    (&["rgroup"], "RGROUP", |it, around| around.group(it.groups.0)),
    (&["gid", "egid"], "GID", |it, _| it.groups.1.to_string()),
    (&["c"], "C", |it, around| format!("{:.0}", around.percent(it).floor())),
    (&["%cpu", "pcpu"], "%CPU", |it, around| format!("{:.1}", around.percent(it))),
    (&["%mem", "pmem"], "%MEM", |it, around| {
        format!("{:.1}", 100.0 * it.resident as f64 / around.memory.max(1) as f64)
    }),
    (&["vsz", "vsize"], "VSZ", |it, _| it.virtual_size.to_string()),
    (&["rss", "rssize", "rsz"], "RSS", |it, _| it.resident.to_string()),
    (&["tty", "tt", "tname"], "TTY", |it, _| terminal(it.terminal)),
    (&["stat"], "STAT", |it, _| state(it)),
    (&["state", "s"], "S", |it, _| it.state.to_string()),
    (&["start", "stime", "start_time"], "STIME", |it, around| started(it, around)),
    (&["time", "cputime"], "TIME", |it, around| clock(around.seconds(it.cpu_ticks), 2)),
    (&["bsdtime"], "TIME", |it, around| minutes(around.seconds(it.cpu_ticks))),
    (&["etime"], "ELAPSED", |it, around| clock(around.elapsed(it), 1)),
    (&["ni", "nice"], "NI", |it, _| it.nice.to_string()),
];

pub(super) fn all_names() -> Vec<&'static str> {
    COLUMNS.iter().flat_map(|it| it.0.iter().copied()).collect()
}

/// Whether a word is one of ps(1) and no name of a column: an option, or letters as BSD writes them.
pub(super) fn is_meant(word: &str) -> bool {
    word.starts_with('-') || is_bsd(word)
}

fn is_bsd(word: &str) -> bool {
    word.starts_with('a') && word.len() > 1 && word.chars().all(|letter| "auxwo".contains(letter))
}

/// The columns that options ask for. Which processes they are about is no question: those of the container.
pub(super) fn columns(words: &[String]) -> Result<Vec<Column>, ColumnError> {
    let mut names: Vec<&str> = Vec::new();
    let mut usual: &[&str] = &SHORT;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let letters = word.strip_prefix('-').unwrap_or(word);
        let unknown = || ColumnError::Option { word: word.clone() };
        if letters.is_empty() || letters.starts_with('-') || (letters.len() == word.len() && !is_bsd(word)) {
            return Err(unknown());
        }
        if letters.len() == word.len() {
            usual = if letters.contains('u') { &USERS } else { &PLAIN };
        }
        for (place, letter) in letters.char_indices() {
            match letter {
                'e' | 'A' | 'a' | 'x' | 'w' => {}
                'u' if letters.len() == word.len() => {}
                'f' => usual = &FULL,
                'o' => {
                    let glued = letters.get(place + 1..).filter(|rest| !rest.is_empty());
                    let list = glued.or_else(|| words.next().map(String::as_str)).ok_or_else(unknown)?;
                    names.extend(list.split([',', ' ']).filter(|name| !name.is_empty()));
                    break;
                }
                _ => return Err(unknown()),
            }
        }
    }
    let names = if names.is_empty() { usual } else { &names };
    names.iter().map(|name| column(name)).collect()
}

/// A column by its name, with a heading of its own if it is written as `name=HEADING`.
fn column(word: &str) -> Result<Column, ColumnError> {
    let (name, heading) = word.split_once('=').map_or((word, None), |(name, heading)| (name, Some(heading)));
    let found = COLUMNS.iter().find(|(names, _, _)| names.contains(&name));
    let (_, usual, show) = found.ok_or_else(|| ColumnError::Format { word: name.to_owned() })?;
    let usual = if name == "start" { "START" } else { usual };
    Ok(Column { heading: heading.unwrap_or(usual).to_owned(), show: *show })
}

/// The state with what else is told by letters, ps(1), "PROCESS STATE CODES".
fn state(process: &ProcessInfo) -> String {
    let mut text = process.state.to_string();
    let mut add = |letter, holds: bool| {
        if holds {
            text.push(letter);
        }
    };
    add('<', process.nice < 0);
    add('N', process.nice > 0);
    add('s', process.leads_session);
    add('l', process.threads > 1);
    add('+', process.in_foreground);
    text
}

/// When it was started: the time of day, or the day if that is another one, or the year.
fn started(process: &ProcessInfo, around: &Surroundings) -> String {
    let zone = TimeZone::system();
    let told = |moment| Timestamp::try_from(moment).map(|it| it.to_zoned(zone.clone())).ok();
    let (Some(start), Some(now)) = (told(around.start(process)), told(around.now)) else {
        return "?".to_owned();
    };
    let pattern = match () {
        () if start.date() == now.date() => "%H:%M",
        () if start.year() == now.year() => "%b%d",
        () => "%Y",
    };
    start.strftime(pattern).to_string()
}

/// `[[DD-]HH:]MM:SS`, with at least so many colons.
fn clock(seconds: f64, colons: u32) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    match (days, hours) {
        (0, 0) if colons < 2 => format!("{minutes:02}:{rest:02}"),
        (0, _) => format!("{hours:02}:{minutes:02}:{rest:02}"),
        _ => format!("{days}-{hours:02}:{minutes:02}:{rest:02}"),
    }
}

/// `M:SS`.
fn minutes(seconds: f64) -> String {
    let whole = Duration::try_from_secs_f64(seconds).unwrap_or_default().as_secs();
    format!("{}:{:02}", whole / 60, whole % 60)
}
