//! A compose file as unit files: what the services say becomes command lines, and those become files as in
//! [`super::quadlet`].
//!
//! Every field that the file has is accounted for, with its place: it is said exactly, it is said nearly (and why), or it is
//! refused (and why). Keys and meanings are those of the compose specification.

mod fields;
mod groups;
mod interpolate;
mod relations;
mod report;
mod resources;
mod service;
mod storage;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, BTreeSet};

use pontoon_kube::tree::{Entry, Node, Place};
use pontoon_kube::yaml;
use pontoon_units::UnitKind;

use super::quadlet::Subject;
use report::{Report, Verdict as Outcome};

pub use interpolate::env_file;
pub use report::{Finding, Verdict};

/// What is known besides the file.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The project's name, if the file says none.
    pub project: String,
    /// The project's name, whatever the file says.
    pub project_name: Option<String>,
    /// Whether the units are an ordinary user's.
    pub rootless: bool,
    /// Variables: those of `.env`, and our own environment over them.
    pub variables: BTreeMap<String, String>,
    /// Profiles that are asked for.
    pub profiles: Vec<String>,
}

/// What came of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Project {
    /// Networks, volumes and services, each as the command line that makes it.
    pub subjects: Vec<Subject>,
    /// What became of each field, in the order of the file.
    pub findings: Vec<Finding>,
}

/// Reads a compose file.
pub fn read(text: &str, surroundings: &Surroundings) -> Project {
    let mut report = Report::default();
    let mut document = match yaml::documents(text) {
        Ok(documents) if documents.len() == 1 => documents.into_iter().next().unwrap_or_else(nothing),
        Ok(_) => {
            report.refuse(Place { line: 1, column: 1 }, "", "a compose file is one YAML document");
            return Project { subjects: Vec::new(), findings: report.findings };
        }
        Err(err) => {
            // What follows is for those who call the parser.
            let why = err.message.split(", set ").next().unwrap_or_default();
            report.refuse(err.place, "", why);
            return Project { subjects: Vec::new(), findings: report.findings };
        }
    };
    interpolate::tree(&mut document, "", &surroundings.variables, &mut report);
    let mut reader = Reader { report, surroundings, names: Names::default(), used: BTreeSet::new() };
    let subjects = reader.document(&document);
    let mut findings = reader.report.findings;
    findings.sort_by_key(|it| it.place);
    Project { subjects, findings }
}

fn nothing() -> Node {
    Node { place: Place::default(), value: pontoon_kube::tree::Value::Null }
}

/// What things of the file are called outside.
#[derive(Debug, Default)]
struct Names {
    project: String,
    /// Those of the services whose profiles are asked for.
    containers: BTreeMap<String, String>,
    volumes: BTreeMap<String, String>,
    networks: BTreeMap<String, String>,
    /// Secrets and configurations that are files, and those that are the engine's.
    files: BTreeMap<String, Held>,
    /// Services that others wait for until they are well.
    healthy: BTreeSet<String>,
    /// Those that others wait for until they have ended well.
    completed: BTreeSet<String>,
}

/// Where a secret or a configuration is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Held {
    /// A file beside the compose file.
    File(String),
    /// A secret of the engine's.
    Engine(String),
}

/// A file that is being read.
struct Reader<'a> {
    report: Report,
    surroundings: &'a Surroundings,
    names: Names,
    /// Networks that a service is on.
    used: BTreeSet<String>,
}

/// The network of all services that name none.
const DEFAULT: &str = "default";

