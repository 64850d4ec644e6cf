//! The border between the deeds and one container's supervisor: its plan, and the words spoken over its control socket.
//!
//! What both need for the streams of a container and for files of lines is here as well ([`outlet`], [`whole`]).
//!
//! The supervisor itself is the program `pontoon-monitor` beside this library. It knows no command line, no image and no
//! registry.

pub mod control;
pub mod ends;
pub mod event;
pub mod files_lock;
pub mod health;
pub mod id_file;
pub mod limits;
pub mod notify;
pub mod outlet;
pub mod plan;
pub mod restart;
pub mod state;
pub mod time;
pub mod told_file;
pub mod whole;
