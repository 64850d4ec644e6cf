//! What a payload sees and may do, compared with what Podman gives it.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, host_with_busybox as host};

/// `pontoon run --rm OPTIONS busybox sh -c SCRIPT`, as alice.
fn run(options: &str, script: &str) -> Output {
    host()
        .entry("alice")
        .env("SCRIPT", script)
        .sh(&format!("pontoon run --rm {options} {B} sh -c \"$SCRIPT\""))
}

/// The capability sets of the payload, by name.
fn caps(options: &str) -> [String; 5] {
    let status = run(options, "grep ^Cap /proc/self/status").ok();
    let set = |name: &str| {
        let line = status.stdout.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        line.trim().trim_start_matches('0').to_owned()
    };
    [set("CapInh:"), set("CapPrm:"), set("CapEff:"), set("CapBnd:"), set("CapAmb:")]
}

#[test]
fn capabilities_are_podman_s_eleven_and_change_as_asked() {
    let check = |options: &str, expected: [&str; 5]| assert_eq!(caps(options), expected, "with `{options}`");
    check("", ["", "800405fb", "800405fb", "800405fb", ""]);
    check("--user 1000", ["", "", "", "800405fb", ""]);
    check("--user dave", ["", "", "", "800405fb", ""]);
    check("--cap-add net_admin,sys_time", ["", "820415fb", "820415fb", "820415fb", ""]);
    check("--cap-add CAP_NET_ADMIN", ["", "800415fb", "800415fb", "800415fb", ""]);
    check("--cap-drop all", ["", "", "", "", ""]);
    check("--cap-drop all --cap-add chown", ["", "1", "1", "1", ""]);
    check("--user 1000 --cap-add net_admin", ["1000", "1000", "1000", "800415fb", "1000"]);
    check("--cap-add all", ["", "1ffffffffff", "1ffffffffff", "1ffffffffff", ""]);
    check("--privileged", ["", "1ffffffffff", "1ffffffffff", "1ffffffffff", ""]);
}

#[test]
fn the_filter_and_no_new_privileges_are_as_asked() {
    let status = |options: &str| {
        run(options, "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t\\n'").ok()
    };
    status("").prints("NoNewPrivs:0Seccomp:2");
    status("--security-opt no-new-privileges").prints("NoNewPrivs:1Seccomp:2");
    status("--security-opt seccomp=unconfined").prints("NoNewPrivs:0Seccomp:0");
    status("--user 1000 --security-opt no-new-privileges").prints("NoNewPrivs:1Seccomp:2");
}

#[test]
fn users_and_groups_are_the_image_s() {
    let id = |options: &str, expected: &str| {
        run(options, "id -u; id -g; id -G").ok().prints(expected);
    };
    id("", "0\n0\n0");
    id("-u 1000", "1000\n0\n0");
    id("-u dave", "1500\n1500\n1500 10 2000");
    id("-u dave:www", "1500\n33\n33");
    id("-u 33", "33\n33\n33 10");
    id("-u 33:1234", "33\n1234\n1234");
    id("-u :33", "0\n33\n33");
    id("-u 1234", "1234\n0\n0");
    id("--group-add extra --group-add 3000", "0\n0\n0 2000 3000");
    // A user without a line gets one, so that programs that ask for a name get an answer.
    run("-u 1234", "id -un; grep ^1234: /etc/passwd").ok().says("1234:");
    // One of the host's can be who runs it.
    run("--hostuser alice -u alice", "id -u; id -un; id -g; grep -c ^alice: /etc/passwd")
        .ok()
        .prints("1000\nalice\n1000\n1");
}

