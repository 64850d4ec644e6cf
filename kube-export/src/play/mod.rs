//! What is to be made of documents: decided whole before anything is done.
//!
//! The outcome says pods, containers and volumes in the words of the commands that make them, so everything those commands check
//! is checked here, too. Knows no disk: secrets that are kept already are asked for, and what paths of the host must be is told.

mod config;
mod container;
mod env;
mod files;
mod mounts;
mod owner;
mod pod;
mod probes;
mod said;
mod selected;
mod settings;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::document::{Document, Note, Object};
use crate::names::NameRule;
use crate::objects::{ConfigMap, Metadata, PodSpec};
use config::Configs;

pub use config::{read_secret, secret_object};
pub use owner::{OWNER, Owner};
pub use said::{Needed, Said, needed_by_container, needed_by_volume};

/// The annotation of a container whose words were made of ConfigMaps, Secrets or the pod: what was said, a [`Said`].
pub const SAID_OF_CONTAINER: &str = "io.pontoon.kube.container";

/// The label of everything that was made for a pod: the pod.
pub const OF_POD: &str = "io.pontoon.kube.pod";
/// The label of a pod that tells what it was made of.
pub const DIGEST: &str = "io.pontoon.kube.digest";

/// The label of a volume that was made for a pod: as it was said there, in JSON.
pub const SAID: &str = "io.pontoon.kube.volume";

/// Annotations of containers by which they are what Kubernetes has and Podman has no options for.
pub const POST_START: &str = "io.pontoon.post-start";
/// What is done before the stop signal.
pub const PRE_STOP: &str = "io.pontoon.pre-stop";
/// The readiness probe, beside a liveness probe.
pub const READINESS: &str = "io.pontoon.readiness";
/// What else is said of probes.
pub const PROBES: &str = "io.pontoon.probes";
/// A container that is there for the others.
pub const SIDECAR: &str = "io.pontoon.sidecar";

/// What is said beside the files (podman-kube-play(1)).
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Networks of the pods.
    pub networks: Vec<String>,
    /// Addresses of the pods, one for each.
    pub ips: Vec<String>,
    /// Hardware addresses of the pods, one for each.
    pub macs: Vec<String>,
    /// `--publish`: ports, in place of those of the file with the same number inside.
    pub publish: Vec<String>,
    /// `--publish-all`: ports without one of the host get the same there.
    pub publish_all: bool,
    /// `--userns`, of pods that say nothing.
    pub userns: Option<String>,
    /// `--annotation`.
    pub annotations: Vec<(String, String)>,
    /// `--no-hostname`.
    pub no_hostname: bool,
    /// `--no-hosts`.
    pub no_hosts: bool,
    /// `--no-pod-prefix`: containers are called as in the file.
    pub no_pod_prefix: bool,
    /// `--seccomp-profile-root`.
    pub seccomp_root: String,
    /// Where relative paths begin.
    pub directory: String,
    /// Words for each container: log driver, registry.
    pub container_words: Vec<String>,
}

/// What is to be made.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Play {
    /// Secrets that are kept.
    pub secrets: Vec<SecretWanted>,
    /// Volumes that stay.
    pub volumes: Vec<VolumeWanted>,
    /// Pods, in order.
    pub pods: Vec<PodWanted>,
    /// What is to be said.
    pub notes: Vec<Note>,
}

/// A secret that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretWanted {
    /// Its name.
    pub name: String,
    /// The object as YAML, as Podman keeps it.
    pub text: String,
}

/// A volume that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeWanted {
    /// Its name.
    pub name: String,
    /// `volume create …`
    pub words: Vec<String>,
}

/// A pod.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodWanted {
    /// Its name.
    pub name: String,
    /// `pod create …`
    pub words: Vec<String>,
    /// Its containers; those that prepare it first.
    pub containers: Vec<ContainerWanted>,
    /// Volumes that are made for it and go with it.
    pub volumes: Vec<OwnVolume>,
    /// What must be on the host.
    pub host_paths: Vec<HostPath>,
    /// What makes it, if it is not made for itself: the value of the label [`OWNER`].
    pub owner: Option<String>,
    /// ConfigMaps that it was made of.
    pub maps: Vec<ConfigMap>,
    /// Of all this, but for what makes it.
    pub digest: String,
}

/// A container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerWanted {
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: String,
    /// `create …`
    pub words: Vec<String>,
    /// It must not run as root, by its image or otherwise.
    pub non_root: bool,
    /// A probe tells when it serves.
    pub tells_readiness: bool,
}

/// A volume that is made for a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnVolume {
    /// Its name.
    pub name: String,
    /// `volume create …`
    pub words: Vec<String>,
    /// The files in it: path below it, content, mode.
    pub files: Vec<(String, Vec<u8>, u32)>,
}

