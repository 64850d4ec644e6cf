//! What a container may say to systemd for itself (`Notify=yes`): each word that is let through does what sd_notify(3) says.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, TestHost, alone, host_with_busybox};

/// A service whose payload says to systemd what it is told to say; its file goes at the end.
struct Speaker<'h> {
    host: &'h TestHost,
    alice: Manager<'h>,
    name: &'static str,
}

impl<'h> Speaker<'h> {
    fn new(host: &'h TestHost, name: &'static str, first: &str, service: &str) -> Self {
        let alice = Manager::of(host, "alice");
        let text = format!(
            "[Container]\nImage={B}\nContainerName={name}\nNotify=yes\nNetwork=none\nStopTimeout=0\n\
             Volume=/srv/payload:/payload:ro\n\
             Exec=sh -c 'mkfifo /words; exec 9<>/words; {first}; while read -r line <&9 && test \"$line\" != end; do /payload notify \"$line\"; done'\n\n\
             [Service]\n{service}\n"
        );
        alice.add(&format!("{name}.container"), &text.replace('$', "$$"));
        Self { host, alice, name }
    }

    fn says(&self, words: &str) {
        self.host.alice(&format!("pontoon exec {} sh -c 'echo \"{words}\" >/words'", self.name)).ok();
    }

    #[track_caller]
    fn becomes(&self, property: &str, value: &str) {
        self.alice.until_property(self.name, property, value);
    }
}

impl Drop for Speaker<'_> {
    fn drop(&mut self) {
        let _ = self.alice.systemctl(&format!("stop {0}; systemctl --user reset-failed {0}", self.name));
        self.alice.remove(&format!("{}.container", self.name));
    }
}

#[test]
fn a_payload_tells_how_it_is() {
    let host = host_with_busybox();
    let _alone = alone();
    let it = Speaker::new(host, "teller", ":", "");
    it.alice.systemctl("start --no-block teller").ok();
    // It runs, and the start waits for its word.
    host.alice("until pontoon exec teller test -p /words; do sleep 0.1; done").ok();
    it.says("STATUS=no room;ERRNO=28");
    it.becomes("StatusText", "no room");
    it.becomes("StatusErrno", "28");
    assert_eq!(it.alice.property("teller", "ActiveState"), "activating");
    it.says("READY=1;STATUS=room enough");
    it.becomes("ActiveState", "active");
    it.becomes("StatusText", "room enough");
    // A reload of its own accord.
    it.says("RELOADING=1");
    it.becomes("ActiveState", "reloading");
    it.says("READY=1");
    it.becomes("ActiveState", "active");
    // An end of its own accord: systemd waits for it.
    it.says("STOPPING=1;STATUS=going");
    it.becomes("ActiveState", "deactivating");
    it.becomes("StatusText", "going");
    let _ = host.alice("pontoon exec teller sh -c 'echo end >/words'");
    it.becomes("ActiveState", "inactive");
    assert_eq!(it.alice.property("teller", "Result"), "success");
}

#[test]
fn a_payload_whose_run_is_a_volume_tells_it_too() {
    let host = host_with_busybox();
    let _alone = alone();
    let it = Speaker::new(host, "inrun", "/payload notify READY=1", "[Container]\nVolume=/run");
    it.alice.systemctl("start inrun").ok();
    it.becomes("ActiveState", "active");
}

#[test]
fn a_payload_asks_for_more_time_to_start() {
    let host = host_with_busybox();
    // A daemon-reload, which others need, makes systemd forget by how much time was extended.
    let _alone = alone();
    // The start's own time is over before it is ready.
    let slow = "/payload notify EXTEND_TIMEOUT_USEC=120000000; sleep 12; /payload notify READY=1";
    let it = Speaker::new(host, "slow", slow, "TimeoutStartSec=10");
    it.alice.start("slow");
    assert_eq!(it.alice.property("slow", "ActiveState"), "active");
}

#[test]
fn a_payload_tells_the_watchdog() {
    let host = host_with_busybox();
    let _alone = alone();
    let it = Speaker::new(host, "watched", "/payload notify READY=1", "WatchdogSec=1h");
    it.alice.start("watched");
    it.says("WATCHDOG=1");
    it.says("STATUS=that was all");
    it.becomes("StatusText", "that was all");
    assert_eq!(it.alice.property("watched", "ActiveState"), "active");
    // As though it had not spoken for all that time. Who has it say so may still be in the container when that ends.
    let _ = host.alice("pontoon exec watched sh -c 'echo WATCHDOG=trigger >/words'");
    it.becomes("Result", "watchdog");
}
