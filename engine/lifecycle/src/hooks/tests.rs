use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use pontoon_runtime::hooks::Stage;

use super::file::HookFile;
use super::{Container, find};

fn parse(text: &str) -> Result<HookFile, String> {
    HookFile::parse(Path::new("/h.json"), text).map_err(|err| format!("/h.json{err}"))
}

/// Whether a hook with these conditions is for the container `/bin/echo` with the annotation a=bcd.
fn holds(when: &str, has_mounts: bool) -> bool {
    let text = format!(r#"{{"version":"1.0.0","hook":{{"path":"/x"}},"when":{when},"stages":["prestart"]}}"#);
    let annotations: BTreeMap<_, _> = [("a".to_owned(), "bcd".to_owned())].into();
    let container = Container { annotations: &annotations, command: "/bin/echo", has_mounts };
    parse(&text).unwrap().is_for(container).unwrap()
}

#[test]
fn conditions_must_all_hold() {
    for (when, held) in [
        ("{}", false),
        (r#"{"always":true}"#, true),
        (r#"{"always":false}"#, false),
        (r#"{"annotations":{"^a$":"^b.*"}}"#, true),
        (r#"{"annotations":{"^a$":"^x"}}"#, false),
        (r#"{"annotations":{"^a$":"b","^z$":"b"}}"#, false),
        (r#"{"commands":["^/bin/ech","never"]}"#, true),
        (r#"{"commands":["never"]}"#, false),
        (r#"{"annotations":{"a":"b"},"commands":["never"]}"#, false),
        (r#"{"always":true,"commands":["never"]}"#, false),
        (r#"{"hasBindMounts":true}"#, false),
        (r#"{"hasBindMounts":false}"#, false),
    ] {
        assert_eq!(holds(when, false), held, "{when}");
    }
    assert!(holds(r#"{"hasBindMounts":true}"#, true));
    assert!(!holds(r#"{"hasBindMounts":false}"#, true));
}

#[test]
fn of_the_former_version_one_condition_is_enough() {
    let text = r#"{"hook":"/x","arguments":["1"],"stage":["prestart","poststop"],"cmd":["never"],"annotation":["^b","z"]}"#;
    let file = parse(text).unwrap();
    let annotations: BTreeMap<_, _> = [("a".to_owned(), "bcd".to_owned())].into();
    assert!(file.is_for(Container { annotations: &annotations, command: "x", has_mounts: false }).unwrap());
    let none = BTreeMap::new();
    assert!(!file.is_for(Container { annotations: &none, command: "x", has_mounts: false }).unwrap());
    let hooks: Vec<_> = file.hooks().collect();
    assert_eq!((hooks[0].stage, hooks[1].stage), (Stage::Prestart, Stage::Poststop));
    assert_eq!(hooks[0].args, ["/x", "1"]);
}

#[test]
fn faults_have_places() {
    for (text, word) in [
        ("{broken", "/h.json:1:2: "),
        ("{\"version\":\"1.0.0\",\n\"when\":{}}", "/h.json:2:10: missing field `hook`"),
        (r#"{"version":"1.1.0"}"#, "`1.1.0`"),
        (r#"{"version":"1.0.0","hook":{"path":"x"},"stages":["prestart"]}"#, "absolute"),
        (r#"{"version":"1.0.0","hook":{"path":"/x"},"stages":["bogus"]}"#, "no stage `bogus`"),
        (r#"{"version":"1.0.0","hook":{"path":"/x"},"stages":[]}"#, "names no stage"),
        (
            r#"{"version":"1.0.0","hook":{"path":"/x"},"when":{"commands":["("]},"stages":["prestart"]}"#,
            "`(` is no",
        ),
    ] {
        let err = parse(text).unwrap_err();
        assert!(err.contains(word), "{text}: {err}");
    }
}

#[test]
fn later_directories_override_and_names_give_the_order() {
    let root = std::env::temp_dir().join(format!("pontoon-hooks-{}", std::process::id()));
    let write = |path: &str, program: &str, stage: &str| {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let text = format!(
            r#"{{"version":"1.0.0","hook":{{"path":"{program}"}},"when":{{"always":true}},"stages":["{stage}"]}}"#
        );
        fs::write(path, text).unwrap();
    };
    write("one/b.json", "/bin/sh", "prestart");
    write("one/c.json", "/bin/sh", "prestart");
    write("two/a.json", "/bin/sh", "poststop");
    write("two/b.json", "/bin/ls", "prestart");
    write("two/c.json", "/nowhere", "prestart");
    write("two/d.txt", "/nowhere", "bogus");
    let directories: Vec<PathBuf> = ["one", "two", "three"].iter().map(|it| root.join(it)).collect();
    let annotations = BTreeMap::new();
    let container = Container { annotations: &annotations, command: "x", has_mounts: false };
    let (hooks, warnings) = find(&directories, container).unwrap();
    let seen: Vec<_> = hooks.iter().map(|it| (it.stage, it.path.to_str().unwrap())).collect();
    assert_eq!(seen, [(Stage::Poststop, "/bin/sh"), (Stage::Prestart, "/bin/ls")]);
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    write("two/e.json", "/bin/sh", "precreate");
    let (hooks, _) = find(&directories, container).unwrap();
    assert_eq!(hooks.last().map(|it| it.stage), Some(Stage::Precreate));
    fs::remove_dir_all(root).unwrap();
}
