//! What is to be known of the host.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use pontoon_monitor::state::STATE_FILE;
use pontoon_rootless::cgroup::MOUNT;
use pontoon_rootless::dbus::{self, Bus};
use pontoon_rootless::helper::{self, Rights};
use pontoon_rootless::idmap::OwnedRange;
use pontoon_rootless::names::HostUser;
use pontoon_rootless::subid::{self, Grant};
use pontoon_rootless::userns::NewNamespace;
use pontoon_storage::Store;
use rustix::fs::{Access, access};

use super::mend::DELEGATION;
use crate::host::{Host, HostError};
use crate::overlay::{self, Choice};
use crate::status::{self, Status};

/// Capabilities by their numbers, capabilities(7).
const CAP_SETGID: u32 = 6;
const CAP_SETUID: u32 = 7;

/// Whose containers it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// User id.
    pub uid: u32,
    /// Login name, if it has one.
    pub name: Option<String>,
    /// Whether it is who asks.
    pub asks: bool,
}

impl Subject {
    /// The name, or the number.
    #[must_use]
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| format!("uid {}", self.uid))
    }
}

/// What a grant file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grants {
    /// The user's ranges.
    pub own: Vec<OwnedRange>,
    /// Ranges of others that meet one of them.
    pub shared: Vec<(OwnedRange, Grant)>,
    /// A range that nobody has.
    pub free: Option<OwnedRange>,
}

/// `newuidmap` or `newgidmap`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdHelper {
    /// Its name.
    pub program: &'static str,
    /// Where it is.
    pub path: Option<PathBuf>,
    /// How it may do its work.
    pub rights: Rights,
}

/// The way to the user's manager.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Session {
    /// Why there is no runtime directory; `None` if there is one.
    pub no_runtime_dir: Option<String>,
    /// Whether it is the one that the user's manager has (pam_systemd(8)).
    pub is_usual: bool,
    /// Why the manager (as root: the system's) cannot be asked; `None` if it can.
    pub no_bus: Option<String>,
    /// Whether services run without a session.
    pub lingers: bool,
}

/// How root file systems are put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Overlay {
    /// By the kernel.
    Native,
    /// By a program.
    Fuse(PathBuf),
    /// Not at all, and why.
    None(String),
}

/// Programs and devices of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// `pasta`.
    pub pasta: Option<PathBuf>,
    /// `slirp4netns`.
    pub slirp4netns: Option<PathBuf>,
    /// Whether `/dev/net/tun` can be opened.
    pub tun: bool,
    /// `nft`, which networks with names need.
    pub nft: Option<PathBuf>,
    /// What `nft` says where the kernel takes no tables of ours from root; ports of root's are published with them.
    pub no_tables: Option<String>,
}

/// Settings of the kernel; `None` is one that it does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sysctls {
    /// `user.max_user_namespaces`
    pub max_user_namespaces: Option<u64>,
    /// `kernel.unprivileged_userns_clone`, of Debian's kernels.
    pub unprivileged_userns_clone: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu's.
    pub apparmor_restrict_unprivileged_userns: Option<u64>,
    /// `net.ipv4.ip_unprivileged_port_start`
    pub unprivileged_port_start: Option<u64>,
    /// `net.ipv4.ping_group_range`
    pub ping_group_range: Option<(u64, u64)>,
}

/// State in the runtime directory that nobody keeps any more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runtime {
    /// Where it is.
    pub path: PathBuf,
    /// Containers whose supervisor was killed.
    pub abandoned: Vec<String>,
    /// How long before the boot the oldest of it was written; `None` if nothing is that old.
    pub before_boot: Option<Duration>,
}

/// What only the user can try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// Why no user namespace with the user's ids can be made; `None` if it can, or as root.
    pub namespace: Option<String>,
    /// Root file systems, and the name of the file system that they lie on.
    pub overlay: Overlay,
    /// Where the store is.
    pub store: PathBuf,
    /// What is left over.
    pub runtime: Runtime,
}

/// Podman's generator, as whoever knows of generators has found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// Where it is, or where it is masked.
    pub path: PathBuf,
    /// Whether systemd runs it.
    pub at_work: bool,
}

