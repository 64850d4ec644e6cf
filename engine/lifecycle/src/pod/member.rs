//! What a container's request becomes in a pod: it shares the namespaces, the mounts and the confinement of the pod's infra
//! container, as far as it says nothing else itself. Pure.

use crate::pod::record::{PodRecord, Shared};
use crate::record::ContainerRecord;
use crate::request::{
    CgroupMode, CreateRequest, Infra, NamespaceMode, NetworkMode, PodMember, RestartPolicy, SeccompRequest,
    UserNsMode,
};

/// Why a container cannot be in a pod as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Something of a namespace that the pod has.
    #[error("{option} cannot be had: the containers of pod `{pod}` share their {what}")]
    OfPod {
        /// The option.
        option: &'static str,
        /// What they share.
        what: &'static str,
        /// The pod.
        pod: String,
    },
    /// An init container in a pod that runs already.
    #[error("--init-ctr cannot be had: the pod `{pod}` runs already")]
    Runs {
        /// The pod.
        pod: String,
    },
}

impl MemberError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::OfPod { option, .. } => format!("give {option} to `pontoon pod create`"),
            Self::Runs { pod } => format!("stop it first: pontoon pod stop {pod}"),
        })
    }
}

/// Changes a request as its pod wants it. `infra` is the pod's infra container, `slice` the pod's slice, `caller` our own ids.
///
/// # Errors
/// See [`MemberError`].
pub fn enter(
    request: &mut CreateRequest,
    pod: &PodRecord,
    infra: Option<&ContainerRecord>,
    slice: &str,
    caller: (u32, u32),
) -> Result<(), MemberError> {
    let PodMember { usual_sysctls, usual, network_option, .. } = request.pod.take().unwrap_or_default();
    request.pod = Some(PodMember { id: pod.id.clone(), infra: pod.infra.clone(), ..PodMember::default() });
    if request.restart == RestartPolicy::No && !request.rm && request.init_container.is_none() {
        request.restart = pod.restart;
    }
    if pod.share_parent && request.cgroups == CgroupMode::Enabled && request.cgroup_parent.is_none() {
        request.cgroup_parent = Some(slice.to_owned());
    }
    let Some(infra) = infra else { return Ok(()) };
    give_way(request, pod, &usual);
    if let (Some(option), true) = (network_option, pod.shares(Shared::Net)) {
        return Err(MemberError::OfPod { option, what: "network", pod: pod.name.clone() });
    }
    share(request, pod, infra)?;
    // Whoever keeps the id is who runs the payload, as in a container by itself.
    if let (UserNsMode::KeepId { uid, gid, .. }, None) = (&infra.request.userns, &request.user) {
        request.user = Some(format!("{}:{}", uid.unwrap_or(caller.0), gid.unwrap_or(caller.1)));
    }
    if matches!(request.network, Some(NetworkMode::Container(_) | NetworkMode::Host)) {
        request.sysctls.retain(|(name, _)| !(name.starts_with("net.") && usual_sysctls.contains(name)));
    }
    inherit(request, infra);
    Ok(())
}

