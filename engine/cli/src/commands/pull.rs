//! `pull`, `load`, `import`, and the image that `run` and `create` need.
//!
//! The work is done by a child that is root over the user's ids; this process waits, and tells a service manager meanwhile
//! that it takes longer.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pontoon_image::archive::ArchiveName;
use pontoon_image::{
    Archive, Credential, NoProgress, Platform, PlatformRequest, Progress, Reference, RunConfig,
};
use pontoon_lifecycle::acquire::{self, RegistryWishes};
use pontoon_lifecycle::create::image_config;
use pontoon_lifecycle::local_image;
use pontoon_lifecycle::pull::{self, ImportRequest, PullNamedError, PullOptions};
use pontoon_lifecycle::request::{CreateRequest, PullPolicy};
use pontoon_lifecycle::user_namespace::{self, Worker};
use pontoon_monitor::event::{Deed, Event, Kind};
use pontoon_monitor::notify::Notifier;
use pontoon_monitor::state::FailureReport;
use pontoon_rootless::idmap::IdMaps;
use pontoon_storage::{FindImageError, ImageRecord, Store};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Context, Failure, changes};
use pontoon_cli::args::refused::IMPORT_URL;
use pontoon_cli::args::{ImportArgs, LoadArgs, PlatformOptions, PullArgs, RegistryOptions};
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::progress::PullProgress;
use pontoon_cli::progress_told::ToldProgress;
use pontoon_cli::run_options::{OptionError, pull_policy};
use pontoon_cli::time::{duration_words, parse_duration};
use pontoon_cli::{message, output};

/// How often a service manager is told that a pull goes on, and how much longer it may take each time.
const TELL_EVERY: Timespec = Timespec { tv_sec: 10, tv_nsec: 0 };
const EXTENSION: &str = "EXTEND_TIMEOUT_USEC=30000000";
/// Exit code of a worker whose failure may be passed over: the registry is out of reach.
const UNAVAILABLE: i32 = 100;

/// What a command says about pulling.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    platform: Option<PlatformRequest>,
    invalid_platform: Option<String>,
    pub(super) registry: RegistryWishes,
    retries: Retries,
    quiet: bool,
}

/// How often to try again, and after which time; without one it doubles from a second on.
#[derive(Debug, Clone, Copy, Default)]
struct Retries {
    times: u32,
    delay: Option<Duration>,
}

impl Retries {
    fn delay(self, attempt: u32) -> Duration {
        self.delay.unwrap_or_else(|| Duration::from_secs(1 << attempt.min(6)))
    }
}

impl Wishes {
    /// The platform that is asked for by name, behind the name of an image.
    fn words(&self) -> String {
        self.platform.as_ref().map_or_else(String::new, |it| format!(" for {}", it.platform))
    }

    /// Whether an image is for the platform that is asked for by name, if one is.
    fn is_met_by(&self, store: &Store, image: &ImageRecord) -> Result<bool, Failure> {
        let Some(PlatformRequest { platform, .. }) = &self.platform else { return Ok(true) };
        let config = image_config(store, image)?;
        let has = Platform::new(&config.os, &config.architecture, config.variant.as_deref());
        // What does not say what it is for, such as an imported archive, may be for anything.
        Ok(has.architecture.is_empty() || platform.fit(&has).is_some())
    }

    /// From the options of a command.
    pub fn of(
        platform: &PlatformOptions,
        registry: &RegistryOptions,
        quiet: bool,
    ) -> Result<Self, OptionError> {
        check_paths(registry)?;
        let host = Platform::host();
        let (mut wanted, mut invalid_platform) = (None, None);
        if let Some(text) = &platform.platform {
            match text.parse::<Platform>() {
                Ok(platform) => wanted = Some(PlatformRequest::only(platform)),
                Err(err) => invalid_platform = Some(err.to_string()),
            }
        } else if platform.arch.is_some() || platform.os.is_some() || platform.variant.is_some() {
            let os = platform.os.as_deref().unwrap_or(&host.os);
            let architecture = platform.arch.as_deref().unwrap_or(&host.architecture);
            wanted =
                Some(PlatformRequest::only(Platform::new(os, architecture, platform.variant.as_deref())));
        }
        let retries = Retries { times: registry.retry.unwrap_or(0), delay: retry_delay(registry)? };
        Ok(Self {
            platform: wanted,
            invalid_platform,
            registry: RegistryWishes {
                authfile: registry.authfile.clone(),
                cert_dir: registry.cert_dir.clone(),
                credentials: registry.creds.as_deref().map(credential).transpose()?,
                tls_verify: registry.tls_verify,
            },
            retries,
            quiet,
        })
    }

