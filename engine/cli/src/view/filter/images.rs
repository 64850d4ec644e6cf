//! Filters of `images`.

use std::time::SystemTime;

use super::{Filter, FilterError, check, check_values, has_label, keep, passes};
use crate::view::images;

const FILTERS: &[&str] = &[
    "after",
    "before",
    "containers",
    "dangling",
    "digest",
    "id",
    "intermediate",
    "label",
    "manifest",
    "readonly",
    "reference",
    "since",
    "until",
];

/// Keeps the images that pass.
pub fn images(rows: Vec<images::Row>, filters: &[Filter]) -> Result<Vec<images::Row>, FilterError> {
    let all: Vec<(String, Vec<String>, Option<SystemTime>)> =
        rows.iter().map(|row| (row.id.clone(), row.names.clone(), row.created)).collect();
    let created = |filter: &Filter| {
        let named = |(id, names, _): &&(String, Vec<String>, _)| {
            id.starts_with(&filter.value) || names.iter().any(|name| is_reference(name, &filter.value))
        };
        all.iter().find(named).map(|(_, _, created)| *created).ok_or_else(|| filter.no_such("image"))
    };
    check(filters, FILTERS)?;
    check_values(filters, |filter| match filter.key.as_str() {
        "dangling" | "containers" | "intermediate" | "manifest" | "readonly" => filter.flag().map(drop),
        "before" | "since" | "after" => created(filter).map(drop),
        _ => Ok(()),
    })?;
    keep(rows, |row| {
        passes(filters, |filter| {
            Ok(match filter.key.as_str() {
                "id" => row.id.starts_with(filter.value.trim_start_matches("sha256:")),
                "dangling" => row.names.is_empty() == filter.flag()?,
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                "containers" => (row.containers > 0) == filter.flag()?,
                "digest" => row.digest.starts_with(&filter.value),
                // Every image is one of its own, in the one store there is.
                "intermediate" | "manifest" | "readonly" => !filter.flag()?,
                "until" => {
                    let moment = filter.moment()?;
                    row.created.is_some_and(|created| created <= moment)
                }
                "reference" => row.names.iter().any(|name| is_reference(name, &filter.value)),
                "before" => row.created < created(filter)?,
                "since" | "after" => row.created > created(filter)?,
                _ => return Err(filter.unknown(FILTERS)),
            })
        })
    })
}

/// Whether an image's full name is what somebody may have written: with or without registry and tag, `*` is anything.
pub fn is_reference(full: &str, wanted: &str) -> bool {
    let untagged = |name: &str| match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name.to_owned(),
        _ => name.to_owned(),
    };
    let has_tag = untagged(wanted) != wanted;
    let full = if has_tag { full.to_owned() } else { untagged(full) };
    let tails = full.match_indices('/').map(|(index, _)| full.get(index + 1..).unwrap_or_default());
    std::iter::once(full.as_str()).chain(tails).any(|name| glob(name, wanted))
}

/// Whether the text is the pattern, in which `*` stands for anything.
fn glob(text: &str, pattern: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(index) = rest.find(piece) else { return false };
        rest = rest.get(index + piece.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}
