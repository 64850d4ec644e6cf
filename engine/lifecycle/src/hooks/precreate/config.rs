//! A plan as a configuration of the OCI runtime specification, version 1.2.

use pontoon_rootless::idmap::{IdMaps, IdRange};
use pontoon_runtime::capabilities::CapSet;
use pontoon_runtime::hooks::{Hook, Stage};
use pontoon_runtime::plan::{
    CommonVolume, Mount, MountSource, NamespaceKind, Plan, Process, Propagation, Rlimit,
};
use serde_json::{Map, Value, json};

/// The names of limits, by their numbers (getrlimit(2)).
pub(super) const RLIMITS: [&str; 16] = [
    "RLIMIT_CPU",
    "RLIMIT_FSIZE",
    "RLIMIT_DATA",
    "RLIMIT_STACK",
    "RLIMIT_CORE",
    "RLIMIT_RSS",
    "RLIMIT_NPROC",
    "RLIMIT_NOFILE",
    "RLIMIT_MEMLOCK",
    "RLIMIT_AS",
    "RLIMIT_LOCKS",
    "RLIMIT_SIGPENDING",
    "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE",
    "RLIMIT_RTPRIO",
    "RLIMIT_RTTIME",
];

/// The configuration. Who a user that is named is, and so which capabilities he has, is known in the container only: he is
/// told by his name, and the capabilities are root's only if he is root by his number.
pub(super) fn of(own: &Plan) -> Value {
    json!({
        "ociVersion": "1.2.0",
        "process": process(&own.process),
        "root": { "path": own.rootfs.mount_point, "readonly": own.rootfs.read_only },
        "hostname": own.hostname,
        "mounts": own.mounts.iter().map(mount).collect::<Vec<_>>(),
        "hooks": hooks(&own.hooks.all),
        "annotations": own.hooks.annotations,
        "linux": linux(own),
    })
}

fn process(process: &Process) -> Value {
    let capabilities =
        if is_root(&process.user) { process.root_capabilities } else { process.user_capabilities };
    let names = |bits: u64| CapSet::from_bits(bits).names();
    json!({
        "terminal": process.terminal,
        "user": user(process),
        "args": process.args,
        "env": process.env,
        "cwd": process.cwd,
        "capabilities": {
            "bounding": names(capabilities.bounding),
            "effective": names(capabilities.effective),
            "permitted": names(capabilities.permitted),
            "inheritable": names(capabilities.inheritable),
            "ambient": names(capabilities.ambient),
        },
        "rlimits": process.rlimits.iter().map(rlimit).collect::<Vec<_>>(),
        "noNewPrivileges": process.no_new_privileges,
        "oomScoreAdj": process.oom_score_adj,
        "apparmorProfile": process.labels.apparmor,
        "selinuxLabel": process.labels.selinux,
    })
}

fn is_root(user: &str) -> bool {
    matches!(user.split(':').next(), None | Some("" | "0" | "root"))
}

fn user(process: &Process) -> Value {
    let (user, group) = process.user.split_once(':').unwrap_or((&process.user, ""));
    let number = |text: &str| text.parse::<u32>().ok();
    let name = (number(user).is_none() && !user.is_empty()).then_some(user);
    json!({
        "uid": number(user),
        "gid": number(group),
        "username": name,
        "umask": process.umask,
        "additionalGids": process.groups.iter().filter_map(|it| number(it)).collect::<Vec<_>>(),
    })
}

fn rlimit(limit: &Rlimit) -> Value {
    let name = usize::try_from(limit.resource).ok().and_then(|it| RLIMITS.get(it));
    let value = |it: Option<u64>| it.unwrap_or(u64::MAX);
    json!({ "type": name, "soft": value(limit.soft), "hard": value(limit.hard) })
}

/// Hooks by the names of their stages.
pub(super) fn hooks(hooks: &[Hook]) -> Value {
    let mut stages = Map::new();
    for stage in Stage::ALL {
        let of_stage = hooks
            .iter()
            .filter(|it| it.stage == stage)
            .map(|it| json!({ "path": it.path, "args": it.args, "env": it.env, "timeout": it.timeout }));
        stages.insert(stage.name().to_owned(), of_stage.collect());
    }
    Value::Object(stages)
}

/// A mount, as far as the specification has words for it.
pub(super) fn mount(mount: &Mount) -> Value {
    let (kind, source, mut options) = source(&mount.source);
    let attributes =
        [(mount.read_only, "ro"), (mount.nosuid, "nosuid"), (mount.nodev, "nodev"), (mount.noexec, "noexec")];
    options.extend(attributes.iter().filter(|(is_set, _)| *is_set).map(|(_, word)| (*word).to_owned()));
    let propagation = match mount.propagation {
        Propagation::Private => "rprivate",
        Propagation::Slave => "rslave",
        Propagation::Shared => "rshared",
        Propagation::Unbindable => "runbindable",
    };
    options.push(propagation.to_owned());
    json!({ "destination": mount.target, "type": kind, "source": source, "options": options })
}

