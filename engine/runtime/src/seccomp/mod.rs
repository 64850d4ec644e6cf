//! Seccomp: a profile of rules by system call name, and the BPF program it becomes.
//!
//! Pure. It is given a profile, a bounding set, an architecture and a kernel version, and gives back instructions;
//! loading them into the kernel is the business of `pontoon_rootless::sys`.

mod arch;
mod default;
mod errno;
mod json;
mod profile;
mod program;
mod select;
mod table;
#[cfg(test)]
mod tests;
mod tree;

pub use arch::{Arch, KernelVersion};
pub use json::ProfileError;
pub use profile::{Action, Comparison, Operator, Profile, Rule};
pub use program::{CompileError, FilterFlags, Instruction, Program, compile};
