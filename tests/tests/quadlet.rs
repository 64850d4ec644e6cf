//! `pontoon quadlet`: unit files checked, installed, planned and applied, on a host whose managers run their generators.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::path::Path;
use std::time::Duration;

use pontoon_tests::root::Kind;
use pontoon_tests::{B, BootOptions, Manager, TestHost, alone, host, host_with_busybox, stage, wait};

/// A container that stays until it is stopped.
fn sleeper(more: &str) -> String {
    format!("[Container]\nImage={B}:latest\nExec=sleep 1000\nStopTimeout=0\n{more}")
}

#[test]
fn warnings_stand_in_the_unit_and_in_its_journal() {
    let host = host();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    alice.add("warned.container", &sleeper("ReadOnly=perhaps\n"));
    alice.until_logged("warned.service", "warned.container:5:10: warning: `perhaps` is taken for `false`");
    assert!(
        alice
            .cat("warned")
            .contains("# /home/alice/.config/containers/systemd/warned.container:5:10: warning: ")
    );
    alice.remove("warned.container");
    let system = Manager::of(host, "root");
    system.add("warned.container", &sleeper("ReadOnly=perhaps\n"));
    system.until_logged("warned.service", "warned.container:5:10: warning: `perhaps` is taken for `false`");
    system.remove("warned.container");
}

#[test]
fn a_slip_in_any_type_is_seen_in_the_status_of_its_service() {
    let host = host();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let slips = [
        ("slip.pod", "slip-pod", "[Pod]\nPodNam=x\n"),
        ("slip.network", "slip-network", "[Network]\nSubnett=10.0.0.0/8\n"),
        ("slip.image", "slip-image", "[Image]\nImage=x.org/x\nArchh=arm64\n"),
        ("slip.build", "slip-build", "[Build]\nImageTagg=x\n"),
        ("slip.kube", "slip", "[Kube]\nYamll=x.yaml\n"),
        ("slip.artifact", "slip-artifact", "[Artifact]\nArtifac=x.org/x\n"),
    ];
    for (name, _, text) in slips {
        host.write("alice", &format!("{}/{name}", alice.dir()), text);
    }
    alice.add("needs-slip.container", &sleeper("Network=slip.network\n"));
    for (name, service, _) in slips {
        assert_ne!(alice.systemctl(&format!("start {service}")).code, 0, "{service}");
        let status = alice.systemctl(&format!("status {service}")).stdout;
        assert!(
            status.contains(&format!("{name}:2:1: error: unknown key `"))
                || status.contains(&format!("{name}:3:1: error: unknown key `")),
            "{status}"
        );
    }
    let cause = alice.systemctl("status needs-slip").stdout;
    assert!(cause.contains("`slip.network` cannot be used, it has a fault itself"), "{cause}");
    for (name, ..) in slips {
        host.alice(&format!("rm {}/{name}", alice.dir())).ok();
    }
    alice.remove("needs-slip.container");
}

#[test]
fn systemd_has_no_word_of_blame_for_what_is_generated() {
    let host = host();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../units/tests/golden");
    for case in ["every-key", "every-type", "builds", "remap", "mounts", "templates", "service"] {
        let there = format!("/tmp/verify-{case}");
        host.copy_in(&golden.join(case), &there);
        for (user, generator) in [("alice", "user"), ("root", "system")] {
            let output = host
                .sh_as(
                    user,
                    &format!(
                        "out=$(mktemp -d); export QUADLET_UNIT_DIRS={there}; \
                         /usr/lib/systemd/{generator}-generators/pontoon-{generator}-generator -no-kmsg-log $out 2>/dev/null; \
                         cd $out && rm -f $(grep -l 'cannot be converted' *.service) && \
                         systemd-analyze --{generator} --man=no verify ./*.service 2>&1"
                    ),
                )
                .stdout;
            assert_eq!(output, "", "{case}, {generator}");
        }
    }
}

