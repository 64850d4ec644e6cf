//! Which running services do not do what their files say any more.

use std::collections::HashMap;

use pontoon_generator::plan::{Change, Fate, Services};
use pontoon_lifecycle::record::ContainerRecord;
use pontoon_rootless::dbus::{self, Bus, UnitState};

/// Why a running service is stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// A reload changes it.
    Changes,
    /// It was changed since it was started.
    Changed,
}

/// A running service that must be restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stale {
    pub(super) unit: String,
    pub(super) reason: Reason,
}

/// The running units of a service: itself, or the instances of a template.
pub(super) fn running<'s>(states: &'s [UnitState], service: &str) -> Vec<&'s str> {
    let is_it = |name: &str| match service.split_once("@.") {
        Some((before, extension)) => {
            let instance = name.strip_prefix(before).and_then(|rest| rest.strip_prefix('@'));
            instance.and_then(|rest| rest.strip_suffix(extension)).is_some_and(|rest| rest.len() > 1)
        }
        None => name == service,
    };
    let runs = |unit: &&UnitState| matches!(&*unit.active, "active" | "activating" | "reloading");
    states.iter().filter(runs).map(|unit| unit.name.as_str()).filter(|name| is_it(name)).collect()
}

/// The running services that are stale, by name.
pub(super) fn stale(
    bus: &Bus,
    states: &[UnitState],
    now: &Services,
    changes: &[Change],
    containers: &[ContainerRecord],
) -> Vec<Stale> {
    let mut found = Vec::new();
    for change in changes.iter().filter(|change| change.needs_restart) {
        let units = running(states, &change.name);
        found.extend(units.into_iter().map(|unit| Stale { unit: unit.to_owned(), reason: Reason::Changes }));
    }
    let by_unit: HashMap<&str, &ContainerRecord> = containers
        .iter()
        .filter_map(|record| Some((record.request.systemd_unit.as_deref()?, record)))
        .collect();
    for service in now.keys() {
        if changes.iter().any(|change| change.name == *service && change.fate != Fate::Added) {
            continue;
        }
        for unit in running(states, service) {
            let Some(record) = by_unit.get(unit) else { continue };
            // A pod is made before its service starts it.
            let is_pod = record.request.infra.is_some();
            let property = if is_pod { "ExecStartPre" } else { "ExecStart" };
            let commands = dbus::commands(bus, unit, property).unwrap_or_default();
            if maker(&commands, is_pod).is_some_and(|it| differs(it, &record.request.create_command)) {
                found.push(Stale { unit: unit.to_owned(), reason: Reason::Changed });
            }
        }
    }
    found.sort_by(|one, other| one.unit.cmp(&other.unit));
    found
}

/// The command of a unit that makes its container, or its pod, before which others may be run.
fn maker(commands: &[Vec<String>], is_pod: bool) -> Option<&Vec<String>> {
    let creates = |command: &&Vec<String>| command.windows(2).any(|words| words == ["pod", "create"]);
    if is_pod { commands.iter().rfind(creates) } else { commands.last() }
}

/// Whether a unit's command is not the one that a container was made with, as far as that can be told: variables
/// are known to the manager alone.
fn differs(command: &[String], made_with: &[String]) -> bool {
    let words: Vec<String> = command.iter().skip(1).map(|word| word.replace("$$", "\0")).collect();
    if words.iter().any(|word| word.contains('$')) {
        return false;
    }
    let words: Vec<String> = words.iter().map(|word| word.replace('\0', "$")).collect();
    words != made_with.get(1..).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(name: &str, active: &str) -> UnitState {
        UnitState { name: name.into(), load: "loaded".into(), active: active.into(), sub: String::new() }
    }

    #[test]
    fn instances_run_for_their_template() {
        let states =
            [state("a@x.service", "active"), state("a@y.service", "failed"), state("a.service", "active")];
        assert_eq!(running(&states, "a@.service"), ["a@x.service"]);
        assert_eq!(running(&states, "a.service"), ["a.service"]);
        assert_eq!(running(&states, "b.service"), [""; 0]);
    }

    #[test]
    fn a_pod_is_made_by_its_own_command() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let create = words("/usr/bin/pontoon pod create --name a");
        let commands = [words("/bin/mkdir a"), create.clone(), words("/bin/true")];
        assert_eq!(maker(&commands, true), Some(&create));
        assert_eq!(maker(&commands, false), commands.last());
        assert_eq!(maker(&commands[..1], true), None);
    }

    #[test]
    fn commands_are_compared_unless_the_manager_expands_them() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(!differs(&words("/usr/bin/pontoon run a"), &words("pontoon run a")));
        assert!(differs(&words("/usr/bin/pontoon run b"), &words("pontoon run a")));
        assert!(!differs(&words("/usr/bin/pontoon run $B"), &words("pontoon run a")));
        assert!(!differs(&words("/usr/bin/pontoon run $$B"), &words("pontoon run $B")));
    }
}
