//! Kubernetes objects of containers and pods: `kube generate`.
//!
//! What is written must be right for the API of a real cluster; what cannot be said there, or not exactly, is remarked upon and
//! never dropped in silence. Pure: what must be looked up is asked of [`Facts`].

mod checks;
mod config;
mod container;
mod mounts;
mod pod;
mod unsaid;
mod volume;

use std::path::Path;

use pontoon_kube::document::Object;
use pontoon_kube::names::{NameRule, is_label_value};
use pontoon_kube::objects::IntOrText;
use pontoon_kube::objects::{
    ConfigMap, DaemonSet, DaemonSetSpec, Deployment, DeploymentSpec, Job, JobSpec, LabelSelector, Metadata,
    Pod, PodSpec, PodTemplate, Service, ServicePort, ServiceSpec, Texts, Volume,
};
use pontoon_kube::play::Owner;
use pontoon_lifecycle::request::CreateRequest;
use serde::Serialize;

pub use volume::volume;

/// What is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A pod.
    #[default]
    Pod,
    /// Pods that are all alike.
    Deployment,
    /// A pod on each machine.
    DaemonSet,
    /// A pod that ends.
    Job,
}

/// How it is to be written.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// What kind of object the pod is in; the one that it was played of, if nothing is said, or none.
    pub kind: Option<Kind>,
    /// A Service with the ports that are published.
    pub service: bool,
    /// How many pods.
    pub replicas: Option<i64>,
    /// Annotations that only Podman and we understand.
    pub podman_only: bool,
    /// The variables of files are ConfigMaps.
    pub config_maps: bool,
    /// Secrets are written, with their data.
    pub secrets: bool,
}

/// Variables that a container has of a file (`--env-file`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvFile {
    /// The file's own name.
    pub name: String,
    /// What it says.
    pub variables: Vec<(String, String)>,
}

/// A container that is to be written.
#[derive(Debug, Clone)]
pub struct Member<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its image, by its whole name where that is known.
    pub image: &'a str,
    /// What was asked for.
    pub request: &'a CreateRequest,
    /// The files that its variables come from, in order.
    pub env_files: &'a [EnvFile],
}

/// Containers that are to be one pod.
#[derive(Debug, Clone)]
pub struct Group<'a> {
    /// The pod's name.
    pub name: String,
    /// The pod's labels.
    pub labels: &'a [(String, String)],
    /// What the pod was played of.
    pub played: Played,
    /// ConfigMaps that it was played of.
    pub maps: &'a [ConfigMap],
    /// What holds the pod's namespaces; none if the containers are in no pod.
    pub infra: Option<&'a CreateRequest>,
    /// The containers see each other's processes.
    pub shares_processes: bool,
    /// The containers.
    pub members: Vec<Member<'a>>,
}

/// What a pod was played of.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Played {
    /// It was not.
    #[default]
    Not,
    /// A pod.
    Pod,
    /// Something that makes pods.
    Owner(Box<Owner>),
}

/// What of the host must be known.
pub trait Facts {
    /// What a path is: a type of `hostPath`.
    fn host_path_type(&self, path: &Path) -> &'static str;

    /// What a pod that was played said of a volume that was made for it.
    fn volume_said(&self, name: &str) -> Option<Volume>;

    /// The data of a secret, or why it cannot be had.
    fn secret(&self, name: &str) -> Result<Vec<u8>, String>;
}

/// Something that is not written as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Remark {
    /// The container or pod.
    pub name: String,
    /// What was said of it: an option.
    pub option: String,
    /// `approximated`, or `left out`.
    pub outcome: &'static str,
    /// Why.
    pub reason: String,
}

/// What is written, and what is to be said about it.
#[derive(Debug, Default)]
pub struct Written {
    /// The objects.
    pub objects: Vec<Object>,
    /// What is not written as it is.
    pub remarks: Vec<Remark>,
}

