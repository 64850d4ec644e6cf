//! What the files say becomes options of a command line that does not have them.

use std::collections::HashSet;
use std::path::PathBuf;

use super::ContainersConf;
use crate::args::ContainerOptions;

impl ContainersConf {
    /// Fills in what the command line leaves open. What is for users alone is left out for root.
    pub fn apply(&self, options: &mut ContainerOptions, rootless: bool) {
        self.words(options);
        self.namespaces(options);
        self.switches(options);
        self.lists(options);
        self.network(options, rootless);
        options.defaults.env = self.list("containers.env").to_vec();
        options.defaults.cgroup_conf = self.list("containers.cgroup_conf").to_vec();
        options.defaults.volume = self.list("containers.volumes").to_vec();
        options.defaults.mount = self.list("containers.mounts").to_vec();
        options.defaults.cdi_spec_dirs = self.directories("engine.cdi_spec_dirs");
        options.defaults.hooks_dirs = self.directories("engine.hooks_dir");
        options.defaults.capabilities = self
            .values
            .contains_key("containers.default_capabilities")
            .then(|| self.list("containers.default_capabilities").to_vec());
    }

    fn directories(&self, key: &str) -> Option<Vec<PathBuf>> {
        self.values.contains_key(key).then(|| self.list(key).iter().map(PathBuf::from).collect())
    }

    fn words(&self, options: &mut ContainerOptions) {
        let fill = |place: &mut Option<String>, key: &str| {
            if place.is_none() {
                *place = self.text(key).map(str::to_owned);
            }
        };
        fill(&mut options.joint.hosts_file, "containers.base_hosts_file");
        if options.init_path.is_none() {
            let path = self.text("containers.init_path").or(self.text("engine.init_path"));
            options.init_path = path.map(Into::into);
        }
        fill(&mut options.cgroups, "containers.cgroups");
        fill(&mut options.log_driver, "containers.log_driver");
        fill(&mut options.oom_score_adj, "containers.oom_score_adj");
        fill(&mut options.tz, "containers.tz");
        fill(&mut options.umask, "containers.umask");
        fill(&mut options.detach_keys, "engine.detach_keys");
        fill(&mut options.image_volume, "engine.image_volume_mode");
        fill(&mut options.pull, "engine.pull_policy");
        fill(&mut options.stop_timeout, "engine.stop_timeout");
        fill(&mut options.registry.retry_delay, "engine.retry_delay");
        let retry = self.text("engine.retry").and_then(|it| it.parse().ok());
        options.registry.retry = options.registry.retry.or(retry);
        options.defaults.pids_limit = self.text("containers.pids_limit").and_then(|it| it.parse().ok());
    }

