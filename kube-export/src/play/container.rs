//! A container: the words of `create`.

use super::pod::Around;
use super::{
    ContainerWanted, Deciding, POST_START, PRE_STOP, PROBES, READINESS, SAID_OF_CONTAINER, SIDECAR, Said,
    Spot, env, mounts, probes, settings,
};
use crate::names::moves;
use crate::objects::{Container, PodSecurityContext, Profile, SeLinuxOptions, SecurityContext};
use crate::quantity;

pub(super) fn decide(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: &Container,
    is_init: bool,
) -> ContainerWanted {
    let name = match deciding.options.no_pod_prefix {
        true => container.name.clone(),
        false => format!("{}-{}", around.name, container.name),
    };
    let mut wanted = ContainerWanted { name, image: container.image.clone(), ..ContainerWanted::default() };
    let mut words: Vec<String> = vec!["create".to_owned()];
    words.push(format!("--name={}", wanted.name));
    words.push(format!("--pod={}", around.name));
    words.extend(deciding.options.container_words.iter().cloned());
    words.push(format!("--pull={}", pull_policy(deciding, spot, container)));
    // One that goes on beside the others is one of them.
    match (is_init, container.restart_policy.as_str()) {
        (true, "Always") => words.push("--restart=always".to_owned()),
        (true, "") => {
            let kind = settings::of_pod(around.metadata, "init.container.type").unwrap_or("once");
            words.push(format!("--init-ctr={kind}"));
        }
        (true, other) => {
            let text = format!("`{other}` is not `Always`, the only policy that an init container can have");
            deciding.fault(&spot.field("restartPolicy"), text, None);
        }
        (false, "") => words.push(format!("--restart={}", restart(&around.spec.restart_policy))),
        (false, own) => {
            if !matches!(own, "Always" | "OnFailure" | "Never") {
                let text = format!("`{own}` is none of Always, OnFailure, Never");
                deciding.fault(&spot.field("restartPolicy"), text, None);
            }
            words.push(format!("--restart={}", restart(own)));
        }
    }
    let is_sidecar = is_init && container.restart_policy == "Always";
    labels(deciding, around, container, &mut words);
    if is_sidecar {
        words.push(format!("--annotation={SIDECAR}=true"));
    }
    context(deciding, spot, around, container, &mut words, &mut wanted);
    resources(deciding, spot, container, &mut words);
    mounts::mount(deciding, spot, around, container, &mut words);
    let prepares = is_init && !is_sidecar;
    if prepares {
        probes::refuse(deciding, spot, container);
    } else {
        probes::decide(deciding, spot, around.spec, container, &mut words);
        wanted.tells_readiness = container.readiness_probe.is_some();
    }
    if container.stdin {
        words.push("--interactive".to_owned());
    }
    if container.tty {
        words.push("--tty".to_owned());
    }
    if !container.working_dir.is_empty() {
        words.push(format!("--workdir={}", container.working_dir));
    }
    let spec = around.spec;
    if let Some(seconds) = spec.termination_grace_period_seconds.filter(|it| *it >= 0) {
        words.push(format!("--stop-timeout={seconds}"));
    }
    if let Some(seconds) = spec.active_deadline_seconds.filter(|it| *it > 0) {
        words.push(format!("--timeout={seconds}"));
    }
    if spec.host_pid {
        words.push("--pid=host".to_owned());
    }
    if spec.host_ipc {
        words.push("--ipc=host".to_owned());
    }
    if let Some(lifecycle) = &container.lifecycle {
        let spot = spot.field("lifecycle");
        let handlers =
            [("postStart", POST_START, &lifecycle.post_start), ("preStop", PRE_STOP, &lifecycle.pre_stop)];
        for (field, name, handler) in handlers {
            let Some(handler) = handler else { continue };
            if prepares {
                deciding.fault(&spot.field(field), "an init container has no such thing", None);
            } else if let Some(list) = probes::handler(deciding, &spot.field(field), container, handler) {
                words.push(format!("--annotation={name}={list}"));
            }
        }
        if !lifecycle.stop_signal.is_empty() {
            words.push(format!("--stop-signal={}", lifecycle.stop_signal));
        }
    }
    let variables = env::decide(deciding, spot, around, container);
    words.extend(variables.iter().map(|(name, value)| format!("--env={name}={value}")));
    if let Some(said) = Said::of(container, &variables) {
        let said = serde_json::to_string(&said).unwrap_or_default();
        words.push(format!("--annotation={SAID_OF_CONTAINER}={said}"));
    }
    let expand = |words: &[String]| words.iter().map(|it| env::expand(it, &variables)).collect::<Vec<_>>();
    if !container.command.is_empty() {
        let list = serde_json::to_string(&expand(&container.command)).unwrap_or_default();
        words.push(format!("--entrypoint={list}"));
    }
    let image = container.image.trim();
    if image.is_empty() {
        deciding.fault(&spot.field("image"), "a container has an image", None);
    } else if image.starts_with('-') || image.contains(char::is_whitespace) {
        deciding.fault(&spot.field("image"), format_args!("`{image}` is no name of an image"), None);
    }
    words.push(image.to_owned());
    words.extend(expand(&container.args));
    wanted.words = words;
    wanted
}

