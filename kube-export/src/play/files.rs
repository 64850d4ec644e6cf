//! Volumes that are files of ConfigMaps, of Secrets, and of what the pod is.

use super::config::Data;
use super::pod::Around;
use super::{Deciding, Spot, env, selected};
use crate::names::is_data_key;
use crate::objects::{DownwardFile, KeyToPath, Projection, Volume};

/// What Kubernetes gives these files.
const MODE: i32 = 0o644;

/// A file: path below the volume, content, mode.
pub(super) type File = (String, Vec<u8>, u32);

/// Objects that have data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    ConfigMap,
    Secret,
}

/// Files of one object.
struct Wanted<'a> {
    kind: Kind,
    name: &'a str,
    items: &'a [KeyToPath],
    is_optional: bool,
}

/// The files of a volume; `Some(None)` if they need not be there, and are not.
pub(super) fn of_volume(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    volume: &Volume,
) -> Option<Option<Vec<File>>> {
    if let Some(projected) = &volume.projected {
        let spot = spot.field("projected");
        let mode = mode(deciding, &spot.field("defaultMode"), projected.default_mode.unwrap_or(MODE));
        let mut files = Vec::new();
        for (number, source) in projected.sources.iter().enumerate() {
            let spot = spot.field("sources").item(number);
            files.extend(of_projection(deciding, &spot, around, source, mode));
        }
        check_paths(deciding, &spot.field("sources"), &files);
        return Some(Some(files));
    }
    if let Some(downward) = &volume.downward_api {
        let spot = spot.field("downwardAPI");
        let mode = mode(deciding, &spot.field("defaultMode"), downward.default_mode.unwrap_or(MODE));
        let files = of_pod(deciding, &spot, around, &downward.items, mode);
        check_paths(deciding, &spot.field("items"), &files);
        return Some(Some(files));
    }
    let (field, usual, wanted) = if let Some(map) = &volume.config_map {
        let is_optional = map.optional == Some(true);
        let wanted = Wanted { kind: Kind::ConfigMap, name: &map.name, items: &map.items, is_optional };
        ("configMap", map.default_mode, wanted)
    } else if let Some(secret) = &volume.secret {
        let is_optional = secret.optional == Some(true);
        let wanted =
            Wanted { kind: Kind::Secret, name: &secret.secret_name, items: &secret.items, is_optional };
        ("secret", secret.default_mode, wanted)
    } else {
        let hint =
            "hostPath, emptyDir, configMap, secret, downwardAPI, projected, persistentVolumeClaim and image are"
                .to_owned();
        deciding.fault(spot, "none of the kinds of volumes that are known here is named", Some(hint));
        return None;
    };
    let spot = spot.field(field);
    let usual = mode(deciding, &spot.field("defaultMode"), usual.unwrap_or(MODE));
    match of_data(deciding, &spot, &wanted, usual) {
        None if wanted.is_optional => Some(None),
        files => files.map(Some),
    }
}

fn of_projection(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    source: &Projection,
    usual: u32,
) -> Vec<File> {
    let objects =
        [("configMap", Kind::ConfigMap, &source.config_map), ("secret", Kind::Secret, &source.secret)];
    for (field, kind, object) in objects {
        let Some(object) = object else { continue };
        let is_optional = object.optional == Some(true);
        let wanted = Wanted { kind, name: &object.name, items: &object.items, is_optional };
        return of_data(deciding, &spot.field(field), &wanted, usual).unwrap_or_default();
    }
    if let Some(downward) = &source.downward_api {
        return of_pod(deciding, &spot.field("downwardAPI"), around, &downward.items, usual);
    }
    let hint = "configMap, secret and downwardAPI are; tokens and certificates are a cluster's".to_owned();
    deciding.fault(spot, "none of the sources that are known here is named", Some(hint));
    Vec::new()
}

/// The files of a ConfigMap or a Secret; `None` if it is not there.
fn of_data(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    wanted: &Wanted<'_>,
    usual: u32,
) -> Option<Vec<File>> {
    let data = match wanted.kind {
        Kind::ConfigMap => deciding.configs.map(wanted.name),
        Kind::Secret => deciding.configs.secret(wanted.name),
    };
    if data.is_none() && !wanted.is_optional {
        env::missing(deciding, spot, wanted.kind == Kind::ConfigMap, wanted.name);
    }
    let mut data: Data = data?;
    if wanted.items.is_empty() {
        // A key that is none is a fault of whoever has it.
        let files = data.into_iter().filter(|(key, _)| is_data_key(key));
        return Some(files.map(|(key, it)| (key, it, usual)).collect());
    }
    let mut files = Vec::new();
    for (number, item) in wanted.items.iter().enumerate() {
        let spot = spot.field("items").item(number);
        let Some(mode) = place(deciding, &spot, &item.path, item.mode, usual) else { continue };
        match data.remove(&item.key) {
            Some(content) => files.push((item.path.clone(), content, mode)),
            None if wanted.is_optional => {}
            None => deciding.fault(&spot.field("key"), format_args!("there is no key `{}`", item.key), None),
        }
    }
    Some(files)
}

/// Files that tell of the pod.
fn of_pod(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    items: &[DownwardFile],
    usual: u32,
) -> Vec<File> {
    let mut files = Vec::new();
    for (number, item) in items.iter().enumerate() {
        let spot = spot.field("items").item(number);
        let Some(mode) = place(deciding, &spot, &item.path, item.mode, usual) else { continue };
        let text = match (&item.field_ref, &item.resource_field_ref) {
            (Some(field), None) => selected::field_as_file(deciding, &spot.field("fieldRef"), around, field),
            (None, Some(amount)) => {
                selected::amount(deciding, &spot.field("resourceFieldRef"), around, None, amount)
            }
            _ => {
                deciding.fault(&spot, "either `fieldRef` or `resourceFieldRef` is named", None);
                None
            }
        };
        files.extend(text.map(|text| (item.path.clone(), text.into_bytes(), mode)));
    }
    files
}

/// The mode of a file whose path is one; else that is a fault.
fn place(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    path: &str,
    own: Option<i32>,
    usual: u32,
) -> Option<u32> {
    let mode = own.map_or(usual, |it| mode(deciding, &spot.field("mode"), it));
    if is_below(path) {
        return Some(mode);
    }
    deciding.fault(&spot.field("path"), format_args!("`{path}` is no path below the mount"), None);
    None
}

fn mode(deciding: &mut Deciding<'_>, spot: &Spot<'_>, mode: i32) -> u32 {
    match u32::try_from(mode) {
        Ok(mode) if mode <= 0o777 => mode,
        _ => {
            deciding.fault(spot, format_args!("{mode} is no mode; 420 is 0644"), None);
            0o644
        }
    }
}

/// No two files are at one path, nor one below another.
fn check_paths(deciding: &mut Deciding<'_>, spot: &Spot<'_>, files: &[File]) {
    let mut paths: Vec<&str> = files.iter().map(|it| it.0.as_str()).collect();
    // Parts of a path compare before what is longer, so whatever is below a path comes next to it.
    paths.sort_by(|one, other| one.split('/').cmp(other.split('/')));
    for pair in paths.windows(2) {
        let [one, other] = pair else { continue };
        if one == other {
            deciding.fault(spot, format_args!("there are two files `{one}`"), None);
        } else if other.strip_prefix(one).is_some_and(|it| it.starts_with('/')) {
            deciding.fault(spot, format_args!("`{one}` is a file, so `{other}` cannot be below it"), None);
        }
    }
}

/// Whether a path stays below where it begins.
pub(super) fn is_below(path: &str) -> bool {
    !path.is_empty() && !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
}
