//! Words of Podman's that we know and do not have: they are refused by name, never ignored.

use super::flags::{go_bool, switch};

/// Commands of Podman's that we do not have, each with the reason or the other way.
const COMMANDS: &[Refused] = &[
    ("build", LATER_BUILD),
    ("buildx", LATER_BUILD),
    (
        "compose",
        Some("compose programs speak to a service; unit files say the same (`pontoon quadlet explain`)"),
    ),
    ("farm", Some("it hands builds to services on other machines")),
    (
        "login",
        Some("`podman login`, `skopeo login` and `docker login` write the credentials that pontoon reads"),
    ),
    ("logout", Some("take the entry out of auth.json")),
    ("machine", Some("pontoon runs where Linux does, without a virtual machine")),
    ("manifest", Some("making images for several platforms comes with `build`")),
    ("push", Some("pushing comes with `build`; `podman save` and skopeo push meanwhile")),
    ("save", Some("`pontoon export` writes a container's files")),
    ("search", Some("`skopeo list-tags` and the registry's own page search")),
];

/// Commands of groups that we have.
const GROUPED: &[Refused] = &[
    (
        "artifact push",
        Some(
            "pushing comes with `build`; `oras push` and `skopeo copy oci:ROOT/artifacts:NAME docker://NAME` meanwhile",
        ),
    ),
    ("container checkpoint", LATER_CHECKPOINT),
    ("container restore", LATER_CHECKPOINT),
    ("container runlabel", Some("`pontoon image inspect` shows the label; run its command yourself")),
    ("generate spec", Some("`pontoon run --dry-run` prints the plan of a container")),
    ("image build", LATER_BUILD),
    ("image push", Some("pushing comes with `build`")),
    ("image save", Some("`pontoon export` writes a container's files")),
    ("image scp", NO_REMOTE),
    ("image search", Some("`skopeo list-tags` and the registry's own page search")),
    ("image sign", Some("signing comes with `push`")),
    ("image trust", Some("edit /etc/containers/policy.json, which is honoured")),
    ("system connection", NO_REMOTE),
    ("system service", NO_SERVICE),
];

/// A known option that is refused, and what to do instead.
type Refused = (&'static str, Option<&'static str>);

const OWN_INFRA: Option<&str> =
    Some("the infra container runs nothing but a small program of pontoon's own, without an image");
const EACH_TAG: Option<&str> =
    Some("`skopeo list-tags` lists them; `pontoon pull` takes several names at once");
const OWN_RUNTIME: Option<&str> = Some("pontoon is its own runtime and monitor");
const NO_REMOTE: Option<&str> = Some("pontoon has no service to connect to");
const NO_SERVICE: Option<&str> =
    Some("there is no daemon and no API: each container has its own supervisor, and systemd has the rest");
const ENCRYPTED: Option<&str> =
    Some("encrypted images are not read; `skopeo copy --decryption-key` makes plain ones");
const POLICY: Option<&str> = Some("policy.json is read where Podman reads it (containers-policy.json(5))");
const DEVELOPERS: Option<&str> =
    Some("for those who measure Podman; `perf record -g pontoon …` measures ours");
const LATER_BUILD: Option<&str> =
    Some("building comes later; meanwhile build with buildah or Podman and `pontoon load` the archive");
const LATER_CHECKPOINT: Option<&str> = Some("checkpoints come later");
const ELSEWHERE: &str =
    "volumes lie below --root; `volume create --opt type=bind --opt device=DIR` puts one elsewhere";
const VERSION_1: Option<&str> = Some("control groups of version 2 have no such limit");

