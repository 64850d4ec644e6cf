//! Everything that is wrong ends in a clear word and the right exit code, and leaves nothing behind.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::forge::{self, Liar};
use pontoon_tests::tar::Tar;
use pontoon_tests::tree::{Traces, assert_nothing_left};
use pontoon_tests::{Alone, B, Manager, Output, TestHost, alone, host_with_busybox, wait};
use serde_json::json;

/// alice as she is before a failure and has to be after it.
struct Untouched {
    host: &'static TestHost,
    traces: Traces,
    store: String,
    _alone: Alone,
}

impl Untouched {
    fn new() -> Self {
        let alone = alone();
        let host = host_with_busybox();
        // Nothing of a test that failed before, and everything that the first container of a user makes for good.
        host.entry("alice")
            .env("B", B)
            .sh("pontoon rm -f -t 0 -a; pontoon rmi -fa; pontoon pull -q $B && pontoon run --rm $B true")
            .ok();
        Self { host, traces: Traces::of(host, "alice"), store: Self::store(host), _alone: alone }
    }

    /// Names of all containers, images and volumes, and everything that lies about in the store beside them.
    fn store(host: &TestHost) -> String {
        host.alice(
            "pontoon ps -a --format '{{.Names}}' | sort; pontoon images --format '{{.Repository}}:{{.Tag}}' | sort
             pontoon volume ls -q | sort; cd ~/.local/share/pontoon && find . -maxdepth 2 | grep -v -e lock -e networks | sort",
        )
        .ok()
        .stdout
    }

    fn pontoon(&self, words: &str) -> Output {
        self.host.entry("alice").env("B", B).sh(&format!("pontoon {words}")).no_panic()
    }

    /// Runs the failing command and looks whether it left anything; then whether the next command works.
    #[track_caller]
    fn check(&self, words: &str, code: i32, word: &str) {
        self.pontoon(words).fails(code).warns(word);
        self.still_clean();
    }

    /// The next commands work, and after them nothing is there that was not there before.
    #[track_caller]
    fn still_clean(&self) {
        self.pontoon("run --rm $B true && pontoon pull -q $B").ok();
        assert_nothing_left(self.host, "alice", &self.traces);
        let store = Self::store(self.host);
        assert!(store == self.store, "before:\n{}\nafter:\n{store}", self.store);
    }
}

#[test]
fn images_that_cannot_be_had() {
    let alice = Untouched::new();
    alice.check("run --rm localhost:5000/nosuch true", 125, "localhost:5000/nosuch");
    alice.check("pull localhost:5000/busybox:nosuch", 125, "nosuch");
    alice.check("pull localhost:5998/busybox", 125, "localhost:5998");
    alice.check("run --rm localhost:5998/busybox true", 125, "connect");
    alice.check("run --rm nosuch:1 true", 125, "nosuch");
    alice.check("pull 'not a name'", 125, "not a name");
}

