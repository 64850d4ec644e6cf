//! Networks with names: made, listed, inspected, changed, removed; containers that are put on them.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Output, TestHost, alone, host_with_busybox};

/// Takes all networks and their containers away at the end of the test.
struct Networks(&'static TestHost);

impl Networks {
    fn new() -> Self {
        Self(host_with_busybox())
    }

    fn sh(&self, script: &str) -> Output {
        self.0.entry("alice").env("B", B).sh(script)
    }

    #[track_caller]
    fn refused(&self, words: &str, code: i32, expected: &str) {
        let said = self.sh(&format!("pontoon network {words}")).fails(code).stderr;
        assert!(said.contains(expected), "{words}: {said}");
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        let _ = self.sh("pontoon rm -f -i -t 0 on1 on2 on3; pontoon network prune -f; rm -rf ~/nets");
    }
}

#[test]
fn networks_are_made_listed_inspected_changed_and_removed() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("pontoon network create --label a=b -o mtu=1400 -o isolate=1 --dns 1.1.1.1 one").ok().prints("one");
    it.sh("pontoon network create --ignore one").ok().prints("one");
    it.sh("pontoon network create").ok().prints("podman2");
    it.sh("pontoon network create --subnet 10.77.3.4/16 --gateway 10.77.0.9 --ip-range 10.77.5.0/24 \
           --route 10.21.0.0/16,10.77.0.2,55 --interface-name br77 two")
        .ok();
    it.sh("pontoon network ls --format '{{.Name}} {{.Driver}} {{.Labels}}'")
        .ok()
        .prints("one bridge a=b\npodman bridge \npodman2 bridge \ntwo bridge");
    it.sh("pontoon network ls -q --filter label=a=b").ok().prints("one");
    it.sh("pontoon network ls -q --filter name=^podman --filter dangling=true").ok().prints("podman2");
    it.sh("pontoon network ls -n --filter id=2f259bab93aa").ok().prints("2f259bab93aa  podman      bridge");
    let shown = it.sh("pontoon network inspect two").ok();
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    let two = &shown[0];
    assert_eq!(two["subnets"][0]["subnet"], "10.77.0.0/16");
    assert_eq!(two["subnets"][0]["lease_range"]["start_ip"], "10.77.5.1");
    assert_eq!(two["routes"][0]["metric"], 55);
    assert_eq!(two["containers"], serde_json::json!({}));
    it.sh("pontoon network inspect --format '{{.Name}} {{.Options}} {{.NetworkDNSServers}} {{.IPv6Enabled}}' one")
        .ok()
        .prints("one map[isolate:true mtu:1400] [1.1.1.1] false");
    it.sh("pontoon network update one --dns-add 9.9.9.9 --dns-drop 1.1.1.1").ok().prints("one");
    it.sh("pontoon network inspect --format '{{.NetworkDNSServers}}' one").ok().prints("[9.9.9.9]");
    it.sh("pontoon network exists one").ok();
    it.sh("pontoon network exists nope").fails(1);
    let some = it.sh("pontoon network inspect one nope").fails(125);
    assert!(some.stdout.contains("\"one\"") && some.stderr.contains("network not found: `nope`"), "{some:?}");
    it.sh("pontoon __complete network rm o").ok().says("one");
    it.sh("pontoon network rm one podman2 two").ok().prints("one\npodman2\ntwo");
    it.sh("pontoon events --stream=false --since 5m --filter type=network --filter event=remove --format '{{.Network}}' | tail -3")
        .ok()
        .prints("one\npodman2\ntwo");
    it.refused("rm one", 1, "network not found: `one`");
    it.sh("pontoon network rm -f one").ok().prints("");
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("pontoon network create --subnet 10.66.0.0/24 one").ok();
    for (words, expected) in [
        ("create one", "network already exists: `one`"),
        ("create podman", "network already exists: `podman`"),
        ("create host", "that is a network mode"),
        ("create a/b", "`a/b` cannot be a network's name"),
        ("create --subnet 10.66.0.128/25 x", "subnet 10.66.0.128/25 is used already, by network `one`"),
        ("create --subnet 10.88.3.0/24 x", "by network `podman`"),
        ("create --subnet 192.0.2.0/28 x", "by an interface of the host"),
        ("create --subnet 10.67.0.0/24 --gateway 1.2.3.4 x", "gateway 1.2.3.4 is not in subnet 10.67.0.0/24"),
        ("create --gateway 1.2.3.4 x", "there is no --subnet for it"),
        ("create -o mtu=big x", "`big` cannot be the value of a network's option mtu"),
        ("create -o novel=1 x", "no option `novel`"),
        ("create -d odd x", "there is no network driver `odd`"),
        ("create --disable-dns --dns 1.1.1.1 x", "there can be no --dns"),
        ("create --interface-name podman0 x", "bridge name `podman0` is in use already"),
        ("create --interface-name waytoolongforaninterface x", "cannot be the name of an interface"),
        ("inspect nope", "network not found: `nope`"),
        ("update nope --dns-add 1.1.1.1", "network not found: `nope`"),
        ("rm podman", "the default network `podman` cannot be removed"),
        ("ls --filter novel=1", "`novel` is no filter"),
        ("connect one nope", "nope"),
    ] {
        it.refused(words, 125, expected);
    }
    it.sh("pontoon network ls -q; ls ~/.local/share/pontoon/networks").ok().prints("one\npodman\none.json");
    // What is broken is told, hides nothing else, and can be removed.
    it.sh("echo '{\"name\":' >~/.local/share/pontoon/networks/broken.json").ok();
    let listed = it.sh("pontoon network ls -q").ok();
    assert!(
        listed.stdout == "one\npodman\n" && listed.stderr.contains("network broken is left out"),
        "{listed:?}"
    );
    it.refused("create broken", 125, "network already exists");
    it.sh("pontoon network rm broken").ok();
}

