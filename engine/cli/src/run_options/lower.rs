//! All options of one command line, put together.

use pontoon_lifecycle::cdi;
use pontoon_lifecycle::pod::Shared;
use pontoon_lifecycle::request::{
    CgroupMode, CreateRequest, LogDriver, NamespaceMode, NetworkMode, RestartPolicy,
};

use super::error::{each, each_listed, listed, optional};
use super::{
    Host, Lowered, OptionError, devices, entrypoint, env, fixed, health, labels, limits, logs, modes, mounts,
    names,
};
use super::{network, pod, ports, resources, rootfs, secrets, security, signal, size, userns};
use crate::args::ContainerOptions;

/// The variable by which Podman's units tell their own name.
const UNIT_VARIABLE: &str = "PODMAN_SYSTEMD_UNIT";

/// The word of `--group-add` that stands for our own groups.
const KEEP_GROUPS: &str = "keep-groups";

/// The annotation that says the same.
const KEPT_GROUPS: (&str, &str) = ("run.oci.keep_original_groups", "1");

/// The word of `--ulimit` that stands for our own limits.
const HOST_LIMITS: &str = "host";

/// Reads the options of one container.
pub(super) fn lower(
    options: &ContainerOptions,
    words: &[String],
    create_command: Vec<String>,
    host: &Host,
) -> Result<Lowered, OptionError> {
    fixed::check(&options.fixed)?;
    let (first, command) = match words.split_first() {
        Some((first, command)) => (first.clone(), command.to_vec()),
        None => (String::new(), Vec::new()),
    };
    let mut request = CreateRequest { command, create_command, ..CreateRequest::default() };
    if options.rootfs {
        let read = rootfs::read(&first, host).map_err(|fault| fault.of("--rootfs", &first))?;
        request.rootfs = Some(read);
    } else {
        request.image = first;
    }
    identity(&mut request, options, host)?;
    process(&mut request, options, host)?;
    confinement(&mut request, options, host)?;
    usage(&mut request, options, host)?;
    surroundings(&mut request, options, host)?;
    supervision(&mut request, options, host)?;
    request.by_name = by_name(options);
    give_way(&mut request, &options.defaults.usual);
    if request.shm_size.is_some() && request.ipc != NamespaceMode::Private {
        let other = format!("--ipc {}", options.ipc.as_deref().unwrap_or_default());
        return Err(OptionError::Conflict { one: "--shm-size".to_owned(), other });
    }
    pod::member(&mut request, options)?;
    default_sysctls(&mut request, options)?;
    let warnings = without_effect(&mut request);
    check_sharing(&request)?;
    Ok(Lowered { request, warnings })
}

/// Name, labels, files that tell ids.
fn identity(request: &mut CreateRequest, options: &ContainerOptions, host: &Host) -> Result<(), OptionError> {
    if options.replace && options.name.is_none() {
        return Err(OptionError::Needs { option: "--replace", other: "--name" });
    }
    request.name = optional("--name", options.name.as_ref(), names::container)?;
    request.replace = options.replace;
    request.rm = options.rm || options.rmi;
    request.rmi = options.rmi;
    request.labels = labels::read_labels(&options.joint.label, &options.joint.label_file)?;
    request.annotations = each("--annotation", &options.annotation, labels::annotation)?;
    request.cidfile.clone_from(&options.cidfile);
    request.pidfile.clone_from(&options.pidfile);
    request.conmon_pidfile.clone_from(&options.conmon_pidfile);
    request.systemd_unit = host.variable(UNIT_VARIABLE).map(str::to_owned);
    Ok(())
}

