//! Where unit files are looked for.
//!
//! Pure: is told the environment and gives paths in order of precedence; whether they exist is found out by
//! whoever reads them.

use std::path::{Path, PathBuf};

/// Whose units are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The system's service manager.
    System,
    /// A user's service manager.
    User {
        /// The user.
        uid: u32,
    },
}

/// What the environment says about places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// `QUADLET_UNIT_DIRS`.
    pub unit_directories: Option<String>,
    /// `XDG_RUNTIME_DIR`.
    pub runtime: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub config: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
    /// Whether Podman's own generator is at work, so that the directories both know are left to it.
    pub shared_taken: bool,
}

/// Which sub-directories of a search directory are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// None.
    Nothing,
    /// `users`, which holds the users' own units.
    Users,
    /// Directories named by a number, which belong to single users.
    Numbers,
    /// All but those with drop-ins.
    Below,
}

/// Who may have written what lies in a search directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Whoever could: the directory is a user's own, or was named by whoever asks.
    Anybody,
    /// Root alone, or the user whose units are made: the directory is the system's.
    Root,
}

/// A directory to search with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchDirectory {
    /// Where.
    pub path: PathBuf,
    /// Whose files count there.
    pub writers: Writers,
    /// What directly below it is not entered.
    pub leave: Leave,
}

/// Where both generators look.
const SHARED: &str = "containers/systemd";
/// Where only ours looks.
const OWN: &str = "pontoon/systemd";

/// The directories to search; the first that holds a file of some name wins.
///
/// A user's own directory comes before the one for all users, and nobody gets another user's.
pub fn directories(manager: Manager, surroundings: &Surroundings) -> Vec<SearchDirectory> {
    let mut found = Vec::new();
    let mut push = |path: PathBuf, writers, leave| found.push(SearchDirectory { path, writers, leave });
    if let Some(list) = &surroundings.unit_directories {
        for path in list.split(':').map(Path::new).filter(|path| path.is_absolute()) {
            push(path.to_owned(), Writers::Anybody, Leave::Nothing);
        }
        return found;
    }
    let names: &[&str] = if surroundings.shared_taken { &[OWN] } else { &[OWN, SHARED] };
    let mut each = |base: &Path, below: &str, writers, leave| {
        for name in names {
            let path = if below.is_empty() { base.join(name) } else { base.join(name).join(below) };
            push(path, writers, leave);
        }
    };
    match manager {
        Manager::System => {
            for base in ["/run", "/etc", "/usr/share"] {
                each(Path::new(base), "", Writers::Root, Leave::Users);
            }
        }
        Manager::User { uid } => {
            if let Some(runtime) = &surroundings.runtime {
                each(runtime, "", Writers::Anybody, Leave::Nothing);
            }
            let config = surroundings.config.clone();
            if let Some(config) = config.or_else(|| Some(surroundings.home.as_ref()?.join(".config"))) {
                each(&config, "", Writers::Anybody, Leave::Nothing);
            }
            for base in ["/etc", "/usr/share"] {
                each(Path::new(base), &format!("users/{uid}"), Writers::Root, Leave::Nothing);
                each(Path::new(base), "users", Writers::Root, Leave::Numbers);
            }
        }
    }
    found
}

/// The directories that hold users' own units, whatever way they are come by.
///
/// A link elsewhere must not lead around what [`SearchDirectory::leave`] says.
pub fn is_somebody_elses(manager: Manager, users: &[PathBuf], path: &Path) -> bool {
    users.iter().filter_map(|users| path.strip_prefix(users).ok()).any(|below| match manager {
        Manager::System => true,
        Manager::User { uid } => {
            let first = below.components().next().and_then(|part| part.as_os_str().to_str()).unwrap_or("");
            is_number(first) && first.parse() != Ok(uid)
        }
    })
}

/// Whether a name is that of one user's directory.
pub fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|digit| digit.is_ascii_digit())
}
