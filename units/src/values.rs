//! The assignments of one section, read the way the key's form says.
//!
//! Knows forms, not what a key is for. Every value carries its place, and a value that does not fit its form
//! is a diagnostic.

use std::borrow::Cow;
use std::ops::Range;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use crate::suggest;
use crate::tree::{Entry, Section};
use crate::vocabulary::{self, Form, Key};
use crate::words::{self, Splitting};

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub struct Value<'u> {
    /// The text without quotes that do not belong to it.
    pub text: Cow<'u, str>,
    entry: &'u Entry,
    offset: usize,
}

impl Value<'_> {
    /// Where the value begins.
    pub fn place(&self) -> Place {
        self.place_at(0)
    }

    /// The text before its `=`.
    fn pair_name(&self) -> &str {
        self.text.split_once('=').map_or(&*self.text, |(name, _)| name)
    }

    /// The place of a byte of the value; exact where nothing in it is quoted or escaped.
    pub fn place_at(&self, offset: usize) -> Place {
        self.entry.place_at(self.offset + offset)
    }
}

/// The assignments of one section, grouped by key in the order of the table.
#[derive(Debug)]
pub struct Values<'u> {
    /// Those of one key stand together, in the order of the file.
    entries: Vec<&'u Entry>,
    groups: Vec<Group>,
}

/// All assignments to one key.
#[derive(Debug)]
struct Group {
    key: &'static Key,
    /// Where they begin, and where the next group does.
    entries: Range<usize>,
}

impl<'u> Values<'u> {
    /// Groups a section's assignments; a key that is unknown is an error.
    pub fn read(section: Option<&'u Section>, rows: &'static [Key], faults: &mut Diagnostics) -> Self {
        let Some(section) = section else { return Self { entries: Vec::new(), groups: Vec::new() } };
        let mut found = Vec::with_capacity(section.lines.len());
        for entry in section.entries() {
            if faults.is_full() {
                break;
            }
            match rows.iter().position(|key| key.name == entry.key) {
                Some(row) => found.push((row, entry)),
                None => faults.push(unknown_key(entry, &section.name, rows)),
            }
        }
        found.sort_by_key(|(row, _)| *row);
        let mut entries = Vec::with_capacity(found.len());
        let mut groups = Vec::with_capacity(found.len());
        for same in found.chunk_by(|(one, _), (other, _)| one == other) {
            let start = entries.len();
            entries.extend(same.iter().map(|(_, entry)| *entry));
            let key = same.first().and_then(|(row, _)| rows.get(*row));
            groups.extend(key.map(|key| Group { key, entries: start..entries.len() }));
        }
        Self { entries, groups }
    }

    /// Whether a key is assigned at all.
    pub fn has(&self, name: &str) -> bool {
        self.group(name).is_some()
    }

    /// The place of the last assignment to a key.
    pub fn place(&self, name: &str) -> Option<Place> {
        Some(self.last(name)?.1.place.clone())
    }

