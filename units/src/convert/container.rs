//! A `.container` file to the service that runs it.
//!
//! Knows the rules of `[Container]` that are more than an option; the options themselves are rows of the
//! table, in the order they are written.

use super::activation;
use super::command::CommandLine;
use super::service::Start;
use super::work::Work;
use super::{mount, references, secret, userns};
use crate::vocabulary::Key;

/// What the deprecated `VolatileTmp=` stands for.
const VOLATILE_TMP: &str = "/tmp:rw,size=512M,mode=1777";

/// Writes the service.
pub(super) fn convert(work: &mut Work<'_>) {
    let start = work.start();
    require_image(work);
    let name = work.file.resource();
    work.service("Environment", "PODMAN_SYSTEMD_UNIT=%n");
    work.service_missing(&[("KillMode", "mixed")]);
    let mut remove = work.command(&["rm", "-v", "-f", "-i"]);
    remove.push(&name);
    let (remove, tolerant) = remove.finish_twice();
    work.service("ExecStop", remove);
    work.service("ExecStopPost", tolerant);
    work.stops_in_time();
    reload(work, &name);
    work.delegates();
    if start == Start::Notify {
        work.notifies();
    }
    work.service_missing(&[("SyslogIdentifier", "%N")]);
    let mut run = work.command(&["run"]);
    work.rows(&mut run, |work, key, run| own(work, key, run, &name, start));
    work.service("ExecStart", run.finish());
}

/// The part of the command line that stands at the place of a key without an option of its own.
fn own(work: &mut Work<'_>, key: &Key, run: &mut CommandLine, name: &str, start: Start) {
    match key.name {
        "ContainerName" => {
            if let Some(given) = work.scalar("ContainerName") {
                work.refuse_dash(&given);
            }
            run.extend(&["--name", name, "--replace", "--rm"]);
            activation::convert(work, run, start);
        }
        "CgroupsMode" => match work.scalar("CgroupsMode") {
            Some(mode) => run.extend(&["--cgroups", &mode.text]),
            None => run.push("--cgroups=split"),
        },
        "Network" => references::networks(work, run),
        "Notify" if start == Start::Notify => {
            run.push(notify(work));
            run.push("-d");
        }
        "AddDevice" => {
            // A device that may be missing keeps its dash: whether it is there is seen when the container
            // starts, not at boot, when it may not be there yet.
            for device in work.words("AddDevice") {
                run.extend(&["--device", &device.text]);
            }
        }
        "VolatileTmp"
            if work.boolean("VolatileTmp") == Some(true) && work.boolean("ReadOnly") != Some(true) =>
        {
            run.extend(&["--tmpfs", VOLATILE_TMP]);
        }
        "User" => user(work, run),
        "RemapUsers" => userns::remap(work, run),
        "Volume" => references::volumes(work, run),
        "ExposeHostPort" => expose(work, run),
        "EnvironmentFile" => {
            for file in work.words("EnvironmentFile") {
                run.extend(&["--env-file", &work.path(&file.text)]);
            }
        }
        "Mount" => mount::mounts(work, run),
        "Pod" => pod(work, run),
        "Image" => {
            if let Some(image) = work.scalar("Image").and_then(|image| references::image(work, &image)) {
                run.push(&image);
            }
        }
        "Secret" => secret::used(work, run),
        "Rootfs" => {
            if let Some(root) = work.scalar("Rootfs") {
                run.extend(&["--rootfs", &root.text]);
            }
        }
        // These are words before the sub-command, or part of another key.
        _ => {}
    }
}

/// There must be one thing to run.
fn require_image(work: &mut Work<'_>) {
    match (work.scalar("Image"), work.scalar("Rootfs")) {
        (Some(_), Some(root)) => {
            work.error(&root, "`Rootfs=` and `Image=` exclude each other", "remove one of the two");
        }
        (None, None) => work.lacks(
            "Image",
            "there is no `Image=` to run",
            "add a line such as `Image=docker.io/library/nginx:1.27` to [Container]",
        ),
        _ => {}
    }
}

/// `ReloadCmd=` or `ReloadSignal=`.
fn reload(work: &mut Work<'_>, name: &str) {
    let command = work.words("ReloadCmd");
    match (command.first(), work.scalar("ReloadSignal")) {
        (Some(_), Some(signal)) => {
            work.error(
                &signal,
                "`ReloadSignal=` and `ReloadCmd=` exclude each other",
                "remove one of the two",
            );
        }
        (Some(_), None) => {
            let mut line = work.command(&["exec", name]);
            for word in &command {
                line.push(&word.text);
            }
            work.service("ExecReload", line.finish());
        }
        (None, Some(signal)) => {
            let line = work.command(&["kill", "--signal", &signal.text, name]);
            work.service("ExecReload", line.finish());
        }
        (None, None) => {}
    }
}

/// Who says that the service is ready.
fn notify(work: &mut Work<'_>) -> &'static str {
    let Some(value) = work.scalar("Notify") else { return "--sdnotify=conmon" };
    match value.text.to_ascii_lowercase().as_str() {
        "healthy" => "--sdnotify=healthy",
        "1" | "yes" | "true" | "on" => "--sdnotify=container",
        "0" | "no" | "false" | "off" | "conmon" => "--sdnotify=conmon",
        _ => {
            let text = format!("`{}` is taken for `false`", crate::parse::brief(&value.text));
            work.warning(&value, text, "write `true` (the program tells), `false` or `healthy`");
            "--sdnotify=conmon"
        }
    }
}

fn user(work: &mut Work<'_>, run: &mut CommandLine) {
    match (work.scalar("User"), work.scalar("Group")) {
        (Some(user), None) => run.extend(&["--user", &user.text]),
        (Some(user), Some(group)) => run.extend(&["--user", &format!("{}:{}", user.text, group.text)]),
        (None, Some(group)) => work.error(
            &group,
            "`Group=` needs a `User=` beside it",
            "add `User=`, with a number or a name of the image",
        ),
        (None, None) => {}
    }
}

/// `ExposeHostPort=`: a port or a range of ports, with a protocol.
fn expose(work: &mut Work<'_>, run: &mut CommandLine) {
    for value in work.list("ExposeHostPort") {
        let text = value.text.trim();
        if is_port_range(text) {
            run.extend(&["--expose", text]);
        } else {
            let fault = format!("`{}` is no port to expose", crate::parse::brief(text));
            work.error(&value, fault, "write `PORT` or `FIRST-LAST`, with `/tcp` or `/udp` if need be");
        }
    }
}

fn is_port_range(text: &str) -> bool {
    let ports = text.strip_suffix("/tcp").or_else(|| text.strip_suffix("/udp")).unwrap_or(text);
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit());
    match ports.split_once('-') {
        Some((first, last)) => is_port(first) && is_port(last),
        None => is_port(ports),
    }
}

/// `Pod=`: the container lives and dies with its pod.
fn pod(work: &mut Work<'_>, run: &mut CommandLine) {
    let Some(value) = work.scalar("Pod") else { return };
    if !value.text.ends_with(".pod") {
        let text = format!("`{}` is not a .pod file", crate::parse::brief(&value.text));
        let hint = "name the file that declares the pod, such as `shop.pod`; for a pod made otherwise use `PodmanArgs=--pod NAME`";
        work.error(&value, text, hint);
        return;
    }
    if let Some(pod) = work.provided(&value.text, &value, &["BindsTo", "After"]) {
        run.extend(&["--pod", &pod]);
    }
}
