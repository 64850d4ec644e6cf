//! What each command makes of each state of a pod: exit code, and the state afterwards.
//!
//! The table is Podman's, of version 5.4 (`PONTOON_ORIGINAL=1` shows it), but for what is said of it.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, TestHost, alone, host_with_busybox};

/// A state, and what brings a pod of two containers there.
const STATES: [(&str, &str); 6] = [
    ("Created", "true"),
    ("Running", "pontoon pod start p"),
    ("Degraded", "pontoon pod start p; pontoon stop -t 0 p2"),
    ("Exited", "pontoon pod start p; pontoon pod stop -t 0 p"),
    ("Paused", "pontoon pod start p; pontoon pod pause p"),
    ("Stopped", "pontoon pod start p; pontoon stop -t 0 p2; pontoon pause p1"),
];

/// A command, and what comes of it from each of these states: all of them succeed, but for those with an exclamation mark,
/// which end with 125.
const COMMANDS: [(&str, [&str; 6]); 8] = [
    ("start", ["Running", "Running", "Running", "Running", "Paused!", "Degraded!"]),
    // Podman waits for a paused container until somebody else lets it go on.
    ("stop -t 0", ["Created", "Exited", "Exited", "Exited", "Exited", "Exited"]),
    ("kill", ["Created", "Exited", "Exited", "Exited", "Exited", "Exited"]),
    ("pause", ["Created", "Paused", "Stopped", "Exited", "Paused", "Stopped"]),
    // Podman lets nobody go on in a pod of which only a part is paused.
    ("unpause", ["Created", "Running", "Degraded", "Exited", "Running", "Degraded"]),
    // Podman restarts nothing of a pod that is paused.
    ("restart", ["Running", "Running", "Running", "Running", "Running", "Running"]),
    // Podman removes what does not run, and then says that the rest does.
    ("rm", ["gone", "Running!", "Degraded!", "gone", "Paused!", "Stopped!"]),
    ("rm -f -t 0", ["gone", "gone", "gone", "gone", "gone", "gone"]),
];

fn state(host: &TestHost) -> String {
    host.alice("pontoon pod inspect --format '{{.State}}' p 2>/dev/null || echo gone").text().to_owned()
}

#[test]
fn each_command_makes_of_each_state_what_the_table_says() {
    let host = host_with_busybox();
    let _alone = alone();
    let member =
        |name: &str| format!("pontoon create --pod p --name {name} --stop-timeout 0 {B} sleep 10000");
    let mut faults = Vec::new();
    for (command, outcomes) in COMMANDS {
        for ((from, way), expected) in STATES.iter().zip(outcomes) {
            let (first, second) = (member("p1"), member("p2"));
            host.alice(&format!("pontoon pod create --infra=false --name p; {first}; {second}; {way}")).ok();
            assert_eq!(state(host), *from, "{way}");
            let ended = host.alice(&format!("pontoon pod {command} p")).no_panic();
            let mark = match ended.code {
                0 => "",
                125 => "!",
                _ => "?",
            };
            let now = state(host);
            let now = now.lines().last().unwrap_or_default();
            if format!("{now}{mark}") != expected {
                faults.push(format!("{command} of {from}: {now}{mark} instead of {expected}\n{ended:?}"));
            }
            host.alice("pontoon pod rm -f -t 0 p").ok();
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
