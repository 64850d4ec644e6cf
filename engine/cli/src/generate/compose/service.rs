//! A service of a compose file as the command line of its container.

use std::ops::Range;

use pontoon_kube::tree::{Entry, Node, Place, Value};
use pontoon_units::UnitKind;

use super::fields::{accepted, commands, env_files, extra_hosts, logging, restart, ulimits};
use super::report::Verdict as Outcome;
use super::values::{entries, pairs, seconds, text, texts, truth};
use super::{DEFAULT, Reader};
use crate::generate::quadlet::Subject;

/// Fields that are one text, and the options that say the same.
const TEXTS: [(&str, &str); 27] = [
    ("cgroup", "cgroupns"),
    ("cgroup_parent", "cgroup-parent"),
    ("cpu_period", "cpu-period"),
    ("cpu_quota", "cpu-quota"),
    ("cpu_shares", "cpu-shares"),
    ("cpus", "cpus"),
    ("cpuset", "cpuset-cpus"),
    ("gpus", "gpus"),
    ("hostname", "hostname"),
    ("image", ""),
    ("ipc", "ipc"),
    ("mac_address", "mac-address"),
    ("mem_limit", "memory"),
    ("mem_reservation", "memory-reservation"),
    ("memswap_limit", "memory-swap"),
    ("oom_score_adj", "oom-score-adj"),
    ("pid", "pid"),
    ("pids_limit", "pids-limit"),
    ("platform", "platform"),
    ("shm_size", "shm-size"),
    ("stop_signal", "stop-signal"),
    ("user", "user"),
    ("userns_mode", "userns"),
    ("uts", "uts"),
    ("working_dir", "workdir"),
    ("container_name", ""),
    ("network_mode", ""),
];

/// Fields that are lists of texts.
const LISTS: [(&str, &str); 14] = [
    ("cap_add", "cap-add"),
    ("cap_drop", "cap-drop"),
    ("device_cgroup_rules", "device-cgroup-rule"),
    ("devices", "device"),
    ("dns", "dns"),
    ("dns_opt", "dns-option"),
    ("dns_search", "dns-search"),
    ("expose", "expose"),
    ("group_add", "group-add"),
    ("label_file", "label-file"),
    ("security_opt", "security-opt"),
    ("tmpfs", "tmpfs"),
    ("env_file", ""),
    ("profiles", ""),
];

/// Fields of names and values.
const PAIRS: [(&str, &str); 3] = [("annotations", "annotation"), ("labels", "label"), ("sysctls", "sysctl")];

/// Switches.
const SWITCHES: [(&str, &str); 5] = [
    ("init", "init"),
    ("privileged", "privileged"),
    ("read_only", "read-only"),
    ("stdin_open", "interactive"),
    ("tty", "tty"),
];

/// A field, where it stands, and which of the options are its.
type Span = (Place, String, Range<usize>);

/// A service that is being read.
#[derive(Debug, Default)]
pub(super) struct Service {
    pub(super) options: Vec<String>,
    image: Option<String>,
    /// Whether the file names its image.
    is_named: bool,
    pub(super) command: Vec<String>,
    pub(super) settings: Vec<(&'static str, &'static str, String)>,
    /// Whether its network was said.
    pub(super) has_network: bool,
}

impl Service {
    pub(super) fn add(&mut self, option: &str, value: &str) {
        self.options.push(format!("--{option}={value}"));
    }
}