#[test]
fn a_check_tells_all_faults_at_once_with_the_line_and_what_to_do() {
    let host = host();
    let dir = host.alice("mktemp -d").ok();
    let dir = dir.text();
    let text = "[Container]\nImgae=x\nPublishPort=80:80\nExec=sh -c \"a\nVolume=./gone:/x\n[Install]\nWantedBy=multi-user.target\n";
    host.write("alice", &format!("{dir}/web.container"), text);
    host.write("alice", &format!("{dir}/other.container"), "[Container]\nAlso=wrong\n");
    let checked = host.alice(&format!("cd {dir} && pontoon quadlet check web.container"));
    assert_eq!(checked.code, 1, "{checked:?}");
    for words in [
        "web.container:2:1: error: unknown key `Imgae=` in [Container]\n 2 | Imgae=x\n   | ^\nhint: did you mean `Image=`?\n",
        "web.container:3:13: warning: an ordinary user cannot publish port 80\n",
        "web.container:4:12: error: the quote `\"` is never closed\n 4 | Exec=sh -c \"a\n   |            ^\n",
        "web.container:5:8: warning: `",
        "web.container:7:1: warning: a user's manager has no `multi-user.target`",
    ] {
        assert!(checked.stdout.contains(words), "{words}\nin\n{}", checked.stdout);
    }
    assert!(!checked.stdout.contains("other.container"), "{}", checked.stdout);
    assert!(checked.stderr.contains("2 errors, 3 warnings in 1 file"), "{}", checked.stderr);
    let json = host.alice(&format!("pontoon quadlet check --format json {dir} | jq -r '.[] | [.File,.Line,.Column,.Severity,.Message,.Hint] | length' | sort -u"));
    assert_eq!(json.ok().text(), "6");
    host.write("alice", &format!("{dir}/fine/fine.container"), "[Container]\nImage=example.org/x\n");
    host.alice(&format!("pontoon quadlet check {dir}/fine")).ok();
    host.write("alice", &format!("{dir}/fine/fine.container"), "[Container]\nImage=x\n");
    host.alice(&format!("pontoon quadlet check {dir}/fine")).ok();
    host.alice(&format!("pontoon quadlet check --strict {dir}/fine")).fails(1);
    // Of two files of one name in a directory only the first counts.
    host.write("alice", &format!("{dir}/two/a/x.container"), "[Container]\nImage=example.org/x\n");
    host.write("alice", &format!("{dir}/two/b/x.container"), "[Container]\nNonsense=1\n");
    let two = host.alice(&format!("pontoon quadlet check {dir}/two")).ok();
    assert!(
        two.stdout.contains("b/x.container:1:1: warning: another file of this name comes first"),
        "{}",
        two.stdout
    );
    host.alice(&format!("cd {dir}/two && pontoon quadlet check a/x.container b/x.container")).fails(1);
    host.alice("pontoon quadlet check /nowhere").fails(125);
    host.alice(&format!("pontoon quadlet check {dir}/fine/../web.txt || pontoon quadlet check /etc/hosts"))
        .fails(125);
}

#[test]
fn a_file_is_shown_as_the_service_it_becomes() {
    let host = host();
    let dir = host.alice("mktemp -d").ok();
    let dir = dir.text();
    host.write("alice", &format!("{dir}/data.volume"), "[Volume]\n");
    host.write(
        "alice",
        &format!("{dir}/web.container"),
        sleeper("Volume=data.volume:/d\n[Install]\nWantedBy=default.target\n"),
    );
    let shown = host.alice(&format!("pontoon quadlet convert {dir}/web.container")).ok().stdout;
    assert!(
        shown.starts_with("# web.service\n# default.target.wants/web.service -> ../web.service\n"),
        "{shown}"
    );
    assert!(shown.contains("-v systemd-data:/d"), "{shown}");
    assert!(!shown.contains("# data-volume.service"), "{shown}");
    let written = host
        .alice(&format!(
            "QUADLET_UNIT_DIRS={dir} /usr/lib/systemd/user-generators/pontoon-user-generator --dryrun"
        ))
        .ok()
        .stdout;
    let bare = shown.lines().skip(2).collect::<Vec<_>>().join("\n");
    assert!(written.contains(&bare), "{written}\n{shown}");
    host.alice(&format!(
        "printf '[Container]\\nX=1\\n' >>{dir}/web.container; pontoon quadlet convert {dir}/web.container"
    ))
    .fails(1);
}