/// Programs that make services of files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generators {
    /// Ours.
    pub ours: Option<PathBuf>,
    /// Podman's.
    pub podmans: Option<Neighbour>,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Whose containers.
    pub subject: Subject,
    /// Whether root asks.
    pub by_root: bool,
    /// `/etc/subuid`; unreadable is why.
    pub subuids: Result<Grants, String>,
    /// `/etc/subgid`.
    pub subgids: Result<Grants, String>,
    /// `newuidmap` and `newgidmap`.
    pub id_helpers: [IdHelper; 2],
    /// Settings of the kernel.
    pub sysctls: Sysctls,
    /// Controllers that the kernel offers; `None` without cgroup v2.
    pub controllers: Option<Vec<String>>,
    /// Those that the user's manager has; `None` if it does not run.
    pub delegated: Option<Vec<String>>,
    /// Whether our drop-in that delegates all of them is there.
    pub delegation: bool,
    /// The way to the user's manager.
    pub session: Session,
    /// Programs and devices of networks.
    pub network: Network,
    /// What only the user can try; `None` for another user's, or without a runtime directory.
    pub own: Option<Own>,
    /// Generators.
    pub generators: Generators,
}

/// Looks. `host` is of who asks; `podmans` its generator, if there is one for the subject's manager. Called with a single
/// thread only.
#[must_use]
pub fn gather(subject: Subject, host: Result<&Host, &HostError>, podmans: Option<Neighbour>) -> Facts {
    let name = subject.name.as_deref();
    let grants = |path| match fs::read_to_string(path) {
        Ok(text) => Ok(Grants {
            own: subid::ranges_of(&text, name, subject.uid),
            shared: subid::shared(&subid::grants(&text), name, subject.uid),
            free: subid::next_range(path),
        }),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(Grants::default()),
        Err(err) => Err(format!("cannot read {path}: {err}")),
    };
    let own = host.ok().filter(|_| subject.asks).and_then(own);
    let by_root = rustix::process::geteuid().is_root();
    let nft = helper::find("nft", "nftables").ok();
    Facts {
        by_root,
        subuids: grants(subid::SUBUID),
        subgids: grants(subid::SUBGID),
        id_helpers: [id_helper("newuidmap", CAP_SETUID), id_helper("newgidmap", CAP_SETGID)],
        sysctls: sysctls(),
        controllers: words(&format!("{MOUNT}/cgroup.controllers")),
        delegated: words(&format!(
            "{MOUNT}/user.slice/user-{uid}.slice/user@{uid}.service/cgroup.controllers",
            uid = subject.uid
        )),
        delegation: Path::new(DELEGATION).exists(),
        session: session(&subject, host),
        network: Network {
            pasta: helper::find("pasta", "passt").ok(),
            slirp4netns: helper::find("slirp4netns", "slirp4netns").ok(),
            tun: access("/dev/net/tun", Access::READ_OK | Access::WRITE_OK).is_ok(),
            no_tables: nft.as_deref().filter(|_| by_root && subject.uid == 0).and_then(refuses_tables),
            nft,
        },
        own,
        generators: Generators { ours: our_generator(subject.uid == 0), podmans },
        subject,
    }
}

/// Has the kernel look at a table of the kind that ours are of, without making it: what it says if it takes none
/// (`CONFIG_NF_TABLES_INET`).
fn refuses_tables(nft: &Path) -> Option<String> {
    let words = ["--check", "add", "table", "inet", "pontoon-doctor"];
    let output = Command::new(nft).args(words).stdin(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => None,
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            Some(said.lines().next().unwrap_or("nft failed").trim().to_owned())
        }
        Err(err) => Some(err.to_string()),
    }
}

fn id_helper(program: &'static str, capability: u32) -> IdHelper {
    let path = helper::find(program, "uidmap").ok();
    let rights = path.as_deref().map_or(Rights::None, |path| helper::rights(path, capability));
    IdHelper { program, path, rights }
}

fn words(path: &str) -> Option<Vec<String>> {
    Some(fs::read_to_string(path).ok()?.split_whitespace().map(str::to_owned).collect())
}

fn sysctls() -> Sysctls {
    let numbers = |name: &str| -> Option<Vec<u64>> {
        words(&format!("/proc/sys/{name}"))?.iter().map(|it| it.parse().ok()).collect()
    };
    let number = |name: &str| numbers(name)?.first().copied();
    Sysctls {
        max_user_namespaces: number("user/max_user_namespaces"),
        unprivileged_userns_clone: number("kernel/unprivileged_userns_clone"),
        apparmor_restrict_unprivileged_userns: number("kernel/apparmor_restrict_unprivileged_userns"),
        unprivileged_port_start: number("net/ipv4/ip_unprivileged_port_start"),
        ping_group_range: numbers("net/ipv4/ping_group_range").and_then(|it| match it[..] {
            [low, high] => Some((low, high)),
            _ => None,
        }),
    }
}

