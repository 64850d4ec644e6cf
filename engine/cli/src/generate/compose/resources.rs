//! Networks, volumes, secrets and configurations of a compose file.

use pontoon_kube::tree::{Entry, Node};
use pontoon_units::UnitKind;

use super::report::Verdict as Outcome;
use super::values::{entries, pairs, text, truth};
use super::{Held, Reader, words};
use crate::generate::quadlet::Subject;

const NOT_SAID: &str = "no unit file says this";
const NO_TRUTH: &str = "it is neither `true` nor `false`";

impl Reader<'_> {
    /// Networks that are made; those from outside have a name only.
    pub(super) fn networks(&mut self, networks: &[Entry]) -> Vec<Subject> {
        let mut made = Vec::new();
        for entry in networks {
            let field = format!("networks.{}", entry.key);
            let name = self.names.networks.get(&entry.key).cloned().unwrap_or_default();
            let mut line = words(&["network", "create"]);
            let mut is_external = false;
            for part in self.map(&entry.node, &field) {
                let field = format!("{field}.{}", part.key);
                match part.key.as_str() {
                    "external" => match truth(&part.node) {
                        Some(said) => is_external = said,
                        None => {
                            self.report.refuse(part.place, &field, NO_TRUTH);
                            continue;
                        }
                    },
                    "ipam" => {
                        self.ipam(&part.node, &field, &mut line);
                        continue;
                    }
                    "attachable" => {
                        self.report.approximate(part.place, &field, "every container may join a network");
                        continue;
                    }
                    _ => {
                        if let Some(why) = network(part, &mut line) {
                            self.report.refuse(part.place, &field, why);
                            continue;
                        }
                    }
                }
                self.report.add(part.place, &field, Outcome::Exact);
            }
            if !is_external {
                line.push(name.clone());
                made.push(Subject::new(UnitKind::Network, name, line));
            }
        }
        made
    }

    fn ipam(&mut self, node: &Node, field: &str, line: &mut Vec<String>) {
        for part in self.map(node, field) {
            let field = format!("{field}.{}", part.key);
            match (part.key.as_str(), &part.node.value) {
                ("driver", _) if matches!(text(&part.node).as_deref(), Some("default" | "host-local")) => {}
                ("config", pontoon_kube::tree::Value::List(list)) => {
                    for one in list.iter().flat_map(|it| self.map(it, &field)).collect::<Vec<_>>() {
                        let option = match one.key.as_str() {
                            "subnet" => "subnet",
                            "gateway" => "gateway",
                            "ip_range" => "ip-range",
                            _ => {
                                self.report.refuse(one.place, &format!("{field}.{}", one.key), NOT_SAID);
                                continue;
                            }
                        };
                        line.push(format!("--{option}={}", text(&one.node).unwrap_or_default()));
                    }
                }
                _ => {
                    self.report.refuse(part.place, &field, NOT_SAID);
                    continue;
                }
            }
            self.report.add(part.place, &field, Outcome::Exact);
        }
    }

    /// Volumes that are made.
    pub(super) fn volumes(&mut self, volumes: &[Entry]) -> Vec<Subject> {
        let mut made = Vec::new();
        for entry in volumes {
            let field = format!("volumes.{}", entry.key);
            let name = self.names.volumes.get(&entry.key).cloned().unwrap_or_default();
            let mut line = words(&["volume", "create"]);
            let mut is_external = false;
            for part in self.map(&entry.node, &field) {
                let field = format!("{field}.{}", part.key);
                let said = match part.key.as_str() {
                    "name" => true,
                    "external" => match truth(&part.node) {
                        Some(said) => {
                            is_external = said;
                            true
                        }
                        None => {
                            self.report.refuse(part.place, &field, NO_TRUTH);
                            continue;
                        }
                    },
                    "driver_opts" if has_relative_device(&part.node) => {
                        self.report.refuse(part.place, &field, "write the whole path of the device");
                        continue;
                    }
                    "driver" => text(&part.node).as_deref() == Some("local"),
                    "driver_opts" => add_pairs(&part.node, "opt", &mut line),
                    "labels" => add_pairs(&part.node, "label", &mut line),
                    _ => false,
                };
                match said {
                    true => self.report.add(part.place, &field, Outcome::Exact),
                    false => self.report.refuse(part.place, &field, NOT_SAID),
                }
            }
            if !is_external {
                line.push(name.clone());
                made.push(Subject::new(UnitKind::Volume, name, line));
            }
        }
        made
    }

    /// Secrets and configurations: files, or secrets that the engine has.
    pub(super) fn held(&mut self, held: &[Entry], section: &str) {
        for entry in held {
            let field = format!("{section}.{}", entry.key);
            let name = entry.node.get("name").and_then(text).unwrap_or_else(|| entry.key.clone());
            let is_external = entry.node.get("external").and_then(truth) == Some(true);
            let found = match entry.node.get("file").and_then(text) {
                Some(path) => Some(Held::File(path)),
                None if is_external && section == "secrets" => Some(Held::Engine(name)),
                None => None,
            };
            match found {
                Some(found) => {
                    for part in entries(&entry.node).unwrap_or_default() {
                        if !matches!(part.key.as_str(), "file" | "external" | "name") {
                            self.report.refuse(part.place, &format!("{field}.{}", part.key), NOT_SAID);
                        }
                    }
                    self.report.add(entry.place, &field, Outcome::Exact);
                    self.names.files.insert(format!("{section}/{}", entry.key), found);
                }
                None => {
                    let why = "it must be a file, or a secret that the engine has (`external: true`; pontoon secret create)";
                    self.report.refuse(entry.place, &field, why);
                }
            }
        }
    }
}

/// One field of a network; gives why it cannot be said.
fn network(part: &Entry, line: &mut Vec<String>) -> Option<&'static str> {
    let said = match part.key.as_str() {
        "name" => true,
        "driver" => match text(&part.node).as_deref() {
            Some("bridge" | "default") => true,
            Some(driver @ ("macvlan" | "ipvlan")) => {
                line.push(format!("--driver={driver}"));
                true
            }
            _ => return Some("networks are bridges, macvlan or ipvlan"),
        },
        "driver_opts" => add_pairs(&part.node, "opt", line),
        "labels" => add_pairs(&part.node, "label", line),
        "internal" | "enable_ipv6" => match truth(&part.node) {
            Some(true) => {
                line.push(if part.key == "internal" { "--internal" } else { "--ipv6" }.to_owned());
                true
            }
            Some(false) => true,
            None => return Some(NO_TRUTH),
        },
        _ => false,
    };
    (!said).then_some(NOT_SAID)
}

fn has_relative_device(options: &Node) -> bool {
    options.get("device").and_then(text).is_some_and(|it| it.starts_with('.'))
}

fn add_pairs(node: &Node, option: &str, line: &mut Vec<String>) -> bool {
    let found = pairs(node);
    line.extend(found.iter().flatten().map(|it| format!("--{option}={it}")));
    found.is_some()
}
