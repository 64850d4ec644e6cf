//! Which containers units run.

use std::collections::HashMap;

use pontoon_storage::{FileError, Store};

use crate::list::{self, Summary};
use crate::pod::PodRecord;

/// A container that a unit runs.
#[derive(Debug)]
pub struct Member {
    /// The unit whose restart restarts all that belongs together: the pod's, where the container is in one that a unit makes.
    pub unit: String,
    /// The unit that made the container itself.
    pub own_unit: String,
    /// The container.
    pub container: Summary,
}

/// All containers that units have made, oldest first; without the infra containers of pods, which run nothing of an image.
///
/// # Errors
/// If the store cannot be read.
pub fn members(store: &Store) -> Result<Vec<Member>, FileError> {
    let pods: HashMap<String, String> = store
        .list_pods()?
        .pods
        .into_iter()
        .filter_map(|it| it.record::<PodRecord>().ok())
        .filter_map(|it| Some((it.id, it.systemd_unit?)))
        .collect();
    let member = |container: Summary| {
        let request = &container.record.request;
        let of_pod = request.pod.as_ref().and_then(|it| pods.get(&it.id));
        let own_unit = request.systemd_unit.clone().or_else(|| of_pod.cloned())?;
        let unit = of_pod.cloned().unwrap_or_else(|| own_unit.clone());
        request.infra.is_none().then_some(Member { unit, own_unit, container })
    };
    Ok(list::list(store)?.containers.into_iter().filter_map(member).collect())
}
