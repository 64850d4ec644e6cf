//! `run`, `create`, `start`.

use std::path::PathBuf;

use pontoon_lifecycle::create::{self, image_config, preview};
use pontoon_lifecycle::facts::{self, Known};
use pontoon_lifecycle::list;
use pontoon_lifecycle::request::{CgroupMode, CreateRequest, SdNotifyMode};
use pontoon_lifecycle::start::{self, Attachment, Passed, Startable};
use pontoon_lifecycle::status;
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::StreamPlan;
use pontoon_storage::{ImageRecord, Store, Unsynced};

use super::control::Selection;
use super::{Context, Failure, attach, foreground, pull};
use pontoon_cli::args::{ContainerOptions, CreateArgs, Defaults, Passing, RunArgs, StartArgs};
use pontoon_cli::containers_conf::ContainersConf;
use pontoon_cli::detach_keys::DetachKeys;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::run_options::Lowered;
use pontoon_cli::{message, output};

/// `pontoon run`
pub fn run(context: &Context, mut args: RunArgs) -> Result<ExitStatus, Failure> {
    if !args.dry_run && args.container.cgroups.as_deref() != Some("disabled") {
        start::hasten();
    }
    let conf = context.containers_conf()?;
    conf.apply(&mut args.container);
    keep_directories(context, &mut args.container.defaults);
    let keys = DetachKeys::read(args.container.detach_keys.as_deref())?;
    let passed = passed(context, args.preserve_fds)?;
    let request = request(args.lower(context.words.clone(), &context.option_host)?);
    let store = context.store()?;
    tell_unhonoured(&store, &conf);
    let _ = store.sweep();
    if args.dry_run {
        return dry_run(context, &store, request, args.detach);
    }
    let image = pull::ensure_image(context, &store, &request, &registry(&args.container)?)?;
    start_shared(context, &store, &request)?;
    warn_of_linger(context, &request, args.detach);
    let created = create::create(&context.host, &store, request, &image, true)?;
    let (name, id, removes) =
        (created.record.name.clone(), created.record.id.clone(), created.record.request.rm);
    let tty = created.record.request.tty;
    let interactive = created.record.request.interactive;
    let split = created.record.request.cgroups == CgroupMode::Split;
    let tells_itself = created.record.request.sdnotify == SdNotifyMode::Conmon;
    let startable = Startable::from(created);
    let outcome = if !tty && split && start::is_main_process(&context.host) {
        let streams = StreamPlan {
            interactive,
            keeps_input: false,
            preserve_fds: passed.count,
            listens: passed.listens,
            foreground: !args.detach,
        };
        start::become_supervisor(&context.host, &store, startable, streams, &message::print_warning)
            .map(|never| match never {})
    } else {
        let attachment =
            if args.detach { Attachment::Detached } else { Attachment::Foreground { interactive } };
        start::start(&context.host, &store, startable, attachment, passed, &message::print_warning)
    };
    let started = match outcome {
        Ok(started) => started,
        Err(err) => {
            // The supervisor removes what it was given; what never reached it is ours to remove.
            if removes {
                let options = pontoon_lifecycle::remove::RemoveOptions {
                    force: true,
                    ignore: true,
                    volumes: true,
                    timeout: None,
                    depend: false,
                };
                let _ = pontoon_lifecycle::remove::remove(&context.host, &store, &id, options);
            }
            return Err(Failure::from(err).while_doing(format!("cannot start container `{name}`")));
        }
    };
    if tells_itself && let Some(manager) = Notifier::from_environment() {
        // The supervisor is in a scope of its own, where the manager does not hear it.
        manager.tell("READY=1\nSTATUS=container is running");
    }
    if args.detach {
        output::line(&id)?;
        return Ok(ExitStatus::Success);
    }
    let proxies = args.sig_proxy != Some(false);
    foreground::attend(&store, &id, started, interactive, proxies, keys)
}

/// What this command names is kept with the container, for when it is started again.
fn keep_directories(context: &Context, defaults: &mut Defaults) {
    let given = |own: &[PathBuf]| (!own.is_empty()).then(|| own.to_vec());
    let (cdi, hooks) = (given(&context.host.cdi_spec_dirs), given(&context.host.hooks_dirs));
    defaults.cdi_spec_dirs = cdi.or(defaults.cdi_spec_dirs.take());
    defaults.hooks_dirs = hooks.or(defaults.hooks_dirs.take());
}

