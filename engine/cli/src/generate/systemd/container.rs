//! A container's service.

use super::command::Command;
use super::text::{Text, is_variable, variables};
use super::{ContainerFacts, GenerateError, Ground, UnitFile, Wishes};
use crate::generate::line::{Given, Line};

/// A container's place among the services of its pod.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The pod's service, without its extension.
    pub(super) pod: String,
    /// All services that must run before this one, sorted.
    pub(super) bound: Vec<String>,
}

/// The service of a container.
pub fn container(
    facts: &ContainerFacts,
    wishes: &Wishes,
    ground: &Ground<'_>,
) -> Result<UnitFile, GenerateError> {
    wishes.check()?;
    of(facts, None, wishes, ground)
}

/// The service of a container that may be in a pod's.
pub(super) fn of(
    facts: &ContainerFacts,
    place: Option<&Place>,
    wishes: &Wishes,
    ground: &Ground<'_>,
) -> Result<UnitFile, GenerateError> {
    let plain = wishes.container_unit(facts)?;
    let unit = if wishes.template { format!("{plain}@") } else { plain.clone() };
    let description =
        if wishes.template { format!("{plain}.service for %I") } else { format!("{plain}.service") };
    let made =
        if wishes.new || wishes.template { Some(Made::of(facts, place, wishes, ground)?) } else { None };
    let mut text = Text::of(&unit, ground, wishes);
    match &made {
        Some(_) => text.unit(&description, ground, "%t/pontoon"),
        None => {
            text.unit(&description, ground, &super::command::value(&ground.run_directory.to_string_lossy()))
        }
    }
    if let Some(place) = place {
        let units: Vec<String> = place.bound.iter().map(|it| format!("{it}.service")).collect();
        text.entry("BindsTo", units.join(" "));
        text.entry("After", units.join(" "));
    }
    text.dependencies(wishes);
    text.section("Service");
    text.entry("Environment", "PODMAN_SYSTEMD_UNIT=%n");
    let mut environment = variables(wishes, ground)?;
    environment.extend(made.iter().flat_map(|it| it.environment.iter().cloned()));
    text.environment(&environment);
    let policy = wishes.restart_policy.as_deref();
    let made_policy = made.as_ref().and_then(|it| it.restart);
    text.entry("Restart", policy.or(made_policy).unwrap_or("on-failure"));
    text.restart_sec(wishes);
    // Of the container's policy, which another one has taken the place of, nothing is left.
    if let Some(burst) = made.as_ref().and_then(|it| it.burst.as_ref()).filter(|_| policy.is_none()) {
        text.entry("StartLimitBurst", burst);
    }
    if let Some(seconds) = wishes.start_timeout {
        text.entry("TimeoutStartSec", seconds);
    }
    let patience = wishes.stop_timeout.unwrap_or(facts.stop_timeout);
    text.entry("TimeoutStopSec", u64::from(patience).saturating_add(60));
    match made {
        Some(made) => {
            let program = Command::of(ground.engine, &made.globals).fold();
            text.entry("ExecStart", made.command.fold());
            let file = "--cidfile=%t/%n.ctr-id";
            text.entry("ExecStop", format_args!("{program} stop \\\n\t--ignore -t {patience} \\\n\t{file}"));
            text.entry(
                "ExecStopPost",
                format_args!("{program} rm \\\n\t-f \\\n\t--ignore -t {patience} \\\n\t{file}"),
            );
            text.entry("Type", "notify");
            text.entry("NotifyAccess", "all");
            text.entry("Delegate", "yes");
        }
        None => {
            let name = if wishes.names { &facts.name } else { &facts.id };
            watched(&mut text, name, patience, facts, ground);
        }
    }
    Ok(UnitFile { name: unit, text: text.finish() })
}

/// Starts and stops a container that is there; systemd watches its supervisor.
pub(super) fn watched(
    text: &mut Text,
    name: &str,
    patience: u32,
    facts: &ContainerFacts,
    ground: &Ground<'_>,
) {
    let program = Command::of(ground.engine, ground.globals).fold();
    text.entry("ExecStart", format_args!("{program} start {name}"));
    let stop = format!("{program} stop  \\\n\t-t {patience} {name}");
    text.entry("ExecStop", &stop);
    text.entry("ExecStopPost", &stop);
    text.entry("PIDFile", facts.pid_file.to_string_lossy().replace('%', "%%"));
    text.entry("Type", "forking");
}