    fn options(&self, context: &Context, maps: Option<&IdMaps>) -> PullOptions {
        let options = PullOptions::new(acquire::unpack_options(&context.host, maps));
        match &self.platform {
            Some(platform) => PullOptions { platform: platform.clone(), ..options },
            None => options,
        }
    }

    /// Tries until it works, or as often as was asked for while the registry is out of reach.
    pub(super) fn insisting<T, E: std::error::Error>(
        &self,
        what: &str,
        is_unavailable: impl Fn(&E) -> bool,
        mut deed: impl FnMut() -> Result<T, Box<E>>,
    ) -> Result<T, Box<E>> {
        let mut attempt = 0;
        loop {
            let done = deed();
            match &done {
                Err(err) if is_unavailable(err) && attempt < self.retries.times => {
                    let delay = self.retries.delay(attempt);
                    let words = duration_words(delay);
                    message::print_warning(&format!("cannot pull `{what}`: {err}; trying again in {words}"));
                    let _ = poll(&mut [], Timespec::try_from(delay).ok().as_ref());
                    attempt += 1;
                }
                _ => return done,
            }
        }
    }

    /// Who is told how a pull of `what` goes on: whoever looks on, and the service manager that waits for it.
    pub(super) fn progress(&self, what: &str) -> Arc<dyn Progress> {
        let shown: Arc<dyn Progress> =
            if self.quiet { Arc::new(NoProgress) } else { Arc::new(PullProgress::new()) };
        match Notifier::from_environment() {
            Some(manager) => Arc::new(ToldProgress::new(shown, manager, what)),
            None => shown,
        }
    }
}

/// `--creds`. Only its name is repeated when it is wrong: the rest may be a password.
fn credential(text: &str) -> Result<Credential, OptionError> {
    Credential::parse(text).ok_or_else(|| OptionError::Invalid {
        option: "--creds",
        value: text.split(':').next().unwrap_or_default().to_owned(),
        why: "it must be a name and a password with a colon between".to_owned(),
        hint: None,
    })
}

/// What was named must be there, whether it will be needed or not.
fn check_paths(registry: &RegistryOptions) -> Result<(), OptionError> {
    let named = [
        ("--authfile", &registry.authfile, "there is no such file"),
        ("--cert-dir", &registry.cert_dir, "there is no such directory"),
    ];
    for (option, path, why) in named {
        if let Some(path) = path
            && !path.exists()
        {
            let value = path.display().to_string();
            return Err(OptionError::Invalid { option, value, why: why.to_owned(), hint: None });
        }
    }
    Ok(())
}

/// `--retry-delay`: a duration, or seconds as unit files have them.
fn retry_delay(registry: &RegistryOptions) -> Result<Option<Duration>, OptionError> {
    let Some(text) = &registry.retry_delay else { return Ok(None) };
    let seconds = text.parse().map(Duration::from_secs).ok();
    match seconds.or_else(|| parse_duration(text).ok()) {
        Some(delay) => Ok(Some(delay)),
        None => Err(OptionError::Invalid {
            option: "--retry-delay",
            value: text.clone(),
            why: "it must be a duration, as 5s or 1m30s".to_owned(),
            hint: None,
        }),
    }
}

/// Starts a child for work that needs mapped ids; what it fails with, it says itself.
pub(super) fn worker(
    context: &Context,
    work: impl FnOnce(Option<&IdMaps>) -> Result<i32, Failure>,
) -> Result<Worker, Failure> {
    let said = |failure: Failure| {
        failure.print();
        i32::from(failure.status.code())
    };
    Ok(user_namespace::spawn(
        &context.host,
        |err| said(Failure::from(err)),
        |maps| {
            if maps.is_some_and(IdMaps::is_single) {
                message::print_warning(
                    "no subordinate ids are granted to you, so every file of the image will belong to you; \
                     `pontoon doctor` tells more",
                );
            }
            work(maps).unwrap_or_else(said)
        },
    )?)
}

