//! How an image was made, step by step.

use std::time::SystemTime;

use serde::Serialize;

use super::{is_json_lines, json_lines, shown_id};
use crate::format::{Headings, OmitEmpty, TemplateError, json, render_list, to_value};
use crate::time::{ago, rfc3339_or_never, seconds_of, size_words};

/// What stands for the id of a step that no image ends with.
const MISSING: &str = "<missing>";
/// How many letters of a command are shown.
const SHORT: usize = 45;

/// One step.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// The image that ends with it, whole, without `sha256:`.
    pub id: Option<String>,
    /// That image's names.
    pub tags: Vec<String>,
    /// When it was done.
    pub created: Option<SystemTime>,
    /// By which command.
    pub created_by: String,
    /// Bytes of the layer it made.
    pub size: u64,
    /// A comment.
    pub comment: String,
}

/// How the list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// `--format`
    pub format: Option<&'a str>,
    /// `--human`
    pub human: bool,
    /// `--no-trunc`
    pub no_trunc: bool,
    /// `--quiet`
    pub quiet: bool,
    /// The time of day.
    pub now: SystemTime,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(rename = "ID")]
    id: String,
    created: String,
    created_at: String,
    created_since: String,
    created_by: String,
    size: String,
    comment: &'a str,
    tags: &'a [String],
}

const HEADINGS: &Headings = &[
    ("Comment", "COMMENT"),
    ("Created", "CREATED"),
    ("CreatedAt", "CREATED AT"),
    ("CreatedBy", "CREATED BY"),
    ("CreatedSince", "CREATED SINCE"),
    ("ID", "ID"),
    ("Size", "SIZE"),
    ("Tags", "TAGS"),
];

/// For programs. The time is there twice, as Podman has it.
#[derive(Serialize)]
struct Wire<'a> {
    id: &'a str,
    created: String,
    #[serde(rename = "CreatedBy")]
    created_by: &'a str,
    tags: OmitEmpty<&'a [String]>,
    size: u64,
    comment: OmitEmpty<&'a str>,
    #[serde(rename = "Created")]
    created_seconds: String,
}

fn wire(step: &Step) -> Wire<'_> {
    let created = rfc3339_or_never(step.created);
    Wire {
        id: step.id.as_deref().unwrap_or(MISSING),
        created_seconds: seconds_of(&created),
        created,
        created_by: &step.created_by,
        tags: OmitEmpty(&step.tags),
        size: step.size,
        comment: OmitEmpty(&step.comment),
    }
}

/// The text of `history`; the newest step comes first.
pub fn text(steps: &[Step], options: &Options<'_>) -> Result<String, TemplateError> {
    if options.format == Some("json") {
        let steps: Vec<Wire<'_>> = steps.iter().map(wire).collect();
        return Ok(format!("{}\n", json::compact(&to_value(&steps))));
    }
    if is_json_lines(options.format) {
        return Ok(json_lines(steps.iter().map(|it| to_value(&wire(it)))));
    }
    let id = |step: &Step| {
        step.id.as_ref().map_or_else(|| MISSING.to_owned(), |id| shown_id(id, options.no_trunc))
    };
    if options.quiet && options.format.is_none() {
        return Ok(steps.iter().map(|step| id(step) + "\n").collect());
    }
    let rows: Vec<Row<'_>> = steps
        .iter()
        .map(|step| {
            let moment = seconds_of(&rfc3339_or_never(step.created));
            let since = step.created.map_or_else(|| "N/A".to_owned(), |created| ago(created, options.now));
            Row {
                id: id(step),
                created: if options.human { since.clone() } else { moment.clone() },
                created_at: moment,
                created_since: since,
                created_by: shortened(&step.created_by, options.no_trunc),
                size: if options.human { size_words(step.size) } else { step.size.to_string() },
                comment: &step.comment,
                tags: &step.tags,
            }
        })
        .collect();
    let usual = "table {{.ID}}\\t{{.Created}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}";
    render_list(options.format.unwrap_or(usual), &rows, HEADINGS, false)
}

/// A command in one line, cut to what fits.
fn shortened(command: &str, whole: bool) -> String {
    let line: String = command.chars().map(|it| if it.is_control() { ' ' } else { it }).collect();
    if whole || line.chars().count() <= SHORT {
        return line;
    }
    line.chars().take(SHORT - 3).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn steps() -> Vec<Step> {
        let created = Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500));
        vec![
            Step {
                id: Some("eeecd57e9f5205034fd0935fe8c08821b3d58cb7701bbee46b67f17400d9a9cd".to_owned()),
                tags: vec!["localhost/a:b".to_owned()],
                created,
                created_by: "umoci config".to_owned(),
                ..Step::default()
            },
            Step {
                created,
                created_by: "RUN ".repeat(20),
                size: 3584,
                comment: "why".to_owned(),
                ..Step::default()
            },
        ]
    }

    fn told(format: Option<&str>, human: bool, quiet: bool) -> String {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(301);
        text(&steps(), &Options { format, human, no_trunc: false, quiet, now }).unwrap()
    }

    #[test]
    fn steps_are_listed_as_podman_lists_them() {
        assert_eq!(
            told(None, true, false),
            "ID            CREATED        CREATED BY                                     SIZE        COMMENT\n\
             eeecd57e9f52  4 minutes ago  umoci config                                   0B          \n\
             <missing>     4 minutes ago  RUN RUN RUN RUN RUN RUN RUN RUN RUN RUN RU...  3.58kB      why\n"
        );
        assert!(told(None, false, false).contains("<missing>     1970-01-01T00:00:01Z  "));
        assert!(told(None, false, false).contains("  3584        why\n"));
        assert_eq!(told(None, true, true), "eeecd57e9f52\n<missing>\n");
        assert_eq!(
            told(Some("{{.ID}} {{.Tags}}"), true, false),
            "eeecd57e9f52 [localhost/a:b]\n<missing> []\n"
        );
    }

    #[test]
    fn json_leaves_out_what_is_not_known() {
        let json = told(Some("json"), true, false);
        assert!(
            json.contains("{\"id\":\"<missing>\",\"created\":\"1970-01-01T00:00:01.5Z\",\"CreatedBy\":"),
            "{json}"
        );
        assert!(
            json.contains("\"size\":3584,\"comment\":\"why\",\"Created\":\"1970-01-01T00:00:01Z\"}]\n"),
            "{json}"
        );
    }
}
