//! `run` and the commands around it, in Podman's shape: words, exit codes, formats.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::time::Duration;

use pontoon_tests::{B, Output, TestHost, alone, host_with_busybox as host, wait};

/// Runs a pontoon command line as alice; `$B` is the busybox image.
fn pontoon(words: &str) -> Output {
    host().entry("alice").env("B", B).sh(&format!("pontoon {words}"))
}

/// A container in the background that ends with the guard.
struct Background<'n>(&'n str);

impl<'n> Background<'n> {
    #[track_caller]
    fn run(name: &'n str, words: &str) -> Self {
        pontoon(&format!("run -d --replace --stop-timeout 1 --name {name} {words}")).ok();
        Self(name)
    }
}

impl Drop for Background<'_> {
    fn drop(&mut self) {
        let _ = pontoon(&format!("rm -f -t 0 {}", self.0));
    }
}

#[track_caller]
fn state(name: &str, expected: &str) {
    wait::until(&format!("{name} to be {expected}"), || {
        let now = pontoon(&format!("inspect --format '{{{{.State.Status}}}}' {name}"));
        if now.text() == expected { Ok(()) } else { Err(format!("{now:?}")) }
    });
}

#[test]
fn the_exit_status_of_the_payload_is_ours() {
    pontoon("run --rm $B true").ok();
    pontoon("run --rm $B sh -c 'exit 3'").fails(3);
    pontoon("run --rm $B sh -c 'sh -c \"kill -9 \\$\\$\"; exit $?'").fails(137);
    // The first process of a pid namespace ignores what it has no handler for, so its shell lives on.
    pontoon("run --rm --init $B sh -c 'kill -TERM $$'").fails(143);
}

#[test]
fn who_is_not_in_the_image_cannot_run_it() {
    pontoon("run --rm --user nosuch $B true").fails(126).warns("no user `nosuch`");
    pontoon("run --rm --user 0:nosuch $B true").fails(126).warns("no group `nosuch`");
    pontoon("run --rm --group-add nosuch $B true").fails(126).warns("no group `nosuch`");
}

#[test]
fn mounts_have_the_names_that_scripts_look_for() {
    pontoon("run --rm $B sh -c 'df / /dev/shm | tail -n 2 | cut -d\" \" -f1'").ok().prints("overlay\nshm");
}

#[test]
fn a_container_that_vanishes_looks_like_one_that_stays_and_keeps_no_mount_points() {
    let look = "sh -c 'cd /; ls -a etc run; stat -c \"%A %u:%g %n\" etc etc/hosts etc/hostname run run/.containerenv dev proc sys 2>/dev/null; touch /etc/mine /run/mine'";
    for options in [
        "--network none",
        "",
        "--no-hosts",
        "--userns keep-id --user 0",
        "--read-only",
        "--tmpfs /etc",
        "-v /run",
    ] {
        let vanished = pontoon(&format!("run --rm --hostname h {options} $B {look}"));
        let stayed = pontoon(&format!("run --name stayed --replace --hostname h {options} $B {look}"));
        assert_eq!(vanished.stdout, stayed.stdout, "{options}");
    }
    pontoon("rm stayed").ok();
    let guard = Background::run("kept", "--rm $B sleep 1000");
    let changes = "cd ~/.local/share/pontoon/containers/$(pontoon inspect --format '{{.Id}}' kept)/upper && find . | sort";
    host().alice(changes).ok().prints(".");
    pontoon("exec kept touch /etc/mine").ok();
    host().alice(changes).ok().prints(".\n./etc\n./etc/mine");
    drop(guard);
}

#[test]
fn ports_without_a_network_are_not_told_as_published() {
    let guard = Background::run("nowhere", "--network none -p 80:80 $B sleep 1000");
    pontoon("port nowhere").ok().prints("");
    pontoon("ps --filter name=nowhere --format '{{.Ports}}'").ok().prints("");
    drop(guard);
}

#[test]
fn words_reach_the_payload_unchanged() {
    pontoon("run --rm $B printf '%s|' 'a b' '' '\"q\"' '$HOME' 'ü'").ok().prints("a b||\"q\"|$HOME|ü|");
}

#[test]
fn output_and_errors_stay_apart() {
    let output = pontoon("run --rm $B sh -c 'echo out; echo err >&2'").ok().prints("out");
    assert_eq!(output.stderr.trim(), "err", "{output:?}");
}

#[test]
fn standard_input_is_given_only_when_asked_for() {
    let run = |words: &str| {
        host().entry("alice").stdin(b"piped\n").sh(&format!("pontoon run --rm {words} {B} cat"))
    };
    run("-i").ok().prints("piped");
    run("").ok().prints("");
}

