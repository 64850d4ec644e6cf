//! The keys of `[Unit]` that name other units: names of our files become names of their services.

use super::UNIT;
use super::draft::Draft;
use super::loaded::Loaded;
use super::neighbours::Neighbours;
use crate::diagnostic::Diagnostics;
use crate::kind::UnitKind;
use crate::quote;
use crate::tree::Entry;
use crate::values;
use crate::words::Splitting;

/// The keys of `[Unit]` that name other units.
const KEYS: [&str; 15] = [
    "After",
    "Before",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "ReloadPropagatedFrom",
    "Requires",
    "Requisite",
    "StopPropagatedFrom",
    "Upholds",
    "Wants",
];

/// Replaces the names of our files in `[Unit]` by those of their services.
///
/// A key without such a name is left as it is written; the values of one with such a name become one line.
pub(super) fn translate(
    draft: &mut Draft<'_>,
    file: &Loaded,
    neighbours: &Neighbours<'_>,
    faults: &mut Diagnostics,
) {
    let Some(section) = file.unit.section(UNIT) else { return };
    for key in KEYS {
        let entries: Vec<&Entry> = section.entries().filter(|entry| entry.key == key).collect();
        let effective = values::since_reset(&entries);
        let ours = |entry: &&Entry| UnitKind::ALL.iter().any(|kind| entry.value.contains(kind.extension()));
        if !effective.iter().any(ours) {
            continue;
        }
        let mut line = String::new();
        let mut replaced = false;
        for entry in effective {
            for word in values::split_entry(entry, Splitting::Plain, faults) {
                if UnitKind::of_file_name(&word.text).is_none() {
                    quote::push_word(&mut line, &word.text);
                    continue;
                }
                if faults.is_full() {
                    return;
                }
                replaced = true;
                match neighbours.service(&word.text, &word) {
                    Ok(service) => quote::push_word(&mut line, service),
                    Err(fault) => faults.push(*fault),
                }
            }
        }
        if replaced {
            draft.remove(UNIT, key);
            draft.add(UNIT, key, line);
        }
    }
}
