//! Pods: containers that share namespaces, and are started, stopped and removed together.
//!
//! The namespaces are held by a container that runs nothing, the infra container. What a member becomes by being in a pod is
//! decided in [`member`], what a pod is doing in [`state`], both without looking at anything.

mod create;
pub mod duplicate;
mod list;
pub mod member;
mod record;
mod remove;
pub mod slice;
mod state;

pub use create::{CreatePodError, PodRequest, create};
pub use list::{LookPodError, PodListing, PodSummary, find, list};
pub use record::{ExitPolicy, PodRecord, Shared};
pub(crate) use remove::sweep;
pub use remove::{RemovePodError, remove};
pub use state::State;

use pontoon_storage::{FileError, FindContainerError, FindPodError, PodLock, RecordError, Store};

use crate::host::Host;
use crate::record::ContainerRecord;
use crate::request::CreateRequest;
use member::MemberError;

/// Why a container cannot be made in a pod.
#[derive(Debug, thiserror::Error)]
pub enum JoinPodError {
    /// There is none.
    #[error(transparent)]
    Find(#[from] FindPodError),
    /// Its lock, which says that it is not being removed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its infra container.
    #[error("the infra container of pod `{pod}` is gone")]
    Infra {
        /// The pod.
        pod: String,
        /// The cause.
        #[source]
        source: FindContainerError,
    },
    /// What is asked for.
    #[error(transparent)]
    Member(#[from] MemberError),
}

impl JoinPodError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Find(FindPodError::NotFound { .. }) => Some("`pontoon pod ps` lists all pods".to_owned()),
            Self::Infra { pod, .. } => {
                Some(format!("it cannot be had back: pontoon pod rm --force {pod}, and make the pod anew"))
            }
            Self::Member(err) => err.hint(),
            Self::File(err) => err.hint(),
            Self::Record(err) => err.hint(),
            Self::Find(_) => None,
        }
    }
}

/// Makes a request that of a member of the pod that it names; nothing if it names none. As long as the lock is held, the pod
/// stays: give it back when the container's record is written.
///
/// # Errors
/// See [`JoinPodError`].
pub fn join(
    host: &Host,
    store: &Store,
    request: &mut CreateRequest,
) -> Result<Option<PodLock>, JoinPodError> {
    let Some(wanted) = request.pod.clone().filter(|_| request.infra.is_none()) else { return Ok(None) };
    let handle = store.find_pod(&wanted.id)?;
    let lock = handle.lock()?;
    let pod: PodRecord = handle.read_entry()?.record()?;
    let infra = match &pod.infra {
        Some(id) => {
            let gone = |source| JoinPodError::Infra { pod: pod.name.clone(), source };
            let container = store.find_container(id).map_err(gone)?;
            let runs = crate::status::of(&container).is_alive();
            if runs && request.init_container.is_some() {
                return Err(MemberError::Runs { pod: pod.name }.into());
            }
            Some(container.read_record::<ContainerRecord>()?)
        }
        None => None,
    };
    member::enter(request, &pod, infra.as_ref(), &slice::name(host, &pod), (host.uid, host.gid))?;
    Ok(Some(lock))
}
