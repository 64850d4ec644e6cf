//! Networks with names: containers that reach each other by address and name, and nobody else does; published ports; what
//! becomes of all that when the unit's processes are killed.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4};
use pontoon_tests::{B, Output, TestHost, host_with_busybox as host, wait};

fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

/// A network, and the containers on it, for the length of a test.
struct Network(&'static str);

impl Network {
    #[track_caller]
    fn create(name: &'static str, options: &str) -> Self {
        pontoon(&format!("network create {options} {name}")).ok();
        Self(name)
    }

    /// A container that tells each client its address on port 80.
    #[track_caller]
    fn peer(&self, name: &str, options: &str) {
        let network = self.0;
        pontoon(&format!(
            "run -d --replace --name {name} --stop-timeout 0 --network {network} -v /srv/payload:/payload:ro {options} $B /payload peer 80"
        ))
        .ok();
        wait::until_true("the server to listen", || {
            pontoon(&format!("logs {name}")).stdout.contains("listening")
        });
    }

    fn address(&self, name: &str) -> String {
        let format = format!("{{{{(index .NetworkSettings.Networks \"{}\").IPAddress}}}}", self.0);
        pontoon(&format!("inspect --format '{format}' {name}")).ok().text().to_owned()
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = pontoon(&format!("network rm -f -t 0 {}", self.0));
    }
}

/// What a container hears from the server at an address.
fn ask(container: &str, address: &str) -> Output {
    pontoon(&format!("exec {container} sh -c 'nc -w 2 {address} 80 </dev/null'"))
}

/// What somebody outside hears.
fn ask_from_outside(host: &TestHost, address: &str, port: u16) -> Output {
    host.root(&format!("ip netns exec outside nc -N -w 3 {address} {port} </dev/null"))
}

/// A web server beyond the cable.
fn serve_outside(host: &TestHost) {
    host.root("systemctl is-active -q bridgeoutsider || systemd-run -q --unit=bridgeoutsider ip netns exec outside python3 -m http.server 8081 -d /srv").ok();
    wait::until_true("the server outside", || {
        host.root(&format!("curl -sS http://{OUTSIDE_V4}:8081/")).code == 0
    });
}

trait Silent {
    fn silent(self);
}

impl Silent for Output {
    #[track_caller]
    fn silent(self) {
        assert!(self.code != 0 || self.text().is_empty(), "{self:?}");
    }
}

#[test]
fn containers_reach_each_other_by_address_and_name() {
    let network = Network::create("talk", "");
    network.peer("talkone", "--network-alias web --hostname first");
    network.peer("talktwo", "");
    let (one, two) = (network.address("talkone"), network.address("talktwo"));
    assert_ne!(one, two);
    let id = pontoon("inspect --format '{{.Id}}' talkone").ok().text()[..12].to_owned();
    for name in [one.as_str(), "talkone", "talkone.dns.podman", "web", "first", &id] {
        ask("talktwo", name).ok().says(&two);
    }
    pontoon("exec talktwo cat /etc/hosts").ok().says(&format!("{two}\t"));
    pontoon("exec talktwo cat /etc/resolv.conf").ok().says("search dns.podman").says("nameserver 10.");
    pontoon(&format!("exec talktwo nslookup {one}")).ok().says("talkone");
    // A name is gone with its container.
    pontoon("rm -f -t 0 talkone").ok();
    pontoon("exec talktwo nslookup talkone").fails(1);
}

#[test]
fn addresses_are_given_as_asked() {
    let network =
        Network::create("given", "--subnet 10.97.3.0/24 --ip-range 10.97.3.64/26 --subnet fd00:97:3::/64");
    network.peer("giventwo", "--ip 10.97.3.7 --ip6 fd00:97:3::7 --mac-address 92:d0:c6:0a:29:33");
    pontoon("exec giventwo ip addr show eth0")
        .ok()
        .says("10.97.3.7/24")
        .says("fd00:97:3::7/64")
        .says("92:d0:c6:0a:29:33");
    pontoon("run --rm --network given $B ip -4 addr show eth0").ok().says("10.97.3.6").says("/24");
    pontoon("run --rm --network given:ip=10.97.3.7 $B true").fails(125).warns("address 10.97.3.7");
    pontoon("run --rm --network given:ip=10.98.3.7 $B true").fails(125).warns("10.98.3.7");
    pontoon("run --rm --network given:interface_name=lan0,mac=92:d0:c6:0a:29:34 $B ip link show lan0")
        .ok()
        .says("92:d0:c6:0a:29:34");
}

#[test]
fn networks_do_not_reach_each_other() {
    let (one, two) = (Network::create("apart1", ""), Network::create("apart2", ""));
    one.peer("aparta", "");
    two.peer("apartb", "");
    let there = two.address("apartb");
    ask("aparta", &there).silent();
    ask("aparta", "apartb").silent();
    // Nor is the other one's name server asked.
    let gateway = there.rsplit_once('.').unwrap().0.to_owned() + ".1";
    pontoon(&format!("exec aparta nslookup apartb {gateway}")).fails(1).lacks(&there);
    // One that is on both reaches both.
    pontoon("run --rm --network apart1 --network apart2 $B sh -c 'nc -w 2 aparta 80 </dev/null && nc -w 2 apartb 80 </dev/null && ip -o -4 addr'")
        .ok()
        .says("eth0")
        .says("eth1");
    // A running one is put on the other network, and taken off it.
    pontoon("network connect --alias extra apart2 aparta").ok();
    ask("aparta", "apartb").ok();
    ask("apartb", "extra").ok();
    pontoon("network disconnect apart2 aparta").ok();
    ask("aparta", &there).silent();
    ask("aparta", "aparta").ok();
}

/// Whoever can write frames can say that it is somebody else; by default nobody can, nor take an address that it was not given.
#[test]
fn nobody_speaks_for_another_one_by_default() {
    let network = Network::create("spoofed", "");
    network.peer("spoofa", "");
    let victim = network.address("spoofa");
    let inside = |script: &str| pontoon(&format!("run --rm --network spoofed $B sh -c '{script}'"));
    inside(&format!("arping -c 1 -U -I eth0 -s {victim} {victim}")).fails(1).warns("not permitted");
    inside("udhcpc -n -q -t 1 -i eth0").fails(1).warns("not permitted");
    inside(&format!("ip addr add {victim}/24 dev eth0")).fails(2).warns("not permitted");
    inside("ip link set eth0 address 02:00:00:00:00:01").fails(2).warns("not permitted");
    // With the right to it, it can.
    pontoon("run --rm --network spoofed --cap-add net_raw $B arping -c 1 -U -I eth0 10.0.0.1")
        .lacks("not permitted");
    ask("spoofa", "spoofa").ok();
}

#[test]
fn a_container_asks_the_networks_that_it_is_on() {
    let (plain, named) = (Network::create("askplain", "--disable-dns"), Network::create("asknamed", ""));
    named.peer("askpeer", "");
    plain.peer("asker", "");
    let gateway = named.address("askpeer").rsplit_once('.').unwrap().0.to_owned() + ".1";
    let reads = || pontoon("exec asker cat /etc/resolv.conf").ok().stdout;
    let before = reads();
    pontoon("exec asker nslookup -timeout=1 -retry=1 askpeer").fails(1);
    pontoon("network connect asknamed asker").ok();
    assert!(reads().ends_with(&format!("nameserver {gateway}\n")), "{}", reads());
    assert!(reads().starts_with("search dns.podman"), "{}", reads());
    pontoon("exec asker nslookup askpeer").ok().says(&named.address("askpeer"));
    // A restart knows it, and takes the container off as well.
    pontoon("restart -t 0 asker").ok();
    pontoon("exec asker nslookup askpeer").ok();
    pontoon("network disconnect asknamed asker").ok();
    assert_eq!(reads(), before);
    // What it has written itself stays beside that.
    pontoon("exec asker sh -c 'echo nameserver 192.0.2.7 >/etc/resolv.conf'").ok();
    pontoon("network connect asknamed asker").ok();
    assert_eq!(reads(), format!("nameserver {gateway}\nnameserver 192.0.2.7\n"));
    pontoon("network disconnect asknamed asker").ok();
    assert_eq!(reads(), "nameserver 192.0.2.7\n");
}

#[test]
fn the_kernel_is_told_what_netavark_tells_it() {
    let network = Network::create("tuned", "--ipv6");
    let script = "cd /proc/sys/net; cat ipv4/conf/eth0/arp_notify ipv4/conf/eth0/rp_filter ipv6/conf/eth0/autoconf ipv6/conf/eth0/accept_dad";
    let told = pontoon(&format!("run --rm --network {} $B sh -c '{script}'", network.0));
    told.ok().prints("1\n2\n0\n0");
}

#[test]
fn unshare_enters_the_namespace_of_the_networks() {
    let network = Network::create("seen", "");
    network.peer("seenpeer", "");
    let address = network.address("seenpeer");
    let gateway = address.rsplit_once('.').unwrap().0.to_owned() + ".1";
    pontoon(&format!("unshare --rootless-netns nc -N -w 2 {address} 80 </dev/null")).ok().prints(&gateway);
    pontoon("unshare --rootless-netns sh -c 'id -u; mount -t tmpfs none /mnt && ip -o link'")
        .ok()
        .says("0\n")
        .says("uplink");
    pontoon("unshare --rootless-netns sh -c 'exit 7'").fails(7);
    pontoon(&format!("unshare nc -N -w 2 -z {address} 80")).fails(1);
    // What the command says is the command's.
    pontoon("unshare --rootless-netns echo --rootless-netns").ok().prints("--rootless-netns");
}

#[test]
fn outside_is_reached_unless_the_network_is_internal() {
    let host = host();
    serve_outside(host);
    let _open = Network::create("open", "");
    let _closed = Network::create("closed", "--internal");
    let fetch = format!("wget -q -T 3 -O - http://{OUTSIDE_V4}:8081/");
    pontoon(&format!("run --rm --network open $B {fetch}")).ok().says("<html");
    pontoon(&format!("run --rm --network closed $B {fetch}")).refused();
    // The host's own address, and nothing that listens on its loopback alone.
    host.root("systemctl is-active -q bridgesecret || systemd-run -q --unit=bridgesecret python3 -m http.server 8082 --bind 127.0.0.1 -d /srv").ok();
    host.root("systemctl is-active -q bridgehost || systemd-run -q --unit=bridgehost python3 -m http.server 8083 -d /srv").ok();
    wait::until_true("the servers", || {
        host.root("curl -sS http://127.0.0.1:8082/ && curl -sS http://127.0.0.1:8083/").code == 0
    });
    let at = |port| {
        format!("run --rm --network open $B wget -q -T 3 -O - http://host.containers.internal:{port}/")
    };
    pontoon(&at(8083)).ok().says("<html");
    pontoon(&at(8082)).refused();
}

#[test]
fn published_ports_show_the_client() {
    let host = host();
    let network = Network::create("ports", "--ipv6");
    network.peer("portspeer", "-p 8601:80 -p 127.0.0.1:8602:80");
    ask_from_outside(host, HOST_V4, 8601).ok().prints(OUTSIDE_V4);
    ask_from_outside(host, HOST_V6, 8601).ok().prints("2001:db8::1");
    ask_from_outside(host, HOST_V4, 8602).silent();
    host.root("nc -N -w 3 127.0.0.1 8602 </dev/null").ok();
    pontoon("run --rm --network ports -p 8601:80 $B true")
        .fails(125)
        .warns("port 8601/tcp of the host is taken");
    // Off all networks and on one again, it has its ports.
    pontoon("network disconnect ports portspeer").ok();
    ask_from_outside(host, HOST_V4, 8601).silent();
    pontoon("network connect ports portspeer").ok();
    ask_from_outside(host, HOST_V4, 8601).ok().prints(OUTSIDE_V4);
    pontoon("rm -f -t 0 portspeer").ok();
    ask_from_outside(host, HOST_V4, 8601).silent();
    host.root("ss -Hlnt").ok().lacks(":8601 ").lacks(":8602 ");
}

#[test]
fn published_ports_are_of_all_kinds_and_reached_from_containers() {
    let host = host();
    let network = Network::create("kinds", "--ipv6");
    network.peer("kindspeer", "-p 8605:80 -p 80 -p 8606:82/udp");
    pontoon("exec -d kindspeer /payload echo-udp 82").ok();
    network.peer("kindsother", "");
    // By the host's own address, which is whom the container sees then, and by its name.
    for address in [HOST_V4, "host.containers.internal"] {
        wait::until_true(&format!("the port of another container by {address}"), || {
            pontoon(&format!("exec kindsother sh -c 'nc -w 3 {address} 8605 </dev/null'")).text() == HOST_V4
        });
    }
    // One that the host has chosen.
    let ports = pontoon("port kindspeer 80").ok().stdout;
    let chosen = ports.lines().filter_map(|it| it.rsplit(':').next()?.parse().ok()).find(|it| *it != 8605);
    let chosen = chosen.expect("another port");
    wait::until_true("an answer from outside", || {
        ask_from_outside(host, HOST_V4, chosen).text() == OUTSIDE_V4
    });
    // Datagrams, of either family, and from the host itself.
    for (place, address) in [
        ("ip netns exec outside", HOST_V4),
        ("ip netns exec outside", HOST_V6),
        ("env", "127.0.0.1"),
        ("env", "::1"),
    ] {
        wait::until_true(&format!("an answer from {address}"), || {
            host.root(&format!("echo word | {place} nc -u -W 1 -w 2 {address} 8606")).text() == "word"
        });
    }
    pontoon("run --rm --network kinds -p 8607:80/sctp $B true").fails(125).warns("8607:80/sctp");
}

#[test]
fn what_is_killed_comes_back_and_connections_between_containers_survive() {
    let host = host();
    serve_outside(host);
    let network = Network::create("killed", "");
    network.peer("killedone", "-p 8603:80 -p 8604:98");
    network.peer("killedtwo", "");
    let address = network.address("killedone");
    let _load = Load::begin(host);
    // A connection that lasts.
    pontoon("exec -d killedone sh -c 'sleep 1000 | nc -l -p 99 >/heard'").ok();
    pontoon(&format!(
        "exec -d killedtwo sh -c 'sleep 1; while :; do echo word; usleep 100000; done | nc {address} 99'"
    ))
    .ok();
    let count = |file: &str| -> usize {
        pontoon(&format!("exec killedone sh -c 'wc -l <{file}'")).stdout.trim().parse().unwrap_or(0)
    };
    let lines = || count("/heard");
    wait::until_true("the first words", || lines() > 1);
    // Another one, through a published port, that begins anew when it breaks; a line tells of each beginning.
    pontoon("exec -d killedone nc -ll -p 98 -e sh -c 'echo >>/begun; cat >>/published'").ok();
    wait::until_true("the words of somebody outside", || count("/published") > 1);
    let pids = |what: &str| {
        format!(
            "systemctl --user show -P ControlGroup pontoon-network.service | xargs -I@ cat /sys/fs/cgroup@/cgroup.procs | while read p; do case \"$(tr '\\0' ' ' </proc/$p/cmdline)\" in {what}) echo $p;; esac; done"
        )
    };
    for (what, words) in [
        ("inside", "'/proc/self/exe inside'*"),
        ("pasta", "*pasta*"),
        ("outside", "*libexec/pontoon/pontoon-network*"),
    ] {
        let begun = count("/begun");
        let killed = host.alice(&pids(words)).ok().text().to_owned();
        assert!(!killed.is_empty(), "{what}");
        host.alice(&format!("kill -9 {killed}")).ok();
        wait::until_true(&format!("another one than {killed} for {what}"), || {
            let now = host.alice(&pids(words)).text().to_owned();
            !now.is_empty() && now != killed
        });
        wait::until_true("the published port", || {
            host.root(&format!("ip netns exec outside nc -N -w 3 {HOST_V4} 8603 </dev/null")).text()
                == OUTSIDE_V4
        });
        wait::until_true("the names", || ask("killedtwo", "killedone").code == 0);
        wait::until_true("the way out", || {
            pontoon(&format!("exec killedtwo wget -q -T 2 -O - http://{OUTSIDE_V4}:8081/")).code == 0
        });
        let before = lines();
        wait::until_true("the talk to go on", || lines() > before);
        let before = count("/published");
        wait::until_true("the words of somebody outside", || count("/published") > before);
        // What comes to a published port does not pass through pasta.
        assert!(what != "pasta" || count("/begun") == begun, "a connection broke");
        // A new one gets another address than those that are there.
        let fresh = pontoon("run --rm --network killed $B ip -4 -o addr show eth0").ok();
        assert!(!fresh.stdout.contains(&format!("{address}/")), "{fresh:?}");
    }
    // Nothing is left to clean by hand.
    let ids = pontoon("inspect --format '{{.Id}}' killedone killedtwo").ok();
    pontoon("rm -f -t 0 killedone killedtwo").ok();
    wait::until_true("the ports to be free", || {
        let listening = host.root("ss -Hlnt").ok();
        !listening.stdout.contains(":8603") && !listening.stdout.contains(":8604")
    });
    wait::until("their ends of the bridge to be gone", || {
        let links = pontoon("unshare --rootless-netns ip -o link show type veth").ok();
        let left = ids.stdout.lines().any(|id| links.stdout.contains(id));
        if left { Err(links.stdout) } else { Ok(()) }
    });
}

/// Clients outside, as many as there may be, and questions for names, all the time.
struct Load<'h>(&'h TestHost);