#[test]
fn users_and_groups_are_those_of_mounted_files() {
    let host = host();
    let etc = "/home/alice/databases";
    host.alice(&format!("mkdir -p {etc}")).ok();
    host.write(
        "alice",
        &format!("{etc}/passwd"),
        "root:x:0:0::/:/bin/sh\napp:x:321:654::/home/app:/bin/sh\n",
    );
    host.write("alice", &format!("{etc}/group"), "root:x:0:\napps:x:654:\nmore:x:77:app\n");
    let (users, groups) = (format!("-v {etc}/passwd:/etc/passwd:ro"), format!("-v {etc}/group:/etc/group"));
    let id = |options: &str| run(options, "id -u; id -G; echo $HOME").ok().text().to_owned();
    let whole = "321\n654 77\n/home/app";
    for mounts in [format!("{users} {groups}"), format!("-v {etc}:/etc:ro"), format!("{users} -v {etc}:/etc")]
    {
        assert_eq!(id(&format!("{mounts} --user app")), whole, "{mounts}");
        assert_eq!(id(&format!("{mounts} --user 321")), whole, "{mounts}");
    }
    assert_eq!(id(&format!("{users} --user 321")), "321\n654\n/home/app");
    assert_eq!(id(&format!("{groups} --user 5:apps --group-add more")), "5\n654 77\n/");
    // A number that is not in it gets no line of its own there, and what is no file says nothing.
    run(&format!("{users} --user 999"), "id -G; grep -c . /etc/passwd; echo $HOME").ok().prints("0\n2\n/");
    host.alice(&format!("rm {etc}/passwd; mkfifo {etc}/passwd")).ok();
    for mount in [&users, &format!("-v {etc}:/etc:ro")] {
        run(&format!("{mount} --user app"), "true").refused().warns("app");
    }
    host.alice(&format!("rm -r {etc}")).ok();
}

#[test]
fn an_image_without_user_databases_gets_them() {
    let host = host();
    let script =
        "set -e; rm -rf ~/bare; mkdir -p ~/bare/bin; pontoon create --name bare BUSYBOX true >/dev/null
        pontoon cp bare:/bin/busybox ~/bare/bin/ && pontoon rm bare >/dev/null
        for it in sh id cat stat ls; do ln -s busybox ~/bare/bin/$it; done
        umask 077; tar -C ~/bare -c . | pontoon import -q - localhost/bare >/dev/null";
    host.alice(&script.replace("BUSYBOX", B)).ok();
    let bare = |options: &str, script: &str| {
        host.entry("alice")
            .env("SCRIPT", script)
            .sh(&format!(
                "umask 077; pontoon run --rm --network none {options} localhost/bare sh -c \"$SCRIPT\""
            ))
            .ok()
    };
    let look = "id -un; cat /etc/passwd /etc/group; stat -c %u:%a /etc/passwd /etc/group";
    let expected = "alice\nalice:*:1000:1000::/:/bin/sh\nalice:x:1000:alice\n0:644\n0:644";
    bare("--userns keep-id", look).prints(expected);
    bare("--userns keep-id --read-only", look).prints(expected);
    bare("--read-only --user 5:6", "id; cat /etc/group").prints("uid=5(games) gid=6(6) groups=6(6)\n6:x:6:5");
    // Root needs none, and who wants none gets none.
    bare("", "ls /etc").prints("hostname\nhosts\nmtab");
    bare("--user 5 --passwd=false", "ls /etc").prints("hostname\nhosts\nmtab");
    host.alice("pontoon rmi localhost/bare; rm -rf ~/bare").ok();
}

/// As by Podman: whoever looks at `whoami` or at a prompt reads a name.
#[test]
fn a_number_that_the_image_does_not_know_has_the_host_s_name() {
    let last = "id -un; tail -n 1 /etc/passwd; tail -n 1 /etc/group";
    run("-u 1000:1000", last).ok().prints("alice\nalice:*:1000:1000::/:/bin/sh\n1000:x:1000:1000");
    run("-u 38 -w /tmp", "grep :38: /etc/passwd")
        .ok()
        .prints("list:*:38:0:Mailing List Manager:/tmp:/bin/sh");
    run("-u 4321", "id -un; grep 4321 /etc/passwd")
        .ok()
        .prints("4321\n4321:*:4321:0:container user:/:/bin/sh");
}

