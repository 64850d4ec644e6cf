//! `unshare`, `info`, `version`, `linger`.

use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use pontoon_image::{Environment, MirrorUse, RegistriesConf, RegistriesPaths};
use pontoon_lifecycle::host::UNSHARED;
use pontoon_lifecycle::list;
use pontoon_lifecycle::network_unit;
use pontoon_lifecycle::overlay;
use pontoon_lifecycle::status::Status;
use pontoon_monitor::event::{EventLog, JOURNAL};
use pontoon_network::lease::{self, Lease};
use pontoon_rootless::cgroup::Cgroup;
use pontoon_rootless::dbus::{self, Bus};
use pontoon_rootless::sys::keep_across_exec;
use pontoon_rootless::{helper, idmap, names, userns};

use super::{Context, Failure};
use pontoon_cli::args::{InfoArgs, LingerArgs, UnshareArgs, VersionArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::format::{NullIfEmpty, OmitEmpty};
use pontoon_cli::output;
use pontoon_cli::view::info::{
    self, ContainerStore, CpuUtilization, Distribution, Helper, Host, IdMappings, IdRange, ImageStore, Info,
    NameServer, NetworkBackend, Plugins, Program, Registry, RegistryEntry, RemoteSocket, Runtime, Security,
};
use pontoon_cli::view::version as version_view;

/// `pontoon unshare`
pub fn unshare(context: &Context, args: &UnshareArgs) -> Result<ExitStatus, Failure> {
    if context.host.unshared {
        return Err(Failure::new("this is inside `unshare` already", None));
    }
    let Some(maps) = context.host.maps()? else {
        return Err(Failure::new("`unshare` is for ordinary users: root needs no user namespace", None));
    };
    if args.rootless_netns {
        network_unit::ensure(&context.host)?;
        let there = Lease::look(lease::socket(&context.host.paths.run, &lease::runtime_directory()))?;
        userns::enter_those(there.user.as_fd(), there.is_single, there.network.as_fd()).map_err(|err| {
            Failure::from(err).while_doing("cannot enter the namespaces of the networks".to_owned())
        })?;
        // Open as long as anything runs in there: the unit that has the networks stays as long.
        keep_across_exec(there.connection.as_fd()).map_err(Failure::from)?;
        std::mem::forget(there.connection);
    } else {
        userns::enter(&maps)?;
    }
    let shell = context.host.variable("SHELL").unwrap_or("/bin/sh").to_owned();
    let (program, words) = match args.words.split_first() {
        Some((program, words)) => (program.clone(), words.to_vec()),
        None => (shell, Vec::new()),
    };
    pontoon_rootless::sys::survive_file_limit(false);
    // What of ours runs in there must know whose store it is.
    let err = Command::new(&program).args(words).env(UNSHARED, "1").exec();
    let code = if err.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    Err(Failure::from(err).while_doing(format!("cannot run `{program}`")).with_code(code))
}

/// `pontoon version`
pub fn version(context: &Context, args: &VersionArgs) -> Result<ExitStatus, Failure> {
    let built = std::fs::metadata("/proc/self/exe").and_then(|it| it.modified()).ok();
    output::out(&version_view::text(&version_view::ours(context.name(), built), args.format.as_deref())?)?;
    Ok(ExitStatus::Success)
}

/// `pontoon linger enable`, `disable`, `status`
pub fn linger(context: &Context, args: &LingerArgs, wanted: Option<bool>) -> Result<ExitStatus, Failure> {
    let user = match &args.user {
        Some(name) => names::by_name(name)
            .or_else(|| names::by_uid(name.parse().ok()?))
            .ok_or_else(|| Failure::new(format!("this host has no user `{name}`"), None))?,
        None => context.host.user.clone().ok_or_else(|| {
            Failure::new(format!("uid {} has no name on this host", context.host.uid), None)
        })?,
    };
    let bus = Bus::system()?;
    match wanted {
        Some(on) => {
            dbus::set_linger(&bus, user.uid, on)?;
            let word = if on { "go on" } else { "end" };
            output::line(&format!("services of {} {word} when {} logs out", user.name, user.name))?;
        }
        None => {
            let lingers = dbus::linger_status(&bus, user.uid)?;
            output::line(if lingers { "yes" } else { "no" })?;
        }
    }
    Ok(ExitStatus::Success)
}

/// `pontoon info`
pub fn info(context: &Context, args: &InfoArgs) -> Result<ExitStatus, Failure> {
    output::out(&info::text(&gather(context)?, args.format.as_deref())?)?;
    Ok(ExitStatus::Success)
}

fn gather(context: &Context) -> Result<Info, Failure> {
    let store = context.store()?;
    let listing = list::list(&store)?;
    let running = listing.containers.iter().filter(|it| matches!(it.status, Status::Running(_))).count();
    let paused = listing.containers.iter().filter(|it| matches!(it.status, Status::Paused(_))).count();
    let environment: Environment = context.host.environment.iter().collect();
    let registries =
        RegistriesConf::read(&RegistriesPaths::standard(&environment, context.host.is_rootless()))?;
    let (driver_reason, mut options) = match overlay::choose(&context.host, &store) {
        Ok(overlay::Choice::Native) => ("native overlay in the user namespace".to_owned(), BTreeMap::new()),
        Ok(overlay::Choice::Fuse(program)) => (
            "fuse-overlayfs".to_owned(),
            BTreeMap::from([("overlay.mount_program".to_owned(), program.display().to_string())]),
        ),
        Err(err) => (format!("none: {err}"), BTreeMap::new()),
    };
    if let Some(other) = context.host.storage.image_stores.last() {
        options.insert("overlay.imagestore".to_owned(), other.value.display().to_string());
    }
    let space = rustix::fs::statvfs(&store.paths().root).map_err(std::io::Error::from)?;
    let total = space.f_blocks.saturating_mul(space.f_frsize);
    Ok(Info {
        host: host(context)?,
        store: info::Store {
            config_file: context
                .host
                .storage
                .file
                .as_ref()
                .map(|it| it.display().to_string())
                .unwrap_or_default(),
            container_store: ContainerStore {
                number: listing.containers.len(),
                paused,
                running,
                stopped: listing.containers.len() - running - paused,
            },
            graph_driver_name: "overlay".to_owned(),
            graph_options: options,
            graph_root: store.paths().root.display().to_string(),
            graph_root_allocated: total,
            graph_root_used: total.saturating_sub(space.f_bfree.saturating_mul(space.f_frsize)),
            graph_status: graph_status(&store.paths().root, driver_reason),
            image_copy_tmp_dir: context.temporary_directory()?.display().to_string(),
            image_store: ImageStore { number: store.list_images()?.len() },
            run_root: store.paths().run.display().to_string(),
            volume_path: store.paths().root.join("volumes").display().to_string(),
            transient_store: false,
        },
        registries: told_registries(registries),
        plugins: Plugins::default(),
        version: version_view::ours(
            context.name(),
            std::fs::metadata("/proc/self/exe").and_then(|it| it.modified()).ok(),
        ),
    })
}

/// What registries.conf says, as Podman tells it.
fn told_registries(conf: RegistriesConf) -> BTreeMap<String, Registry> {
    let entries = conf.registries.into_iter().map(|it| {
        let mirrors = it.mirrors.into_iter().map(|mirror| info::Mirror {
            location: mirror.location,
            insecure: mirror.insecure,
            pull_from_mirror: match mirror.serves {
                MirrorUse::All => "",
                MirrorUse::DigestOnly => "digest-only",
                MirrorUse::TagOnly => "tag-only",
            },
        });
        let location = if it.location.is_empty() { it.prefix.clone() } else { it.location };
        let entry = RegistryEntry {
            prefix: it.prefix.clone(),
            location,
            insecure: it.insecure,
            mirrors: NullIfEmpty(mirrors.collect()),
            blocked: it.blocked,
            ..RegistryEntry::default()
        };
        (it.prefix, Registry::Entry(entry))
    });
    let search = (!conf.search.is_empty()).then(|| ("search".to_owned(), Registry::Search(conf.search)));
    entries.chain(search).collect()
}

/// What the file system of the store is, and how root file systems are put together on it.
fn graph_status(root: &Path, way: String) -> BTreeMap<String, String> {
    let kind = rustix::fs::statfs(root).map(|it| i128::from(it.f_type)).unwrap_or(0);
    // Names of containers/storage for the magic numbers of statfs(2).
    let kind = match kind {
        0xef53 => "extfs",
        0x9123_683e => "btrfs",
        0x5846_5342 => "xfs",
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlayfs",
        0x2fc1_2fc1 => "zfs",
        0xf2f5_2010 => "f2fs",
        0x6969 => "nfs",
        _ => "<unknown>",
    };
    let status = [
        ("Backing Filesystem", kind.to_owned()),
        ("Native Overlay Diff", way.starts_with("native").to_string()),
        ("Root file systems", way),
        ("Supports d_type", "true".to_owned()),
        ("Using metacopy", "false".to_owned()),
    ];
    status.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn host(context: &Context) -> Result<Host, Failure> {
    let uname = rustix::system::uname();
    let memory = meminfo();
    let of_memory = |name: &str| memory.get(name).copied().unwrap_or(0) * 1024;
    let os_release = os_release();
    let of_release = |name: &str| os_release.get(name).cloned().unwrap_or_default();
    let monitor = context.host.monitor_program();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let maps = context.host.maps()?;
    let controllers = Cgroup::of(None).map(|it| it.controllers()).unwrap_or_default();
    let program = |name: &'static str, package: &'static str| {
        let path = helper::find(name, package).map(|it| it.display().to_string()).unwrap_or_default();
        let package = if path.is_empty() { String::new() } else { package.to_owned() };
        Helper { executable: path, package, version: String::new() }
    };
    let (pasta, slirp4netns) = (program("pasta", "passt"), program("slirp4netns", "slirp4netns"));
    let network = if pasta.executable.is_empty() { "slirp4netns" } else { "pasta" };
    let has_journal = Path::new(JOURNAL).exists();
    let lsm = std::fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let networks = NameServer {
        version: format!("pontoon-network version {version}"),
        package: "pontoon".to_owned(),
        path: context.host.network_program().display().to_string(),
    };
    Ok(Host {
        arch: version_view::architecture().to_owned(),
        buildah_version: String::new(),
        cgroup_manager: if has_journal { "systemd" } else { "cgroupfs" }.to_owned(),
        cgroup_version: "v2".to_owned(),
        cgroup_controllers: controllers,
        conmon: Program {
            package: "pontoon".to_owned(),
            path: monitor.display().to_string(),
            version: format!("pontoon-monitor version {version}"),
        },
        cpu_utilization: CpuUtilization::read(&std::fs::read_to_string("/proc/stat").unwrap_or_default()),
        database_backend: String::new(),
        free_locks: u32::MAX,
        network_backend: "pontoon".to_owned(),
        network_backend_info: NetworkBackend {
            backend: "pontoon".to_owned(),
            version: networks.version.clone(),
            package: networks.package.clone(),
            path: networks.path.clone(),
            dns: networks,
        },
        remote_socket: RemoteSocket::default(),
        cpus: std::thread::available_parallelism().map_or(1, |it| u32::try_from(it.get()).unwrap_or(1)),
        distribution: Distribution {
            distribution: of_release("ID"),
            version: of_release("VERSION_ID"),
            codename: OmitEmpty(of_release("VERSION_CODENAME")),
            variant: OmitEmpty(of_release("VARIANT_ID")),
        },
        event_logger: match context.host.events {
            EventLog::Journald => "journald",
            EventLog::File(_) => "file",
            EventLog::None => "none",
        }
        .to_owned(),
        hostname: uname.nodename().to_string_lossy().into_owned(),
        id_mappings: mappings(maps.as_ref()),
        kernel: uname.release().to_string_lossy().into_owned(),
        log_driver: if has_journal { "journald" } else { "k8s-file" }.to_owned(),
        mem_free: of_memory("MemFree"),
        mem_total: of_memory("MemTotal"),
        oci_runtime: Runtime {
            name: "pontoon".to_owned(),
            package: "pontoon".to_owned(),
            path: monitor.display().to_string(),
            version: format!("built in, {version}"),
        },
        os: "linux".to_owned(),
        rootless_network_cmd: network.to_owned(),
        service_is_remote: false,
        security: Security {
            apparmor_enabled: lsm.split(',').any(|it| it.trim() == "apparmor"),
            capabilities: {
                let mut names = pontoon_runtime::capabilities::CapSet::DEFAULT.names();
                names.sort_unstable();
                names.join(",")
            },
            device_filter: match pontoon_lifecycle::devices::filter(&context.host, true) {
                Ok(()) => "cgroup".to_owned(),
                Err(why) => why.to_string(),
            },
            rootless: context.host.is_rootless(),
            seccomp_enabled: Path::new("/proc/sys/kernel/seccomp").exists(),
            seccomp_profile_path: ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"]
                .into_iter()
                .find(|it| Path::new(it).exists())
                .unwrap_or("default")
                .to_owned(),
            selinux_enabled: Path::new("/sys/fs/selinux/enforce").exists(),
        },
        slirp4netns,
        pasta,
        swap_free: of_memory("SwapFree"),
        swap_total: of_memory("SwapTotal"),
        uptime: uptime(),
        variant: String::new(),
        linkmode: "dynamic".to_owned(),
    })
}

fn mappings(maps: Option<&idmap::IdMaps>) -> IdMappings {
    let ranges = |all: &[idmap::IdRange]| {
        all.iter().map(|it| IdRange { container_id: it.container, host_id: it.host, size: it.size }).collect()
    };
    IdMappings {
        uidmap: maps.map(|it| ranges(&it.uids)).unwrap_or_default(),
        gidmap: maps.map(|it| ranges(&it.gids)).unwrap_or_default(),
    }
}

/// `/proc/meminfo`, in KiB.
fn meminfo() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    text.lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(':')?;
            Some((name.to_owned(), rest.split_whitespace().next()?.parse().ok()?))
        })
        .collect()
}

fn os_release() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

fn uptime() -> String {
    let text = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds: u64 = text.split(['.', ' ']).next().and_then(|it| it.parse().ok()).unwrap_or(0);
    let hours = seconds / 3600;
    // As Podman says it.
    let days = match hours {
        0 => String::new(),
        _ => format!(" (Approximately {}.{:02} days)", hours / 24, (hours % 24 * 100 + 12) / 24),
    };
    format!("{hours}h {}m {}.00s{days}", seconds / 60 % 60, seconds % 60)
}
