//! What `pod clone` is asked for in place of what the original has.

use pontoon_lifecycle::pod::PodRequest;
use pontoon_lifecycle::request::{CreateRequest, NetworkMode};

use crate::args::PodCreateArgs;

/// Changes what a pod is asked for as options say, which `by` is made of; the rest stays.
pub fn change(request: &mut PodRequest, by: PodRequest, args: &PodCreateArgs) {
    request.name = by.name;
    request.replace = by.replace;
    request.id_file = by.id_file;
    request.labels.extend(by.labels);
    request.resources.change(by.resources);
    if args.share.is_some() {
        request.shared = by.shared;
    }
    if args.share_parent.is_some() {
        request.share_parent = by.share_parent;
    }
    if by.cgroup_parent.is_some() {
        request.cgroup_parent = by.cgroup_parent;
    }
    if args.exit_policy.is_some() {
        request.exit_policy = by.exit_policy;
    }
    if args.restart.is_some() {
        request.restart = by.restart;
    }
    if !by.security_options.is_empty() {
        request.security_options = by.security_options;
    }
    request.systemd_unit = by.systemd_unit;
    if let (Some(infra), Some(by)) = (&mut request.infra, by.infra) {
        change_infra(infra, *by, args);
    }
}

fn set<T>(old: &mut Option<T>, new: Option<T>) {
    if new.is_some() {
        *old = new;
    }
}

fn set_list<T>(old: &mut Vec<T>, new: Vec<T>) {
    if !new.is_empty() {
        *old = new;
    }
}

fn change_infra(infra: &mut CreateRequest, by: CreateRequest, args: &PodCreateArgs) {
    infra.name = by.name;
    infra.conmon_pidfile = by.conmon_pidfile;
    infra.add_host.extend(by.add_host);
    infra.no_hosts |= by.no_hosts;
    infra.no_hostname |= by.no_hostname;
    set(&mut infra.hosts_file, by.hosts_file);
    set(&mut infra.hostname, by.hostname);
    set_list(&mut infra.dns, by.dns);
    set_list(&mut infra.dns_search, by.dns_search);
    set_list(&mut infra.dns_option, by.dns_option);
    set_list(&mut infra.publish, by.publish);
    change_network(infra, by.network, args);
    infra.devices.extend(by.devices);
    infra.cdi_devices.extend(by.cdi_devices);
    infra.mounts.extend(by.mounts);
    infra.volumes_from.extend(by.volumes_from);
    infra.sysctls.retain(|(name, _)| !by.sysctls.iter().any(|it| it.0 == *name));
    infra.sysctls.extend(by.sysctls);
    set(&mut infra.shm_size, by.shm_size);
    set(&mut infra.shm_size_systemd, by.shm_size_systemd);
    let maps_ids = !args.joint.uidmap.is_empty()
        || !args.joint.gidmap.is_empty()
        || [&args.userns, &args.joint.subuidname, &args.joint.subgidname].into_iter().any(Option::is_some);
    if maps_ids {
        infra.userns = by.userns;
    }
    if args.pid.is_some() {
        infra.pid = by.pid;
    }
    if args.uts.is_some() {
        infra.uts = by.uts;
    }
    if !args.joint.security_opt.is_empty() {
        infra.no_new_privileges = by.no_new_privileges;
        infra.seccomp = by.seccomp;
        infra.apparmor = by.apparmor;
        infra.label_options = by.label_options;
        infra.mask = by.mask;
        infra.unmask = by.unmask;
    }
}

/// Addresses and names by themselves are those on the network that the original is on first.
fn change_network(infra: &mut CreateRequest, by: Option<NetworkMode>, args: &PodCreateArgs) {
    let first = match &mut infra.network {
        Some(NetworkMode::Named(uses)) if args.network.is_empty() => uses.first_mut(),
        _ => None,
    };
    match (first, by) {
        (_, None) => {}
        (Some(own), Some(NetworkMode::Named(by))) => {
            let Some(by) = by.into_iter().next() else { return };
            set_list(&mut own.addresses, by.addresses);
            set(&mut own.mac, by.mac);
            set_list(&mut own.aliases, by.aliases);
        }
        (_, Some(by)) => infra.network = Some(by),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::JointOptions;
    use pontoon_lifecycle::pod::Shared;
    use pontoon_lifecycle::request::NetworkUse;

    fn on(name: &str, address: &str) -> Option<NetworkMode> {
        let addresses = address.parse().into_iter().collect();
        Some(NetworkMode::Named(vec![NetworkUse {
            name: name.to_owned(),
            addresses,
            ..NetworkUse::default()
        }]))
    }

    fn changed(args: &PodCreateArgs, by: CreateRequest) -> PodRequest {
        let original = CreateRequest {
            network: on("net", ""),
            dns: vec!["192.0.2.1".to_owned()],
            no_new_privileges: true,
            ..CreateRequest::default()
        };
        let mut request = PodRequest {
            shared: vec![Shared::Pid],
            share_parent: true,
            infra: Some(Box::new(original)),
            ..PodRequest::default()
        };
        let by = PodRequest { infra: Some(Box::new(by)), ..PodRequest::default() };
        change(&mut request, by, args);
        request
    }

    #[test]
    fn what_is_not_said_stays() {
        let request = changed(&PodCreateArgs::default(), CreateRequest::default());
        assert!(request.share_parent && request.shared == [Shared::Pid]);
        let infra = request.infra.unwrap();
        assert!(infra.no_new_privileges && infra.dns == ["192.0.2.1"] && infra.network == on("net", ""));
    }

    #[test]
    fn what_is_said_is_had() {
        let args = PodCreateArgs { share: Some(String::new()), ..PodCreateArgs::default() };
        assert_eq!(changed(&args, CreateRequest::default()).shared, []);
        let by = CreateRequest { network: on("bridge", "10.0.0.7"), ..CreateRequest::default() };
        let infra = |args: &PodCreateArgs| changed(args, by.clone()).infra.unwrap();
        assert_eq!(infra(&PodCreateArgs::default()).network, on("net", "10.0.0.7"));
        let args = PodCreateArgs { network: vec!["bridge".to_owned()], ..PodCreateArgs::default() };
        assert_eq!(infra(&args).network, on("bridge", "10.0.0.7"));
        let security_opt = vec!["seccomp=unconfined".to_owned()];
        let joint = JointOptions { security_opt, ..JointOptions::default() };
        let args = PodCreateArgs { joint, ..args };
        assert!(!infra(&args).no_new_privileges);
    }
}