#[test]
fn keys_are_explained_from_the_table_that_converts_them() {
    let host = host();
    let told = host.alice("pontoon quadlet explain Container.PublishPort").ok().stdout;
    for words in [
        "PublishPort= in [Container]: port of the host",
        "becomes   `--publish VALUE`",
        "since     Podman 4.4",
        "example   PublishPort=8080:80",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(host.alice("pontoon quadlet explain Network").ok().stdout.contains("in [Kube]"));
    assert!(host.alice("pontoon quadlet explain .network").ok().stdout.contains("  Subnet="));
    // Podman's, and ours.
    let all =
        "pontoon quadlet explain --format json | jq -c '[length, (map(select(.Since == \"\")) | length)]'";
    host.alice(all).ok().prints("[247,11]");
    host.alice("pontoon quadlet explain IdleTimeout")
        .ok()
        .says("in [X-Pontoon]")
        .says("since     not Podman's");
    let slip = host.alice("pontoon quadlet explain PublishPrt").fails(125);
    assert!(slip.stderr.contains("did you mean `PublishPort`?"), "{}", slip.stderr);
}

#[test]
fn files_are_installed_listed_printed_and_removed() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let dir = host.alice("mktemp -d").ok();
    let dir = dir.text();
    let bundle = format!(
        "# FileName=app\n{}\n---\n# FileName=app-data\n[Volume]\n",
        sleeper("Volume=app-data.volume:/d\n")
    );
    host.write("alice", &format!("{dir}/app.quadlets"), &bundle);
    let there = alice.dir();
    let installed = host.alice(&format!("pontoon quadlet install {dir}/app.quadlets")).ok();
    assert_eq!(installed.stdout, format!("{there}/app.container\n{there}/app-data.volume\n"));
    // The manager knows them without another word.
    alice.start("app");
    let listed = host
        .alice(
            "pontoon quadlet list --format '{{.Name}} {{.UnitName}} {{.Status}} {{.App}}' --filter name=^app",
        )
        .ok();
    assert_eq!(
        listed.stdout,
        "app-data.volume app-data-volume.service active/exited .app.app\napp.container app.service active/running .app.app\n"
    );
    assert_eq!(
        host.alice("pontoon quadlet ls -n --filter status=running --filter name=app")
            .ok()
            .stdout
            .lines()
            .count(),
        1
    );
    let printed = host.alice("pontoon quadlet print app.container").ok().stdout;
    assert!(printed.starts_with("# FileName=app\n[Container]\n"), "{printed}");
    let again = host.alice(&format!("pontoon quadlet install {dir}/app.quadlets")).fails(125);
    assert!(again.stderr.contains("--replace takes its place"), "{}", again.stderr);
    host.alice(&format!("pontoon quadlet install --replace {dir}/app.quadlets")).ok();
    let running = host.alice("pontoon quadlet rm app-data.volume").fails(125);
    assert!(running.stderr.contains("is running"), "{}", running.stderr);
    let removed = host.alice("pontoon quadlet rm -f app.container").ok();
    assert_eq!(removed.stdout, "app.container\napp-data.volume\n");
    assert_eq!(alice.property("app.service", "LoadState"), "not-found");
    host.alice(&format!("! ls -A {there} | grep app")).ok();
    host.alice("pontoon quadlet rm app.container").fails(125);
    host.alice("pontoon quadlet rm -i app.container").ok();
    host.alice("pontoon quadlet print app.container").fails(125);
    host.alice("pontoon volume rm systemd-app-data").ok();
}

