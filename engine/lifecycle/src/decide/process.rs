//! What runs, as whom, with which environment.

use pontoon_image::ImageConfig;
use pontoon_rootless::names::HostUser;
use pontoon_runtime::plan::{Entry, HostEntry, Process, Rlimit};

use super::confinement::Confinement;
use super::environment::{self, Settings};
use super::{DecideError, Facts};
use crate::record::ContainerRecord;
use crate::request::{CreateRequest, SystemdMode, UserNsMode};

/// What a container finds where the image says nothing.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What a pod's infra container is told to run; it is no program of its files, but our own init.
pub const INFRA: &str = "pontoon-init";
/// Where an init of the host's is found.
pub(super) const INIT: &str = "/run/podman-init";
/// More open files than this nobody needs, and some programs loop over all of them.
const MAX_OPEN_FILES: u64 = 1 << 20;

pub(super) fn decide(
    facts: &Facts<'_>,
    hostname: &str,
    confinement: &Confinement,
) -> Result<Process, DecideError> {
    let request = &facts.record.request;
    let create_cwd = request.workdir.as_ref().is_none_or(String::is_empty);
    let args = arguments(facts)?;
    let cwd = working_directory(request, facts.image);
    let hosts = facts.host_users.iter().map(|it| host_entry(it, facts, &cwd)).collect();
    let own = kept(facts);
    let known = own.or(facts.namesake.as_ref());
    Ok(Process {
        env: environment(facts, hostname, is_systemd(request, &args)),
        args: behind_init(request, args),
        cwd: cwd.clone(),
        create_cwd,
        user: user(facts.record, facts.image, facts.caller),
        groups: request
            .group_add
            .iter()
            .cloned()
            .chain(facts.cdi.groups.iter().map(u32::to_string))
            .chain(kept_group(facts).map(|it| it.to_string()))
            .collect(),
        keep_groups: request.keep_groups,
        entry: (request.passwd != Some(false)).then(|| Entry {
            name: known.map_or_else(|| number(facts), |it| it.name.clone()),
            group_name: own.map(|it| it.name.clone()),
            comment: known.map(|it| it.comment.clone()),
            home: known.map(|it| home(it, facts.record, &cwd)),
            passwd: request.passwd_entry.clone(),
            group: request.group_entry.clone(),
            hosts,
        }),
        root_capabilities: confinement.root_capabilities,
        user_capabilities: confinement.user_capabilities,
        no_new_privileges: request.no_new_privileges,
        rlimits: limits(facts),
        umask: request.umask.unwrap_or(0o022),
        nice: None,
        oom_score_adj: request.oom_score_adj.map(|it| oom_score_adj(it, facts)),
        terminal: request.tty,
        window: facts.streams.window,
        preserve_fds: facts.streams.preserve_fds,
        preserved: facts.streams.preserved.clone(),
        personality: request.personality,
        unattended: false,
        labels: facts.labels.clone(),
        init: request.init && request.init_path.is_none(),
        pauses: request.infra.is_some(),
    })
}

/// The group by which somebody else who runs the payload gets at what belongs to the caller, who keeps her ids.
fn kept_group(facts: &Facts<'_>) -> Option<u32> {
    let request = &facts.record.request;
    match &request.userns {
        UserNsMode::KeepId { gid, .. } if facts.caller.uid != 0 && request.user.is_some() => {
            Some(gid.unwrap_or(facts.caller.gid))
        }
        _ => None,
    }
}

/// An ordinary user can make nothing outlive herself where memory is short.
fn oom_score_adj(asked: i32, facts: &Facts<'_>) -> i32 {
    let own = facts.oom_score_adj.filter(|_| facts.caller.uid != 0);
    own.map_or(asked, |own| asked.max(own))
}

/// The arguments, behind an init of the host's if one is to be the first process.
fn behind_init(request: &CreateRequest, args: Vec<String>) -> Vec<String> {
    match (&request.init_path, request.init) {
        (Some(_), true) => [vec![INIT.to_owned(), "--".to_owned()], args].concat(),
        _ => args,
    }
}