#[test]
fn the_log_level_decides_whether_warnings_are_printed() {
    pontoon("tag $B localhost:5998/far").ok();
    let run = |level: &str| pontoon(&format!("{level} run --rm --pull=newer localhost:5998/far true"));
    run("").ok().warns("warning: the registry is out of reach");
    run("--log-level=debug").ok().warns("warning: the registry is out of reach");
    let quiet = run("--log-level=error").ok();
    assert!(!quiet.stderr.contains("warning:"), "{quiet:?}");
    pontoon("untag localhost:5998/far").ok();
}

#[test]
fn much_output_passes_whole() {
    pontoon("run --rm $B sh -c 'head -c 20000000 /dev/zero' | wc -c").ok().prints("20000000");
    let input = vec![b'x'; 3_000_000];
    host().entry("alice").stdin(&input).sh(&format!("pontoon run --rm -i {B} wc -c")).ok().prints("3000000");
}

#[test]
fn a_reader_that_goes_away_does_not_hang_the_container() {
    // As with the original, the one who looked on goes and the container stays.
    let look = host()
        .entry("alice")
        .limit(Duration::from_secs(30))
        .sh(&format!("pontoon run --name floods --log-driver none --stop-timeout 0 {B} yes | head -1"));
    pontoon("rm -f -t 0 floods").ok();
    look.ok().prints("y");
}

#[test]
fn output_that_cannot_be_written_is_an_error_whatever_the_payload_ends_with() {
    let full = |words: &str| {
        let script = format!("pontoon {words} >/dev/full </dev/null");
        host().entry("alice").env("B", B).limit(Duration::from_secs(30)).sh(&script)
    };
    for terminal in ["", "-t"] {
        full(&format!("run --rm {terminal} $B echo lost")).fails(126).warns("No space left on device");
        // The container has no part in it: it goes on, and its log has all.
        let name = format!("shown{terminal}");
        let _over = Background::run(&name, "$B true");
        full(&format!(
            "run --replace {terminal} --name {name} $B sh -c 'echo one; sleep 3; echo two; exit 5'"
        ))
        .fails(126)
        .warns(&format!("pontoon logs {name}"));
        pontoon(&format!("wait {name}")).ok().prints("5");
        let logs = pontoon(&format!("logs {name}")).ok();
        assert_eq!(logs.stdout.split_whitespace().collect::<Vec<_>>(), ["one", "two"]);
        full(&format!("start --attach {name}")).fails(125).warns("No space left on device");
        // More than a terminal or a pipe holds.
        full(&format!("run --rm {terminal} $B head -c 2000000 /dev/zero"))
            .fails(126)
            .warns("No space left on device");
    }
    pontoon("run --rm $B sh -c 'echo lost >&2; sleep 1' 2>/dev/full").fails(126);
    // One that is to vanish is ended, since nobody would find it again.
    full("run --rm --name vanishes --stop-timeout 0 $B sh -c 'echo lost; sleep 10000'").fails(126);
    pontoon("container exists vanishes").fails(1);
    // Somebody who has seen enough is another matter.
    pontoon("run --rm $B sh -c 'echo seen; exit 3' >/dev/null").fails(3);
}

#[test]
fn a_terminal_is_one() {
    let tty = |words: &str| host().alice(&format!("script -qec \"pontoon {words}\" /dev/null </dev/null"));
    tty(&format!("run --rm -it {B} sh -c 'tty; stty size; echo ok'")).ok().says("/dev/pts/0").says("ok");
    tty(&format!("run --rm -it {B} sh -c 'exit 4'")).fails(4);
    let warned = "standard input is no terminal";
    pontoon("run --rm -it $B true </dev/null").ok().warns(warned);
    for words in ["run --rm -t $B true </dev/null", "run --rm -dit $B true </dev/null"] {
        let output = pontoon(words).ok();
        assert!(!output.stderr.contains(warned), "{output:?}");
    }
    let container = Background::run("tty", "$B sleep 1000");
    tty("exec -it tty sh -c 'tty; exit 5'").fails(5).says("/dev/pts/");
    drop(container);
}

#[test]
fn a_terminal_is_interactive() {
    let mut shell = host().entry("alice").start(&[
        "script",
        "-qec",
        &format!("pontoon run --rm -it {B} sh"),
        "/dev/null",
    ]);
    use std::io::Write as _;
    shell.stdin().write_all(b"echo $((6*7))\n").expect("a pipe");
    shell.until_says("42");
    shell.stdin().write_all(b"exit 9\n").expect("a pipe");
    assert_eq!(shell.wait(), 9);
}