#[test]
fn a_registry_whose_bytes_are_wrong() {
    let alice = Untouched::new();
    let host = alice.host;
    let tree = || Tar::new().dir("bin", 0o755).file("bin/x", 0o755, b"#!/bin/true\n");

    // One layer replaced by other bytes of the same length.
    let layers = [tree().file("wrong", 0o644, &[b'w'; 5000]).done()];
    let reference = forge::image(host, "wrong", &layers, "");
    let blob = forge::blob_file(&forge::layer_digests(host, &reference)[0]);
    host.root(&format!(
        "size=$(stat -c %s {blob}); head -c $size /dev/urandom >{blob}.new && mv {blob}.new {blob}"
    ))
    .ok();
    alice.check(&format!("pull {reference}"), 125, "digest");

    // One layer cut short in its file: what arrives is what the registry says, and less than the manifest says.
    let layers = [tree().file("cut", 0o644, &[b'c'; 5000]).done()];
    let reference = forge::image(host, "cut", &layers, "");
    let blob = forge::blob_file(&forge::layer_digests(host, &reference)[0]);
    host.root(&format!("truncate -s -20 {blob}")).ok();
    alice.pontoon(&format!("pull {reference}")).fails(125);
    alice.still_clean();

    // The connection ends in the middle of a layer.
    let liar = Liar::start(host);
    let layer = tree().file("torn", 0o644, &[b't'; 50_000]).done();
    let manifest = liar.image("torn", &layer, &json!({}));
    let reference = liar.manifest("torn", &manifest);
    let digest = forge::digest(&layer);
    liar.serve(&format!("/v2/torn/blobs/{digest}"), &layer[..20_000], &json!({"length": layer.len()}));
    alice.pontoon(&format!("pull {reference}")).fails(125);
    alice.still_clean();

    // A stop signal that is none: what could never start is not made.
    let manifest = liar.image("mute", &tree().done(), &json!({"Cmd": ["/bin/x"], "StopSignal": "BOGUS"}));
    let reference = liar.manifest("mute", &manifest);
    alice.pontoon(&format!("create --name mute {reference}")).fails(125).warns("`BOGUS`");
    alice.pontoon(&format!("rmi {reference}")).ok();
    alice.still_clean();

    // The layer is whole, but not the one that the configuration speaks of.
    let mut manifest = liar.image("swapped", &tree().done(), &json!({}));
    let other =
        liar.blob("swapped", "application/vnd.oci.image.layer.v1.tar", &tree().file("o", 0o644, b"o").done());
    manifest["layers"][0] = other;
    alice.pontoon(&format!("pull {}", liar.manifest("swapped", &manifest))).fails(125);
    alice.still_clean();

    // The manifest is not what was asked for by digest.
    let body = manifest.to_string();
    let promised = forge::digest(b"something else");
    liar.serve(
        &format!("/v2/swapped/manifests/{promised}"),
        body.as_bytes(),
        &json!({"type": manifest["mediaType"]}),
    );
    alice.check(&format!("pull {}/swapped@{promised}", forge::LIAR), 125, "digest");

    // No JSON, and an endless answer.
    liar.serve(
        "/v2/junk/manifests/latest",
        b"<html>",
        &json!({"type": "application/vnd.oci.image.manifest.v1+json"}),
    );
    alice.pontoon(&format!("pull {}/junk", forge::LIAR)).fails(125);
    liar.serve(
        "/v2/huge/manifests/latest",
        &vec![b' '; 20_000_000],
        &json!({"type": "application/vnd.oci.image.manifest.v1+json"}),
    );
    alice.pontoon(&format!("pull {}/huge", forge::LIAR)).fails(125);
    alice.still_clean();
}

#[test]
fn a_tar_entry_that_climbs_out() {
    let alice = Untouched::new();
    let reference = forge::image(
        alice.host,
        "climber",
        &[Tar::new().file("../../../../tmp/climbed", 0o644, b"x").done()],
        "",
    );
    alice.pontoon(&format!("pull {reference}")).refused();
    alice.host.root("test ! -e /tmp/climbed").ok();
    alice.still_clean();
}

#[test]
fn commands_that_cannot_be_run() {
    let alice = Untouched::new();
    let empty = forge::image(alice.host, "empty", &[Tar::new().dir("etc", 0o755).done()], "");
    alice.pontoon(&format!("pull -q {empty}")).ok();
    alice.pontoon(&format!("run --rm {empty}")).refused();
    alice.pontoon(&format!("rmi {empty}")).ok();
    alice.check("run --rm $B nosuchcommand", 127, "nosuchcommand");
    alice.check("run --rm $B /nosuch/command", 127, "/nosuch/command");
    alice.check("run --rm $B /bin/plainfile", 126, "/bin/plainfile");
    alice.check("run --rm $B /data", 126, "/data");
    alice.check("run --rm --init $B nosuchcommand", 127, "nosuchcommand");
    alice.check("run -d --rm $B nosuchcommand", 127, "nosuchcommand");
    // Only a run tells so by its status.
    alice.pontoon("create --name nocommand $B nosuchcommand").ok();
    for words in ["start", "start --attach", "restart"] {
        alice.pontoon(&format!("{words} nocommand")).fails(125).warns("nosuchcommand");
    }
    alice.pontoon("rm nocommand").ok();
    alice.pontoon("run --rm $B /bin/badinterpreter").refused();
    alice.still_clean();
}

