//! Directories of unit files: where they are, what lies in them, and what a manager makes of it.
//!
//! What a file means is decided by `pontoon-units`; here directories are walked and files read. Shared by the
//! generator and by `pontoon quadlet`, so that both see the same files in the same order. Prints nothing: what
//! happens on the way is told to a [`Listener`].

mod engine;
pub mod install;
mod listener;
mod original;
pub mod plan;
mod read;
mod surroundings;
mod trust;
mod walk;

pub use engine::program;
pub use listener::Listener;
pub use original::{Original, find as find_original};
pub use surroundings::{accounts, directories, processors, surroundings};
pub use walk::{Found, find, sources, sources_of};
