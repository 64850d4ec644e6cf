//! Commands about the host and the program: unshare, info, version.

use clap::{ArgAction, Args};

/// `unshare`
#[derive(Debug, Args)]
pub struct UnshareArgs {
    /// Command; none is the user's shell
    #[arg(value_name = "COMMAND", num_args = 0.., trailing_var_arg = true)]
    pub words: Vec<String>,
}

/// `events`
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Show only events that match KEY=VALUE: container, event, image, label, pod, secret, type, volume
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
    /// `json` or a Go template
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show whole ids; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub no_trunc: Option<bool>,
    /// Show events from a time, or from a duration ago, on
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Wait for events to come; the default is true
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub stream: Option<bool>,
    /// Show events until a time, or for a duration from now on
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
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
