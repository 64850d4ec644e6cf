//! `start`, `init`.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use pontoon_lifecycle::annotated;
use pontoon_lifecycle::base;
use pontoon_lifecycle::list::{self, Found};
use pontoon_lifecycle::nap::Nap;
use pontoon_lifecycle::request::CreateRequest;
use pontoon_lifecycle::start::{self, Attachment, Begun, Passed, Shown, Startable, Started};
use pontoon_lifecycle::status::{self, Status};
use pontoon_lifecycle::stop;
use pontoon_storage::{Store, Unsynced, replace_file};
use rustix::fs::Mode;

use super::control::{Selection, for_each};
use super::{Context, Failure, attach, foreground, run};
use pontoon_cli::args::{InitArgs, Passing, StartArgs};
use pontoon_cli::detach_keys::DetachKeys;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::{message, output};

/// How long we wait for the end of a run that takes nobody in any more: what it does then goes to the disk, which may be slow.
const PATIENCE: Duration = Duration::from_secs(10);

/// `pontoon start`
pub fn start(context: &Context, args: &StartArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let selection = Selection {
        command: "start",
        names: &args.containers,
        cidfiles: &[],
        filters: &args.passing.filter,
        all: args.all,
        latest: args.latest,
        ignore: false,
        ignore_files: false,
    };
    // One that is paused is told of, as it is when it is started by itself.
    let wanted = |status: &Status| needs_start(status) || matches!(status, Status::Paused(_));
    let names = selection.resolve(&store, wanted)?;
    if args.attach && names.len() > 1 {
        return Err(Failure::new("one container at a time can be attached to", None));
    }
    if !args.attach && args.sig_proxy == Some(true) {
        let hint = Some("add --attach".to_owned());
        return Err(Failure::new("`--sig-proxy` says something of an attached container only", hint));
    }
    let mut last = None;
    if !args.attach
        && let Some(found) = names.first().and_then(|it| list::find(&store, it).ok())
    {
        run::warn_of_linger(context, &found.record.request, true);
    }
    for name in &names {
        match start_one(context, &store, name, args) {
            Ok(status) => {
                if !args.attach {
                    tell_manager(context, &store, name)?;
                    output::line(name)?;
                }
                if args.attach {
                    return Ok(status);
                }
            }
            Err(failure) => {
                // Only a run tells by its status that there is no such command, as in Podman.
                let failure = failure.with_code(125);
                if let Some(earlier) = last.replace(failure) {
                    Failure::print(&earlier);
                }
            }
        }
    }
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// Starts a container that is there, and goes on without it.
pub fn start_detached(context: &Context, store: &Store, name: &str) -> Result<(), Failure> {
    let args = StartArgs {
        containers: Vec::new(),
        all: false,
        passing: Passing::default(),
        attach: false,
        interactive: false,
        latest: false,
        sig_proxy: None,
        detach_keys: None,
    };
    start_one(context, store, name, &args).map(drop)
}

/// A container of which there is only to be waited until it runs.
pub struct Pending {
    /// Its name, as it was asked for.
    name: String,
    begun: Begun,
    /// Its place in its pod, until it has one of its own.
    _place: Option<OwnedFd>,
}

/// Begins to start a container that is there, and goes on without it; `None` if it runs already. What it needs is started first.
pub fn begin_detached(context: &Context, store: &Store, name: &str) -> Result<Option<Pending>, Failure> {
    let (startable, place) = loop {
        let found = list::settled(store, name)?;
        if found.status.is_alive() {
            return start_detached(context, store, name).map(|()| None);
        }
        let place = start_shared(context, store, &found.record.request)?;
        if let Some(startable) = startable(store, found).map_err(|err| cannot_start(err, name))? {
            break (startable, place);
        }
    };
    let (attachment, passed) = (Attachment::Detached, Passed::default());
    let begun = start::begin(&context.host, store, startable, attachment, passed, &message::print_warning);
    let begun = begun.map_err(|err| cannot_start(err.into(), name))?;
    Ok(Some(Pending { name: name.to_owned(), begun, _place: place }))
}

/// Waits for all of these side by side, since most of a start is spent waiting for the service manager and the kernel. Gives what
/// became of each, in their order.
pub fn finish_all(context: &Context, store: &Store, pending: Vec<Pending>) -> Vec<Result<(), Failure>> {
    let host = &context.host;
    std::thread::scope(|threads| {
        let finish = |it: Pending| {
            let Pending { name, begun, _place } = it;
            let started = begun.finish(host, store).map(drop);
            started.map_err(|err| cannot_start(err.into(), &name))
        };
        let running: Vec<_> = pending.into_iter().map(|it| threads.spawn(move || finish(it))).collect();
        let died = |_| Err(Failure::new("a thread that started a container has died", None));
        running.into_iter().map(|it| it.join().unwrap_or_else(died)).collect()
    })
}

fn cannot_start(failure: Failure, name: &str) -> Failure {
    failure.while_doing(format!("cannot start container `{name}`"))
}

/// A service that starts containers which are there (`generate systemd`) finds their supervisors by files with their pids:
/// systemd goes on to watch those. Who is no service looks into the container's state.
fn tell_manager(context: &Context, store: &Store, name: &str) -> Result<(), Failure> {
    if context.host.variable("PODMAN_SYSTEMD_UNIT").is_none() {
        return Ok(());
    }
    let found = list::find(store, name)?;
    // One that has ended by now needs none.
    let Some(state) = found.status.run().filter(|_| found.record.request.conmon_pidfile.is_none()) else {
        return Ok(());
    };
    let path = start::supervisor_pid_file(store, &found.record.id);
    let text = state.monitor_pid.to_string();
    let written =
        std::fs::File::open(found.container.run_path()).map_err(Failure::from).and_then(|directory| {
            let name = path.file_name().unwrap_or_default();
            Ok(replace_file(directory.as_fd(), name, text.as_bytes(), Mode::from_raw_mode(0o644))?)
        });
    written.map_err(|err| err.while_doing(format!("cannot write `{}`", path.display())))
}

/// `pontoon init`
pub fn init(context: &Context, args: &InitArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let selection = Selection {
        command: "init",
        names: &args.containers,
        cidfiles: &[],
        filters: &[],
        all: args.all,
        latest: args.latest,
        ignore: false,
        ignore_files: false,
    };
    let names = selection.resolve(&store, |_| true)?;
    for_each(&names, |name| {
        let found = list::settled(&store, name)?;
        if found.status.is_alive() {
            // Of all of them, these are what they are to be, or more; they are told as the others are.
            if args.all {
                return Ok(Some(name.to_owned()));
            }
            let word = found.status.word();
            let text = format!("container `{name}` is {word}: only one that does not run can be set up");
            return Err(Failure::new(text, None));
        }
        // Nobody asked for these to run.
        for needed in found.record.request.needs() {
            if list::find(&store, needed).is_ok_and(|it| it.status.run().is_none()) {
                let text = format!("container `{name}` needs `{needed}`, which does not run");
                return Err(Failure::new(text, Some(format!("start it first: pontoon start {needed}"))));
            }
        }
        // Whatever the reason, the code is that of a container that was not to run yet, as in Podman.
        let cannot =
            |err: Failure| err.while_doing(format!("cannot set up container `{name}`")).with_code(125);
        match launch(context, &store, found, Attachment::Held).map_err(cannot)? {
            Some(_) => Ok(Some(name.to_owned())),
            None => {
                let text = format!("container `{name}` is being started by another command");
                Err(Failure::new(text, None))
            }
        }
    })
}

fn start_one(context: &Context, store: &Store, name: &str, args: &StartArgs) -> Result<ExitStatus, Failure> {
    let (end, mut nap) = (Instant::now() + PATIENCE, Nap::default());
    loop {
        let found = list::settled(store, name)?;
        if let Some(status) = start_found(context, store, name, found, args, Instant::now() < end)? {
            return Ok(status);
        }
        nap.take();
    }
}

/// Starts a container as it was found; `None` if another command has begun to do so meanwhile, or the run that it was found in
/// ends just now: then it is to be looked at again. Who is not patient is told of the latter.
fn start_found(
    context: &Context,
    store: &Store,
    name: &str,
    found: Found,
    args: &StartArgs,
    is_patient: bool,
) -> Result<Option<ExitStatus>, Failure> {
    // Nobody types where nobody is attached.
    let keys = match args.attach {
        true => context.detach_keys(args.detach_keys.as_deref())?,
        false => DetachKeys::read(args.detach_keys.as_deref())?,
    };
    let proxies = args.sig_proxy != Some(false);
    // What was made with an input has ours, asked for once more or not.
    let with_input = args.attach && found.record.request.interactive;
    match &found.status {
        Status::Paused(_) | Status::Stopping(_) => {
            let word = found.status.word();
            let hint = match &found.status {
                Status::Paused(_) => Some(format!("let it go on: pontoon unpause {name}")),
                _ => None,
            };
            return Err(Failure::new(format!("container `{name}` is {word}, so it cannot be started"), hint));
        }
        Status::Initialized(_) => {
            let _place = start_shared(context, store, &found.record.request)?;
            if args.attach {
                drop(_place);
                return attach::held(&found, args.interactive || with_input, proxies, keys).map(Some);
            }
            let cannot = |err| Failure::from(err).while_doing(format!("cannot start container `{name}`"));
            stop::let_it_run(&found.container).map_err(cannot)?;
            return Ok(Some(ExitStatus::Success));
        }
        Status::Running(_) if args.attach && is_patient => {
            return attach::not_ending(&found, args.interactive || with_input, proxies, keys);
        }
        status if status.is_alive() && args.attach => {
            return attach::running(&found, args.interactive || with_input, proxies, keys).map(Some);
        }
        status if status.is_alive() => return Ok(Some(ExitStatus::Success)),
        _ => {}
    }
    let place = start_shared(context, store, &found.record.request)?;
    let id = found.record.id.clone();
    let attachment = match args.attach {
        true => Attachment::Foreground { interactive: with_input, shown: Shown::ALL },
        false => Attachment::Detached,
    };
    let started = launch(context, store, found, attachment).map_err(|err| cannot_start(err, name))?;
    drop(place);
    match started {
        Some(started) if args.attach => {
            foreground::attend(store, &id, started, with_input, proxies, keys).map(Some)
        }
        Some(_) => Ok(Some(ExitStatus::Success)),
        None => Ok(None),
    }
}

/// Hands a container that nobody has begun to start to a supervisor; `None` if somebody has.
fn launch(
    context: &Context,
    store: &Store,
    found: Found,
    attachment: Attachment,
) -> Result<Option<Started>, Failure> {
    let Some(startable) = startable(store, found)? else { return Ok(None) };
    let (host, passed) = (&context.host, Passed::default());
    Ok(Some(start::start(host, store, startable, attachment, passed, &message::print_warning)?))
}

/// Claims a container that nobody has begun to start; `None` if somebody has, or its last supervisor has still to go.
fn startable(store: &Store, found: Found) -> Result<Option<Startable>, Failure> {
    let config = base::config(store, base::image(store, &found.record)?.as_ref())?;
    let Some(lock) = status::claim(found.container.run_path()).or_else(|_| {
        found
            .container
            .open_run_dir(store)
            .map_err(std::io::Error::other)
            .and_then(|_| status::claim(found.container.run_path()))
    })?
    else {
        return Ok(None);
    };
    let noted = start::note_start(&found.container);
    // Before we had the lock, somebody may have removed it, or changed it.
    let Found { container, record, .. } = found.read_anew(store)?;
    let has_run = noted?;
    Ok(Some(Startable { container, record, config, lock, unsynced: Unsynced::default(), has_run }))
}

/// Starts the containers that are needed, as far as they do not run. Gives the place of a member in its pod, which keeps the
/// infra container there until the member has been started.
pub(super) fn start_shared(
    context: &Context,
    store: &Store,
    request: &CreateRequest,
) -> Result<Option<OwnedFd>, Failure> {
    for name in request.needs() {
        start_needed(context, store, name)?;
    }
    // One that is there for the others keeps nothing there.
    let infra = request.pod.as_ref().and_then(|it| it.infra.as_deref());
    let is_needed = |infra: &&str| request.needs().any(|it| it == *infra);
    match infra.filter(|_| !annotated::is_sidecar(&request.annotations)).filter(is_needed) {
        Some(infra) => take_place(context, store, infra),
        None => Ok(None),
    }
}

fn start_needed(context: &Context, store: &Store, name: &str) -> Result<(), Failure> {
    // What cannot be found is told when it is needed.
    match list::find(store, name).is_ok_and(|it| needs_start(&it.status)) {
        true => start_detached(context, store, name),
        false => Ok(()),
    }
}

/// Takes a place in a pod. If its infra container is about to end, by `pod stop` or with its last member, that is waited for, and
/// it is started anew.
fn take_place(context: &Context, store: &Store, infra: &str) -> Result<Option<OwnedFd>, Failure> {
    // One that ends again and again is told of when it is joined.
    for _ in 0..3 {
        let Ok(found) = list::find(store, infra) else { break };
        match stop::take_place(&found.container) {
            Ok(Some(place)) => return Ok(Some(place)),
            // Its supervisor is older than these words; one that ends just now says nothing either.
            Ok(None) if matches!(status::of(&found.container), Status::Running(_) | Status::Paused(_)) => {
                break;
            }
            Ok(None) | Err(_) => {}
        }
        let mut nap = Nap::default();
        while matches!(status::of(&found.container), Status::Starting | Status::Stopping(_)) {
            nap.take();
        }
        start_needed(context, store, infra)?;
    }
    Ok(None)
}

/// Whether a container that others need must be started first: one that waits to be started does not run either.
fn needs_start(status: &Status) -> bool {
    matches!(status, Status::Initialized(_)) || !status.is_alive()
}
