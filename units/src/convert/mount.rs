//! `Mount=`: a list of fields separated by commas, whose source may be a file of ours or a path.

use super::command::CommandLine;
use super::references;
use super::work::Work;
use crate::csv;
use crate::kind::UnitKind;
use crate::values::Value;

/// The types whose source is resolved; what others take is theirs.
const RESOLVED: [&str; 5] = ["volume", "bind", "glob", "image", "artifact"];

/// The files a source may name.
const KINDS: [UnitKind; 3] = [UnitKind::Volume, UnitKind::Artifact, UnitKind::Image];

/// All mounts.
pub(super) fn mounts(work: &mut Work<'_>, line: &mut CommandLine) {
    for value in work.words("Mount") {
        if work.faults.is_full() {
            return;
        }
        if let Some(mount) = mount(work, &value) {
            line.extend(&["--mount", &mount]);
        }
    }
}

fn mount(work: &mut Work<'_>, value: &Value<'_>) -> Option<String> {
    let mut fields = match csv::read(&value.text) {
        Ok(fields) => fields,
        Err(fault) => {
            let hint = "put double quotes around a field that holds a comma, and double those inside it";
            work.error(value, format!("the mount cannot be taken apart: {fault}"), hint);
            return None;
        }
    };
    let given = fields.iter().position(|field| is_type(field)).map(|index| fields.remove(index));
    let kind = given.as_deref().and_then(|field| field.strip_prefix("type=")).unwrap_or("volume");
    if !RESOLVED.contains(&kind) {
        return Some(value.text.to_string());
    }
    let is_source = |field: &String| {
        let name = field.split_once('=').map_or(field.as_str(), |(name, _)| name);
        matches!(name, "source" | "src")
    };
    match fields.iter().rposition(is_source) {
        Some(index) => {
            let field = fields.get(index)?;
            let source = field.split_once('=').map(|(_, source)| source).filter(|source| !source.is_empty());
            let Some(source) = source.map(str::to_owned) else {
                work.error(
                    value,
                    format!("`{field}` names no source"),
                    "write `source=PATH` or the name of a volume",
                );
                return None;
            };
            let resolved = references::source(work, &source, value, &KINDS)?;
            *fields.get_mut(index)? = format!("source={resolved}");
        }
        None if kind != "volume" => {
            let text = format!("a mount of type {kind} needs a source");
            work.error(value, text, format!("write `type={kind},source=…,destination=…`"));
            return None;
        }
        None => {}
    }
    fields.insert(0, format!("type={kind}"));
    Some(csv::write(&fields))
}

/// Whether a field is exactly `type=X`.
fn is_type(field: &str) -> bool {
    field.strip_prefix("type=").is_some_and(|kind| !kind.contains('='))
}
