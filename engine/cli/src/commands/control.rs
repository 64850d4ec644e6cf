//! `stop`, `kill`, `rm`: deeds on containers that are named, or all of them.

use std::collections::HashSet;
use std::path::PathBuf;

use pontoon_lifecycle::list::{self, LookError};
use pontoon_lifecycle::pause;
use pontoon_lifecycle::pod::RemovePodError;
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_lifecycle::remove::{self, RemoveError, RemoveOptions};
use pontoon_lifecycle::sharing::Needs;
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop::{self as ask, AskError};
use pontoon_storage::{ContainerHandle, FindContainerError, Store};

use super::list::{ImageFacts, row};
use super::{Context, Failure};
use pontoon_cli::args::{Chosen, KillArgs, RmArgs, StopArgs};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::parse_signal;
use pontoon_cli::view::filter::{self, Filter};

/// Which containers are meant.
pub(super) struct Selection<'a> {
    pub(super) command: &'static str,
    pub(super) names: &'a [String],
    pub(super) cidfiles: &'a [PathBuf],
    pub(super) filters: &'a [String],
    pub(super) all: bool,
    pub(super) latest: bool,
    /// Names of which there is no container are fine.
    pub(super) ignore: bool,
    /// So are files with ids that are not there.
    pub(super) ignore_files: bool,
}

impl<'a> Selection<'a> {
    /// What the words of a command choose.
    pub(super) fn of(command: &'static str, chosen: &'a Chosen, filters: &'a [String]) -> Self {
        Self {
            command,
            names: &chosen.containers,
            cidfiles: &chosen.cidfile,
            filters,
            all: chosen.all,
            latest: chosen.latest,
            ignore: false,
            ignore_files: false,
        }
    }

    /// Their names or ids; of those that are not named, the ones in a state that is wanted.
    pub(super) fn resolve(
        &self,
        store: &Store,
        wanted: impl Fn(&Status) -> bool,
    ) -> Result<Vec<String>, Failure> {
        // Told of without the slash that Docker puts before a name, as in Podman.
        let bare = |it: &String| it.strip_prefix('/').unwrap_or(it).to_owned();
        let mut names: Vec<String> = self.names.iter().map(bare).collect();
        for path in self.cidfiles {
            match std::fs::read_to_string(path) {
                Ok(text) => names.push(text.trim().to_owned()),
                Err(err) if self.ignore_files && err.kind() == std::io::ErrorKind::NotFound => {}
                Err(err) => {
                    let deed = format!("cannot read the id file `{}`", path.display());
                    return Err(Failure::from(err).while_doing(deed));
                }
            }
        }
        if names.iter().any(String::is_empty) {
            return Err(Failure::new("the name or id of a container cannot be empty", None));
        }
        self.find_all(store, &names)?;
        if self.all || self.latest || !self.filters.is_empty() {
            let mut listing = list::list(store)?.containers;
            let filters = Filter::parse_all(self.filters)?;
            if !filters.is_empty() {
                let mut images = ImageFacts::new(store);
                let rows = listing.iter().map(|it| row(it, &mut images)).collect();
                let passed: HashSet<String> =
                    filter::containers(rows, &filters)?.into_iter().map(|it| it.id).collect();
                listing.retain(|it| passed.contains(&it.record.id));
            }
            if self.command != "start" && !self.latest {
                // What the members of a pod need is there as long as they are.
                listing.sort_by_key(|it| it.record.request.infra.is_some());
            }
            if self.latest {
                listing = listing.pop().into_iter().collect();
                if listing.is_empty() && !self.ignore {
                    return Err(none_at_all(self.command));
                }
            }
            names.extend(
                listing.into_iter().filter(|it| self.latest || wanted(&it.status)).map(|it| it.record.id),
            );
        } else if names.is_empty() && self.cidfiles.is_empty() {
            let text = format!("`{}` needs the name or id of a container, or --all", self.command);
            return Err(Failure::new(text, Some(format!("see `pontoon {} --help`", self.command))));
        }
        Ok(names)
    }

