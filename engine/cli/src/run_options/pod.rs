//! What `pod create` means by its options, and what those of `run` that are about pods mean.

use pontoon_lifecycle::pod::{ExitPolicy, PodRequest, Shared};
use pontoon_lifecycle::request::{CreateRequest, InitContainer, NetworkMode, PodMember};

use super::error::Fault;
use super::{Host, Lowered, OptionError, labels, lower, modes, names, network, resources};
use crate::args::{ContainerOptions, JointOptions, LimitOptions, PodCreateArgs, ResourceOptions};

/// What the containers of a pod share for which nothing is said.
const USUAL: &str = "ipc,net,uts";
/// Before the name of a pod that is to be made.
const NEW: &str = "new:";

/// `--pod`, `--pod-id-file`, `--init-ctr`: what a container is in which pod. One that is to be made has its name here as well.
pub(super) fn member(request: &mut CreateRequest, options: &ContainerOptions) -> Result<(), OptionError> {
    // An empty word is as good as none, as in Podman.
    let word = options.pod.as_ref().filter(|it| !it.is_empty());
    let file = options.pod_id_file.as_ref().filter(|it| !it.as_os_str().is_empty());
    let named = match (word, file) {
        (Some(_), Some(_)) => {
            let (one, other) = ("--pod".to_owned(), "--pod-id-file".to_owned());
            return Err(OptionError::Conflict { one, other });
        }
        (Some(word), None) => {
            let name = word.strip_prefix(NEW).unwrap_or(word);
            if name.is_empty() {
                return Err(Fault::invalid("the name of the pod is missing").of("--pod", word));
            }
            Some(name.to_owned())
        }
        (None, Some(path)) => {
            let text = std::fs::read_to_string(path).map_err(|err| {
                Fault::invalid(format!("it cannot be read: {err}"))
                    .of("--pod-id-file", &path.display().to_string())
            })?;
            Some(text.trim().to_owned())
        }
        (None, None) => None,
    };
    // For a new pod it is the pod's.
    let is_new = new_name(options).is_some();
    let network_option =
        if is_new || !options.network.is_empty() { None } else { super::network::option_of_one(options) };
    request.pod = named.map(|id| PodMember { id, network_option, ..PodMember::default() });
    request.init_container = match options.init_ctr.as_deref() {
        None => None,
        Some("once") => Some(InitContainer::Once),
        Some("always") => Some(InitContainer::Always),
        Some(other) => {
            return Err(Fault::invalid("it is `once` or `always`").of("--init-ctr", other));
        }
    };
    if request.init_container.is_some() && request.pod.is_none() {
        return Err(OptionError::Needs { option: "--init-ctr", other: "--pod" });
    }
    if request.init_container.is_some() && request.rm {
        return Err(OptionError::Conflict { one: "--init-ctr".to_owned(), other: "--rm".to_owned() });
    }
    if options.infra_conmon_pidfile.is_some() && new_name(options).is_none() {
        return Err(OptionError::Needs { option: "--infra-conmon-pidfile", other: "--pod new:NAME" });
    }
    Ok(())
}

fn new_name(options: &ContainerOptions) -> Option<&str> {
    options.pod.as_deref()?.strip_prefix(NEW)
}

/// `--pod new:NAME`: the pod that is to be made for a container. What is said of network and host name is the pod's from then
/// on, as in Podman.
pub fn new_pod(request: &mut CreateRequest, options: &ContainerOptions) -> Option<PodRequest> {
    let name = new_name(options)?;
    let infra = CreateRequest {
        publish: std::mem::take(&mut request.publish),
        network: request.network.take(),
        add_host: std::mem::take(&mut request.add_host),
        no_hosts: request.no_hosts,
        hosts_file: request.hosts_file.clone(),
        no_hostname: request.no_hostname,
        dns: std::mem::take(&mut request.dns),
        dns_search: std::mem::take(&mut request.dns_search),
        dns_option: std::mem::take(&mut request.dns_option),
        hostname: request.hostname.take(),
        userns: std::mem::take(&mut request.userns),
        shm_size: request.shm_size.take(),
        conmon_pidfile: options.infra_conmon_pidfile.clone(),
        cdi_spec_dirs: request.cdi_spec_dirs.clone(),
        hooks_dirs: request.hooks_dirs.clone(),
        create_command: request.create_command.clone(),
        ..CreateRequest::default()
    };
    Some(PodRequest {
        name: Some(name.to_owned()),
        shared: Shared::USUAL.to_vec(),
        share_parent: true,
        cgroup_parent: request.cgroup_parent.take(),
        infra: Some(Box::new(infra)),
        create_command: request.create_command.clone(),
        systemd_unit: request.systemd_unit.clone(),
        ..PodRequest::default()
    })
}

