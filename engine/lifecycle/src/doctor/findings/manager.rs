//! The service manager, the groups it gives, and the generator it runs.

use super::{Check, Deed, Finding, broken, fix_for, good, limited};
use crate::doctor::facts::Facts;

/// Controllers that limits of containers need.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

pub(super) fn cgroups(facts: &Facts) -> Finding {
    let check = Check::Cgroups;
    let Some(offered) = &facts.controllers else {
        return broken(check, "there is no cgroup v2 at /sys/fs/cgroup")
            .by_root("add systemd.unified_cgroup_hierarchy=1 to the kernel's command line and reboot");
    };
    let has = |list: &[String], name: &&str| list.iter().any(|it| it == *name);
    let absent: Vec<&str> = CONTROLLERS.into_iter().filter(|it| !has(offered, it)).collect();
    if facts.subject.uid == 0 {
        return match absent.is_empty() {
            true => good(check, format!("version 2 with {}", CONTROLLERS.join(", "))),
            false => limited(check, not_offered(&absent)),
        };
    }
    let Some(delegated) = &facts.delegated else {
        let says =
            format!("which controllers {} has shows when the user's manager runs", facts.subject.shown());
        return limited(check, says);
    };
    let missing: Vec<&str> =
        CONTROLLERS.into_iter().filter(|it| has(offered, it) && !has(delegated, it)).collect();
    let limits = |names: &[&str]| format!("limits by {} are refused", names.join(", "));
    match (missing.is_empty(), absent.is_empty()) {
        (true, true) => good(check, format!("version 2 with {}", CONTROLLERS.join(", "))),
        (true, false) => limited(check, not_offered(&absent)),
        (false, _) if facts.delegation => {
            let says =
                format!("{}: they are delegated when the user's manager starts next", limits(&missing));
            limited(check, says).by_root(format!("systemctl restart user@{}.service", facts.subject.uid))
        }
        (false, _) => limited(check, format!("{}: they are not delegated", limits(&missing)))
            .by_root(fix_for(facts))
            .with(Deed::Delegate),
    }
}

fn not_offered(absent: &[&str]) -> String {
    format!("the kernel does not offer {} in version 2: limits by them are refused", absent.join(", "))
}

pub(super) fn manager(facts: &Facts) -> Finding {
    let check = Check::Manager;
    let session = &facts.session;
    if facts.subject.uid == 0 {
        return match &session.no_bus {
            None => good(check, "the system's manager answers"),
            Some(why) => broken(check, why.clone()).by_root("systemctl start dbus.socket"),
        };
    }
    let why = match (&session.no_runtime_dir, &session.no_bus) {
        (None, None) => return good(check, "the user's manager answers"),
        (Some(why), _) | (None, Some(why)) => why,
    };
    let uid = facts.subject.uid;
    let finding = broken(check, why.clone());
    match (session.lingers, facts.subject.asks) {
        (false, _) => finding.by_root(fix_for(facts)).with(Deed::EnableLinger { uid }),
        // It runs, and who asks came by su or sudo.
        (true, true) if !session.is_usual => {
            finding.by_user(format!("export XDG_RUNTIME_DIR=/run/user/{uid}"))
        }
        (true, _) => finding.by_root(format!("systemctl start user@{uid}.service")),
    }
}

pub(super) fn linger(facts: &Facts) -> Finding {
    let check = Check::Linger;
    if facts.session.lingers {
        return good(check, "services run from the boot on, without a session");
    }
    let who = facts.subject.shown();
    let says = format!("services of {who} start with the first login and end with the last");
    let deed = Deed::EnableLinger { uid: facts.subject.uid };
    match facts.subject.asks {
        true => limited(check, says).by_user("pontoon linger enable").with(deed),
        false => limited(check, says).by_root(format!("pontoon linger enable {who}")).with(deed),
    }
}

pub(super) fn generator(facts: &Facts) -> Finding {
    let check = Check::Generator;
    let Some(ours) = &facts.generators.ours else {
        return broken(check, "systemd runs no generator of pontoon's: files do not become services")
            .by_root("make install");
    };
    match &facts.generators.podmans {
        Some(other) if other.at_work => limited(
            check,
            format!(
                "{} makes services of the shared directories; ours reads pontoon/systemd beside them",
                other.path.display()
            ),
        )
        .by_root("pontoon quadlet adopt"),
        Some(other) => good(check, format!("{}; Podman's ({}) is off", ours.display(), other.path.display())),
        None => good(check, ours.display().to_string()),
    }
}
