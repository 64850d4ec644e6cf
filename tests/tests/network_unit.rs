//! The unit that has the networks, in trouble: a packet filter that takes its time, and no descriptor left.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, OUTSIDE_V4};
use pontoon_tests::{B, Output, host, wait};

fn sh(user: &str, script: &str) -> Output {
    host().entry(user).env("B", B).sh(script)
}

/// Two containers on a network of that user's: one tells each client its address, at a published port, the other one asks.
#[track_caller]
fn furnish(user: &str, port: u16) {
    sh(
        user,
        &format!(
            "pontoon pull -q $B && pontoon network create here
             pontoon run -d --name peer --stop-timeout 0 --network here -p {port}:80 -v /srv/payload:/payload:ro $B /payload peer 80
             pontoon run -d --name asker --stop-timeout 0 --network here $B sleep 10000"
        ),
    )
    .ok();
    wait::until_true("the server to listen", || sh(user, "pontoon logs peer").stdout.contains("listening"));
}

/// Names are answered, and what comes to the port is carried on.
#[track_caller]
fn works(user: &str, port: u16) {
    sh(user, "pontoon exec asker nslookup peer.dns.podman").ok();
    sh("root", &format!("ip netns exec outside nc -N -w 5 {HOST_V4} {port} </dev/null"))
        .ok()
        .prints(OUTSIDE_V4);
}

#[test]
fn a_slow_packet_filter_holds_up_neither_names_nor_ports() {
    furnish("bob", 8710);
    // Found before the real one; it waits as long as there is something to wait for.
    let waiting = "#!/bin/sh\n[ -p /run/hold ] && grep -q user-1001 /proc/self/cgroup && read -r _ </run/hold\nexec /usr/sbin/nft \"$@\"\n";
    host().write("root", "/usr/bin/nft", waiting);
    sh("root", "chmod 755 /usr/bin/nft; mkfifo -m 666 /run/hold").ok();
    sh("bob", "pontoon network create there; systemd-run -q --user --unit=late pontoon run --rm --network there $B true").ok();
    wait::until_true("the packet filter to wait", || sh("root", "pgrep -u bob -f /usr/bin/nft").code == 0);
    works("bob", 8710);
    sh("bob", "systemctl --user is-active late").ok();
    sh("root", "mv /run/hold /run/held; echo >/run/held; rm /run/held /usr/bin/nft").ok();
    wait::until_true("the container to start", || sh("bob", "systemctl --user is-active late").code != 0);
    sh("bob", "! systemctl --user is-failed -q late").ok();
    sh("bob", "pontoon network rm -f -t 0 here there").ok();
}

#[test]
fn without_a_descriptor_left_what_runs_goes_on_and_others_wait() {
    let few = "[Service]\nLimitNOFILE=64\n";
    host().write("dave", "/home/dave/.config/systemd/user/pontoon-network.service.d/few.conf", few);
    sh("dave", "systemctl --user daemon-reload").ok();
    furnish("dave", 8711);
    // Connections that nothing is said on, more than the unit may have.
    let many = "import os, socket, time
held = []
for n in range(100):
    it = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    it.connect(os.environ['XDG_RUNTIME_DIR'] + '/pontoon/network.sock')
    held.append(it)
print('held', flush=True)
time.sleep(10000)
";
    host().write("dave", "/home/dave/many.py", many);
    sh("dave", "systemd-run -q --user --unit=many python3 /home/dave/many.py").ok();
    let open = "ls /proc/$(systemctl --user show -P MainPID pontoon-network)/fd | wc -l";
    wait::until_true("all descriptors to be used", || {
        sh("dave", open).text().parse::<u32>().is_ok_and(|it| it >= 60)
    });
    works("dave", 8711);
    // It is not told again and again of whom it cannot let in.
    let pid = sh("dave", "systemctl --user show -P MainPID pontoon-network").ok().text().to_owned();
    let tries = sh("root", &format!("timeout 2 strace -qq -e trace=accept4 -p {pid} 2>&1 | wc -l"));
    let tries: u32 = tries.text().parse().unwrap();
    assert!(tries < 1000, "{tries}");
    sh("dave", "systemctl --user stop many").ok();
    sh("dave", "pontoon run --rm --network here $B true").ok();
    sh("dave", "pontoon network rm -f -t 0 here").ok();
}

#[test]
fn its_namespace_can_be_entered_before_the_first_container() {
    // Nobody listens, as after a login in which nothing has been started yet.
    sh("alice", "systemctl --user stop pontoon-network.socket pontoon-network.service").ok();
    sh("alice", "pontoon unshare --rootless-netns ip -o link").ok().says("uplink");
    sh("alice", "pontoon unshare --rootless-netns sh -c 'exit 7'").fails(7);
}