fn session(subject: &Subject, host: Result<&Host, &HostError>) -> Session {
    let usual = PathBuf::from(format!("/run/user/{}", subject.uid));
    let (runtime_dir, no_runtime_dir) = match host {
        _ if subject.uid == 0 => (None, None),
        Ok(host) if subject.asks => (host.runtime_directory().map(Path::to_owned), None),
        Err(err) if subject.asks => (None, Some(err.to_string())),
        _ if usual.is_dir() => (Some(usual.clone()), None),
        _ => (None, Some(format!("{} is not there", usual.display()))),
    };
    let is_usual = runtime_dir.as_ref() == Some(&usual);
    let bus = match runtime_dir {
        Some(directory) => Bus::user(&directory),
        None => Bus::system(),
    };
    let told = |err: dbus::BusError| match (&err, std::error::Error::source(&err)) {
        (dbus::BusError::User { owner: Some(owner), .. }, _) => {
            format!("{err}, which belongs to uid {owner}")
        }
        (_, Some(source)) => format!("{err}: {source}"),
        (_, None) => err.to_string(),
    };
    Session {
        no_runtime_dir,
        is_usual,
        no_bus: bus.err().map(told),
        lingers: subject.name.as_deref().is_some_and(dbus::lingers),
    }
}

fn own(host: &Host) -> Option<Own> {
    let namespace = namespace(host);
    let store = host.open_store().ok()?;
    let overlay = match overlay::choose(host, &store) {
        Ok(Choice::Native) => Overlay::Native,
        Ok(Choice::Fuse(program)) => Overlay::Fuse(program),
        Err(err) => Overlay::None(err.to_string()),
    };
    Some(Own { namespace, overlay, store: store.paths().root.clone(), runtime: runtime(&store) })
}

/// Makes a user namespace with all the user's ids, and says what came in between.
fn namespace(host: &Host) -> Option<String> {
    let made = host.maps().and_then(|maps| match maps {
        Some(maps) => NewNamespace::begin(&maps)?.finish().map(drop),
        None => Ok(()),
    });
    made.err().map(|err| match std::error::Error::source(&err) {
        Some(source) => format!("{err}: {source}"),
        None => err.to_string(),
    })
}

fn runtime(store: &Store) -> Runtime {
    let mut runtime = Runtime { path: store.paths().run.clone(), ..Runtime::default() };
    let mut files = vec![overlay::remembered(store)];
    for entry in store.list_containers().map(|it| it.containers).unwrap_or_default() {
        let Ok(container) = store.container(&entry.id) else { continue };
        if matches!(status::of(&container), Status::Abandoned(_)) {
            runtime.abandoned.push(entry.name.unwrap_or_else(|| entry.id.to_string()));
        }
        files.push(container.run_path().join(STATE_FILE));
    }
    // Nothing in memory is older than the boot, whatever a clock that was set later makes of its time.
    const TMPFS: i128 = 0x0102_1994;
    let in_memory = rustix::fs::statfs(&runtime.path).is_ok_and(|it| i128::from(it.f_type) == TMPFS);
    let Some(boot) = boot_time().filter(|_| !in_memory) else { return runtime };
    runtime.before_boot = files.iter().filter_map(|it| age_at(it, boot)).max();
    runtime
}

/// How long before a time a file was last written; `None` if it was written later.
pub(super) fn age_at(file: &Path, time: SystemTime) -> Option<Duration> {
    let written = fs::metadata(file).ok()?.modified().ok()?;
    time.duration_since(written).ok().filter(|it| !it.is_zero())
}

/// When the kernel was started: `btime`, proc_stat(5).
pub(super) fn boot_time() -> Option<SystemTime> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let seconds = text.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Our generator, where systemd looks for it (systemd.generator(7)), if systemd runs it.
fn our_generator(of_system: bool) -> Option<PathBuf> {
    let below = if of_system {
        "system-generators/pontoon-system-generator"
    } else {
        "user-generators/pontoon-user-generator"
    };
    let places =
        ["/run/systemd", "/etc/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd"];
    let path = places
        .iter()
        .map(|place| Path::new(place).join(below))
        .find(|path| path.symlink_metadata().is_ok())?;
    let metadata = fs::metadata(&path).ok()?;
    (metadata.is_file() && metadata.len() > 0 && metadata.mode() & 0o111 != 0).then_some(path)
}

impl From<&HostUser> for Subject {
    fn from(user: &HostUser) -> Self {
        Self {
            uid: user.uid,
            name: Some(user.name.clone()),
            asks: user.uid == rustix::process::geteuid().as_raw(),
        }
    }
}
