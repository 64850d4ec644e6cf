//! The text of one registries.conf: TOML with places, so that every fault has a line and a column.

use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Mirror, MirrorUse, RegistriesError, RegistryEntry, ShortNameMode, Unhonoured};
use crate::reference::Reference;
use crate::short_name;
use crate::text_place::line_and_column;

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct ParsedFile {
    pub path: PathBuf,
    pub search: Option<Vec<String>>,
    pub short_name_mode: Option<ShortNameMode>,
    pub credential_helpers: Option<Vec<String>>,
    pub registries: Vec<RegistryEntry>,
    /// `None` takes an alias back.
    pub aliases: Vec<(String, Option<Reference>)>,
    pub unhonoured: Vec<Unhonoured>,
}

type Value<'a> = Spanned<DeValue<'a>>;

/// A file being parsed: knows how to say where a fault is.
struct Text<'a> {
    path: &'a Path,
    text: &'a str,
    unhonoured: Vec<Unhonoured>,
}

impl Text<'_> {
    /// Returns line and column, both from 1, of a byte.
    fn place(&self, offset: usize) -> (usize, usize) {
        line_and_column(self.text, offset)
    }

    fn fault(&self, key: &str, value: &Value<'_>, reason: impl Into<String>) -> RegistriesError {
        let (line, column) = self.place(value.span().start);
        let (key, reason) = (key.to_owned(), reason.into());
        RegistriesError::Value { path: self.path.to_owned(), line, column, key, reason }
    }

    fn string(&self, key: &str, value: &Value<'_>) -> Result<String, RegistriesError> {
        let text = value.get_ref().as_str().ok_or_else(|| self.fault(key, value, "must be a string"))?;
        Ok(text.to_owned())
    }

    fn boolean(&self, key: &str, value: &Value<'_>) -> Result<bool, RegistriesError> {
        value.get_ref().as_bool().ok_or_else(|| self.fault(key, value, "must be true or false"))
    }

    fn strings(&self, key: &str, value: &Value<'_>) -> Result<Vec<String>, RegistriesError> {
        let list =
            value.get_ref().as_array().ok_or_else(|| self.fault(key, value, "must be a list of strings"))?;
        list.iter().map(|item| self.string(key, item)).collect()
    }

    fn table<'t, 'i>(&self, key: &str, value: &'t Value<'i>) -> Result<&'t DeTable<'i>, RegistriesError> {
        value.get_ref().as_table().ok_or_else(|| self.fault(key, value, "must be a table"))
    }

    fn tables<'t, 'i>(
        &self,
        key: &str,
        value: &'t Value<'i>,
    ) -> Result<Vec<(usize, &'t DeTable<'i>)>, RegistriesError> {
        let wrong = || self.fault(key, value, format!("must be written as [[{key}]]"));
        let list = value.get_ref().as_array().ok_or_else(wrong)?;
        list.iter().map(|item| Ok((item.span().start, self.table(key, item)?))).collect()
    }

    fn ignore(&mut self, key: String, offset: usize) {
        let (line, _) = self.place(offset);
        self.unhonoured.push(Unhonoured { path: self.path.to_owned(), line, key });
    }

    /// Reads a place in a registry: a beginning of an image name.
    fn location(&self, key: &str, value: &Value<'_>) -> Result<String, RegistriesError> {
        let text = self.string(key, value)?;
        let location = text.trim_end_matches('/');
        if location.contains("://") {
            return Err(self.fault(key, value, "must not have a scheme such as https://"));
        }
        if location.chars().any(|ch| ch.is_whitespace() || ch.is_control()) {
            return Err(self.fault(key, value, "must not have blanks"));
        }
        Ok(location.to_owned())
    }
}

/// Parses the text of the file at `path`.
pub(super) fn parse(path: &Path, text: &str) -> Result<ParsedFile, RegistriesError> {
    let mut source = Text { path, text, unhonoured: Vec::new() };
    let document = DeTable::parse(text).map_err(|err| {
        let (line, column) = source.place(err.span().map_or(0, |span| span.start));
        let message = err.message().lines().collect::<Vec<_>>().join(", ");
        RegistriesError::Syntax { path: path.to_owned(), line, column, message }
    })?;
    let mut file = ParsedFile { path: path.to_owned(), ..ParsedFile::default() };
    for (key, value) in document.get_ref().iter() {
        match &**key.get_ref() {
            name @ "unqualified-search-registries" => file.search = Some(search(&source, name, value)?),
            name @ "short-name-mode" => file.short_name_mode = short_name_mode(&source, name, value)?,
            name @ "credential-helpers" => file.credential_helpers = Some(source.strings(name, value)?),
            name @ "registry" => {
                for (offset, table) in source.tables(name, value)? {
                    let entry = registry(&mut source, offset, table, value)?;
                    file.registries.push(entry);
                }
            }
            name @ "aliases" => file.aliases = aliases(&source, source.table(name, value)?)?,
            name @ "registries" => {
                return Err(source.fault(
                    name,
                    value,
                    "is of version 1 of the format, which is not supported",
                ));
            }
            name => source.ignore(name.to_owned(), key.span().start),
        }
    }
    // Tables are kept in the order of keys; people read files by lines.
    file.unhonoured = source.unhonoured;
    file.unhonoured.sort_by_key(|it| it.line);
    Ok(file)
}