/// Waits for a worker, and tells a service manager meanwhile.
pub(super) fn attend(worker: Worker, what: &str) -> i32 {
    let manager = Notifier::from_environment();
    if let Some(manager) = &manager {
        manager.tell(&still_at(what));
    }
    loop {
        let mut fds = [PollFd::from_borrowed_fd(worker.ended_fd().as_fd(), PollFlags::IN)];
        let patience = manager.as_ref().map(|_| &TELL_EVERY);
        match poll(&mut fds, patience) {
            Ok(0) => drop(manager.as_ref().map(|it| it.tell(EXTENSION))),
            Err(rustix::io::Errno::INTR) => {}
            _ => return worker.wait().unwrap_or(125),
        }
    }
}

/// What a service manager is told while something is pulled.
pub(super) fn still_at(what: &str) -> String {
    format!("{EXTENSION}\nSTATUS=pulling {what}")
}

pub(super) fn ended(code: i32) -> ExitStatus {
    if code == 0 { ExitStatus::Success } else { ExitStatus::OurFault }
}

/// `pontoon pull`
pub fn pull(context: &Context, args: &PullArgs) -> Result<ExitStatus, Failure> {
    let wishes = Wishes::of(&args.platform, &args.registry, args.quiet)?;
    let policy = pull_policy(args.policy.as_ref())?.unwrap_or(PullPolicy::Always);
    let mut images = Vec::new();
    let store = context.store()?;
    for image in &args.images {
        match (policy, context.find_base(&store, image)) {
            (PullPolicy::Missing | PullPolicy::Never, Ok(there)) => output::line(&there.id.to_string())?,
            (PullPolicy::Newer, Ok(_)) => {
                let request =
                    CreateRequest { image: image.clone(), pull: policy, ..CreateRequest::default() };
                output::line(&ensure_image(context, &store, &request, &wishes)?.id.to_string())?;
            }
            (PullPolicy::Never, Err(_)) => {
                let text = format!("image not known: `{image}`, and --policy=never forbids to fetch it");
                return Err(Failure::new(text, None));
            }
            _ => images.push(image.clone()),
        }
    }
    if images.is_empty() {
        return Ok(ExitStatus::Success);
    }
    let work = worker(context, |maps| {
        for image in &images {
            let id = pull_one(context, image, &wishes, maps).map_err(|(failure, _)| failure)?;
            output::line(&id)?;
        }
        Ok(0)
    })?;
    Ok(ended(attend(work, &args.images.join(" "))))
}

/// Pulls one image and gives its id; a failure says whether the registry was out of reach.
fn pull_one(
    context: &Context,
    image: &str,
    wishes: &Wishes,
    maps: Option<&IdMaps>,
) -> Result<String, (Failure, bool)> {
    let fatal = |failure: Failure| (failure, false);
    if let Some(text) = &wishes.invalid_platform {
        return Err(fatal(Failure::new(text.clone(), Some("give OS/ARCH or OS/ARCH/VARIANT".to_owned()))));
    }
    let store = context.store().map_err(fatal)?;
    let _ = store.sweep();
    let mut options = wishes.options(context, maps);
    let (client, conf) =
        acquire::client(&context.host, &wishes.registry, &mut options).map_err(|err| fatal(err.into()))?;
    let spool = context.temporary_directory().map_err(|failure| (failure, false))?;
    let progress = wishes.progress(image);
    if !wishes.quiet {
        for unknown in &conf.unhonoured {
            message::print_warning(&format!(
                "{}:{}: `{}` is not honoured",
                unknown.path.display(),
                unknown.line,
                unknown.key
            ));
        }
        output::err(&format!("Trying to pull {image}...\n"));
    }
    let pulled = wishes.insisting(image, PullNamedError::is_unavailable, || {
        pull::pull_named(image, &client, &conf, &spool, &store, &progress, &options).map_err(Box::new)
    });
    let _ = store.empty_trash();
    match pulled {
        Ok(pulled) => {
            if pulled.image.skipped_devices > 0 && !wishes.quiet {
                message::print_warning(&format!(
                    "left out {} device nodes of the image, which an ordinary user cannot make",
                    pulled.image.skipped_devices
                ));
            }
            let id = pulled.image.record.id.to_string();
            context.host.tell_of_other(Kind::Image, Deed::Pull, &id, image);
            Ok(id)
        }
        Err(err) => {
            let unavailable = err.is_unavailable();
            let why = FailureReport::new(&*err, None, 125).chain.join(": ");
            let event = Event::now(Kind::Image, Deed::PullError);
            context.host.events.tell(&Event { name: image.to_owned(), error: why, ..event });
            Err((Failure::from(*err).while_doing(format!("cannot pull `{image}`")), unavailable))
        }
    }
}

