//! Processes: what they can see of us, and what of ours they inherit.

use pontoon_tests::forge::Liar;
use pontoon_tests::tar::Tar;
use pontoon_tests::{B, Output};
use serde_json::json;

use crate::canary::Canary;

/// 1: CVE-2019-5736.
#[test]
fn the_engine_s_program_cannot_be_overwritten_from_inside() {
    let canary = Canary::new("exe");
    let host = canary.host;
    // The programs belong to alice, as they would below her home.
    host.root("chown alice /usr/bin/pontoon /usr/libexec/pontoon/*").ok();
    let sums = "sha256sum /usr/bin/pontoon /usr/libexec/pontoon/* /usr/bin/busybox";
    let before = host.root(sums).ok().stdout;
    let reference = canary.image(
        "selfexe",
        &[Tar::new()
            .file("bin/evil", 0o755, b"#!/proc/self/exe\n")
            .symlink("bin/link", "/proc/self/exe")
            .done()],
        "",
    );
    for command in ["/bin/evil", "/bin/link"] {
        let _ = canary.pontoon(&format!("run --rm {reference} {command}"));
    }
    canary.pontoon(&format!("run -d --replace --name exe --stop-timeout 0 -v /srv/payload:/payload:ro {reference} /payload grab-exe 6")).ok();
    for _ in 0..40 {
        for command in ["/bin/evil", "/bin/link", "/bin/id"] {
            let _ = canary.pontoon(&format!("exec exe {command}"));
        }
    }
    canary.pontoon("wait exe").ok();
    let log = canary.pontoon("logs exe").ok();
    // It may well have overwritten the image's own programs, which are its own.
    assert!(log.text().ends_with("done"), "{log:?}");
    assert_eq!(host.root(sums).ok().stdout, before);
    canary.pontoon("rm -f exe").ok();
    canary.unharmed();
}

/// 3: descriptors of ours in the payload.
#[test]
fn no_descriptor_of_ours_reaches_a_payload() {
    let canary = Canary::new("fds");
    let list = "sh -c 'ls -l /proc/self/fd | busybox awk \"{print \\$9, \\$11}\" | busybox grep -v \"^[012] \" | busybox grep -v \"^ *$\"'";
    let check = |output: Output| {
        // ls itself holds the directory open.
        let lines: Vec<&str> =
            output.stdout.lines().filter(|line| !line.contains("/proc/") && *line != "3").collect();
        let stray: Vec<&&str> =
            lines.iter().filter(|line| !line.trim().is_empty() && line.trim() != "3").collect();
        assert!(stray.is_empty(), "{output:?}");
    };
    check(canary.pontoon(&format!("run --rm $B {list}")));
    check(canary.pontoon(&format!("run --rm --init $B {list}")));
    check(canary.pontoon(&format!("run --rm -p 8401:80 $B {list}")));
    canary.pontoon(&format!("run -d --replace --name fds $B {list}")).ok();
    canary.pontoon("wait fds").ok();
    check(canary.pontoon("logs fds"));
    canary.pontoon("rm fds").ok();
    canary.pontoon("run -d --replace --name fds --stop-timeout 0 $B sleep 1000").ok();
    check(canary.pontoon(&format!("exec fds {list}")));
    canary.pontoon("rm -f -t 0 fds").ok();
    canary.unharmed();
}

/// 4: CVE-2016-9962.
#[test]
fn a_joining_process_cannot_be_looked_through() {
    let canary = Canary::new("peek");
    canary.pontoon("run -d --replace --name peek --stop-timeout 0 --cap-add sys_ptrace -v /srv/payload:/payload:ro $B /payload peek 6").ok();
    for _ in 0..60 {
        canary.pontoon("exec peek true").code_is_one_of(&[0, 125, 126, 255]);
    }
    canary.pontoon("wait peek").ok();
    let log = canary.pontoon("logs peek").ok();
    assert!(log.text().starts_with("done"), "{log:?}");
    canary.pontoon("rm -f peek").ok();
    canary.unharmed();
}

trait Codes {
    fn code_is_one_of(self, codes: &[i32]);
}

impl Codes for Output {
    #[track_caller]
    fn code_is_one_of(self, codes: &[i32]) {
        assert!(codes.contains(&self.code), "{self:?}");
    }
}

