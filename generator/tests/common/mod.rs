//! A directory for each test, and the generator run in it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(dead_code, reason = "each test program uses its part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of its own, empty.
pub fn place(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Writes a file and the directories above it.
pub fn write(path: &Path, text: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The smallest container there is.
pub const CONTAINER: &str = "[Container]\nImage=docker.io/library/nginx\n";

/// The generator with a clean environment.
pub fn generator() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontoon-generator"));
    command.env_clear().env("PONTOON", "/usr/bin/pontoon").arg("-no-kmsg-log");
    command
}

/// The generator over one list of directories, in a dry run.
pub fn dry_run(directories: &str) -> Ran {
    Ran::from(generator().env("QUADLET_UNIT_DIRS", directories).arg("-dryrun").output().unwrap())
}

/// What a run left.
pub struct Ran {
    pub status: i32,
    pub stderr: String,
    pub stdout: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
        }
    }
}

impl Ran {
    /// The units of a dry run by name.
    pub fn units(&self) -> BTreeMap<String, String> {
        let mut units = BTreeMap::new();
        for part in self.stdout.split("\n---").flat_map(|part| part.strip_prefix("---").or(Some(part))) {
            if let Some((name, text)) = part.split_once("---\n") {
                units.insert(name.to_owned(), format!("{}\n", text.trim_end()));
            }
        }
        units
    }

    /// The names of the units of a dry run.
    pub fn names(&self) -> Vec<String> {
        self.units().into_keys().collect()
    }
}

/// Everything below a directory: files as their text, links as what they hold.
pub fn tree(path: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![path.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap().path();
            let name = entry.strip_prefix(path).unwrap().to_str().unwrap().to_owned();
            if entry.is_symlink() {
                found.insert(name, format!("-> {}", fs::read_link(entry).unwrap().display()));
            } else if entry.is_dir() {
                open.push(entry);
            } else {
                found.insert(name, fs::read_to_string(entry).unwrap());
            }
        }
    }
    found
}
