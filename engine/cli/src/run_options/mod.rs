//! What `run` and `create` mean by their options: words into a [`CreateRequest`].
//!
//! Each option has its reader in a file named after its subject. Files named by options (`--env-file`,
//! `--label-file`) are read here; nothing else of the host is looked at beyond what [`Host`] carries. Whether an
//! image, a user or a device exists is seen later, by the deed.

use std::path::PathBuf;

use pontoon_lifecycle::request::CreateRequest;

use crate::args::{CreateArgs, RunArgs};

mod conf;
mod devices;
mod entrypoint;
mod env;
mod error;
mod files;
mod fixed;
mod health;
mod labels;
mod limits;
mod logs;
mod lower;
mod modes;
mod mount_words;
mod mounts;
mod names;
mod network;
mod pod;
mod pod_change;
mod ports;
mod resources;
mod rootfs;
mod secrets;
mod security;
mod signal;
mod size;
mod userns;

pub(crate) use conf::check as check_conf;
pub use env::exec_env;
pub(crate) use error::Fault;
pub use error::OptionError;
pub use health::read as health;
pub use labels::{parse_annotation, parse_label, read_labels};
pub use logs::word as log_driver_word;
pub use modes::{attached_streams, pull_policy, restart_policy};
pub use names::{check_name, without_slash};
pub use network::{mac_address, static_addresses};
pub use pod::{new_pod, read as pod};
pub use pod_change::change as change_pod;
pub use ports::exposed_ports;
pub use resources::read as resources;
pub use signal::{parse_signal, signal_name};
pub use size::parse_size;
pub use userns::userns_of_environment;

/// What the options may refer to on the host, read once by the face.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// The caller's environment; variables that are no text are left out.
    pub env: Vec<(String, String)>,
    /// The working directory, for relative paths; `None` if it is gone.
    pub directory: Option<PathBuf>,
    /// Whether the caller is an ordinary user.
    pub rootless: bool,
}

impl Host {
    /// Reads environment, working directory and user id.
    pub fn read() -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        Self { env, directory: std::env::current_dir().ok(), rootless: !rustix::process::geteuid().is_root() }
    }

    /// The value of a variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A request, and what the user should be told about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lowered {
    /// What is asked for.
    pub request: CreateRequest,
    /// Things that have no effect, one sentence each.
    pub warnings: Vec<String>,
}

impl RunArgs {
    /// Reads the options; `create_command` is the whole command line, with the program's name.
    pub fn lower(&self, create_command: Vec<String>, host: &Host) -> Result<Lowered, OptionError> {
        lower::lower(&self.container, &self.words, create_command, host)
    }
}

impl CreateArgs {
    /// Reads the options; `create_command` is the whole command line, with the program's name.
    pub fn lower(&self, create_command: Vec<String>, host: &Host) -> Result<Lowered, OptionError> {
        lower::lower(&self.container, &self.words, create_command, host)
    }
}

#[cfg(test)]
mod tests;