    /// Options of namespaces, which give way where a container shares somebody's.
    fn namespaces(&self, options: &mut ContainerOptions) {
        let usual = &mut options.defaults.usual;
        let mut fill = |place: &mut Option<String>, key: &str, option: &'static str| {
            if let (None, Some(text)) = (&place, self.text(key)) {
                *place = Some(text.to_owned());
                usual.push(option);
            }
        };
        fill(&mut options.cgroupns, "containers.cgroupns", "--cgroupns");
        fill(&mut options.ipc, "containers.ipcns", "--ipc");
        fill(&mut options.pid, "containers.pidns", "--pid");
        fill(&mut options.joint.shm_size, "containers.shm_size", "--shm-size");
        fill(&mut options.uts, "containers.utsns", "--uts");
        if !options.joint.has_id_maps() {
            fill(&mut options.userns, "containers.userns", "--userns");
        }
    }

    fn switches(&self, options: &mut ContainerOptions) {
        let set = |place: &mut Option<bool>, key: &str| *place = place.or(self.truth(key));
        set(&mut options.env_host, "containers.env_host");
        set(&mut options.init, "containers.init");
        set(&mut options.joint.no_hosts, "containers.no_hosts");
        set(&mut options.privileged, "containers.privileged");
        set(&mut options.read_only, "containers.read_only");
        set(&mut options.http_proxy, "containers.http_proxy");
    }

    fn lists(&self, options: &mut ContainerOptions) {
        let front = |place: &mut Vec<String>, key: &str| {
            place.splice(0..0, self.list(key).iter().cloned());
        };
        front(&mut options.annotation, "containers.annotations");
        front(&mut options.joint.device, "containers.devices");
        for (place, key, option) in [
            (&mut options.joint.dns, "containers.dns_servers", "--dns"),
            (&mut options.joint.dns_search, "containers.dns_searches", "--dns-search"),
            (&mut options.joint.dns_option, "containers.dns_options", "--dns-option"),
        ] {
            if place.is_empty() {
                *place = self.list(key).to_vec();
                options.defaults.usual.push(option);
            } else if !place.iter().any(|it| matches!(it.as_str(), "none" | ".")) {
                // As in Podman, the command line adds to the file; its words for nothing at all stand alone.
                place.splice(0..0, self.list(key).iter().filter(|it| *it != "none").cloned());
            }
        }
        // Settings with names: those of the command line win.
        for (place, key) in [
            (&mut options.defaults.sysctl, "containers.default_sysctls"),
            (&mut options.ulimit, "containers.default_ulimits"),
        ] {
            let name = |it: &str| it.split('=').next().unwrap_or_default().to_owned();
            let given: HashSet<String> = place.iter().map(|it| name(it)).collect();
            if !given.contains("host") {
                let more = self.list(key).iter().filter(|it| !given.contains(&name(it))).cloned();
                place.splice(0..0, more.collect::<Vec<_>>());
            }
        }
        let has = |options: &[String], start: &str| options.iter().any(|it| it.starts_with(start));
        if let Some(profile) = self
            .text("containers.apparmor_profile")
            // The distributions' file has the name of Podman's own, which stands for the default.
            .filter(|it| {
                !it.starts_with("containers-default") && !has(&options.joint.security_opt, "apparmor=")
            })
        {
            options.joint.security_opt.push(format!("apparmor={profile}"));
        }
        if self.truth("containers.label") == Some(false) && !has(&options.joint.security_opt, "label=") {
            options.joint.security_opt.push("label=disable".to_owned());
        }
        if let Some(path) =
            self.text("containers.seccomp_profile").filter(|_| !has(&options.joint.security_opt, "seccomp="))
        {
            options.joint.security_opt.push(format!("seccomp={path}"));
        }
        if let Some(tag) = self.text("containers.log_tag").filter(|_| !has(&options.log_opt, "tag=")) {
            options.log_opt.push(format!("tag={tag}"));
        }
        let size = self.text("containers.log_size_max").filter(|it| !it.starts_with('-'));
        if let Some(size) = size.filter(|_| !has(&options.log_opt, "max-size=")) {
            options.log_opt.push(format!("max-size={size}"));
        }
    }

    fn network(&self, options: &mut ContainerOptions, rootless: bool) {
        options.defaults.pasta = self.list("network.pasta_options").to_vec();
        options.defaults.slirp4netns = self.list("engine.network_cmd_options").to_vec();
        let usual = ["", "default", "private"];
        let is_asked = !options.network.is_empty();
        if is_asked && !(rootless && options.network.iter().all(|it| usual.contains(&it.as_str()))) {
            return;
        }
        let mode = self.text("containers.netns").filter(|it| !is_asked && !usual.contains(it));
        let network = match (mode, self.text("network.default_rootless_network_cmd")) {
            (Some(mode), _) => Some(mode),
            // Root's default is a network with a name.
            (None, _) if !rootless => None,
            (None, Some("slirp4netns")) => Some("slirp4netns"),
            (None, _) if options.defaults.pasta.is_empty() => None,
            (None, _) => Some("pasta"),
        };
        if let Some(network) = network {
            options.network = vec![network.to_owned()];
        }
        options.defaults.usual.push("--network");
    }
}
