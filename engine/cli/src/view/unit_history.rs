//! `history UNIT`: which versions of its images a unit has run.

use serde::Serialize;

use super::is_json;
use crate::format::{Headings, TemplateError, json, render_list, to_value};

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// Digest of the manifest, as the registry has it.
    pub digest: String,
    /// Name of the image.
    pub image: String,
    /// Id of the image.
    #[serde(rename = "ImageID")]
    pub image_id: String,
    /// Since when it is good or bad.
    pub since: String,
    /// `current`, `good`, `bad` or `trying`.
    pub state: &'static str,
    /// Why it is bad.
    pub reason: String,
    /// Whether the unit is pinned to what it runs.
    pub pinned: bool,
}

const HEADINGS: &Headings = &[
    ("Digest", "DIGEST"),
    ("Image", "IMAGE"),
    ("ImageID", "IMAGE ID"),
    ("Pinned", "PINNED"),
    ("Reason", "REASON"),
    ("Since", "SINCE"),
    ("State", "STATE"),
];

/// The text of `history UNIT`, the newest version of each image first.
///
/// # Errors
/// If the template is wrong.
pub fn text(rows: &[Row], format: Option<&str>, quiet: bool) -> Result<String, TemplateError> {
    if is_json(format) {
        return Ok(format!("{}\n", json::pretty(&to_value(rows), 4)));
    }
    if quiet && format.is_none() {
        return Ok(rows.iter().map(|row| format!("{}\n", row.digest)).collect());
    }
    let usual = "table {{.State}}\t{{.Since}}\t{{.Image}}\t{{.Digest}}\t{{.Reason}}";
    render_list(format.unwrap_or(usual), rows, HEADINGS, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shown_with_what_became_of_them() {
        let row = Row {
            digest: "sha256:12".to_owned(),
            image: "localhost:5000/app:latest".to_owned(),
            image_id: "34".to_owned(),
            since: "2026-11-27T21:30:00Z".to_owned(),
            state: "bad",
            reason: "container `app` has ended".to_owned(),
            pinned: false,
        };
        let rows = [row];
        assert_eq!(
            text(&rows, None, false).unwrap(),
            "STATE       SINCE                 IMAGE                      DIGEST      REASON\n\
             bad         2026-11-27T21:30:00Z  localhost:5000/app:latest  sha256:12   container `app` has ended\n"
        );
        assert_eq!(text(&rows, None, true).unwrap(), "sha256:12\n");
        assert_eq!(
            text(&rows, Some("{{.State}} {{.ImageID}} {{.Pinned}}"), false).unwrap(),
            "bad 34 false\n"
        );
    }
}
