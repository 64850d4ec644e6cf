//! Any bytes may be a network's file: what is taken holds together, is written and read back the same, and no address that it
//! gives out lies outside of its subnets.

#![no_main]

use libfuzzer_sys::fuzz_target;
use pontoon_network::config::{NetworkConfig, NewNetwork, Surroundings, create, default_pools};

fuzz_target!(|bytes: &[u8]| {
    let Ok(config) = NetworkConfig::parse(bytes) else { return };
    let text = config.text().expect("it can be written");
    assert_eq!(NetworkConfig::parse(&text).expect("what was written can be read"), config);
    for subnet in &config.subnets {
        let (first, last) = subnet.leases();
        assert!(subnet.subnet.contains(&first) && subnet.subnet.contains(&last) || first > last, "{subnet:?}");
    }
    let _ = config.link();
    // A new one beside it never shares an address with it.
    let networks = [config];
    let around = Surroundings {
        networks: &networks,
        host_subnets: &[],
        host_interfaces: &[],
        pools: &default_pools(),
        id: "ab67e0360aad8b31753a797d29dc6810157a577074175e02bc693824ed171613",
        now: "2026-11-27T17:10:53Z",
        random: [7; 7],
    };
    let Ok(made) = create(&NewNetwork { ipv6: true, ..NewNetwork::default() }, &around) else { return };
    let [other] = &networks;
    if other.driver == made.driver {
        for (one, two) in made.subnets.iter().flat_map(|one| other.subnets.iter().map(move |two| (one, two))) {
            assert!(!one.subnet.contains(&two.subnet) && !two.subnet.contains(&one.subnet), "{one:?} {two:?}");
        }
    }
});
