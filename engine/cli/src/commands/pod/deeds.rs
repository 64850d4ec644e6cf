//! What is done with all containers of a pod at once.

use std::os::fd::OwnedFd;
use std::time::SystemTime;

use pontoon_lifecycle::annotated;
use pontoon_lifecycle::list::{self as containers, Summary};
use pontoon_lifecycle::pause as freezer;
use pontoon_lifecycle::pod::{self, PodSummary, RemovePodError, State};
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_lifecycle::request::InitContainer;
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop::{self as ask, AskError, Stage};
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::Store;

use super::side_by_side::SideBySide;
use super::{Context, Failure, all, chosen, for_each, seconds, send_signal};
use crate::commands::prune::confirm;
use crate::commands::start::start_detached;
use pontoon_cli::args::{PodKillArgs, PodPruneArgs, PodRmArgs, PodStartArgs, PodStopArgs, PodsArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::parse_signal;
use pontoon_cli::time::from_nanos;
use pontoon_cli::view::filter::{self, Filter};

/// `pontoon pod start`
pub fn start(context: &Context, args: &PodStartArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let names = chosen(context, &store, "start", &args.chosen, &args.pod_id_file, false)?;
    for_each(&names, |name| {
        start_pod(context, &store, &pod::find(&store, name)?.1)?;
        Ok(Some(name.to_owned()))
    })
}

/// Starts what of a pod does not run: the infra container, then those that prepare the pod, one after the other and each to
/// its end, then all others. Those that are there for the others stand in the row of those that prepare the pod: who comes after one
/// waits until it is up.
pub fn start_pod(context: &Context, store: &Store, pod: &PodSummary) -> Result<(), Failure> {
    let cannot = |err: Failure| err.while_doing(format!("cannot start pod `{}`", pod.record.name));
    if let Some(infra) = pod.infra().filter(|it| !it.status.is_alive()) {
        start_detached(context, store, &infra.record.name).map_err(cannot)?;
    }
    let is_init = |it: &&Summary| it.record.request.init_container.is_some();
    let (first, others): (Vec<_>, Vec<_>) = pod.own_members().partition(|it| is_init(it) || is_sidecar(it));
    // Until all are started, the end of the first is not the end of the last.
    let _member = if others.is_empty() { None } else { be_member(store, pod) };
    // One that is paused is told of, as it is when it is started by itself.
    let waits = |it: &Status| !it.is_alive() || matches!(it, Status::Initialized(_) | Status::Paused(_));
    let is_new = !others.iter().any(|it| it.status.is_alive());
    for member in first {
        if is_sidecar(member) {
            if waits(&member.status) {
                start_sidecar(context, store, member).map_err(cannot)?;
            }
        } else if is_new {
            run_init(context, store, member).map_err(cannot)?;
        }
    }
    let mut last: Option<Failure> = None;
    let mut fail = |failure| {
        if let Some(earlier) = last.replace(cannot(failure)) {
            earlier.print();
        }
    };
    let mut side = SideBySide::default();
    for member in others.iter().filter(|it| waits(&it.status)) {
        side.start(context, store, member, &mut fail);
    }
    side.finish(context, store, &mut fail);
    context.host.tell_of_other(Kind::Pod, Deed::Start, &pod.record.id, &pod.record.name);
    // Whatever was wrong with a container is no code of a payload.
    last.map_or(Ok(()), |failure| Err(failure.with_code(125)))
}

fn is_sidecar(member: &Summary) -> bool {
    annotated::is_sidecar(&member.record.request.annotations)
}

/// Starts one that is there for the others, and waits until it is up.
fn start_sidecar(context: &Context, store: &Store, member: &Summary) -> Result<(), Failure> {
    let (id, name) = (&member.record.id, &member.record.name);
    start_detached(context, store, name)?;
    let container = containers::find(store, id)?.container;
    match ask::await_stage(&container, Stage::Up) {
        Ok(true) => Ok(()),
        Ok(false) | Err(AskError::NotRunning | AskError::Refused(_)) => {
            let hint = Some(format!("pontoon logs {name} tells what it wrote"));
            Err(Failure::new(format!("container `{name}` has ended before it was up"), hint))
        }
        Err(err) => Err(err.into()),
    }
}

/// A place among the members of the pod, as long as it is held.
fn be_member(store: &Store, pod: &PodSummary) -> Option<OwnedFd> {
    let infra = store.find_container(pod.record.infra.as_ref()?).ok()?;
    ask::join_pod(&infra).ok()
}

/// Runs a container that prepares its pod, to its end, which must be a good one.
fn run_init(context: &Context, store: &Store, member: &Summary) -> Result<(), Failure> {
    let (id, name) = (&member.record.id, &member.record.name);
    start_detached(context, store, name)?;
    let found = containers::find(store, id)?;
    if found.status.is_alive() {
        match ask::wait(&found.container) {
            Ok(_) | Err(AskError::NotRunning) => {}
            Err(err) => return Err(err.into()),
        }
        ask::wait_for_supervisor(&found.container);
    }
    match containers::find(store, id)?.status {
        Status::Exited(exit) if exit.code == 0 => {}
        Status::Exited(exit) => {
            let hint = Some(format!("pontoon logs {name} tells what it wrote"));
            return Err(Failure::new(
                format!("init container `{name}` ended with exit code {}", exit.code),
                hint,
            ));
        }
        other => return Err(Failure::new(format!("init container `{name}` is {}", other.word()), None)),
    }
    if member.record.request.init_container == Some(InitContainer::Once) {
        let options = RemoveOptions { ignore: true, volumes: true, ..RemoveOptions::default() };
        remove::remove(&context.host, store, id, options)?;
    }
    Ok(())
}

/// `pontoon pod stop`
pub fn stop(context: &Context, args: &PodStopArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let names = chosen(context, &store, "stop", &args.chosen, &args.pod_id_file, args.ignore)?;
    for_each(&names, |name| {
        let pod = match pod::find(&store, name) {
            Err(err) if args.ignore && err.is_not_found() => return Ok(None),
            other => other?.1,
        };
        stop_pod(context, &store, &pod, seconds(args.time))?;
        Ok(Some(name.to_owned()))
    })
}

/// Stops all of a pod. Whoever was about to start a member meanwhile has it stopped as well: it would have no network.
pub fn stop_pod(
    context: &Context,
    store: &Store,
    pod: &PodSummary,
    timeout: Option<u32>,
) -> Result<(), Failure> {
    context.host.tell_of_other(Kind::Pod, Deed::Stop, &pod.record.id, &pod.record.name);
    stop_members(store, pod, timeout)?;
    // Those who are started again and again by somebody else are left to them.
    for _ in 0..3 {
        let Ok((_, now)) = pod::find(store, &pod.record.id) else { break };
        if !now.members.iter().any(|it| it.status.is_alive()) {
            break;
        }
        stop_members(store, &now, timeout)?;
    }
    Ok(())
}

/// Stops the members side by side, then those that are there for them, the last one first, and then the infra container, without
/// which they would have no network.
fn stop_members(store: &Store, pod: &PodSummary, timeout: Option<u32>) -> Result<(), Failure> {
    let alive = pod.own_members().filter(|it| it.status.is_alive());
    let (sidecars, members): (Vec<&Summary>, Vec<&Summary>) = alive.partition(|it| is_sidecar(it));
    let stopped = std::thread::scope(|threads| {
        let stopping: Vec<_> =
            members.iter().map(|it| (*it, threads.spawn(|| stop_one(store, it, timeout)))).collect();
        let ended =
            |(member, thread): (&Summary, std::thread::ScopedJoinHandle<'_, Result<(), AskError>>)| {
                (member.record.name.clone(), thread.join().unwrap_or(Err(AskError::NotRunning)))
            };
        stopping.into_iter().map(ended).collect::<Vec<_>>()
    });
    let infra = pod.infra().filter(|it| it.status.is_alive());
    let one = |it: &Summary| (it.record.name.clone(), stop_one(store, it, timeout));
    let rest: Vec<_> = sidecars.into_iter().rev().chain(infra).map(one).collect();
    let mut last: Option<Failure> = None;
    for (name, outcome) in stopped.into_iter().chain(rest) {
        if let Err(err) = outcome
            && let Some(earlier) =
                last.replace(Failure::from(err).while_doing(format!("cannot stop container `{name}`")))
        {
            earlier.print();
        }
    }
    last.map_or(Ok(()), Err)
}

fn stop_one(store: &Store, member: &Summary, timeout: Option<u32>) -> Result<(), AskError> {
    // One that is gone has ended.
    let Ok(container) = store.find_container(&member.record.id) else { return Ok(()) };
    member.status.run().inspect(|state| freezer::thaw(state));
    match ask::stop(&container, timeout) {
        Ok(_) | Err(AskError::NotRunning) => {}
        Err(err) => return Err(err),
    }
    ask::wait_for_supervisor(&container);
    Ok(())
}

/// `pontoon pod restart`
pub fn restart(context: &Context, args: &PodsArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let names = chosen(context, &store, "restart", &args.chosen, &[], false)?;
    for_each(&names, |name| {
        let (_, pod) = pod::find(&store, name)?;
        restart_pod(context, &store, &pod)?;
        Ok(Some(pod.record.id))
    })
}

/// Starts a pod anew. Those that run are started anew by their own supervisors, which stay: they may be the processes of
/// units, to whom their end would be the unit's.
fn restart_pod(context: &Context, store: &Store, pod: &PodSummary) -> Result<(), Failure> {
    context.host.tell_of_other(Kind::Pod, Deed::Stop, &pod.record.id, &pod.record.name);
    let infra = pod.infra();
    // Until all run again, the end of the first is not the end of the last.
    let mut _place = None;
    // The namespaces first, for the members join them again.
    for member in infra.into_iter().chain(pod.own_members()).filter(|it| it.status.run().is_some()) {
        if member.record.request.init_container.is_some() {
            continue;
        }
        let Ok(container) = store.find_container(&member.record.id) else { continue };
        member.status.run().inspect(|state| freezer::thaw(state));
        ask::restart(&container, None).map_err(|err| {
            Failure::from(err).while_doing(format!("cannot restart container `{}`", member.record.name))
        })?;
        if member.record.request.infra.is_some() && pod.own_members().next().is_some() {
            _place = be_member(store, pod);
        }
        context.host.tell_of(store, &member.record, Deed::Restart);
    }
    start_pod(context, store, &pod::find(store, &pod.record.id)?.1)
}

/// `pontoon pod kill`
pub fn kill(context: &Context, args: &PodKillArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let signal = parse_signal("--signal", &args.signal)?;
    let names = chosen(context, &store, "kill", &args.chosen, &[], false)?;
    for_each(&names, |name| {
        let (_, pod) = pod::find(&store, name)?;
        // The infra container last, as when the pod is stopped.
        let infra = pod.infra().into_iter();
        for member in pod.own_members().chain(infra).filter(|it| it.status.run().is_some()) {
            let Ok(container) = store.find_container(&member.record.id) else { continue };
            match send_signal(&container, signal) {
                // With the end of the last member that of the infra container may have come.
                Ok(()) | Err(AskError::NotRunning) => {}
                Err(err) => {
                    let deed = format!("cannot send container `{}` a signal", member.record.name);
                    return Err(Failure::from(err).while_doing(deed));
                }
            }
            if signal == nix::sys::signal::Signal::SIGKILL as i32 {
                ask::wait_for_supervisor(&container);
            }
        }
        context.host.tell_of_other(Kind::Pod, Deed::Kill, &pod.record.id, &pod.record.name);
        Ok(Some(pod.record.id))
    })
}

/// `pontoon pod pause`
pub fn pause(context: &Context, args: &PodsArgs) -> Result<ExitStatus, Failure> {
    freeze(context, args, "pause", true)
}

/// `pontoon pod unpause`
pub fn unpause(context: &Context, args: &PodsArgs) -> Result<ExitStatus, Failure> {
    freeze(context, args, "unpause", false)
}

fn freeze(
    context: &Context,
    args: &PodsArgs,
    command: &'static str,
    frozen: bool,
) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let state_of = |status: &Status| match status {
        Status::Running(state) if frozen => Some(state.clone()),
        Status::Paused(state) if !frozen => Some(state.clone()),
        _ => None,
    };
    let wanted = |pod: &PodSummary| pod.members.iter().any(|it| state_of(&it.status).is_some());
    let names = chosen(context, &store, command, &args.chosen, &[], false)?;
    let deed = if frozen { Deed::Pause } else { Deed::Unpause };
    for_each(&names, |name| {
        let (_, pod) = pod::find(&store, name)?;
        for member in &pod.members {
            if let Some(state) = state_of(&member.status) {
                match store.find_container(&member.record.id) {
                    Ok(container) if frozen => freezer::pause(&container, &state)?,
                    _ => freezer::set(&state, frozen)?,
                }
                context.host.tell_of(&store, &member.record, deed);
            }
        }
        if !frozen && !wanted(&pod) {
            return Ok(None);
        }
        context.host.tell_of_other(Kind::Pod, deed, &pod.record.id, &pod.record.name);
        Ok(Some(pod.record.id))
    })
}

