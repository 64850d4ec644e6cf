//! Services that follow their images: what is well stays, what is not is undone and not tried again.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{Manager, Output, TestHost, alone, host_with_busybox, image, registry, wait};

/// Stays until it is asked to end.
const STAYS: &str = "trap 'exit 0' TERM; sleep 10000 & wait";

/// A new version of an image in the registry, which its name leads to from now on; gives its digest. The version is in the
/// variable `VERSION` of its containers, and `command` is what they run.
fn publish(host: &TestHost, name: &str, version: &str, command: &str) -> String {
    let script = format!(
        "set -e; dir=/tmp/update-{name}; rm -rf $dir; skopeo copy -q oci:{}:work oci:$dir:work\n\
         umoci config --image $dir:work --config.env VERSION={version} --config.cmd sh --config.cmd -c \
         --config.cmd \"$COMMAND\"\n\
         skopeo copy -q --dest-tls-verify=false oci:$dir:work docker://{registry}/{name}:latest\n\
         skopeo inspect --tls-verify=false --format '{{{{.Digest}}}}' docker://{registry}/{name}:latest",
        image::BUSYBOX.layout(),
        registry = registry::ADDRESS,
    );
    host.entry("root").env("COMMAND", command).sh(&script).ok().text().to_owned()
}

/// The name leads to an earlier version again.
fn lead_back(host: &TestHost, name: &str, digest: &str) {
    let name = format!("docker://{}/{name}", registry::ADDRESS);
    host.root(&format!(
        "skopeo copy -q --src-tls-verify=false --dest-tls-verify=false {name}@{digest} {name}:latest"
    ))
    .ok();
}

fn unit(name: &str, more: &str) -> String {
    format!(
        "[Container]\nImage={}/{name}:latest\nContainerName={name}\nAutoUpdate=registry\n{more}\n\
         [Service]\nTimeoutStartSec=120\n",
        registry::ADDRESS
    )
}

/// A user's or root's view of updates.
#[derive(Clone, Copy)]
struct Updates<'h> {
    host: &'h TestHost,
    user: &'h str,
}

impl Updates<'_> {
    /// `auto-update`, with only the words of what became of each container, sorted by name.
    fn run(self, options: &str) -> Output {
        self.sh(&format!("pontoon auto-update {options} --format '{{{{.ContainerName}}}} {{{{.Updated}}}}'"))
    }

    #[track_caller]
    fn becomes(self, expected: &str) -> Output {
        let done = self.run("");
        assert_eq!(done.text(), expected, "{done:?}\n{:?}", self.sh("journalctl -n 80 -o cat --no-pager"));
        done
    }

    fn sh(self, script: &str) -> Output {
        self.host.sh_as(self.user, script)
    }

    /// The version that a container runs.
    fn version(self, container: &str) -> String {
        self.sh(&format!("pontoon exec {container} sh -c 'echo $VERSION'")).ok().text().to_owned()
    }

    /// What is known of the versions of a unit.
    fn history(self, unit: &str) -> Vec<(String, String)> {
        let listed =
            self.sh(&format!("pontoon history {unit} --format '{{{{.State}}}} {{{{.Digest}}}}'")).ok();
        let pair =
            |line: &str| line.split_once(' ').map(|(state, digest)| (state.to_owned(), digest.to_owned()));
        listed.stdout.lines().filter_map(pair).collect()
    }
}

/// Files of units, which go at the end of a test, and what they run.
struct Files<'h>(Manager<'h>, &'static [&'static str]);

impl Drop for Files<'_> {
    fn drop(&mut self) {
        for file in self.1 {
            let service = file.replace(".container", "").replace(".kube", "").replace(".pod", "-pod");
            let _ = self.0.systemctl(&format!("stop {service}"));
            self.0.remove(file);
        }
    }
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(one, other)| ((*one).to_owned(), (*other).to_owned())).collect()
}