impl Reader<'_> {
    /// The container of a service; `None` where there is none.
    pub(super) fn service(&mut self, entry: &Entry) -> Option<Subject> {
        let prefix = format!("services.{}", entry.key);
        let Some(fields) = entries(&entry.node) else {
            self.report.refuse(entry.node.place, &prefix, "a service is a map");
            return None;
        };
        let fits = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-');
        if !entry.key.chars().all(fits) {
            let why = "a service's name has letters, digits, `.`, `_` and `-`";
            self.report.refuse(entry.place, &prefix, why);
            return None;
        }
        // Compose leaves it out, too.
        if !self.is_asked_for(entry) {
            self.report.add(entry.place, &format!("{prefix}.profiles"), Outcome::Exact);
            return None;
        }
        let mut service = Service { is_named: entry.node.get("image").is_some(), ..Service::default() };
        let mut spans = Vec::new();
        for part in fields {
            let field = format!("{prefix}.{}", part.key);
            let before = service.options.len();
            self.field(&mut service, part, &field, &entry.key);
            spans.push((part.place, field, before..service.options.len()));
        }
        let name = self.names.containers.get(&entry.key).cloned().unwrap_or_default();
        if !service.has_network {
            self.join(&mut service, DEFAULT, &entry.key, &[]);
        }
        if self.names.healthy.contains(&entry.key) {
            service.add("sdnotify", "healthy");
        }
        if self.names.completed.contains(&entry.key) {
            self.ends(&mut service, entry, &prefix);
        }
        let Some(image) = service.image.take() else {
            self.report.refuse(entry.place, &prefix, "it has no image");
            return None;
        };
        if image.is_empty() || image.starts_with('-') {
            self.report.refuse(entry.place, &format!("{prefix}.image"), format!("`{image}` is no image"));
            return None;
        }
        self.check(&service, entry.place, &prefix, spans);
        let mut words = super::words(&["run", "--name", &name]);
        words.append(&mut service.options);
        words.push(image);
        words.append(&mut service.command);
        Some(Subject { settings: service.settings, ..Subject::new(UnitKind::Container, name, words) })
    }

    /// Others wait until it has ended: its service is done then, and stays so until somebody stops it.
    fn ends(&mut self, service: &mut Service, entry: &Entry, prefix: &str) {
        let is_endless = |it: &String| matches!(it.as_str(), "--restart=always" | "--restart=unless-stopped");
        if service.options.iter().any(is_endless) {
            let why = "others wait until it has ended, so it is not started again: `no` or `on-failure`";
            let place = entry.node.get("restart").map_or(entry.place, |it| it.place);
            self.report.refuse(place, &format!("{prefix}.restart"), why);
        }
        for (key, value) in [("Type", "oneshot"), ("RemainAfterExit", "yes")] {
            service.settings.push(("Service", key, value.to_owned()));
        }
    }

    /// Refuses what the engine would not take. `spans` are the fields, and which of the options are theirs.
    fn check(&mut self, service: &Service, place: Place, prefix: &str, mut spans: Vec<Span>) {
        let rootless = self.surroundings.rootless;
        let fields: usize = spans.iter().map(|(.., span)| span.len()).sum();
        let others = service.options.get(fields..).unwrap_or_default();
        let own = |span: &Range<usize>| service.options.get(span.clone()).unwrap_or_default().to_vec();
        spans.retain(|(.., span)| !span.is_empty());
        loop {
            let all = spans.iter().flat_map(|(.., span)| own(span)).chain(others.iter().cloned());
            let Err(why) = accepted(&all.collect::<Vec<_>>(), rootless) else { return };
            // A field that is at fault by itself; what is wrong with the rest is seen without it.
            let alone = |(.., span): &Span| accepted(&own(span), rootless).is_err_and(|other| other == why);
            let Some(index) = spans.iter().position(alone) else {
                self.report.refuse(place, prefix, why);
                return;
            };
            let (place, field, _) = spans.remove(index);
            // What was said of it before does not hold.
            self.report.findings.retain(|it| it.field != field || it.verdict != Outcome::Exact);
            self.report.refuse(place, &field, why);
        }
    }

    fn field(&mut self, service: &mut Service, part: &Entry, field: &str, own: &str) {
        let (key, node) = (part.key.as_str(), &part.node);
        if key.starts_with("x-") {
            return;
        }
        let wrong = |what: &str| Outcome::Refused(format!("it is {}, and should be {what}", node.kind()));
        let find = |table: &[(&str, &'static str)]| {
            table.iter().find(|(name, _)| *name == key).map(|(_, option)| *option)
        };
        if let Some(option) = find(&TEXTS) {
            let verdict = match text(node) {
                // As if it were not there.
                Some(_) if matches!(node.value, Value::Null) => Outcome::Exact,
                Some(value) => self.text(service, key, option, &value),
                None => wrong("one text"),
            };
            self.report.add(part.place, field, verdict);
        } else if let Some(option) = find(&LISTS) {
            let verdict = match (key, texts(node)) {
                ("env_file", _) => env_files(service, node),
                ("profiles", Some(_)) => Outcome::Exact,
                (_, Some(values)) => {
                    for value in values {
                        // Docker had a colon here.
                        let value = if key == "security_opt" {
                            value.replacen(':', "=", usize::from(!value.contains('=')))
                        } else {
                            value
                        };
                        service.add(option, &value);
                    }
                    Outcome::Exact
                }
                (_, None) => wrong("a list of texts"),
            };
            self.report.add(part.place, field, verdict);
        } else if let Some(option) = find(&PAIRS) {
            let found = pairs(node);
            found.iter().flatten().for_each(|it| service.add(option, it));
            self.report.add(
                part.place,
                field,
                found.map_or_else(|| wrong("names and values"), |_| Outcome::Exact),
            );
        } else if let Some(option) = find(&SWITCHES) {
            let verdict = match truth(node) {
                Some(true) => {
                    service.options.push(format!("--{option}"));
                    Outcome::Exact
                }
                Some(false) => Outcome::Exact,
                None => wrong("`true` or `false`"),
            };
            self.report.add(part.place, field, verdict);
        } else {
            self.special(service, part, field, own);
        }
    }

    /// Fields that are more than an option.
    fn special(&mut self, service: &mut Service, part: &Entry, field: &str, own: &str) {
        let node = &part.node;
        let verdict = match part.key.as_str() {
            "command" | "entrypoint" => commands(service, &part.key, node),
            "environment" => self.environment(service, node),
            "restart" => restart(service, &text(node).unwrap_or_default()),
            "extra_hosts" => extra_hosts(service, node),
            "ulimits" => ulimits(service, node),
            "logging" => logging(service, node),
            "stop_grace_period" => match text(node).and_then(|it| seconds(&it)) {
                Some(time) => {
                    service.add("stop-timeout", &time.to_string());
                    Outcome::Exact
                }
                None => Outcome::Refused("it is no duration such as `1m30s`".to_owned()),
            },
            "pull_policy" => match text(node).as_deref() {
                Some(word @ ("always" | "never" | "missing")) => {
                    service.add("pull", word);
                    Outcome::Exact
                }
                Some("if_not_present") => {
                    service.add("pull", "missing");
                    Outcome::Exact
                }
                _ => Outcome::Refused("it is one of always, never, missing".to_owned()),
            },
            "healthcheck" => return self.health(service, node, field),
            "deploy" => return self.deploy(service, node, field),
            "depends_on" => return self.depends(service, part, field),
            "links" => return self.links(service, part, field),
            "networks" => return self.join_all(service, part, field, own),
            "volumes" => return self.mounts(service, part, field),
            "ports" => return self.ports(service, part, field),
            "secrets" | "configs" => return self.uses(service, part, field, &part.key),
            "scale" if text(node).as_deref() == Some("1") => Outcome::Exact,
            "attach" | "develop" => Outcome::Approximated("a service has nobody who looks on".to_owned()),
            "build" if service.is_named => Outcome::Approximated(
                "the image is not built: it must be there, or in its registry".to_owned(),
            ),
            "build" => Outcome::Refused("images are not built: name one that is there (`image`)".to_owned()),
            "extends" => Outcome::Refused("write out what the service takes from the other one".to_owned()),
            _ => Outcome::Refused("no unit file says this".to_owned()),
        };
        self.report.add(part.place, field, verdict);
    }

    fn text(&mut self, service: &mut Service, key: &str, option: &str, value: &str) -> Outcome {
        match key {
            "image" => service.image = Some(value.to_owned()),
            "container_name" => {}
            "network_mode" => {
                service.has_network = true;
                match value {
                    "bridge" | "default" => {
                        service.add("network", "podman");
                        return Outcome::Approximated(
                            "the network `podman` is the one of everybody".to_owned(),
                        );
                    }
                    _ => return self.namespace(service, "network", value),
                }
            }
            "pid" | "ipc" | "uts" | "cgroup" => return self.namespace(service, option, value),
            _ => service.add(option, value),
        }
        Outcome::Exact
    }

    /// A namespace, perhaps that of another service.
    fn namespace(&mut self, service: &mut Service, option: &str, value: &str) -> Outcome {
        let Some(other) = value.strip_prefix("service:") else {
            service.add(option, value);
            return Outcome::Exact;
        };
        let Some(name) = self.names.containers.get(other) else {
            return Outcome::Refused(format!("there is no service `{other}`"));
        };
        service.add(option, &format!("container:{name}"));
        for key in ["Requires", "After"] {
            service.settings.push(("Unit", key, format!("{name}.service")));
        }
        Outcome::Exact
    }

    fn environment(&mut self, service: &mut Service, node: &Node) -> Outcome {
        let Some(variables) = pairs(node) else {
            return Outcome::Refused("it should be names and values".to_owned());
        };
        let mut taken = Vec::new();
        for variable in variables {
            if variable.contains('=') {
                service.add("env", &variable);
                continue;
            }
            // Services have no environment of ours to take it from.
            match self.surroundings.variables.get(&variable) {
                Some(value) => {
                    service.add("env", &format!("{variable}={value}"));
                    taken.push(format!("`{variable}` has the value that it has now"));
                }
                None => taken.push(format!("`{variable}` is not set, and is left out")),
            }
        }
        if taken.is_empty() { Outcome::Exact } else { Outcome::Approximated(taken.join("; ")) }
    }
}
