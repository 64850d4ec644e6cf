//! What a container is to be in a pod.

use serde::{Deserialize, Serialize};

/// A container's place in a pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PodMember {
    /// The pod: its id, once the container is made; before, as it was named.
    pub id: String,
    /// The id of the container that holds the pod's namespaces.
    pub infra: Option<String>,
    /// Kernel settings that nobody asked for: they are left to the pod where the namespace is the pod's.
    #[serde(skip)]
    pub usual_sysctls: Vec<String>,
    /// Options of namespaces that nobody gave, but the user's settings: they give way to what the pod shares.
    #[serde(skip)]
    pub usual: Vec<&'static str>,
    /// An option of a network, given without one: it cannot be had where the network is the pod's.
    #[serde(skip)]
    pub network_option: Option<&'static str>,
}

/// `--init-ctr`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum InitContainer {
    /// At the pod's first start; then it is removed.
    Once,
    /// At every start of the pod.
    Always,
}

/// What is so of an infra container alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Infra {
    /// It ends when the last member of the pod has (`--exit-policy stop`).
    pub stops_with_last: bool,
}
