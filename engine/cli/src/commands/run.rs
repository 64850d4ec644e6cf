//! `run`, `create`.

use std::path::PathBuf;

use pontoon_lifecycle::base;
use pontoon_lifecycle::create::{self, Created, preview};
use pontoon_lifecycle::default_mounts;
use pontoon_lifecycle::facts::{self, Known};
use pontoon_lifecycle::host::ImageStoreError;
use pontoon_lifecycle::list;
use pontoon_lifecycle::pod::PodRecord;
use pontoon_lifecycle::reach;
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_lifecycle::request::{CgroupMode, CreateRequest, SdNotifyMode};
use pontoon_lifecycle::start::{self, Attachment, Passed, Shown, Startable};
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::plan::{ActivationPlan, StreamPlan};
use pontoon_storage::{ImageRecord, Store};

use super::shown::Unshown;
use super::start::start_shared;
use super::{Context, Failure, foreground, pod, pull, unit};
use pontoon_cli::args::{ContainerOptions, CreateArgs, Defaults, RunArgs};
use pontoon_cli::containers_conf::ContainersConf;
use pontoon_cli::detach_keys::DetachKeys;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::run_options::{self, Lowered, attached_streams};
use pontoon_cli::{message, output};

/// `pontoon run`
pub fn run(context: &Context, mut args: RunArgs) -> Result<ExitStatus, Failure> {
    let conf = context.containers_conf()?;
    run_options::userns_of_environment(&mut args.container, &context.option_host)?;
    conf.apply(&mut args.container, context.option_host.rootless);
    keep_directories(context, &mut args.container.defaults);
    let keys = DetachKeys::read(args.container.detach_keys.as_deref())?;
    let listed = check_passed(args.preserve_fds, &args.preserve_fd)?;
    let passed = match activation(context, &args)? {
        Some(activation) => Passed { activation: Some(activation), ..Passed::default() },
        None => passed(context, args.preserve_fds, listed)?,
    };
    let attached = attached_streams(&args.container.attach)?;
    let driver = args.container.log_driver.clone().unwrap_or_default();
    if attached.is_some() && driver.starts_with("passthrough") {
        let hint = "the container has our own streams with that driver".to_owned();
        return Err(Failure::new(
            format!("`--attach` and `--log-driver {driver}` exclude each other"),
            Some(hint),
        ));
    }
    let is_terminal = || {
        use rustix::stdio::{stderr, stdin, stdout};
        [stdin(), stdout(), stderr()].iter().any(rustix::termios::isatty)
    };
    if driver == "passthrough" && is_terminal() {
        // Who has our terminal can type into it.
        let hint = "`passthrough-tty` is for whoever trusts the container with the terminal".to_owned();
        return Err(Failure::new(
            "`--log-driver passthrough` hands on files and pipes, no terminal",
            Some(hint),
        ));
    }
    let shown = attached.map_or(Shown::ALL, |[_, output, errors]| Shown { output, errors });
    let mut request = request(args.lower(context.words.clone(), &context.option_host)?);
    let store = context.store()?;
    tell_unhonoured(context, &store, &conf);
    let _ = store.sweep();
    if args.dry_run {
        if let Some(word) = args.container.pod.as_deref().filter(|it| it.starts_with("new:")) {
            let hint = Some("make the pod first: pontoon pod create".to_owned());
            return Err(Failure::new(format!("`--dry-run` cannot show a container of `--pod {word}`"), hint));
        }
        let _ = pontoon_lifecycle::pod::join(&context.host, &store, &mut request).map_err(|err| {
            let hint = err.hint();
            Failure::new(err, hint)
        })?;
        return dry_run(context, &store, request, args.detach);
    }
    let image = base_image(context, &store, &request, &args.container)?;
    drop(start_shared(context, &store, &request)?);
    warn_of_linger(context, &request, args.detach);
    if request.tty && request.interactive && !args.detach && !rustix::termios::isatty(rustix::stdio::stdin())
    {
        message::print_warning(
            "standard input is no terminal: --tty and --interactive may not do what is meant",
        );
    }
    let new_pod = pod::make_for(context, &store, &mut request, &args.container)?;
    let created = create_in(context, &store, request, image.as_ref(), new_pod.as_ref(), true)?;
    let (name, id, removes) =
        (created.record.name.clone(), created.record.id.clone(), created.record.request.rm);
    let tty = created.record.request.tty;
    let interactive = created.record.request.interactive;
    let split = created.record.request.cgroups == CgroupMode::Split;
    // Which container holds the pod's namespaces is known only now.
    let needed = match &created.record.request.pod {
        Some(_) => start_shared(context, &store, &created.record.request),
        None => Ok(None),
    };
    let place = match needed {
        Ok(place) => place,
        Err(failure) => {
            // Its lock is ours as long as we have it, and who removes it waits for that.
            drop(created);
            remove_unstarted(context, &store, &id, removes);
            return Err(failure.while_doing(format!("cannot start container `{name}`")));
        }
    };
    let tells_itself = created.record.request.sdnotify == SdNotifyMode::Conmon;
    let slice = created.record.request.cgroup_parent.clone();
    let startable = Startable::from(created);
    let outcome = if !tty && split && start::is_main_process(&context.host) {
        let streams = StreamPlan {
            interactive,
            preserve_fds: passed.count,
            preserved: passed.listed,
            listens: passed.listens,
            activation: passed.activation,
            foreground: !args.detach,
            hides_output: !shown.output,
            hides_errors: !shown.errors,
            ..StreamPlan::default()
        };
        start::become_supervisor(&context.host, &store, startable, streams, &message::print_warning)
            .map(|never| match never {})
    } else {
        let attachment =
            if args.detach { Attachment::Detached } else { Attachment::Foreground { interactive, shown } };
        start::start(&context.host, &store, startable, attachment, passed, &message::print_warning)
    };
    drop(place);
    let started = match outcome {
        Ok(started) => started,
        Err(err) => {
            // The supervisor removes what it was given; what never reached it is ours to remove.
            remove_unstarted(context, &store, &id, removes);
            return Err(Failure::from(err).while_doing(format!("cannot start container `{name}`")));
        }
    };
    if tells_itself && let Some(manager) = Notifier::from_environment() {
        // The supervisor is in a scope of its own, where the manager does not hear it.
        manager.tell("READY=1\nSTATUS=container is running");
    }
    if args.detach {
        output::line(&id)?;
        if tells_itself && start::is_watched(&context.host, slice.as_deref()) {
            return foreground::attend(&store, &id, started, false, true, keys);
        }
        return Ok(ExitStatus::Success);
    }
    if attached == Some([true, false, false]) {
        // Nothing of it is seen, so this is how it is found again.
        output::line(&id)?;
    }
    let proxies = args.sig_proxy != Some(false);
    foreground::attend(&store, &id, started, interactive, proxies, keys).map_err(|failure| {
        // Podman's code, from `run` alone.
        if failure.error.is::<Unshown>() { failure.with_code(126) } else { failure }
    })
}

