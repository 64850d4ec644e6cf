//! Calendar expressions, right and wrong ones. What systemd makes of the same is seen on the test host.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_units::calendar::check;

#[test]
fn expressions_are_right_or_wrong() {
    for text in include_str!("calendar/right").lines() {
        assert_eq!(check(text), Ok(()), "{text}");
    }
    for text in include_str!("calendar/wrong").lines() {
        let wrong = check(text).expect_err(text);
        assert!(text.is_char_boundary(wrong.offset), "{text}: {wrong:?}");
    }
}
