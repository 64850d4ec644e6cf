//! Ways between clients, containers, networks and the host: who is seen to call by datagrams, which networks reach each other, how
//! the host is called, and whom a network asks for names.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6};
use pontoon_tests::{B, Output, alone, host_with_busybox as host, wait};

fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

/// Containers and networks of a test; taken away at its end.
struct Gone {
    containers: &'static str,
    networks: &'static str,
}

impl Drop for Gone {
    fn drop(&mut self) {
        let Self { containers, networks } = self;
        if !containers.is_empty() {
            let _ = pontoon(&format!("rm -f -t 0 {containers}"));
        }
        if !networks.is_empty() {
            let _ = pontoon(&format!("network rm -f -t 0 {networks}"));
        }
    }
}

#[track_caller]
fn run(name: &str, options: &str, command: &str) {
    pontoon(&format!(
        "run -d --name {name} --stop-timeout 0 -v /srv/payload:/payload:ro {options} $B {command}"
    ))
    .ok();
}

/// What a container is told by the server of another one on port 80; nothing if it is not reached.
fn asks(container: &str, address: &str) -> bool {
    let answer = pontoon(&format!("exec {container} sh -c 'nc -w 2 {address} 80 </dev/null'"));
    answer.code == 0 && !answer.text().is_empty()
}

#[test]
fn datagrams_show_their_client() {
    let _gone = Gone { containers: "saysudp1 saysudp2", networks: "saysudp" };
    pontoon("network create --ipv6 saysudp").ok();
    run("saysudp1", "--network saysudp -p 8521:82/udp", "/payload peer-udp 82");
    run("saysudp2", "--network pasta -p 8522:82/udp", "/payload peer-udp 82");
    for port in [8521, 8522] {
        for (address, client) in [(HOST_V4, OUTSIDE_V4), (HOST_V6, OUTSIDE_V6)] {
            wait::until(&format!("an answer from {address} {port}"), || {
                let ask = format!("echo word | ip netns exec outside nc -u -W 1 -w 2 {address} {port}");
                let answer = host().root(&ask);
                if answer.text() == client { Ok(()) } else { Err(format!("{answer:?}")) }
            });
        }
    }
}

#[test]
fn a_network_says_whether_others_reach_it() {
    let _gone = Gone { containers: "reach1 reach2 reach3", networks: "reachopen reachusual reachstrict" };
    for (number, network, options) in
        [(1, "reachopen", "-o isolate=false"), (2, "reachusual", ""), (3, "reachstrict", "-o isolate=strict")]
    {
        pontoon(&format!("network create {options} {network}")).ok();
        run(&format!("reach{number}"), &format!("--network {network}"), "/payload peer 80");
    }
    let address = |number: u32| {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        pontoon(&format!("inspect --format '{format}' reach{number}")).ok().text().to_owned()
    };
    for number in 1..=3 {
        let own = format!("reach{number}");
        wait::until_true("the server to listen", || asks(&own, &own));
    }
    for (from, to, expected) in [(1, 2, true), (2, 1, true), (1, 3, false), (3, 1, false), (2, 3, false)] {
        assert_eq!(asks(&format!("reach{from}"), &address(to)), expected, "{from} to {to}");
    }
}

#[test]
fn the_host_is_called_as_asked() {
    let host = host();
    let _gone = Gone { containers: "callspasta callsbridge", networks: "calls" };
    host.root("systemd-run -q --unit=called python3 -m http.server --bind 0.0.0.0 8523 -d /srv").ok();
    pontoon("network create calls").ok();
    for (name, network) in [("callspasta", "pasta"), ("callsbridge", "calls")] {
        let options = format!(
            "--network {network} --add-host friend:host-gateway --add-host 'other;another:{OUTSIDE_V4}'"
        );
        run(name, &options, "sleep 1000");
        pontoon(&format!("exec {name} cat /etc/hosts")).ok().says(&format!("{OUTSIDE_V4}\tother another"));
        for called in ["friend", "host.containers.internal"] {
            wait::until(&format!("{name} to reach {called}"), || {
                let page = pontoon(&format!("exec {name} wget -q -T 3 -O - http://{called}:8523/"));
                if page.stdout.contains("<html") { Ok(()) } else { Err(format!("{page:?}")) }
            });
        }
    }
}

