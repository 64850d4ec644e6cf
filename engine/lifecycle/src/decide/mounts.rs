//! The mounts of a container, in the order in which they are made.

use std::path::{Path, PathBuf};

use pontoon_monitor::plan::{NotifyPlan, RunFile};
use pontoon_monitor::state;
use pontoon_network::NetworkPlan;
use pontoon_rootless::idmap;
use pontoon_runtime::plan::{Mount, MountSource as Source, Propagation};

use super::{DecideError, Facts};
use crate::record::{ContainerRecord, VolumeUse};
use crate::request::{DeviceRequest, MountRequest, MountSource, NamespaceMode, SecretPlace};
use crate::secret;

/// Podman's default size of `/dev/shm`, in bytes.
const DEFAULT_SHM: u64 = 64 << 20;
/// Where secrets are seen.
const SECRETS: &str = "/run/secrets";
/// Group of terminals, `tty` on every distribution.
const TTY_GROUP: u32 = 5;
/// Below a container's directory: the changes to what is mounted with the option `O`.
pub(crate) const OVERLAYS: &str = "overlays";

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
    let mut asked = asked_for(facts.record, &facts.fresh_volumes, facts.directory)?;
    asked.extend(secrets(facts)?);
    for mount in &facts.cdi.mounts {
        asked.retain(|it| it.target != mount.target);
        asked.extend(asked_mount(mount)?);
    }
    // A mount may lie in another: the shorter path comes first.
    asked.sort_by_key(|it| depth(&it.target));
    let is_asked = |path: &str| asked.iter().any(|it| it.target == path);
    let mut mounts = kernel_mounts(facts, network, is_systemd, has_device_rules);
    mounts.retain(|it| !is_asked(&it.target));
    if !is_asked("/dev") {
        mounts.extend(
            DEVICES
                .iter()
                .map(|(name, number)| device(Path::new("/dev").join(name), None, Some(*number), "rwm")),
        );
    }
    mounts.extend(facts.devices.iter().map(|path| device(path.clone(), None, None, "rwm")));
    mounts.extend(facts.asked_devices.iter().map(|it| asked_device(&it.request)));
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
    mounts.extend(asked.iter().filter(|it| depth(&it.target) == 0).cloned());
    for file in files {
        let target = target_of(&file.name);
        if !is_asked(target) {
            mounts.push(Mount {
                read_only: request.read_only,
                ..bind(facts.run_directory.join(&file.name), target)
            });
        }
    }
    if let Some(zone) = request.timezone.as_deref().filter(|_| !is_asked("/etc/localtime")) {
        let path = if zone == "local" {
            PathBuf::from("/etc/localtime")
        } else {
            Path::new("/usr/share/zoneinfo").join(zone)
        };
        mounts.push(Mount { read_only: true, ..bind(path, "/etc/localtime") });
    }
    if notify == NotifyPlan::Container {
        mounts.push(bind(facts.run_directory.join(state::NOTIFY_SUBDIRECTORY), state::NOTIFY_DIRECTORY));
    }
    mounts.extend(asked.into_iter().filter(|it| depth(&it.target) > 0));
    if let Some(contexts) = &facts.record.contexts {
        for mount in &mut mounts {
            if let Source::Tmpfs { options, .. } | Source::AskedDevpts { options } = &mut mount.source {
                options.push(("context".to_owned(), contexts.mount.clone()));
            }
        }
    }
    Ok(mounts)
}

fn depth(path: &str) -> usize {
    path.split('/').filter(|it| !it.is_empty()).count()
}

fn target_of(file: &str) -> &'static str {
    match file {
        "hosts" => "/etc/hosts",
        "resolv.conf" => "/etc/resolv.conf",
        "hostname" => "/etc/hostname",
        _ => "/run/.containerenv",
    }
}

fn plain(source: Source, target: &str) -> Mount {
    Mount {
        target: target.to_owned(),
        source,
        read_only: false,
        nosuid: true,
        nodev: true,
        noexec: false,
        propagation: Propagation::Private,
        give_to_user: false,
        owner: None,
    }
}

fn bind(path: PathBuf, target: &str) -> Mount {
    plain(of_host(path), target)
}

fn of_host(path: impl Into<PathBuf>) -> Source {
    Source::Bind { path: path.into(), recursive: true, first_copy: None, subpath: None }
}

