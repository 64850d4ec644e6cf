//! The unit that pods are played by: as its main process, at its reload, at its end.

use pontoon_lifecycle::pod as pods;
use pontoon_storage::{OpenError, Store, UnitLock};

use super::super::{Context, Failure};

/// A unit, one of whose processes this is.
#[derive(Debug)]
pub(super) struct Unit {
    name: String,
    /// Whether this is the process that stays; else one that does something for the unit beside it.
    pub(super) is_main: bool,
}

/// The unit that has started this very process, and not one that this is in by chance.
pub(super) fn of_process(context: &Context, is_main: bool) -> Option<Unit> {
    let pid = context.host.variable("SYSTEMD_EXEC_PID")?.parse::<u32>().ok()?;
    let name = context.host.variable("PODMAN_SYSTEMD_UNIT").filter(|it| !it.is_empty())?;
    (pid == std::process::id()).then(|| Unit { name: name.to_owned(), is_main })
}

impl Unit {
    /// The names of the pods that it has made, whatever its files say by now.
    pub(super) fn pods(&self, context: &Context, store: &Store) -> Result<Vec<String>, Failure> {
        let listing = pods::list(&context.host, store)?;
        let own = |it: &pods::PodSummary| it.record.systemd_unit.as_ref() == Some(&self.name);
        Ok(listing.pods.into_iter().filter(own).map(|it| it.record.name).collect())
    }

    /// Keeps others who ask from believing what they see of its pods, until the lock is dropped.
    pub(super) fn begin_change(&self, store: &Store) -> Result<UnitLock, OpenError> {
        // Not the unit's own name: who updates it holds that, and waits for its end. There is no lock with the longest of names;
        // that two units wait for each other's changes does no harm.
        let end = self.name.len().checked_sub(200).and_then(|it| self.name.get(it..));
        store.lock_unit(&format!("pods-{}", end.unwrap_or(&self.name)))
    }
}
