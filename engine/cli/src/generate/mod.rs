//! Unit files, and Kubernetes objects, for what is there: the pure half of `generate`.
//!
//! Takes what a container or pod is, most of all the command line that made it, and gives texts. It reads no
//! store and writes no file. Words reach a unit through [`pontoon_units::quote`] only, so that systemd reads back the
//! very words that were said, whatever is in them.

pub mod compose;
pub mod kube;
pub mod line;
pub mod quadlet;
pub mod service;
pub mod systemd;