#[test]
fn the_file_that_counts_is_the_one_removed() {
    let host = host();
    let dir = host.alice("mktemp -d").ok();
    let dir = dir.text();
    for place in ["a/sub", "b"] {
        host.write("alice", &format!("{dir}/{place}/web.container"), "[Container]\nImage=localhost/x\n");
    }
    let remove = || {
        host.alice(&format!(
            "QUADLET_UNIT_DIRS={dir}/a:{dir}/b pontoon quadlet rm --reload-systemd=false web.container"
        ))
        .ok();
        host.alice(&format!("cd {dir} && find . -name '*.container'")).ok().stdout
    };
    assert_eq!(remove(), "./b/web.container\n");
    assert_eq!(remove(), "");
}

#[test]
fn files_come_from_directories_and_addresses() {
    let host = host();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let dir = host.alice("mktemp -d").ok();
    let dir = dir.text();
    host.write("alice", &format!("{dir}/site/one.container"), sleeper("EnvironmentFile=one.env\n"));
    host.write("alice", &format!("{dir}/site/one.env"), "A=1\n");
    host.write("alice", &format!("{dir}/site/.git/x"), "");
    host.alice(&format!("pontoon quadlet install {dir}/site")).ok();
    assert_eq!(host.alice(&format!("cat {}/.site.app", alice.dir())).ok().stdout, "one.container\none.env\n");
    host.write("alice", &format!("{dir}/web/two.volume"), "[Volume]\n");
    let server =
        host.entry("alice").dir(&format!("{dir}/web")).start(&["python3", "-m", "http.server", "8317"]);
    wait::until_true("the server", || host.alice("curl -s localhost:8317/").code == 0);
    host.alice("pontoon quadlet install http://localhost:8317/two.volume").ok();
    let gone = host.alice("pontoon quadlet install http://localhost:8317/three.volume").fails(125);
    assert!(gone.stderr.contains("answers 404"), "{}", gone.stderr);
    drop(server);
    assert_eq!(alice.property("two-volume.service", "LoadState"), "loaded");
    // All or nothing: the second is there already.
    host.write("alice", &format!("{dir}/new.volume"), "[Volume]\n");
    host.alice(&format!("pontoon quadlet install {dir}/new.volume {dir}/web/two.volume")).fails(125);
    host.alice(&format!("test ! -e {}/new.volume", alice.dir())).ok();
    host.alice("pontoon quadlet rm one.container two.volume").ok();
}

#[test]
fn a_plan_tells_what_a_reload_changes_and_only_that_is_restarted() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let put = |name: &str, more: &str| host.write("alice", &format!("{}/{name}", alice.dir()), sleeper(more));
    let text = |words: &str| host.alice(words).ok().stdout;
    put("planned.container", "");
    put("calm.container", "");
    alice.add("keeps.volume", "[Volume]\n");
    alice.add("planpod.pod", "[Pod]\n[Service]\nExecStartPre=/bin/true\n");
    put("member.container", "Pod=planpod.pod\n");
    alice.reload();
    for unit in ["planned", "calm", "keeps-volume", "planpod-pod"] {
        alice.start(unit);
    }
    assert_eq!(text("pontoon quadlet plan"), "a reload changes nothing\n");
    let started = |unit: &str| alice.property(unit, "InvocationID");
    let (planned, calm, keeps) = (started("planned"), started("calm"), started("keeps-volume"));

    put("planned.container", "Environment=A=1\n");
    put("fresh.container", "");
    host.write("alice", &format!("{}/keeps.volume", alice.dir()), "[Volume]\nCopy=false\n");
    let plan = text("pontoon quadlet plan");
    for words in [
        "added    fresh.service\n",
        "changed  planned.service       runs, must be restarted\n",
        "changed  keeps-volume.service  runs, and may go on\n",
        "    +Environment=A=1\n",
    ] {
        assert!(plan.contains(words), "{words}\nin\n{plan}");
    }
    assert!(!plan.contains("calm"), "{plan}");
    let json = text("pontoon quadlet plan --format json | jq -r '.[] | select(.Restart) | .Unit'");
    assert_eq!(json, "planned.service\n");
    let applied = text("pontoon quadlet apply");
    assert!(applied.ends_with("restarted planned.service\n"), "{applied}");
    assert_ne!(started("planned"), planned);
    assert_eq!((started("calm"), started("keeps-volume")), (calm.clone(), keeps));
    assert_eq!(text("pontoon exec systemd-planned sh -c 'echo $A'"), "1\n");
    assert_eq!(alice.property("fresh.service", "LoadState"), "loaded");

    // Somebody reloads without a restart: what runs is stale.
    let planned = started("planned");
    put("planned.container", "Environment=A=2\n");
    alice.reload();
    assert_eq!(
        text("pontoon quadlet plan"),
        "stale    planned.service  runs as it was before it was changed, must be restarted\n"
    );
    text("pontoon quadlet apply");
    assert_ne!(started("planned"), planned);
    assert_eq!(started("calm"), calm);
    assert_eq!(text("pontoon quadlet apply"), "nothing to do\n");

    // What runs is not restarted into a failure.
    let planned = started("planned");
    put("planned.container", "Imagee=x\n");
    let plan = text("pontoon quadlet plan");
    assert!(plan.contains("changed  planned.service  runs, and could not be started again\n"), "{plan}");
    assert!(plan.contains("unknown key `Imagee=`"), "{plan}");
    let applied = host.alice("pontoon quadlet apply").fails(1);
    assert!(applied.stderr.contains("unknown key `Imagee=`"), "{}", applied.stderr);
    assert_eq!(
        (started("planned"), alice.property("planned", "ActiveState")),
        (planned, "active".to_owned())
    );

    for unit in ["planned", "calm", "keeps-volume"] {
        alice.stop(unit);
    }
    alice.stop("planpod-pod");
    host.alice(&format!("cd {} && rm planned.container calm.container fresh.container keeps.volume planpod.pod member.container; pontoon volume rm systemd-keeps", alice.dir())).ok();
    assert!(text("pontoon quadlet plan").contains("removed  calm.service\n"));
    alice.reload();
}

