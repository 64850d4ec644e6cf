//! `restart`.

use pontoon_lifecycle::list;
use pontoon_lifecycle::pause;
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop as ask;
use pontoon_monitor::event::Deed;

use super::control::{Selection, for_each, seconds, stop_one};
use super::{Context, Failure, start};
use pontoon_cli::args::RestartArgs;
use pontoon_cli::exit::ExitStatus;

/// `pontoon restart`
pub fn restart(context: &Context, args: &RestartArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let selection = Selection {
        all: args.chosen.all || (args.running && args.chosen.containers.is_empty()),
        ..Selection::of("restart", &args.chosen, &args.passing.filter)
    };
    let is_meant = |status: &Status| !args.running || matches!(status, Status::Running(_));
    let names = selection.resolve(&store, is_meant)?;
    for_each(&names, |name| {
        let found = list::find(&store, name)?;
        if !is_meant(&found.status) {
            return Ok(None);
        }
        if found.status.is_alive() {
            let request = &found.record.request;
            // Its end would be the end of the container, or of the unit that holds it: its supervisor, which stays, tells of it.
            if found.status.run().is_some() && (request.rm || request.systemd_unit.is_some()) {
                found.status.run().inspect(|state| pause::thaw(state));
                ask::restart(&found.container, seconds(args.time)).map_err(|err| {
                    Failure::from(err).while_doing(format!("cannot restart container `{name}`"))
                })?;
                return Ok(Some(name.to_owned()));
            }
            if matches!(found.status, Status::Initialized(_)) {
                start::start_detached(context, &store, name)?;
                return Ok(Some(name.to_owned()));
            }
        }
        context.host.tell_of(&store, &found.record, Deed::Restart);
        if found.status.is_alive() {
            stop_one(&found, name, args.time)?;
            ask::wait_for_supervisor(&found.container);
        }
        start::start_detached(context, &store, name).map_err(|err| err.with_code(125))?;
        Ok(Some(name.to_owned()))
    })
}
