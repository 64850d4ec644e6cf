//! Real directories of unit files, and what Podman's own generator makes of them.
//!
//! Runs when the corpus is at hand: `PONTOON_CORPUS` names its archive, or the directory it was unpacked into. Every
//! unit must be the original's but for the differences listed in `units/DIFFERENCES.md`, which [`Difference`] names.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontoon_units::words::{Splitting, split};
use serde_json::Value;

/// What may be different; each is a heading of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Difference {
    /// A broken file gives a failing service.
    BrokenFile,
    /// A reference to a failed unit fails the referrer.
    BrokenReference,
    /// A file that cannot be parsed takes no other with it.
    SparedNeighbour,
    /// `AddDevice=-` is decided at start.
    OptionalDevice,
    /// A `.kube` file's service can be reloaded.
    Reload,
}

/// Sections of keys of values, commands as words.
type Parsed = BTreeMap<(String, String), Vec<String>>;

fn corpus() -> Option<PathBuf> {
    let given = PathBuf::from(std::env::var_os("PONTOON_CORPUS").filter(|path| !path.is_empty())?);
    if given.is_dir() {
        return Some(given);
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus");
    let _ = fs::remove_dir_all(&place);
    fs::create_dir_all(&place).unwrap();
    let unpacked = Command::new("tar").arg("-xf").arg(&given).arg("-C").arg(&place).status().unwrap();
    assert!(unpacked.success(), "cannot unpack {}", given.display());
    Some(place.join("corpus"))
}

fn generator(case: &Path, user: bool) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontoon-generator"));
    command.env_clear().env("HOME", "/root").env("QUADLET_UNIT_DIRS", case).env("PONTOON", "/usr/bin/podman");
    if user {
        command.arg("--user");
    }
    command
}

/// The units of a dry run, by name.
fn units(output: &str) -> BTreeMap<String, String> {
    let mut units: BTreeMap<String, String> = BTreeMap::new();
    let mut name = None;
    for line in output.split_inclusive('\n') {
        let header = line.trim_end().strip_prefix("---").and_then(|rest| rest.strip_suffix("---"));
        match (header.filter(|name| name.ends_with(".service")), &name) {
            (Some(header), _) => name = Some(header.to_owned()),
            (None, Some(name)) => units.entry(name.clone()).or_default().push_str(line),
            (None, None) => {}
        }
    }
    units
}

fn parse(text: &str) -> Parsed {
    let (unit, _) = pontoon_units::parse(&"unit".into(), text.as_bytes());
    let mut parsed = Parsed::new();
    for section in &unit.sections {
        for entry in section.entries() {
            let values = parsed.entry((section.name.clone(), entry.key.clone())).or_default();
            // The original draws the order of options at random.
            if section.name == "Service" && entry.key.starts_with("Exec") {
                let words = split(&entry.value, Splitting::Command).unwrap_or_default();
                values.extend(words.into_iter().map(|word| word.text));
                values.sort();
            } else if section.name == "Unit" {
                values.extend(entry.value.split_whitespace().map(str::to_owned));
                values.sort();
            } else {
                values.push(entry.value.clone());
            }
        }
    }
    parsed
}

/// Why two texts of one unit differ; nothing if they do not, an explanation if they may not. `stumbled` is whether the
/// original could not parse a file of the directory.
fn compare(original: Option<&str>, ours: Option<&str>, stumbled: bool) -> Result<Option<Difference>, String> {
    let is_stub = ours.is_some_and(|text| text.contains("\nDescription=cannot be converted: "));
    let (original, ours) = match (original, ours) {
        (None, Some(_)) if is_stub => return Ok(Some(Difference::BrokenFile)),
        (None, Some(_)) if stumbled => return Ok(Some(Difference::SparedNeighbour)),
        (Some(_), Some(text)) if is_stub && text.contains("cannot be used, it has a fault itself") => {
            return Ok(Some(Difference::BrokenReference));
        }
        (Some(original), Some(ours)) => (parse(original), parse(ours)),
        (original, _) => {
            return Err(format!("made by {} alone", if original.is_some() { "the original" } else { "us" }));
        }
    };
    if original == ours {
        return Ok(None);
    }
    let reload = ("Service".to_owned(), "ExecReload".to_owned());
    if ours.contains_key(&("X-Kube".to_owned(), "Yaml".to_owned())) && !original.contains_key(&reload) {
        let mut ours = ours.clone();
        ours.remove(&reload);
        if original == ours {
            return Ok(Some(Difference::Reload));
        }
    }
    let without_devices = |parsed: &Parsed| {
        let mut parsed = parsed.clone();
        let optional =
            parsed.get(&("X-Container".to_owned(), "AddDevice".to_owned())).cloned().unwrap_or_default();
        let names: Vec<String> = optional
            .iter()
            .flat_map(|line| line.split_whitespace())
            .filter(|word| word.starts_with('-'))
            .map(str::to_owned)
            .collect();
        for words in parsed.values_mut() {
            let before = words.len();
            words.retain(|word| {
                !names.iter().any(|name| word == name || Some(word.as_str()) == name.strip_prefix('-'))
            });
            for _ in words.len()..before {
                if let Some(index) = words.iter().position(|word| word == "--device") {
                    words.remove(index);
                }
            }
        }
        parsed
    };
    if without_devices(&original) == without_devices(&ours) {
        return Ok(Some(Difference::OptionalDevice));
    }
    let lines = |one: &Parsed, other: &Parsed| {
        let differing = one.iter().filter(|(key, values)| other.get(key) != Some(values));
        differing
            .map(|((section, key), values)| format!("[{section}] {key}={values:?}"))
            .collect::<Vec<_>>()
            .join("\n  ")
    };
    Err(format!("original:\n  {}\n ours:\n  {}", lines(&original, &ours), lines(&ours, &original)))
}

