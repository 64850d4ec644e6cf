//! `containers.conf`: what containers are made with where the command line says nothing (containers.conf(5)).
//!
//! Files are read where Podman reads them, each overriding those before it. What is not honoured is told with file and
//! line; what only speaks of parts that we do not have (other runtimes, a database, a service) is passed over.

mod apply;
mod files;
mod networks;
mod parse;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use pontoon_image::Unhonoured;

pub use networks::NetworkConfError;
use parse::Value;

/// What the values of a key are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Truth,
    Number,
    Texts,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A word, or a truth value, that says what is so anyway if it is one of the first; one of the others has no effect, and
    /// is told. Without others, any other word is one.
    Same(&'static [&'static str], &'static [&'static str]),
    /// Tables with a `base` and a `size`; kept as `BASE SIZE`.
    Pools,
    /// It speaks of something that there is not here, or says what is so anyway.
    Nothing,
}

use Kind::{Nothing, Number, Pools, Same, Text, Texts, Truth, Word};

/// The keys that we know.
const KEYS: [(&str, Kind); 105] = [
    ("containers.annotations", Texts),
    ("containers.apparmor_profile", Text),
    ("containers.base_hosts_file", Text),
    ("containers.cgroup_conf", Texts),
    ("containers.cgroupns", Text),
    ("containers.cgroups", Text),
    ("containers.container_name_as_hostname", Truth),
    ("containers.default_capabilities", Texts),
    ("containers.default_sysctls", Texts),
    ("containers.default_ulimits", Texts),
    ("containers.devices", Texts),
    ("containers.dns_options", Texts),
    ("containers.dns_searches", Texts),
    ("containers.dns_servers", Texts),
    ("containers.env", Texts),
    ("containers.env_host", Truth),
    ("containers.host_containers_internal_ip", Text),
    ("containers.http_proxy", Truth),
    ("containers.init", Truth),
    ("containers.init_path", Text),
    ("containers.interface_name", Same(&[], &["device"])),
    ("containers.ipcns", Text),
    ("containers.keyring", Same(&["true"], &["false"])),
    ("containers.label", Truth),
    ("containers.label_users", Same(&["false"], &["true"])),
    ("containers.log_driver", Text),
    ("containers.log_size_max", Number),
    ("containers.log_tag", Text),
    ("containers.mounts", Texts),
    ("containers.netns", Text),
    ("containers.no_hosts", Truth),
    ("containers.oom_score_adj", Number),
    ("containers.pidns", Text),
    ("containers.pids_limit", Number),
    ("containers.prepare_volume_on_create", Truth),
    ("containers.privileged", Truth),
    ("containers.read_only", Truth),
    ("containers.seccomp_profile", Text),
    ("containers.shm_size", Text),
    ("containers.tz", Text),
    ("containers.umask", Text),
    ("containers.userns", Text),
    ("containers.userns_size", Nothing),
    ("containers.utsns", Text),
    ("containers.volumes", Texts),
    ("engine.active_service", Nothing),
    ("engine.cdi_spec_dirs", Texts),
    ("engine.cgroup_check", Nothing),
    ("engine.cgroup_manager", Same(&["systemd"], &["cgroupfs"])),
    ("engine.compat_api_enforce_docker_hub", Nothing),
    ("engine.compose_providers", Nothing),
    ("engine.compose_warning_logs", Nothing),
    ("engine.conmon_env_vars", Nothing),
    ("engine.conmon_path", Nothing),
    ("engine.conmonrs_path", Nothing),
    ("engine.database_backend", Word(&["boltdb", "sqlite"])),
    ("engine.detach_keys", Text),
    ("engine.enable_port_reservation", Nothing),
    ("engine.env", Texts),
    ("engine.events_logfile_path", Text),
    ("engine.events_logger", Word(&["journald", "file", "none"])),
    ("engine.exit_command_delay", Nothing),
    ("engine.healthcheck_events", Truth),
    ("engine.hooks_dir", Texts),
    ("engine.image_copy_tmp_dir", Text),
    ("engine.image_default_format", Same(&["oci"], &["v2s1", "v2s2"])),
    ("engine.image_default_transport", Same(&["docker://"], &[])),
    ("engine.image_parallel_copies", Nothing),
    ("engine.image_volume_mode", Text),
    ("engine.infra_command", Nothing),
    ("engine.infra_image", Nothing),
    ("engine.init_path", Text),
    ("engine.kube_generate_type", Word(&["pod", "deployment", "daemonset", "job"])),
    ("engine.lock_type", Word(&["shm", "file"])),
    ("engine.network_cmd_options", Texts),
    ("engine.no_pivot_root", Same(&["false"], &["true"])),
    ("engine.num_locks", Nothing),
    ("engine.pod_exit_policy", Word(&["continue", "stop"])),
    ("engine.pull_policy", Text),
    ("engine.remote", Same(&["false"], &["true"])),
    ("engine.remote_identity", Nothing),
    ("engine.remote_uri", Nothing),
    ("engine.retry", Number),
    ("engine.retry_delay", Text),
    ("engine.runtime", Same(&["crun", "runc", "youki"], &[])),
    ("engine.runtime_path", Nothing),
    ("engine.runtime_supports_json", Nothing),
    ("engine.runtime_supports_kvm", Nothing),
    ("engine.runtime_supports_nocgroup", Nothing),
    ("engine.runtime_supports_nocgroups", Nothing),
    ("engine.runtimes", Nothing),
    ("engine.service_destinations", Nothing),
    ("engine.service_timeout", Nothing),
    ("engine.ssh_config", Nothing),
    ("engine.stop_timeout", Number),
    ("network.cni_plugin_dirs", Nothing),
    ("network.default_network", Text),
    ("network.default_rootless_network_cmd", Word(&["pasta", "slirp4netns"])),
    ("network.default_subnet", Text),
    ("network.default_subnet_pools", Pools),
    ("network.firewall_driver", Same(&["nftables"], &["iptables", "firewalld", "none"])),
    ("network.network_backend", Word(&["netavark"])),
    ("network.network_config_dir", Text),
    ("network.pasta_options", Texts),
    ("secrets.driver", Text),
];

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    /// It is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is no TOML.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A value is of the wrong kind.
    #[error("{}:{line}:{column}: `{key}` {reason}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// The key.
        key: String,
        /// What it must be.
        reason: String,
    },
    /// A module that is nowhere.
    #[error("there is no module `{name}`")]
    NoModule {
        /// As it was named.
        name: String,
        /// Where it was looked for.
        places: Vec<PathBuf>,
    },
}

