//! Containers and pods that are made like others (podman-container-clone(1), podman-pod-clone(1)): what is asked for, for them.
//! Pure.

use super::create::PodRequest;
use super::record::{PodRecord, Shared};
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, NamespaceMode, NetworkMode, PodMember, UserNsMode};

/// The pod of a container that another one is made like.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The pod.
    pub pod: &'a PodRecord,
    /// Its infra container.
    pub infra: Option<&'a ContainerRecord>,
    /// Its slice.
    pub slice: &'a str,
}

/// What a container like `original` is asked for, without a name, and in no pod. The ports of the host and the addresses are the
/// original's own: one that does not replace it goes without, as in Podman.
#[must_use]
pub fn container(original: &ContainerRecord, origin: Option<Origin<'_>>, replaces: bool) -> CreateRequest {
    let mut request = CreateRequest {
        name: None,
        replace: false,
        cidfile: None,
        pidfile: None,
        conmon_pidfile: None,
        systemd_unit: None,
        ..original.request.clone()
    };
    if replaces {
        // Which ones of the host they are is known already.
        request.publish_all = false;
    } else {
        request.publish.clear();
        forget_addresses(&mut request);
    }
    if let Some(origin) = origin {
        leave(&mut request, origin);
    }
    request
}

fn forget_addresses(request: &mut CreateRequest) {
    if let Some(NetworkMode::Named(uses)) = &mut request.network {
        for network in uses {
            network.addresses.clear();
            network.mac = None;
        }
    }
}

/// Takes back what [`super::member::enter`] has made of a request.
fn leave(request: &mut CreateRequest, origin: Origin<'_>) {
    request.pod = None;
    if request.cgroup_parent.as_deref() == Some(origin.slice) {
        request.cgroup_parent = None;
    }
    let Some(infra) = origin.infra else { return };
    let is_pods = |mode: &NamespaceMode, what, theirs: &NamespaceMode| match mode {
        NamespaceMode::Container(id) => *id == infra.id,
        NamespaceMode::Host => origin.pod.shares(what) && *theirs == NamespaceMode::Host,
        NamespaceMode::Private | NamespaceMode::Path(_) => false,
    };
    let is_pods_network = match &request.network {
        Some(NetworkMode::Container(id)) => *id == infra.id,
        Some(NetworkMode::Host) => {
            origin.pod.shares(Shared::Net) && infra.request.network == Some(NetworkMode::Host)
        }
        _ => false,
    };
    if is_pods_network {
        request.network = None;
    }
    if is_pods(&request.uts, Shared::Uts, &infra.request.uts) {
        request.uts = NamespaceMode::Private;
        request.hostname = None;
    }
    let theirs = infra.request.clone();
    for (mode, what, theirs) in [
        (&mut request.pid, Shared::Pid, &theirs.pid),
        (&mut request.ipc, Shared::Ipc, &theirs.ipc),
        (&mut request.cgroup_namespace, Shared::Cgroup, &theirs.cgroup_namespace),
    ] {
        if is_pods(mode, what, theirs) {
            *mode = NamespaceMode::Private;
        }
    }
    if request.userns == UserNsMode::Container(infra.id.clone()) {
        request.userns = UserNsMode::Host;
    }
    request.volumes_from.retain(|(name, _)| *name != infra.id);
}

/// What a pod like `original` is asked for, without a name. Of ports and addresses the same holds as for [`container`].
#[must_use]
pub fn pod(original: &PodRecord, infra: Option<&ContainerRecord>, replaces: bool) -> PodRequest {
    let like = |infra: &ContainerRecord| {
        let mut request = container(infra, None, replaces);
        // Decided for every infra container alike.
        request.pod = None;
        request.infra = None;
        request.rootfs = None;
        // What the original was made with says nothing of this one.
        request.create_command.clear();
        if original.share_parent {
            request.cgroup_parent = None;
        }
        if original.hostname.is_none() && request.hostname.as_ref() == Some(&original.name) {
            request.hostname = None;
        }
        Box::new(request)
    };
    PodRequest {
        labels: original.labels.clone(),
        shared: original.shared.clone(),
        share_parent: original.share_parent,
        cgroup_parent: original.cgroup_parent.clone(),
        resources: original.resources.clone(),
        exit_policy: original.exit_policy,
        restart: original.restart,
        security_options: original.security_options.clone(),
        infra: infra.map(like),
        ..PodRequest::default()
    }
}

