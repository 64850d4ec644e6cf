//! Whether the store is sound: records that can be read, names that lead somewhere, layers that are what was unpacked.
//!
//! Looks, and changes nothing. Layers hold files of mapped ids: a thorough check needs a caller who may look into them.

use std::collections::{HashMap, HashSet};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, FileType, FlockOperation, Mode};
use serde::{Deserialize, Serialize};

use crate::containers::{is_name, now};
use crate::dir::{self, DIRECTORY, Place};
use crate::error::{At, FileError};
use crate::id::{DiffId, ImageId, hex};
use crate::images::StoredImage;
use crate::layers::sha256;
use crate::record::{Durability, RecordError, read_bytes, to_bytes, write_record_atomically};
use crate::store::Store;

/// A kind of things that the store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// Artifacts.
    Artifact,
    /// Containers.
    Container,
    /// Images.
    Image,
    /// Pods.
    Pod,
    /// Secrets.
    Secret,
    /// Volumes.
    Volume,
}

impl Part {
    /// The word for one of them.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Container => "container",
            Self::Image => "image",
            Self::Pod => "pod",
            Self::Secret => "secret",
            Self::Volume => "volume",
        }
    }
}

/// Something that is not as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// What it is.
    pub part: Part,
    /// Its id; of volumes, secrets and artifacts the name.
    pub id: String,
    /// All that is wrong with it.
    pub faults: Vec<String>,
}

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckReport {
    /// What is damaged: images, containers, pods, volumes, secrets, artifacts.
    pub damages: Vec<Damage>,
    /// Full names of images that lead nowhere.
    pub stale_image_names: Vec<String>,
    /// Names that lead to no container, or to one that is called otherwise; the next who wants one gets it.
    pub stale_container_names: Vec<String>,
    /// Names that lead to no pod; the next who wants one gets it.
    pub stale_pod_names: Vec<String>,
    /// Layers that no image needs, of the age that was asked for.
    pub idle_layers: Vec<DiffId>,
    /// What killed commands left, and what lies in the trash.
    pub leftovers: usize,
}

/// How closely to look.
#[derive(Debug, Clone, Copy)]
pub struct CheckOptions {
    /// Look into layers, too.
    pub thorough: bool,
    /// Age from which layers that no image needs are told of.
    pub idle_age: Duration,
}

