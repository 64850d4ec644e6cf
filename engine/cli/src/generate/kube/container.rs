//! A container.

use std::collections::BTreeMap;

use pontoon_kube::names::{NameRule, moves};
use pontoon_kube::objects::{
    Capabilities, Container, ContainerPort, EnvSource, EnvVar, KeySelector, PodSecurityContext, Profile,
    Resources, SeLinuxOptions, SecurityContext,
};
use pontoon_kube::play::{SAID_OF_CONTAINER, Said, needed_by_container};
use pontoon_kube::quantity;
use pontoon_lifecycle::annotated;
use pontoon_lifecycle::request::{CreateRequest, PullPolicy, SeccompRequest, SecretPlace};
use pontoon_network::Protocol;

use super::{Group, Member, Played, Writing, checks, config, mounts, pod, unsaid};

/// The kernel's period of processor time, in microseconds.
const PERIOD: u64 = 100_000;

pub(super) fn write(writing: &mut Writing<'_>, member: &Member<'_>, group: &Group<'_>) {
    let request = member.request;
    let name = writing.allowed(member.name, NameRule::Label);
    let mut container = Container { name, image: member.image.to_owned(), ..Container::default() };
    if request.rootfs.is_some() {
        writing.lost(member.name, "--rootfs", "a cluster runs images");
    }
    command(&mut container, request);
    policy(writing, member, &mut container);
    match said(request) {
        Some(said) => {
            said.restore(&mut container);
            config::needed(writing, member.name, "--env", &needed_by_container(&container));
        }
        None => environment(writing, member, &mut container),
    }
    secrets(writing, member, &mut container);
    if let Some(workdir) = &request.workdir {
        container.working_dir.clone_from(workdir);
    }
    (container.stdin, container.tty) = (request.interactive, request.tty);
    resources(writing, member, &mut container, group.played != Played::Not);
    context(writing, member, &mut container);
    mounts::write(writing, member, &mut container);
    if request.init_container.is_none() {
        checks::write(writing, member, &mut container);
    }
    // The pod's ports are those of its first container, as nobody knows whose they are.
    let is_first = writing.spec.containers.is_empty() && request.init_container.is_none();
    let of_pod = group.infra.filter(|_| is_first).map_or(&[][..], |it| it.publish.as_slice());
    ports(writing, member, &mut container, of_pod);
    for (key, value) in &request.labels {
        match key.as_str() {
            "io.containers.autoupdate" => {
                let key = format!("io.containers.autoupdate/{}", container.name);
                writing.metadata.annotations.insert(key, value.clone());
            }
            _ => pod::label(writing, member.name, key, value),
        }
    }
    for (key, value) in &request.annotations {
        // A cluster has fields for what these say.
        if checks::OURS.contains(&key.as_str()) {
            continue;
        }
        if !pontoon_kube::names::is_qualified(key) {
            writing.lost(member.name, &format!("--annotation {key}"), "a cluster takes no such key");
        } else if writing.metadata.annotations.get(key).is_some_and(|it| it != value) {
            writing.lost(
                member.name,
                &format!("--annotation {key}"),
                "annotations are the pod's, which has another",
            );
        } else {
            writing.metadata.annotations.insert(key.clone(), value.clone());
        }
    }
    unsaid::write(writing, member, &container);
    match request.init_container {
        Some(_) => writing.spec.init_containers.push(container),
        None if annotated::is_sidecar(&request.annotations) => {
            "Always".clone_into(&mut container.restart_policy);
            writing.spec.init_containers.push(container);
        }
        None => writing.spec.containers.push(container),
    }
}

/// The words after the image are `args`: a cluster, too, puts them after the image's entry point.
fn command(container: &mut Container, request: &CreateRequest) {
    match &request.entrypoint {
        None => container.args.clone_from(&request.command),
        // Without an entry point the words are all there is.
        Some(entry) if entry.is_empty() => container.command.clone_from(&request.command),
        Some(entry) => {
            container.command.clone_from(entry);
            container.args.clone_from(&request.command);
        }
    }
    // `$(NAME)` means something there, which it did not here.
    for word in container.command.iter_mut().chain(&mut container.args) {
        *word = escaped(word);
    }
}

/// A text that comes out of a cluster's expansion as it is: there `$$` is `$`, and `$(` begins a name.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        out.push(char);
        if char == '$' && matches!(chars.peek(), Some('$' | '(')) {
            out.push('$');
        }
    }
    out
}

