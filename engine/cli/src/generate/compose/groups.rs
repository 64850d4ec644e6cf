//! What a service of a compose file says in groups of its own: `healthcheck`, `deploy`.

use pontoon_kube::tree::{Node, Value};

use super::Reader;
use super::fields::health_test;
use super::report::Verdict as Outcome;
use super::service::Service;
use super::values::{text, texts, truth};

impl Reader<'_> {
    /// `healthcheck`
    pub(super) fn health(&mut self, service: &mut Service, node: &Node, field: &str) {
        for part in self.map(node, field) {
            let field = format!("{field}.{}", part.key);
            let value = text(&part.node);
            let verdict = match (part.key.as_str(), value) {
                ("test", _) => health_test(service, &part.node),
                ("interval" | "timeout" | "retries" | "start_period", Some(value)) => {
                    service.add(&format!("health-{}", part.key.replace('_', "-")), &value);
                    Outcome::Exact
                }
                ("start_interval", _) => {
                    Outcome::Approximated("the first checks come as often as the others".to_owned())
                }
                ("disable", _) => match truth(&part.node) {
                    Some(true) => {
                        service.options.push("--no-healthcheck".to_owned());
                        Outcome::Exact
                    }
                    Some(false) => Outcome::Exact,
                    None => Outcome::Refused("it is neither `true` nor `false`".to_owned()),
                },
                _ => Outcome::Refused("no unit file says this".to_owned()),
            };
            self.report.add(part.place, &field, verdict);
        }
    }

    /// `deploy`
    pub(super) fn deploy(&mut self, service: &mut Service, node: &Node, field: &str) {
        for part in self.map(node, field) {
            let field = format!("{field}.{}", part.key);
            match part.key.as_str() {
                "resources" => self.resources(service, &part.node, &field),
                "replicas" if text(&part.node).as_deref() == Some("1") => {
                    self.report.add(part.place, &field, Outcome::Exact);
                }
                "replicas" => self.report.refuse(
                    part.place,
                    &field,
                    "a unit is one container; see templates, `NAME@.container`",
                ),
                "restart_policy" => {
                    let word = match part.node.get("condition").and_then(text).as_deref() {
                        Some("none") => "no",
                        Some("on-failure") => "on-failure",
                        None | Some("any") => "always",
                        Some(other) => {
                            let why = format!("`{other}` is no condition: none, on-failure or any");
                            self.report.refuse(part.place, &field, why);
                            continue;
                        }
                    };
                    service.add("restart", word);
                    self.report.approximate(part.place, &field, "of the policy only the condition is said");
                }
                "mode" | "labels" | "placement" | "update_config" | "rollback_config" | "endpoint_mode" => {
                    self.report.approximate(part.place, &field, "it concerns swarms, and is left out");
                }
                _ => self.report.refuse(part.place, &field, "no unit file says this"),
            }
        }
    }

    fn resources(&mut self, service: &mut Service, node: &Node, field: &str) {
        for group in self.map(node, field) {
            for part in self.map(&group.node, &format!("{field}.{}", group.key)) {
                let field = format!("{field}.{}.{}", group.key, part.key);
                let option = match (group.key.as_str(), part.key.as_str()) {
                    ("limits", "cpus") => "cpus",
                    ("limits", "memory") => "memory",
                    ("limits", "pids") => "pids-limit",
                    ("reservations", "memory") => "memory-reservation",
                    ("reservations", "cpus") => {
                        let why = "it is for who chooses a machine, and is left out";
                        self.report.approximate(part.place, &field, why);
                        continue;
                    }
                    ("reservations", "devices") => {
                        let verdict = reserved_devices(service, &part.node);
                        self.report.add(part.place, &field, verdict);
                        continue;
                    }
                    _ => {
                        self.report.refuse(part.place, &field, "no unit file says this");
                        continue;
                    }
                };
                service.add(option, &text(&part.node).unwrap_or_default());
                self.report.add(part.place, &field, Outcome::Exact);
            }
        }
    }
}

/// `deploy.resources.reservations.devices`: GPUs of NVIDIA's, as the Container Device Interface names them.
fn reserved_devices(service: &mut Service, node: &Node) -> Outcome {
    let Value::List(list) = &node.value else {
        return Outcome::Refused(format!("it is {}, and should be a list", node.kind()));
    };
    let mut verdict = Outcome::Exact;
    for one in list {
        let said = |name: &str| one.get(name).and_then(text);
        let driver = said("driver");
        let wanted = one.get("capabilities").and_then(texts).unwrap_or_default();
        if driver.as_deref().unwrap_or("nvidia") != "nvidia" || !wanted.iter().any(|it| it == "gpu") {
            return Outcome::Refused(
                "of such devices there are NVIDIA's of capability `gpu`; see `devices`".to_owned(),
            );
        }
        let names: Vec<String> = match (one.get("device_ids").and_then(texts), said("count").as_deref()) {
            (Some(names), None) => names,
            (None, None | Some("all")) => vec!["all".to_owned()],
            (None, Some(count)) => {
                let Ok(count @ 1..=64) = count.parse::<u32>() else {
                    return Outcome::Refused(format!("`{count}` is no count of devices"));
                };
                verdict =
                    Outcome::Approximated("the first ones are taken, whatever else has them".to_owned());
                (0..count).map(|it| it.to_string()).collect()
            }
            (Some(_), Some(_)) => {
                return Outcome::Refused("`count` and `device_ids` exclude each other".to_owned());
            }
        };
        names.iter().for_each(|it| service.add("device", &format!("nvidia.com/gpu={it}")));
    }
    verdict
}
