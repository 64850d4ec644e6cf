//! Early at boot, as root, whatever lies in the directories: bounded time, no failed boot, no neighbour harmed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use common::{CONTAINER, Ran, dry_run, generator, place, tree, write};
use pontoon_units::words::{Splitting, split};
use rustix::fs::{CWD, FileType, Mode, mknodat};

#[test]
fn whatever_bears_the_name_of_a_unit_harms_nobody_else() {
    let place = place("odd-files");
    write(&place.join("good.container"), CONTAINER);
    mknodat(CWD, place.join("pipe.container"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    fs::create_dir(place.join("directory.container")).unwrap();
    symlink("nowhere", place.join("dangling.container")).unwrap();
    symlink("circle.container", place.join("circle.container")).unwrap();
    symlink("/dev/zero", place.join("zero.container")).unwrap();
    File::create(place.join("huge.container")).unwrap().set_len(1 << 30).unwrap();
    symlink("huge.container", place.join("huge-link.container")).unwrap();
    write(&place.join("nul.container"), b"[Container]\nImage=a\0b\n");
    write(&place.join("latin1.container"), b"[Container]\nImage=caf\xe9\n");
    write(&place.join("backslash.container"), format!("{CONTAINER}Exec=a \\"));
    write(&place.join("empty.container"), "");
    fs::write(place.join(OsStr::from_bytes(b"name\xff.container")), CONTAINER).unwrap();
    fs::write(place.join(".container"), CONTAINER).unwrap();
    fs::write(place.join("new\nline.container"), CONTAINER).unwrap();
    let ran = dry_run(place.to_str().unwrap());
    assert_eq!(ran.status, 1);
    let units = ran.units();
    let failing = |name: &str, reason: &str| {
        let text = &units[name];
        assert!(text.contains("ExecStart=/bin/sh ") && text.contains(reason), "{name}: {text}");
    };
    assert!(units["good.service"].contains("ExecStart=/usr/bin/pontoon run"));
    failing("pipe.service", "it is not a regular file");
    failing("zero.service", "it is not a regular file");
    failing("dangling.service", "No such file or directory");
    failing("circle.service", "Too many levels of symbolic links");
    failing("huge.service", "it is larger than");
    failing("huge-link.service", "it is larger than");
    failing("nul.service", "nul.container:2:8: error: line holds a NUL byte");
    failing("latin1.service", "latin1.container:2:10: error: line holds text that is not UTF-8");
    failing("backslash.service", "backslash.container:3:8: error: the line continues, but nothing follows");
    failing("empty.service", "empty.container:1:1: error: there is no `Image=` to run");
    assert_eq!(units.len(), 11, "{:?}", ran.names());
    // A name that no unit can have is told, on one line.
    assert!(ran.stderr.contains("new\\nline.container:1:1: error:"), "{}", ran.stderr);
}

#[test]
fn a_hostile_name_never_becomes_a_line_of_a_unit() {
    let place = place("odd-place\n[Service]\nExecStart=%n $HOME");
    write(&place.join("web.container"), format!("{CONTAINER}Nonsense=1\n"));
    write(&place.join("good.container"), CONTAINER);
    let ran = dry_run(place.to_str().unwrap());
    for text in ran.units().values() {
        assert_eq!(text.lines().filter(|line| line.starts_with("ExecStart=")).count(), 1, "{text}");
        assert!(!text.contains("SourcePath="), "{text}");
    }
}

#[test]
fn a_failing_service_fails_at_once_and_says_why() {
    let place = place("explains");
    write(&place.join("web.container"), format!("{CONTAINER}Imagee=\"$(id) `id` %n $HOME \\\"'; é\n"));
    let ran = dry_run(place.to_str().unwrap());
    let text = &ran.units()["web.service"];
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let command: Vec<String> = split(line, Splitting::Command)
        .unwrap()
        .into_iter()
        .map(|word| word.text.replace("%%", "%").replace("$$", "$"))
        .collect();
    let output = Command::new(&command[0]).args(&command[1..]).env_clear().output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    assert_eq!(output.stdout, b"");
    let path = place.join("web.container");
    let expected = format!(
        "{}:3:1: error: unknown key `Imagee=` in [Container]\nhint: did you mean `Image=`?\n",
        path.display()
    );
    assert_eq!(String::from_utf8(output.stderr).unwrap(), expected);
    assert!(!text.contains("Restart="));
}

#[test]
fn ten_thousand_units_are_made() {
    let place = place("many");
    let (units, output) = (place.join("units"), place.join("output"));
    fs::create_dir_all(&units).unwrap();
    for number in 0..10_000 {
        fs::write(units.join(format!("u{number}.container")), CONTAINER).unwrap();
    }
    assert!(generator().env("QUADLET_UNIT_DIRS", &units).arg(&output).status().unwrap().success());
    assert_eq!(fs::read_dir(&output).unwrap().count(), 10_000);
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn several_generators_at_once_leave_only_whole_files() {
    let place = place("at-once");
    let (units, output) = (place.join("units"), place.join("output"));
    for number in 0..40 {
        let text = format!("{CONTAINER}Environment=N={number}\n[Install]\nWantedBy=default.target\n");
        write(&units.join(format!("u{number}.container")), text);
    }
    let run = || {
        let mut command = generator();
        command.env("QUADLET_UNIT_DIRS", &units).arg(&output).stderr(Stdio::piped()).spawn().unwrap()
    };
    let ran = Ran::from(run().wait_with_output().unwrap());
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let expected = tree(&output);
    assert_eq!(expected.len(), 80);
    let mut running: Vec<_> = (0..50).map(|_| run()).collect();
    // What is seen meanwhile is whole as well.
    while running.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        for (name, text) in &expected {
            if name.contains('/') {
                continue;
            }
            assert_eq!(&fs::read_to_string(output.join(name)).unwrap(), text, "{name}");
        }
    }
    for child in running {
        let ran = Ran::from(child.wait_with_output().unwrap());
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    }
    assert_eq!(tree(&output), expected);
}
