//! The processes of a container, in columns that people choose.

use std::fmt::Write as _;

use pontoon_lifecycle::top::ProcessInfo;

use crate::format::align;

/// The time, to tell how long processes run.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// Seconds since the boot.
    pub uptime: f64,
    /// How many clock ticks a second has.
    pub ticks_per_second: u64,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// What is asked for, as `pid`.
    name: &'static str,
    /// Its heading.
    heading: &'static str,
    /// What it shows of a process.
    show: fn(&ProcessInfo, &Clock) -> String,
}

/// A word that names no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no column")]
pub struct ColumnError {
    /// The word.
    pub word: String,
}

impl ColumnError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        let names = COLUMNS.map(|column| column.name).join(", ");
        Some(format!("the columns are {names}; options of ps(1) are not taken"))
    }
}

const fn column(
    name: &'static str,
    heading: &'static str,
    show: fn(&ProcessInfo, &Clock) -> String,
) -> Column {
    Column { name, heading, show }
}

/// All columns, by Podman's names.
const COLUMNS: [Column; 22] = [
    column("args", "COMMAND", |it, _| arguments(it)),
    column("comm", "COMMAND", |it, _| it.name.clone()),
    column("etime", "ELAPSED", |it, clock| go_duration(elapsed(it, clock))),
    column("group", "GROUP", |it, _| it.groups.1.to_string()),
    column("hgroup", "HGROUP", |it, _| it.host_group.to_string()),
    column("hpid", "HPID", |it, _| it.host_pid.to_string()),
    column("huser", "HUSER", |it, _| it.host_user.to_string()),
    column("nice", "NI", |it, _| it.nice.to_string()),
    column("pcpu", "%CPU", |it, clock| format!("{:.3}", percent(it, clock))),
    column("pgid", "PGID", |it, _| it.group.to_string()),
    column("pid", "PID", |it, _| it.pid.to_string()),
    column("ppid", "PPID", |it, _| it.parent.to_string()),
    column("rgroup", "RGROUP", |it, _| it.groups.0.to_string()),
    column("rss", "RSS", |it, _| it.resident.to_string()),
    column("ruser", "RUSER", |it, _| user(it.users.0)),
    column("state", "STATE", |it, _| it.state.to_string()),
    column("stime", "STIME", |it, clock| (it.started_ticks / clock.ticks_per_second.max(1)).to_string()),
    column("time", "TIME", |it, clock| go_duration(seconds(it.cpu_ticks, clock))),
    column("tty", "TTY", |it, _| terminal(it.terminal)),
    column("uid", "UID", |it, _| it.users.1.to_string()),
    column("user", "USER", |it, _| user(it.users.1)),
    column("vsz", "VSZ", |it, _| it.virtual_size.to_string()),
];

/// What is shown when nobody chooses.
const USUAL: [&str; 8] = ["user", "pid", "ppid", "pcpu", "etime", "tty", "time", "args"];

/// The columns that words ask for, divided by blanks or commas.
pub fn columns(words: &[String]) -> Result<Vec<Column>, ColumnError> {
    let asked: Vec<&str> =
        words.iter().flat_map(|word| word.split([',', ' '])).filter(|word| !word.is_empty()).collect();
    let names = if asked.is_empty() { USUAL.to_vec() } else { asked };
    let find = |word: &str| COLUMNS.into_iter().find(|column| column.name == word || column.heading == word);
    names.into_iter().map(|word| find(word).ok_or_else(|| ColumnError { word: word.to_owned() })).collect()
}

/// All names of columns, one a line.
pub fn descriptors() -> String {
    COLUMNS.iter().map(|column| format!("{}\n", column.name)).collect()
}

/// The table.
pub fn text(processes: &[ProcessInfo], columns: &[Column], clock: &Clock) -> String {
    let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
    let mut text = headings.join("\t");
    text.push('\n');
    for process in processes {
        let cells: Vec<String> = columns.iter().map(|column| (column.show)(process, clock)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", cells.join("\t"));
    }
    align(&text)
}

fn seconds(ticks: u64, clock: &Clock) -> f64 {
    ticks as f64 / clock.ticks_per_second.max(1) as f64
}

fn elapsed(process: &ProcessInfo, clock: &Clock) -> f64 {
    (clock.uptime - seconds(process.started_ticks, clock)).max(0.0)
}

fn percent(process: &ProcessInfo, clock: &Clock) -> f64 {
    let elapsed = elapsed(process, clock);
    if elapsed > 0.0 { 100.0 * seconds(process.cpu_ticks, clock) / elapsed } else { 0.0 }
}

/// Program and arguments on one line; a process may call itself anything.
fn arguments(process: &ProcessInfo) -> String {
    let whole = match process.arguments.is_empty() {
        true => format!("[{}]", process.name),
        false => process.arguments.join(" "),
    };
    whole.chars().map(|part| if part.is_control() { ' ' } else { part }).collect()
}

fn user(id: u32) -> String {
    if id == 0 { "root".to_owned() } else { id.to_string() }
}

/// `pts/0` and the like, tty_ioctl(4): the major number tells the kind.
fn terminal(device: u32) -> String {
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    match major {
        0 => "?".to_owned(),
        136..=143 => format!("pts/{}", minor + (major - 136) * 256),
        4 => format!("tty{minor}"),
        _ => format!("{major}:{minor}"),
    }
}

/// A time as Go writes it: `1h2m3.5s`.
pub(crate) fn go_duration(seconds: f64) -> String {
    let whole = seconds as u64;
    let (hours, minutes) = (whole / 3600, whole / 60 % 60);
    let rest = seconds - (whole - whole % 60) as f64;
    let mut text = String::new();
    if hours > 0 {
        let _ = write!(text, "{hours}h");
    }
    if whole >= 60 {
        let _ = write!(text, "{minutes}m");
    }
    let precise = format!("{rest:.9}");
    let _ = write!(text, "{}s", precise.trim_end_matches('0').trim_end_matches('.'));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process() -> ProcessInfo {
        ProcessInfo {
            pid: 1,
            host_pid: 4711,
            parent: 0,
            group: 1,
            state: 'S',
            users: (0, 33),
            groups: (0, 33),
            host_user: 100_032,
            host_group: 100_032,
            cpu_ticks: 150,
            started_ticks: 1000,
            nice: 0,
            terminal: 34816,
            resident: 2048,
            virtual_size: 4096,
            name: "sh".to_owned(),
            arguments: vec!["sh".to_owned(), "-c".to_owned(), "a\nb".to_owned()],
        }
    }

    const CLOCK: Clock = Clock { uptime: 85.0, ticks_per_second: 100 };

    #[track_caller]
    fn check(words: &str, expected: &str) {
        let columns = columns(&[words.to_owned()]).unwrap();
        assert_eq!(text(&[process()], &columns, &CLOCK), expected);
    }

    #[test]
    fn columns_are_chosen_by_name() {
        check("pid,hpid huser", "PID         HPID        HUSER\n1           4711        100032\n");
        check(
            "user time etime pcpu",
            "USER        TIME        ELAPSED     %CPU\n33          1.5s        1m15s       2.000\n",
        );
        check("tty args", "TTY         COMMAND\npts/0       sh -c a b\n");
    }

    #[test]
    fn a_word_that_is_no_column_is_told() {
        let error = columns(&["pid".to_owned(), "-ef".to_owned()]).unwrap_err();
        assert_eq!(error.to_string(), "`-ef` is no column");
        assert!(error.hint().unwrap().contains("pid, ppid"));
    }
}