/// 35: CVE-2026-57231, CVE-2020-14370, CVE-2021-3602.
#[test]
fn the_environment_of_the_host_never_gets_in() {
    let canary = Canary::new("env");
    let liar = Liar::start(canary.host);
    let layer = {
        let busybox = std::fs::read(canary.host.path("/usr/bin/busybox")).expect("it is installed");
        Tar::new().dir("bin", 0o755).file("bin/env", 0o755, &busybox).done()
    };
    let settings = json!({"Cmd": ["/bin/env"], "Env": ["NOVALUE", "HOSTSECRET", "*", "HOST*", "", "=x", "TWICE=1", "TWICE=2", "GOOD=yes", "NOTIFY_SOCKET=/x"]});
    let reference = liar.manifest("env", &liar.image("env", &layer, &settings));
    let output = canary
        .host
        .entry("alice")
        .env("HOSTSECRET", "topsecret")
        .sh(&format!("pontoon run --rm --hostname box {reference}"))
        .no_panic();
    assert!(!output.stdout.contains("topsecret") && !output.stdout.contains("DBUS"), "{output:?}");
    if output.code == 0 {
        let known = [
            "PATH",
            "HOME",
            "HOSTNAME",
            "container",
            "GOOD",
            "TWICE",
            "NOVALUE",
            "HOSTSECRET",
            "*",
            "HOST*",
            "NOTIFY_SOCKET",
        ];
        for line in output.stdout.lines() {
            let name = line.split('=').next().unwrap_or_default();
            assert!(known.contains(&name), "`{line}` came from somewhere: {output:?}");
        }
    }
    let nul = json!({"Cmd": ["/bin/env"], "Env": ["A=x\u{0}B=y"]});
    let reference = liar.manifest("nul", &liar.image("nul", &layer, &nul));
    let _ = canary.pontoon(&format!("run --rm {reference}"));
    // And neither into the environment of an exec.
    canary.pontoon("run -d --replace --name envbox --stop-timeout 0 $B sleep 1000").ok();
    let output = canary.host.entry("alice").env("HOSTSECRET", "topsecret").sh("pontoon exec envbox env").ok();
    assert!(!output.stdout.contains("topsecret") && !output.stdout.contains("XDG"), "{output:?}");
    canary.pontoon("rm -f -t 0 envbox").ok();
    canary.unharmed();
}

/// 45: CVE-2022-27649, CVE-2022-29162.
#[test]
fn no_capability_is_inheritable() {
    let canary = Canary::new("caps");
    let inherited = "grep -E ^Cap(Inh|Amb) /proc/self/status";
    let zero = "CapInh:\t0000000000000000\nCapAmb:\t0000000000000000";
    for options in ["", "--init", "-u 1000", "--privileged", "--cap-add all"] {
        canary
            .pontoon(&format!(
                "run --rm {options} $B sh -c '{}'",
                inherited.replace("^Cap(Inh|Amb)", "\"^Cap(Inh|Amb)\"")
            ))
            .ok()
            .prints(zero);
    }
    canary.pontoon("run -d --replace --name caps --stop-timeout 0 $B sleep 1000").ok();
    for options in ["", "-u 1000", "-u dave"] {
        canary
            .pontoon(&format!("exec {options} caps sh -c 'grep -E \"^Cap(Inh|Amb)\" /proc/self/status'"))
            .ok()
            .prints(zero);
    }
    canary.pontoon("rm -f -t 0 caps").ok();
    canary.unharmed();
}

/// 46: CVE-2022-2989.
#[test]
fn groups_of_the_caller_stay_outside() {
    let canary = Canary::new("groups");
    canary.host.root("groupadd -f secretgroup; usermod -aG secretgroup dave").ok();
    canary.host.sh_as("dave", "id -Gn").ok().says("secretgroup");
    let run = |options: &str| {
        canary
            .host
            .sh_as("dave", &format!("pontoon run --rm {options} {B} sh -c 'grep ^Groups: /proc/self/status'"))
    };
    run("").ok().prints("Groups:");
    run("-u dave").ok().prints("Groups:\t10 1500 2000");
    run("-u 33:33").ok().prints("Groups:\t33");
    canary.unharmed();
}

/// 4: a process that is set up in a pid namespace that is shared.
#[test]
fn nobody_looks_through_a_process_that_joins_his_pid_namespace() {
    let canary = Canary::new("watched");
    for options in ["", "--cap-add sys_ptrace"] {
        canary.pontoon(&format!("run -d --replace --name watched --network none {options} -v /srv/payload:/payload:ro $B /payload grab-fd 60 {}/file", canary.dir)).ok();
        for round in 0..30 {
            let network = if round % 3 == 0 { "pasta" } else { "none" };
            canary.pontoon(&format!("run --rm --network {network} --pid container:watched $B true")).ok();
        }
        canary.pontoon("exec watched touch /enough").ok();
        canary.pontoon("wait watched").ok();
        let log = canary.pontoon("logs watched").ok();
        assert_eq!(log.text(), "done", "{options}");
    }
    canary.pontoon("rm -f watched").ok();
    canary.unharmed();
}