/// Of what the pod shares, nothing is had by these options, which nobody gave: as in Podman, the user's settings
/// (`containers.conf`) are for what a container has by itself.
fn give_way(request: &mut CreateRequest, pod: &PodRecord, usual: &[&'static str]) {
    let gives_way = |option, shared| usual.contains(&option) && pod.shares(shared);
    if gives_way("--network", Shared::Net) {
        request.network = None;
    }
    if request.network.is_none() && pod.shares(Shared::Net) {
        request.forget_name_servers(usual);
    }
    for (option, what) in [
        ("--uts", Shared::Uts),
        ("--pid", Shared::Pid),
        ("--cgroupns", Shared::Cgroup),
        ("--userns", Shared::User),
    ] {
        request.by_name.retain(|it| *it != what || !usual.contains(&option));
    }
    if gives_way("--uts", Shared::Uts) {
        request.uts = NamespaceMode::Private;
    }
    if gives_way("--ipc", Shared::Ipc) {
        request.ipc = NamespaceMode::Private;
        (request.private_ipc, request.no_shm) = (false, false);
    }
    let has_own_ipc = request.private_ipc || request.ipc != NamespaceMode::Private;
    if gives_way("--shm-size", Shared::Ipc) && !has_own_ipc {
        request.shm_size = None;
    }
    if gives_way("--pid", Shared::Pid) {
        request.pid = NamespaceMode::Private;
    }
    if gives_way("--cgroupns", Shared::Cgroup) {
        request.cgroup_namespace = NamespaceMode::Private;
        request.host_cgroup_namespace = false;
    }
    // The ids are the infra container's in any case.
    if usual.contains(&"--userns") {
        request.userns = UserNsMode::Host;
    }
}

/// The namespaces. One that is asked for by name is had instead of the pod's, as in Podman.
fn share(request: &mut CreateRequest, pod: &PodRecord, infra: &ContainerRecord) -> Result<(), MemberError> {
    let refuse = |option, what| Err(MemberError::OfPod { option, what, pod: pod.name.clone() });
    let theirs = || NamespaceMode::Container(infra.id.clone());
    let is_left = |request: &CreateRequest, what| pod.shares(what) && !request.by_name.contains(&what);
    if pod.shares(Shared::Net) && request.network.is_none() {
        if let Some(option) = request.own_network_option() {
            return refuse(option, "network");
        }
        // Its files tell of the network, or nobody's do.
        request.no_hosts |= infra.request.no_hosts;
        request.network = Some(match &infra.request.network {
            // Nothing is gained by sharing what is the host's.
            Some(NetworkMode::Host) => NetworkMode::Host,
            _ => NetworkMode::Container(infra.id.clone()),
        });
    }
    if is_left(request, Shared::Uts) && request.uts == NamespaceMode::Private {
        if request.hostname.is_some() {
            return refuse("--hostname", "host name");
        }
        request.uts = match infra.request.uts {
            NamespaceMode::Host => NamespaceMode::Host,
            _ => theirs(),
        };
        request.no_hostname |= infra.request.no_hostname;
        // What is told of it, in files and variables, is the pod's.
        if request.uts != NamespaceMode::Host {
            request.hostname.clone_from(&infra.request.hostname);
        }
    }
    let has_own_ipc = request.private_ipc || request.no_shm;
    if pod.shares(Shared::Ipc) && request.ipc == NamespaceMode::Private && !has_own_ipc {
        if request.shm_size.is_some() {
            return refuse("--shm-size", "/dev/shm");
        }
        request.ipc = theirs();
    }
    if is_left(request, Shared::Pid) && request.pid == NamespaceMode::Private {
        request.pid = match infra.request.pid {
            NamespaceMode::Host => NamespaceMode::Host,
            _ => theirs(),
        };
    }
    if is_left(request, Shared::Cgroup) && request.cgroup_namespace == NamespaceMode::Private {
        request.cgroup_namespace = theirs();
    }
    // Namespaces can be shared only by those who have the same ids.
    let has_other_ids = infra.request.userns != UserNsMode::Host;
    if has_other_ids || pod.shares(Shared::User) {
        // Whoever says `host` has that only where the pod has it, too.
        let is_said = has_other_ids && request.by_name.contains(&Shared::User);
        if is_said || request.userns != UserNsMode::Host {
            return refuse("--userns", "ids of users");
        }
        if has_other_ids {
            request.userns = UserNsMode::Container(infra.id.clone());
        }
    }
    Ok(())
}

/// What the pod was given for all its containers: mounts, devices and words about confinement (Podman's `InfraInherit`).
fn inherit(request: &mut CreateRequest, infra: &ContainerRecord) {
    let theirs = &infra.request;
    if !theirs.mounts.is_empty() || !infra.volumes.is_empty() {
        request.volumes_from.insert(0, (infra.id.clone(), Vec::new()));
    }
    for device in &theirs.devices {
        if !request.devices.iter().any(|it| it.container == device.container) {
            request.devices.push(device.clone());
        }
    }
    for device in &theirs.cdi_devices {
        if !request.cdi_devices.contains(device) {
            request.cdi_devices.push(device.clone());
        }
    }
    request.no_new_privileges |= theirs.no_new_privileges;
    if request.seccomp == SeccompRequest::Default {
        request.seccomp = theirs.seccomp.clone();
    }
    if request.apparmor.is_none() {
        request.apparmor.clone_from(&theirs.apparmor);
    }
    if request.label_options.is_empty() {
        request.label_options.clone_from(&theirs.label_options);
    }
    if request.proc_options.is_default() {
        request.proc_options.clone_from(&theirs.proc_options);
    }
    for (own, theirs) in [(&mut request.mask, &theirs.mask), (&mut request.unmask, &theirs.unmask)] {
        if own.is_empty() {
            own.clone_from(theirs);
        }
    }
    if request.shm_size_systemd.is_none() {
        request.shm_size_systemd = theirs.shm_size_systemd;
    }
}

/// What an infra container is, whatever else it is asked to be: nothing runs in it, nothing is written in it, and its files are
/// an empty directory.
pub fn be_infra(request: &mut CreateRequest, pod: &PodRecord, rootfs: std::path::PathBuf, slice: &str) {
    use crate::pod::record::ExitPolicy;
    use crate::request::{RootfsRequest, SdNotifyMode, SystemdMode};
    request.infra = Some(Infra { stops_with_last: pod.exit_policy == ExitPolicy::Stop });
    request.pod = Some(PodMember { id: pod.id.clone(), ..PodMember::default() });
    request.rootfs = Some(RootfsRequest { path: rootfs, ..RootfsRequest::default() });
    request.read_only = true;
    request.read_only_tmpfs = Some(false);
    request.passwd = Some(false);
    request.systemd = SystemdMode::False;
    // The pod's service is followed by its pid file.
    request.sdnotify = SdNotifyMode::Ignore;
    if request.name.is_none() {
        request.name = Some(format!("{}-infra", pod.id.get(..12).unwrap_or(&pod.id)));
    }
    if request.hostname.is_none() && request.uts == NamespaceMode::Private {
        request.hostname = Some(pod.name.clone());
    }
    if pod.share_parent {
        request.cgroup_parent = Some(slice.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{MountRequest, MountSource};

    fn pod(shared: &[Shared]) -> (PodRecord, ContainerRecord) {
        let infra = ContainerRecord { id: "f".repeat(64), ..ContainerRecord::default() };
        let pod = PodRecord {
            id: "a".repeat(64),
            name: "shop".to_owned(),
            infra: Some(infra.id.clone()),
            shared: shared.to_vec(),
            share_parent: true,
            restart: RestartPolicy::Always,
            ..PodRecord::default()
        };
        (pod, infra)
    }

    fn entered(
        request: CreateRequest,
        shared: &[Shared],
        change: impl FnOnce(&mut ContainerRecord),
    ) -> Result<CreateRequest, MemberError> {
        let (pod, mut infra) = pod(shared);
        infra.request.hostname = Some("shop".to_owned());
        change(&mut infra);
        let mut request = request;
        enter(&mut request, &pod, Some(&infra), "pod.slice", (1000, 1000))?;
        Ok(request)
    }

    #[test]
    fn the_usual_namespaces_are_the_infra_container_s() {
        let request = entered(CreateRequest::default(), &Shared::USUAL, |_| {}).unwrap();
        let infra = "f".repeat(64);
        assert_eq!(request.network, Some(NetworkMode::Container(infra.clone())));
        assert_eq!((&request.uts, &request.ipc), (&NamespaceMode::Container(infra.clone()), &request.uts));
        assert_eq!(
            (&request.pid, &request.cgroup_namespace),
            (&NamespaceMode::Private, &NamespaceMode::Private)
        );
        assert_eq!(request.userns, UserNsMode::Host);
        assert_eq!(request.hostname.as_deref(), Some("shop"));
        assert_eq!(request.cgroup_parent.as_deref(), Some("pod.slice"));
        assert_eq!(request.restart, RestartPolicy::Always);
        assert_eq!(
            request.pod,
            Some(PodMember { id: "a".repeat(64), infra: Some(infra), ..PodMember::default() })
        );
    }

    #[test]
    fn what_is_asked_for_by_name_is_had_instead() {
        let own = CreateRequest {
            network: Some(NetworkMode::None),
            pid: NamespaceMode::Host,
            private_ipc: true,
            cgroups: CgroupMode::Split,
            rm: true,
            ..CreateRequest::default()
        };
        let request = entered(own, &Shared::ALL[..], |_| {}).unwrap();
        assert_eq!(request.network, Some(NetworkMode::None));
        assert_eq!((request.pid, request.ipc), (NamespaceMode::Host, NamespaceMode::Private));
        // In a unit the unit's group is the container's; one that goes when it ends is not started anew.
        assert_eq!((request.cgroup_parent, request.restart), (None, RestartPolicy::No));
        let host = entered(CreateRequest::default(), &Shared::ALL[..], |infra| {
            infra.request.network = Some(NetworkMode::Host);
            infra.request.pid = NamespaceMode::Host;
        });
        let host = host.unwrap();
        assert_eq!((host.network, host.pid), (Some(NetworkMode::Host), NamespaceMode::Host));
    }

    #[test]
    fn the_default_that_is_asked_for_by_name_is_had_too() {
        let by_name = |what: &[Shared]| CreateRequest {
            hostname: Some("own".to_owned()),
            by_name: what.to_vec(),
            ..CreateRequest::default()
        };
        let private = by_name(&[Shared::Uts, Shared::Pid, Shared::Cgroup]);
        let own = entered(private.clone(), &Shared::ALL[..], |_| {}).unwrap();
        for mode in [own.uts, own.pid, own.cgroup_namespace] {
            assert_eq!(mode, NamespaceMode::Private);
        }
        assert_eq!(own.hostname.as_deref(), Some("own"));
        assert_eq!(own.ipc, NamespaceMode::Container("f".repeat(64)));
        // The user's settings ask for nothing.
        let usual = PodMember { usual: vec!["--uts", "--pid", "--cgroupns"], ..PodMember::default() };
        let settings = CreateRequest { hostname: None, pod: Some(usual), ..private };
        let theirs = entered(settings, &Shared::ALL[..], |_| {}).unwrap();
        for mode in [theirs.uts, theirs.pid, theirs.cgroup_namespace] {
            assert_eq!(mode, NamespaceMode::Container("f".repeat(64)));
        }
        let host = CreateRequest { hostname: None, ..by_name(&[Shared::User]) };
        assert_eq!(entered(host.clone(), &Shared::ALL, |_| {}).unwrap().userns, UserNsMode::Host);
        let refused = entered(host, &[], |it| it.request.userns = UserNsMode::NoMap).unwrap_err();
        assert!(refused.to_string().starts_with("--userns"), "{refused}");
    }

    #[test]
    fn what_nobody_asked_for_gives_way() {
        let usual = ["--network", "--dns", "--uts", "--ipc", "--shm-size", "--pid", "--cgroupns", "--userns"];
        let request = CreateRequest {
            network: Some(NetworkMode::None),
            dns: vec!["192.0.2.1".to_owned()],
            dns_search: vec!["asked.example".to_owned()],
            uts: NamespaceMode::Host,
            private_ipc: true,
            shm_size: Some(1),
            pid: NamespaceMode::Host,
            cgroup_namespace: NamespaceMode::Host,
            host_cgroup_namespace: true,
            userns: UserNsMode::NoMap,
            pod: Some(PodMember { usual: usual.to_vec(), ..PodMember::default() }),
            ..CreateRequest::default()
        };
        let refused = entered(request.clone(), &Shared::ALL[..], |_| {}).unwrap_err();
        assert!(refused.to_string().starts_with("--dns-search"), "{refused}");
        let request = CreateRequest { dns_search: Vec::new(), ..request };
        let theirs = entered(request.clone(), &Shared::ALL[..], |_| {}).unwrap();
        let infra = "f".repeat(64);
        assert_eq!(theirs.network, Some(NetworkMode::Container(infra.clone())));
        for mode in [theirs.uts, theirs.ipc, theirs.pid, theirs.cgroup_namespace] {
            assert_eq!(mode, NamespaceMode::Container(infra.clone()));
        }
        assert!(theirs.dns.is_empty() && theirs.shm_size.is_none() && !theirs.private_ipc);
        assert!(!theirs.host_cgroup_namespace && theirs.userns == UserNsMode::Host);
        // What the pod does not share is as the settings have it.
        let own = entered(request, &[], |_| {}).unwrap();
        assert_eq!((own.network, own.shm_size), (Some(NetworkMode::None), Some(1)));
        assert_eq!((own.uts, own.pid), (NamespaceMode::Host, NamespaceMode::Host));
    }

    #[test]
    fn kernel_settings_of_the_network_are_the_pod_s() {
        let setting = |name: &str| (name.to_owned(), "0".to_owned());
        let asked = |shared: &[Shared]| {
            let usual_sysctls = vec!["net.usual".to_owned(), "kernel.usual".to_owned()];
            let request = CreateRequest {
                pod: Some(PodMember { usual_sysctls, ..PodMember::default() }),
                sysctls: vec![setting("net.usual"), setting("kernel.usual"), setting("net.asked")],
                ..CreateRequest::default()
            };
            let sysctls = entered(request, shared, |_| {}).unwrap().sysctls;
            sysctls.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
        };
        assert_eq!(asked(&Shared::USUAL), ["kernel.usual", "net.asked"]);
        assert_eq!(asked(&[]), ["net.usual", "kernel.usual", "net.asked"]);
    }

    #[test]
    fn what_is_of_the_pod_is_refused() {
        let port = pontoon_network::parse_publish("80:80").unwrap();
        for (option, request) in [
            ("--publish", CreateRequest { publish: vec![port], ..CreateRequest::default() }),
            ("--dns", CreateRequest { dns: vec!["1.1.1.1".to_owned()], ..CreateRequest::default() }),
            ("--hostname", CreateRequest { hostname: Some("x".to_owned()), ..CreateRequest::default() }),
            ("--shm-size", CreateRequest { shm_size: Some(1), ..CreateRequest::default() }),
        ] {
            let error = entered(request.clone(), &Shared::USUAL, |_| {}).unwrap_err();
            assert!(error.to_string().starts_with(option), "{error}");
            // Where nothing is shared it is the container's own.
            entered(request, &[], |_| {}).unwrap();
        }
        let mapped = CreateRequest { userns: UserNsMode::NoMap, ..CreateRequest::default() };
        assert!(entered(mapped, &Shared::USUAL, |it| it.request.userns = UserNsMode::NoMap).is_err());
        let theirs = entered(CreateRequest::default(), &[], |it| it.request.userns = UserNsMode::NoMap);
        assert_eq!(theirs.unwrap().userns, UserNsMode::Container("f".repeat(64)));
        let keeps = UserNsMode::KeepId { uid: None, gid: Some(5), size: None };
        let kept = entered(CreateRequest::default(), &[], |it| it.request.userns = keeps).unwrap();
        assert_eq!(kept.user.as_deref(), Some("1000:5"));
    }

    #[test]
    fn mounts_devices_and_confinement_are_the_pod_s_too() {
        let request = entered(CreateRequest::default(), &[], |infra| {
            let mount = MountRequest {
                source: MountSource::Volume("data".to_owned()),
                target: "/data".to_owned(),
                options: Vec::new(),
            };
            infra.request.mounts.push(mount);
            infra.request.no_new_privileges = true;
            infra.request.seccomp = SeccompRequest::Unconfined;
            infra.request.mask.push("/x".to_owned());
        });
        let request = request.unwrap();
        assert_eq!(request.volumes_from, [("f".repeat(64), Vec::new())]);
        assert!(request.no_new_privileges && request.seccomp == SeccompRequest::Unconfined);
        assert_eq!(request.mask, ["/x"]);
    }
}
