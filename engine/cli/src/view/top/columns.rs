//! Podman's names of columns, podman-top(1): those of ps(1) on AIX, and what is of containers alone.

use pontoon_runtime::capabilities::CapSet;

use super::{Column, ColumnError, Show, arguments, duration, plain, terminal};
use crate::time::go_words;

/// All columns: name, code (`%C`; empty if it has none), heading, what is shown.
const COLUMNS: [(&str, &str, &str, Show); 34] = [
    ("args", "%a", "COMMAND", |it, _| arguments(it)),
    ("capamb", "", "AMBIENT CAPS", |it, _| capabilities(it.capabilities[4])),
    ("capbnd", "", "BOUNDING CAPS", |it, _| capabilities(it.capabilities[3])),
    ("capeff", "", "EFFECTIVE CAPS", |it, _| capabilities(it.capabilities[2])),
    ("capinh", "", "INHERITED CAPS", |it, _| capabilities(it.capabilities[0])),
    ("capprm", "", "PERMITTED CAPS", |it, _| capabilities(it.capabilities[1])),
    ("comm", "%c", "COMMAND", |it, _| plain(&it.name)),
    ("etime", "%t", "ELAPSED", |it, around| duration(around.elapsed(it))),
    ("group", "%G", "GROUP", |it, around| around.group(it.groups.1)),
    ("groups", "", "GROUPS", |it, around| list(it.more_groups.0.iter().map(|id| around.group(*id)))),
    ("hgroup", "", "HGROUP", |it, _| it.host_group.to_string()),
    ("hgroups", "", "HGROUPS", |it, _| list(it.more_groups.1.iter().map(u32::to_string))),
    ("hpid", "", "HPID", |it, _| it.host_pid.to_string()),
    ("huid", "", "HUID", |it, _| it.host_user.to_string()),
    ("huser", "", "HUSER", |it, _| it.host_user.to_string()),
    ("label", "", "LABEL", |it, _| it.label.as_deref().map_or_else(|| "?".to_owned(), plain)),
    ("nice", "%n", "NI", |it, _| it.nice.to_string()),
    ("pcpu", "%C", "%CPU", |it, around| format!("{:.3}", around.percent(it))),
    ("pgid", "%r", "PGID", |it, _| it.group.to_string()),
    ("pid", "%p", "PID", |it, _| it.pid.to_string()),
    ("ppid", "%P", "PPID", |it, _| it.parent.to_string()),
    ("rgroup", "%g", "RGROUP", |it, around| around.group(it.groups.0)),
    ("rss", "", "RSS", |it, _| it.resident.to_string()),
    ("ruser", "%u", "RUSER", |it, around| around.user(it.users.0)),
    ("seccomp", "", "SECCOMP", |it, _| seccomp(it.seccomp)),
    ("state", "", "STATE", |it, _| it.state.to_string()),
    ("stime", "", "STIME", |it, around| go_words(around.start(it))),
    ("time", "%x", "TIME", |it, around| duration(around.seconds(it.cpu_ticks))),
    ("tty", "%y", "TTY", |it, _| terminal(it.terminal)),
    ("uid", "", "UID", |it, _| it.users.1.to_string()),
    ("user", "%U", "USER", |it, around| around.user(it.users.1)),
    ("vsz", "%z", "VSZ", |it, _| it.virtual_size.to_string()),
    // Ours alone.
    ("gid", "", "GID", |it, _| it.groups.1.to_string()),
    ("hgid", "", "HGID", |it, _| it.host_group.to_string()),
];

/// What is shown when nobody chooses.
const USUAL: [&str; 8] = ["user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"];

pub(super) fn all_names() -> Vec<&'static str> {
    COLUMNS.iter().map(|it| it.0).collect()
}

/// The columns that names or codes ask for, divided by blanks or commas.
pub(super) fn columns(words: &[String]) -> Result<Vec<Column>, ColumnError> {
    let asked: Vec<&str> =
        words.iter().flat_map(|word| word.split([',', ' '])).filter(|word| !word.is_empty()).collect();
    let names = if asked.is_empty() { USUAL.to_vec() } else { asked };
    let find = |word: &str| {
        let found = COLUMNS.iter().find(|(name, code, heading, _)| {
            *name == word || *heading == word || (!code.is_empty() && *code == word)
        });
        found.map(|(_, _, heading, show)| Column { heading: (*heading).to_owned(), show: *show })
    };
    names
        .into_iter()
        .map(|word| find(word).ok_or_else(|| ColumnError::Unknown { word: word.to_owned() }))
        .collect()
}

fn list(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(",")
}

fn capabilities(bits: u64) -> String {
    let set = CapSet::from_bits(bits);
    if set == CapSet::ALL {
        return "full".to_owned();
    }
    let names = set.names();
    if names.is_empty() {
        return "none".to_owned();
    }
    list(names.iter().map(|name| name.trim_start_matches("CAP_").to_owned()))
}

fn seccomp(mode: u8) -> String {
    match mode {
        0 => "disabled",
        1 => "strict",
        2 => "filter",
        _ => "?",
    }
    .to_owned()
}
