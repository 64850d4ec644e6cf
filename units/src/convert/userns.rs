//! The deprecated `Remap…=` keys, which are consulted where no newer key maps ids.

use super::command::CommandLine;
use super::work::Work;
use crate::kind::UnitKind;
use crate::values::Value;

/// The keys that took their place.
const NEWER: [&str; 5] = ["UserNS", "UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap"];

/// Adds the options that the keys stand for.
pub(super) fn remap(work: &mut Work<'_>, line: &mut CommandLine) {
    let mode = work.scalar("RemapUsers");
    let users = work.words("RemapUid");
    let groups = work.words("RemapGid");
    let size = work.values.number("RemapUidSize", &mut work.faults).filter(|size| *size > 0);
    if let Some(newer) = NEWER.into_iter().find(|key| work.scalar(key).is_some()) {
        if let Some(old) = mode.or_else(|| users.first().or(groups.first()).cloned()) {
            let text = format!("`{newer}=` and the deprecated `Remap…=` keys exclude each other");
            work.error(&old, text, format!("say all of it with `{newer}=`"));
        }
        return;
    }
    let Some(mode) = mode else {
        if let Some(range) = users.first().or(groups.first()) {
            let hint = "use `UIDMap=` and `GIDMap=`, or add `RemapUsers=manual`";
            work.error(range, "`RemapUid=` and `RemapGid=` need a `RemapUsers=` beside them", hint);
        }
        return;
    };
    match &*mode.text {
        "manual" if work.file.name.kind != UnitKind::Kube => {
            for (option, ranges) in [("--uidmap", &users), ("--gidmap", &groups)] {
                for range in ranges {
                    line.extend(&[option, &range.text]);
                }
            }
        }
        "auto" => {
            let mut options = prefixed("uidmapping=", &users);
            options.extend(prefixed("gidmapping=", &groups));
            options.extend(size.map(|size| format!("size={size}")));
            line.extend(&["--userns", &with_options("auto", &options)]);
        }
        "keep-id" => {
            for range in [&users, &groups].into_iter().filter_map(|ranges| ranges.get(1)) {
                work.error(range, "`RemapUsers=keep-id` takes one id", "leave one only");
            }
            let mut options = prefixed("uid=", &users);
            options.extend(prefixed("gid=", &groups));
            line.extend(&["--userns", &with_options("keep-id", &options)]);
        }
        other => {
            let text = format!("`{}` is no way to map ids here", crate::parse::brief(other));
            work.error(&mode, text, "use `UserNS=` instead of the deprecated `RemapUsers=`");
        }
    }
}

fn prefixed(prefix: &str, values: &[Value<'_>]) -> Vec<String> {
    values.iter().map(|value| format!("{prefix}{}", value.text)).collect()
}

fn with_options(mode: &str, options: &[String]) -> String {
    if options.is_empty() { mode.to_owned() } else { format!("{mode}:{}", options.join(",")) }
}
