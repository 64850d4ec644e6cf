//! The manual page that is shipped is the one the tables give.
//!
//! `BLESS=1 cargo test -p pontoon-units --test manual` writes it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

#[test]
fn the_manual_is_what_the_tables_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/pontoon-quadlet.5");
    let page = pontoon_units::manual::page();
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &page).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page, "run it once with BLESS=1");
}
