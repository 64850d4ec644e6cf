//! Filters of what prunes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{Filter, FilterError, check, has_label, passes};
use crate::time::parse_since;

const FILTERS: &[&str] = &["label", "label!", "until"];

/// Checks the filters of what prunes, even where there is nothing to prune.
pub fn check_prune(filters: &[Filter]) -> Result<(), FilterError> {
    check(filters, FILTERS)
}

/// Whether something of such labels and age may be removed.
pub fn may_be_pruned(
    filters: &[Filter],
    labels: &BTreeMap<String, String>,
    created: SystemTime,
    now: SystemTime,
) -> Result<bool, FilterError> {
    passes(filters, |filter| match filter.key.as_str() {
        "label" => Ok(has_label(labels, &filter.value)),
        "label!" => Ok(!has_label(labels, &filter.value)),
        _ => Ok(created < parse_since(&filter.value, now).map_err(|_| filter.wrong_value())?),
    })
}