/// Puts a container that is like one of a pod into a pod that is like that one: `others` are the containers of the pod that are made
/// already, each with the one that it is like.
pub fn join(request: &mut CreateRequest, pod: &PodRecord, others: &[(&ContainerRecord, String)]) {
    request.pod = Some(PodMember { id: pod.id.clone(), ..PodMember::default() });
    let like = |name: &str| {
        let found = others.iter().find(|(it, _)| it.name == name || it.id.starts_with(name));
        found.map(|(_, id)| id.clone())
    };
    let change = |name: &mut String| {
        if let Some(id) = like(name) {
            *name = id;
        }
    };
    if let Some(NetworkMode::Container(name)) = &mut request.network {
        change(name);
    }
    if let UserNsMode::Container(name) = &mut request.userns {
        change(name);
    }
    for mode in [&mut request.pid, &mut request.ipc, &mut request.uts, &mut request.cgroup_namespace] {
        if let NamespaceMode::Container(name) = mode {
            change(name);
        }
    }
    request.requires.iter_mut().for_each(change);
}

/// The name of something like what is called so: the first that is free of `NAME-clone`, `NAME-clone1`, …
#[must_use]
pub fn name(original: &str, is_free: impl Fn(&str) -> bool) -> String {
    let first = format!("{original}-clone");
    let more = (1_u32..).map(|number| format!("{first}{number}"));
    std::iter::once(first.clone()).chain(more).find(|it| is_free(it)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod::member;
    use crate::request::{CgroupMode, NetworkUse};

    fn record(id: &str, request: CreateRequest) -> ContainerRecord {
        ContainerRecord { id: id.repeat(64), name: id.to_owned(), request, ..ContainerRecord::default() }
    }

    fn shop(shared: &[Shared], infra: &ContainerRecord) -> PodRecord {
        PodRecord {
            id: "a".repeat(64),
            name: "shop".to_owned(),
            infra: Some(infra.id.clone()),
            shared: shared.to_vec(),
            share_parent: true,
            ..PodRecord::default()
        }
    }

    #[test]
    fn whoever_has_left_a_pod_is_as_before() {
        for theirs in [
            CreateRequest::default(),
            CreateRequest {
                network: Some(NetworkMode::Host),
                pid: NamespaceMode::Host,
                userns: UserNsMode::NoMap,
                hostname: Some("shop".to_owned()),
                ..CreateRequest::default()
            },
        ] {
            let infra = record("f", theirs);
            let pod = shop(&Shared::ALL, &infra);
            for own in [
                CreateRequest::default(),
                CreateRequest { cgroups: CgroupMode::Split, private_ipc: true, ..CreateRequest::default() },
                CreateRequest { network: Some(NetworkMode::None), ..CreateRequest::default() },
                CreateRequest { by_name: vec![Shared::Uts, Shared::Pid], ..CreateRequest::default() },
            ] {
                let mut entered = own.clone();
                member::enter(&mut entered, &pod, Some(&infra), "pod.slice", (1, 1)).unwrap();
                assert_ne!(entered, own);
                let origin = Origin { pod: &pod, infra: Some(&infra), slice: "pod.slice" };
                assert_eq!(container(&record("c", entered), Some(origin), false), own);
            }
        }
    }

    #[test]
    fn what_only_one_can_have_is_had_by_the_one_that_stays() {
        let network = NetworkUse {
            name: "net".to_owned(),
            addresses: vec!["10.89.0.7".parse().unwrap()],
            ..NetworkUse::default()
        };
        let original = record(
            "c",
            CreateRequest {
                name: Some("web".to_owned()),
                publish: vec![pontoon_network::parse_publish("8080:80").unwrap()],
                network: Some(NetworkMode::Named(vec![network.clone()])),
                cidfile: Some("/run/web".into()),
                ..CreateRequest::default()
            },
        );
        let beside = container(&original, None, false);
        let without = NetworkUse { addresses: Vec::new(), ..network };
        assert_eq!(beside.network, Some(NetworkMode::Named(vec![without])));
        assert!(beside.publish.is_empty() && beside.name.is_none() && beside.cidfile.is_none());
        let instead = container(&original, None, true);
        assert_eq!((instead.publish, instead.network), (original.request.publish, original.request.network));
    }

    #[test]
    fn members_name_each_other_by_their_new_ids() {
        let infra = record("f", CreateRequest::default());
        let pod = shop(&Shared::USUAL, &infra);
        let first = record("b", CreateRequest::default());
        let mut request = CreateRequest {
            pid: NamespaceMode::Container("b".to_owned()),
            requires: vec!["bbbb".to_owned(), "other".to_owned()],
            ..CreateRequest::default()
        };
        join(&mut request, &pod, &[(&first, "new".to_owned())]);
        assert_eq!(request.pid, NamespaceMode::Container("new".to_owned()));
        assert_eq!(request.requires, ["new", "other"]);
    }

    #[test]
    fn names_are_counted() {
        assert_eq!(name("web", |_| true), "web-clone");
        assert_eq!(name("web", |it| !["web-clone", "web-clone1"].contains(&it)), "web-clone2");
    }
}