/// The group's objects while they are written.
struct Writing<'a> {
    wishes: &'a Wishes,
    facts: &'a dyn Facts,
    maps: &'a [ConfigMap],
    spec: PodSpec,
    metadata: Metadata,
    claims: Vec<String>,
    configs: Vec<Object>,
    remarks: Vec<Remark>,
}

impl Writing<'_> {
    fn remark(&mut self, name: &str, option: &str, outcome: &'static str, reason: impl Into<String>) {
        let remark =
            Remark { name: name.to_owned(), option: option.to_owned(), outcome, reason: reason.into() };
        if !self.remarks.contains(&remark) {
            self.remarks.push(remark);
        }
    }

    fn lost(&mut self, name: &str, option: &str, reason: impl Into<String>) {
        self.remark(name, option, "left out", reason);
    }

    fn approximated(&mut self, name: &str, option: &str, reason: impl Into<String>) {
        self.remark(name, option, "approximated", reason);
    }

    /// A name that a cluster takes.
    fn allowed(&mut self, name: &str, rule: NameRule) -> String {
        let nearest = rule.nearest(name);
        if nearest != name {
            self.approximated(name, "--name", format!("it is called `{nearest}`: {}", rule.words()));
        }
        nearest
    }
}

/// Writes containers as a pod, or as something that makes such pods; with the claims of their volumes, which a cluster must have.
#[must_use]
pub fn group(group: &Group<'_>, wishes: &Wishes, facts: &dyn Facts) -> Written {
    let mut writing = Writing {
        wishes,
        facts,
        maps: group.maps,
        spec: PodSpec::default(),
        metadata: Metadata::default(),
        claims: Vec::new(),
        configs: Vec::new(),
        remarks: Vec::new(),
    };
    let name = writing.allowed(&group.name, NameRule::Label);
    writing.metadata.name.clone_from(&name);
    let owner = match &group.played {
        Played::Owner(owner) if wishes.kind.is_none() => Some(owner.as_ref().clone()),
        _ => None,
    };
    let selector = selector(group, owner.as_ref(), &name);
    // A pod that was played as one is found by what was said, unless something has to find it that was not there then.
    let is_as_played = group.played != Played::Not
        && matches!(wishes.kind, None | Some(Kind::Pod | Kind::Job))
        && !wishes.service;
    if !is_as_played {
        writing.metadata.labels.extend(selector.clone());
    }
    pod::write(&mut writing, group);
    for member in &group.members {
        container::write(&mut writing, member, group);
    }
    let mut objects = std::mem::take(&mut writing.configs);
    objects.extend(writing.claims.iter().map(|it| Object::Claim(volume::claim(it))));
    if wishes.service {
        let ports = service_ports(&mut writing);
        if ports.is_empty() {
            writing.lost(&group.name, "--service", "no port is published, and a Service has at least one");
        } else {
            objects.push(Object::Service(Service {
                api_version: "v1".to_owned(),
                kind: "Service".to_owned(),
                metadata: Metadata {
                    name: name.clone(),
                    labels: writing.metadata.labels.clone(),
                    ..Metadata::default()
                },
                spec: ServiceSpec { ports, selector: selector.clone(), kind: "NodePort".to_owned() },
            }));
        }
    }
    objects.push(match owner {
        Some(owner) => played_again(&mut writing, owner),
        None => workload(&mut writing, wishes, &group.name, selector),
    });
    Written { objects, remarks: writing.remarks }
}

/// The labels by which the pod is found.
fn selector(group: &Group<'_>, owner: Option<&Owner>, name: &str) -> Texts {
    if let Some(said) = owner.and_then(Owner::selector).filter(|it| !it.is_empty()) {
        return said.clone();
    }
    let is_fit = |it: &&(String, String)| it.0 == "app" && !it.1.is_empty() && is_label_value(&it.1);
    let own = group.labels.iter().find(is_fit).filter(|_| group.played != Played::Not);
    Texts::from([("app".to_owned(), own.map_or(name, |it| &it.1).to_owned())])
}

