//! `--filter KEY=VALUE` of lists.

mod events;

use std::collections::BTreeMap;
use std::time::SystemTime;

pub use events::EventFilters;

use super::{images, network, pod, ps, quadlets, secret, volume};
use crate::time::{moment_of, parse_since};
use pontoon_network::config::DEFAULT_NETWORK;

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
    #[error("invalid value `{value}` for the filter `{key}`")]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
}

impl FilterError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { known, .. } => Some(format!("the filters are {}", known.join(", "))),
            Self::Word { known, .. } => Some(format!("it is one of {}", known.join(", "))),
            Self::NoValue { .. } | Self::Value { .. } => None,
        }
    }
}

const CONTAINER_FILTERS: &[&str] = &[
    "ancestor",
    "annotation",
    "before",
    "command",
    "exited",
    "health",
    "id",
    "label",
    "name",
    "network",
    "pod",
    "restart-policy",
    "should-start-on-boot",
    "since",
    "status",
    "until",
    "volume",
];
/// Values of the filter `health`.
const HEALTH: [&str; 4] = ["starting", "healthy", "unhealthy", "none"];
/// Values of the filter `restart-policy`.
const POLICIES: [&str; 4] = ["no", "always", "on-failure", "unless-stopped"];
const IMAGE_FILTERS: &[&str] = &[
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
const NETWORK_FILTERS: &[&str] = &["dangling", "driver", "id", "label", "name", "until"];
const POD_FILTERS: &[&str] = &[
    "ctr-ids",
    "ctr-names",
    "ctr-number",
    "ctr-status",
    "id",
    "label",
    "name",
    "network",
    "restart-policy",
    "status",
    "until",
];
/// Values of the filter `status` of pods.
const POD_STATES: [&str; 6] = ["created", "degraded", "exited", "paused", "running", "stopped"];
const QUADLET_FILTERS: &[&str] = &["name", "pod", "status"];
const SECRET_FILTERS: &[&str] = &["driver", "id", "name"];
const VOLUME_FILTERS: &[&str] =
    &["after", "anonymous", "dangling", "driver", "label", "name", "opt", "scope", "since", "until"];

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
                let inverted = key.strip_suffix('!').map(|key| format!("{key}!"));
                Ok(Self { key: inverted.unwrap_or_else(|| key.to_owned()), value: value.to_owned() })
            }
            _ => Err(FilterError::NoValue { text: text.to_owned() }),
        }
    }

    fn wrong_value(&self) -> FilterError {
        FilterError::Value { key: self.key.clone(), value: self.value.clone() }
    }

    fn unknown(&self, known: &'static [&'static str]) -> FilterError {
        FilterError::Unknown { key: self.key.clone(), known }
    }

    /// Whether the value, a regular expression, is found in a text.
    fn matches(&self, text: &str) -> Result<bool, FilterError> {
        Ok(regex_lite::Regex::new(&self.value).map_err(|_| self.wrong_value())?.is_match(text))
    }

    fn flag(&self) -> Result<bool, FilterError> {
        match self.value.as_str() {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(self.wrong_value()),
        }
    }
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