fn policy(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    let policy = match member.request.pull {
        // What a cluster does that is told nothing depends on the tag.
        PullPolicy::Missing if moves(member.image) => "IfNotPresent",
        PullPolicy::Missing => "",
        PullPolicy::Always => "Always",
        PullPolicy::Never => "Never",
        PullPolicy::Newer if moves(member.image) => "",
        PullPolicy::Newer => {
            let reason = "a cluster that cannot reach the registry fails";
            writing.approximated(member.name, "--pull newer", reason);
            "Always"
        }
    };
    policy.clone_into(&mut container.image_pull_policy);
}

/// What was said of the variables of a container that was played, if it has them still.
fn said(request: &CreateRequest) -> Option<Said> {
    let (_, said) = request.annotations.iter().rev().find(|it| it.0 == SAID_OF_CONTAINER)?;
    Said::read(said, &request.env)
}

fn environment(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    let request = member.request;
    let mut order: Vec<&str> = Vec::new();
    let mut last: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, value) in &request.env {
        // The last one counts, and stands where it was said.
        order.retain(|it| it != name);
        order.push(name);
        last.insert(name, value);
    }
    if writing.wishes.config_maps {
        config::files(writing, member, container, &mut last);
    }
    for name in order {
        let Some(value) = last.get(name) else { continue };
        container.env.push(EnvVar { name: name.to_owned(), value: Some(escaped(value)), value_from: None });
    }
}

/// Variables that are said by other options.
fn secrets(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    let request = member.request;
    for secret in &request.secrets {
        let SecretPlace::Env { name } = &secret.place else { continue };
        let (object, key) = config::secret(writing, member.name, &secret.name);
        let selector = KeySelector { key, name: object, optional: None };
        let source = EnvSource { secret_key_ref: Some(selector), ..EnvSource::default() };
        container.env.push(EnvVar { name: name.clone(), value: None, value_from: Some(source) });
    }
    if let Some(zone) = request.timezone.as_ref().filter(|it| *it != "local") {
        container.env.push(EnvVar { name: "TZ".to_owned(), value: Some(zone.clone()), value_from: None });
        writing.approximated(
            member.name,
            "--tz",
            "the variable TZ says it, and the image must know the zone",
        );
    }
}

fn resources(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container, is_played: bool) {
    let asked = &member.request.resources;
    let mut resources = Resources::default();
    if let Some(bytes) = asked.memory.filter(|it| *it > 0) {
        resources.limits.insert("memory".to_owned(), quantity::of_bytes(bytes));
    }
    if let Some(bytes) = asked.memory_reservation.filter(|it| *it > 0) {
        resources.requests.insert("memory".to_owned(), quantity::of_bytes(bytes));
    }
    if let Some(quota) = asked.cpu_quota.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0) {
        let period = asked.cpu_period.filter(|it| *it > 0).unwrap_or(PERIOD);
        resources.limits.insert("cpu".to_owned(), quantity::of_milli((quota * 1000).div_ceil(period)));
    }
    if let Some(shares) = asked.cpu_shares {
        resources.requests.insert("cpu".to_owned(), quantity::of_milli((shares * 1000).div_ceil(1024)));
        // Of a request it was made, and that is it again.
        if !is_played {
            writing.approximated(member.name, "--cpu-shares", "1024 shares are a request of one processor");
        }
    }
    let others = [
        ("--memory-swap", asked.memory_swap.is_some()),
        ("--pids-limit", asked.pids_limit.is_some()),
        ("--cpuset-cpus", !asked.cpuset_cpus.is_empty()),
        ("--cpuset-mems", !asked.cpuset_mems.is_empty()),
        ("--blkio-weight", asked.blkio_weight.is_some() || !asked.blkio_weight_device.is_empty()),
        ("--device-read-bps", !asked.device_read_bps.is_empty() || !asked.device_read_iops.is_empty()),
        ("--device-write-bps", !asked.device_write_bps.is_empty() || !asked.device_write_iops.is_empty()),
        ("--cgroup-conf", !asked.cgroup_conf.is_empty()),
    ];
    for (option, _) in others.iter().filter(|it| it.1) {
        writing.lost(member.name, option, "a container of a cluster has no such limit");
    }
    container.resources = (resources != Resources::default()).then_some(resources);
}