#[test]
fn two_who_make_networks_at_once_never_get_one_subnet() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("for i in 1 2 3 4 5 6 7 8 9; do pontoon network create & done; wait").ok();
    it.sh("pontoon network inspect $(pontoon network ls -q) | grep -h '\"subnet\"\\|network_interface' | sort | uniq -d")
        .ok()
        .prints("");
    it.sh("pontoon network ls -q | wc -l").ok().prints("10");
    it.sh("pontoon network prune -f | wc -l").ok().prints("9");
}

#[test]
fn files_of_others_are_used_where_they_lie_and_survive() {
    let _alone = alone();
    let it = Networks::new();
    let file = r#"{"name":"theirs","id":"ab67e0360aad8b31753a797d29dc6810157a577074175e02bc693824ed171613","driver":"bridge",
        "network_interface":"podman7","created":"2026-11-27T17:10:53.891640432Z","subnets":[{"subnet":"10.71.0.0/24","gateway":"10.71.0.1","novel":1}],
        "ipv6_enabled":false,"internal":false,"dns_enabled":true,"ipam_options":{"driver":"host-local"},"novel":{"a":[1]}}"#;
    it.0.write("alice", "/home/alice/nets/theirs.json", file);
    let ours = "pontoon --network-config-dir ~/nets";
    it.sh(&format!("{ours} network ls -q")).ok().prints("podman\ntheirs");
    it.sh(&format!("{ours} network update theirs --dns-add 9.9.9.9")).ok();
    let now = it.sh("cat ~/nets/theirs.json").ok();
    let now: serde_json::Value = serde_json::from_str(&now.stdout).unwrap();
    assert_eq!((&now["novel"]["a"][0], &now["subnets"][0]["novel"]), (&1.into(), &1.into()));
    assert_eq!(now["network_dns_servers"][0], "9.9.9.9");
    it.sh(&format!("{ours} network create --subnet 10.71.0.0/25 x")).fails(125);
    it.sh("pontoon network ls -q").ok().prints("podman");
    it.0.write("alice", "/home/alice/nets/conf", "[network]\nnetwork_config_dir='/home/alice/nets'\ndefault_subnet_pools=[{base='10.72.0.0/16',size=26}]\n");
    it.sh("CONTAINERS_CONF=~/nets/conf pontoon network create pooled && grep -o '10.72.0.0/26' ~/nets/pooled.json")
        .ok()
        .prints("pooled\n10.72.0.0/26");
}

