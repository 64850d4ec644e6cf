//! Filters of what prunes.

use std::collections::BTreeMap;
use std::time::SystemTime;

use super::{Filter, FilterError, check, check_one_value, check_values, has_label, passes};

const FILTERS: &[&str] = &["label", "label!", "until"];

/// Checks the filters of what prunes, even where there is nothing to prune.
pub fn check_prune(filters: &[Filter]) -> Result<(), FilterError> {
    check(filters, FILTERS)?;
    check_one_value(filters, &["until"])?;
    check_values(filters, |_| Ok(()))
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
        _ => Ok(created < filter.moment_before(now)?),
    })
}
