//! The words of the binary itself: exit code, standard output and standard error.

#![expect(clippy::unwrap_used, reason = "a test that cannot run its program has failed")]

use std::process::{Command, Output, Stdio};

fn pontoon(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pontoon"));
    // No store of anybody's is touched: these commands end before they open one.
    command.args(words).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

#[track_caller]
fn check(words: &[&str], code: i32, stdout: &str, stderr: &str) {
    let Output { status, stdout: out, stderr: err } = pontoon(words).output().unwrap();
    let told = (
        status.code(),
        String::from_utf8_lossy(&out).into_owned(),
        String::from_utf8_lossy(&err).into_owned(),
    );
    assert_eq!(told, (Some(code), stdout.to_owned(), stderr.to_owned()), "{words:?}");
}

#[test]
fn the_version_is_one_line() {
    let line = format!("pontoon version {}\n", env!("CARGO_PKG_VERSION"));
    check(&["--version"], 0, &line, "");
    check(&["-v"], 0, &line, "");
}

#[test]
fn what_cannot_be_understood_ends_with_125_on_standard_error() {
    check(&["rnu"], 125, "", "error: unknown command `pontoon rnu`\nhint: did you mean `pontoon run`?\n");
    check(&["run"], 125, "", "error: `pontoon run` needs IMAGE\nhint: see `pontoon run --help`\n");
    check(
        &["ps", "--bogus"],
        125,
        "",
        "error: unknown option `--bogus` of `pontoon ps`\nhint: see `pontoon ps --help`\n",
    );
    check(
        &["run", "--kernel-memory=1g", "x"],
        125,
        "",
        "error: `--kernel-memory` is not supported\nhint: control groups of version 2 have no such limit\n",
    );
}

#[test]
fn help_goes_to_standard_output() {
    let output = pontoon(&["run", "--help"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("Run a command in a new container\n"));
    let nothing = pontoon(&[]).output().unwrap();
    assert_eq!(nothing.status.code(), Some(125));
    assert!(nothing.stdout.starts_with(b"Rootless containers"));
    assert_eq!(nothing.stderr, b"error: missing command\nhint: see `pontoon --help`\n");
}

#[test]
fn a_reader_that_has_gone_away_is_no_error() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = pontoon(&["--help"]).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = pontoon(&["--version"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(output.status.code(), Some(125));
    assert!(String::from_utf8_lossy(&output.stderr).contains("No space left on device"));
}
