//! Commands about the host and the program: unshare, info, version.

use clap::Args;

/// `unshare`
#[derive(Debug, Args)]
pub struct UnshareArgs {
    /// Command; none is the user's shell
    #[arg(value_name = "COMMAND", num_args = 0.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// `info`
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}

/// `version`
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
}