#[test]
fn a_working_directory_is_made_where_the_image_or_a_mount_has_it() {
    let look = "pwd; stat -c %u:%g:%a .";
    run("--tmpfs /t -w /t/a/b -u 33", look).ok().prints("/t/a/b\n0:0:755");
    run("-v wd-volume:/v -w /v/sub", look).ok().prints("/v/sub\n0:0:755");
    host().alice("pontoon volume rm wd-volume").ok();
    run("-w /nowhere", look).fails(126).warns("`/nowhere`");
    let make = "pontoon create -q --name wd BUSYBOX && pontoon commit -q -c 'WORKDIR /of/user' wd localhost/wd && pontoon rm wd";
    host().alice(&make.replace("BUSYBOX", B)).ok();
    let image = |options: &str| {
        let script = "pwd; stat -c %u:%g:%a . ..";
        host().alice(&format!("pontoon run --rm --network none {options} localhost/wd sh -c '{script}'"))
    };
    image("").ok().prints("/of/user\n0:0:755\n0:0:755");
    image("-u 33:5").ok().prints("/of/user\n33:5:755\n0:0:755");
    image("-u 33 --read-only").ok().prints("/of/user\n33:33:755\n0:0:755");
    image("--userns keep-id").ok().prints("/of/user\n1000:1000:755\n0:0:755");
    image("-u 33 -v wd-volume:/of").ok().prints("/of/user\n0:0:755\n33:33:755");
    host().alice("pontoon volume rm wd-volume && pontoon rmi localhost/wd").ok();
}

#[test]
fn the_time_zone_is_a_file_of_the_container_s() {
    let script = "date +%Z; stat -c %u:%g:%a /etc/localtime; touch /etc/localtime && echo written";
    for options in ["", "--userns auto", "--userns keep-id --user 0"] {
        run(&format!("{options} --tz Europe/Berlin"), script).ok().says("0:0:644\nwritten");
    }
    run("--tz Europe/Berlin --read-only", "touch /etc/localtime").fails(1);
}

#[test]
fn an_image_s_root_is_open_to_all_and_written_to_by_none() {
    run("--cap-drop all", "stat -c %a:%u /; touch /x 2>/dev/null || echo closed")
        .ok()
        .prints("555:0\nclosed");
    let host = host();
    let script = "set -e; rm -rf ~/closed; mkdir -m 700 ~/closed; cp /srv/payload ~/closed/
        tar -C ~/closed -c . | pontoon import -q - localhost/closed >/dev/null
        pontoon run --rm --network none --user 5 localhost/closed /payload ids; pontoon rmi -f localhost/closed; rm -rf ~/closed";
    host.alice(script).ok().says("5 5");
}

#[test]
fn who_sees_the_store_is_told() {
    run("", "cat /run/.containerenv").ok().prints("");
    run("-v ~/.local:/local:ro", "cat /run/.containerenv").ok().prints("graphRootMounted=1");
}

#[test]
fn ids_are_mapped_from_the_user_and_her_range() {
    let map = run("", "cat /proc/self/uid_map /proc/self/gid_map").ok();
    let numbers: Vec<&str> = map.stdout.split_whitespace().collect();
    assert_eq!(numbers, ["0", "1000", "1", "1", "100000", "65536", "0", "1000", "1", "1", "100000", "65536"]);
    run("--userns host", "cat /proc/self/uid_map").ok().says("1000");
}

#[test]
fn keep_id_maps_the_caller_to_herself() {
    run("--userns keep-id", "id -u; id -g; id -un; pwd").ok().prints("1000\n1000\nalice\n/");
    run("--userns keep-id:uid=200,gid=210", "id -u; id -g").ok().prints("200\n210");
    run("--userns keep-id -u root", "id -u").ok().prints("0");
    // So it is where the environment says it and the options do not.
    let told = |words: &str| host().entry("alice").env("PODMAN_USERNS", "keep-id").sh(words).ok();
    told(&format!("pontoon run --rm {B} id -u")).prints("1000");
    told(&format!("pontoon run --rm --userns host {B} id -u")).prints("0");
    let wrong = host().entry("alice").env("PODMAN_USERNS", "bogus").sh(&format!("pontoon run --rm {B} true"));
    wrong.fails(125).warns("`bogus` for `PODMAN_USERNS`");
    told("pontoon pod create --replace --name kept-ids");
    host().alice(&format!("pontoon run --rm --pod kept-ids {B} id -u")).ok().prints("1000");
    host().alice("pontoon pod rm -f -t 0 kept-ids").ok();
    // Whoever runs it knows her, and gets at what is her group's.
    run("--userns keep-id -u 33", "id -G; grep ^alice: /etc/passwd /etc/group")
        .ok()
        .prints("33 1000 10\n/etc/passwd:alice:*:1000:1000::/:/bin/sh\n/etc/group:alice:x:1000:alice");
    run("--userns keep-id:uid=200,gid=210 -u 33", "id -G; grep -c ^alice: /etc/passwd || true")
        .ok()
        .prints("33 210 10\n0");
    // What she makes on the host is hers.
    host().alice("mkdir -p ~/kept; rm -f ~/kept/*").ok();
    run("--userns keep-id -v ~/kept:/kept", "touch /kept/file").ok();
    host().alice("stat -c %U ~/kept/file").ok().prints("alice");
    let map = run("--userns keep-id", "cat /proc/self/uid_map").ok();
    let numbers: Vec<&str> = map.stdout.split_whitespace().collect();
    assert_eq!(numbers, ["0", "100000", "1000", "1000", "1000", "1", "1001", "101000", "64536"]);
}

