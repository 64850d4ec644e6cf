//! `--log-driver`, `--log-opt`.

use std::path::Path;

use pontoon_lifecycle::log_tag;
use pontoon_lifecycle::request::LogDriver;

use super::error::Fault;
use super::{Host, names, size};
use crate::args::refused::{LOG_OPTIONS, instead_of};

/// Where output goes; `None` is the host's default.
pub(super) fn driver(text: &str) -> Result<Option<LogDriver>, Fault> {
    match text {
        "" => Ok(None),
        "journald" => Ok(Some(LogDriver::Journald)),
        "k8s-file" => Ok(Some(LogDriver::K8sFile)),
        "json-file" => Ok(Some(LogDriver::JsonFile)),
        "passthrough" => Ok(Some(LogDriver::Passthrough)),
        "none" => Ok(Some(LogDriver::None)),
        "passthrough-tty" => Ok(Some(LogDriver::PassthroughTty)),
        _ => Err(Fault::invalid(
            "it must be one of: journald, k8s-file, json-file, passthrough, passthrough-tty, none",
        )),
    }
}

/// The word of a driver.
#[must_use]
pub fn word(driver: LogDriver) -> &'static str {
    match driver {
        LogDriver::Journald => "journald",
        LogDriver::K8sFile => "k8s-file",
        LogDriver::JsonFile => "json-file",
        LogDriver::Passthrough => "passthrough",
        LogDriver::PassthroughTty => "passthrough-tty",
        LogDriver::None => "none",
    }
}

/// `KEY=VALUE`
pub(super) fn option(text: &str, host: &Host) -> Result<(String, String), Fault> {
    let Some((key, value)) = text.split_once('=') else { return Err(Fault::invalid("it must be KEY=VALUE")) };
    match key {
        "path" if value.is_empty() => return Err(Fault::invalid("the path is missing")),
        // It is opened wherever the container is started from.
        "path" => {
            let path = names::host_path(Path::new(value), host);
            let Some(path) = path.to_str() else { return Err(Fault::invalid("the path is not UTF-8")) };
            return Ok((key.to_owned(), path.to_owned()));
        }
        "tag" => {
            if let Some(other) = log_tag::unknown(value) {
                let hint = format!("what can stand in {{{{ }}}} is {}", log_tag::FIELDS.join(", "));
                return Err(Fault::invalid(format!("`{other}` is no field of a tag")).hint(hint));
            }
        }
        // What reads it later knows no units.
        "max-size" => return Ok((key.to_owned(), size::read_decimal(value)?.to_string())),
        "label" => {
            let is_field = |name: &str| {
                name.starts_with(|it: char| it.is_ascii_uppercase())
                    && name.bytes().all(|it| it.is_ascii_uppercase() || it.is_ascii_digit() || it == b'_')
            };
            if !value.split_once('=').is_some_and(|(name, _)| is_field(name)) {
                return Err(Fault::invalid(
                    "a label is NAME=VALUE, with a name of capital letters, digits and `_`",
                ));
            }
        }
        "max-file" | "labels" | "env" => {
            return Err(Fault::not_supported().hint(instead_of(LOG_OPTIONS)));
        }
        _ => {
            return Err(Fault::invalid(format!("there is no option `{key}`"))
                .hint("the options are path, max-size, tag and label"));
        }
    }
    Ok((key.to_owned(), value.to_owned()))
}
