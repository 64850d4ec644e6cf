//! The mounts of a container, in the order in which they are made.

use std::path::{Path, PathBuf};

use pontoon_monitor::plan::{NotifyPlan, RunFile};
use pontoon_monitor::state;
use pontoon_network::NetworkPlan;
use pontoon_rootless::idmap;
use pontoon_runtime::plan::{Allows, Mount, MountSource as Source, Propagation};

use super::confinement::is_unmasked;
use super::{DecideError, Facts, asked};
use crate::request::{CreateRequest, DeviceRequest, MountSource, NamespaceMode, SecretPlace};
use crate::secret::Places;

/// Podman's default size of `/dev/shm`, in bytes.
const DEFAULT_SHM: u64 = 64 << 20;
/// Where secrets are seen.
const SECRETS: &str = "/run/secrets";
/// What tells programs that they are in a container.
const CONTAINER_ENVIRONMENT: &str = "/run/.containerenv";
/// Group of terminals, `tty` on every distribution.
const TTY_GROUP: u32 = 5;

/// Every container's devices: name, major and minor number (see the kernel's devices.txt).
const DEVICES: [(&str, (u32, u32)); 6] = [
    ("null", (1, 3)),
    ("zero", (1, 5)),
    ("full", (1, 7)),
    ("tty", (5, 0)),
    ("random", (1, 8)),
    ("urandom", (1, 9)),
];

