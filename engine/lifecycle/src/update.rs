//! Other limits, and another restart policy, for a container that is there.

use pontoon_monitor::control::Request;
use pontoon_monitor::event::Deed;
use pontoon_monitor::limits;
use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_storage::{Durability, FileError, RecordError, Store};

use crate::decide::DecideError;
use crate::host::Host;
use crate::list::Found;
use crate::request::RestartPolicy;
use crate::resources::{NoDevice, Resources, block_device};
use crate::stop::{self, AskError};

/// Why it could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// Its lock.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A device.
    #[error(transparent)]
    Device(#[from] NoDevice),
    /// It has no group.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// Its group.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// Its supervisor.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// Two ways to come to an end.
    #[error("container `{name}` is removed when it ends (--rm), so it cannot be started again")]
    Removed {
        /// Its name.
        name: String,
    },
}

impl UpdateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::File(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Decide(err) => err.hint(),
            Self::Cgroup(err) => err.hint(),
            Self::Device(_) | Self::Ask(_) | Self::Removed { .. } => None,
        }
    }
}

/// Changes what is said, of a container that runs at once. Limits that the kernel refuses change nothing on disk.
///
/// # Errors
/// See [`UpdateError`].
pub fn update(
    host: &Host,
    store: &Store,
    found: &Found,
    by: Resources,
    restart: Option<RestartPolicy>,
) -> Result<(), UpdateError> {
    let _lock = found.container.lock()?;
    let mut record: crate::record::ContainerRecord = found.container.read_record()?;
    if record.request.rm && restart.is_some_and(|it| it != RestartPolicy::No) {
        return Err(UpdateError::Removed { name: record.name });
    }
    let changed = by.limits(block_device)?;
    record.request.resources.change(by);
    if let Some(state) = found.status.run() {
        // Of what was not said nothing is written: a limit that was set from outside stays.
        let wanted: Vec<_> = changed.into_iter().filter(|it| it.option.is_some()).collect();
        match (&state.cgroup, wanted.iter().find_map(|it| it.option.clone())) {
            (Some(path), _) => limits::apply(&wanted, &Cgroup::at(path.into()))?,
            (None, Some(option)) => return Err(DecideError::NoCgroup { option }.into()),
            (None, None) => {}
        }
    }
    if let Some(policy) = restart {
        record.request.restart = policy;
        if found.status.is_alive() {
            stop::tell(&found.container, &Request::Policy(policy))?;
        }
    }
    found.container.replace_record(&record, Durability::Durable)?;
    host.tell_of(store, &record, Deed::Update);
    Ok(())
}