/// A path of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPath {
    /// The path.
    pub path: String,
    /// What must be there.
    pub kind: HostPathKind,
    /// Where it is said.
    pub at: String,
}

/// What a path of the host must be (kubernetes.io, "hostPath").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostPathKind {
    /// Anything.
    Any,
    /// A directory.
    Directory,
    /// A directory, made if nothing is there.
    DirectoryOrCreate,
    /// A file.
    File,
    /// A file, made if nothing is there.
    FileOrCreate,
    /// A socket.
    Socket,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
}

/// Something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{at}: {text}")]
pub struct Fault {
    /// The file, and where in it.
    pub at: String,
    /// What is wrong.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What of the host must be known.
pub trait Facts {
    /// The data of a secret that is kept.
    fn secret(&self, name: &str) -> Option<Vec<u8>>;

    /// What there is of a resource (`cpu`, `memory`), in thousandths of a processor or of a byte; none of what is not counted.
    fn amount(&self, resource: &str) -> Option<u64>;

    /// Why what `option` asks of a controller of control groups cannot be had, and what to do about it; none if it can.
    fn lack(&self, controller: &'static str, option: &str) -> Option<Lack>;
}

/// Something that the host does not give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What, and why not.
    pub text: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What is being decided.
struct Deciding<'a> {
    options: &'a Options,
    facts: &'a dyn Facts,
    configs: Configs<'a>,
    play: Play,
    faults: Vec<Fault>,
}

/// Where in a document something is.
#[derive(Clone)]
struct Spot<'a> {
    document: &'a Document,
    path: String,
}

impl<'a> Spot<'a> {
    fn of(document: &'a Document) -> Self {
        Self { document, path: String::new() }
    }

    fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { document: self.document, path }
    }

    fn item(&self, number: usize) -> Self {
        Self { document: self.document, path: format!("{}[{number}]", self.path) }
    }

    fn at(&self) -> String {
        format!("{}:{}", self.document.file, self.document.node.place_of(&self.path))
    }
}

impl Deciding<'_> {
    fn fault(&mut self, spot: &Spot<'_>, text: impl std::fmt::Display, hint: Option<String>) {
        self.faults.push(Fault { at: spot.at(), text: format!("`{}`: {text}", spot.path), hint });
    }

    fn note(&mut self, spot: &Spot<'_>, text: impl std::fmt::Display) {
        self.play.notes.push(Note { at: spot.at(), text: format!("`{}`: {text}", spot.path) });
    }

    /// A name that must be there; one that a cluster would refuse is noted.
    fn name(&mut self, spot: &Spot<'_>, name: &str, rule: NameRule) {
        if name.is_empty() {
            self.fault(spot, "there must be a name", None);
        } else if !rule.allows(name) {
            let nearest = rule.nearest(name);
            self.note(
                spot,
                format_args!("a cluster would refuse `{name}`: {}; `{nearest}` is allowed", rule.words()),
            );
        }
    }
}

/// Decides what is to be made. `maps` are ConfigMaps from elsewhere.
///
/// # Errors
/// All that is wrong.
pub fn decide(
    documents: &[Document],
    maps: &[Document],
    options: &Options,
    facts: &dyn Facts,
) -> Result<Play, Vec<Fault>> {
    let configs = Configs::new(documents.iter().chain(maps), facts);
    let mut deciding = Deciding { options, facts, configs, play: Play::default(), faults: Vec::new() };
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for document in documents {
        decide_one(&mut deciding, document);
        // Two pods of one name would be one.
        if let Some(pod) = deciding.play.pods.last()
            && makes_pod(&document.object)
        {
            let at = Spot::of(document).field("metadata.name").at();
            if let Some(first) = names.insert(pod.name.clone(), at.clone()) {
                let text = format!("there are two pods `{}`, the other at {first}", pod.name);
                deciding.faults.push(Fault { at, text, hint: None });
            }
        }
    }
    if deciding.play.pods.is_empty() && deciding.play.volumes.is_empty() && deciding.play.secrets.is_empty() {
        let file = documents.first().map_or("the file", |it| it.file.as_str());
        let hint =
            Some("pods, deployments, daemon sets, jobs, volume claims and secrets can be played".to_owned());
        let text = "there is nothing to play".to_owned();
        if deciding.faults.is_empty() {
            deciding.faults.push(Fault { at: file.to_owned(), text, hint });
        }
    }
    match deciding.faults.is_empty() {
        true => Ok(deciding.play),
        false => Err(deciding.faults),
    }
}

/// The names of the pods that documents make.
#[must_use]
pub fn pod_names(documents: &[Document]) -> Vec<String> {
    let name = |document: &Document| match &document.object {
        Object::Pod(pod) => Some(pod.metadata.name.clone()),
        object if makes_pod(object) => Some(format!("{}-pod", object.name())),
        _ => None,
    };
    documents.iter().filter_map(name).collect()
}