pub(super) fn decide(
    facts: &Facts<'_>,
    network: &NetworkPlan,
    files: &[RunFile],
    notify: NotifyPlan,
    is_systemd: bool,
    has_device_rules: bool,
) -> Result<Vec<Mount>, DecideError> {
    let request = &facts.record.request;
    let mut asked = match request.infra {
        // What a pod is given is for its containers; nobody sees anything in this one.
        Some(_) => Vec::new(),
        None => asked::mounts(&asked::Asked::of(facts, has_device_rules))?,
    };
    let is_taken = |asked: &[Mount], target: &str| asked.iter().any(|it| it.target == target);
    for mount in facts.default_mounts.iter().filter(|_| request.infra.is_none()) {
        if !is_taken(&asked, &mount.target) {
            let owner = (mount.is_fresh && super::has_foreign_root(facts)).then_some((0, 0));
            let copy = bind(mount.copy.clone(), &mount.target);
            asked.push(Mount { read_only: request.read_only, owner, ..copy });
        }
    }
    let secrets = secrets(facts)?;
    // Their mount points are nothing that is left behind, for `commit` to show programs empty passwords.
    let are_below =
        secrets.iter().any(|it| Path::new(&it.target).parent().is_some_and(|it| it.starts_with(SECRETS)));
    if are_below && !is_taken(&asked, SECRETS) {
        let mode = ("mode".to_owned(), "755".to_owned());
        asked.push(Mount { read_only: request.read_only, noexec: true, ..tmpfs(SECRETS, vec![mode], false) });
    }
    asked.extend(secrets);
    for mount in &facts.cdi.mounts {
        asked.retain(|it| it.target != mount.target);
        asked.extend(asked::of_specification(mount)?);
    }
    let mut mounts = kernel_mounts(facts, network, is_systemd, has_device_rules);
    if let Some(usual) = mounts.iter().find(|it| matches!(it.source, Source::Devpts { .. }))
        && let Some(same) = asked.iter_mut().find(|it| it.target == usual.target)
        && same.source == (Source::AskedDevpts { options: Vec::new() })
    {
        // Whoever asks for it and says no more (toolbox does) means the usual one, where terminals belong to a group.
        same.source = usual.source.clone();
    }
    let is_asked = |path: &str| asked.iter().any(|it| it.target == path);
    mounts.retain(|it| !is_asked(&it.target));
    if is_asked("/dev") {
        // Terminals and queues are those that somebody shows there; programs still count on memory to share.
        mounts.retain(|it| !it.target.starts_with("/dev/") || it.target == "/dev/shm");
    }
    let shows_dev = asked.iter().any(|it| it.target == "/dev" && !matches!(it.source, Source::Tmpfs { .. }));
    let mut nodes = Vec::new();
    if !shows_dev || request.privileged {
        nodes.extend(
            DEVICES
                .iter()
                .map(|(name, number)| device(Path::new("/dev").join(name), None, Some(*number), "rwm")),
        );
    }
    nodes.extend(facts.devices.iter().map(|path| device(path.clone(), None, None, "rwm")));
    nodes.extend(facts.asked_devices.iter().map(|it| asked_device(&it.request)));
    // The host's root could change the host's nodes, and those with other ids could not use them; nobody else may make any.
    // What they can do is said by rules then, and not by where they are.
    let can_lie_there = facts.maps.is_some() || !is_asked("/dev");
    if facts.caller.uid == 0 && can_lie_there && (request.privileged || has_device_rules) {
        for node in &mut nodes {
            if let Source::Device { is_own, .. } = &mut node.source {
                *is_own = true;
            }
        }
    }
    mounts.extend(nodes);
    if request.read_only && request.read_only_tmpfs != Some(false) {
        for path in ["/run", "/tmp", "/var/tmp"] {
            if !is_asked(path) {
                mounts.push(tmpfs(path, Vec::new(), true));
            }
        }
    }
    if is_systemd {
        // Where systemd keeps what is of this boot alone.
        let size = request.shm_size_systemd.map(|size| ("size".to_owned(), size.to_string()));
        for path in ["/run", "/run/lock", "/tmp", "/var/log/journal"].iter().filter(|it| !is_asked(it)) {
            mounts.retain(|it| it.target != **path);
            mounts.push(tmpfs(path, size.iter().cloned().collect(), true));
        }
    }
    let own = files.iter().map(|it| (it.name.as_str(), facts.run_directory.to_owned()));
    let of_infra = |it| facts.store.run.join("containers").join(it);
    let hosts = request.shares_hosts_of().map(|it| ("hosts", of_infra(it)));
    let has_resolvers = facts.shared.as_ref().is_some_and(|it| it.resolv_conf.is_some());
    let resolvers = request.shares_network_of().filter(|_| has_resolvers);
    let resolvers = resolvers.map(|it| ("resolv.conf", of_infra(it)));
    // The host's `/run` is not to look like a container's.
    let shows_run =
        request.mounts.iter().any(|it| it.target == "/run" && matches!(it.source, MountSource::Bind(_)));
    let own = own.filter(|(name, _)| !(shows_run && target_of(name) == CONTAINER_ENVIRONMENT));
    // What is another container's has been given already.
    let root = super::has_foreign_root(facts).then_some((0, 0));
    let own = own.map(|(name, directory)| (name, directory, root));
    let theirs = hosts.into_iter().chain(resolvers).map(|(name, directory)| (name, directory, None));
    for (name, directory, owner) in own.chain(theirs) {
        let target = target_of(name);
        let below = request.chroot_dirs.iter().map(|it| format!("{}{target}", it.trim_end_matches('/')));
        for target in std::iter::once(target.to_owned()).chain(below) {
            if !is_asked(&target) {
                let file = bind(directory.join(name), &target);
                mounts.push(Mount { read_only: request.read_only, owner, ..file });
            }
        }
    }
    if let (Some(init), true) = (&request.init_path, request.init) {
        mounts.push(Mount { read_only: true, ..bind(init.clone(), super::process::INIT) });
    }
    if notify == NotifyPlan::Container {
        mounts.push(bind(facts.run_directory.join(state::NOTIFY_SUBDIRECTORY), state::NOTIFY_DIRECTORY));
    }
    mounts.extend(asked);
    put_in_order(&mut mounts);
    if let Some(contexts) = &facts.record.contexts {
        for mount in &mut mounts {
            if let Source::Tmpfs { options, .. } | Source::AskedDevpts { options } = &mut mount.source {
                options.push(("context".to_owned(), contexts.mount.clone()));
            }
            if let Source::Common { volume, .. } = &mut mount.source
                && volume.is_in_memory()
            {
                // Without the categories, which are one container's.
                let all = contexts.mount.splitn(4, ':').take(3).chain(["s0"]).collect::<Vec<_>>().join(":");
                volume.options.push(("context".to_owned(), Some(all)));
            }
        }
    }
    Ok(mounts)
}

/// A mount may lie in another, whoever wants either: the shorter path comes first. So a container has its own `/etc/hosts` in
/// a directory of the host that is shown as its `/etc`.
fn put_in_order(mounts: &mut Vec<Mount>) {
    mounts.sort_by_key(|it| depth(&it.target));
    show_groups_late(mounts);
}

/// Where the container's control groups are shown has to wait until it is in its own, and the other mounts need not: they
/// come first, as far as none of them covers that place or lies in it.
fn show_groups_late(mounts: &mut Vec<Mount>) {
    let Some(place) = mounts.iter().position(|it| it.source == Source::Cgroup) else { return };
    let groups = mounts.remove(place);
    let (own, rest) = (Path::new(&groups.target), mounts.iter().skip(place));
    let meets = |other: &Path| other.starts_with(own) || own.starts_with(other);
    let free = rest.take_while(|it| !meets(Path::new(&it.target))).count();
    mounts.insert(place + free, groups);
}

fn depth(path: &str) -> usize {
    path.split('/').filter(|it| !it.is_empty()).count()
}

pub(super) fn target_of(file: &str) -> &'static str {
    match file {
        "hosts" => "/etc/hosts",
        "resolv.conf" => "/etc/resolv.conf",
        "hostname" => "/etc/hostname",
        "localtime" => "/etc/localtime",
        _ => CONTAINER_ENVIRONMENT,
    }
}

