//! Which ids a container has: `--userns`, `--uidmap`, `--gidmap`, `--subuidname`. What each makes of them is what Podman 5.4
//! makes of the same words, as far as not said otherwise.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, alone, host_with_busybox, in_busybox as run};

/// The map of users, in words with one blank between; ids outside are the host's where the namespace is ours, else those of
/// the user's default map.
fn uids(options: &str) -> String {
    let text = run(options, "cat /proc/self/uid_map").ok().text().to_owned();
    text.lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

#[test]
fn maps_are_made_as_podman_makes_them() {
    for (options, expected) in [
        ("--userns=nomap", "0 1 65536"),
        ("--uidmap +1234:@1000 --gidmap +1234:@1000", "0 100000 1234, 1234 1000 1, 1235 101234 64302"),
        ("--uidmap +82:10008:1", "0 1000 1, 1 100000 81, 82 110007 1, 83 100081 9926, 10009 110008 55528"),
        ("--uidmap 0:1:1000", "0 1 1000"),
        ("--uidmap 0:1:1000 --gidmap 0:0:1 --gidmap 1:5000:10", "0 1 1000"),
        ("--uidmap u0:1:1000", "0 1 1000"),
        ("--gidmap g0:1:1000", "0 0 1, 1 1 65536"),
        ("--uidmap 0:@1000", "0 1000 1"),
        ("--uidmap 0:0:100 --userns private", "0 1000 1, 1 100000 99"),
        // Podman cannot; here the ids granted to a user are enough for the user's own name.
        ("--subuidname alice", "0 1 65536"),
    ] {
        assert_eq!(uids(options), expected, "{options}");
        // The image's files are root's, and new ones are whose they should be.
        let script = "stat -c %u:%g / /bin /root; touch /new; stat -c %u:%g /new; id -u";
        assert_eq!(run(options, script).ok().text(), "0:0\n0:0\n0:0\n0:0\n0");
    }
    // Users of the image without an id are nobody.
    assert_eq!(run("--uidmap 0:1:100", "stat -c %u /home/dave").ok().text(), "65534");
    assert_eq!(run("--uidmap 0:1:2000", "stat -c %u /home/dave").ok().text(), "1500");
}

#[test]
fn maps_that_cannot_be_had_are_refused_with_reasons() {
    for (options, reason) in [
        ("--uidmap 0:1000000:65535", "id 1000000 is not granted"),
        ("--uidmap 0:@0", "id @0 is not granted"),
        ("--uidmap 5:0:1", "container id 0 is not mapped"),
        ("--uidmap 0:1:10 --uidmap 5:100:10", "container id 5 is mapped twice"),
        ("--uidmap 0:1:10 --uidmap 50:5:10", "given an id that another one has"),
        ("--uidmap x", "CONTAINER:[@]FROM"),
        ("--uidmap 0:1:0", "maps no id"),
        ("--userns auto --uidmap 0:1:10", "cannot be used together"),
        ("--subuidname alice --uidmap 0:1:10", "cannot be used together"),
        ("--subuidname nobody", "`nobody` has no ids in /etc/subuid"),
        ("--subuidname carol", "is not granted"),
        ("--userns private", "needs `--uidmap`"),
        ("--userns auto:size=100000", "100000 ids in a row"),
        ("--userns auto:foo=1", "no option `foo`"),
        ("--userns container:nobody", "nobody"),
        ("--userns ns:/proc/self/ns/user", "belongs to the host"),
    ] {
        let refused = run(options, "true").fails(125);
        assert!(refused.stderr.contains(reason), "{options}: {}", refused.stderr);
    }
}

#[test]
fn containers_with_ids_of_their_own_do_not_share_any() {
    let host = host_with_busybox();
    let _alone = alone();
    let (_one, _two) = (Gone(host, "one"), Gone(host, "two"));
    for name in ["one", "two"] {
        host.alice(&format!("pontoon run -d --stop-timeout 0 --name {name} --userns auto {B} sleep 10000"))
            .ok();
    }
    let map = |name: &str| {
        let map = host.alice(&format!("pontoon exec {name} cat /proc/self/uid_map")).ok().text().to_owned();
        map.split_whitespace().map(|it| it.parse::<u64>().unwrap()).collect::<Vec<_>>()
    };
    // As many as the image's users need (2000 is the highest), the lowest that are free.
    assert_eq!((map("one"), map("two")), (vec![0, 1, 2001], vec![0, 2002, 2001]));
    assert_eq!(uids("--userns auto:size=500"), "0 4003 500");
    let told = "pontoon inspect --format '{{.HostConfig.UsernsMode}} {{.HostConfig.IDMappings.UidMap}}' two";
    assert_eq!(host.alice(told).ok().text(), "private [0:2002:2001]");
    // Its ids can be shared; the network of one with other ids cannot.
    assert_eq!(uids("--userns container:two"), "0 2002 2001");
    assert_eq!(
        run("--network container:two --userns container:two", "touch /x && stat -c %u /x").ok().text(),
        "0"
    );
    let refused = host.alice(&format!("pontoon run --rm --network container:two {B} true")).fails(125);
    assert!(refused.stderr.contains("--userns container:two"), "{}", refused.stderr);
    // Set-user-id programs work, although the files were mounted by another namespace.
    let script =
        "cp /payload /tmp/ids; chown 33 /tmp/ids; chmod 4755 /tmp/ids; su -s /bin/sh -c '/tmp/ids ids' dave";
    let seen = run("-v /srv/payload:/payload:ro --userns auto", script).ok();
    assert_eq!(seen.text(), "1500 33");
    host.alice("pontoon stop -t 0 one && pontoon start one").ok();
    assert_eq!(map("one"), [0, 1, 2001]);
    host.alice("pontoon rm -f -t 0 one").ok();
    assert_eq!(uids("--userns auto:size=500"), "0 1 500");
}

#[test]
fn room_is_made_for_the_user_who_is_asked_for() {
    for (options, expected) in [
        ("--user 3000", "3001"),
        ("--user 2000:3000", "3001"),
        ("--group-add 4000", "4001"),
        ("--user 8191", "8192"),
    ] {
        let script = "set -- $(cat /proc/self/uid_map); echo $3";
        assert_eq!(run(&format!("--userns auto {options}"), script).ok().text(), expected, "{options}");
    }
}

#[test]
fn files_of_a_container_that_does_not_know_us_are_reached() {
    let host = host_with_busybox();
    let _gone = Gone(host, "strange");
    let script = "set -e
        rm -rf work && mkdir -p work/in/deep && cd work && echo 1 >in/deep/file && chmod 700 in
        pontoon run -d --stop-timeout 0 --name strange --userns nomap -v strange:/data -v $PWD/in:/bind:U \
            --secret strange,uid=33,mode=0400 -e X=1 BUSYBOX sh -c 'echo x >/data/new; sleep 10000'
        pontoon exec -u 33 strange cat /run/secrets/strange; echo
        pontoon exec strange stat -c %u:%g /data /data/new /data/sub /bind/deep
        pontoon unshare chown -R 0:0 in
        pontoon cp in strange:/root/
        pontoon exec strange sh -c 'stat -c %a:%u /root/in; cat /root/in/deep/file'
        pontoon cp strange:/root/in out && stat -c %u out/deep/file
        pontoon stop strange
        pontoon cp strange:/root/in/deep/file - | tar t
        pontoon cp in strange:/root/again && pontoon diff strange | grep -c again
        pontoon export strange | tar tv --numeric-owner root/again/deep/file | cut -d' ' -f2
        pontoon commit -q strange localhost/strange >/dev/null
        pontoon run --rm --network none localhost/strange stat -c %u /root/again/deep/file
        pontoon start strange && pontoon exec strange cat /data/new";
    host.alice("printf secret | pontoon secret create strange -").ok();
    let seen = host.alice(&script.replace("BUSYBOX", B));
    host.alice(
        "pontoon rm -f -t 0 strange; pontoon volume rm strange; pontoon secret rm strange; \
                pontoon rmi -f localhost/strange; pontoon unshare rm -rf work",
    )
    .ok();
    let lines: Vec<&str> = seen.stdout.lines().skip_while(|it| *it != "secret").collect();
    let expected = "secret|0:0|0:0|33:33|0:0|700:0|1|1000|strange|file|3|0/0|0|strange|x";
    assert_eq!(lines.join("|"), expected, "{}{}", seen.stdout, seen.stderr);
}

#[test]
fn what_the_engine_makes_is_the_container_s_root_s() {
    let host = host_with_busybox();
    let others = ["--userns nomap", "--userns auto", "--userns keep-id", "--uidmap 0:1:2000"];
    for options in others.iter().chain(&["", "--userns keep-id:uid=0,gid=0"]) {
        let script = "stat -c %u:%g /etc/hosts /etc/resolv.conf /etc/hostname /run/.containerenv /dev/mqueue | sort -u";
        assert_eq!(run(options, script).ok().text(), "0:0", "{options}");
    }
    run("--userns keep-id", "echo x >>/etc/hosts").fails(1);
    // Where groups can be made the root makes them, and nobody else.
    let groups = "cd /sys/fs/cgroup; mkdir mine && echo 0 >mine/cgroup.procs && stat -c %u:%g . cgroup.procs cgroup.subtree_control | sort -u";
    for options in
        others.iter().flat_map(|it| ["--systemd=always", "--privileged"].map(|more| format!("{it} {more}")))
    {
        assert_eq!(run(&format!("{options} --user 0"), groups).ok().text(), "0:0", "{options}");
    }
    run("--userns keep-id --systemd=always", groups).fails(1);
    let as_root = format!("pontoon run --rm --uidmap 0:500000:2000 --privileged {B} sh -c '{groups}'");
    host.root(&as_root).ok().prints("0:0");
    // A volume, and a process, of a user that only the host knows.
    run("--userns auto --hostuser games --user games -v games:/data", "id -u; stat -c %u /")
        .ok()
        .prints("5\n0");
    host.alice("pontoon volume rm games").ok();
}

#[test]
fn what_is_the_container_s_root_s_is_looked_after_all_the_same() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "given");
    host.alice("pontoon network create given1 && pontoon network create given2").ok();
    for options in
        ["--userns auto", "--userns auto --systemd=always", "--userns keep-id --privileged --user 0"]
    {
        let script = "mkdir -p /sys/fs/cgroup/mine/deep; exec sleep 10000";
        let begin = format!(
            "pontoon run -d --stop-timeout 0 --name given {options} --network given1 {B} sh -c '{script}'"
        );
        let begun = host.alice(&begin).ok();
        let group = format!("payload-{}", begun.text().get(..12).unwrap());
        let servers =
            || host.alice("pontoon exec given grep -c nameserver /etc/resolv.conf").ok().text().to_owned();
        assert_eq!(servers(), "1", "{options}");
        host.alice("pontoon network connect given2 given").ok();
        assert_eq!(servers(), "2", "{options}");
        let own = "pontoon exec given grep -c 'given$' /etc/hosts";
        host.alice(own).ok().prints("2");
        host.alice("pontoon network disconnect given1 given").ok();
        assert_eq!(servers(), "1", "{options}");
        host.alice("pontoon restart given && pontoon stop given && pontoon start given").ok();
        host.alice(own).ok().prints("1");
        host.alice("pontoon exec --user 0 given cat /proc/self/cgroup").ok().says("0::/");
        // A supervisor that is killed leaves the groups to whoever comes next.
        host.alice("kill -9 $(pontoon inspect --format '{{.State.ConmonPid}}' given)").ok();
        host.alice("pontoon start given && pontoon exec given true").ok();
        host.alice("pontoon rm -f -t 0 given").ok();
        host.alice(&format!("find /sys/fs/cgroup -name {group}")).ok().prints("");
    }
    host.alice("pontoon network rm given1 given2").ok();
    // What a check leaves running ends before the next one.
    for options in ["--userns auto", "--userns keep-id"] {
        let check = "--health-cmd 'sleep 1234 & true' --health-interval disable";
        let words =
            format!("pontoon run -d --name given {options} --privileged --user 0 {check} {B} sleep 10000");
        host.alice(&words).ok();
        host.alice("for i in 1 2 3; do pontoon healthcheck run given; done").ok();
        host.alice("pontoon top given args | grep -c 'sleep 1234'").ok().prints("1");
        host.alice("pontoon rm -f -t 0 given").ok();
    }
    // In a pod all write to one file.
    host.alice(&format!(
        "pontoon pod create --name given --userns auto && pontoon run -d --pod given --name given-one {B} sleep 10000"
    ))
    .ok();
    host.alice(
        "pontoon exec given-one stat -c %u /etc/hosts && pontoon exec given-one grep -c given-one /etc/hosts",
    )
    .ok()
    .prints("0\n1");
    host.alice("pontoon pod rm -f -t 0 given").ok();
}

