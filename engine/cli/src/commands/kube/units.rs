//! Unit files that never ran: the command lines of their services say what they would make.
//!
//! Nothing of it is made and no image is asked for. What containers.conf would add is left out: it is this machine's.

use std::fs;

use pontoon_cli::args::{self, PodCreateArgs, RunArgs, VolumeCreateArgs};
use pontoon_cli::generate::kube::Remark;
use pontoon_cli::generate::service::{Command, Service};
use pontoon_cli::output;
use pontoon_cli::run_options::{self, parse_label};
use pontoon_lifecycle::pod::Shared;
use pontoon_lifecycle::record::VolumeRecord;
use pontoon_lifecycle::request::RestartPolicy;
use pontoon_lifecycle::volume_options;
use pontoon_units::{Content, UnitKind};

use super::super::quadlet::{Converted, converted};
use super::super::{Context, Failure};
use super::make::parsed;
use super::subject::{self, Container, Finder, Pod, Subject};

/// What systemd does with a service that a cluster does not do: said of the service, and not of its container.
const OF_THE_SERVICE: [&str; 12] = [
    "AllowedCPUs",
    "CPUQuota",
    "CPUWeight",
    "ExecStartPost",
    "ExecStartPre",
    "IOWeight",
    "MemoryHigh",
    "MemoryLow",
    "MemoryMax",
    "MemoryMin",
    "MemorySwapMax",
    "TasksMax",
];

/// What a unit file would make; none if there is no file of that name.
pub(super) fn find(finder: &Finder<'_>, name: &str) -> Result<Option<Subject>, Failure> {
    if UnitKind::of_file_name(name).is_none() {
        return Ok(None);
    }
    let Some(unit) = converted(name)? else { return Ok(None) };
    if finder.tells {
        output::err(&unit.told);
    }
    let reading = Reading { finder, unit: &unit };
    if unit.service.name.contains("@.") {
        let hint = format!("name an instance of it, as `{}`", unit.name.replacen("@.", "@one.", 1));
        return Err(Failure::new(format!("`{}` is a template", unit.name), Some(hint)));
    }
    let none =
        |text: &str, hint: &str| Err(Failure::new(format!("`{}` {text}", unit.name), Some(hint.to_owned())));
    match unit.kind {
        UnitKind::Container => {
            let (container, pod) = reading.container(&unit.service)?;
            match pod {
                Some(_) => Err(subject::in_pod(name)),
                None => Ok(Some(Subject::Container(Box::new(container)))),
            }
        }
        UnitKind::Pod => Ok(Some(Subject::Pod(Box::new(reading.pod()?)))),
        UnitKind::Volume => reading.volume().map(|(name, record)| Some(Subject::Volume(name, record))),
        UnitKind::Kube => none("plays Kubernetes objects", "its `Yaml=` names the file that has them"),
        UnitKind::Network => none("is a network", "the pods of a cluster are on one network"),
        UnitKind::Image | UnitKind::Build | UnitKind::Artifact | UnitKind::Secret => {
            none("is no container, pod or volume", "name the file of the container that uses it")
        }
    }
}

/// A file that is being read.
struct Reading<'a> {
    finder: &'a Finder<'a>,
    unit: &'a Converted,
}