pub(super) fn plain(source: Source, target: &str) -> Mount {
    Mount {
        target: target.to_owned(),
        source,
        read_only: false,
        nosuid: true,
        nodev: true,
        noexec: false,
        allows: Allows::default(),
        propagation: Propagation::Private,
        give_to_user: false,
        owner: None,
        group: None,
        fill: false,
        ids: None,
    }
}

pub(super) fn bind(path: PathBuf, target: &str) -> Mount {
    plain(of_host(path), target)
}

fn of_host(path: impl Into<PathBuf>) -> Source {
    Source::Bind { path: path.into(), recursive: true, first_copy: None, subpath: None }
}

pub(super) fn tmpfs(target: &str, options: Vec<(String, String)>, copy_up: bool) -> Mount {
    plain(Source::Tmpfs { options, copy_up }, target)
}

/// `/proc`, `/dev`, `/sys` and what belongs to them.
fn kernel_mounts(
    facts: &Facts<'_>,
    network: &NetworkPlan,
    is_systemd: bool,
    has_device_rules: bool,
) -> Vec<Mount> {
    let request = &facts.record.request;
    let option = |name: &str, value: String| (name.to_owned(), value);
    let is_whole_host = facts.maps.is_none();
    let is_mapped = facts.maps.as_ref().is_none_or(|maps| idmap::to_host(&maps.gids, TTY_GROUP).is_some());
    let hardened = |source, target| Mount { noexec: true, ..plain(source, target) };
    let dev_options = vec![option("size", "65536k".to_owned()), option("mode", "755".to_owned())];
    let shm_options = vec![
        option("size", request.shm_size.unwrap_or(DEFAULT_SHM).to_string()),
        option("mode", "1777".to_owned()),
    ];
    let read_only_sys = !request.privileged;
    let is_foreign = facts.shared.as_ref().is_some_and(|it| it.namespaces.own_user && it.namespaces.network);
    let label = facts.record.contexts.as_ref().map(|it| it.mount.clone());
    let sys = if network.own_namespace && !is_foreign {
        Mount { read_only: read_only_sys, ..hardened(Source::Sysfs, "/sys") }
    } else {
        // A new sysfs shows a network namespace and is given only to whoever owns it, so the host's is shown.
        Mount { read_only: read_only_sys, ..hardened(of_host("/sys"), "/sys") }
    };
    let host_ipc = request.ipc == NamespaceMode::Host;
    let no_shm_of_other = facts.shared.as_ref().and_then(|it| it.no_shm);
    let no_shm = request.no_shm || no_shm_of_other == Some(true);
    // A new instance shows a namespace, and is given only to whoever owns that.
    let options = &request.proc_options;
    let proc = match request.pid {
        NamespaceMode::Host => of_host("/proc"),
        _ if options.is_default() => Source::Proc,
        _ => Source::AskedProc { options: options.of_filesystem.clone() },
    };
    let mqueue = if host_ipc { of_host("/dev/mqueue") } else { Source::Mqueue };
    let shm = match no_shm_of_other {
        _ if host_ipc => of_host("/dev/shm"),
        Some(_) => Source::SharedMemory,
        None => Source::Tmpfs { options: shm_options, copy_up: false },
    };
    let cgroups = if request.host_cgroup_namespace {
        hardened(of_host("/sys/fs/cgroup"), "/sys/fs/cgroup")
    } else {
        hardened(Source::Cgroup, "/sys/fs/cgroup")
    };
    // systemd makes groups of its own, below the container's, and so does who asks for nothing to be hidden.
    let cgroups = Mount {
        read_only: read_only_sys && !is_systemd && !is_unmasked(&request.unmask, "/sys/fs/cgroup"),
        ..cgroups
    };
    // Who wants no file systems in memory that can be written to means these as well.
    let read_only_memory = request.read_only && request.read_only_tmpfs == Some(false);
    let mut mounts = vec![
        Mount { read_only: options.read_only, ..hardened(proc, "/proc") },
        // The devices are mounts of their own: what somebody makes beside them is none (in a user namespace it never is),
        // unless the kernel asks rules about it.
        Mount {
            nodev: is_whole_host && !request.privileged && !has_device_rules,
            read_only: read_only_memory,
            ..tmpfs("/dev", dev_options, false)
        },
        Mount {
            nodev: false,
            ..hardened(Source::Devpts { gid: is_mapped.then_some(TTY_GROUP), label }, "/dev/pts")
        },
        hardened(mqueue, "/dev/mqueue"),
        Mount { read_only: read_only_memory && !keeps_memory(request), ..hardened(shm, "/dev/shm") },
        sys,
        cgroups,
    ];
    mounts.retain(|it| !(no_shm && it.target == "/dev/shm"));
    mounts
}