#[test]
fn the_owner_of_a_volume_may_be_named() {
    let host = host();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    alice.add("owned.volume", "[Volume]\nUser=daemon\nGroup=mail\n");
    alice.start("owned-volume");
    let owner = host.alice(
        "pontoon unshare stat -c %u:%g $(pontoon volume inspect --format '{{.Mountpoint}}' systemd-owned)",
    );
    assert_eq!(owner.ok().text(), "1:8");
    alice.stop("owned-volume");
    host.alice("pontoon volume rm systemd-owned").ok();
    alice.add("owned.volume", "[Volume]\nUser=nobody-here\n");
    assert_ne!(alice.systemctl("start owned-volume").code, 0);
    alice.until_logged("owned-volume", "there is no user `nobody-here` on this host");
    alice.remove("owned.volume");
}

#[test]
fn a_device_that_may_be_missing_is_looked_for_when_the_container_starts() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    alice.add("devices.container", &sleeper("AddDevice=-/dev/gone -/dev/fuse\n"));
    alice.start("devices");
    assert_eq!(
        host.alice("pontoon exec systemd-devices sh -c 'ls -d /dev/gone /dev/fuse 2>/dev/null'").stdout,
        "/dev/fuse\n"
    );
    alice.stop("devices");
    alice.add("devices.container", &sleeper("AddDevice=/dev/gone\n"));
    assert_ne!(alice.systemctl("start devices").code, 0);
    alice.remove("devices.container");
}