fn context(writing: &mut Writing<'_>, member: &Member<'_>, container: &mut Container) {
    let request = member.request;
    let mut context = SecurityContext::default();
    if request.privileged {
        context.privileged = Some(true);
    }
    if request.no_new_privileges {
        context.allow_privilege_escalation = Some(false);
    }
    if request.read_only {
        context.read_only_root_filesystem = Some(true);
    }
    let bare = |names: &[String]| {
        names.iter().map(|it| it.trim_start_matches("CAP_").to_owned()).collect::<Vec<_>>()
    };
    let capabilities = Capabilities { add: bare(&request.cap_add), drop: bare(&request.cap_drop) };
    context.capabilities = (capabilities != Capabilities::default()).then_some(capabilities);
    if let Some(user) = &request.user {
        let (user, group) =
            user.split_once(':').map_or((user.as_str(), None), |(user, group)| (user, Some(group)));
        let number = |text: &str| text.parse::<u32>().ok().map(i64::from);
        (context.run_as_user, context.run_as_group) = (number(user), group.and_then(number));
        let is_lost = context.run_as_user.is_none() || (group.is_some() && context.run_as_group.is_none());
        if is_lost {
            writing.lost(
                member.name,
                "--user",
                "a cluster takes numbers only, and names are the image's own",
            );
        }
    }
    let of_volumes =
        request.mounts.iter().flat_map(|it| &it.options).find_map(|it| it.strip_prefix("fsgroup="));
    let of_volumes = of_volumes.and_then(|it| it.parse::<i64>().ok());
    if of_volumes.is_some() {
        writing.spec.security_context.get_or_insert_with(PodSecurityContext::default).fs_group = of_volumes;
    }
    for group in &request.group_add {
        match group.parse::<i64>() {
            // Its processes are in that one as well.
            Ok(group) if Some(group) == of_volumes => {}
            Ok(group) => {
                let pod = writing.spec.security_context.get_or_insert_with(PodSecurityContext::default);
                if !pod.supplemental_groups.contains(&group) {
                    pod.supplemental_groups.push(group);
                }
            }
            Err(_) => writing.lost(member.name, "--group-add", "a cluster takes numbers only"),
        }
    }
    let simple = |kind: &str| Some(Profile { kind: kind.to_owned(), ..Profile::default() });
    let local =
        |name: &str| Some(Profile { kind: "Localhost".to_owned(), localhost_profile: name.to_owned() });
    match request.apparmor.as_deref() {
        None => {}
        Some("unconfined") => context.app_armor_profile = simple("Unconfined"),
        Some(name) => {
            let text = format!("the profile `{name}` must be loaded on the cluster's machines");
            writing.approximated(member.name, "--security-opt apparmor", text);
            context.app_armor_profile = local(name);
        }
    }
    match &request.seccomp {
        // A cluster has no filter if nothing is said; here there is one.
        SeccompRequest::Default if request.privileged => {}
        SeccompRequest::Default => context.seccomp_profile = simple("RuntimeDefault"),
        SeccompRequest::Unconfined => context.seccomp_profile = simple("Unconfined"),
        SeccompRequest::Profile(path) => {
            let file = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            let text = format!("`{file}` must lie in the directory of profiles of the cluster's machines");
            writing.approximated(member.name, "--security-opt seccomp", text);
            context.seccomp_profile = local(&file);
        }
    }
    let mut label = SeLinuxOptions::default();
    for option in &request.label_options {
        match option.split_once(':') {
            Some(("user", value)) => value.clone_into(&mut label.user),
            Some(("role", value)) => value.clone_into(&mut label.role),
            Some(("type", value)) => value.clone_into(&mut label.kind),
            Some(("level", value)) => value.clone_into(&mut label.level),
            _ if option == "disable" => "spc_t".clone_into(&mut label.kind),
            _ => writing.lost(
                member.name,
                &format!("--security-opt label={option}"),
                "a cluster has no such option",
            ),
        }
    }
    context.se_linux_options = (label != SeLinuxOptions::default()).then_some(label);
    if request.unmask.iter().any(|it| it == "ALL") {
        "Unmasked".clone_into(&mut context.proc_mount);
    } else if !request.unmask.is_empty() || !request.mask.is_empty() {
        writing.lost(member.name, "--security-opt mask", "a cluster masks all of the usual paths, or none");
    }
    container.security_context = (context != SecurityContext::default()).then_some(context);
}

fn ports(
    writing: &mut Writing<'_>,
    member: &Member<'_>,
    container: &mut Container,
    of_pod: &[pontoon_network::PortMapping],
) {
    for mapping in member.request.publish.iter().chain(of_pod) {
        if mapping.host_port == 0 {
            writing.approximated(
                member.name,
                "--publish",
                "no port of the machine is published: a Service does that",
            );
        }
        for offset in 0..mapping.range.max(1) {
            let protocol = match mapping.protocol {
                Protocol::Tcp => "",
                Protocol::Udp => "UDP",
                Protocol::Sctp => "SCTP",
            };
            container.ports.push(ContainerPort {
                container_port: mapping.container_port.saturating_add(offset),
                host_ip: mapping
                    .host_ip
                    .filter(|it| !it.is_unspecified())
                    .map(|it| it.to_string())
                    .unwrap_or_default(),
                host_port: (mapping.host_port > 0).then(|| mapping.host_port.saturating_add(offset)),
                name: String::new(),
                protocol: protocol.to_owned(),
            });
        }
    }
}
