//! Devices of root's containers: the kernel decides by rules, and they are those of Podman.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Output, TestHost};

/// The host, with the image pulled by root with both engines.
fn host() -> &'static TestHost {
    static PULLED: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    let host = host_with_podman();
    PULLED.get_or_init(|| {
        host.root(&format!("pontoon pull -q {B} && podman pull -q {B}")).ok();
    });
    host
}

/// A shell script in a new container of root's, of that engine.
fn run(engine: &str, options: &str, script: &str) -> Output {
    host()
        .entry("root")
        .env("SCRIPT", script)
        .sh(&format!("{engine} run --rm --network none {options} {B} sh -c \"$SCRIPT\""))
}

/// What both engines say, which must be this.
#[track_caller]
fn both(options: &str, script: &str, says: &str) {
    for engine in ["podman", "pontoon"] {
        let seen = run(engine, options, script);
        assert_eq!(seen.text(), says, "{engine} {options}: {seen:?}");
    }
}

/// Makes a node and says what can be done with it.
fn tried(kind: &str, major: u32, minor: u32) -> String {
    format!(
        "mknod /node {kind} {major} {minor} && echo made
         dd if=/node of=/dev/null count=0 2>/dev/null && echo read
         (exec 3>>/node) 2>/dev/null && echo written; true"
    )
}

#[test]
fn the_usual_devices_are_devices_wherever_their_nodes_are() {
    for (major, minor) in [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (10, 200)] {
        both("--cap-add mknod", &tried("c", major, minor), "made\nread\nwritten");
    }
}

#[test]
fn other_devices_can_be_made_and_not_used() {
    for (kind, major, minor) in [("c", 10, 229), ("c", 1, 1), ("b", 7, 0), ("b", 1, 3)] {
        both("--cap-add mknod", &tried(kind, major, minor), "made");
    }
    // Without the capability, none can be made at all.
    both("", "mknod /node c 1 3 2>/dev/null || echo none", "none");
}

#[test]
fn a_device_that_is_given_is_used_as_far_as_its_permissions_go() {
    let script =
        "(exec 3</dev/f) 2>/dev/null && echo read; (exec 3>>/dev/f) 2>/dev/null && echo written; true";
    both("--device /dev/fuse:/dev/f", script, "read\nwritten");
    both("--device /dev/fuse:/dev/f:r", script, "read");
    both("--device /dev/fuse:/dev/f:w", script, "written");
    both("--device /dev/fuse:/dev/f:m", script, "");
    both(
        "--device /dev/net:/dev/other",
        "ls -l /dev/other | tail -n +2 | tr -s ' ' | cut -d' ' -f5-6,10",
        "10, 200 tun",
    );
    // Also where the container's root is another than the host's, who alone may use the host's node.
    host().root("chmod 600 /dev/fuse").ok();
    let mapped = "--uidmap 0:100000:1000 --device /dev/fuse:/dev/f:r --device /dev/fuse:/opt/f:r";
    assert_eq!(run("pontoon", mapped, script).ok().text(), "read");
    let nodes = "stat -c '%a %u %g' /dev/f /opt/f /dev/zero";
    assert_eq!(run("pontoon", mapped, nodes).ok().text(), "600 0 0\n600 0 0\n666 0 0");
    // What they were made in is nowhere to be seen.
    host().root("grep -c ' /var/lib/pontoon/containers.* tmpfs ' /proc/self/mounts").fails(1).prints("0");
}