/// Global options.
const GLOBAL: &[Refused] = &[
    ("--conmon", OWN_RUNTIME),
    ("--connection", NO_REMOTE),
    ("-c", NO_REMOTE),
    (
        "--cgroup-manager",
        Some("systemd makes the cgroups where it runs; without it they are made below our own"),
    ),
    ("--cpu-profile", DEVELOPERS),
    ("--identity", NO_REMOTE),
    ("--imagestore", Some("images lie in the one store, below --root, with what is made of them")),
    ("--max-workers", Some("layers are fetched side by side as it is; all else is done one after the other")),
    ("--memory-profile", DEVELOPERS),
    ("--namespace", Some("Podman keeps it for old scripts, and names of containers are in one space")),
    ("--network-cmd-path", Some("pasta and slirp4netns are taken from where their packages put them")),
    ("--remote", NO_REMOTE),
    ("-r", NO_REMOTE),
    ("--runtime", OWN_RUNTIME),
    ("--runtime-flag", OWN_RUNTIME),
    ("--ssh", NO_REMOTE),
    (
        "--storage-opt",
        Some(
            "`mount_program` in storage.conf chooses fuse-overlayfs; there are no other options of the driver",
        ),
    ),
    ("--syslog", Some("messages go to standard error, which the journal takes from services")),
    (
        "--tmpdir",
        Some("--runroot is the directory of what lives until the next boot, TMPDIR that of temporary files"),
    ),
    ("--trace", DEVELOPERS),
    ("--transient-store", Some("a --root below $XDG_RUNTIME_DIR is a store that goes with the boot")),
    ("--url", NO_REMOTE),
    ("--volumepath", Some(ELSEWHERE)),
];

/// Options of `run` and `create`.
const CONTAINER: &[Refused] = &[
    ("--cpu-rt-period", VERSION_1),
    ("--cpu-rt-runtime", VERSION_1),
    ("--decryption-key", ENCRYPTED),
    ("--intel-rdt-closid", Some("only as root with resctrl")),
    ("--kernel-memory", VERSION_1),
    ("--link-local-ip", Some("Docker's; Podman does nothing with it")),
    ("--memory-swappiness", VERSION_1),
    ("--oom-kill-disable", VERSION_1),
    ("--rdt-class", Some("only as root with resctrl")),
    ("--storage-opt", Some("limits of the root file system need quotas of the file system")),
    ("--volume-driver", Some("there is one driver, `local`")),
];

/// Options of whatever reads images.
const EVERYWHERE: &[Refused] = &[("--signature-policy", POLICY)];

/// Options of the other commands.
const OTHERS: &[(&str, &[Refused])] = &[
    ("artifact pull", &[("--decryption-key", ENCRYPTED)]),
    ("container cleanup", &[("--exec", Some("a session of `exec` leaves nothing to clean up"))]),
    (
        "container clone",
        &[
            ("--cpu-rt-period", VERSION_1),
            ("--cpu-rt-runtime", VERSION_1),
            ("--memory-swappiness", VERSION_1),
        ],
    ),
    (
        "container exists",
        &[("--external", Some("the store is pontoon's alone: nobody else has containers in it"))],
    ),
    ("kube play", &[("--build", LATER_BUILD), ("--context-dir", LATER_BUILD), ("--infra-image", OWN_INFRA)]),
    ("pod clone", &[("--infra-command", OWN_INFRA), ("--infra-image", OWN_INFRA)]),
    ("pod create", &[("--infra-command", OWN_INFRA), ("--infra-image", OWN_INFRA)]),
    ("pull", &[("--all-tags", EACH_TAG), ("-a", EACH_TAG), ("--decryption-key", ENCRYPTED)]),
    ("image prune", &[("--build-cache", Some("there is no build cache before there is `build`"))]),
    ("system migrate", &[("--new-runtime", OWN_RUNTIME)]),
    ("system prune", &[("--build", Some("there are no build containers before there is `build`"))]),
    (
        "update",
        &[
            ("--cpu-rt-period", VERSION_1),
            ("--cpu-rt-runtime", VERSION_1),
            ("--memory-swappiness", VERSION_1),
        ],
    ),
];

/// The values with which some of these options ask for nothing; no values are a switch's, which asks for nothing when it is off.
/// So they are taken: programs that hand every option through write `--oom-kill-disable=false`.
const IDLE: &[(&str, &[&str])] = &[
    ("--all-tags", &[]),
    ("--build", &[]),
    ("--build-cache", &[]),
    ("--cpu-rt-period", &["0"]),
    ("--cpu-rt-runtime", &["0"]),
    ("--external", &[]),
    ("--kernel-memory", &["0", ""]),
    ("--memory-swappiness", &["-1"]),
    ("--oom-kill-disable", &[]),
    ("--remote", &[]),
    ("-r", &[]),
    ("--syslog", &[]),
    ("--trace", &[]),
    ("--transient-store", &[]),
];

