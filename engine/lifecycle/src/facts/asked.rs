//! What directories of the host's say about a container: devices by name (CDI), hooks.

use std::path::PathBuf;

use pontoon_runtime::hooks::Stage;

use super::Known;
use crate::cdi::{self, CdiError, Edits};
use crate::decide::Decided;
use crate::hooks::{self, HooksError};
use crate::host::Host;
use crate::request::CreateRequest;

/// What the devices that are named want.
pub(super) fn cdi_edits(host: &Host, request: &CreateRequest) -> Result<Edits, CdiError> {
    if request.cdi_devices.is_empty() {
        return Ok(Edits::default());
    }
    let directories = directories(&host.cdi_spec_dirs, request.cdi_spec_dirs.as_ref(), &cdi::DIRECTORIES);
    cdi::resolve(&request.cdi_devices, &directories)
}

/// The directories that this command names, or those the container was made with, or the usual ones.
fn directories(own: &[PathBuf], recorded: Option<&Vec<PathBuf>>, usual: &[&str]) -> Vec<PathBuf> {
    if !own.is_empty() {
        return own.to_vec();
    }
    recorded.cloned().unwrap_or_else(|| usual.iter().map(PathBuf::from).collect())
}

/// Adds the hooks that directories have for the container, of which the plan itself is a condition.
pub(super) fn add_hooks(host: &Host, known: &Known<'_>, decided: &mut Decided) -> Result<(), HooksError> {
    let request = &known.record.request;
    let directories = directories(&host.hooks_dirs, request.hooks_dirs.as_ref(), &hooks::DIRECTORIES);
    let own = &mut decided.plan.container;
    let container = hooks::Container {
        annotations: &own.hooks.annotations,
        command: own.process.args.first().map_or("", String::as_str),
        has_mounts: !request.mounts.is_empty() || !known.record.volumes.is_empty(),
    };
    let (found, warnings) = hooks::find(&directories, container)?;
    let (first, later) = found.into_iter().partition(|it| it.stage == Stage::Precreate);
    own.hooks.all.extend::<Vec<_>>(later);
    decided.precreate = first;
    decided.warnings.extend(warnings);
    Ok(())
}
