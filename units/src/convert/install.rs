//! `[Install]` to links.
//!
//! A generated unit cannot be enabled by `systemctl`, so the links are made with it. Knows no disk.

use std::borrow::Cow;

use super::{INSTALL, Link, paths};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::names;
use crate::tree::{Entry, Unit};
use crate::values::{self, Value};
use crate::words::Splitting;

/// The keys that make the service wanted, with the directories the links lie in.
const WANTED: [(&str, &str); 3] =
    [("WantedBy", "wants"), ("RequiredBy", "requires"), ("UpheldBy", "upholds")];

/// So many links a file may ask for.
const MOST_LINKS: usize = 1000;

/// An alias and where it is asked for.
pub(super) struct Alias<'u> {
    pub(super) link: Link,
    pub(super) value: Value<'u>,
}

/// The links that enable the service.
pub(super) fn wanted(unit: &Unit, service: &str, faults: &mut Diagnostics) -> Vec<Link> {
    // A template is enabled as one of its instances, so somebody has to say as which.
    let name = match service.split_once("@.") {
        None => Cow::Borrowed(service),
        Some((base, extension)) => match unit.last(INSTALL, "DefaultInstance").map(values::unquoted_scalar) {
            Some(instance) if !instance.text.is_empty() && !instance.text.contains(['/', '\0']) => {
                Cow::Owned(format!("{base}@{}.{extension}", instance.text))
            }
            _ => return Vec::new(),
        },
    };
    // In order, each once.
    let mut links: Vec<Link> = Vec::new();
    for (key, directory) in WANTED {
        let words = words(unit, key, faults);
        links.reserve_exact(words.len());
        for word in words {
            if links.len() >= MOST_LINKS {
                faults.push(Diagnostic::error(word.place(), format!("more than {MOST_LINKS} links")));
                return links;
            }
            if faults.is_full_of_warnings() {
                break;
            }
            if word.text.contains('/') || word.text.is_empty() {
                let text = format!(
                    "`{}` is not the name of a unit, no link is made",
                    crate::parse::brief(&word.text)
                );
                faults.push(Diagnostic::warning(word.place(), text));
                continue;
            }
            let link = Link {
                name: [&word.text, ".", directory, "/", &name].concat(),
                target: ["../", service].concat(),
            };
            if let Err(place) = links.binary_search(&link) {
                links.insert(place, link);
            }
        }
    }
    links
}

/// Whether a link makes the service wanted, rather than gives it a name.
pub(super) fn is_wanted(link: &Link) -> bool {
    let directory = link.name.rsplit_once('/').map_or("", |(directory, _)| directory);
    WANTED.iter().any(|(_, kind)| directory.ends_with(&format!(".{kind}")))
}

/// The links that give the service further names.
pub(super) fn aliases<'u>(unit: &'u Unit, service: &str, faults: &mut Diagnostics) -> Vec<Alias<'u>> {
    let mut found = Vec::new();
    for value in words(unit, "Alias", faults) {
        if found.len() >= MOST_LINKS {
            faults.push(Diagnostic::error(value.place(), format!("more than {MOST_LINKS} aliases")));
            break;
        }
        let name = paths::clean(&value.text);
        if name == service {
            continue;
        }
        if let Some(reason) = refusal(&name) {
            if faults.is_full_of_warnings() {
                break;
            }
            let text = format!("the alias `{}` {reason}, no link is made", crate::parse::brief(&value.text));
            faults.push(Diagnostic::warning(value.place(), text));
            continue;
        }
        let target = format!("{}{service}", "../".repeat(name.matches('/').count()));
        found.push(Alias { link: Link { name, target }, value });
    }
    found
}

/// Why a path cannot be the alias of a service, or would be in the way of others.
fn refusal(name: &str) -> Option<&'static str> {
    if name.starts_with('/') || name == "." || name == ".." || name.starts_with("../") {
        return Some("lies outside");
    }
    let (parents, own) = name.rsplit_once('/').unwrap_or(("", name));
    if !own.ends_with(".service") || !names::is_unit_name(own) {
        return Some("is not the name of a service");
    }
    parents.split('/').any(|parent| parent.ends_with(".service")).then_some("lies below a service")
}

/// The words of all assignments to a key since the last empty one.
fn words<'u>(unit: &'u Unit, key: &str, faults: &mut Diagnostics) -> Vec<Value<'u>> {
    let entries: Vec<&Entry> = unit.entries(INSTALL).filter(|entry| entry.key == key).collect();
    values::split_entries(values::since_reset(&entries), Splitting::Plain, faults)
}