/// A second object of `diff`.
pub const DIFF_OF_TWO: &str = "`diff` of two containers or images";
/// Options that `secret create` hands to its driver.
pub const SECRET_OPTIONS: &str = "`secret create --driver-opts`";
/// Any driver of secrets but ours.
pub const SECRET_DRIVER: &str = "`secret create --driver` other than `file` and `systemd-credential`";
/// Drivers of secrets, and their options, that a file of the configuration names.
pub const SECRET_CONF: &str = "`secret create` and `.secret` files where containers.conf has another `driver` of secrets, or `opts` of one";
/// Any driver of volumes but ours.
pub const VOLUME_DRIVER: &str = "`volume create --driver` other than `local`";
/// A directory of volumes that a file of the configuration names.
pub const VOLUME_PATH: &str = "`volume create` where containers.conf has `volume_path`";
/// Any format of images but ours.
pub const IMAGE_FORMAT: &str = "`commit --format` other than `oci`";
/// An archive from somewhere else.
pub const IMPORT_URL: &str = "`import` from a URL";

/// Docker's options of a log.
pub const LOG_OPTIONS: &str = "`--log-opt max-file`, `labels` and `env`";
/// A driver of a mounted volume.
pub const MOUNT_DRIVER: &str = "`--mount` with `volume-driver` other than `local`";
/// A label of a mounted volume.
pub const MOUNT_LABEL: &str = "`--mount` with `volume-label`";
/// What else hides or uncovers paths.
pub const UNMASKED: &str = "`--security-opt nested`, and `systempaths` other than `unconfined`";
/// Where a seccomp profile might come from.
pub const SECCOMP_POLICY: &str = "`--seccomp-policy` other than `default`";

/// Values and words that are refused where the option or the command is there, and what to do instead.
const VALUES: &[(&str, &str)] = &[
    (DIFF_OF_TWO, "`pontoon unshare` and in it `diff -rq $(pontoon mount A) $(pontoon mount B)`"),
    (IMAGE_FORMAT, "images are kept in the format of the OCI; other engines read it"),
    (IMPORT_URL, "`curl -fL URL | pontoon import - NAME`"),
    (LOG_OPTIONS, "Docker's; one older file is kept (max-size), and the journal takes label"),
    (MOUNT_DRIVER, "there is one driver, `local`"),
    (MOUNT_LABEL, "make the volume first: pontoon volume create --label"),
    (SECCOMP_POLICY, "images bring no profiles; `--security-opt seccomp=FILE` takes one"),
    (
        SECRET_CONF,
        "`--driver file` keeps the data below --root, unencrypted; `pass show NAME | pontoon secret create --driver file NAME -` takes another program's; for the service of a `.secret` file, `Environment=CONTAINERS_CONF_OVERRIDE=FILE` in [Service] with another `driver` in that file",
    ),
    (
        SECRET_DRIVER,
        "the drivers are file and systemd-credential; `pass show NAME | pontoon secret create NAME -` takes another program's",
    ),
    (SECRET_OPTIONS, "secrets lie below --root; the drivers have no options"),
    (UNMASKED, "unmask=PATH:… or unmask=ALL uncovers what is hidden"),
    (VOLUME_PATH, ELSEWHERE),
    (VOLUME_DRIVER, "there is one driver, `local`; its options mount what the kernel can mount"),
];

/// What to do in place of one of [the values](VALUES) that are refused.
pub fn instead_of(value: &str) -> String {
    let found = VALUES.iter().find(|(name, _)| *name == value);
    found.map(|(_, instead)| (*instead).to_owned()).unwrap_or_default()
}

/// Those of them that another word must follow.
const GROUPS: &[&str] = &["farm", "machine", "manifest"];