#[test]
fn containers_at_rest_come_to_networks_and_leave_them() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("set -e; pontoon network create --subnet 10.66.0.0/24 one; pontoon network create two; pontoon network create three
           pontoon create --name on1 --network one:ip=10.66.0.9,alias=q $B sleep 10000")
        .ok();
    let networks =
        "pontoon inspect --format '{{range $name, $it := .NetworkSettings.Networks}}{{$name}} {{end}}' on1";
    it.sh(networks).ok().prints("one");
    it.sh("pontoon network connect --alias r two on1; pontoon network connect two on1").ok();
    it.sh(networks).ok().prints("one two");
    it.sh("pontoon ps -a --format '{{.Networks}}' --filter network=two").ok().prints("one,two");
    it.sh("pontoon ps -aq --filter network=three").ok().prints("");
    it.refused("disconnect three on1", 125, "container `on1` is not connected to network `three`");
    it.refused("connect --ip 10.9.9.9 three on1", 125, "address 10.9.9.9 is in no subnet of network `three`");
    it.refused("rm one", 2, "network is being used: `one` by on1");
    it.sh("pontoon network prune -f").ok().prints("three");
    it.sh("pontoon network disconnect two on1").ok();
    it.sh(networks).ok().prints("one");
    it.sh("pontoon create --name on2 $B true").ok();
    it.refused("connect two on2", 125, "is not on networks with names, but has --network pasta");
    it.sh("pontoon network reload -a").ok();
    it.refused("reload nope", 125, "nope");
    for (words, expected) in [
        ("--network nope", "network not found: `nope`"),
        ("--network one:ip=10.9.9.9", "address 10.9.9.9 is in no subnet of network `one`"),
        ("--network one --ip 10.66.0.1", "address 10.66.0.1 of network `one` is its gateway's"),
        (
            "--network one:interface_name=x --network two:interface_name=x",
            "two networks are to be interface `x`",
        ),
        ("--network one --network host", "cannot be used together"),
        ("--ip 10.66.0.7", "`--ip` needs `--network NAME`"),
    ] {
        let said = it.sh(&format!("pontoon create --name on3 {words} $B true")).fails(125).stderr;
        assert!(said.contains(expected), "{words}: {said}");
    }
    it.sh("pontoon container exists on3").fails(1);
    it.sh("pontoon network rm -f -t 0 one").ok().prints("one");
    it.sh("pontoon ps -aq --filter name=on1").ok().prints("");
}

#[test]
fn containers_run_on_their_networks_and_it_is_told() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("set -e; pontoon network create --subnet 10.66.0.0/24 one; pontoon network create --ipv6 two
           pontoon run -d --name on1 --stop-timeout 0 --network one:ip=10.66.0.9,mac=92:d0:c6:0a:29:33,alias=q --network two $B sleep 10000")
        .ok();
    it.sh("pontoon inspect --format '{{with index .NetworkSettings.Networks \"one\"}}{{.IPAddress}}/{{.IPPrefixLen}} {{.Gateway}} \
           {{.MacAddress}} {{.Aliases}}{{end}} {{.HostConfig.NetworkMode}}' on1 | sed \"s/$(pontoon ps -q)/ID/\"")
        .ok()
        .prints("10.66.0.9/24 10.66.0.1 92:d0:c6:0a:29:33 [q ID] bridge");
    it.sh("pontoon ps --format '{{.Networks}}'").ok().prints("one,two");
    let members =
        it.sh("pontoon network inspect --format '{{range .Containers}}{{.Name}}{{end}}' one two").ok();
    assert_eq!(members.text(), "on1\non1");
    let inside = it.sh("pontoon exec on1 sh -c 'ls /sys/class/net; cat /etc/hosts /etc/resolv.conf'").ok();
    for expected in ["eth0\neth1\nlo", "10.66.0.9", "on1", "nameserver 10.66.0.1", "search dns.podman"] {
        assert!(inside.stdout.contains(expected), "{expected}: {}", inside.stdout);
    }
    it.sh("pontoon run --rm --network two $B nslookup on1").ok();
    it.sh("pontoon network disconnect two on1 && pontoon exec on1 ls /sys/class/net").ok().prints("eth0\nlo");
    it.sh("pontoon ps --format '{{.Networks}}'").ok().prints("one");
    it.sh("pontoon network connect --alias again two on1 && pontoon exec on1 ls /sys/class/net")
        .ok()
        .prints("eth0\neth1\nlo");
    it.sh("pontoon run --rm --network two $B nslookup again").ok();
    // What is asked for now would be lost.
    it.refused("connect --alias third two on1", 125, "container `on1` is already connected to network `two`");
    it.sh("pontoon network rm -f -t 0 one").ok();
    it.sh("pontoon container exists on1").fails(1);
}

