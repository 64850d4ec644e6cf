//! Devices of the host that a container is given, and whether the kernel can be told which it may use.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use pontoon_rootless::sys::load_device_program;
use pontoon_runtime::devices::{Access, DeviceKind, DeviceRule, compile};

use crate::host::Host;
use crate::request::DeviceRequest;

/// How deep a directory of devices may be.
const DEPTH: usize = 8;

/// A device that was asked for, as it is on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundDevice {
    /// What was asked for; of a directory, one of the nodes in it.
    pub request: DeviceRequest,
    /// Kind, major and minor number.
    pub node: (DeviceKind, u32, u32),
}

impl FoundDevice {
    /// What may be done with it.
    #[must_use]
    pub fn rule(&self) -> Option<DeviceRule> {
        let (kind, major, minor) = self.node;
        let access = Access::parse(&self.request.permissions)?;
        Some(DeviceRule { allow: true, kind, major: Some(major), minor: Some(minor), access })
    }
}

/// A device that cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// It is not there, or cannot be looked at.
    #[error("cannot use the device `{}`", path.display())]
    Look {
        /// Its path on the host.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("`{}` is neither a device nor a directory with devices in it", path.display())]
    NoDevice {
        /// The path.
        path: PathBuf,
    },
}

/// Why the kernel cannot be told which devices a container may use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFilter {
    /// We are not root.
    #[error("only root can tell the kernel which devices a control group may use")]
    NotRoot,
    /// There is no group to say it of.
    #[error("the container has no control group of its own")]
    NoCgroup,
    /// The container's root is not the host's.
    #[error("a container with a user namespace can make no devices")]
    UserNamespace,
    /// The kernel, or somebody above us, says no.
    #[error("the kernel takes no program for devices ({0})")]
    Refused(String),
}

impl NoFilter {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRoot | Self::UserNamespace => {
                "give the container the device with --device; the node's own mode decides who may use it".to_owned()
            }
            Self::NoCgroup => "leave out --cgroups".to_owned(),
            Self::Refused(_) => {
                "it needs CONFIG_CGROUP_BPF, and CAP_BPF or CAP_SYS_ADMIN for us; give the container the device with --device"
                    .to_owned()
            }
        })
    }
}

/// Looks at the devices that were asked for. A directory stands for all devices in it, and below it.
///
/// # Errors
/// See [`DeviceError`].
pub fn find(asked: &[DeviceRequest]) -> Result<Vec<FoundDevice>, DeviceError> {
    let mut found = Vec::new();
    for request in asked {
        let failed = |source| DeviceError::Look { path: request.host.clone(), source };
        let metadata = match std::fs::metadata(&request.host) {
            Err(err) if request.optional && err.kind() == io::ErrorKind::NotFound => continue,
            other => other.map_err(failed)?,
        };
        if metadata.is_dir() {
            let before = found.len();
            for path in nodes_below(&request.host, DEPTH).map_err(failed)? {
                let inside = path.strip_prefix(&request.host).unwrap_or(&path);
                let container = Path::new(&request.container).join(inside).to_string_lossy().into_owned();
                let metadata = std::fs::metadata(&path).map_err(failed)?;
                let request = DeviceRequest { host: path, container, ..request.clone() };
                found.extend(node_of(&metadata).map(|node| FoundDevice { request, node }));
            }
            if found.len() == before {
                return Err(DeviceError::NoDevice { path: request.host.clone() });
            }
            continue;
        }
        let node = node_of(&metadata).ok_or_else(|| DeviceError::NoDevice { path: request.host.clone() })?;
        found.push(FoundDevice { request: request.clone(), node });
    }
    Ok(found)
}

/// Kind and numbers of a device node; `None` of anything else.
fn node_of(metadata: &std::fs::Metadata) -> Option<(DeviceKind, u32, u32)> {
    let kind = match metadata.file_type() {
        it if it.is_char_device() => DeviceKind::Char,
        it if it.is_block_device() => DeviceKind::Block,
        _ => return None,
    };
    let number = metadata.rdev();
    Some((kind, rustix::fs::major(number), rustix::fs::minor(number)))
}

/// Device nodes in a directory, in order; links are not followed.
fn nodes_below(directory: &Path, depth: usize) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            found.extend(nodes_below(&entry.path(), depth - 1)?);
        } else if kind.is_char_device() || kind.is_block_device() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the kernel can be told which devices a container may use. Where it cannot, only the nodes that are mounted are
/// devices inside.
///
/// # Errors
/// Why not.
pub fn filter(host: &Host, own_cgroup: bool) -> Result<(), NoFilter> {
    if host.is_rootless() {
        return Err(NoFilter::NotRoot);
    }
    if !own_cgroup {
        return Err(NoFilter::NoCgroup);
    }
    // The program is thrown away again: this only asks.
    load_device_program(&compile(&[])).map(drop).map_err(|err| NoFilter::Refused(err.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(host: &str, optional: bool) -> DeviceRequest {
        DeviceRequest {
            host: host.into(),
            container: "/dev/inside".to_owned(),
            permissions: "r".to_owned(),
            optional,
        }
    }

    #[test]
    fn devices_are_looked_at() {
        let found = find(&[request("/dev/null", false), request("/nowhere", true)]).unwrap();
        assert_eq!(found.len(), 1);
        let rule = found[0].rule().unwrap();
        assert_eq!((rule.kind, rule.major, rule.minor), (DeviceKind::Char, Some(1), Some(3)));
        assert!(rule.access.read && !rule.access.write && !rule.access.mknod);
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for (path, word) in
            [("/nowhere", "cannot use"), ("/etc/passwd", "neither"), ("/proc/self/fd", "neither")]
        {
            let refused = find(&[request(path, false)]).unwrap_err().to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
