//! The overview of all commands, and of one group.

use std::fmt::Write as _;

use super::table::{self, Entry};

/// What stands before all options and is seen to before they are read.
const AS_USER: &str = "
As root, before everything else:
      --user <NAME>                Do it as this user, whom units of the system run as
";

/// What `pontoon --help` prints.
pub(super) fn overview() -> String {
    let mut text = String::from(
        "Rootless containers as systemd services\n\nUsage: pontoon [options] COMMAND\n\nCommands:\n",
    );
    let single: Vec<&Entry> =
        table::entries().filter(|entry| !entry.path.contains(' ') && !entry.path.starts_with('_')).collect();
    let groups = table::GROUPS.iter().map(|group| (group.name, group.about));
    let mut rows: Vec<(&str, &str)> =
        single.iter().map(|entry| (entry.path, entry.about)).chain(groups).collect();
    rows.sort_unstable();
    write_rows(&mut text, &rows);
    let options = super::global::parser().help_template("{options}").render_help();
    let _ = write!(
        text,
        "\nOptions:\n{options}{AS_USER}\n`pontoon COMMAND --help` tells more about a command.\n"
    );
    text
}

/// What `pontoon volume --help` and the like print.
pub(super) fn group(name: &str, about: &str) -> String {
    let mut text = format!("{about}\n\nUsage: pontoon {name} COMMAND\n\nCommands:\n");
    let rows = commands_of(name);
    let mut rows: Vec<(&str, &str)> =
        rows.iter().map(|(own, about)| (own.as_str(), about.as_str())).collect();
    rows.sort_unstable();
    write_rows(&mut text, &rows);
    text
}

/// The commands of a group, without the group's word, and what they do.
pub(super) fn commands_of(group: &str) -> Vec<(String, String)> {
    let own = |entry: &Entry| {
        let own = entry.path.strip_prefix(group)?.strip_prefix(' ')?;
        Some((own.to_owned(), entry.about.to_owned()))
    };
    table::entries().filter_map(own).collect()
}

fn write_rows(text: &mut String, rows: &[(&str, &str)]) {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, about) in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:width$}  {about}");
    }
}