/// The home of a user of the host's, as Podman has it: it is there only if something is mounted in it, or above it.
fn home(user: &HostUser, record: &ContainerRecord, cwd: &str) -> String {
    let mounts = record.request.mounts.iter().map(|it| &it.target);
    let mut targets = mounts.chain(record.volumes.iter().map(|it| &it.target));
    let is_mounted = targets.any(|it| it != "/" && std::path::Path::new(&user.home).starts_with(it));
    if is_mounted { user.home.clone() } else { cwd.to_owned() }
}

/// A line of `/etc/passwd` for a user of the host's.
fn host_entry(user: &HostUser, facts: &Facts<'_>, cwd: &str) -> HostEntry {
    let home = home(user, facts.record, cwd);
    let HostUser { name, uid, gid, comment, .. } = user;
    HostEntry {
        name: name.clone(),
        uid: *uid,
        line: format!("{name}:*:{uid}:{gid}:{comment}:{home}:/bin/sh"),
        // Who keeps her id keeps her group.
        group: (kept_group(facts) == Some(*gid) && *uid == facts.caller.uid)
            .then(|| format!("{name}:x:{gid}:{name}")),
    }
}

/// What is to be known of a user of the host's where it is only about who owns something.
#[must_use]
pub fn ownership(user: &HostUser) -> HostEntry {
    let HostUser { name, uid, gid, .. } = user;
    HostEntry { name: name.clone(), uid: *uid, line: format!("{name}:*:{uid}:{gid}::/:"), group: None }
}

/// The image's entrypoint and command, as far as the request does not replace them: an entrypoint of the request's own makes
/// the image's command meaningless.
fn arguments(facts: &Facts<'_>) -> Result<Vec<String>, DecideError> {
    let request = &facts.record.request;
    if request.infra.is_some() {
        return Ok(vec![INFRA.to_owned()]);
    }
    let image = &facts.image.config;
    let own = |list: &Option<Vec<String>>| list.clone().unwrap_or_default();
    let mut arguments = request.entrypoint.clone().unwrap_or_else(|| own(&image.entrypoint));
    if request.command.is_empty() && request.entrypoint.is_none() {
        arguments.extend(own(&image.cmd));
    } else {
        arguments.extend(request.command.iter().cloned());
    }
    if arguments.first().is_none_or(String::is_empty) {
        return Err(match &request.rootfs {
            Some(rootfs) => DecideError::NoCommandFor { rootfs: rootfs.path.clone() },
            None => DecideError::NoCommand { image: facts.record.image_name.clone() },
        });
    }
    Ok(arguments)
}

/// What the engine sets, what comes from the host unasked, what the image sets, and what was asked for; later settings win.
fn environment(facts: &Facts<'_>, hostname: &str, is_systemd: bool) -> Vec<String> {
    let request = &facts.record.request;
    let uuid = facts.record.id.get(..32).filter(|_| is_systemd);
    let mut settings = first_settings(request, facts.image, uuid, Some(hostname));
    if super::notify(facts) == pontoon_monitor::plan::NotifyPlan::Container {
        let (directory, name) =
            (pontoon_monitor::state::NOTIFY_DIRECTORY, pontoon_monitor::state::NOTIFY_NAME);
        settings.set("NOTIFY_SOCKET", &format!("{directory}/{name}"));
    }
    if facts.streams.listens {
        settings.set("LISTEN_FDS", &facts.streams.preserve_fds.to_string());
        // The first process, or, behind our init, the second.
        settings.set("LISTEN_PID", if request.init { "2" } else { "1" });
        if let Some(names) = &facts.listen_names {
            settings.set("LISTEN_FDNAMES", names);
        }
    }
    for (name, value) in &request.env {
        settings.set(name, value);
    }
    for (name, value) in facts.secret_env.iter().chain(&facts.cdi.env) {
        settings.set(name, value);
    }
    settings.into_strings()
}