#[test]
fn the_environment_is_exactly_what_was_asked_for() {
    let env = |options: &str, expected: &[&str]| {
        let output = host()
            .entry("alice")
            .env("HOSTVAR", "x")
            .env("SECRET", "never")
            .sh(&format!("pontoon run --rm --hostname box {options} {B} env"));
        let mut lines: Vec<&str> = output.stdout.lines().collect();
        lines.sort_unstable();
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(lines, expected, "with `{options}`: {output:?}");
    };
    let plain = ["PATH=/bin", "IMAGE=busybox", "container=podman", "HOME=/root", "HOSTNAME=box"];
    env("", &plain);
    env("-e A=1 -e HOSTVAR -e UNSETVAR -e B=", &[&plain[..], &["A=1", "HOSTVAR=x", "B="]].concat());
    env("-t", &[&plain[..], &["TERM=xterm"]].concat());
    env("-u dave", &["PATH=/bin", "IMAGE=busybox", "container=podman", "HOME=/home/dave", "HOSTNAME=box"]);
    env("-u 4242", &["PATH=/bin", "IMAGE=busybox", "container=podman", "HOME=/", "HOSTNAME=box"]);
    env(
        "-e HOME=/h -e PATH=/p:/bin",
        &["PATH=/p:/bin", "IMAGE=busybox", "container=podman", "HOME=/h", "HOSTNAME=box"],
    );
    host().write("alice", "/home/alice/envfile", "A=1\n# comment\n B=2\nHOSTVAR\nC=\"q\"\nD=\n");
    env("--env-file ~/envfile", &[&plain[..], &["A=1", "B=2", "HOSTVAR=x", "C=\"q\"", "D="]].concat());
    env("--env-file ~/envfile -e A=9", &[&plain[..], &["A=9", "B=2", "HOSTVAR=x", "C=\"q\"", "D="]].concat());
    // Asked for, the host's wins over the image's.
    let line = format!("pontoon run --rm --env-host -e A=1 {B} sh -c 'echo $IMAGE $A'");
    host().entry("alice").env("IMAGE", "hers").env("A", "0").sh(&line).ok().prints("hers 1");
}

#[test]
fn mounts_have_podman_s_types_and_flags() {
    let mounts = run("", "cat /proc/self/mountinfo").ok();
    let check = |target: &str, options: &str, kind: &str| {
        let line = mounts
            .stdout
            .lines()
            .find(|line| line.split(' ').nth(4) == Some(target))
            .unwrap_or_else(|| panic!("nothing is mounted at {target}:\n{mounts:?}"));
        let found: Vec<&str> = line.split(' ').nth(5).unwrap_or_default().split(',').collect();
        for option in options.split(',') {
            assert!(found.contains(&option), "{target} lacks {option}: {line}");
        }
        let back = line.split(" - ").nth(1).unwrap_or_default();
        assert!(back.starts_with(kind), "{target} is no {kind}: {line}");
    };
    check("/", "rw", "overlay");
    check("/proc", "rw,nosuid,nodev,noexec", "proc");
    check("/dev", "rw,nosuid", "tmpfs");
    check("/dev/pts", "rw,nosuid,noexec", "devpts");
    check("/dev/mqueue", "rw,nosuid,nodev,noexec", "mqueue");
    check("/dev/shm", "rw,nosuid,nodev,noexec", "tmpfs");
    check("/sys", "ro,nosuid,nodev,noexec", "sysfs");
    check("/sys/fs/cgroup", "ro,nosuid,nodev,noexec", "cgroup2");
    for target in ["/dev/null", "/dev/zero", "/dev/full", "/dev/tty", "/dev/random", "/dev/urandom"] {
        check(target, "nosuid,noexec", "");
    }
    for target in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"] {
        check(target, "ro,nosuid,nodev,noexec", "proc");
    }
    for target in ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"] {
        check(target, "rw,nosuid,nodev", "");
    }
    check("/proc/keys", "ro", "");
    // Nothing spreads to the host, and nothing of the host is in sight.
    assert!(!mounts.stdout.contains("shared:"), "{mounts:?}");
    assert!(
        !mounts.stdout.lines().any(|line| line.split(' ').nth(4).is_some_and(|at| at.starts_with("/home")))
    );
}

