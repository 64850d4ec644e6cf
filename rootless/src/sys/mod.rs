//! Kernel calls that neither rustix nor nix offers as safe functions.
//!
//! Each wrapper begins with the C signature and says where the caller's duties are met. Nothing here
//! decides anything.

mod bpf;
mod clone;
mod exec;
mod fds;
mod keyring;
mod limits;
mod loopback;
mod mount_attr;
mod ns;
mod persona;
mod seccomp;

pub use bpf::{BpfInstruction, attach_device_program, load_device_program};
pub use clone::{CloneFlags, Cloned, clone, exit_now, unshare};
pub use exec::{CStringArray, exec_fd, exec_path};
pub use fds::{
    above, close_all_but, close_on_exec_from, count_inherited, inherited_copies, inherited_fd, is_inherited,
    keep_across_exec, place, survive_exec,
};
pub use keyring::join_new_session_keyring;
pub use limits::{
    begin_with_signals, hear_of_children, pidfd_send_any_signal, reset_signals, set_resource_limit,
    survive_file_limit,
};
pub use loopback::bring_loopback_up;
pub use mount_attr::{MountAttributes, map_mount_ids, set_mount_attributes};
pub use ns::{namespace_kind, owner_namespace, parent_namespace};
pub use persona::set_personality;
pub use seccomp::{SockFilter, load_filter};
