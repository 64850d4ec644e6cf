//! `rename`.

use pontoon_lifecycle::rename;

use super::{Context, Failure};
use pontoon_cli::args::RenameArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::run_options;

/// `pontoon rename`
pub fn rename(context: &Context, args: &RenameArgs) -> Result<ExitStatus, Failure> {
    let name = run_options::without_slash(&args.name);
    rename::rename(&context.host, &context.store()?, &args.container, name)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot rename `{}`", args.container)))?;
    Ok(ExitStatus::Success)
}