/// The links in a directory, by their path in it.
fn links(directory: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_owned()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            if path.is_symlink() {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_link(&path).unwrap().to_str().unwrap().to_owned());
            } else if path.is_dir() {
                open.push(path);
            }
        }
    }
    found
}

#[test]
fn real_files_become_what_the_original_makes_of_them() {
    let Some(corpus) = corpus() else {
        eprintln!("PONTOON_CORPUS is not set: nothing to compare with");
        return;
    };
    let cases = corpus.join("cases");
    let mut wrong = Vec::new();
    let mut counts: BTreeMap<Option<Difference>, usize> = BTreeMap::new();
    for name in fs::read_dir(&cases).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
        let case = cases.join(&name);
        for (mode, user) in [("user", true), ("system", false)] {
            let golden = fs::read(corpus.join(format!("golden-6.1.1/{name}.{mode}.json"))).unwrap();
            let golden: Value = serde_json::from_slice(&golden).unwrap();
            let ran = generator(&case, user).arg("--dryrun").output().unwrap();
            let here = |text: &str| {
                text.replace(case.to_str().unwrap(), "@CASE@").replace(cases.to_str().unwrap(), "@CASES@")
            };
            let ours = units(&here(&String::from_utf8_lossy(&ran.stdout)));
            let original: BTreeMap<String, String> = golden["units"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(name, text)| {
                    (name.clone(), text.as_str().unwrap().replace("podman-user-wait", "pontoon-user-wait"))
                })
                .collect();
            if golden["exit"].as_i64().map(|code| code == 0) != Some(ran.status.success()) {
                wrong.push(format!("{name} [{mode}]: exit status {:?}", ran.status.code()));
            }
            let stumbled = golden["stderr"].to_string().contains("error loading ");
            let mut stubs = Vec::new();
            for unit in original.keys().chain(ours.keys().filter(|unit| !original.contains_key(*unit))) {
                match compare(
                    original.get(unit).map(String::as_str),
                    ours.get(unit).map(String::as_str),
                    stumbled,
                ) {
                    Ok(difference) => {
                        *counts.entry(difference).or_default() += 1;
                        if matches!(
                            difference,
                            Some(
                                Difference::BrokenFile
                                    | Difference::BrokenReference
                                    | Difference::SparedNeighbour
                            )
                        ) {
                            stubs.push(unit.as_str());
                        }
                    }
                    Err(text) => wrong.push(format!("{name} [{mode}] {unit}: {text}")),
                }
            }
            let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus-output");
            let _ = fs::remove_dir_all(&output);
            fs::create_dir_all(&output).unwrap();
            generator(&case, user).arg("-no-kmsg-log").arg(&output).output().unwrap();
            let mut made = links(&output);
            made.retain(|_, target| !stubs.iter().any(|stub| target.rsplit('/').next() == Some(stub)));
            let mut wanted: BTreeMap<String, String> = golden["symlinks"]
                .as_object()
                .unwrap()
                .iter()
                .map(|(link, target)| (link.clone(), target.as_str().unwrap().to_owned()))
                .collect();
            wanted.retain(|_, target| !stubs.iter().any(|stub| target.rsplit('/').next() == Some(stub)));
            if made != wanted {
                wrong.push(format!("{name} [{mode}]: links {made:?}, expected {wanted:?}"));
            }
        }
    }
    eprintln!("{counts:?}");
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
    assert!(counts.get(&None).is_some_and(|equal| *equal > 1000), "{counts:?}");
}
