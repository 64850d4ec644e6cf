//! A host that moves: there is no uplink at the boot, one comes, goes and comes back, and another one takes its place, with other
//! addresses and another resolver. Containers that run find what is there: on pasta, on networks with names, and in a pod.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::time::Instant;

use pontoon_tests::service::Manager;
use pontoon_tests::shared::fresh;
use pontoon_tests::{B, TestHost, wait};

/// Answers every question for an address with the one that it is told, on all of its own addresses.
const RESOLVER: &str = r"
import socket, sys
answer = socket.inet_aton(sys.argv[1])
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('', 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b'\0', 12) + 5
    is_v4 = query[end - 4:end - 2] == b'\0\1'
    head = query[:2] + b'\x81\x80\0\1' + (b'\0\1' if is_v4 else b'\0\0') + b'\0\0\0\0'
    record = b'\xc0\x0c\0\1\0\1\0\0\0\0\0\4' + answer if is_v4 else b''
    server.sendto(head + query[12:end] + record, client)
";

/// Who is asked, wherever the uplink leads to: each of them has these addresses.
const SERVER_V4: &str = "203.0.113.5";
const SERVER_V6: &str = "2001:db8:ff::5";

/// What an uplink leads to.
struct Uplink {
    /// The name of its namespace, and of the host's interface.
    name: &'static str,
    host_v4: &'static str,
    router_v4: &'static str,
    host_v6: &'static str,
    router_v6: &'static str,
    /// What its resolver says of every name.
    says: &'static str,
}

const CABLE: Uplink = Uplink {
    name: "cable",
    host_v4: "198.51.100.10",
    router_v4: "198.51.100.1",
    host_v6: "2001:db8:1::10",
    router_v6: "2001:db8:1::1",
    says: "10.99.1.1",
};

const RADIO: Uplink = Uplink {
    name: "radio",
    host_v4: "198.18.0.10",
    router_v4: "198.18.0.1",
    host_v6: "2001:db8:2::10",
    router_v6: "2001:db8:2::1",
    says: "10.99.2.2",
};

impl Uplink {
    /// Makes the far side: a web server and a resolver, which stay when the uplink goes.
    fn prepare(&self, host: &TestHost) {
        let Self { name, says, .. } = self;
        host.root(&format!(
            "set -e
            ip netns add {name}; ip -n {name} link set lo up
            ip -n {name} address add {SERVER_V4}/32 dev lo; ip -n {name} address add {SERVER_V6}/128 dev lo nodad
            mkdir -p /srv/{name}; echo 'from {name}' >/srv/{name}/index.html
            systemd-run -q --unit=web-{name} ip netns exec {name} python3 -m http.server --bind :: 8080 -d /srv/{name}
            systemd-run -q --unit=names-{name} ip netns exec {name} python3 /srv/resolver.py {says}"
        ))
        .ok();
        wait::until_true("the servers", || {
            host.root(&format!(
                "ip netns exec {name} curl -sS http://{SERVER_V4}:8080/ && ip netns exec {name} ss -Hlun | grep :53"
            ))
            .code
                == 0
        });
    }

    /// It comes, and is the way to everything; its resolver is the host's.
    fn comes(&self, host: &TestHost) {
        let Self { name, host_v4, router_v4, host_v6, router_v6, .. } = self;
        host.root(&format!(
            "set -e
            ip link add {name} type veth peer name {name} netns {name}
            ip -n {name} address add {router_v4}/24 dev {name}; ip -n {name} address add {router_v6}/64 dev {name} nodad
            ip -n {name} link set {name} up
            ip address add {host_v4}/24 dev {name}; ip address add {host_v6}/64 dev {name} nodad
            ip link set {name} up
            ip route add default via {router_v4}; ip -6 route add default via {router_v6}
            echo nameserver {router_v4} >/etc/resolv.conf.new; mv /etc/resolv.conf.new /etc/resolv.conf"
        ))
        .ok();
    }

    /// It goes, with its addresses and routes.
    fn goes(&self, host: &TestHost) {
        host.root(&format!("ip link del {}", self.name)).ok();
    }
}

const NAMES: [&str; 4] = ["onpasta", "onbridge", "ondefault", "inpod"];

