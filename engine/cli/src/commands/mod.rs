//! The commands: each reads its arguments, has the deed done, and says what came of it.

mod artifact;
mod attach;
mod auto_update;
mod changes;
mod cleanup;
mod clone;
mod commit;
mod complete;
mod control;
mod cp;
mod diff;
mod doctor;
mod events;
mod exec;
mod failure;
pub(crate) mod foreground;
mod found;
mod generate;
mod healthcheck;
mod history;
mod image;
mod inspect;
mod kube;
mod list;
mod logs;
mod mount;
mod network;
mod pause;
mod pipes;
mod pod;
mod prune;
mod pull;
mod quadlet;
mod rename;
mod restart;
mod run;
mod secret;
mod secret_renew;
pub(crate) mod shown;
mod start;
mod stats;
mod system;
mod system_check;
mod system_df;
mod system_prune;
mod system_reset;
mod top;
mod tree;
mod unit;
mod update;
mod volume;
mod volume_archive;
mod wait;

use std::path::PathBuf;
use std::sync::OnceLock;

use pontoon_lifecycle::host::Host;
use pontoon_lifecycle::local_image;
use pontoon_lifecycle::network::NetworkConf;
use pontoon_monitor::event::EventLog;
use pontoon_storage::{FindImageError, ImageRecord, Store};

pub use auto_update::{Trouble, change};
pub use failure::Failure;

use pontoon_cli::args::{Command, EventsBackend, GlobalOptions, Invocation, LogLevel};
use pontoon_cli::containers_conf::ContainersConf;
use pontoon_cli::detach_keys::DetachKeys;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::{message, run_options};

/// What every command needs.
#[derive(Debug)]
pub struct Context {
    /// The host and the caller.
    pub host: Host,
    /// The same for the options of `run` and `create`.
    pub option_host: run_options::Host,
    /// The whole command line, with the program's name.
    pub words: Vec<String>,
    /// Modules of containers.conf that were asked for.
    modules: Vec<String>,
    /// What it says, if that was read already.
    conf: Option<ContainersConf>,
    /// Whether it was told which stores of images cannot be looked at.
    told: OnceLock<()>,
}

impl Context {
    /// `tells` is whether the command tells of events, or looks for them.
    fn new(globals: &GlobalOptions, words: Vec<String>, name: &str, tells: bool) -> Result<Self, Failure> {
        let mut host = Host::read(globals.root.clone(), globals.runroot.clone())?;
        if globals.storage_driver.as_deref().is_some_and(|it| !it.is_empty()) {
            host.storage.foreign_driver = None;
        }
        let mut option_host = run_options::Host::read();
        // What is wrong with the file is said where all of it is wanted.
        let conf = tells.then(|| ContainersConf::read(&option_host, &globals.module).ok()).flatten();
        let said = || EventsBackend::named(conf.as_ref()?.events_logger()?);
        let asked = globals.events_backend.or_else(said);
        match asked {
            None => {}
            Some(EventsBackend::Journald) => host.events = EventLog::Journald,
            Some(EventsBackend::File) => host.events = EventLog::file(&host.paths.run),
            Some(EventsBackend::None) => host.events = EventLog::None,
        }
        if let Some(conf) = &conf {
            if let (EventLog::File(file), Some(named)) = (&mut host.events, conf.events_file()) {
                named.clone_into(file);
            }
            host.health_events = conf.health_events();
            host.networks = conf.networks()?;
        }
        let absolute = |it: &std::path::PathBuf| std::path::absolute(it).unwrap_or_else(|_| it.clone());
        host.cdi_spec_dirs = globals.cdi_spec_dir.iter().map(absolute).collect();
        host.default_mounts_file = globals.default_mounts_file.as_ref().map(absolute);
        host.hooks_dirs = globals.hooks_dir.iter().map(absolute).collect();
        if let Some(directory) = &globals.network_config_dir {
            host.networks.directory = Some(absolute(directory));
        }
        option_host.rootless = host.is_rootless();
        for (name, value) in conf.iter().flat_map(ContainersConf::engine_env) {
            let own = host.environment.entry(name.to_owned()).or_insert_with(|| value.to_owned());
            if !option_host.env.iter().any(|it| it.0 == name) {
                option_host.env.push((name.to_owned(), own.clone()));
            }
        }
        // Whoever reads these files finds their places in the environment.
        let files =
            [("DOCKER_CONFIG", &globals.config), ("CONTAINERS_REGISTRIES_CONF", &globals.registries_conf)];
        for (variable, file) in files {
            if let Some(file) = file {
                host.environment.insert(variable.to_owned(), absolute(file).display().to_string());
            }
        }
        let mut whole = vec![name.to_owned()];
        whole.extend(words);
        Ok(Self {
            host,
            option_host,
            words: whole,
            modules: globals.module.clone(),
            conf,
            told: OnceLock::new(),
        })
    }

