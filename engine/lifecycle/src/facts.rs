//! The facts that a decision is made from: read here, once, and passed as values.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use pontoon_image::ImageConfig;
use pontoon_monitor::plan::StreamPlan;
use pontoon_network::{FactsError, HostFacts};
use pontoon_rootless::helper::MissingHelper;
use pontoon_rootless::idmap::{self, IdMaps, to_container, to_host};
use pontoon_rootless::names::{self, HostUser};
use pontoon_rootless::userns::{Grants, UserNamespaceError};
use pontoon_runtime::capabilities::CapSet;
use pontoon_runtime::hooks::Stage;
use pontoon_runtime::plan::{Files, Labels, Rootfs, RootfsSource};
use pontoon_runtime::seccomp::{Profile, ProfileError};
use pontoon_storage::{FileError, FindImageError, IdRange, IdShift, ImageRecord, ShiftError, Store};
use rustix::process::{Resource, getrlimit};

use crate::artifact::{self, UseArtifactError};
use crate::cdi::{self, CdiError, Edits};
use crate::create::CREDENTIALS;
use crate::decide::{self, Caller, DecideError, Decided, Facts};
use crate::devices::{self, DeviceError};
use crate::hooks::{self, HooksError};
use crate::host::Host;
use crate::id_maps::{self, IdMapsError};
use crate::labels::apparmor::{self, AppArmorError, AppArmorHost};
use crate::mount_ids::{self, MountIdsError};
use crate::network::AttachError;
use crate::overlay::{self, OverlayError};
use crate::record::{ContainerRecord, VolumeUse};
use crate::request::{CreateRequest, HostsFile, MountSource, RootfsRequest, SeccompRequest};
use crate::resources::{NoDevice, block_device};
use crate::secret::{self, UseError};
use crate::sharing::{self, SharingError};
use crate::user_namespace::{self, EnterError};