impl Reader<'_> {
    fn document(&mut self, document: &Node) -> Vec<Subject> {
        let Some(entries) = values::entries(document) else {
            self.report.refuse(document.place, "", "a compose file is a map with `services`");
            return Vec::new();
        };
        let said = self.surroundings.project_name.clone();
        let said = said.or_else(|| document.get("name").and_then(values::text));
        self.names.project = said.unwrap_or_else(|| self.surroundings.project.clone());
        let fits = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '-' | '_');
        if self.names.project.is_empty()
            || self.names.project.starts_with(['-', '_'])
            || !self.names.project.chars().all(fits)
        {
            let place = document.get("name").map_or(document.place, |it| it.place);
            let why = format!(
                "`{}` is no name of a project: lowercase letters, digits, `-` and `_` (--project-name)",
                self.names.project
            );
            self.report.refuse(place, "name", why);
        }
        self.names.networks.insert(DEFAULT.to_owned(), format!("{}_default", self.names.project));
        let section = |name: &str| document.get(name).and_then(values::entries).unwrap_or_default();
        self.name_things(document);
        let mut networks = self.networks(section("networks"));
        let volumes = self.volumes(section("volumes"));
        self.held(section("secrets"), "secrets");
        self.held(section("configs"), "configs");
        for entry in entries {
            match entry.key.as_str() {
                "name" | "version" => self.report.add(entry.place, &entry.key, Outcome::Exact),
                "services" | "networks" | "volumes" | "secrets" | "configs" => {
                    if values::entries(&entry.node).is_none() {
                        let why = format!("it is {}, and should be a map", entry.node.kind());
                        self.report.refuse(entry.node.place, &entry.key, why);
                    }
                }
                other if other.starts_with("x-") => {}
                "include" => {
                    self.report.refuse(
                        entry.place,
                        "include",
                        "write what the other file holds into this one",
                    );
                }
                other => self.report.refuse(entry.place, other, "no unit file says this"),
            }
        }
        let services = section("services");
        if services.is_empty() {
            self.report.refuse(document.place, "services", "there is no service");
        }
        let made: Vec<Subject> = services.iter().filter_map(|it| self.service(it)).collect();
        networks.retain(|it| self.used.contains(&it.name));
        let default = self.names.networks.get(DEFAULT).cloned().unwrap_or_default();
        if self.used.contains(&default) && networks.iter().all(|it| it.name != default) {
            let words = words(&["network", "create", &default]);
            networks.push(Subject::new(UnitKind::Network, default, words));
        }
        networks.into_iter().chain(volumes).chain(made).collect()
    }

    /// Whether a service is in no profile, or in one that is asked for.
    fn is_asked_for(&self, service: &Entry) -> bool {
        let profiles = service.node.get("profiles").and_then(values::texts).unwrap_or_default();
        let asked = &self.surroundings.profiles;
        profiles.is_empty()
            || profiles.iter().any(|it| asked.contains(it) || asked.iter().any(|it| it == "*"))
    }

    /// The entries of a map; anything else is refused.
    fn map<'n>(&mut self, node: &'n Node, field: &str) -> &'n [Entry] {
        values::entries(node).unwrap_or_else(|| {
            self.report.refuse(node.place, field, format!("it is {}, and should be a map", node.kind()));
            &[]
        })
    }

    /// What things are called is needed before they are read.
    fn name_things(&mut self, document: &Node) {
        let entries = |name: &str| document.get(name).and_then(values::entries).unwrap_or_default();
        for entry in entries("services") {
            if !self.is_asked_for(entry) {
                continue;
            }
            let name = entry.node.get("container_name").and_then(values::text);
            self.names.containers.insert(entry.key.clone(), name.unwrap_or_else(|| entry.key.clone()));
            let needed = entry.node.get("depends_on").and_then(values::entries).unwrap_or_default();
            for other in needed {
                let awaited = match other.node.get("condition").and_then(Node::text) {
                    Some("service_healthy") => &mut self.names.healthy,
                    Some("service_completed_successfully") => &mut self.names.completed,
                    _ => continue,
                };
                awaited.insert(other.key.clone());
            }
        }
        for (section, is_network) in [("networks", true), ("volumes", false)] {
            for entry in entries(section) {
                let is_external = entry.node.get("external").and_then(values::truth) == Some(true);
                let usual = match is_external {
                    true => entry.key.clone(),
                    false => format!("{}_{}", self.names.project, entry.key),
                };
                let name = entry.node.get("name").and_then(values::text).unwrap_or(usual);
                let names = if is_network { &mut self.names.networks } else { &mut self.names.volumes };
                names.insert(entry.key.clone(), name);
            }
        }
    }
}

/// A command line of ours.
fn words(words: &[&str]) -> Vec<String> {
    ["podman"].iter().chain(words).map(|it| (*it).to_owned()).collect()
}
