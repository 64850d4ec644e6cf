//! YAML text to documents, and objects to YAML text.

use serde::Serialize;

use crate::tree::{Node, Place};

/// The longest text that is read, in bytes. An API server takes objects of 1.5 MB; nobody writes this by hand.
pub const MAX_SIZE: usize = 16 << 20;

/// How much a file may hold. Aliases count as often as they are used, so that a short file cannot become a large tree.
const MAX_DOCUMENTS: usize = 10_000;
const MAX_NODES: usize = 2_000_000;
/// Nodes that are made of aliases: a file that is written for people repeats itself less.
const MAX_REPEATED: usize = 100_000;

/// Text that is no YAML, or too much of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

/// An object that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {what} as YAML")]
pub struct WriteError {
    /// The object.
    pub what: &'static str,
    /// The cause.
    #[source]
    pub source: serde_saphyr::SerializeError,
}

/// Reads the documents of a text; empty ones are left out.
///
/// Words and numbers are what Go's reader makes of them, so that a file says here what it says to Podman: `yes`, `no`, `on` and
/// `off` are text, as YAML 1.2 has it, but `010` is octal, as in YAML 1.1.
///
/// # Errors
/// [`SyntaxError`]; also for a name that stands twice in a map.
pub fn documents(text: &str) -> Result<Vec<Node>, SyntaxError> {
    if text.len() > MAX_SIZE {
        let message = format!("the file is longer than {} MiB", MAX_SIZE >> 20);
        return Err(SyntaxError { place: Place { line: 1, column: 1 }, message });
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_documents: MAX_DOCUMENTS,
            max_nodes: MAX_NODES,
            max_events: 2 * MAX_NODES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPEATED,
        },
        strict_booleans: true,
        legacy_octal_numbers: true,
        with_snippet: false,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|err| {
        let place = err.location().map(|it| Place { line: it.line(), column: it.column() });
        // Of its picture of the place, the first line says what is wrong.
        let message = err.without_snippet().to_string();
        let message = message.lines().next().unwrap_or_default();
        let message = message.split(" at line ").next().unwrap_or_default();
        // The library goes on with what its caller could set.
        let message = match message.split_once(", set DuplicateKeyPolicy") {
            Some((fault, _)) => format!("{fault}; keep one of them"),
            None => message.to_owned(),
        };
        SyntaxError { place: place.unwrap_or(Place { line: 1, column: 1 }), message }
    })
}

/// Writes objects as documents of one text, in order. Text that YAML 1.1 takes for something else is quoted, for the tools of
/// Kubernetes read that.
///
/// # Errors
/// [`WriteError`].
pub fn write<T: Serialize>(objects: &[T]) -> Result<String, WriteError> {
    let options = serde_saphyr::ser_options! {
        compact_list_indent: true,
        prefer_block_scalars: false,
    };
    let mut text = String::new();
    for (number, object) in objects.iter().enumerate() {
        if number > 0 {
            text.push_str("---\n");
        }
        let document = serde_saphyr::to_string_with_options(object, options.clone());
        text.push_str(&document.map_err(|source| WriteError { what: "an object", source })?);
    }
    Ok(text)
}
