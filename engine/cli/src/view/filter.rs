//! `--filter KEY=VALUE` of lists.

mod containers;
mod events;
mod images;
mod networks;
mod pods;
mod prune;
mod quadlets;
mod secrets;
mod volumes;

use std::collections::BTreeMap;
use std::time::SystemTime;

pub use containers::containers;
pub use events::EventFilters;
pub use images::{images, is_reference};
pub use networks::{check_networks, networks};
pub use pods::pods;
pub use prune::{check_prune, may_be_pruned};
pub use quadlets::quadlets;
pub use secrets::secrets;
pub use volumes::volumes;

use crate::time::parse_since;

/// One `--filter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    key: String,
    value: String,
}

/// Why a filter cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It is not KEY=VALUE.
    #[error("invalid value `{text}` for `--filter`: it must be KEY=VALUE")]
    NoValue {
        /// As it was written.
        text: String,
    },
    /// There is no such filter here.
    #[error("`{key}` is no filter of this list")]
    Unknown {
        /// The key.
        key: String,
        /// Those there are.
        known: &'static [&'static str],
    },
    /// The value is none of the words that the filter takes.
    #[error("invalid value `{value}` for the filter `{key}`")]
    Word {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// Those there are.
        known: &'static [&'static str],
    },
    /// The filter does not take that value.
    #[error("invalid value `{value}` for the filter `{key}`: it must be {expected}")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What it takes.
        expected: &'static str,
    },
    /// It compares with something that is not there.
    #[error("the filter `{key}` names `{value}`, and there is no such {kind}")]
    NoSuch {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// What it names: `container`, `image` or `volume`.
        kind: &'static str,
    },
}

impl FilterError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { known, .. } => Some(format!("the filters are {}", known.join(", "))),
            Self::Word { known, .. } => Some(format!("it is one of {}", known.join(", "))),
            Self::NoValue { .. } | Self::Value { .. } | Self::NoSuch { .. } => None,
        }
    }
}

impl Filter {
    /// Whether it asks for what a container is doing, so that all of them are to be looked at.
    pub fn asks_for_state(&self) -> bool {
        matches!(self.key.as_str(), "status" | "exited")
    }

    /// Whether it asks for a pod, whose name is to be known.
    pub fn asks_for_pod(&self) -> bool {
        self.key == "pod"
    }

    /// Reads the values of all `--filter`.
    pub fn parse_all(values: &[String]) -> Result<Vec<Self>, FilterError> {
        values.iter().map(|value| Self::parse(value)).collect()
    }

    fn parse(text: &str) -> Result<Self, FilterError> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(FilterError::NoValue { text: text.to_owned() }),
        }
    }

    fn wrong_value(&self, expected: &'static str) -> FilterError {
        FilterError::Value { key: self.key.clone(), value: self.value.clone(), expected }
    }

    fn no_such(&self, kind: &'static str) -> FilterError {
        FilterError::NoSuch { key: self.key.clone(), value: self.value.clone(), kind }
    }

    /// The value, which must be one of the words.
    fn word(&self, known: &'static [&'static str]) -> Result<&str, FilterError> {
        match self.value.as_str() {
            value if known.contains(&value) => Ok(value),
            value => Err(FilterError::Word { key: self.key.clone(), value: value.to_owned(), known }),
        }
    }

    /// The value as a number.
    fn number<T: std::str::FromStr>(&self) -> Result<T, FilterError> {
        self.value.parse().map_err(|_| self.wrong_value("a number"))
    }

    fn unknown(&self, known: &'static [&'static str]) -> FilterError {
        FilterError::Unknown { key: self.key.clone(), known }
    }

    /// Whether the value, a regular expression, is found in a text.
    fn matches(&self, text: &str) -> Result<bool, FilterError> {
        Ok(self.pattern()?.is_match(text))
    }

    fn pattern(&self) -> Result<regex_lite::Regex, FilterError> {
        regex_lite::Regex::new(&self.value).map_err(|_| self.wrong_value("a regular expression"))
    }

    /// The moment that the value names, absolute or before now.
    fn moment(&self) -> Result<SystemTime, FilterError> {
        self.moment_before(SystemTime::now())
    }

    fn moment_before(&self, now: SystemTime) -> Result<SystemTime, FilterError> {
        parse_since(&self.value, now).map_err(|_| {
            self.wrong_value(
                "a time as 2026-11-21T08:30:00Z, seconds since 1970, or a duration before now as 1h30m",
            )
        })
    }

    fn flag(&self) -> Result<bool, FilterError> {
        match self.value.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(self.wrong_value("`true` or `false`")),
        }
    }
}

/// Refuses the first filter that a list does not have, even where there is no row to try it on.
fn check(filters: &[Filter], known: &'static [&'static str]) -> Result<(), FilterError> {
    let is_known = |key: &str| known.contains(&key) || (key == "label!" && known.contains(&"label"));
    match filters.iter().find(|filter| !is_known(&filter.key)) {
        Some(filter) => Err(filter.unknown(known)),
        None => Ok(()),
    }
}

/// The same for the values: `test` reads the one of a filter whose value is not just any text.
fn check_values(
    filters: &[Filter],
    mut test: impl FnMut(&Filter) -> Result<(), FilterError>,
) -> Result<(), FilterError> {
    filters.iter().try_for_each(|filter| match filter.key.as_str() {
        "until" => filter.moment().map(drop),
        _ => test(filter),
    })
}

/// Whether a row passes: filters of the same key are alternatives, different keys must all hold; all labels must hold.
fn passes(
    filters: &[Filter],
    mut test: impl FnMut(&Filter) -> Result<bool, FilterError>,
) -> Result<bool, FilterError> {
    let mut passed = true;
    for filter in filters {
        let all_must_hold =
            filter.key.starts_with("label") || matches!(filter.key.as_str(), "after" | "before" | "since");
        let holds = if all_must_hold {
            test(filter)?
        } else {
            let mut any = false;
            for same in filters.iter().filter(|other| other.key == filter.key) {
                any |= test(same)?;
            }
            any
        };
        passed &= holds;
    }
    Ok(passed)
}

/// Keeps the rows that pass.
fn keep<T>(
    rows: Vec<T>,
    mut test: impl FnMut(&T) -> Result<bool, FilterError>,
) -> Result<Vec<T>, FilterError> {
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        if test(&row)? {
            kept.push(row);
        }
    }
    Ok(kept)
}

/// Whether there is a label of that name, or of that name and value.
fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|known| known == value),
        None => labels.contains_key(wanted),
    }
}
