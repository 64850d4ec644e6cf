//! `healthcheck run`.

use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop as ask;
use pontoon_lifecycle::{list, status};

use super::{Context, Failure};
use pontoon_cli::args::HealthcheckRunArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;

/// `pontoon healthcheck run`
pub fn run(context: &Context, args: &HealthcheckRunArgs) -> Result<ExitStatus, Failure> {
    let name = &args.container;
    let found = list::find(&context.store()?, name)?;
    if !matches!(found.status, Status::Running(_)) {
        let text =
            format!("container `{name}` is {}: only one that runs can be checked", found.status.word());
        return Err(Failure::new(text, None));
    }
    let code = ask::check_health(&found.container)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot check container `{name}`")))?;
    match code {
        Some(0) => Ok(ExitStatus::Success),
        Some(_) => {
            // As Podman: what this check says, but within the time that a start may take.
            let now = status::health(found.container.run_path()).map(|it| it.status).unwrap_or_default();
            // `--health-on-failure` has been done when the command ends.
            ask::wait_for_deed(&found.container);
            output::line(if now == "starting" { &now } else { "unhealthy" })?;
            Ok(if args.ignore_result { ExitStatus::Success } else { ExitStatus::No })
        }
        None => Err(Failure::new(format!("container `{name}` has ended"), None)),
    }
}