/// Words for an error with its causes.
fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl Store {
    /// Looks at all that the store has.
    ///
    /// # Errors
    /// If a directory of the store cannot be listed.
    pub fn check(&self, options: CheckOptions) -> Result<CheckReport, FileError> {
        let mut report = CheckReport { leftovers: self.leftovers()?, ..CheckReport::default() };
        let needed = self.check_images(options, &mut report)?;
        self.check_image_names(&mut report)?;
        self.check_containers(&mut report)?;
        self.check_pods(&mut report)?;
        self.check_volumes(&mut report)?;
        self.check_secrets(&mut report)?;
        self.check_artifacts(options, &mut report);
        // What a damaged image needs is not known.
        if report.damages.iter().all(|it| it.part != Part::Image) {
            self.find_idle_layers(&needed, options.idle_age, &mut report)?;
        }
        report.damages.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(report)
    }

    fn leftovers(&self) -> Result<usize, FileError> {
        let mut count = self.trash()?.list()?.len();
        let tmp = self.tmp()?;
        for entry in tmp.list()? {
            let Some(name) = entry.text() else { continue };
            // Whoever is at it holds its lock.
            let held = rustix::fs::openat(&tmp.fd, name, DIRECTORY, Mode::empty());
            let is_idle = match held {
                Ok(held) => crate::lock::try_alone(held.as_fd()).unwrap_or(false),
                Err(errno) => errno != rustix::io::Errno::NOENT,
            };
            count += usize::from(is_idle);
        }
        let images = self.images()?;
        let _index =
            crate::lock::index(images.fd.as_fd(), FlockOperation::LockShared).at("lock", &images.path)?;
        Ok(count + self.half_made_image_names()?.len())
    }

    /// Checks images and the layers they need; gives those layers.
    fn check_images(
        &self,
        options: CheckOptions,
        report: &mut CheckReport,
    ) -> Result<HashSet<DiffId>, FileError> {
        let images = self.images()?;
        let mut layers: HashMap<DiffId, Option<String>> = HashMap::new();
        for entry in images.list()? {
            let Some(id) = entry.text().and_then(ImageId::from_hex) else { continue };
            let record = match self.stored_image(&id) {
                Ok(record) => record,
                Err(error) if error.is_not_found() && !images.has(id.hex())? => continue,
                Err(error) => {
                    report.damages.push(Damage {
                        part: Part::Image,
                        id: id.to_string(),
                        faults: vec![words(&error)],
                    });
                    continue;
                }
            };
            let mut faults = check_files(images, &record);
            if record.id != id {
                faults.push(format!("its record is that of image {}", record.id));
            }
            for layer in record.layers {
                let fault = match layers.get(&layer) {
                    Some(known) => known.clone(),
                    None => {
                        let fault = self.layer_fault(&layer, options.thorough);
                        layers.insert(layer.clone(), fault.clone());
                        fault
                    }
                };
                faults.extend(fault.map(|it| format!("layer {layer}: {it}")));
            }
            if !faults.is_empty() {
                report.damages.push(Damage { part: Part::Image, id: id.to_string(), faults });
            }
        }
        Ok(layers.into_keys().collect())
    }

    /// What is wrong with a layer, if anything.
    fn layer_fault(&self, layer: &DiffId, thorough: bool) -> Option<String> {
        let holder = self.holder(layer);
        match holder.has_layer(layer) {
            Ok(true) => {}
            Ok(false) => return Some("it is missing".to_owned()),
            Err(error) => return Some(words(&error)),
        }
        let meta = match self.layer_meta(layer) {
            Ok(meta) => meta,
            Err(error) => return Some(words(&error)),
        };
        let diff = holder.layers().and_then(|it| it.open(&layer.dir_name())).and_then(|it| it.open("diff"));
        let diff = match diff {
            Ok(diff) => diff,
            Err(error) => return Some(words(&error)),
        };
        if !thorough {
            return None;
        }
        match regular_bytes(&diff) {
            Ok(found) if !meta.exact || found == meta.size => None,
            Ok(found) => Some(format!("its files have {found} bytes instead of {}", meta.size)),
            Err(error) => Some(words(&error)),
        }
    }

    fn check_image_names(&self, report: &mut CheckReport) -> Result<(), FileError> {
        let images = self.images()?;
        for (name, id) in self.all_names()? {
            if !images.has(id.hex())? {
                report.stale_image_names.push(name);
            }
        }
        report.stale_image_names.sort_unstable();
        Ok(())
    }

    fn check_containers(&self, report: &mut CheckReport) -> Result<(), FileError> {
        let list = self.list_containers()?;
        for (id, error) in list.broken {
            report.damages.push(Damage {
                part: Part::Container,
                id: id.to_string(),
                faults: vec![words(&error)],
            });
        }
        for container in list.containers {
            if let Some(image) = &container.image
                && !self.sees_image(image)?
            {
                let faults = vec![format!("its image {image} is missing")];
                report.damages.push(Damage { part: Part::Container, id: container.id.to_string(), faults });
            }
        }
        // A rename under way has two names for a moment.
        let names = self.container_names()?;
        let _index =
            crate::lock::index(names.fd.as_fd(), FlockOperation::LockShared).at("lock", &names.path)?;
        report.stale_container_names = self.stale_container_names()?;
        Ok(())
    }

    fn check_pods(&self, report: &mut CheckReport) -> Result<(), FileError> {
        for (id, error) in self.list_pods()?.broken {
            let faults = vec![words(&error)];
            report.damages.push(Damage { part: Part::Pod, id: id.to_string(), faults });
        }
        report.stale_pod_names = self.stale_pod_names()?;
        Ok(())
    }

    fn check_volumes(&self, report: &mut CheckReport) -> Result<(), FileError> {
        let list = self.list_volumes()?;
        let mut damage = |id: String, fault: String| {
            report.damages.push(Damage { part: Part::Volume, id, faults: vec![fault] });
        };
        for (name, error) in list.broken {
            damage(name, words(&error));
        }
        let place = self.volumes()?;
        for entry in place.list()? {
            let Some(name) = entry.text().filter(|it| is_name(it)) else { continue };
            for (file, what) in [("record.json", "its record is missing"), ("_data", "its data is missing")] {
                // One that is removed meanwhile is whole until it is gone.
                if !place.has(&format!("{name}/{file}"))? && place.has(name)? {
                    damage(name.to_owned(), what.to_owned());
                }
            }
        }
        Ok(())
    }

    fn check_secrets(&self, report: &mut CheckReport) -> Result<(), FileError> {
        let place = self.secrets()?;
        for entry in place.list()? {
            let Some(name) = entry.text() else { continue };
            let fault = match self.find_secret(name) {
                Ok(_) => self.secret_data(name).err(),
                Err(error) => Some(error),
            };
            if let Some(error) = fault
                && place.has(name)?
            {
                let faults = vec![words(&error)];
                report.damages.push(Damage { part: Part::Secret, id: name.to_owned(), faults });
            }
        }
        Ok(())
    }

    fn check_artifacts(&self, options: CheckOptions, report: &mut CheckReport) {
        let faults = self.artifact_faults(options.thorough);
        // Without the index no artifact has a name.
        let faults = faults.unwrap_or_else(|error| vec![("index.json".to_owned(), vec![words(&error)])]);
        let damages = faults.into_iter().map(|(id, faults)| Damage { part: Part::Artifact, id, faults });
        report.damages.extend(damages);
    }

    fn find_idle_layers(
        &self,
        needed: &HashSet<DiffId>,
        age: Duration,
        report: &mut CheckReport,
    ) -> Result<(), FileError> {
        let layers = self.layers()?;
        for entry in layers.list()? {
            let Some(layer) = entry.text().and_then(DiffId::from_dir_name) else { continue };
            let Ok(stat) = rustix::fs::statat(&layers.fd, layer.dir_name(), AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            let changed = Duration::from_secs(u64::try_from(stat.st_ctime).unwrap_or(0));
            let old = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH + changed)
                .is_ok_and(|passed| passed >= age);
            if old && !needed.contains(&layer) {
                report.idle_layers.push(layer);
            }
        }
        report.idle_layers.sort_unstable();
        Ok(())
    }

    /// Moves all layers that no image needs to the trash, unless somebody is about to make an image of them.
    ///
    /// # Errors
    /// If a layer cannot be moved.
    pub fn delete_idle_layers(&self) -> Result<(), FileError> {
        self.collect_layers().map(drop)
    }

    /// Gives a volume whose record cannot be read a new one, without labels and options. Its data stays.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn renew_volume_record(&self, name: &str) -> Result<(), RecordError> {
        let place = self.volumes()?.open(name)?;
        let _held = crate::lock::reopen(place.fd.as_fd())
            .and_then(|held| {
                crate::lock::take(held.as_fd(), FlockOperation::LockExclusive)?;
                Ok(held)
            })
            .at("lock", &place.path)?;
        place.open_or_make("_data")?;
        let text = serde_json::json!({ "anonymous": false, "created": now(), "record": {} });
        let bytes = to_bytes(&text, &place.path.join("record.json"))?;
        Ok(write_record_atomically(place.fd.as_fd(), "record.json", &bytes, Durability::Durable)?)
    }
}

