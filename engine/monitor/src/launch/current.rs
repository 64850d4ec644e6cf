//! The plan as it is by the time of a run.

use std::fs;
use std::path::Path;

use pontoon_monitor::plan::MonitorPlan;
use pontoon_monitor::state;

use super::LaunchError;
use crate::course::Course;

/// The plan as it is by now, if it is not as it was made: with the process that the container whose namespaces are shared has,
/// which may have been started anew since, and with another environment.
pub fn current(plan: &MonitorPlan, course: &Course) -> Result<Option<MonitorPlan>, LaunchError> {
    let joined = plan.container.namespaces.joined.as_ref().filter(|it| it.process != 0);
    let is_as_planned = course.environment == plan.container.process.env
        && course.join == plan.network.join
        && course.resolv_conf.is_none();
    if joined.is_none() && is_as_planned {
        return Ok(None);
    }
    let mut current = plan.clone();
    current.network.join.clone_from(&course.join);
    if let (Some(text), Some(place)) = (&course.resolv_conf, plan.resolv_conf())
        && let Some(file) = current.files.get_mut(place)
    {
        file.text.clone_from(text);
    }
    current.container.process.env.clone_from(&course.environment);
    if let Some(joined) = current.container.namespaces.joined.as_mut().filter(|it| it.process != 0) {
        joined.process = first_process(&joined.run_directory)?;
        for other in &mut joined.others {
            other.process = first_process(&other.run_directory)?;
        }
    }
    Ok(Some(current))
}

/// The first process that a container has by now.
fn first_process(run_directory: &Path) -> Result<i32, LaunchError> {
    let state = fs::read(run_directory.join(state::STATE_FILE)).map_err(|_| LaunchError::NotRunning)?;
    let state: state::RunState = serde_json::from_slice(&state).map_err(|_| LaunchError::NotRunning)?;
    if state.has_its_pid().unwrap_or(false) { Ok(state.pid) } else { Err(LaunchError::NotRunning) }
}