    /// The name by which we were called.
    pub fn name(&self) -> &str {
        self.words.first().map_or("pontoon", String::as_str)
    }

    /// Reads `containers.conf`.
    pub fn containers_conf(&self) -> Result<ContainersConf, Failure> {
        match &self.conf {
            Some(conf) => Ok(conf.clone()),
            None => Ok(ContainersConf::read(&self.option_host, &self.modules)?),
        }
    }

    /// The host, with what `containers.conf` says of networks: for commands that do not read it otherwise.
    pub fn network_host(&self) -> Host {
        let mut host = self.host.clone();
        // What is wrong with the file is said where networks are changed.
        if self.conf.is_none()
            && let Some(networks) = self.containers_conf().ok().and_then(|it| it.networks().ok())
        {
            let directory = host.networks.directory.take().or(networks.directory.clone());
            host.networks = NetworkConf { directory, ..networks };
        }
        host
    }

    /// The keys that leave a container: those given, else what `containers.conf` says.
    pub fn detach_keys(&self, given: Option<&str>) -> Result<DetachKeys, Failure> {
        match given {
            Some(_) => Ok(DetachKeys::read(given)?),
            None => Ok(DetachKeys::read(self.containers_conf()?.detach_keys())?),
        }
    }

    /// Where archives are put that must be unpacked first.
    pub fn temporary_directory(&self) -> Result<PathBuf, Failure> {
        if let Some(path) = self.host.variable("TMPDIR") {
            return Ok(PathBuf::from(path));
        }
        let conf = self.containers_conf()?;
        Ok(match conf.temporary_directory() {
            // Beside what is made of them.
            Some("storage") => self.host.paths.root.clone(),
            Some(path) => PathBuf::from(path),
            None => PathBuf::from("/var/tmp"),
        })
    }

    /// Opens the store. That images of another store are not seen is told once.
    pub fn store(&self) -> Result<Store, Failure> {
        self.told.get_or_init(|| {
            let missing = self.host.image_stores().filter_map(Result::err);
            missing.filter(|it| !it.is_podmans()).for_each(|it| message::print_warning(&it.line()));
        });
        Ok(self.host.open_store()?)
    }

    /// The image that a word of the command line means.
    pub fn find_image(&self, store: &Store, query: &str) -> Result<ImageRecord, FindImageError> {
        local_image::find(&self.host, store, query)
    }

    /// The image that a container is to be made of, as the command line names it.
    pub fn find_base(&self, store: &Store, query: &str) -> Result<ImageRecord, FindImageError> {
        local_image::find_base(&self.host, store, query)
    }
}

/// Whether a command starts processes in containers. What is theirs (user namespaces, control groups) is made below what the
/// user has outside.
fn starts_processes(command: &Command) -> bool {
    matches!(
        command,
        Command::Run(_)
            | Command::Init(_)
            | Command::Start(_)
            | Command::Restart(_)
            | Command::Exec(_)
            | Command::Cp(_)
            | Command::Export(_)
            | Command::Commit(_)
            | Command::KubePlay(_)
            | Command::PodStart(_)
            | Command::ContainerClone(_)
            | Command::PodClone(_)
            | Command::PodRestart(_)
    )
}

