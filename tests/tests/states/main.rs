//! What a container can be doing, and what each command makes of it; `init`; and commands that meet on one container.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

mod init;
mod races;
mod table;