#[test]
fn a_detached_container_prints_its_id_and_lives_on() {
    let id = pontoon("run -d --name detached $B sleep 1000").ok();
    let guard = Background("detached");
    assert_eq!(id.text().len(), 64, "{id:?}");
    state("detached", "running");
    pontoon("inspect --format '{{.Id}}' detached").ok().prints(id.text());
    // Any unambiguous beginning of the id will do.
    pontoon(&format!("inspect --format '{{{{.Name}}}}' {}", &id.text()[..6])).ok().prints("detached");
    drop(guard);
    pontoon("inspect detached").refused();
}

#[test]
fn a_container_outlives_the_shell_that_started_it_but_not_the_user_manager() {
    // By hand it sits in a scope of the user's manager, not in the login's.
    let guard = Background::run("scoped", "$B sleep 1000");
    let pid = pontoon("inspect --format '{{.State.Pid}}' scoped").ok();
    let group = host().root(&format!("cat /proc/{}/cgroup", pid.text())).ok();
    assert!(group.stdout.contains("user@1000.service/") && group.stdout.contains(".scope"), "{group:?}");
    host().alice("systemctl --user list-units --type=scope --no-legend").ok().says("pontoon-");
    drop(guard);
}

#[test]
fn a_stopped_container_stays_until_it_is_removed_unless_rm_was_asked() {
    pontoon("run --name stays $B true").ok();
    pontoon("ps -a --format '{{.Names}} {{.State}} {{.ExitCode}}'").ok().says("stays exited 0");
    pontoon("ps --format '{{.Names}}'").ok().lacks("stays");
    pontoon("rm stays").ok().prints("stays");
    pontoon("run --rm --name goes $B true").ok();
    pontoon("ps -a --format '{{.Names}}'").ok().lacks("goes");
    pontoon("run -d --rm --name goestoo $B true").ok();
    wait::until_true("goestoo to go", || !pontoon("ps -a --format '{{.Names}}'").stdout.contains("goestoo"));
}

#[test]
fn create_then_start_runs_the_same_container_again_and_again() {
    let id = pontoon("create --name made $B sh -c 'echo run >>/log; wc -l </log'").ok();
    state("made", "created");
    pontoon("start -a made").ok().prints("1");
    pontoon("start --attach made").ok().prints("2");
    pontoon("start made").ok().prints("made");
    pontoon("wait made").ok().prints("0");
    pontoon("logs made").ok().prints("1\n2\n3");
    pontoon(&format!("rm {}", id.text())).ok();
    pontoon("start made").fails(125).warns("made");
}

#[test]
fn start_of_a_running_container_is_no_error() {
    let guard = Background::run("twice", "$B sleep 1000");
    pontoon("start twice").ok().prints("twice");
    drop(guard);
}

#[test]
fn stop_sends_the_stop_signal_and_then_kill() {
    let guard = Background::run("polite", "$B sh -c 'trap \"exit 5\" TERM; while :; do sleep 0.05; done'");
    pontoon("stop polite").ok().prints("polite");
    pontoon("inspect --format '{{.State.Status}} {{.State.ExitCode}}' polite").ok().prints("exited 5");
    pontoon("stop polite").ok().prints("polite");
    drop(guard);

    let guard = Background::run(
        "usr",
        "--stop-signal USR1 $B sh -c 'trap \"exit 6\" USR1; while :; do sleep 0.05; done'",
    );
    pontoon("stop usr").ok();
    pontoon("inspect --format '{{.State.ExitCode}}' usr").ok().prints("6");
    drop(guard);

    let guard = Background::run("deaf", "$B sleep 1000");
    pontoon("stop -t 1 deaf").ok();
    pontoon("inspect --format '{{.State.ExitCode}}' deaf").ok().prints("137");
    drop(guard);
    pontoon("stop nosuch").fails(125).warns("nosuch");
    pontoon("stop --ignore nosuch").ok();
}

#[test]
fn kill_sends_any_signal_to_what_runs() {
    let guard = Background::run("target", "$B sh -c 'trap \"echo usr1\" USR1; while :; do sleep 0.05; done'");
    pontoon("kill -s USR1 target").ok().prints("target");
    wait::until_true("the trap to run", || pontoon("logs target").stdout.contains("usr1"));
    pontoon("kill -s NOSUCH target").fails(125).warns("NOSUCH");
    pontoon("kill target").ok();
    state("target", "exited");
    pontoon("kill target").fails(125).warns("running");
    pontoon("kill nosuch").fails(125).warns("nosuch");
    drop(guard);
}

#[test]
fn wait_gives_the_exit_status() {
    let guard = Background::run("awaited", "$B sh -c 'sleep 0.3; exit 8'");
    pontoon("wait awaited").ok().prints("8");
    pontoon("wait awaited").ok().prints("8");
    pontoon("wait nosuch").fails(125);
    drop(guard);
}

