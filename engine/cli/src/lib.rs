//! Words in, words out: the command line, the output formats and the messages of `pontoon`.
//!
//! A library beside the binary, so that tests can use it. It does no deed: it reads words into typed values
//! ([`args`], [`run_options`]) and turns values into words ([`format`], [`view`], [`message`]). It knows no
//! storage, no container and no kernel beyond the terminal; the binary puts both ends together.

pub mod args;
pub mod containers_conf;
pub mod detach_keys;
pub mod exit;
pub mod format;
pub mod generate;
pub mod journal;
pub mod message;
pub mod network_options;
pub mod output;
pub mod progress;
pub mod progress_told;
pub mod run_options;
pub mod terminal;
pub mod time;
pub mod view;