/// Reads the options of `pod create`; `defaults` are what `containers.conf` says of containers. Gives warnings as well.
///
/// # Errors
/// See [`OptionError`].
pub fn read(
    args: &PodCreateArgs,
    defaults: ContainerOptions,
    create_command: Vec<String>,
    host: &Host,
) -> Result<(PodRequest, Vec<String>), OptionError> {
    let name = args.name.as_ref().or(args.positional.as_ref()).filter(|it| !it.is_empty());
    if args.replace && name.is_none() {
        return Err(OptionError::Needs { option: "--replace", other: "--name" });
    }
    let name = name.map(|it| names::read(it).map_err(|fault| fault.of("--name", it))).transpose()?;
    let restart =
        args.restart.as_ref().map(|it| modes::restart(it).map_err(|fault| fault.of("--restart", it)));
    let cgroup_parent = args
        .cgroup_parent
        .as_ref()
        .map(|it| modes::cgroup_parent(it).map_err(|fault| fault.of("--cgroup-parent", it)));
    let share_parent = args.share_parent.unwrap_or(true);
    if let (false, Some(option)) = (share_parent, first_limit(&args.limits)) {
        return Err(OptionError::Conflict {
            one: option.to_owned(),
            other: "--share-parent=false".to_owned(),
        });
    }
    let (infra, warnings) = match args.infra {
        Some(false) => {
            if let Some(option) = of_infra(args) {
                return Err(OptionError::Conflict {
                    one: option.to_owned(),
                    other: "--infra=false".to_owned(),
                });
            }
            (None, Vec::new())
        }
        _ => {
            let Lowered { request, warnings } =
                lower::lower(&infra_options(args, defaults), &[], create_command.clone(), host)?;
            network::check_resolver(&args.joint, &[], request.network.as_ref())?;
            if !args.joint.publish.is_empty()
                && let Some(network) = match request.network {
                    Some(NetworkMode::Host) => Some("host"),
                    Some(NetworkMode::None) => Some("none"),
                    _ => None,
                }
            {
                return Err(OptionError::Conflict {
                    one: "--publish".to_owned(),
                    other: format!("--network={network}"),
                });
            }
            (Some(Box::new(CreateRequest { image: String::new(), ..request })), warnings)
        }
    };
    let request = PodRequest {
        name,
        replace: args.replace,
        id_file: args.pod_id_file.clone(),
        labels: labels::read_labels(&args.joint.label, &args.joint.label_file)?,
        shared: if infra.is_some() { shared(args.share.as_deref().unwrap_or(USUAL))? } else { Vec::new() },
        share_parent,
        cgroup_parent: cgroup_parent.transpose()?,
        resources: resources::read(&ResourceOptions {
            limits: args.limits.clone(),
            ..ResourceOptions::default()
        })?,
        exit_policy: exit_policy(args.exit_policy.as_deref().unwrap_or_default())?,
        restart: restart.transpose()?.unwrap_or_default(),
        security_options: args.joint.security_opt.clone(),
        infra,
        create_command,
        systemd_unit: host.variable("PODMAN_SYSTEMD_UNIT").map(str::to_owned),
    };
    Ok((request, warnings))
}

fn exit_policy(text: &str) -> Result<ExitPolicy, OptionError> {
    match text {
        "continue" | "" => Ok(ExitPolicy::Continue),
        "stop" => Ok(ExitPolicy::Stop),
        other => Err(Fault::invalid("it is `continue` or `stop`").of("--exit-policy", other)),
    }
}

/// `--share`: a list with commas; a `+` before it adds to the usual ones.
fn shared(text: &str) -> Result<Vec<Shared>, OptionError> {
    let (usual, list) = match text.strip_prefix('+') {
        Some(rest) => (&Shared::USUAL[..], rest),
        None => (&[][..], text),
    };
    let mut shared = usual.to_vec();
    for word in list.split(',').filter(|it| !it.is_empty() && *it != "none") {
        let known = Shared::ALL.into_iter().find(|it| it.word() == word);
        shared.push(known.ok_or_else(|| {
            Fault::invalid("it is a list of cgroup, ipc, net, pid, user and uts, or `none`")
                .of("--share", word)
        })?);
    }
    shared.sort_unstable();
    shared.dedup();
    Ok(shared)
}

