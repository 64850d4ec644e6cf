//! Fields have two names: JSON's, by which programs find them, and Go's, which templates use.

/// Fields whose name in Go is not just JSON's with a capital first letter: JSON's, Go's.
const NAMES: &[(&str, &str)] = &[
    ("Domainname", "DomainName"),
    ("Ipc", "IPC"),
    ("Mnt", "MNT"),
    ("Net", "NET"),
    ("Pidns", "PIDNS"),
    ("Uts", "UTS"),
    ("Healthcheck", "HealthCheck"),
    ("HealthcheckMaxLogCount", "HealthMaxLogCount"),
    ("HealthcheckMaxLogSize", "HealthMaxLogSize"),
    ("apparmorEnabled", "AppArmorEnabled"),
    ("capabilities", "DefaultCapabilities"),
    ("cgroupVersion", "CgroupsVersion"),
    ("container_id", "ContainerID"),
    ("cpuUtilization", "CPUUtilization"),
    ("cpu_period", "CPUPeriod"),
    ("cpu_quota", "CPUQuota"),
    ("cpu_shares", "CPUShares"),
    ("cpus", "CPUs"),
    ("cpuset_cpus", "CPUSetCPUs"),
    ("cpuset_mems", "CPUSetMems"),
    ("device_read_bps", "BlkioDeviceReadBps"),
    ("device_write_bps", "BlkioDeviceWriteBps"),
    ("dns", "DNS"),
    ("dns_enabled", "DNSEnabled"),
    ("end_ip", "EndIP"),
    ("gidmap", "GIDMap"),
    ("HostIp", "HostIP"),
    ("UidMap", "UIDMap"),
    ("GidMap", "GIDMap"),
    ("host_id", "HostID"),
    ("id", "ID"),
    ("idMappings", "IDMappings"),
    ("ipam_options", "IPAMOptions"),
    ("ipnet", "IPNet"),
    ("ipv6_enabled", "IPv6Enabled"),
    ("network_dns_servers", "NetworkDNSServers"),
    ("ociRuntime", "OCIRuntime"),
    ("os", "OS"),
    ("pid_ns", "PidNS"),
    ("seccompEnabled", "SECCOMPEnabled"),
    ("seccompProfilePath", "SECCOMPProfilePath"),
    ("security_opt", "SecurityOpts"),
    ("selinuxEnabled", "SELinuxEnabled"),
    ("slirp4netns", "Slirp4NetNS"),
    ("start_ip", "StartIP"),
    ("uidmap", "UIDMap"),
    ("userns", "UserNS"),
    ("uts_ns", "UtsNS"),
    // What checks have said had another name once, and half of all scripts still use it.
    ("Health", "Healthcheck"),
];

/// Whether a field with that name in JSON has this one in Go.
pub(super) fn is(json: &str, go: &str) -> bool {
    let known = NAMES.iter().find(|(name, _)| *name == json);
    known.map_or_else(|| capital(json) == go, |(_, name)| *name == go)
}

/// The name for templates.
pub(super) fn shown(json: &str) -> String {
    let known = NAMES.iter().find(|(name, _)| *name == json && json != "Health");
    known.map_or_else(|| capital(json), |(_, name)| (*name).to_owned())
}

/// Each of its words with a capital first letter.
fn capital(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default()
    };
    name.split('_').map(word).collect()
}
