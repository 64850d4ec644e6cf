//! Options before the command.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, host_with_busybox};

#[test]
fn standard_output_goes_where_it_is_sent() {
    let host = host_with_busybox();
    let told = host.alice("pontoon --out out.txt version --format '{{.Client.Os}}'; pontoon run --rm --out /dev/null B true; echo -; cat out.txt".replace('B', B).as_str()).ok();
    assert_eq!(told.stdout, "-\nlinux\n");
    assert_eq!(host.alice(&format!("pontoon --noout run --rm {B} echo unheard")).ok().stdout, "");
    let refused = host.alice("pontoon --out /nowhere/file ps").fails(125);
    assert!(refused.stderr.contains("/nowhere/file"), "{refused:?}");
}

#[test]
fn configuration_is_read_where_it_is_said_to_be() {
    let host = host_with_busybox();
    host.write("alice", "/home/alice/short.conf", "unqualified-search-registries = [\"localhost:5999\"]\n");
    let sought = host.alice("pontoon --registries-conf short.conf pull a-name-of-ours").fails(125);
    assert!(sought.stderr.contains("localhost:5999"), "{sought:?}");
    for (words, variable) in [("--registries-conf /nosuch", ""), ("", "CONTAINERS_REGISTRIES_CONF=/nosuch")] {
        let missing = host.alice(&format!("{variable} pontoon {words} pull {B}")).fails(125);
        assert!(missing.stderr.contains("`/nosuch`"), "{missing:?}");
        host.alice(&format!("{variable} pontoon {words} image exists busybox")).ok();
    }
    host.write("alice", "/home/alice/docker/config.json", "no JSON");
    let broken = host.alice(&format!("pontoon --config docker pull {B}")).fails(125);
    assert!(broken.stderr.contains("/home/alice/docker/config.json"), "{broken:?}");
}

#[test]
fn what_makes_no_sense_here_is_refused_with_the_reason() {
    let host = host_with_busybox();
    for words in [
        "--cgroup-manager systemd",
        "--conmon /usr/bin/conmon",
        "--connection far",
        "--cpu-profile file",
        "--identity key",
        "--imagestore /srv",
        "--max-workers 3",
        "--memory-profile file",
        "--namespace mine",
        "--network-cmd-path /usr/bin/pasta",
        "--remote",
        "--runtime crun",
        "--runtime-flag debug",
        "--ssh native",
        "--storage-driver vfs",
        "--storage-opt overlay.size=1G",
        "--syslog",
        "--tmpdir /srv",
        "--trace",
        "--transient-store",
        "--url unix:///run/x",
        "--volumepath /srv",
    ] {
        let refused = host.alice(&format!("pontoon {words} ps")).fails(125);
        let (option, _) = words.split_once(' ').unwrap_or((words, ""));
        assert!(refused.stderr.contains(&format!("`{option}`")), "{refused:?}");
        let has_reason = refused.stderr.contains("hint: ") || refused.stderr.contains("it must be");
        assert!(has_reason && !refused.stderr.contains("not there yet"), "{refused:?}");
    }
}
