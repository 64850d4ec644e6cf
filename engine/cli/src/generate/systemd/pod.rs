//! A pod's services: its own, and one for each of its containers.

use super::command::Command;
use super::container::{self, Place, watched};
use super::text::Text;
use super::{ContainerFacts, GenerateError, Ground, PodFacts, UnitFile, Wishes};
use crate::generate::line::{Given, Line};

/// The services of a pod: its own comes first.
pub fn pod(facts: &PodFacts, wishes: &Wishes, ground: &Ground<'_>) -> Result<Vec<UnitFile>, GenerateError> {
    wishes.check()?;
    if wishes.template {
        return Err(GenerateError::TemplateOfPod);
    }
    let unit = wishes.pod_unit(facts)?;
    let names = |of: &ContainerFacts| wishes.container_unit(of);
    let mut members: Vec<String> = facts.members.iter().map(names).collect::<Result<_, _>>()?;
    members.sort();
    let mut files = vec![own(facts, &unit, &members, wishes, ground)?];
    for member in &facts.members {
        let needed = facts.members.iter().filter(|it| member.needs.contains(&it.name));
        let mut bound: Vec<String> = needed.map(names).collect::<Result<_, _>>()?;
        bound.push(unit.clone());
        bound.sort();
        let place = Place { pod: unit.clone(), bound };
        files.push(container::of(member, Some(&place), wishes, ground)?);
    }
    Ok(files)
}

/// The service of the pod itself.
fn own(
    facts: &PodFacts,
    unit: &str,
    members: &[String],
    wishes: &Wishes,
    ground: &Ground<'_>,
) -> Result<UnitFile, GenerateError> {
    let mut text = Text::of(unit, ground, wishes);
    let mounts = super::command::value(&ground.run_directory.to_string_lossy());
    text.unit(&format!("{unit}.service"), ground, &mounts);
    if !members.is_empty() {
        let members: Vec<String> = members.iter().map(|it| format!("{it}.service")).collect();
        text.entry("Wants", members.join(" "));
        text.entry("Before", members.join(" "));
    }
    text.section("Service");
    text.entry("Environment", "PODMAN_SYSTEMD_UNIT=%n");
    text.entry("Restart", wishes.restart_policy.as_deref().unwrap_or("on-failure"));
    text.restart_sec(wishes);
    let patience = wishes.stop_timeout.unwrap_or(facts.infra.stop_timeout);
    text.entry("TimeoutStopSec", u64::from(patience).saturating_add(60));
    if wishes.new {
        let made = made(facts, unit, ground)?;
        let id_file = format!("--pod-id-file %t/{unit}.pod-id");
        let program = Command::of(ground.engine, &made.globals).fold();
        text.entry("ExecStartPre", made.command.fold());
        text.entry("ExecStart", format_args!("{program} pod start \\\n\t{id_file}"));
        text.entry(
            "ExecStop",
            format_args!("{program} pod stop \\\n\t--ignore \\\n\t{id_file}  \\\n\t-t {patience}"),
        );
        text.entry("ExecStopPost", format_args!("{program} pod rm \\\n\t--ignore \\\n\t-f \\\n\t{id_file}"));
        text.entry("PIDFile", format_args!("%t/{unit}.pid"));
        text.entry("Type", "forking");
    } else {
        let name = if wishes.names { &facts.infra.name } else { &facts.infra.id };
        watched(&mut text, name, patience, &facts.infra, ground);
    }
    Ok(UnitFile { name: unit.to_owned(), text: text.finish() })
}

/// A pod that its service makes.
struct Made {
    command: Command,
    globals: Vec<String>,
}

fn made(facts: &PodFacts, unit: &str, ground: &Ground<'_>) -> Result<Made, GenerateError> {
    let mut line = Line::of("pod create", &facts.create_command)
        .map_err(|source| GenerateError::CreateCommand { name: facts.name.clone(), source })?;
    let globals = line.global_words();
    let is_named = line.last("name").is_some();
    let replaces = line.last("replace").is_some_and(Given::is_on);
    let exits = line.last("exit-policy").is_some();
    line.without(|it| match it.name.as_str() {
        "infra-conmon-pidfile" | "pod-id-file" => true,
        "replace" => !replaces,
        _ => false,
    });
    let before: Vec<String> = line.globals.iter().flat_map(|it| it.words.iter().cloned()).collect();
    let mut command = Command::of(ground.engine, &before);
    command.ours(&["pod", "create"]);
    command.ours(&["--infra-conmon-pidfile", &format!("%t/{unit}.pid")]);
    command.ours(&["--pod-id-file", &format!("%t/{unit}.pod-id")]);
    if !exits {
        command.ours(&["--exit-policy=stop"]);
    }
    if !is_named && !replaces {
        command.ours(&["--replace"]);
    }
    for group in &line.options {
        command.words(&group.words);
    }
    command.words(&line.rest);
    if is_named && !replaces {
        command.ours(&["--replace"]);
    }
    Ok(Made { command, globals })
}