/// `pontoon pod rm`
pub fn remove(context: &Context, args: &PodRmArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    remove::sweep(&context.host, &store);
    let ignore = args.force || args.ignore;
    let names = chosen(context, &store, "rm", &args.chosen, &args.pod_id_file, ignore)?;
    let status = for_each(&names, |name| {
        match pod::remove(&context.host, &store, name, args.force, seconds(args.time)) {
            Ok(id) => Ok(Some(id)),
            Err(RemovePodError::Look(err)) if err.is_not_found() && ignore => Ok(None),
            Err(err) => {
                let is_missing = matches!(&err, RemovePodError::Look(it) if it.is_not_found());
                let status = if is_missing { ExitStatus::No } else { ExitStatus::OurFault };
                Err(Failure { status, ..Failure::from(err) })
            }
        }
    })?;
    for path in &args.pod_id_file {
        let _ = std::fs::remove_file(path);
    }
    Ok(status)
}

/// `pontoon pod prune`
pub fn prune(context: &Context, args: &PodPruneArgs) -> Result<ExitStatus, Failure> {
    let warning = "WARNING! This will remove all pods that have ended, with their containers.\n";
    if !confirm(args.force, warning)? {
        return Ok(ExitStatus::Success);
    }
    for id in idle_pods(context, &context.store()?, &[])? {
        output::line(&id)?;
    }
    Ok(ExitStatus::Success)
}

/// Removes the pods that pass and whose containers have ended.
pub fn idle_pods(context: &Context, store: &Store, filters: &[Filter]) -> Result<Vec<String>, Failure> {
    let mut removed = Vec::new();
    for pod in all(context, store)? {
        // What is about to have ended is left for the next time.
        let is_stopping = pod.members.iter().any(|it| matches!(it.status, Status::Stopping(_)));
        let has_ended = matches!(pod.state(), State::Exited | State::Stopped) && !is_stopping;
        let labels = pod.record.labels.iter().cloned().collect();
        let created = from_nanos(pod.record.created);
        if has_ended && filter::may_be_pruned(filters, &labels, created, SystemTime::now())? {
            match pod::remove(&context.host, store, &pod.record.id, false, None) {
                Ok(id) => removed.push(id),
                Err(err) => Failure::from(err).print(),
            }
        }
    }
    Ok(removed)
}