#[test]
fn rm_refuses_what_runs_unless_forced() {
    let guard = Background::run("busy", "$B sleep 1000");
    pontoon("rm busy").fails(2).warns("running");
    pontoon("rm -f -t 0 busy").ok().prints("busy");
    pontoon("rm busy").fails(1).warns("busy");
    pontoon("rm -f busy").ok();
    pontoon("rm -i busy").ok();
    pontoon("rm").fails(125);
    drop(guard);
}

#[test]
fn replace_takes_the_place_of_a_running_container() {
    let guard = Background::run("place", "$B sleep 1000");
    let first = pontoon("inspect --format '{{.Id}}' place").ok();
    pontoon("run -d --name place $B true").fails(125).warns("already in use").warns("place");
    pontoon("create --name place $B true").fails(125).warns("already in use");
    pontoon("run --replace --stop-timeout 1 --name place $B echo replaced").ok().prints("replaced");
    let second = pontoon("inspect --format '{{.Id}}' place").ok();
    assert_ne!(first.text(), second.text());
    drop(guard);
}

#[test]
fn logs_give_back_what_was_written() {
    let guard = Background::run("speaker", "$B sh -c 'echo one; echo two >&2; printf three; sleep 1000'");
    // The log of something that runs has what the journal has taken until now.
    wait::until_true("the lines to arrive", || {
        let seen = pontoon("logs speaker");
        seen.stdout.contains("three") || seen.stdout.contains("one") && seen.stderr.contains("two")
    });
    let logs = pontoon("logs speaker").ok().says("one").lacks("two");
    assert!(logs.stderr.contains("two"), "{logs:?}");
    pontoon("logs --tail 0 speaker").ok().prints("");
    pontoon("logs --since 1h speaker").ok().says("one");
    pontoon("logs --since 2020-01-01T00:00:00Z speaker").ok().says("one");
    let stamped = pontoon("logs -t speaker").ok();
    assert!(stamped.stdout.starts_with("20") && stamped.stdout.contains("T"), "{stamped:?}");
    pontoon("logs nosuch").fails(125);
    drop(guard);
}

#[test]
fn logs_can_be_followed_to_the_end() {
    for driver in ["journald", "k8s-file"] {
        let guard = Background::run(
            "followed",
            &format!("--log-driver {driver} $B sh -c 'for i in 1 2 3; do echo line $i; sleep 0.2; done'"),
        );
        pontoon("logs -f followed").ok().prints("line 1\nline 2\nline 3");
        pontoon("logs --tail 2 followed").ok().prints("line 2\nline 3");
        pontoon("logs --color --tail 1 followed").ok().prints("\x1b[31mline 3\x1b[0m");
        drop(guard);
    }
}

#[test]
fn several_logs_are_followed_side_by_side() {
    let speaks = |word: &str| format!("$B sh -c 'for i in 1 2 3; do echo {word} $i; sleep 0.2; done'");
    let first = Background::run("first-voice", &speaks("one"));
    let second = Background::run("second-voice", &format!("--log-driver k8s-file {}", speaks("two")));
    let both = pontoon("logs -f --names first-voice second-voice").ok();
    for (name, word) in [("first-voice", "one"), ("second-voice", "two")] {
        let own: Vec<&str> = both.stdout.lines().filter(|it| it.starts_with(name)).collect();
        assert_eq!(own, [1, 2, 3].map(|it| format!("{name} {word} {it}")), "{both:?}");
    }
    pontoon("logs -f first-voice nosuch").fails(125).prints("").warns("nosuch");
    drop((first, second));
}

/// journald gets what is written some time after it was written; on a busy machine, after the container's end.
#[test]
fn last_words_are_not_missed_when_the_journal_is_late() {
    let _alone = alone();
    let journald = |signal: &str| host().root(&format!("pkill -{signal} -x systemd-journal")).ok();
    for follow in ["", "-f"] {
        let guard = Background::run(
            "late",
            "$B sh -c 'echo first; while ! test -e /go; do sleep 0.01; done; echo last'",
        );
        wait::until_true("the first line", || pontoon("logs late").stdout.contains("first"));
        journald("STOP");
        let log = std::thread::scope(|scope| {
            scope.spawn(|| {
                // Long enough for a reader that does not wait to have read.
                wait::rest(Duration::from_millis(400));
                journald("CONT");
            });
            pontoon(&format!(
                "exec late touch /go; {} pontoon logs {follow} late",
                if follow.is_empty() { "pontoon wait late >/dev/null;" } else { "" }
            ))
        });
        log.ok().prints("first\nlast");
        drop(guard);
    }
}

#[test]
fn log_drivers_none_and_passthrough_keep_nothing() {
    pontoon("run --name silent --log-driver none $B echo seen").ok().prints("seen");
    pontoon("logs silent").refused();
    pontoon("rm silent").ok();
    pontoon("run --rm --log-driver passthrough $B echo through").ok().prints("through");
    pontoon("run --rm --log-driver bogus $B true").fails(125).warns("--log-driver");
}

