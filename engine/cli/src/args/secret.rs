//! Commands for secrets.

use std::path::PathBuf;

use clap::Args;

/// `secret create`
#[derive(Debug, Args)]
pub struct SecretCreateArgs {
    /// Name
    #[arg(value_name = "NAME", required = true)]
    pub name: String,
    /// File with the data, `-` for standard input, or, with --env, the variable that holds it
    #[arg(value_name = "FILE|-", required = true)]
    pub source: String,
    /// `file` (the default), or `systemd-credential`: then the second word is the name of a credential of the unit
    #[arg(short, long, value_name = "DRIVER")]
    pub driver: Option<String>,
    /// Option of the driver
    #[arg(long, value_name = "KEY=VALUE")]
    pub driver_opts: Vec<String>,
    /// Take the data from a variable of the environment
    #[arg(long)]
    pub env: bool,
    /// A secret of that name is no error, and stays as it is
    #[arg(long, conflicts_with = "replace")]
    pub ignore: bool,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
    /// Replace a secret of the same name
    #[arg(long)]
    pub replace: bool,
}

/// `secret inspect`
#[derive(Debug, Args)]
pub struct SecretInspectArgs {
    /// Names or ids
    #[arg(value_name = "SECRET", required = true)]
    pub secrets: Vec<String>,
    /// `json` or a Go template
    #[arg(short, long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Show it for people
    #[arg(long)]
    pub pretty: bool,
    /// Show the data, too
    #[arg(long)]
    pub showsecret: bool,
}

/// `secret renew`
#[derive(Debug, Args)]
pub struct SecretRenewArgs {
    /// Name
    #[arg(value_name = "NAME", required = true)]
    pub name: String,
    /// Command that prints the data
    #[arg(value_name = "COMMAND", last = true, conflicts_with = "file", required_unless_present = "file")]
    pub command: Vec<String>,
    /// File with the data
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Set a label
    #[arg(short, long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
}

/// `secret rm`
#[derive(Debug, Args)]
pub struct SecretRmArgs {
    /// Names or ids
    #[arg(value_name = "SECRET", required_unless_present = "all")]
    pub secrets: Vec<String>,
    /// Remove all secrets
    #[arg(short, long, conflicts_with = "secrets")]
    pub all: bool,
    /// A secret that does not exist is no error
    #[arg(short, long)]
    pub ignore: bool,
}
