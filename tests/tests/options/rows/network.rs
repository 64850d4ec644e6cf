//! The network, and the names in it.

use crate::compare::{Difference, differs};
use crate::row::{Row, inside, outside, row};

/// What differs of a network with a name.
const NAMED: &[Difference] =
    &[differs("NetworkSettings.Networks.table-net.NetworkID", "each engine has a network of that name")];

pub const ROWS: &[Row] = &[
    row(
        "--network",
        &[
            inside("--network none", "ls /sys/class/net", "lo"),
            outside("--network host", "test $(pontoon run --rm @O @B readlink /proc/self/ns/net) = $(readlink /proc/self/ns/net) && echo shared", "shared"),
            outside("--network container:front", "test $(pontoon run --rm @O @B readlink /proc/self/ns/net) = $(pontoon exec front readlink /proc/self/ns/net) && echo shared", "shared").but(&[differs("NetworkSettings.SandboxKey", "networks of ours have no names in the file system")]),
            inside("--network pasta", "ls /sys/class/net | wc -l", "2"),
            inside("--network pasta:--ipv4-only", "ls /sys/class/net | wc -l", "2"),
            inside("--network slirp4netns", "ls /sys/class/net | grep tap", "tap0"),
            inside("--net none", "ls /sys/class/net", "lo"),
            inside("--network table-net", "ls /sys/class/net | grep eth", "eth0").but(NAMED),
            inside("--network table-net:ip=10.144.0.7,alias=q,interface_name=net7", "ip -o addr show net7 | grep -o 10.144.0.7/24", "10.144.0.7/24").but(NAMED),
        ],
    )
    .wrong(&["nosuchnetwork", "table-net:ip=x", "table-net:alias=", "container:", "ns:"]),
    row("--ip", &[inside("--network table-net --ip 10.144.0.9", "ip -o addr show eth0 | grep -o 10.144.0.9/24", "10.144.0.9/24").but(NAMED)])
        .wrong(&["x"]),
    row("--ip6", &[inside("--network table-net --ip6 fd44::9", "ip -o addr show eth0 | grep -o fd44::9/64", "fd44::9/64").but(NAMED)])
        .wrong(&["x"]),
    row("--mac-address", &[inside("--network table-net --mac-address 92:d0:c6:0a:29:33", "cat /sys/class/net/eth0/address", "92:d0:c6:0a:29:33").but(NAMED)])
        .wrong(&["x"]),
    row("--network-alias", &[inside("--network table-net --network-alias tablealias", "nslookup tablealias >/dev/null && echo found", "found").but(NAMED)]),
    row(
        "--publish",
        &[
            outside("--publish 18080:80", "pontoon create --name @N @O @B >/dev/null; pontoon port @N", "80/tcp -> 0.0.0.0:18080"),
            outside("-p 127.0.0.1:18081:81/udp", "pontoon create --name @N @O @B >/dev/null; pontoon port @N", "81/udp -> 127.0.0.1:18081"),
            outside("-p 18082-18083:82-83", "pontoon create --name @N @O @B >/dev/null; pontoon port @N", "82/tcp -> 0.0.0.0:18082\n83/tcp -> 0.0.0.0:18083"),
            outside(
                "-p 18084:84",
                "pontoon run -d --stop-timeout 0 --name @N @O @B sh -c 'while :; do echo hi | nc -l -p 84; done' >/dev/null
                 until pontoon exec @N netstat -ltn | grep -q :84; do :; done; nc 127.0.0.1 18084 </dev/null | head -1",
                "hi",
            ),
        ],
    )
    .wrong(&["x", "70000:80", "80:80/bogus"]),
    row(
        "--publish-all",
        &[outside("--publish-all --expose 7000", "pontoon create --name @N @O @B >/dev/null; pontoon port @N | grep -c '^7000/tcp -> 0.0.0.0:'", "1").but(&[differs("*.*.7000/tcp.0.HostPort", "ports by chance")])],
    )
    .wrong(&["maybe"]),
    row(
        "--expose",
        &[
            outside("--expose 7000 --expose 7001/udp", "pontoon create --name @N @O @B >/dev/null; pontoon inspect --format '{{json .Config.ExposedPorts}}' @N", "{\"7000/tcp\":{},\"7001/udp\":{}}"),
            outside("--network host --expose 7000", "pontoon create --name @N @O @B >/dev/null; pontoon inspect --format '{{json .NetworkSettings.Ports}}' @N", "{}"),
            outside("--expose 7000-7002", "pontoon create --name @N @O @B >/dev/null; pontoon inspect --format '{{len .Config.ExposedPorts}}' @N", "3"),
        ],
    )
    .wrong(&["x", "70000"]),
    row("--add-host", &[
        inside("--add-host db:10.1.2.3", "grep 'db$' /etc/hosts", "10.1.2.3\tdb"),
        inside("--add-host 'one;two:10.1.2.4'", "grep -c '10.1.2.4.*two' /etc/hosts", "1"),
    ])
    .wrong(&["nohost", "db:x"]),
    row("--dns", &[
        inside("--dns 9.9.9.9", "grep -c 'nameserver 9.9.9.9' /etc/resolv.conf", "1"),
        inside("--dns 9.9.9.9,8.8.8.8", "grep nameserver /etc/resolv.conf", "nameserver 9.9.9.9\nnameserver 8.8.8.8"),
    ])
    .wrong(&["x"]),
    row("--dns-option", &[inside("--dns-option ndots:2", "grep options /etc/resolv.conf", "options ndots:2")]),
    row("--dns-search", &[inside("--dns-search ex.org", "grep search /etc/resolv.conf", "search ex.org")]),
    row("--hosts-file", &[
        inside("--hosts-file none --add-host a:1.2.3.4", "grep -c 1.2.3.4 /etc/hosts", "1"),
        inside("--hosts-file @D/hosts", "grep -o fromfile /etc/hosts", "fromfile"),
        inside("--hosts-file image", "grep -c localhost /etc/hosts", "2"),
    ]),
    row("--no-hosts", &[inside("--no-hosts", "grep -c /etc/hosts /proc/self/mountinfo || true", "0")]).wrong(&["maybe"]),
];