#[test]
fn exec_runs_beside_the_payload_in_the_same_sandbox() {
    let guard = Background::run("host1", "-e A=1 -w /tmp --hostname boxed $B sleep 1000");
    pontoon("exec host1 echo hi").ok().prints("hi");
    pontoon("exec host1 sh -c 'exit 7'").fails(7);
    pontoon("exec host1 sh -c 'kill -9 $$'").fails(137);
    pontoon("exec host1 nosuch").fails(127);
    pontoon("exec host1 /bin/plainfile").fails(126);
    pontoon("exec host1 pwd").ok().prints("/tmp");
    pontoon("exec -w /data host1 pwd").ok().prints("/data");
    pontoon("exec -u dave host1 id -u").ok().prints("1500");
    pontoon("exec -u 4242:4243 host1 sh -c 'id -u; id -g'").ok().prints("4242\n4243");
    pontoon("exec -u nosuch host1 true").refused();
    pontoon("exec -e B=2 host1 sh -c 'echo $A$B'").ok().prints("12");
    pontoon("exec host1 hostname").ok().prints("boxed");
    pontoon("exec host1 ps").ok().says("sleep 1000");
    host().entry("alice").stdin(b"in\n").sh("pontoon exec -i host1 cat").ok().prints("in");
    pontoon("exec nosuch true").fails(125);
    pontoon("exec host1").fails(125);
    // The same sandbox: namespaces, capabilities, filter.
    let of = |words: &str| {
        pontoon(&format!(
            "{words} sh -c 'for n in user mnt pid net uts ipc cgroup; do readlink /proc/self/ns/$n; done; \
             grep -E \"^(Cap|Seccomp:|NoNewPrivs)\" /proc/self/status; cat /proc/self/cgroup | grep ^0'"
        ))
        .ok()
        .stdout
    };
    let inside = of("exec host1");
    assert!(inside.contains("Seccomp:\t2"), "{inside}");
    assert!(inside.contains("CapEff:\t00000000800405fb"), "{inside}");
    let payload = pontoon(
        "exec host1 sh -c 'for n in user mnt pid net uts ipc cgroup; do readlink /proc/1/ns/$n; done'",
    )
    .ok();
    assert!(inside.starts_with(&payload.stdout), "{inside}\n{}", payload.stdout);
    pontoon("stop host1").ok();
    pontoon("exec host1 true").refused();
    drop(guard);
}

#[test]
fn exec_with_all_capabilities_leaves_another_user_what_was_added() {
    let _guard = Background::run("capable", "--user 7 --cap-add sys_ptrace,net_admin $B sleep 1000");
    let effective = |options: &str| {
        pontoon(&format!("exec {options} capable grep CapEff /proc/self/status")).ok().text().to_owned()
    };
    assert_eq!(effective(""), "CapEff:\t0000000000081000");
    assert_eq!(effective("--privileged"), "CapEff:\t0000000000081000");
}

#[test]
fn exec_with_a_terminal_keeps_the_kind_that_the_container_has() {
    let _guard = Background::run("termed", "-e TERM=screen $B sleep 1000");
    pontoon("exec -t termed sh -c 'echo $TERM'").ok().says("screen");
    pontoon("exec -t -e TERM=vt100 termed sh -c 'echo $TERM'").ok().says("vt100");
    let _plain = Background::run("unterm", "$B sleep 1000");
    pontoon("exec -t unterm sh -c 'echo $TERM'").ok().says("xterm");
}

#[test]
fn the_image_s_entry_point_command_and_settings_apply_and_yield() {
    let host = host();
    pontoon_tests::forge::layout(
        host,
        "ep",
        &[],
        "--config.entrypoint /bin/echo --config.entrypoint ep --config.cmd c1 --config.cmd c2 --config.env E=image",
    );
    // A tree comes with the base image; the settings are laid over it.
    host.alice(&format!(
        "skopeo copy -q oci:{}:work oci:/tmp/ep-layout:work",
        pontoon_tests::image::BUSYBOX.layout()
    ))
    .ok();
    host.alice(
        "umoci config --image /tmp/ep-layout:work --config.entrypoint /bin/echo --config.entrypoint ep \
         --config.cmd c1 --config.cmd c2 --config.env E=image --config.workingdir /made/here --config.user dave \
         && skopeo copy -q oci:/tmp/ep-layout:work oci-archive:/tmp/ep.tar:localhost/ep:latest && pontoon load -q -i /tmp/ep.tar",
    )
    .ok();
    pontoon("run --rm localhost/ep").ok().prints("ep c1 c2");
    pontoon("run --rm localhost/ep x y").ok().prints("ep x y");
    pontoon("run --rm --entrypoint /bin/id localhost/ep -u").ok().prints("1500");
    pontoon("run --rm --entrypoint '[\"/bin/echo\",\"json\"]' localhost/ep z").ok().prints("json z");
    pontoon("run --rm --entrypoint '' localhost/ep pwd").ok().prints("/made/here");
    pontoon("run --rm --entrypoint '' -e E=mine localhost/ep sh -c 'echo $E'").ok().prints("mine");
    pontoon("run --rm --entrypoint '' --unsetenv E localhost/ep sh -c 'echo ${E-unset}'")
        .ok()
        .prints("unset");
    pontoon("rmi localhost/ep").ok();
}

