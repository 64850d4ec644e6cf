//! Other limits, another restart policy, other health checks and variables for a container that is there.

use std::os::fd::AsFd;
use std::path::Path;

use pontoon_monitor::control::Request;
use pontoon_monitor::event::Deed;
use pontoon_monitor::health::HealthPlan;
use pontoon_monitor::limits::{self, Limit};
use pontoon_monitor::state::{PROCESS_FILE, RunState};
use pontoon_rootless::cgroup::{Cgroup, CgroupError};
use pontoon_runtime::plan::Process;
use pontoon_storage::{Durability, FindImageError, RecordError, Store, write_record_atomically};

use crate::base;
use crate::create::CreateError;
use crate::decide::DecideError;
use crate::health::{self, HealthError, HealthRequest};
use crate::host::Host;
use crate::list::{self, Found, LookError};
use crate::record::ContainerRecord;
use crate::request::RestartPolicy;
use crate::resources::{NoDevice, Resources, block_device, is_lifting};
use crate::stop::{self, AskError};

/// Why it could not be changed.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    /// It was removed meanwhile.
    #[error(transparent)]
    Look(#[from] LookError),
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
    /// Its image, which may have a health check.
    #[error(transparent)]
    Image(#[from] FindImageError),
    /// The image's configuration.
    #[error(transparent)]
    Config(#[from] CreateError),
    /// Its health check.
    #[error(transparent)]
    Health(#[from] HealthError),
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
            Self::Look(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Decide(err) => err.hint(),
            Self::Cgroup(err) => err.hint(),
            Self::Config(err) => err.hint(),
            Self::Health(err) => err.hint(),
            Self::Image(_) | Self::Device(_) | Self::Ask(_) | Self::Removed { .. } => None,
        }
    }
}

/// What is to be changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Limits, as far as they are said.
    pub resources: Resources,
    /// The restart policy.
    pub restart: Option<RestartPolicy>,
    /// How its health is checked, as far as that is said.
    pub health: HealthRequest,
    /// Variables that are set, and those that are taken out again.
    pub env: (Vec<(String, String)>, Vec<String>),
}

/// Changes what is said, of a container that runs at once: but for variables, which a process has for good. Limits that the
/// kernel refuses change nothing on disk.
///
/// # Errors
/// See [`UpdateError`].
pub fn update(host: &Host, store: &Store, query: &str, by: Changes) -> Result<(), UpdateError> {
    let (lock, found) = list::settled_and_locked(store, query)?;
    let mut record = found.record.clone();
    let Changes { resources, restart, health, env } = by;
    if record.request.rm && restart.is_some_and(|it| it != RestartPolicy::No) {
        return Err(UpdateError::Removed { name: record.name });
    }
    let is_limited = resources != Resources::default();
    let changed = resources.limits(block_device)?;
    record.request.resources.change(resources);
    let checks = match health != HealthRequest::default() {
        true => Some(change_health(store, &mut record, health)?),
        false => None,
    };
    // Of what was not said nothing is written: a limit that was set from outside stays.
    let wanted: Vec<_> = changed.into_iter().filter(|it| it.option.is_some() || is_lifting(it)).collect();
    if let Some(state) = found.status.process() {
        limit_run(state, &wanted)?;
    }
    let mut news = Vec::new();
    if is_limited {
        news.push(Request::Limits(record.request.resources.limits(block_device)?));
    }
    if let Some(policy) = restart {
        record.request.restart = policy;
        news.push(Request::Policy(policy));
    }
    if let Some(plan) = checks {
        news.push(Request::Health(plan.map(Box::new)));
    }
    if env != <(Vec<_>, Vec<_>)>::default() {
        change_environment(&mut record, env.0, &env.1);
        if found.status.is_alive() {
            news.extend(process_environment(&found, &record).map(Request::Environment));
        }
    }
    // Who starts it from now on finds this; who has begun before that is told.
    found.container.replace_record(&lock, &record, Durability::Durable)?;
    let lock = found.status.can_be_asked().then_some(lock);
    for request in news {
        match stop::tell(&found.container, &request) {
            Ok(()) | Err(AskError::NotRunning) => {}
            Err(err) => return Err(err.into()),
        }
    }
    drop(lock);
    // These are told of limits for the next run only, for this one sets its own.
    if !wanted.is_empty()
        && let Some(state) = found.begun_meanwhile(store)
    {
        limit_run(&state, &wanted)?;
    }
    host.tell_of(store, &record, Deed::Update);
    Ok(())
}

/// Sets the limits of a run that goes on.
fn limit_run(state: &RunState, wanted: &[Limit]) -> Result<(), UpdateError> {
    match (&state.cgroup, wanted.iter().find_map(|it| it.option.clone())) {
        (Some(path), _) => match limits::apply(wanted, &Cgroup::at(path.into())) {
            // It has ended meanwhile.
            Err(_) if !Path::new(path).exists() => Ok(()),
            applied => Ok(applied?),
        },
        (None, Some(option)) => Err(DecideError::NoCgroup { option }.into()),
        (None, None) => Ok(()),
    }
}

/// Puts together how the health is checked from now on; `None` is not at all.
fn change_health(
    store: &Store,
    record: &mut ContainerRecord,
    by: HealthRequest,
) -> Result<Option<HealthPlan>, UpdateError> {
    let is_off = by.is_off();
    let option = by.first_option();
    record.request.health.change(by);
    let config = base::config(store, base::image(store, record)?.as_ref())?;
    match health::plan(&record.request.health, &record.request.annotations, &config)? {
        None if !is_off => Err(HealthError::NoCheck { option }.into()),
        plan => Ok(plan),
    }
}

fn change_environment(record: &mut ContainerRecord, set: Vec<(String, String)>, unset: &[String]) {
    let request = &mut record.request;
    request.env.retain(|(name, _)| !unset.contains(name) && !set.iter().any(|it| it.0 == *name));
    request.unset_env.retain(|name| !set.iter().any(|it| it.0 == *name));
    request.unset_env.extend(unset.iter().cloned());
    request.env.extend(set);
}

/// The environment that the next run has, and that processes have which join from now on.
fn process_environment(found: &Found, record: &ContainerRecord) -> Option<Vec<String>> {
    let path = found.container.run_path().join(PROCESS_FILE);
    let mut process: Process = serde_json::from_slice(&std::fs::read(&path).ok()?).ok()?;
    let name_of = |it: &String| it.split('=').next().unwrap_or_default().to_owned();
    process.env.retain(|it| {
        let name = name_of(it);
        !record.request.unset_env.contains(&name) && !record.request.env.iter().any(|it| it.0 == name)
    });
    process.env.extend(record.request.env.iter().map(|(name, value)| format!("{name}={value}")));
    let directory = std::fs::File::open(found.container.run_path()).ok()?;
    let bytes = serde_json::to_vec(&process).ok()?;
    write_record_atomically(directory.as_fd(), PROCESS_FILE, &bytes, Durability::Volatile).ok()?;
    Some(process.env)
}
