//! A plan becomes a confined process: namespaces, mounts, cgroup, seccomp, capabilities, exec.
//!
//! It knows no image and no store: the plan names directories, numbers and words, and everything was decided before.
//! It must be called from a program with a single thread.

mod between;
pub mod capabilities;
mod child;
pub mod common;
mod databases;
pub mod devices;
pub mod fuse;
pub mod hooks;
pub mod identity;
mod mapped;
mod message;
pub mod paths;
pub mod plan;
pub mod seccomp;
pub mod start;
mod tree;
pub mod visit;

pub use message::{Failure, Step};
