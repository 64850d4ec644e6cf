//! What the facts mean, and what mends what is amiss.

use std::path::Path;
use std::time::Duration;

use pontoon_rootless::helper::Rights;
use pontoon_rootless::idmap::OwnedRange;
use serde::Serialize;

use super::facts::{Facts, Grants, IdHelper, Overlay, Own};

/// Controllers that limits of containers need.
const CONTROLLERS: [&str; 5] = ["cpu", "cpuset", "io", "memory", "pids"];

/// As many ids as images take for granted: up to 65535.
const USUAL_IDS: u64 = 65_536;

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// Ranges in `/etc/subuid` and `/etc/subgid`.
    SubordinateIds,
    /// Whether nobody else has these ids.
    IdOverlaps,
    /// `newuidmap` and `newgidmap`.
    IdHelpers,
    /// User namespaces.
    UserNamespaces,
    /// cgroup v2 and its controllers.
    Cgroups,
    /// Runtime directory, manager and bus.
    Manager,
    /// Linger.
    Linger,
    /// Programs and devices of networks.
    Network,
    /// Ports below 1024.
    Ports,
    /// Ping.
    Ping,
    /// Root file systems.
    Overlay,
    /// State that nobody keeps.
    RuntimeState,
    /// Generators.
    Generator,
}

impl Check {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SubordinateIds => "subordinate ids",
            Self::IdOverlaps => "id overlaps",
            Self::IdHelpers => "id helpers",
            Self::UserNamespaces => "user namespaces",
            Self::Cgroups => "cgroups",
            Self::Manager => "manager",
            Self::Linger => "linger",
            Self::Network => "network",
            Self::Ports => "ports",
            Self::Ping => "ping",
            Self::Overlay => "overlay",
            Self::RuntimeState => "runtime state",
            Self::Generator => "generator",
        }
    }
}

/// How it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Good,
    /// Containers run, and something that they may want does not work.
    Limited,
    /// Containers or their services do not work as they should.
    Broken,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Limited => "limited",
            Self::Broken => "broken",
        }
    }
}

/// Who can mend something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Actor {
    /// The user.
    User,
    /// Root only.
    Root,
}

/// What `doctor --fix` can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deed {
    /// Give the user ranges of ids that nobody has.
    AllotIds {
        /// The user.
        name: String,
        /// Its number.
        uid: u32,
    },
    /// Have systemd delegate all controllers to users.
    Delegate,
    /// Let the user's services run without a session.
    EnableLinger {
        /// The user.
        uid: u32,
    },
    /// Take away what is left over in the runtime directory.
    Tidy,
}

/// How something is mended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mend {
    /// The command.
    pub command: String,
    /// By whom.
    pub by: Actor,
    /// What we can do ourselves.
    pub deed: Option<Deed>,
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How it stands.
    pub level: Level,
    /// In words.
    pub says: String,
    /// How it is mended, where it can be.
    pub mend: Option<Mend>,
}

fn good(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, level: Level::Good, says: says.into(), mend: None }
}

fn limited(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, level: Level::Limited, says: says.into(), mend: None }
}

fn broken(check: Check, says: impl Into<String>) -> Finding {
    Finding { check, level: Level::Broken, says: says.into(), mend: None }
}

impl Finding {
    fn by_root(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(Mend { command: command.into(), by: Actor::Root, deed: None });
        self
    }

    fn by_user(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(Mend { command: command.into(), by: Actor::User, deed: None });
        self
    }

    fn with(mut self, deed: Deed) -> Self {
        if let Some(mend) = &mut self.mend {
            mend.deed = Some(deed);
        }
        self
    }
}

/// Judges.
#[must_use]
pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = Vec::new();
    if facts.subject.uid != 0 {
        all.push(subordinate_ids(facts));
        all.extend(id_overlaps(facts));
        all.push(id_helpers(&facts.id_helpers));
        all.extend(user_namespaces(facts));
    }
    all.push(cgroups(facts));
    all.push(manager(facts));
    if facts.subject.uid != 0 {
        all.push(linger(facts));
        all.push(network(facts));
        all.push(ports(facts));
        all.push(ping(facts));
    } else {
        all.push(networks_of_root(facts));
    }
    if let Some(own) = &facts.own {
        all.push(overlay(own));
        all.push(runtime_state(own));
    }
    all.push(generator(facts));
    all
}