#[test]
fn a_container_with_ids_of_its_own_comes_to_its_network_every_time() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("pontoon network create kept").ok();
    for userns in ["keep-id", "keep-id:uid=999,gid=999", "nomap"] {
        it.sh(&format!(
            "for i in $(seq 12); do pontoon run --rm --userns {userns} --network kept $B true || exit 1; done"
        ))
        .ok();
    }
}

#[test]
fn units_make_and_remove_their_networks() {
    let _alone = alone();
    let it = Networks::new();
    let units = "/home/alice/.config/containers/systemd";
    it.0.write(
        "alice",
        &format!("{units}/shop.network"),
        "[Network]\nSubnet=10.68.0.0/24\nLabel=a=b\nNetworkDeleteOnStop=true\n",
    );
    it.sh("systemctl --user daemon-reload && systemctl --user start shop-network").ok();
    it.sh("pontoon network inspect --format '{{.Labels}} {{(index .Subnets 0).Subnet}}' systemd-shop")
        .ok()
        .prints("map[a:b] 10.68.0.0/24");
    it.sh("systemctl --user stop shop-network; pontoon network exists systemd-shop").fails(1);
    it.sh(&format!("rm {units}/shop.network; systemctl --user daemon-reload")).ok();
}

#[test]
fn who_shares_a_network_namespace_shows_what_its_holder_has() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("set -e; pontoon network create --subnet 10.66.0.0/24 one
           pontoon run -d --name on1 --stop-timeout 0 --network one:ip=10.66.0.9,alias=q -p 8471:80 $B sleep 10000
           pontoon run -d --name on2 --stop-timeout 0 --network container:on1 $B sleep 10000
           pontoon run -d --name on3 --stop-timeout 0 --network container:on2 $B sleep 10000")
        .ok();
    let settings = |name: &str| {
        it.sh(&format!("pontoon inspect --format '{{{{json .NetworkSettings}}}}' {name}")).ok().stdout
    };
    let held = settings("on1");
    assert!(held.contains("10.66.0.9") && held.contains("8471"), "{held}");
    assert_eq!([settings("on2"), settings("on3")], [held.clone(), held]);
    it.sh("pontoon rm -f -t 0 on1 on2 on3; pontoon run -d --name on1 --stop-timeout 0 --network none $B sleep 10000").ok();
    it.sh("pontoon inspect --format '{{(index .NetworkSettings.Networks \"none\").NetworkID}}' on1")
        .ok()
        .prints("none");
}

#[test]
fn a_network_is_removed_with_the_pods_on_it() {
    let _alone = alone();
    let it = Networks::new();
    it.sh("set -e; pontoon network create one; pontoon pod create --name onpod --network one
           pontoon run -d --pod onpod --name on1 --stop-timeout 0 $B sleep 10000")
        .ok();
    let address = "pontoon inspect --format '{{(index .NetworkSettings.Networks \"one\").IPAddress}}' on1";
    it.sh(address).ok().says("10.");
    it.sh("pontoon network rm -f -t 0 one").ok().prints("one");
    it.sh("pontoon pod exists onpod").fails(1);
    it.sh("pontoon ps -aq --filter name=on").ok().prints("");
    it.sh("pontoon network exists one").fails(1);
}
