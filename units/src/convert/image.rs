//! `.image` and `.artifact` files to the services that pull them.

use super::command::CommandLine;
use super::references;
use super::work::Work;
use crate::vocabulary::Key;

/// Writes the service of an image.
pub(super) fn convert(work: &mut Work<'_>) {
    pull(work, &["image", "pull"], "Image");
    if let Some(image) = work.scalar("Image") {
        references::warn_of_short_name(work, &image);
    }
}

/// Writes the service of an artifact.
pub(super) fn convert_artifact(work: &mut Work<'_>) {
    pull(work, &["artifact", "pull"], "Artifact");
    if let Some(artifact) = work.scalar("Artifact") {
        work.refuse_dash(&artifact);
    }
}

fn pull(work: &mut Work<'_>, words: &[&str], what: &'static str) {
    if work.scalar(what).is_none() {
        let hint = format!("add `{what}=` with the whole name, its registry included");
        work.lacks(what, &format!("there is no `{what}=` to pull"), &hint);
    }
    let mut line = work.command(words);
    work.rows(&mut line, |work, key, line| own(work, key, line, what));
    work.service("ExecStart", line.finish());
    work.runs_once(true);
}

fn own(work: &mut Work<'_>, key: &Key, line: &mut CommandLine, what: &str) {
    if let Some(name) = work.scalar(what).filter(|_| key.name == what) {
        line.push(&name.text);
    }
}