/// A container that its service makes.
struct Made {
    command: Command,
    globals: Vec<String>,
    /// Variables that it takes from our environment.
    environment: Vec<String>,
    /// Its restart policy, which is the service's now.
    restart: Option<&'static str>,
    burst: Option<String>,
}

impl Made {
    /// The command that makes the container, out of the one that made it.
    fn of(
        facts: &ContainerFacts,
        place: Option<&Place>,
        wishes: &Wishes,
        ground: &Ground<'_>,
    ) -> Result<Self, GenerateError> {
        let mut line = Line::of_container(&facts.create_command)
            .map_err(|source| GenerateError::CreateCommand { name: facts.name.clone(), source })?;
        let globals: Vec<String> = line.global_words();
        let environment = taken(&line, ground);
        let (restart, burst) = restart(&line);
        let detaches = line.last("detach").is_some_and(Given::is_on);
        let replaces = line.last("replace").is_some_and(Given::is_on);
        let notifies =
            line.last("sdnotify").and_then(|it| it.value.as_deref()).is_some_and(|it| it != "ignore");
        let is_named = line.last("name").is_some();
        let in_pod = place.is_some();
        line.without(|it| match it.name.as_str() {
            "cgroups" | "cidfile" | "rm" | "restart" => true,
            // Kept together with the words that were said, if they say what we would say.
            "detach" => !detaches,
            "replace" => !replaces,
            "sdnotify" => !notifies,
            "pod" | "pod-id-file" => in_pod,
            // A switch of Pontoon's that runs nothing.
            "dry-run" => true,
            _ => false,
        });
        if wishes.template {
            name_instances(&mut line);
        }
        let before: Vec<String> = line.globals.iter().flat_map(|it| it.words.iter().cloned()).collect();
        let mut command = Command::of(ground.engine, &before);
        let verb: Vec<&str> =
            line.command.iter().map(|it| if it == "create" { "run" } else { it.as_str() }).collect();
        command.ours(&verb);
        command.ours(&["--cidfile=%t/%n.ctr-id", "--cgroups=no-conmon", "--rm"]);
        if let Some(place) = place {
            command.ours(&["--pod-id-file", &format!("%t/{}.pod-id", place.pod)]);
        }
        if !notifies {
            command.ours(&["--sdnotify=conmon"]);
        }
        if !detaches {
            command.ours(&["-d"]);
        }
        if is_named && !replaces {
            command.ours(&["--replace"]);
        }
        for group in &line.options {
            match group.given.first().filter(|it| wishes.template && it.name == "name") {
                // The instance is systemd's to fill in.
                Some(name) => {
                    let value = super::command::word(name.value.as_deref().unwrap_or_default());
                    match group.words.as_slice() {
                        [_] => command.ours(&[format!("--name={value}-%i")]),
                        _ => command.ours(&["--name", &format!("{value}-%i")]),
                    };
                }
                None => {
                    command.words(&group.words);
                }
            }
        }
        command.words(&line.rest);
        Ok(Self { command, globals, environment, restart, burst })
    }
}

/// Puts the name into a group of its own, once.
fn name_instances(line: &mut Line) {
    let Some(name) = line.last("name").cloned() else { return };
    let mut seen = false;
    line.options.retain_mut(|group| {
        if group.given.iter().all(|it| it.name != "name") {
            return true;
        }
        group.given = vec![name.clone()];
        !std::mem::replace(&mut seen, true)
    });
}

/// The variables that a container takes from the environment of whoever makes it, as they are now.
fn taken(line: &Line, ground: &Ground<'_>) -> Vec<String> {
    let mut found = Vec::new();
    let asked = line.given().filter(|it| it.name == "env").filter_map(|it| it.value.as_deref());
    for name in asked.filter(|it| !it.contains('=')) {
        let own = ground.environment.iter().filter(|(own, _)| match name.strip_suffix('*') {
            Some(beginning) => own.starts_with(beginning),
            None => *own == name,
        });
        found.extend(own.filter(|(own, _)| is_variable(own)).map(|(own, value)| format!("{own}={value}")));
    }
    found
}

/// The container's restart policy in systemd's words, and how often it may be started anew.
fn restart(line: &Line) -> (Option<&'static str>, Option<String>) {
    let Some(word) = line.last("restart").and_then(|it| it.value.as_deref()) else { return (None, None) };
    match word.split_once(':') {
        Some(("on-failure", burst)) => (Some("on-failure"), Some(burst.to_owned())),
        _ => match word {
            "no" | "never" | "" => (Some("no"), None),
            "always" | "unless-stopped" => (Some("always"), None),
            _ => (Some("on-failure"), None),
        },
    }
}
