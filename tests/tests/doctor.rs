//! What the host lacks, told and mended.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use pontoon_tests::{B, TestHost, alone, host, host_with_busybox, wait};
use serde_json::Value;

/// The rows of `doctor --format json`, by their check, and the exit code.
fn doctor(host: &TestHost, user: &str, words: &str) -> (BTreeMap<String, Value>, i32) {
    let output = host.sh_as(user, &format!("{words} --format json"));
    let rows: Vec<Value> =
        serde_json::from_str(&output.stdout).unwrap_or_else(|err| panic!("{err}: {output:?}"));
    let rows = rows.into_iter().map(|it| (it["Check"].as_str().unwrap().to_owned(), it));
    (rows.collect(), output.code)
}

#[track_caller]
fn found(rows: &BTreeMap<String, Value>, check: &str, state: &str, message: &str, mend: &str) {
    let row = &rows[check];
    let says = |field: &str| row[field].as_str().unwrap_or_default().to_owned();
    assert_eq!(says("State"), state, "{row}");
    assert!(says("Message").contains(message) && says("Mend").contains(mend), "{row}");
}

#[test]
fn a_host_that_has_what_it_needs_is_good() {
    let _alone = alone();
    let host = host();
    let (rows, code) = doctor(host, "alice", "pontoon doctor");
    assert_eq!(code, 0, "{rows:?}");
    found(&rows, "subordinate-ids", "good", "100000-165535", "");
    for check in ["id-overlaps", "id-helpers", "user-namespaces", "manager", "linger", "network", "overlay"] {
        found(&rows, check, "good", "", "");
    }
    found(&rows, "generator", "good", "pontoon-user-generator", "");
    found(&rows, "ports", "limited", "1024", "ip_unprivileged_port_start");
    // Version 1 has the other controllers here.
    found(&rows, "cgroups", "limited", "does not offer", "");
    host.alice("pontoon doctor").ok().says("good     subordinate ids");
    host.alice("pontoon doctor --format '{{.Check}}={{.State}}'").ok().says("linger=good");
    let (rows, code) = doctor(host, "root", "pontoon doctor");
    assert_eq!(code, 0, "{rows:?}");
    found(&rows, "manager", "good", "system", "");
    found(&rows, "generator", "good", "pontoon-system-generator", "");
    host.alice("pontoon doctor --user nosuchuser").refused().warns("nosuchuser");
    host.alice("pontoon doctor --format '{{.Bogus'").refused();
}

#[test]
fn what_is_broken_is_told_with_the_command_that_mends_it() {
    let _alone = alone();
    let host = host_with_busybox();
    let broken = |make: &str, check: &str, message: &str, mend: &str, undo: &str| {
        host.root(make).ok();
        let (rows, code) = doctor(host, "alice", "pontoon doctor");
        host.root(undo).ok();
        found(&rows, check, "broken", message, mend);
        assert_eq!(code, 1, "{rows:?}");
    };
    broken(
        "chmod u-s /usr/bin/newuidmap",
        "id-helpers",
        "/usr/bin/newuidmap",
        "chmod u+s /usr/bin/newuidmap",
        "chmod u+s /usr/bin/newuidmap",
    );
    broken(
        "cp /etc/subgid /root/subgid && echo bob:165000:1000 >>/etc/subgid",
        "id-overlaps",
        "165000-165999 of bob",
        "usermod --del-subgids 100000-165535",
        "cp /root/subgid /etc/subgid",
    );
    broken(
        "mkdir /root/away && mv /usr/bin/pasta* /usr/bin/slirp4netns /root/away",
        "network",
        "neither",
        "apt-get install passt",
        "mv /root/away/* /usr/bin/",
    );
    broken("chmod 600 /dev/net/tun", "network", "/dev/net/tun", "chmod 666", "chmod 666 /dev/net/tun");
    broken(
        "mkdir -p /etc/systemd/user-generators && ln -s /dev/null /etc/systemd/user-generators/pontoon-user-generator",
        "generator",
        "do not become services",
        "",
        "rm /etc/systemd/user-generators/pontoon-user-generator",
    );
    let away = "XDG_RUNTIME_DIR=/nowhere pontoon doctor";
    let (rows, code) = doctor(host, "alice", away);
    found(&rows, "manager", "broken", "/nowhere/bus", "XDG_RUNTIME_DIR=/run/user/1000");
    assert_eq!(code, 1, "{rows:?}");

    let original = "/etc/systemd/user-generators/podman-user-generator";
    host.root(&format!("install -D -m 755 /bin/true {original}")).ok();
    let (rows, _) = doctor(host, "alice", "pontoon doctor");
    host.root(&format!("rm {original}")).ok();
    found(&rows, "generator", "limited", original, "pontoon quadlet adopt");
    // All of that is past.
    host.alice("pontoon doctor").ok().lacks("broken");
}

