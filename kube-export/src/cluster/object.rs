//! Objects of any kind as they are sent to a cluster's API: server-side apply (kubernetes.io, "Server-Side Apply").

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::Value as Json;

use crate::document::ReadError;
use crate::tree::{Node, Value};
use crate::yaml;

/// What manages the fields that are sent.
const MANAGER: &str = "pontoon";

/// An object that a cluster is to have.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// The file, and where in it.
    pub at: String,
    /// `v1`, `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, if it says one.
    pub namespace: Option<String>,
    /// All of it.
    pub object: Json,
}

/// A file that says no objects for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WantedError {
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An object that cannot be sent.
    #[error("{at}: {text}")]
    Wrong {
        /// The file, and where in it.
        at: String,
        /// What is wrong.
        text: String,
    },
}

/// Reads the objects of a file, of whatever kind, in the order in which a cluster takes them: what others need comes first.
///
/// # Errors
/// See [`WantedError`].
pub fn wanted(file: &str, text: &str) -> Result<Vec<Wanted>, WantedError> {
    let documents =
        yaml::documents(text).map_err(|source| ReadError::Syntax { file: file.to_owned(), source })?;
    let mut found = Vec::new();
    for node in &documents {
        add(&mut found, file, node)?;
    }
    found.sort_by_key(|it| rank(&it.kind));
    Ok(found)
}

fn add(found: &mut Vec<Wanted>, file: &str, node: &Node) -> Result<(), WantedError> {
    let at = format!("{file}:{}", node.place);
    let wrong = |text: &str| Err(WantedError::Wrong { at: at.clone(), text: text.to_owned() });
    let text = |key: &str| node.get(key).and_then(Node::text).filter(|it| !it.is_empty());
    let Value::Map(_) = node.value else {
        return wrong("a document of Kubernetes is a map with `apiVersion` and `kind`");
    };
    let Some(kind) = text("kind") else {
        return wrong("the document has no `kind`, so it is no object of Kubernetes");
    };
    let Some(version) = text("apiVersion") else { return wrong("the document has no `apiVersion`") };
    if let Some(Value::List(items)) = node.get("items").map(|it| &it.value).filter(|_| kind.ends_with("List"))
    {
        return items.iter().try_for_each(|it| add(found, file, it));
    }
    let metadata = |key: &str| node.get("metadata")?.get(key)?.text().filter(|it| !it.is_empty());
    let Some(name) = metadata("name") else {
        return wrong("the object has no `metadata.name`, by which a cluster would know it again");
    };
    let mut object = json(node);
    // What the server keeps about fields is not for others to send.
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.remove("managedFields");
    }
    found.push(Wanted {
        api_version: version.to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
        namespace: metadata("namespace").map(str::to_owned),
        object,
        at,
    });
    Ok(())
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(it) => Json::Bool(*it),
        Value::Int(it) => (*it).into(),
        Value::Uint(it) => (*it).into(),
        // What is whole is sent so: a server reads no `9.0` where it wants a whole number.
        Value::Float(it) => match node.whole() {
            Some(whole) => whole.into(),
            None => serde_json::Number::from_f64(*it).map_or(Json::Null, Json::Number),
        },
        Value::Text(it) => Json::String(it.clone()),
        Value::List(items) => items.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|it| (it.key.clone(), json(&it.node))).collect(),
    }
}

/// What comes before what: the order of a file stays among those that need each other in no other way.
fn rank(kind: &str) -> usize {
    let first = [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "Secret",
        "ConfigMap",
        "PersistentVolume",
        "PersistentVolumeClaim",
        "Service",
    ];
    first.iter().position(|it| *it == kind).unwrap_or(first.len())
}

/// Kinds that a cluster knows.
#[derive(Debug, Default)]
pub struct Kinds {
    /// By `apiVersion` and `kind`: the word of its paths, and whether it is in namespaces.
    known: BTreeMap<(String, String), (String, bool)>,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    kind: String,
    #[serde(default)]
    namespaced: bool,
}

impl Kinds {
    /// The path that tells the kinds of a version.
    #[must_use]
    pub fn path(api_version: &str) -> String {
        match api_version.split_once('/') {
            None => format!("/api/{}", encoded(api_version)),
            Some((group, version)) => format!("/apis/{}/{}", encoded(group), encoded(version)),
        }
    }

    /// Takes what the server answers there; false if it is no list of kinds.
    pub fn learn(&mut self, api_version: &str, answer: &[u8]) -> bool {
        let Ok(list) = serde_json::from_slice::<ResourceList>(answer) else { return false };
        // Names with a slash are parts of others: `pods/log`.
        for Resource { name, kind, namespaced } in
            list.resources.into_iter().filter(|it| !it.name.contains('/'))
        {
            self.known.entry((api_version.to_owned(), kind)).or_insert((name, namespaced));
        }
        true
    }

    /// The path and query by which an object is applied. `namespace` is where it goes if it does not say so and is in one.
    /// `None` for a kind that the cluster does not have.
    #[must_use]
    pub fn apply(&self, wanted: &Wanted, namespace: &str, wishes: &Answer) -> Option<String> {
        let (word, is_namespaced) = self.known.get(&(wanted.api_version.clone(), wanted.kind.clone()))?;
        let mut path = Self::path(&wanted.api_version);
        if *is_namespaced {
            let namespace = wanted.namespace.as_deref().unwrap_or(namespace);
            let _ = write!(path, "/namespaces/{}", encoded(namespace));
        }
        let _ = write!(
            path,
            "/{}/{}?fieldManager={MANAGER}&fieldValidation=Strict",
            encoded(word),
            encoded(&wanted.name)
        );
        if wishes.only_tried {
            path.push_str("&dryRun=All");
        }
        if wishes.force {
            path.push_str("&force=true");
        }
        Some(path)
    }
}

/// How a cluster is to answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answer {
    /// It says what would be, and changes nothing.
    pub only_tried: bool,
    /// Fields that others manage are taken over.
    pub force: bool,
}

/// A word of a path: everything that means something in addresses is written otherwise.
fn encoded(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    for byte in word.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => out.push(char::from(byte)),
            // Two of them would be a step up.
            b'.' if word != "." && word != ".." => out.push('.'),
            _ => drop(write!(out, "%{byte:02X}")),
        }
    }
    out
}
