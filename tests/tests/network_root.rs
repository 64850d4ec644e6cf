//! Root's networks: the default one, bridges, and interfaces that sit on one of the host's, seen from a machine next to it.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

#[path = "network_root/sctp.rs"]
mod sctp;

use std::sync::OnceLock;

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4};
use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Output, TestHost, alone, stage, wait};

/// The host, with busybox pulled by root, and beyond the cable somebody who tells each client its address.
fn host() -> &'static TestHost {
    static READY: OnceLock<()> = OnceLock::new();
    let host = pontoon_tests::host();
    READY.get_or_init(|| {
        host.root(&format!("pontoon pull -q {B}")).ok();
        host.root("systemd-run -q --unit=outsider ip netns exec outside /srv/payload peer 8085").ok();
        wait::until_true("the server outside", || {
            host.root(&format!("nc -N -w 2 {OUTSIDE_V4} 8085 </dev/null")).text() == HOST_V4
        });
    });
    host
}

fn root(script: &str) -> Output {
    host().entry("root").env("B", B).sh(script)
}

fn outside(script: &str) -> Output {
    root(&format!("ip netns exec outside {script}"))
}

/// A container that tells each client its address on port 80.
#[track_caller]
fn peer(name: &str, options: &str) {
    root(&format!(
        "pontoon run -d --replace --name {name} --stop-timeout 0 -v /srv/payload:/payload:ro {options} $B /payload peer 80"
    ))
    .ok();
    wait::until_true("the server to listen", || {
        root(&format!("pontoon logs {name}")).stdout.contains("listening")
    });
}

fn address(name: &str) -> String {
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    root(&format!("pontoon inspect --format '{format}' {name}")).ok().text().to_owned()
}

/// What a container hears from the server at an address.
fn ask(container: &str, address: &str, port: u16) -> Output {
    root(&format!("pontoon exec {container} sh -c 'nc -w 2 {address} {port} </dev/null'"))
}

fn ask_from_outside(address: &str, port: u16) -> Output {
    outside(&format!("nc -N -w 2 {address} {port} </dev/null"))
}

#[track_caller]
fn silent(output: &Output) {
    assert!(output.code != 0 || output.text().is_empty(), "{output:?}");
}

