//! `pod …`.

mod create;
mod deeds;
mod looks;
mod show;
mod side_by_side;

use std::path::PathBuf;

use pontoon_lifecycle::pod::{self, LookPodError, PodSummary};
use pontoon_storage::Store;

use super::control::{for_each, seconds, send_signal};
use super::{Context, Failure};
use pontoon_cli::args::ChosenPods;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::message;

pub use create::create;
pub(super) use create::{make_for, request as pod_request};
pub(super) use deeds::{idle_pods, start_pod, stop_pod};
pub use deeds::{kill, pause, prune, remove, restart, start, stop, unpause};
pub use looks::{logs, stats, top};
pub(super) use show::inspected;
pub use show::{exists, inspect, list};

/// All pods, with a word about those that cannot be read.
fn all(context: &Context, store: &Store) -> Result<Vec<PodSummary>, Failure> {
    let listing = pod::list(&context.host, store)?;
    for (id, reason) in &listing.broken {
        message::print_warning(&format!("pod {id} cannot be shown: {reason}"));
    }
    Ok(listing.pods)
}

/// The pod created last.
fn latest(context: &Context, store: &Store) -> Result<PodSummary, Failure> {
    all(context, store)?.pop().ok_or_else(|| Failure::new("there is no pod", None))
}

/// The names or ids of the pods that a command is about. If one of several
/// names is no pod's, nothing is done with the others either, unless such names are passed over (`ignore`).
fn chosen(
    context: &Context,
    store: &Store,
    command: &str,
    chosen: &ChosenPods,
    id_files: &[PathBuf],
    ignore: bool,
) -> Result<Vec<String>, Failure> {
    let mut names = chosen.pods.clone();
    for path in id_files {
        let text = std::fs::read_to_string(path).map_err(|err| {
            Failure::from(err).while_doing(format!("cannot read the id file `{}`", path.display()))
        })?;
        names.push(text.trim().to_owned());
    }
    if names.iter().any(String::is_empty) {
        return Err(Failure::new("the name or id of a pod cannot be empty", None));
    }
    if names.len() > 1 && !ignore {
        for name in &names {
            if let Err(err) = store.find_pod(name) {
                let err = LookPodError::Find(err);
                let is_no = command == "rm" && err.is_not_found();
                let status = if is_no { ExitStatus::No } else { ExitStatus::OurFault };
                return Err(Failure { status, ..Failure::from(err) });
            }
        }
    }
    if chosen.all {
        names.extend(all(context, store)?.into_iter().map(|it| it.record.name));
    } else if chosen.latest {
        names.push(latest(context, store)?.record.name);
    } else if names.is_empty() {
        let text = format!("`pod {command}` needs the name or id of a pod, or --all");
        return Err(Failure::new(text, Some(format!("see `pontoon pod {command} --help`"))));
    }
    Ok(names)
}
