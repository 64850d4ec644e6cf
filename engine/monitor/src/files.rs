//! Waiting for the lock on the container's files: whoever wants something meanwhile is heard.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signalfd::SignalFd;
use pontoon_monitor::files_lock;
use pontoon_monitor::plan::MonitorPlan;
use rustix::process::{Signal, set_parent_process_death_signal};

use crate::course::Course;
use crate::pause::{self, Outcome};
use crate::tell::Teller;
use pontoon_monitor::outlet::say;

/// The name under which we are run to wait in our place: a lock cannot be waited for together with anything else.
pub const WAITER: &str = "pontoon-lock";

/// When the lock is tried again where nobody could be made to wait for it.
const SOON: Duration = Duration::from_millis(100);

/// Takes the lock; where there can be none nobody else has it. Whoever wonders why the container does not start is told what it waits
/// for. `code` is how the run before has ended.
pub fn lock(
    plan: &MonitorPlan,
    files: &mut Option<OwnedFd>,
    code: Option<i32>,
    signals: &SignalFd,
    control: &OwnedFd,
    teller: &Teller<'_>,
    course: &mut Course,
) -> Outcome {
    let Ok(file) = files_lock::open(&plan.run_directory) else { return Outcome::GoOn };
    let mut waiter: Option<Option<Child>> = None;
    let mut left = || {
        // What the waiter has, we have: it is one opened file.
        if !matches!(files_lock::try_on(file.as_fd()), Ok(false)) {
            return Duration::ZERO;
        }
        let waiter = waiter.get_or_insert_with(|| {
            let name = &plan.name;
            say(&format!(
                "container `{name}` waits for a command that is at work on its files (cp, export, commit)\n"
            ));
            begin_to_wait(&file)
        });
        // Its end is told by a signal.
        let waits = waiter.as_mut().is_some_and(|it| matches!(it.try_wait(), Ok(None)));
        if waits { Duration::MAX } else { SOON }
    };
    let outcome = pause::until(&mut left, code, signals, control, teller, course);
    if matches!(outcome, Outcome::GoOn) {
        *files = Some(file);
    }
    outcome
}

/// Runs us to wait for the lock on what is opened there.
fn begin_to_wait(file: &OwnedFd) -> Option<Child> {
    Command::new("/proc/self/exe")
        .arg0(WAITER)
        .stdin(file.try_clone().ok()?)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()
}

/// What the one does who waits in our place: standard input is to be locked. Without us nobody needs it.
pub fn wait() -> i32 {
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    files_lock::take_on(rustix::stdio::stdin()).map_or(1, |()| 0)
}
