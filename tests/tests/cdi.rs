//! Devices by name: the Container Device Interface, beside Podman.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Gone, Output, TestHost, alone, wait};

const SPEC: &str = "
cdiVersion: 0.6.0
kind: vendor.com/class
containerEdits:
  env: [CDI_ALL=1]
devices:
- name: one
  containerEdits:
    env: [CDI_ONE=spec]
    deviceNodes:
    - path: /dev/fuse
    mounts:
    - hostPath: /srv/cdi
      containerPath: /cdi
      options: [ro, rbind, nosuid]
- name: renamed
  containerEdits:
    deviceNodes:
    - path: /dev/vendor0
      hostPath: /dev/fuse
      permissions: r
- name: two
  containerEdits:
    env: [CDI_TWO=2]
    hooks:
    - hookName: createContainer
      path: /bin/sh
      args: [sh, -c, 'cat >>/srv/cdi-hooks/log']
";

const GPU: &str = r#"{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [
    {"name": "0", "containerEdits": {"env": ["GPU0=x"]}}, {"name": "all", "containerEdits": {"env": ["GPUS=all"]}}]}"#;

/// The host, with specifications where both engines look.
fn host() -> &'static TestHost {
    static MADE: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    let host = host_with_podman();
    MADE.get_or_init(|| {
        host.write("root", "/etc/cdi/vendor.yaml", SPEC);
        host.write("root", "/etc/cdi/gpu.json", GPU);
        host.write("root", "/srv/cdi/file", "given\n");
        host.root("mkdir -p /srv/cdi-hooks; chmod 777 /srv/cdi-hooks").ok();
    });
    host
}

fn run(engine: &str, options: &str, script: &str) -> Output {
    host()
        .entry("alice")
        .env("SCRIPT", script)
        .sh(&format!("{engine} run --rm --network none {options} {B} sh -c \"$SCRIPT\""))
}

#[track_caller]
fn both(options: &str, script: &str, says: &str) {
    for engine in ["podman", "pontoon"] {
        let seen = run(engine, options, script);
        assert_eq!(seen.text(), says, "{engine} {options}: {seen:?}");
    }
}

#[test]
fn a_device_brings_what_its_specification_says() {
    let _alone = alone();
    let see = "env | grep ^CDI | sort; cat /cdi/file; (echo x >/cdi/file) 2>/dev/null || echo closed
               test -c /dev/fuse && echo node; grep -c ' /cdi .*nosuid' /proc/mounts";
    both("--device vendor.com/class=one", see, "CDI_ALL=1\nCDI_ONE=spec\ngiven\nclosed\nnode\n1");
    // What it wants goes before what was asked for.
    let asked = "-e CDI_ONE=mine -v /etc:/cdi --device vendor.com/class=one";
    both(asked, see, "CDI_ALL=1\nCDI_ONE=spec\ngiven\nclosed\nnode\n1");
    // Several devices of a specification, whose common part comes once, and a hook.
    let options = "--device vendor.com/class=two --device vendor.com/class=one";
    both(options, "env | grep ^CDI | sort; ls /dev | grep -c fuse", "CDI_ALL=1\nCDI_ONE=spec\nCDI_TWO=2\n1");
    let told = host().root("cat /srv/cdi-hooks/*").ok();
    assert_eq!(told.text().matches("\"status\":\"creat").count(), 2, "{told:?}");
    both("--gpus all", "env | grep GPU", "GPUS=all");
    both("--gpus 0", "env | grep GPU", "GPU0=x");
    // Podman's runtime looks for the host's node under the container's name.
    run("pontoon", "--device vendor.com/class=renamed", "test -c /dev/vendor0 && echo node")
        .ok()
        .prints("node");
    // Where root's devices are known to the kernel, this one is.
    let opens = format!(
        "pontoon pull -q {B} && pontoon run --rm --network none --device vendor.com/class=renamed {B} sh -c 'exec 3</dev/vendor0 && echo opened; exec 3>>/dev/vendor0 || true' 2>&1"
    );
    host().root(&opens).says("opened").says("can't create");
}

