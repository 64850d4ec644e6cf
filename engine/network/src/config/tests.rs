use super::*;

/// What Podman 5.4 wrote for
/// `network create --subnet 10.77.0.0/16 --ip-range 10.77.5.0/24 --gateway 10.77.0.9 --route 10.21.0.0/16,10.77.0.2,55 …`.
const TWO: &str = include_str!("podman.json");

#[track_caller]
fn refused(change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut value: serde_json::Value = serde_json::from_str(TWO).unwrap();
    change(&mut value);
    NetworkConfig::parse(value.to_string().as_bytes()).unwrap_err().to_string()
}

#[test]
fn a_file_of_podmans_is_written_as_it_was_read() {
    let config = NetworkConfig::parse(TWO.as_bytes()).unwrap();
    assert_eq!(String::from_utf8(config.text().unwrap()).unwrap(), TWO);
    let options = config.options().unwrap();
    assert_eq!((options.mtu, options.isolate), (Some(1300), Isolation::Yes));
    assert_eq!(config.ipam(), Ipam::HostLocal);
}

#[test]
fn what_we_do_not_know_survives() {
    // A number that needs all digits that there are.
    let novel = "\"novel\": {\"a\": [1]}, \"large\": 1000000000012861934301395841478, \"name\"";
    let text = TWO.replacen("\"name\"", novel, 1);
    let config = NetworkConfig::parse(text.as_bytes()).unwrap();
    let again = NetworkConfig::parse(&config.text().unwrap()).unwrap();
    assert_eq!(again, config);
    assert_eq!(again.other.get("novel").unwrap(), &serde_json::json!({"a": [1]}));
}

#[test]
fn what_go_leaves_empty_is_empty() {
    let text = r#"{"name":"n","id":"ab67e0360aad8b31753a797d29dc6810157a577074175e02bc693824ed171613","driver":"odd","subnets":null,"options":null,"labels":null}"#;
    let config = NetworkConfig::parse(text.as_bytes()).unwrap();
    assert_eq!(config.driver, Driver::Other("odd".to_owned()));
    let text = TWO.replace("10.77.0.9", "").replace("10.77.0.0/16", "10.77.3.4/16");
    let [subnet] = NetworkConfig::parse(text.as_bytes()).unwrap().subnets.try_into().unwrap();
    assert_eq!((subnet.gateway, subnet.subnet.to_string()), (None, "10.77.0.0/16".to_owned()));
}

#[test]
fn a_file_that_contradicts_itself_says_where() {
    for (pointer, value, expected) in [
        ("/name", "a/b", "`a/b` cannot be a network's name"),
        ("/name", "../x", "`../x` cannot be a network's name"),
        ("/id", "abc", "`abc` is not the id of a network"),
        ("/network_interface", "lo", "no network is made of `lo`"),
        ("/network_interface", "waytoolongforone", "`waytoolongforone` cannot be the name of an interface"),
        ("/subnets/0/gateway", "10.78.0.1", "gateway 10.78.0.1 is not in subnet 10.77.0.0/16"),
        ("/subnets/0/lease_range/end_ip", "10.9.0.1", "10.9.0.1 is not in subnet"),
        (
            "/subnets/0/lease_range/end_ip",
            "10.77.4.9",
            "the range of addresses from 10.77.5.1 to 10.77.4.9 is empty",
        ),
        ("/routes/0/gateway", "fd00::1", "the route to 10.21.0.0/16 cannot go by fd00::1"),
        ("/options/mtu", "big", "`big` cannot be the value of a network's option mtu"),
        ("/subnets/0/subnet", "10.77.0.0/40", "it is not the JSON of a network"),
    ] {
        let said = refused(|it| *it.pointer_mut(pointer).unwrap() = value.into());
        assert!(said.starts_with(expected), "{pointer}: {said}");
    }
    let said = refused(|it| it["options"]["bclim"] = "3".into());
    assert_eq!(said, "networks of the driver bridge have no option `bclim`");
    let said = refused(|it| {
        let one = it["subnets"][0].clone();
        it["subnets"].as_array_mut().unwrap().push(one);
    });
    assert_eq!(said, "subnets 10.77.0.0/16 and 10.77.0.0/16 of one network overlap");
}

#[test]
fn leases_leave_out_the_ends() {
    let check = |subnet: &str, expected: (&str, &str)| {
        let subnet = Subnet {
            subnet: subnet.parse().unwrap(),
            gateway: None,
            lease_range: None,
            other: BTreeMap::new(),
        };
        let expected: (IpAddr, IpAddr) = (expected.0.parse().unwrap(), expected.1.parse().unwrap());
        assert_eq!(subnet.leases(), expected, "{subnet:?}");
    };
    check("10.89.0.0/24", ("10.89.0.1", "10.89.0.254"));
    check("10.89.0.4/30", ("10.89.0.5", "10.89.0.6"));
    check("10.89.0.4/32", ("10.89.0.5", "10.89.0.4"));
    check("fd00::/64", ("fd00::1", "fd00::ffff:ffff:ffff:ffff"));
    check("255.255.255.255/32", ("255.255.255.255", "255.255.255.255"));
}

#[test]
fn the_default_network_is_podmans() {
    let config = NetworkConfig::default_network(DEFAULT_NETWORK, "10.88.0.0/16".parse().unwrap());
    config.check().unwrap();
    assert_eq!(config.subnets.first().unwrap().gateway, Some("10.88.0.1".parse().unwrap()));
}

#[test]
fn addresses_that_containers_can_ask_for() {
    let config = NetworkConfig::parse(TWO.as_bytes()).unwrap();
    let check = |addresses: &[&str], expected: &str| {
        let addresses: Vec<IpAddr> = addresses.iter().map(|it| it.parse().unwrap()).collect();
        let said = config.check_addresses(&addresses).err().map(|it| it.to_string()).unwrap_or_default();
        assert_eq!(said, expected, "{addresses:?}");
    };
    // Outside of the range that is given out by itself, too.
    check(&["10.77.0.10"], "");
    check(&["10.78.0.10"], "address 10.78.0.10 is in no subnet of network `two`");
    check(&["fd00::1"], "address fd00::1 is in no subnet of network `two`");
    check(&["10.77.0.9"], "address 10.77.0.9 of network `two` is its gateway's");
    check(&["10.77.0.0"], "address 10.77.0.0 of network `two` is that of the subnet itself");
    check(&["10.77.255.255"], "address 10.77.255.255 of network `two` is for broadcasts");
    check(
        &["10.77.1.1", "10.77.1.2"],
        "addresses 10.77.1.1 and 10.77.1.2 are in one subnet of network `two`",
    );
}
