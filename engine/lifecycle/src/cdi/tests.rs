use std::fs;
use std::path::{Path, PathBuf};

use super::{CdiError, Edits, is_name, resolve};
use crate::request::MountSource;

/// Directories with files in them, and what is found there for these devices.
fn found(files: &[(&str, &str)], names: &[&str]) -> Result<Edits, CdiError> {
    let root = std::env::temp_dir().join(format!(
        "pontoon-cdi-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let _ = fs::remove_dir_all(&root);
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }
    let directories: Vec<PathBuf> = ["low", "high", "nowhere"].iter().map(|it| root.join(it)).collect();
    let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
    let found = resolve(&names, &directories);
    let _ = fs::remove_dir_all(&root);
    found
}

const YAML: &str = "
cdiVersion: 0.6.0
kind: vendor.com/class
containerEdits:
  env: [ALL=1]
devices:
- name: one
  annotations: {a: b}
  containerEdits:
    env:
    - ONE=1
    deviceNodes:
    - path: /dev/vendor0
      hostPath: /dev/null
      permissions: r
      fileMode: 438
    - path: /dev/zero
    additionalGids: [0, 44]
    hooks:
    - hookName: createContainer
      path: /usr/bin/hook
      args: [hook, x]
      timeout: 3
- name: two
  containerEdits:
    env: [TWO=a=b]
    mounts:
    - hostPath: /lib/vendor
      containerPath: /usr/lib/vendor
      options: [ro, rbind]
    - {hostPath: tmpfs, containerPath: /run/vendor, type: tmpfs, options: [mode=700]}
";

fn json(device: &str, edits: &str) -> String {
    format!(
        r#"{{"cdiVersion": "1.0.0", "kind": "vendor.com/class", "devices": [{{"name": "{device}", "containerEdits": {edits}}}]}}"#
    )
}

#[test]
fn what_devices_want_is_put_together() {
    let edits = found(&[("low/v.yaml", YAML)], &["vendor.com/class=two", "vendor.com/class=one"]).unwrap();
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(edits.env, [variable("ALL", "1"), variable("TWO", "a=b"), variable("ONE", "1")]);
    let nodes: Vec<_> = edits
        .devices
        .iter()
        .map(|it| (it.host.to_str().unwrap(), it.container.as_str(), it.permissions.as_str()))
        .collect();
    assert_eq!(nodes, [("/dev/null", "/dev/vendor0", "r"), ("/dev/zero", "/dev/zero", "rwm")]);
    assert_eq!(edits.groups, [44]);
    assert_eq!(edits.mounts[0].source, MountSource::Bind("/lib/vendor".into()));
    assert_eq!(edits.mounts[1].source, MountSource::Tmpfs);
    assert_eq!((edits.hooks.len(), edits.hooks[0].timeout), (1, Some(3)));
    assert!(edits.warnings.is_empty());
}

#[test]
fn a_later_directory_decides_and_within_one_there_is_no_choice() {
    let low = json("one", r#"{"env": ["FROM=low"]}"#);
    let high = json("one", r#"{"env": ["FROM=high"]}"#);
    let name = ["vendor.com/class=one"];
    let edits = found(&[("low/a.json", &low), ("high/b.json", &high)], &name).unwrap();
    assert_eq!(edits.env[0].1, "high");
    let err = found(&[("low/a.json", &low), ("low/b.json", &high)], &name).unwrap_err().to_string();
    assert!(err.contains("low/a.json and in ") && err.contains("low/b.json"), "{err}");
}

#[test]
fn unknown_devices_are_named_with_what_could_not_be_read() {
    let err = found(
        &[("low/v.yaml", YAML), ("low/x.json", "{\n \"kind\": 1\n}"), ("low/y.txt", "{")],
        &["vendor.com/class=three", "a.b/c=d"],
    )
    .unwrap_err();
    let text = err.to_string();
    assert!(text.contains("`vendor.com/class=three`, `a.b/c=d`"), "{text}");
    assert!(text.contains("x.json:2:10: "), "{text}");
    assert!(!text.contains("y.txt"), "{text}");
    assert!(err.hint().unwrap().contains("nowhere"));
    // One that is broken does not hide the others.
    let edits = found(&[("low/v.yaml", YAML), ("low/x.json", "{")], &["vendor.com/class=one"]).unwrap();
    assert_eq!(edits.warnings.len(), 1);
}

#[test]
fn faults_are_told_with_their_places() {
    for (file, text, word) in [
        ("a.yaml", "cdiVersion: 0.6.0\nkind: [\n", "a.yaml:"),
        ("a.yaml", "cdiVersion: 0.6.0\nkind: v.com/c\nbogus: 1\n", "a.yaml:3:1: unknown field `bogus`"),
        ("a.json", r#"{"cdiVersion": "9.9.9", "kind": "v.com/c"}"#, "cdiVersion `9.9.9`"),
        ("a.json", r#"{"cdiVersion": "0.6.0", "kind": "nothing"}"#, "kind `nothing`"),
        ("a.json", r#"{"cdiVersion": "0.6.0", "kind": "v.com/c"}"#, "no devices"),
        ("a.json", &json("a b", "{}"), "device `a b`"),
        ("a.json", &json("a", r#"{"env": ["x"]}"#), "env `x`"),
        ("a.json", &json("a", r#"{"deviceNodes": [{"path": "x"}]}"#), "path `x`"),
        ("a.json", &json("a", r#"{"deviceNodes": [{"path": "/x", "permissions": "q"}]}"#), "permissions `q`"),
        ("a.json", &json("a", r#"{"hooks": [{"hookName": "never", "path": "/x"}]}"#), "hookName `never`"),
        ("a.json", &json("a", r#"{"hooks": [{"hookName": "prestart", "path": "x"}]}"#), "path `x`"),
        ("a.json", &json("a", r#"{"mounts": [{"hostPath": "", "containerPath": "/x"}]}"#), "mount `/x`"),
    ] {
        let err = found(&[(&format!("low/{file}"), text)], &["v.com/c=a"]).unwrap_err().to_string();
        assert!(err.contains(word), "{text}: {err}");
    }
}

#[test]
fn what_cannot_be_done_is_refused_by_name() {
    for (edits, word) in
        [(r#"{"intelRdt": {"closID": "x"}}"#, "intelRdt"), (r#"{"netDevices": [{}]}"#, "netDevices")]
    {
        let err =
            found(&[("low/a.json", &json("a", edits))], &["vendor.com/class=a"]).unwrap_err().to_string();
        assert!(err.contains(word) && err.contains("low/a.json"), "{err}");
    }
}

#[test]
fn aliases_are_no_bombs() {
    let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for it in 1..12 {
        let aliases = vec![format!("*a{}", it - 1); 10].join(",");
        text.push_str(&format!("a{it}: &a{it} [{aliases}]\n"));
    }
    text.push_str("cdiVersion: 0.6.0\nkind: v.com/c\n");
    let err = found(&[("low/a.yaml", &text)], &["v.com/c=a"]).unwrap_err().to_string();
    assert!(err.contains("low/a.yaml:"), "{err}");
}

#[test]
fn names_have_three_parts() {
    for name in ["nvidia.com/gpu=0", "nvidia.com/gpu=all", "a/b=c:0.1_x", "v-x.com/c_d=1"] {
        assert!(is_name(name), "{name}");
    }
    for name in ["/dev/fuse", "a/b", "a=b", "1a/b=c", "a/b=", "a/b=-", "a//b=c", "a/b=c d", "a/b=c=d"] {
        assert!(!is_name(name), "{name}");
    }
}
