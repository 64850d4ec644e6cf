//! Who calls: masks and signals that are inherited, readers that go away, terminals with a size.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, Output, alone, host_with_busybox as host, wait};

fn sh(script: &str) -> Output {
    host().entry("alice").env("B", B).sh(script)
}

fn root(script: &str) -> Output {
    host().root(&format!("pontoon image exists {B} || pontoon pull -q {B} >/dev/null")).ok();
    host().entry("root").env("B", B).sh(script)
}

fn is_gone(name: &str) {
    wait::until_true(&format!("{name} to be gone"), || {
        sh(&format!("pontoon container exists {name}")).code == 1
    });
}

#[test]
fn the_caller_s_mask_says_nothing_about_what_is_in_the_container() {
    let _alone = alone();
    sh("mkdir -p ~/masked; echo text >~/masked/file; chmod 755 ~/masked; chmod 644 ~/masked/file; echo secret | pontoon secret create masked - >/dev/null").ok();
    let look = "stat -c %a /etc/hosts /etc/resolv.conf /etc/hostname /run/.containerenv /a /a/b /x; cat /run/secrets/masked /a/b/file /x/y/file";
    let seen = "644\n644\n644\n644\n755\n755\n755\nsecret\ntext\ntext";
    for mask in ["077", "0", "027"] {
        let mounts = "-v ~/masked/file:/a/b/file -v ~/masked:/x/y";
        sh(&format!("umask {mask}; pontoon run --rm --user 33 --secret masked {mounts} $B sh -c '{look}'"))
            .ok()
            .prints(seen);
    }
    // The container's own is what it always is.
    sh("umask 077; pontoon run --rm $B sh -c umask").ok().prints("0022");
    root("umask 077; pontoon run --rm --user 33 $B cat /etc/hostname >/dev/null").ok();
    sh("rm -r ~/masked; pontoon secret rm masked").ok();
}

#[test]
fn a_caller_who_ignores_its_children_has_containers_all_the_same() {
    let _alone = alone();
    sh("trap '' CHLD; pontoon run --rm $B echo ran; pontoon unshare echo ran").ok().prints("ran\nran");
    root("trap '' CHLD; pontoon run --rm $B echo ran").ok().prints("ran");
}

#[test]
fn one_that_is_to_vanish_ends_when_nobody_reads_it() {
    let _alone = alone();
    let script = r#"trap "exit 0" TERM; while :; do echo x; sleep 0.2; done"#;
    let run = |options: &str| {
        host()
            .entry("alice")
            .env("SCRIPT", script)
            .sh(&format!("pontoon run {options} {B} sh -c \"$SCRIPT\" | head -1; echo ${{PIPESTATUS[0]}}"))
    };
    run("--rm --name unread").ok().prints("x\n141");
    is_gone("unread");
    let _gone = Gone(host(), "kept");
    run("--name kept --stop-timeout 0").ok().prints("x\n141").warns("pontoon stop kept");
    sh("pontoon inspect --format '{{.State.Status}}' kept").ok().prints("running");
}

#[test]
fn all_signals_are_handed_on_unless_they_are_not_to_be() {
    let _alone = alone();
    let script = r#"for signal in 14 29 30 37; do trap "exit $((signal + 10))" $signal; done; echo ready; while :; do sleep 0.1; done"#;
    let run = |options: &str, signal: &str| {
        host().entry("alice").env("SCRIPT", script).sh(&format!(
            "pontoon run --rm --stop-timeout 0 --name signalled {options} {B} sh -c \"$SCRIPT\" >~/out 2>&1 & pid=$!
             until grep -q ready ~/out; do sleep 0.1; done; kill -{signal} $pid; wait $pid; code=$?; rm ~/out; exit $code"
        ))
    };
    for (signal, code) in [("ALRM", 24), ("IO", 39), ("PWR", 40), ("RTMIN+3", 47)] {
        run("", signal).fails(code);
    }
    // They are the client's own then.
    let script = "until pontoon exec lonely true 2>/dev/null; do sleep 0.1; done";
    let _gone = Gone(host(), "lonely");
    sh(&format!(
        "pontoon run --sig-proxy=false --name lonely --stop-timeout 0 $B sleep 1000 & pid=$!; {script}; kill -TERM $pid; wait $pid"
    ))
    .fails(143);
    sh("pontoon inspect --format '{{.State.Status}}' lonely").ok().prints("running");
}

#[test]
fn a_terminal_has_its_size_from_the_beginning() {
    let _alone = alone();
    let within = |command: &str| {
        host()
            .entry("alice")
            .env("COMMAND", command)
            .sh("script -qec \"stty rows 33 cols 77; $COMMAND\" /dev/null </dev/null")
    };
    for _ in 0..5 {
        within(&format!("pontoon run --rm -t {B} stty size")).ok().prints("33 77");
    }
    let _gone = Gone(host(), "sized");
    sh("pontoon run -d --name sized --stop-timeout 0 $B sleep 1000").ok();
    for _ in 0..5 {
        within("pontoon exec -t sized stty size").ok().prints("33 77");
    }
}

#[test]
fn what_was_begun_in_a_container_outlives_who_began_it() {
    let _alone = alone();
    let _gone = Gone(host(), "left");
    sh("pontoon run -d --name left --stop-timeout 0 $B sleep 1000").ok();
    let lives = |number: u32| {
        sh(&format!("sleep 1; pgrep -ax sleep | grep -q {number}")).ok();
    };
    // By keys, and by force; what it writes afterwards keeps nobody waiting.
    let loud = |number: u32| {
        format!("pontoon exec -it left sh -c 'sleep 2; head -c 300000 /dev/zero; exec sleep {number}'")
    };
    host()
        .entry("alice")
        .env("COMMAND", &loud(7001))
        .sh("(sleep 1; printf '\\020\\021'; sleep 1) | timeout 20 script -qec \"$COMMAND\" /dev/null")
        .ok();
    sh("sleep 3").ok();
    lives(7001);
    host()
        .entry("alice")
        .env("COMMAND", &loud(7002))
        .sh("(sleep 10) | script -qec \"$COMMAND\" /dev/null & sleep 1; pkill -KILL -f 'pontoon exe[c] -it'; sleep 3; kill $! 2>/dev/null; true")
        .ok();
    lives(7002);
}
