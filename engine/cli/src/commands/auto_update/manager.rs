//! The manager of the units that are updated: the user's own, the system's, or the system's by root's hand.

use pontoon_rootless::dbus::{self, Bus, BusError, ManagerError, UnitDeed};

use super::super::{Context, Failure};
use super::words;
use crate::behalf::{Behalf, Deed};

/// Who has a unit in memory and runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Whose {
    /// Our manager.
    Ours,
    /// The system's, as a service with `User=`, and we may not restart it.
    Systems,
    /// Nobody; this is its state with our manager.
    Nobodys(String),
}

/// Why a unit was not restarted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Trouble {
    /// The error with its causes.
    pub text: String,
    /// Somebody else had something else done with it meanwhile.
    pub is_canceled: bool,
}

impl From<&ManagerError> for Trouble {
    fn from(err: &ManagerError) -> Self {
        let is_canceled = matches!(err, ManagerError::Job { result, .. } if result == "canceled");
        Self { text: words(err), is_canceled }
    }
}

/// The manager.
#[derive(Debug)]
pub(in super::super) struct Manager {
    bus: Bus,
    /// Root, who does what we may not.
    root: Option<Behalf>,
    is_users: bool,
}

impl Manager {
    /// The manager of our units.
    pub fn of(context: &Context) -> Result<Self, Failure> {
        if let Some(root) = Behalf::inherited(&context.host.environment)? {
            return Ok(Self { bus: Bus::system()?, root: Some(root), is_users: false });
        }
        let is_users = context.host.is_rootless();
        let bus: Result<Bus, BusError> = match context.host.runtime_directory().filter(|_| is_users) {
            Some(directory) => Bus::user(directory),
            None => Bus::system(),
        };
        Ok(Self { bus: bus?, root: None, is_users })
    }

    /// Whether it is root who does things for a user, and only with the system's services of that user.
    pub fn is_on_behalf(&self) -> bool {
        self.root.is_some()
    }

    /// `ActiveState` of a unit.
    pub fn state(&self, unit: &str) -> Result<String, ManagerError> {
        dbus::unit_active_state(&self.bus, unit)
    }

    /// The main process of a service; 0 if it has none.
    pub fn main_pid(&self, unit: &str) -> Result<u32, ManagerError> {
        dbus::service_main_pid(&self.bus, unit)
    }

    /// Who runs a unit.
    pub fn whose(&self, unit: &str) -> Result<Whose, ManagerError> {
        let state = self.state(unit)?;
        if is_up(&state) {
            return Ok(Whose::Ours);
        }
        let systems = || Bus::system().ok().and_then(|it| dbus::unit_active_state(&it, unit).ok());
        match self.is_users && systems().is_some_and(|it| is_up(&it)) {
            true => Ok(Whose::Systems),
            false => Ok(Whose::Nobodys(state)),
        }
    }

    /// Does something with units, and waits until the manager is done with it.
    pub fn change(&self, deed: Deed, units: &[&str]) -> Result<(), Trouble> {
        match &self.root {
            Some(root) => root.change(deed, units),
            None => change(&self.bus, deed, units),
        }
    }
}

/// Whether a unit in that state is there to be restarted.
fn is_up(state: &str) -> bool {
    matches!(state, "active" | "activating" | "reloading")
}

/// Does something with units of a manager, and waits until it is done with it.
pub fn change(bus: &Bus, deed: Deed, units: &[&str]) -> Result<(), Trouble> {
    let deed = match deed {
        Deed::Restart => UnitDeed::Restart,
        Deed::RestartLater => {
            return dbus::queue_restarts(bus, units).map_err(|err| (&err).into());
        }
        Deed::Forget => {
            // What cannot be forgotten is started all the same, or not, and then that is told.
            units.iter().for_each(|unit| drop(dbus::reset_failed(bus, unit)));
            return Ok(());
        }
    };
    match dbus::change_units(bus, units, deed) {
        Ok(errors) => first(errors.iter().map(Trouble::from)),
        Err(err) => Err((&err).into()),
    }
}

/// What went wrong, of several: what is canceled may be so because another failed.
fn first(troubles: impl Iterator<Item = Trouble>) -> Result<(), Trouble> {
    let mut troubles: Vec<Trouble> = troubles.collect();
    troubles.sort_by_key(|it| it.is_canceled);
    troubles.into_iter().next().map_or(Ok(()), Err)
}
