//! What a systemd unit runs, has run, and shall not run again: the memory behind `auto-update`, `rollback` and `pin`.
//!
//! A name of an image says what a unit runs, unless its memory says otherwise. So an update needs no undoing that a power cut
//! could prevent: what is being tried is run only as long as somebody is there who watches it, and the name is moved when the
//! new image has proved itself.

mod members;
mod memory;
mod record;

pub use members::{Member, members};
pub use memory::{Memory, MemoryError, memory, trial};
pub use record::{Change, Known, Other, Track, Trying, UnitRecord, Version};
