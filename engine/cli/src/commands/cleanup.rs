//! `container cleanup`.

use pontoon_lifecycle::base;
use pontoon_lifecycle::list;
use pontoon_lifecycle::remove::{self, RemoveOptions};
use pontoon_lifecycle::status::Status;
use pontoon_lifecycle::stop as ask;
use pontoon_monitor::event::{Deed, Kind};
use pontoon_storage::RemoveImageError;

use super::control::{Selection, for_each, stop_one};
use super::{Context, Failure};
use pontoon_cli::args::CleanupArgs;
use pontoon_cli::exit::ExitStatus;

/// `pontoon container cleanup`: supervisors clean up after themselves, so this is about those that could not.
pub fn cleanup(context: &Context, args: &CleanupArgs) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let names = Selection::of("container cleanup", &args.chosen, &[]).resolve(&store, |_| true)?;
    for_each(&names, |name| {
        // Looking is cleaning.
        let mut found = list::find(&store, name)?;
        if matches!(found.status, Status::Initialized(_)) {
            // What was set up is taken down, and it is as if it had not been, as in Podman.
            stop_one(&found, name, Some(0))?;
            ask::wait_for_supervisor(&found.container);
            found = list::find(&store, name)?;
            if !found.status.is_alive() {
                found.container.clear_exit()?;
            }
        }
        if found.status.is_alive() && (args.rm || args.rmi) {
            let text = format!("container `{name}` is {}: it cannot be removed yet", found.status.word());
            return Err(Failure::new(text, Some(format!("stop it first: pontoon stop {name}"))));
        }
        if args.rm || args.rmi {
            let options = RemoveOptions { volumes: true, ..RemoveOptions::default() };
            remove::remove(&context.host, &store, name, options)?;
        }
        if args.rmi
            && let Some(image) = base::image(&store, &found.record)?
        {
            let image_name = found.record.image_name_to_go();
            match store.remove_image_name(&image.id, image_name) {
                Ok(Some(_)) => context.host.tell_of_removed(&image),
                Ok(None) => context.host.tell_of_other(Kind::Image, Deed::Untag, image.id.hex(), image_name),
                // Something else needs it, or means it by other names.
                Err(
                    RemoveImageError::InUse { .. }
                    | RemoveImageError::SeveralNames { .. }
                    | RemoveImageError::OtherNames { .. },
                ) => {}
                Err(err) => {
                    let hint = err.hint();
                    return Err(Failure::new(err, hint));
                }
            }
        }
        Ok(Some(name.to_owned()))
    })
}
