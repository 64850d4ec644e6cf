//! Networks of containers: pasta, slirp4netns, host, none; published ports and who may reach what.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4};
use pontoon_tests::{B, Output, TestHost, host_with_busybox as host, wait};

fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

/// A container that tells each client its address on port 80, published as asked.
struct Peer(&'static str);

impl Peer {
    #[track_caller]
    fn run(name: &'static str, options: &str) -> Self {
        pontoon(&format!("run -d --replace --name {name} --stop-timeout 0 -v /srv/payload:/payload:ro {options} $B /payload peer 80")).ok();
        wait::until_true("the server to listen", || {
            pontoon(&format!("logs {name}")).stdout.contains("listening")
        });
        Self(name)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = pontoon(&format!("rm -f -t 0 {}", self.0));
    }
}

/// Connects and returns what the server said; `outside` from the machine at the other end of the cable.
fn ask(host: &TestHost, outside: bool, address: &str, port: u16) -> Output {
    let from = if outside { "ip netns exec outside " } else { "" };
    host.root(&format!("{from}nc -N -w 3 {address} {port} </dev/null"))
}

#[test]
fn published_ports_are_reached_from_outside_and_show_the_client() {
    let host = host();
    for (name, network, port) in [("pastapeer", "pasta", 8501), ("defaultpeer", "", 8502)] {
        let option = if network.is_empty() { String::new() } else { format!("--network {network}") };
        let peer = Peer::run(name, &format!("{option} -p {port}:80"));
        ask(host, true, HOST_V4, port).ok().prints(OUTSIDE_V4);
        ask(host, true, HOST_V6, port).ok().prints("2001:db8::1");
        ask(host, false, "127.0.0.1", port).ok();
        drop(peer);
        ask(host, true, HOST_V4, port).refused_or_empty();
    }
}

#[test]
fn slirp4netns_publishes_too() {
    let host = host();
    let peer = Peer::run("slirppeer", "--network slirp4netns -p 8503:80");
    assert!(!ask(host, true, HOST_V4, 8503).ok().text().is_empty());
    pontoon("exec slirppeer ip -4 addr show tap0").ok().says("10.0.2.100");
    wait::until_true("an address of IPv6", || {
        pontoon("exec slirppeer ip -6 addr show tap0").stdout.contains("fd00::")
    });
    drop(peer);
    // As another user inside as well, who must not be kept from the socket that ports are asked for on.
    for (user, options) in [
        ("keep-id --user 0", "--network slirp4netns"),
        ("auto", "--network slirp4netns"),
        ("host", "--network slirp4netns:port_handler=rootlesskit"),
    ] {
        let peer = Peer::run("slirppeer", &format!("--userns {user} {options} -p 8503:80"));
        assert!(!ask(host, true, HOST_V4, 8503).ok().text().is_empty(), "{user}");
        drop(peer);
    }
    pontoon("run --rm --network slirp4netns:port_handler=rootlesskit -p 8503:80 $B true")
        .ok()
        .warns("rootlesskit");
}

trait Refused {
    fn refused_or_empty(self);
}

impl Refused for Output {
    #[track_caller]
    fn refused_or_empty(self) {
        assert!(self.code != 0 || self.text().is_empty(), "{self:?}");
    }
}

#[test]
fn only_the_requested_addresses_listen() {
    let host = host();
    let peer = Peer::run("boundpeer", "-p 127.0.0.1:8504:80 -p 8505-8506:8505-8506 -p 8507:53/udp");
    ask(host, false, "127.0.0.1", 8504).ok();
    ask(host, true, HOST_V4, 8504).refused_or_empty();
    let listeners = host.root("ss -Hlntu").ok();
    for port in ["127.0.0.1:8504", ":8505", ":8506", ":8507"] {
        assert!(listeners.stdout.contains(port), "{port}: {listeners:?}");
    }
    assert!(
        !listeners.stdout.contains("0.0.0.0:8504") && !listeners.stdout.contains("*:8504"),
        "{listeners:?}"
    );
    drop(peer);
    let after = host.root("ss -Hlntu").ok();
    assert!(
        ![":8504", ":8505", ":8506", ":8507"].iter().any(|port| after.stdout.contains(port)),
        "{after:?}"
    );
}

#[test]
fn udp_goes_both_ways() {
    let host = host();
    pontoon("run -d --replace --name udp --stop-timeout 0 -p 8508:9999/udp -v /srv/payload:/payload:ro $B /payload echo-udp 9999").ok();
    wait::until_true("an echo", || {
        host.root(&format!("ip netns exec outside sh -c 'echo ping | nc -u -w 1 {HOST_V4} 8508'"))
            .stdout
            .contains("ping")
    });
    pontoon("rm -f -t 0 udp").ok();
}

#[test]
fn containers_reach_outside() {
    let host = host();
    host.root("systemctl is-active -q outsider || systemd-run -q --unit=outsider ip netns exec outside python3 -m http.server 8080 -d /srv").ok();
    wait::until_true("the server outside", || {
        host.root(&format!("curl -sS http://{OUTSIDE_V4}:8080/")).code == 0
    });
    for network in ["pasta", "slirp4netns", "host"] {
        pontoon(&format!("run --rm --network {network} $B wget -q -O - http://{OUTSIDE_V4}:8080/"))
            .ok()
            .says("<html");
    }
    pontoon(&format!("run --rm --network none $B wget -q -T 2 -O - http://{OUTSIDE_V4}:8080/")).refused();
}

#[test]
fn no_network_is_only_loopback() {
    pontoon("run --rm --network none $B sh -c 'ip -o link | cut -d: -f2; ip -o link | grep -c LOWER_UP'")
        .ok()
        .prints(" lo\n1");
    pontoon("run --rm --network none $B cat /etc/hosts").ok().says("localhost");
}

#[test]
fn the_host_s_loopback_is_closed_to_containers() {
    let host = host();
    host.root("systemctl is-active -q secret || systemd-run -q --unit=secret python3 -m http.server 8510 --bind 127.0.0.1 -d /srv").ok();
    wait::until_true("the secret server", || host.root("curl -sS http://127.0.0.1:8510/").code == 0);
    for network in ["pasta", "slirp4netns"] {
        pontoon(&format!("run --rm --network {network} $B wget -q -T 2 -O - http://127.0.0.1:8510/"))
            .refused();
        pontoon(&format!("run --rm --network {network} $B sh -c 'wget -q -T 2 -O - http://10.0.2.2:8510/ || wget -q -T 2 -O - http://192.0.2.1:8510/'")).refused();
    }
    pontoon("run --rm --network host $B wget -q -O - http://127.0.0.1:8510/").ok();
    // Abstract sockets of the user's session are out of sight, too.
    pontoon("run --rm $B cat /proc/net/unix").ok().lacks("dbus").lacks("systemd");
}

#[test]
fn network_options_are_passed_on_or_refused() {
    pontoon("run --rm --network pasta:--mtu,1400 $B ip link show").ok().says("mtu 1400");
    pontoon("run --rm --network slirp4netns:mtu=1400 $B ip link show tap0").ok().says("mtu 1400");
    pontoon("run --rm --network slirp4netns:bogus=1 $B true").refused().warns("bogus");
    for option in ["--dns 192.0.2.7", "--dns-search example", "--dns-option ndots:2"] {
        for deed in ["create", "pod create"] {
            let image = if deed == "create" { "$B" } else { "" };
            pontoon(&format!("{deed} --network none {option} {image}")).fails(125).warns("--network=none");
        }
    }
    let six =
        pontoon("run --rm --network pasta:-6 $B cat /etc/hosts /etc/resolv.conf").ok().lacks("169.254.1.");
    assert!(six.stdout.contains(HOST_V6), "{six:?}");
    pontoon("run --rm --pod new:badsysctl --sysctl net.foo=1 $B true").fails(125).warns("net.foo");
    pontoon("pod rm -f -t 0 badsysctl").ok();
    pontoon("run --rm --network bridge $B ip -o -4 addr show eth0").ok().says("10.88.0.");
}

#[test]
fn helpers_end_with_their_container() {
    let host = host();
    for network in ["pasta", "slirp4netns"] {
        pontoon(&format!(
            "run -d --replace --name helped --stop-timeout 0 --network {network} $B sleep 1000"
        ))
        .ok();
        assert_eq!(
            host.root(&format!("pgrep -c {network}")).text().parse::<u32>().map(|count| count > 0),
            Ok(true)
        );
        pontoon("rm -f -t 0 helped").ok();
    }
}

/// Whatever becomes of the program that connects a container: its network is there again, and the container has not ended.
#[test]
fn a_helper_that_is_killed_is_replaced() {
    let host = host();
    host.root(&format!(
        "systemd-run -q --unit=helpers-outsider ip netns exec outside python3 -m http.server --bind {OUTSIDE_V4} 8511 -d /srv"
    ))
    .ok();
    for (network, port) in [("pasta", 8512), ("slirp4netns", 8513)] {
        let _peer = Peer::run("loses", &format!("--network {network} -p {port}:80"));
        let same = || pontoon("inspect --format '{{.State.Pid}} {{.RestartCount}}' loses").ok().stdout;
        let helper = || {
            let child = "pgrep -P $(pontoon inspect --format '{{.State.ConmonPid}}' loses) 'pasta|slirp'";
            host.alice(child).text().to_owned()
        };
        let before = same();
        for _ in 0..2 {
            let killed = helper();
            assert!(!killed.is_empty(), "{network} has no helper");
            host.alice(&format!("kill -9 {killed}")).ok();
            wait::until_true(&format!("another {network} than {killed}"), || {
                let now = helper();
                !now.is_empty() && now != killed
            });
            wait::until(&format!("the port of {network}"), || {
                let answer = ask(host, true, HOST_V4, port);
                if answer.code == 0 && !answer.text().is_empty() {
                    Ok(())
                } else {
                    Err(format!("{answer:?}"))
                }
            });
            wait::until(&format!("the way out by {network}"), || {
                let page = pontoon(&format!("exec loses wget -q -T 3 -O - http://{OUTSIDE_V4}:8511/"));
                if page.stdout.contains("<html") { Ok(()) } else { Err(format!("{page:?}")) }
            });
        }
        assert_eq!(same(), before);
    }
}

#[test]
fn a_new_resolver_of_the_host_reaches_running_containers() {
    let host = host();
    host.root("cp --remove-destination /etc/resolv.conf /run/resolv.conf.before").ok();
    let change = |text: &str| {
        host.root(&format!(
            "echo '{text}' >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf"
        ))
        .ok();
    };
    pontoon("run -d --name follows --stop-timeout 0 $B sleep 600").ok();
    pontoon("run -d --name follows-as-host --network host --stop-timeout 0 $B sleep 600").ok();
    pontoon("run -d --name follows-not --dns 9.9.9.9 --stop-timeout 0 $B sleep 600").ok();
    let reads = |name: &str| pontoon(&format!("exec {name} cat /etc/resolv.conf")).ok().stdout;
    change("nameserver 198.51.100.53");
    wait::until_true("the new resolver inside", || reads("follows").contains("nameserver 198.51.100.53\n"));
    wait::until_true("it in the host's network", || reads("follows-as-host") == "nameserver 198.51.100.53\n");
    assert_eq!(reads("follows-not").lines().next(), Some("nameserver 9.9.9.9"));
    // What the container says itself stays.
    pontoon("exec follows sh -c 'echo nameserver 192.0.2.1 >/etc/resolv.conf'").ok();
    change("nameserver 198.51.100.54");
    wait::until_true("the next resolver", || reads("follows-as-host") == "nameserver 198.51.100.54\n");
    assert_eq!(reads("follows"), "nameserver 192.0.2.1\n");
    host.root("cp --remove-destination /run/resolv.conf.before /etc/resolv.conf").ok();
    pontoon("rm -f -t 0 follows follows-as-host follows-not").ok();
}

#[test]
fn a_port_that_is_published_twice_is_there_once() {
    let host = host();
    let peer =
        Peer::run("twicepeer", "-p 8521:80 -p 8521:80 -p 127.0.0.1:8521:80 --expose 90-92/udp --expose 93");
    ask(host, true, HOST_V4, 8521).ok();
    ask(host, false, "127.0.0.1", 8521).ok();
    pontoon("port twicepeer").ok().prints("80/tcp -> 0.0.0.0:8521\n80/tcp -> 127.0.0.1:8521");
    pontoon("ps --noheading --format '{{.Ports}}' --filter name=twicepeer")
        .ok()
        .prints("0.0.0.0:8521->80/tcp, 127.0.0.1:8521->80/tcp, 93/tcp, 90-92/udp");
    drop(peer);
}

#[test]
fn names_of_a_hosts_file_stay_beside_those_asked_for() {
    host().write("alice", "/home/alice/names", "192.0.2.7 one two\n");
    pontoon("run --rm --hosts-file /home/alice/names --add-host one:192.0.2.9 $B head -n 2 /etc/hosts")
        .ok()
        .prints("192.0.2.9\tone\n192.0.2.7\tone two");
}