#[test]
fn a_read_only_root_keeps_its_tmpfs_places() {
    let script = "touch /x 2>/dev/null && echo root; touch /tmp/x && echo tmp; touch /run/x && echo run; \
         touch /var/tmp/x && echo vartmp; touch /dev/shm/x && echo shm; touch /dev/x 2>/dev/null && echo dev; true";
    run("--read-only", script).ok().says("tmp\nrun\nvartmp\nshm").lacks("root\n");
    let none = run(
        "--read-only --read-only-tmpfs=false",
        "for it in tmp run dev dev/shm; do touch /$it/x && echo $it; done; echo x >/dev/null || echo null",
    )
    .ok();
    assert_eq!(none.text(), "", "{none:?}");
    // What lies in the closed directory, and what we make there ourselves, has its place all the same.
    run(
        "--read-only --read-only-tmpfs=false -t -v /etc/hostname:/dev/below/name",
        "test -s /dev/below/name && test -L /dev/fd && test -c /dev/console && echo there",
    )
    .ok()
    .prints("there");
    run("--read-only --tmpfs /data", "touch /data/x && cat /data/file").ok().prints("hello");
}

#[test]
fn masked_paths_give_nothing_away() {
    run("", "cat /proc/keys /proc/timer_list; ls -A /proc/acpi /sys/firmware /proc/scsi 2>/dev/null | grep -v :; true")
        .ok()
        .prints("");
    run("", "echo 1 >/proc/sys/kernel/hostname").refused();
    run("", "echo b >/proc/sysrq-trigger").refused();
    run("", "mkdir /sys/fs/cgroup/x").refused();
    run("", "mount -t tmpfs none /mnt").refused();
    run("--security-opt unmask=/proc/keys", "test -c /proc/keys || echo real").ok().prints("real");
    run("--security-opt mask=/data/file", "cat /data/file").ok().prints("");
}

#[test]
fn devices_are_the_safe_ones() {
    run("", "cd /dev; ls | tr '\\n' ' '")
        .ok()
        .prints("core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero");
    run("", "head -c 3 /dev/zero | wc -c; echo x >/dev/null; head -c 2 /dev/urandom | wc -c")
        .ok()
        .prints("3\n2");
    run("", "mknod /tmp/null c 1 3").refused();
    run("--device /dev/fuse", "test -c /dev/fuse").ok();
    run("--device /dev/fuse:/dev/other", "test -c /dev/other").ok();
    run("--device /dev/nosuch", "true").refused().warns("/dev/nosuch");
}

#[test]
fn only_the_three_standard_descriptors_are_inherited() {
    run("", "ls /proc/self/fd | tr '\\n' ' '").ok().prints("0 1 2 3");
    let output =
        host().alice(&format!("exec 7</etc/passwd; pontoon run --rm {B} ls /proc/self/fd | tr '\\n' ' '"));
    output.ok().prints("0 1 2 3");
}

#[test]
fn the_first_process_is_the_payload_or_the_init() {
    run("", "cat /proc/1/comm; true").ok().prints("sh");
    // Orphans are reaped: a grandchild that ends leaves no zombie.
    run("--init", "sh -c 'sleep 0.1 &'; sleep 0.5; grep -l '^State:.Z' /proc/[0-9]*/status; true")
        .ok()
        .prints("");
    run("--init", "exit 6").fails(6);
    run("--init", "test $$ != 1").ok();
}

