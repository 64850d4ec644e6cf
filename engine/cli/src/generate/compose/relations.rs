//! What a service has to do with others: networks, and what it depends on.

use pontoon_kube::tree::{Entry, Place, Value};

use super::Reader;
use super::report::Verdict as Outcome;
use super::service::Service;
use super::values::{entries, text, texts, truth};

impl Reader<'_> {
    /// `networks`
    pub(super) fn join_all(&mut self, service: &mut Service, part: &Entry, field: &str, own: &str) {
        match &part.node.value {
            Value::List(list) => {
                for one in list {
                    let name = text(one).unwrap_or_default();
                    self.join_one(service, &name, own, &[], one.place, field);
                }
            }
            _ => {
                for entry in self.map(&part.node, field) {
                    let options = self.map(&entry.node, &format!("{field}.{}", entry.key));
                    self.join_one(
                        service,
                        &entry.key,
                        own,
                        options,
                        entry.place,
                        &format!("{field}.{}", entry.key),
                    );
                }
            }
        }
    }

    fn join_one(
        &mut self,
        service: &mut Service,
        name: &str,
        own: &str,
        options: &[Entry],
        place: Place,
        field: &str,
    ) {
        if !self.names.networks.contains_key(name) {
            self.report.refuse(place, field, format!("`{name}` is not among the networks"));
            return;
        }
        let mut words = Vec::new();
        for option in options {
            let value = text(&option.node).unwrap_or_default();
            let mut said = texts(&option.node).unwrap_or_default();
            said.extend(entries(&option.node).map(|_| String::new()));
            if said.iter().any(|it| it.is_empty() || it.contains([',', ' '])) {
                let field = format!("{field}.{}", option.key);
                self.report.refuse(option.place, &field, "it is no name, address, or list of them");
                continue;
            }
            match option.key.as_str() {
                "aliases" => words
                    .extend(texts(&option.node).unwrap_or_default().iter().map(|it| format!("alias={it}"))),
                "ipv4_address" | "ipv6_address" => words.push(format!("ip={value}")),
                "mac_address" => words.push(format!("mac={value}")),
                "interface_name" => words.push(format!("interface_name={value}")),
                "priority" | "gw_priority" => {
                    self.report.approximate(
                        option.place,
                        &format!("{field}.{}", option.key),
                        "networks are joined in the order of the file",
                    );
                }
                _ => self.report.refuse(
                    option.place,
                    &format!("{field}.{}", option.key),
                    "no unit file says this",
                ),
            }
        }
        self.join(service, name, own, &words);
        self.report.add(place, field, Outcome::Exact);
    }

    /// Puts a service onto a network, under its own name.
    pub(super) fn join(&mut self, service: &mut Service, network: &str, own: &str, words: &[String]) {
        let name = self.names.networks.get(network).cloned().unwrap_or_default();
        let mut options = words.to_vec();
        if self.names.containers.get(own).is_none_or(|it| it != own) {
            options.push(format!("alias={own}"));
        }
        let word = if options.is_empty() { name.clone() } else { format!("{name}:{}", options.join(",")) };
        service.add("network", &word);
        service.has_network = true;
        self.used.insert(name);
    }

    /// `links`: names that are there anyhow, and what is begun before.
    pub(super) fn links(&mut self, service: &mut Service, part: &Entry, field: &str) {
        for link in texts(&part.node).unwrap_or_default() {
            let (other, alias) = link.split_once(':').unwrap_or((&link, &link));
            let verdict = match self.names.containers.get(other) {
                None => Outcome::Refused(format!("there is no service `{other}`")),
                Some(_) if alias != other => Outcome::Refused(format!(
                    "services of one network reach each other by their names: give `{other}` the alias `{alias}` in its `networks`"
                )),
                Some(name) => {
                    for key in ["Requires", "After"] {
                        service.settings.push(("Unit", key, format!("{name}.service")));
                    }
                    Outcome::Approximated(format!("stopping or restarting `{name}` does so with this one"))
                }
            };
            self.report.add(part.place, field, verdict);
        }
    }

    /// `depends_on`
    pub(super) fn depends(&mut self, service: &mut Service, part: &Entry, field: &str) {
        let wanted: Vec<(String, Place, &[Entry])> = match &part.node.value {
            Value::List(list) => {
                list.iter().map(|it| (text(it).unwrap_or_default(), it.place, [].as_slice())).collect()
            }
            _ => self
                .map(&part.node, field)
                .iter()
                .map(|it| (it.key.clone(), it.place, self.map(&it.node, &format!("{field}.{}", it.key))))
                .collect(),
        };
        for (other, place, options) in wanted {
            let field = format!("{field}.{other}");
            let required = options.iter().find(|it| it.key == "required").and_then(|it| truth(&it.node));
            let is_required = required != Some(false);
            let Some(name) = self.names.containers.get(&other).cloned() else {
                // As Compose has it: what need not be there is not missed.
                match is_required {
                    true => {
                        let why = "there is no such service, or its profile is not asked for (--profile)";
                        self.report.refuse(place, &field, why);
                    }
                    false => self.report.add(place, &field, Outcome::Exact),
                }
                continue;
            };
            for option in options {
                match (option.key.as_str(), text(&option.node).as_deref()) {
                    (
                        "condition",
                        Some("service_started" | "service_healthy" | "service_completed_successfully"),
                    ) => {}
                    ("condition", _) => self.report.refuse(
                        option.place,
                        &format!("{field}.condition"),
                        "it is service_started, service_healthy or service_completed_successfully",
                    ),
                    ("required" | "restart", _) if truth(&option.node).is_some() => {}
                    _ => self.report.refuse(
                        option.place,
                        &format!("{field}.{}", option.key),
                        "no unit file says this",
                    ),
                }
            }
            let key = if is_required { "Requires" } else { "Wants" };
            service.settings.push(("Unit", key, format!("{name}.service")));
            service.settings.push(("Unit", "After", format!("{name}.service")));
            let verdict = match is_required {
                true => {
                    Outcome::Approximated(format!("stopping or restarting `{name}` does so with this one"))
                }
                false => Outcome::Exact,
            };
            self.report.add(place, &field, verdict);
        }
    }
}
