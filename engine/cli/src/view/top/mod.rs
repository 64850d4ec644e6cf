//! The processes of a container, in columns that people choose: by Podman's names, or in the words of ps(1).

mod columns;
mod ps;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::SystemTime;

use pontoon_lifecycle::top::{Names, ProcessInfo};

use crate::format::align;
use crate::time::go_duration;

/// The time, to tell how long processes run, and what else is not known of a process alone.
#[derive(Debug)]
pub struct Surroundings {
    /// Seconds since the boot.
    pub uptime: f64,
    /// The time of day.
    pub now: SystemTime,
    /// How many clock ticks a second has.
    pub ticks_per_second: u64,
    /// The host's memory, in KiB.
    pub memory: u64,
    /// What the container calls its users and groups.
    pub names: Names,
}

impl Surroundings {
    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / self.ticks_per_second.max(1) as f64
    }

    /// How long a process runs, in seconds.
    fn elapsed(&self, process: &ProcessInfo) -> f64 {
        (self.uptime - self.seconds(process.started_ticks)).max(0.0)
    }

    /// How much of one processor it has used while it ran.
    fn percent(&self, process: &ProcessInfo) -> f64 {
        let elapsed = self.elapsed(process);
        if elapsed > 0.0 { 100.0 * self.seconds(process.cpu_ticks) / elapsed } else { 0.0 }
    }

    /// When it was started.
    fn start(&self, process: &ProcessInfo) -> SystemTime {
        let elapsed = std::time::Duration::try_from_secs_f64(self.elapsed(process)).unwrap_or_default();
        self.now.checked_sub(elapsed).unwrap_or(self.now)
    }

    fn user(&self, id: u32) -> String {
        self.names.users.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }

    fn group(&self, id: u32) -> String {
        self.names.groups.get(&id).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// What a column shows of a process.
type Show = fn(&ProcessInfo, &Surroundings) -> String;

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    heading: String,
    show: Show,
}

/// A word that names no column.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// A word that is none of Podman's names.
    #[error("`{word}` is no column")]
    Unknown {
        /// The word.
        word: String,
    },
    /// An option of ps(1) that is not known here.
    #[error("`{word}` is an option of ps(1) that is not known here")]
    Option {
        /// The word.
        word: String,
    },
    /// A column of ps(1) that is not known here.
    #[error("`{word}` is no column of ps(1) that is known here")]
    Format {
        /// The word.
        word: String,
    },
}

impl ColumnError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { .. } => format!("the columns are {}", columns::all_names().join(", ")),
            Self::Option { .. } => {
                "-e, -A, -f, -o COLUMNS and the likes of `aux` are; the image's own ps: pontoon exec NAME ps …".to_owned()
            }
            Self::Format { .. } => format!("those of -o are {}", ps::all_names().join(", ")),
        })
    }
}

/// The columns that words ask for: Podman's names divided by blanks or commas, or the words of ps(1).
pub fn columns(words: &[String]) -> Result<Vec<Column>, ColumnError> {
    if words.first().is_some_and(|word| ps::is_meant(word)) {
        ps::columns(words)
    } else {
        columns::columns(words)
    }
}

/// All of Podman's names, one a line.
pub fn descriptors() -> String {
    columns::all_names().iter().map(|name| format!("{name}\n")).collect()
}

/// The table.
pub fn text(processes: &[ProcessInfo], columns: &[Column], surroundings: &Surroundings) -> String {
    let headings: Vec<&str> = columns.iter().map(|column| column.heading.as_str()).collect();
    let mut text = headings.join("\t");
    text.push('\n');
    push_rows(&mut text, processes, columns, surroundings);
    align(&text)
}

/// One table of the processes of several containers, each with its own surroundings.
pub fn text_of_all(containers: &[(Vec<ProcessInfo>, Surroundings)], columns: &[Column]) -> String {
    let headings: Vec<&str> = columns.iter().map(|column| column.heading.as_str()).collect();
    let mut text = headings.join("\t");
    text.push('\n');
    for (processes, surroundings) in containers {
        push_rows(&mut text, processes, columns, surroundings);
    }
    align(&text)
}

fn push_rows(text: &mut String, processes: &[ProcessInfo], columns: &[Column], surroundings: &Surroundings) {
    for process in processes {
        let cells: Vec<String> = columns.iter().map(|column| (column.show)(process, surroundings)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", cells.join("\t"));
    }
}

/// Program and arguments on one line; a process may call itself anything.
fn arguments(process: &ProcessInfo) -> String {
    let whole = match process.arguments.is_empty() {
        true => format!("[{}]", process.name),
        false => process.arguments.join(" "),
    };
    plain(&whole)
}

fn plain(text: &str) -> String {
    text.chars().map(|part| if part.is_control() { ' ' } else { part }).collect()
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

/// So many seconds as Go writes them: `1h2m3.5s`.
fn duration(seconds: f64) -> String {
    go_duration(std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