#[test]
fn names_and_resolvers_are_set() {
    run("--hostname box", "hostname; cat /etc/hostname").ok().prints("box\nbox");
    run("", "hostname | wc -c").ok().prints("13");
    let hosts = run("--hostname myhost --add-host foo:10.1.2.3 --name hosted", "cat /etc/hosts").ok();
    hosts
        .says("127.0.0.1\tlocalhost")
        .says("10.1.2.3\tfoo")
        .says("myhost hosted")
        .says("host.containers.internal");
    let dns = "--dns 9.9.9.9 --dns-search ex.org --dns-option ndots:2";
    run(dns, "cat /etc/resolv.conf").ok().prints("search ex.org\nnameserver 9.9.9.9\noptions ndots:2");
    run("", "cat /etc/resolv.conf").ok().says("nameserver 169.254.1.1");
    run("--network host", "hostname").ok().prints("testhost");
}

#[test]
fn the_container_knows_that_it_is_one() {
    run("", "test -f /run/.containerenv && echo $container").ok().prints("podman");
    run("--privileged --name inmate", "cat /run/.containerenv")
        .ok()
        .says("name=\"inmate\"")
        .says("rootless=1");
}

#[test]
fn cgroups_are_private_and_read_only() {
    run("", "grep ^0 /proc/self/cgroup").ok().prints("0::/");
    run("", "cat /sys/fs/cgroup/cgroup.procs").ok().says("1");
    run("", "echo 0 >/sys/fs/cgroup/cgroup.freeze").refused();
    run("--security-opt 'unmask=/sys/*'", "mkdir /sys/fs/cgroup/x").refused();
    for word in ["ALL", "/sys/fs/cgroup"] {
        run(&format!("--security-opt unmask={word}"), "mkdir /sys/fs/cgroup/x").ok();
    }
    for option in ["--systemd always", "--privileged", "--security-opt unmask=ALL"] {
        let own = "mkdir /sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)/x";
        run(&format!("--cgroupns host {option}"), own).ok();
    }
}

#[test]
fn time_zone_limits_umask_and_shared_memory_are_as_asked() {
    run("--tz Europe/Berlin", "date +%Z").ok().prints(berlin());
    run("--tz Mars/Phobos", "date").refused().warns("Mars/Phobos");
    run("--ulimit nofile=100:200", "ulimit -n; ulimit -Hn").ok().prints("100\n200");
    // As much as she has herself, for she can have no more.
    let own = host().alice("ulimit -Hl; ulimit -Hn").ok();
    run(
        "--ulimit memlock=-1:-1 --ulimit nofile=50:-1 --ulimit rtprio=-1",
        "ulimit -Hl; ulimit -Hn; ulimit -n",
    )
    .ok()
    .prints(&format!("{}\n50", own.text()));
    run("--ulimit nofile=100:99999999", "true").refused().warns("resource limit nofile").warns("ulimit -aH");
    run("--umask 077", "umask").ok().prints("0077");
    run("", "umask").ok().prints("0022");
    run("--shm-size 1m", "df -k /dev/shm | tail -1 | awk '{print $2}'").ok().prints("1024");
    // The original's default is 65536 times a thousand bytes; ours is a round 64 MiB.
    run("", "df -k /dev/shm | tail -1 | awk '{print $2}'").ok().prints("65536");
    run("--sysctl net.ipv4.ip_forward=1", "cat /proc/sys/net/ipv4/ip_forward").ok().prints("1");
    run("--sysctl kernel.bogus=1", "true").refused().warns("kernel.bogus");
    run("--oom-score-adj 500", "cat /proc/self/oom_score_adj").ok().prints("500");
    let own = host().alice("cat /proc/self/oom_score_adj").ok();
    run("--oom-score-adj -500", "cat /proc/self/oom_score_adj")
        .ok()
        .prints(own.text())
        .warns("--oom-score-adj -500");
}

/// The name of Berlin's time today, as the test host's own date says it.
fn berlin() -> &'static str {
    let zone = host().alice("TZ=Europe/Berlin date +%Z").ok();
    if zone.text() == "CET" { "CET" } else { "CEST" }
}