/// The image of a request: the one that is there, or a pulled one, as the policy says.
pub fn ensure_image(
    context: &Context,
    store: &Store,
    request: &CreateRequest,
    wishes: &Wishes,
) -> Result<ImageRecord, Failure> {
    let local = match context.find_base(store, &request.image) {
        // One for another platform than is asked for by name is another image.
        Ok(image) => wishes.is_met_by(store, &image)?.then_some(image),
        Err(FindImageError::NotFound { .. }) => None,
        Err(err) => return Err(err.into()),
    };
    // A file is no registry: reading it is no fetching.
    let is_file = ArchiveName::parse(&request.image).is_some();
    match (request.pull, local) {
        (PullPolicy::Missing | PullPolicy::Never, Some(image)) => Ok(image),
        // What is said to be in the store is asked of no registry.
        (_, local) if request.image.starts_with(local_image::FROM_STORE) => {
            Ok(local.ok_or_else(|| FindImageError::NotFound { query: request.image.clone() })?)
        }
        (PullPolicy::Never, None) if is_file => {
            fetch(context, store, &request.image, wishes)?.ok_or_else(said_already)
        }
        (PullPolicy::Never, None) => Err(Failure::new(
            format!(
                "image not known: `{}`{}, and --pull=never forbids to fetch it",
                request.image,
                wishes.words()
            ),
            Some(format!("pull it first: pontoon pull {}", request.image)),
        )),
        (PullPolicy::Newer, Some(image)) => Ok(fetch(context, store, &request.image, wishes)?
            .unwrap_or_else(|| {
                message::print_warning("the registry is out of reach; the image that is there is used");
                image
            })),
        _ => fetch(context, store, &request.image, wishes)?.ok_or_else(said_already),
    }
}

/// Fetches an image; gives `None` where its registry is out of reach, which the worker has said.
fn fetch(
    context: &Context,
    store: &Store,
    image: &str,
    wishes: &Wishes,
) -> Result<Option<ImageRecord>, Failure> {
    // The worker alone knows what it has pulled: the name may be an alias, or an archive's.
    let (mut reader, writer) = std::io::pipe()?;
    let work = worker(context, |maps| match pull_one(context, image, wishes, maps) {
        Ok(id) => {
            (&writer).write_all(id.as_bytes())?;
            Ok(0)
        }
        Err((failure, unavailable)) => {
            failure.print();
            Ok(if unavailable { UNAVAILABLE } else { 125 })
        }
    })?;
    // Ours goes, so that the pipe ends with the worker.
    drop(writer);
    match attend(work, image) {
        0 => {
            let mut id = String::new();
            reader.read_to_string(&mut id)?;
            Ok(Some(store.find_image(&id)?))
        }
        UNAVAILABLE => Ok(None),
        _ => Err(said_already()),
    }
}

/// The worker has said what went wrong.
fn said_already() -> Failure {
    Failure::silent()
}

