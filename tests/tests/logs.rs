//! `logs` of files: parts of lines, logs that are full, containers that start again.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Gone, Output, alone, host_with_busybox as host, wait};

fn sh(script: &str) -> Output {
    host().entry("alice").env("B", B).sh(script)
}

#[test]
fn a_question_is_in_the_log_before_it_is_answered() {
    let _alone = alone();
    let _gone = Gone(host(), "asks");
    sh("pontoon run -d -i --name asks --stop-timeout 0 --log-driver k8s-file $B sh -c 'printf \"Password: \"; read it; echo no; echo; printf end'").ok();
    wait::until("the question", || {
        let said = sh("pontoon logs asks");
        if said.stdout == "Password: " { Ok(()) } else { Err(format!("{said:?}")) }
    });
    sh("(echo x; sleep 1) | pontoon attach asks >/dev/null; pontoon wait asks").ok();
    assert_eq!(sh("pontoon logs asks").ok().stdout, "Password: no\n\nend");
    // Parts are no lines.
    assert_eq!(sh("pontoon logs --tail 3 asks").ok().stdout, "Password: no\n\nend");
    assert_eq!(sh("pontoon logs --tail 2 asks").ok().stdout, "\nend");
}

#[test]
fn who_follows_a_log_goes_on_in_the_next() {
    let _alone = alone();
    let _gone = Gone(host(), "full");
    let script =
        "for i in $(seq 150); do echo line $i of many, and long enough to fill a log; sleep 0.02; done";
    host()
        .entry("alice")
        .env("SCRIPT", script)
        .sh(&format!("pontoon run -d --name full --stop-timeout 0 --log-driver k8s-file --log-opt max-size=2kb {B} sh -c \"$SCRIPT\""))
        .ok();
    let followed = sh("pontoon logs -f full | wc -l").ok();
    let lines: u32 = followed.text().parse().unwrap();
    // Some may have been written and put aside twice between two looks.
    assert!(lines > 100, "{followed:?}");
}

#[test]
fn who_follows_a_container_follows_it_through_its_restarts() {
    let _alone = alone();
    for driver in ["k8s-file", "journald"] {
        let _gone = Gone(host(), "again");
        sh(&format!("pontoon run -d --name again --restart=always --stop-timeout 0 --log-driver {driver} $B sh -c 'echo run; sleep 0.5; exit 1'")).ok();
        let runs = sh("timeout 12 pontoon logs -f again | head -3").ok();
        assert_eq!(runs.stdout, "run\nrun\nrun\n", "{driver}: {runs:?}");
        // It ends when there is no next run.
        sh("(sleep 1; pontoon stop again >/dev/null) & timeout 20 pontoon logs -f again >/dev/null").ok();
    }
}

#[test]
fn times_are_those_of_the_host_with_nine_digits() {
    let _alone = alone();
    for driver in ["k8s-file", "journald"] {
        let _gone = Gone(host(), "timed");
        sh(&format!("pontoon run --name timed --network none --log-driver {driver} $B echo one")).ok();
        let time = |zone: &str| {
            let line = sh(&format!("TZ={zone} pontoon logs -t timed")).ok().stdout;
            let time = line.strip_suffix(" one\n").unwrap_or_else(|| panic!("{driver}: {line}")).to_owned();
            let (_, fraction) = time.split_once('.').unwrap();
            assert_eq!(fraction.find(['Z', '+', '-']), Some(9), "{driver}: {time}");
            time
        };
        assert!(time("UTC").ends_with('Z'), "{driver}");
        assert!(time("Asia/Kolkata").ends_with("+05:30"), "{driver}");
        assert!(time("America/St_Johns").ends_with("-03:30"), "{driver}");
        let seconds = |zone: &str| sh(&format!("date -d '{}' +%s.%N", time(zone))).ok().stdout;
        assert_eq!(seconds("UTC"), seconds("Asia/Kolkata"), "{driver}");
    }
}

/// As distrobox follows the start of a box.
#[test]
fn who_follows_from_a_moment_on_reads_to_the_end() {
    let _alone = alone();
    for driver in ["k8s-file", "journald"] {
        let _gone = Gone(host(), "since");
        let script = format!(
            "pontoon create -q --name since --network none --log-driver {driver} $B sh -c 'for i in $(seq 3000); do echo $i; done; exit 1' >/dev/null
            from=$(date -u +%FT%T).000000000+00:00
            for turn in 1 2 3 4; do pontoon start since >/dev/null; pontoon logs --since $from -f since 2>&1 | tail -n 1; done"
        );
        sh(&script).ok().prints("3000\n3000\n3000\n3000");
    }
}

#[test]
fn a_journal_that_stands_still_does_not_hold_commands_up_and_gets_all_in_the_end() {
    let _alone = alone();
    let _gone = Gone(host(), "still");
    let goes_on = GoesOn;
    host().entry("root").sh("kill -STOP $(systemctl show -P MainPID systemd-journald)").ok();
    // More than a socket and a pipe hold.
    let long = "x".repeat(100);
    let writes = format!(
        "i=0; while [ $i -lt 4000 ]; do i=$((i+1)); echo line $i {long}; done; echo done > /tmp/done; sleep 60"
    );
    host()
        .entry("alice")
        .env("WRITES", &writes)
        .sh(&format!("timeout 20 pontoon run -d --name still --stop-timeout 1 --log-driver journald {B} sh -c \"$WRITES\""))
        .ok();
    let asked = sh("timeout 20 pontoon exec still test -e /tmp/done; echo $?").ok();
    assert_eq!(asked.text(), "1", "the payload writes faster than the journal takes: {asked:?}");
    drop(goes_on);
    wait::until("all that was written", || {
        let said = sh("pontoon logs still");
        if said.stdout.lines().last() == Some(&*format!("line 4000 {long}")) {
            Ok(said)
        } else {
            Err(format!("{said:?}"))
        }
    });
    let said = sh("pontoon logs still").ok();
    let expected: Vec<String> = (1..=4000).map(|it| format!("line {it} {long}")).collect();
    assert_eq!(said.stdout.lines().collect::<Vec<_>>(), expected);
    // One that never goes on again does not keep the container for ever.
    host().entry("root").sh("kill -STOP $(systemctl show -P MainPID systemd-journald)").ok();
    let _goes_on = GoesOn;
    sh("timeout 60 pontoon restart still && timeout 60 pontoon stop still").ok();
}

/// The journal goes on, however the test ends.
struct GoesOn;

impl Drop for GoesOn {
    fn drop(&mut self) {
        let _ = host().entry("root").sh("kill -CONT $(systemctl show -P MainPID systemd-journald)");
    }
}
