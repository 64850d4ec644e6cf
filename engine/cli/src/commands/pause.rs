//! `pause`, `unpause`.

use pontoon_lifecycle::list;
use pontoon_lifecycle::pause;
use pontoon_lifecycle::status::Status;
use pontoon_monitor::event::Deed;

use super::control::{Selection, for_each};
use super::{Context, Failure};
use pontoon_cli::args::PauseArgs;
use pontoon_cli::exit::ExitStatus;

/// `pontoon pause`
pub fn pause(context: &Context, args: &PauseArgs) -> Result<ExitStatus, Failure> {
    set(context, args, "pause", true)
}

/// `pontoon unpause`
pub fn unpause(context: &Context, args: &PauseArgs) -> Result<ExitStatus, Failure> {
    set(context, args, "unpause", false)
}

fn set(
    context: &Context,
    args: &PauseArgs,
    command: &'static str,
    frozen: bool,
) -> Result<ExitStatus, Failure> {
    let store = context.store()?;
    let selection = Selection::of(command, &args.chosen, &args.passing.filter);
    let wanted = |status: &Status| match status {
        Status::Running(_) => frozen,
        Status::Paused(_) => !frozen,
        _ => false,
    };
    let names = selection.resolve(&store, wanted)?;
    for_each(&names, |name| {
        let found = list::find(&store, name)?;
        let state = match &found.status {
            Status::Running(state) if frozen => state,
            Status::Paused(state) if !frozen => state,
            other => {
                let what = if frozen { "running" } else { "paused" };
                let text = format!("container `{name}` is {}, not {what}", other.word());
                return Err(Failure::new(text, None));
            }
        };
        if frozen {
            pause::pause(&found.container, state)?;
        } else {
            pause::set(state, false)?;
        }
        let deed = if frozen { Deed::Pause } else { Deed::Unpause };
        context.host.tell_of(&store, &found.record, deed);
        Ok(Some(name.to_owned()))
    })
}