#[test]
fn a_service_follows_its_image_and_comes_back_from_what_is_bad() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let updates = Updates { host, user: "alice" };
    let _files = Files(alice, &["app.container"]);
    let one = publish(host, "app", "one", STAYS);
    alice.add(
        "app.container",
        &unit("app", "HealthCmd=test \"$VERSION\" != ill\nHealthInterval=200ms\nHealthRetries=2\n"),
    );
    alice.start("app");
    updates.becomes("app false").ok();
    assert_eq!(updates.history("app.service"), pairs(&[("current", &one)]));

    // A newer one is seen, and then taken.
    let two = publish(host, "app", "two", STAYS);
    assert_eq!(updates.run("--dry-run").ok().text(), "app pending");
    assert_eq!(updates.version("app"), "one");
    let shown = updates.sh("pontoon auto-update").ok();
    let mut lines = shown.stdout.lines();
    let headings: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(headings, ["UNIT", "CONTAINER", "IMAGE", "POLICY", "UPDATED"], "{shown:?}");
    let row: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(
        [row[0], row[2], row[3], row[4], row[5]],
        ["app.service", "(app)", "localhost:5000/app:latest", "registry", "true"],
        "{shown:?}"
    );
    assert_eq!(updates.version("app"), "two");
    assert_eq!(updates.history("app.service"), pairs(&[("current", &two), ("good", &one)]));
    let led = "pontoon image inspect --format '{{.Digest}}' localhost:5000/app:latest";
    assert_eq!(updates.sh(led).ok().text(), two);
    updates.becomes("app false").ok();
    let json = updates.sh("pontoon auto-update --format json").ok().json();
    assert_eq!((&json[0]["Unit"], &json[0]["Updated"]), (&"app.service".into(), &"false".into()), "{json}");
    assert_eq!(json[0]["ContainerID"].as_str().map(str::len), Some(64), "{json}");

    // One whose program ends at once: undone, remembered, not tried again, nor run by a restart, wherever the name leads.
    let broken = publish(host, "app", "broken", "exit 3");
    let undone = updates.becomes("app rolled back");
    assert_eq!(undone.code, 0, "{undone:?}");
    assert!(undone.stderr.contains("the update of `app.service` is undone"), "{}", undone.stderr);
    assert_eq!(updates.version("app"), "two");
    assert_eq!(alice.property("app", "ActiveState"), "active");
    let again = updates.becomes("app false").ok();
    assert!(again.stderr.contains(&broken) && again.stderr.contains("has failed before"), "{}", again.stderr);
    updates.sh("pontoon pull -q localhost:5000/app:latest").ok();
    alice.systemctl("restart app").ok();
    assert_eq!(updates.version("app"), "two");

    // One that never gets healthy.
    let ill = publish(host, "app", "ill", STAYS);
    let undone = updates.becomes("app rolled back");
    assert!(undone.stderr.contains("unhealthy"), "{}", undone.stderr);
    assert_eq!(updates.version("app"), "two");

    // A name that is led back to what was bad is not followed; nor does anything end without a registry.
    lead_back(host, "app", &broken);
    updates.becomes("app false").ok();
    host.root("systemctl stop docker-registry").ok();
    let lost = updates.becomes("app failed");
    assert_eq!(lost.code, 125, "{lost:?}");
    assert!(
        lost.stderr.contains("cannot look for updates of `localhost:5000/app:latest`"),
        "{}",
        lost.stderr
    );
    alice.systemctl("restart app").ok();
    assert_eq!(updates.version("app"), "two");
    registry::serve(host);

    // Held, it stays; let go, it moves on.
    updates.sh("pontoon pin app").ok().prints("app.service");
    let three = publish(host, "app", "three", STAYS);
    updates.becomes("app false").ok();
    updates.sh("pontoon pull -q localhost:5000/app:latest").ok();
    alice.systemctl("restart app").ok();
    assert_eq!(updates.version("app"), "two");
    updates.sh("pontoon unpin app.service").ok();
    updates.becomes("app true").ok();
    assert_eq!(updates.version("app"), "three");
    let known = updates.history("app.service");
    assert_eq!(known[0], ("current".to_owned(), three.clone()), "{known:?}");
    for (state, digest) in [("good", &two), ("bad", &broken), ("bad", &ill)] {
        assert!(known.contains(&(state.to_owned(), digest.clone())), "{state} {digest}: {known:?}");
    }

    // Back by hand, and not forward again by itself; but by hand.
    updates.sh("pontoon rollback app").ok().prints("app.service");
    assert_eq!(updates.version("app"), "two");
    updates.becomes("app false").ok();
    alice.systemctl("restart app").ok();
    assert_eq!(updates.version("app"), "two");
    updates.sh(&format!("pontoon rollback app {}", &three[..20])).ok();
    assert_eq!(updates.version("app"), "three");
    let none = updates.sh("pontoon rollback app sha256:0123").fails(125);
    assert!(none.stderr.contains("has run no other version `sha256:0123`"), "{}", none.stderr);
    let none = updates.sh("pontoon rollback nothing").fails(125);
    assert!(none.stderr.contains("no unit `nothing.service`"), "{}", none.stderr);

    // Without the way back what fails is what there is.
    let last = publish(host, "app", "last", "exit 4");
    let left = updates.run("--rollback=false").fails(125);
    assert_eq!(left.text(), "app failed", "{left:?}");
    assert_eq!(updates.sh(led).ok().text(), last);
    let missing = updates.run("--authfile /gone").fails(125);
    assert!(
        missing.stderr.contains("--authfile") && missing.stderr.contains("no such file"),
        "{}",
        missing.stderr
    );
    updates.sh("pontoon rollback app").ok();
    assert_eq!(updates.version("app"), "three");

    // An image that was removed meanwhile is fetched again by its digest.
    updates.sh(&format!("pontoon rollback app {one}")).ok();
    assert_eq!(updates.version("app"), "one");
}

