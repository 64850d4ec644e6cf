//! Attacks on confinement: calls, masks, maps. What Podman's containers cannot do on the same host, ours cannot either.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;

use pontoon_tests::shared::{fresh, host_with_podman};
use pontoon_tests::{B, TestHost};

/// Makes system calls by number and prints the error of each; the host's perl, which has a word for that, does it.
const CALLS: &str = r#"
my %calls = (
    add_key => [248, 0, 0, 0, 0, 0], request_key => [249, 0, 0, 0, 0], keyctl => [250, 0, 0, 0, 0, 0],
    bpf => [321, 0, 0, 0], userfaultfd => [323, 0], perf_event_open => [298, 0, 0, 0, 0, 0],
    mount => [165, 0, 0, 0, 0, 0], umount2 => [166, 0, 0], pivot_root => [155, 0, 0], fsopen => [430, 0, 0],
    fsconfig => [431, -1, 0, 0, 0, 0], fsmount => [432, -1, 0, 0], fspick => [433, -1, 0, 0], open_tree => [428, -1, 0, 0],
    move_mount => [429, -1, 0, -1, 0, 0], mount_setattr => [442, -1, 0, 0, 0, 0],
    unshare_user => [272, 0x10000000], unshare_mount => [272, 0x20000], setns => [308, -1, 0],
    clone3 => [435, 0, 0], io_uring_setup => [425, 0, 0], io_uring_enter => [426, -1, 0, 0, 0, 0],
    io_uring_register => [427, -1, 0, 0, 0], ptrace => [101, 99, 0, 0, 0], process_vm_readv => [310, 0, 0, 0, 0, 0, 0],
    kexec_load => [246, 0, 0, 0, 0], kexec_file_load => [320, -1, -1, 0, 0, 0], init_module => [175, 0, 0, 0],
    finit_module => [313, -1, 0, 0], delete_module => [176, 0, 0], name_to_handle_at => [303, -1, 0, 0, 0, 0],
    open_by_handle_at => [304, -1, 0, 0], swapon => [167, 0, 0], swapoff => [168, 0], reboot => [169, 0, 0, 0, 0],
    settimeofday => [164, 0, 0], clock_settime => [227, 0, 0], acct => [163, 0], iopl => [172, 0], ioperm => [173, 0, 0, 0],
    quotactl => [179, 0, 0, 0, 0], quotactl_fd => [443, -1, 0, 0, 0], syslog => [103, 10, 0, 0],
    personality_odd => [135, 0x0400000], modify_ldt => [154, 0, 0, 0], move_pages => [279, 0, 0, 0, 0, 0, 0],
    mbind => [237, 0, 0, 0, 0, 0, 0], set_mempolicy => [238, 9, 0, 0], get_mempolicy => [239, 0, 0, 0, 0, 99],
    lookup_dcookie => [212, 0, 0, 0], fanotify_init => [300, 0, 0], ustat => [136, 0, 0], sysfs => [139, 3, 0, 0],
    uselib => [134, 0], create_module => [174, 0, 0], vhangup => [153], sethostname => [170, 0, 1], chroot => [161, 0],
    kcmp => [312, 1, 1, 0, 0, 0], memfd_secret => [447, 0], landlock => [444, 0, 0, 1], pidfd_getfd => [438, -1, 0, 0],
    process_madvise => [440, -1, 0, 0, 0, 0], nfsservctl => [180, 0, 0, 0], socket_vsock => [41, 40, 1, 0],
    socket_alg => [41, 38, 5, 0], socket_audit => [41, 16, 3, 9], tiocsti => [16, 0, 0x5412, 0], tioclinux => [16, 0, 0x541c, 0],
    x32_getpid => [0x40000000 + 39], x32_execve => [0x40000000 + 520, 0, 0, 0], no_such_call => [5000],
);
for my $name (sort keys %calls) {
    my ($number, @words) = @{$calls{$name}};
    my $result = syscall($number, @words);
    print "$name ", ($result == -1 ? $! + 0 : "done"), "\n";
}
"#;

/// What the calls give in a container of that engine.
fn calls(engine: &str, options: &str) -> BTreeSet<String> {
    let line = format!(
        "{engine} run --rm --network none {options} -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro {B} /usr/bin/perl -e \"$CALLS\""
    );
    let seen = host_with_podman().entry("alice").env("CALLS", CALLS).sh(&line).ok();
    let lines: BTreeSet<String> = seen.text().lines().map(str::to_owned).collect();
    assert!(lines.len() > 60, "{seen:?}");
    lines
}

/// 50: each class of calls is refused as Podman's profile refuses it, for root inside and for others, with and without more
/// capabilities.
#[test]
fn calls_are_refused_as_podman_refuses_them() {
    for options in
        ["", "--user 1000", "--cap-add sys_admin", "--cap-add sys_ptrace,bpf,perfmon", "--cap-drop all"]
    {
        let (theirs, ours) = (calls("podman", options), calls("pontoon", options));
        let differ: Vec<_> = theirs.symmetric_difference(&ours).collect();
        assert!(differ.is_empty(), "{options}: {differ:?}");
    }
    let plain = calls("pontoon", "");
    // By error numbers: EPERM; the other architectures' calls are none.
    for (name, error) in [
        ("bpf", 1),
        ("userfaultfd", 1),
        ("perf_event_open", 1),
        ("kexec_load", 1),
        ("open_by_handle_at", 1),
        ("x32_getpid", 38),
    ] {
        assert!(plain.contains(&format!("{name} {error}")), "{name}: {plain:?}");
    }
    assert!(!plain.iter().any(|it| it.starts_with("x32_") && it.ends_with("done")), "{plain:?}");
}