fn search(source: &Text<'_>, key: &str, value: &Value<'_>) -> Result<Vec<String>, RegistriesError> {
    let list =
        value.get_ref().as_array().ok_or_else(|| source.fault(key, value, "must be a list of strings"))?;
    list.iter()
        .map(|item| {
            let registry = source.location(key, item)?;
            match Reference::parse(&format!("{registry}/x")) {
                Ok(reference) if reference.domain() == registry.split('/').next().unwrap_or_default() => {
                    Ok(registry)
                }
                _ => Err(source.fault(key, item, format!("names `{registry}`, which is no registry"))),
            }
        })
        .collect()
}

fn short_name_mode(
    source: &Text<'_>,
    key: &str,
    value: &Value<'_>,
) -> Result<Option<ShortNameMode>, RegistriesError> {
    match source.string(key, value)?.as_str() {
        "" => Ok(None),
        "enforcing" => Ok(Some(ShortNameMode::Enforcing)),
        "permissive" => Ok(Some(ShortNameMode::Permissive)),
        "disabled" => Ok(Some(ShortNameMode::Disabled)),
        _ => Err(source.fault(key, value, "must be enforcing, permissive or disabled")),
    }
}

fn registry(
    source: &mut Text<'_>,
    offset: usize,
    table: &DeTable<'_>,
    whole: &Value<'_>,
) -> Result<RegistryEntry, RegistriesError> {
    let mut prefix = None;
    let mut location = None;
    let mut digest_only = false;
    let (line, _) = source.place(offset);
    let mut entry = RegistryEntry {
        prefix: String::new(),
        location: String::new(),
        insecure: false,
        blocked: false,
        mirrors: Vec::new(),
        path: source.path.to_owned(),
        line,
    };
    for (key, value) in table.iter() {
        match &**key.get_ref() {
            name @ "prefix" => prefix = Some(source.location(name, value)?).filter(|it| !it.is_empty()),
            name @ "location" => location = Some(source.location(name, value)?).filter(|it| !it.is_empty()),
            name @ "insecure" => entry.insecure = source.boolean(name, value)?,
            name @ "blocked" => entry.blocked = source.boolean(name, value)?,
            name @ "mirror-by-digest-only" => digest_only = source.boolean(name, value)?,
            "mirror" => {
                for (_, table) in source.tables("registry.mirror", value)? {
                    let mirror = mirror(source, table, value)?;
                    entry.mirrors.push(mirror);
                }
            }
            name => source.ignore(format!("registry.{name}"), key.span().start),
        }
    }
    if digest_only {
        for mirror in &mut entry.mirrors {
            mirror.serves = MirrorUse::DigestOnly;
        }
    }
    let wildcard = prefix.as_ref().is_some_and(|prefix| prefix.starts_with("*."));
    entry.location = match (location, &prefix) {
        (Some(location), _) => location,
        (None, Some(_)) if wildcard => String::new(),
        (None, Some(prefix)) => prefix.clone(),
        (None, None) => return Err(source.fault("registry", whole, "has neither `prefix` nor `location`")),
    };
    entry.prefix = prefix.unwrap_or_else(|| entry.location.clone());
    if entry.prefix.contains('*') && !wildcard {
        return Err(source.fault("registry.prefix", whole, "may have `*` only as `*.` at its beginning"));
    }
    Ok(entry)
}

fn mirror(source: &mut Text<'_>, table: &DeTable<'_>, whole: &Value<'_>) -> Result<Mirror, RegistriesError> {
    let mut mirror = Mirror { location: String::new(), insecure: false, serves: MirrorUse::All };
    for (key, value) in table.iter() {
        match &**key.get_ref() {
            name @ "location" => mirror.location = source.location(name, value)?,
            name @ "insecure" => mirror.insecure = source.boolean(name, value)?,
            name @ "pull-from-mirror" => {
                mirror.serves = match source.string(name, value)?.as_str() {
                    "" | "all" => MirrorUse::All,
                    "digest-only" => MirrorUse::DigestOnly,
                    "tag-only" => MirrorUse::TagOnly,
                    _ => return Err(source.fault(name, value, "must be all, digest-only or tag-only")),
                }
            }
            name => source.ignore(format!("registry.mirror.{name}"), key.span().start),
        }
    }
    match mirror.location.is_empty() {
        true => Err(source.fault("registry.mirror", whole, "has no `location`")),
        false => Ok(mirror),
    }
}

fn aliases(
    source: &Text<'_>,
    table: &DeTable<'_>,
) -> Result<Vec<(String, Option<Reference>)>, RegistriesError> {
    let mut aliases = Vec::new();
    for (key, value) in table.iter() {
        let name = &**key.get_ref();
        let full = source.string(name, value)?;
        if !short_name::is_short_name(name) || name.contains([':', '@']) {
            return Err(source.fault(
                name,
                value,
                "is an alias, but its name is no short name without a tag",
            ));
        }
        if full.is_empty() {
            aliases.push((name.to_owned(), None));
            continue;
        }
        let reference = Reference::parse(&full).map_err(|err| source.fault(name, value, err.to_string()))?;
        if short_name::is_short_name(&full) || reference.tag().is_some() || reference.digest().is_some() {
            return Err(source.fault(name, value, "must stand for a full image name without tag and digest"));
        }
        aliases.push((name.to_owned(), Some(reference)));
    }
    Ok(aliases)
}