#[test]
fn a_low_port_is_refused_with_what_to_do() {
    let _gone = Gone { containers: "", networks: "low" };
    pontoon("network create low").ok();
    for network in ["pasta", "slirp4netns", "low"] {
        pontoon(&format!("run --rm --network {network} -p 524:80 $B true"))
            .fails(125)
            .warns("sysctl -w net.ipv4.ip_unprivileged_port_start=524");
    }
}

/// Answers every question for an address with the one that it is told.
const RESOLVER: &str = r"
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b'\0', 12) + 5
    is_v4 = query[end - 4:end - 2] == b'\0\1'
    head = query[:2] + b'\x81\x80\0\1' + (b'\0\1' if is_v4 else b'\0\0') + b'\0\0\0\0'
    record = b'\xc0\x0c\0\1\0\1\0\0\0\0\0\4' + socket.inet_aton(sys.argv[2]) if is_v4 else b''
    server.sendto(head + query[12:end] + record, client)
";

#[test]
fn a_network_asks_its_own_servers() {
    let _alone = alone();
    let host = host();
    let _gone = Gone { containers: "asksown", networks: "asksown" };
    host.write("root", "/srv/own_resolver.py", RESOLVER);
    host.root("ip -n outside address add 192.0.2.3/32 dev lo").ok();
    host.root("ip route add 192.0.2.3/32 via 192.0.2.1").ok();
    let resolver = "ip netns exec outside python3 /srv/own_resolver.py 192.0.2.3 10.99.3.3";
    host.root(&format!("systemd-run -q --unit=own-resolver {resolver}")).ok();
    pontoon("network create --dns 192.0.2.3 asksown").ok();
    run("asksown", "--network asksown", "sleep 1000");
    wait::until("the server's answer", || {
        let answer = pontoon("exec asksown nslookup where.example");
        if answer.stdout.contains("10.99.3.3") { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    // Those of containers all the same.
    pontoon("exec asksown nslookup asksown").ok();
    // Changed, those who are on it already learn of it.
    host.root("ip -n outside address add 192.0.2.4/32 dev lo; ip route add 192.0.2.4/32 via 192.0.2.1").ok();
    let resolver = "ip netns exec outside python3 /srv/own_resolver.py 192.0.2.4 10.99.4.4";
    host.root(&format!("systemd-run -q --unit=other-resolver {resolver}")).ok();
    pontoon("network update asksown --dns-add 192.0.2.4 --dns-drop 192.0.2.3").ok();
    let is_asked = || {
        wait::until("the other server's answer", || {
            let answer = pontoon("exec asksown nslookup there.example");
            if answer.stdout.contains("10.99.4.4") { Ok(()) } else { Err(format!("{answer:?}")) }
        });
    };
    is_asked();
    // So does the unit when it is started anew.
    host.alice("systemctl --user kill -s KILL pontoon-network.service").ok();
    is_asked();
    pontoon("network inspect --format '{{.NetworkDNSServers}}' asksown").ok().says("192.0.2.4");
}

/// An address as it stands in a URL.
fn bracketed(address: &str) -> String {
    if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
}

/// The host has no pasta, and another resolver.
struct Without;

impl Without {
    fn begin() -> Self {
        host().root("mv /usr/bin/pasta /usr/bin/pasta.away; cp /etc/resolv.conf /run/resolv.other").ok();
        Self
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        let _ = host().root(
            "[ ! -e /usr/bin/pasta.away ] || mv /usr/bin/pasta.away /usr/bin/pasta; cp /run/resolv.other /etc/resolv.conf",
        );
    }
}

#[test]
fn slirp4netns_leads_outside_where_pasta_does_not() {
    let _alone = alone();
    let host = host();
    let _gone = Gone { containers: "slirped", networks: "slirped" };
    host.write("root", "/srv/own_resolver.py", RESOLVER);
    host.root(
        "ip -n outside address add 192.0.2.5/32 dev lo; ip route add 192.0.2.5/32 via 192.0.2.1
         systemd-run -q --unit=host-resolver ip netns exec outside python3 /srv/own_resolver.py 192.0.2.5 10.99.5.5
         systemd-run -q --unit=outsider ip netns exec outside /srv/payload peer 8525
         systemd-run -q --unit=insider /srv/payload peer 8526",
    )
    .ok();
    let without = Without::begin();
    host.root("echo nameserver 192.0.2.5 >/etc/resolv.conf").ok();
    host.alice("systemctl --user stop pontoon-network.service").ok();
    pontoon("network create --ipv6 --disable-dns slirped").ok();
    run("slirped", "--network slirped -p 8527:80", "/payload peer 80");
    let leads = |program: &str| host.alice(&format!("pgrep -u alice {program} >/dev/null")).code == 0;
    assert!(leads("slirp4netns"));
    let told = |address: &str, port: u16| {
        pontoon(&format!("exec slirped sh -c 'nc -w 2 {address} {port} </dev/null'")).text().to_owned()
    };
    let outside_is_reached = || {
        for (address, port, client) in [
            (OUTSIDE_V4, 8525, HOST_V4),
            (OUTSIDE_V6, 8525, HOST_V6),
            ("host.containers.internal", 8526, HOST_V4),
        ] {
            wait::until(&format!("an answer of {address}"), || {
                let told = told(address, port);
                if told == client { Ok(()) } else { Err(told) }
            });
        }
    };
    outside_is_reached();
    pontoon("exec slirped cat /etc/resolv.conf").ok().says("nameserver 169.254.1.1");
    // The host's loopback is behind none of its addresses.
    for (unit, address) in [("lonely4", "127.0.0.1"), ("lonely6", "::1")] {
        host.root(&format!(
            "systemd-run -q --unit={unit} python3 -m http.server --bind {address} 8528 -d /srv"
        ))
        .ok();
        let page = || host.root(&format!("curl -s http://{}:8528/", bracketed(address)));
        wait::until_true("the host's own server", || page().stdout.contains("<html"));
    }
    for address in ["169.254.2.2", "fd00::2", "host.containers.internal"] {
        let page = pontoon(&format!("exec slirped wget -q -T 1 -O - http://{}:8528/", bracketed(address)));
        assert!(page.code != 0 && page.text().is_empty(), "{address} {page:?}");
    }
    let is_asked = || pontoon("exec slirped nslookup where.example 169.254.1.1").stdout.contains("10.99.5.5");
    wait::until_true("the host's resolver", is_asked);
    let client = || host.root(&format!("ip netns exec outside nc -N -w 2 {HOST_V4} 8527 </dev/null"));
    wait::until_true("the client's address", || client().text() == OUTSIDE_V4);
    // Killed, it comes back.
    host.alice("pkill -KILL -u alice slirp4netns").ok();
    outside_is_reached();
    wait::until_true("the host's resolver", is_asked);
    // Whoever comes first says which one it is to be.
    drop(without);
    pontoon("rm -f -t 0 slirped").ok();
    host.alice("systemctl --user stop pontoon-network.service").ok();
    run("slirped", "--network slirped", "/payload peer 80");
    outside_is_reached();
    assert!(leads("pasta") && !leads("slirp4netns"));
    pontoon("rm -f -t 0 slirped").ok();
    host.write("alice", "/home/alice/slirp.conf", "[network]\ndefault_rootless_network_cmd='slirp4netns'\n");
    let conf = "CONTAINERS_CONF=/home/alice/slirp.conf";
    host.alice(&format!(
        "{conf} pontoon run -d --name slirped --stop-timeout 0 --network slirped -v /srv/payload:/payload:ro {B} /payload peer 80"
    ))
    .ok();
    outside_is_reached();
    assert!(leads("slirp4netns") && !leads("pasta"));
}