fn tmpfs(target: &str, options: Vec<(String, String)>, copy_up: bool) -> Mount {
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
        Mount { read_only: true, ..hardened(of_host("/sys"), "/sys") }
    };
    let host_ipc = request.ipc == NamespaceMode::Host;
    // A new instance shows a namespace, and is given only to whoever owns that.
    let proc = if request.pid == NamespaceMode::Host { of_host("/proc") } else { Source::Proc };
    let mqueue = if host_ipc { of_host("/dev/mqueue") } else { Source::Mqueue };
    let shm =
        if host_ipc { of_host("/dev/shm") } else { Source::Tmpfs { options: shm_options, copy_up: false } };
    let cgroups = if request.host_cgroup_namespace {
        Mount { read_only: true, ..hardened(of_host("/sys/fs/cgroup"), "/sys/fs/cgroup") }
    } else {
        // systemd makes groups of its own, below the container's.
        Mount { read_only: read_only_sys && !is_systemd, ..hardened(Source::Cgroup, "/sys/fs/cgroup") }
    };
    let mut mounts = vec![
        hardened(proc, "/proc"),
        // The devices are mounts of their own: what somebody makes beside them is none (in a user namespace it never is),
        // unless the kernel asks rules about it.
        Mount {
            nodev: is_whole_host && !request.privileged && !has_device_rules,
            ..tmpfs("/dev", dev_options, false)
        },
        Mount {
            nodev: false,
            ..hardened(Source::Devpts { gid: is_mapped.then_some(TTY_GROUP), label }, "/dev/pts")
        },
        hardened(mqueue, "/dev/mqueue"),
        hardened(shm, "/dev/shm"),
        sys,
        cgroups,
    ];
    mounts.retain(|it| !(request.no_shm && it.target == "/dev/shm"));
    mounts
}

fn device(path: PathBuf, target: Option<&str>, number: Option<(u32, u32)>, permissions: &str) -> Mount {
    let target = target.map_or_else(|| path.to_string_lossy().into_owned(), str::to_owned);
    Mount {
        nodev: false,
        noexec: true,
        read_only: !permissions.contains('w'),
        ..plain(Source::Device { path, number }, &target)
    }
}

fn asked_device(request: &DeviceRequest) -> Mount {
    device(request.host.clone(), Some(&request.container), None, &request.permissions)
}

/// What is mounted from the host, without what the engine brings: for work on a container's files.
pub(super) fn from_host(
    record: &ContainerRecord,
    fresh_volumes: &[String],
) -> Result<Vec<Mount>, DecideError> {
    // What is laid over another directory is so for a run only, and nowhere to be found without one.
    let mut mounts = asked_for(record, fresh_volumes, Path::new(""))?;
    mounts.retain(|it| matches!(it.source, Source::Bind { .. }));
    mounts.sort_by_key(|it| depth(&it.target));
    // Their user gets them when the container is started.
    mounts.iter_mut().for_each(|it| it.give_to_user = false);
    Ok(mounts)
}

/// The secrets that are seen in files.
fn secrets(facts: &Facts<'_>) -> Result<Vec<Mount>, DecideError> {
    let mut mounts = Vec::new();
    for (number, secret) in facts.record.request.secrets.iter().enumerate() {
        if let SecretPlace::Mount { target, uid, gid, .. } = &secret.place {
            let target = if target.starts_with('/') { target.clone() } else { format!("{SECRETS}/{target}") };
            check_target(&target)?;
            let path = secret::copy_path(facts.directory, number);
            mounts.push(Mount { noexec: true, owner: Some((*uid, *gid)), ..bind(path, &target) });
        }
    }
    Ok(mounts)
}

/// What the request and the image's volumes ask for.
fn asked_for(
    record: &ContainerRecord,
    fresh_volumes: &[String],
    directory: &Path,
) -> Result<Vec<Mount>, DecideError> {
    let mut mounts = Vec::new();
    for request in &record.request.mounts {
        mounts.extend(asked_mount(request)?);
    }
    for volume in &record.volumes {
        check_target(&volume.target)?;
        mounts.push(volume_mount(volume, fresh_volumes.contains(&volume.name)));
    }
    let options = record.request.mounts.iter().map(|it| (&it.target, &it.options));
    let options = options.chain(record.volumes.iter().map(|it| (&it.target, &it.options)));
    for (target, options) in options.filter(|(_, options)| options.iter().any(|it| it == "O")) {
        let number = mounts.iter().position(|it| it.target == *target);
        if let Some((number, mount)) = number.and_then(|it| Some((it, mounts.get_mut(it)?))) {
            lay_over(mount, options, &directory.join(OVERLAYS).join(number.to_string()));
        }
    }
    Ok(mounts)
}

/// What somebody asks for; `None` of volumes, which were found when the container was made.
fn asked_mount(request: &MountRequest) -> Result<Option<Mount>, DecideError> {
    let mount = match &request.source {
        MountSource::Bind(path) => with_options(bind(path.clone(), &request.target), &request.options),
        MountSource::Tmpfs => asked_tmpfs(request),
        MountSource::Devpts => asked_devpts(request),
        MountSource::Volume(_) | MountSource::Anonymous => return Ok(None),
    };
    check_target(&request.target)?;
    Ok(Some(mount))
}

