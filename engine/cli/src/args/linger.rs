//! `linger enable`, `linger disable`, `linger status`.

use clap::Args;

/// The user whose services shall live on.
#[derive(Debug, Args)]
pub struct LingerArgs {
    /// Name or number; the default is the caller
    #[arg(value_name = "USER")]
    pub user: Option<String>,
}
