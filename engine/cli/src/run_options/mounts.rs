//! `--volume`, `--mount`, `--tmpfs`: what is mounted where.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use pontoon_lifecycle::clean::clean;
use pontoon_lifecycle::request::{MountRequest, MountSource};

use super::error::{Fault, each};
use super::mount_words::{self, Family};
use super::{Host, OptionError, names};
use crate::args::ContainerOptions;

/// `CONTAINER[:OPTION,...]` of `--volumes-from`.
pub(super) fn volumes_from(text: &str) -> Result<(String, Vec<String>), Fault> {
    let (name, options) = text.split_once(':').unwrap_or((text, ""));
    let options: Vec<String> = options.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    if name.is_empty() {
        return Err(Fault::invalid("it must be CONTAINER or CONTAINER:OPTION,..."));
    }
    if let Some(wrong) = options.iter().find(|it| !matches!(it.as_str(), "ro" | "rw" | "z")) {
        return Err(Fault::invalid(format!("`{wrong}` is none of ro, rw, z")));
    }
    Ok((name.to_owned(), options))
}

/// Reads all mounts, in the order volumes, mounts, tmpfs; no two different ones may want the same place.
pub(super) fn read_all(options: &ContainerOptions, host: &Host) -> Result<Vec<MountRequest>, OptionError> {
    let mut asked = each("--volume", &options.joint.volume, |text| volume(text, host))?;
    asked.extend(each("--mount", &options.mount, |text| mount(text, host))?);
    asked.extend(each("--tmpfs", &options.tmpfs, tmpfs)?);
    // Said twice, word for word alike, it is one, as in Podman.
    let mut mounts: Vec<MountRequest> = Vec::with_capacity(asked.len());
    for mount in asked {
        if !mounts.contains(&mount) {
            mounts.push(mount);
        }
    }
    let mut taken = HashSet::new();
    for mount in mounts.iter().filter(|it| !matches!(it.source, MountSource::Glob(_))) {
        if !taken.insert(&mount.target) {
            return Err(OptionError::SameTarget { target: mount.target.clone() });
        }
    }
    let mut defaults = each("containers.conf: volumes", &options.defaults.volume, |text| volume(text, host))?;
    defaults.extend(each("containers.conf: mounts", &options.defaults.mount, |text| mount(text, host))?);
    defaults.retain(|it| !taken.contains(&it.target));
    mounts.splice(0..0, defaults);
    Ok(mounts)
}

/// `[SOURCE:]TARGET[:OPTIONS]`
pub(super) fn volume(text: &str, host: &Host) -> Result<MountRequest, Fault> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => return Err(Fault::invalid("it must be TARGET, SOURCE:TARGET or SOURCE:TARGET:OPTIONS")),
    };
    let source = match source {
        None => MountSource::Anonymous,
        Some("") => return Err(Fault::invalid("the source is empty")),
        Some(path) if path.starts_with(['/', '.']) => MountSource::Bind(host_path(path, host)?),
        Some(name) => volume_name(name)?,
    };
    let options = options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
    finish(source, target, options)
}