/// Sends standard output where `--out` and `--noout` say.
fn redirect(globals: &GlobalOptions) -> Result<(), Failure> {
    let nowhere = std::path::PathBuf::from("/dev/null");
    let Some(path) = globals.out.as_ref().or(globals.noout.then_some(&nowhere)) else { return Ok(()) };
    let opened = std::fs::OpenOptions::new().write(true).create(true).truncate(true).open(path);
    let redirected = opened.and_then(|file| Ok(rustix::stdio::dup2_stdout(&file)?));
    redirected.map_err(|err| {
        Failure::from(err)
            .while_doing(format!("cannot write standard output to `{}` (`--out`)", path.display()))
    })
}

/// Whether a command tells of events, or looks for them: those that only look at things, and `exec`, of which supervisors
/// tell, need not know where events go.
fn tells_events(command: &Command) -> bool {
    !matches!(
        command,
        Command::Ps(_)
            | Command::Exec(_)
            | Command::Logs(_)
            | Command::Top(_)
            | Command::Stats(_)
            | Command::Port(_)
            | Command::Wait(_)
            | Command::Inspect(_)
            | Command::ContainerInspect(_)
            | Command::ContainerExists(_)
            | Command::Images(_)
            | Command::ImageInspect(_)
            | Command::ImageExists(_)
            | Command::ArtifactExtract(_)
            | Command::ArtifactInspect(_)
            | Command::ArtifactLs(_)
            | Command::VolumeLs(_)
            | Command::VolumeInspect(_)
            | Command::VolumeExists(_)
            | Command::PodPs(_)
            | Command::PodInspect(_)
            | Command::PodExists(_)
            | Command::PodLogs(_)
            | Command::PodStats(_)
            | Command::PodTop(_)
            | Command::Doctor(_)
            | Command::Tree(_)
            | Command::GenerateQuadlet(_)
            | Command::GenerateSystemd(_)
            | Command::Version(_)
            | Command::Complete(_)
            | Command::Completion(_)
            | Command::KubeApply(_)
            | Command::KubeGenerate(_)
            | Command::QuadletCheck(_)
            | Command::QuadletConvert(_)
            | Command::QuadletExplain(_)
            | Command::QuadletList(_)
            | Command::QuadletPrint(_)
            | Command::QuadletWaitNetwork(_)
    )
}