/// The object that a pod was played of, with the pod as it is by now.
fn played_again(writing: &mut Writing<'_>, owner: Owner) -> Object {
    let mut spec = std::mem::take(&mut writing.spec);
    let mut metadata = std::mem::take(&mut writing.metadata);
    // This one's name was made of the object's.
    metadata.name.clear();
    if let Owner::Job(job) = &owner
        && job.spec.active_deadline_seconds == spec.active_deadline_seconds
    {
        spec.active_deadline_seconds = None;
    }
    owner.with(PodTemplate { metadata, spec })
}

/// The ports of a Service; those of the containers are not the machine's then.
fn service_ports(writing: &mut Writing<'_>) -> Vec<ServicePort> {
    let mut ports: Vec<ServicePort> = Vec::new();
    for port in writing.spec.containers.iter_mut().flat_map(|it| &mut it.ports) {
        let Some(host) = port.host_port.take() else { continue };
        port.host_ip.clear();
        let name = match port.protocol.as_str() {
            "" => port.container_port.to_string(),
            protocol => format!("{}-{}", port.container_port, protocol.to_ascii_lowercase()),
        };
        if ports.iter().any(|it| it.name == name) {
            continue;
        }
        ports.push(ServicePort {
            name,
            // Where a cluster's machines have such ports it can stay the same; else the cluster chooses one.
            node_port: (30000..=32767).contains(&host).then_some(host),
            port: port.container_port,
            protocol: port.protocol.clone(),
            target_port: Some(IntOrText::Int(i64::from(port.container_port))),
        });
    }
    ports
}

fn workload(writing: &mut Writing<'_>, wishes: &Wishes, name: &str, labels: Texts) -> Object {
    let mut spec = std::mem::take(&mut writing.spec);
    let metadata = std::mem::take(&mut writing.metadata);
    let kind = wishes.kind.unwrap_or_default();
    let must_always = matches!(kind, Kind::Deployment | Kind::DaemonSet);
    if must_always && spec.restart_policy != "Always" {
        writing.approximated(
            name,
            "--restart",
            "containers of a Deployment or DaemonSet are always started anew",
        );
    }
    if must_always {
        "Always".clone_into(&mut spec.restart_policy);
    }
    if kind == Kind::Job && spec.restart_policy == "Always" {
        writing.approximated(
            name,
            "--restart",
            "a Job ends, so its containers are started anew when they fail",
        );
        "OnFailure".clone_into(&mut spec.restart_policy);
    }
    let outer = |kind: &str| Metadata {
        name: NameRule::Label.nearest(&format!("{}-{kind}", metadata.name)),
        labels: metadata.labels.clone(),
        ..Metadata::default()
    };
    let selector = LabelSelector { match_labels: labels };
    let template = |metadata: Metadata, spec: PodSpec| PodTemplate { metadata, spec };
    match kind {
        Kind::Pod => Object::Pod(Box::new(Pod {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            metadata,
            spec,
        })),
        Kind::Deployment => Object::Deployment(Deployment {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            metadata: outer("deployment"),
            spec: DeploymentSpec { replicas: wishes.replicas, selector, template: template(metadata, spec) },
        }),
        Kind::DaemonSet => Object::DaemonSet(DaemonSet {
            api_version: "apps/v1".to_owned(),
            kind: "DaemonSet".to_owned(),
            metadata: outer("daemonset"),
            spec: DaemonSetSpec { selector, template: template(metadata, spec) },
        }),
        Kind::Job => Object::Job(Job {
            api_version: "batch/v1".to_owned(),
            kind: "Job".to_owned(),
            metadata: outer("job"),
            spec: JobSpec { template: template(metadata, spec), ..JobSpec::default() },
        }),
    }
}

#[cfg(test)]
mod tests;
