//! Commands and supervisors that are killed at any moment: the next command finds a state that it understands, and cleans up.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::tree::{Traces, assert_nothing_left};
use pontoon_tests::{B, alone, host_with_busybox};

/// Lifecycles, half of them cut off in the command and half in the supervisor. `LIFECYCLES=500` for a long run.
fn lifecycles() -> u32 {
    std::env::var("LIFECYCLES").ok().and_then(|it| it.parse().ok()).unwrap_or(80)
}

/// One lifecycle: containers of several kinds are made, started, checked, restarted, removed; meanwhile something is killed.
/// The moments are spread over the time that a start takes, and change from round to round.
const ROUND: &str = r#"
round=$1
delay=$(printf '0.%03d' $((round * 7 % 90)))
name=crash$((round % 5))
case $((round % 6)) in
0) options="-d" ;;
1) options="-d --rm" ;;
2) options="-d --restart always" ;;
3) options="-d --health-cmd true --health-interval 10ms" ;;
4) options="--rm" ;;
5) options="-d --network none -v crash-vol:/v -v /anonymous" ;;
esac
pontoon run --replace --name $name --stop-timeout 0 $options $B sleep 0.3 >/dev/null 2>&1 &
command=$!
sleep $delay
if [ $((round % 2)) = 0 ]; then
    kill -9 $command 2>/dev/null
else
    pkill -9 -u alice pontoon-monito
fi
wait $command 2>/dev/null
# Whatever there is now, each of these understands it.
pontoon ps -a >/dev/null || echo "round $round: ps fails"
case $((round % 4)) in
0) pontoon start $name >/dev/null 2>&1 ;;
1) timeout 20 pontoon stop -t 0 -i $name >/dev/null || echo "round $round: stop fails" ;;
2) timeout 20 pontoon rm -f -i -t 0 $name >/dev/null || echo "round $round: rm fails" ;;
3) pontoon inspect $name >/dev/null 2>&1 ;;
esac
true
"#;

#[test]
fn nothing_is_left_of_lifecycles_that_are_cut_off() {
    let host = host_with_busybox();
    let _alone = alone();
    host.alice("pontoon rm -f -t 0 -a; pontoon volume prune -f").ok();
    let before = Traces::of(host, "alice");
    let rounds = lifecycles();
    let run = host
        .entry("alice")
        .env("ROUND", ROUND)
        .env("B", B)
        .sh(&format!("for i in $(seq {rounds}); do bash -c \"$ROUND\" round $i; done"));
    assert_eq!(run.ok().stdout, "");
    host.alice("timeout 60 pontoon rm -f -t 0 -a").ok();
    host.alice(
        "pontoon volume rm -f crash-vol; pontoon volume prune -f; pontoon ps -aq; pontoon volume ls -q",
    )
    .ok();
    host.alice("pontoon ps -aq").ok().prints("");
    host.alice("pontoon volume ls -q --filter anonymous=true").ok().prints("");
    assert_nothing_left(host, "alice", &before);
}

/// As many starts at once as `STARTS` says (800 have been tried; a check makes fewer): all succeed, and nothing is left.
#[test]
fn many_starts_at_once_all_succeed() {
    let host = host_with_busybox();
    let _alone = alone();
    let starts: u32 = std::env::var("STARTS").ok().and_then(|it| it.parse().ok()).unwrap_or(120);
    let script = format!(
        "for i in $(seq {starts}); do (pontoon run --rm --network none {B} true || echo failed) & done; wait
         for i in $(seq 100); do [ -z \"$(systemctl --user list-units --no-legend 'pontoon-*.scope')\" ] && break; sleep 0.1; done
         pontoon ps -aq; systemctl --user list-units --no-legend 'pontoon-*.scope'; ls ~/.local/share/pontoon/containers | grep -v names"
    );
    let seen = host.entry("alice").limit(std::time::Duration::from_secs(500)).sh(&script);
    assert!(seen.stdout.is_empty() && seen.stderr.is_empty(), "{seen:?}");
}
