//! Any text is split into words; what is written of them is split into the same words.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pontoon_units::quote;
use pontoon_units::words::{Splitting, split};

fuzz_target!(|text: &str| {
    // A line that holds one is refused before it is split.
    if text.contains('\0') {
        return;
    }
    for splitting in [Splitting::Command, Splitting::Plain] {
        match split(text, splitting) {
            Err(fault) => assert!(text.is_char_boundary(fault.offset())),
            Ok(words) => {
                let words: Vec<String> = words.into_iter().map(|word| word.text).collect();
                let line = quote::join(&words);
                let again = split(&line, Splitting::Command).expect("what is written can be read");
                assert_eq!(again.into_iter().map(|word| word.text).collect::<Vec<_>>(), words);
            }
        }
    }
});
