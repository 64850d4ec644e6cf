//! The text of one containers.conf: TOML with places, so that every fault has a line and a column.

use std::path::{Path, PathBuf};

use pontoon_image::text_place::line_and_column;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{ConfError, KEYS, Kind, Unhonoured};
use crate::run_options::check_conf;

/// A value, as text; a list keeps its items apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A string, a number, a truth value.
    One(String),
    /// A list, and whether it is added to what files before said, where it says so.
    List { items: Vec<String>, appends: Option<bool> },
}

/// What one file says: keys as `section.name`.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub values: Vec<(&'static str, Value)>,
    pub unhonoured: Vec<Unhonoured>,
}

struct Text<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Text<'_> {
    fn place(&self, offset: usize) -> (usize, usize) {
        line_and_column(self.text, offset)
    }

    fn fault(&self, key: &str, offset: usize, reason: impl Into<String>) -> ConfError {
        let (line, column) = self.place(offset);
        let reason = reason.into();
        ConfError::Value { path: self.path.to_owned(), line, column, key: key.to_owned(), reason }
    }
}

/// Parses the text of the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<Parsed, ConfError> {
    let source = Text { path, text };
    let document = DeTable::parse(text).map_err(|err| {
        let (line, column) = source.place(err.span().map_or(0, |span| span.start));
        let message = err.message().lines().collect::<Vec<_>>().join(", ");
        ConfError::Syntax { path: path.to_owned(), line, column, message }
    })?;
    let mut parsed = Parsed::default();
    for (section, table) in document.get_ref().iter() {
        let Some(table) = table.get_ref().as_table() else {
            return Err(source.fault(section.get_ref(), table.span().start, "must be a table"));
        };
        for (name, value) in table.iter() {
            let key = format!("{}.{}", section.get_ref(), name.get_ref());
            match KEYS.iter().find(|it| it.0 == key) {
                Some((_, Kind::Nothing)) => {}
                Some((known, Kind::Same(so, others))) => {
                    if let Some(other) = another(&source, known, so, others, value)? {
                        let (line, _) = source.place(name.span().start);
                        let key = format!("{key} = {other}");
                        parsed.unhonoured.push(Unhonoured { path: PathBuf::from(path), line, key });
                    }
                }
                Some((known, kind)) => {
                    let read = read(&source, known, *kind, value)?;
                    let (line, _) = source.place(name.span().start);
                    parsed.unhonoured.extend(without_value(known, &read).map(|item| Unhonoured {
                        path: PathBuf::from(path),
                        line,
                        key: format!("{key} = {item}"),
                    }));
                    parsed.values.push((known, read));
                }
                // The distributions' file has tables with nothing in them.
                None if value.get_ref().as_table().is_some_and(|it| it.is_empty()) => {}
                None => {
                    let (line, _) = source.place(name.span().start);
                    parsed.unhonoured.push(Unhonoured { path: PathBuf::from(path), line, key });
                }
            }
        }
    }
    // Tables are kept in the order of keys; people read files by lines.
    parsed.unhonoured.sort_by_key(|it| it.line);
    Ok(parsed)
}

fn read(source: &Text<'_>, key: &str, kind: Kind, value: &Spanned<DeValue<'_>>) -> Result<Value, ConfError> {
    let content = value.get_ref();
    let checked = |text: &str, item: &Spanned<DeValue<'_>>| match check_conf(key, text) {
        // Empty is not said.
        Err(why) if !text.is_empty() => {
            Err(source.fault(key, item.span().start, format!("cannot be `{text}`: {why}")))
        }
        _ => Ok(()),
    };
    let read = read_kind(source, key, kind, value)?;
    match (&read, content.as_array()) {
        (Value::One(text), _) => checked(text, value)?,
        (Value::List { .. }, Some(items)) => {
            for item in items {
                item.get_ref().as_str().map_or(Ok(()), |text| checked(text, item))?;
            }
        }
        (Value::List { .. }, None) => {}
    }
    Ok(read)
}

