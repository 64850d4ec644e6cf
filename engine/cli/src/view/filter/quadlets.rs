//! Filters of `quadlet list`.

use super::{Filter, FilterError, check, keep, passes};
use crate::view::quadlets;

const FILTERS: &[&str] = &["name", "pod", "status"];

/// Keeps the unit files that pass.
pub fn quadlets(rows: Vec<quadlets::Row>, filters: &[Filter]) -> Result<Vec<quadlets::Row>, FilterError> {
    check(filters, FILTERS)?;
    keep(rows, |row| {
        passes(filters, |filter| match filter.key.as_str() {
            "name" => filter.matches(&row.name),
            "pod" => Ok(row.pod == filter.value),
            _ => Ok(row.status == filter.value || row.status.split('/').any(|word| word == filter.value)),
        })
    })
}