/// As Podman: an image whose tag moves is looked for each time.
fn pull_policy(deciding: &mut Deciding<'_>, spot: &Spot<'_>, container: &Container) -> &'static str {
    let said = container.image_pull_policy.as_str();
    if !matches!(said, "" | "Always" | "IfNotPresent" | "Never") {
        // Podman takes more, and other cases.
        deciding.note(
            &spot.field("imagePullPolicy"),
            "a cluster takes `Always`, `IfNotPresent` and `Never` only",
        );
    }
    match said.to_ascii_lowercase().as_str() {
        "always" => "always",
        "ifnotpresent" | "missing" => "missing",
        "never" => "never",
        "newer" => "newer",
        "" if moves(&container.image) => "newer",
        "" => "missing",
        _ => {
            let text = format!("`{said}` is none of Always, IfNotPresent, Never");
            deciding.fault(&spot.field("imagePullPolicy"), text, None);
            "missing"
        }
    }
}

fn restart(policy: &str) -> &'static str {
    match policy {
        "Never" => "no",
        "OnFailure" => "on-failure",
        _ => "always",
    }
}

/// Labels and annotations are those of the pod; some of the annotations are settings.
fn labels(deciding: &Deciding<'_>, around: &Around<'_>, container: &Container, words: &mut Vec<String>) {
    words.extend(around.metadata.labels.iter().map(|(key, value)| format!("--label={key}={value}")));
    let said = &around.metadata.annotations;
    let given = deciding.options.annotations.iter().map(|(key, value)| (key, value));
    let all: std::collections::BTreeMap<_, _> = said.iter().chain(given).collect();
    for (key, value) in &all {
        // What we say by these is a container's own.
        if [POST_START, PRE_STOP, READINESS, PROBES, SIDECAR, SAID_OF_CONTAINER].contains(&key.as_str()) {
            continue;
        }
        words.push(format!("--annotation={key}={value}"));
    }
    let own = |name: &str| {
        let of_this = format!("{name}/{}", container.name);
        all.iter()
            .find(|(key, _)| **key == &of_this)
            .or_else(|| all.iter().find(|(key, _)| **key == name))
            .map(|it| *it.1)
    };
    if let Some(policy) = own("io.containers.autoupdate") {
        words.push(format!("--label=io.containers.autoupdate={policy}"));
    }
    if let Some(file) = own("io.containers.autoupdate.authfile") {
        words.push(format!("--label=io.containers.autoupdate.authfile={file}"));
    }
    let setting = |name: &str| own(&settings::key(name));
    if setting("init").is_some_and(|it| it.eq_ignore_ascii_case("true")) {
        words.push("--init".to_owned());
    }
    if let Some(limit) = setting("pids-limit") {
        words.push(format!("--pids-limit={limit}"));
    }
    if let Some(limits) = setting("ulimit") {
        words.extend(limits.split(',').map(|it| format!("--ulimit={}", it.trim())));
    }
    if let Some(profile) = setting("apparmor") {
        words.push(format!("--security-opt=apparmor={profile}"));
    }
    if let Some(label) = setting("label").filter(|it| !it.is_empty()) {
        words.push(format!("--security-opt=label={label}"));
    }
    if let Some(others) = setting("volumes-from") {
        let others = others.split(';').map(str::trim).filter(|it| !it.is_empty());
        words.extend(others.map(|it| format!("--volumes-from={it}")));
    }
}

fn no_profile(deciding: &mut Deciding<'_>, spot: &Spot<'_>, kind: &str) {
    deciding.fault(spot, format_args!("`{kind}` is none of RuntimeDefault, Unconfined, Localhost"), None);
}

