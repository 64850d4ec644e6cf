//! Where the output goes.

use std::path::{Path, PathBuf};

use pontoon_monitor::plan::LogPlan;

use super::Facts;
use crate::log_tag;
use crate::request::{CreateRequest, LogDriver};

pub(super) fn log(facts: &Facts<'_>) -> LogPlan {
    let request = &facts.record.request;
    let option = |name: &str| {
        request.log_opts.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
    };
    match request.log_driver.unwrap_or(default_log_driver(facts.has_journal)) {
        LogDriver::Journald => {
            let tag = option("tag").map(|it| log_tag::expand(&it, facts.record));
            LogPlan::Journald { tag, labels: log_labels(request) }
        }
        LogDriver::K8sFile | LogDriver::JsonFile => LogPlan::File {
            path: log_path(request, facts.directory),
            max_size: option("max-size").and_then(|it| it.parse().ok()),
        },
        LogDriver::Passthrough | LogDriver::PassthroughTty => LogPlan::Passthrough,
        LogDriver::None => LogPlan::None,
    }
}

/// `--log-opt label=NAME=VALUE`.
fn log_labels(request: &CreateRequest) -> Vec<(String, String)> {
    let labels = request.log_opts.iter().filter(|(key, _)| key == "label");
    labels
        .filter_map(|(_, text)| text.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The driver where none is asked for.
#[must_use]
pub fn default_log_driver(has_journal: bool) -> LogDriver {
    if has_journal { LogDriver::Journald } else { LogDriver::K8sFile }
}

/// Where a container's log file is.
#[must_use]
pub fn log_path(request: &CreateRequest, directory: &Path) -> PathBuf {
    let path =
        request.log_opts.iter().rev().find(|(key, _)| key == "path").map(|(_, value)| PathBuf::from(value));
    path.unwrap_or_else(|| directory.join("ctr.log"))
}
