//! The options of the driver `local` of volumes, as `volume create --opt` and `volume-opt=` take them.

use std::io;
use std::path::PathBuf;

use pontoon_rootless::names;

use crate::decide::VOLUME_HINT;
use crate::record::VolumeRecord;

/// Why options are none.
#[derive(Debug, thiserror::Error)]
pub enum VolumeOptionError {
    /// There is none of this name.
    #[error("the driver `local` of volumes has no option `{option}`")]
    Unknown {
        /// As written.
        option: String,
    },
    /// A limit that nobody would keep.
    #[error("`{option}` limits what a directory may hold, which pontoon cannot do")]
    Quota {
        /// As written.
        option: String,
    },
    /// A name of nobody.
    #[error("there is no {what} `{name}` on this host")]
    Nobody {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A device without a word what is on it.
    #[error("`device={device}` needs a `type=`")]
    NoType {
        /// The device.
        device: String,
    },
    /// A path that is to be mounted, and is not there.
    #[error("cannot mount `{}` as a volume", path.display())]
    Device {
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A relative path.
    #[error("`device={device}` must be an absolute path")]
    Relative {
        /// As written.
        device: String,
    },
    /// A file system that only root can mount.
    #[error("a file system of type {kind} can be mounted by root only")]
    OnlyRoot {
        /// The type.
        kind: String,
    },
    /// A file with a file system in it.
    #[error("`o=loop` is not supported")]
    Loop,
}

impl VolumeOptionError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown { .. } => {
                "there are type=, device=, o=, copy and nocopy; o= takes uid=, gid=, nocopy and the options of mount(8)"
                    .to_owned()
            }
            Self::Quota { .. } => {
                "type=tmpfs with device=tmpfs and o=size=… has a size; or bind a file system that is as large as wanted"
                    .to_owned()
            }
            Self::NoType { .. } => "type=bind mounts a path of the host".to_owned(),
            Self::OnlyRoot { .. } => VOLUME_HINT.to_owned(),
            Self::Loop => "attach it first: losetup --find --show FILE".to_owned(),
            Self::Device { .. } => "make it first; it is not created for you".to_owned(),
            Self::Nobody { .. } | Self::Relative { .. } => return None,
        })
    }
}

/// Reads options; the labels and the owner of the record are left to the caller.
///
/// # Errors
/// See [`VolumeOptionError`].
pub fn read(options: &[String], is_rootless: bool) -> Result<VolumeRecord, VolumeOptionError> {
    let mut record = VolumeRecord::default();
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let value = match name {
            "type" | "device" | "copy" | "nocopy" => value.to_owned(),
            "o" => with_ids(value)?,
            "size" | "inodes" => return Err(VolumeOptionError::Quota { option: option.clone() }),
            _ => return Err(VolumeOptionError::Unknown { option: option.clone() }),
        };
        record.options.push((name.to_owned(), value));
    }
    check(&record, is_rootless)?;
    Ok(record)
}

fn check(record: &VolumeRecord, is_rootless: bool) -> Result<(), VolumeOptionError> {
    let option =
        |name: &str| record.options.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value);
    let words = || option("o").map(String::as_str).unwrap_or_default().split(',');
    if words().any(|it| it == "loop") {
        return Err(VolumeOptionError::Loop);
    }
    if let Some(path) = record.bound() {
        if !path.is_absolute() {
            return Err(VolumeOptionError::Relative { device: path.display().to_string() });
        }
        return match std::fs::metadata(&path) {
            Ok(_) => Ok(()),
            Err(source) => Err(VolumeOptionError::Device { path, source }),
        };
    }
    match (record.filesystem(), option("device").filter(|it| !it.is_empty())) {
        (Some(it), _) if is_rootless && !it.is_for_everybody() => {
            Err(VolumeOptionError::OnlyRoot { kind: it.kind })
        }
        (Some(_), _) => Ok(()),
        (None, Some(device)) => Err(VolumeOptionError::NoType { device: device.clone() }),
        (None, None) => match words().find(|it| it.starts_with("size=") || it.starts_with("inodes=")) {
            Some(word) => Err(VolumeOptionError::Quota { option: word.to_owned() }),
            None => match words().find(|it| !is_plain(it)) {
                Some(word) => Err(VolumeOptionError::Unknown { option: format!("o={word}") }),
                None => Ok(()),
            },
        },
    }
}