    /// Of several names one may be mistyped: then nothing is done with the others either. A single one is looked up when its turn
    /// comes, which is now.
    fn find_all(&self, store: &Store, names: &[String]) -> Result<(), Failure> {
        if self.ignore || names.len() < 2 {
            return Ok(());
        }
        for name in names {
            if let Err(err) = store.find_container(name) {
                let err = LookError::Find(err);
                // What is not there to be removed has a code of its own.
                let is_no = self.command == "rm" && is_missing(&err);
                let status = if is_no { ExitStatus::No } else { ExitStatus::OurFault };
                return Err(Failure { status, ..Failure::from(err) });
            }
        }
        Ok(())
    }
}

/// The one container that a command is about.
pub(super) fn one(
    command: &str,
    name: Option<&String>,
    latest: bool,
    store: &Store,
) -> Result<String, Failure> {
    if let Some(name) = name {
        return Ok(name.clone());
    }
    if !latest {
        let text = format!("`{command}` needs the name or id of a container");
        return Err(Failure::new(text, Some(format!("see `pontoon {command} --help`"))));
    }
    let newest = list::list(store)?.containers.pop();
    newest.map(|it| it.record.id).ok_or_else(|| none_at_all(command))
}

/// Of none there is no latest one. To `rm` that has a code of its own, as each that is not there.
fn none_at_all(command: &str) -> Failure {
    let status = if command == "rm" { ExitStatus::No } else { ExitStatus::OurFault };
    Failure { status, ..Failure::new("there is no container", None) }
}

