//! `User=` in `[Service]` of a system's unit: the service runs rootless as that user.
//!
//! The user need not log in, linger or have a manager. What a login would bring is asked from the system's manager, by
//! `pontoon-user@.service`: a runtime directory, which unlike a login's stays when the user logs out, a place for the store
//! where there is no home, and somebody who listens for containers that want networks.

use super::loaded::Loaded;
use super::work::Work;
use super::{SERVICE, UNIT};
use crate::diagnostic::Diagnostic;
use crate::names;
use crate::quote;
use crate::values;

/// Where the runtime directories of such users are, by their names. The engine knows it too.
pub(super) const RUNTIME: &str = "/run/pontoon-users";

/// What the file says in `User=` of `[Service]`; nothing if that is root, who runs it anyhow.
pub(crate) fn user_of(file: &Loaded) -> Option<String> {
    let value = values::unquoted_scalar(file.unit.last(SERVICE, "User")?);
    (!matches!(&*value.text, "" | "root" | "0")).then(|| value.text.into_owned())
}

/// Adds what the service needs to run as its user; gives that user's name.
pub(super) fn apply(work: &mut Work<'_>) -> Option<String> {
    let user = work.setting("User").filter(|_| user_of(work.file).is_some())?;
    let account = work.account(&user.text);
    // A number and a name of one user are one: both are to find the same containers.
    let name = account.as_ref().map_or_else(|| user.text.to_string(), |account| account.name.clone());
    // systemd expands specifiers in names of units as well.
    if names::forbidden_in_unit_name(&name.replace('%', "")).is_some() {
        let text = format!("`{}` cannot be part of a unit's name", crate::parse::brief(&name));
        work.error(&user, text, "name the user by its number");
        return None;
    }
    work.tie(&["Requires", "After"], format!("pontoon-user@{name}.service"));
    let home = account.as_ref().map(|account| account.home.as_str());
    if let Some(home) = home.filter(|home| home.len() > 1 && home.starts_with('/')) {
        work.draft.add(UNIT, "RequiresMountsFor", quote::join([&home.replace('%', "%%")]));
    }
    work.service("Environment", format!("XDG_RUNTIME_DIR={RUNTIME}/{name}"));
    Some(name)
}

/// Warns of keys that change who runs the engine where that cannot work, or is likely not what was meant.
pub(super) fn warn(work: &mut Work<'_>, keys: &[&str]) {
    for key in keys {
        let Some(entry) = work.file.unit.last(SERVICE, key) else { continue };
        let text =
            format!("`{key}=` in [{SERVICE}] changes who runs the engine, not who runs in the container");
        let fault = Diagnostic::warning(entry.place.clone(), text);
        work.faults.push(fault.with_hint("use `User=` in [Container], or a user service"));
    }
}
