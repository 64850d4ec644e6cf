//! Hooks: programs that run beside a container's life, beside Podman.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::host_with_podman;
use pontoon_tests::{B, Output, TestHost, alone, wait};

const STAGES: [&str; 5] = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"];

/// Notes its stage, the state and what it sees, and ends with the exit code that is its second argument.
const HOOK: &str = r#"#!/bin/sh
state=$(cat)
echo "$1 $(echo "$state" | grep -o '"status":"[a-z]*"') $(echo "$state" | grep -o '"a":"b"') A=$A $(test -e /home/alice && echo host)" >>/home/alice/hooks/log
exit ${2:-0}
"#;

fn host() -> &'static TestHost {
    static MADE: std::sync::OnceLock<()> = std::sync::OnceLock::new();
    let host = host_with_podman();
    MADE.get_or_init(|| {
        host.write("alice", "/home/alice/hooks/hook", HOOK);
        host.alice("chmod +x hooks/hook").ok();
    });
    host
}

/// A directory with hooks: their names, stages, words after the program's, seconds, and conditions.
fn directory(name: &str, hooks: &[(&str, &str, &str, u32, &str)]) -> String {
    let directory = format!("/home/alice/hooks/{name}");
    host().alice(&format!("rm -rf {directory}; mkdir -p {directory}")).ok();
    for (file, stage, words, timeout, when) in hooks {
        let timeout = if *timeout > 0 { format!(",\"timeout\":{timeout}") } else { String::new() };
        let (path, args) = match words.strip_prefix('/') {
            Some(_) => ((*words).to_owned(), "[]".to_owned()),
            None => {
                let args: Vec<_> = ["hook", stage]
                    .into_iter()
                    .chain(words.split_whitespace())
                    .map(|it| format!("\"{it}\""))
                    .collect();
                ("/home/alice/hooks/hook".to_owned(), format!("[{}]", args.join(",")))
            }
        };
        let text = format!(
            r#"{{"version":"1.0.0","hook":{{"path":"{path}","args":{args},"env":["A=1","PATH=/bin:/usr/bin"]{timeout}}},"when":{when},"stages":["{stage}"]}}"#
        );
        host().write("alice", &format!("{directory}/{file}.json"), text);
    }
    directory
}

fn run(engine: &str, directory: &str, options: &str, command: &str) -> Output {
    let _ = host().alice("rm -f hooks/log");
    host().alice(&format!("{engine} --hooks-dir {directory} run --rm --network none {options} {B} {command}"))
}

fn log() -> String {
    host().alice("cat hooks/log 2>/dev/null; true").ok().text().to_owned()
}

const ALWAYS: &str = "{\"always\":true}";

#[test]
fn nothing_joins_a_container_that_a_hook_holds_back() {
    let host = host();
    host.write(
        "alice",
        "/home/alice/hooks/holder",
        "#!/bin/sh\nuntil [ -e /home/alice/hooks/go ]; do sleep 0.1; done\n",
    );
    host.alice("chmod +x hooks/holder; rm -f hooks/go").ok();
    let hold = directory("hold", &[("hold", "createRuntime", "/home/alice/hooks/holder", 0, ALWAYS)]);
    host.alice(&format!("systemd-run --user -q --unit=holding pontoon --hooks-dir {hold} run --name held --network none --stop-timeout 0 {B} sleep 1000")).ok();
    let is_refused = || {
        wait::until("the container to be made ready", || {
            let refused = host.alice("pontoon exec held true").fails(125);
            if refused.stderr.contains("still being made ready") {
                Ok(())
            } else {
                Err(format!("{refused:?}"))
            }
        });
        host.alice("pontoon exec held true").fails(125).warns("pontoon wait --condition running held");
        host.alice("touch hooks/go; pontoon wait --condition running held && pontoon exec held true").ok();
    };
    is_refused();
    // So it is when it starts again.
    host.alice("pontoon stop held; rm hooks/go").ok();
    host.alice("systemd-run --user -q --unit=again pontoon start held").ok();
    is_refused();
    host.alice("pontoon rm -f held").ok();
}

