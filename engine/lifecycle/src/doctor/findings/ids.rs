//! The ids of a user, and user namespaces.

use pontoon_rootless::helper::Rights;
use pontoon_rootless::idmap::OwnedRange;

use super::{Check, Deed, Finding, broken, fix_for, good, limited};
use crate::doctor::facts::{Facts, Grants, IdHelper};

/// As many ids as images take for granted: up to 65535.
const USUAL_IDS: u64 = 65_536;

pub(super) fn subordinate_ids(facts: &Facts) -> Finding {
    let check = Check::SubordinateIds;
    let (uids, gids) = match (&facts.subuids, &facts.subgids) {
        (Ok(uids), Ok(gids)) => (uids, gids),
        (Err(why), _) | (_, Err(why)) => return broken(check, why.clone()),
    };
    let count = |grants: &Grants| grants.own.iter().map(|it| u64::from(it.1)).sum::<u64>();
    let who = facts.subject.shown();
    match (count(uids), count(gids)) {
        (0, _) | (_, 0) => {
            let file = if count(uids) == 0 { "/etc/subuid" } else { "/etc/subgid" };
            let says = format!(
                "{who} has no range in {file}: containers have one id only, and most images do not unpack"
            );
            let finding = broken(check, says).by_root(fix_for(facts));
            match &facts.subject.name {
                Some(name) => finding.with(Deed::AllotIds { name: name.clone(), uid: facts.subject.uid }),
                None => finding,
            }
        }
        (uids, gids) if uids.min(gids) < USUAL_IDS => {
            let says = format!(
                "{who} has {uids} user ids and {gids} group ids; images with files of higher ids do not unpack"
            );
            let lacking = [("uids", uids, &facts.subuids), ("gids", gids, &facts.subgids)]
                .into_iter()
                .filter(|(_, count, _)| *count < USUAL_IDS)
                .map(|(word, _, grants)| format!(" --add-sub{word} {}", free(grants.as_ref().ok())));
            let name = facts.subject.name.as_deref().unwrap_or("USER");
            limited(check, says).by_root(format!("usermod{} {name}", lacking.collect::<String>()))
        }
        _ => good(check, format!("user ids {}; group ids {}", ranges(&uids.own), ranges(&gids.own))),
    }
}

/// A range that nobody has, as usermod(8) takes it.
fn free(grants: Option<&Grants>) -> String {
    grants.and_then(|it| it.free).map_or_else(|| "FIRST-LAST".to_owned(), |it| ranges(&[it]))
}

fn ranges(all: &[OwnedRange]) -> String {
    let shown = |it: &OwnedRange| format!("{}-{}", it.0, u64::from(it.0) + u64::from(it.1) - 1);
    all.iter().map(shown).collect::<Vec<_>>().join(", ")
}

pub(super) fn id_overlaps(facts: &Facts) -> Option<Finding> {
    let check = Check::IdOverlaps;
    let (Ok(uids), Ok(gids)) = (&facts.subuids, &facts.subgids) else { return None };
    if uids.own.is_empty() && gids.own.is_empty() {
        return None;
    }
    let name = facts.subject.name.as_deref().unwrap_or("USER");
    let all = [("/etc/subuid", "subuids", uids), ("/etc/subgid", "subgids", gids)];
    let met = all.iter().find_map(|(file, word, it)| Some((file, word, it, it.shared.first()?)));
    Some(match met {
        None => good(check, "nobody else has these ids"),
        Some((file, word, grants, (own, other))) => {
            let says = format!(
                "{} in {file} is also in {} of {}: each can change files and end processes of the other's containers",
                ranges(&[*own]),
                ranges(&[other.range]),
                other.owner
            );
            // Files of containers and volumes have these ids; that is not done in passing.
            let instead = free(Some(grants));
            let command = format!("usermod --del-{word} {} --add-{word} {instead} {name}", ranges(&[*own]));
            broken(check, says).by_root(command)
        }
    })
}

pub(super) fn id_helpers(helpers: &[IdHelper; 2]) -> Finding {
    let check = Check::IdHelpers;
    for helper in helpers {
        let Some(path) = &helper.path else {
            return broken(check, format!("{} is not installed", helper.program))
                .by_root("apt-get install uidmap");
        };
        if helper.rights == Rights::None {
            let says = format!("{} is neither setuid root nor has it a file capability", path.display());
            return broken(check, says).by_root(format!("chmod u+s {}", path.display()));
        }
    }
    let how = |helper: &IdHelper| match helper.rights {
        Rights::SetUserId => format!("{} is setuid root", helper.program),
        _ => format!("{} has its capability", helper.program),
    };
    good(check, helpers.each_ref().map(how).join(", "))
}

pub(super) fn user_namespaces(facts: &Facts) -> Option<Finding> {
    let check = Check::UserNamespaces;
    let sysctls = &facts.sysctls;
    let set = |name: &str, value: &str| {
        format!(
            "echo {name}={value} >/etc/sysctl.d/90-pontoon.conf && sysctl -p /etc/sysctl.d/90-pontoon.conf"
        )
    };
    if sysctls.max_user_namespaces == Some(0) {
        return Some(
            broken(check, "user.max_user_namespaces is 0: nobody can make any")
                .by_root(set("user.max_user_namespaces", "15000")),
        );
    }
    if sysctls.unprivileged_userns_clone == Some(0) {
        return Some(
            broken(check, "kernel.unprivileged_userns_clone is 0: only root can make any")
                .by_root(set("kernel.unprivileged_userns_clone", "1")),
        );
    }
    let restricted = sysctls.apparmor_restrict_unprivileged_userns == Some(1);
    let why = facts.own.as_ref().map(|it| &it.namespace);
    match why {
        Some(None) => Some(good(check, "one with all ids can be made")),
        Some(Some(why)) if restricted => Some(
            broken(
                check,
                format!("{why}; AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns)"),
            )
            .by_root(set("kernel.apparmor_restrict_unprivileged_userns", "0")),
        ),
        Some(Some(why)) => Some(broken(check, why.clone())),
        None if restricted => Some(limited(
            check,
            "AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns): what has no profile that says \
             `userns` cannot use them",
        )),
        None => None,
    }
}
