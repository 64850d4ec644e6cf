//! The user manager and the system manager.

use std::future::poll_fn;
use std::pin::Pin;

use zbus::export::futures_core::Stream;
use zbus::{MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, Variant};

use super::bus::Link;
use super::{Bus, BusError, Fault};

pub(super) const SERVICE: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
pub(super) const MANAGER: (&str, &str, &str) = (SERVICE, PATH, INTERFACE);

/// A scope to be made around running processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeRequest<'a> {
    /// Name of the unit, with `.scope`.
    pub name: &'a str,
    /// `Description=`.
    pub description: &'a str,
    /// `Slice=`; `None` is the manager's default.
    pub slice: Option<&'a str>,
    /// `Delegate=`: the cgroup below belongs to us.
    pub delegate: bool,
}

/// Why systemd did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum ManagerError {
    /// No manager can be reached.
    #[error("cannot {deed}")]
    Bus {
        /// What was tried.
        deed: String,
        /// Why.
        #[source]
        source: BusError,
    },
    /// The manager refused or did not answer.
    #[error("cannot {deed}")]
    Call {
        /// What was tried.
        deed: String,
        /// Why.
        #[source]
        source: Fault,
    },
    /// A unit of that name is already there.
    #[error("cannot {deed}: there is one already")]
    Exists {
        /// What was tried.
        deed: String,
        /// Name of the unit.
        unit: String,
    },
    /// The job was accepted and then did not succeed.
    #[error("cannot {deed}: its job ended with `{result}`")]
    Job {
        /// What was tried.
        deed: String,
        /// What systemd said: `failed`, `canceled`, `timeout`, ….
        result: String,
    },
}

impl ManagerError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Bus { source, .. } => source.hint(),
            Self::Exists { unit, .. } => {
                Some(format!("`systemctl status {unit}` (with --user for a user) shows it"))
            }
            Self::Call { .. } | Self::Job { .. } => None,
        }
    }
}

/// Does something over the bus and tells what was tried if it fails.
pub(super) fn ask<T>(
    bus: &Bus,
    deed: &str,
    act: impl AsyncFnOnce(&Link) -> zbus::Result<T>,
) -> Result<Result<T, Fault>, ManagerError> {
    match bus.with(act) {
        Ok(answer) => Ok(answer.map_err(|err| Fault::from(&err))),
        Err(source) => Err(ManagerError::Bus { deed: deed.to_owned(), source }),
    }
}

/// Makes a scope and waits until systemd has moved processes into it. Which they are is asked as soon as the manager could be
/// told; if there are none there is no scope.
///
/// # Errors
/// [`ManagerError`].
pub fn start_scope(
    bus: &Bus,
    request: &ScopeRequest<'_>,
    pids: impl Fn() -> Vec<u32>,
) -> Result<(), ManagerError> {
    let deed = format!("make the scope `{}`", request.name);
    match ask(bus, &deed, async |link| scope_job(link, request, pids).await)? {
        Ok(None) => Ok(()),
        Ok(Some(result)) if result == "done" => Ok(()),
        Ok(Some(result)) => Err(ManagerError::Job { deed, result }),
        Err(fault) if fault.is("org.freedesktop.systemd1.UnitExists") => {
            Err(ManagerError::Exists { deed, unit: request.name.to_owned() })
        }
        Err(source) => Err(ManagerError::Call { deed, source }),
    }
}