/// Makes the container; if it cannot be made, the pod that was made for it goes again.
fn create_in(
    context: &Context,
    store: &Store,
    request: CreateRequest,
    image: Option<&ImageRecord>,
    new_pod: Option<&PodRecord>,
    of_run: bool,
) -> Result<Created, Failure> {
    create::create(&context.host, store, request, image, of_run).map_err(|err| {
        if let Some(made) = new_pod {
            let _ = pontoon_lifecycle::pod::remove(&context.host, store, &made.id, true, Some(0));
        }
        err.into()
    })
}

/// Removes a container that was not to stay and could not be started.
fn remove_unstarted(context: &Context, store: &Store, id: &str, removes: bool) {
    if removes {
        let options = RemoveOptions { force: true, ignore: true, volumes: true, ..RemoveOptions::default() };
        let _ = remove::remove(&context.host, store, id, options);
    }
}

/// What this command names is kept with the container, for when it is started again.
fn keep_directories(context: &Context, defaults: &mut Defaults) {
    let given = |own: &[PathBuf]| (!own.is_empty()).then(|| own.to_vec());
    let (cdi, hooks) = (given(&context.host.cdi_spec_dirs), given(&context.host.hooks_dirs));
    defaults.cdi_spec_dirs = cdi.or(defaults.cdi_spec_dirs.take());
    defaults.hooks_dirs = hooks.or(defaults.hooks_dirs.take());
}

