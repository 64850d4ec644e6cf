//! What we know of the host and of ourselves: read once, by a face, and passed as a value.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use pontoon_monitor::event::EventLog;
use pontoon_network::lease::USERS;
use pontoon_rootless::idmap::IdMaps;
use pontoon_rootless::names::{self, HostUser};
use pontoon_rootless::userns::{Grants, UserNamespaceError};
use pontoon_storage::{OpenError, Store, StorePaths};

use crate::network::NetworkConf;
use crate::storage_conf::{self, Said, StorageConf, StorageConfError};

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
    /// Whether outcomes of health checks are events.
    pub health_events: bool,
    /// `--cdi-spec-dir` of this command; none leaves it to what the container was made with.
    pub cdi_spec_dirs: Vec<PathBuf>,
    /// `--hooks-dir` of this command; none leaves it to what the container was made with.
    pub hooks_dirs: Vec<PathBuf>,
    /// What containers.conf and `--network-config-dir` say of networks with names.
    pub networks: NetworkConf,
    /// What storage.conf says.
    pub storage: StorageConf,
    /// `--default-mounts-file`: what is read in place of mounts.conf.
    pub default_mounts_file: Option<PathBuf>,
    /// Whether we are inside `unshare`: root over the user's ids, in a mount namespace where we may mount. The ids above are
    /// the user's own all the same.
    pub unshared: bool,
    /// Where the session of the user is, if the store's runtime directory is elsewhere.
    session: Option<PathBuf>,
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
    /// `$XDG_RUNTIME_DIR` is what `su` or `sudo` has left of somebody else.
    #[error("$XDG_RUNTIME_DIR is `{}`, which belongs to uid {owner}, not to uid {uid}", path.display())]
    ForeignRuntimeDirectory {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// The user.
        uid: u32,
    },
    /// A unit of the system is the first to run as the user since the boot, and a login of the user's was before it.
    #[error("containers of a login have their state in `{}`, which goes when the login ends", login.display())]
    RunsElsewhere {
        /// The runtime directory of the login.
        login: PathBuf,
    },
    /// storage.conf cannot be used.
    #[error(transparent)]
    StorageConf(#[from] StorageConfError),
}

/// Images of another store are not seen, though storage.conf says they are to be.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {source}")]
pub struct ImageStoreError {
    /// Who names the store.
    pub place: String,
    /// Why.
    pub source: OpenError,
}

impl ImageStoreError {
    /// Whether it is one of Podman's, which will never be seen.
    #[must_use]
    pub fn is_podmans(&self) -> bool {
        matches!(self.source, OpenError::NoImages { is_podmans: true, .. })
    }

    /// All of it on one line.
    #[must_use]
    pub fn line(&self) -> String {
        match self.source.hint() {
            Some(hint) => format!("{self} ({hint})"),
            None => self.to_string(),
        }
    }
}

impl HostError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::StorageConf(err) => return err.hint(),
            Self::NoHome { .. } => "set HOME".to_owned(),
            Self::NoRuntimeDirectory { .. } => {
                "log in through systemd-logind (ssh, a console, `machinectl shell USER@`), or run `loginctl enable-linger \
                 USER`; `su` and `sudo` open no session"
                    .to_owned()
            }
            Self::ForeignRuntimeDirectory { uid, .. } => format!(
                "log in as the user (ssh, `machinectl shell USER@`), or set XDG_RUNTIME_DIR=/run/user/{uid} for a user with linger"
            ),
            Self::RunsElsewhere { .. } => {
                "stop these containers, or let the user log out, and start the unit again: from then on both share one place, \
                 until the next boot"
                    .to_owned()
            }
        })
    }
}

/// Who owns a directory that is not the user's own.
fn foreign_owner(path: &Path, uid: u32) -> Option<u32> {
    let owner = std::os::unix::fs::MetadataExt::uid(&path.metadata().ok()?);
    (owner != uid).then_some(owner)
}

/// Whether the store with that runtime directory has containers that run, or have left something there.
fn has_containers(run: &Path) -> bool {
    std::fs::read_dir(run.join("containers")).is_ok_and(|mut entries| entries.next().is_some())
}

/// Below it, the stores of users without a home, each in a directory of the user's name, which `pontoon-user@.service` makes for
/// units with `User=`.
const HOMELESS: &str = "/var/lib/pontoon-users";

/// Where a user's store lies: in the home, or where the user may not write there, in the user's state directory. A store that
/// is in the latter stays there: every command of the user must find the same one, also where a unit hides the home
/// (`ProtectHome=`).
fn own_root(state: &Path, home: Option<PathBuf>) -> Option<PathBuf> {
    let may_write = |path: &Path| {
        let access = rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
        path.is_dir() && rustix::fs::access(path, access).is_ok()
    };
    let in_state = state.join("storage");
    let in_home = home.as_ref().map(|it| it.join(".local/share/pontoon"));
    // Nearly all users have no state directory, which is all they are asked.
    if !may_write(state) || (!in_state.exists() && home.is_some_and(|it| may_write(&it))) {
        return in_home;
    }
    Some(in_state)
}