/// Keeps the containers that pass.
pub fn containers(rows: Vec<ps::Row>, filters: &[Filter]) -> Result<Vec<ps::Row>, FilterError> {
    let all: Vec<(String, Vec<String>, std::time::SystemTime)> =
        rows.iter().map(|row| (row.id.clone(), row.names.clone(), row.created)).collect();
    let created = |filter: &Filter| {
        let named = |(id, names, _): &&(String, Vec<String>, _)| {
            id.starts_with(&filter.value) || names.contains(&filter.value)
        };
        all.iter().find(named).map(|(_, _, created)| *created).ok_or_else(|| filter.wrong_value())
    };
    // The id and the names of a container.
    let aliases = |word: &str| -> Vec<String> {
        let is_it = |(id, names, _): &&(String, Vec<String>, _)| {
            id.starts_with(word) || names.iter().any(|it| it == word)
        };
        let found = all.iter().find(is_it);
        found.map(|(id, names, _)| names.iter().chain([id]).cloned().collect()).unwrap_or_default()
    };
    // A filter is checked even where there is no row to try it on.
    for filter in filters {
        if !CONTAINER_FILTERS.contains(&filter.key.trim_end_matches('!')) {
            return Err(filter.unknown(CONTAINER_FILTERS));
        }
    }
    keep(rows, |row| {
        passes(filters, |filter| {
            Ok(match filter.key.as_str() {
                "id" => row.id.starts_with(&filter.value),
                "name" => {
                    let mut any = false;
                    for name in &row.names {
                        any |= filter.matches(name)?;
                    }
                    any
                }
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                "status" => match filter.value.as_str() {
                    "stopped" => row.state == ps::State::Exited,
                    "configured" => row.state == ps::State::Created,
                    known if STATES.contains(&known) => row.state.word() == known,
                    _ => return Err(filter.wrong_value()),
                },
                "exited" => {
                    let code: i32 = filter.value.parse().map_err(|_| filter.wrong_value())?;
                    row.state == ps::State::Exited && row.exit_code == code
                }
                "ancestor" => {
                    is_reference(&row.image, &filter.value)
                        || row.image_id.starts_with(filter.value.trim_start_matches("sha256:"))
                }
                "volume" => row.volumes.iter().chain(&row.mounts).any(|volume| *volume == filter.value),
                "network" => match filter.value.strip_prefix("container:") {
                    Some(other) => aliases(other).contains(&row.network_of),
                    None => row.networks.contains(&filter.value),
                },
                "pod" => {
                    !row.pod.is_empty()
                        && (row.pod_name == filter.value || row.pod.starts_with(&filter.value))
                }
                "before" => row.created < created(filter)?,
                "since" => row.created > created(filter)?,
                "annotation" => has_label(&row.annotations, &filter.value),
                "command" => row.command.first().is_some_and(|word| *word == filter.value),
                "health" => match filter.value.as_str() {
                    "none" => row.health.is_empty(),
                    known if HEALTH.contains(&known) => row.health == known,
                    _ => return Err(filter.wrong_value()),
                },
                "restart-policy" if POLICIES.contains(&filter.value.as_str()) => {
                    row.restart_policy == filter.value
                }
                "restart-policy" => return Err(filter.wrong_value()),
                "should-start-on-boot" => row.starts_on_boot == filter.flag()?,
                "until" => {
                    let moment = parse_since(&filter.value, std::time::SystemTime::now());
                    row.created <= moment.map_err(|_| filter.wrong_value())?
                }
                _ => return Err(filter.unknown(CONTAINER_FILTERS)),
            })
        })
    })
}

const STATES: [&str; 9] = [
    "created",
    "initialized",
    "running",
    "stopping",
    "restarting",
    "exited",
    "removing",
    "paused",
    "unknown",
];

/// Keeps the pods that pass.
///
/// # Errors
/// If a filter or its value is unknown.
pub fn pods(rows: Vec<pod::Row>, filters: &[Filter]) -> Result<Vec<pod::Row>, FilterError> {
    for filter in filters {
        if !POD_FILTERS.contains(&filter.key.trim_end_matches('!')) {
            return Err(filter.unknown(POD_FILTERS));
        }
    }
    keep(rows, |row| {
        passes(filters, |filter| {
            let mut containers = row.containers.iter();
            Ok(match filter.key.as_str() {
                "id" => row.id.starts_with(&filter.value),
                "name" => filter.matches(&row.name)?,
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                "status" => {
                    if !POD_STATES.contains(&filter.value.as_str()) {
                        return Err(filter.wrong_value());
                    }
                    row.status.to_lowercase() == filter.value
                }
                "network" => row.networks.contains(&filter.value),
                "restart-policy" => row.restart_policy == filter.value,
                "ctr-ids" => containers.any(|it| it.id.starts_with(&filter.value)),
                "ctr-names" => {
                    let mut any = false;
                    for container in containers {
                        any |= filter.matches(&container.name)?;
                    }
                    any
                }
                "ctr-status" => containers.any(|it| it.state == filter.value),
                "ctr-number" => {
                    let number: usize = filter.value.parse().map_err(|_| filter.wrong_value())?;
                    row.containers.len() == number
                }
                "until" => {
                    let moment = parse_since(&filter.value, SystemTime::now());
                    row.created <= moment.map_err(|_| filter.wrong_value())?
                }
                _ => return Err(filter.unknown(POD_FILTERS)),
            })
        })
    })
}

/// Keeps the images that pass.
pub fn images(rows: Vec<images::Row>, filters: &[Filter]) -> Result<Vec<images::Row>, FilterError> {
    let all: Vec<(String, Vec<String>, Option<std::time::SystemTime>)> =
        rows.iter().map(|row| (row.id.clone(), row.names.clone(), row.created)).collect();
    let created = |filter: &Filter| {
        let named = |(id, names, _): &&(String, Vec<String>, _)| {
            id.starts_with(&filter.value) || names.iter().any(|name| is_reference(name, &filter.value))
        };
        all.iter().find(named).map(|(_, _, created)| *created).ok_or_else(|| filter.wrong_value())
    };
    for filter in filters {
        if !IMAGE_FILTERS.contains(&filter.key.trim_end_matches('!')) {
            return Err(filter.unknown(IMAGE_FILTERS));
        }
    }
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
                    let moment =
                        parse_since(&filter.value, SystemTime::now()).map_err(|_| filter.wrong_value())?;
                    row.created.is_some_and(|created| created <= moment)
                }
                "reference" => row.names.iter().any(|name| is_reference(name, &filter.value)),
                "before" => row.created < created(filter)?,
                "since" | "after" => row.created > created(filter)?,
                _ => return Err(filter.unknown(IMAGE_FILTERS)),
            })
        })
    })
}