/// Takes containers and networks away at the end of a test.
struct Gone(&'static str);

impl Drop for Gone {
    fn drop(&mut self) {
        let _ = root(&format!("pontoon network rm -f -t 0 {}", self.0));
    }
}

#[test]
fn who_asks_for_nothing_is_on_the_default_network() {
    let _alone = alone();
    peer("plain", "-p 8700:80 -p 127.0.0.1:8701:80");
    let shown = "pontoon inspect --format '{{.HostConfig.NetworkMode}} {{.NetworkSettings.Gateway}} {{range $name, $it := .NetworkSettings.Networks}}{{$name}}{{end}}' plain";
    root(shown).ok().prints("bridge 10.88.0.1 podman");
    let own = address("plain");
    assert!(own.starts_with("10.88."), "{own}");
    root("pontoon network ls --format '{{.Name}}'; pontoon network exists podman").ok().says("podman");
    root("pontoon network rm podman").fails(125).warns("cannot be removed");
    root("ip -o -4 addr show podman0").ok().says("10.88.0.1/16");
    // Published ports, with the client's address where it has one that is answered.
    ask_from_outside(HOST_V4, 8700).ok().prints(OUTSIDE_V4);
    silent(&ask_from_outside(HOST_V4, 8701));
    root("nc -N -w 2 127.0.0.1 8701 </dev/null").ok().prints("10.88.0.1");
    // The packet filter leads them there by itself, so that they outlive the unit's processes.
    let led = || root("nft get element inet pontoon ports4 '{ 8700 }'");
    led().ok().says(&format!("{own} . 80"));
    root("systemctl kill -s KILL pontoon-network.service").ok();
    wait::until_true("the port", || ask_from_outside(HOST_V4, 8700).text() == OUTSIDE_V4);
    wait::until_true("the rule", || led().code == 0);
    // Out by the host's address, and to the host by its names and addresses.
    ask("plain", OUTSIDE_V4, 8085).ok().prints(HOST_V4);
    root("systemctl is-active -q listener || systemd-run -q --unit=listener /srv/payload peer 8086").ok();
    for host in [HOST_V4, "host.containers.internal", "10.88.0.1"] {
        wait::until_true("the host's own server", || ask("plain", host, 8086).text() == own);
    }
    // The host's resolvers, as they are and as they become.
    let servers = || root("pontoon exec plain grep nameserver /etc/resolv.conf").ok().text().to_owned();
    let before = servers();
    assert_eq!(before, root("grep nameserver /etc/resolv.conf").ok().text());
    root("cp /etc/resolv.conf /run/resolv.before; echo nameserver 192.0.2.54 >>/etc/resolv.conf").ok();
    wait::until_true("the new server", || servers() == format!("{before}\nnameserver 192.0.2.54"));
    root("cp /run/resolv.before /etc/resolv.conf").ok();
    // What is asked of a network is asked of that one; all other modes are as ever.
    root("pontoon run --rm --ip 10.88.7.7 --mac-address 92:d0:c6:0a:29:33 $B ip addr show eth0")
        .ok()
        .says("10.88.7.7/16")
        .says("92:d0:c6:0a:29:33");
    root("pontoon run --rm --network bridge:ip=10.88.7.8 $B ip addr show eth0").ok().says("10.88.7.8/16");
    root("pontoon run --rm --network pasta $B ip addr show eth0").ok().says(HOST_V4);
    root("pontoon run --rm --network host $B ip addr").ok().says("podman0");
    root("pontoon pod create --name plains -p 8702:80 && pontoon pod inspect --format '{{.InfraConfig.Networks}}' plains")
        .ok()
        .says("[podman]");
    root("pontoon run --rm --pod plains $B ip addr show eth0").ok().says("10.88.");
    for option in ["--ip 10.88.7.9", "--mac-address 92:d0:c6:0a:29:34", "--network-alias other"] {
        root(&format!("pontoon run --rm --pod plains {option} $B true"))
            .fails(125)
            .warns("pontoon pod create")
            .warns(option.split(' ').next().unwrap());
    }
    root("pontoon pod create --name own --share ipc && pontoon run --rm --pod own --ip 10.88.7.9 $B ip addr show eth0")
        .ok()
        .says("10.88.7.9/16");
    root("pontoon pod rm -f own").ok();
    root("pontoon pod rm -f plains && pontoon rm -f -t 0 plain").ok();
    silent(&ask_from_outside(HOST_V4, 8700));
    wait::until_true("the rule's end", || led().code == 1);
}

/// Answers every question for an address, to the host itself and nobody else.
const RESOLVER: &str = r"
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b'\0', 12) + 5
    is_v4 = query[end - 4:end - 2] == b'\0\1'
    head = query[:2] + b'\x81\x80\0\1' + (b'\0\1' if is_v4 else b'\0\0') + b'\0\0\0\0'
    record = b'\xc0\x0c\0\1\0\1\0\0\0\0\0\4' + socket.inet_aton('10.99.7.7') if is_v4 else b''
    server.sendto(head + query[12:end] + record, client)
";

/// The host has that resolver and no other one.
struct LocalResolver;

impl LocalResolver {
    fn begin() -> Self {
        host().write("root", "/srv/local_resolver.py", RESOLVER);
        root("cp /etc/resolv.conf /run/resolv.other; echo nameserver 127.0.0.1 >/etc/resolv.conf").ok();
        let begun = Self;
        root("systemd-run -q --unit=local-resolver python3 /srv/local_resolver.py").ok();
        wait::until_true("the resolver", || root("getent hosts where.example").text().contains("10.99.7.7"));
        begun
    }
}

impl Drop for LocalResolver {
    fn drop(&mut self) {
        let _ = root("cp /run/resolv.other /etc/resolv.conf; systemctl stop local-resolver");
    }
}

