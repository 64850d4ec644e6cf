//! Doing what mends something.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use pontoon_rootless::dbus::{self, Bus, BusError, LingerError, ManagerError};
use pontoon_rootless::subid::{self, AllotError};
use pontoon_storage::{FileError, OpenError};

use super::facts::{age_at, boot_time};
use super::findings::Deed;
use crate::host::Host;
use crate::{list, overlay};

/// The drop-in that delegates all controllers that limits need.
pub(super) const DELEGATION: &str = "/etc/systemd/system/user@.service.d/pontoon-delegate.conf";

/// Several `Delegate=` add up (systemd.resource-control(5)), so it takes nothing from what others say.
const DELEGATE: &str = "[Service]\nDelegate=cpu cpuset io memory pids\n";

/// Why something could not be mended.
#[derive(Debug, thiserror::Error)]
pub enum MendError {
    /// Ids.
    #[error(transparent)]
    Allot(#[from] AllotError),
    /// Linger.
    #[error(transparent)]
    Linger(#[from] LingerError),
    /// The system's manager.
    #[error(transparent)]
    Manager(#[from] ManagerError),
    /// The system bus.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The drop-in.
    #[error("cannot write {}", path.display())]
    DropIn {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] FileError),
    /// What is left over.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Does it, and says what was done; nothing if there was nothing left to do. `host` is of who asks.
///
/// # Errors
/// See [`MendError`].
pub fn mend(deed: &Deed, host: Option<&Host>) -> Result<Vec<String>, MendError> {
    match deed {
        Deed::AllotIds { name, uid } => {
            let told = |it: &subid::Allotted| {
                let last = u64::from(it.range.0) + u64::from(it.range.1) - 1;
                format!("{}: {name} has {}-{last}", it.path, it.range.0)
            };
            Ok(subid::allot(name, *uid)?.iter().map(told).collect())
        }
        Deed::Delegate => {
            let path = Path::new(DELEGATION);
            drop_in(path).map_err(|source| MendError::DropIn { path: path.to_owned(), source })?;
            dbus::daemon_reload(&Bus::system()?)?;
            Ok(vec![format!("{DELEGATION}: written, and the system's unit files reloaded")])
        }
        Deed::EnableLinger { uid } => {
            let bus = Bus::system()?;
            dbus::set_linger(&bus, *uid, true)?;
            // logind has asked for the manager by now; what is looked at next is the way to it.
            dbus::settled(&bus, &format!("user@{uid}.service"), || ())?;
            Ok(vec![format!("linger of uid {uid}: enabled")])
        }
        Deed::Tidy => host.map_or(Ok(Vec::new()), tidy),
    }
}

fn drop_in(path: &Path) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let mut file = fs::File::create(path)?;
    file.write_all(DELEGATE.as_bytes())?;
    file.sync_all()
}

fn tidy(host: &Host) -> Result<Vec<String>, MendError> {
    let store = host.open_store()?;
    // Whoever lists cleans up.
    list::list(&store)?;
    let mut told = vec!["what killed supervisors have left: cleaned up".to_owned()];
    let path = overlay::remembered(&store);
    if boot_time().and_then(|boot| age_at(&path, boot)).is_some() {
        fs::remove_file(&path).map_err(|source| MendError::Remove { path: path.clone(), source })?;
        told.push(format!("{}: removed", path.display()));
    }
    Ok(told)
}
