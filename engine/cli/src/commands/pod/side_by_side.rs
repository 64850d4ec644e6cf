//! The members of a pod, started side by side.

use pontoon_lifecycle::annotated;
use pontoon_lifecycle::list::{self as containers, Summary};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::stop::{self as ask, AskError, Stage};
use pontoon_storage::Store;

use super::{Context, Failure};
use crate::commands::start::{Pending, begin_detached, finish_all};
use pontoon_cli::message;

/// Members whose starts have begun and are waited for together.
#[derive(Default)]
pub(super) struct SideBySide {
    pending: Vec<Pending>,
}

impl SideBySide {
    /// More would only wait for each other.
    const MOST: usize = 16;

    /// Starts another one. Those before it are waited for if it needs more than the pod's first, which runs; and it itself is, if
    /// something belongs to its start that the next one waits for in Kubernetes.
    pub(super) fn start(
        &mut self,
        context: &Context,
        store: &Store,
        member: &Summary,
        fail: &mut impl FnMut(Failure),
    ) {
        let record = &member.record;
        let infra = record.request.pod.as_ref().and_then(|it| it.infra.as_deref());
        let needs_others = record.request.needs().any(|it| Some(it) != infra);
        if needs_others || self.pending.len() == Self::MOST {
            self.finish(context, store, fail);
        }
        let pending = match begin_detached(context, store, &record.name) {
            Ok(pending) => pending,
            Err(failure) => return fail(failure),
        };
        let runs_already = pending.is_none();
        self.pending.extend(pending);
        let handlers = annotated::handlers(&record.request.annotations).unwrap_or_default();
        if handlers.post_start.is_some() && (self.finish(context, store, fail) || runs_already) {
            await_post_start(store, record).unwrap_or_else(fail);
        }
    }

    /// Waits for all of them; whether the last one runs.
    pub(super) fn finish(
        &mut self,
        context: &Context,
        store: &Store,
        fail: &mut impl FnMut(Failure),
    ) -> bool {
        let results = finish_all(context, store, std::mem::take(&mut self.pending));
        let is_last_up = results.last().is_none_or(Result::is_ok);
        results.into_iter().filter_map(Result::err).for_each(fail);
        is_last_up
    }
}

/// Waits until what belongs to the start of a container is done. One that ends of that has its own policy.
fn await_post_start(store: &Store, record: &ContainerRecord) -> Result<(), Failure> {
    let container = containers::find(store, &record.id)?.container;
    match ask::await_stage(&container, Stage::Started) {
        Ok(true) => {}
        Ok(false) | Err(AskError::NotRunning | AskError::Refused(_)) => {
            let text = format!("container `{}` has ended before its `postStart` was done", record.name);
            message::print_warning(&text);
        }
        Err(err) => return Err(err.into()),
    }
    Ok(())
}