/// Waits until all containers have the uplink: both families, names, and their ports.
#[track_caller]
fn all_have(host: &TestHost, uplink: &Uplink) {
    let began = Instant::now();
    let Uplink { name, host_v4, router_v4, says, .. } = uplink;
    for container in NAMES {
        let inside = |script: &str| host.alice(&format!("pontoon exec {container} sh -c '{script}'"));
        let get = |what: &str, address: &str| {
            wait::until(&format!("{container} to reach {name} by {what}"), || {
                let page = inside(&format!("wget -q -T 2 -O - http://{address}:8080/"));
                if page.text() == format!("from {name}") { Ok(()) } else { Err(format!("{page:?}")) }
            });
        };
        get("IPv4", SERVER_V4);
        // The default network has no IPv6.
        if container != "ondefault" {
            get("IPv6", &format!("[{SERVER_V6}]"));
        }
        wait::until(&format!("{container} to ask the resolver of {name}"), || {
            let answer = inside("nslookup where.example; cat /etc/resolv.conf");
            if answer.stdout.contains(says) { Ok(()) } else { Err(format!("{answer:?}")) }
        });
    }
    for port in [8701, 8702, 8703] {
        wait::until(&format!("port {port} from {name}"), || {
            let answer = host.root(&format!("ip netns exec {name} nc -N -w 3 {host_v4} {port} </dev/null"));
            if answer.text() == *router_v4 { Ok(()) } else { Err(format!("{answer:?}")) }
        });
    }
    eprintln!("all on {name} after {:.1} s", began.elapsed().as_secs_f64());
}

#[test]
fn containers_go_with_the_host() {
    let host = fresh();
    host.write("root", "/srv/resolver.py", RESOLVER);
    CABLE.prepare(&host);
    RADIO.prepare(&host);
    let alice = Manager::of(&host, "alice");
    let container = |network: &str, port: u16| {
        format!(
            "[Container]\nImage={B}\nContainerName=%N\nExec=/payload peer 80\nVolume=/srv/payload:/payload:ro\nStopTimeout=0\n\
             PublishPort={port}:80\n{network}\n[Install]\nWantedBy=default.target\n"
        )
    };
    host.alice(&format!("pontoon pull -q {B}")).ok();
    alice
        .add("moving.network", "[Network]\nNetworkName=moving\nIPv6=true\n")
        .add("onpasta.container", &container("", 8701))
        .add("onbridge.container", &container("Network=moving.network", 8702))
        .add("moving.pod", "[Pod]\nPodName=moving\nPublishPort=8703:80\n[Install]\nWantedBy=default.target\n")
        .add("inpod.container", &container("Pod=moving.pod", 8703).replace("PublishPort=8703:80\n", ""));
    host.write(
        "alice",
        "/home/alice/.config/systemd/user/pontoon-user-wait-network-online.service.d/brief.conf",
        "[Service]\nEnvironment=PONTOON_NETWORK_WAIT=1\n",
    );

    // The user's services start at a boot without any uplink.
    host.root("ip link del eth0; ip link del dummy0 2>/dev/null; systemctl stop user@1000.service && ip route | grep default").fails(1);
    host.root("systemctl start user@1000.service").ok();
    for unit in ["onpasta", "onbridge", "inpod"] {
        alice.until_property(unit, "ActiveState", "active");
    }
    host.alice(&format!("pontoon run -d --name ondefault --network bridge --stop-timeout 0 {B} sleep 1000"))
        .ok();
    host.alice(&format!("pontoon exec onpasta wget -q -T 2 -O - http://{SERVER_V4}:8080/")).refused();
    host.alice(&format!("pontoon exec onbridge wget -q -T 2 -O - http://{SERVER_V4}:8080/")).refused();

    // One comes, goes, and comes back.
    CABLE.comes(&host);
    all_have(&host, &CABLE);
    CABLE.goes(&host);
    host.alice(&format!("pontoon exec onpasta wget -q -T 2 -O - http://{SERVER_V4}:8080/")).refused();
    host.alice(&format!("pontoon exec onbridge wget -q -T 2 -O - http://{SERVER_V4}:8080/")).refused();
    CABLE.comes(&host);
    all_have(&host, &CABLE);

    // Another one is the way, while the first is there, and alone.
    host.root("ip route del default; ip -6 route del default").ok();
    RADIO.comes(&host);
    all_have(&host, &RADIO);
    CABLE.goes(&host);
    all_have(&host, &RADIO);
    // The same containers all the time.
    host.alice("pontoon ps -a --format '{{.Names}} {{.Restarts}}' | grep -v ' 0$'").fails(1);
    let units = alice.systemctl("show -P NRestarts onpasta onbridge inpod moving-pod pontoon-network").ok();
    assert!(units.stdout.split_whitespace().all(|it| it == "0"), "{units:?}");
}
