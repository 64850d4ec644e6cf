//! Filters of `volume ls` and `volume prune`.

use std::time::SystemTime;

use super::{Filter, FilterError, check, check_one_value, check_values, has_label, keep, passes};
use crate::view::volume;

const FILTERS: &[&str] =
    &["after", "all", "anonymous", "dangling", "driver", "label", "name", "opt", "scope", "since", "until"];

/// Keeps the volumes that pass.
pub fn volumes(rows: Vec<volume::Row>, filters: &[Filter]) -> Result<Vec<volume::Row>, FilterError> {
    let all: Vec<(String, SystemTime)> = rows.iter().map(|row| (row.name.clone(), row.created)).collect();
    let created = |filter: &Filter| {
        let exact = all.iter().find(|(name, _)| *name == filter.value);
        let begun = || {
            let mut begun =
                all.iter().filter(|(name, _)| !filter.value.is_empty() && name.starts_with(&filter.value));
            begun.next().filter(|_| begun.next().is_none())
        };
        let found = exact.or_else(begun);
        found.map(|(_, created)| *created).ok_or_else(|| filter.no_such("volume"))
    };
    check(filters, FILTERS)?;
    check_one_value(filters, &["until"])?;
    check_values(filters, |filter| match filter.key.as_str() {
        "name" => filter.pattern().map(drop),
        "after" | "since" => created(filter).map(drop),
        "all" | "anonymous" | "dangling" => filter.flag().map(drop),
        _ => Ok(()),
    })?;
    keep(rows, |row| {
        passes(filters, |filter| {
            Ok(match filter.key.as_str() {
                "name" => filter.matches(&row.name)?,
                "driver" | "scope" => filter.value == "local",
                "opt" => has_label(&row.options, &filter.value),
                "after" | "since" => row.created > created(filter)?,
                "until" => row.created <= filter.moment()?,
                "dangling" => (row.containers == 0) == filter.flag()?,
                "anonymous" => row.anonymous == filter.flag()?,
                // A word of `prune`: all of them, or only those without a name.
                "all" => row.anonymous || filter.flag()?,
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                _ => return Err(filter.unknown(FILTERS)),
            })
        })
    })
}
