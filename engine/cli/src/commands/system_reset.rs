//! `system reset`, `migrate` and `renumber`.

use pontoon_lifecycle::list;
use pontoon_lifecycle::pause;
use pontoon_lifecycle::remove;
use pontoon_lifecycle::reset;
use pontoon_lifecycle::stop::{self, AskError};
use pontoon_monitor::event::{Deed, Kind};

use super::{Context, Failure, prune};
use pontoon_cli::args::SystemResetArgs;
use pontoon_cli::exit::ExitStatus;
use pontoon_cli::output;

/// `pontoon system reset`
pub fn reset(context: &Context, args: &SystemResetArgs) -> Result<ExitStatus, Failure> {
    let paths = &context.host.paths;
    let warning = format!(
        "WARNING! This will remove:\n        - all containers\n        - all images\n        - all volumes, with what is in them\n        \
         - all secrets\n        - the store in `{}`\n        - what is known of running containers in `{}`\n",
        paths.root.display(),
        paths.run.display()
    );
    if !prune::confirm(args.force, &warning)? {
        return Ok(ExitStatus::Success);
    }
    reset::reset(&context.host)?;
    Ok(ExitStatus::Success)
}

/// `pontoon system migrate`
pub fn migrate(context: &Context) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    remove::sweep(&context.host, &store);
    let mut last: Option<Failure> = None;
    for summary in list::list(&store)?.containers.into_iter().filter(|it| it.status.is_alive()) {
        // One that has gone meanwhile needs nothing.
        let Ok(found) = list::find(&store, &summary.record.id) else { continue };
        // A frozen one takes no signal.
        found.status.run().inspect(|state| pause::thaw(state));
        match stop::stop(&found.container, None) {
            Ok(_) => output::line(&format!("stopped {}", summary.record.id))?,
            Err(AskError::NotRunning) => {}
            Err(err) => {
                let deed = format!("cannot stop container `{}`", summary.record.name);
                if let Some(earlier) = last.replace(Failure::from(err).while_doing(deed)) {
                    earlier.print();
                }
            }
        }
    }
    last.map_or(Ok(ExitStatus::Success), Err)
}

/// `pontoon system renumber`: our locks are files beside what they lock, and have no numbers that could run out.
pub fn renumber(context: &Context) -> Result<ExitStatus, Failure> {
    context.host.tell_of_other(Kind::System, Deed::Renumber, "", "");
    Ok(ExitStatus::Success)
}
