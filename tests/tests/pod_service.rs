//! A `.pod` file and its containers as services of a user's.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::until_nginx_answers;
use pontoon_tests::tree::{Traces, assert_nothing_left};
use pontoon_tests::{B, Manager, alone, host_with_busybox};

const POD: &str = "[Pod]\nPodName=shop\nPublishPort=8096:80\n";
const FRONT: &str = "[Container]\nImage=localhost:5000/nginx:latest\nContainerName=front\nPod=shop.pod\n\n\
                     [Service]\nTimeoutStartSec=120\n";

/// A container that only stays, and ends well when it is asked to.
fn sleeper(name: &str, pod: &str) -> String {
    let exec = "sh -c 'trap \"exit 0\" TERM; sleep 10000 & wait'";
    format!("[Container]\nImage={B}\nContainerName={name}\nPod={pod}.pod\nExec={exec}\n")
}

#[test]
fn a_pod_s_services_start_fail_restart_and_leave_nothing() {
    let host = host_with_busybox();
    let _alone = alone();
    let alice = Manager::of(host, "alice");
    let before = Traces::of(host, "alice");
    alice.add("shop.pod", POD).add("front.container", FRONT).add("side.container", &sleeper("side", "shop"));

    // The pod brings its containers.
    alice.start("shop-pod");
    alice.until_property("front", "SubState", "running");
    alice.until_property("side", "SubState", "running");
    until_nginx_answers(host, 8096);
    let infra =
        host.alice("pontoon pod inspect --format '{{.InfraContainerID}}' shop").ok().text().to_owned();
    let supervisor = host.alice(&format!("pontoon inspect --format '{{{{.State.ConmonPid}}}}' {infra}"));
    assert_eq!(alice.property("shop-pod", "MainPID"), supervisor.ok().text());
    assert_eq!(host.alice("pontoon pod inspect --format '{{.State}}' shop").ok().text(), "Running");
    alice.reload();
    assert_eq!(alice.property("shop-pod", "SubState"), "running");

    // A member that fails takes nobody with it, and comes back by its own service.
    host.alice("pontoon kill side").ok();
    alice.until_property("side", "ActiveState", "failed");
    assert_eq!(alice.property("shop-pod", "ActiveState"), "active");
    until_nginx_answers(host, 8096);
    alice.systemctl("reset-failed side").ok();
    alice.start("side");
    alice.until_property("side", "SubState", "running");

    // A restart of the pod is one of all its services.
    let old = host.alice("pontoon inspect --format '{{.Id}}' front").ok().text().to_owned();
    alice.systemctl("restart shop-pod").ok();
    alice.until_property("front", "SubState", "running");
    until_nginx_answers(host, 8096);
    assert_ne!(host.alice("pontoon inspect --format '{{.Id}}' front").ok().text(), old);

    // Its stop is the end of all.
    alice.stop("shop-pod");
    for unit in ["front", "side", "shop-pod"] {
        alice.until_property(unit, "ActiveState", "inactive");
    }
    host.alice("pontoon pod exists shop").fails(1);
    assert_eq!(host.alice("pontoon ps -aq --filter name=front --filter name=side").ok().text(), "");

    // With its last container the pod ends, as a unit's pods do unless ExitPolicy says something else.
    alice.start("shop-pod");
    alice.until_property("front", "SubState", "running");
    alice.until_property("side", "SubState", "running");
    alice.stop("front");
    assert_eq!(alice.property("shop-pod", "ActiveState"), "active");
    alice.stop("side");
    alice.until_property("shop-pod", "ActiveState", "inactive");
    for file in ["front.container", "side.container", "shop.pod"] {
        alice.remove(file);
    }
    assert_nothing_left(host, "alice", &before);
}

#[test]
fn root_s_pods_are_services_too() {
    let host = host_with_busybox();
    let _alone = alone();
    let root = Manager::of(host, "root");
    root.add("own.pod", "[Pod]\nPodName=own\n");
    root.add("member.container", &sleeper("member", "own"));
    root.start("own-pod");
    root.until_property("member", "SubState", "running");
    let link = |name: &str| {
        let pid = host
            .root(&format!("pontoon inspect --format '{{{{.State.Pid}}}}' {name}"))
            .ok()
            .text()
            .to_owned();
        host.root(&format!("readlink /proc/{pid}/ns/net")).ok().text().to_owned()
    };
    let infra = host.root("pontoon pod inspect --format '{{.InfraContainerID}}' own").ok().text().to_owned();
    assert_eq!(link("member"), link(&infra));
    root.stop("own-pod");
    root.until_property("member", "ActiveState", "inactive");
    host.root("pontoon pod exists own").fails(1);
    root.remove("member.container");
    root.remove("own.pod");
}
