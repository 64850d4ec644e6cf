//! Attaching to containers that run, and leaving them again.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, alone, host_with_busybox, wait};

#[test]
fn what_is_written_and_read_goes_through() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "talk");
    let script = "while read line; do echo got $line; echo err $line >&2; [ $line = end ] && exit 7; done";
    host.entry("alice")
        .env("SCRIPT", script)
        .sh(&format!("pontoon run -d -i --name talk --stop-timeout 0 {B} sh -c \"$SCRIPT\""))
        .ok();
    let talk = host.alice("(echo one; echo end; sleep 5) | pontoon attach talk 2>~/err; code=$?; cat ~/err; rm ~/err; exit $code").fails(7);
    assert_eq!(talk.stdout, "got one\ngot end\nerr one\nerr end\n");
    let over = host.alice("pontoon attach talk").fails(125);
    assert!(over.stderr.contains("only one that runs"), "{}", over.stderr);
    // Two see the same, and the log has it, too.
    host.alice("pontoon start talk").ok();
    let both = host.alice("pontoon attach --no-stdin talk >~/a & (sleep 1; echo end) | pontoon attach talk >~/b; wait; cat ~/a ~/b; rm ~/a ~/b").ok();
    assert!(both.stdout.matches("got end").count() == 2, "{}", both.stdout);
    assert_eq!(host.alice("pontoon logs talk 2>/dev/null | grep -c 'got end'").ok().text(), "2");
    // What reads nothing is only looked at.
    let _other = Gone(host, "mute");
    host.alice(&format!(
        "pontoon run -d --name mute --stop-timeout 0 {B} sh -c 'sleep 2; echo said; exit 3'"
    ))
    .ok();
    host.alice("pontoon start --attach mute").fails(3).says("said");
}

#[test]
fn what_was_made_with_an_input_has_ours_when_it_is_started() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = ["reads", "deaf"].map(|name| Gone(host, name));
    host.alice(&format!("pontoon create -i --name reads {B} cat; pontoon create --name deaf {B} cat")).ok();
    host.alice("echo piped | timeout 20 pontoon start --attach reads").ok().prints("piped");
    host.alice("pontoon init reads >/dev/null; echo held | timeout 20 pontoon start --attach reads")
        .ok()
        .prints("held");
    host.alice("echo piped | timeout 20 pontoon start --attach deaf").ok().prints("");
}

#[test]
fn one_that_is_just_ending_is_started_once_more() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "brief");
    host.alice(&format!("pontoon create --name brief {B} true")).ok();
    let again = "for i in 1 2 3 4 5 6; do pontoon start brief >/dev/null && timeout 20 pontoon start -a brief || exit; done";
    host.alice(again).ok();
}

#[test]
fn keys_leave_a_container_that_goes_on() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "shell");
    host.alice(&format!("pontoon run -d -it --name shell --stop-timeout 0 {B} sh")).ok();
    let typed = |text: &str, keys: &str, command: &str| {
        host.entry("alice")
            .env("TEXT", text)
            .env("KEYS", keys)
            .env("COMMAND", command)
            .sh("(sleep 1; printf \"$TEXT\"; sleep 1; printf \"$KEYS\"; sleep 1) | timeout 20 script -qec \"$COMMAND\" /dev/null")
    };
    typed("echo a$((1+1))c\\n", "\\020\\021", "pontoon attach shell").ok().says("a2c");
    typed("echo b$((1+1))c\\n", "\\030", "pontoon attach --detach-keys ctrl-x shell").ok().says("b2c");
    typed("echo e$((1+1))c\\n", "\\030", "pontoon exec -it --detach-keys ctrl-x shell sh").ok().says("e2c");
    let _ran = Gone(host, "left");
    typed("", "\\030", &format!("pontoon run -it --name left --stop-timeout 0 --detach-keys ctrl-x {B} sh"))
        .ok();
    for name in ["shell", "left"] {
        assert_eq!(
            host.alice(&format!("pontoon inspect --format '{{{{.State.Status}}}}' {name}")).ok().text(),
            "running"
        );
    }
    typed("exit 5\\n", "", "pontoon attach shell").fails(5);
    let wrong = host.alice("pontoon attach --detach-keys bogus shell").fails(125);
    assert!(wrong.stderr.contains("`bogus` is no key"), "{}", wrong.stderr);
}