fn home(environment: &BTreeMap<String, String>, user: Option<&HostUser>) -> Option<PathBuf> {
    let said = environment.get("HOME").map(PathBuf::from).filter(|it| it.is_absolute());
    said.or_else(|| user.map(|it| PathBuf::from(&it.home)))
}

impl Host {
    /// Reads the environment, the user database and storage.conf. `root` and `runroot` override the places of the store.
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
        let home = home(&environment, user.as_ref());
        let storage = storage_conf::read(&storage_conf::Reader {
            uid,
            name: user.as_ref().map(|it| it.name.as_str()),
            home: home.as_deref(),
            environment: &environment,
        })?;
        let root = root.or_else(|| storage.root.clone());
        let runroot = runroot.or_else(|| storage.run.clone());
        let mut session = None;
        let paths = if uid == 0 {
            StorePaths {
                root: root.unwrap_or_else(|| PathBuf::from("/var/lib/pontoon")),
                run: runroot.unwrap_or_else(|| PathBuf::from("/run/pontoon")),
            }
        } else {
            let name = user.as_ref().map_or_else(|| uid.to_string(), |it| it.name.clone());
            let root = match root.or_else(|| absolute("XDG_DATA_HOME").map(|it| it.join("pontoon"))) {
                Some(root) => root,
                None => own_root(&Path::new(HOMELESS).join(&name), home).ok_or(HostError::NoHome { uid })?,
            };
            let login = PathBuf::from(format!("/run/user/{uid}"));
            let given = absolute("XDG_RUNTIME_DIR");
            let systems = Path::new(USERS).join(name);
            let run = match runroot {
                Some(run) => {
                    session = Some(given.filter(|it| *it != systems).unwrap_or(login));
                    run
                }
                None if systems.join("pontoon").is_dir() => {
                    session = Some(given.filter(|it| *it != systems).unwrap_or(login));
                    systems.join("pontoon")
                }
                None => match given {
                    Some(given) if given == systems => {
                        if has_containers(&login.join("pontoon")) {
                            return Err(HostError::RunsElsewhere { login });
                        }
                        session = Some(login);
                        systems.join("pontoon")
                    }
                    Some(given) => match foreign_owner(&given, uid).filter(|_| !unshared) {
                        Some(owner) => {
                            return Err(HostError::ForeignRuntimeDirectory { path: given, owner, uid });
                        }
                        None => given.join("pontoon"),
                    },
                    None if login.is_dir() => login.join("pontoon"),
                    None => return Err(HostError::NoRuntimeDirectory { uid }),
                },
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
            health_events: true,
            cdi_spec_dirs: Vec::new(),
            hooks_dirs: Vec::new(),
            networks: NetworkConf::default(),
            storage,
            default_mounts_file: None,
            unshared,
            session,
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

    /// Opens the store, in which images of other stores may be seen.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_store(&self) -> Result<Store, OpenError> {
        let others = self.image_stores().filter_map(Result::ok).collect();
        Ok(Store::open(self.paths.clone())?.with_images_of(others))
    }

    /// The stores whose images are seen in ours, or why they are not.
    pub fn image_stores(&self) -> impl Iterator<Item = Result<Store, ImageStoreError>> {
        let open = |said: &Said<PathBuf>| {
            Store::open_images(&said.value)
                .map_err(|source| ImageStoreError { place: said.place.clone(), source })
        };
        self.storage.image_stores.iter().map(open)
    }

    /// A variable of the environment.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// The home directory.
    #[must_use]
    pub fn home(&self) -> Option<PathBuf> {
        home(&self.environment, self.user.as_ref())
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

    /// The program that is in the networks of containers, beside the supervisor's.
    #[must_use]
    pub fn network_program(&self) -> PathBuf {
        self.monitor_program().with_file_name("pontoon-network")
    }

    /// The user's D-Bus and session are reached below here.
    #[must_use]
    pub fn runtime_directory(&self) -> Option<&Path> {
        self.session.as_deref().or_else(|| self.paths.run.parent())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_without_a_home_has_a_store_in_the_state_directory() {
        let base = std::env::temp_dir().join(format!("pontoon-own-root-{}", std::process::id()));
        let (state, home) = (base.join("state"), base.join("home"));
        std::fs::create_dir_all(&base).unwrap();
        let in_home = Some(home.join(".local/share/pontoon"));
        let in_state = Some(state.join("storage"));
        // Without a state directory it is the home, there or not.
        assert_eq!(own_root(&state, Some(home.clone())), in_home);
        assert_eq!(own_root(&state, None), None);
        std::fs::create_dir(&state).unwrap();
        assert_eq!(own_root(&state, Some(home.clone())), in_state);
        assert_eq!(own_root(&state, None), in_state);
        std::fs::create_dir(&home).unwrap();
        assert_eq!(own_root(&state, Some(home.clone())), in_home);
        // Once there is a store, it is the store.
        std::fs::create_dir(state.join("storage")).unwrap();
        assert_eq!(own_root(&state, Some(home)), in_state);
        std::fs::remove_dir_all(base).unwrap();
    }
}
