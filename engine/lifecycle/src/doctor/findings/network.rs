//! Networks, ports and what a container may send.

use super::{Check, Finding, broken, good, limited};
use crate::doctor::facts::Facts;

pub(super) fn network(facts: &Facts) -> Finding {
    let check = Check::Network;
    let network = &facts.network;
    let has_tun = network.tun;
    let named = match network.nft {
        Some(_) => "",
        None => "; networks with names need nftables",
    };
    match (&network.pasta, &network.slirp4netns) {
        _ if !has_tun => {
            broken(check, "/dev/net/tun cannot be opened: containers have no network of their own")
                .by_root("modprobe tun && chmod 666 /dev/net/tun")
        }
        (None, None) => {
            broken(check, "neither pasta nor slirp4netns is installed: containers have no network")
                .by_root("apt-get install passt")
        }
        (None, Some(_)) => limited(check, format!("slirp4netns stands in for pasta, and is slower{named}"))
            .by_root("apt-get install passt"),
        (Some(path), _) if named.is_empty() => good(check, path.display().to_string()),
        (Some(path), _) => {
            limited(check, format!("{}{named}", path.display())).by_root("apt-get install nftables")
        }
    }
}

pub(super) fn networks_of_root(facts: &Facts) -> Finding {
    let check = Check::Network;
    match (&facts.network.nft, &facts.network.no_tables) {
        (Some(_), Some(why)) => broken(
            check,
            format!("the kernel takes no tables of nftables (CONFIG_NF_TABLES_INET), so no port can be published: {why}"),
        )
        .by_root("modprobe nf_tables"),
        (Some(path), None) => good(check, path.display().to_string()),
        (None, _) => broken(check, "nft is not installed: containers have no network of their own")
            .by_root("apt-get install nftables"),
    }
}

pub(super) fn ports(facts: &Facts) -> Finding {
    let check = Check::Ports;
    match facts.sysctls.unprivileged_port_start {
        Some(start) if start > 80 => limited(check, format!("ports below {start} are root's to publish"))
            .by_root(
                "echo net.ipv4.ip_unprivileged_port_start=80 >/etc/sysctl.d/91-pontoon-ports.conf && \
             sysctl -p /etc/sysctl.d/91-pontoon-ports.conf",
            ),
        Some(start) => good(check, format!("from {start} on they can be published")),
        None => good(check, "the kernel keeps none for root"),
    }
}

pub(super) fn ping(facts: &Facts) -> Finding {
    let check = Check::Ping;
    match facts.sysctls.ping_group_range {
        Some((low, high)) if low > high => {
            limited(check, "net.ipv4.ping_group_range is empty: nothing outside answers a container's ping")
                .by_root(
                    "echo 'net.ipv4.ping_group_range=0 2147483647' >/etc/sysctl.d/92-pontoon-ping.conf && \
                 sysctl -p /etc/sysctl.d/92-pontoon-ping.conf",
                )
        }
        _ => good(check, "containers can ping"),
    }
}