/// What runs, as whom, where and with which environment.
fn process(request: &mut CreateRequest, options: &ContainerOptions, host: &Host) -> Result<(), OptionError> {
    request.entrypoint = optional("--entrypoint", options.entrypoint.as_ref(), entrypoint::read)?;
    request.env = env::read(&options.env, &options.env_file, host)?;
    if options.env_host == Some(true) {
        // All that is asked for wins over the image, and what has a name over what has none.
        let named = std::mem::take(&mut request.env);
        let others = host.env.iter().filter(|(name, _)| !named.iter().any(|it| it.0 == *name));
        request.env = others.cloned().chain(named.iter().cloned()).collect();
    }
    let usual = each("containers.conf: env", &options.defaults.env, |it| env::usual(it, host))?;
    request.default_env = usual.concat();
    if options.http_proxy.unwrap_or(true) {
        request.default_env.extend(env::proxies(host));
    }
    if options.unsetenv_all {
        // What is asked for by name stays, as in Podman.
        request.default_env.clear();
    }
    request.unset_env.clone_from(&options.unsetenv);
    request.unset_env_all = options.unsetenv_all;
    request.user = optional("--user", options.user.as_ref(), names::user)?;
    request.group_add = each_listed("--group-add", &options.group_add, names::group)?;
    request.keep_groups = request.group_add.iter().any(|it| it == KEEP_GROUPS);
    if request.keep_groups {
        if request.group_add.len() > 1 {
            let other = request.group_add.iter().find(|it| *it != KEEP_GROUPS).cloned().unwrap_or_default();
            return Err(OptionError::Conflict {
                one: format!("--group-add {KEEP_GROUPS}"),
                other: format!("--group-add {other}"),
            });
        }
        request.group_add.clear();
    }
    // What crun(1) heeds, and programs that make whole environments (distrobox) ask for.
    let kept = (KEPT_GROUPS.0.to_owned(), KEPT_GROUPS.1.to_owned());
    request.keep_groups |= request.annotations.contains(&kept);
    request.env_merge = each("--env-merge", &options.env_merge, env::merged)?;
    request.passwd = options.passwd;
    request.passwd_entry = optional("--passwd-entry", options.passwd_entry.as_ref(), names::entry)?;
    request.group_entry = optional("--group-entry", options.group_entry.as_ref(), names::entry)?;
    request.workdir = optional("--workdir", options.workdir.as_ref(), names::workdir)?;
    request.interactive = options.interactive;
    request.tty = options.tty;
    request.init = options.init == Some(true);
    request.init_path = options.init_path.as_ref().map(|it| names::host_path(it, host));
    request.host_users = each_listed("--hostuser", &options.hostuser, names::group)?;
    request.personality = optional("--personality", options.personality.as_ref(), modes::personality)?;
    request.chroot_dirs = each_listed("--chrootdirs", &options.chrootdirs, names::workdir)?;
    modes::attached_streams(&options.attach)?;
    request.umask = optional("--umask", options.umask.as_ref(), names::umask)?;
    request.timezone = optional("--tz", options.tz.as_ref(), names::timezone)?;
    Ok(())
}

/// What the container may do.
fn confinement(
    request: &mut CreateRequest,
    options: &ContainerOptions,
    host: &Host,
) -> Result<(), OptionError> {
    let namespace = |text: &str| modes::namespace(text, host);
    request.cap_add = security::capabilities("--cap-add", &options.cap_add)?;
    request.cap_drop = security::capabilities("--cap-drop", &options.cap_drop)?;
    request.default_capabilities = match &options.defaults.capabilities {
        Some(names) => Some(security::capabilities("containers.conf: default_capabilities", names)?),
        None => None,
    };
    request.privileged = options.privileged == Some(true);
    for option in &options.joint.security_opt {
        security::apply(request, option).map_err(|fault| fault.of("--security-opt", option))?;
    }
    request.pid = optional("--pid", options.pid.as_ref(), namespace)?.unwrap_or_default();
    request.ipc = optional("--ipc", options.ipc.as_ref(), |text| modes::ipc(text, host))?.unwrap_or_default();
    request.no_shm = options.ipc.as_deref() == Some("none");
    request.private_ipc = options.ipc.as_deref() == Some("private");
    request.uts = optional("--uts", options.uts.as_ref(), namespace)?.unwrap_or_default();
    request.userns = userns::read_all(options, host)?;
    request.sysctls = each_listed("--sysctl", &options.joint.sysctl, limits::sysctl)?;
    request.read_only = options.read_only == Some(true);
    request.read_only_tmpfs = options.read_only_tmpfs;
    Ok(())
}

/// What the container may use.
fn usage(request: &mut CreateRequest, options: &ContainerOptions, host: &Host) -> Result<(), OptionError> {
    request.host_ulimits = options.ulimit.iter().any(|it| it == HOST_LIMITS);
    // Beside the host's own, those that are named hold: distrobox and toolbox always ask for the host's.
    let named: Vec<String> = options.ulimit.iter().filter(|it| *it != HOST_LIMITS).cloned().collect();
    request.ulimits = each_listed("--ulimit", &named, limits::ulimit)?;
    request.resources = resources::read(&options.resources)?;
    request.resources.default_pids = options.defaults.pids_limit;
    request.shm_size = optional("--shm-size", options.joint.shm_size.as_ref(), size::read)?;
    request.oom_score_adj = optional("--oom-score-adj", options.oom_score_adj.as_ref(), limits::oom_score)?;
    request.cgroups = optional("--cgroups", options.cgroups.as_ref(), modes::cgroups)?.unwrap_or_default();
    if request.cgroups != CgroupMode::Disabled {
        let mut usual =
            each("containers.conf: cgroup_conf", &options.defaults.cgroup_conf, resources::cgroup_file)?;
        let asked = &mut request.resources.cgroup_conf;
        usual.retain(|(file, _)| !asked.iter().any(|it| it.0 == *file));
        asked.splice(0..0, usual);
    }
    request.cgroup_parent =
        optional("--cgroup-parent", options.cgroup_parent.as_ref(), modes::cgroup_parent)?;
    // With no-conmon it says where the scope is.
    if request.cgroup_parent.is_some() && matches!(request.cgroups, CgroupMode::Split | CgroupMode::Disabled)
    {
        let other = format!("--cgroups {}", options.cgroups.as_deref().unwrap_or_default());
        return Err(OptionError::Conflict { one: "--cgroup-parent".to_owned(), other });
    }
    request.cgroup_namespace =
        optional("--cgroupns", options.cgroupns.as_ref(), |text| modes::namespace(text, host))?
            .unwrap_or_default();
    request.host_cgroup_namespace = request.cgroup_namespace == NamespaceMode::Host;
    request.systemd = optional("--systemd", options.systemd.as_ref(), modes::systemd)?.unwrap_or_default();
    request.shm_size_systemd =
        optional("--shm-size-systemd", options.joint.shm_size_systemd.as_ref(), size::read)?;
    Ok(())
}