fn makes_pod(object: &Object) -> bool {
    matches!(object, Object::Pod(_) | Object::Deployment(_) | Object::DaemonSet(_) | Object::Job(_))
}

fn decide_one(deciding: &mut Deciding<'_>, document: &Document) {
    let spot = Spot::of(document);
    if !matches!(document.object, Object::Service(_)) {
        deciding.name(&spot.field("metadata.name"), document.object.name(), NameRule::Subdomain);
    }
    let template = spot.field("spec.template");
    match &document.object {
        Object::Pod(pod) => {
            let metadata = Metadata { name: pod.metadata.name.clone(), ..pod.metadata.clone() };
            add_pod(deciding, &spot, &document.object, &metadata, &pod.spec);
        }
        Object::Deployment(it) => {
            if it.spec.replicas.is_some_and(|replicas| replicas > 1) {
                deciding.note(&spot.field("spec.replicas"), "one machine runs one of them");
            }
            if it.spec.replicas == Some(0) {
                return;
            }
            add_pod(
                deciding,
                &template,
                &document.object,
                &of_template(&it.metadata, &it.spec.template.metadata),
                &it.spec.template.spec,
            );
        }
        Object::DaemonSet(it) => {
            add_pod(
                deciding,
                &template,
                &document.object,
                &of_template(&it.metadata, &it.spec.template.metadata),
                &it.spec.template.spec,
            );
        }
        Object::Job(it) => {
            for (field, value) in [("completions", it.spec.completions), ("parallelism", it.spec.parallelism)]
            {
                if value.is_some_and(|value| value > 1) {
                    deciding.note(&spot.field("spec").field(field), "it is done once");
                }
            }
            let mut pod = it.spec.template.spec.clone();
            if it.spec.backoff_limit == Some(0) {
                "Never".clone_into(&mut pod.restart_policy);
            }
            pod.active_deadline_seconds = pod.active_deadline_seconds.or(it.spec.active_deadline_seconds);
            if pod.restart_policy.is_empty() || pod.restart_policy == "Always" {
                let spot = template.field("spec.restartPolicy");
                deciding.fault(&spot, "the pod of a Job has `OnFailure` or `Never`", None);
            }
            let metadata = of_template(&it.metadata, &it.spec.template.metadata);
            add_pod(deciding, &template, &document.object, &metadata, &pod);
        }
        Object::Claim(claim) => {
            let volume = mounts::claim(claim);
            deciding.play.volumes.push(volume);
        }
        Object::Secret(secret) => {
            deciding.configs.check(document, &mut deciding.faults);
            let text = crate::yaml::write(std::slice::from_ref(secret)).unwrap_or_default();
            deciding.play.secrets.push(SecretWanted { name: secret.metadata.name.clone(), text });
        }
        Object::ConfigMap(_) => deciding.configs.check(document, &mut deciding.faults),
        Object::Service(_) => {
            let text = "a Service has no meaning on one machine: `hostPort` of a container publishes a port"
                .to_owned();
            deciding.play.notes.push(Note { at: spot.at(), text });
        }
    }
}

/// A pod of something that makes pods has its name, as in Podman, with `-pod`.
fn of_template(owner: &Metadata, template: &Metadata) -> Metadata {
    let name = if owner.name.is_empty() { String::new() } else { format!("{}-pod", owner.name) };
    Metadata { name, ..template.clone() }
}

fn add_pod(
    deciding: &mut Deciding<'_>,
    spot: &Spot<'_>,
    object: &Object,
    metadata: &Metadata,
    spec: &PodSpec,
) {
    let mut wanted = pod::decide(deciding, spot, metadata, spec);
    wanted.digest = digest(&wanted);
    // The digest is of what was said before it: a pod is what it is, whatever makes it.
    wanted.words.insert(2, format!("--label={DIGEST}={}", wanted.digest));
    wanted.owner = owner::label(object);
    if let Some(owner) = &wanted.owner {
        wanted.words.insert(3, format!("--label={OWNER}={owner}"));
    }
    wanted.maps = deciding.configs.maps_of(spec);
    deciding.play.pods.push(wanted);
}

/// Of all that makes a pod what it is.
fn digest(pod: &PodWanted) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    pod.words.iter().for_each(|it| add(it.as_bytes()));
    for container in &pod.containers {
        add(container.name.as_bytes());
        container.words.iter().for_each(|it| add(it.as_bytes()));
    }
    for volume in &pod.volumes {
        volume.words.iter().for_each(|it| add(it.as_bytes()));
        for (path, content, mode) in &volume.files {
            add(path.as_bytes());
            add(content);
            add(&mode.to_le_bytes());
        }
    }
    hash.finalize().iter().map(|it| format!("{it:02x}")).collect()
}

#[cfg(test)]
mod tests;