/// 4: a process that is set up in a pid namespace that is shared has all capabilities until its payload runs.
#[test]
fn nobody_takes_over_a_process_that_joins_his_pid_namespace() {
    let canary = Canary::new("taken");
    canary
        .pontoon("run -d --replace --name taken --network none --cap-add sys_ptrace -v /srv/payload:/payload:ro $B /payload grab-memory 60")
        .ok();
    for round in 0..20 {
        let network = ["pasta", "none", "container:taken"][round % 3];
        canary.pontoon(&format!("run --rm --network {network} --pid container:taken $B true")).ok();
    }
    // Also not while it is set up and waits for the word to run.
    canary.pontoon("create --replace --name held --network pasta --pid container:taken $B true").ok();
    canary.pontoon("init held").ok();
    canary.pontoon("exec taken touch /enough").ok();
    canary.pontoon("wait taken").ok();
    assert_eq!(canary.pontoon("logs taken").ok().text(), "got 0");
    canary.pontoon("rm -f held taken").ok();
    canary.unharmed();
}

/// A container that stops whatever comes into its pid namespace holds nobody up but what is in there.
#[test]
fn nobody_waits_for_a_process_that_is_stopped_while_it_joins() {
    let canary = Canary::new("halted");
    canary
        .pontoon("run -d --replace --name halted --network none --stop-timeout 0 -v /srv/payload:/payload:ro $B /payload halt 1000")
        .ok();
    for network in ["none", "pasta"] {
        // What happens then is between the two containers.
        let output = canary.pontoon(&format!(
            "run -d --replace --name halts --network {network} --pid container:halted $B sleep 1000"
        ));
        assert!(output.code == 0 || output.stderr.contains("again and again"), "{output:?}");
        canary.pontoon("rm -f -t 0 halts").ok();
    }
    canary.pontoon("rm -f -t 0 halted").ok();
    canary.unharmed();
}

/// 6: a container that shares namespaces is started anew, and the one that it shares them with is another process by then.
#[test]
fn namespaces_that_are_shared_are_those_of_the_container_as_it_runs_now() {
    let canary = Canary::new("stale");
    canary.pontoon("run -d --replace --name stale-a --stop-timeout 0 --network none $B sleep 10000").ok();
    canary.pontoon("run -d --replace --name stale-b --stop-timeout 0 --restart always --network container:stale-a $B sleep 10000").ok();
    canary.pontoon("restart -t 0 stale-a").ok();
    // Its policy starts it again, in the namespace that the other one has now.
    canary.host.alice("kill -9 $(pontoon inspect --format '{{.State.Pid}}' stale-b)").ok();
    let namespace = |name: &str| format!("exec {name} readlink /proc/self/ns/net");
    canary
        .host
        .alice("for i in $(seq 100); do pontoon exec stale-b true 2>/dev/null && break; sleep 0.1; done")
        .ok();
    assert_eq!(
        canary.pontoon(&namespace("stale-b")).ok().text(),
        canary.pontoon(&namespace("stale-a")).ok().text()
    );
    // Without the other one it cannot be started, and says so.
    canary.pontoon("stop -t 0 stale-a").ok();
    canary.host.alice("kill -9 $(pontoon inspect --format '{{.State.Pid}}' stale-b)").ok();
    canary.host.alice("for i in $(seq 100); do [ $(pontoon inspect --format '{{.State.Status}}' stale-b) = exited ] && break; sleep 0.1; done").ok();
    let state = canary.pontoon("inspect --format '{{.State.Status}} {{.State.Error}}' stale-b").ok();
    assert!(state.text().starts_with("exited ") && state.text().contains("does not run"), "{state:?}");
    canary.pontoon("rm -f stale-b stale-a").ok();
    canary.unharmed();
}

/// Many words, large words: they arrive, or are refused in words.
#[test]
fn large_command_lines_arrive_or_are_refused() {
    let canary = Canary::new("large");
    canary.pontoon("run -d --replace --name large --stop-timeout 0 --network none $B sleep 10000").ok();
    for command in ["exec", "run"] {
        let place = if command == "run" { "--rm --network none %e $B" } else { "%e large" };
        let run = |environment: &str, words: &str| {
            let line = place.replace("%e", environment);
            canary.pontoon(&format!("{command} {line} {words} 2>&1 | tail -c 300; exit ${{PIPESTATUS[0]}}"))
        };
        let count = run("", "sh -c 'echo $#' _ $(seq 100000)");
        assert_eq!(count.ok().text(), "100000", "{command}");
        let big =
            "-e A=$(head -c 120000 /dev/zero | tr '\\0' a) -e B=$(head -c 120000 /dev/zero | tr '\\0' b)";
        assert_eq!(run(big, "sh -c 'echo ${#A} ${#B}'").ok().text(), "120000 120000", "{command}");
        canary.pontoon("exec large true").ok();
    }
    canary.pontoon("rm -f -t 0 large").ok();
    canary.unharmed();
}
