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
