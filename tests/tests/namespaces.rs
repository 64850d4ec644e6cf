//! Namespaces of other containers and by path, beside Podman.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, TestHost, host_with_busybox};

/// The host, with a container whose namespaces are shared.
fn host() -> &'static TestHost {
    host_with_busybox()
}

/// Starts a container with these options, and gives its first process.
fn target(user: &str, name: &str, options: &str) -> String {
    let line = format!(
        "pontoon run -d --name {name} --stop-timeout 0 --network none {options} {B} sleep 1000 >/dev/null; pontoon inspect --format '{{{{.State.Pid}}}}' {name}"
    );
    host().sh_as(user, &line).ok().text().to_owned()
}

/// What a namespace of a process is called.
fn namespace(pid: &str, kind: &str) -> String {
    host().root(&format!("readlink /proc/{pid}/ns/{kind}")).ok().text().to_owned()
}

const KINDS: [(&str, &str); 5] =
    [("--pid", "pid"), ("--ipc", "ipc"), ("--uts", "uts"), ("--cgroupns", "cgroup"), ("--network", "net")];

fn run(user: &str, options: &str, command: &str) -> pontoon_tests::Output {
    host().sh_as(user, &format!("pontoon run --rm {options} {B} {command}"))
}

#[test]
fn a_user_joins_namespaces_of_the_user_s_containers() {
    let _gone = Gone(host(), "shared");
    let pid = target("alice", "shared", "");
    for (option, kind) in KINDS {
        let theirs = namespace(&pid, kind);
        let network = if option == "--network" { "" } else { "--network none" };
        let see = format!("readlink /proc/self/ns/{kind}");
        for mode in [format!("ns:/proc/{pid}/ns/{kind}"), "container:shared".to_owned()] {
            let seen = run("alice", &format!("{network} {option} {mode}"), &see);
            assert_eq!(seen.text(), theirs, "{option} {mode}: {seen:?}");
        }
        assert_ne!(run("alice", network, &see).ok().text(), theirs, "{option}");
    }
    // All of them at once, and a process that joins later.
    let all: Vec<_> =
        KINDS.iter().map(|(option, kind)| format!("{option} ns:/proc/{pid}/ns/{kind}")).collect();
    let _second = Gone(host(), "second");
    host()
        .alice(&format!("pontoon run -d --name second --stop-timeout 0 {} {B} sleep 1000", all.join(" ")))
        .ok();
    for (option, kind) in KINDS {
        let joined = host().alice(&format!("pontoon exec second readlink /proc/self/ns/{kind}")).ok();
        assert_eq!(joined.text(), namespace(&pid, kind), "{option}");
    }
    let modes = host().alice("pontoon inspect --format '{{.HostConfig.NetworkMode}} {{.HostConfig.PidMode}} {{.HostConfig.IpcMode}} {{.HostConfig.UTSMode}} {{.HostConfig.CgroupMode}}' second").ok();
    let told: Vec<_> = ["net", "pid", "ipc", "uts", "cgroup"]
        .iter()
        .map(|kind| format!("ns:/proc/{pid}/ns/{kind}"))
        .collect();
    assert_eq!(modes.text(), told.join(" "));
}

#[test]
fn a_user_namespace_is_joined_by_path() {
    let _gone = Gone(host(), "ids");
    let pid = target("alice", "ids", "");
    let user = format!("--userns ns:/proc/{pid}/ns/user");
    let see = "sh -c 'readlink /proc/self/ns/user; cat /proc/self/uid_map | tr -s \" \"; id -u; touch /made && ls -ln /made | tr -s \" \" | cut -d\" \" -f3'";
    let seen = run("alice", &format!("{user} --network none"), see).ok();
    assert!(seen.text().starts_with(&namespace(&pid, "user")), "{seen:?}");
    assert!(seen.text().ends_with("0\n0"), "{seen:?}");
    // With a network of its own, and with one that is joined.
    run("alice", &user, "sh -c 'ip addr | grep -c inet'").ok();
    let both = format!("{user} --network ns:/proc/{pid}/ns/net");
    assert_eq!(run("alice", &both, "readlink /proc/self/ns/net").ok().text(), namespace(&pid, "net"));
    // One with other ids.
    let _other = Gone(host(), "other-ids");
    let other = target("alice", "other-ids", "--userns keep-id");
    let keeps = format!("--userns ns:/proc/{other}/ns/user --network none");
    run("alice", &keeps, "id -u").ok().prints("0");
    run("alice", &format!("--network ns:/proc/{other}/ns/net"), "true")
        .fails(125)
        .warns("its ids are others")
        .warns("--userns ns:");
    run("alice", &format!("{keeps} --pid ns:/proc/{pid}/ns/pid"), "true")
        .fails(125)
        .warns("its ids are others");
}

#[test]
fn what_may_not_be_joined_is_refused_with_the_reason() {
    let host = host();
    for (option, kind) in KINDS.iter().chain(&[("--userns", "user")]) {
        let refused = |path: &str| run("alice", &format!("{option} {path}"), "true").fails(125);
        refused("ns:/nowhere").warns("/nowhere").warns(option).warns("No such file");
        refused("ns:/etc/passwd").warns("it is no");
        refused("ns:/proc/self/ns/mnt").warns("it is no");
        refused(&format!("ns:/proc/self/ns/{kind}"))
            .warns("only root may join it")
            .warns(&format!("use {option} host"));
        refused("ns:").warns(option);
        refused("container:nobody").warns("nobody");
    }
    host.root("ip netns add apart").ok();
    run("alice", "--network ns:/run/netns/apart", "true").fails(125).warns("only root may join it");
    host.root("mkfifo /tmp/ns-pipe").ok();
    run("alice", "--network ns:/tmp/ns-pipe", "true").fails(125).warns("it is no network namespace");
    let _gone = Gone(host, "keeps-ipc");
    target("alice", "keeps-ipc", "--ipc private");
    run("alice", "--network none --ipc container:keeps-ipc", "true").fails(125).warns("--ipc private");
}

#[test]
fn root_joins_whatever_there_is() {
    let host = host();
    host.root(&format!("pontoon pull -q {B}; ip netns add roots")).ok();
    let wanted = host.root("stat -L -c %i /run/netns/roots").ok().text().to_owned();
    let see = "sh -c 'readlink /proc/self/ns/net; ls /sys/class/net | grep -vx lo; test -e /sys/class/net/lo && echo shown'";
    let seen = run("root", "--network ns:/run/netns/roots", see).ok();
    assert!(seen.text().contains(&wanted) && seen.text().ends_with("\nshown"), "{seen:?}");
    // With ids of its own, too.
    let seen =
        run("root", "--network ns:/run/netns/roots --uidmap 0:100000:1000", "readlink /proc/self/ns/net")
            .ok();
    assert!(seen.text().contains(&wanted), "{seen:?}");
    let pid = target("root", "roots", "");
    for (option, kind) in KINDS {
        let network = if option == "--network" { "" } else { "--network none" };
        let seen = run(
            "root",
            &format!("{network} {option} ns:/proc/{pid}/ns/{kind}"),
            &format!("readlink /proc/self/ns/{kind}"),
        );
        assert_eq!(seen.text(), namespace(&pid, kind), "{seen:?}");
    }
    run("root", &format!("--network none --uidmap 0:100000:1000 --pid ns:/proc/{pid}/ns/pid"), "true")
        .fails(125)
        .warns("its ids are others");
    host.root("pontoon rm -f roots; ip netns del roots").ok();
}
