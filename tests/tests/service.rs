//! The main job, on real parts: files become services that run, answer, log, come back, stop and leave nothing.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use pontoon_tests::network::until_nginx_answers;
use pontoon_tests::tree::{Traces, assert_nothing_left};
use pontoon_tests::{B, Manager, TestHost, alone, host, host_with_busybox, wait};

fn web(name: &str, port: u16) -> String {
    format!(
        "[Unit]\nDescription=The web server of the tests\n\n\
         [Container]\nImage=localhost:5000/nginx:latest\nContainerName={name}\nPublishPort={port}:80\n\n\
         [Service]\nRestart=always\nRestartSec=100ms\nTimeoutStartSec=120\n\n\
         [Install]\nWantedBy=default.target\n"
    )
}

fn payload_pid(host: &TestHost, user: &str, container: &str) -> String {
    host.sh_as(user, &format!("pontoon inspect --format '{{{{.State.Pid}}}}' {container}"))
        .ok()
        .text()
        .to_owned()
}

#[test]
fn there_is_no_other_engine_on_the_test_host() {
    let _alone = alone();
    host().root("! command -v podman docker crun runc conmon buildah").ok();
}

#[test]
fn a_file_becomes_a_service_that_answers_logs_comes_back_and_leaves_nothing() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    let before = Traces::of(host, "alice");

    alice.add("web.container", &web("web", 8080));
    // The image is not there yet: the start pulls it.
    alice.start("web");
    until_nginx_answers(host, 8080);
    alice.until_logged("web", "GET / HTTP/1.1");
    assert_eq!(alice.property("web", "SubState"), "running");

    // The journal's lines are alice's own and carry the container's name.
    let fields =
        host.alice("journalctl --user -u web -o json --no-pager | grep 'GET / HTTP' | tail -1").ok().json();
    assert_eq!(fields["_UID"], "1000", "{fields}");
    assert_eq!(fields["CONTAINER_NAME"], "web", "{fields}");
    assert_eq!(fields["_SYSTEMD_USER_UNIT"], "web.service", "{fields}");

    // The monitor is the unit's main process.
    let main = alice.property("web", "MainPID");
    host.root(&format!("cat /proc/{main}/comm")).ok().says("pontoon-monitor");

    // kill -9 of the payload.
    let payload = payload_pid(host, "alice", "web");
    host.root(&format!("kill -9 {payload}")).ok();
    wait::until("a restart after the payload was killed", || {
        let restarts = alice.property("web", "NRestarts");
        if restarts == "0" { Err(alice.journal("web")) } else { Ok(()) }
    });
    until_nginx_answers(host, 8080);

    // kill -9 of the monitor.
    let restarts: u32 = alice.property("web", "NRestarts").parse().expect("a number");
    let main = alice.property("web", "MainPID");
    host.alice(&format!("kill -9 {main}")).ok();
    wait::until("a restart after the monitor was killed", || {
        let now: u32 = alice.property("web", "NRestarts").parse().expect("a number");
        if now > restarts { Ok(()) } else { Err(alice.journal("web")) }
    });
    until_nginx_answers(host, 8080);

    let start = Instant::now();
    alice.stop("web");
    assert!(start.elapsed() < Duration::from_secs(9), "stopping took {:?}", start.elapsed());
    assert_eq!(alice.property("web", "ActiveState"), "inactive");
    assert_eq!(alice.property("web", "Result"), "success");
    host.alice("pontoon ps -aq").ok().prints("");
    alice.remove("web.container");
    assert_nothing_left(host, "alice", &before);
}

#[test]
fn the_same_file_runs_as_a_system_unit() {
    let _alone = alone();
    let host = host();
    let system = Manager::of(host, "root");
    let before = Traces::of(host, "root");
    system.add("web.container", &web("sysweb", 8081));
    system.start("web");
    until_nginx_answers(host, 8081);
    system.until_logged("web", "GET / HTTP/1.1");
    host.root("pontoon ps --format '{{.Names}} {{.State}}'").ok().says("sysweb running");
    // Users and the system do not see each other's containers.
    host.alice("pontoon ps -a --format '{{.Names}}'").ok().lacks("sysweb");
    system.stop("web");
    assert_eq!(system.property("web", "Result"), "success");
    system.remove("web.container");
    assert_nothing_left(host, "root", &before);
}