#[test]
fn a_resolver_of_the_hosts_own_is_asked_from_networks_without_names() {
    let _alone = alone();
    let _gone = Gone("mute shut");
    let _resolver = LocalResolver::begin();
    root("pontoon network create --disable-dns --subnet 10.72.0.0/24 mute").ok();
    root("pontoon run -d --name mute --network mute --stop-timeout 0 $B sleep 1000").ok();
    root("pontoon exec mute cat /etc/resolv.conf").ok().says("nameserver 10.72.0.1");
    wait::until_true("an answer of the host's resolver", || {
        root("pontoon exec mute nslookup where.example").stdout.contains("10.99.7.7")
    });
    // Names of containers it does not have all the same.
    root("pontoon exec mute nslookup mute.dns.podman; true").ok().lacks("10.72.0.2");
    // Nothing leads out of an internal network, and nobody listens there.
    root("pontoon network create --internal --disable-dns --subnet 10.72.1.0/24 shut").ok();
    root("pontoon run -d --name shut --network shut --stop-timeout 0 $B sleep 1000").ok();
    root("pontoon exec shut cat /etc/resolv.conf").ok().lacks("nameserver");
    root("ss -Hlnu 'sport = 53'").ok().says("10.72.0.1:53").lacks("10.72.1.1:53");
}

#[test]
fn the_default_network_is_what_containers_conf_says() {
    let _alone = alone();
    let conf = "[network]\ndefault_network='corp'\ndefault_subnet='10.177.0.0/16'\n";
    host().write("root", "/root/corp.conf", conf);
    let with = |words: &str| root(&format!("CONTAINERS_CONF=/root/corp.conf pontoon {words}"));
    with("network ls --format '{{.Name}}'").ok().says("corp");
    with("run --rm $B ip addr show eth0").ok().says("10.177.128.");
    with("network rm corp").fails(125).warns("cannot be removed");
}

#[test]
fn rules_that_somebody_flushed_are_made_again() {
    let _alone = alone();
    let _gone = Gone("mended mended2");
    root("pontoon network create mended").ok();
    peer("mend", "--network mended -p 8703:80");
    ask_from_outside(HOST_V4, 8703).ok().prints(OUTSIDE_V4);
    let before = root("nft list table inet pontoon").ok().stdout;
    root("nft flush ruleset").ok();
    silent(&ask("mend", OUTSIDE_V4, 8085));
    root("pontoon network reload mend")
        .ok()
        .says(root("pontoon inspect --format '{{.Id}}' mend").ok().text());
    assert_eq!(root("nft list table inet pontoon").ok().stdout, before);
    ask_from_outside(HOST_V4, 8703).ok().prints(OUTSIDE_V4);
    ask("mend", OUTSIDE_V4, 8085).ok().prints(HOST_V4);
    // And by the next container, whatever network it is on: nobody need say so.
    root("nft flush ruleset && pontoon network create mended2").ok();
    root("pontoon run --rm --network mended2 $B true").ok();
    ask_from_outside(HOST_V4, 8703).ok().prints(OUTSIDE_V4);
    root("nft flush ruleset && pontoon network connect mended2 mend").ok();
    ask_from_outside(HOST_V4, 8703).ok().prints(OUTSIDE_V4);
    root("pontoon rm -f -t 0 mend && nft flush ruleset && pontoon run --rm $B true").ok();
    root("nft flush ruleset && pontoon run --rm --network mended -p 8703:80 $B true").ok();
    root("nft list table inet pontoon").ok().says("masquerade");
    // A user's are in a namespace of their own.
    let alice = |script: &str| host().entry("alice").env("B", B).sh(script);
    alice("pontoon network create mended; pontoon run -d --name mend --network mended --stop-timeout 0 $B sleep 1000").ok();
    let inside = "nsenter -n -t $(pgrep -u alice -f 'self/exe inside' | head -1) nft";
    let before = root(&format!("{inside} list ruleset")).ok().stdout;
    root(&format!("{inside} flush ruleset")).ok();
    alice("pontoon network reload -a").ok();
    assert_eq!(root(&format!("{inside} list ruleset")).ok().stdout, before);
    alice("pontoon network rm -f -t 0 mended").ok();
}

#[test]
fn a_bridge_that_somebody_removed_is_made_again() {
    let _alone = alone();
    let _gone = Gone("regained");
    root("pontoon network create --interface-name regained0 regained").ok();
    peer("first", "--network regained");
    // It may be gone already, as nobody is on it.
    root("pontoon rm -f -t 0 first; ip link del regained0 2>/dev/null; true").ok();
    peer("second", "--network regained -p 8706:80");
    ask_from_outside(HOST_V4, 8706).ok().prints(OUTSIDE_V4);
    ask("second", OUTSIDE_V4, 8085).ok().prints(HOST_V4);
    ask("second", "second", 80).ok();
}