/// What the container sees: mounts, devices, network, names.
fn surroundings(
    request: &mut CreateRequest,
    options: &ContainerOptions,
    host: &Host,
) -> Result<(), OptionError> {
    request.mounts = mounts::read_all(options, host)?;
    let (named, paths): (Vec<String>, Vec<String>) =
        options.joint.device.iter().cloned().partition(|it| cdi::is_name(it));
    request.devices = each("--device", &paths, |value| devices::read(value, host))?;
    request.cdi_devices = named;
    request.cdi_devices.extend(each_listed("--gpus", &options.joint.gpus, devices::gpu)?);
    request.cdi_spec_dirs.clone_from(&options.defaults.cdi_spec_dirs);
    request.hooks_dirs.clone_from(&options.defaults.hooks_dirs);
    request.device_cgroup_rules =
        each_listed("--device-cgroup-rule", &options.device_cgroup_rule, |value| devices::rule(value, host))?;
    request.network = network::read_all(options, host)?;
    request.secrets = each("--secret", &options.secret, secrets::read)?;
    request.image_volume =
        optional("--image-volume", options.image_volume.as_ref(), modes::image_volume)?.unwrap_or_default();
    request.requires = listed(&options.requires);
    request.volumes_from = each("--volumes-from", &options.joint.volumes_from, mounts::volumes_from)?;
    request.publish_all = options.publish_all;
    request.publish = ports::publish(&options.joint.publish)?;
    request.expose = each_listed("--expose", &options.expose, ports::expose)?.concat();
    request.hostname = optional("--hostname", options.joint.hostname.as_ref(), names::hostname)?;
    request.add_host = each_listed("--add-host", &options.joint.add_host, network::added_host)?;
    request.hosts_file = options.joint.hosts_file.as_ref().map(|it| names::hosts_file(it, host));
    request.no_hosts = options.joint.no_hosts == Some(true);
    let of_hosts = [
        ("--add-host", !options.joint.add_host.is_empty()),
        ("--hosts-file", options.joint.hosts_file.is_some()),
    ];
    if let (true, Some((other, _))) = (request.no_hosts, of_hosts.iter().find(|it| it.1)) {
        return Err(OptionError::Conflict { one: "--no-hosts".to_owned(), other: (*other).to_owned() });
    }
    request.no_hostname = options.joint.no_hostname;
    request.dns = each_listed("--dns", &options.joint.dns, network::dns_server)?;
    request.dns_search = listed(&options.joint.dns_search);
    request.dns_option = listed(&options.joint.dns_option);
    network::check_resolver(&options.joint, &options.defaults.usual, request.network.as_ref())
}

/// How the container is pulled, watched, logged and stopped.
fn supervision(
    request: &mut CreateRequest,
    options: &ContainerOptions,
    host: &Host,
) -> Result<(), OptionError> {
    request.pull = optional("--pull", options.pull.as_ref(), modes::pull)?.unwrap_or_default();
    request.sdnotify =
        optional("--sdnotify", options.sdnotify.as_ref(), modes::sdnotify)?.unwrap_or_default();
    request.restart = optional("--restart", options.restart.as_ref(), modes::restart)?.unwrap_or_default();
    // As in Podman: without a number of its own, `on-failure` ends some time, and then it goes.
    let ends = matches!(request.restart, RestartPolicy::No | RestartPolicy::OnFailure { retries: None });
    if request.rm && !ends {
        return Err(OptionError::Conflict { one: "--rm".to_owned(), other: "--restart".to_owned() });
    }
    request.health = health::read(&health::said(&options.health), host)?;
    request.log_driver = optional("--log-driver", options.log_driver.as_ref(), logs::driver)?.flatten();
    request.log_opts = each("--log-opt", &options.log_opt, |it| logs::option(it, host))?;
    let has_label = request.log_opts.iter().any(|(key, _)| key == "label");
    if let Some(driver) = request.log_driver.filter(|it| has_label && *it != LogDriver::Journald) {
        let (one, other) = ("--log-opt label".to_owned(), format!("--log-driver {}", logs::word(driver)));
        return Err(OptionError::Conflict { one, other });
    }
    request.stop_signal = optional("--stop-signal", options.stop_signal.as_ref(), signal::read)?;
    request.timeout = optional("--timeout", options.timeout.as_ref(), modes::stop_timeout)?;
    request.stop_timeout = optional("--stop-timeout", options.stop_timeout.as_ref(), modes::stop_timeout)?;
    Ok(())
}