/// The environment as far as it is known before a container is started, which is also what `inspect` tells of it until then:
/// without what is of one run.
#[must_use]
pub fn known_environment(request: &CreateRequest, image: &ImageConfig) -> Vec<String> {
    let mut settings = first_settings(request, image, None, request.hostname.as_deref());
    for (name, value) in &request.env {
        settings.set(name, value);
    }
    settings.into_strings()
}

/// What the engine sets, what comes from the host unasked, and what the image sets. A container that runs systemd gets
/// `uuid`, which that takes for its machine id.
fn first_settings(
    request: &CreateRequest,
    image: &ImageConfig,
    uuid: Option<&str>,
    hostname: Option<&str>,
) -> Settings {
    let mut settings = Settings::default();
    if !request.unset_env_all {
        settings.set("PATH", DEFAULT_PATH);
        settings.set("container", "podman");
        if request.tty {
            settings.set("TERM", "xterm");
        }
        if let Some(uuid) = uuid {
            settings.set("container_uuid", uuid);
        }
    }
    for name in &request.unset_env {
        settings.unset(name);
    }
    if let Some(hostname) = hostname {
        settings.set("HOSTNAME", hostname);
    }
    for (name, value) in request.default_env.iter().filter(|it| !request.unset_env.contains(&it.0)) {
        settings.set(name, value);
    }
    if !request.unset_env_all {
        for (name, value) in image.environment() {
            if !request.unset_env.contains(&name) {
                settings.set(&name, &value);
            }
        }
    }
    for text in &request.env_merge {
        if let Some((name, words)) = text.split_once('=') {
            let value = environment::expand(words, |name| settings.get(name));
            settings.set(name, &value);
        }
    }
    settings
}

/// Whether the payload is systemd, or an init that takes the container for a machine, as Podman tells it (podman-run(1)).
#[must_use]
pub fn is_systemd(request: &CreateRequest, args: &[String]) -> bool {
    match request.systemd {
        SystemdMode::Always => true,
        SystemdMode::False => false,
        SystemdMode::True => {
            let program = args.first().map_or("", String::as_str);
            let inits = ["/sbin/init", "/usr/sbin/init", "/usr/local/sbin/init"];
            program.rsplit('/').next() == Some("systemd") || inits.contains(&program)
        }
    }
}

/// Where the payload begins, which is also where relative paths in the container do.
#[must_use]
pub fn working_directory(request: &CreateRequest, image: &ImageConfig) -> String {
    let asked = request.workdir.as_ref().filter(|it| !it.is_empty());
    let cwd = asked.unwrap_or(&image.config.working_dir);
    if cwd.is_empty() { "/".to_owned() } else { cwd.clone() }
}

/// Who runs it, where the image has the last word.
#[must_use]
pub fn user(record: &ContainerRecord, image: &ImageConfig, caller: super::Caller<'_>) -> String {
    if let Some(user) = &record.request.user {
        return user.clone();
    }
    match &record.request.userns {
        UserNsMode::KeepId { uid, gid, .. } => {
            format!("{}:{}", uid.unwrap_or(caller.uid), gid.unwrap_or(caller.gid))
        }
        _ => image.config.user.clone(),
    }
}

/// The number of the user who runs it, if that is what is said of it: the login name of one that the image does not know.
fn number(facts: &Facts<'_>) -> String {
    user_id(&user(facts.record, facts.image, facts.caller)).to_owned()
}

/// What says who it is, of a user and its group.
#[must_use]
pub fn user_id(user: &str) -> &str {
    user.split_once(':').map_or(user, |it| it.0)
}

/// The caller, where the user who runs it keeps its id.
fn kept<'a>(facts: &'a Facts<'_>) -> Option<&'a HostUser> {
    // A member of a pod has the infra container's ids.
    let keeps = match &facts.record.request.userns {
        UserNsMode::KeepId { .. } => true,
        UserNsMode::Container(_) => facts.record.request.pod.is_some(),
        _ => false,
    };
    facts.caller.user.filter(|_| keeps && number(facts) == facts.caller.uid.to_string())
}

