//! Filters of `network ls`.

use std::time::SystemTime;

use pontoon_network::config::DEFAULT_NETWORK;

use super::{Filter, FilterError, check, check_one_value, check_values, has_label, keep, passes};
use crate::time::moment_of;
use crate::view::network;

const FILTERS: &[&str] = &["dangling", "driver", "id", "label", "name", "until"];

/// Checks the filters of `network ls`, even where there is nothing to try them on.
pub fn check_networks(filters: &[Filter]) -> Result<(), FilterError> {
    check(filters, FILTERS)?;
    check_one_value(filters, &["dangling", "until"])?;
    check_values(filters, |filter| match filter.key.as_str() {
        "name" | "id" => filter.pattern().map(drop),
        "dangling" => filter.flag().map(drop),
        _ => Ok(()),
    })
}

/// Keeps the networks that pass.
pub fn networks(rows: Vec<network::Row>, filters: &[Filter]) -> Result<Vec<network::Row>, FilterError> {
    check_networks(filters)?;
    keep(rows, |row| {
        let config = &row.config;
        passes(filters, |filter| {
            Ok(match filter.key.as_str() {
                "name" => filter.matches(&config.name)?,
                "driver" => config.driver.to_string() == filter.value,
                "id" => filter.matches(&config.id)?,
                "dangling" => {
                    // The one that is always there is never left over.
                    filter.flag()? == (!row.is_used && config.name != DEFAULT_NETWORK)
                }
                "label" => has_label(&config.labels, &filter.value),
                "label!" => !has_label(&config.labels, &filter.value),
                "until" => {
                    let created = moment_of(&config.created).unwrap_or(SystemTime::UNIX_EPOCH);
                    created < filter.moment()?
                }
                _ => return Err(filter.unknown(FILTERS)),
            })
        })
    })
}