/// What the options of `create` ask for, with what `containers.conf` adds to them.
pub(super) fn new_request(
    context: &Context,
    mut args: CreateArgs,
) -> Result<(CreateRequest, ContainerOptions), Failure> {
    context.containers_conf()?.apply(&mut args.container, context.option_host.rootless);
    keep_directories(context, &mut args.container.defaults);
    let options = args.container.clone();
    Ok((request(args.lower(context.words.clone(), &context.option_host)?), options))
}

/// `pontoon create`
pub fn create(context: &Context, mut args: CreateArgs) -> Result<ExitStatus, Failure> {
    let conf = context.containers_conf()?;
    run_options::userns_of_environment(&mut args.container, &context.option_host)?;
    conf.apply(&mut args.container, context.option_host.rootless);
    keep_directories(context, &mut args.container.defaults);
    let mut request = request(args.lower(context.words.clone(), &context.option_host)?);
    let store = context.store()?;
    tell_unhonoured(context, &store, &conf);
    let image = base_image(context, &store, &request, &args.container)?;
    let new_pod = pod::make_for(context, &store, &mut request, &args.container)?;
    let created = create_in(context, &store, request, image.as_ref(), new_pod.as_ref(), false)?;
    let Created { record, lock, unsynced, .. } = created;
    unsynced.sync()?;
    let id = record.id;
    if conf.prepares_volumes() && !record.volumes.is_empty() {
        // Whoever comes to its files puts them together under that lock.
        drop(lock);
        fill_volumes(context, &store, &id).map_err(|failure| {
            remove_unstarted(context, &store, &id, true);
            failure.while_doing("cannot fill the volumes".to_owned())
        })?;
    }
    output::line(&id)?;
    Ok(ExitStatus::Success)
}

/// Puts what the image has in the places of a container's volumes into those that nobody has used yet: that is done by
/// whoever comes to its files first.
fn fill_volumes(context: &Context, store: &Store, id: &str) -> Result<(), Failure> {
    let found = list::find(store, id)?;
    Ok(reach::reach(&context.host, store, &found, |_| Ok(()))?.wait()?)
}

/// How many sockets the service manager listens on for us.
fn sockets(context: &Context) -> u32 {
    let number = |name: &str| context.host.variable(name).and_then(|it| it.parse::<u32>().ok());
    number("LISTEN_FDS").filter(|_| number("LISTEN_PID") == Some(std::process::id())).unwrap_or(0)
}

/// Whether a descriptor that was left open for us is a socket on which TCP connections, or datagrams, come from everybody.
fn takes(number: u32, datagrams: bool) -> bool {
    use rustix::net::{AddressFamily, SocketType, sockopt};
    let copies = pontoon_rootless::sys::inherited_copies(&[number]).unwrap_or_default();
    copies.first().is_some_and(|socket| {
        let kind = if datagrams { SocketType::DGRAM } else { SocketType::STREAM };
        matches!(sockopt::socket_domain(socket), Ok(AddressFamily::INET | AddressFamily::INET6))
            && sockopt::socket_type(socket) == Ok(kind)
            && sockopt::socket_acceptconn(socket) == Ok(!datagrams)
    })
}

/// Where connections and datagrams are led to that come to these sockets, if `--activate` says so.
fn activation(context: &Context, args: &RunArgs) -> Result<Option<ActivationPlan>, Failure> {
    if args.activate.is_empty() {
        return Ok(None);
    }
    let sockets = sockets(context);
    if usize::try_from(sockets) != Ok(args.activate.len()) {
        let text = format!(
            "`--activate` names {} ports, and there are {sockets} sockets that systemd listens on for us",
            args.activate.len()
        );
        let hint = "it is for a service with a .socket unit; `SocketActivation=` in [X-Pontoon] of a .container file makes both";
        return Err(Failure::new(text, Some(hint.to_owned())));
    }
    for (number, port) in (3..).zip(&args.activate) {
        if !takes(number, port.is_udp) {
            let (what, key) = match port.is_udp {
                true => ("UDP datagrams", "ListenDatagram="),
                false => ("TCP connections", "ListenStream="),
            };
            let text = format!("`--activate`: descriptor {number} is no socket that takes {what}");
            return Err(Failure::new(text, Some(format!("use {key} with a port in the .socket unit"))));
        }
    }
    let program = context.host.network_program();
    let ports = args.activate.iter().map(|it| it.port).collect();
    Ok(Some(ActivationPlan { ports, idle: args.idle_timeout, program }))
}