#[test]
fn an_update_that_is_cut_off_counts_for_nothing() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let updates = Updates { host, user: "alice" };
    let _files = Files(alice, &["cut.container"]);
    publish(host, "cut", "one", STAYS);
    // One version says nothing of its health for as long as anybody could wait.
    let check = "HealthCmd=test \"$VERSION\" != slow\nHealthInterval=200ms\nHealthStartPeriod=1h\n";
    alice.add("cut.container", &unit("cut", check));
    alice.start("cut");
    updates.becomes("cut false").ok();

    publish(host, "cut", "slow", STAYS);
    host.alice("systemd-run --user -q --unit=cutting pontoon auto-update").ok();
    wait::until("the slow one to run", || {
        let now = updates.sh("pontoon exec cut sh -c 'echo $VERSION'");
        if now.text() == "slow" { Ok(()) } else { Err(format!("{now:?}")) }
    });
    let known = updates.history("cut.service");
    assert_eq!(known[0].0, "trying", "{known:?}");
    host.alice("systemctl --user kill -s KILL cutting; systemctl --user reset-failed cutting || true").ok();
    wait::until_true("the end of it", || alice.property("cutting", "ActiveState") != "active");

    // Whoever starts the service now gets what was well.
    alice.systemctl("restart cut").ok();
    assert_eq!(updates.version("cut"), "one");
    publish(host, "cut", "two", STAYS);
    updates.becomes("cut true").ok();
    assert_eq!(updates.version("cut"), "two");
}