/// B14: what Podman covers of the kernel's file systems ours covers, and nothing can be read that cannot be read there.
#[test]
fn what_podman_hides_of_the_kernel_is_hidden() {
    let host = host_with_podman();
    let script = "find /proc /sys -xdev -maxdepth 3 -not -path '/proc/[0-9]*' -not -path '/proc/self*' -not -path '/proc/thread-self*' \
                  -not -name kmsg -type f 2>/dev/null | while read -r f; do timeout 1 head -c 1 \"$f\" 2>/dev/null | grep -q . && echo \"$f\"; done; true";
    let read = |engine: &str, user: &str| -> BTreeSet<String> {
        let seen = host
            .entry(user)
            .env("SCRIPT", script)
            .sh(&format!("{engine} run --rm --network none {B} sh -c \"$SCRIPT\""));
        seen.text().lines().map(str::to_owned).collect()
    };
    host.root(&format!("pontoon pull -q {B}; podman pull -q {B}")).ok();
    for user in ["alice", "root"] {
        let (theirs, ours) = (read("podman", user), read("pontoon", user));
        let more: Vec<_> = ours.difference(&theirs).collect();
        assert!(theirs.len() > 100 && more.is_empty(), "{user}: readable only with ours: {more:?}");
    }
}

/// 48: more maps than the kernel takes, and longer words than it takes, are errors and nothing else.
#[test]
fn very_many_maps_and_very_long_words_are_clean_errors() {
    let host = host_with_podman();
    let script = |script: &str| host.entry("alice").sh(script).no_panic();
    let maps = "maps=$(seq 0 9999 | sed 's/.*/--uidmap &:&:1/'); ";
    for (words, code) in [
        (format!("{maps} pontoon run --rm --network none $maps {B} id -u"), 125),
        (
            format!(
                "maps=$(seq 0 2 9998 | sed 's/.*/--uidmap &:&:1/'); pontoon run --rm --network none $maps {B} id -u"
            ),
            125,
        ),
        (
            format!(
                "long=$(printf 'x%.0s' $(seq 5000)); pontoon run --rm --network none -v /srv:/$long {B} true"
            ),
            125,
        ),
        (
            format!(
                "long=$(printf '/x%.0s' $(seq 3000)); pontoon run --rm --network none -v /srv:$long {B} true"
            ),
            125,
        ),
        (
            format!(
                "long=$(printf 'x%.0s' $(seq 5000)); pontoon run --rm --network none -v /$long:/x {B} true"
            ),
            125,
        ),
        (
            format!(
                "long=$(printf 'x%.0s' $(seq 5000)); pontoon run --rm --network none --device /dev/$long {B} true"
            ),
            125,
        ),
        (
            format!("long=$(printf 'x%.0s' $(seq 5000)); pontoon run --rm --network none -w /$long {B} true"),
            126,
        ),
        (format!("long=$(printf 'x%.0s' $(seq 5000)); pontoon run --rm --network none {B} /$long"), 126),
        (format!("long=$(printf 'x%.0s' $(seq 5000)); pontoon run --rm --network ns:/$long {B} true"), 125),
    ] {
        let seen = script(&words);
        // Maps that the kernel can hold as one are one.
        let is_fine = seen.code == code || (words.starts_with(maps) && seen.code == 0);
        assert!(is_fine && seen.stderr.len() < 100_000, "{words}: {}", seen.code);
    }
    host.alice("pontoon ps -aq --filter status=created").ok().prints("");
}

fn ids(host: &TestHost, options: &str) -> (i32, String) {
    let seen = host
        .alice(&format!("pontoon run --rm --network none {options} {B} cat /proc/self/uid_map"))
        .no_panic();
    (seen.code, seen.text().to_owned())
}

/// 49: lines of /etc/subuid that are broken or hostile are passed over, or are errors; the host's root is never mapped.
#[test]
fn hostile_lines_of_subuid_give_nothing_away() {
    let host = fresh();
    host.alice(&format!("pontoon pull -q {B}")).ok();
    let good = host.root("cat /etc/subuid").ok().text().to_owned();
    for lines in [
        "alice",
        "alice:",
        "alice:x:1",
        "alice:-1:5",
        "alice:100000",
        "alice:99999999999:65536",
        "alice:4294967295:2",
        "alice:100000:0",
        "alice:4294967290:4294967290",
        ":100000:65536",
        "#alice:1:1",
        "\u{1}\u{2}",
        "alice:0:0",
        "alice:100000:65536:extra",
    ] {
        host.write("root", "/etc/subuid", format!("{lines}\n"));
        for options in ["", "--userns keep-id", "--userns auto", "--userns nomap"] {
            let (code, map) = ids(&host, options);
            assert!(code == 0 || code == 125, "{lines} {options}: {code}");
            let roots = map.lines().any(|line| line.split_whitespace().nth(1) == Some("0"));
            assert!(!roots, "{lines} {options}: {map}");
        }
        // What is good beside it still counts.
        host.write("root", "/etc/subuid", format!("{lines}\n{good}\n"));
        let (code, map) = ids(&host, "--userns keep-id");
        assert_eq!(code, 0, "{lines}: {map}");
    }
    // A helper of the caller's own is not taken for the system's.
    host.write("root", "/etc/subuid", format!("{good}\n"));
    host.write("alice", "/home/alice/bin/newuidmap", "#!/bin/sh\ntouch /home/alice/ran\n");
    host.alice("chmod +x bin/newuidmap").ok();
    let line = format!("PATH=/home/alice/bin:$PATH pontoon run --rm --network none {B} true; test ! -e ran");
    host.alice(&line).ok();
    host.power_off();
}
