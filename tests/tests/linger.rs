//! Services and the end of the session.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, alone, host, wait};

#[test]
fn linger_is_told_enabled_and_disabled() {
    let _alone = alone();
    let host = host();
    let status = |user: &str| host.root(&format!("pontoon linger status {user}"));
    host.alice("pontoon linger status").ok().prints("yes");
    let carol = status("carol");
    assert_eq!(carol.text(), "no", "{carol:?}");
    host.root("pontoon linger enable carol").ok();
    host.root("test -e /var/lib/systemd/linger/carol").ok();
    status("carol").ok().prints("yes");
    host.root("pontoon linger disable carol").ok();
    host.root("test ! -e /var/lib/systemd/linger/carol").ok();
    // Her manager ends with that, in logind's own time.
    wait::until_true("carol's manager to end", || {
        host.root("test -d /run/user/1002 || loginctl --no-legend list-users | grep -q carol").code != 0
    });
    host.root("pontoon linger status nosuchuser").refused().warns("nosuchuser");
    host.root("pontoon linger bogus").refused();
}

#[test]
fn starting_without_linger_warns_on_a_terminal() {
    let _alone = alone();
    let host = host();
    // dave's manager runs, and logind has not noticed yet that he lingers no more.
    host.root("rm /var/lib/systemd/linger/dave").ok();
    host.sh_as("dave", &format!("pontoon create --name c --stop-timeout 0 {B} sleep 1000")).ok();
    let first = host.sh_as("dave", "script -qec 'pontoon start c' /dev/null").ok();
    assert!(first.stdout.contains("linger"), "{first:?}");
    let run = host.sh_as("dave", &format!("script -qec 'pontoon run -d --rm {B} true' /dev/null")).ok();
    assert!(run.stdout.contains("linger"), "{run:?}");
    let quiet = host.sh_as("dave", "pontoon stop -t 0 c >/dev/null; pontoon start c 2>&1").ok();
    assert!(!quiet.stdout.contains("linger"), "{quiet:?}");
    // With linger there is nothing to say.
    let lingering = host.alice(&format!("pontoon create --replace --name c --stop-timeout 0 {B} true >/dev/null; script -qec 'pontoon start c' /dev/null")).ok();
    assert!(!lingering.stdout.contains("linger"), "{lingering:?}");
    host.alice("pontoon rm -f -t 0 c").ok();
    host.sh_as("dave", "pontoon rm -f -t 0 c").ok();
    host.root("touch /var/lib/systemd/linger/dave").ok();
}

#[test]
fn by_hand_containers_end_with_the_user_manager() {
    let _alone = alone();
    let host = host();
    host.sh_as("dave", &format!("pontoon run -d --replace --name ends --stop-timeout 0 {B} sleep 1000")).ok();
    let pid = host.sh_as("dave", "pontoon inspect --format '{{.State.Pid}}' ends").ok();
    host.root("systemctl stop user@1003.service").ok();
    host.root(&format!("test ! -d /proc/{}", pid.text())).ok();
    host.root("systemctl start user@1003.service").ok();
    host.sh_as("dave", "pontoon ps -a --format '{{.Names}} {{.State}}'").ok().says("ends exited");
    host.sh_as("dave", "pontoon start ends && pontoon rm -f -t 0 ends").ok();
}
