//! `generate …`: unit files for what is there.

mod engine;
mod systemd;

pub use systemd::systemd;
