//! A `.container` file to the service that runs it.
//!
//! Knows the rules of `[Container]` that are more than an option; the options themselves are rows of the
//! table, in the order they are written.

use super::common::{self, CommandLine};
use super::draft::Draft;
use super::loaded::Loaded;
use super::neighbours::Neighbours;
use super::{SERVICE, Settings, paths, references};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::kind::UnitKind;
use crate::values::{self, Value, Values};
use crate::vocabulary::{self, Emit, Key};

/// How the service is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Notify,
    Once,
}

/// What the handlers of single keys need.
struct Container<'a, 'u> {
    file: &'u Loaded,
    neighbours: &'a Neighbours<'a>,
    values: &'a Values<'u>,
    name: String,
    start: Start,
}

/// The text of the service.
pub(super) fn convert(
    file: &Loaded,
    neighbours: &Neighbours<'_>,
    settings: &Settings,
    faults: &mut Diagnostics,
) -> String {
    let mut draft = common::begin(file, neighbours, settings, faults);
    let values = common::read_values(file, faults);
    let start = read_start(file, faults);
    let container = Container { file, neighbours, values: &values, name: file.resource(), start };
    container.require_image(faults);

    draft.add(SERVICE, "Environment", "PODMAN_SYSTEMD_UNIT=%n");
    draft.add_missing(SERVICE, "KillMode", "mixed");
    let mut remove = CommandLine::begin(settings, &values, &mut Diagnostics::new());
    remove.extend(&["rm", "-v", "-f", "-i", &container.name]);
    let remove = remove.finish();
    let remove_after = format!("-{remove}");
    draft.add(SERVICE, "ExecStop", remove);
    draft.add(SERVICE, "ExecStopPost", remove_after);
    draft.add(SERVICE, "Delegate", "yes");
    if start == Start::Notify {
        draft.set(SERVICE, "Type", "notify");
        draft.set(SERVICE, "NotifyAccess", "all");
    }
    draft.add_missing(SERVICE, "SyslogIdentifier", "%N");
    let mut run = CommandLine::begin(settings, &values, faults);
    run.push("run");
    for key in vocabulary::keys(UnitKind::Container) {
        match key.emit {
            Emit::Own => container.own(key, &mut run, &mut draft, faults),
            _ => run.push_key(key, &values, faults),
        }
    }
    draft.add(SERVICE, "ExecStart", run.finish());
    draft.to_text()
}

impl Container<'_, '_> {
    /// The part of the command line that stands at the place of a key without an option of its own.
    fn own(&self, key: &Key, run: &mut CommandLine, draft: &mut Draft<'_>, faults: &mut Diagnostics) {
        let values = self.values;
        match key.name {
            "ContainerName" => run.extend(&["--name", &self.name, "--replace", "--rm"]),
            "CgroupsMode" => run.push("--cgroups=split"),
            "Network" => {
                for network in values.list("Network", faults) {
                    self.network(&network, run, faults);
                }
            }
            "Notify" if self.start == Start::Notify => {
                run.push(self.notify(faults));
                run.push("-d");
            }
            "User" => self.user(run, faults),
            "UserNS" => {
                if let Some(mode) = values.scalar("UserNS") {
                    self.user_namespace(&mode, run, faults);
                }
            }
            "Volume" => {
                for volume in values.list("Volume", faults) {
                    let directory = self.file.directory();
                    references::volume(&volume, directory, self.neighbours, run, draft, faults);
                }
            }
            "EnvironmentFile" => {
                for file in values.words("EnvironmentFile", faults) {
                    let path = paths::absolute_unless_expanded(self.file.directory(), &file.text);
                    run.extend(&["--env-file", &path]);
                }
            }
            "PodmanArgs" => run.push_words(values, "PodmanArgs", faults),
            "Image" => {
                if let Some(image) = values.scalar("Image") {
                    references::image(&image, run, faults);
                }
            }
            "Exec" => run.push_words(values, "Exec", faults),
            // These are words before the sub-command, part of another key, or not supported yet.
            _ => {}
        }
    }

    /// There must be something to run.
    fn require_image(&self, faults: &mut Diagnostics) {
        let section = self.file.name.kind.section();
        // A key that is refused already explains why there is no image.
        if self.values.scalar("Image").is_some() || self.file.unit.last(section, "Rootfs").is_some() {
            return;
        }
        if self.file.faults.has_errors() {
            return;
        }
        let fault = Diagnostic::error(self.file.section_place(section), "there is no `Image=` to run");
        faults
            .push(fault.with_hint("add a line such as `Image=docker.io/library/nginx:1.27` to [Container]"));
    }

