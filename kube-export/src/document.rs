//! Documents to objects of the kinds that are known here.

use serde::Serialize;

use crate::objects::{ConfigMap, DaemonSet, Deployment, Job, PersistentVolumeClaim, Pod, Secret, Service};
use crate::read::{Unknown, ValueError, read};
use crate::tree::{Node, Place, Value};
use crate::yaml::{self, SyntaxError};

/// An object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Object {
    /// `ConfigMap`
    ConfigMap(ConfigMap),
    /// `DaemonSet`
    DaemonSet(DaemonSet),
    /// `Deployment`
    Deployment(Deployment),
    /// `Job`
    Job(Job),
    /// `PersistentVolumeClaim`
    Claim(PersistentVolumeClaim),
    /// `Pod`
    Pod(Box<Pod>),
    /// `Secret`
    Secret(Secret),
    /// `Service`
    Service(Service),
}

/// An object, and where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// The file, as it is told.
    pub file: String,
    /// The document, with the places of all that it says.
    pub node: Node,
    /// The object.
    pub object: Object,
}

/// Something that is said about a file and does not stop anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file, and where in it.
    pub at: String,
    /// What is to be said.
    pub text: String,
}

/// All that a file says.
#[derive(Debug, Default)]
pub struct Contents {
    /// The objects, in order.
    pub documents: Vec<Document>,
    /// What is not known.
    pub notes: Vec<Note>,
}

/// A file that cannot be read as objects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is no YAML.
    #[error("{file}:{}: {source}", source.place)]
    Syntax {
        /// The file.
        file: String,
        /// What is wrong.
        #[source]
        source: SyntaxError,
    },
    /// A document is no object.
    #[error("{file}:{place}: {message}")]
    NoObject {
        /// The file.
        file: String,
        /// Where.
        place: Place,
        /// What is wrong.
        message: String,
    },
    /// A value is not what its field takes.
    #[error("{file}:{}: {source}", source.place.unwrap_or(*place))]
    Value {
        /// The file.
        file: String,
        /// Where the document begins.
        place: Place,
        /// What is wrong.
        #[source]
        source: ValueError,
    },
}

/// Fields that a server writes, and that say nothing to whoever reads: not told of.
const OF_THE_SERVER: [&str; 9] = [
    "status",
    "metadata.creationTimestamp",
    "metadata.generation",
    "metadata.managedFields",
    "metadata.resourceVersion",
    "metadata.selfLink",
    "metadata.uid",
    "spec.template.metadata.creationTimestamp",
    "spec.strategy",
];

/// Fields that say where in a cluster something runs, or what it may do there: on one machine there is nothing to do.
const OF_A_CLUSTER: [&str; 20] = [
    "affinity",
    "nodeName",
    "nodeSelector",
    "preemptionPolicy",
    "priority",
    "priorityClassName",
    "schedulerName",
    "serviceAccount",
    "serviceAccountName",
    "tolerations",
    "topologySpreadConstraints",
    "minReadySeconds",
    "progressDeadlineSeconds",
    "revisionHistoryLimit",
    "updateStrategy",
    "ttlSecondsAfterFinished",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "volumeMode",
    "volumeName",
];

/// Reads the objects of a file. Kinds that are not known, and fields, are noted.
///
/// # Errors
/// See [`ReadError`].
pub fn contents(file: &str, text: &str) -> Result<Contents, ReadError> {
    let documents =
        yaml::documents(text).map_err(|source| ReadError::Syntax { file: file.to_owned(), source })?;
    let mut contents = Contents::default();
    for node in documents {
        add(&mut contents, file, &node)?;
    }
    Ok(contents)
}

