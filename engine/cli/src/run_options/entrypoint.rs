//! `--entrypoint`.

use super::error::Fault;

/// One word, or a JSON list of words; empty clears the image's.
pub(super) fn read(text: &str) -> Result<Vec<String>, Fault> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    // `[` alone is a program (test(1)); a list begins with a quoted word, or ends at once.
    let after = text.strip_prefix('[').map(str::trim_start);
    if !after.is_some_and(|after| after.starts_with(['"', ']'])) {
        return Ok(vec![text.to_owned()]);
    }
    serde_json::from_str(text).map_err(|err| {
        Fault::invalid(format!("it is no JSON list of words: {err}"))
            .hint("write it as [\"program\", \"word\"]")
    })
}
