//! A `.secret` file to the service that makes the secret, and to the timer that has it made again.
//!
//! The service runs each time that a container which uses the secret starts, and ends at once: so what the container gets is
//! what there is. Where the data has changed, the engine restarts the services whose containers have the old one.

use super::command::CommandLine;
use super::draft::Draft;
use super::work::{self, Work};
use super::{UNIT, activation, paths};
use crate::calendar;
use crate::parse::brief;
use crate::values::Value;
use crate::vocabulary::Key;

/// Where the data may come from: one of these.
const SOURCES: [&str; 3] = ["File", "Credential", "Command"];

/// The timer of a service.
pub(super) fn timer_name(service: &str) -> String {
    format!("{}.timer", service.strip_suffix(".service").unwrap_or(service))
}

/// Writes the service, and the timer.
pub(super) fn convert(work: &mut Work<'_>) {
    one_source(work);
    let name = work.file.resource();
    let mut renew = work.command_for_user(&["secret", "renew"]);
    work.rows(&mut renew, |work, key, renew| own(work, key, renew, &name));
    work.service("ExecStart", renew.finish());
    work.runs_once(false);
    timer(work);
}

fn own(work: &mut Work<'_>, key: &Key, renew: &mut CommandLine, name: &str) {
    match key.name {
        "File" => {
            if let Some(file) = work.scalar("File") {
                let path = work.path(&file.text);
                let needed = paths::absolute_unless_expanded(&work.directory_in_unit(), &file.text);
                if needed.starts_with('/') {
                    work.draft.add(UNIT, "RequiresMountsFor", crate::quote::join([&needed]));
                }
                renew.extend(&["--file", &path]);
            }
        }
        "Credential" => {
            if let Some(credential) = work.scalar("Credential") {
                if credential.text.contains('/') {
                    let text = format!("`{}` is no name of a credential", brief(&credential.text));
                    let hint =
                        "give it a name by `LoadCredential=NAME:PATH` in [Service], and that name here";
                    work.error(&credential, text, hint);
                }
                renew.extend(&["--file", &format!("%d/{}", credential.text)]);
            }
        }
        "SecretName" => {
            if let Some(given) = work.scalar("SecretName") {
                work.refuse_dash(&given);
            }
            renew.push(name);
        }
        "Command" => {
            let words = work.words("Command");
            if words.is_empty() {
                return;
            }
            renew.push("--");
            words.iter().for_each(|word| renew.push(&word.text));
        }
        _ => {}
    }
}

/// There must be one place that the data comes from.
fn one_source(work: &mut Work<'_>) {
    let mut given = Vec::new();
    for key in SOURCES {
        let first = match key {
            "Command" => work.words(key).into_iter().next(),
            _ => work.scalar(key),
        };
        given.extend(first.map(|value| (key, value)));
    }
    match &given[..] {
        [] => work.lacks(
            "File",
            "nothing says where the secret comes from",
            "add `File=`, `Credential=` or `Command=` to [Secret]",
        ),
        [_] => {}
        [(one, _), (other, value), ..] => {
            let text = format!("`{other}=` and `{one}=` exclude each other");
            work.error(value, text, "keep the one that the secret comes from");
        }
    }
}

/// What `Renew=` may be.
const WHEN: &str = "write a time such as `30min`, `1h` or `1d` from run to run, or when it is as in systemd.time(7), such as `daily`, \
                    `Mon..Fri 03:00`, `*-*-01 04:30:00 Europe/Berlin`";

/// `Renew=`: the service runs again so long after it has run, or when the calendar says so.
fn timer(work: &mut Work<'_>) {
    let Some(renew) = work.scalar("Renew") else { return };
    let (key, when) = match (activation::seconds(&renew.text), calendar::check(&renew.text)) {
        (Some(seconds), _) => ("OnUnitInactiveSec", format!("{seconds}s")),
        (None, Ok(())) => ("OnCalendar", renew.text.trim().to_owned()),
        (None, Err(wrong)) => {
            let text = format!(
                "`{}` is neither a time of at least a second nor in the calendar: `{}` {}",
                brief(&renew.text),
                brief(renew.text.get(wrong.offset..).unwrap_or_default()),
                wrong.reason
            );
            work.error_in(&renew, wrong.offset, text, WHEN);
            return;
        }
    };
    let Some(service) = work.file.service.as_deref() else { return };
    let mut draft = Draft::empty();
    draft.add(UNIT, "Description", format!("Renewal by {service}"));
    if let Some(path) = work::source_path(&work.file.path) {
        draft.add(UNIT, "SourcePath", path);
    }
    draft.add("Timer", key, when);
    // It begins with the first run, which somebody starts.
    work.tie(&["Wants"], timer_name(service));
    work.beside = Some(draft.to_text());
}

/// All `Secret=` lines of a container: `--secret`, with secrets of other files resolved. Where such a file says nothing of the
/// secret's name, the container sees it by the file's.
pub(super) fn used(work: &mut Work<'_>, line: &mut CommandLine) {
    for value in work.words("Secret") {
        if work.faults.is_full() {
            return;
        }
        let (name, options) = match value.text.split_once(',') {
            Some((name, options)) => (name, Some(options)),
            None => (&*value.text, None),
        };
        match given(work, name, options, &value) {
            Some(text) => line.extend(&["--secret", &text]),
            None => return,
        }
    }
}

fn given(work: &mut Work<'_>, name: &str, options: Option<&str>, value: &Value<'_>) -> Option<String> {
    if !name.ends_with(".secret") {
        return Some(value.text.to_string());
    }
    if !work.has_neighbour(name) {
        // With Podman it is the name of a secret, whatever it ends in.
        let text = format!("there is no file `{}`, so it is taken for the name of a secret", brief(name));
        work.warning(value, text, "write the file, or `pontoon secret create` that secret");
        return Some(value.text.to_string());
    }
    let stem = name.strip_suffix(".secret").unwrap_or(name);
    // A secret that cannot be renewed now is what it was before.
    let secret = work.provided(name, value, &["Wants", "After"])?;
    let has_target = options.is_some_and(|it| it.split(',').any(|it| it.starts_with("target=")));
    let target = if has_target || secret == stem { String::new() } else { format!(",target={stem}") };
    let options = options.map(|it| format!(",{it}")).unwrap_or_default();
    Some(format!("{secret}{options}{target}"))
}