/// Settings of `containers.conf`, as far as they are the container's own and nothing else is asked for.
fn default_sysctls(request: &mut CreateRequest, options: &ContainerOptions) -> Result<(), OptionError> {
    let mut defaults = each("containers.conf: default_sysctls", &options.defaults.sysctl, limits::sysctl)?;
    let shares_network =
        matches!(request.network, Some(NetworkMode::Host | NetworkMode::Container(_) | NetworkMode::Path(_)));
    let has_hosts_ipc = request.ipc == NamespaceMode::Host;
    let is_of_ipc = |name: &str| !name.starts_with("net.") && name != "kernel.domainname";
    defaults.retain(|(name, _)| !(shares_network && name.starts_with("net.")));
    defaults.retain(|(name, _)| !(has_hosts_ipc && is_of_ipc(name)));
    defaults.retain(|(name, _)| request.uts == NamespaceMode::Private || name != "kernel.domainname");
    defaults.retain(|(name, _)| !request.sysctls.iter().any(|it| it.0 == *name));
    if let Some(pod) = &mut request.pod {
        pod.usual.clone_from(&options.defaults.usual);
        pod.usual_sysctls = defaults.iter().map(|(name, _)| name.clone()).collect();
    }
    request.sysctls.splice(0..0, defaults);
    Ok(())
}

/// Namespaces of which the default is asked for by name.
fn by_name(options: &ContainerOptions) -> Vec<Shared> {
    let asked = [
        (&options.uts, "private", Shared::Uts),
        (&options.pid, "private", Shared::Pid),
        (&options.cgroupns, "private", Shared::Cgroup),
        (&options.userns, "host", Shared::User),
    ];
    let is_said = |(value, word, _): &(&Option<String>, &str, Shared)| value.as_deref() == Some(*word);
    asked.into_iter().filter(is_said).map(|it| it.2).collect()
}

/// What nobody said of a namespace is left to the one who has it.
fn give_way(request: &mut CreateRequest, usual: &[&'static str]) {
    if request.ipc != NamespaceMode::Private && usual.contains(&"--shm-size") {
        request.shm_size = None;
    }
    if matches!(request.network, Some(NetworkMode::Container(_))) {
        request.forget_name_servers(usual);
    }
}

/// What belongs to a namespace is said to the container that has it.
fn check_sharing(request: &CreateRequest) -> Result<(), OptionError> {
    let conflict =
        |option: &str, mode: &str| OptionError::Conflict { one: option.to_owned(), other: mode.to_owned() };
    if let (Some(NetworkMode::Container(name)), Some(option)) =
        (&request.network, request.own_network_option())
    {
        return Err(conflict(option, &format!("--network container:{name}")));
    }
    if request.pid == NamespaceMode::Host && !request.proc_options.is_default() {
        return Err(conflict("--security-opt proc-opts", "--pid host"));
    }
    match (&request.uts, &request.hostname) {
        (NamespaceMode::Private, _) | (_, None) => Ok(()),
        (NamespaceMode::Path(path), Some(_)) => {
            Err(conflict("--hostname", &format!("--uts ns:{}", path.display())))
        }
        (NamespaceMode::Host, Some(_)) => Err(conflict("--hostname", "--uts host")),
        (NamespaceMode::Container(name), Some(_)) => {
            Err(conflict("--hostname", &format!("--uts container:{name}")))
        }
    }
}

/// Takes out what was asked for and has no effect, and says so.
fn without_effect(request: &mut CreateRequest) -> Vec<String> {
    let network = match &request.network {
        Some(NetworkMode::Host) => "host".to_owned(),
        Some(NetworkMode::None) => "none".to_owned(),
        Some(NetworkMode::Container(name)) => format!("container:{name}"),
        Some(NetworkMode::Path(path)) => format!("ns:{}", path.display()),
        _ => return Vec::new(),
    };
    // As for the host's: what a program listens on is reached, or not, as whose the network is has it.
    request.publish_all = false;
    if request.publish.is_empty() {
        return Vec::new();
    }
    request.publish.clear();
    vec![format!("`--publish` has no effect with `--network={network}`")]
}