#[test]
fn the_host_s_nodes_stay_as_they_are() {
    let change = "for it in /dev/zero /dev/fuse /dev/shm/f /opt/f; do [ -e $it ] && chmod 600 $it && chown 33 $it && stat -c '%n %a %u %F' $it; done; rm /dev/full && test ! -e /dev/full && echo gone";
    let file = "character special file";
    for (options, more) in [
        ("", ""),
        ("--device /dev/fuse", "/dev/fuse"),
        ("--device /dev/fuse:/opt/f", "/opt/f"),
        ("--device /dev/fuse:/dev/shm/f", "/dev/shm/f"),
        ("--privileged", "/dev/fuse"),
    ] {
        let more = if more.is_empty() { String::new() } else { format!("{more} 600 33 {file}\n") };
        both(options, change, &format!("/dev/zero 600 33 {file}\n{more}gone"));
        host().root("stat -c '%a %u' /dev/zero /dev/full").ok().prints("666 0\n666 0");
        host().root("stat -c %u /dev/fuse").ok().prints("0");
    }
    // Of two for one name the last one counts.
    both(
        "--device /dev/full:/dev/zero",
        "stat -c '%t %T' /dev/zero; ls -A /dev | grep -c '^[.]'; true",
        "1 7\n0",
    );
}

#[test]
fn rules_say_what_else_may_be_used() {
    let fuse = tried("c", 10, 229);
    both("--cap-add mknod --device-cgroup-rule 'c 10:229 rw'", &fuse, "made\nread\nwritten");
    both("--cap-add mknod --device-cgroup-rule 'c 10:* r'", &fuse, "made\nread");
    both(
        "--cap-add mknod --device-cgroup-rule 'c 10:229 r' --device-cgroup-rule 'c 10:* w'",
        &fuse,
        "made\nread\nwritten",
    );
    both("--cap-add mknod --device-cgroup-rule 'b *:* rwm,c 11:* rw'", &fuse, "made");
    both("--cap-add mknod --device-cgroup-rule 'a *:* rwm'", &fuse, "made\nread\nwritten");
    for (rule, word) in [("x 1:3 r", "`x`"), ("c 1:3 q", "`q`"), ("a", "it must be")] {
        run("pontoon", &format!("--device-cgroup-rule '{rule}'"), "true").fails(125).warns(word);
        assert_eq!(run("podman", &format!("--device-cgroup-rule '{rule}'"), "true").code, 125, "{rule}");
    }
    // A user has no say in it.
    for engine in ["pontoon", "podman"] {
        let refused = host().alice(&format!("{engine} run --rm --device-cgroup-rule 'c 1:3 r' {B} true"));
        refused.fails(125);
    }
}

#[test]
fn a_privileged_container_uses_everything() {
    both("--privileged", &tried("c", 10, 229), "made\nread\nwritten");
}

#[test]
fn all_capabilities_are_those_that_there_are() {
    let seen = "grep CapEff /proc/self/status";
    let host = host();
    host.root(&format!("pontoon run -d --name all-caps --network none {B} sleep 1000")).ok();
    // A host may have taken some from root itself.
    let joined = host.root(&format!("pontoon exec --privileged all-caps {seen}"));
    host.root("pontoon rm -f -t 0 all-caps").ok();
    assert_eq!(joined.ok().text(), run("pontoon", "--privileged", seen).ok().text());
}

#[test]
fn whoever_joins_later_is_under_the_same_rules() {
    let host = host();
    host.root(&format!("pontoon run -d --name joined --network none --cap-add mknod {B} sleep 1000")).ok();
    let seen = host
        .entry("root")
        .env("SCRIPT", &tried("c", 10, 229))
        .sh("pontoon exec joined sh -c \"$SCRIPT\"; pontoon restart -t 0 joined >/dev/null; pontoon exec joined sh -c 'rm /node; '\"$SCRIPT\"");
    host.root("pontoon rm -f -t 0 joined").ok();
    assert_eq!(seen.text(), "made\nmade", "{seen:?}");
}

#[test]
fn without_a_group_nodes_in_the_image_are_no_devices() {
    let script = tried("c", 1, 3);
    assert_eq!(run("pontoon", "--cgroups disabled --cap-add mknod", &script).text(), "made");
    let refused = run("pontoon", "--cgroups disabled --device-cgroup-rule 'c 1:3 r'", "true").fails(125);
    refused.warns("no control group of its own").warns("--cgroups");
    assert_eq!(host().root("pontoon info --format '{{.Host.Security.DeviceFilter}}'").ok().text(), "cgroup");
    host().alice("pontoon info --format '{{.Host.Security.DeviceFilter}}'").ok().says("only root");
}