#[test]
fn ps_lists_in_the_shapes_people_parse() {
    let guard = Background::run("listed", "-p 127.0.0.1:8200:80 --label tier=web $B sleep 1000");
    let table = pontoon("ps").ok();
    let head =
        table.stdout.lines().next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(head, "CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES");
    table
        .says("localhost:5000/busybox:latest")
        .says("sleep 1000")
        .says("127.0.0.1:8200->80/tcp")
        .says("listed");
    pontoon("ps --filter name=listed --format '{{.Names}} {{.Image}} {{.State}} {{.Ports}}'")
        .ok()
        .prints("listed localhost:5000/busybox:latest running 127.0.0.1:8200->80/tcp");
    pontoon("ps --filter name=listed --format 'table {{.ID}}\t{{.Names}}'")
        .ok()
        .says("CONTAINER ID")
        .says("NAMES");
    pontoon("ps -q --filter name=listed").ok();
    let all = pontoon("ps --format json").ok().json();
    let one = all
        .as_array()
        .and_then(|list| list.iter().find(|one| one["Names"][0] == "listed"))
        .expect("it is listed");
    assert_eq!(one["State"], "running");
    assert_eq!(one["Image"], "localhost:5000/busybox:latest");
    assert_eq!(one["Labels"]["tier"], "web");
    assert_eq!(one["Ports"][0]["host_port"], 8200);
    assert_eq!(one["Ports"][0]["container_port"], 80);
    assert_eq!(one["Command"][0], "sleep");
    assert!(one["Pid"].as_u64().is_some_and(|pid| pid > 1), "{one}");
    pontoon("ps --filter nosuch=1").fails(125);
    pontoon("ps --bogus").fails(125).warns("--bogus");
    drop(guard);
}

#[test]
fn inspect_tells_all_and_obeys_templates() {
    let guard = Background::run("seen", "-e X=1 --label a=b -v /tmp:/mnt:ro -p 8201:80 $B sleep 1000");
    let list = pontoon("inspect seen").ok().json();
    let one = &list[0];
    assert_eq!(one["Name"], "seen");
    assert_eq!(one["State"]["Status"], "running");
    assert_eq!(one["State"]["Running"], true);
    assert_eq!(one["Config"]["Labels"]["a"], "b");
    assert_eq!(one["Config"]["Cmd"][0], "sleep");
    assert_eq!(one["ImageName"], "localhost:5000/busybox:latest");
    assert_eq!(one["Mounts"][0]["Destination"], "/mnt");
    assert_eq!(one["Mounts"][0]["RW"], false);
    assert_eq!(one["NetworkSettings"]["Ports"]["80/tcp"][0]["HostPort"], "8201");
    assert_eq!(one["HostConfig"]["NetworkMode"], "pasta");
    assert!(one["EffectiveCaps"].as_array().is_some_and(|caps| caps.len() == 11), "{one}");
    pontoon("inspect --format '{{.State.Status}} {{.HostConfig.NetworkMode}}' seen")
        .ok()
        .prints("running pasta");
    pontoon("inspect --format '{{json .Config.Labels}}' seen").ok().says("\"a\":\"b\"");
    pontoon("inspect --format '{{.NoSuchField}}' seen").fails(125).warns("NoSuchField");
    // What is there is shown also where something else is not.
    pontoon("inspect nosuch").fails(125).warns("nosuch").prints("[]");
    for words in ["inspect", "container inspect"] {
        let some = pontoon(&format!("{words} nosuch seen")).fails(125).warns("nosuch");
        assert_eq!(some.json()[0]["Name"], "seen", "{words}");
    }
    pontoon("inspect -f '{{.Name}}' seen nosuch").fails(125).prints("seen");
    pontoon("inspect -f '{{gt .State.StartedAt.Unix 1700000000}} {{.Created.Format \"2006\" | len}}' seen")
        .ok()
        .prints("true 4");
    // In the zone of whoever asks.
    host()
        .alice("TZ=Asia/Tokyo pontoon inspect -f '{{json .Created}} {{.Created}}' seen")
        .ok()
        .says("+09:00\" 2")
        .says(" +0900 JST");
    drop(guard);
}

