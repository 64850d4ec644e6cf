//! The part of Kubernetes' objects that says something about containers, pods and volumes of one machine.
//!
//! Names and shapes are those of its API (kubernetes.io, "API Reference": core/v1, apps/v1, batch/v1). Everything has a default,
//! which stands for "not said" and is not written; what must be said is asked for by whoever uses it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An object of the API: a struct whose fields are left out where they say nothing.
macro_rules! object {
    ($(#[$attribute:meta])* $name:ident { $($(#[$about:meta])* $field:ident: $kind:ty,)* }) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct $name {
            $($(#[$about])* #[serde(skip_serializing_if = "super::is_unsaid")] pub $field: $kind,)*
        }
    };
}

mod container;
mod pod;
mod volume;
mod workload;

pub use container::*;
pub use pod::*;
pub use volume::*;
pub use workload::*;

/// Labels, annotations, data.
pub type Texts = BTreeMap<String, String>;

/// Whether a field says nothing.
fn is_unsaid<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A number, or a name that stands for one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IntOrText {
    /// A number.
    Int(i64),
    /// A name.
    Text(String),
}

/// What all objects have.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Notes for programs.
    #[serde(skip_serializing_if = "is_unsaid")]
    pub annotations: Texts,
    /// What it is chosen by.
    #[serde(skip_serializing_if = "is_unsaid")]
    pub labels: Texts,
    /// Its name.
    #[serde(skip_serializing_if = "is_unsaid")]
    pub name: String,
    /// The part of the cluster it is in.
    #[serde(skip_serializing_if = "is_unsaid")]
    pub namespace: String,
}