#[test]
fn bridges_are_as_their_options_say() {
    let _alone = alone();
    let _gone = Gone("routed tight closed apart1 apart2 both");
    root(
        "pontoon network create --subnet 10.71.1.0/24 --route 10.21.0.0/16,10.71.1.9,55 -o metric=77 routed",
    )
    .ok();
    let routes = root("pontoon run --rm --network routed $B ip route").ok();
    routes
        .says("default via 10.71.1.1 dev eth0  metric 77")
        .says("10.21.0.0/16 via 10.71.1.9 dev eth0  metric 55");
    root("pontoon network create -o mtu=1400 -o no_default_route=1 tight").ok();
    root("pontoon run --rm --network tight $B sh -c 'ip link show eth0; ip route'")
        .ok()
        .says("mtu 1400")
        .lacks("default");
    // Both families lead outside, by the host's addresses.
    root("pontoon network create --ipv6 both").ok();
    peer("both", "--network both -p 8704:80");
    ask("both", OUTSIDE_V4, 8085).ok().prints(HOST_V4);
    ask("both", "2001:db8::1", 8085).ok().prints(HOST_V6);
    ask_from_outside(HOST_V6, 8704).ok().prints("2001:db8::1");
    root("pontoon exec both cat /etc/resolv.conf").ok().says("search dns.podman");
    ask("both", "both.dns.podman", 80).ok();
    // Nothing leads out of an internal one, nor into it.
    root("pontoon network create --internal closed").ok();
    peer("closed", "--network closed -p 8705:80");
    silent(&ask("closed", OUTSIDE_V4, 8085));
    silent(&ask_from_outside(HOST_V4, 8705));
    // Networks are apart, also by the other one's gateway and by published ports of the host.
    root("pontoon network create --subnet 10.71.2.0/24 apart1; pontoon network create --subnet 10.71.3.0/24 apart2").ok();
    peer("apart1", "--network apart1");
    peer("apart2", "--network apart2");
    silent(&ask("apart1", &address("apart2"), 80));
    root("pontoon exec apart1 nslookup apart2 10.71.3.1").fails(1);
    ask("apart1", "apart1", 80).ok();
}

#[test]
fn macvlan_has_an_address_of_its_own_outside() {
    let _alone = alone();
    let _gone = Gone("sailor limited");
    root(
        "ip link add mvhere type veth peer name mvthere netns outside && ip link set mvhere up
         ip -n outside addr add 10.44.0.1/24 dev mvthere && ip -n outside addr add fd44::1/64 dev mvthere nodad
         ip -n outside link set mvthere up",
    )
    .ok();
    root(
        "pontoon network create -d macvlan -o parent=mvhere --subnet 10.44.0.0/24 --subnet fd44::/64 sailor",
    )
    .ok();
    peer("sailor", "--network sailor:ip=10.44.0.7,mac=92:d0:c6:0a:29:44");
    ask_from_outside("10.44.0.7", 80).ok().prints("10.44.0.1");
    outside("ip neigh show 10.44.0.7").ok().says("92:d0:c6:0a:29:44");
    ask("sailor", "10.44.0.1", 8085).ok().prints("10.44.0.7");
    ask("sailor", "fd44::1", 8085).ok().says("fd44::");
    root("pontoon exec sailor cat /etc/hosts").ok().says(&format!("{HOST_V4}\thost.containers.internal"));
    root("pontoon exec sailor cat /etc/resolv.conf").ok().lacks("169.254").lacks("dns.podman");
    root("pontoon run --rm --network sailor:ip=10.44.0.7 $B true").fails(125).warns("10.44.0.7");
    root("pontoon network create -d macvlan -o parent=mvhere -o bclim=7 -o mode=private -o mtu=1300 --subnet 10.47.0.0/24 limited").ok();
    root("pontoon run -d --name limited --network limited --stop-timeout 0 $B sleep 1000").ok();
    root("nsenter -n -t $(pontoon inspect --format '{{.State.Pid}}' limited) ip -d link show eth0")
        .ok()
        .says("macvlan mode private")
        .says("bclim 7")
        .says("mtu 1300");
    // Without a parent, the interface of the default route.
    root("pontoon network create --macvlan mvhere --subnet 10.46.0.0/24 old").ok();
    root("pontoon network inspect -f '{{.Driver}} {{.NetworkInterface}}' old").ok().prints("macvlan mvhere");
    root("pontoon network rm old").ok();
    root("pontoon network create -d macvlan --subnet 10.48.0.0/24 anywhere").ok();
    root("pontoon run -d --name anywhere --network anywhere --stop-timeout 0 $B sleep 1000").ok();
    root("nsenter -n -t $(pontoon inspect --format '{{.State.Pid}}' anywhere) ip -o link show eth0")
        .ok()
        .says(&format!("eth0@if{}:", root("cat /sys/class/net/eth0/ifindex").ok().text()));
    root("pontoon network rm -f -t 0 anywhere").ok();
    root("pontoon network create -d macvlan -o parent=nope --subnet 10.49.0.0/24 lost").ok();
    root("pontoon run --rm --network lost $B true").fails(125).warns("the host has no interface `nope`");
    root("pontoon network rm lost").ok();
}