    /// The one text of a key; an empty one counts only if the key's form says so.
    pub fn scalar(&self, name: &str) -> Option<Value<'u>> {
        let (key, last) = self.last(name)?;
        let value = unquoted_scalar(last);
        (key.form == Form::ScalarOrEmpty || !value.text.is_empty()).then_some(value)
    }

    /// The lines of a key since its last empty assignment.
    pub fn list(&self, name: &str, faults: &mut Diagnostics) -> Vec<Value<'u>> {
        self.effective(name).iter().map(|entry| unquoted_line(entry, faults)).collect()
    }

    /// The words of a key, over all lines since its last empty assignment or of the last line alone, as the
    /// key's form says.
    pub fn words(&self, name: &str, faults: &mut Diagnostics) -> Vec<Value<'u>> {
        let Some((key, all)) = self.group(name) else { return Vec::new() };
        let splitting = if key.form == Form::Words { Splitting::Plain } else { Splitting::Command };
        let entries = match (key.form, all) {
            (Form::LastCommand, [.., last]) => std::slice::from_ref(last),
            (_, all) => since_reset(all),
        };
        split_entries(entries, splitting, faults)
    }

    /// The `name=value` words of a key, sorted by name, the last of each name.
    pub fn pairs(&self, name: &str, faults: &mut Diagnostics) -> Vec<Value<'u>> {
        let mut pairs = self.words(name, faults);
        pairs.sort_by(|one, other| one.pair_name().cmp(other.pair_name()));
        pairs.dedup_by(|later, kept| {
            let is_again = later.pair_name() == kept.pair_name();
            if is_again {
                std::mem::swap(later, kept);
            }
            is_again
        });
        pairs
    }

    /// Yes or no; nothing if the key is not assigned or its value is neither.
    pub fn boolean(&self, name: &str, faults: &mut Diagnostics) -> Option<bool> {
        read_boolean(self.last(name)?.1, faults)
    }

    /// A whole number; nothing if the key is not assigned or its value is none.
    pub fn number(&self, name: &str, faults: &mut Diagnostics) -> Option<u32> {
        let value = self.scalar(name)?;
        let number = read_number(&value.text);
        match number {
            Some(number) => warn_of_octal(&value, number, faults),
            None => {
                let text = format!("`{}` is not a number", crate::parse::brief(&value.text));
                faults.push(Diagnostic::error(value.place(), text));
            }
        }
        number
    }

    /// The id of a user or group: a number, or a name that is looked up when the service starts.
    pub fn id(&self, name: &str, faults: &mut Diagnostics) -> Option<String> {
        let value = self.scalar(name)?;
        if let Some(number) = read_number(&value.text) {
            warn_of_octal(&value, number, faults);
            return Some(number.to_string());
        }
        if value.text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+'))
            || value.text.contains([',', ':', '/', ' '])
        {
            let text = format!("`{}` is neither an id nor a name", crate::parse::brief(&value.text));
            faults.push(Diagnostic::error(value.place(), text));
            return None;
        }
        Some(value.text.into_owned())
    }

    /// Whether the key of a row is assigned at all.
    pub(crate) fn has_row(&self, row: &'static Key) -> bool {
        self.groups.iter().any(|group| std::ptr::eq(group.key, row))
    }

    fn group(&self, name: &str) -> Option<(&'static Key, &[&'u Entry])> {
        let group = self.groups.iter().find(|group| group.key.name == name)?;
        Some((group.key, self.entries.get(group.entries.clone())?))
    }

    fn last(&self, name: &str) -> Option<(&'static Key, &'u Entry)> {
        let (key, entries) = self.group(name)?;
        Some((key, entries.last()?))
    }

    fn effective(&self, name: &str) -> &[&'u Entry] {
        self.group(name).map_or(&[], |(_, entries)| since_reset(entries))
    }
}

/// Reads an assignment as yes or no; what is neither means no, as the original has it.
pub fn read_boolean(entry: &Entry, faults: &mut Diagnostics) -> Option<bool> {
    let value = unquoted_scalar(entry);
    if value.text.is_empty() {
        return Some(false);
    }
    Some(truth(&value.text).unwrap_or_else(|| {
        let text = format!("`{}` is taken for `false`", crate::parse::brief(&value.text));
        let fault = Diagnostic::warning(value.place(), text);
        faults.push(fault.with_hint("write `true` or `false`"));
        false
    }))
}

/// Whether a word means yes or no.
pub fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "true" | "on" => Some(true),
        "0" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// The words of an assignment; one that cannot be split is a fault and has none.
pub fn split_entry<'u>(entry: &'u Entry, splitting: Splitting, faults: &mut Diagnostics) -> Vec<Value<'u>> {
    split_entries(&[entry], splitting, faults)
}

/// The words of several assignments.
pub(crate) fn split_entries<'u>(
    entries: &[&'u Entry],
    splitting: Splitting,
    faults: &mut Diagnostics,
) -> Vec<Value<'u>> {
    let mut values = Vec::new();
    for entry in entries {
        let take = |text, offset| values.push(Value { text, entry, offset });
        let Err(fault) = words::for_each(&entry.value, splitting, take) else { continue };
        let diagnostic = Diagnostic::error(entry.place_at(fault.offset()), fault.to_string());
        faults.push(match fault.hint() {
            Some(hint) => diagnostic.with_hint(hint),
            None => diagnostic,
        });
    }
    values
}

