//! Who needs whom, and what systemd says of the units of containers.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use pontoon_tests::{B, Manager, TestHost, host_with_busybox};
use serde_json::Value;

/// What `tree --format json` tells, by kind and name.
fn tree(host: &TestHost) -> BTreeMap<String, Value> {
    let rows = host.alice("pontoon tree --format json").ok().json();
    let name = |row: &Value| format!("{} {}", row["Kind"].as_str().unwrap(), row["Name"].as_str().unwrap());
    rows.as_array().unwrap().iter().map(|row| (name(row), row.clone())).collect()
}

fn needs(row: &Value) -> Vec<String> {
    let needs = row["Needs"].as_array().unwrap().iter();
    needs.map(|it| format!("{} {}", it["Kind"].as_str().unwrap(), it["Name"].as_str().unwrap())).collect()
}

#[test]
fn services_and_what_they_need_are_told_with_systemd_s_states() {
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    alice.add("data.volume", "[Volume]\nVolumeName=treedata\n");
    alice.add("shop.pod", "[Pod]\nPodName=shop\n");
    alice.add(
        "db.container",
        &format!(
            "[Container]\nImage={B}\nContainerName=db\nPod=shop.pod\nVolume=data.volume:/data\nExec=sleep 1000\n\
             HealthCmd=true\nHealthInterval=1s\nStopTimeout=0\n"
        ),
    );
    alice.add(
        "web.container",
        &format!(
            "[Unit]\nRequires=db.service\nAfter=db.service\n\
             [Container]\nImage={B}\nContainerName=web\nPod=shop.pod\nExec=sleep 1000\nStopTimeout=0\n"
        ),
    );
    alice.add(
        "bad.container",
        &format!("[Container]\nImage={B}\nContainerName=bad\nNetwork=none\nExec=sh -c \"exit 3\"\n"),
    );
    alice.add("later@.container", &format!("[Container]\nImage={B}\n"));
    // Before anything runs.
    let before = tree(host);
    assert_eq!(before["service web.service"]["State"], "inactive", "{before:?}");
    assert_eq!(needs(&before["service web.service"]), ["service db.service", "service shop-pod.service"]);
    assert_eq!(before["volume treedata"]["Exists"], false, "{before:?}");
    assert!(!before.keys().any(|it| it.contains("later")), "{before:?}");

    alice.start("web");
    alice.until_property("web", "ActiveState", "active");
    let _ = alice.systemctl("start bad");
    alice.until_property("bad", "ActiveState", "failed");
    host.alice(&format!(
        "pontoon run -d --name byhand --network none --stop-timeout 0 -v own:/v -v /anonymous {B} sleep 1000"
    ))
    .ok();
    let now = tree(host);
    let is = |name: &str, state: &str, expected: &[&str]| {
        let row = now.get(name).unwrap_or_else(|| panic!("no {name}: {now:?}"));
        assert_eq!(row["State"], state, "{row}");
        assert_eq!(needs(row), expected, "{row}");
    };
    is("service web.service", "active", &["service db.service", "service shop-pod.service", "container web"]);
    is(
        "service db.service",
        "active",
        &["service data-volume.service", "service shop-pod.service", "container db"],
    );
    is("service shop-pod.service", "active", &["pod shop"]);
    is("service data-volume.service", "active", &["volume treedata"]);
    is("container db", "running", &["pod shop", "volume treedata"]);
    is("container byhand", "running", &["volume own"]);
    is("pod shop", "Running", &[]);
    is("volume treedata", "", &[]);
    assert_eq!(now["service bad.service"]["Result"], "exit-code", "{now:?}");
    assert_eq!(now["service web.service"]["SubState"], "running", "{now:?}");
    assert!(now["service web.service"]["Source"].as_str().unwrap().ends_with("systemd/web.container"));
    assert!(!now.keys().any(|it| it.contains("infra")), "{now:?}");
    assert_eq!(now.keys().filter(|it| it.starts_with("volume")).count(), 2, "{now:?}");
    host.alice("pontoon tree")
        .ok()
        .says("web.service  active/running")
        .says("bad.service  failed/failed (exit-code)");
    host.alice("pontoon tree --format '{{.Kind}} {{.Name}}'").ok().says("volume treedata");
    host.alice("pontoon tree --format '{{.Bogus'").refused();

    // The same states beside each container.
    host.alice("pontoon ps --units --format '{{.Names}} {{.Unit}} {{.UnitState}}'")
        .ok()
        .says("web web.service active/running")
        .says("byhand  \n");
    host.alice("pontoon ps --units").ok().says("UNIT STATE").says("active/running");
    let rows = host.alice("pontoon ps --units --format json").ok().json();
    let row = rows.as_array().unwrap().iter().find(|it| it["Names"][0] == "db").unwrap().clone();
    let states = ["Unit", "UnitActiveState", "UnitSubState", "UnitResult"].map(|it| row[it].clone());
    assert_eq!(states, ["db.service", "active", "running", "success"], "{row}");
    host.alice("pontoon ps --format json").ok().lacks("UnitActiveState");

    host.alice("pontoon rm -f -t 0 byhand && pontoon volume rm own").ok();
    alice.stop("shop-pod");
    for file in
        ["web.container", "db.container", "bad.container", "later@.container", "shop.pod", "data.volume"]
    {
        alice.remove(file);
    }
}
