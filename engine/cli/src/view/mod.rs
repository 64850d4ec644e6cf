//! The shapes of all output: lists, tables and inspections, with Podman's names for everything.
//!
//! Each module takes plain data (its `Row`, its `Facts`) and gives back the text to print. It looks nothing up;
//! the time of day is handed in.

use std::time::SystemTime;

use crate::args::LsArgs;

pub mod artifact;
pub mod auto_update;
mod check;
pub mod container;
pub mod dependencies;
pub mod df;
pub mod doctor;
pub mod events;
pub mod faults;
pub mod filter;
pub mod history;
mod host_config;
pub mod image;
pub mod images;
pub mod info;
pub mod keys;
pub mod mounts;
pub mod network;
mod network_settings;
pub mod plan;
pub mod pod;
pub mod port;
pub mod ps;
pub mod quadlets;
pub mod secret;
pub mod stats;
pub mod top;
pub mod tree;
pub mod unit_history;
pub mod version;
pub mod volume;

pub use filter::{Filter, FilterError};

/// How a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct ListOptions<'a> {
    /// `--format`
    pub format: Option<&'a str>,
    /// `--quiet`
    pub quiet: bool,
    /// `--no-trunc`
    pub no_trunc: bool,
    /// `--noheading`
    pub noheading: bool,
    /// The time of day.
    pub now: SystemTime,
}

impl<'a> ListOptions<'a> {
    /// As the options of a plain list say; the time is now.
    #[must_use]
    pub fn of(args: &'a LsArgs) -> Self {
        Self {
            format: args.format.as_deref(),
            quiet: args.quiet,
            no_trunc: true,
            noheading: args.noheading,
            now: SystemTime::now(),
        }
    }
}

/// How many digits of an id are shown.
const SHORT_ID: usize = 12;

/// The id, shortened unless it is wanted whole.
fn shown_id(id: &str, whole: bool) -> String {
    let end = if whole { id.len() } else { SHORT_ID.min(id.len()) };
    id.get(..end).unwrap_or(id).to_owned()
}

/// Whether JSON is asked for rather than a template.
fn is_json(format: Option<&str>) -> bool {
    format == Some("json")
}

/// Whether each row is asked for as a line of JSON.
fn is_json_lines(format: Option<&str>) -> bool {
    matches!(format, Some("{{json .}}" | "{{ json . }}" | "{{json . }}" | "{{ json .}}"))
}

/// Each row as a line of JSON.
fn json_lines<T: serde::Serialize>(rows: impl IntoIterator<Item = T>) -> String {
    rows.into_iter().map(|row| crate::format::json::compact(&row) + "\n").collect()
}

/// The text of an `inspect`: a JSON list, or a template filled for each object.
fn inspection<T: serde::Serialize>(
    objects: &[T],
    format: Option<&str>,
) -> Result<String, crate::format::TemplateError> {
    match format {
        None | Some("" | "json") => {
            Ok(format!("{}\n", crate::format::json::pretty(&crate::format::to_value(objects), 5)))
        }
        Some(template) => crate::format::render_each(template, objects),
    }
}

/// Podman's word for a restart policy.
pub fn policy_word(policy: pontoon_lifecycle::request::RestartPolicy) -> &'static str {
    use pontoon_lifecycle::request::RestartPolicy;
    match policy {
        RestartPolicy::No => "no",
        RestartPolicy::Always => "always",
        RestartPolicy::OnFailure { .. } => "on-failure",
        RestartPolicy::UnlessStopped => "unless-stopped",
    }
}

#[cfg(test)]
mod tests;
