//! Real files with Kubernetes objects: each plays, or is refused for a reason that is stated.
//!
//! Runs when the corpus is at hand: `PONTOON_CORPUS` names its archive, or the directory it was unpacked into.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pontoon_kube::document;
use pontoon_kube::play::{self, Facts, Lack, Options};

/// Why a file cannot be played as it lies there: what it needs is elsewhere (a Secret, a ConfigMap, the directory that an image
/// is built from), or it is a fragment.
const REASONS: [&str; 5] = [
    "there is no Secret `",
    "there is no ConfigMap `",
    "a container has an image",
    "`metadata.name`: there must be a name",
    "a pod has at least one container",
];

/// Fields in the wrong place, in files that people have.
const MISPLACED: [&str; 2] = ["livenessProbe.exec.initialDelaySeconds`", "livenessProbe.exec.periodSeconds`"];

/// A host that keeps no secrets and has what is asked for.
struct Empty;

impl Facts for Empty {
    fn secret(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }

    fn amount(&self, _resource: &str) -> Option<u64> {
        None
    }

    fn lack(&self, _controller: &'static str, _option: &str) -> Option<Lack> {
        None
    }
}

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

/// The YAML files below a directory, by name.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|it| it.to_str()) {
                _ if path.is_dir() => open.push(path),
                Some("yaml" | "yml") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

#[test]
fn real_files_play_or_are_refused_for_a_reason() {
    let Some(corpus) = corpus() else {
        eprintln!("PONTOON_CORPUS is not set: nothing to read");
        return;
    };
    let found = files(&corpus.join("kube"));
    assert!(found.len() >= 26, "{found:?}");
    let (mut played, mut wrong) = (0, Vec::new());
    for path in found {
        let name = path.display().to_string();
        let contents = match document::contents(&name, &fs::read_to_string(&path).unwrap()) {
            Ok(contents) => contents,
            Err(err) => {
                wrong.push(err.to_string());
                continue;
            }
        };
        let unknown = contents.notes.iter().filter(|it| {
            it.text.contains("is not known") && !MISPLACED.iter().any(|field| it.text.contains(field))
        });
        wrong.extend(unknown.map(|it| format!("{}: {}", it.at, it.text)));
        match play::decide(&contents.documents, &[], &Options::default(), &Empty) {
            Ok(play) => played += usize::from(!play.pods.is_empty()),
            Err(faults) => {
                let is_stated = |text: &str| REASONS.iter().any(|reason| text.contains(reason));
                wrong.extend(faults.iter().map(ToString::to_string).filter(|it| !is_stated(it)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(played >= 14, "{played} files play");
}