/// Nobody knows whether the new image would have been well: it is neither taken nor refused from then on.
#[test]
fn a_service_that_somebody_stops_or_restarts_during_its_update_gets_no_verdict() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let updates = Updates { host, user: "alice" };
    let _files = Files(alice, &["moot.container"]);
    publish(host, "moot", "one", STAYS);
    // The second version says nothing of its health until somebody lets it.
    let check =
        "HealthCmd=test \"$VERSION\" != two -o -e /tmp/well\nHealthInterval=200ms\nHealthStartPeriod=1h\n";
    // Between the service's start and the first look at it the update may be held.
    let hold = "ExecStartPost=-/bin/sh -c 'rm /tmp/moot.hold && systemctl --user kill --signal=STOP mooting'";
    alice.add("moot.container", &format!("{}{hold}\n", unit("moot", check)));
    alice.start("moot");
    updates.becomes("moot false").ok();
    publish(host, "moot", "two", STAYS);

    let state = |expected: &str| {
        wait::until("the service to come to rest", || {
            let state = alice.property("moot", "ActiveState");
            if state == expected { Ok(()) } else { Err(state) }
        });
    };
    for (held, deed, becomes, state_then, told) in [
        (false, "systemctl --user stop moot", "moot false", "inactive", "is left as it is"),
        (false, "pontoon stop moot", "moot false", "inactive", "is left as it is"),
        (true, "systemctl --user stop moot", "moot false", "inactive", "is left as it is"),
        (true, "pontoon stop moot", "moot false", "inactive", "is left as it is"),
        (
            false,
            "systemctl --user restart moot",
            "moot rolled back",
            "active",
            "runs again what it ran before",
        ),
        (false, "pontoon restart moot", "moot rolled back", "active", "runs again what it ran before"),
    ] {
        let deed = &match held {
            true => format!("{deed} && systemctl --user kill --signal=CONT mooting"),
            false => deed.to_owned(),
        };
        host.alice(if held { "touch /tmp/moot.hold" } else { "true" }).ok();
        let output = "-p StandardOutput=file:/tmp/moot.out -p StandardError=file:/tmp/moot.err";
        host.alice("rm -f /tmp/moot.out /tmp/moot.err").ok();
        host.alice(&format!(
            "systemd-run --user -q --unit=mooting {output} pontoon auto-update --format \
             '{{{{.ContainerName}}}} {{{{.Updated}}}}'"
        ))
        .ok();
        wait::until("the second one to run", || {
            let now = updates.sh("pontoon exec moot sh -c 'echo $VERSION'");
            if now.text() == "two" && alice.property("moot", "ActiveState") == "active" {
                Ok(())
            } else {
                Err(format!("{now:?}"))
            }
        });
        host.alice(deed).ok();
        wait::until("the update to end", || {
            let state = alice.property("mooting", "ActiveState");
            let err = host.alice("cat /tmp/moot.err");
            if state == "inactive" { Ok(()) } else { Err(format!("{state}: {err:?}")) }
        });
        let printed = host.alice("cat /tmp/moot.out").ok();
        assert_eq!(printed.text(), becomes, "{deed}");
        host.alice("cat /tmp/moot.err").ok().says("the update of `moot.service` is broken off").says(told);
        state(state_then);
        let known = updates.history("moot.service");
        assert!(known.iter().all(|(state, _)| state != "bad" && state != "trying"), "{deed}: {known:?}");
        // What starts now is what was well.
        alice.systemctl("start moot").ok();
        assert_eq!(updates.version("moot"), "one", "{deed}");
    }

    // The next update tries again.
    host.alice("systemd-run --user -q --unit=mooting pontoon auto-update").ok();
    wait::until_true("the second one to run", || {
        updates.sh("pontoon exec moot sh -c 'test $VERSION = two && touch /tmp/well'").code == 0
    });
    wait::until_true("the update to end", || alice.property("mooting", "ActiveState") == "inactive");
    assert_eq!(updates.version("moot"), "two");
    assert_eq!(updates.history("moot.service")[0].0, "current");
}

#[test]
fn the_containers_of_a_pod_are_updated_together_or_not_at_all() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let updates = Updates { host, user: "alice" };
    let _files = Files(alice, &["stall.pod", "front.container", "side.container"]);
    publish(host, "front", "one", STAYS);
    publish(host, "side", "one", STAYS);
    let member = |name: &str| unit(name, "Pod=stall.pod\n");
    alice.add("stall.pod", "[Pod]\nPodName=stall\n");
    alice.add("front.container", &member("front")).add("side.container", &member("side"));
    alice.start("stall-pod");
    alice.until_property("front", "SubState", "running");
    alice.until_property("side", "SubState", "running");

    publish(host, "front", "two", STAYS);
    publish(host, "side", "broken", "exit 3");
    let undone = updates.run("");
    let mut lines: Vec<&str> = undone.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["front rolled back", "side rolled back"], "{undone:?}");
    for name in ["front", "side"] {
        alice.until_property(name, "SubState", "running");
        assert_eq!(updates.version(name), "one", "{name}");
    }

    // What was well with it is tried again only with something new, as one of them failed with it.
    publish(host, "front", "three", STAYS);
    publish(host, "side", "two", STAYS);
    let done = updates.run("").ok();
    let mut lines: Vec<&str> = done.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["front true", "side true"], "{done:?}");
    assert_eq!((updates.version("front"), updates.version("side")), ("three".to_owned(), "two".to_owned()));
    let units = updates.sh("pontoon auto-update --format '{{.Unit}}'").ok();
    assert_eq!(units.stdout, "stall-pod.service\nstall-pod.service\n");
}

