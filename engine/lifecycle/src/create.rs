//! Making a container: its volumes, its record, its name.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use pontoon_image::{ConfigError, ImageConfig};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_network::{PortError, PortMapping, Protocol, PublishError};
use pontoon_rootless::idmap::IdMaps;
use pontoon_runtime::plan::NamespaceKind;
use pontoon_storage::{
    ContainerHandle, ContainerId, CreateError as StoreError, Durability, FindContainerError, FindImageError,
    FindVolumeError, ImageId, ImageRecord, NewContainer, NewVolume, OpenError, RecordError, Store, Unsynced,
    VolumeError, VolumeHandle,
};

use crate::health::{self, HealthError};
use crate::id_maps::{self, IdMapsError};
use crate::labels::apparmor::{self, AppArmorHost};
use crate::labels::relabel::{self, RelabelError};
use crate::labels::selinux::{self, Policy};
use crate::labels::{AppArmorError, Contexts, SelinuxError};
use crate::namespace_path::{self, NamespacePathError, Owner};
use crate::record::{ContainerRecord, VolumeRecord, VolumeUse};
use crate::remove::{self, RemoveError, RemoveOptions};
use crate::request::{
    CreateRequest, ImageVolumeMode, MountRequest, MountSource, NamespaceMode, SeccompRequest, UserNsMode,
};
use crate::secret::{self, UseError};
use crate::volume::{self, VolumeDeedError};
use crate::volume_options::{self, VolumeOptionError};
use crate::{base, glob, names};
use crate::{host::Host, status};

/// Before an option of the driver, among those of a mount.
const VOLUME_OPTION: &str = "volume-opt=";