/// Whether `/dev/shm` is there for others: what an infra container has is the memory of its pod, and each member says for
/// itself whether it may write to that.
fn keeps_memory(request: &CreateRequest) -> bool {
    request.infra.is_some()
}

fn device(path: PathBuf, target: Option<&str>, number: Option<(u32, u32)>, permissions: &str) -> Mount {
    let target = target.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned);
    Mount {
        nodev: false,
        noexec: true,
        read_only: !permissions.contains('w'),
        ..plain(Source::Device { path, number, is_own: false }, &target)
    }
}

/// A node of the host's that somebody asks for.
pub(crate) fn asked_device(request: &DeviceRequest) -> Mount {
    device(request.host.clone(), Some(&request.container), None, &request.permissions)
}

/// What is mounted from the host, without what the engine brings: for work on a container's files.
pub(super) fn from_host(asked: &asked::Asked<'_>) -> Result<Vec<Mount>, DecideError> {
    // What is laid over another directory is so for a run only, and nowhere to be found without one.
    let mut mounts = asked::mounts(asked)?;
    mounts.retain(|it| match &it.source {
        Source::Bind { .. } | Source::Link { .. } | Source::Common { .. } => true,
        // What is in memory is gone when it is.
        Source::Filesystem { kind, .. } => kind != "ramfs",
        _ => false,
    });
    mounts.sort_by_key(|it| depth(&it.target));
    // Their user gets them when the container is started.
    mounts.iter_mut().for_each(|it| it.give_to_user = false);
    Ok(mounts)
}

/// The secrets that are seen in files.
fn secrets(facts: &Facts<'_>) -> Result<Vec<Mount>, DecideError> {
    let places = Places { directory: facts.directory, run_directory: facts.run_directory };
    let mut mounts = Vec::new();
    for (number, secret) in facts.record.request.secrets.iter().enumerate() {
        if let SecretPlace::Mount { target, uid, gid, .. } = &secret.place {
            let target = if target.starts_with('/') { target.clone() } else { format!("{SECRETS}/{target}") };
            asked::check_target(&target)?;
            let path = places.copy_path(facts.record, number);
            let (read_only, owner) = (facts.record.request.read_only, Some((*uid, *gid)));
            mounts.push(Mount { read_only, noexec: true, owner, ..bind(path, &target) });
        }
    }
    Ok(mounts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(targets: &[&str], expected: &[&str]) {
        let mount = |target: &&str| match *target {
            "/sys/fs/cgroup" => plain(Source::Cgroup, target),
            _ => bind(PathBuf::from("/srv"), target),
        };
        let mut mounts: Vec<Mount> = targets.iter().map(mount).collect();
        put_in_order(&mut mounts);
        let order: Vec<&str> = mounts.iter().map(|it| it.target.as_str()).collect();
        assert_eq!(order, expected);
    }

    #[test]
    fn what_lies_in_another_mount_comes_after_it() {
        check(
            &[
                "/dev",
                "/dev/pts",
                "/sys",
                "/tmp",
                "/etc/hosts",
                "/a/b/c",
                "/run/secrets/x",
                "/etc",
                "/a/b",
                "/run",
            ],
            &[
                "/dev",
                "/sys",
                "/tmp",
                "/etc",
                "/run",
                "/dev/pts",
                "/etc/hosts",
                "/a/b",
                "/a/b/c",
                "/run/secrets/x",
            ],
        );
    }

    #[test]
    fn an_infra_container_closes_the_memory_of_its_pod_to_nobody() {
        let mut infra = CreateRequest::default();
        let pod = crate::pod::PodRecord::default();
        crate::pod::member::be_infra(&mut infra, &pod, PathBuf::from("/infra"), "pod.slice");
        assert!(infra.read_only && infra.read_only_tmpfs == Some(false) && keeps_memory(&infra));
        assert!(!keeps_memory(&CreateRequest::default()));
    }

    #[test]
    fn groups_are_shown_after_what_has_nothing_to_do_with_them() {
        check(
            &["/proc", "/sys", "/sys/fs/cgroup", "/dev/null", "/etc/a/b/hosts"],
            &["/proc", "/sys", "/dev/null", "/etc/a/b/hosts", "/sys/fs/cgroup"],
        );
        check(
            &["/proc", "/sys/fs/cgroup", "/sys/fs/cgroup/a", "/b/c/d/e"],
            &["/proc", "/sys/fs/cgroup", "/sys/fs/cgroup/a", "/b/c/d/e"],
        );
        check(&["/sys/fs/cgroup", "/b", "/sys", "/c"], &["/b", "/sys", "/c", "/sys/fs/cgroup"]);
        check(&["/proc", "/b"], &["/proc", "/b"]);
    }
}
