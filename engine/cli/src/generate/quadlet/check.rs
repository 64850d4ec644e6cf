//! Files converted back and compared with what they were made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use pontoon_units::words::{Splitting, split};
use pontoon_units::{Accounts, Content, Settings, Severity, Source, UnitKind, csv};

use super::file::File;
use super::keys::{OF_THE_SERVICE, last_ones};
use super::{QuadletError, Subject};
use crate::generate::line::{Given, Line};

/// A file that says something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The file.
    pub(super) file: String,
    /// The options that differ, or `image` for what follows them.
    pub(super) options: Vec<String>,
}

/// The files that say something else than the lines they were made of.
pub(super) fn differences(
    files: &[File],
    subjects: &[Subject],
    lines: &[Line],
    user: bool,
) -> Result<Vec<Difference>, QuadletError> {
    let sources: Vec<Source> = files.iter().map(source).collect();
    let settings = Settings { user, engine: "pontoon".to_owned(), accounts: Accounts::default() };
    let conversion = pontoon_units::convert(&sources, &settings);
    if let Some(fault) = conversion.faults().find(|it| it.severity == Severity::Error) {
        let file = fault.place.file.rsplit('/').next().unwrap_or_default().to_owned();
        return Err(QuadletError::Fault { file, fault: fault.text.clone() });
    }
    let mut found = Vec::new();
    for ((file, subject), line) in files.iter().zip(subjects).zip(lines) {
        let fault = |fault: &str| QuadletError::Fault { file: file.name.clone(), fault: fault.to_owned() };
        let path = path(file);
        let service = conversion.services.iter().find(|it| *it.source == *path);
        let service = service.ok_or_else(|| fault("it becomes no service"))?;
        let again =
            command(subject.kind, &service.text).ok_or_else(|| fault("its command cannot be read"))?;
        let options = compare(subject.kind, line, &again);
        if !options.is_empty() {
            found.push(Difference { file: file.name.clone(), options });
        }
    }
    Ok(found)
}

/// Where a file would lie: somewhere absolute.
fn path(file: &File) -> String {
    format!("/units/{}", file.name)
}

fn source(file: &File) -> Source {
    Source {
        name: file.name.clone(),
        path: Arc::from(path(file)),
        content: Content::Text(file.text().into_bytes()),
        drop_ins: Vec::new(),
    }
}

/// The command line of a service that makes the thing.
fn command(kind: UnitKind, text: &str) -> Option<Line> {
    let key = if kind == UnitKind::Pod { "ExecStartPre=" } else { "ExecStart=" };
    let line = text.lines().filter_map(|line| line.strip_prefix(key)).next_back()?;
    let words = split(line, Splitting::Command).ok()?;
    let words: Vec<String> =
        words.into_iter().map(|it| it.text.replace("%%", "%").replace("$$", "$")).collect();
    let parsed = match kind {
        UnitKind::Pod => Line::of("pod create", &words),
        UnitKind::Volume => Line::of("volume create", &words),
        UnitKind::Network => Line::of("network create", &words),
        _ => Line::of_container(&words),
    };
    parsed.ok()
}

/// The options that two lines do not have in common.
fn compare(kind: UnitKind, one: &Line, other: &Line) -> Vec<String> {
    let (ours, theirs) = (settings(kind, one, one), settings(kind, other, one));
    let mut differs: Vec<String> = ours
        .keys()
        .chain(theirs.keys())
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .cloned()
        .collect();
    differs.sort();
    differs.dedup();
    if kind == UnitKind::Container && one.rest != other.rest {
        differs.push("image".to_owned());
    }
    if one.global_words() != other.global_words() {
        differs.push("root".to_owned());
    }
    differs
}

/// What a line says, in a form in which it can be compared; `original` is the line that was said.
fn settings(kind: UnitKind, line: &Line, original: &Line) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for given in last_ones(line).filter(|it| !it.is_global) {
        let name = given.name.as_str();
        let is_ours = match kind {
            UnitKind::Container => matches!(name, "restart"),
            // The name may stand for itself, and these are the unit's own business.
            UnitKind::Pod => matches!(name, "name" | "infra-conmon-pidfile" | "pod-id-file"),
            _ => false,
        };
        let is_default = original.last(name).is_none()
            && matches!(name, "name" | "infra-name" | "exit-policy" | "cgroups" | "sdnotify");
        if OF_THE_SERVICE.contains(&name) || is_ours || is_default {
            continue;
        }
        if let Some(value) = value(given) {
            found.entry(given.name.clone()).or_default().push(value);
        }
    }
    for name in ["env", "label", "annotation"] {
        if let Some(values) = found.get_mut(name) {
            let mut last = BTreeMap::new();
            for value in values.drain(..) {
                let key = value.split_once('=').map_or(value.as_str(), |(key, _)| key).to_owned();
                last.insert(key, value);
            }
            values.extend(last.into_values());
        }
    }
    found.get_mut("security-opt").into_iter().for_each(|it| it.sort());
    found.get_mut("opt").into_iter().for_each(|it| it.sort());
    found
}

/// A value without the ways in which it can be written; `None` if it says what is so anyhow.
fn value(given: &Given) -> Option<String> {
    let text = given.value.as_deref();
    Some(match (given.name.as_str(), text) {
        ("cgroups", Some("disabled")) => "disabled".to_owned(),
        ("cgroups", _) => return None,
        ("sdnotify", Some(word @ ("container" | "healthy"))) => word.to_owned(),
        ("sdnotify", _) => return None,
        ("driver", Some("local" | "bridge")) => return None,
        ("cap-add" | "cap-drop", Some(text)) => text.to_lowercase(),
        ("mount", Some(text)) => {
            let mut fields = csv::read(text).unwrap_or_else(|_| vec![text.to_owned()]);
            for field in &mut fields {
                if let Some(source) = field.strip_prefix("src=") {
                    *field = format!("source={source}");
                }
            }
            fields.sort();
            csv::write(&fields)
        }
        (_, Some(_)) if !given.wants_value => if given.is_on() { "true" } else { "false" }.to_owned(),
        (_, Some(text)) => text.to_owned(),
        (_, None) => "true".to_owned(),
    })
}
