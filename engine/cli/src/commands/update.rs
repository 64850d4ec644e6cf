//! `update`.

use pontoon_lifecycle::list;
use pontoon_lifecycle::update::{self, Changes};

use super::{Context, Failure, control};
use pontoon_cli::args::UpdateArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;
use pontoon_cli::run_options::{exec_env, health, resources, restart_policy};

/// `pontoon update`
pub fn update(context: &Context, args: &UpdateArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let name = control::one("update", args.container.as_ref(), args.latest, &store)?;
    let id = list::find(&store, &name)?.record.id;
    let by = Changes {
        resources: resources(&args.resources)?,
        restart: restart_policy(args.restart.as_ref())?,
        health: health(&args.health, &context.option_host)?,
        env: (exec_env(&args.env, &[], &context.option_host)?, args.unsetenv.clone()),
    };
    if by != Changes::default() {
        update::update(&context.host, &store, &name, by)
            .map_err(|err| Failure::from(err).while_doing(format!("cannot update container `{name}`")))?;
    }
    output::line(&id)?;
    Ok(ExitStatus::Success)
}
