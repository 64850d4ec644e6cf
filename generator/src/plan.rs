//! What a reload would change: the services a manager has now beside those it would get.
//!
//! Pure: texts in, a value out.

use std::collections::{BTreeMap, BTreeSet};

use pontoon_units::{Conversion, UnitKind, parse};

/// Services by name.
pub type Services = BTreeMap<String, Planned>;

/// A service as it is or would be on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Its text.
    pub text: String,
    /// Why it can only fail, if it is a stand-in.
    pub fault: Option<String>,
}

/// What happens to a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is new.
    Added,
    /// Its text is another one.
    Changed,
    /// Its file is gone.
    Removed,
}

/// One service that a reload changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The service.
    pub name: String,
    /// What happens to it.
    pub fate: Fate,
    /// Whether a service that runs must be restarted for it to count.
    pub needs_restart: bool,
    /// Why it would fail, if its file cannot be converted.
    pub fault: Option<String>,
    /// Its text as it is; empty for a new one.
    pub before: String,
    /// Its text as it would be; empty for one that goes.
    pub after: String,
}

/// The texts a conversion gives.
pub fn services(conversion: &Conversion) -> Services {
    let planned = conversion.services.iter().map(|service| {
        let fault = service.faults.errors().next().map(ToString::to_string);
        (service.name.clone(), Planned { text: service.text.clone(), fault })
    });
    planned.collect()
}

/// What changes between two sets of services, by name.
pub fn changes<'s>(before: &'s Services, after: &'s Services) -> Vec<Change> {
    let names: BTreeSet<&'s String> = before.keys().chain(after.keys()).collect();
    let one = |name: &'s String| {
        let fault = after.get(name).and_then(|planned| planned.fault.clone());
        let text = |services: &'s Services| services.get(name).map(|planned| planned.text.as_str());
        let (old, new) = (text(before), text(after));
        let fate = match (old, new) {
            (None, _) => Fate::Added,
            (_, None) => Fate::Removed,
            (Some(old), Some(new)) if without_comments(old) == without_comments(new) => return None,
            _ => Fate::Changed,
        };
        let (old, new) = (old.unwrap_or(""), new.unwrap_or(""));
        Some(Change {
            name: name.clone(),
            fate,
            // What runs goes on rather than be restarted into a failure.
            needs_restart: fate == Fate::Changed && fault.is_none() && needs_restart(old, new),
            fault,
            before: without_comments(old),
            after: without_comments(new),
        })
    };
    names.into_iter().filter_map(one).collect()
}

/// A unit's text without what only readers see.
pub fn without_comments(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with(['#', ';']));
    lines.map(|line| format!("{line}\n")).collect()
}

/// Whether what a running service does would be different.
///
/// Where a service only creates what is kept when it is there, such as a volume, running it again changes nothing
/// unless it is called otherwise now.
fn needs_restart(before: &str, after: &str) -> bool {
    let (old, new) = (lines_of(before, "Service"), lines_of(after, "Service"));
    if old == new {
        return false;
    }
    let creates = |text: &str| {
        [UnitKind::Volume, UnitKind::Network]
            .iter()
            .any(|kind| text.lines().any(|line| line == format!("[X-{}]", kind.section())))
    };
    if creates(before) && creates(after) {
        return last_word(&old) != last_word(&new);
    }
    true
}

/// The assignments of a section.
fn lines_of(text: &str, section: &str) -> Vec<(String, String)> {
    let (unit, _) = parse(&"".into(), text.as_bytes());
    unit.entries(section).map(|entry| (entry.key.clone(), entry.value.clone())).collect()
}

/// The last word of the command that creates something, its name.
fn last_word(lines: &[(String, String)]) -> Option<&str> {
    let (_, command) = lines.iter().rfind(|(key, _)| key == "ExecStart")?;
    command.rsplit(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str, text: &str) -> Services {
        Services::from([(name.to_owned(), Planned { text: text.to_owned(), fault: None })])
    }

    #[track_caller]
    fn check(before: &str, after: &str, expected: Option<bool>) {
        let changes = changes(&one("a.service", before), &one("a.service", after));
        assert_eq!(changes.first().map(|change| change.needs_restart), expected);
    }

    #[test]
    fn only_what_a_service_does_makes_it_stale() {
        let text = "[Unit]\nDescription=a\n[Service]\nExecStart=/x run a\n";
        check(text, &format!("# a comment\n{text}"), None);
        check(text, &text.replace("=a", "=b"), Some(false));
        check(text, &text.replace("run a", "run b"), Some(true));
    }

    #[test]
    fn what_is_kept_when_it_is_there_is_stale_only_under_another_name() {
        let text = "[X-Volume]\n[Service]\nExecStart=/x volume create --ignore data\n";
        check(text, &text.replace("--ignore", "--ignore --opt copy"), Some(false));
        check(text, &text.replace("data", "other"), Some(true));
    }

    #[test]
    fn nothing_is_restarted_into_a_failure() {
        let mut after = one("a.service", "[Service]\nExecStart=/bin/false\n");
        after.get_mut("a.service").unwrap().fault = Some("a.container:1:1: error: wrong".to_owned());
        let found = changes(&one("a.service", "[Service]\nExecStart=/bin/true\n"), &after);
        assert_eq!((found[0].needs_restart, found[0].fault.is_some()), (false, true));
    }

    #[test]
    fn what_comes_and_goes_is_told() {
        let found = changes(&one("a.service", "x"), &one("b.service", "y"));
        let fates: Vec<_> = found.iter().map(|change| (change.name.as_str(), change.fate)).collect();
        assert_eq!(fates, [("a.service", Fate::Removed), ("b.service", Fate::Added)]);
    }
}