/// What a container's terminal has worked up is not worked up once more by ours.
#[test]
fn lines_of_a_terminal_end_once() {
    let host = host_with_busybox();
    let _gone = Gone(host, "lines");
    let shown = |command: &str| {
        let seen =
            host.entry("alice").env("COMMAND", command).sh("script -qec \"$COMMAND\" /dev/null </dev/null");
        seen.ok().stdout
    };
    assert_eq!(
        shown(&format!("pontoon run -t --name lines {B} sh -c 'echo one; echo two'")),
        "one\r\ntwo\r\n"
    );
    assert_eq!(shown("pontoon start -a lines"), "one\r\ntwo\r\n");
    assert_eq!(shown("pontoon run --rm -t localhost:5000/busybox true; echo after"), "after\r\n");
}

/// Who only looks on has not said that it is not wanted any more.
#[test]
fn a_signal_that_is_handed_on_lets_a_service_be_started_anew() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "service");
    let script = "trap 'exit 5' TERM; sleep 10000 & wait";
    host.entry("alice")
        .env("SCRIPT", script)
        .sh(&format!("pontoon run -d --restart always --name service --stop-timeout 0 {B} sh -c \"$SCRIPT\""))
        .ok();
    host.alice("sleep 1; pontoon attach service </dev/null & attached=$!; sleep 1; kill -TERM $attached; wait $attached")
        .fails(5);
    let seen = "pontoon inspect --format '{{.State.Status}} {{.RestartCount}}' service";
    wait::until_true("it to run again", || host.alice(seen).text() == "running 1");
    // Unlike one that was sent by a command.
    host.alice("sleep 1; pontoon kill --signal TERM service").ok();
    wait::until_true("it to end", || host.alice(seen).text().starts_with("exited"));
}

#[test]
fn who_does_not_read_does_not_hold_the_container_up() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "loud");
    host.alice(&format!("pontoon run -d -i --name loud --log-driver none --stop-timeout 0 {B} sh -c 'read go; head -c 20000000 /dev/zero; touch /done; sleep 10000'")).ok();
    let behind = host.alice(
        "(sleep 1; echo go; sleep 3) | pontoon attach loud | (sleep 4; wc -c) ; exit ${PIPESTATUS[1]}",
    );
    pontoon_tests::wait::until_true("the container to be done", || {
        host.alice("pontoon exec loud test -e /done").code == 0
    });
    assert!(behind.code == 0 || behind.stderr.contains("faster than it is read"), "{}", behind.stderr);
    // It is told also if the container has ended before it reads on.
    let _soon = Gone(host, "soon");
    host.alice(&format!(
        "pontoon run -d -i --name soon --log-driver none {B} sh -c 'read go; head -c 20000000 /dev/zero'"
    ))
    .ok();
    host.alice(
        "(sleep 1; echo go; sleep 3) | pontoon attach soon | (sleep 4; wc -c) ; exit ${PIPESTATUS[1]}",
    )
    .fails(125)
    .warns("faster than it is read")
    .warns("pontoon logs -f soon");
}

#[test]
fn who_cannot_write_what_is_seen_says_so_and_the_container_goes_on() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = ["talks", "shows"].map(|name| Gone(host, name));
    let script = "while :; do echo said; sleep .2; done";
    for (name, terminal) in [("talks", ""), ("shows", "-t")] {
        host.entry("alice")
            .env("SCRIPT", script)
            .sh(&format!("pontoon run -d {terminal} --name {name} --stop-timeout 0 {B} sh -c \"$SCRIPT\""))
            .ok();
        host.alice(&format!("timeout 20 pontoon attach {name} </dev/null >/dev/full"))
            .fails(125)
            .warns("No space left on device")
            .warns(&format!("pontoon logs {name}"));
        assert_eq!(
            host.alice(&format!("pontoon inspect --format '{{{{.State.Status}}}}' {name}")).ok().text(),
            "running"
        );
    }
}