impl Reading<'_> {
    fn context(&self) -> &Context {
        self.finder.context
    }

    /// A command line of a service.
    fn command(&self, service: &pontoon_units::Service, key: &'static str) -> Result<Command, Failure> {
        let machine = |letter: char| machine(self.context(), self.unit.is_user, letter);
        let view = Service { name: &service.name, text: &service.text, machine: &machine };
        let mut command = view.command(key).map_err(|err| Failure::new(err, None))?;
        // The program.
        command.words.drain(..command.words.len().min(1));
        Ok(command)
    }

    /// The container of a service, and the pod that it is in.
    fn container(&self, service: &pontoon_units::Service) -> Result<(Container, Option<String>), Failure> {
        let cannot = |err: Failure| err.while_doing(format!("cannot read `{}`", service.source));
        let command = self.command(service, "ExecStart").map_err(cannot)?;
        let args: RunArgs = parsed(&command.words).map_err(cannot)?;
        let lowered = args.lower(Vec::new(), &self.context().option_host);
        let mut request = lowered.map_err(|err| cannot(err.into()))?.request;
        let stem = service.name.trim_end_matches(".service");
        let name = request.name.clone().unwrap_or_else(|| stem.to_owned());
        let machine = |_: char| None;
        let view = Service { name: &service.name, text: &service.text, machine: &machine };
        let mut remarks = Vec::new();
        let mut remark = |option: String, outcome: &'static str, reason: &str| {
            remarks.push(Remark { name: name.clone(), option, outcome, reason: reason.to_owned() });
        };
        request.restart = match view.setting("Restart") {
            Some("always") => RestartPolicy::Always,
            Some("on-success") => {
                remark(
                    "Restart=on-success".to_owned(),
                    "approximated",
                    "it is started anew, however it ends",
                );
                RestartPolicy::Always
            }
            None | Some("no" | "") => RestartPolicy::No,
            Some(_) => RestartPolicy::OnFailure { retries: None },
        };
        for key in OF_THE_SERVICE.iter().filter(|it| view.setting(it).is_some()) {
            remark(format!("{key}="), "left out", "it is said of the service, and of no container");
        }
        for variable in &command.unset {
            let reason = "the service manager may know this variable; here it is empty";
            remark(format!("${{{variable}}}"), "approximated", reason);
        }
        let env_files = self.finder.env_files(&name, &args.container.env_file, &mut remarks);
        let pod = request.pod.take().map(|it| it.id);
        let image = request.image.clone();
        Ok((Container { name, image, request, env_files, remarks }, pod))
    }

    fn pod(&self) -> Result<Pod, Failure> {
        let cannot = |err: Failure| err.while_doing(format!("cannot read `{}`", self.unit.service.source));
        let command = self.command(&self.unit.service, "ExecStartPre").map_err(cannot)?;
        let args: PodCreateArgs = parsed(&command.words).map_err(cannot)?;
        let defaults = args::ContainerOptions::default();
        let read = run_options::pod(&args, defaults, Vec::new(), &self.context().option_host);
        let (request, _) = read.map_err(|err| cannot(err.into()))?;
        let name = request.name.unwrap_or_default();
        let mut members = Vec::new();
        for service in &self.unit.services {
            let file = service.source.rsplit('/').next().unwrap_or_default();
            if UnitKind::of_file_name(file) != Some(UnitKind::Container) || service.name.contains("@.") {
                continue;
            }
            if service.stub {
                if self.names_this_pod(&service.source) {
                    let hint = format!("pontoon quadlet check {}", service.source);
                    let text = format!("`{file}` is in the pod and becomes no service");
                    return Err(Failure::new(text, Some(hint)));
                }
                continue;
            }
            // Only those of the pod must be understood.
            if !self.names_this_pod(&service.source) && !service.text.contains("--pod") {
                continue;
            }
            let (container, pod) = self.container(service)?;
            if pod.as_deref() == Some(name.as_str()) {
                members.push(container);
            }
        }
        if members.is_empty() {
            let hint = format!("a container's file has `Pod={}`", self.unit.name);
            return Err(Failure::new(format!("`{}` has no containers", self.unit.name), Some(hint)));
        }
        Ok(Pod {
            maps: Vec::new(),
            name,
            labels: request.labels,
            infra: request.infra.map(|it| *it),
            shares_processes: request.shared.contains(&Shared::Pid),
            members,
        })
    }

    /// Whether a file, or one that is added to it, says that it is in this pod.
    fn names_this_pod(&self, path: &str) -> bool {
        let Some(source) = self.unit.sources.iter().find(|it| *it.path == *path) else { return false };
        let added = source.drop_ins.iter().map(|it| (&it.path, &it.content));
        std::iter::once((&source.path, &source.content)).chain(added).any(|(path, content)| {
            let Content::Text(bytes) = content else { return false };
            let (unit, _) = pontoon_units::parse(path, bytes);
            unit.last(UnitKind::Container.section(), "Pod").is_some_and(|it| it.value == self.unit.name)
        })
    }

    fn volume(&self) -> Result<(String, VolumeRecord), Failure> {
        let command = self.command(&self.unit.service, "ExecStart")?;
        let args: VolumeCreateArgs = parsed(&command.words)?;
        if let Some(driver) = args.driver.as_ref().filter(|it| *it != "local") {
            let text = format!("`{}` has the driver `{driver}`, which no claim has", self.unit.name);
            let hint = "a container mounts an image by itself: `Mount=type=image,…`".to_owned();
            return Err(Failure::new(text, Some(hint)));
        }
        let mut record = volume_options::read(&args.opt, self.context().host.is_rootless())?;
        (record.uid, record.gid) = (args.uid, args.gid);
        for label in &args.label {
            record.labels.push(parse_label(label)?);
        }
        Ok((args.name.unwrap_or_default(), record))
    }
}

/// What a specifier is on this machine (systemd.unit(5)); none where only the manager knows.
fn machine(context: &Context, is_user: bool, letter: char) -> Option<String> {
    let variable = |name: &str| context.host.environment.get(name).filter(|it| !it.is_empty()).cloned();
    let home = || if is_user { variable("HOME") } else { Some("/root".to_owned()) };
    let of_home = |name: &str, rest: &str| variable(name).or_else(|| Some(format!("{}/{rest}", home()?)));
    let system = |path: &str| Some(path.to_owned());
    let name = || context.host.user.as_ref().map(|it| it.name.clone());
    let node = || rustix::system::uname().nodename().to_str().ok().map(str::to_owned);
    match (letter, is_user) {
        ('h', _) => home(),
        ('t', true) => {
            variable("XDG_RUNTIME_DIR").or_else(|| Some(format!("/run/user/{}", context.host.uid)))
        }
        ('t', false) => system("/run"),
        ('S', true) => of_home("XDG_STATE_HOME", ".local/state"),
        ('S', false) => system("/var/lib"),
        ('C', true) => of_home("XDG_CACHE_HOME", ".cache"),
        ('C', false) => system("/var/cache"),
        ('L', true) => Some(format!("{}/log", of_home("XDG_STATE_HOME", ".local/state")?)),
        ('L', false) => system("/var/log"),
        ('E', true) => of_home("XDG_CONFIG_HOME", ".config"),
        ('E', false) => system("/etc"),
        ('T', _) => variable("TMPDIR").or_else(|| system("/tmp")),
        ('V', _) => variable("TMPDIR").or_else(|| system("/var/tmp")),
        ('u', true) => name(),
        ('u' | 'g', false) => system("root"),
        ('U', _) => Some(context.host.uid.to_string()),
        ('G', _) => Some(context.host.gid.to_string()),
        ('H', _) => node(),
        ('l', _) => node().map(|it| it.split('.').next().unwrap_or_default().to_owned()),
        ('m', _) => fs::read_to_string("/etc/machine-id").ok().map(|it| it.trim().to_owned()),
        ('v', _) => rustix::system::uname().release().to_str().ok().map(str::to_owned),
        _ => None,
    }
}
