//! What was asked of a container, and no object of Kubernetes says.

use pontoon_kube::objects::Container;
use pontoon_lifecycle::request::{CgroupMode, HostsFile, NamespaceMode, SystemdMode};

use super::{Member, Writing};

/// What a cluster has no words for. What only says how this machine looks after the container (its log, its files of ids) is
/// each machine's own business.
pub(super) fn write(writing: &mut Writing<'_>, member: &Member<'_>, container: &Container) {
    let request = member.request;
    let podman_only = writing.wishes.podman_only;
    let mut setting = |key: &str, value: String| {
        writing.metadata.annotations.insert(format!("io.podman.annotations.{key}/{}", container.name), value);
    };
    if podman_only && request.init {
        setting("init", "TRUE".to_owned());
    }
    if podman_only && !request.ulimits.is_empty() {
        let limit = |value: Option<u64>| value.map_or("-1".to_owned(), |it| it.to_string());
        let all = request
            .ulimits
            .iter()
            .map(|(name, soft, hard)| format!("{name}={}:{}", limit(*soft), limit(*hard)));
        setting("ulimit", all.collect::<Vec<_>>().join(","));
    }
    let nothing = "a cluster has no such setting";
    // The namespaces of its own pod are what the pod is.
    let infra = request.pod.as_ref().and_then(|it| it.infra.as_deref());
    let joins = |mode: &NamespaceMode| match mode {
        NamespaceMode::Container(name) => Some(name.as_str()) != infra,
        NamespaceMode::Path(_) => true,
        NamespaceMode::Private | NamespaceMode::Host => false,
    };
    let together = "containers share namespaces by being in one pod";
    let rows = [
        (
            "--init",
            request.init && !podman_only,
            "the image must bring a program that reaps, or share the pod's processes",
        ),
        (
            "--ulimit",
            !request.ulimits.is_empty() && !podman_only,
            "limits of processes are those of the machine",
        ),
        (
            "--timeout",
            request.timeout.is_some_and(|it| it > 0) && writing.spec.active_deadline_seconds.is_none(),
            "all containers of a pod have one",
        ),
        ("--security-opt proc-opts", !request.proc_options.is_default(), nothing),
        ("--umask", request.umask.is_some_and(|it| it != 0o022), nothing),
        ("--oom-score-adj", request.oom_score_adj.is_some(), nothing),
        ("--stop-signal", request.stop_signal.is_some(), "the image says it (STOPSIGNAL)"),
        (
            "--unsetenv",
            !request.unset_env.is_empty() || request.unset_env_all,
            "variables of the image cannot be taken away",
        ),
        ("--env-merge", !request.env_merge.is_empty(), "a value cannot be made of the image's"),
        ("--device-cgroup-rule", !request.device_cgroup_rules.is_empty(), nothing),
        (
            "--gpus",
            !request.cdi_devices.is_empty(),
            "a cluster gives devices by plugins: say it in `resources.limits`",
        ),
        ("--systemd always", request.systemd == SystemdMode::Always, nothing),
        ("--requires", !request.requires.is_empty(), "containers of a pod start together"),
        ("--cgroups disabled", request.cgroups == CgroupMode::Disabled, nothing),
        ("--personality", request.personality.is_some(), nothing),
        ("--pid", joins(&request.pid), together),
        ("--ipc", joins(&request.ipc), together),
        ("--ipc none", request.no_shm, nothing),
        ("--uts", joins(&request.uts), together),
        ("--uts host", request.uts == NamespaceMode::Host, "`hostNetwork` has the machine's host name, too"),
        ("--cgroupns", joins(&request.cgroup_namespace) || request.host_cgroup_namespace, nothing),
        ("--publish-all", request.publish_all, "name the ports with --publish"),
        ("--group-add keep-groups", request.keep_groups, nothing),
        ("--hostuser", !request.host_users.is_empty(), nothing),
        ("--passwd-entry", request.passwd_entry.is_some() || request.group_entry.is_some(), nothing),
        ("--chrootdirs", !request.chroot_dirs.is_empty(), nothing),
        ("--ulimit host", request.host_ulimits, nothing),
        ("--no-hostname", request.no_hostname, "a cluster writes /etc/hostname"),
        (
            "--health-startup-success",
            request.health.startup_successes.is_some_and(|it| it > 1),
            "a startup probe passes once",
        ),
        ("--no-hosts", request.no_hosts, "a cluster writes /etc/hosts"),
        (
            "--hosts-file",
            matches!(request.hosts_file, Some(HostsFile::Path(_) | HostsFile::None)),
            "a cluster writes /etc/hosts",
        ),
    ];
    for (option, _, reason) in rows.iter().filter(|it| it.1) {
        writing.lost(member.name, option, *reason);
    }
}
