//! `--format` of commands that list: a template for each row, with headings where a table is asked for.

use serde::Serialize;

use super::convert::to_value;
use super::table::align;
use super::value::Value;
use super::{Template, TemplateError};

/// The heading of each field.
pub type Headings = [(&'static str, &'static str)];

/// Fills `format` for each row.
///
/// `table …` has headings unless `noheading` is set, and its blanks separate columns; any other template stands
/// for itself. A template that begins with `{{range .}}` gets all rows at once.
pub fn render_list<T: Serialize>(
    format: &str,
    rows: &[T],
    headings: &Headings,
    noheading: bool,
) -> Result<String, TemplateError> {
    render_values(format, rows.iter().map(to_value).collect(), headings, noheading)
}

/// The same for rows that are values already.
pub fn render_values(
    format: &str,
    rows: Vec<Value>,
    headings: &Headings,
    noheading: bool,
) -> Result<String, TemplateError> {
    let (is_table, mut text) = normalized(format);
    let is_whole = ranges_itself(&text);
    // A template that trims what follows it (`-}}`) trims its line's end as well.
    if (is_whole || text.ends_with("-}}")) && !text.ends_with('\n') {
        text.push('\n');
    }
    let trims = text.ends_with("-}}\n");
    let template = Template::parse(&text)?;
    if is_whole {
        let filled = template.render(&Value::List(rows.into()))?;
        return Ok(columns(is_table, filled));
    }
    let mut filled = String::new();
    if is_table && !noheading {
        let heading =
            headings.iter().map(|(field, words)| ((*field).to_owned(), Value::text(*words))).collect();
        push_row(&mut filled, &template.render(&Value::Struct(heading))?, trims);
    }
    for row in &rows {
        push_row(&mut filled, &template.render(row)?, trims);
    }
    Ok(columns(is_table, filled))
}

/// Each row is a line of its own; a template may end it by itself.
fn push_row(text: &mut String, row: &str, trims: bool) {
    text.push_str(row);
    if !trims && !row.ends_with('\n') {
        text.push('\n');
    }
}

/// Lines the cells of a table up. Elsewhere a tab is a tab, by which scripts take the line apart.
fn columns(is_table: bool, text: String) -> String {
    if is_table { align(&text) } else { text }
}

/// Fills `format` for each object of an `inspect`, one after the other.
pub fn render_each<T: Serialize>(format: &str, objects: &[T]) -> Result<String, TemplateError> {
    render_list(format, objects, &[], true)
}

/// Whether the template goes through the rows by itself. `{{range .Mounts}}` does not: it is about one row.
fn ranges_itself(text: &str) -> bool {
    let inner = text.strip_prefix("{{-").or_else(|| text.strip_prefix("{{")).unwrap_or_default().trim_start();
    let Some(rest) = inner.strip_prefix("range").map(str::trim_start) else { return false };
    let Some(rest) = rest.strip_prefix('.').map(str::trim_start) else { return false };
    rest.starts_with("}}") || rest.starts_with("-}}")
}

/// Whether a table is asked for, and the template with `\t` and `\n` understood.
fn normalized(format: &str) -> (bool, String) {
    let (is_table, body) = match format.strip_prefix("table ") {
        Some(body) => (true, body.trim_start_matches(' ')),
        None => (false, format),
    };
    let mut text = String::with_capacity(body.len() + 1);
    let mut rest = body;
    // What stands inside of actions is left alone: a blank or a backslash there has a meaning of its own.
    while !rest.is_empty() {
        let open = rest.find("{{").unwrap_or(rest.len());
        let (outside, action) = rest.split_at(open);
        let outside = outside.replace("\\t", "\t").replace("\\n", "\n");
        text.push_str(&if is_table { outside.replace(' ', "\t") } else { outside });
        let close = action.find("}}").map_or(action.len(), |index| index + 2);
        let (action, after) = action.split_at(close);
        text.push_str(action);
        rest = after;
    }
    (is_table, text)
}