fn context(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    around: &Around<'_>,
    container: &Container,
    words: &mut Vec<String>,
    wanted: &mut ContainerWanted,
) {
    let none = (SecurityContext::default(), PodSecurityContext::default());
    let own = container.security_context.as_ref().unwrap_or(&none.0);
    let pod = around.spec.security_context.as_ref().unwrap_or(&none.1);
    let spot = spot.field("securityContext");
    let mut option = |text: String| words.push(format!("--security-opt={text}"));
    if own.allow_privilege_escalation == Some(false) {
        option("no-new-privileges".to_owned());
    }
    if own.proc_mount == "Unmasked" {
        option("unmask=ALL".to_owned());
    }
    if let Some(SeLinuxOptions { level, role, kind, user }) =
        own.se_linux_options.as_ref().or(pod.se_linux_options.as_ref())
    {
        for (name, value) in [("user", user), ("role", role), ("type", kind), ("level", level)] {
            if !value.is_empty() {
                option(format!("label={name}:{value}"));
            }
        }
    }
    if let Some(Profile { kind, localhost_profile }) =
        own.app_armor_profile.as_ref().or(pod.app_armor_profile.as_ref())
    {
        match kind.as_str() {
            "" | "RuntimeDefault" => {}
            "Unconfined" => option("apparmor=unconfined".to_owned()),
            "Localhost" if !localhost_profile.is_empty() => option(format!("apparmor={localhost_profile}")),
            "Localhost" => {
                let text = "the profile of `Localhost` is one that is loaded, by its name";
                deciding.fault(&spot.field("appArmorProfile.localhostProfile"), text, None);
            }
            other => no_profile(deciding, &spot.field("appArmorProfile.type"), other),
        }
    }
    if let Some(Profile { kind, localhost_profile }) =
        own.seccomp_profile.as_ref().or(pod.seccomp_profile.as_ref())
    {
        match kind.as_str() {
            "" | "RuntimeDefault" => {}
            "Unconfined" => option("seccomp=unconfined".to_owned()),
            "Localhost" => {
                let root = &deciding.options.seccomp_root;
                let is_inside =
                    !localhost_profile.is_empty() && localhost_profile.split('/').all(|it| it != "..");
                match is_inside {
                    true => option(format!("seccomp={root}/{}", localhost_profile.trim_start_matches('/'))),
                    false => {
                        let text = "the profile of `Localhost` is a path below --seccomp-profile-root";
                        deciding.fault(&spot.field("seccompProfile.localhostProfile"), text, None);
                    }
                }
            }
            other => no_profile(deciding, &spot.field("seccompProfile.type"), other),
        }
    }
    if own.privileged == Some(true) {
        words.push("--privileged".to_owned());
    }
    if own.read_only_root_filesystem == Some(true) {
        // Kubernetes leaves nothing writable.
        words.extend(["--read-only".to_owned(), "--read-only-tmpfs=false".to_owned()]);
    }
    if let Some(capabilities) = &own.capabilities {
        words.extend(capabilities.add.iter().map(|it| format!("--cap-add={it}")));
        words.extend(capabilities.drop.iter().map(|it| format!("--cap-drop={it}")));
    }
    let user = own.run_as_user.or(pod.run_as_user);
    match (user, own.run_as_group.or(pod.run_as_group)) {
        (Some(user), Some(group)) => words.push(format!("--user={user}:{group}")),
        (Some(user), None) => words.push(format!("--user={user}")),
        (None, Some(_)) => deciding.note(&spot.field("runAsGroup"), "it has an effect with `runAsUser` only"),
        (None, None) => {}
    }
    words.extend(pod.supplemental_groups.iter().map(|it| format!("--group-add={it}")));
    if let Some(group) = pod.fs_group {
        words.push(format!("--group-add={group}"));
    }
    wanted.non_root = own.run_as_non_root.or(pod.run_as_non_root) == Some(true);
    if wanted.non_root && user == Some(0) {
        deciding.fault(&spot.field("runAsNonRoot"), "`runAsUser` is 0, which is root", None);
    }
    wanted.non_root &= user.is_none();
}

fn resources(deciding: &mut Deciding<'_>, spot: &Spot<'_>, container: &Container, words: &mut Vec<String>) {
    let Some(resources) = &container.resources else { return };
    let spot = spot.field("resources");
    for (field, amounts) in [("limits", &resources.limits), ("requests", &resources.requests)] {
        for (name, amount) in amounts {
            let spot = spot.field(field).field(name);
            let Some(milli) = quantity::milli(amount) else {
                let hint = Some("as 500m, 1.5, 64Mi or 1G".to_owned());
                deciding.fault(&spot, format_args!("`{amount}` is no amount"), hint);
                continue;
            };
            let (controller, option, value) = match (field, name.as_str()) {
                _ if milli == 0 => continue,
                ("limits", "cpu") => ("cpu", "--cpus", decimal(milli)),
                ("limits", "memory") => ("memory", "--memory", milli.div_ceil(1000).to_string()),
                ("requests", "memory") => {
                    ("memory", "--memory-reservation", milli.div_ceil(1000).to_string())
                }
                // As a cluster does it: by it a machine is chosen, and there it is the weight among others.
                ("requests", "cpu") => {
                    let shares = milli.saturating_mul(1024) / 1000;
                    ("cpu", "--cpu-shares", shares.clamp(2, 262_144).to_string())
                }
                _ => {
                    deciding.note(&spot, "there is no such limit on one machine");
                    continue;
                }
            };
            match deciding.facts.lack(controller, option) {
                None => words.push(format!("{option}={value}")),
                // A request is a wish, by which a cluster chooses a machine.
                Some(lack) if field == "requests" => {
                    deciding.note(&spot, format_args!("{}; it has no effect", lack.text));
                }
                Some(lack) => deciding.fault(&spot, lack.text, lack.hint),
            }
        }
    }
}

fn decimal(milli: u64) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
