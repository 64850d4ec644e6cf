//! Staying with pods until they have ended, or somebody wants them to.
//!
//! In a unit this is what Podman has a container for, with a process and a supervisor of its own: here the command that played
//! the pods stays, as the unit's main process.

use std::collections::BTreeSet;
use std::sync::mpsc::{self, Sender};

use nix::sys::signal::{SigSet, Signal};
use pontoon_lifecycle::pod::{self as pods, PodSummary};
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop::{self, Stage};
use pontoon_monitor::notify::Notifier;
use pontoon_storage::{Store, UnitLock};

use super::super::pod::stop_pod;
use super::super::{Context, Failure};
use super::unit::Unit;
use pontoon_cli::args::ExitPropagation;
use pontoon_cli::exit::ExitStatus;

/// The signals that say that it is enough.
const ENOUGH: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP];

/// Signals that are kept until somebody waits for them.
#[derive(Debug)]
pub(super) struct Kept(SigSet);

impl Kept {
    pub(super) fn keep() -> Result<Self, Failure> {
        let mut set = SigSet::empty();
        ENOUGH.into_iter().for_each(|it| set.add(it));
        set.thread_block().map_err(|errno| Failure::from(std::io::Error::from(errno)))?;
        Ok(Self(set))
    }
}

enum Event {
    Signal,
    Ended(String),
    Ready,
}

/// With what one stays.
#[derive(Debug)]
pub(super) struct Attended {
    /// The pods.
    pub(super) names: Vec<String>,
    /// The unit whose pods they are, which a reload may change.
    pub(super) unit: Option<Unit>,
    /// Keeps a reload waiting until its pods are waited for.
    pub(super) changing: Option<UnitLock>,
    /// Containers that must serve before the service manager is told that all is ready.
    pub(super) awaited: Vec<String>,
    /// What the ends of containers are to the end of all.
    pub(super) propagation: ExitPropagation,
}

/// Waits until a container serves, through all its runs; false if it has ended for good.
fn serves(store: &Store, name: &str) -> bool {
    let Ok(container) = store.find_container(name) else { return false };
    loop {
        match stop::await_stage(&container, Stage::Ready) {
            Ok(true) => return true,
            // Another run may follow: as long as there is a supervisor, it is asked.
            Ok(false) => {}
            Err(_) => return false,
        }
    }
}

/// What the service manager is told.
const READY: &str = "READY=1\nSTATUS=pods are running";

/// Waits until all pods have ended, or a signal comes, at which they are stopped.
pub(super) fn attend(
    context: &Context,
    store: &Store,
    kept: Kept,
    attended: Attended,
) -> Result<ExitStatus, Failure> {
    let Attended { mut names, unit, changing, awaited, propagation } = attended;
    let (sender, receiver) = mpsc::channel();
    let manager = Notifier::from_environment();
    let tell = |text: &str| manager.iter().for_each(|it| it.tell(text));
    let mut unready = awaited.len();
    for name in awaited {
        let (sender, store) = (sender.clone(), context.store()?);
        std::thread::spawn(move || serves(&store, &name).then(|| sender.send(Event::Ready)));
    }
    let of_signals = sender.clone();
    std::thread::spawn(move || {
        if kept.0.wait().is_ok() {
            let _ = of_signals.send(Event::Signal);
        }
    });
    let mut awaiting = Awaiting { context, unit, sender, infra: BTreeSet::new() };
    awaiting.add(store, &mut names)?;
    drop(changing);
    // Not before: who knows that all is ready may have it changed.
    match unready {
        0 => tell(READY),
        _ => tell("STATUS=waiting until containers are ready"),
    }
    while !awaiting.infra.is_empty() {
        match receiver.recv() {
            Ok(Event::Ended(id)) => {
                // Who ended it may be about to put another one into its place.
                let _changing = awaiting.unit.as_ref().map(|it| it.begin_change(store)).transpose()?;
                awaiting.infra.remove(&id);
                awaiting.add(store, &mut names)?;
            }
            Ok(Event::Ready) => {
                unready = unready.saturating_sub(1);
                if unready == 0 {
                    tell(READY);
                }
            }
            Ok(Event::Signal) | Err(_) => {
                awaiting.look(store, &mut names)?;
                for name in &names {
                    if let Ok((_, pod)) = pods::find(store, name) {
                        stop_pod(context, store, &pod, None)?;
                    }
                }
                return Ok(ExitStatus::Success);
            }
        }
    }
    Ok(outcome(store, &names, propagation))
}

/// The ends that are awaited.
struct Awaiting<'a> {
    context: &'a Context,
    unit: Option<Unit>,
    sender: Sender<Event>,
    /// Infra containers, by id: each ends when the last of its pod has.
    infra: BTreeSet<String>,
}

impl Awaiting<'_> {
    /// Looks which pods the unit has by now; one that was replaced has kept its name.
    fn look(&self, store: &Store, names: &mut Vec<String>) -> Result<(), Failure> {
        if let Some(unit) = &self.unit {
            let now = unit.pods(self.context, store)?;
            names.retain(|it| store.find_pod(it).is_ok());
            names.extend(now.into_iter().filter(|it| !names.contains(it)).collect::<Vec<_>>());
        }
        Ok(())
    }

    /// Begins to wait for those pods that are alive and are not waited for.
    fn add(&mut self, store: &Store, names: &mut Vec<String>) -> Result<(), Failure> {
        self.look(store, names)?;
        for name in names.iter() {
            let Ok((_, pod)) = pods::find(store, name) else { continue };
            let Some(infra) = pod.infra().filter(|it| it.status.is_alive()) else { continue };
            let Ok(container) = store.find_container(&infra.record.id) else { continue };
            let id = infra.record.id.clone();
            if !self.infra.insert(id.clone()) {
                continue;
            }
            let sender = self.sender.clone();
            std::thread::spawn(move || {
                let _ = stop::wait(&container);
                let _ = sender.send(Event::Ended(id));
            });
        }
        Ok(())
    }
}

/// What the ends of containers are together.
fn outcome(store: &Store, names: &[String], propagation: ExitPropagation) -> ExitStatus {
    let found: Vec<PodSummary> = names.iter().filter_map(|it| Some(pods::find(store, it).ok()?.1)).collect();
    let codes = || {
        found.iter().flat_map(PodSummary::own_members).filter_map(|it| match &it.status {
            Status::Exited(exit) => Some(exit.code),
            _ => None,
        })
    };
    let is_failed = match propagation {
        ExitPropagation::None => false,
        ExitPropagation::Any => codes().any(|it| it != 0),
        ExitPropagation::All => codes().count() > 0 && codes().all(|it| it != 0),
    };
    if is_failed { ExitStatus::No } else { ExitStatus::Success }
}
