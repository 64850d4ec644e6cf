//! Who owns what: ids inside a rootless container are not those outside.

use super::Lint;
use crate::kind::UnitKind;
use crate::values::Value;

/// The keys that say how ids are mapped.
const MAPPINGS: [&str; 5] = ["UserNS", "UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap"];

pub(super) fn look(lint: &mut Lint<'_>) {
    if lint.file.name.kind != UnitKind::Container || !lint.settings.user {
        return;
    }
    let Some(user) = lint.values.scalar("User") else { return };
    let name = user.text.split(':').next().unwrap_or("");
    if matches!(name, "0" | "root")
        || MAPPINGS.into_iter().any(|key| lint.values.has(key))
        || lint.values.has("Pod")
    {
        return;
    }
    let directory = lint.list("Volume").into_iter().find(|volume| is_bound_as_it_is(volume));
    if let Some(volume) = directory {
        let text =
            format!("user `{name}` of the container is not you, so files here may not be his to write");
        let hint =
            "add `UserNS=keep-id:uid=N,gid=N` with his numbers, or the option `U` to give him the files";
        lint.warn(&volume, text, hint);
    }
}

/// Whether a directory of the host is given with its owners as they are.
fn is_bound_as_it_is(volume: &Value<'_>) -> bool {
    let mut parts = volume.text.splitn(3, ':');
    let source = parts.next().unwrap_or("");
    let options = parts.nth(1).unwrap_or("");
    let is_ours = source.starts_with(['.', '~']) || source.starts_with("%h") || source.starts_with("/home/");
    let is_left = !options
        .split(',')
        .any(|option| matches!(option, "U" | "ro" | "idmap") || option.starts_with("idmap="));
    is_ours && is_left
}
