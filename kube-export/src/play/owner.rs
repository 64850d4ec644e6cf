//! What made a pod: remembered in a label, so that the pod can be written as that again.

use serde_json::Value;

use crate::document::Object;
use crate::objects::{DaemonSet, Deployment, Job, PodTemplate, Texts};

/// The label of a pod that a Deployment, a DaemonSet or a Job says: that object in JSON, without the pod.
pub const OWNER: &str = "io.pontoon.kube.owner";

/// An object that makes pods.
#[derive(Debug, Clone, PartialEq)]
pub enum Owner {
    /// Pods that are all alike.
    Deployment(Deployment),
    /// A pod on each machine.
    DaemonSet(DaemonSet),
    /// A pod that ends.
    Job(Job),
}

impl Owner {
    /// Reads what a label says; none if it is not one of ours.
    #[must_use]
    pub fn read(label: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(label).ok()?;
        let kind = value.get("kind")?.as_str()?.to_owned();
        match kind.as_str() {
            "Deployment" => serde_json::from_value(value).ok().map(Self::Deployment),
            "DaemonSet" => serde_json::from_value(value).ok().map(Self::DaemonSet),
            "Job" => serde_json::from_value(value).ok().map(Self::Job),
            _ => None,
        }
    }

    /// The labels by which its pods are found; a Job finds them without any.
    #[must_use]
    pub fn selector(&self) -> Option<&Texts> {
        match self {
            Self::Deployment(it) => Some(&it.spec.selector.match_labels),
            Self::DaemonSet(it) => Some(&it.spec.selector.match_labels),
            Self::Job(_) => None,
        }
    }

    /// The object with its pod.
    #[must_use]
    pub fn with(self, template: PodTemplate) -> Object {
        match self {
            Self::Deployment(mut it) => {
                it.spec.template = template;
                Object::Deployment(it)
            }
            Self::DaemonSet(mut it) => {
                it.spec.template = template;
                Object::DaemonSet(it)
            }
            Self::Job(mut it) => {
                it.spec.template = template;
                Object::Job(it)
            }
        }
    }
}

/// The label of the pod that an object makes; none of one that is a pod itself.
pub(super) fn label(object: &Object) -> Option<String> {
    let none = PodTemplate::default();
    let owner = match object {
        Object::Deployment(it) => Owner::Deployment(it.clone()),
        Object::DaemonSet(it) => Owner::DaemonSet(it.clone()),
        Object::Job(it) => Owner::Job(it.clone()),
        _ => return None,
    };
    serde_json::to_string(&owner.with(none)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document;

    #[test]
    fn an_owner_is_remembered_without_its_pod() {
        let text = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, labels: {a: b}}\nspec:\n  backoffLimit: 0\n  completions: 2\n  template: {spec: {containers: [{name: c, image: i}]}}\n";
        let object = document::contents("f.yaml", text).unwrap().documents.remove(0).object;
        let label = label(&object).unwrap();
        assert!(!label.contains("containers"), "{label}");
        let Object::Job(job) = &object else { panic!("{object:?}") };
        assert_eq!(Owner::read(&label).unwrap().with(job.spec.template.clone()), object);
        for wrong in ["", "{}", "[1]", "{\"kind\":\"Pod\"}", "{\"kind\":\"Job\",\"spec\":1}"] {
            assert_eq!(Owner::read(wrong), None, "{wrong}");
        }
    }
}
