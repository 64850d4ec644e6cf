//! A `.build` file to the service that builds the image.

use super::command::CommandLine;
use super::work::Work;
use super::{paths, references};
use crate::diagnostic::Diagnostic;
use crate::vocabulary::Key;

/// Writes the service.
pub(super) fn convert(work: &mut Work<'_>) {
    if work.list("ImageTag").is_empty() {
        let hint = "add a line such as `ImageTag=localhost/shop:latest`";
        work.lacks("ImageTag", "there is no `ImageTag=` to name the image", hint);
    }
    let context = context(work);
    let mut build = work.command(&["build"]);
    work.rows(&mut build, own);
    if let Some(context) = context {
        build.push(&context);
    }
    work.service("ExecStart", build.finish());
    work.runs_once(false);
}

fn own(work: &mut Work<'_>, key: &Key, build: &mut CommandLine) {
    match key.name {
        "Network" => references::networks(work, build),
        "Volume" => references::volumes(work, build),
        "File" => {
            if let Some(file) = work.scalar("File") {
                build.extend(&["--file", &file.text]);
            }
        }
        _ => {}
    }
}

/// What `SetWorkingDirectory=` asks for.
enum Asked {
    /// The directory of the unit file.
    Unit,
    /// The directory of `File=`.
    File,
    /// A directory or address that is the last word of the command.
    Context(String),
}

/// The last word of the command, the context, if there is one; `[Service]` gets the directory to work in,
/// unless it sets that itself.
fn context(work: &mut Work<'_>) -> Option<String> {
    let file = work.scalar("File");
    let own_directory = work.setting("WorkingDirectory").map(|value| value.text.into_owned());
    let stands_alone = file.as_ref().is_some_and(|file| stands_alone(&file.text));
    let Some(mode) = work.scalar("SetWorkingDirectory") else {
        return match (file, own_directory) {
            (Some(_), _) if stands_alone => None,
            (_, Some(directory)) => Some(directory),
            (Some(file), None) => {
                let hint = "add `SetWorkingDirectory=unit`, or write the whole path";
                work.error(&file, "a relative `File=` needs a directory to begin at", hint);
                None
            }
            (None, None) => {
                let place = work.file.section_place("Build");
                let fault = Diagnostic::error(place, "there is neither `File=` nor `SetWorkingDirectory=`");
                work.faults.push(
                    fault.with_hint("add `SetWorkingDirectory=unit` to build what lies beside this file"),
                );
                None
            }
        };
    };
    let asked = match mode.text.to_ascii_lowercase().as_str() {
        "unit" => Asked::Unit,
        "file" => Asked::File,
        "yaml" => {
            work.error(&mode, "`yaml` is for .kube files", "write `unit`, `file` or a directory");
            return None;
        }
        _ => Asked::Context(mode.text.to_string()),
    };
    let (directory, last_word) = match &asked {
        Asked::Unit => (work.directory_in_unit(), work.directory_in_command()),
        Asked::File => {
            let Some(file) = &file else {
                let text = "`SetWorkingDirectory=file` needs a `File=` beside it";
                work.error(&mode, text, "add `File=`, or write `SetWorkingDirectory=unit`");
                return None;
            };
            let in_unit = paths::absolute_unless_expanded(&work.directory_in_unit(), &file.text);
            (
                paths::parent(&in_unit).to_owned().into(),
                paths::parent(&work.path(&file.text)).to_owned().into(),
            )
        }
        Asked::Context(context) if context.starts_with('/') || is_address(context) => {
            return Some(context.clone());
        }
        Asked::Context(context) => (work.directory_in_unit(), context.clone().into()),
    };
    match (asked, own_directory) {
        (_, Some(own)) => (!stands_alone).then_some(own),
        (Asked::Context(_), None) => {
            work.service("WorkingDirectory", directory);
            Some(last_word.into_owned())
        }
        (Asked::Unit | Asked::File, None) => {
            work.service("WorkingDirectory", directory);
            (!stands_alone).then(|| last_word.into_owned())
        }
    }
}

/// Whether a Containerfile can be found without a directory to begin at.
fn stands_alone(file: &str) -> bool {
    file.starts_with('/') || is_address(file) || paths::is_expanded(file)
}

/// Whether a text is the address of something to fetch.
fn is_address(text: &str) -> bool {
    ["http://", "https://", "git://"].iter().any(|scheme| text.starts_with(scheme))
        || text.contains("github.com/")
}