/// The page `REFUSED.md`: every word of Podman's that is refused, and why or what to do instead.
#[cfg(test)]
pub(super) fn page() -> String {
    let mut text = String::from(
        "# What is refused\n\nPodman's commands and options that Pontoon does not have. They are refused by name, with exit code \
         125, and never ignored; an option whose value asks for nothing (`--oom-kill-disable=false`) is taken.\n\
         Made from the table that refuses them (`BLESS=1 cargo test -p pontoon-cli refused`).\n",
    );
    let why = |instead: &Option<&str>| instead.unwrap_or("not there yet").to_owned();
    let mut options = |title: &str, rows: &[Refused]| {
        text.push_str(&format!("\n## {title}\n\n| option | why, or what to do instead |\n|---|---|\n"));
        let mut rows: Vec<&Refused> = rows.iter().collect();
        rows.sort_unstable_by_key(|(name, _)| name.trim_start_matches('-'));
        for (name, instead) in rows {
            text.push_str(&format!("| `{name}` | {} |\n", why(instead)));
        }
    };
    options("Options of `run` and `create`", CONTAINER);
    options("Options before the command", GLOBAL);
    options("Options of all commands", EVERYWHERE);
    for (command, rows) in OTHERS {
        options(&format!("Options of `{command}`"), rows);
    }
    text.push_str("\n## Values and words\n\n| what | why, or what to do instead |\n|---|---|\n");
    for (what, instead) in VALUES {
        text.push_str(&format!("| {what} | {instead} |\n"));
    }
    text.push_str("\n## Commands\n\n| command | why, or what to do instead |\n|---|---|\n");
    let mut commands: Vec<&Refused> = COMMANDS.iter().chain(GROUPED).collect();
    commands.sort_unstable();
    for (name, instead) in commands {
        text.push_str(&format!("| `{name}` | {} |\n", why(instead)));
    }
    text
}

/// Tells whether a word is one of Podman's that begin commands of two words, none of which we have.
pub(super) fn group(word: &str) -> bool {
    GROUPS.contains(&word)
}

/// Tells whether a command is one of Podman's that we do not have, and if so what to do instead.
#[expect(clippy::option_option, reason = "outer: whether it is known; inner: whether there is another way")]
pub(super) fn command(path: &str) -> Option<Option<&'static str>> {
    let first = path.split(' ').next().unwrap_or(path);
    let exact = GROUPED.iter().find(|(name, _)| *name == path);
    exact.or_else(|| COMMANDS.iter().find(|(name, _)| *name == first)).map(|(_, instead)| *instead)
}

/// Tells whether an option is one of Podman's that we do not have, and if so what to do instead.
#[expect(clippy::option_option, reason = "outer: whether it is known; inner: whether there is another way")]
pub(super) fn option(path: &str, option: &str) -> Option<Option<&'static str>> {
    options(path).find(|(name, _)| *name == option).map(|(_, instead)| *instead)
}

/// The refused options of a command, which an empty path is the words before.
fn options(path: &str) -> impl Iterator<Item = &'static Refused> + use<'_> {
    let own: &[Refused] = match path {
        "" => GLOBAL,
        "run" | "create" => CONTAINER,
        other => OTHERS.iter().find(|(name, _)| *name == other).map_or(&[], |(_, options)| options),
    };
    // Long global options may stand after the command, too.
    let global = GLOBAL.iter().filter(|(name, _)| name.starts_with("--"));
    let everywhere = EVERYWHERE.iter().filter(move |_| !path.is_empty());
    own.iter().chain(everywhere).chain(global)
}

/// Lets a parser take the refused options of a command, with the values with which they [ask for nothing](IDLE).
pub(super) fn with_idle(parser: clap::Command, path: &str) -> clap::Command {
    let idle = |(name, _): &Refused| IDLE.iter().find(|(idle, _)| idle == name);
    options(path).filter_map(idle).fold(parser, |parser, (name, values)| {
        let bare = name.trim_start_matches('-');
        let is_taken =
            parser.get_arguments().any(|it| it.get_long() == Some(bare) || bare.chars().eq(it.get_short()));
        if is_taken {
            return parser;
        }
        let arg = clap::Arg::new(*name).hide(true);
        let arg = match bare.chars().next() {
            Some(letter) if bare.len() == 1 => arg.short(letter),
            _ => arg.long(bare),
        };
        parser.arg(if values.is_empty() { idle_switch(arg) } else { idle_value(arg, values) })
    })
}

/// A switch that can only be off.
fn idle_switch(arg: clap::Arg) -> clap::Arg {
    let parser = |text: &str| match go_bool(text) {
        Ok(false) => Ok(false),
        _ => Err("it is not supported"),
    };
    switch(arg).value_parser(parser)
}

/// An option that takes no other values than these.
fn idle_value(arg: clap::Arg, values: &'static [&'static str]) -> clap::Arg {
    let parser = move |text: &str| match values.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err("it is not supported"),
    };
    arg.action(clap::ArgAction::Set).allow_hyphen_values(true).value_parser(parser)
}