#[test]
fn what_a_kube_unit_plays_is_updated_together_or_not_at_all() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let updates = Updates { host, user: "alice" };
    let _files = Files(alice, &["duo.kube", "duo.yaml"]);
    let run = |expected: [&str; 2]| {
        let done = updates.run("");
        let mut lines: Vec<&str> = done.stdout.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, expected, "{done:?}\n{}", alice.journal("duo"));
    };
    let versions = || (updates.version("duo-left"), updates.version("duo-right"));
    let are = |left: &str, right: &str| assert_eq!(versions(), (left.to_owned(), right.to_owned()));
    publish(host, "left", "one", STAYS);
    publish(host, "right", "one", STAYS);
    let container =
        |name: &str| format!("  - {{name: {name}, image: '{}/{name}:latest'}}\n", registry::ADDRESS);
    alice.add(
        "duo.yaml",
        &format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: duo\n  annotations: {{io.containers.autoupdate/left: registry}}\n\
             spec:\n  terminationGracePeriodSeconds: 5\n  containers:\n{}{}",
            container("left"),
            container("right")
        ),
    );
    // What the unit says counts beside what the objects say.
    alice.add(
        "duo.kube",
        "[Kube]\nYaml=duo.yaml\nAutoUpdate=right/registry\n[Service]\nTimeoutStartSec=120\n",
    );
    alice.start("duo");
    run(["duo-left false", "duo-right false"]);

    // One of them is broken: both stay what they were, and the service is well.
    publish(host, "left", "two", STAYS);
    publish(host, "right", "broken", "exit 3");
    run(["duo-left rolled back", "duo-right rolled back"]);
    are("one", "one");
    assert_eq!(alice.property("duo", "ActiveState"), "active");

    publish(host, "left", "three", STAYS);
    publish(host, "right", "two", STAYS);
    run(["duo-left true", "duo-right true"]);
    are("three", "two");
    let known = updates.history("duo.service");
    assert_eq!(known.iter().filter(|it| it.0 == "current").count(), 2, "{known:?}");
    assert_eq!(known.iter().filter(|it| it.0 == "bad").count(), 2, "{known:?}");

    // Back, held there, and on again.
    updates.sh("pontoon rollback duo").ok();
    are("one", "one");
    updates.sh("pontoon pin duo").ok();
    publish(host, "left", "four", STAYS);
    run(["duo-left false", "duo-right false"]);
    alice.systemctl("restart duo").ok();
    are("one", "one");
    updates.sh("pontoon unpin duo").ok();
    run(["duo-left true", "duo-right false"]);
    are("four", "one");
}

#[test]
fn the_system_s_timer_updates_system_services() {
    let host = host_with_busybox();
    let _alone = alone();
    let system = Manager::of(host, "root");
    let updates = Updates { host, user: "root" };
    let _files = Files(system, &["sysapp.container"]);
    publish(host, "sysapp", "one", STAYS);
    system.add("sysapp.container", &unit("sysapp", ""));
    system.start("sysapp");
    publish(host, "sysapp", "two", STAYS);
    system.start("pontoon-auto-update");
    assert_eq!(updates.version("sysapp"), "two", "{}", system.journal("pontoon-auto-update"));
    system.until_logged("pontoon-auto-update", "true");
    system.systemctl("start pontoon-auto-update.timer").ok();
    assert_eq!(system.property("pontoon-auto-update.timer", "ActiveState"), "active");
    system.systemctl("stop pontoon-auto-update.timer").ok();
    // Nothing that we ship has a fault in it, for either manager.
    for (user, script) in [("root", "system/pontoon-*"), ("alice", "--user user/pontoon-*")] {
        let verified = host
            .sh_as(user, &format!("cd /usr/lib/systemd && systemd-analyze verify --man=no {script}"))
            .ok();
        assert!(!verified.stderr.contains("pontoon-"), "{verified:?}");
    }

    // This machine's own images.
    let alice = Manager::of(host, "alice");
    let local = Updates { host, user: "alice" };
    let tag = |version: &str, command: &str| {
        publish(host, "mine", version, command);
        host.alice(
            "pontoon pull -q localhost:5000/mine && pontoon tag localhost:5000/mine localhost/mine:latest",
        )
        .ok();
    };
    tag("one", STAYS);
    let file = "[Container]\nImage=localhost/mine:latest\nContainerName=mine\nAutoUpdate=local\n";
    let mine = Files(alice, &["mine.container"]);
    alice.add("mine.container", file);
    alice.start("mine");
    local.becomes("mine false").ok();
    tag("two", STAYS);
    local.becomes("mine true").ok();
    assert_eq!(local.version("mine"), "two");
    tag("broken", "exit 3");
    local.becomes("mine rolled back").ok();
    assert_eq!(local.version("mine"), "two");
    local.becomes("mine false").ok();
    drop(mine);

    // What no unit has made, and what is no policy, is told of.
    let label = "--label io.containers.autoupdate";
    host.alice(&format!("pontoon run -d --name stray --stop-timeout 0 {label}=registry localhost:5000/busybox:latest sleep 1000"))
        .ok();
    let stray = local.run("").fails(125);
    assert!(
        stray.stderr.contains("cannot update container `stray`: no unit has made it"),
        "{}",
        stray.stderr
    );
    host.alice("pontoon rm -f -t 0 stray").ok();
}