/// Does a deed for each name; says each failure, and ends with the worst.
pub(super) fn for_each(
    names: &[String],
    mut deed: impl FnMut(&str) -> Result<Option<String>, Failure>,
) -> Result<ExitStatus, Failure> {
    let mut last: Option<Failure> = None;
    for name in names {
        match deed(name) {
            Ok(Some(text)) => output::line(&text)?,
            Ok(None) => {}
            Err(failure) => {
                if let Some(earlier) = last.replace(failure) {
                    earlier.print();
                }
            }
        }
    }
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// Seconds of `--time`; a negative number waits for ever, as far as a clock goes.
pub(super) fn seconds(time: Option<i64>) -> Option<u32> {
    time.map(|it| if it < 0 { u32::MAX } else { u32::try_from(it).unwrap_or(u32::MAX) })
}

pub(super) fn is_missing(err: &LookError) -> bool {
    matches!(err, LookError::Find(FindContainerError::NotFound { .. }))
}

/// Stops a container that was alive when it was looked at, and lets it go on first where it is paused.
pub(super) fn stop_one(found: &list::Found, name: &str, time: Option<i64>) -> Result<(), Failure> {
    found.status.run().inspect(|state| pause::thaw(state));
    match ask::stop(&found.container, seconds(time)) {
        Ok(_) | Err(AskError::NotRunning) => Ok(()),
        Err(err) => Err(Failure::from(err).while_doing(format!("cannot stop container `{name}`"))),
    }
}

/// `pontoon stop`
pub fn stop(context: &Context, args: &StopArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let selection = Selection::of("stop", &args.chosen, &args.passing.filter);
    let selection = Selection { ignore: args.ignore, ignore_files: args.ignore, ..selection };
    // Those that do not run are told as well, as those that are named are.
    let names = selection.resolve(&store, |_| true)?;
    let may_miss = args.ignore || args.chosen.all;
    for_each(&names, |name| {
        let found = match list::find(&store, name) {
            Err(err) if may_miss && is_missing(&err) => return Ok(None),
            other => other?,
        };
        if found.status.is_alive() {
            stop_one(&found, name, args.time)?;
        }
        Ok(Some(name.to_owned()))
    })
}

/// Sends a signal. Nobody refuses SIGKILL, so the end that it brings is waited for, as in Podman.
pub(super) fn send_signal(container: &ContainerHandle, signal: i32) -> Result<(), AskError> {
    match signal == nix::sys::signal::Signal::SIGKILL as i32 {
        true => ask::kill_for_good(container),
        false => ask::kill(container, signal),
    }
}

/// `pontoon kill`
pub fn kill(context: &Context, args: &KillArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let signal = parse_signal("--signal", &args.signal)?;
    let selection = Selection::of("kill", &args.chosen, &[]);
    let names = selection.resolve(&store, |status| status.run().is_some())?;
    for_each(&names, |name| {
        let found = list::find(&store, name)?;
        if !found.status.is_alive() || matches!(found.status, Status::Initialized(_)) {
            let word = found.status.word();
            let text =
                format!("container `{name}` is {word}: a signal can be sent to running containers only");
            return Err(Failure::new(text, None));
        }
        send_signal(&found.container, signal).map_err(|err| {
            Failure::from(err).while_doing(format!("cannot send container `{name}` a signal"))
        })?;
        Ok(Some(name.to_owned()))
    })
}

/// Removes the pods whose infra containers are among all containers, with their containers, and gives the others.
fn without_pods(
    context: &Context,
    store: &Store,
    args: &RmArgs,
    names: Vec<String>,
) -> Result<Vec<String>, Failure> {
    let listing = list::list(store)?.containers;
    // One whose pod is not there goes as any other.
    let pod_of = |record: &ContainerRecord| {
        let pod = record.request.pod.as_ref().filter(|_| record.request.infra.is_some())?;
        store.find_pod(&pod.id).is_ok().then(|| pod.id.clone())
    };
    let pods: Vec<_> = listing.iter().filter_map(|it| Some((&it.record.id, pod_of(&it.record)?))).collect();
    if pods.is_empty() {
        return Ok(names);
    }
    for (id, pod) in pods {
        match pontoon_lifecycle::pod::remove(&context.host, store, &pod, args.force, seconds(args.time)) {
            Ok(_) => output::line(id)?,
            Err(err) => Failure::from(err).print(),
        }
    }
    let is_other = |name: &String| list::find(store, name).is_ok_and(|it| pod_of(&it.record).is_none());
    Ok(names.into_iter().filter(is_other).collect())
}

/// `pontoon rm`
pub fn rm(context: &Context, args: &RmArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    remove::sweep(&context.host, &store);
    let selection = Selection {
        // Podman's --force takes a container that is not there as removed.
        ignore: args.ignore || args.force,
        ignore_files: args.ignore,
        ..Selection::of("rm", &args.chosen, &args.filter)
    };
    let mut names = selection.resolve(&store, |_| true)?;
    if args.chosen.all {
        names = without_pods(context, &store, args, names)?;
    }
    let needs = Needs::read(&store);
    needs.sort_for_removal(&mut names);
    let options = RemoveOptions {
        force: args.force,
        ignore: args.ignore || args.force,
        volumes: args.volumes,
        timeout: seconds(args.time),
        depend: args.depend,
        with_pod: false,
    };
    for_each(&names, |name| match remove::remove_among(&context.host, &store, name, options, &needs) {
        Ok(removed) => {
            let Some((_, others)) = removed.split_last() else { return Ok(None) };
            for id in others {
                output::line(id)?;
            }
            Ok(Some(name.to_owned()))
        }
        Err(err) => {
            let status = match &err {
                RemoveError::Find(FindContainerError::NotFound { .. }) => ExitStatus::No,
                RemoveError::Running { .. } => ExitStatus::Busy,
                RemoveError::Pod { source, .. } if matches!(**source, RemovePodError::Running { .. }) => {
                    ExitStatus::Busy
                }
                _ => ExitStatus::OurFault,
            };
            Err(Failure { status, ..Failure::from(err) })
        }
    })
}