/// `type=…,source=…,target=…,…`
pub(super) fn mount(text: &str, host: &Host) -> Result<MountRequest, Fault> {
    let mut kind = "volume".to_owned();
    let (mut source, mut target) = (None, None);
    let mut rest = Vec::new();
    for field in crate::args::split_list(text) {
        let (key, value) = match field.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (field, None),
        };
        match (key.as_str(), value) {
            ("type", Some(value)) => kind = value,
            ("src" | "source", Some(value)) => source = Some(value),
            ("dst" | "dest" | "destination" | "target", Some(value)) => target = Some(value),
            (_, value) => rest.push((key, value)),
        }
    }
    let target = match target {
        None if kind == "glob" => String::new(),
        other => other.ok_or_else(|| {
            Fault::invalid("the target is missing")
                .hint("write it as type=bind,source=/host/path,target=/path")
        })?,
    };
    let source = match (kind.as_str(), source) {
        ("bind", Some(path)) if !path.is_empty() => MountSource::Bind(host_path(&path, host)?),
        ("bind", _) => return Err(Fault::invalid("a bind mount needs a source")),
        ("volume", Some(name)) if !name.is_empty() => volume_name(&name)?,
        ("volume", _) => MountSource::Anonymous,
        ("tmpfs", None) => MountSource::Tmpfs,
        ("tmpfs", Some(_)) => return Err(Fault::invalid("a tmpfs has no source")),
        ("devpts", None) => MountSource::Devpts,
        ("devpts", Some(_)) => return Err(Fault::invalid("a devpts has no source")),
        ("ramfs", None) => MountSource::Ramfs,
        ("ramfs", Some(_)) => return Err(Fault::invalid("a ramfs has no source")),
        ("image", Some(name)) if !name.is_empty() => MountSource::Image(name),
        ("image", _) => return Err(Fault::invalid("an image must be named by source=")),
        ("glob", Some(pattern)) if !pattern.is_empty() => {
            let pattern = host_path(&pattern, host)?;
            MountSource::Glob(pattern.to_string_lossy().into_owned())
        }
        ("glob", _) => return Err(Fault::invalid("a glob needs a source")),
        ("artifact", Some(name)) if !name.is_empty() => MountSource::Artifact(name),
        ("artifact", _) => return Err(Fault::invalid("an artifact must be named by source=")),
        (other, _) => {
            let why = format!(
                "there is no type `{other}`; it is artifact, bind, glob, image, volume, tmpfs, ramfs or devpts"
            );
            return Err(Fault::invalid(why));
        }
    };
    let mut options = Vec::new();
    for (key, value) in rest {
        options.extend(mount_words::from_mount_field(&key, value.as_deref())?);
    }
    finish(source, &target, options)
}

/// `TARGET[:OPTIONS]`
fn tmpfs(text: &str) -> Result<MountRequest, Fault> {
    let (target, options) = text.split_once(':').unwrap_or((text, ""));
    let options = options.split(',').filter(|option| !option.is_empty()).map(str::to_owned).collect();
    finish(MountSource::Tmpfs, target, options)
}

fn finish(source: MountSource, target: &str, options: Vec<String>) -> Result<MountRequest, Fault> {
    let is_nowhere = target.is_empty() && matches!(source, MountSource::Glob(_));
    if !target.starts_with('/') && !is_nowhere {
        return Err(Fault::invalid("the path in the container must be absolute"));
    }
    let target = if is_nowhere { String::new() } else { clean(target) };
    if target == "/" && !matches!(source, MountSource::Glob(_)) {
        return Err(Fault::invalid("nothing can be mounted over the root of the container"));
    }
    let family = match source {
        MountSource::Bind(_) | MountSource::Glob(_) => Family::Bind,
        MountSource::Ramfs => Family::Ramfs,
        MountSource::Image(_) => Family::Image,
        MountSource::Artifact(_) => Family::Artifact,
        MountSource::Volume(_) | MountSource::Anonymous => Family::Volume,
        MountSource::Tmpfs => Family::Tmpfs,
        MountSource::Devpts => Family::Devpts,
    };
    let options = mount_words::checked(options, family)?;
    mount_words::check_overlay(&options)?;
    Ok(MountRequest { source, target, options })
}

fn volume_name(name: &str) -> Result<MountSource, Fault> {
    if names::is_name(name) {
        return Ok(MountSource::Volume(name.to_owned()));
    }
    let fault = Fault::invalid(format!(
        "the volume's name `{name}` has other letters than a-z, A-Z, 0-9, `_`, `.` and `-`, or begins with one of the last three"
    ));
    Err(if name.contains('/') {
        fault.hint(format!("a path begins with `/` or `./`: ./{name}"))
    } else {
        fault
    })
}

/// A path of the host, made absolute. What it is, and whether it exists, is seen later.
pub(super) fn host_path(text: &str, host: &Host) -> Result<PathBuf, Fault> {
    if Path::new(text).is_absolute() {
        return Ok(PathBuf::from(clean(text)));
    }
    let directory = host.directory.as_ref().and_then(|directory| directory.to_str());
    let Some(directory) = directory else {
        return Err(Fault::invalid("the path is relative and the working directory cannot be told"));
    };
    Ok(PathBuf::from(clean(&format!("{directory}/{text}"))))
}