#[test]
fn tmpfs_and_its_options_are_as_asked() {
    run(
        "--tmpfs /scratch:size=1m,mode=700,noexec",
        "stat -c %a /scratch; df -k /scratch | tail -1 | awk '{print $2}'; grep scratch /proc/self/mountinfo",
    )
    .ok()
    .says("700\n1024\n")
    .says("noexec");
    run("--tmpfs /data", "cat /data/file").ok().prints("hello");
    // Without a copy it is closed to the same ones all the same.
    run(
        "--tmpfs /root:notmpcopyup --tmpfs /home:notmpcopyup,mode=711 --tmpfs /new:notmpcopyup",
        "stat -c %a /root /home /new",
    )
    .ok()
    .prints("700\n711\n1777");
    run("--mount type=tmpfs,dst=/m,tmpfs-size=1m", "df -k /m | tail -1 | awk '{print $2}'")
        .ok()
        .prints("1024");
}

#[test]
fn the_working_directory_is_made_only_for_the_image() {
    run("-w /tmp", "pwd").ok().prints("/tmp");
    run("-w /nosuch", "pwd").refused().warns("/nosuch");
    run("-w relative", "pwd").refused().warns("relative");
}

#[test]
fn dangerous_calls_are_refused_by_the_filter() {
    // By shell tools alone: kernel logs, clock, swap.
    run("", "dmesg").refused();
    run("", "date -s 2030-01-01 >/dev/null; true").ok().warns("can't set date");
    run("", "swapon /dev/null").refused();
    run("", "chroot / true").ok();
}

#[test]
fn a_filter_that_forbids_to_ask_for_the_directory_is_the_payload_s_alone() {
    let calls = r#"{"names":["getcwd","chdir","fchdir"],"action":"SCMP_ACT_ERRNO"}"#;
    let profile = format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{calls}]}}"#);
    host().write("alice", "/home/alice/nowhere.json", &profile);
    let options = "--security-opt seccomp=/home/alice/nowhere.json";
    run(&format!("{options} -w /tmp"), "echo runs; ls -d /proc/self/cwd/../tmp; cd / || echo stays")
        .ok()
        .prints("runs\n/proc/self/cwd/../tmp\nstays");
    run(&format!("{options} --user 33"), "echo runs").ok().prints("runs");
    host().alice("rm nowhere.json").ok();
}

#[test]
fn limits_without_their_controller_are_errors_that_name_it() {
    let controllers = host()
        .alice("cat /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/cgroup.controllers")
        .ok();
    let has = |name: &str| controllers.stdout.split_whitespace().any(|one| one == name);
    if !has("memory") {
        let offered = host().alice("grep -qw memory /sys/fs/cgroup/cgroup.controllers").code == 0;
        let what_to_do = if offered { "Delegate" } else { "does not offer" };
        run("-m 64m", "true").refused().warns("memory").warns(what_to_do);
    }
    if !has("pids") {
        run("--pids-limit 10", "true").refused().warns("pids");
    }
    // The default pids limit is only a default.
    run("", "true").ok();
}

#[test]
fn a_directory_that_is_closed_to_the_user_can_be_where_it_works() {
    let closed = "--tmpfs /closed:mode=700";
    run(&format!("{closed} --user 33 -w /closed"), "pwd; ls 2>/dev/null || echo closed")
        .ok()
        .prints("/closed\nclosed");
    run(&format!("{closed} --userns keep-id -w /closed"), "pwd").ok().prints("/closed");
    run("-w /nosuch", "pwd").fails(126);
    let sh = |script: &str| host().entry("alice").env("B", B).sh(script);
    sh(&format!("pontoon run -d --name closed {closed} --stop-timeout 0 $B sleep 1000 && pontoon exec -u 33 -w /closed closed pwd; pontoon rm -f closed"))
        .ok()
        .says("/closed");
}

#[test]
fn who_keeps_its_id_has_its_home_where_that_is_mounted() {
    let look = "echo $HOME; tail -n 1 /etc/passwd";
    let home = |options: &str| run(&format!("--userns keep-id {options}"), look).ok().text().to_owned();
    for options in ["-v ~:/home/alice", "-v ~:/home", "--tmpfs /home/alice", "-v /home/alice"] {
        assert_eq!(home(options), "/home/alice\nalice:*:1000:1000::/home/alice:/bin/sh", "{options}");
    }
    assert_eq!(home("-w /data"), "/data\nalice:*:1000:1000::/data:/bin/sh");
    run("--user 55 --passwd-entry 'u5:x:55:0::/data:/bin/sh'", "echo $HOME").ok().prints("/data");
}