#[test]
fn a_database_keeps_its_data_across_restart_and_removal() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    let before = Traces::of(host, "alice");
    alice.add("dbdata.volume", "[Volume]\nVolumeName=dbdata\n");
    alice.add(
        "db.container",
        "[Container]\nImage=localhost:5000/mariadb:latest\nContainerName=db\n\
         Environment=MARIADB_ROOT_PASSWORD=secret\nVolume=dbdata.volume:/var/lib/mysql\n\n\
         [Service]\nTimeoutStartSec=120\n",
    );
    let ask = |question: &str| {
        host.alice(&format!("pontoon exec db mariadb -uroot -psecret -h 127.0.0.1 -N -e \"{question}\""))
    };
    let until_ready = || {
        wait::until("MariaDB to answer", || {
            let answer = ask("select 1");
            if answer.code == 0 { Ok(()) } else { Err(format!("{answer:?}\n{}", alice.journal("db"))) }
        });
    };
    alice.start("db");
    until_ready();
    ask("create database shop; create table shop.orders (id int); insert into shop.orders values (42)").ok();

    alice.systemctl("restart db").ok();
    until_ready();
    ask("select id from shop.orders").ok().prints("42");

    alice.stop("db");
    host.alice("pontoon ps -aq").ok().prints("");
    alice.start("db");
    until_ready();
    ask("select id from shop.orders").ok().prints("42");
    // The server runs as its own user, which is one of alice's subordinate ids.
    host.alice("pontoon exec db sh -c 'cat /proc/1/status'").ok().lacks("Uid:\t0\t");

    alice.stop("db");
    alice.stop("dbdata-volume");
    alice.remove("db.container");
    alice.remove("dbdata.volume");
    host.alice("pontoon volume ls -q").ok().says("dbdata");
    host.alice("pontoon volume rm dbdata").ok();
    assert_nothing_left(host, "alice", &before);
}

#[test]
fn wanted_services_start_with_the_user_manager() {
    let _alone = alone();
    let host = host();
    let dave = Manager::of(host, "dave");
    host.sh_as("dave", &format!("pontoon pull -q {B}")).ok();
    dave.add(
        "boot.container",
        &format!(
            "[Container]\nImage={B}\nExec=sleep 1000\nStopTimeout=1\n[Install]\nWantedBy=default.target\n"
        ),
    );
    host.root("systemctl restart user@1003.service").ok();
    dave.until_property("boot", "SubState", "running");
    host.sh_as("dave", "pontoon ps --format '{{.Names}}'").ok().says("systemd-boot");
    dave.stop("boot");
    dave.remove("boot.container");
}

#[test]
fn a_failing_payload_gives_its_exit_status_to_systemd() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    alice
        .add("fails.container", &format!("[Container]\nImage={B}\nExec=sh -c \"echo going down; exit 3\"\n"));
    let _ = alice.systemctl("start fails");
    alice.until_property("fails", "ActiveState", "failed");
    assert_eq!(alice.property("fails", "Result"), "exit-code");
    assert_eq!(alice.property("fails", "ExecMainStatus"), "3");
    alice.until_logged("fails", "going down");
    host.alice("pontoon ps -a --format '{{.Names}}'").ok().lacks("systemd-fails");
    alice.remove("fails.container");
}

#[test]
fn a_unit_whose_image_cannot_be_had_fails_with_the_reason_in_its_journal() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    alice.add("noimage.container", "[Container]\nImage=localhost:5000/nowhere:1\n");
    alice.systemctl("start noimage").refused();
    alice.until_logged("noimage", "localhost:5000/nowhere:1");
    host.alice("pontoon ps -aq --filter name=systemd-noimage").ok().prints("");
    alice.remove("noimage.container");
}

#[test]
fn a_broken_file_becomes_a_unit_that_tells_what_is_wrong_and_spares_its_neighbours() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    alice.add("neighbour.container", &format!("[Container]\nImage={B}\nExec=sleep 1000\nStopTimeout=1\n"));
    alice.add("broken.container", "[Container]\nImage=localhost/x\nImagee=y\n");
    alice.start("neighbour");
    alice.systemctl("start broken").refused();
    alice.until_logged("broken", "broken.container:3:1");
    alice.until_logged("broken", "Imagee");
    alice.systemctl("status broken").fails(3).says("broken.container:3:1").says("Imagee");
    // Something that cannot work yet is named, not dropped.
    alice.add("later.container", "[Container]\nImage=localhost/x\nPodmanArgs=--volume-driver=x\n");
    alice.systemctl("start later").refused();
    alice.until_logged("later", "--volume-driver");
    alice.stop("neighbour");
    for name in ["neighbour", "broken", "later"] {
        alice.remove(&format!("{name}.container"));
    }
}