/// Where the host may have a profile of its own, the administrator's first.
const SECCOMP_PROFILES: [&str; 2] = ["/etc/containers/seccomp.json", "/usr/share/containers/seccomp.json"];
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Why the facts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The container's ids.
    #[error(transparent)]
    Ids(#[from] IdMapsError),
    /// The image.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// An artifact that is mounted.
    #[error(transparent)]
    Artifact(#[from] UseArtifactError),
    /// The store.
    #[error(transparent)]
    File(#[from] FileError),
    /// The network.
    #[error(transparent)]
    Network(#[from] FactsError),
    /// A profile for the filter.
    #[error("cannot use the seccomp profile `{}`", path.display())]
    Profile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Root file systems.
    #[error(transparent)]
    Overlay(#[from] OverlayError),
    /// A program for them.
    #[error("cannot mount root file systems")]
    Helper(#[from] MissingHelper),
    /// Layers with other owners.
    #[error("cannot give the image's files the owners that the container's ids need")]
    Shift(#[from] EnterError),
    /// The copy failed.
    #[error("cannot give the image's files the owners that the container's ids need: {0}")]
    ShiftFailed(String),
    /// Another container's namespaces.
    #[error(transparent)]
    Sharing(#[from] SharingError),
    /// A secret.
    #[error(transparent)]
    Secret(#[from] UseError),
    /// A user of the host's.
    #[error("--hostuser {name}: there is no such user on this host")]
    NoHostUser {
        /// By name or number.
        name: String,
    },
    /// A device of a limit.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// A device that was asked for by name.
    #[error(transparent)]
    Cdi(#[from] CdiError),
    /// Its AppArmor profile.
    #[error(transparent)]
    AppArmor(#[from] AppArmorError),
    /// Hooks.
    #[error("cannot tell which hooks the container has")]
    Hooks(#[from] HooksError),
    /// A device that was asked for.
    #[error(transparent)]
    AskedDevice(#[from] DeviceError),
    /// The file that `/etc/hosts` is to begin with.
    #[error("cannot read `{}`, named by --hosts-file", path.display())]
    HostsFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The directory that is its root file system.
    #[error("cannot use `{}` as a root file system", path.display())]
    Rootfs {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Owners that the directory's files cannot be shown with.
    #[error("cannot show the files of --rootfs with other owners")]
    RootfsIds(#[source] MountIdsError),
    /// Its networks.
    #[error(transparent)]
    Attach(#[from] AttachError),
    /// The decision.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl PlanError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Ids(err) => err.hint(),
            Self::Artifact(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Overlay(err) => err.hint(),
            Self::Helper(err) => Some(err.hint()),
            Self::Shift(err) => err.hint(),
            Self::Decide(err) => err.hint(),
            Self::Secret(err) => err.hint(),
            Self::Sharing(err) => err.hint(),
            Self::Attach(err) => err.hint(),
            Self::Cdi(err) => err.hint(),
            Self::AppArmor(err) => err.hint(),
            Self::RootfsIds(err) => err.hint(),
            _ => None,
        }
    }

    /// The exit code it gives.
    #[must_use]
    pub fn exit_code(&self) -> i32 {
        match self {
            Self::Decide(err) => err.exit_code(),
            // As in Podman, to which these are matters of its runtime.
            Self::Cdi(_) | Self::Hooks(_) => 126,
            _ => 125,
        }
    }
}

/// What the caller of [`plan`] knows already.
#[derive(Debug)]
pub struct Known<'a> {
    /// The container's record.
    pub record: &'a ContainerRecord,
    /// Its image; `None` if it has a directory.
    pub image: Option<&'a ImageRecord>,
    /// Its image's configuration.
    pub config: &'a ImageConfig,
    /// Its directory.
    pub directory: &'a Path,
    /// Its runtime directory.
    pub run_directory: &'a Path,
    /// Whether it can have a cgroup of its own.
    pub own_cgroup: bool,
    /// Its streams.
    pub streams: StreamPlan,
}

/// Reads the facts and decides.
///
/// # Errors
/// See [`PlanError`].
pub fn plan(host: &Host, store: &Store, known: &Known<'_>) -> Result<Decided, PlanError> {
    let request = &known.record.request;
    let (rootfs, ids) = root(host, store, known)?;
    let shared = sharing::find(host, store, request, ids.maps.as_ref())?;
    let mut network = HostFacts::read(known.run_directory)?;
    if let Some(file) = &request.hosts_file {
        network.hosts = hosts_file(file, rootfs.lower())?;
    }
    let cdi = cdi_edits(host, request)?;
    let mut asked_devices = devices::find(&request.devices)?;
    let named_devices = devices::find(&cdi.devices).map_err(CdiError::Node)?;
    asked_devices
        .retain(|it| !named_devices.iter().any(|named| named.request.container == it.request.container));
    asked_devices.extend(named_devices);
    let facts = Facts {
        record: known.record,
        image: known.config,
        maps: ids.maps.clone(),
        stored: &ids.stored,
        caller: caller(host),
        rootfs,
        mount_point: known.directory.join("rootfs"),
        store: store.paths(),
        directory: known.directory,
        run_directory: known.run_directory,
        network: &network,
        attachments: crate::network::attachments(host, store, request)?,
        fresh_volumes: fresh_volumes(store, known.record),
        images: image_layers(host, store, known.record, ids.shift().as_ref())?,
        artifacts: artifact::mounted(store, &known.record.request)?,
        seccomp_profile: seccomp_profile(&request.seccomp)?,
        has_journal: Path::new(JOURNAL).exists(),
        has_manager: host.variable("NOTIFY_SOCKET").is_some(),
        own_cgroup: known.own_cgroup,
        hard_limits: (getrlimit(Resource::Nofile).maximum, getrlimit(Resource::Nproc).maximum),
        own_capabilities: if ids.maps.is_some() { CapSet::ALL } else { own_capabilities() },
        hostname: rustix::system::uname().nodename().to_string_lossy().into_owned(),
        shared,
        listen_names: host.variable("LISTEN_FDNAMES").map(str::to_owned),
        host_users: host_users(&request.host_users)?,
        secret_env: secret::provide(
            store,
            known.record,
            secret::Places { directory: known.directory, run_directory: known.run_directory },
            host.variable(CREDENTIALS).map(OsStr::new),
        )?,
        limits: request.resources.limits(block_device)?,
        devices: if request.privileged { host_devices() } else { Vec::new() },
        asked_devices,
        cdi,
        labels: labels(host, known.record)?,
        device_filter: devices::filter(host, known.own_cgroup),
        thermal: thermal_directories(),
        streams: known.streams.clone(),
        events: host.events.clone(),
        prober: host.network_program(),
    };
    let mut decided = decide::decide(facts)?;
    add_hooks(host, known, &mut decided)?;
    Ok(decided)
}

/// The labels that the payload is executed with.
fn labels(host: &Host, record: &ContainerRecord) -> Result<Labels, AppArmorError> {
    let request = &record.request;
    let mut modules = AppArmorHost::read(host.is_rootless());
    if request.apparmor.is_none() && !request.privileged {
        apparmor::provide_default(&mut modules);
    }
    Ok(Labels {
        apparmor: apparmor::decide(request.apparmor.as_deref(), request.privileged, &modules)?,
        selinux: record.contexts.as_ref().map(|it| it.process.clone()),
    })
}

/// What the devices that are named want.
fn cdi_edits(host: &Host, request: &CreateRequest) -> Result<Edits, CdiError> {
    if request.cdi_devices.is_empty() {
        return Ok(Edits::default());
    }
    let directories = directories(&host.cdi_spec_dirs, request.cdi_spec_dirs.as_ref(), &cdi::DIRECTORIES);
    cdi::resolve(&request.cdi_devices, &directories)
}

/// The directories that this command names, or those the container was made with, or the usual ones.
fn directories(own: &[PathBuf], recorded: Option<&Vec<PathBuf>>, usual: &[&str]) -> Vec<PathBuf> {
    if !own.is_empty() {
        return own.to_vec();
    }
    recorded.cloned().unwrap_or_else(|| usual.iter().map(PathBuf::from).collect())
}

/// Adds the hooks that directories have for the container, of which the plan itself is a condition.
fn add_hooks(host: &Host, known: &Known<'_>, decided: &mut Decided) -> Result<(), HooksError> {
    let request = &known.record.request;
    let directories = directories(&host.hooks_dirs, request.hooks_dirs.as_ref(), &hooks::DIRECTORIES);
    let own = &mut decided.plan.container;
    let container = hooks::Container {
        annotations: &own.hooks.annotations,
        command: own.process.args.first().map_or("", String::as_str),
        has_mounts: !request.mounts.is_empty() || !known.record.volumes.is_empty(),
    };
    let (found, warnings) = hooks::find(&directories, container)?;
    let (first, later) = found.into_iter().partition(|it| it.stage == Stage::Precreate);
    own.hooks.all.extend::<Vec<_>>(later);
    decided.precreate = first;
    decided.warnings.extend(warnings);
    Ok(())
}

/// Reads what a container's files are put together from.
///
/// # Errors
/// See [`PlanError`].
pub fn files(host: &Host, store: &Store, known: &Known<'_>) -> Result<Files, PlanError> {
    let (source, ids) = root(host, store, known)?;
    let rootfs = plain_rootfs(source, known);
    let fresh = fresh_volumes(store, known.record);
    Ok(decide::files(known.record, known.config, caller(host), rootfs, ids.maps, &ids.stored, &fresh)?)
}

/// Reads what a container's root file system is made of.
///
/// # Errors
/// See [`PlanError`].
pub fn rootfs(host: &Host, store: &Store, known: &Known<'_>) -> Result<Rootfs, PlanError> {
    let (source, _) = root(host, store, known)?;
    Ok(plain_rootfs(source, known))
}

fn plain_rootfs(source: RootfsSource, known: &Known<'_>) -> Rootfs {
    Rootfs {
        source,
        mount_point: known.directory.join("rootfs"),
        read_only: false,
        devices: false,
        label: None,
    }
}

/// Users of the host's, by name or number.
fn host_users(words: &[String]) -> Result<Vec<HostUser>, PlanError> {
    let find = |word: &String| match word.parse() {
        Ok(uid) => names::by_uid(uid),
        Err(_) => names::by_name(word),
    };
    words.iter().map(|it| find(it).ok_or_else(|| PlanError::NoHostUser { name: it.clone() })).collect()
}

fn caller(host: &Host) -> Caller<'_> {
    Caller { name: host.user.as_ref().map(|it| it.name.as_str()), uid: host.uid, gid: host.gid }
}

/// The root file system, and the ids that it is seen with.
fn root(host: &Host, store: &Store, known: &Known<'_>) -> Result<(RootfsSource, Ids), PlanError> {
    let ids = Ids::read(host, store, known.record)?;
    let (userxattr, volatile) = (host.is_rootless(), known.record.request.rm);
    let lower = match &known.record.request.rootfs {
        Some(rootfs) if rootfs.overlay => vec![rootfs.path.clone()],
        Some(RootfsRequest { path, idmap, .. }) => {
            let maps = ids.maps.as_ref();
            let shown = mount_ids::decide(idmap.as_slice(), maps, &ids.stored, host.is_rootless())
                .map_err(PlanError::RootfsIds)?;
            let source = RootfsSource::Directory { path: path.clone(), ids: shown, userxattr };
            return Ok((source, ids));
        }
        None => match known.image {
            Some(image) => layers(host, store, image, ids.shift().as_ref())?,
            None => Vec::new(),
        },
    };
    let (upper, work) = (known.directory.join("upper"), known.directory.join("work"));
    let source = match overlay::choose(host, store)? {
        overlay::Choice::Native => RootfsSource::Overlay { lower, upper, work, userxattr, volatile },
        overlay::Choice::Fuse(program) => RootfsSource::Fuse { program, lower, upper, work },
    };
    Ok((source, ids))
}

/// The container's id maps, and how its image's files must be re-owned for them.
#[derive(Debug)]
struct Ids {
    maps: Option<IdMaps>,
    /// The map in which layers are stored.
    stored: IdMaps,
}

impl Ids {
    fn read(host: &Host, store: &Store, record: &ContainerRecord) -> Result<Self, IdMapsError> {
        Ok(Self { maps: id_maps::of(host, store, record)?, stored: id_maps::stored(host)? })
    }

    /// Kept as id 0 the user's map is the default one, and files are as they should be.
    fn shift(&self) -> Option<IdShift> {
        let (stored, maps) = (&self.stored, self.maps.as_ref()?);
        let shift = || IdShift {
            uids: shift(&stored.uids, &maps.uids),
            gids: shift(&stored.gids, &maps.gids),
            other_user: unmapped(&stored.uids, &maps.uids),
            other_group: unmapped(&stored.gids, &maps.gids),
        };
        (maps != stored).then(shift)
    }
}

/// An id of the default map that the container does not have: files that belong to nobody there get it.
fn unmapped(stored: &[idmap::IdRange], maps: &[idmap::IdRange]) -> Option<u32> {
    // If there is one, there is one beside an end of some range.
    let ends = stored
        .iter()
        .map(|it| it.host)
        .chain(maps.iter().flat_map(|it| [it.host.checked_sub(1), it.host.checked_add(it.size)]).flatten());
    let mut unknown = ends.filter(|host| to_container(maps, *host).is_none());
    unknown.find_map(|host| to_container(stored, host))
}

/// An image's file with id `c` must belong to the host id that `c` stands for in the container; both are seen here through
/// the default map, in which layers are unpacked.
fn shift(stored: &[idmap::IdRange], wanted: &[idmap::IdRange]) -> Vec<IdRange> {
    // Cut where either map has an edge, so that every piece is one run on both sides.
    let mut edges: Vec<u32> = Vec::new();
    for it in wanted {
        edges.extend([it.container, it.container.saturating_add(it.size)]);
        for edge in stored {
            for host in [edge.host, edge.host.saturating_add(edge.size)] {
                edges.extend(to_container(wanted, host));
            }
        }
    }
    edges.sort_unstable();
    edges.dedup();
    let mut pieces = Vec::new();
    for pair in edges.windows(2) {
        if let [from, end] = *pair
            && let Some(to) = to_host(wanted, from).and_then(|host| to_container(stored, host))
        {
            pieces.push(IdRange { from, to, length: end - from });
        }
    }
    pieces
}

/// The directories to mount, the topmost first.
fn layers(
    host: &Host,
    store: &Store,
    image: &ImageRecord,
    shift: Option<&IdShift>,
) -> Result<Vec<PathBuf>, PlanError> {
    let visible = image.visible_layers();
    let Some(shift) = shift else {
        return Ok(visible.iter().rev().map(|it| store.layer_path(it)).collect());
    };
    let all = || -> Result<Option<Vec<PathBuf>>, FileError> {
        visible.iter().rev().map(|it| store.shifted_layer_path(it, shift)).collect()
    };
    if let Some(paths) = all()? {
        return Ok(paths);
    }
    // Made once for every layer and map; needs an id for each of both sides, which the default map has.
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)
        .map_err(|err| PlanError::Shift(EnterError::Child(err.into())))?;
    let worker = user_namespace::spawn(
        host,
        |_| 1,
        |_| {
            let made: Result<Vec<_>, ShiftError> =
                visible.iter().map(|it| store.shifted_layer(it, shift)).collect();
            let Err(err) = made else { return 0 };
            let mut text = err.to_string();
            let mut cause = std::error::Error::source(&err);
            while let Some(err) = cause {
                text.push_str(&format!(": {err}"));
                cause = err.source();
            }
            let _ = rustix::io::write(&write, text.as_bytes());
            1
        },
    )?;
    drop(write);
    let mut said = String::new();
    let _ = io::Read::read_to_string(&mut std::fs::File::from(read), &mut said);
    match (worker.wait(), all()?) {
        (Some(0), Some(paths)) => Ok(paths),
        _ => Err(PlanError::ShiftFailed(said)),
    }
}

/// What `/etc/hosts` begins with. The image's is looked for in its layers, the topmost first: a link is not followed.
fn hosts_file(file: &HostsFile, lower: &[PathBuf]) -> Result<String, PlanError> {
    let path = match file {
        HostsFile::None => None,
        HostsFile::Path(path) => Some(path.clone()),
        HostsFile::Image => {
            let found = lower.iter().map(|it| it.join("etc/hosts")).find(|it| it.symlink_metadata().is_ok());
            found.filter(|it| it.symlink_metadata().is_ok_and(|it| it.is_file()))
        }
    };
    let Some(path) = path else { return Ok(String::new()) };
    match std::fs::read(&path) {
        Ok(bytes) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Err(source) => Err(PlanError::HostsFile { path, source }),
    }
}

/// The layers of the images that the container mounts.
fn image_layers(
    host: &Host,
    store: &Store,
    record: &ContainerRecord,
    shift: Option<&IdShift>,
) -> Result<Vec<(usize, Vec<PathBuf>)>, PlanError> {
    let asked = record.request.mounts.iter().enumerate();
    let asked = asked.filter(|(_, it)| matches!(it.source, MountSource::Image(_)));
    // Which images those are was looked up when the container was made.
    let layers = |((number, _), id): ((usize, _), &String)| {
        let image = store.find_image(id)?;
        Ok((number, layers(host, store, &image, shift)?))
    };
    asked.zip(&record.mounted_images).map(layers).collect()
}

fn fresh_volumes(store: &Store, record: &ContainerRecord) -> Vec<String> {
    // It mounts none of them: its pod's containers do.
    if record.request.infra.is_some() {
        return Vec::new();
    }
    let is_fresh =
        |used: &VolumeUse| store.find_volume(&used.name).is_ok_and(|it| it.needs_copy_up().unwrap_or(false));
    record.volumes.iter().filter(|it| is_fresh(it)).map(|it| it.name.clone()).collect()
}

fn seccomp_profile(request: &SeccompRequest) -> Result<Option<Profile>, PlanError> {
    let read = |path: &Path| {
        let failed = |source| PlanError::Profile { path: path.to_owned(), source };
        let text = std::fs::read_to_string(path).map_err(|err| failed(err.into()))?;
        Profile::parse(&text).map_err(|err: ProfileError| failed(err.into()))
    };
    match request {
        SeccompRequest::Unconfined => Ok(None),
        SeccompRequest::Profile(path) => read(path).map(Some),
        SeccompRequest::Default => {
            SECCOMP_PROFILES.iter().map(Path::new).find(|it| it.exists()).map(read).transpose()
        }
    }
}

/// Every device node directly in `/dev` and in `/dev/net`, but for those that every container has.
fn host_devices() -> Vec<PathBuf> {
    use std::os::unix::fs::FileTypeExt;
    let usual = ["null", "zero", "full", "tty", "random", "urandom", "console", "ptmx"];
    let entries = ["/dev", "/dev/net"].iter().filter_map(|it| std::fs::read_dir(it).ok()).flatten().flatten();
    let mut devices: Vec<_> = entries
        .filter(|it| it.file_type().is_ok_and(|kind| kind.is_char_device() || kind.is_block_device()))
        .filter(|it| !usual.iter().any(|name| it.file_name() == *name))
        .map(|it| it.path())
        .collect();
    devices.sort();
    devices
}

/// The capabilities that we ourselves could have: root's own container gets no more. A new user namespace has them all.
fn own_capabilities() -> CapSet {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|it| it.strip_prefix("CapBnd:"));
    let bits = bits.and_then(|it| u64::from_str_radix(it.trim(), 16).ok());
    bits.map_or(CapSet::ALL, CapSet::from_bits)
}

fn thermal_directories() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir("/sys/devices/system/cpu") else { return Vec::new() };
    let mut found: Vec<_> = entries
        .flatten()
        .filter(|it| {
            it.file_name().to_string_lossy().strip_prefix("cpu").is_some_and(|n| n.parse::<u32>().is_ok())
        })
        .map(|it| it.path().join("thermal_throttle"))
        .filter(|it| it.is_dir())
        .map(|it| it.to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

/// Grants, for reports.
///
/// # Errors
/// See [`UserNamespaceError`].
pub fn grants(host: &Host) -> Result<Grants, UserNamespaceError> {
    host.grants()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pontoon_rootless::idmap::IdMaps;

    #[test]
    fn keep_id_gives_the_users_files_to_the_user() {
        let subordinate = [(100_000, 65_536)];
        let stored = IdMaps::rootless(1000, 1000, &subordinate, &subordinate);
        let wanted = IdMaps::keep_id((1000, 1000), (1000, 1000), None, &subordinate, &subordinate).unwrap();
        let pieces = shift(&stored.uids, &wanted.uids);
        let to = |from: u32| {
            pieces
                .iter()
                .find(|it| from >= it.from && from - it.from < it.length)
                .map(|it| it.to + (from - it.from))
        };
        assert_eq!(to(1000), Some(0));
        assert_eq!(to(0), Some(1));
        assert_eq!(to(999), Some(1000));
        assert_eq!(to(1001), Some(1001));
        assert_eq!(unmapped(&stored.uids, &wanted.uids), None);
        let few = IdMaps::keep_id((1000, 1000), (10, 10), Some(100), &subordinate, &subordinate).unwrap();
        assert_eq!(unmapped(&stored.uids, &few.uids), Some(100));
    }
}
