//! Options with values that they do not take: the message names the value, and the exit code is Podman's. Those of `run` and
//! `create` are in the table of options.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::B;
use pontoon_tests::shared::host_with_podman;

/// A line with a wrong value in it, and that value.
type Wrong = (&'static str, &'static str);

/// What both refuse, with 125.
const BOTH: &[Wrong] = &[
    ("--events-backend bogus ps", "bogus"),
    ("ps --all=maybe", "maybe"),
    ("ps --sort bogus", "bogus"),
    ("ps --last many", "many"),
    ("ps --watch soon", "soon"),
    ("ps --filter bogus=1", "bogus"),
    ("ps --all --filter status=bogus", "bogus"),
    ("ps --all --filter exited=bogus", "bogus"),
    ("ps --filter until=bogus", "bogus"),
    ("ps --filter restart-policy=bogus", "bogus"),
    ("ps --filter before=bogus", "bogus"),
    ("ps --filter since=bogus", "bogus"),
    ("ps --filter should-start-on-boot=bogus", "bogus"),
    ("ps --format '{{.Bogus}}'", "Bogus"),
    ("ps --format '{{'", "{{"),
    ("images --sort bogus", "bogus"),
    ("images --filter bogus=1", "bogus"),
    ("images --filter bogus", "bogus"),
    ("images --filter before=bogus", "bogus"),
    ("images --filter dangling=bogus", "bogus"),
    ("images --filter until=bogus", "bogus"),
    ("images --format '{{.Bogus}}'", "Bogus"),
    ("image prune --force --filter bogus=1", "bogus"),
    ("image inspect --format '{{.Bogus}}' IMAGE", "Bogus"),
    ("container prune --force --filter bogus=1", "bogus"),
    ("volume prune --force --filter bogus=1", "bogus"),
    ("volume ls --filter bogus=1", "bogus"),
    ("volume ls --filter dangling=bogus", "bogus"),
    ("volume ls --format '{{.Bogus}}'", "Bogus"),
    ("volume inspect --format '{{.Bogus}}' kept", "Bogus"),
    ("volume create --driver bogus new", "bogus"),
    ("volume create --label =bogus new", "=bogus"),
    ("secret create --driver bogus new /etc/hostname", "bogus"),
    ("secret ls --format '{{.Bogus}}'", "Bogus"),
    ("logs --tail many web", "many"),
    ("logs --since bogus web", "bogus"),
    ("logs --until bogus web", "bogus"),
    ("stop --time soon web", "soon"),
    ("restart --time soon web", "soon"),
    ("rm --time soon web", "soon"),
    ("kill --signal BOGUS web", "BOGUS"),
    ("wait --interval bogus web", "bogus"),
    ("wait --condition bogus web", "bogus"),
    ("stats --no-stream --interval soon web", "soon"),
    ("stats --no-stream --format '{{.Bogus}}' web", "Bogus"),
    ("port web bogus", "bogus"),
    ("events --stream=false --since bogus", "bogus"),
    ("events --stream=false --filter bogus=1", "bogus"),
    ("events --stream=maybe", "maybe"),
    ("exec --env-file /bogus web true", "/bogus"),
    ("exec --preserve-fds many web true", "many"),
    ("attach --detach-keys ctrl-bogus web", "ctrl-bogus"),
    ("start --detach-keys ctrl-bogus --attach web", "ctrl-bogus"),
    ("start --filter bogus=1", "bogus"),
    ("stop --filter bogus=1", "bogus"),
    ("restart --filter bogus=1", "bogus"),
    ("rm --filter bogus=1", "bogus"),
    ("pause --filter bogus=1", "bogus"),
    ("unpause --filter bogus=1", "bogus"),
    ("inspect --type bogus web", "bogus"),
    ("inspect --format '{{.Bogus}}' web", "Bogus"),
    ("container inspect --format '{{.Bogus}}' web", "Bogus"),
    ("diff --format bogus web", "bogus"),
    ("commit --format bogus web", "bogus"),
    ("commit --change BOGUS web", "BOGUS"),
    ("cp /bogus web:/", "/bogus"),
    ("load --input /bogus", "/bogus"),
    ("import /bogus", "/bogus"),
    ("pull --tls-verify=maybe IMAGE", "maybe"),
    ("pull --retry many IMAGE", "many"),
    ("pull --authfile /bogus IMAGE", "/bogus"),
    ("pull --creds bogus: --cert-dir /bogus/no IMAGE", "/bogus/no"),
    ("history --human=maybe IMAGE", "maybe"),
    ("history --format '{{.Bogus}}' IMAGE", "Bogus"),
    ("update --memory much web", "much"),
    ("update --cpus many web", "many"),
    ("update --pids-limit many web", "many"),
    ("update --restart bogus web", "bogus"),
    ("version --format '{{.Bogus}}'", "Bogus"),
    ("info --format '{{.Bogus}}'", "Bogus"),
    ("system df --format '{{.Bogus}}'", "Bogus"),
    ("system check --max soon", "soon"),
    ("system prune --force --filter bogus=1", "bogus"),
];

/// What ours does not have: refused by name, with what to do instead, and listed in `REFUSED.md`.
const NOT_OURS: &[(&str, &str)] = &[
    ("diff web web", "`diff` of two containers or images is not supported"),
    ("pull --all-tags IMAGE", "`--all-tags` is not supported"),
    ("pull -a IMAGE", "`-a` is not supported"),
    ("container exists --external web", "`--external` is not supported"),
    ("container cleanup --exec 1 web", "`--exec` is not supported"),
    ("update --cpu-rt-period 1 web", "`--cpu-rt-period` is not supported"),
    ("update --cpu-rt-runtime 1 web", "`--cpu-rt-runtime` is not supported"),
    ("update --memory-swappiness 1 web", "`--memory-swappiness` is not supported"),
    ("commit --format docker web", "`--format=docker` is not supported"),
    ("secret create --driver pass new /etc/hostname", "`--driver pass` is not supported"),
    ("secret create --driver-opts a=b new /etc/hostname", "`--driver-opts a=b` is not supported"),
];