#[test]
fn root_updates_services_of_the_system_that_run_as_a_user() {
    let host = host_with_busybox();
    let _alone = alone();
    let system = Manager::of(host, "root");
    let root = Updates { host, user: "root" };
    let as_user = |script: &str| host.root(&format!("pontoon --user clerk {script}"));
    let version = || {
        let shown = as_user("exec desk sh -c 'echo $VERSION'").ok();
        shown.text().to_owned()
    };
    host.root("useradd --system --no-create-home --home-dir /nonexistent clerk").ok();
    let _files = Files(system, &["desk.container", "till.container"]);
    let one = publish(host, "desk", "one", STAYS);
    publish(host, "till", "one", STAYS);
    system.add("desk.container", &format!("{}User=clerk\n", unit("desk", "")));
    system.add("till.container", &unit("till", ""));
    system.start("desk");
    system.start("till");
    root.becomes("till false\ndesk false").ok();

    // Root's are updated with them; and with a user's name only that user's.
    let two = publish(host, "desk", "two", STAYS);
    assert_eq!(root.run("--dry-run").ok().text(), "till false\ndesk pending");
    assert_eq!(version(), "one");
    let json = root.sh("pontoon auto-update --format json").ok().json();
    assert_eq!((&json[1]["Unit"], &json[1]["Updated"]), (&"desk.service".into(), &"true".into()), "{json}");
    assert_eq!(version(), "two");
    assert_eq!(system.property("desk", "User"), "clerk");
    let listed = "history desk.service --format '{{.State}} {{.Digest}}'";
    as_user(listed).ok().prints(&format!("current {two}\ngood {one}\n"));
    publish(host, "till", "two", STAYS);
    publish(host, "desk", "broken", "exit 3");
    let undone = as_user("auto-update --format '{{.ContainerName}} {{.Updated}}'").ok();
    assert_eq!(undone.text(), "desk rolled back", "{undone:?}");
    assert!(undone.stderr.contains("the update of `desk.service` is undone"), "{undone:?}");
    assert_eq!((version(), root.version("till")), ("two".to_owned(), "one".to_owned()));
    assert_eq!(system.property("desk", "ActiveState"), "active");
    root.becomes("till true\ndesk false").ok();

    // Back and held, as root; what the user asks for alone is told of.
    as_user("rollback desk").ok().prints("desk.service\n");
    assert_eq!(version(), "one");
    as_user("pin desk").ok().prints("desk.service\n");
    let in_login = |words: &str| {
        host.root(&format!(
            "cd /; exec setpriv --reuid clerk --regid clerk --init-groups env -i PATH=$PATH HOME=/nonexistent \
             XDG_RUNTIME_DIR=/run/pontoon-users/clerk pontoon {words}"
        ))
    };
    let refused = in_login("rollback desk");
    assert_eq!(refused.code, 125, "{refused:?}");
    as_user("unpin desk").ok();
    // With nothing of the registry's there nothing changes, and that is said of the user's as well.
    host.root("systemctl stop docker-registry").ok();
    let lost = root.run("");
    assert_eq!((lost.code, lost.text()), (125, "till failed\ndesk failed"), "{lost:?}");
    registry::serve(host);
    assert_eq!(version(), "one");
}
