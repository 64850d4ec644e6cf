//! The keys of `[Network]`.

use super::Emit::{Own, Separate, Switch};
use super::Form::{Boolean, List, Pairs, Scalar};
use super::{Key, global_args, key, module, podman_args, service_name};

pub(super) static KEYS: [Key; 18] = [
    module("4.8"),
    global_args("4.8"),
    service_name("5.3"),
    key(
        "NetworkDeleteOnStop",
        Boolean,
        Own("`ExecStopPost=` with `network rm`"),
        "5.5",
        "whether stopping removes the network",
        "true",
    ),
    key("DisableDNS", Boolean, Switch("--disable-dns"), "4.4", "whether names are not resolved", "true"),
    key("Internal", Boolean, Switch("--internal"), "4.4", "whether nothing outside can be reached", "true"),
    key("IPv6", Boolean, Switch("--ipv6"), "4.4", "whether it has IPv6 addresses", "true"),
    key("Driver", Scalar, Separate("--driver"), "4.4", "kind of network", "bridge"),
    key("IPAMDriver", Scalar, Separate("--ipam-driver"), "4.4", "who gives out addresses", "host-local"),
    key(
        "InterfaceName",
        Scalar,
        Separate("--interface-name"),
        "5.6",
        "name of the bridge on the host",
        "shop0",
    ),
    key("DNS", List, Separate("--dns"), "4.7", "name server to ask", "192.0.2.1"),
    key("Subnet", List, Own("`--subnet VALUE`"), "4.4", "range of addresses", "10.10.0.0/24"),
    key(
        "Gateway",
        List,
        Own("`--gateway VALUE`, after the subnet of the same number"),
        "4.4",
        "address of the host in the subnet",
        "10.10.0.1",
    ),
    key(
        "IPRange",
        List,
        Own("`--ip-range VALUE`, after the subnet of the same number"),
        "4.4",
        "part of the subnet to give out",
        "10.10.0.128/25",
    ),
    key("Options", Pairs, Separate("--opt"), "4.4", "option of the driver", "mtu=1400"),
    key("Label", Pairs, Separate("--label"), "4.4", "label of the network", "app=shop"),
    podman_args("4.6"),
    key("NetworkName", Scalar, Own("the name, after all options"), "4.7", "name of the network", "shop"),
];
