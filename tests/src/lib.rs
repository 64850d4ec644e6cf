//! The harness of the end-to-end tests: a Debian booted in namespaces, images made of Debian packages, and the words to use them.
//!
//! It links nothing of the product. The product reaches the test host as `make install` would put it on a machine, and is
//! spoken to through its command line, systemd and the kernel only.

// A harness fails by panicking: the message is the test's result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod bench;
pub mod enter;
pub mod face;
pub mod forge;
pub mod host;
pub mod image;
pub mod kubernetes;
pub mod machine;
pub mod network;
pub mod output;
pub mod payload;
pub mod registry;
pub mod root;
pub mod service;
pub mod shared;
pub mod stage;
pub mod tar;
pub mod tree;
pub mod uml;
pub mod wait;

pub use enter::Entry;
pub use host::{BootOptions, TestHost};
pub use output::Output;
pub use service::Manager;
pub use shared::{Alone, B, Gone, alone, host, host_with_busybox, in_busybox};
pub use uml::Uml;