#[test]
fn a_bridge_that_somebody_else_keeps_stays_as_it_is() {
    let _alone = alone();
    let _gone = Gone("theirs");
    root("pontoon network create -o mode=unmanaged --interface-name theirs0 --subnet 10.46.0.0/24 theirs")
        .ok();
    root("pontoon run --rm --network theirs $B true").fails(125).warns("the host has no bridge `theirs0`");
    root("ip link add theirs0 type bridge && ip addr add 10.46.0.1/24 dev theirs0 && ip link set theirs0 up")
        .ok();
    peer("theirs", "--network theirs");
    root(&format!("nc -N -w 2 {} 80 </dev/null", address("theirs"))).ok().prints("10.46.0.1");
    // Names are known there as well, as the gateway is the host.
    ask("theirs", "theirs", 80).ok();
    root("nft list table inet pontoon").ok().lacks("theirs0");
    root("pontoon rm -f -t 0 theirs").ok();
    wait::until_true("the unit to end", || {
        root("systemctl is-active pontoon-network.service").text() == "inactive"
    });
    root("ip -o -4 addr show theirs0").ok().says("10.46.0.1/24");
    root("ip link del theirs0").ok();
}

#[test]
fn podmans_containers_on_the_same_bridge_are_left_alone() {
    let host = host_with_podman();
    host.copy_in(&stage::payload(), "/srv/payload");
    let sh = |script: &str| host.entry("root").env("B", B).sh(script);
    let here = |address: &str| sh(&format!("nc -N -w 2 {address} 80 </dev/null"));
    for engine in ["podman", "pontoon"] {
        sh(&format!(
            "{engine} pull -q $B && {engine} run -d --name both --stop-timeout 0 -v /srv/payload:/payload:ro $B /payload peer 80"
        ))
        .ok();
    }
    let of = |engine: &str| {
        sh(&format!("{engine} inspect --format '{{{{.NetworkSettings.IPAddress}}}}' both"))
            .ok()
            .text()
            .to_owned()
    };
    let (theirs, ours) = (of("podman"), of("pontoon"));
    assert_ne!(theirs, ours);
    for address in [&theirs, &ours] {
        wait::until_true("an answer", || here(address).text() == "10.88.0.1");
    }
    sh("pontoon rm -f -t 0 both").ok();
    wait::until_true("the unit to end", || {
        sh("systemctl is-active pontoon-network.service").text() == "inactive"
    });
    here(&theirs).ok().prints("10.88.0.1");
    sh("podman rm -f -t 0 both").ok();
}

#[test]
fn the_kernel_is_told_what_netavark_tells_it() {
    let script =
        "cd /proc/sys/net; cat ipv4/conf/eth0/arp_notify ipv4/conf/eth0/rp_filter ipv6/conf/eth0/autoconf";
    root(&format!("pontoon run --rm $B sh -c '{script}'")).ok().prints("1\n2\n0");
}
