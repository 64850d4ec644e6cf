//! A `.pod` file to the service that keeps the pod.
//!
//! The containers of a pod are services of their own; the pod's service wants them and comes before them.

use super::command::CommandLine;
use super::loaded::Loaded;
use super::work::Work;
use super::{SERVICE, UNIT, references, run_as, userns};
use crate::diagnostic::Diagnostics;
use crate::kind::UnitKind;
use crate::values;
use crate::vocabulary::Key;

/// Writes the service; `members` are the services of the containers that start with it.
pub(super) fn convert(work: &mut Work<'_>, members: &[&str]) {
    let name = work.file.resource();
    let pid_file = pid_file(work);
    for member in members {
        work.draft.add(UNIT, "Wants", (*member).to_owned());
        work.draft.add(UNIT, "Before", (*member).to_owned());
    }
    work.refuse_own_command(false);
    work.service_missing(&[("SyslogIdentifier", "%N")]);
    let start = work.command(&["pod", "start", &name]);
    work.service("ExecStart", start.finish());
    let time = work.scalar("StopTimeout").map_or_else(|| "10".to_owned(), |time| time.text.into_owned());
    let stop = work.command(&["pod", "stop", "--ignore", &format!("--time={time}"), &name]);
    work.service("ExecStop", stop.finish());
    work.stops_in_time();
    let remove = work.command(&["pod", "rm", "--ignore", "--force", &name]);
    work.service("ExecStopPost", remove.finish());
    let mut create =
        work.command(&["pod", "create", &format!("--infra-conmon-pidfile={pid_file}"), "--replace"]);
    work.rows(&mut create, |work, key, create| own(work, key, create, &name));
    work.service("ExecStartPre", create.finish());
    work.service("Environment", "PODMAN_SYSTEMD_UNIT=%n");
    for (key, value) in [("Type", "forking".to_owned()), ("PIDFile", pid_file)] {
        if let Some(given) = work.setting(key).filter(|given| given.text != value) {
            let text = format!("a pod cannot have `{key}={}`", crate::parse::brief(&given.text));
            work.error(&given, text, format!("leave it out: systemd follows the pod by `{key}={value}`"));
        }
        work.draft.set(SERVICE, key, value);
    }
    work.service_missing(&[("Restart", "on-failure")]);
}

/// Where the process lies whose end is the pod's: in the manager's runtime directory, or that of the user who may write there.
fn pid_file(work: &Work<'_>) -> String {
    match &work.run_as {
        Some(user) => format!("{}/{user}/%N.pid", run_as::RUNTIME),
        None => "%t/%N.pid".to_owned(),
    }
}

fn own(work: &mut Work<'_>, key: &Key, create: &mut CommandLine, name: &str) {
    match key.name {
        "ExitPolicy" => {
            let policy = work.scalar("ExitPolicy");
            create.extend(&["--exit-policy", policy.as_ref().map_or("stop", |policy| &policy.text)]);
        }
        "RemapUsers" => userns::remap(work, create),
        "Network" => references::networks(work, create),
        "Volume" => references::volumes(work, create),
        "PodName" => {
            if let Some(given) = work.scalar("PodName") {
                work.refuse_dash(&given);
            }
            create.extend(&["--infra-name", &format!("{name}-infra"), "--name", name]);
        }
        _ => {}
    }
}

/// The pod's file that a container starts with, as the container says.
///
/// A template starts with none: nobody could say as which of its instances.
pub(super) fn started_by(container: &Loaded) -> Option<String> {
    let is_template = matches!(container.name.instance(), Some((_, "")));
    if container.name.kind != UnitKind::Container || is_template {
        return None;
    }
    let section = container.unit.section(UnitKind::Container.section())?;
    let pod = values::unquoted_scalar(section.last("Pod")?).text.into_owned();
    let starts = section
        .last("StartWithPod")
        .is_none_or(|entry| values::read_boolean(entry, &mut Diagnostics::new()) != Some(false));
    starts.then_some(pod)
}
