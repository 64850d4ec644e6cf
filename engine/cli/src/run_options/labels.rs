//! `--label`, `--label-file`, `--annotation`.

use std::path::PathBuf;

use super::error::{Fault, each};
use super::{OptionError, files};

/// Reads files first, then single labels, so that the latter win.
pub fn read_labels(labels: &[String], label_files: &[PathBuf]) -> Result<Vec<(String, String)>, OptionError> {
    let mut all = Vec::new();
    for path in label_files {
        files::each_line("--label-file", path, |line| {
            let line = line.trim_start_matches([' ', '\t']);
            if !line.is_empty() && !line.starts_with('#') {
                all.push(split(line).ok_or_else(|| MISSING_NAME.to_owned())?);
            }
            Ok(())
        })?;
    }
    all.extend(each("--label", labels, |text| split(text).ok_or_else(|| Fault::invalid(MISSING_NAME)))?);
    Ok(all)
}

const MISSING_NAME: &str = "the name of the label is missing";

/// Reads one label, `KEY=VALUE` or `KEY`, which has an empty value.
pub fn parse_label(text: &str) -> Result<(String, String), OptionError> {
    split(text).ok_or_else(|| Fault::invalid(MISSING_NAME).of("--label", text))
}

fn split(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    (!key.is_empty()).then(|| (key.to_owned(), value.to_owned()))
}

/// `KEY=VALUE` of `--annotation` of other commands.
///
/// # Errors
/// If it is not.
pub fn parse_annotation(text: &str) -> Result<(String, String), OptionError> {
    annotation(text).map_err(|fault| fault.of("--annotation", text))
}

/// Reads an annotation: unlike a label it must have a value.
pub(super) fn annotation(text: &str) -> Result<(String, String), Fault> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(Fault::invalid("it must be KEY=VALUE")),
    }
}
