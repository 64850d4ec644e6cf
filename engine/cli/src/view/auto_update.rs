//! `auto-update`: what became of each container.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::is_json;
use crate::format::{Headings, TemplateError, json, render_list, to_value};

/// A container, with Podman's field names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// The unit that was or would be restarted.
    pub unit: String,
    /// Its short id, and its name in parentheses.
    pub container: String,
    /// Its name.
    pub container_name: String,
    /// Its id.
    #[serde(rename = "ContainerID")]
    pub container_id: String,
    /// Its image, as it was asked for.
    pub image: String,
    /// `registry` or `local`.
    pub policy: Cow<'static, str>,
    /// `true`, `false`, `pending`, `failed` or `rolled back`.
    pub updated: Cow<'static, str>,
}

const HEADINGS: &Headings = &[
    ("Container", "CONTAINER"),
    ("ContainerID", "CONTAINER ID"),
    ("ContainerName", "CONTAINER NAME"),
    ("Image", "IMAGE"),
    ("Policy", "POLICY"),
    ("Unit", "UNIT"),
    ("Updated", "UPDATED"),
];

/// The text of `auto-update`.
///
/// # Errors
/// If the template is wrong.
pub fn text(rows: &[Row], format: Option<&str>) -> Result<String, TemplateError> {
    if is_json(format) {
        return Ok(format!("{}\n", json::pretty(&to_value(rows), 4)));
    }
    let usual = "table {{.Unit}}\t{{.Container}}\t{{.Image}}\t{{.Policy}}\t{{.Updated}}";
    render_list(format.unwrap_or(usual), rows, HEADINGS, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            unit: "app.service".to_owned(),
            container: "c2b4c963d2d3 (app)".to_owned(),
            container_name: "app".to_owned(),
            container_id: "c2b4c963d2d3e444".to_owned(),
            image: "localhost:5000/app:latest".to_owned(),
            policy: "registry".into(),
            updated: "rolled back".into(),
        }
    }

    #[test]
    fn updates_are_shown_as_podman_shows_them() {
        assert_eq!(
            text(&[row()], None).unwrap(),
            "UNIT         CONTAINER           IMAGE                      POLICY      UPDATED\n\
             app.service  c2b4c963d2d3 (app)  localhost:5000/app:latest  registry    rolled back\n"
        );
        assert_eq!(
            text(&[row()], Some("{{.ContainerID}} {{.Updated}}")).unwrap(),
            "c2b4c963d2d3e444 rolled back\n"
        );
        assert_eq!(text(&[], Some("json")).unwrap(), "[]\n");
        let json = text(&[row()], Some("json")).unwrap();
        assert!(json.contains("        \"ContainerID\": \"c2b4c963d2d3e444\",\n"), "{json}");
        assert!(text(&[], None).unwrap().starts_with("UNIT"));
    }
}