/// `pontoon load`
pub fn load(context: &Context, args: &LoadArgs) -> Result<ExitStatus, Failure> {
    let spool = context.temporary_directory()?;
    let (path, _spooled) = match &args.input {
        Some(path) if path != &PathBuf::from("-") => (path.clone(), None),
        _ if rustix::termios::isatty(rustix::stdio::stdin()) => {
            return Err(Failure::new(
                "`load` reads an archive, and standard input is a terminal",
                Some("name the archive with --input FILE, or redirect it".to_owned()),
            ));
        }
        _ => {
            let spooled = spool_stdin(&spool)?;
            (spooled.0.clone(), Some(spooled))
        }
    };
    let wishes = Wishes { quiet: args.quiet, ..Wishes::default() };
    let work = worker(context, |maps| {
        let store = context.store()?;
        let deed = || format!("cannot load `{}`", path.display());
        let archive = Archive::open(&path, &spool).map_err(|err| Failure::from(err).while_doing(deed()))?;
        let options = wishes.options(context, maps);
        let loaded = pull::load(&archive, &store, &wishes.progress("an archive"), &options)
            .map_err(|err| Failure::from(err).while_doing(deed()))?;
        for (image, names) in loaded {
            let (id, source) = (image.record.id.hex(), path.to_string_lossy());
            context.host.tell_of_other(Kind::Image, Deed::LoadFromArchive, id, &source);
            for name in &names {
                output::line(&format!("Loaded image: {name}"))?;
            }
            if names.is_empty() {
                output::line(&format!("Loaded image: sha256:{}", image.record.id))?;
            }
        }
        Ok(0)
    })?;
    Ok(ended(attend(work, "an archive")))
}

/// A file that goes when it is dropped.
struct Spooled(PathBuf);

impl Drop for Spooled {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// An archive is read at more than one place, which a pipe cannot do.
fn spool_stdin(directory: &std::path::Path) -> Result<Spooled, Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let path = directory.join(format!("pontoon-load-{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let spooled = Spooled(path);
    std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
    Ok(spooled)
}

/// `pontoon import`
pub fn import(context: &Context, args: &ImportArgs) -> Result<ExitStatus, Failure> {
    if args.path.starts_with("http://") || args.path.starts_with("https://") {
        return Err(Failure::new(
            format!("{IMPORT_URL} is not supported"),
            Some(format!("curl -fL {} | pontoon import - NAME", args.path)),
        ));
    }
    let name = match &args.name {
        Some(name) => Some(Reference::parse(&local_name(name))?),
        None => None,
    };
    let mut config = RunConfig::default();
    changes::apply(&mut config, &args.change, changes::Reading::Plain)?;
    let host = Platform::host();
    let request = ImportRequest {
        source: args.path.clone(),
        name,
        config,
        message: args.message.clone(),
        platform: Platform::new(
            args.os.as_deref().unwrap_or(&host.os),
            args.arch.as_deref().unwrap_or(&host.architecture),
            args.variant.as_deref(),
        ),
        now: pontoon_cli::time::unix_or_never(Some(std::time::SystemTime::now())),
        limits: pontoon_image::DecompressLimits::default(),
    };
    let reader: Box<dyn Read + Send> = if args.path == "-" {
        Box::new(std::io::stdin())
    } else {
        let deed = || format!("cannot import `{}`", args.path);
        Box::new(std::fs::File::open(&args.path).map_err(|err| Failure::from(err).while_doing(deed()))?)
    };
    let work = worker(context, |maps| {
        let store = context.store()?;
        let unpack = acquire::unpack_options(&context.host, maps);
        let image = pull::import(reader, &request, &store, unpack)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot import `{}`", request.source)))?;
        context.host.tell_of_other(Kind::Image, Deed::Import, image.id.hex(), &request.source);
        if let Some(name) = &args.name {
            context.host.tell_of_other(Kind::Image, Deed::Tag, image.id.hex(), name);
        }
        output::line(&format!("sha256:{}", image.id))?;
        Ok(0)
    })?;
    Ok(ended(attend(work, "an archive")))
}

/// A name without a registry means one of this machine.
pub fn local_name(name: &str) -> String {
    let first = name.split('/').next().unwrap_or_default();
    let has_registry = name.contains('/') && (first.contains(['.', ':']) || first == "localhost");
    if has_registry { name.to_owned() } else { format!("localhost/{name}") }
}