/// Words of `o=` for a volume that is a directory of the store.
fn is_plain(word: &str) -> bool {
    matches!(word, "" | "nocopy" | "copy" | "noquota") || word.starts_with("uid=") || word.starts_with("gid=")
}

/// Mount options with the names of owners replaced by their ids: unit files may name them.
fn with_ids(options: &str) -> Result<String, VolumeOptionError> {
    let id = |option: &str| {
        let (kind, name) = option.split_once('=')?;
        let found = match kind {
            "uid" => names::by_name(name).map(|user| user.uid),
            "gid" => names::group_id(name),
            _ => return None,
        };
        if name.parse::<u32>().is_ok() {
            return None;
        }
        let what = if kind == "uid" { "user" } else { "group" };
        let missing = || VolumeOptionError::Nobody { what, name: name.to_owned() };
        Some(found.map(|id| format!("{kind}={id}")).ok_or_else(missing))
    };
    let words: Result<Vec<String>, VolumeOptionError> =
        options.split(',').map(|option| id(option).unwrap_or_else(|| Ok(option.to_owned()))).collect();
    Ok(words?.join(","))
}

/// Options as Podman tells them: with what `o=` says of owner and size in fields of its own.
#[must_use]
pub fn told(record: &VolumeRecord) -> Vec<(String, String)> {
    let mut all = record.options.clone();
    let words = record.options.iter().filter(|(key, _)| key == "o").flat_map(|(_, value)| value.split(','));
    for (key, value) in words.filter_map(|it| it.split_once('=')) {
        if matches!(key, "uid" | "gid" | "size") {
            all.push((key.to_ascii_uppercase(), value.to_owned()));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(it: &[&str]) -> Vec<String> {
        it.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn what_a_directory_can_be() {
        let record = read(&words(&["o=uid=7,gid=8,nocopy", "copy"]), true).unwrap();
        assert_eq!(record.owner(), Some((Some(7), Some(8))));
        assert!(!record.copies() && record.is_plain());
        let told: Vec<_> = told(&record).into_iter().map(|(key, _)| key).collect();
        assert_eq!(told, ["o", "copy", "UID", "GID"]);
        for wrong in ["size=1m", "o=size=1m", "o=inodes=5", "bogus=1", "o=noatime", "device=/x", "o=loop"] {
            assert!(read(&words(&[wrong]), false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_else_a_volume_can_be() {
        let record = read(&words(&["type=tmpfs", "device=tmpfs", "o=size=5m,uid=9"]), true).unwrap();
        let filesystem = record.filesystem().unwrap();
        assert_eq!((filesystem.kind.as_str(), &filesystem.options), ("tmpfs", &words(&["size=5m", "uid=9"])));
        let record = read(&words(&["type=none", "device=/tmp", "o=bind,ro"]), true).unwrap();
        assert_eq!(record.bound(), Some("/tmp".into()));
        assert!(record.filesystem().is_none() && !record.is_plain());
        let ext4 = words(&["type=ext4", "device=/dev/loop0"]);
        assert!(matches!(read(&ext4, true), Err(VolumeOptionError::OnlyRoot { .. })));
        assert!(read(&ext4, false).unwrap().filesystem().is_some());
        for wrong in [["type=bind", "device=/nosuch"], ["type=bind", "device=tmp"]] {
            assert!(read(&words(&wrong), true).is_err(), "{wrong:?}");
        }
    }
}
