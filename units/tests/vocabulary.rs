//! The tables of keys are whole and say what they mean.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;

use pontoon_units::vocabulary::{self, SECTIONS};
use pontoon_units::{Emit, Form};

#[test]
fn every_section_has_all_its_keys() {
    let expected = [94, 29, 19, 16, 18, 18, 28, 13, 9, 1, 2];
    let found = SECTIONS.map(|section| vocabulary::keys_of(section).unwrap().len());
    assert_eq!(found, expected);
    let podmans = SECTIONS
        .into_iter()
        .filter_map(vocabulary::keys_of)
        .flatten()
        .filter(|key| key.since != vocabulary::OURS);
    assert_eq!(podmans.count(), 236);
}

#[test]
fn no_key_is_declared_twice_and_each_explains_itself() {
    for section in SECTIONS {
        let mut names = HashSet::new();
        for key in vocabulary::keys_of(section).unwrap() {
            assert!(names.insert(key.name), "{section}.{}", key.name);
            assert!(!key.meaning.is_empty() && !key.example.is_empty(), "{section}.{}", key.name);
            let is_ours = [vocabulary::EXTENSION_SECTION, "Secret"].contains(&section);
            assert_eq!(is_ours, key.since == vocabulary::OURS, "{section}.{}", key.name);
            assert!(is_ours || key.since.starts_with(['4', '5', '6']), "{section}.{}", key.name);
        }
    }
}

#[test]
fn a_boolean_becomes_a_switch_and_nothing_else_does() {
    for key in SECTIONS.into_iter().filter_map(vocabulary::keys_of).flatten() {
        match key.emit {
            Emit::Switch(_) | Emit::IfTrue(_) => assert_eq!(key.form, Form::Boolean, "{}", key.name),
            Emit::Own(_) => {}
            _ => assert_ne!(key.form, Form::Boolean, "{}", key.name),
        }
    }
}