/// The command that has us do it for the subject.
fn fix_for(facts: &Facts) -> String {
    match &facts.subject.name {
        Some(name) => format!("pontoon doctor --fix --user {name}"),
        None => format!("pontoon doctor --fix --user {}", facts.subject.uid),
    }
}

fn subordinate_ids(facts: &Facts) -> Finding {
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

fn id_overlaps(facts: &Facts) -> Option<Finding> {
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

fn id_helpers(helpers: &[IdHelper; 2]) -> Finding {
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

fn user_namespaces(facts: &Facts) -> Option<Finding> {
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

fn cgroups(facts: &Facts) -> Finding {
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

fn manager(facts: &Facts) -> Finding {
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

fn linger(facts: &Facts) -> Finding {
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

fn network(facts: &Facts) -> Finding {
    let check = Check::Network;
    let network = &facts.network;
    let has_tun = network.tun;
    let named = match network.nft {
        Some(_) => "",
        None => "; networks with names need nftables",
    };
    match (&network.pasta, &network.slirp4netns) {
        _ if !has_tun => {
            broken(check, "/dev/net/tun cannot be opened: containers have no network of their own")
                .by_root("modprobe tun && chmod 666 /dev/net/tun")
        }
        (None, None) => {
            broken(check, "neither pasta nor slirp4netns is installed: containers have no network")
                .by_root("apt-get install passt")
        }
        (None, Some(_)) => limited(check, format!("slirp4netns stands in for pasta, and is slower{named}"))
            .by_root("apt-get install passt"),
        (Some(path), _) if named.is_empty() => good(check, path.display().to_string()),
        (Some(path), _) => {
            limited(check, format!("{}{named}", path.display())).by_root("apt-get install nftables")
        }
    }
}

fn networks_of_root(facts: &Facts) -> Finding {
    let check = Check::Network;
    match (&facts.network.nft, &facts.network.no_tables) {
        (Some(_), Some(why)) => broken(
            check,
            format!("the kernel takes no tables of nftables (CONFIG_NF_TABLES_INET), so no port can be published: {why}"),
        )
        .by_root("modprobe nf_tables"),
        (Some(path), None) => good(check, path.display().to_string()),
        (None, _) => broken(check, "nft is not installed: containers have no network of their own")
            .by_root("apt-get install nftables"),
    }
}

fn ports(facts: &Facts) -> Finding {
    let check = Check::Ports;
    match facts.sysctls.unprivileged_port_start {
        Some(start) if start > 80 => limited(check, format!("ports below {start} are root's to publish"))
            .by_root(
                "echo net.ipv4.ip_unprivileged_port_start=80 >/etc/sysctl.d/91-pontoon-ports.conf && \
             sysctl -p /etc/sysctl.d/91-pontoon-ports.conf",
            ),
        Some(start) => good(check, format!("from {start} on they can be published")),
        None => good(check, "the kernel keeps none for root"),
    }
}

fn ping(facts: &Facts) -> Finding {
    let check = Check::Ping;
    match facts.sysctls.ping_group_range {
        Some((low, high)) if low > high => {
            limited(check, "net.ipv4.ping_group_range is empty: nothing outside answers a container's ping")
                .by_root(
                    "echo 'net.ipv4.ping_group_range=0 2147483647' >/etc/sysctl.d/92-pontoon-ping.conf && \
                 sysctl -p /etc/sysctl.d/92-pontoon-ping.conf",
                )
        }
        _ => good(check, "containers can ping"),
    }
}

fn overlay(own: &Own) -> Finding {
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

fn runtime_state(own: &Own) -> Finding {
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

fn generator(facts: &Facts) -> Finding {
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
