//! Kubernetes objects to and from containers, pods and volumes.
//!
//! Text becomes a tree whose nodes know their places ([`yaml`], [`tree`]), the tree typed objects ([`document`], [`objects`]), and
//! those the pods, containers and volumes that are to be made ([`play`]), or what is sent to a cluster ([`cluster`]).
//! Knows no kernel and no disk.

pub mod cluster;
pub mod document;
pub mod names;
pub mod objects;
pub mod play;
pub mod quantity;
pub mod read;
pub mod tree;
pub mod yaml;

#[cfg(test)]
mod tests;