/// The option that limits something, if one does.
fn first_limit(limits: &LimitOptions) -> Option<&'static str> {
    // 0 and -1 are no limit.
    let is_said = |it: &Option<String>| it.as_deref().is_some_and(|it| it != "0" && it != "-1");
    first(&[
        ("--blkio-weight", limits.blkio_weight.is_some()),
        ("--blkio-weight-device", !limits.blkio_weight_device.is_empty()),
        ("--cpu-shares", is_said(&limits.cpu_shares)),
        ("--cpus", is_said(&limits.cpus)),
        ("--cpuset-cpus", limits.cpuset_cpus.is_some()),
        ("--cpuset-mems", limits.cpuset_mems.is_some()),
        ("--device-read-bps", !limits.device_read_bps.is_empty()),
        ("--device-write-bps", !limits.device_write_bps.is_empty()),
        ("--memory", is_said(&limits.memory)),
        ("--memory-swap", is_said(&limits.memory_swap)),
    ])
}

fn first(options: &[(&'static str, bool)]) -> Option<&'static str> {
    options.iter().find(|(_, is_set)| *is_set).map(|(option, _)| *option)
}

/// The option that means nothing without an infra container, if one is given.
fn of_infra(args: &PodCreateArgs) -> Option<&'static str> {
    let joint = &args.joint;
    first(&[
        ("--add-host", !joint.add_host.is_empty()),
        ("--device", !joint.device.is_empty()),
        ("--dns", !joint.dns.is_empty()),
        ("--dns-option", !joint.dns_option.is_empty()),
        ("--dns-search", !joint.dns_search.is_empty()),
        ("--exit-policy stop", args.exit_policy.as_deref() == Some("stop")),
        ("--gidmap", !joint.gidmap.is_empty()),
        ("--gpus", !joint.gpus.is_empty()),
        ("--hostname", joint.hostname.is_some()),
        ("--hosts-file", joint.hosts_file.is_some()),
        ("--infra-conmon-pidfile", args.infra_conmon_pidfile.is_some()),
        ("--infra-name", args.infra_name.is_some()),
        ("--ip", joint.ip.is_some()),
        ("--ip6", joint.ip6.is_some()),
        ("--mac-address", joint.mac_address.is_some()),
        ("--network", !args.network.is_empty()),
        ("--network-alias", !joint.network_alias.is_empty()),
        ("--no-hostname", joint.no_hostname),
        ("--no-hosts", joint.no_hosts == Some(true)),
        ("--pid", args.pid.is_some()),
        ("--publish", !joint.publish.is_empty()),
        ("--share", args.share.as_deref().is_some_and(|it| !it.is_empty() && it != "none")),
        ("--security-opt", !joint.security_opt.is_empty()),
        ("--shm-size", joint.shm_size.is_some()),
        ("--shm-size-systemd", joint.shm_size_systemd.is_some()),
        ("--subgidname", joint.subgidname.is_some()),
        ("--subuidname", joint.subuidname.is_some()),
        ("--sysctl", !joint.sysctl.is_empty()),
        ("--uidmap", !joint.uidmap.is_empty()),
        ("--userns", args.userns.is_some()),
        ("--uts", args.uts.is_some()),
        ("--volume", !joint.volume.is_empty()),
        ("--volumes-from", !joint.volumes_from.is_empty()),
    ])
}

/// What the infra container would be asked for by itself.
fn infra_options(args: &PodCreateArgs, defaults: ContainerOptions) -> ContainerOptions {
    let JointOptions { dns, dns_option, dns_search, hosts_file, no_hostname, no_hosts, shm_size, .. } =
        defaults.joint;
    let asked = args.joint.clone();
    // Maps of one's own are more than what is usual.
    let usual_userns = defaults.userns.filter(|_| !asked.has_id_maps());
    let userns = args.userns.clone().filter(|it| !it.is_empty()).or(usual_userns);
    let joint = JointOptions {
        dns: or(&asked.dns, dns),
        dns_option: or(&asked.dns_option, dns_option),
        dns_search: or(&asked.dns_search, dns_search),
        hosts_file: asked.hosts_file.or(hosts_file),
        no_hostname: asked.no_hostname || no_hostname,
        no_hosts: asked.no_hosts.or(no_hosts),
        shm_size: asked.shm_size.or(shm_size),
        // They are the pod's.
        label: Vec::new(),
        label_file: Vec::new(),
        ..asked
    };
    ContainerOptions {
        joint,
        name: args.infra_name.clone(),
        conmon_pidfile: args.infra_conmon_pidfile.clone(),
        network: or(&args.network, defaults.network),
        pid: args.pid.clone(),
        userns,
        uts: args.uts.clone(),
        defaults: defaults.defaults,
        ..ContainerOptions::default()
    }
}

fn or(given: &[String], otherwise: Vec<String>) -> Vec<String> {
    if given.is_empty() { otherwise } else { given.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args() -> PodCreateArgs {
        PodCreateArgs::default()
    }

    fn pod(args: &PodCreateArgs) -> Result<PodRequest, OptionError> {
        read(args, ContainerOptions::default(), Vec::new(), &Host::default()).map(|(pod, _)| pod)
    }

    #[track_caller]
    fn refused(args: &PodCreateArgs, text: &str) {
        let err = pod(args).unwrap_err().to_string();
        assert!(err.contains(text), "{err}");
    }

    #[test]
    fn usual_ids_give_way_to_maps() {
        let usual = || ContainerOptions { userns: Some("keep-id".to_owned()), ..ContainerOptions::default() };
        let mut args = PodCreateArgs { userns: Some(String::new()), ..args() };
        assert_eq!(infra_options(&args, usual()).userns.as_deref(), Some("keep-id"));
        args.joint.uidmap = vec!["0:1:10".to_owned()];
        assert_eq!(infra_options(&args, usual()).userns, None);
        args.userns = Some("private".to_owned());
        assert_eq!(infra_options(&args, usual()).userns.as_deref(), Some("private"));
    }

    #[test]
    fn namespaces_are_listed() {
        for (text, expected) in [
            ("ipc,net,uts", "uts,ipc,net"),
            ("none", ""),
            ("", ""),
            ("net,pid,net", "pid,net"),
            ("+pid", "pid,uts,ipc,net"),
        ] {
            let shared = shared(text).unwrap();
            assert_eq!(shared.iter().map(|it| it.word()).collect::<Vec<_>>().join(","), expected, "{text}");
        }
        assert!(shared("foo").unwrap_err().to_string().contains("`foo`"));
    }

    #[test]
    fn what_is_of_the_infra_container_needs_one() {
        let without = PodCreateArgs { infra: Some(false), ..args() };
        let made = pod(&without).unwrap();
        assert!(made.infra.is_none() && made.shared.is_empty());
        let publish = JointOptions { publish: vec!["80".to_owned()], ..Default::default() };
        refused(&PodCreateArgs { joint: publish, ..without.clone() }, "`--publish`");
        refused(&PodCreateArgs { exit_policy: Some("stop".to_owned()), ..without }, "`--exit-policy stop`");
        refused(&PodCreateArgs { exit_policy: Some("never".to_owned()), ..args() }, "`never`");
        let limits = LimitOptions { cpus: Some("1".to_owned()), ..Default::default() };
        let outside = PodCreateArgs { share_parent: Some(false), limits, ..args() };
        refused(&outside, "`--cpus`");
    }

    #[test]
    fn options_are_those_of_the_infra_container() {
        let made = pod(&PodCreateArgs {
            positional: Some("shop".to_owned()),
            joint: JointOptions {
                publish: vec!["8080:80".to_owned()],
                hostname: Some("h".to_owned()),
                ..Default::default()
            },
            infra_name: Some("i".to_owned()),
            limits: LimitOptions { memory: Some("1m".to_owned()), ..Default::default() },
            ..args()
        });
        let made = made.unwrap();
        let infra = made.infra.unwrap();
        assert_eq!((made.name.as_deref(), infra.name.as_deref()), (Some("shop"), Some("i")));
        assert_eq!((infra.publish.len(), infra.hostname.as_deref()), (1, Some("h")));
        // The pod's limits are for all containers together, and not for this one.
        assert_eq!((made.resources.memory, infra.resources.memory), (Some(1 << 20), None));
    }

    #[test]
    fn a_new_pod_takes_what_is_of_the_network() {
        let options = ContainerOptions { pod: Some("new:shop".to_owned()), ..ContainerOptions::default() };
        let mut request = CreateRequest {
            hostname: Some("h".to_owned()),
            publish: vec![pontoon_network::parse_publish("80").unwrap()],
            ..CreateRequest::default()
        };
        member(&mut request, &options).unwrap();
        let pod = new_pod(&mut request, &options).unwrap();
        let infra = pod.infra.unwrap();
        assert_eq!((request.hostname, request.publish.len()), (None, 0));
        assert_eq!((infra.hostname.as_deref(), infra.publish.len()), (Some("h"), 1));
        assert_eq!(request.pod.map(|it| it.id), pod.name);
        let plain = ContainerOptions { pod: Some("shop".to_owned()), ..ContainerOptions::default() };
        assert!(new_pod(&mut CreateRequest::default(), &plain).is_none());
    }
}
