//! Kubernetes objects to and from containers, pods and volumes.
//!
//! Knows no kernel and no disk. Nothing is here yet: see the table in the README.