#[test]
fn devices_that_are_not_there_are_named() {
    let _alone = alone();
    for engine in ["podman", "pontoon"] {
        for options in ["--device vendor.com/class=three", "--gpus 7", "--device a.com/bb=c"] {
            let seen = run(engine, options, "true");
            assert_eq!(seen.code, 126, "{engine} {options}: {seen:?}");
        }
    }
    let seen = run("pontoon", "--device vendor.com/class=three --device vendor.com/class=one", "true");
    seen.warns("`vendor.com/class=three`").warns("/etc/cdi").lacks("class=one`");
    run("pontoon", "--gpus device=0", "true").fails(125).warns("`--gpus`");
    host().alice("pontoon ps -aq").ok().prints("");
}

#[test]
fn other_directories_are_named_by_option_and_configuration() {
    let _alone = alone();
    let host = host();
    let _gone = Gone(host, "cdi-kept");
    let spec = |value: &str| {
        format!(
            r#"{{"cdiVersion":"0.6.0","kind":"own.com/xx","devices":[{{"name":"one","containerEdits":{{"env":["OWN={value}"]}}}}]}}"#
        )
    };
    host.write("alice", "/home/alice/cdi/low/a.json", spec("low"));
    host.write("alice", "/home/alice/cdi/high/a.json", spec("high"));
    host.write("alice", "/home/alice/cdi/conf", "[engine]\ncdi_spec_dirs = ['/home/alice/cdi/low']\n");
    let print = |directories: &str, options: &str| {
        let line = format!(
            "pontoon {directories} run --rm --network none --device own.com/xx=one {options} {B} sh -c 'echo $OWN'"
        );
        host.alice(&line)
    };
    print("", "").fails(126).warns("`own.com/xx=one`");
    print("--cdi-spec-dir cdi/low", "").ok().prints("low");
    print("--cdi-spec-dir cdi/low --cdi-spec-dir cdi/high", "").ok().prints("high");
    print("--cdi-spec-dir cdi/high --cdi-spec-dir cdi/low", "").ok().prints("low");
    let line = format!(
        "CONTAINERS_CONF=/home/alice/cdi/conf pontoon run --rm --network none --device own.com/xx=one {B} sh -c 'echo $OWN'"
    );
    host.alice(&line).ok().prints("low");
    // A container remembers where its devices are.
    host.alice(&format!("pontoon --cdi-spec-dir cdi/low create --name cdi-kept --network none --device own.com/xx=one {B} sh -c 'echo $OWN'")).ok();
    host.alice("pontoon start -a cdi-kept").ok().prints("low");
    host.alice("pontoon --cdi-spec-dir cdi/high start -a cdi-kept").ok().prints("high");
    // Broken ones are told with their place, and stand in the way of nobody else.
    host.write("alice", "/home/alice/cdi/low/b.yaml", "cdiVersion: 0.6.0\nkind: own.com/yy\nbogus: 1\n");
    print("--cdi-spec-dir cdi/low", "").ok().warns("b.yaml:3:1: ").prints("low");
    print("--cdi-spec-dir cdi/low", "--device own.com/yy=two")
        .fails(126)
        .warns("b.yaml:3:1: ")
        .warns("`own.com/yy=two`");
    host.write("alice", "/home/alice/cdi/low/b.yaml", spec("again"));
    print("--cdi-spec-dir cdi/low", "").fails(126).warns("a.json and in ").warns("b.yaml");
}

#[test]
fn a_unit_names_a_device() {
    let _alone = alone();
    let host = host();
    let unit = format!(
        "[Container]\nImage={B}\nNetwork=none\nAddDevice=vendor.com/class=one\nExec=sh -c 'echo got $CDI_ONE; sleep 1000'\n"
    );
    host.write("alice", "/home/alice/.config/pontoon/systemd/cdi-unit.container", unit);
    host.alice("systemctl --user daemon-reload; systemctl --user start cdi-unit").ok();
    wait::until("the log", || {
        let log = host.alice("pontoon logs systemd-cdi-unit");
        if log.text().contains("got spec") { Ok(()) } else { Err(format!("{log:?}")) }
    });
    host.alice("systemctl --user stop cdi-unit; rm .config/pontoon/systemd/cdi-unit.container; systemctl --user daemon-reload").ok();
}
