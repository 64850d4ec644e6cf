//! What the container may do: capabilities, system calls, and what it sees of the kernel.

use pontoon_network::NetworkPlan;
use pontoon_rootless::sys::SockFilter;
use pontoon_runtime::capabilities::{self, CapError, CapSet};
use pontoon_runtime::plan::Capabilities;
use pontoon_runtime::seccomp::{self, Arch, KernelVersion, Profile};

use super::{DecideError, Facts};
use crate::request::{CreateRequest, NamespaceMode, NetworkMode, SeccompRequest};

/// Paths that tell about, or lead to, the host.
const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/dev/block",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];

/// Paths that would change the host.
const READ_ONLY: [&str; 6] =
    ["/proc/asound", "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The decision.
#[derive(Debug)]
pub(super) struct Confinement {
    pub root_capabilities: Capabilities,
    pub user_capabilities: Capabilities,
    pub filter: Vec<SockFilter>,
    pub masked: Vec<String>,
    pub readonly: Vec<String>,
    pub sysctls: Vec<(String, String)>,
}

pub(super) fn decide(facts: &Facts<'_>, network: &NetworkPlan) -> Result<Confinement, DecideError> {
    let request = &facts.record.request;
    let default = default_capabilities(request)?;
    // Of all there are we can give what we have; what is named must be there.
    let wanted = capabilities::merge(default, &request.cap_add, &request.cap_drop)?;
    let bounding = wanted.intersection(facts.own_capabilities);
    for name in request.cap_add.iter().filter(|it| !it.eq_ignore_ascii_case("all")) {
        let one = capabilities::named(std::slice::from_ref(name))?.intersection(wanted);
        if one.intersection(bounding) != one {
            return Err(DecideError::NotOurs { capability: name.clone() });
        }
    }
    let added = capabilities::named(&request.cap_add)?.intersection(bounding);
    let (masked, readonly) = paths(facts);
    Ok(Confinement {
        root_capabilities: capabilities::for_process(bounding, added, true).into(),
        user_capabilities: capabilities::for_process(bounding, added, false).into(),
        filter: filter(facts, bounding)?,
        masked,
        readonly,
        sysctls: sysctls(facts, network)?,
    })
}

/// What a container has if nothing is added or dropped.
///
/// # Errors
/// If a name is none.
pub fn default_capabilities(request: &CreateRequest) -> Result<CapSet, CapError> {
    match &request.default_capabilities {
        _ if request.privileged => Ok(CapSet::ALL),
        Some(names) => capabilities::named(names),
        None => Ok(CapSet::DEFAULT),
    }
}

fn filter(facts: &Facts<'_>, bounding: CapSet) -> Result<Vec<SockFilter>, DecideError> {
    let request = &facts.record.request;
    if request.seccomp == SeccompRequest::Unconfined
        || (request.privileged && request.seccomp == SeccompRequest::Default)
    {
        return Ok(Vec::new());
    }
    // A machine that the generator knows no numbers for runs without a filter, as it would without seccomp in its kernel.
    let Some(arch) = Arch::native() else { return Ok(Vec::new()) };
    let own = match &facts.seccomp_profile {
        Some(_) => None,
        None => Some(Profile::default_profile()),
    };
    let Some(profile) = facts.seccomp_profile.as_ref().or(own.as_ref()) else { return Ok(Vec::new()) };
    let program = seccomp::compile(profile, bounding, arch, KernelVersion::running())?;
    if program.notifies || program.flags.word() != 0 {
        return Err(DecideError::SeccompListener);
    }
    Ok(program.instructions)
}

fn paths(facts: &Facts<'_>) -> (Vec<String>, Vec<String>) {
    let request = &facts.record.request;
    let mut masked: Vec<String> = request.mask.clone();
    let mut readonly = Vec::new();
    if !request.privileged && !request.unmask.iter().any(|it| it.eq_ignore_ascii_case("all")) {
        let kept = |path: &str| !request.unmask.iter().any(|it| unmasks(it, path));
        masked.extend(MASKED.iter().filter(|it| kept(it)).map(|it| (*it).to_owned()));
        masked.extend(facts.thermal.iter().filter(|it| kept(it)).cloned());
        readonly.extend(READ_ONLY.iter().filter(|it| kept(it)).map(|it| (*it).to_owned()));
    }
    (masked, readonly)
}

/// Whether one of the words names a path, or all. What lies in a directory is none of those that are hidden only.
pub(super) fn is_unmasked(words: &[String], path: &str) -> bool {
    words.iter().any(|it| it.eq_ignore_ascii_case("all") || it.trim_end_matches('/') == path)
}

/// Whether an `unmask` word stands for a path: itself, or a directory's `/*`.
fn unmasks(word: &str, path: &str) -> bool {
    match word.strip_suffix("/*") {
        Some(directory) => path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/')),
        None => word.trim_end_matches('/') == path,
    }
}

fn sysctls(facts: &Facts<'_>, network: &NetworkPlan) -> Result<Vec<(String, String)>, DecideError> {
    let mut settings = Vec::new();
    let shares_network =
        matches!(facts.record.request.network, Some(NetworkMode::Container(_) | NetworkMode::Path(_)));
    if network.own_namespace && !shares_network {
        // Lets everybody in the container ping without a raw socket; ids beyond the map would be refused.
        settings.push(("net.ipv4.ping_group_range".to_owned(), "0 0".to_owned()));
    }
    for (name, value) in &facts.record.request.sysctls {
        if let Some((what, instead)) = of_host(name, &facts.record.request, network) {
            return Err(DecideError::HostSysctl { name: name.clone(), what, instead });
        }
        settings.retain(|it| it.0 != *name);
        settings.push((name.clone(), value.clone()));
    }
    Ok(settings)
}

/// The namespace of the host's that a setting would be made in, and what gives a container its own. Another container's is no
/// business of the host's.
fn of_host(
    name: &str,
    request: &CreateRequest,
    network: &NetworkPlan,
) -> Option<(&'static str, &'static str)> {
    let name = name.replace('/', ".");
    let has_hosts = |mode: &NamespaceMode| *mode == NamespaceMode::Host;
    if name.starts_with("net.") {
        (!network.own_namespace).then_some(("network", "--network pasta or none"))
    } else if name == "kernel.domainname" {
        has_hosts(&request.uts).then_some(("uts namespace", "--uts private"))
    } else {
        has_hosts(&request.ipc).then_some(("ipc namespace", "--ipc private"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_to_has_to_be_named() {
        let unmasked =
            |word: &str| is_unmasked(&["/proc/acpi".to_owned(), word.to_owned()], "/sys/fs/cgroup");
        assert!(unmasked("ALL") && unmasked("/sys/fs/cgroup/"));
        assert!(!unmasked("/sys/*") && !unmasked("/sys"));
    }

    #[test]
    fn unmask_takes_a_path_or_what_lies_in_a_directory() {
        assert!(unmasks("/proc/acpi", "/proc/acpi"));
        assert!(unmasks("/proc/*", "/proc/acpi"));
        assert!(!unmasks("/proc/*", "/sys/firmware"));
        assert!(!unmasks("/proc", "/proc/acpi"));
    }
}