#[test]
fn what_a_killed_supervisor_has_left_is_told_and_cleaned_up() {
    let _alone = alone();
    let host = host_with_busybox();
    host.alice(&format!("pontoon run -d --name left --stop-timeout 0 {B} sleep 1000")).ok();
    host.alice("kill -9 $(pontoon inspect --format '{{.State.ConmonPid}}' left)").ok();
    let rows = wait::until("the supervisor to be gone", || {
        let (rows, code) = doctor(host, "alice", "pontoon doctor");
        assert_eq!(code, 0, "{rows:?}");
        if rows["runtime-state"]["State"] == "good" { Err(format!("{rows:?}")) } else { Ok(rows) }
    });
    found(&rows, "runtime-state", "limited", "left", "pontoon doctor --fix");
    let (rows, _) = doctor(host, "alice", "pontoon doctor --fix");
    found(&rows, "runtime-state", "good", "", "");
    assert!(rows["runtime-state"]["Fixed"].to_string().contains("cleaned up"), "{rows:?}");
    let (rows, _) = doctor(host, "alice", "pontoon doctor --fix");
    assert_eq!(rows["runtime-state"]["Fixed"].as_array().map(Vec::len), Some(0), "{rows:?}");
    host.alice("pontoon rm left").ok();
}

#[test]
fn root_gives_users_what_they_lack() {
    let _alone = alone();
    let host = host_with_busybox();
    let (rows, code) = doctor(host, "bob", "pontoon doctor");
    assert_eq!(code, 1, "{rows:?}");
    found(&rows, "subordinate-ids", "broken", "/etc/subuid", "pontoon doctor --fix --user bob");
    assert_eq!(rows["subordinate-ids"]["MendAs"], "root");
    // That is not for bob to do.
    host.sh_as("bob", "pontoon doctor --fix; test $? = 1 && ! grep bob /etc/subuid").ok();

    let (rows, _) = doctor(host, "root", "pontoon doctor --user bob --fix");
    found(&rows, "subordinate-ids", "good", "", "");
    found(&rows, "id-overlaps", "good", "", "");
    assert_eq!(rows["subordinate-ids"]["Fixed"].as_array().map(Vec::len), Some(2), "{rows:?}");
    host.sh_as("bob", "pontoon doctor").ok();
    host.sh_as("bob", &format!("pontoon run --rm --user 65534 {B} id -u")).ok().prints("65534");
    // A second time there is nothing to do.
    let before = host.root("cat /etc/subuid /etc/subgid").ok().stdout;
    let (rows, _) = doctor(host, "root", "pontoon doctor --user bob --fix");
    assert!(rows.values().all(|it| it["Fixed"].as_array().map(Vec::len) == Some(0)), "{rows:?}");
    assert_eq!(host.root("cat /etc/subuid /etc/subgid").ok().stdout, before);

    // carol has neither linger nor a manager.
    let (rows, code) = doctor(host, "root", "pontoon doctor --user carol");
    assert_eq!(code, 1, "{rows:?}");
    found(&rows, "manager", "broken", "/run/user/1002", "pontoon doctor --fix --user carol");
    found(&rows, "linger", "limited", "carol", "pontoon linger enable carol");
    let (rows, code) = doctor(host, "root", "pontoon doctor --user carol --fix");
    assert_eq!(code, 0, "{rows:?}");
    found(&rows, "manager", "good", "", "");
    found(&rows, "linger", "good", "", "");
    host.root("test -e /var/lib/systemd/linger/carol").ok();
    let (rows, _) = doctor(host, "root", "pontoon doctor --user carol --fix");
    assert!(rows.values().all(|it| it["Fixed"].as_array().map(Vec::len) == Some(0)), "{rows:?}");
}

#[test]
fn ids_given_to_many_users_at_once_overlap_with_nobodys() {
    let _alone = alone();
    let host = host();
    let users: Vec<String> = (1..=8).map(|number| format!("crowd{number}")).collect();
    let users = users.join(" ");
    // Without ranges of useradd's, and with a gap to fill and an account in the way.
    host.root(&format!(
        "for user in {users}; do useradd -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 $user; done
         sed -i /^crowd/d /etc/subuid /etc/subgid
         useradd -u 700000 -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 faraway
         for user in {users}; do pontoon doctor --user $user --fix >/dev/null & done; wait"
    ))
    .ok();
    for file in ["subuid", "subgid"] {
        let text = host.root(&format!("cat /etc/{file}")).ok().stdout;
        let mut ranges: Vec<(u64, u64, &str)> = text
            .lines()
            .map(|line| {
                let fields: Vec<&str> = line.split(':').collect();
                (fields[1].parse().unwrap(), fields[2].parse().unwrap(), fields[0])
            })
            .collect();
        ranges.sort_unstable();
        assert_eq!(ranges.iter().filter(|it| it.2.starts_with("crowd")).count(), 8, "{text}");
        for pair in ranges.windows(2) {
            assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{text}");
        }
        // Its group has another number.
        let in_the_way = ranges.iter().any(|it| (it.0..it.0 + it.1).contains(&700_000));
        assert!(file == "subgid" || !in_the_way, "{text}");
    }
    host.root(&format!("for user in {users} faraway; do userdel -r $user; done 2>/dev/null")).ok();
}