#[test]
fn port_tells_where_to_connect() {
    let guard = Background::run("ported", "-p 8202:80 -p 127.0.0.1:8203:81/udp $B sleep 1000");
    pontoon("port ported").ok().says("80/tcp -> 0.0.0.0:8202").says("81/udp -> 127.0.0.1:8203");
    pontoon("port ported 80").ok().prints("0.0.0.0:8202");
    pontoon("port ported 81/udp").ok().prints("127.0.0.1:8203");
    pontoon("port ported 99").fails(125);
    pontoon("port nosuch").fails(125);
    drop(guard);
}

#[test]
fn info_and_version_say_what_is_here() {
    pontoon("--version").ok().says("pontoon version");
    pontoon("version").ok().says("Version");
    let version = pontoon("version --format json").ok().json();
    assert!(version["Client"]["Version"].is_string(), "{version}");
    let sides = pontoon("version -f '{{.Client.Version}} {{.Server.Version}} {{.Version}}'").ok();
    let sides: Vec<&str> = sides.text().split(' ').collect();
    assert!(sides.iter().all(|it| *it == version["Client"]["Version"]), "{sides:?}");
    pontoon("info -f '{{.Host.NetworkBackend}} [{{.Host.Distribution.Variant}}]'").ok().prints("pontoon []");
    let info = pontoon("info --format json").ok().json();
    assert_eq!(info["host"]["cgroupVersion"], "v2", "{info}");
    assert_eq!(info["host"]["security"]["rootless"], true, "{info}");
    assert_eq!(info["store"]["graphDriverName"], "overlay", "{info}");
    pontoon("info").ok().says("overlay");
    pontoon("info --format '{{.Host.Security.Rootless}}'").ok().prints("true");
}

#[test]
fn unshare_shows_the_mapped_ids() {
    pontoon("unshare id -u").ok().prints("0");
    let map = pontoon("unshare cat /proc/self/uid_map").ok();
    let numbers: Vec<&str> = map.stdout.split_whitespace().collect();
    assert_eq!(numbers, ["0", "1000", "1", "1", "100000", "65536"]);
    pontoon("unshare sh -c 'exit 4'").fails(4);
    pontoon("unshare nosuch").fails(127);
}

#[test]
fn dry_run_prints_the_plan_and_does_nothing() {
    let plan = pontoon("run --dry-run --name never -v newvolume:/x -p 8204:80 $B sleep 1").ok();
    assert!(plan.stdout.contains("sleep") && plan.stdout.contains("8204"), "{plan:?}");
    pontoon("ps -a --format '{{.Names}}'").ok().lacks("never");
    pontoon("volume ls -q").ok().lacks("newvolume");
}

#[test]
fn id_files_are_written() {
    let host: &TestHost = host();
    let output = host.alice(&format!(
        "rm -f /tmp/cid /tmp/pid; pontoon run -d --name filed --stop-timeout 1 --cidfile /tmp/cid --pidfile /tmp/pid {B} sleep 1000"
    ));
    let id = output.ok();
    host.alice("cat /tmp/cid").ok().prints(id.text());
    let pid = pontoon("inspect --format '{{.State.Pid}}' filed").ok();
    host.alice("cat /tmp/pid").ok().prints(pid.text());
    pontoon("rm -f -t 0 --cidfile /tmp/cid").ok();
    pontoon("ps -a --format '{{.Names}}'").ok().lacks("filed");
    let _ = host.alice("rm -f /tmp/cid /tmp/pid");
}

#[test]
fn logs_until_a_moment_to_come_end_then() {
    for driver in ["journald", "k8s-file"] {
        let name = format!("until-{driver}");
        pontoon(&format!(
            "run -d --replace --name {name} --stop-timeout 0 --log-driver {driver} $B sh -c 'while :; do echo line; sleep 0.2; done'"
        ))
        .ok();
        wait::until_true("a line", || {
            pontoon(&format!("logs --until 1h {name}")).ok().stdout.contains("line")
        });
        pontoon(&format!("logs --until -1h {name}")).ok().prints("");
        let lines = |until: &str| {
            let followed = host().alice(&format!("timeout 20 pontoon logs -f --until {until} {name}")).ok();
            followed.stdout.lines().count()
        };
        let (before, later) = (lines("0s"), lines("2s"));
        assert!(later > before, "{driver}: {before} {later}");
        assert_eq!(lines("2001-01-01"), 0, "{driver}");
        pontoon(&format!("rm -f -t 0 {name}")).ok();
    }
}

