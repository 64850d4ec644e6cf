//! Looking for devices in directories of specifications.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use pontoon_runtime::hooks::{Hook, Stage};

use super::spec::{self, ContainerEdits, MAX_SIZE, Spec, SpecError};
use super::{CdiError, Edits};
use crate::request::{DeviceRequest, MountRequest, MountSource};

/// A specification, and where it is.
struct Found {
    path: PathBuf,
    spec: Spec,
}

/// Finds what the named devices want. The last directory that knows a device decides.
///
/// # Errors
/// See [`CdiError`].
pub fn resolve(names: &[String], directories: &[PathBuf]) -> Result<Edits, CdiError> {
    if names.is_empty() {
        return Ok(Edits::default());
    }
    let mut faults = Vec::new();
    let read: Vec<Vec<Found>> = directories.iter().map(|it| read_directory(it, &mut faults)).collect();
    let mut edits = Edits::default();
    let mut unknown = Vec::new();
    // What a specification wants for all of its devices it wants once.
    let mut used: BTreeMap<&Path, ()> = BTreeMap::new();
    for name in names {
        let Some((found, device)) = find(name, &read)? else {
            unknown.push(name.clone());
            continue;
        };
        if used.insert(&found.path, ()).is_none() {
            edits.add(name, &found.path, &found.spec.container_edits)?;
        }
        edits.add(name, &found.path, device)?;
    }
    if !unknown.is_empty() {
        return Err(CdiError::Unknown { names: unknown, directories: directories.to_vec(), faults });
    }
    edits.warnings = faults;
    Ok(edits)
}

fn find<'a>(name: &str, read: &'a [Vec<Found>]) -> Result<Option<(&'a Found, &'a ContainerEdits)>, CdiError> {
    let Some((vendor, class, device)) = spec::split(name) else { return Ok(None) };
    let is_kind = |it: &Found| it.spec.kind.split_once('/') == Some((vendor, class));
    for specs in read.iter().rev() {
        let has = |it: &'a Found| {
            let device = it.spec.devices.iter().find(|it| it.name == device);
            device.filter(|_| is_kind(it)).map(|device| (it, &device.container_edits))
        };
        let mut having = specs.iter().filter_map(has);
        let Some(first) = having.next() else { continue };
        if let Some(second) = having.next() {
            let paths = vec![first.0.path.clone(), second.0.path.clone()];
            return Err(CdiError::Conflict { name: name.to_owned(), paths });
        }
        return Ok(Some(first));
    }
    Ok(None)
}

/// Specifications directly in a directory, by their names. What cannot be used is told, and does not hide the rest.
fn read_directory(directory: &Path, faults: &mut Vec<String>) -> Vec<Found> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(err) => {
            faults.push(format!("cannot read {}: {err}", directory.display()));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|it| it.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        let parse = match path.extension().and_then(|it| it.to_str()) {
            Some("json") => spec::parse_json,
            Some("yaml") => spec::parse_yaml,
            _ => continue,
        };
        match read(&path).and_then(|text| parse(&text)) {
            Ok(spec) => found.push(Found { path, spec }),
            Err(err) => faults.push(told(&path, &err)),
        }
    }
    found
}

/// A fault with its place.
fn told(path: &Path, err: &SpecError) -> String {
    let path = path.display();
    match (err, std::error::Error::source(err)) {
        (SpecError::Syntax { .. }, _) => format!("{path}:{err}"),
        (_, Some(cause)) => format!("{path}: {err}: {cause}"),
        (_, None) => format!("{path}: {err}"),
    }
}

fn read(path: &Path) -> Result<String, SpecError> {
    // A pipe with that name would keep us waiting.
    let metadata = fs::metadata(path).map_err(SpecError::Read)?;
    if !metadata.is_file() {
        return Err(SpecError::Read(io::Error::other("it is no regular file")));
    }
    let file = fs::File::open(path).map_err(SpecError::Read)?;
    let mut text = String::new();
    file.take(MAX_SIZE + 1).read_to_string(&mut text).map_err(SpecError::Read)?;
    if text.len() as u64 > MAX_SIZE { Err(SpecError::TooLarge) } else { Ok(text) }
}

impl Edits {
    fn add(&mut self, name: &str, path: &Path, edits: &ContainerEdits) -> Result<(), CdiError> {
        let unsupported =
            |what| Err(CdiError::NotSupported { name: name.to_owned(), path: path.to_owned(), what });
        if edits.intel_rdt.is_some() {
            return unsupported("intelRdt");
        }
        if !edits.net_devices.is_empty() {
            return unsupported("netDevices");
        }
        for variable in &edits.env {
            if let Some((name, value)) = variable.split_once('=') {
                self.env.push((name.to_owned(), value.to_owned()));
            }
        }
        for node in &edits.device_nodes {
            let host = node.host_path.as_deref().filter(|it| !it.is_empty()).unwrap_or(&node.path);
            let permissions = node.permissions.as_deref().filter(|it| !it.is_empty()).unwrap_or("rwm");
            self.devices.retain(|it| it.container != node.path);
            self.devices.push(DeviceRequest {
                host: PathBuf::from(host),
                container: node.path.clone(),
                permissions: permissions.to_owned(),
                optional: false,
            });
        }
        for mount in &edits.mounts {
            self.mounts.retain(|it| it.target != mount.container_path);
            self.mounts.push(MountRequest {
                source: match mount.kind.as_deref() {
                    Some("tmpfs") => MountSource::Tmpfs,
                    _ => MountSource::Bind(PathBuf::from(&mount.host_path)),
                },
                target: mount.container_path.clone(),
                options: mount.options.clone(),
            });
        }
        for hook in &edits.hooks {
            let Some(stage) = Stage::parse(&hook.hook_name) else { continue };
            self.hooks.push(Hook {
                stage,
                path: hook.path.clone(),
                args: hook.args.clone(),
                env: hook.env.clone(),
                timeout: hook.timeout,
                origin: path.to_owned(),
            });
        }
        self.groups.extend(edits.additional_gids.iter().filter(|it| **it != 0));
        Ok(())
    }
}
