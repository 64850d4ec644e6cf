//! Subnets that nobody has.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};

use super::check::overlap;

/// The subnet of the network `podman` (containers.conf(5), `default_subnet`).
pub const DEFAULT_SUBNET: IpNet = IpNet::V4(v4(10, 88, 16));

/// Addresses that subnets without addresses of their own are cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// All of them.
    pub base: IpNet,
    /// Length of the prefix of each.
    pub size: u8,
}

/// The pools where containers.conf names none: its `default_subnet_pools`.
#[must_use]
pub fn default_pools() -> Vec<Pool> {
    let pools = [v4(10, 89, 16), v4(10, 90, 15), v4(10, 92, 14), v4(10, 96, 11), v4(10, 128, 9)];
    pools.into_iter().map(|base| Pool { base: IpNet::V4(base), size: 24 }).collect()
}

const fn v4(first: u8, second: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(first, second, 0, 0), prefix)
}

/// The first subnet of IPv4 that shares no address with a used one.
pub(super) fn free_ipv4(pools: &[Pool], used: &[IpNet]) -> Option<IpNet> {
    pools.iter().filter(|it| it.base.addr().is_ipv4()).find_map(|pool| free(*pool, used))
}

fn free(pool: Pool, used: &[IpNet]) -> Option<IpNet> {
    let size = pool.size;
    let mut candidate = IpNet::new(pool.base.network(), size).ok()?;
    while pool.base.contains(&candidate) {
        let Some(taken) = used.iter().find(|it| overlap(**it, candidate)) else { return Some(candidate) };
        // Beyond the larger of both: one used subnet may cover thousands of candidates.
        let last = taken.broadcast().max(candidate.broadcast());
        candidate = IpNet::new(super::after(last)?, size).ok()?.trunc();
    }
    None
}

/// A subnet of IPv6 for a private network (RFC 4193), of random bytes: `fd` and the first seven of them.
pub(super) fn local_ipv6(random: [u8; 7]) -> IpNet {
    let [a, b, c, d, e, f, g] = random;
    let address = Ipv6Addr::from([0xfd, a, b, c, d, e, f, g, 0, 0, 0, 0, 0, 0, 0, 0]);
    IpNet::V6(Ipv6Net::new_assert(address, 64))
}

/// A free one of IPv6: of the pools, if there are any for it, else random.
pub(super) fn free_ipv6(pools: &[Pool], used: &[IpNet], mut random: [u8; 7]) -> Option<IpNet> {
    let mut of_pools = pools.iter().filter(|it| it.base.addr().is_ipv6());
    if let Some(found) = of_pools.find_map(|pool| free(*pool, used)) {
        return Some(found);
    }
    // The next ones after a taken one; that even one is taken is unlikely enough.
    for _ in 0..=u8::MAX {
        let subnet = local_ipv6(random);
        if !used.iter().any(|it| overlap(*it, subnet)) {
            return Some(subnet);
        }
        if let Some(last) = random.last_mut() {
            *last = last.wrapping_add(1);
        }
    }
    None
}

/// Whether the address is one that we could give out by ourselves.
pub(super) fn is_ipv4(subnet: IpNet) -> bool {
    matches!(subnet.addr(), IpAddr::V4(_))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nets(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_free_one_is_taken() {
        let check = |used: &[&str], expected: &str| {
            assert_eq!(free_ipv4(&default_pools(), &nets(used)).unwrap().to_string(), expected, "{used:?}");
        };
        check(&[], "10.89.0.0/24");
        check(&["10.89.0.0/24", "10.89.2.0/24", "fd00::/8"], "10.89.1.0/24");
        check(&["10.89.0.128/25"], "10.89.1.0/24");
        check(&["10.89.0.0/16", "10.90.0.0/15"], "10.92.0.0/24");
        check(&["10.0.0.0/9", "10.128.0.7/32"], "10.128.1.0/24");
    }

    #[test]
    fn there_may_be_none() {
        assert_eq!(free_ipv4(&default_pools(), &nets(&["10.0.0.0/8"])), None);
        let end = Pool { base: "255.255.255.0/24".parse().unwrap(), size: 25 };
        assert_eq!(free_ipv4(&[end], &nets(&["255.255.255.0/24"])), None);
        assert_eq!(free_ipv4(&[], &[]), None);
    }

    #[test]
    fn one_of_ipv6_is_random_and_local() {
        let random = [0xf8, 0xe6, 0xd2, 0xb1, 0x9a, 0x3e, 0x66];
        let check = |used: &[&str], expected: &str| {
            assert_eq!(free_ipv6(&default_pools(), &nets(used), random).unwrap().to_string(), expected);
        };
        check(&[], "fdf8:e6d2:b19a:3e66::/64");
        check(&["fdf8:e6d2:b19a:3e66::/64"], "fdf8:e6d2:b19a:3e67::/64");
        assert_eq!(free_ipv6(&[], &nets(&["fd00::/8"]), random), None);
        let pool = Pool { base: "fd77::/56".parse().unwrap(), size: 64 };
        assert_eq!(
            free_ipv6(&[pool], &nets(&["fd77::/64"]), random),
            Some("fd77:0:0:1::/64".parse().unwrap())
        );
    }

    proptest! {
        #[test]
        fn a_free_one_is_in_a_pool_and_overlaps_nothing(
            used in proptest::collection::vec((0u32..1 << 24, 8u8..=32), 0..40),
            size in 16u8..=30,
        ) {
            let used: Vec<IpNet> = used
                .into_iter()
                .map(|(low, prefix)| IpNet::V4(Ipv4Net::new((0x0a00_0000 | low).into(), prefix).unwrap().trunc()))
                .collect();
            let pools: Vec<Pool> = default_pools().into_iter().map(|it| Pool { size, ..it }).collect();
            match free_ipv4(&pools, &used) {
                Some(found) => {
                    prop_assert!(pools.iter().any(|it| it.base.contains(&found)));
                    prop_assert!(used.iter().all(|it| !overlap(*it, found)));
                    prop_assert_eq!(found.prefix_len(), size);
                }
                // Then every subnet of every pool meets a used one.
                None => for pool in &pools {
                    for mut subnet in pool.base.subnets(size).unwrap().step_by(97) {
                        subnet = subnet.trunc();
                        prop_assert!(used.iter().any(|it| overlap(*it, subnet)));
                    }
                },
            }
        }
    }
}
