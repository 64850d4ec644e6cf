use super::*;
use crate::config::{DEFAULT_NETWORK, DEFAULT_SUBNET, OptionError, default_pools};

const ID: &str = "ab67e0360aad8b31753a797d29dc6810157a577074175e02bc693824ed171613";

/// What is made beside `networks`, on a host with an interface `eth0` in 192.168.1.0/24.
fn made_beside(
    networks: &[NetworkConfig],
    change: impl FnOnce(&mut NewNetwork),
) -> Result<NetworkConfig, CreateError> {
    let mut new = NewNetwork { name: Some("n".to_owned()), ..NewNetwork::default() };
    change(&mut new);
    let pools = default_pools();
    let around = Surroundings {
        networks,
        host_subnets: &["192.168.1.0/24".parse().unwrap()],
        host_interfaces: &["lo".to_owned(), "eth0".to_owned()],
        pools: &pools,
        id: ID,
        now: "2026-11-27T17:10:53Z",
        random: [1, 2, 3, 4, 5, 6, 7],
    };
    create(&new, &around)
}

fn default_network() -> NetworkConfig {
    NetworkConfig::default_network(DEFAULT_NETWORK, DEFAULT_SUBNET)
}

fn made(change: impl FnOnce(&mut NewNetwork)) -> NetworkConfig {
    made_beside(&[default_network()], change).unwrap()
}

#[track_caller]
fn refused(expected: &str, change: impl FnOnce(&mut NewNetwork)) {
    let said = made_beside(&[default_network()], change).unwrap_err().to_string();
    assert!(said.contains(expected), "{said}");
}

fn subnet(text: &str) -> NewSubnet {
    NewSubnet { subnet: text.parse().unwrap(), gateway: None, range: None }
}

fn told(config: &NetworkConfig) -> Vec<String> {
    let gateway = |it: &Subnet| it.gateway.map_or_else(|| "-".to_owned(), |it| it.to_string());
    config.subnets.iter().map(|it| format!("{} {}", it.subnet, gateway(it))).collect()
}

#[test]
fn one_without_anything_is_podmans() {
    let config = made(|_| {});
    let text = String::from_utf8(config.text().unwrap()).unwrap();
    let expected = r#"{
     "name": "n",
     "id": "ab67e0360aad8b31753a797d29dc6810157a577074175e02bc693824ed171613",
     "driver": "bridge",
     "network_interface": "podman1",
     "created": "2026-11-27T17:10:53Z",
     "subnets": [
          {
               "subnet": "10.89.0.0/24",
               "gateway": "10.89.0.1"
          }
     ],
     "ipv6_enabled": false,
     "internal": false,
     "dns_enabled": true,
     "ipam_options": {
          "driver": "host-local"
     }
}
"#;
    assert_eq!(text, expected);
}

#[test]
fn subnets_of_both_families_are_found() {
    assert_eq!(
        told(&made(|it| it.ipv6 = true)),
        ["10.89.0.0/24 10.89.0.1", "fd01:203:405:607::/64 fd01:203:405:607::1"]
    );
    let config = made(|it| it.subnets = vec![subnet("fd11::/64")]);
    assert_eq!((told(&config), config.ipv6_enabled), (vec!["fd11::/64 fd11::1".to_owned()], true));
    let config = made(|it| {
        it.ipv6 = true;
        it.subnets = vec![subnet("fd11::/64")];
    });
    assert_eq!(told(&config), ["fd11::/64 fd11::1", "10.89.0.0/24 10.89.0.1"]);
    let config = made(|it| it.subnets = vec![subnet("10.15.7.9/24"), subnet("10.16.0.0/24")]);
    assert_eq!(told(&config), ["10.15.7.0/24 10.15.7.1", "10.16.0.0/24 10.16.0.1"]);
}

#[test]
fn a_gateway_is_only_where_it_is_of_use() {
    assert_eq!(told(&made(|it| it.internal = true)), ["10.89.0.0/24 10.89.0.1"]);
    let config = made(|it| {
        it.internal = true;
        it.disable_dns = true;
    });
    assert_eq!(told(&config), ["10.89.0.0/24 -"]);
}

#[test]
fn names_are_those_of_interfaces() {
    let first = made(|it| it.name = None);
    assert_eq!((first.name.as_str(), first.network_interface.as_str()), ("podman1", "podman1"));
    let networks = [default_network(), first];
    let second = made_beside(&networks, |it| it.name = None).unwrap();
    assert_eq!((second.name.as_str(), told(&second)), ("podman2", vec!["10.89.1.0/24 10.89.1.1".to_owned()]));
    assert!(matches!(
        made_beside(&networks, |it| it.name = Some("podman1".to_owned())),
        Err(CreateError::Exists { .. })
    ));
    refused("bridge name `podman0` is in use already, by network `podman`", |it| {
        it.interface = Some("podman0".to_owned());
    });
    let unmanaged = made(|it| {
        it.interface = Some("podman0".to_owned());
        it.options.insert("mode".to_owned(), "unmanaged".to_owned());
    });
    assert_eq!(unmanaged.network_interface, "podman0");
}

