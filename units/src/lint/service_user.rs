//! `User=` in `[Service]` of a system's file, whose engine and container are that user's.

use super::Lint;
use crate::convert::run_as;
use crate::values;

pub(super) fn look(lint: &mut Lint<'_>) {
    let file = lint.file;
    let Some(user) = run_as::user_of(file).filter(|user| !lint.settings.user && !user.contains('%')) else {
        return;
    };
    let number: Result<u32, _> = user.parse();
    if number.is_err() && lint.settings.accounts.find(&user).is_none() {
        let Some(entry) = file.unit.last("Service", "User") else { return };
        let text = format!("there is no user `{}` in /etc/passwd", crate::parse::brief(&user));
        lint.warn_at(
            entry,
            text,
            "make it, for instance by a file in /usr/lib/sysusers.d, before the service starts",
        );
    }
    for entry in file.unit.entries(file.name.kind.section()).filter(|entry| entry.value.contains("%h")) {
        let value = values::unquoted_scalar(entry);
        let text = format!(
            "`%h` is root's home in a unit of the system, not that of `{}`",
            crate::parse::brief(&user)
        );
        lint.warn(&value, text, "write the directory itself");
    }
}