/// As much as we have ourselves, for open files and processes, unless the request says otherwise. Who is given secrets leaves no
/// core files: the kernel, and systemd-coredump(8), write none of a process whose limit for them is 0.
fn limits(facts: &Facts<'_>) -> Vec<Rlimit> {
    let request = &facts.record.request;
    let own = |resource: u32| facts.hard_limits.get(resource as usize).copied().flatten();
    let files = own(libc::RLIMIT_NOFILE).map_or(MAX_OPEN_FILES, |it| it.min(MAX_OPEN_FILES));
    let processes = own(libc::RLIMIT_NPROC);
    let mut limits = Vec::new();
    if !request.host_ulimits {
        limits.push(Rlimit { resource: libc::RLIMIT_NOFILE, soft: Some(files), hard: Some(files) });
        limits.push(Rlimit { resource: libc::RLIMIT_NPROC, soft: processes, hard: processes });
        if !request.secrets.is_empty() {
            limits.push(Rlimit { resource: libc::RLIMIT_CORE, soft: Some(0), hard: Some(0) });
        }
    }
    for (name, soft, hard) in &request.ulimits {
        let Some(resource) = Rlimit::number(name) else { continue };
        limits.retain(|it| it.resource != resource);
        // Without a limit is, for an ordinary user, with as much as she has: she can raise none.
        let most = own(resource).filter(|_| facts.caller.uid != 0);
        limits.push(Rlimit { resource, soft: soft.or(most), hard: hard.or(most) });
    }
    limits
}

/// A signal's number, from its name with or without `SIG`, or its number.
#[must_use]
pub fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let realtime = |base: i32, rest: &str, sign: i32| {
        let offset: i32 = if rest.is_empty() {
            0
        } else {
            rest.strip_prefix(if sign > 0 { '+' } else { '-' })?.parse().ok()?
        };
        let number = base + sign * offset;
        (34..=64).contains(&number).then_some(number)
    };
    if let Some(rest) = name.strip_prefix("RTMIN") {
        return realtime(34, rest, 1);
    }
    if let Some(rest) = name.strip_prefix("RTMAX") {
        return realtime(64, rest, -1);
    }
    Some(match name {
        "HUP" => libc::SIGHUP,
        "INT" => libc::SIGINT,
        "QUIT" => libc::SIGQUIT,
        "ILL" => libc::SIGILL,
        "TRAP" => libc::SIGTRAP,
        "ABRT" | "IOT" => libc::SIGABRT,
        "BUS" => libc::SIGBUS,
        "FPE" => libc::SIGFPE,
        "KILL" => libc::SIGKILL,
        "USR1" => libc::SIGUSR1,
        "SEGV" => libc::SIGSEGV,
        "USR2" => libc::SIGUSR2,
        "PIPE" => libc::SIGPIPE,
        "ALRM" => libc::SIGALRM,
        "TERM" => libc::SIGTERM,
        "STKFLT" => libc::SIGSTKFLT,
        "CHLD" | "CLD" => libc::SIGCHLD,
        "CONT" => libc::SIGCONT,
        "STOP" => libc::SIGSTOP,
        "TSTP" => libc::SIGTSTP,
        "TTIN" => libc::SIGTTIN,
        "TTOU" => libc::SIGTTOU,
        "URG" => libc::SIGURG,
        "XCPU" => libc::SIGXCPU,
        "XFSZ" => libc::SIGXFSZ,
        "VTALRM" => libc::SIGVTALRM,
        "PROF" => libc::SIGPROF,
        "WINCH" => libc::SIGWINCH,
        "IO" | "POLL" => libc::SIGIO,
        "PWR" => libc::SIGPWR,
        "SYS" => libc::SIGSYS,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, expected) in [
            ("TERM", Some(15)),
            ("sigquit", Some(3)),
            ("9", Some(9)),
            ("RTMIN+3", Some(37)),
            ("SIGRTMAX-1", Some(63)),
        ] {
            assert_eq!(signal_number(text), expected, "{text}");
        }
        for text in ["", "0", "65", "NOPE", "RTMIN+99", "RTMIN-1"] {
            assert_eq!(signal_number(text), None, "{text}");
        }
    }
}
