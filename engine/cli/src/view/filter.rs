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

use pontoon_lifecycle::glob;

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
    /// It is there several times, and only one of them can hold.
    #[error("the filter `{key}` is there with the values `{first}` and `{second}`, and takes one")]
    Twice {
        /// The key.
        key: String,
        /// One value.
        first: String,
        /// And another.
        second: String,
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
            Self::NoValue { .. } | Self::Value { .. } | Self::Twice { .. } | Self::NoSuch { .. } => None,
        }
    }
}

impl Filter {
    /// Whether it asks for what a container is doing, so that all of them are to be looked at.
    pub fn asks_for_state(&self) -> bool {
        self.key == "status"
    }

    /// Whether it asks for images with or without a name.
    pub fn asks_for_names(&self) -> bool {
        self.key.trim_end_matches('!') == "dangling"
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

    /// What it is the opposite of, if it is `KEY!=VALUE`.
    fn denied(&self) -> Option<Self> {
        let key = self.key.strip_suffix('!')?.to_owned();
        Some(Self { key, value: self.value.clone() })
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

    /// Whether the value means an id: by its first digits, in whatever case, or, where it is more than digits, by a regular
    /// expression.
    fn matches_id(&self, id: &str) -> Result<bool, FilterError> {
        if self.value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(id.starts_with(&self.value.to_ascii_lowercase()));
        }
        self.matches(id)
    }

    /// The same filter for names of containers, which have no slash: as in Podman, it plays no part, so that `^/NAME$`, which
    /// is Docker's way, is found as well.
    fn without_slashes(&self) -> Self {
        Self { key: self.key.clone(), value: self.value.replace('/', "") }
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
        match self.value.to_ascii_lowercase().as_str() {
            "true" | "t" | "1" => Ok(true),
            "false" | "f" | "0" => Ok(false),
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

/// Refuses filters of one of the keys that are there with different values, of which a row cannot have both.
fn check_one_value(filters: &[Filter], keys: &[&str]) -> Result<(), FilterError> {
    for (number, filter) in filters.iter().enumerate().filter(|(_, it)| keys.contains(&it.key.as_str())) {
        let other = filters.iter().skip(number).find(|it| it.key == filter.key && it.value != filter.value);
        if let Some(other) = other {
            let (first, second) = (filter.value.clone(), other.value.clone());
            return Err(FilterError::Twice { key: filter.key.clone(), first, second });
        }
    }
    Ok(())
}

/// Whether a row passes: filters of the same key are alternatives, different keys must all hold; all labels must hold,
/// and who is to be older than several is older than the oldest.
fn passes(
    filters: &[Filter],
    test: impl FnMut(&Filter) -> Result<bool, FilterError>,
) -> Result<bool, FilterError> {
    passes_with(filters, |key| key.starts_with("label") || key == "before", test)
}

/// The same where a list has keys of its own of which all filters must hold.
fn passes_with(
    filters: &[Filter],
    all_must_hold: impl Fn(&str) -> bool,
    mut test: impl FnMut(&Filter) -> Result<bool, FilterError>,
) -> Result<bool, FilterError> {
    let mut passed = true;
    for filter in filters {
        let holds = if all_must_hold(&filter.key) {
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

/// Whether there is a label of that name, or of that name and value. As in Podman, an empty value is any, and a name with `*`
/// in it is that of every label in which it is found.
fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    let (key, value) = wanted.split_once('=').unwrap_or((wanted, ""));
    let pattern = key.contains('*').then(|| format!("*{key}*"));
    labels.iter().any(|(known, known_value)| {
        (value.is_empty() || known_value == value)
            && (known == key || pattern.as_ref().is_some_and(|it| glob::is_match(it, known)))
    })
}
