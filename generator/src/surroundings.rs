//! What the environment says about places.

use std::env;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pontoon_units::Accounts;
use pontoon_units::search::{self, Manager, SearchDirectory, Surroundings};
use rustix::thread::sched_getaffinity;

use crate::listener::Listener;
use crate::original;

/// The directories that a manager's unit files are looked for in, in order of precedence.
pub fn directories(manager: Manager, listener: &mut dyn Listener) -> Vec<SearchDirectory> {
    search::directories(manager, &surroundings(manager, listener))
}

/// What the environment says, read once.
pub fn surroundings(manager: Manager, listener: &mut dyn Listener) -> Surroundings {
    let path = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let unit_directories = env::var("QUADLET_UNIT_DIRS").ok().filter(|list| !list.is_empty());
    for entry in unit_directories.iter().flat_map(|list| list.split(':')) {
        if !Path::new(entry).is_absolute() {
            listener.warning(&format!("QUADLET_UNIT_DIRS: `{entry}` is not an absolute path, ignoring it"));
        }
    }
    let found = Surroundings {
        shared_taken: unit_directories.is_none() && original_is_at_work(manager, listener),
        unit_directories,
        runtime: path("XDG_RUNTIME_DIR").filter(|runtime| is_own(runtime, manager, listener)),
        config: path("XDG_CONFIG_HOME"),
        home: path("HOME"),
    };
    let homeless = found.config.is_none() && found.home.is_none() && found.unit_directories.is_none();
    if homeless && manager != Manager::System {
        listener.warning("neither XDG_CONFIG_HOME nor HOME is set: the user's own directory is not searched");
    }
    found
}

/// The users that the system's units may run as; a user's own run as nobody else.
pub fn accounts(user: bool) -> Accounts {
    let text = if user { None } else { std::fs::read("/etc/passwd").ok() };
    Accounts::of(text.map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default())
}

/// The processors that this process may run on. What its cgroup says of their time, for which the standard library reads
/// files, counts over a longer time than a generator takes.
pub fn processors() -> usize {
    let count = sched_getaffinity(None).map_or(1, |processors| processors.count());
    usize::try_from(count).unwrap_or(1)
}

/// Whether Podman's own generator writes the units of the directories that both know.
fn original_is_at_work(manager: Manager, listener: &mut dyn Listener) -> bool {
    let found = original::find(manager).filter(|found| found.at_work);
    if let Some(found) = &found {
        listener
            .debug(format_args!("{} is installed: containers/systemd is left to it", found.path.display()));
    }
    found.is_some()
}

/// Whether a runtime directory is the user's; after `su` it is often that of somebody else.
fn is_own(runtime: &Path, manager: Manager, listener: &mut dyn Listener) -> bool {
    let Manager::User { uid } = manager else { return true };
    match std::fs::metadata(runtime) {
        Ok(about) if about.uid() != uid => {
            let text =
                format!("XDG_RUNTIME_DIR: {} belongs to uid {}, ignoring it", runtime.display(), about.uid());
            listener.warning(&text);
            false
        }
        _ => true,
    }
}