/// Asks for the scope and gives the result of the job.
async fn scope_job(
    link: &Link,
    request: &ScopeRequest<'_>,
    pids: impl Fn() -> Vec<u32>,
) -> zbus::Result<Option<String>> {
    // Of this job alone. Its end is told to whoever asked for it, also without `Subscribe`, which would have the manager tell
    // everything of every unit.
    let rule = job_removed().arg(2, request.name).build()?;
    let mut removed = MessageStream::for_match_rule(rule, &link.connection, None).await?;
    let pids = pids();
    if pids.is_empty() {
        return Ok(None);
    }
    let mut properties: Vec<(&str, Variant<'_>)> = vec![
        ("Description", Variant::from(request.description)),
        ("PIDs", Variant::from(pids)),
        ("Delegate", Variant::from(request.delegate)),
        // A scope that failed must not keep its name.
        ("CollectMode", Variant::from("inactive-or-failed")),
    ];
    if let Some(slice) = request.slice {
        properties.push(("Slice", Variant::from(slice)));
    }
    let auxiliary: Vec<(&str, Vec<(&str, Variant<'_>)>)> = Vec::new();
    let arguments = (request.name, "fail", properties, auxiliary);
    let answer = link.call(MANAGER, "StartTransientUnit", &arguments).await?;
    end_of_job(&mut removed, answer.body().deserialize()?).await.map(Some)
}

/// The ends of all jobs from now on; asked for before a job is made, so that its end is not missed.
pub(super) async fn job_ends(link: &Link) -> zbus::Result<MessageStream> {
    let removed = MessageStream::for_match_rule(job_removed().build()?, &link.connection, None).await?;
    link.call(MANAGER, "Subscribe", &()).await?;
    Ok(removed)
}

/// The manager's word that a job has ended; its third argument is the unit.
fn job_removed() -> zbus::match_rule::Builder<'static> {
    let rule = MatchRule::builder().msg_type(zbus::message::Type::Signal);
    rule.path(PATH).interface(INTERFACE).member("JobRemoved")
}

/// Waits for the end of a job and gives its result.
pub(super) async fn end_of_job(ends: &mut MessageStream, job: OwnedObjectPath) -> zbus::Result<String> {
    loop {
        let (ended, result) = next_end(ends).await?;
        if ended == job {
            return Ok(result);
        }
    }
}

/// Waits for the end of any job and gives the job and its result.
async fn next_end(ends: &mut MessageStream) -> zbus::Result<(OwnedObjectPath, String)> {
    let message = poll_fn(|context| Pin::new(&mut *ends).poll_next(context)).await;
    let body = message.ok_or(zbus::Error::InvalidReply)??.body();
    let (_, path, _, result): (u32, OwnedObjectPath, String, String) = body.deserialize()?;
    Ok((path, result))
}

/// Reloads the manager's unit files (and runs its generators).
///
/// # Errors
/// [`ManagerError`].
pub fn daemon_reload(bus: &Bus) -> Result<(), ManagerError> {
    let deed = "reload the unit files";
    let answer = ask(bus, deed, async |link| link.call(MANAGER, "Reload", &()).await.map(drop))?;
    answer.map_err(|source| ManagerError::Call { deed: deed.to_owned(), source })
}

/// Forgets that a unit has failed, and how often it was started: so that it may be started again at once.
///
/// # Errors
/// [`ManagerError`].
pub fn reset_failed(bus: &Bus, unit: &str) -> Result<(), ManagerError> {
    let deed = format!("reset the state of `{unit}`");
    match ask(bus, &deed, async |link| link.call(MANAGER, "ResetFailedUnit", &(unit,)).await.map(drop))? {
        // What is not in memory has no state.
        Err(fault) if fault.is("org.freedesktop.systemd1.NoSuchUnit") => Ok(()),
        answer => answer.map_err(|source| ManagerError::Call { deed, source }),
    }
}

/// `ActiveState` of a unit: `active`, `inactive`, `failed`, …; `inactive` also if it is not loaded.
///
/// # Errors
/// [`ManagerError`].
pub fn unit_active_state(bus: &Bus, unit: &str) -> Result<String, ManagerError> {
    let deed = format!("read the state of `{unit}`");
    match ask(bus, &deed, async |link| active_state(link, unit).await)? {
        Err(fault) if fault.is("org.freedesktop.systemd1.NoSuchUnit") => Ok("inactive".to_owned()),
        answer => answer.map_err(|source| ManagerError::Call { deed, source }),
    }
}

async fn active_state(link: &Link, unit: &str) -> zbus::Result<String> {
    let object = link.call(MANAGER, "GetUnit", &(unit,)).await?;
    let object: OwnedObjectPath = object.body().deserialize()?;
    let properties = (SERVICE, object.as_str(), "org.freedesktop.DBus.Properties");
    let value = link.call(properties, "Get", &("org.freedesktop.systemd1.Unit", "ActiveState")).await?;
    let value: OwnedVariant = value.body().deserialize()?;
    String::try_from(value)
}

/// What is to be done with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitDeed {
    /// Start it.
    Start,
    /// Stop it and start it again; a stopped one is started.
    Restart,
    /// Stop it.
    Stop,
}