#[test]
fn root_can_have_containers_with_other_ids() {
    let host = host_with_busybox();
    let run = |options: &str, script: &str| {
        host.entry("root")
            .env("SCRIPT", script)
            .sh(&format!("pontoon run --rm --network none {options} {B} sh -c \"$SCRIPT\""))
    };
    let seen = run(
        "--uidmap 0:500000:2000 -v rooted:/data",
        "touch /x /data/y; stat -c %u / /x /data/y; cat /proc/self/uid_map",
    );
    assert_eq!(
        seen.ok().text().split_whitespace().collect::<Vec<_>>(),
        ["0", "0", "0", "0", "500000", "2000"]
    );
    host.root("for file in /etc/subuid /etc/subgid; do echo containers:1000000:65536 >>$file; done").ok();
    // Nobody in it is somebody of the host's, in no map, unless that is said.
    for (options, both) in [
        ("--uidmap +0:500000:10", "0 500000 10"),
        ("--userns auto:size=10,uidmapping=0:500000:10,gidmapping=0:500000:10", "0 500000 10"),
        ("--uidmap 0:500000:1000 --uidmap +5:600000:2", "0 500000 5 5 600000 2 7 500007 993"),
    ] {
        for map in ["uid_map", "gid_map"] {
            let seen = run(options, &format!("cat /proc/self/{map}")).ok();
            assert_eq!(seen.text().split_whitespace().collect::<Vec<_>>().join(" "), both, "{options} {map}");
        }
    }
    host.root("sed -i /^containers:/d /etc/subuid /etc/subgid").ok();
    host.root("stat -c %u /var/lib/pontoon/volumes/rooted/_data/y; pontoon volume rm rooted")
        .ok()
        .says("500000");
    // There is nothing to keep, and so it is the host's; what says who runs it counts.
    run("--userns keep-id", "id -u; cat /proc/self/uid_map | tr -s ' '").ok().prints("0\n 0 0 4294967295");
    run("--userns keep-id:uid=5,gid=6", "id -u; id -g").ok().prints("5\n6");
    for (options, reason) in [
        ("--userns nomap", "for ordinary users"),
        ("--userns auto", "`containers` has no ids in /etc/subuid"),
    ] {
        let refused = run(options, "true").fails(125);
        assert!(refused.stderr.contains(reason), "{options}: {}", refused.stderr);
    }
}
