//! Any bytes are parsed; every place lies in the text; what is printed is read back the same.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use pontoon_units::{Unit, parse};

/// Sections, keys and values, without places.
fn content(unit: &Unit) -> Vec<(String, Vec<(String, String)>)> {
    let entries = |section: &pontoon_units::Section| {
        section.entries().map(|entry| (entry.key.clone(), entry.value.clone())).collect()
    };
    unit.sections.iter().map(|section| (section.name.clone(), entries(section))).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let file: Arc<str> = Arc::from("fuzz.container");
    let (unit, faults) = parse(&file, bytes);
    let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
    let inside = |place: &pontoon_units::Place| {
        let line = lines.get(place.line as usize - 1).expect("a line of the text");
        assert!(place.column >= 1 && place.column as usize <= line.len() + 2, "{place}");
    };
    for fault in &faults {
        inside(&fault.place);
    }
    for entry in unit.sections.iter().flat_map(pontoon_units::Section::entries) {
        inside(&entry.place);
        for (offset, _) in entry.value.char_indices() {
            inside(&entry.place_at(offset));
        }
    }
    let printed = unit.to_string();
    let (again, _) = parse(&file, printed.as_bytes());
    assert_eq!(content(&again), content(&unit), "{printed:?}");
});