/// Variables for ourselves that say nothing: Podman warns of them, and goes on.
fn without_value<'a>(key: &str, value: &'a Value) -> impl Iterator<Item = &'a String> {
    let items = match value {
        Value::List { items, .. } if key == "engine.env" => items.as_slice(),
        _ => &[],
    };
    items.iter().filter(|it| !it.contains('='))
}

/// The value as text, if it is none of those that say what is so anyway.
fn another(
    source: &Text<'_>,
    key: &str,
    so: &[&str],
    others: &[&str],
    value: &Spanned<DeValue<'_>>,
) -> Result<Option<String>, ConfError> {
    let content = value.get_ref();
    let fault = |reason: String| Err(source.fault(key, value.span().start, reason));
    let text = match (content.as_str(), content.as_bool()) {
        (Some(text), _) => text.to_owned(),
        (None, Some(truth)) => truth.to_string(),
        (None, None) => return fault("must be a string, or true or false".to_owned()),
    };
    if text.is_empty() || so.contains(&text.as_str()) {
        return Ok(None);
    }
    if !others.is_empty() && !others.contains(&text.as_str()) {
        let all: Vec<&str> = so.iter().chain(others).copied().collect();
        return fault(format!("cannot be `{text}`: it must be one of: {}", all.join(", ")));
    }
    Ok(Some(text))
}

fn read_kind(
    source: &Text<'_>,
    key: &str,
    kind: Kind,
    value: &Spanned<DeValue<'_>>,
) -> Result<Value, ConfError> {
    let fault = |reason: &str| source.fault(key, value.span().start, reason);
    let content = value.get_ref();
    match kind {
        Kind::Word(words) => {
            let text = content.as_str().ok_or_else(|| fault("must be a string"))?;
            if !text.is_empty() && !words.contains(&text) {
                let all = words.join(", ");
                return Err(fault(&format!("cannot be `{text}`: it must be one of: {all}")));
            }
            Ok(Value::One(text.to_owned()))
        }
        Kind::Text => {
            content.as_str().map(|it| Value::One(it.to_owned())).ok_or_else(|| fault("must be a string"))
        }
        Kind::Truth => content
            .as_bool()
            .map(|it| Value::One(it.to_string()))
            .ok_or_else(|| fault("must be true or false")),
        Kind::Number => {
            let number =
                content.as_integer().and_then(|it| i64::from_str_radix(it.as_str(), it.radix()).ok());
            number.map(|it| Value::One(it.to_string())).ok_or_else(|| fault("must be a whole number"))
        }
        Kind::Texts => {
            let list = content.as_array().ok_or_else(|| fault("must be a list of strings"))?;
            let (mut items, mut appends) = (Vec::new(), None);
            for item in list {
                // `{append = true}` as an item, see containers.conf(5).
                let option = item.get_ref().as_table().and_then(|it| it.get("append"));
                match (item.get_ref().as_str(), option.and_then(|it| it.get_ref().as_bool())) {
                    (Some(text), _) => items.push(text.to_owned()),
                    (None, append @ Some(_)) => appends = append,
                    (None, None) => {
                        let reason = "must be a string, or {append=true}";
                        return Err(source.fault(key, item.span().start, reason));
                    }
                }
            }
            Ok(Value::List { items, appends })
        }
        Kind::Pools => {
            let reason = "must be a list of tables like {base = '10.89.0.0/16', size = 24}";
            let list = content.as_array().ok_or_else(|| fault(reason))?;
            let pool = |item: &Spanned<DeValue<'_>>| {
                let table = item.get_ref().as_table()?;
                let base = table.get("base")?.get_ref().as_str()?;
                let size = table.get("size")?.get_ref().as_integer()?;
                Some(format!("{base} {}", size.as_str()))
            };
            let one = |item| pool(item).ok_or_else(|| source.fault(key, item.span().start, reason));
            let items = list.iter().map(one).collect::<Result<Vec<_>, ConfError>>()?;
            Ok(Value::List { items, appends: None })
        }
        Kind::Nothing | Kind::Same(..) => Ok(Value::One(String::new())),
    }
}
