//! Devices by name: the Container Device Interface, whose specifications say what a device needs in a container.
//!
//! A name is `VENDOR/CLASS=DEVICE`. Specifications lie in directories; in a later one they override those before it. What they
//! want is given back as a value, and whoever decides about the container puts it in. See the CDI specification, 1.0.0.

mod find;
mod spec;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use pontoon_runtime::hooks::Hook;

use crate::devices::DeviceError;
use crate::request::{DeviceRequest, MountRequest};

pub use find::resolve;
pub use spec::SpecError;

/// Where specifications are looked for if nobody says otherwise.
pub const DIRECTORIES: [&str; 2] = ["/etc/cdi", "/var/run/cdi"];

/// What the named devices want in a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edits {
    /// Variables; they override all others.
    pub env: Vec<(String, String)>,
    /// Device nodes of the host.
    pub devices: Vec<DeviceRequest>,
    /// Mounts, which take the place of others at the same path.
    pub mounts: Vec<MountRequest>,
    /// Hooks.
    pub hooks: Vec<Hook>,
    /// More groups of the process.
    pub groups: Vec<u32>,
    /// Specifications that cannot be used, in words; whoever is looked for was found without them.
    pub warnings: Vec<String>,
}

/// Why named devices cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum CdiError {
    /// No specification knows them.
    #[error("no specification of a CDI device names {}{}", quoted(names), broken(faults))]
    Unknown {
        /// The devices.
        names: Vec<String>,
        /// Where specifications were looked for.
        directories: Vec<PathBuf>,
        /// Specifications that cannot be used, each with its place.
        faults: Vec<String>,
    },
    /// Two specifications of one directory name the same device.
    #[error("the CDI device `{name}` is in {}", two(paths))]
    Conflict {
        /// The device.
        name: String,
        /// The files.
        paths: Vec<PathBuf>,
    },
    /// One of them wants something that we cannot do.
    #[error("{}: the CDI device `{name}` wants `{what}`, which is not supported", path.display())]
    NotSupported {
        /// The device.
        name: String,
        /// The specification.
        path: PathBuf,
        /// What it wants.
        what: &'static str,
    },
    /// A node that it names.
    #[error("the nodes of CDI devices cannot be used")]
    Node(#[source] DeviceError),
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|it| format!("`{it}`")).collect::<Vec<_>>().join(", ")
}

fn broken(faults: &[String]) -> String {
    if faults.is_empty() { String::new() } else { format!("; {}", faults.join("; ")) }
}

fn two(paths: &[PathBuf]) -> String {
    paths.iter().map(|it| it.display().to_string()).collect::<Vec<_>>().join(" and in ")
}

impl CdiError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { directories, .. } => {
                let directories: Vec<_> = directories.iter().map(|it| it.display().to_string()).collect();
                Some(format!(
                    "specifications (*.json, *.yaml) are looked for in {}; the driver's tool makes them, as `nvidia-ctk cdi \
                     generate`; --cdi-spec-dir, or cdi_spec_dirs in containers.conf, names other places",
                    directories.join(", ")
                ))
            }
            Self::Conflict { .. } => {
                Some("remove one of them, or move it to a directory of less precedence".to_owned())
            }
            Self::NotSupported { .. } | Self::Node(_) => None,
        }
    }
}

/// Whether a word is the name of such a device: `VENDOR/CLASS=DEVICE`.
#[must_use]
pub fn is_name(word: &str) -> bool {
    spec::split(word).is_some()
}