#[test]
fn the_tag_of_a_log_may_name_the_container() {
    pontoon("run --rm --name tagged --log-driver journald --log-opt tag='x-{{ .Name }}' $B echo told")
        .ok()
        .prints("told");
    wait::until_true("the line in the journal", || {
        host().alice("journalctl -q -t x-tagged -o cat --no-pager").stdout.contains("told")
    });
    pontoon("run --rm --log-opt tag='{{.Nope}}' $B true").fails(125).warns(".Nope");
}

#[test]
fn an_id_file_that_is_there_is_written_over() {
    // As one that a killed service left behind; units of `generate systemd --new` say both options.
    let run = || {
        host().alice(&format!(
            "cd && pontoon run -d --replace --name left --stop-timeout 1 --cidfile left.cid {B} sleep 1000"
        ))
    };
    host().alice("cd && echo stale >left.cid").ok();
    let first = run().ok();
    host().alice("cat ~/left.cid").ok().prints(first.text());
    let second = run().ok();
    assert_ne!(first.text(), second.text());
    host().alice("cat ~/left.cid").ok().prints(second.text());
    pontoon("rm -f -t 0 left").ok();
    host().alice("! test -e ~/left.cid").ok();
}

#[test]
fn words_we_do_not_have_are_refused_by_name() {
    pontoon("run --bogus $B true").fails(125).warns("--bogus");
    pontoon("bogus").fails(125).warns("bogus");
    pontoon("run").fails(125);
    // Known to the original, and not here: a clear word, no half of it.
    pontoon("run --rm --cpu-rt-runtime 1 $B true").fails(125).warns("--cpu-rt-runtime");
}

#[test]
fn a_device_that_is_not_there_is_missed_before_anything_is_made() {
    for option in ["--device-read-bps /dev/nosuch:1mb", "--device-write-iops /dev/null:5"] {
        pontoon(&format!("run -d --name undevised {option} $B true"))
            .fails(125)
            .warns("is not a block device of this host");
        pontoon("container exists undevised").fails(1);
    }
    pontoon("pod create --name undevised --device-read-bps /dev/nosuch:1mb")
        .fails(125)
        .warns("is not a block device of this host");
    pontoon("pod exists undevised").fails(1);
}

#[test]
fn limits_that_limit_nothing_are_as_good_as_not_said() {
    for words in [
        "--cpus 0",
        "--cpus=0.0",
        "--memory 0",
        "--memory=0b",
        "--memory-swap 0",
        "--memory-swap -1",
        "--memory-reservation 0",
        "--cpu-period 0",
        "--cpu-quota 0",
        "--cpu-quota -1",
        "--oom-kill-disable=false",
        "--memory-swappiness=-1",
        "--cpu-rt-period 0",
    ] {
        pontoon(&format!("run --rm {words} $B echo ran")).ok().prints("ran");
    }
    pontoon("--remote=false ps --quiet").ok();
    pontoon("pod create --name unlimited --cpus 0 --memory 0 --memory-swap -1").ok();
    pontoon("run --rm --pod unlimited $B echo ran").ok().prints("ran");
    pontoon("pod rm -f -t 0 unlimited").ok();
    pontoon("create --name unlimited $B true").ok();
    for words in ["--cpus 0", "--memory 0", "--cpu-quota -1", "--memory-swappiness=-1"] {
        pontoon(&format!("update {words} unlimited")).ok();
    }
    pontoon("rm unlimited").ok();
}

#[test]
fn an_empty_group_is_the_users_own_alone() {
    let _alone = alone();
    let host = host();
    let ids = |words: &str| host.alice(&format!("pontoon {words} id -G")).ok().text().to_owned();
    assert_eq!(ids(&format!("run --rm --network none --user www: {B}")), "33");
    assert_eq!(ids(&format!("run --rm --network none --user 33: --group-add 5 {B}")), "33 5");
    assert_eq!(ids(&format!("run --rm --network none --user www {B}")), "33 10");
    host.alice(&format!("pontoon -D run --rm --network none --user :5005 {B} tail -1 /etc/group"))
        .ok()
        .prints("5005:x:5005:");
    host.alice(&format!("pontoon run -d --name empty-group --network none --stop-timeout 0 {B} sleep 1000"))
        .ok();
    assert_eq!(ids("exec --user www: empty-group"), "33 10");
    host.alice("pontoon rm -f -t 0 empty-group").ok();
    // What comes later has its own group once.
    host.alice(&format!("pontoon run -d --name empty-group --network none --stop-timeout 0 --user 1000:1000 --group-add 20 {B} sleep 1000"))
        .ok();
    for (options, groups) in [("", "Groups:\t20"), ("--user 1001:1001", "Groups:"), ("--user 0", "Groups:")] {
        let said = host.alice(&format!("pontoon exec {options} empty-group grep ^Groups: /proc/self/status"));
        assert_eq!(said.ok().stdout.trim_end(), groups, "{options}");
    }
    host.alice("pontoon rm -f -t 0 empty-group").ok();
}
