//! The options of mounts.

use pontoon_lifecycle::mount_ids;

use super::error::Fault;
use super::size;
use crate::args::refused::{MOUNT_DRIVER, MOUNT_LABEL, instead_of};

/// What is mounted, as far as it decides which options there are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    /// A path of the host.
    Bind,
    /// A volume.
    Volume,
    /// A tmpfs.
    Tmpfs,
    /// A devpts.
    Devpts,
    /// A ramfs.
    Ramfs,
    /// An image.
    Image,
    /// An artifact.
    Artifact,
}

/// Words of which a mount can have only one.
const CHOICES: [&[&str]; 8] = [
    &["ro", "rw"],
    &["exec", "noexec"],
    &["dev", "nodev"],
    &["suid", "nosuid"],
    &["z", "Z"],
    &["bind", "rbind"],
    &["private", "rprivate", "shared", "rshared", "slave", "rslave", "unbindable", "runbindable"],
    &["copy", "nocopy"],
];

/// Checks the options and gives them back without those that mean nothing here.
pub(super) fn checked(options: Vec<String>, family: Family) -> Result<Vec<String>, Fault> {
    let mut kept: Vec<String> = Vec::new();
    for option in options {
        match (option.as_str(), family) {
            // Docker's, for its virtual machine on other systems.
            ("cached" | "consistent" | "delegated", Family::Bind | Family::Volume) => continue,
            ("O", Family::Bind | Family::Volume) => {}
            ("idmap", Family::Bind | Family::Volume) => {}
            (word, Family::Bind | Family::Volume) if word.starts_with("idmap=") => {
                mount_ids::parse(word.strip_prefix("idmap=").unwrap_or_default())
                    .map_err(|wrong| Fault::invalid(wrong.to_string()))?;
            }
            ("no-dereference", Family::Bind) => {}
            (word, Family::Volume) if word.starts_with("volume-opt=") => {}
            (word, Family::Bind | Family::Volume)
                if ["upperdir=/", "workdir=/"].iter().any(|prefix| word.starts_with(prefix)) => {}
            (word, Family::Bind | Family::Volume)
                if word.starts_with("upperdir=") || word.starts_with("workdir=") =>
            {
                return Err(Fault::invalid(format!("the path in `{word}` must be absolute")));
            }
            (word, Family::Bind | Family::Volume | Family::Image) if is_subpath(word)? => {}
            ("ro" | "rw", Family::Image) => {}
            (word, Family::Image) => {
                return Err(Fault::invalid(format!("the mount of an image has no option `{word}`")));
            }
            (word, Family::Artifact) if is_of_artifact(word)? => {}
            (word, Family::Artifact) => {
                return Err(Fault::invalid(format!("the mount of an artifact has no option `{word}`")));
            }
            (word, Family::Devpts) if is_devpts(word)? => {}
            (word, _) if is_common(word) => {}
            ("z" | "Z" | "bind" | "rbind", Family::Bind | Family::Volume) => {}
            ("copy" | "nocopy", Family::Volume) => {}
            (word, Family::Volume) if is_group(word)? => {}
            // Podman takes it and copies nothing.
            ("copy" | "nocopy", Family::Bind) => continue,
            (word, Family::Bind | Family::Volume) if is_propagation(word) => {}
            (word, Family::Tmpfs) if is_tmpfs(word)? => {}
            (word, _) => return Err(Fault::invalid(format!("a mount has no option `{word}`"))),
        }
        kept.push(option);
    }
    let says = |key: &str| kept.iter().any(|it| it.starts_with(key));
    if family == Family::Artifact && says("digest=") && says("title=") {
        return Err(Fault::invalid("`digest` and `title` exclude each other"));
    }
    if says("no-dereference") && says("subpath=") {
        return Err(Fault::invalid("`no-dereference` and `subpath` exclude each other"));
    }
    for choice in CHOICES {
        let mut chosen = kept.iter().filter(|option| choice.contains(&option.as_str()));
        if let (Some(first), Some(second)) = (chosen.next(), chosen.next()) {
            return Err(Fault::invalid(format!("`{first}` and `{second}` exclude each other")));
        }
    }
    Ok(kept)
}

fn is_common(word: &str) -> bool {
    matches!(word, "ro" | "rw" | "exec" | "noexec" | "dev" | "nodev" | "suid" | "nosuid" | "U")
}

/// Whether it is `subpath=PATH`; the path must stay inside.
fn is_subpath(word: &str) -> Result<bool, Fault> {
    let Some(path) = word.strip_prefix("subpath=") else { return Ok(false) };
    if path.is_empty() || path.split('/').any(|part| part == "..") {
        return Err(Fault::invalid(format!("`{path}` is no path in what is mounted")));
    }
    Ok(true)
}

/// Whether it is `fsgroup=GID`, what Kubernetes does for `fsGroup`: Podman has nothing like it.
fn is_group(word: &str) -> Result<bool, Fault> {
    let Some(group) = word.strip_prefix("fsgroup=") else { return Ok(false) };
    match group.parse::<u32>() {
        Ok(id) if id < u32::MAX && !group.starts_with('+') => Ok(true),
        _ => Err(Fault::invalid(format!("`{group}` is no number of a group"))),
    }
}

/// Whether it is an option of artifacts; a name must be one part of a path.
fn is_of_artifact(word: &str) -> Result<bool, Fault> {
    let Some((key, value)) = word.split_once('=') else { return Ok(false) };
    let right = match key {
        "digest" | "title" => !value.is_empty(),
        "name" => !matches!(value, "" | "." | "..") && !value.contains('/'),
        _ => return Ok(false),
    };
    if right { Ok(true) } else { Err(Fault::invalid(format!("`{value}` is no value for `{key}`"))) }
}