/// The descriptors that the container gets besides its standard streams: as many as are asked for, and the sockets that the
/// service manager listens on for us.
fn passed(context: &Context, asked: u32, listed: Vec<u32>) -> Result<Passed, Failure> {
    let sockets = sockets(context);
    let count = asked.max(sockets);
    let there = pontoon_rootless::sys::count_inherited(count);
    if there < count {
        let option = if asked >= sockets { "--preserve-fds" } else { "$LISTEN_FDS" };
        let text = format!("{option} says {count}, but descriptor {} is not open", 3 + there);
        return Err(Failure::new(text, Some("open them for us, as in `pontoon … 3<FILE`".to_owned())));
    }
    Ok(Passed { count, listed, listens: sockets > 0, activation: None })
}

/// The numbers of `--preserve-fd`; these, and as many as `--preserve-fds` says, must be open.
pub(super) fn check_passed(count: u32, words: &[String]) -> Result<Vec<u32>, Failure> {
    let hint = || Some("open them for us, as in `pontoon … 3<FILE`".to_owned());
    let mut listed = Vec::new();
    for word in words.iter().flat_map(|it| it.split(',')) {
        let number = word.parse::<u32>().ok().filter(|it| *it >= 3).ok_or_else(|| {
            let text =
                format!("invalid value `{word}` for `--preserve-fd`: it must be a descriptor from 3 on");
            Failure::new(text, None)
        })?;
        if !pontoon_rootless::sys::is_inherited(number) {
            let text = format!("invalid value `{number}` for `--preserve-fd`: that descriptor is not open");
            return Err(Failure::new(text, hint()));
        }
        listed.push(number);
    }
    let there = pontoon_rootless::sys::count_inherited(count);
    if there < count {
        let text = format!("--preserve-fds says {count}, but descriptor {} is not open", 3 + there);
        return Err(Failure::new(text, hint()));
    }
    Ok(listed)
}

/// Says what of `containers.conf` and `storage.conf` has no effect: once, until they say something else.
fn tell_unhonoured(context: &Context, store: &Store, conf: &ContainersConf) {
    let mut text = conf.unhonoured_text();
    let podmans = context.host.image_stores().filter_map(Result::err).filter(ImageStoreError::is_podmans);
    let lines = context.host.storage.unhonoured.iter().cloned().chain(podmans.map(|it| it.line()));
    lines.for_each(|line| text.extend([line.as_str(), "\n"]));
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

/// The image, fetched if it must be; `None` where a directory stands for one.
pub(super) fn base_image(
    context: &Context,
    store: &Store,
    request: &CreateRequest,
    options: &ContainerOptions,
) -> Result<Option<ImageRecord>, Failure> {
    match request.rootfs {
        Some(_) => Ok(None),
        None => {
            let wishes = registry(options)?;
            let found = || pull::ensure_image(context, store, request, &wishes);
            unit::image_for(context, store, request, &wishes, found).map(Some)
        }
    }
}

fn registry(options: &ContainerOptions) -> Result<pull::Wishes, Failure> {
    Ok(pull::Wishes::of(&options.platform, &options.registry, options.quiet)?)
}

/// A service that is started by hand, by a user without linger, ends with the session: said once, to a person.
pub(super) fn warn_of_linger(context: &Context, request: &CreateRequest, detached: bool) {
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
    let image = match request.rootfs {
        Some(_) => None,
        None => Some(context.find_base(store, &request.image)?),
    };
    let config = base::config(store, image.as_ref())?;
    let record = preview(store, request, image.as_ref(), &config);
    let directory = store.paths().root.join("containers").join(&record.id);
    let run_directory = start::run_directory(store, &record.id);
    let streams =
        StreamPlan { interactive: record.request.interactive, foreground: !detach, ..StreamPlan::default() };
    let known = Known {
        record: &record,
        image: image.as_ref(),
        config: &config,
        directory: &directory,
        run_directory: &run_directory,
        own_cgroup: record.request.cgroups != CgroupMode::Disabled,
        streams,
        default_mounts: default_mounts::find(&context.host, &directory, &message::print_warning),
    };
    let decided = facts::plan(&context.host, store, &known)?;
    if !decided.precreate.is_empty() {
        message::print_warning("hooks of the stage `precreate` are not run now, and may change this plan");
    }
    output::line(&pontoon_cli::format::json::pretty(&decided.plan, 2))?;
    Ok(ExitStatus::Success)
}
