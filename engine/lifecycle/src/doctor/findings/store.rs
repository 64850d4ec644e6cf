//! The store of images and containers.

use std::path::Path;
use std::time::Duration;

use super::{Check, Deed, Finding, broken, good, limited};
use crate::doctor::facts::{Overlay, Own};

pub(super) fn overlay(own: &Own) -> Finding {
    let check = Check::Overlay;
    let at = |path: &Path| path.display().to_string();
    match &own.overlay {
        Overlay::Native => good(check, format!("the kernel's, at {}", at(&own.store))),
        Overlay::Fuse(program) => {
            let says = format!("{} stands in for the kernel's, and is slower", at(program));
            limited(check, format!("{says}; the file system of {} takes none", at(&own.store)))
        }
        Overlay::None(why) => broken(check, why.clone()).by_root("apt-get install fuse-overlayfs"),
    }
}

pub(super) fn runtime_state(own: &Own) -> Finding {
    let check = Check::RuntimeState;
    let runtime = &own.runtime;
    let tidy = |finding: Finding| finding.by_user("pontoon doctor --fix").with(Deed::Tidy);
    if let Some(age) = runtime.before_boot {
        let says = format!(
            "{} has state from {} before this boot: it is not emptied at boot, as it should be",
            runtime.path.display(),
            span(age)
        );
        return tidy(limited(check, says));
    }
    match runtime.abandoned.as_slice() {
        [] => good(check, format!("nothing is left over in {}", runtime.path.display())),
        names => tidy(limited(
            check,
            format!("supervisors were killed, and left something over: {}", names.join(", ")),
        )),
    }
}

/// A time in the largest unit that it has two of.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    match units.iter().find(|(length, _)| seconds >= 2 * length) {
        Some((length, unit)) => format!("{} {unit}", seconds / length),
        None => format!("{seconds} seconds"),
    }
}
