//! What a user's manager does not have.

use super::Lint;
use crate::tree::Entry;

/// Targets that only the system's manager reaches, with what a user writes instead.
const SYSTEM_ONLY: [(&str, &str); 5] = [
    (
        "multi-user.target",
        "write `default.target`, which a user's manager reaches at login or, with linger, at boot",
    ),
    ("graphical.target", "write `default.target` or `graphical-session.target`"),
    (
        "network-online.target",
        "leave it out: the service waits for the network anyhow, unless `DefaultDependencies=false` in [Quadlet]",
    ),
    (
        "network.target",
        "leave it out: the service waits for the network anyhow, unless `DefaultDependencies=false` in [Quadlet]",
    ),
    ("local-fs.target", "leave it out: a user's manager starts when that is done"),
];

/// The keys that name units.
const NAMING: [&str; 8] =
    ["After", "BindsTo", "Before", "RequiredBy", "Requires", "UpheldBy", "WantedBy", "Wants"];

pub(super) fn look(lint: &mut Lint<'_>) {
    if !lint.settings.user {
        return;
    }
    let file = lint.file;
    let entries: Vec<&Entry> = file.unit.entries("Unit").chain(file.unit.entries("Install")).collect();
    for entry in entries.into_iter().filter(|entry| NAMING.contains(&entry.key.as_str())) {
        for word in entry.value.split_whitespace() {
            if let Some((target, hint)) = SYSTEM_ONLY.iter().find(|(target, _)| *target == word) {
                let text = format!("a user's manager has no `{target}`, so `{}=` has no effect", entry.key);
                lint.warn_at(entry, text, *hint);
            }
        }
    }
}