/// Whether it is an option of devpts; its value must be right, too.
fn is_devpts(word: &str) -> Result<bool, Fault> {
    let Some((key, value)) = word.split_once('=') else { return Ok(false) };
    let right = match key {
        "uid" | "gid" | "max" => {
            value.parse::<u32>().is_ok_and(|it| it < u32::MAX) && !value.starts_with('+')
        }
        "mode" => u32::from_str_radix(value, 8).is_ok_and(|mode| mode <= 0o777) && !value.starts_with('+'),
        _ => return Ok(false),
    };
    if right { Ok(true) } else { Err(Fault::invalid(format!("`{value}` is no value for `{key}`"))) }
}

/// The directories of an overlay come together, and with `O`.
pub(super) fn check_overlay(options: &[String]) -> Result<(), Fault> {
    let has = |prefix: &str| options.iter().any(|it| it.starts_with(prefix));
    let (upper, work, is_overlay) = (has("upperdir="), has("workdir="), options.iter().any(|it| it == "O"));
    if upper != work {
        return Err(Fault::invalid("upperdir= and workdir= need each other"));
    }
    if upper && !is_overlay {
        return Err(Fault::invalid("upperdir= and workdir= need the option `O`"));
    }
    Ok(())
}

fn is_propagation(word: &str) -> bool {
    CHOICES.iter().any(|choice| choice.first() == Some(&"private") && choice.contains(&word))
}

/// Whether it is an option of tmpfs; its value must be right, too.
fn is_tmpfs(word: &str) -> Result<bool, Fault> {
    let Some((key, value)) = word.split_once('=') else {
        return Ok(matches!(word, "tmpcopyup" | "notmpcopyup" | "noswap"));
    };
    let is_number = |value: &str| !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let right = match key {
        "size" => value.strip_suffix('%').map_or_else(|| size::read(value).is_ok(), is_number),
        "mode" => u32::from_str_radix(value, 8).is_ok_and(|mode| mode <= 0o7777) && !value.starts_with('+'),
        "uid" | "gid" => is_number(value) && value.parse::<u32>().is_ok_and(|id| id < u32::MAX),
        "nr_inodes" | "nr_blocks" => size::read(value).is_ok(),
        _ => return Ok(false),
    };
    if right { Ok(true) } else { Err(Fault::invalid(format!("`{value}` is no value for `{key}`"))) }
}

/// A field of `--mount` beyond type, source and target, as an option of `--volume`.
pub(super) fn from_mount_field(key: &str, value: Option<&str>) -> Result<Option<String>, Fault> {
    let switch = |on: &str, off: Option<&str>| match value {
        None | Some("true" | "1") => Ok(Some(on.to_owned())),
        Some("false" | "0") => Ok(off.map(str::to_owned)),
        Some(value) => Err(Fault::invalid(format!("`{value}` is no value for `{key}`; it is true or false"))),
    };
    let wrong = || Fault::invalid(format!("`{}` is no value for `{key}`", value.unwrap_or_default()));
    match (key, value) {
        ("ro" | "readonly", _) => switch("ro", Some("rw")),
        ("rw", _) => switch("rw", Some("ro")),
        ("exec", _) => switch("exec", Some("noexec")),
        ("noexec", _) => switch("noexec", Some("exec")),
        ("suid", _) => switch("suid", Some("nosuid")),
        ("nosuid", _) => switch("nosuid", Some("suid")),
        ("dev", _) => switch("dev", Some("nodev")),
        ("nodev", _) => switch("nodev", Some("dev")),
        ("U" | "chown", _) => switch("U", None),
        ("bind-nonrecursive", _) => switch("bind", Some("rbind")),
        ("tmpcopyup", _) => switch("tmpcopyup", Some("notmpcopyup")),
        ("notmpcopyup", _) => switch("notmpcopyup", Some("tmpcopyup")),
        ("nocopy" | "volume-nocopy", _) => switch("nocopy", None),
        ("consistency", _) => Ok(None),
        ("bind-propagation", Some(mode)) if is_propagation(mode) => Ok(Some(mode.to_owned())),
        ("relabel", Some("shared")) => Ok(Some("z".to_owned())),
        ("relabel", Some("private")) => Ok(Some("Z".to_owned())),
        ("bind-propagation" | "relabel", _) => Err(wrong()),
        ("tmpfs-size", Some(size)) => Ok(Some(format!("size={size}"))),
        ("tmpfs-mode", Some(mode)) => Ok(Some(format!("mode={mode}"))),
        ("subpath" | "volume-subpath", Some(path)) => Ok(Some(format!("subpath={path}"))),
        ("subpath" | "volume-subpath", None) => Err(wrong()),
        ("volume-opt", Some(option)) => Ok(Some(format!("volume-opt={option}"))),
        ("volume-driver", Some("local")) => Ok(None),
        ("volume-driver", _) => Err(Fault::part_not_supported(key).hint(instead_of(MOUNT_DRIVER))),
        ("volume-label", _) => Err(Fault::part_not_supported(key).hint(instead_of(MOUNT_LABEL))),
        ("no-dereference", _) => switch("no-dereference", None),
        ("readwrite", _) => switch("rw", Some("ro")),
        (word, None) => Ok(Some(word.to_owned())),
        (key, Some(value)) => Ok(Some(format!("{key}={value}"))),
    }
}
