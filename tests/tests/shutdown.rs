//! A machine that goes down: many containers end at once, each in the time that is its own.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::shared::fresh;
use pontoon_tests::{B, Manager, TestHost};

/// Containers of a user, and as many of the system.
const MANY: usize = 25;

/// One that takes three seconds to end, and leaves a line when it has ended as it wants to. One after the other, all of them
/// would take longer than any of them may.
fn slow(directory: &str) -> String {
    format!(
        "[Container]\nImage={B}\nContainerName=many-%i\nNetwork=none\nVolume={directory}:/ends\nStopTimeout=60\n\
         Exec=sh -c 'trap \"sleep 3; echo %i >>/ends/ended; exit 0\" TERM; sleep 10000 & wait'\n\n\
         [Service]\nTimeoutStartSec=300\nTimeoutStopSec=75\n"
    )
}

/// Starts them all at once.
fn start<'h>(host: &'h TestHost, user: &'h str, directory: &str) -> Manager<'h> {
    let manager = Manager::of(host, user);
    host.sh_as(user, &format!("pontoon pull -q {B} && mkdir -p {directory}")).ok();
    manager.add("many@.container", &slow(directory));
    manager.systemctl(&format!("start many@{{1..{MANY}}}")).ok();
    manager
}

/// All of them have ended in their own way, and none was killed.
#[track_caller]
fn have_ended(host: &TestHost, directory: &str, journal: &str) {
    let ended = host.root(&format!("sort -n {directory}/ended | tr '\\n' ' '")).ok();
    let all: String = (1..=MANY).map(|number| format!("{number} ")).collect();
    let said = host.root(&format!("journalctl --no-pager -o cat -n 200 {journal}")).stdout;
    assert_eq!(ended.stdout, all, "{said}");
    for word in ["timed out", "SIGKILL"] {
        assert!(!said.contains(word), "{said}");
    }
}

#[test]
fn all_containers_end_in_their_own_time_when_the_machine_goes_down() {
    let host = fresh();
    start(&host, "alice", "/home/alice/ends");
    let system = start(&host, "root", "/srv/ends");
    // What a shutdown stops: the users' managers with all that is theirs, and the system's services, all at once.
    host.root("systemctl stop user@1000.service").ok();
    have_ended(&host, "/home/alice/ends", "_UID=1000 + UNIT=user@1000.service");
    system.systemctl("stop 'many@*.service'").ok();
    have_ended(&host, "/srv/ends", "-u 'many@*.service'");
    let failed = host.root("systemctl --failed --no-legend --plain").ok();
    failed.prints("");
    host.root("pontoon ps -aq").ok().prints("");
    host.power_off();
}
