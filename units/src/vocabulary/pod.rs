//! The keys of `[Pod]`.

use super::Emit::{Own, Separate};
use super::Form::{List, Pairs, Scalar, ScalarOrEmpty, Words};
use super::{
    Key, global_args, key, module, podman_args, remap_gid, remap_uid, remap_uid_size, remap_users,
    service_name,
};

pub(super) static KEYS: [Key; 29] = [
    module("5.0"),
    global_args("5.0"),
    service_name("5.3"),
    key(
        "StopTimeout",
        ScalarOrEmpty,
        Own("`--time=VALUE` of `pod stop`; 10 without it"),
        "5.7",
        "seconds to end before the containers are killed",
        "30",
    ),
    key(
        "ExitPolicy",
        ScalarOrEmpty,
        Own("`--exit-policy VALUE`; `stop` without it"),
        "5.6",
        "what happens when the last container ends",
        "continue",
    ),
    key("UserNS", Scalar, Separate("--userns"), "5.3", "how ids are mapped", "keep-id"),
    key("UIDMap", Words, Separate("--uidmap"), "5.3", "range of user ids", "0:10000:1000"),
    key("GIDMap", Words, Separate("--gidmap"), "5.3", "range of group ids", "0:10000:1000"),
    key("SubUIDMap", Scalar, Separate("--subuidname"), "5.3", "name in /etc/subuid", "alice"),
    key("SubGIDMap", Scalar, Separate("--subgidname"), "5.3", "name in /etc/subgid", "alice"),
    remap_users("5.0"),
    remap_uid("5.0"),
    remap_gid("5.0"),
    remap_uid_size("5.0"),
    key("PublishPort", List, Separate("--publish"), "5.0", "port of the host", "8080:80"),
    key("Label", Pairs, Separate("--label"), "5.6", "label of the pod", "app=shop"),
    key("Network", List, Own("`--network VALUE`"), "5.0", "network to be in", "shop.network"),
    key("IP", Scalar, Separate("--ip"), "5.3", "fixed IPv4 address", "10.88.0.7"),
    key("IP6", Scalar, Separate("--ip6"), "5.3", "fixed IPv6 address", "fd00::7"),
    key("ShmSize", Scalar, Separate("--shm-size"), "5.4", "size of /dev/shm", "128m"),
    key("NetworkAlias", List, Separate("--network-alias"), "5.2", "further name on its networks", "shop"),
    key("DNS", List, Separate("--dns"), "5.3", "name server to ask", "192.0.2.1"),
    key("DNSOption", List, Separate("--dns-option"), "5.3", "option for resolv.conf", "ndots:1"),
    key("DNSSearch", List, Separate("--dns-search"), "5.3", "search domain", "example.com"),
    key("AddHost", List, Separate("--add-host"), "5.3", "line for /etc/hosts", "db:10.0.0.2"),
    key("HostName", List, Separate("--hostname"), "5.5", "host name inside", "shop"),
    key("Volume", List, Own("`-v VALUE`"), "5.0", "volume or directory of the host", "data.volume:/data"),
    key("PodName", Scalar, Own("`--name VALUE`"), "5.0", "name of the pod", "shop"),
    podman_args("5.0"),
];