#[test]
fn names_and_ports_that_are_taken() {
    let alice = Untouched::new();
    alice.pontoon("run -d --name holder --stop-timeout 1 -p 8301:80 $B sleep 1000").ok();
    alice.pontoon("run --rm --name holder $B true").fails(125).warns("holder");
    alice.pontoon("create --name holder $B true").fails(125).warns("holder");
    alice.pontoon("run --rm --name second -p 8301:80 $B true").fails_before_the_command().warns("8301");
    alice.pontoon("run --rm -p 127.0.0.1:80:80 $B true").fails_before_the_command().warns("80");
    alice.pontoon("run --rm -p notaport $B true").fails(125).warns("notaport");
    alice.pontoon("run --rm -p 70000:80 $B true").fails(125).warns("70000");
    alice.pontoon("rm -f -t 0 holder").ok();
    alice.still_clean();
}

#[test]
fn options_that_make_no_sense() {
    let alice = Untouched::new();
    for (words, word) in [
        ("--env-file /nosuch", "/nosuch"),
        ("-e =x", "=x"),
        ("-v /nosuch:/x", "/nosuch"),
        ("-v /tmp:relative", "relative"),
        ("-v /tmp:/x:bogus", "bogus"),
        ("-v 'bad name:/x'", "bad name"),
        ("--cap-add NOSUCH", "NOSUCH"),
        ("--network bogus", "bogus"),
        ("--stop-signal BOGUS", "BOGUS"),
        ("--userns bogus", "bogus"),
        ("--name 'bad name'", "bad name"),
        ("--security-opt bogus", "bogus"),
        ("--tmpfs relative", "relative"),
        ("--memory bogus", "bogus"),
        ("--log-driver bogus", "log-driver"),
        ("--ulimit bogus=1", "bogus"),
    ] {
        alice.pontoon(&format!("run --rm {words} $B true")).fails(125).warns(word);
    }
    alice.pontoon("run --rm -u nosuch $B true").fails_before_the_command().warns("nosuch");
    alice.pontoon("run --rm -u dave:nosuch $B true").fails_before_the_command().warns("nosuch");
    alice.pontoon("run --rm -u 99999999 $B true").fails_before_the_command().warns("99999999");
    alice.pontoon("run --rm -w /nosuch $B pwd").fails_before_the_command().warns("/nosuch");
    // Unreadable, not absent.
    let _ = alice.host.root("install -m 600 /dev/null /tmp/unreadable");
    alice.check("run --rm --env-file /tmp/unreadable $B true", 125, "/tmp/unreadable");
}

#[test]
fn a_user_without_a_range_of_ids() {
    let _alone = alone();
    let host = host_with_busybox();
    let bob = |script: &str| host.sh_as("bob", script).no_panic();
    // With one id, images of one owner work; a chown to somebody else cannot.
    let reference = forge::image(
        host,
        "oneowner",
        &[Tar::new()
            .dir("bin", 0o755)
            .file("bin/sh", 0o755, &std::fs::read(host.path("/usr/bin/busybox")).unwrap())
            .done()],
        "",
    );
    bob(&format!("pontoon run --rm {reference} /bin/sh -c 'echo alone; id -u'")).ok().says("alone\n0");
    let map = bob("pontoon unshare cat /proc/self/uid_map").ok();
    assert_eq!(map.stdout.split_whitespace().collect::<Vec<_>>(), ["0", "1001", "1"]);
    bob(&format!("pontoon run --rm -u 33 {reference} /bin/sh -c true")).refused().warns("subuid");
    bob("pontoon info").ok();
}