/// Keeps the secrets that pass.
pub fn secrets(rows: Vec<secret::Row>, filters: &[Filter]) -> Result<Vec<secret::Row>, FilterError> {
    for filter in filters {
        if !SECRET_FILTERS.contains(&filter.key.as_str()) {
            return Err(filter.unknown(SECRET_FILTERS));
        }
    }
    keep(rows, |row| {
        passes(filters, |filter| match filter.key.as_str() {
            "name" => filter.matches(&row.name),
            "driver" => Ok(row.driver == filter.value),
            _ => Ok(row.id.starts_with(&filter.value)),
        })
    })
}

/// Keeps the volumes that pass.
pub fn volumes(rows: Vec<volume::Row>, filters: &[Filter]) -> Result<Vec<volume::Row>, FilterError> {
    let all: Vec<(String, SystemTime)> = rows.iter().map(|row| (row.name.clone(), row.created)).collect();
    let created = |filter: &Filter| {
        let found = all.iter().find(|(name, _)| *name == filter.value);
        found.map(|(_, created)| *created).ok_or_else(|| filter.wrong_value())
    };
    for filter in filters {
        if !VOLUME_FILTERS.contains(&filter.key.trim_end_matches('!')) {
            return Err(filter.unknown(VOLUME_FILTERS));
        }
    }
    keep(rows, |row| {
        passes(filters, |filter| {
            Ok(match filter.key.as_str() {
                "name" => filter.matches(&row.name)?,
                "driver" | "scope" => filter.value == "local",
                "opt" => has_label(&row.options, &filter.value),
                "after" | "since" => row.created > created(filter)?,
                "until" => {
                    row.created
                        <= parse_since(&filter.value, SystemTime::now()).map_err(|_| filter.wrong_value())?
                }
                "dangling" => (row.containers == 0) == filter.flag()?,
                "anonymous" => row.anonymous == filter.flag()?,
                "label" => has_label(&row.labels, &filter.value),
                "label!" => !has_label(&row.labels, &filter.value),
                _ => return Err(filter.unknown(VOLUME_FILTERS)),
            })
        })
    })
}

/// Checks the filters of `network ls`, even where there is nothing to try them on.
pub fn check_networks(filters: &[Filter]) -> Result<(), FilterError> {
    let known = |it: &&Filter| NETWORK_FILTERS.contains(&it.key.trim_end_matches('!'));
    match filters.iter().find(|it| !known(it)) {
        Some(filter) => Err(filter.unknown(NETWORK_FILTERS)),
        None => Ok(()),
    }
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
                    let moment = parse_since(&filter.value, SystemTime::now());
                    let created = moment_of(&config.created).unwrap_or(SystemTime::UNIX_EPOCH);
                    created < moment.map_err(|_| filter.wrong_value())?
                }
                _ => return Err(filter.unknown(NETWORK_FILTERS)),
            })
        })
    })
}

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

fn has_label(labels: &std::collections::BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((key, value)) => labels.get(key).is_some_and(|known| known == value),
        None => labels.contains_key(wanted),
    }
}

const PRUNE_FILTERS: &[&str] = &["label", "label!", "until"];

/// Checks the filters of what prunes, even where there is nothing to prune.
pub fn check_prune(filters: &[Filter]) -> Result<(), FilterError> {
    match filters.iter().find(|filter| !PRUNE_FILTERS.contains(&filter.key.as_str())) {
        Some(filter) => Err(filter.unknown(PRUNE_FILTERS)),
        None => Ok(()),
    }
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

/// Keeps the unit files that pass.
pub fn quadlets(rows: Vec<quadlets::Row>, filters: &[Filter]) -> Result<Vec<quadlets::Row>, FilterError> {
    for filter in filters {
        if !QUADLET_FILTERS.contains(&filter.key.as_str()) {
            return Err(filter.unknown(QUADLET_FILTERS));
        }
    }
    keep(rows, |row| {
        passes(filters, |filter| match filter.key.as_str() {
            "name" => filter.matches(&row.name),
            "pod" => Ok(row.pod == filter.value),
            _ => Ok(row.status == filter.value || row.status.split('/').any(|word| word == filter.value)),
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