#[test]
fn the_wait_for_the_network_follows_events_and_ends() {
    let host = host();
    let unit = "pontoon-user-wait-network-online.service";
    let alice = Manager::of(host, "alice");
    let restart =
        || host.entry("alice").limit(Duration::from_secs(20)).sh(&format!("systemctl --user restart {unit}"));
    // Nobody asks for the target here and a default route is there.
    assert_eq!(Manager::of(host, "root").property("network-online.target", "ActiveState"), "inactive");
    host.root(
        "ip route show default >/tmp/routes; ip -6 route show default >/tmp/routes6; grep -q . /tmp/routes",
    )
    .ok();
    let cut =
        || host.root("ip route del default; ip -6 route del default; ! ip route show default | grep .").ok();
    let join = || {
        host.root("ip route add $(head -1 /tmp/routes); while read -r route; do ip -6 route add $route; done </tmp/routes6; true")
            .ok()
    };
    restart().ok();
    assert_eq!(alice.property(unit, "ActiveState"), "active");
    // Without a route: until there is one.
    cut();
    host.alice(&format!("systemctl --user restart --no-block {unit}")).ok();
    alice.until_logged(unit, "waiting for a default route");
    assert_eq!(alice.property(unit, "ActiveState"), "activating");
    join();
    alice.until_property(unit, "ActiveState", "active");
    // While the system works towards the target: until it is reached.
    host.write("root", "/run/systemd/system/slow-network.service", "[Unit]\nBefore=network-online.target\n[Service]\nType=oneshot\nExecStart=sh -c 'until [ -e /run/network-is-up ]; do sleep 0.1; done'\n");
    host.write(
        "root",
        "/run/systemd/system/network-online.target.d/slow.conf",
        "[Unit]\nWants=slow-network.service\nAfter=slow-network.service\n",
    );
    host.root("systemctl daemon-reload; systemctl start --no-block network-online.target").ok();
    host.alice(&format!("systemctl --user restart --no-block {unit}")).ok();
    alice.until_logged(unit, "waiting for network-online.target of the system");
    assert_eq!(alice.property(unit, "ActiveState"), "activating");
    host.root("touch /run/network-is-up").ok();
    alice.until_property(unit, "ActiveState", "active");
    host.root("systemctl stop network-online.target; rm -r /run/systemd/system/network-online.target.d /run/systemd/system/slow-network.service /run/network-is-up; systemctl daemon-reload").ok();
    // It can be switched off.
    host.alice(&format!("mkdir -p ~/.config/systemd/user/{unit}.d && printf '[Service]\\nEnvironment=PONTOON_NETWORK_WAIT=0\\n' >~/.config/systemd/user/{unit}.d/off.conf; systemctl --user daemon-reload")).ok();
    cut();
    restart().ok();
    host.alice(&format!("rm -r ~/.config/systemd/user/{unit}.d; systemctl --user daemon-reload")).ok();
    // It ends by itself, with a word.
    let ended = host.alice("pontoon quadlet wait-network --timeout 1").ok();
    assert!(
        ended.stderr.contains("the network is not online after 1 seconds; services start without it"),
        "{ended:?}"
    );
    join();
}

#[test]
fn the_shared_directories_are_taken_over_from_an_installed_podman_and_given_back() {
    let host = TestHost::boot(BootOptions { kind: Kind::WithPodman, binds: Vec::new() });
    stage::install(&host);
    let alice = Manager::of(&host, "alice");
    let file = "[Container]\nImage=localhost/x\n";
    host.write("alice", "/home/alice/.config/pontoon/systemd/ours.container", file);
    alice.add("shared.container", file);
    let maker = |unit: &str| {
        let text = alice.cat(unit);
        if text.contains("/usr/bin/pontoon") { "pontoon" } else { "podman" }
    };
    assert_eq!((maker("shared"), maker("ours")), ("podman", "pontoon"));
    assert!(!host.alice("pontoon quadlet list -n").ok().stdout.contains("shared.container"));
    // Whoever installs a file gets it where ours is read.
    host.write("alice", "/tmp/alice/new.container", file);
    let installed = host.alice("pontoon quadlet install /tmp/alice/new.container").ok().stdout;
    assert_eq!(installed, "/home/alice/.config/pontoon/systemd/new.container\n");
    let refused = host.alice("pontoon quadlet adopt").fails(125);
    assert!(refused.stderr.contains("run it as root"), "{}", refused.stderr);
    host.root("pontoon quadlet adopt").ok();
    assert!(host.root("pontoon quadlet adopt").ok().stdout.contains("ours already"));
    alice.reload();
    assert_eq!((maker("shared"), maker("ours")), ("pontoon", "pontoon"));
    host.root("pontoon quadlet release").ok();
    alice.reload();
    assert_eq!((maker("shared"), maker("ours")), ("podman", "pontoon"));
    assert!(host.root("pontoon quadlet release").ok().stdout.contains("nothing was masked"));
}