/// Where nobody may mount: on the root itself, or on what tells programs about processes (CVE-2019-16884).
fn check_target(target: &str) -> Result<(), DecideError> {
    let refuse = |reason| Err(DecideError::Target { target: target.to_owned(), reason });
    let mut parts = target.split('/').filter(|it| !it.is_empty()).peekable();
    if !target.starts_with('/') {
        return refuse("the path is not absolute");
    }
    if parts.peek().is_none() {
        return refuse("it is the container's root");
    }
    if parts.clone().any(|it| it == "." || it == "..") {
        return refuse("the path has `.` or `..` in it");
    }
    if parts.next() == Some("proc") {
        return refuse("/proc shows the container's processes, and nothing may pretend to");
    }
    Ok(())
}

fn volume_mount(volume: &VolumeUse, fresh: bool) -> Mount {
    if let Some(options) = &volume.tmpfs {
        let mut all = options.clone();
        all.extend(volume.options.iter().cloned());
        let request =
            MountRequest { source: MountSource::Tmpfs, target: volume.target.clone(), options: all };
        return asked_tmpfs(&request);
    }
    let copies = fresh && !volume.options.iter().any(|it| it == "nocopy");
    let staging = volume.data.with_file_name("copying");
    let source = Source::Bind {
        path: volume.data.clone(),
        recursive: true,
        first_copy: copies.then_some(staging),
        subpath: None,
    };
    with_options(plain(source, &volume.target), &volume.options)
}

/// The changes to what is mounted go elsewhere (`O`): to directories that are named, or to fresh ones for every run.
fn lay_over(mount: &mut Mount, options: &[String], own: &Path) {
    let Source::Bind { path, subpath, .. } = &mount.source else { return };
    let named = |key: &str| options.iter().find_map(|it| it.strip_prefix(key)).map(PathBuf::from);
    let directories = named("upperdir=").zip(named("workdir="));
    let is_fresh = directories.is_none();
    let (upper, work) = directories.unwrap_or_else(|| (own.join("upper"), own.join("work")));
    mount.source = Source::Overlay { lower: path.clone(), subpath: subpath.clone(), upper, work, is_fresh };
}

fn asked_devpts(request: &MountRequest) -> Mount {
    let keys = ["uid", "gid", "mode", "max"];
    let pairs = request.options.iter().filter_map(|it| it.split_once('='));
    let own = pairs.filter(|(key, _)| keys.contains(key));
    let options = own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let mount =
        Mount { nodev: false, noexec: true, ..plain(Source::AskedDevpts { options }, &request.target) };
    with_options(mount, &request.options)
}

/// Applies mount options; `z`, `Z` and the like ask for nothing here.
fn with_options(mut mount: Mount, options: &[String]) -> Mount {
    for option in options {
        match option.as_str() {
            "ro" | "readonly" => mount.read_only = true,
            "rw" => mount.read_only = false,
            "U" | "chown" => mount.give_to_user = true,
            "nosuid" => mount.nosuid = true,
            "suid" => mount.nosuid = false,
            "nodev" => mount.nodev = true,
            "dev" => mount.nodev = false,
            "noexec" => mount.noexec = true,
            "exec" => mount.noexec = false,
            "private" | "rprivate" => mount.propagation = Propagation::Private,
            "slave" | "rslave" => mount.propagation = Propagation::Slave,
            "shared" | "rshared" => mount.propagation = Propagation::Shared,
            word if word.starts_with("subpath=") => {
                if let Source::Bind { subpath, .. } = &mut mount.source {
                    *subpath = word.strip_prefix("subpath=").map(str::to_owned);
                }
            }
            "bind" => {
                if let Source::Bind { recursive, .. } = &mut mount.source {
                    *recursive = false;
                }
            }
            _ => {}
        }
    }
    mount
}

fn asked_tmpfs(request: &MountRequest) -> Mount {
    let has = |name: &str| request.options.iter().any(|it| it == name);
    let mut options = Vec::new();
    for option in &request.options {
        if let Some((name, value)) = option.split_once('=')
            && matches!(name, "size" | "mode" | "nr_inodes" | "nr_blocks" | "uid" | "gid")
        {
            options.push((name.to_owned(), value.to_owned()));
        }
    }
    with_options(tmpfs(&request.target, options, !has("notmpcopyup") && !has("nocopy")), &request.options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_places_are_refused() {
        for target in ["/", "//", "relative", "/a/../b", "/proc", "/proc/sys", "//proc/self"] {
            assert!(check_target(target).is_err(), "{target}");
        }
        for target in ["/data", "/process", "/a/b", "/dev/shm"] {
            assert!(check_target(target).is_ok(), "{target}");
        }
    }

    #[test]
    fn options_change_what_is_the_default() {
        let options = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let mount =
            with_options(bind("/a".into(), "/b"), &options(&["ro", "suid", "dev", "noexec", "z", "rslave"]));
        assert!(mount.read_only && !mount.nosuid && !mount.nodev && mount.noexec);
        assert_eq!(mount.propagation, Propagation::Slave);
    }
}