/// The variable in which the service manager names the directory of credentials (systemd.exec(5)).
pub(crate) const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why a container could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store's runtime directory.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The image's files.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// The image's configuration.
    #[error("cannot understand the configuration of image `{image}`")]
    Config {
        /// The image.
        image: String,
        /// The cause.
        #[source]
        source: ConfigError,
    },
    /// Its secrets.
    #[error(transparent)]
    Secret(#[from] UseError),
    /// Its health check.
    #[error(transparent)]
    Health(#[from] HealthError),
    /// A random port.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A volume.
    #[error(transparent)]
    Volume(#[from] VolumeError),
    /// A volume that is made for the container.
    #[error(transparent)]
    VolumeDeed(#[from] VolumeDeedError),
    /// What is said of a volume.
    #[error(transparent)]
    VolumeOption(#[from] VolumeOptionError),
    /// A volume that is there.
    #[error(transparent)]
    FindVolume(#[from] FindVolumeError),
    /// The container to be replaced.
    #[error("cannot replace the container `{name}`")]
    Replace {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: Box<RemoveError>,
    },
    /// No randomness for an id.
    #[error("cannot draw a random id")]
    Random(#[source] io::Error),
    /// The file for the id.
    #[error("cannot write the id to `{}`", path.display())]
    Cidfile {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A source of a bind mount.
    #[error("cannot mount `{}`", path.display())]
    BindSource {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A pattern of paths that are to be mounted.
    #[error("nothing matches the pattern `{pattern}`")]
    NothingMatches {
        /// The pattern.
        pattern: String,
    },
    /// An image that is to be mounted.
    #[error("cannot mount the image `{name}`")]
    MountedImage {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindImageError,
    },
    /// A time zone that the host does not know.
    #[error("there is no time zone `{zone}` in /usr/share/zoneinfo")]
    TimeZone {
        /// Its name.
        zone: String,
    },
    /// An exposed port that cannot be published.
    #[error("cannot publish the exposed port `{port}`")]
    Expose {
        /// As it is written in the image or the request.
        port: String,
        /// The cause.
        #[source]
        source: PublishError,
    },
    /// A container whose namespaces are wanted.
    #[error("{option} container:{name} cannot be had")]
    Sharing {
        /// The option.
        option: &'static str,
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// A device, or a file that says what the container may do.
    #[error("cannot use `{}`", path.display())]
    Source {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A namespace by path.
    #[error(transparent)]
    NamespacePath(#[from] NamespacePathError),
    /// Its AppArmor profile.
    #[error(transparent)]
    AppArmor(#[from] AppArmorError),
    /// Its SELinux contexts.
    #[error(transparent)]
    Selinux(#[from] SelinuxError),
    /// What is to be labelled for it.
    #[error(transparent)]
    Relabel(#[from] RelabelError),
    /// A container that is needed.
    #[error("--requires {name} cannot be had")]
    Requires {
        /// Its name.
        name: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// A container whose volumes are wanted.
    #[error("cannot take over the volumes of another container")]
    VolumesFrom(#[from] FindContainerError),
    /// Its record.
    #[error("cannot take over the volumes of another container")]
    VolumesFromRecord(#[from] RecordError),
    /// Its ids.
    #[error(transparent)]
    Ids(#[from] IdMapsError),
    /// The lock of the new container.
    #[error("cannot lock the new container")]
    Lock(#[source] io::Error),
}

impl CreateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(err) => err.hint(),
            Self::Open(err) => err.hint(),
            Self::Port(err) => err.hint(),
            Self::Health(err) => err.hint(),
            Self::Secret(err) => err.hint(),
            Self::Ids(err) => err.hint(),
            Self::NamespacePath(err) => err.hint(),
            Self::AppArmor(err) => err.hint(),
            Self::Selinux(err) => err.hint(),
            Self::Relabel(err) => err.hint(),
            Self::Replace { source, .. } => source.hint(),
            Self::Cidfile { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
                Some("remove the file if the container it names is gone".to_owned())
            }
            Self::BindSource { source, .. } if source.kind() == io::ErrorKind::NotFound => {
                Some("make it first, or use a named volume, which is made for you".to_owned())
            }
            Self::MountedImage { source: FindImageError::NotFound { .. }, name } => {
                Some(format!("pull it first: pontoon pull {name}"))
            }
            Self::VolumeDeed(err) => err.hint(),
            Self::VolumeOption(err) => err.hint(),
            Self::TimeZone { .. } => Some(
                "use a name like Europe/Berlin or `local`; the zones are in Debian's package tzdata"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// A container that was made, and still is ours to start.
#[derive(Debug)]
pub struct Created {
    /// The container.
    pub container: ContainerHandle,
    /// Its record.
    pub record: ContainerRecord,
    /// Its image's configuration.
    pub image: ImageConfig,
    /// The lock of its supervisor: as long as it is held, nobody takes the container for a leftover.
    pub lock: OwnedFd,
    /// What must be synced before anybody is told that it is there.
    pub unsynced: Unsynced,
}

/// Reads an image's configuration.
///
/// # Errors
/// See [`CreateError`].
pub fn image_config(store: &Store, image: &ImageRecord) -> Result<ImageConfig, CreateError> {
    let bytes = store.image_config(&image.id)?;
    let name = || image.names.first().cloned().unwrap_or_else(|| image.id.short().to_owned());
    ImageConfig::parse(&bytes).map_err(|source| CreateError::Config { image: name(), source })
}

/// Makes a container, of an image or, without one, of the directory that is asked for. `of_run` says that it is about to be started by the same command.
///
/// # Errors
/// See [`CreateError`].
pub fn create(
    host: &Host,
    store: &Store,
    request: CreateRequest,
    image: Option<&ImageRecord>,
    of_run: bool,
) -> Result<Created, CreateError> {
    let mut request = request;
    expand_globs(&mut request)?;
    check_sources(&request)?;
    let mounted_images = mounted_images(store, &request)?;
    let config = base::config(store, image)?;
    health::plan(&request.health, &config)?;
    for (option, name) in request.sharing() {
        let missing = |source| CreateError::Sharing { option, name: name.to_owned(), source };
        store.find_container(name).map_err(missing)?;
    }
    let joined_maps = look_at_namespaces(&request)?;
    check_labels(host, &request)?;
    for name in &request.requires {
        store.find_container(name).map_err(|source| CreateError::Requires { name: name.clone(), source })?;
    }
    if request.publish_all {
        publish_exposed(&mut request, &config)?;
    }
    pontoon_network::resolve_random(&mut request.publish)?;
    let inherited = volumes_from(store, &mut request)?;
    let secrets = secret::find(store, &request)?;
    if let Some(path) = &request.cidfile
        && path.exists()
    {
        let source = io::ErrorKind::AlreadyExists.into();
        return Err(CreateError::Cidfile { path: path.clone(), source });
    }
    if let (true, Some(name)) = (request.replace, &request.name) {
        let options =
            RemoveOptions { force: true, ignore: true, volumes: true, timeout: None, depend: false };
        remove::remove(host, store, name, options)
            .map_err(|source| CreateError::Replace { name: name.clone(), source: Box::new(source) })?;
    }
    let id = ContainerId::random().map_err(|err| CreateError::Random(err.into()))?;
    let request_labels = LabelWords::of(&request);
    let mut record = ContainerRecord {
        id: id.to_string(),
        name: String::new(),
        created: pontoon_monitor::time::now(),
        image_id: image.map(|it| it.id.to_string()).unwrap_or_default(),
        image_name: image.map(|it| name_as_asked(it, &request.image)).unwrap_or_default(),
        request,
        volumes: Vec::new(),
        mounted_images: Vec::new(),
        anonymous_volumes: Vec::new(),
        secrets,
        id_maps: joined_maps,
        contexts: contexts(store, &request_labels)?,
        of_run,
    };
    // Until the record tells everybody whose they are, nobody else may choose ids.
    let _choosing = match &record.request.userns {
        UserNsMode::Auto(wanted) => {
            let layers = match (image, &record.request.rootfs) {
                (Some(image), _) => {
                    image.visible_layers().iter().rev().map(|it| store.layer_path(it)).collect()
                }
                (None, rootfs) => rootfs.iter().map(|it| it.path.clone()).collect::<Vec<_>>(),
            };
            let (maps, lock) = id_maps::choose(host, store, wanted, &layers, &config)?;
            record.id_maps = Some(maps);
            Some(lock)
        }
        _ => {
            id_maps::of(host, store, &record)?;
            None
        }
    };
    record.volumes = inherited;
    record.mounted_images = mounted_images.iter().map(ToString::to_string).collect();
    use_volumes(host, store, &mut record, &config)?;
    let made = claim_and_write(store, &id, image, &mounted_images, &mut record);
    let (container, unsynced, lock) = match made {
        Ok(made) => made,
        Err(err) => {
            for name in &record.anonymous_volumes {
                if let Ok(volume) = store.find_volume(name)
                    && store.remove_volume(volume, || Ok::<_, VolumeError>(Vec::new())).is_ok()
                {
                    host.tell_of_other(Kind::Volume, Deed::Remove, "", name);
                }
            }
            return Err(err);
        }
    };
    let credentials = std::env::var_os(CREDENTIALS);
    // A credential that is not there yet may be when the container is started.
    match secret::provide(store, &record, container.path(), credentials.as_deref()) {
        Ok(_) | Err(UseError::NoCredentials { .. } | UseError::Credential { .. }) => {}
        Err(err) => {
            let _ = store.remove_container(container);
            return Err(err.into());
        }
    }
    if let Some(path) = &record.request.cidfile
        && let Err(source) = write_new(path, &record.id)
    {
        let path = path.clone();
        let _ = store.remove_container(container);
        return Err(CreateError::Cidfile { path, source });
    }
    host.tell_of(store, &record, Deed::Create);
    Ok(Created { container, record, image: config, lock, unsynced })
}

/// Of an image's names the one that somebody meant, else the first; what was asked for where it has none.
fn name_as_asked(image: &ImageRecord, asked: &str) -> String {
    let has_tag = asked.rsplit_once(':').is_some_and(|(_, tag)| !tag.contains('/'));
    let tagged = if has_tag { asked.to_owned() } else { format!("{asked}:latest") };
    let is_meant = |name: &&String| {
        name.strip_suffix(tagged.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('/'))
    };
    let name = image.names.iter().find(is_meant).or_else(|| image.names.first());
    name.cloned().unwrap_or_else(|| asked.to_owned())
}

/// The record that [`create`] would write, for a plan that is only printed: nothing is made or claimed.
#[must_use]
pub fn preview(
    store: &Store,
    request: CreateRequest,
    image: Option<&ImageRecord>,
    config: &ImageConfig,
) -> ContainerRecord {
    let id = "0".repeat(64);
    let volume = |name: &str, target: &str, options: &[String]| VolumeUse {
        name: name.to_owned(),
        target: target.to_owned(),
        data: store.paths().root.join("volumes").join(name).join("_data"),
        options: options.to_vec(),
        ..VolumeUse::default()
    };
    let mut volumes = Vec::new();
    for mount in &request.mounts {
        match &mount.source {
            MountSource::Volume(name) => volumes.push(volume(name, &mount.target, &mount.options)),
            MountSource::Anonymous => volumes.push(volume("ANONYMOUS", &mount.target, &mount.options)),
            _ => {}
        }
    }
    for target in &config.config.volumes {
        if !request.mounts.iter().any(|it| it.target.trim_end_matches('/') == target.trim_end_matches('/')) {
            volumes.push(volume("ANONYMOUS", target, &[]));
        }
    }
    ContainerRecord {
        name: request.name.clone().unwrap_or_else(|| "NAME".to_owned()),
        id,
        created: 0,
        image_id: image.map(|it| it.id.to_string()).unwrap_or_default(),
        image_name: image.map(|it| name_as_asked(it, &request.image)).unwrap_or_default(),
        request,
        volumes,
        mounted_images: Vec::new(),
        anonymous_volumes: Vec::new(),
        secrets: Vec::new(),
        id_maps: None,
        contexts: None,
        of_run: true,
    }
}

/// Looks at the namespaces that are to be joined by path, and gives the ids of a user namespace among them.
fn look_at_namespaces(request: &CreateRequest) -> Result<Option<IdMaps>, NamespacePathError> {
    let mut found = None;
    for asked in namespace_path::asked(request) {
        let owner = namespace_path::look(asked)?;
        match owner {
            Owner::Below { maps, .. } if asked.kind == NamespaceKind::User => found = Some(maps),
            Owner::Own { is_ours } if asked.kind == NamespaceKind::User => {
                let (option, path) = (asked.option, asked.path.to_owned());
                return Err(NamespacePathError::NotOurs { option, path, is_own: is_ours });
            }
            Owner::Below { .. } | Owner::Own { .. } => {}
        }
    }
    Ok(found)
}

/// Whether the words about labels can be followed here.
fn check_labels(host: &Host, request: &CreateRequest) -> Result<(), CreateError> {
    if request.apparmor.is_some() {
        let modules = AppArmorHost::read(host.is_rootless());
        apparmor::decide(request.apparmor.as_deref(), request.privileged, &modules)?;
    }
    if Path::new(selinux::ENFORCE).exists()
        && Policy::read()?.is_some()
        && !request.label_options.iter().any(|it| it == "disable")
    {
        let home = host.user.as_ref().map(|it| Path::new(&it.home));
        for mount in &request.mounts {
            if let MountSource::Bind(path) = &mount.source
                && mount.options.iter().any(|it| it == "z" || it == "Z")
                && relabel::is_kept(path, home)
            {
                return Err(RelabelError::Kept { path: path.clone() }.into());
            }
        }
    }
    Ok(())
}

/// What a request says about SELinux.
struct LabelWords {
    options: Vec<String>,
    shares_host: bool,
}

impl LabelWords {
    fn of(request: &CreateRequest) -> Self {
        let shares_host =
            request.privileged || request.pid == NamespaceMode::Host || request.ipc == NamespaceMode::Host;
        Self { options: request.label_options.clone(), shares_host }
    }
}

/// The container's SELinux contexts; `None` where there is no SELinux.
fn contexts(store: &Store, words: &LabelWords) -> Result<Option<Contexts>, SelinuxError> {
    let policy = Policy::read()?;
    let taken = || {
        let list = store.list_containers().map(|it| it.containers).unwrap_or_default();
        let records = list.iter().filter_map(|it| it.record::<ContainerRecord>().ok());
        records.filter_map(|it| it.contexts.map(|it| it.process)).collect()
    };
    let taken: Vec<String> = if policy.is_some() { taken() } else { Vec::new() };
    selinux::decide(&words.options, words.shares_host, policy.as_ref(), &taken, selinux::draw)
}

/// Patterns become the paths that they match: in the order of their names, each below the target, or where it is without one.
fn expand_globs(request: &mut CreateRequest) -> Result<(), CreateError> {
    let mut mounts = Vec::new();
    for mount in std::mem::take(&mut request.mounts) {
        let MountSource::Glob(pattern) = &mount.source else {
            mounts.push(mount);
            continue;
        };
        let found = glob::matches(pattern);
        if found.is_empty() {
            return Err(CreateError::NothingMatches { pattern: pattern.clone() });
        }
        for path in found {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let target = match mount.target.as_str() {
                "" => path.to_string_lossy().into_owned(),
                directory => format!("{}/{name}", directory.trim_end_matches('/')),
            };
            let source = MountSource::Bind(path);
            mounts.push(MountRequest { source, target, options: mount.options.clone() });
        }
    }
    request.mounts = mounts;
    Ok(())
}

/// The images that are mounted, which must be there.
fn mounted_images(store: &Store, request: &CreateRequest) -> Result<Vec<ImageId>, CreateError> {
    let names = request.mounts.iter().filter_map(|it| match &it.source {
        MountSource::Image(name) => Some(name),
        _ => None,
    });
    let find = |name: &String| {
        let missing = |source| CreateError::MountedImage { name: name.clone(), source };
        Ok(store.find_image(name).map_err(missing)?.id)
    };
    names.map(find).collect()
}

/// What can be known to fail is said before anything is made.
fn check_sources(request: &CreateRequest) -> Result<(), CreateError> {
    for mount in &request.mounts {
        if let MountSource::Bind(path) = &mount.source {
            let is_followed = !mount.options.iter().any(|it| it == "no-dereference");
            if is_followed { std::fs::metadata(path) } else { std::fs::symlink_metadata(path) }
                .map_err(|source| CreateError::BindSource { path: path.clone(), source })?;
        }
    }
    if let Some(rootfs) = &request.rootfs {
        let is_directory = |it: std::fs::Metadata| match it.is_dir() {
            true => Ok(()),
            false => Err(io::ErrorKind::NotADirectory.into()),
        };
        std::fs::metadata(&rootfs.path)
            .and_then(is_directory)
            .map_err(|source| CreateError::Source { path: rootfs.path.clone(), source })?;
    }
    let devices = request.devices.iter().filter(|it| !it.optional).map(|it| &it.host);
    let profile = match &request.seccomp {
        SeccompRequest::Profile(path) => Some(path),
        _ => None,
    };
    let init = request.init_path.as_ref().filter(|_| request.init);
    for path in devices.chain(profile).chain(init) {
        std::fs::metadata(path).map_err(|source| CreateError::Source { path: path.clone(), source })?;
    }
    match request.timezone.as_deref() {
        None | Some("local") => Ok(()),
        Some(zone) => {
            let path = PathBuf::from("/usr/share/zoneinfo").join(zone);
            let is_plain = !zone.starts_with('/') && !zone.split('/').any(|it| it == "..");
            if is_plain && path.is_file() {
                Ok(())
            } else {
                Err(CreateError::TimeZone { zone: zone.to_owned() })
            }
        }
    }
}

/// Publishes what the image and the request expose and is not published yet, each to a random port of the host.
fn publish_exposed(request: &mut CreateRequest, image: &ImageConfig) -> Result<(), CreateError> {
    for port in image.config.exposed_ports.iter().chain(&request.expose) {
        let is_published = |it: &PortMapping| {
            port.split('/').next().and_then(|it| it.parse().ok()) == Some(it.container_port)
                && port.ends_with("/udp") == (it.protocol == Protocol::Udp)
        };
        if !request.publish.iter().any(is_published) {
            let wrong = |source| CreateError::Expose { port: port.clone(), source };
            request.publish.push(pontoon_network::parse_publish(port).map_err(wrong)?);
        }
    }
    Ok(())
}

/// What other containers mount, as far as the request has nothing else in the same place: binds go into the request,
/// volumes are given back.
fn volumes_from(store: &Store, request: &mut CreateRequest) -> Result<Vec<VolumeUse>, CreateError> {
    let mut volumes: Vec<VolumeUse> = Vec::new();
    for (name, options) in &request.volumes_from.clone() {
        let other: ContainerRecord = store.find_container(name)?.read_record()?;
        // As with Podman, options that are given take the place of the other container's.
        let changed = |own: &[String]| {
            let kept = |it: &&String| options.is_empty() || it.starts_with("subpath=");
            own.iter().filter(kept).chain(options).cloned().collect::<Vec<_>>()
        };
        for volume in &other.volumes {
            if !request.mounts.iter().any(|it| it.target == volume.target) {
                volumes.retain(|it| it.target != volume.target);
                volumes.push(VolumeUse { options: changed(&volume.options), ..volume.clone() });
            }
        }
        for mount in other.request.mounts.iter().filter(|it| matches!(it.source, MountSource::Bind(_))) {
            if !request.mounts.iter().any(|it| it.target == mount.target) {
                let options = changed(&mount.options);
                request.mounts.push(MountRequest { options, ..mount.clone() });
            }
        }
    }
    Ok(volumes)
}

/// Finds or makes the volumes that the request and the image name.
fn use_volumes(
    host: &Host,
    store: &Store,
    record: &mut ContainerRecord,
    image: &ImageConfig,
) -> Result<(), CreateError> {
    let mounts = record.request.mounts.clone();
    for mount in &mounts {
        let volume = match &mount.source {
            MountSource::Volume(name) => find_or_make(host, store, name, &volume_record(host, mount)?)?,
            MountSource::Anonymous => make_anonymous(host, store, record, &volume_record(host, mount)?)?,
            _ => continue,
        };
        let options: Vec<String> =
            mount.options.iter().filter(|it| !it.starts_with(VOLUME_OPTION)).cloned().collect();
        record.volumes.push(used(&volume, &mount.target, &options));
    }
    if record.request.image_volume == ImageVolumeMode::Ignore {
        return Ok(());
    }
    for target in &image.config.volumes {
        let clean = target.trim_end_matches('/');
        let has = |other: &str| other.trim_end_matches('/') == clean;
        if !mounts.iter().any(|it| has(&it.target)) && !record.volumes.iter().any(|it| has(&it.target)) {
            if record.request.image_volume == ImageVolumeMode::Tmpfs {
                let (source, target) = (MountSource::Tmpfs, format!("/{}", clean.trim_start_matches('/')));
                record.request.mounts.push(MountRequest { source, target, options: Vec::new() });
                continue;
            }
            let volume = make_anonymous(host, store, record, &VolumeRecord::default())?;
            record.volumes.push(used(&volume, target, &[]));
        }
    }
    Ok(())
}

/// What stands behind a volume: its own data, or what its driver options name.
fn used(volume: &VolumeHandle, target: &str, options: &[String]) -> VolumeUse {
    let record: VolumeRecord = volume.read_entry().and_then(|it| it.record()).unwrap_or_default();
    let filesystem = record.filesystem();
    VolumeUse {
        name: volume.name().to_owned(),
        target: target.to_owned(),
        data: record.bound().unwrap_or_else(|| volume.data_path()),
        options: options.to_vec(),
        tmpfs: filesystem.as_ref().filter(|it| it.kind == "tmpfs").map(|it| it.options.clone()),
        filesystem: record.bound_filesystem().or(filesystem.filter(|it| it.kind != "tmpfs")),
        is_bound: record.bound().is_some(),
        has_owner: record.owner().is_some(),
    }
}

/// What `volume-opt=` says of the volume, should it have to be made.
fn volume_record(host: &Host, mount: &MountRequest) -> Result<VolumeRecord, CreateError> {
    let options = mount.options.iter().filter_map(|it| it.strip_prefix(VOLUME_OPTION));
    let options: Vec<String> = options.map(str::to_owned).collect();
    Ok(volume_options::read(&options, host.is_rootless())?)
}

fn find_or_make(
    host: &Host,
    store: &Store,
    name: &str,
    record: &VolumeRecord,
) -> Result<VolumeHandle, CreateError> {
    match store.find_volume(name) {
        Err(FindVolumeError::NotFound { .. }) => {}
        other => return Ok(other?),
    }
    // Somebody else may have been first.
    volume::create(host, store, Some(name), record, true)?;
    Ok(store.find_volume(name)?)
}

fn make_anonymous(
    host: &Host,
    store: &Store,
    record: &mut ContainerRecord,
    volume_record: &VolumeRecord,
) -> Result<VolumeHandle, CreateError> {
    let new = NewVolume {
        name: None,
        copy_up: volume_record.copies(),
        record: volume_record,
        durability: durability(&record.request),
    };
    let volume = volume::make(host, store, new, volume_record)?;
    record.anonymous_volumes.push(volume.name().to_owned());
    Ok(volume)
}

/// A container that goes when it ends need not survive a power cut, which ends it.
fn durability(request: &CreateRequest) -> Durability {
    if request.rm { Durability::Volatile } else { Durability::Durable }
}

/// Writes the record under a name that is free.
fn claim_and_write(
    store: &Store,
    id: &ContainerId,
    image: Option<&ImageRecord>,
    mounted_images: &[ImageId],
    record: &mut ContainerRecord,
) -> Result<(ContainerHandle, Unsynced, OwnedFd), CreateError> {
    let run_directory = store.paths().run.join("containers").join(id.hex());
    make_private(&run_directory).map_err(CreateError::Lock)?;
    let lock = status::claim(&run_directory).map_err(CreateError::Lock)?;
    let lock = lock.ok_or_else(|| CreateError::Lock(io::ErrorKind::WouldBlock.into()))?;
    let durability = durability(&record.request);
    for attempt in 0.. {
        record.name = record.request.name.clone().unwrap_or_else(|| names::random(attempt));
        let new = NewContainer {
            id,
            name: Some(&record.name),
            image: image.map(|it| &it.id),
            more_images: mounted_images,
            record: &*record,
            durability,
        };
        match store.create_container(new) {
            Err(StoreError::NameTaken { .. }) if record.request.name.is_none() && attempt < 100 => {}
            // Of a `run --rm` that was killed: it gives the name back.
            Err(StoreError::NameTaken { by_id, .. }) if attempt == 0 && is_leftover(store, &by_id) => {}
            Err(err) => {
                let _ = std::fs::remove_dir_all(&run_directory);
                return Err(err.into());
            }
            Ok((container, unsynced)) => return Ok((container, unsynced, lock)),
        }
    }
    Err(CreateError::Random(io::ErrorKind::AlreadyExists.into()))
}

/// Whether a container was no more than a leftover, which is then removed.
fn is_leftover(store: &Store, id: &ContainerId) -> bool {
    let Ok(container) = store.container(id) else { return true };
    let Ok(record) = container.read_record::<ContainerRecord>() else { return false };
    status::tidy(store, container, &record).is_none()
}

fn make_private(directory: &std::path::Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

fn write_new(path: &PathBuf, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}
