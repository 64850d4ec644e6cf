//! `generate …`: unit files for what is there.

mod compose;
mod engine;
mod files;
mod quadlet;
mod quadlet_subjects;
mod systemd;

pub use quadlet::quadlet;
pub use systemd::systemd;
