//! Commands for units that run containers: auto-update, rollback, pin, unpin.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// `auto-update`
#[derive(Debug, Args)]
pub struct AutoUpdateArgs {
    /// File with credentials
    #[arg(long, value_name = "FILE")]
    pub authfile: Option<PathBuf>,
    /// Only look for updates
    #[arg(long)]
    pub dry_run: bool,
    /// `json`, `table …` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Go back to the image that ran before where an update fails; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub rollback: Option<bool>,
    /// Require HTTPS and verify certificates
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub tls_verify: Option<bool>,
}

/// `rollback`
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Unit that runs containers
    #[arg(value_name = "UNIT", required = true)]
    pub unit: String,
    /// Which version, as `history UNIT` has them, or the beginning of it; the default is the last one that was well
    #[arg(value_name = "DIGEST")]
    pub digest: Option<String>,
}

/// `pin`, `unpin`
#[derive(Debug, Args)]
pub struct PinArgs {
    /// Unit that runs containers
    #[arg(value_name = "UNIT", required = true)]
    pub unit: String,
}
