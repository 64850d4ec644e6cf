//! `generate systemd`: services for containers and pods that are there.
//!
//! The text is Podman's (podman-generate-systemd(1), version 5.4), word for word, with these differences, each for a
//! reason:
//!
//! - Every word is quoted so that systemd reads the very same word: empty ones, `;`, line ends. Podman loses those.
//! - Services that make their container (`--new`) have `Delegate=yes`, so that supervisor and container stay in the
//!   service's own control group, where systemd sees them.
//! - Options of the program itself (`--root`) stand in every command, not only in the one that makes the container.
//! - A template's `PODMAN_SYSTEMD_UNIT` is `%n`, which is the unit; Podman writes `%n-%i`, which is none.
//! - A pod that was named without `--name` is replaced as well, and one without members has no empty `Wants=`.

mod command;
mod container;
mod pod;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::line::LineError;

pub use container::container;
pub use pod::pod;

/// Words for `Restart=` (systemd.service(5)).
const RESTART_POLICIES: [&str; 7] =
    ["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"];

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wishes {
    /// `--new`: the service makes its container, and removes it.
    pub new: bool,
    /// `--name`: names instead of ids.
    pub names: bool,
    /// `--template`: one service for many containers.
    pub template: bool,
    /// `--container-prefix`.
    pub container_prefix: String,
    /// `--pod-prefix`.
    pub pod_prefix: String,
    /// `--separator`, between prefix and name.
    pub separator: String,
    /// `--restart-policy`.
    pub restart_policy: Option<String>,
    /// `--restart-sec`.
    pub restart_sec: u64,
    /// `--start-timeout`, in seconds.
    pub start_timeout: Option<u64>,
    /// `--stop-timeout`, in seconds.
    pub stop_timeout: Option<u32>,
    /// `--after`: units.
    pub after: Vec<String>,
    /// `--wants`.
    pub wants: Vec<String>,
    /// `--requires`.
    pub requires: Vec<String>,
    /// `--env`, each `NAME=VALUE`, or `NAME` for our own value.
    pub env: Vec<String>,
    /// When the text is made, for its head; `None` leaves it out.
    pub time: Option<String>,
}

impl Default for Wishes {
    fn default() -> Self {
        Self {
            new: false,
            names: false,
            template: false,
            container_prefix: "container".to_owned(),
            pod_prefix: "pod".to_owned(),
            separator: "-".to_owned(),
            restart_policy: None,
            restart_sec: 0,
            start_timeout: None,
            stop_timeout: None,
            after: Vec::new(),
            wants: Vec::new(),
            requires: Vec::new(),
            env: Vec::new(),
            time: None,
        }
    }
}

/// Where the services are going to run.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// What we are called in texts: `Pontoon`, or `Podman` where we stand in for it.
    pub product: &'a str,
    /// The same with its version.
    pub product_version: &'a str,
    /// The manual page.
    pub documentation: &'a str,
    /// The program, absolute.
    pub engine: &'a str,
    /// Options of the program itself that this command was given.
    pub globals: &'a [String],
    /// The directory of what lives until the next boot.
    pub run_directory: &'a Path,
    /// Our environment: for variables that a container takes from it.
    pub environment: &'a BTreeMap<String, String>,
}

/// A container, as far as its service is concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFacts {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The command line that made it.
    pub create_command: Vec<String>,
    /// Seconds until it is killed when it does not stop.
    pub stop_timeout: u32,
    /// The file in which the pid of its supervisor is, while a service runs it.
    pub pid_file: PathBuf,
    /// Names of the members of its pod that must run before it.
    pub needs: Vec<String>,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodFacts {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The command line that made it.
    pub create_command: Vec<String>,
    /// The container that holds its namespaces.
    pub infra: ContainerFacts,
    /// The others, in the order in which they were made.
    pub members: Vec<ContainerFacts>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitFile {
    /// Its name without `.service`.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why there is no service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// `--restart-policy`
    #[error("`{word}` is not a valid restart policy")]
    RestartPolicy {
        /// What was said.
        word: String,
    },
    /// A prefix, a separator: together with the name it is no name of a unit.
    #[error("`{name}` is not a valid name for a service")]
    UnitName {
        /// The name.
        name: String,
    },
    /// A value that would be more than a value.
    #[error("invalid value `{}` for `{option}`: it has a control character in it", value.escape_debug())]
    Control {
        /// The option.
        option: &'static str,
        /// What was said.
        value: String,
    },
    /// `--env`
    #[error("invalid value `{value}` for `--env`: `{name}` is not a name that systemd takes for a variable")]
    Variable {
        /// What was said.
        value: String,
        /// The variable.
        name: String,
    },
    /// `--template` of a pod.
    #[error("`--template` is not supported for pods")]
    TemplateOfPod,
    /// A pod without a container that a service could watch.
    #[error("pod `{pod}` has no infra container")]
    NoInfra {
        /// Its name.
        pod: String,
    },
    /// It was made in another way.
    #[error("the command line that made `{name}` cannot be used for `--new`")]
    CreateCommand {
        /// The container or pod.
        name: String,
        /// Why.
        #[source]
        source: LineError,
    },
}

impl GenerateError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::RestartPolicy { .. } => Some(format!("it is one of {}", RESTART_POLICIES.join(", "))),
            Self::UnitName { .. } => Some(
                "names have letters, digits and `:-_.@`; see --container-prefix, --pod-prefix, --separator"
                    .to_owned(),
            ),
            Self::TemplateOfPod => Some("write a .pod file: pontoon generate quadlet".to_owned()),
            Self::NoInfra { .. } => Some("make the pod without `--infra=false`".to_owned()),
            Self::CreateCommand { .. } => {
                Some("leave out `--new`, and the service starts the one that is there".to_owned())
            }
            Self::Control { .. } | Self::Variable { .. } => None,
        }
    }
}

impl Wishes {
    /// Whether all values can stand in a unit.
    pub(super) fn check(&self) -> Result<(), GenerateError> {
        if let Some(word) = &self.restart_policy
            && !RESTART_POLICIES.contains(&word.as_str())
        {
            return Err(GenerateError::RestartPolicy { word: word.clone() });
        }
        let lists = [("--after", &self.after), ("--wants", &self.wants), ("--requires", &self.requires)];
        for (option, values) in lists {
            if let Some(value) = values.iter().find(|it| it.chars().any(char::is_control)) {
                return Err(GenerateError::Control { option, value: value.clone() });
            }
        }
        Ok(())
    }

    /// The name of a container's service, without its extension.
    fn container_unit(&self, facts: &ContainerFacts) -> Result<String, GenerateError> {
        self.unit_name(&self.container_prefix, if self.names { &facts.name } else { &facts.id })
    }

    /// The name of a pod's service, without its extension.
    fn pod_unit(&self, facts: &PodFacts) -> Result<String, GenerateError> {
        self.unit_name(&self.pod_prefix, if self.names { &facts.name } else { &facts.id })
    }

    fn unit_name(&self, prefix: &str, name: &str) -> Result<String, GenerateError> {
        let whole = match prefix {
            "" => name.to_owned(),
            prefix => format!("{prefix}{}{name}", self.separator),
        };
        // systemd.unit(5); with `.service` it has at most 255 letters.
        let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, ':' | '-' | '_' | '.');
        if whole.is_empty() || whole.len() > 240 || !whole.chars().all(fits) {
            return Err(GenerateError::UnitName { name: whole });
        }
        Ok(whole)
    }
}