impl<'h> Load<'h> {
    fn begin(host: &'h TestHost) -> Self {
        let outside = |name: &str, script: &str| {
            host.root(&format!("systemd-run -q --unit=kill-{name} ip netns exec outside bash -c '{script}'"))
                .ok();
        };
        outside(
            "asks",
            &format!(
                "for n in 1 2 3 4; do while :; do nc -N -w 1 {HOST_V4} 8603 </dev/null; sleep 0.02; done & done; wait"
            ),
        );
        outside(
            "talks",
            &format!(
                "while :; do while echo word; do sleep 0.1; done | nc -w 5 {HOST_V4} 8604; sleep 0.1; done"
            ),
        );
        pontoon("exec -d killedtwo sh -c 'while :; do nslookup killedone; usleep 20000; done'").ok();
        Self(host)
    }
}

impl Drop for Load<'_> {
    fn drop(&mut self) {
        let _ = self.0.root("systemctl stop kill-asks kill-talks");
    }
}

#[test]
fn the_unit_stops_when_nobody_needs_it() {
    let host = host();
    // Of a user who has no other containers.
    let dave = |script: &str| host.sh_as("dave", script);
    let state = || dave("systemctl --user is-active pontoon-network.service").text().to_owned();
    dave(&format!("pontoon pull -q {B} && pontoon network create brief")).ok();
    dave(&format!("pontoon run -d --name brief --network brief --stop-timeout 0 {B} sleep 1000")).ok();
    assert_eq!(state(), "active");
    dave("pontoon rm -f -t 0 brief").ok();
    wait::until_true("the unit to stop", || state() == "inactive");
    dave("pgrep -u dave pasta").fails(1);
    // And comes again.
    dave(&format!("pontoon run --rm --network brief {B} ip -o -4 addr show eth0")).ok().says("10.89.");
    dave("pontoon network rm brief").ok();
}

/// What comes in is no way out.
#[test]
fn published_ports_lead_into_a_closed_network() {
    let host = host();
    let closed = Network::create("inner", "--internal");
    closed.peer("innerpeer", "-p 8451:80 --add-host gw:host-gateway");
    host.root("nc -N -w 3 127.0.0.1 8451 </dev/null").ok().says("10.");
    ask_from_outside(host, HOST_V4, 8451).ok().says("10.");
    ask_from_outside(host, HOST_V6, 8451).ok().says("10.");
    pontoon("exec innerpeer ip route").ok().lacks("default");
    pontoon("exec innerpeer cat /etc/hosts").ok().says("169.254.1.2\tgw");
}