/// What only ours refuses so, and what Podman does.
const OURS: &[(&str, &str, &str)] = &[
    ("ps --filter health=bogus", "bogus", "Podman finds nothing"),
    ("--log-level bogus ps", "bogus", "Podman gives 1"),
    ("exec --detach-keys ctrl-bogus web true", "ctrl-bogus", "Podman gives 255"),
    ("pull --platform bogus/bogus/v1/v2/v3 IMAGE", "bogus/bogus/v1/v2/v3", "Podman pulls what there is"),
];

/// What there is nobody to invoke as, which the image alone tells, and Podman's exit code.
const NOBODY: &[(&str, i32)] = &[
    ("run --rm --user bogus IMAGE true", 126),
    ("run --rm --user 0:bogus IMAGE true", 126),
    ("exec --user bogus web true", 255),
];

#[test]
fn wrong_values_are_refused_by_name() {
    let host = host_with_podman();
    for engine in ["pontoon", "podman"] {
        host.alice(&format!(
            "{engine} run -d --name web --stop-timeout 0 {B} sleep 10000; {engine} volume create kept; printf x | {engine} secret create key -"
        ))
        .ok();
    }
    let run = |engine: &str, words: &str| {
        host.alice(&format!("timeout 20 {engine} {} </dev/null", words.replace("IMAGE", B))).no_panic()
    };
    let mut faults = Vec::new();
    let ours_only = OURS.iter().map(|(words, value, _)| (words, value, false));
    for (words, value, both) in BOTH.iter().map(|(words, value)| (words, value, true)).chain(ours_only) {
        let (ours, theirs) = (run("pontoon", words), run("podman", words));
        if ours.code != 125 || (theirs.code == 125) != both {
            faults.push(format!("{ours:?}: Podman's gives {}: {}", theirs.code, theirs.stderr));
        } else if !ours.stderr.contains(*value) {
            faults.push(format!("the value is not named: {ours:?}"));
        }
    }
    for (words, message) in NOT_OURS {
        let ours = run("pontoon", words);
        if ours.code != 125 || !ours.stderr.contains(message) || !ours.stderr.contains("hint: ") {
            faults.push(format!("not refused by name: {ours:?}"));
        }
    }
    for (words, code) in NOBODY {
        let (ours, theirs) = (run("pontoon", words), run("podman", words));
        if (ours.code, theirs.code) != (126, *code) || !ours.stderr.contains("bogus") {
            faults.push(format!("{ours:?}: Podman's gives {}: {}", theirs.code, theirs.stderr));
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}

/// Options of some commands, what stands behind them, and whether both take them empty: else both refuse.
const EMPTY: &[(&str, &[&str], &str, bool)] = &[
    (
        "run --rm",
        &[
            "--authfile",
            "--blkio-weight",
            "--cgroup-conf",
            "--cgroup-parent",
            "--cgroups",
            "--cidfile",
            "--conmon-pidfile",
            "--cpuset-cpus",
            "--env",
            "--group-entry",
            "--health-cmd",
            "--health-interval",
            "--hosts-file",
            "--init-path",
            "--memory",
            "--memory-swap",
            "--passwd-entry",
            "--personality",
            "--pidfile",
            "--pod",
            "--pod-id-file",
            "--sdnotify",
            "--shm-size",
            "--stop-signal",
            "--subuidname",
            "--umask",
            "--user",
            "--workdir",
        ],
        "IMAGE true",
        true,
    ),
    ("exec", &["--user", "--workdir", "--detach-keys"], "web true", true),
    ("update", &["--cpuset-cpus", "--health-cmd", "--memory", "--restart"], "web", true),
    ("pod create", &["--cgroup-parent", "--cpuset-cpus", "--name", "--pod-id-file", "--shm-size"], "", true),
    ("volume create", &["--driver", ""], "", true),
    ("network create", &["--dns", "--driver", "--gateway"], "", true),
    ("pull --tls-verify=false", &["--arch", "--authfile", "--creds", "--platform"], "IMAGE", true),
    (
        "run --rm",
        &[
            "--attach",
            "--cpus",
            "--env-file",
            "--env-merge",
            "--health-log-destination",
            "--label",
            "--volume",
        ],
        "IMAGE true",
        false,
    ),
    ("run --rm --health-cmd true", &["--health-interval", "--health-timeout"], "IMAGE true", false),
    ("run --rm --replace", &["--name"], "IMAGE true", false),
    ("exec", &["--env"], "blank true", false),
    ("kill", &["--signal"], "blank", false),
];

#[test]
fn what_is_given_empty_is_not_said_or_wrong() {
    let host = host_with_podman();
    for engine in ["pontoon", "podman"] {
        host.alice(&format!("{engine} run -d --name blank --stop-timeout 0 {B} sleep 10000")).ok();
    }
    let mut faults = Vec::new();
    for (command, options, rest, taken) in EMPTY {
        for option in *options {
            let words = format!("{command} {option} '' {rest}").replace("IMAGE", B);
            let run =
                |engine: &str| host.alice(&format!("timeout 20 {engine} {words} </dev/null")).no_panic();
            let (ours, theirs) = (run("pontoon"), run("podman"));
            if (ours.code == 0, theirs.code == 0) != (*taken, *taken) {
                faults.push(format!("{ours:?}: Podman's gives {}: {}", theirs.code, theirs.stderr));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults\n{}", faults.len(), faults.join("\n"));
}