/// Whether an image's files are those that its record names.
fn check_files(images: &Place, record: &StoredImage) -> Vec<String> {
    let mut faults = Vec::new();
    let mut read = |file: &str| {
        let name = format!("{}/{file}", record.id.hex());
        match read_bytes(images.fd.as_fd(), &name, &images.path.join(&name)) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                faults.push(words(&error));
                None
            }
        }
    };
    let (config, manifest) = (read("config.json"), read("manifest.json"));
    if config.is_some_and(|bytes| hex(&sha256(&bytes)) != record.id.hex()) {
        faults.push("its configuration is not the one that gave it its id".to_owned());
    }
    // Manifests may be named by other digests than this, which the registry client checks.
    if let (Some(bytes), Some(wanted)) = (manifest, record.digest.strip_prefix("sha256:"))
        && hex(&sha256(&bytes)) != wanted
    {
        faults.push(format!("its manifest is not {}", record.digest));
    }
    faults
}

/// Bytes of the regular files below a directory, each once whatever names it has.
fn regular_bytes(top: &Place) -> Result<u64, FileError> {
    let mut total = 0_u64;
    let mut seen = HashSet::new();
    // A path for each, so that no tree is too deep for the handles one may have.
    let mut open = vec![std::path::PathBuf::new()];
    while let Some(path) = open.pop() {
        let shown = || top.path.join(&path);
        let failed = |deed| move |errno| FileError::new(deed, shown(), errno);
        let here = if path.as_os_str().is_empty() { std::path::Path::new(".") } else { path.as_path() };
        let fd = rustix::fs::openat(&top.fd, here, DIRECTORY, Mode::empty()).map_err(failed("open"))?;
        for entry in dir::list(fd.as_fd()).map_err(failed("list"))? {
            let stat = rustix::fs::statat(&fd, entry.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW)
                .map_err(failed("look into"))?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => open.push(path.join(entry.path())),
                FileType::RegularFile if stat.st_nlink == 1 || seen.insert(stat.st_ino) => {
                    total = total.saturating_add(u64::try_from(stat.st_size).unwrap_or(0));
                }
                _ => {}
            }
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests;
