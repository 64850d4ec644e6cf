//! What has been done to other engines, tried on ours: hostile images, registries and neighbours against a canary outside.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod canary;
mod image;
mod places;
mod process;
mod supervisor;