#[test]
fn a_process_goes_on_when_its_terminal_cannot_be_shown() {
    let host = host_with_busybox();
    let _alone = alone();
    let _gone = Gone(host, "holds");
    host.alice(&format!("pontoon run -d --name holds --stop-timeout 0 {B} sleep 10000")).ok();
    // More than a terminal holds: somebody must go on reading, or it never ends.
    host.alice("timeout 20 pontoon exec -t holds sh -c 'seq 1 100000; touch /full' >/dev/full")
        .fails(255)
        .warns("No space left on device");
    host.alice(
        "timeout 20 pontoon exec -t holds sh -c 'seq 1 100000; touch /unread' | head -1; exit ${PIPESTATUS[0]}",
    )
    .fails(141);
    for file in ["/full", "/unread"] {
        pontoon_tests::wait::until_true("the process to be done", || {
            host.alice(&format!("pontoon exec holds test -e {file}")).code == 0
        });
    }
}

#[test]
fn descriptors_are_handed_on() {
    let host = host_with_busybox();
    let run = |options: &str, script: &str| {
        host.entry("alice")
            .env("SCRIPT", script)
            .sh(&format!("pontoon run --rm {options} {B} sh -c \"$SCRIPT\" 3<<<three 4<<<four 5<<<five"))
    };
    run("--preserve-fds 2", "cat <&3 <&4; cat <&3; ls /proc/self/fd | tr '\\n' ' '").ok().says("four\nthree");
    // Nothing but what was asked for, and nothing of ours.
    // (The last one is the directory that is listed.)
    run("--preserve-fds 1", "exec ls /proc/self/fd").ok().prints("0\n1\n2\n3\n4");
    run("", "exec ls /proc/self/fd").ok().prints("0\n1\n2\n3");
    let missing = run("--preserve-fds 9", "true").fails(125);
    assert!(missing.stderr.contains("descriptor 6 is not open"), "{}", missing.stderr);
    // What the service manager listens on.
    host.alice(&format!(
        "exec 3<<<socket; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec pontoon run --rm {B} \
         sh -c 'echo $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES; cat <&3'"
    ))
    .ok()
    .prints("1 1 web\nsocket");
    host.alice(&format!("LISTEN_PID=1 LISTEN_FDS=7 pontoon run --rm {B} sh -c 'echo none$LISTEN_FDS'"))
        .ok()
        .prints("none");
}

#[test]
fn what_else_is_open_is_not_kept_by_what_runs_on() {
    let host = host_with_busybox();
    // Who reads from such a pipe reads its end, though the container runs.
    for options in ["", "--network slirp4netns", "--sdnotify conmon --restart always"] {
        let run = format!("pontoon run -d --name open {options} {B} sleep 1000 3>&1 9>&1 | cat");
        host.alice(&format!("timeout 60 bash -c '{run}'")).ok();
        host.alice("timeout 60 bash -c 'pontoon restart -t 0 open 3>&1 9>&1 | cat'").ok().says("open");
        host.alice("timeout 60 bash -c 'pontoon stop -t 0 open && pontoon start open 3>&1 9>&1 | cat'").ok();
        host.alice("pontoon inspect -f '{{.State.Status}}' open").ok().prints("running");
        host.alice("pontoon rm -f -t 0 open").ok();
    }
    // And what is the container's is not the network's.
    host.alice(&format!(
        "echo kept >/tmp/kept; pontoon run -d --name open --network slirp4netns --preserve-fds 1 {B} sleep 1000 3</tmp/kept"
    ))
    .ok();
    let holders = "find /proc/[0-9]*/fd -lname /tmp/kept 2>/dev/null | cut -d/ -f3 \
                   | while read pid; do cat /proc/$pid/comm; done";
    let holders = host.alice(holders).stdout;
    assert!(holders.contains("sleep") && !holders.contains("slirp"), "{holders}");
    host.alice("pontoon rm -f -t 0 open").ok();
}
