//! Filters of `secret ls`.

use super::{Filter, FilterError, check, keep, passes};
use crate::view::secret;

const FILTERS: &[&str] = &["driver", "id", "name"];

/// Keeps the secrets that pass.
pub fn secrets(rows: Vec<secret::Row>, filters: &[Filter]) -> Result<Vec<secret::Row>, FilterError> {
    check(filters, FILTERS)?;
    keep(rows, |row| {
        passes(filters, |filter| match filter.key.as_str() {
            "name" => filter.matches(&row.name),
            "driver" => Ok(row.driver == filter.value),
            _ => Ok(row.id.starts_with(&filter.value)),
        })
    })
}