    fn network(&self, network: &Value<'_>, run: &mut CommandLine, faults: &mut Diagnostics) {
        let (name, _) = network.text.split_once(':').unwrap_or((&network.text, ""));
        if matches!(name, "host" | "none" | "pasta" | "slirp4netns") {
            run.extend(&["--network", &network.text]);
            return;
        }
        let text = format!("`Network={}` is not supported yet", crate::parse::brief(&network.text));
        let fault = Diagnostic::error(network.place(), text);
        faults.push(fault.with_hint("supported so far: host, none, pasta, slirp4netns"));
    }

    /// Who says that the service is ready.
    fn notify(&self, faults: &mut Diagnostics) -> &'static str {
        let Some(value) = self.values.scalar("Notify") else { return "--sdnotify=conmon" };
        match value.text.to_ascii_lowercase().as_str() {
            "healthy" => "--sdnotify=healthy",
            "1" | "yes" | "true" | "on" => "--sdnotify=container",
            "0" | "no" | "false" | "off" => "--sdnotify=conmon",
            _ => {
                let text = format!("`{}` is not a way to notify", crate::parse::brief(&value.text));
                let fault = Diagnostic::error(value.place(), text);
                faults.push(fault.with_hint("write `true` (the program does), `false` or `healthy`"));
                "--sdnotify=conmon"
            }
        }
    }

    fn user(&self, run: &mut CommandLine, faults: &mut Diagnostics) {
        match (self.values.scalar("User"), self.values.scalar("Group")) {
            (Some(user), None) => run.extend(&["--user", &user.text]),
            (Some(user), Some(group)) => run.extend(&["--user", &format!("{}:{}", user.text, group.text)]),
            (None, Some(group)) => {
                let fault = Diagnostic::error(group.place(), "`Group=` needs a `User=` beside it");
                faults.push(fault.with_hint("add `User=`, with a number or a name of the image"));
            }
            (None, None) => {}
        }
    }

    fn user_namespace(&self, mode: &Value<'_>, run: &mut CommandLine, faults: &mut Diagnostics) {
        let (name, _) = mode.text.split_once(':').unwrap_or((&mode.text, ""));
        if mode.text == "host" || name == "keep-id" {
            run.extend(&["--userns", &mode.text]);
            return;
        }
        let text = format!("`UserNS={}` is not supported yet", crate::parse::brief(&mode.text));
        faults.push(Diagnostic::error(mode.place(), text).with_hint("supported so far: host, keep-id"));
    }
}

/// Which kind of service `[Service]` asks for; what a container cannot be is a fault.
fn read_start(file: &Loaded, faults: &mut Diagnostics) -> Start {
    let kill = file.unit.last(SERVICE, "KillMode").map(values::unquoted_scalar);
    if let Some(kill) = kill.filter(|kill| !matches!(&*kill.text, "mixed" | "control-group")) {
        let text = format!("`KillMode={}` leaves the container running", crate::parse::brief(&kill.text));
        faults.push(
            Diagnostic::error(kill.place(), text)
                .with_hint("use `mixed` or `control-group`, or leave it out"),
        );
    }
    let start = match file.unit.last(SERVICE, "Type").map(values::unquoted_scalar) {
        Some(kind) if kind.text == "oneshot" => Start::Once,
        Some(kind) if kind.text != "notify" => {
            let text =
                format!("a container cannot be a service of `Type={}`", crate::parse::brief(&kind.text));
            faults.push(
                Diagnostic::error(kind.place(), text).with_hint("use `notify` or `oneshot`, or leave it out"),
            );
            Start::Notify
        }
        _ => Start::Notify,
    };
    let commands: Vec<_> = file.unit.entries(SERVICE).filter(|entry| entry.key == "ExecStart").collect();
    if let (Start::Notify, Some(command)) = (start, values::since_reset(&commands).first()) {
        let fault = Diagnostic::error(
            command.place.clone(),
            "a service that stays has one `ExecStart=`, which is made here",
        );
        faults.push(fault.with_hint("use `Exec=` in [Container], or `ExecStartPre=`, or `Type=oneshot`"));
    }
    start
}