impl ConfError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoModule { places, .. } => {
                let places: Vec<_> = places.iter().map(|it| it.display().to_string()).collect();
                Some(format!("it was looked for at {}", places.join(", ")))
            }
            _ => None,
        }
    }
}

/// What all files say together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainersConf {
    values: BTreeMap<&'static str, Value>,
    /// What has no effect.
    pub unhonoured: Vec<Unhonoured>,
}

impl ContainersConf {
    /// Takes in one more file, which overrides what is there.
    fn take(&mut self, parsed: parse::Parsed) {
        for (key, value) in parsed.values {
            match (self.values.get_mut(key), value) {
                (Some(Value::List { items, appends: known }), Value::List { items: more, appends }) => {
                    // Once said it holds for later files, too, until one says otherwise.
                    *known = appends.or(*known);
                    if *known != Some(true) {
                        items.clear();
                    }
                    items.extend(more);
                }
                (_, value) => drop(self.values.insert(key, value)),
            }
        }
        self.unhonoured.extend(parsed.unhonoured);
    }

    fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::One(text)) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    fn truth(&self, key: &str) -> Option<bool> {
        self.text(key).map(|it| it == "true")
    }

    fn list(&self, key: &str) -> &[String] {
        match self.values.get(key) {
            Some(Value::List { items, .. }) => items,
            _ => &[],
        }
    }

    /// The keys that leave a container without ending it.
    pub fn detach_keys(&self) -> Option<&str> {
        self.text("engine.detach_keys")
    }

    /// What becomes of a pod when its last container has ended.
    pub fn pod_exit_policy(&self) -> Option<&str> {
        self.text("engine.pod_exit_policy")
    }

    /// Where events go: `journald`, `file` or `none`.
    pub fn events_logger(&self) -> Option<&str> {
        self.text("engine.events_logger")
    }

    /// The file for events, where they go into one.
    pub fn events_file(&self) -> Option<&Path> {
        self.text("engine.events_logfile_path").map(Path::new)
    }

    /// Whether outcomes of health checks are events.
    pub fn health_events(&self) -> bool {
        self.truth("engine.healthcheck_events") != Some(false)
    }

    /// Whether volumes are filled when a container is made, and not only when it starts.
    pub fn prepares_volumes(&self) -> bool {
        self.truth("containers.prepare_volume_on_create") == Some(true)
    }

    /// Variables of our own environment, unless it has them.
    pub fn engine_env(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list("engine.env").iter().filter_map(|it| it.split_once('='))
    }

    /// Where archives are put that must be unpacked first: a directory, or `storage`.
    pub fn temporary_directory(&self) -> Option<&str> {
        self.text("engine.image_copy_tmp_dir")
    }

    /// What `kube generate` makes of containers.
    pub fn kube_type(&self) -> Option<&str> {
        self.text("engine.kube_generate_type")
    }

    /// Kernel settings, as `NAME=VALUE`, of containers that say nothing else.
    pub fn default_sysctls(&self) -> &[String] {
        self.list("containers.default_sysctls")
    }

    /// Where the file says that volumes are to lie, which is not honoured.
    pub fn volume_path(&self) -> Option<&Unhonoured> {
        self.unhonoured.iter().rfind(|it| it.key == "engine.volume_path")
    }

    /// Who is to keep the data of secrets.
    pub fn secret_driver(&self) -> Option<&str> {
        self.text("secrets.driver")
    }

    /// Where the file has options of that driver, which are not honoured.
    pub fn secret_options(&self) -> Option<&Unhonoured> {
        self.unhonoured.iter().rfind(|it| it.key == "secrets.opts")
    }

    /// What has no effect, a line for each.
    pub fn unhonoured_text(&self) -> String {
        let line =
            |it: &Unhonoured| format!("{}:{}: `{}` is not honoured\n", it.path.display(), it.line, it.key);
        self.unhonoured.iter().map(line).collect()
    }
}

#[cfg(test)]
mod tests;
