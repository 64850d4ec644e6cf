//! `doctor`: one row for each check.

use std::fmt::Write as _;

use pontoon_lifecycle::doctor::{Actor, Check, Finding, Level};
use serde::Serialize;

use crate::format::{TemplateError, json, render_list};

/// A check and what came of it.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Row {
    /// Which one.
    pub check: Check,
    /// How it stands.
    pub state: Level,
    /// In words.
    pub message: String,
    /// The command that mends it.
    pub mend: Option<String>,
    /// Who may do that.
    pub mend_as: Option<Actor>,
    /// What was done about it just now.
    pub fixed: Vec<String>,
    /// Why that failed.
    pub error: Option<String>,
}

impl From<Finding> for Row {
    fn from(finding: Finding) -> Self {
        Self {
            check: finding.check,
            state: finding.level,
            message: finding.says,
            mend_as: finding.mend.as_ref().map(|it| it.by),
            mend: finding.mend.map(|it| it.command),
            fixed: Vec::new(),
            error: None,
        }
    }
}

/// The rows as `format` says; for people without one.
///
/// # Errors
/// A template that cannot be understood or filled.
pub fn text(rows: &[Row], format: Option<&str>) -> Result<String, TemplateError> {
    match format {
        None => Ok(told(rows)),
        Some("json") => Ok(json::pretty(rows, 4) + "\n"),
        Some(format) => render_list(format, rows, &HEADINGS, false),
    }
}

const HEADINGS: [(&str, &str); 7] = [
    ("Check", "CHECK"),
    ("State", "STATE"),
    ("Message", "MESSAGE"),
    ("Mend", "MEND"),
    ("MendAs", "MEND AS"),
    ("Fixed", "FIXED"),
    ("Error", "ERROR"),
];

fn told(rows: &[Row]) -> String {
    let width = rows.iter().map(|it| it.check.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{:8} {:width$}  {}", row.state.word(), row.check.name(), row.message);
        let mut more = |what: &str, words: &str| {
            let _ = writeln!(text, "{:8} {:width$}  {what}: {words}", "", "");
        };
        for done in &row.fixed {
            more("fixed", done);
        }
        if let Some(error) = &row.error {
            more("not fixed", error);
        }
        match (&row.mend, row.mend_as) {
            (Some(command), Some(Actor::Root)) => more("as root", command),
            (Some(command), _) => more("mend", command),
            (None, _) => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: Level, mend: Option<(&str, Actor)>) -> Row {
        Row {
            check: Check::Linger,
            state,
            message: "words".to_owned(),
            mend: mend.map(|it| it.0.to_owned()),
            mend_as: mend.map(|it| it.1),
            fixed: Vec::new(),
            error: None,
        }
    }

    #[test]
    fn each_check_is_a_line_with_what_mends_it_below() {
        let mut fixed = row(Level::Good, None);
        fixed.fixed = vec!["done".to_owned()];
        let mut failed = row(Level::Broken, Some(("chmod", Actor::Root)));
        failed.error = Some("no".to_owned());
        let rows = [row(Level::Limited, Some(("pontoon linger enable", Actor::User))), fixed, failed];
        let expected = "\
limited  linger  words
                 mend: pontoon linger enable
good     linger  words
                 fixed: done
broken   linger  words
                 not fixed: no
                 as root: chmod
";
        assert_eq!(text(&rows, None).unwrap(), expected);
        assert_eq!(
            text(&rows, Some("{{.Check}} {{.State}} {{.MendAs}}")).unwrap().lines().next(),
            Some("linger limited user")
        );
        let json = text(&rows[..1], Some("json")).unwrap();
        assert!(json.contains("\"State\": \"limited\"") && json.contains("\"MendAs\": \"user\""), "{json}");
    }
}