/// Does what the command line says.
///
/// # Errors
/// What went wrong, with what to do about it and the exit code.
pub fn dispatch(invocation: Invocation, name: &str) -> Result<ExitStatus, Failure> {
    let level = if invocation.globals.debug { Some(LogLevel::Debug) } else { invocation.globals.log_level };
    if level.unwrap_or_default() > LogLevel::Warn {
        message::silence_warnings();
    }
    redirect(&invocation.globals)?;
    // It also tells of what keeps us from having a context.
    if let Command::Doctor(args) = &invocation.command {
        return doctor::doctor(&invocation.globals, args);
    }
    let tells = tells_events(&invocation.command);
    let context = Context::new(&invocation.globals, invocation.words, name, tells)?;
    if context.host.unshared && starts_processes(&invocation.command) {
        let hint = "leave `unshare`, or run it in another shell".to_owned();
        return Err(Failure::new("containers are not run from inside `unshare`", Some(hint)));
    }
    match invocation.command {
        Command::GenerateQuadlet(args) => generate::quadlet(&context, &args),
        Command::GenerateSystemd(args) => generate::systemd(&context, &args),
        Command::Run(args) => run::run(&context, *args),
        Command::Create(args) => run::create(&context, *args),
        Command::Init(args) => start::init(&context, &args),
        Command::Start(args) => start::start(&context, &args),
        Command::Stop(args) => control::stop(&context, &args),
        Command::Kill(args) => control::kill(&context, &args),
        Command::Rm(args) => control::rm(&context, &args),
        Command::Wait(args) => wait::wait(&context, &args),
        Command::Ps(args) => list::ps(&context, &args),
        Command::Logs(args) => logs::logs(&context, &args),
        Command::Exec(args) => exec::exec(&context, &args),
        Command::Inspect(args) => inspect::inspect(&context, &args),
        Command::ContainerInspect(args) => inspect::containers(&context, &args),
        Command::ContainerExists(args) => inspect::container_exists(&context, &args.name),
        Command::Port(args) => list::port(&context, &args),
        Command::Pull(args) => pull::pull(&context, &args),
        Command::Import(args) => pull::import(&context, &args),
        Command::Load(args) => pull::load(&context, &args),
        Command::Images(args) => image::list(&context, &args),
        Command::Rmi(args) => image::remove(&context, &args),
        Command::ImageInspect(args) => inspect::images(&context, &args),
        Command::ImageExists(args) => image::exists(&context, &args.name),
        Command::Tag(args) => image::tag(&context, &args),
        Command::Untag(args) => image::untag(&context, &args),
        Command::VolumeCreate(args) => volume::create(&context, &args),
        Command::VolumeLs(args) => volume::list(&context, &args),
        Command::VolumeInspect(args) => volume::inspect(&context, &args),
        Command::VolumeRm(args) => volume::remove(&context, &args),
        Command::VolumeExists(args) => volume::exists(&context, &args.name),
        Command::VolumeMount(args) => mount::mount_volumes(&context, &args),
        Command::VolumeUnmount(args) => mount::unmount_volumes(&context, &args),
        Command::VolumeReload(_) => volume::reload(&context),
        Command::NetworkConnect(args) => network::connect(&context, &args),
        Command::NetworkCreate(args) => network::create(&context, &args),
        Command::NetworkDisconnect(args) => network::disconnect(&context, &args),
        Command::NetworkExists(args) => network::exists(&context, &args.name),
        Command::NetworkInspect(args) => network::inspect(&context, &args),
        Command::NetworkLs(args) => network::list(&context, &args),
        Command::NetworkPrune(args) => network::prune(&context, &args),
        Command::NetworkReload(args) => network::reload(&context, &args),
        Command::NetworkRm(args) => network::remove(&context, &args),
        Command::NetworkUpdate(args) => network::update(&context, &args),
        Command::KubeApply(args) => kube::apply(&context, &args),
        Command::KubeDown(args) => kube::down(&context, &args),
        Command::KubeGenerate(args) => kube::generate(&context, &args),
        Command::KubePlay(args) => kube::play(&context, &args),
        Command::QuadletAdopt(args) => quadlet::adopt(&args),
        Command::QuadletApply(args) => quadlet::apply(&context, &args),
        Command::QuadletCheck(args) => quadlet::check(&args),
        Command::QuadletConvert(args) => quadlet::convert(&args),
        Command::QuadletExplain(args) => quadlet::explain(&args),
        Command::QuadletInstall(args) => quadlet::install(&context, &args),
        Command::QuadletList(args) => quadlet::list(&args),
        Command::QuadletPlan(args) => quadlet::plan(&context, &args),
        Command::QuadletPrint(args) => quadlet::print(&args),
        Command::QuadletRelease(args) => quadlet::release(&args),
        Command::QuadletRm(args) => quadlet::remove(&args),
        Command::QuadletWaitNetwork(args) => quadlet::wait_network(&args),
        Command::PodCreate(args) => pod::create(&context, &args),
        Command::PodExists(args) => pod::exists(&context, &args.name),
        Command::PodInspect(args) => pod::inspect(&context, &args),
        Command::PodKill(args) => pod::kill(&context, &args),
        Command::PodLogs(args) => pod::logs(&context, &args),
        Command::PodPause(args) => pod::pause(&context, &args),
        Command::PodPrune(args) => pod::prune(&context, &args),
        Command::PodPs(args) => pod::list(&context, &args),
        Command::PodRestart(args) => pod::restart(&context, &args),
        Command::PodRm(args) => pod::remove(&context, &args),
        Command::PodStart(args) => pod::start(&context, &args),
        Command::PodStats(args) => pod::stats(&context, &args),
        Command::PodStop(args) => pod::stop(&context, &args),
        Command::PodTop(args) => pod::top(&context, &args),
        Command::PodUnpause(args) => pod::unpause(&context, &args),
        Command::Completion(args) => complete::completion(&args),
        Command::Complete(args) => complete::complete(&context, &args),
        Command::Pause(args) => pause::pause(&context, &args),
        Command::Unpause(args) => pause::unpause(&context, &args),
        Command::Restart(args) => restart::restart(&context, &args),
        Command::Rename(args) => rename::rename(&context, &args),
        Command::Stats(args) => stats::stats(&context, &args),
        Command::Top(args) => top::top(&context, &args),
        Command::History(args) => history::history(&context, &args),
        Command::AutoUpdate(args) => auto_update::auto_update(&context, &args),
        Command::Rollback(args) => unit::rollback(&context, &args),
        Command::Pin(args) => unit::pin(&context, &args.unit, true),
        Command::Unpin(args) => unit::pin(&context, &args.unit, false),
        Command::ImageTree(args) => history::tree(&context, &args),
        Command::ContainerPrune(args) => prune::containers(&context, &args),
        Command::ImagePrune(args) => prune::images(&context, &args),
        Command::VolumePrune(args) => prune::volumes(&context, &args),
        Command::HealthcheckRun(args) => healthcheck::run(&context, &args),
        Command::Commit(args) => commit::commit(&context, &args),
        Command::Cp(args) => cp::cp(&context, &args),
        Command::Diff(args) => diff::any(&context, &args),
        Command::ContainerDiff(args) => diff::container(&context, &args),
        Command::ImageDiff(args) => diff::image(&context, &args),
        Command::Export(args) => cp::export(&context, &args),
        Command::Mount(args) => mount::mount(&context, &args),
        Command::Unmount(args) => mount::unmount(&context, &args),
        Command::ImageMount(args) => mount::mount_images(&context, &args),
        Command::ImageUnmount(args) => mount::unmount_images(&context, &args),
        Command::SecretCreate(args) => secret::create(&context, &args),
        Command::SecretExists(args) => secret::exists(&context, &args.name),
        Command::SecretInspect(args) => secret::inspect(&context, &args),
        Command::SecretLs(args) => secret::list(&context, &args),
        Command::SecretRenew(args) => secret_renew::renew(&context, &args),
        Command::SecretRm(args) => secret::remove(&context, &args),
        Command::ContainerClone(args) => clone::container(&context, &args),
        Command::PodClone(args) => clone::pod(&context, &args),
        Command::Update(args) => update::update(&context, &args),
        Command::VolumeExport(args) => volume_archive::export(&context, &args),
        Command::VolumeImport(args) => volume_archive::import(&context, &args),
        Command::ArtifactAdd(args) => artifact::add(&context, &args),
        Command::ArtifactExtract(args) => artifact::extract(&context, &args),
        Command::ArtifactInspect(args) => artifact::inspect(&context, &args),
        Command::ArtifactLs(args) => artifact::list(&context, &args),
        Command::ArtifactPull(args) => artifact::pull(&context, &args),
        Command::ArtifactRm(args) => artifact::remove(&context, &args),
        Command::Attach(args) => attach::attach(&context, &args),
        Command::ContainerCleanup(args) => cleanup::cleanup(&context, &args),
        Command::Unshare(args) => system::unshare(&context, &args),
        Command::Events(args) => events::events(&context, &args),
        Command::Info(args) => system::info(&context, &args),
        Command::Version(args) => system::version(&context, &args),
        Command::SystemCheck(args) => system_check::check(&context, &args),
        Command::SystemDf(args) => system_df::df(&context, &args),
        Command::SystemMigrate(_) => system_reset::migrate(&context),
        Command::SystemPrune(args) => system_prune::prune(&context, &args),
        Command::SystemRenumber(_) => system_reset::renumber(&context),
        Command::SystemReset(args) => system_reset::reset(&context, &args),
        Command::Doctor(args) => doctor::doctor(&invocation.globals, &args),
        Command::Tree(args) => tree::tree(&context, &args),
        Command::LingerEnable(args) => system::linger(&context, &args, Some(true)),
        Command::LingerDisable(args) => system::linger(&context, &args, Some(false)),
        Command::LingerStatus(args) => system::linger(&context, &args, None),
    }
}
