//! `restart`.

use pontoon_lifecycle::list;
use pontoon_lifecycle::pause;
use pontoon_lifecycle::remove;
use pontoon_lifecycle::stop::{self as ask, AskError};
use pontoon_monitor::event::Deed;

use super::control::{Selection, for_each, seconds};
use super::{Context, Failure, run};
use pontoon_cli::args::RestartArgs;
use pontoon_cli::exit::ExitStatus;

/// `pontoon restart`
pub fn restart(context: &Context, args: &RestartArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let selection = Selection {
        all: args.chosen.all || args.running,
        ..Selection::of("restart", &args.chosen, &args.passing.filter)
    };
    let names = selection.resolve(&store, |status| !args.running || status.is_alive())?;
    for_each(&names, |name| {
        let found = list::find(&store, name)?;
        if found.status.is_alive() {
            // Its end would be the end of the container, or of the unit that holds it.
            if let Some(unit) = &found.record.request.systemd_unit {
                let text = format!("container `{name}` belongs to the unit `{unit}`");
                let whose = if context.host.is_rootless() { " --user" } else { "" };
                return Err(Failure::new(text, Some(format!("systemctl{whose} restart {unit}"))));
            }
            if found.record.request.rm {
                let text = format!("container `{name}` is removed when it stops, so it cannot be restarted");
                return Err(Failure::new(text, Some("run it again, or run it without --rm".to_owned())));
            }
        }
        context.host.tell_of(&store, &found.record, Deed::Restart);
        if found.status.is_alive() {
            found.status.run().inspect(|state| pause::thaw(state));
            match ask::stop(&found.container, seconds(args.time)) {
                Ok(_) | Err(AskError::NotRunning) => {}
                Err(err) => {
                    return Err(Failure::from(err).while_doing(format!("cannot stop container `{name}`")));
                }
            }
            remove::wait_for_supervisor(&found.container);
        }
        run::start_detached(context, &store, name)?;
        Ok(Some(name.to_owned()))
    })
}
