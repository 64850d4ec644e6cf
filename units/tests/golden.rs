//! Every directory in `golden/` is a set of unit files; `expected` beside them is what becomes of them.
//!
//! `BLESS=1 cargo test -p pontoon-units --test golden` writes what is there now; look at the difference before
//! keeping it. A directory whose name ends in `-user` is converted for a user's manager.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use pontoon_units::{Accounts, Content, Conversion, DropIn, Settings, Source, convert};

/// Where the files pretend to lie, so that the result is the same everywhere.
const PLACE: &str = "/etc/containers/systemd";

/// The users of the pretended host.
fn accounts() -> Accounts {
    Accounts::of(
        "root:x:0:0::/root:/bin/sh\nweb:x:990:990::/nonexistent:\nalice:x:1000:1000::/home/alice:\n"
            .to_owned(),
    )
}

fn file_names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn sources(directory: &Path) -> Vec<Source> {
    let mut sources = Vec::new();
    for name in file_names(directory) {
        let path = directory.join(&name);
        if name == "expected" || path.is_dir() {
            continue;
        }
        let added = directory.join(format!("{name}.d"));
        let drop_ins = if added.is_dir() { file_names(&added) } else { Vec::new() };
        sources.push(Source {
            path: Arc::from(format!("{PLACE}/{name}")),
            content: Content::Text(fs::read(path).unwrap()),
            drop_ins: drop_ins
                .into_iter()
                .map(|file| DropIn {
                    path: Arc::from(format!("{PLACE}/{name}.d/{file}")),
                    content: Content::Text(fs::read(added.join(file)).unwrap()),
                })
                .collect(),
            name,
        });
    }
    sources
}

fn render(conversion: &Conversion) -> String {
    let mut text = String::new();
    for fault in conversion.faults() {
        writeln!(text, "{fault}").unwrap();
        if let Some(hint) = &fault.hint {
            writeln!(text, "  hint: {hint}").unwrap();
        }
    }
    for service in &conversion.services {
        let stub = if service.stub { " (fails)" } else { "" };
        writeln!(text, "--- {}{stub}", service.name).unwrap();
        for link in &service.links {
            writeln!(text, "link {} -> {}", link.name, link.target).unwrap();
        }
        text.push_str(&service.text);
    }
    text
}

#[test]
fn unit_files_become_what_is_expected_of_them() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    for case in file_names(&golden) {
        let directory = golden.join(&case);
        let settings = Settings {
            user: case.ends_with("-user"),
            engine: "/usr/bin/pontoon".to_owned(),
            accounts: accounts(),
        };
        let found = render(&convert(&sources(&directory), &settings));
        let expected = directory.join("expected");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if found != wanted {
            wrong.push(format!("== {case}: expected\n{wanted}== {case}: found\n{found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
