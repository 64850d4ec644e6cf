//! Values that name other files: `Volume=`, `Image=`.
//!
//! Knows how such a value is taken apart and what `[Unit]` gets for it.

use super::common::CommandLine;
use super::draft::Draft;
use super::neighbours::Neighbours;
use super::{UNIT, paths};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::quote;
use crate::values::Value;

/// One `Volume=`: `-v` with the source resolved.
pub(super) fn volume(
    value: &Value<'_>,
    directory: &str,
    neighbours: &Neighbours<'_>,
    run: &mut CommandLine,
    draft: &mut Draft<'_>,
    faults: &mut Diagnostics,
) {
    if faults.is_full() {
        return;
    }
    let mut parts = value.text.splitn(3, ':');
    let (first, second, options) = (parts.next().unwrap_or(""), parts.next(), parts.next());
    let Some(destination) = second else {
        run.extend(&["-v", first]);
        return;
    };
    if destination.is_empty() {
        let fault = Diagnostic::error(value.place(), "the place inside the container is missing");
        faults.push(fault.with_hint("write `Volume=SOURCE:PLACE` or `Volume=SOURCE:PLACE:OPTIONS`"));
        return;
    }
    let source = match source(first, value, directory, neighbours, draft) {
        Ok(source) => source,
        Err(fault) => {
            faults.push(*fault);
            return;
        }
    };
    match (source.is_empty(), options) {
        (true, None) => run.extend(&["-v", destination]),
        (true, Some(_)) => {
            let fault = Diagnostic::error(value.place(), "options without a source");
            faults.push(fault.with_hint("name a volume or a directory before the first `:`"));
        }
        (false, None) => run.extend(&["-v", &format!("{source}:{destination}")]),
        (false, Some(options)) => run.extend(&["-v", &format!("{source}:{destination}:{options}")]),
    }
}

/// What a source stands for; `[Unit]` gets what must be there before.
fn source(
    source: &str,
    value: &Value<'_>,
    directory: &str,
    neighbours: &Neighbours<'_>,
    draft: &mut Draft<'_>,
) -> Result<String, Box<Diagnostic>> {
    let path = if source.starts_with('.') { paths::absolute(directory, source) } else { source.to_owned() };
    if path.starts_with('/') {
        draft.add(UNIT, "RequiresMountsFor", quote::join([&path]));
        return Ok(path);
    }
    if path.ends_with(".artifact") {
        return Err(unsupported(value, "artifact"));
    }
    if path.ends_with(".volume") {
        let (service, resource) = neighbours.resource(&path, value)?;
        for key in ["Requires", "After"] {
            draft.add(UNIT, key, service.to_owned());
        }
        return Ok(resource);
    }
    Ok(path)
}

/// `Image=`: the image, with a word of warning if its registry is left to chance.
pub(super) fn image(value: &Value<'_>, run: &mut CommandLine, faults: &mut Diagnostics) {
    for extension in ["image", "build"] {
        if value.text.strip_suffix(extension).is_some_and(|rest| rest.ends_with('.')) {
            faults.push(*unsupported(value, extension));
            return;
        }
    }
    if let Some(fault) = taken_for_an_option(value) {
        faults.push(fault);
    } else if is_short_name(&value.text) {
        let text = format!("`{}` does not say which registry it is from", crate::parse::brief(&value.text));
        let fault = Diagnostic::warning(value.place(), text);
        faults.push(fault.with_hint("write the whole name, such as `docker.io/library/nginx:1.27`"));
    }
    run.push(&value.text);
}

/// A reference to a type of file that cannot be converted so far.
fn unsupported(value: &Value<'_>, extension: &str) -> Box<Diagnostic> {
    let text = format!("`{}`: .{extension} files are not supported yet", crate::parse::brief(&value.text));
    Box::new(Diagnostic::error(value.place(), text))
}

/// A positional word that begins like an option would be read as one.
pub(super) fn taken_for_an_option(value: &Value<'_>) -> Option<Diagnostic> {
    let text = format!("`{}` is no name, it begins with a dash", crate::parse::brief(&value.text));
    value.text.starts_with('-').then(|| Diagnostic::error(value.place(), text))
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
