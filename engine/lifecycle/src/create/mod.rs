//! Making a container.

mod claim;
mod error;
mod labels;
mod preview;
mod sources;
mod volumes;

use std::os::fd::OwnedFd;

use pontoon_image::ImageConfig;
use pontoon_monitor::event::Deed;
use pontoon_monitor::told_file;
use pontoon_storage::{ContainerHandle, ContainerId, ImageRecord, Store, Unsynced};

use self::claim::claim_and_write;
pub use self::error::CreateError;
use self::labels::{LabelWords, check_labels, contexts};
pub use self::preview::preview;
use self::sources::{check_sources, expand_globs, look_at_namespaces, mounted_images, publish_exposed};
pub(crate) use self::volumes::used;
use self::volumes::{NewVolumes, use_volumes, volumes_from};
use crate::decide::signal_number;
use crate::health::HealthError;
use crate::host::Host;
use crate::local_image::FROM_STORE;
use crate::record::ContainerRecord;
use crate::remove::{self, RemoveOptions};
use crate::request::{CreateRequest, NamespaceMode, SdNotifyMode, UserNsMode};
use crate::resources::block_device;
use crate::secret::{self, Places, UseError};
use crate::{annotated, artifact, base, health, id_maps, network, pod};

/// The variable in which the service manager names the directory of credentials (systemd.exec(5)).
pub(crate) const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

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

/// What is never told to end by the image's signal cannot start, and is not made either.
fn check_stop_signal(request: &CreateRequest, image: &ImageConfig) -> Result<(), CreateError> {
    match image.config.stop_signal.as_deref().filter(|it| !it.is_empty()) {
        Some(signal) if request.stop_signal.is_none() && signal_number(signal).is_none() => {
            Err(CreateError::StopSignal { signal: signal.to_owned() })
        }
        _ => Ok(()),
    }
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
    // Until its record is written, nobody removes the pod.
    let _pod = pod::join(host, store, &mut request)?;
    expand_globs(&mut request)?;
    check_sources(&request)?;
    // What cannot start for want of a device would be left behind, and its name with it.
    request.resources.limits(block_device)?;
    let mounted_images = mounted_images(host, store, &request)?;
    artifact::mounted(store, &request)?;
    let config = base::config(store, image)?;
    check_stop_signal(&request, &config)?;
    let check = health::plan(&request.health, &request.annotations, &config)?;
    // As Podman has it: the service would wait for what never comes.
    if request.sdnotify == SdNotifyMode::Healthy && check.is_none() && request.health.test.is_none() {
        return Err(HealthError::NoCheck { option: "--sdnotify healthy" }.into());
    }
    annotated::handlers(&request.annotations)?;
    for (option, name) in request.sharing() {
        let missing = |source| CreateError::Sharing { option, name: name.to_owned(), source };
        store.find_container(name).map_err(missing)?;
    }
    network::resolve(host, store, &mut request)?;
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
    let credentials = std::env::var_os(CREDENTIALS);
    let secrets = secret::find(store, &request, credentials.as_deref())?;
    secret::use_names(&mut request, &secrets);
    // It is removed with the container, by whoever does that, wherever.
    request.cidfile = request.cidfile.map(|path| std::path::absolute(&path).unwrap_or(path));
    if let Some(path) = &request.cidfile {
        told_file::check(path).map_err(|source| CreateError::Cidfile { path: path.clone(), source })?;
    }
    if let (true, Some(name)) = (request.replace, &request.name) {
        let options = RemoveOptions { force: true, ignore: true, volumes: true, ..RemoveOptions::default() };
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
            let (maps, lock) = id_maps::choose(host, store, wanted, &record.request, &layers, &config)?;
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
    // They go again with everything from here on that fails.
    let mut new_volumes = NewVolumes::new(host, store);
    let volumes = use_volumes(&mut new_volumes, &mut record, &config)?;
    let asked = &record.request;
    let named_as_host = host.networks.names_are_hostnames
        && asked.hostname.is_none()
        && asked.uts == NamespaceMode::Private
        && asked.pod.is_none()
        && asked.infra.is_none();
    let networks = network::hold(host, store, &record.request)?;
    let made = claim_and_write(store, &id, image, &mounted_images, &mut record, named_as_host);
    // From now on the record says who uses them.
    drop((volumes, networks));
    let (container, unsynced, lock) = made?;
    let places = Places { directory: container.path(), run_directory: container.run_path() };
    // A credential that is not there yet may be when the container is started.
    match secret::provide(store, &record, places, credentials.as_deref()) {
        Ok(_) | Err(UseError::NoCredentials { .. } | UseError::Credential { .. }) => {}
        Err(err) => {
            let _ = store.remove_container(container);
            return Err(err.into());
        }
    }
    // What is there is written over: it may be of a container whose service was killed before it could remove it.
    if let Some(path) = &record.request.cidfile
        && let Err(source) = told_file::write(path, &record.id)
    {
        let path = path.clone();
        let _ = store.remove_container(container);
        return Err(CreateError::Cidfile { path, source });
    }
    new_volumes.keep();
    host.tell_of(store, &record, Deed::Create);
    Ok(Created { container, record, image: config, lock, unsynced })
}

/// Of an image's names the one that somebody meant, else the first; what was asked for where it has none.
fn name_as_asked(image: &ImageRecord, asked: &str) -> String {
    let asked = asked.strip_prefix("docker://").or_else(|| asked.strip_prefix(FROM_STORE)).unwrap_or(asked);
    let has_tag = asked.rsplit_once(':').is_some_and(|(_, tag)| !tag.contains('/'));
    let tagged = if has_tag { asked.to_owned() } else { format!("{asked}:latest") };
    let is_meant = |name: &&String| {
        name.strip_suffix(tagged.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('/'))
    };
    let name = image.names.iter().find(is_meant).or_else(|| image.names.first());
    name.cloned().unwrap_or_else(|| asked.to_owned())
}