/// The text of an assignment without one pair of double quotes around the whole of it.
pub fn unquoted_scalar(entry: &Entry) -> Value<'_> {
    let text = entry.value.trim_end();
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) => Value { text: Cow::Borrowed(inner), entry, offset: 1 },
        None => Value { text: Cow::Borrowed(text), entry, offset: 0 },
    }
}

/// The assignments after the last empty one.
pub fn since_reset<'a, 'u>(entries: &'a [&'u Entry]) -> &'a [&'u Entry] {
    let start = entries.iter().rposition(|entry| entry.value.is_empty()).map_or(0, |empty| empty + 1);
    entries.get(start..).unwrap_or(&[])
}

/// A whole line as one value; quotes around all of it are a mistake that can be mended.
pub(crate) fn unquoted_line<'u>(entry: &'u Entry, faults: &mut Diagnostics) -> Value<'u> {
    let text = entry.value.as_str();
    for quote in ['"', '\''] {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        let Some(inner) = inner.filter(|inner| !inner.contains(quote)) else { continue };
        let fault = Diagnostic::warning(entry.value_place(), "quotes around the whole value are left out")
            .with_hint(format!("`{}=` takes its whole line as one value, blanks included", entry.key));
        faults.push(fault);
        return Value { text: Cow::Borrowed(inner), entry, offset: 1 };
    }
    Value { text: Cow::Borrowed(text), entry, offset: 0 }
}

/// Decimal, `0x` hexadecimal, or octal after a leading zero.
fn read_number(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('+').unwrap_or(text);
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) if hexadecimal.starts_with('+') => None,
        Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok(),
        None if is_octal(digits) => u32::from_str_radix(digits, 8).ok(),
        None => digits.parse().ok(),
    }
}

/// A leading zero is seldom meant to change the number.
fn warn_of_octal(value: &Value<'_>, number: u32, faults: &mut Diagnostics) {
    if number > 7 && is_octal(&value.text) {
        let text = format!("`{}` is octal and means {number}", value.text);
        faults.push(Diagnostic::warning(value.place(), text));
    }
}

/// Whether a leading zero makes the digits octal.
fn is_octal(digits: &str) -> bool {
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|digit| digit.is_ascii_digit())
}

/// What to say of a key that no table knows.
fn unknown_key(entry: &Entry, section: &str, rows: &[Key]) -> Diagnostic {
    let text = format!("unknown key `{}=` in [{section}]", crate::parse::brief(&entry.key));
    let fault = Diagnostic::error(entry.place.clone(), text);
    if let Some(near) = suggest::nearest(&entry.key, rows.iter().map(|key| key.name)) {
        return fault.with_hint(format!("did you mean `{near}=`?"));
    }
    let home = vocabulary::SECTIONS
        .into_iter()
        .find(|other| *other != section && vocabulary::find(other, &entry.key).is_some())
        .or_else(|| systemd_section(&entry.key));
    match home {
        Some(home) => fault.with_hint(format!("`{}=` belongs in [{home}]", entry.key)),
        None => fault,
    }
}

/// Where systemd's own keys belong that often stand in the wrong section.
fn systemd_section(key: &str) -> Option<&'static str> {
    match key {
        "Description"
        | "Documentation"
        | "After"
        | "Before"
        | "Requires"
        | "Wants"
        | "BindsTo"
        | "PartOf"
        | "Conflicts"
        | "OnFailure"
        | "StartLimitIntervalSec"
        | "StartLimitBurst"
        | "RequiresMountsFor" => Some("Unit"),
        "Restart" | "RestartSec" | "TimeoutStartSec" | "TimeoutStopSec" | "Type" | "ExecStartPre"
        | "ExecStartPost" | "ExecStop" | "ExecStopPost" | "ExecReload" | "KillMode" | "RemainAfterExit"
        | "Slice" | "Nice" | "SuccessExitStatus" | "WatchdogSec" => Some("Service"),
        "WantedBy" | "RequiredBy" | "UpheldBy" | "Alias" | "Also" | "DefaultInstance" => Some("Install"),
        _ => None,
    }
}
