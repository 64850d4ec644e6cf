//! A `.kube` file to the service that plays Kubernetes YAML.

use super::command::CommandLine;
use super::service::Start;
use super::work::Work;
use super::{paths, references, userns};
use crate::vocabulary::Key;

/// Writes the service.
pub(super) fn convert(work: &mut Work<'_>) {
    let start = work.start();
    let files: Vec<String> =
        work.words("Yaml").iter().map(|file| work.path(&file.text).into_owned()).collect();
    if files.is_empty() {
        let hint = "add a line such as `Yaml=shop.yaml`; it lies beside this file";
        work.lacks("Yaml", "there is no `Yaml=` to play", hint);
    }
    work.service_missing(&[("KillMode", "mixed")]);
    work.service("Environment", "PODMAN_SYSTEMD_UNIT=%n");
    if start == Start::Notify {
        work.notifies();
    }
    work.service_missing(&[("SyslogIdentifier", "%N")]);
    let mut rest = CommandLine::empty();
    work.rows(&mut rest, |work, key, rest| own(work, key, rest, &files));
    let mut play = |is_main: &str| {
        let words = ["kube", "play", "--replace", is_main];
        work.command(&words).followed_by(&rest).finish()
    };
    let (start, reload) = (play("--service-container=true"), play("--service-container=false"));
    work.service("ExecStart", start);
    // Changed files are played beside the main process, which goes on with what there is then.
    work.service_usual("ExecReload", reload);
    let mut down = work.command(&["kube", "down"]);
    match work.boolean("KubeDownForce") {
        Some(true) => down.push("--force"),
        Some(false) => down.push("--force=false"),
        None => {}
    }
    for file in &files {
        down.push(file);
    }
    work.service("ExecStopPost", down.finish());
    working_directory(work, &files);
}

fn own(work: &mut Work<'_>, key: &Key, play: &mut CommandLine, files: &[String]) {
    match key.name {
        "RemapUsers" => userns::remap(work, play),
        "Network" => references::networks(work, play),
        "AutoUpdate" => {
            for update in work.words("AutoUpdate") {
                let annotation = match update.text.split_once('/') {
                    Some((container, policy)) => format!("io.containers.autoupdate/{container}={policy}"),
                    None => format!("io.containers.autoupdate={}", update.text),
                };
                play.push(&format!("--annotation={annotation}"));
            }
        }
        "ConfigMap" => {
            for map in work.words("ConfigMap") {
                play.extend(&["--configmap", &work.path(&map.text)]);
            }
        }
        "Yaml" => {
            for file in files {
                play.push(file);
            }
        }
        _ => {}
    }
}

/// `SetWorkingDirectory=`, unless `[Service]` sets the directory itself.
fn working_directory(work: &mut Work<'_>, files: &[String]) {
    let Some(mode) = work.scalar("SetWorkingDirectory") else { return };
    let directory = match (mode.text.to_ascii_lowercase().as_str(), files) {
        ("unit", _) => work.directory_in_unit(),
        ("yaml", [_]) => {
            let file = work.words("Yaml").first().map(|file| file.text.to_string()).unwrap_or_default();
            let file = paths::absolute_unless_expanded(&work.directory_in_unit(), &file);
            paths::parent(&file).to_owned().into()
        }
        ("yaml", _) => {
            let text = "`SetWorkingDirectory=yaml` needs exactly one `Yaml=`";
            work.error(&mode, text, "use `SetWorkingDirectory=unit`, or one file only");
            return;
        }
        _ => {
            let text = format!("`{}` is not a directory to work in", crate::parse::brief(&mode.text));
            work.error(&mode, text, "write `yaml` (the directory of the YAML file) or `unit` (of this file)");
            return;
        }
    };
    if work.setting("WorkingDirectory").is_none() {
        work.service("WorkingDirectory", directory);
    }
}
