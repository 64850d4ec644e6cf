//! The text of one `storage.conf`: TOML with places, so that what is told has a line and a column.

use std::collections::BTreeMap;
use std::path::Path;

use pontoon_image::text_place::line_and_column;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::{KEYS, Kind, is_idle_mountopt};
use super::{Said, StorageConfError};

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// What we heed.
    pub said: BTreeMap<&'static str, Said<String>>,
    /// The same of lists.
    pub lists: BTreeMap<&'static str, Vec<Said<String>>>,
    /// What has no effect, by lines.
    pub unhonoured: Vec<(usize, String)>,
}

struct Reading<'a> {
    path: &'a Path,
    text: &'a str,
    is_rootless: bool,
    parsed: Parsed,
}

/// Parses the text of the file at `path`.
pub(super) fn parse(path: &Path, text: &str, is_rootless: bool) -> Result<Parsed, StorageConfError> {
    let mut reading = Reading { path, text, is_rootless, parsed: Parsed::default() };
    let document = DeTable::parse(text).map_err(|err| StorageConfError::Syntax {
        place: reading.place(err.span().map_or(0, |span| span.start)),
        message: err.message().lines().collect::<Vec<_>>().join(", "),
    })?;
    reading.table("", document.get_ref())?;
    // Tables are kept in the order of keys; people read files by lines.
    reading.parsed.unhonoured.sort();
    Ok(reading.parsed)
}

impl Reading<'_> {
    fn place(&self, offset: usize) -> String {
        let (line, column) = line_and_column(self.text, offset);
        format!("{}:{line}:{column}", self.path.display())
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), StorageConfError> {
        for (name, value) in table.iter() {
            let key = format!("{prefix}{}", name.get_ref());
            let inner = value.get_ref().as_table();
            match (KEYS.iter().find(|it| it.0 == key), inner) {
                (Some((_, Kind::Nothing)), _) => {}
                (Some((key, Kind::Unless(usual))), _) => {
                    let said = text_of(value.get_ref()).is_some_and(|it| {
                        usual.contains(&it.as_str())
                            || key.ends_with(".mountopt") && is_idle_mountopt(&it, self.is_rootless)
                    });
                    if !said {
                        self.tell(key, name.span().start);
                    }
                }
                (Some((key, Kind::Texts)), _) => self.take_list(key, value)?,
                (Some((key, kind)), _) => self.take(key, *kind, value)?,
                (None, Some(inner))
                    if matches!(key.as_str(), "storage" | "storage.options" | "storage.options.overlay") =>
                {
                    self.table(&format!("{key}."), inner)?;
                }
                // A table with nothing in it says nothing.
                (None, Some(inner)) if inner.is_empty() => {}
                (None, _) => self.tell(&key, name.span().start),
            }
        }
        Ok(())
    }

    fn tell(&mut self, key: &str, offset: usize) {
        let (line, _) = line_and_column(self.text, offset);
        let text = format!("{}:{line}: `{key}` is not honoured", self.path.display());
        self.parsed.unhonoured.push((line, text));
    }

    fn take_list(&mut self, key: &'static str, value: &Spanned<DeValue<'_>>) -> Result<(), StorageConfError> {
        let wrong = |offset| StorageConfError::Value {
            place: self.place(offset),
            key,
            reason: "must be a list of strings".to_owned(),
        };
        let items = value.get_ref().as_array().ok_or_else(|| wrong(value.span().start))?;
        let item = |item: &Spanned<DeValue<'_>>| {
            let text = item.get_ref().as_str().ok_or_else(|| wrong(item.span().start))?;
            Ok(Said { value: text.to_owned(), place: self.place(item.span().start) })
        };
        let items = items.iter().map(item).collect::<Result<_, _>>()?;
        self.parsed.lists.insert(key, items);
        Ok(())
    }

    fn take(
        &mut self,
        key: &'static str,
        kind: Kind,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), StorageConfError> {
        let place = self.place(value.span().start);
        let content = value.get_ref();
        let (text, expected) = match kind {
            Kind::Truth => (
                text_of(content).filter(|it| matches!(it.as_str(), "true" | "false" | "")),
                "must be true or false",
            ),
            _ => (content.as_str().map(str::to_owned), "must be a string"),
        };
        match text {
            // Empty is as good as not said.
            Some(text) if text.is_empty() => {}
            Some(value) => drop(self.parsed.said.insert(key, Said { value, place })),
            None => return Err(StorageConfError::Value { place, key, reason: expected.to_owned() }),
        }
        Ok(())
    }
}

/// A simple value as text; of lists only the empty one is any.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Array(items) if items.is_empty() => Some("[]".to_owned()),
        _ => None,
    }
}
