//! Kubernetes' own schemas: whether a real API server would take what is written.
//!
//! `kubectl` would be another judge, but asks a server even for `apply --dry-run=client`, with every kind of `--validate`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::machine;

/// PyPI's package with the schemas of the newest Kubernetes. It is fixed, so that a new one cannot change what a test says.
const PACKAGE: &str = "kubernetes-validate==1.37.0";

/// The validator: `target/kubernetes-validate`, made at the first use. None where it is not there and cannot be fetched, which is
/// told.
fn validator() -> Option<PathBuf> {
    let dir = machine::workspace().join("target/kubernetes-validate");
    let program = dir.join("bin/kubernetes-validate");
    fs::create_dir_all(&dir).expect("target/ can be written");
    // Two test programs do not make it at once.
    let lock = File::create(dir.join("lock")).expect("target/ can be written");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("it can be locked");
    let whole = dir.join(PACKAGE);
    if !whole.exists() {
        if let Err(why) = make(&dir) {
            eprintln!("{PACKAGE} cannot be had, so nothing is compared with Kubernetes' schemas: {why}");
            return None;
        }
        File::create(whole).expect("target/ can be written");
    }
    Some(program)
}

fn make(dir: &Path) -> Result<(), String> {
    let python = || run(Command::new("python3").args(["-m", "venv"]).arg(dir));
    if python().is_err() {
        if rustix::process::geteuid().is_root() {
            machine::require_package("python3-venv");
        }
        python()?;
    }
    let words = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    run(Command::new(dir.join("bin/python")).args(words))
}

fn run(command: &mut Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|err| err.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Demands that all objects of a text are what Kubernetes' schemas allow, without a field that they do not know.
#[track_caller]
pub fn assert_valid(text: &str) {
    let Some(validator) = validator() else { return };
    let name = format!("pontoon-objects-{}-{:?}.yaml", std::process::id(), std::thread::current().id());
    let file = std::env::temp_dir().join(name);
    fs::write(&file, text).expect("the temporary directory can be written");
    let output = Command::new(validator)
        .args(["--strict", "--quiet"])
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .expect("the validator runs");
    let _ = fs::remove_file(&file);
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{text}");
}