#[test]
fn helpers_that_are_missing_or_broken() {
    let _alone = alone();
    let host = pontoon_tests::shared::fresh();
    let alice = |script: &str| host.entry("alice").env("B", B).sh(script).no_panic();
    alice("pontoon pull -q $B").ok();
    host.root("mv /usr/bin/newuidmap /usr/bin/newuidmap.away").ok();
    alice("pontoon run --rm $B true").refused().warns("newuidmap");
    host.root("mv /usr/bin/newuidmap.away /usr/bin/newuidmap; chmod u-s /usr/bin/newuidmap; setcap -r /usr/bin/newuidmap 2>/dev/null; true").ok();
    alice("pontoon run --rm $B true").refused().warns("newuidmap");
    host.root("chmod u+s /usr/bin/newuidmap").ok();
    alice("pontoon run --rm $B true").ok();

    host.root("mv /usr/bin/pasta /usr/bin/pasta.away").ok();
    // slirp4netns stands in, unless pasta was asked for.
    alice("pontoon run --rm $B true").ok();
    alice("pontoon run --rm --network pasta $B true").refused().warns("pasta");
    host.root("mv /usr/bin/slirp4netns /usr/bin/slirp4netns.away").ok();
    alice("pontoon run --rm $B true").refused().warns("passt");
    alice("pontoon run --rm --network none $B true").ok();
    host.root("mv /usr/bin/pasta.away /usr/bin/pasta; ln -sf /bin/false /usr/bin/slirp4netns").ok();
    alice("pontoon run --rm --network slirp4netns $B true").refused().warns("slirp4netns");
    alice("pontoon run --rm $B true").ok();
    alice("pontoon ps -aq").ok().prints("");
}

#[test]
fn a_full_disk() {
    let _alone = alone();
    let host = host_with_busybox();
    // dave's store on a disk of its own, too small for nginx.
    host.root(
        "mkdir -p /home/dave/.local/share/pontoon && mount -t tmpfs -o size=20m,uid=1003,gid=1003,mode=700 small /home/dave/.local/share/pontoon",
    )
    .ok();
    let dave = |script: &str| host.sh_as("dave", script).no_panic();
    dave("pontoon pull localhost:5000/nginx").fails(125).warns("space");
    let used = host.root("du -sk /home/dave/.local/share/pontoon | cut -f1").ok();
    assert!(used.text().parse::<u64>().unwrap() < 1000, "a failed pull leaves {} kB", used.text());
    dave(&format!("pontoon run --rm {B} true")).ok();
    let full = dave(&format!("pontoon run --rm {B} sh -c 'cat /dev/zero >/fill'"));
    assert!(full.code != 0 && full.stderr.to_lowercase().contains("space"), "{full:?}");
    dave(&format!("pontoon run --rm {B} true")).ok();
    // Not one block left: still a word, still no ruin.
    host.root("cat /dev/zero >/home/dave/.local/share/pontoon/fill 2>/dev/null; true").ok();
    dave(&format!("pontoon run --rm {B} true")).refused();
    dave("pontoon ps -a").ok();
    host.root("rm /home/dave/.local/share/pontoon/fill").ok();
    dave(&format!("pontoon run --rm {B} true")).ok();
    host.root("umount -l /home/dave/.local/share/pontoon").ok();
}

#[test]
fn a_syntax_error_in_a_unit_is_told_with_its_place() {
    let alice = Untouched::new();
    let manager = Manager::of(alice.host, "alice");
    for (name, text, place) in [
        ("nosection", "Image=x\n", "nosection.container:1:1"),
        ("noassign", "[Container]\nImage=localhost/x\njust words\n", "noassign.container:3:1"),
        ("quote", "[Container]\nImage=localhost/x\nExec=sh \"-c\n", "quote.container:3"),
        ("noimage", "[Container]\nExec=true\n", "noimage.container"),
        ("group", "[Container]\nImage=localhost/x\nGroup=1\n", "group.container:3"),
    ] {
        manager.add(&format!("{name}.container"), text);
        manager.systemctl(&format!("start {name}")).refused();
        manager.until_logged(name, place);
        manager.remove(&format!("{name}.container"));
    }
    alice.still_clean();
}