#[test]
fn what_is_used_is_refused() {
    refused("subnet 10.88.3.0/24 is used already, by network `podman`", |it| {
        it.subnets = vec![subnet("10.88.3.0/24")]
    });
    refused("subnet 192.168.0.0/16 is used already, by an interface of the host (192.168.1.0/24)", |it| {
        it.subnets = vec![subnet("192.168.0.0/16")];
    });
    refused("subnets 10.5.0.0/24 and 10.5.0.0/25 of one network overlap", |it| {
        it.subnets = vec![subnet("10.5.0.0/24"), subnet("10.5.0.0/25")];
    });
    refused("subnet 10.5.0.0/32 has no room", |it| it.subnets = vec![subnet("10.5.0.0/32")]);
    for name in ["host", "pasta", "default"] {
        refused("that is a network mode", |it| it.name = Some(name.to_owned()));
    }
    refused("`a/b` cannot be a network's name", |it| it.name = Some("a/b".to_owned()));
    refused("there is no network driver `odd`", |it| it.driver = Driver::named("odd"));
    refused("there can be no --dns", |it| {
        it.disable_dns = true;
        it.dns = vec!["1.1.1.1".parse().unwrap()];
    });
    refused("gateway 1.2.3.4 is not in subnet 10.5.0.0/24", |it| {
        it.subnets = vec![NewSubnet { gateway: Some("1.2.3.4".parse().unwrap()), ..subnet("10.5.0.0/24") }];
    });
}

#[test]
fn options_of_dockers_are_ours() {
    let config = made(|it| {
        for (option, value) in [
            ("com.docker.network.bridge.name", "brz"),
            ("com.docker.network.driver.mtu", "1300"),
            ("mtu", "1400"),
            ("isolate", "1"),
        ] {
            it.options.insert(option.to_owned(), value.to_owned());
        }
    });
    assert_eq!(config.network_interface, "brz");
    let options: Vec<_> = config.options.iter().map(|(option, value)| format!("{option}={value}")).collect();
    assert_eq!(options, ["isolate=true", "mtu=1300"]);
    let odd = |it: &mut NewNetwork| drop(it.options.insert("bclim".to_owned(), "3".to_owned()));
    let err = made_beside(&[], odd).unwrap_err();
    assert!(matches!(&err, CreateError::Config(ConfigError::Option(OptionError::Unknown { .. }))));
    assert_eq!(err.hint().unwrap(), "there are: mtu, metric, no_default_route, vlan, isolate, vrf, mode");
}

#[test]
fn networks_beside_the_hosts_interfaces() {
    let macvlan = made(|it| {
        it.driver = Driver::Macvlan;
        it.options.insert("parent".to_owned(), "eth0".to_owned());
    });
    assert_eq!(
        (macvlan.ipam(), macvlan.dns_enabled, macvlan.network_interface.as_str()),
        (Ipam::Dhcp, false, "eth0")
    );
    // The host's own subnet is just what is wanted here.
    let shared = made(|it| {
        it.driver = Driver::Ipvlan;
        it.subnets = vec![subnet("192.168.1.0/24")];
    });
    assert_eq!(
        (shared.ipam(), told(&shared)),
        (Ipam::HostLocal, vec!["192.168.1.0/24 192.168.1.1".to_owned()])
    );
    refused("`dhcp` does not work with networks of the driver ipvlan", |it| it.driver = Driver::Ipvlan);
    refused("need a --subnet", |it| {
        it.driver = Driver::Macvlan;
        it.ipam = Some(Ipam::HostLocal);
    });
    refused("with IPAM driver `none` there can be no --subnet", |it| {
        it.ipam = Some(Ipam::None);
        it.subnets = vec![subnet("10.5.0.0/24")];
    });
    let none = made(|it| it.ipam = Some(Ipam::None));
    assert_eq!((told(&none), none.dns_enabled), (vec![], false));
}

#[test]
fn dns_servers_are_added_and_dropped_once() {
    let server = |text: &str| text.parse::<IpAddr>().unwrap();
    let mut config = made(|it| it.dns = vec![server("1.1.1.1"), server("2.2.2.2")]);
    config
        .change_dns(&[server("2.2.2.2"), server("fd00::9")], &[server("1.1.1.1"), server("7.7.7.7")])
        .unwrap();
    assert_eq!(config.network_dns_servers, [server("2.2.2.2"), server("fd00::9")]);
    assert!(default_network().change_dns(&[server("1.1.1.1")], &[]).is_err());
}

#[test]
fn the_unit_is_told_what_it_needs() {
    let config = made(|it| {
        it.subnets = vec![NewSubnet {
            range: Some(LeaseRange {
                start_ip: Some("10.5.0.0".parse().unwrap()),
                end_ip: Some("10.5.0.9".parse().unwrap()),
            }),
            ..subnet("10.5.0.0/24")
        }];
        it.options.insert("isolate".to_owned(), "strict".to_owned());
    });
    let link = config.link().unwrap();
    assert_eq!(
        (link.interface.as_str(), link.dns, link.isolate),
        ("podman1", true, crate::join::Isolation::Strict)
    );
    let [told] = link.subnets.as_slice() else { panic!("{link:?}") };
    assert_eq!(told.range, Some(("10.5.0.1".parse().unwrap(), "10.5.0.9".parse().unwrap())));
    let vrf = made(|it| drop(it.options.insert("vrf".to_owned(), "x".to_owned())));
    assert_eq!(vrf.link().unwrap().vrf.as_deref(), Some("x"));
}
