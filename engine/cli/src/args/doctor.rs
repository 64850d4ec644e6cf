//! `doctor`.

use clap::Args;

/// Whose containers, and what to do about what is found.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Mend what the caller may mend, and say what was done
    #[arg(long)]
    pub fix: bool,
    /// `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Look at what the containers of this user need; the default is the caller
    #[arg(long, value_name = "NAME|UID")]
    pub user: Option<String>,
}