#[test]
fn a_oneshot_service_is_done_when_its_payload_is() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    alice.add(
        "once.container",
        &format!(
            "[Container]\nImage={B}\nExec=echo done once\n[Service]\nType=oneshot\nRemainAfterExit=yes\n"
        ),
    );
    alice.start("once");
    assert_eq!(alice.property("once", "SubState"), "exited");
    alice.until_logged("once", "done once");
    alice.stop("once");
    alice.remove("once.container");
}

#[test]
fn a_payload_that_notifies_itself_holds_the_start_until_it_is_ready() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    // busybox has no systemd-notify; its nc speaks no datagrams, so the gate is a file that appears.
    alice.add(
        "ready.container",
        &format!("[Container]\nImage={B}\nExec=sleep 1000\nNotify=true\nStopTimeout=1\n[Service]\nTimeoutStartSec=3\n"),
    );
    alice.systemctl("start ready").refused();
    assert_eq!(alice.property("ready", "Result"), "timeout");
    alice.remove("ready.container");
}

#[test]
fn templates_make_one_container_per_instance() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    alice.add(
        "many@.container",
        &format!("[Container]\nImage={B}\nExec=sh -c \"echo I am %i; exec sleep 1000\"\nStopTimeout=1\n"),
    );
    alice.start("many@one many@two");
    alice.until_logged("many@one", "I am one");
    alice.until_logged("many@two", "I am two");
    host.alice("pontoon ps --format '{{.Names}}'").ok().says("systemd-many_one").says("systemd-many_two");
    alice.stop("many@one many@two");
    alice.remove("many@.container");
}

#[test]
fn stop_kills_what_ignores_its_signal_within_the_stop_timeout() {
    let _alone = alone();
    let host = host_with_busybox();
    let alice = Manager::of(host, "alice");
    alice.add(
        "deaf.container",
        &format!(
            "[Container]\nImage={B}\nExec=sh -c \"trap '' TERM; while :; do sleep 1; done\"\nStopTimeout=2\n"
        ),
    );
    alice.start("deaf");
    let start = Instant::now();
    alice.stop("deaf");
    let took = start.elapsed();
    assert!(took > Duration::from_millis(1500) && took < Duration::from_secs(10), "stopping took {took:?}");
    alice.remove("deaf.container");
}

#[test]
fn a_pull_longer_than_the_start_timeout_does_not_end_the_start() {
    let _alone = alone();
    let host = host();
    let dave = Manager::of(host, "dave");
    // The registry answers slowly: everything of this pull passes a pipe of 4 MB per second.
    host.root(
        "systemctl is-active -q slow || systemd-run -q --unit=slow python3 -c '
import socket, threading, time
server = socket.create_server((\"127.0.0.1\", 5009))
def pipe(source, target, rate):
    while data := source.recv(65536):
        target.sendall(data)
        if rate: time.sleep(len(data) / rate)
    target.shutdown(socket.SHUT_WR)
while True:
    near, _ = server.accept()
    far = socket.create_connection((\"127.0.0.1\", 5000))
    threading.Thread(target=pipe, args=(near, far, 0), daemon=True).start()
    threading.Thread(target=pipe, args=(far, near, 4e6), daemon=True).start()
'",
    )
    .ok();
    host.write(
        "root",
        "/etc/containers/registries.conf.d/slow.conf",
        pontoon_tests::registry::insecure("localhost:5009"),
    );
    wait::until_true("the slow registry", || host.root("curl -sS http://localhost:5009/v2/").code == 0);
    dave.add(
        "slow.container",
        "[Container]\nImage=localhost:5009/nginx:latest\nStopTimeout=1\n[Service]\nTimeoutStartSec=4\n",
    );
    dave.start("slow");
    dave.stop("slow");
    dave.remove("slow.container");
}

#[test]
fn the_network_is_waited_for_only_while_the_boot_works_towards_it() {
    let host = host();
    let alice = Manager::of(host, "alice");
    let unit = "pontoon-user-wait-network-online.service";
    // Nobody has asked for the target here, so it will never be reached; the unit must not wait for it.
    assert_eq!(Manager::of(host, "root").property("network-online.target", "ActiveState"), "inactive");
    host.entry("alice").limit(Duration::from_secs(20)).sh(&format!("systemctl --user restart {unit}")).ok();
    assert_eq!(alice.property(unit, "ActiveState"), "active");
    host.root("systemctl start network-online.target").ok();
    host.entry("alice").limit(Duration::from_secs(20)).sh(&format!("systemctl --user restart {unit}")).ok();
    assert_eq!(alice.property(unit, "Result"), "success");
    host.root("systemctl stop network-online.target").ok();
}
