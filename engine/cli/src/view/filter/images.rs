//! Filters of `images` and `image prune`.

use std::time::SystemTime;

use pontoon_lifecycle::glob;

use super::{Filter, FilterError, check, check_one_value, check_values, has_label, keep, passes_with};
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

/// How much of an id is taken for one where a name may stand, too.
const SHORTEST_ID: usize = 12;

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
    // Each of them may be the opposite, `KEY!=VALUE`.
    let plain: Vec<Filter> = filters.iter().map(|it| it.denied().unwrap_or_else(|| it.clone())).collect();
    check(&plain, FILTERS)?;
    check_one_value(filters, &["containers", "dangling", "intermediate", "manifest", "readonly"])?;
    check_values(&plain, |filter| match filter.key.as_str() {
        "dangling" | "containers" | "intermediate" | "manifest" | "readonly" => filter.flag().map(drop),
        "before" | "since" | "after" => created(filter).map(drop),
        "digest" if !filter.value.contains(':') => Err(filter.wrong_value("a digest as sha256:…")),
        _ => Ok(()),
    })?;
    let is = |row: &images::Row, filter: &Filter| {
        Ok(match filter.key.as_str() {
            "id" => row.id.starts_with(filter.value.trim_start_matches("sha256:")),
            "dangling" => row.names.is_empty() == filter.flag()?,
            "label" => has_label(&row.labels, &filter.value),
            "containers" => (row.containers > 0) == filter.flag()?,
            "digest" => row.digest.starts_with(&filter.value),
            // Every image is one of its own, in the one store there is.
            "intermediate" | "manifest" | "readonly" => !filter.flag()?,
            "until" => {
                let moment = filter.moment()?;
                row.created.is_some_and(|created| created <= moment)
            }
            "reference" => {
                let is_id = filter.value.len() >= SHORTEST_ID && row.id.starts_with(&filter.value);
                is_id || row.names.iter().any(|name| is_reference(name, &filter.value))
            }
            "before" => row.created < created(filter)?,
            "since" | "after" => row.created > created(filter)?,
            _ => return Err(filter.unknown(FILTERS)),
        })
    };
    let all_must_hold =
        |key: &str| key.ends_with('!') || matches!(key, "label" | "after" | "before" | "since" | "until");
    keep(rows, |row| {
        passes_with(filters, all_must_hold, |filter| match filter.denied() {
            Some(opposite) => Ok(!is(row, &opposite)?),
            None => is(row, filter),
        })
    })
}

/// Whether an image's full name is what somebody may have written: with or without registry and tag. As in Go's `path.Match`,
/// `*`, `?` and `[…]` stand for what has no slash.
pub fn is_reference(full: &str, wanted: &str) -> bool {
    let untagged = |name: &str| match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name.to_owned(),
        _ => name.to_owned(),
    };
    let has_tag = untagged(wanted) != wanted;
    let full = if has_tag { full.to_owned() } else { untagged(full) };
    let mut parts = full.rsplit('/');
    wanted.rsplit('/').all(|pattern| parts.next().is_some_and(|part| glob::is_match(pattern, part)))
}