#[test]
fn hooks_run_at_their_moments_with_the_state() {
    // They share a log.
    let _alone = alone();
    let host = host();
    let all: Vec<_> = STAGES.iter().map(|stage| (*stage, *stage, "", 5, ALWAYS)).collect();
    let all = directory("all", &all);
    let mut logs = Vec::new();
    for engine in ["podman", "pontoon"] {
        run(engine, &all, "--annotation a=b", "echo ran").ok().says("ran");
        wait::until("the last hook", || if log().contains("poststop") { Ok(()) } else { Err(log()) });
        // Podman's runtime has its own order of createRuntime and createContainer's words, and notes of its own.
        logs.push(log());
    }
    let words = |log: &str| {
        log.lines().map(|it| it.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let mut theirs = words(&logs[0]);
    // The specification's order, in which Podman's runtime has the first two the other way round.
    theirs[..2].sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(theirs, words(&logs[1]), "{logs:?}");
    for line in logs[1].lines() {
        let status = match line.split(' ').next() {
            Some("poststart") => "running",
            Some("poststop") => "stopped",
            _ => "created",
        };
        assert!(line.contains(&format!("\"status\":\"{status}\" \"a\":\"b\" A=1 host")), "{line}");
    }
    // Also of a container that runs beside us, and of every run of it.
    let _ = host.alice("rm -f hooks/log");
    host.alice(&format!(
        "pontoon --hooks-dir {all} run -d --name hooked --network none --stop-timeout 0 {B} sleep 1000"
    ))
    .ok();
    assert_eq!(words(&log()), STAGES[..4]);
    host.alice("pontoon stop hooked && pontoon start hooked && pontoon rm -f hooked").ok();
    wait::until("the last hook", || if words(&log()).len() == 10 { Ok(()) } else { Err(log()) });
    // One that is set up first has the last of them when it starts.
    let _ = host.alice("rm -f hooks/log");
    host.alice(&format!("pontoon --hooks-dir {all} create --name hooked --network none --stop-timeout 0 {B} sleep 1000 && pontoon init hooked"))
        .ok();
    assert_eq!(words(&log()), STAGES[..3]);
    host.alice("pontoon start hooked").ok();
    wait::until(
        "the hook after the start",
        || if words(&log()) == STAGES[..4] { Ok(()) } else { Err(log()) },
    );
    host.alice("pontoon rm -f hooked").ok();
    wait::until("the last hook", || if words(&log()) == STAGES { Ok(()) } else { Err(log()) });
    // Nobody else has them.
    let _ = host.alice("rm -f hooks/log");
    host.alice(&format!("pontoon run --rm --network none {B} true")).ok();
    assert_eq!(log(), "");
}

#[test]
fn a_hook_in_the_container_is_of_the_container_and_confined() {
    // They share a log.
    let _alone = alone();
    let host = host();
    host.write("alice", "/home/alice/hooks/inside/x.json", r#"{"version":"1.0.0","hook":{"path":"/bin/sh","args":["sh","-c","cat >/state; id -u >>/state; grep -h '^CapEff\\|^Seccomp:' /proc/self/status >>/state; test -e /home/alice || echo inside >>/state; echo $$ >>/state"]},"when":{"always":true},"stages":["startContainer"]}"#);
    let seen =
        host.alice(&format!("pontoon --hooks-dir hooks/inside run --rm --network none {B} cat /state")).ok();
    seen.says("\"pid\":1").says("CapEff:\t00000000800405fb").says("Seccomp:\t2").says("inside");
}

#[test]
fn failures_end_a_start_before_the_program_and_are_told_after_it() {
    // They share a log.
    let _alone = alone();
    for stage in STAGES {
        let failing = directory("failing", &[("x", stage, "3", 0, ALWAYS)]);
        let starts = matches!(stage, "poststart" | "poststop");
        for engine in ["podman", "pontoon"] {
            let seen = run(engine, &failing, "", "echo ran");
            assert_eq!(seen.code, if starts { 0 } else { 126 }, "{engine} {stage}: {seen:?}");
            assert_eq!(seen.text().contains("ran"), starts, "{engine} {stage}: {seen:?}");
            if engine == "pontoon" {
                seen.warns(stage).warns("exit code 3").warns("failing/x.json");
            }
        }
    }
    host().alice("pontoon ps -aq").ok().prints("");
}

#[test]
fn a_hook_that_takes_too_long_is_killed() {
    // They share a log.
    let _alone = alone();
    host().write("alice", "/home/alice/hooks/slow-hook", "#!/bin/sh\nsleep 1000\n");
    host().alice("chmod +x hooks/slow-hook").ok();
    for (stage, code) in [("prestart", 126), ("createContainer", 126), ("poststop", 0)] {
        let slow = directory("slow", &[("x", stage, "/home/alice/hooks/slow-hook", 1, ALWAYS)]);
        run("pontoon", &slow, "", "true").warns("killed after 1 seconds").fails(code);
    }
}

#[test]
fn conditions_say_for_which_containers_hooks_are() {
    // They share a log.
    let _alone = alone();
    let conditional = directory(
        "when",
        &[
            ("annotation", "prestart", "0 annotation", 0, r#"{"annotations":{"^a$":"^b.*"}}"#),
            ("binds", "createRuntime", "0 binds", 0, r#"{"hasBindMounts":true}"#),
            ("command", "poststop", "0 command", 0, r#"{"commands":["^ech"]}"#),
            (
                "never",
                "createContainer",
                "0 never",
                0,
                r#"{"annotations":{"^a$":"^b"},"commands":["never"]}"#,
            ),
        ],
    );
    for (options, command, stages) in [
        ("", "true", &[][..]),
        ("", "echo x", &["poststop"]),
        ("--annotation a=bcd", "true", &["prestart"]),
        ("--annotation a=bcd -v /srv:/x", "echo x", &["prestart", "createRuntime", "poststop"]),
        ("--tmpfs /x", "true", &["createRuntime"]),
        ("-v hooks-volume:/x", "true", &["createRuntime"]),
    ] {
        for engine in ["podman", "pontoon"] {
            run(engine, &conditional, options, command).ok();
            let seen = log();
            let seen: Vec<_> = seen.lines().map(|it| it.split(' ').next().unwrap_or_default()).collect();
            assert_eq!(seen, stages, "{engine} {options} {command}");
        }
    }
}

#[test]
fn a_hook_before_everything_rewrites_the_configuration() {
    // They share a log.
    let _alone = alone();
    let host = host();
    let script = |edits: &str| format!("#!/bin/sh\nexec sed '{edits}'\n");
    let edits = "s/\"hostname\":\"[^\"]*\"/\"hostname\":\"hooked\"/; s/\"env\":\\[/\"env\":[\"HOOKED=yes\",/; \
         s|\"mounts\":\\[|\"mounts\":[{\"destination\":\"/hooked\",\"type\":\"bind\",\"source\":\"/home/alice/hooks\",\"options\":[\"rbind\",\"ro\"]},|";
    host.write("alice", "/home/alice/hooks/rewrite", script(edits));
    host.write(
        "alice",
        "/home/alice/hooks/rewrite-odd",
        script("s/\"linux\":{/\"linux\":{\"intelRdt\":{\"closID\":\"x\"},/"),
    );
    host.alice("chmod +x hooks/rewrite hooks/rewrite-odd").ok();
    let all = directory("before", &[("a", "precreate", "/home/alice/hooks/rewrite", 5, ALWAYS)]);
    for engine in ["podman", "pontoon"] {
        run(engine, &all, "", "sh -c 'hostname; echo $HOOKED; ls /hooked/rewrite'")
            .ok()
            .prints("hooked\nyes\n/hooked/rewrite");
    }
    let odd = directory("odd", &[("a", "precreate", "/home/alice/hooks/rewrite-odd", 5, ALWAYS)]);
    run("pontoon", &odd, "", "true").fails(126).warns("`linux.intelRdt.closID`");
    let silent = directory("silent", &[("a", "precreate", "/bin/true", 5, ALWAYS)]);
    run("pontoon", &silent, "", "true").fails(126).warns("no configuration that can be read");
    let failing = directory("before-fails", &[("a", "precreate", "/bin/false", 5, ALWAYS)]);
    run("pontoon", &failing, "", "true").fails(126).warns("ended with exit code 1");
    let endless = directory("endless", &[("a", "precreate", "/usr/bin/yes", 30, ALWAYS)]);
    run("pontoon", &endless, "", "true").fails(126).warns("because it wrote more than 16 MiB");
}

#[test]
fn broken_files_are_told_with_their_place() {
    // They share a log.
    let _alone = alone();
    let broken = directory("broken", &[]);
    for (text, word) in [
        ("{broken", "broken/x.json:1:2: "),
        (
            r#"{"version":"1.0.0","hook":{"path":"/bin/true"},"when":{"always":true},"stages":["bogus"]}"#,
            "no stage `bogus`",
        ),
        (r#"{"version":"7","hook":{"path":"/bin/true"}}"#, "version `7`"),
    ] {
        host().write("alice", &format!("{broken}/x.json"), text);
        run("pontoon", &broken, "", "true").fails(126).warns(word);
    }
    // A program that is not there any more is passed over, as is a directory.
    let gone = directory("gone", &[("x", "prestart", "/nowhere", 0, ALWAYS)]);
    run("pontoon", &gone, "", "true").ok().warns("`/nowhere` is not there");
    run("pontoon", "/home/alice/hooks/nowhere", "", "true").ok();
    // `--hooks-dir` stands in place of what containers.conf says.
    host().write("alice", "/home/alice/hooks/conf", format!("[engine]\nhooks_dir = ['{broken}']\n"));
    let line = |options: &str| {
        format!("CONTAINERS_CONF=hooks/conf pontoon {options} run --rm --network none {B} true")
    };
    host().alice(&line("")).fails(126).warns("broken/x.json");
    host().alice(&line("--hooks-dir hooks/nowhere")).ok();
}

#[test]
fn a_container_that_is_being_started_can_be_stopped_and_removed() {
    let _alone = alone();
    let host = host();
    host.write("alice", "/home/alice/hooks/slow", "#!/bin/sh\nsleep 2\ncat\n");
    host.alice("chmod +x hooks/slow").ok();
    let slow = directory("slowly", &[("slow", "precreate", "/home/alice/hooks/slow", 0, ALWAYS)]);
    let create = |name: &str| {
        host.alice(&format!("pontoon create --name {name} --network none {B} sleep 4321 >/dev/null")).ok();
    };
    create("stopped");
    host.alice(&format!(
        "pontoon --hooks-dir {slow} start stopped & sleep 0.7; pontoon stop -t 0 stopped; wait
         pontoon inspect --format '{{{{.State.Status}}}}' stopped; pontoon rm stopped"
    ))
    .ok()
    .says("exited");
    create("removed");
    host.alice(&format!(
        "pontoon --hooks-dir {slow} start removed & sleep 0.7; pontoon rm -f -t 0 removed; wait"
    ))
    .ok();
    // One takes the other's place.
    host.alice(&format!(
        "pontoon --hooks-dir {slow} run -d --name removed --network none {B} sleep 4321 & sleep 0.7
         pontoon run -d --replace --name removed --stop-timeout 0 --network none {B} sleep 4322; wait; pontoon rm -f removed"
    ))
    .ok();
    host.alice("pgrep -f 'sleep 432[12]'").fails(1);
}

#[test]
fn hooks_hear_signals() {
    let _alone = alone();
    let host = host();
    host.write(
        "alice",
        "/home/alice/hooks/masked",
        "#!/bin/sh\ngrep SigBlk /proc/self/status >>/home/alice/hooks/masks\n",
    );
    host.alice("chmod +x hooks/masked; rm -f hooks/masks").ok();
    let all: Vec<_> = ["prestart", "createRuntime", "poststart", "poststop"]
        .iter()
        .map(|stage| (*stage, *stage, "/home/alice/hooks/masked", 5, ALWAYS))
        .collect();
    run("pontoon", &directory("masked-all", &all), "", "true").ok();
    wait::until("all of them", || {
        let masks = host.alice("sort hooks/masks | uniq -c | tr -s ' \\t' ' '").ok();
        if masks.text().trim() == "4 SigBlk: 0000000000000000" { Ok(()) } else { Err(format!("{masks:?}")) }
    });
}
