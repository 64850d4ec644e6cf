//! Kubernetes objects to and from containers, pods and volumes.
//!
//! Text becomes a tree whose nodes know their places ([`yaml`], [`tree`]), the tree typed objects ([`document`], [`objects`]), and
//! those the pods, containers and volumes that are to be made ([`play`]).
//! Knows no kernel and no disk.

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