fn source(source: &MountSource) -> (String, String, Vec<String>) {
    let words = |words: &[&str]| words.iter().map(|it| (*it).to_owned()).collect::<Vec<String>>();
    let pairs =
        |pairs: &[(String, String)]| pairs.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let bind = |recursive: bool| words(&[if recursive { "rbind" } else { "bind" }]);
    let own = |kind: &str| (kind.to_owned(), kind.to_owned(), Vec::new());
    let path = |it: &std::path::Path| it.display().to_string();
    match source {
        MountSource::Proc => own("proc"),
        MountSource::AskedProc { options } => ("proc".to_owned(), "proc".to_owned(), pairs(options)),
        MountSource::Sysfs => own("sysfs"),
        MountSource::Cgroup => own("cgroup"),
        MountSource::Mqueue => own("mqueue"),
        MountSource::SharedMemory => ("bind".to_owned(), "/dev/shm".to_owned(), bind(false)),
        MountSource::Devpts { gid, .. } => {
            let mut options = words(&["newinstance", "ptmxmode=0666", "mode=0620"]);
            options.extend(gid.map(|it| format!("gid={it}")));
            ("devpts".to_owned(), "devpts".to_owned(), options)
        }
        MountSource::AskedDevpts { options } => ("devpts".to_owned(), "devpts".to_owned(), pairs(options)),
        MountSource::Tmpfs { options, .. } => ("tmpfs".to_owned(), "tmpfs".to_owned(), pairs(options)),
        MountSource::Bind { path: from, recursive, subpath, .. } => {
            let from = subpath.as_ref().map_or_else(|| from.clone(), |it| from.join(it));
            ("bind".to_owned(), path(&from), bind(*recursive))
        }
        MountSource::Link { path: from, recursive } => ("bind".to_owned(), path(from), bind(*recursive)),
        MountSource::File { path: from, .. } | MountSource::Device { path: from, .. } => {
            ("bind".to_owned(), path(from), bind(false))
        }
        MountSource::Filesystem { kind, device, options, .. }
        | MountSource::Common { volume: CommonVolume { kind, device, options, .. }, .. } => {
            let word = |(key, value): &(String, Option<String>)| match value {
                Some(value) => format!("{key}={value}"),
                None => key.clone(),
            };
            let device = device.clone().unwrap_or_else(|| kind.clone());
            (kind.clone(), device, options.iter().map(word).collect())
        }
        MountSource::Image { .. } => own("overlay"),
        MountSource::Overlay { lower, .. } => ("overlay".to_owned(), path(lower), Vec::new()),
    }
}

fn linux(plan: &Plan) -> Value {
    let sysctls: Map<String, Value> =
        plan.sysctls.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    let maps = plan.namespaces.user.as_ref();
    json!({
        "namespaces": namespaces(plan),
        "uidMappings": maps.map(|it| mappings(it, true)),
        "gidMappings": maps.map(|it| mappings(it, false)),
        "sysctl": sysctls,
        "maskedPaths": plan.masked_paths,
        "readonlyPaths": plan.readonly_paths,
    })
}

fn mappings(maps: &IdMaps, of_users: bool) -> Vec<Value> {
    let ranges = if of_users { &maps.uids } else { &maps.gids };
    let one = |it: &IdRange| json!({ "containerID": it.container, "hostID": it.host, "size": it.size });
    ranges.iter().map(one).collect()
}

fn namespaces(plan: &Plan) -> Vec<Value> {
    let own = &plan.namespaces;
    let joined = |kind: NamespaceKind| {
        let joined = own.joined.as_ref()?;
        let by_path = joined.paths.iter().find(|it| it.0 == kind).map(|it| it.1.display().to_string());
        let file = match kind {
            NamespaceKind::User => "user",
            NamespaceKind::Network => "net",
            NamespaceKind::Pid => "pid",
            NamespaceKind::Ipc => "ipc",
            NamespaceKind::Uts => "uts",
            NamespaceKind::Cgroup => "cgroup",
        };
        by_path.or_else(|| joined.process_with(kind).map(|it| format!("/proc/{it}/ns/{file}")))
    };
    let all = [
        (own.user.is_some(), "user", NamespaceKind::User),
        (own.network, "network", NamespaceKind::Network),
        (!own.host_pid, "pid", NamespaceKind::Pid),
        (!own.host_ipc, "ipc", NamespaceKind::Ipc),
        (!own.host_uts, "uts", NamespaceKind::Uts),
        (own.cgroup, "cgroup", NamespaceKind::Cgroup),
    ];
    let mut namespaces = vec![json!({ "type": "mount" })];
    for (_, name, kind) in all.iter().filter(|(is_own, _, _)| *is_own) {
        namespaces.push(json!({ "type": name, "path": joined(*kind) }));
    }
    namespaces
}