/// `pontoon create`
pub fn create(context: &Context, mut args: CreateArgs) -> Result<ExitStatus, Failure> {
    let conf = context.containers_conf()?;
    conf.apply(&mut args.container);
    keep_directories(context, &mut args.container.defaults);
    let request = request(args.lower(context.words.clone(), &context.option_host)?);
    let store = context.store()?;
    tell_unhonoured(&store, &conf);
    let image = pull::ensure_image(context, &store, &request, &registry(&args.container)?)?;
    let created = create::create(&context.host, &store, request, &image, false)?;
    created.unsynced.sync()?;
    output::line(&created.record.id)?;
    Ok(ExitStatus::Success)
}

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
    };
    let names = selection.resolve(&store, |status| !status.is_alive())?;
    if args.attach && names.len() > 1 {
        return Err(Failure::new("one container at a time can be attached to", None));
    }
    let mut last = None;
    if !args.attach
        && let Some(found) = names.first().and_then(|it| list::find(&store, it).ok())
    {
        warn_of_linger(context, &found.record.request, true);
    }
    for name in &names {
        match start_one(context, &store, name, args) {
            Ok(status) => {
                if !args.attach {
                    output::line(name)?;
                }
                if args.attach {
                    return Ok(status);
                }
            }
            Err(failure) => {
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

fn start_one(context: &Context, store: &Store, name: &str, args: &StartArgs) -> Result<ExitStatus, Failure> {
    start::hasten();
    let found = list::find(store, name)?;
    // Nobody types where nobody is attached.
    let keys = match args.attach {
        true => context.detach_keys(args.detach_keys.as_deref())?,
        false => DetachKeys::read(args.detach_keys.as_deref())?,
    };
    if found.status.is_alive() {
        if args.attach {
            return attach::running(&found, args.interactive, args.sig_proxy != Some(false), keys);
        }
        return Ok(ExitStatus::Success);
    }
    start_shared(context, store, &found.record.request)?;
    let image = store.find_image(&found.record.image_id)?;
    let config = image_config(store, &image)?;
    let Some(lock) = status::claim(found.container.run_path()).or_else(|_| {
        found
            .container
            .open_run_dir(store)
            .map_err(std::io::Error::other)
            .and_then(|_| status::claim(found.container.run_path()))
    })?
    else {
        return Err(Failure::new(format!("container `{name}` is being started by another command"), None));
    };
    let id = found.record.id.clone();
    let attached_input = args.interactive && args.attach && found.record.request.interactive;
    let (container, record) = (found.container, found.record);
    let startable = Startable { container, record, config, lock, unsynced: Unsynced::default() };
    let attachment = if args.attach {
        Attachment::Foreground { interactive: attached_input }
    } else {
        Attachment::Detached
    };
    let started =
        start::start(&context.host, store, startable, attachment, Passed::default(), &message::print_warning)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot start container `{name}`")))?;
    if args.attach {
        return foreground::attend(store, &id, started, attached_input, args.sig_proxy != Some(false), keys);
    }
    Ok(ExitStatus::Success)
}

/// The descriptors that the container gets besides its standard streams: as many as are asked for, and the sockets that the
/// service manager listens on for us.
fn passed(context: &Context, asked: u32) -> Result<Passed, Failure> {
    let number = |name: &str| context.host.variable(name).and_then(|it| it.parse::<u32>().ok());
    let sockets =
        number("LISTEN_FDS").filter(|_| number("LISTEN_PID") == Some(std::process::id())).unwrap_or(0);
    let count = asked.max(sockets);
    let there = pontoon_rootless::sys::count_inherited(count);
    if there < count {
        let option = if asked >= sockets { "--preserve-fds" } else { "$LISTEN_FDS" };
        let text = format!("{option} says {count}, but descriptor {} is not open", 3 + there);
        return Err(Failure::new(text, Some("open them for us, as in `pontoon … 3<FILE`".to_owned())));
    }
    Ok(Passed { count, listens: sockets > 0 })
}

/// Starts the containers that are needed, as far as they do not run.
fn start_shared(context: &Context, store: &Store, request: &CreateRequest) -> Result<(), Failure> {
    for name in request.needs() {
        // What cannot be found is told when it is needed.
        if list::find(store, name).is_ok_and(|it| !it.status.is_alive()) {
            start_detached(context, store, name)?;
        }
    }
    Ok(())
}

/// Says what of `containers.conf` has no effect: once, until it says something else.
fn tell_unhonoured(store: &Store, conf: &ContainersConf) {
    let text = conf.unhonoured_text();
    let file = store.paths().run.join("containers.conf.told");
    if text.is_empty() || std::fs::read_to_string(&file).is_ok_and(|told| told == text) {
        return;
    }
    text.lines().for_each(message::print_warning);
    let _ = std::fs::write(file, text);
}

fn request(lowered: Lowered) -> CreateRequest {
    for warning in &lowered.warnings {
        message::print_warning(warning);
    }
    lowered.request
}

fn registry(options: &ContainerOptions) -> Result<pull::Wishes, Failure> {
    Ok(pull::Wishes::of(&options.platform, &options.registry, options.quiet)?)
}

/// A service that is started by hand, by a user without linger, ends with the session: said once, to a person.
fn warn_of_linger(context: &Context, request: &CreateRequest, detached: bool) {
    let is_person = rustix::termios::isatty(rustix::stdio::stderr());
    let in_session = matches!(request.cgroups, CgroupMode::Enabled);
    let Some(user) = context.host.user.as_ref().filter(|_| context.host.is_rootless()) else { return };
    if !detached || !is_person || !in_session || pontoon_rootless::dbus::lingers(&user.name) {
        return;
    }
    message::print_warning(&format!(
        "the container ends when {} logs out; `pontoon linger enable` lets it go on",
        user.name
    ));
}

/// Prints the plan and does nothing.
fn dry_run(
    context: &Context,
    store: &Store,
    request: CreateRequest,
    detach: bool,
) -> Result<ExitStatus, Failure> {
    let image: ImageRecord = store.find_image(&request.image)?;
    let config = image_config(store, &image)?;
    let record = preview(store, request, &image, &config);
    let directory = store.paths().root.join("containers").join(&record.id);
    let run_directory = start::run_directory(store, &record.id);
    let streams = StreamPlan {
        interactive: record.request.interactive,
        keeps_input: false,
        preserve_fds: 0,
        listens: false,
        foreground: !detach,
    };
    let known = Known {
        record: &record,
        image: &image,
        config: &config,
        directory: &directory,
        run_directory: &run_directory,
        own_cgroup: !matches!(record.request.cgroups, CgroupMode::Disabled | CgroupMode::NoConmon),
        streams,
    };
    let decided = facts::plan(&context.host, store, &known)?;
    output::line(&pontoon_cli::format::json::pretty(&decided.plan, 2))?;
    Ok(ExitStatus::Success)
}
