//! What Linux and systemd grant an unprivileged user: id maps, user namespaces, cgroup delegation, linger, helper programs.
//!
//! Knows no container, no image and no disk layout. The only `unsafe` of the project lives in [`sys`].

pub mod afterwards;
pub mod cgroup;
#[cfg(feature = "dbus")]
pub mod dbus;
pub mod helper;
pub mod idmap;
pub mod names;
pub mod packet;
pub mod ready;
pub mod route;
pub mod shortage;
pub mod subid;
#[allow(unsafe_code, reason = "the one room for it; each block says why it is sound")]
pub mod sys;
pub mod userns;
