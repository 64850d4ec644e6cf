//! Values that may name other files: `Volume=`, `Network=`, `Image=`.
//!
//! Knows how such a value is taken apart and what `[Unit]` gets for it.

use super::command::CommandLine;
use super::work::Work;
use super::{UNIT, paths};
use crate::kind::UnitKind;
use crate::quote;
use crate::values::Value;

/// All `Volume=` lines: `-v` with the source resolved.
pub(super) fn volumes(work: &mut Work<'_>, line: &mut CommandLine) {
    for value in work.list("Volume") {
        if work.faults.is_full() {
            return;
        }
        volume(work, &value, line);
    }
}

fn volume(work: &mut Work<'_>, value: &Value<'_>, line: &mut CommandLine) {
    let mut parts = value.text.splitn(3, ':');
    let (first, second, options) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    let Some(destination) = second else {
        line.extend(&["-v", first]);
        return;
    };
    if destination.is_empty() {
        let hint = "write `Volume=SOURCE:PLACE` or `Volume=SOURCE:PLACE:OPTIONS`";
        work.error(value, "the place inside the container is missing", hint);
        return;
    }
    if first.is_empty() {
        match options {
            None => line.extend(&["-v", destination]),
            Some(_) => work.error(
                value,
                "options without a source",
                "name a volume or a directory before the first `:`",
            ),
        }
        return;
    }
    let Some(source) = source(work, first, value, &[UnitKind::Volume, UnitKind::Artifact]) else { return };
    line.extend(&[
        "-v",
        &match options {
            None => [&source, ":", destination].concat(),
            Some(options) => [&source, ":", destination, ":", options].concat(),
        },
    ]);
}

/// What the source of a volume or mount stands for; `[Unit]` gets what must be there before.
pub(super) fn source(
    work: &mut Work<'_>,
    source: &str,
    value: &Value<'_>,
    kinds: &[UnitKind],
) -> Option<String> {
    if source.starts_with(['.', '/']) {
        let needed = paths::absolute(&work.directory_in_unit(), source);
        work.draft.add(UNIT, "RequiresMountsFor", quote::join([&needed]));
        return Some(paths::absolute(&work.directory_in_command(), source).into_owned());
    }
    if UnitKind::of_file_name(source).is_some_and(|kind| kinds.contains(&kind)) {
        return work.resource_of(source, value);
    }
    Some(source.to_owned())
}

/// All `Network=` lines: `--network`, with networks and containers of other files resolved.
pub(super) fn networks(work: &mut Work<'_>, line: &mut CommandLine) {
    for value in work.list("Network") {
        if work.faults.is_full() {
            return;
        }
        let (name, options) = match value.text.split_once(':') {
            Some((name, options)) => (name, Some(options)),
            None => (&*value.text, None),
        };
        let network = match (UnitKind::of_file_name(name), options) {
            (Some(UnitKind::Network), _) => {
                let Some(network) = work.resource_of(name, &value) else { continue };
                match options {
                    Some(options) => format!("{network}:{options}"),
                    None => network,
                }
            }
            (Some(UnitKind::Container), Some(_)) => {
                let text = format!("the network of `{name}` is shared as it is, without options");
                work.error(&value, text, format!("write `Network={name}`"));
                continue;
            }
            (Some(UnitKind::Container), None) => match work.resource_of(name, &value) {
                Some(container) => format!("container:{container}"),
                None => continue,
            },
            _ => value.text.to_string(),
        };
        line.extend(&["--network", &network]);
    }
}

/// The image that `Image=` stands for, with a word of warning if its registry is left to chance.
pub(super) fn image(work: &mut Work<'_>, value: &Value<'_>) -> Option<String> {
    match UnitKind::of_file_name(&value.text) {
        Some(UnitKind::Build) => {
            let tag = work.resource_of(&value.text, value)?;
            // A build may be named after a file that pulls it.
            match UnitKind::of_file_name(&tag) {
                Some(UnitKind::Image) => work.resource_of(&tag, value),
                _ => Some(tag),
            }
        }
        Some(UnitKind::Image) => work.resource_of(&value.text, value),
        _ => {
            warn_of_short_name(work, value);
            Some(value.text.to_string())
        }
    }
}

/// Says a word if nobody knows which registry an image comes from.
pub(super) fn warn_of_short_name(work: &mut Work<'_>, value: &Value<'_>) {
    if value.text.starts_with('-') {
        work.refuse_dash(value);
    } else if is_short_name(&value.text) {
        let text = format!("`{}` does not say which registry it is from", crate::parse::brief(&value.text));
        work.warning(value, text, "write the whole name, such as `docker.io/library/nginx:1.27`");
    }
}

/// Whether an image's name lacks its registry.
fn is_short_name(name: &str) -> bool {
    let is_id = name.len() == 64 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    if name.starts_with("sha256:") || is_id {
        return false;
    }
    match name.split_once('/') {
        Some((registry, _)) => !(registry.contains(['.', ':']) || registry == "localhost"),
        None => true,
    }
}
