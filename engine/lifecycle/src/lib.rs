//! The deeds: pull, create, start, stop, remove, exec, sweep. It strings the rooms together.
//!
//! It knows no command-line syntax and writes to no terminal; a face turns its errors and reports into words.

pub mod acquire;
pub mod attach;
pub mod cdi;
pub mod check;
pub mod commit;
pub mod create;
pub mod decide;
pub mod devices;
pub mod disk;
pub mod event;
pub mod exec;
pub mod facts;
pub mod files;
pub mod health;
pub mod hooks;
pub mod host;
pub mod id_maps;
pub mod labels;
pub mod list;
mod names;
pub mod namespace_path;
pub mod overlay;
pub mod pause;
pub mod pull;
pub mod reach;
pub mod record;
pub mod remove;
pub mod rename;
pub mod request;
pub mod reset;
pub mod resources;
pub mod secret;
pub mod sharing;
mod small;
pub mod start;
pub mod status;
pub mod stop;
pub mod storage_conf;
pub mod top;
pub mod turn;
pub mod update;
pub mod usage;
pub mod user_namespace;
pub mod volume;
