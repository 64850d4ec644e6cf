//! JSON as Podman lays it out.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

/// JSON on several lines, each level indented by that many blanks; without a line's end at the end.
pub fn pretty<T: Serialize + ?Sized>(data: &T, indent: usize) -> String {
    let blanks = vec![b' '; indent];
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(&blanks));
    // Writing to memory does not fail, and our types have only text for keys.
    match data.serialize(&mut serializer) {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => "null".to_owned(),
    }
}

/// JSON on one line.
pub fn compact<T: Serialize + ?Sized>(data: &T) -> String {
    serde_json::to_string(data).unwrap_or_else(|_| "null".to_owned())
}
