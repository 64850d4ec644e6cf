//! The keys of `[Pod]`.

use super::Emit::{Own, Separate};
use super::Form::{Command, List, Number, Pairs, Scalar, ScalarOrEmpty, Words};
use super::{Key, key};

pub(super) static KEYS: [Key; 29] = [
    key("ContainersConfModule", List, Own, "5.0", "containers.conf module to load", "gpu.conf"),
    key(
        "GlobalArgs",
        Command,
        Own,
        "5.0",
        "words between the program and its sub-command",
        "--log-level=debug",
    ),
    key("ServiceName", ScalarOrEmpty, Own, "5.3", "name of the service, without `.service`", "shop"),
    key("StopTimeout", ScalarOrEmpty, Own, "5.7", "seconds to end before the containers are killed", "30"),
    key("ExitPolicy", ScalarOrEmpty, Own, "5.6", "what happens when the last container ends", "continue"),
    key("UserNS", Scalar, Separate("--userns"), "5.3", "how ids are mapped", "keep-id"),
    key("UIDMap", Words, Separate("--uidmap"), "5.3", "range of user ids", "0:10000:1000"),
    key("GIDMap", Words, Separate("--gidmap"), "5.3", "range of group ids", "0:10000:1000"),
    key("SubUIDMap", Scalar, Separate("--subuidname"), "5.3", "name in /etc/subuid", "alice"),
    key("SubGIDMap", Scalar, Separate("--subgidname"), "5.3", "name in /etc/subgid", "alice"),
    key("RemapUsers", Scalar, Own, "5.0", "deprecated: how ids are mapped", "auto"),
    key("RemapUid", Words, Own, "5.0", "deprecated: range of user ids", "0:10000:1000"),
    key("RemapGid", Words, Own, "5.0", "deprecated: range of group ids", "0:10000:1000"),
    key("RemapUidSize", Number, Own, "5.0", "deprecated: how many ids", "4096"),
    key("PublishPort", List, Separate("--publish"), "5.0", "port of the host", "8080:80"),
    key("Label", Pairs, Separate("--label"), "5.6", "label of the pod", "app=shop"),
    key("Network", List, Own, "5.0", "network to be in", "shop.network"),
    key("IP", Scalar, Separate("--ip"), "5.3", "fixed IPv4 address", "10.88.0.7"),
    key("IP6", Scalar, Separate("--ip6"), "5.3", "fixed IPv6 address", "fd00::7"),
    key("ShmSize", Scalar, Separate("--shm-size"), "5.4", "size of /dev/shm", "128m"),
    key("NetworkAlias", List, Separate("--network-alias"), "5.2", "further name on its networks", "shop"),
    key("DNS", List, Separate("--dns"), "5.3", "name server to ask", "192.0.2.1"),
    key("DNSOption", List, Separate("--dns-option"), "5.3", "option for resolv.conf", "ndots:1"),
    key("DNSSearch", List, Separate("--dns-search"), "5.3", "search domain", "example.com"),
    key("AddHost", List, Separate("--add-host"), "5.3", "line for /etc/hosts", "db:10.0.0.2"),
    key("HostName", List, Separate("--hostname"), "5.5", "host name inside", "shop"),
    key("Volume", List, Own, "5.0", "volume or directory of the host", "data.volume:/data"),
    key("PodName", Scalar, Own, "5.0", "name of the pod", "shop"),
    key("PodmanArgs", Command, Own, "5.0", "further words at the end of the creation", "--cpus=2"),
];