/// Does something with units and waits until all of it is done; the manager keeps their order.
///
/// Gives what went wrong, unit by unit; a job that does not end well is one.
///
/// # Errors
/// [`ManagerError::Bus`] if the manager cannot be reached at all.
pub fn change_units(bus: &Bus, units: &[&str], deed: UnitDeed) -> Result<Vec<ManagerError>, ManagerError> {
    let (word, method) = match deed {
        UnitDeed::Start => ("start", "StartUnit"),
        UnitDeed::Restart => ("restart", "RestartUnit"),
        UnitDeed::Stop => ("stop", "StopUnit"),
    };
    let tried = |unit: &str| format!("{word} `{unit}`");
    let all = async |link: &Link| {
        let mut ends = job_ends(link).await?;
        let mut jobs: Vec<(&str, OwnedObjectPath)> = Vec::new();
        let mut errors = Vec::new();
        for unit in units {
            match link.call(MANAGER, method, &(unit, "replace")).await {
                Ok(answer) => jobs.push((unit, answer.body().deserialize()?)),
                Err(err) => {
                    errors.push(ManagerError::Call { deed: tried(unit), source: Fault::from(&err) });
                }
            }
        }
        while !jobs.is_empty() {
            let (ended, result) = next_end(&mut ends).await?;
            let Some(index) = jobs.iter().position(|(_, job)| *job == ended) else { continue };
            let (unit, _) = jobs.swap_remove(index);
            if result != "done" {
                errors.push(ManagerError::Job { deed: tried(unit), result });
            }
        }
        Ok(errors)
    };
    let deed = format!("{word} units");
    ask(bus, &deed, all)?.map_err(|source| ManagerError::Call { deed, source })
}

/// Has those of the units that run restarted, at some time after this: whoever asks may be a service that they are ordered after.
///
/// # Errors
/// [`ManagerError`], of the first that cannot be.
pub fn queue_restarts(bus: &Bus, units: &[&str]) -> Result<(), ManagerError> {
    let deed = "restart units";
    let queue = async |link: &Link| {
        for unit in units {
            link.call(MANAGER, "TryRestartUnit", &(unit, "replace")).await?;
        }
        Ok(())
    };
    ask(bus, deed, queue)?.map_err(|source| ManagerError::Call { deed: deed.to_owned(), source })
}

/// The commands of a property of a service, such as `ExecStart`, as the manager has them: specifiers expanded, variables
/// not.
///
/// # Errors
/// [`ManagerError`].
pub fn commands(bus: &Bus, unit: &str, property: &str) -> Result<Vec<Vec<String>>, ManagerError> {
    /// Path, words, whether failure counts, four times, a pid, how it ended.
    type Command = (String, Vec<String>, bool, u64, u64, u64, u64, u32, i32, i32);
    let deed = format!("read the commands of `{unit}`");
    let read = async |link: &Link| {
        let object = link.call(MANAGER, "GetUnit", &(unit,)).await?;
        let object: OwnedObjectPath = object.body().deserialize()?;
        let properties = (SERVICE, object.as_str(), "org.freedesktop.DBus.Properties");
        let value = link.call(properties, "Get", &("org.freedesktop.systemd1.Service", property)).await?;
        let value: OwnedVariant = value.body().deserialize()?;
        let commands: Vec<Command> = value.try_into()?;
        Ok(commands.into_iter().map(|(_, words, ..)| words).collect())
    };
    ask(bus, &deed, read)?.map_err(|source| ManagerError::Call { deed, source })
}

/// What a manager knows of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// Its name.
    pub name: String,
    /// `loaded`, `not-found`, `masked`, ….
    pub load: String,
    /// `active`, `inactive`, `failed`, ….
    pub active: String,
    /// `running`, `exited`, `dead`, ….
    pub sub: String,
}

/// A unit as the manager lists it: name, description, load, active and sub state, follower, object, job, its type, its object.
pub(super) type Listed =
    (String, String, String, String, String, String, OwnedObjectPath, u32, String, OwnedObjectPath);

fn states(listed: Vec<Listed>) -> Vec<UnitState> {
    let state = |(name, _, load, active, sub, ..): Listed| UnitState { name, load, active, sub };
    listed.into_iter().map(state).collect()
}

/// The units that a manager has in memory.
///
/// # Errors
/// [`ManagerError`].
pub fn loaded_units(bus: &Bus) -> Result<Vec<UnitState>, ManagerError> {
    let deed = "list the units";
    let list = async |link: &Link| link.call(MANAGER, "ListUnits", &()).await?.body().deserialize();
    let listed = ask(bus, deed, list)?;
    listed.map(states).map_err(|source| ManagerError::Call { deed: deed.to_owned(), source })
}

/// Units by name, in the order of the names, whether they are in memory or not.
///
/// # Errors
/// [`ManagerError`].
pub fn units_named(bus: &Bus, names: &[&str]) -> Result<Vec<UnitState>, ManagerError> {
    let deed = "ask for the states of units";
    let list =
        async |link: &Link| link.call(MANAGER, "ListUnitsByNames", &(names,)).await?.body().deserialize();
    let listed = ask(bus, deed, list)?;
    listed.map(states).map_err(|source| ManagerError::Call { deed: deed.to_owned(), source })
}
