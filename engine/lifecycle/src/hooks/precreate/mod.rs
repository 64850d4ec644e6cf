//! Hooks of the stage `precreate`: they read a container's configuration, as the OCI runtime specification has it, and
//! write the one that is to hold (oci-hooks(5)).
//!
//! No configuration of that kind is kept here. One is made of the plan, for the hooks, and what they have changed is taken
//! over into the plan. A change that the plan has no place for is an error, and none is passed over.

mod apply;
mod config;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use pontoon_monitor::plan::MonitorPlan;
use pontoon_runtime::hooks::{Hook, HookFailure, rewrite};
use serde_json::Value;

/// Why the hooks' wishes cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum PrecreateError {
    /// A hook failed.
    #[error(transparent)]
    Hook(Box<HookFailure>),
    /// What it wrote is no configuration.
    #[error("the precreate hook `{}` has written no configuration that can be read", hook.display())]
    Output {
        /// Its program.
        hook: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
    /// A change that cannot be followed.
    #[error("precreate hooks have changed `{field}` of the configuration, which cannot be followed")]
    Change {
        /// The field, as `linux.seccomp`.
        field: String,
    },
    /// A value that cannot be.
    #[error("precreate hooks have set `{field}` of the configuration to what it cannot be")]
    Value {
        /// The field.
        field: String,
    },
}

impl PrecreateError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Change { .. } => Some(
                "what it adds may be said with options, or by a CDI specification; `pontoon run --dry-run` shows the plan"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Runs the hooks, each with what the one before it has written, and changes the plan as they say.
///
/// # Errors
/// See [`PrecreateError`]; the plan is of no use then.
pub(crate) fn run(plan: &mut MonitorPlan, hooks: &[Hook]) -> Result<(), PrecreateError> {
    if hooks.is_empty() {
        return Ok(());
    }
    let before = config::of(&plan.container);
    let mut text = before.to_string().into_bytes();
    let mut after = before.clone();
    for hook in hooks {
        text =
            rewrite(hook, &text, &plan.run_directory).map_err(|err| PrecreateError::Hook(Box::new(err)))?;
        after = serde_json::from_slice::<Value>(&text)
            .map_err(|source| PrecreateError::Output { hook: hook.path.clone(), source })?;
    }
    apply::changes(&mut plan.container, &mut plan.cgroup.devices, before, after)
}