fn add(contents: &mut Contents, file: &str, node: &Node) -> Result<(), ReadError> {
    let no_object = |message: &str| {
        let message = message.to_owned();
        Err(ReadError::NoObject { file: file.to_owned(), place: node.place, message })
    };
    let Value::Map(entries) = &node.value else {
        return no_object("a document of Kubernetes is a map with `apiVersion` and `kind`");
    };
    let Some(kind) = node.get("kind").and_then(Node::text) else {
        return no_object("the document has no `kind`, so it is no object of Kubernetes");
    };
    let Some(version) = node.get("apiVersion").and_then(Node::text) else {
        return no_object("the document has no `apiVersion`");
    };
    let object = match (version, kind) {
        ("v1", "List") => {
            let items = node.get("items").map(|it| &it.value);
            if let Some(Value::List(items)) = items {
                for item in items {
                    add(contents, file, item)?;
                }
            }
            return Ok(());
        }
        ("v1", "ConfigMap") => read(node).map(|(it, unknown)| (Object::ConfigMap(it), unknown)),
        ("apps/v1", "DaemonSet") => read(node).map(|(it, unknown)| (Object::DaemonSet(it), unknown)),
        ("apps/v1", "Deployment") => read(node).map(|(it, unknown)| (Object::Deployment(it), unknown)),
        ("batch/v1", "Job") => read(node).map(|(it, unknown)| (Object::Job(it), unknown)),
        ("v1", "PersistentVolumeClaim") => read(node).map(|(it, unknown)| (Object::Claim(it), unknown)),
        ("v1", "Pod") => read(node).map(|(it, unknown)| (Object::Pod(Box::new(it)), unknown)),
        ("v1", "Secret") => read(node).map(|(it, unknown)| (Object::Secret(it), unknown)),
        ("v1", "Service") => read(node).map(|(it, unknown)| (Object::Service(it), unknown)),
        _ => {
            let at = entries.iter().find(|it| it.key == "kind").map_or(node.place, |it| it.node.place);
            let text =
                format!("objects of kind `{kind}` ({version}) are not known here; this one is left out");
            contents.notes.push(Note { at: format!("{file}:{at}"), text });
            return Ok(());
        }
    };
    let (object, unknown) =
        object.map_err(|source| ReadError::Value { file: file.to_owned(), place: node.place, source })?;
    contents.notes.extend(unknown.iter().filter_map(|it| note(file, it)));
    contents.documents.push(Document { file: file.to_owned(), node: node.clone(), object });
    Ok(())
}

/// What is said of a field that is not known.
fn note(file: &str, unknown: &Unknown) -> Option<Note> {
    let last = unknown.path.rsplit('.').next().unwrap_or_default();
    if OF_THE_SERVER.contains(&unknown.path.as_str()) || last == "creationTimestamp" {
        return None;
    }
    let text = match (OF_A_CLUSTER.contains(&last), unknown.near) {
        (true, _) => format!("`{}` has no meaning on one machine", unknown.path),
        (false, None) => format!("`{}` is not known, and has no effect", unknown.path),
        (false, Some(near)) => {
            format!("`{}` is not known, and has no effect; did you mean `{near}`?", unknown.path)
        }
    };
    Some(Note { at: format!("{file}:{}", unknown.place), text })
}

impl Object {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ConfigMap(_) => "ConfigMap",
            Self::DaemonSet(_) => "DaemonSet",
            Self::Deployment(_) => "Deployment",
            Self::Job(_) => "Job",
            Self::Claim(_) => "PersistentVolumeClaim",
            Self::Pod(_) => "Pod",
            Self::Secret(_) => "Secret",
            Self::Service(_) => "Service",
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::ConfigMap(it) => &it.metadata.name,
            Self::DaemonSet(it) => &it.metadata.name,
            Self::Deployment(it) => &it.metadata.name,
            Self::Job(it) => &it.metadata.name,
            Self::Claim(it) => &it.metadata.name,
            Self::Pod(it) => &it.metadata.name,
            Self::Secret(it) => &it.metadata.name,
            Self::Service(it) => &it.metadata.name,
        }
    }
}
