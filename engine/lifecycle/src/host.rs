//! What we know of the host and of ourselves: read once, by a face, and passed as a value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pontoon_monitor::event::EventLog;
use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::names::{self, HostUser};
use pontoon_rootless::userns::{Grants, UserNamespaceError};
use pontoon_storage::{OpenError, Store, StorePaths};

use crate::network::NetworkConf;

/// The calling user and its surroundings.
#[derive(Debug, Clone)]
pub struct Host {
    /// Our user id.
    pub uid: u32,
    /// Our group id.
    pub gid: u32,
    /// Our entry in the user database, if there is one.
    pub user: Option<HostUser>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// Where the store lies.
    pub paths: StorePaths,
    /// Where events go.
    pub events: EventLog,
    /// `--cdi-spec-dir` of this command; none leaves it to what the container was made with.
    pub cdi_spec_dirs: Vec<PathBuf>,
    /// `--hooks-dir` of this command; none leaves it to what the container was made with.
    pub hooks_dirs: Vec<PathBuf>,
    /// What containers.conf and `--network-config-dir` say of networks with names.
    pub networks: NetworkConf,
    /// Whether we are inside `unshare`: root over the user's ids, in a mount namespace where we may mount. The ids above are
    /// the user's own all the same.
    pub unshared: bool,
    /// What we may map, once somebody has asked.
    grants: OnceLock<Grants>,
}

/// The variable that `unshare` sets for what runs in it.
pub const UNSHARED: &str = "PONTOON_UNSHARED";

/// The user and group that are root here, as those outside see them; `None` if that is root as well, or if we are not root.
fn ids_outside() -> Option<(u32, u32)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let of_root = |file: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        let numbers = |line: &str| -> Option<(u32, u32)> {
            let mut words = line.split_whitespace().map(str::parse);
            Some((words.next()?.ok()?, words.next()?.ok()?))
        };
        text.lines().filter_map(numbers).find(|(inside, _)| *inside == 0).map(|(_, outside)| outside)
    };
    let (uid, gid) = (of_root("/proc/self/uid_map")?, of_root("/proc/self/gid_map")?);
    (uid != 0).then_some((uid, gid))
}

/// Why there is no place for a store.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Neither `$HOME` nor the user database says where home is.
    #[error("cannot tell the home directory of uid {uid}")]
    NoHome {
        /// The user.
        uid: u32,
    },
    /// No runtime directory.
    #[error(
        "cannot use a runtime directory for uid {uid}: neither $XDG_RUNTIME_DIR nor /run/user/{uid} is there"
    )]
    NoRuntimeDirectory {
        /// The user.
        uid: u32,
    },
}

impl HostError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoHome { .. } => "set HOME".to_owned(),
            Self::NoRuntimeDirectory { .. } => {
                "log in through systemd-logind (ssh, a console, `machinectl shell USER@`), or run `loginctl enable-linger \
                 USER`; `su` and `sudo` open no session"
                    .to_owned()
            }
        })
    }
}

impl Host {
    /// Reads the environment and the user database. `root` and `runroot` override the places of the store.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn read(root: Option<PathBuf>, runroot: Option<PathBuf>) -> Result<Self, HostError> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect();
        let outside = environment.get(UNSHARED).and_then(|_| ids_outside());
        let unshared = outside.is_some();
        let (uid, gid) = outside
            .unwrap_or_else(|| (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()));
        let user = names::by_uid(uid);
        let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|it| it.is_absolute());
        let paths = if uid == 0 {
            StorePaths {
                root: root.unwrap_or_else(|| PathBuf::from("/var/lib/pontoon")),
                run: runroot.unwrap_or_else(|| PathBuf::from("/run/pontoon")),
            }
        } else {
            let root = match root.or_else(|| absolute("XDG_DATA_HOME").map(|it| it.join("pontoon"))) {
                Some(root) => root,
                None => absolute("HOME")
                    .or_else(|| user.as_ref().map(|it| PathBuf::from(&it.home)))
                    .ok_or(HostError::NoHome { uid })?
                    .join(".local/share/pontoon"),
            };
            let run = match runroot.or_else(|| absolute("XDG_RUNTIME_DIR").map(|it| it.join("pontoon"))) {
                Some(run) => run,
                None => {
                    let usual = PathBuf::from(format!("/run/user/{uid}"));
                    if !usual.is_dir() {
                        return Err(HostError::NoRuntimeDirectory { uid });
                    }
                    usual.join("pontoon")
                }
            };
            StorePaths { root, run }
        };
        let events = EventLog::usual(&paths.run);
        Ok(Self {
            uid,
            gid,
            user,
            environment,
            paths,
            events,
            cdi_spec_dirs: Vec::new(),
            hooks_dirs: Vec::new(),
            networks: NetworkConf::default(),
            unshared,
            grants: OnceLock::new(),
        })
    }

    /// Whether we may mount here: as root, or inside `unshare`.
    #[must_use]
    pub fn may_mount(&self) -> bool {
        self.uid == 0 || self.unshared
    }

    /// Whether we are an ordinary user.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        self.uid != 0
    }

    /// Opens the store.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_store(&self) -> Result<Store, OpenError> {
        Store::open(self.paths.clone())
    }

    /// A variable of the environment.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// The default id maps; `None` as root, who needs none.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn maps(&self) -> Result<Option<IdMaps>, UserNamespaceError> {
        if self.is_rootless() { Ok(Some(self.grants()?.maps())) } else { Ok(None) }
    }

    /// What we may map.
    ///
    /// # Errors
    /// See [`UserNamespaceError`].
    pub fn grants(&self) -> Result<Grants, UserNamespaceError> {
        if let Some(grants) = self.grants.get() {
            return Ok(grants.clone());
        }
        let grants = Grants::of(self.uid, self.gid, self.user.as_ref().map(|it| it.name.as_str()))?;
        Ok(self.grants.get_or_init(|| grants).clone())
    }

    /// The supervisor's program: beside us as installed (`PREFIX/bin` and `PREFIX/libexec/pontoon`), or as built.
    #[must_use]
    pub fn monitor_program(&self) -> PathBuf {
        if let Some(path) = self.variable("PONTOON_MONITOR") {
            return PathBuf::from(path);
        }
        let us = std::fs::read_link("/proc/self/exe").unwrap_or_default();
        let directory = us.parent().unwrap_or(Path::new("/usr/bin"));
        let candidates =
            [directory.join("../libexec/pontoon/pontoon-monitor"), directory.join("pontoon-monitor")];
        let usual = PathBuf::from("/usr/libexec/pontoon/pontoon-monitor");
        candidates.into_iter().find(|it| it.is_file()).and_then(|it| it.canonicalize().ok()).unwrap_or(usual)
    }

    /// The user's D-Bus and session are reached below here.
    #[must_use]
    pub fn runtime_directory(&self) -> Option<&Path> {
        self.paths.run.parent()
    }
}