#[test]
fn sigkill_of_the_monitor_leaves_nothing() {
    let alice = Untouched::new();
    alice.pontoon("run -d --name orphan -p 8302:80 $B sleep 1000").ok();
    let payload = alice.pontoon("inspect --format '{{.State.Pid}}' orphan").ok();
    let monitor = alice.host.root("pgrep -u alice -x pontoon-monitor").ok();
    for pid in monitor.stdout.lines() {
        alice.host.root(&format!("kill -9 {pid}")).ok();
    }
    // The payload goes with its monitor, and the port is free again.
    wait::until_true("the payload to end", || {
        alice.host.root(&format!("test -d /proc/{}", payload.text())).code != 0
    });
    alice.pontoon("ps --format '{{.Names}}'").ok().lacks("orphan");
    alice.pontoon("ps -a --format '{{.Names}} {{.State}}'").ok().says("orphan exited");
    alice.pontoon("start orphan").ok();
    alice.pontoon("rm -f -t 0 orphan").ok();
    alice.still_clean();
}

/// Its network's helper lives on, and has the port, though the container was never seen to run.
#[test]
fn a_set_up_that_is_killed_keeps_no_port() {
    let alice = Untouched::new();
    let set_up = "pontoon run -d --name half -p 8303:80 $B sleep 1000 >/dev/null 2>&1 & command=$!
        sleep $DELAY; pkill -9 -u alice -x pontoon-monitor; kill -9 $command; wait $command; sleep 0.2";
    for round in 1..=8 {
        // Another container gets the port, and so does the same one.
        let next = match round % 2 {
            0 => "run --rm -p 8303:80 $B true",
            _ => "start half",
        };
        let half = alice.host.entry("alice").env("B", B).env("DELAY", &format!("0.0{round}5"));
        half.sh(&format!("({set_up}) 2>/dev/null; pontoon container exists half || exit 0; pontoon {next}"))
            .ok();
        alice.pontoon("rm -f -i -t 0 half").ok();
    }
    alice.still_clean();
}

#[test]
fn kill_9_in_the_middle_of_a_pull() {
    let alice = Untouched::new();
    let host = alice.host;
    let liar = Liar::start(host);
    let layer = Tar::new().file("big", 0o644, &vec![b'b'; 8_000_000]).done();
    let manifest = liar.image("hanging", &layer, &json!({}));
    let reference = liar.manifest("hanging", &manifest);
    let path = format!("/v2/hanging/blobs/{}", forge::digest(&layer));
    liar.serve(&path, &layer, &json!({"hang": true}));
    host.alice(&format!("setsid -f pontoon pull {reference} >/dev/null 2>&1")).ok();
    wait::until_true("the layer to be asked for", || {
        liar.requests().iter().any(|request| request["path"].as_str() == Some(path.as_str()))
    });
    host.root("pkill -9 -u alice -f 'pontoon pull'").ok();
    wait::until_true("the pull to end", || host.root("pgrep -u alice -f 'pontoon pull'").code != 0);
    alice.still_clean();
    // The same pull works once the registry behaves.
    liar.serve(&path, &layer, &json!({}));
    alice.pontoon(&format!("pull -q {reference}")).ok();
    alice.pontoon(&format!("rmi {reference}")).ok();
    alice.still_clean();
}

#[test]
fn kill_9_at_any_moment_of_a_run() {
    let alice = Untouched::new();
    let host = alice.host;
    // From "just started" to "long running": every prefix of a run is cut off somewhere.
    for step in 0..25 {
        let delay = f64::from(step + 1) * 0.004;
        let _ = host.alice(&format!(
            "timeout -s KILL {delay:.3} pontoon run --rm --name cut{step} {B} sleep 2 >/dev/null 2>&1; true"
        ));
    }
    wait::until("all of it to end", || {
        let left = host.root("ps -u alice -o pid=,args= | grep -v grep | grep 'pontoon\\|sleep 2\\|pasta'");
        if left.stdout.trim().is_empty() { Ok(()) } else { Err(left.stdout) }
    });
    alice.pontoon("run --rm --name cut1 $B true").ok();
    let _ = alice.pontoon("rm -fa");
    alice.still_clean();
}
