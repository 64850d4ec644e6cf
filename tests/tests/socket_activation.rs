//! Containers that start with the first connection and end when they are not needed (`SocketActivation=` in `[X-Pontoon]`).
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::{B, Manager, TestHost, host, wait};

/// A container that takes a while until it answers; `/cgi-bin/slow` answers later than the idle timeout.
fn lazy(name: &str, activation: &str, more: &str, service: &str) -> String {
    format!(
        "[Container]\nImage={B}\nContainerName={name}\nRunInit=true\n{more}\n\
         Exec=sh -c 'mkdir -p /www/cgi-bin; echo this is {name} >/www/index.html; \
           printf \"#!/bin/sh\\\\necho; echo\\\\nsleep 4; echo slowly\\\\n\" >/www/cgi-bin/slow; chmod +x /www/cgi-bin/slow; \
           sleep 1; httpd -f -p 8080 -h /www'\n\
         [X-Pontoon]\nSocketActivation={activation}\nIdleTimeout=2s\n\
         [Service]\n{service}\n[Install]\nWantedBy=default.target\n"
    )
}

#[track_caller]
fn until_idle(manager: Manager<'_>, unit: &str) {
    manager.until_property(unit, "ActiveState", "inactive");
    assert_eq!(manager.property(unit, "Result"), "success", "{}", manager.journal(unit));
}

#[track_caller]
fn answers(host: &TestHost, url: &str, text: &str) {
    host.root(&format!("curl --silent --show-error --max-time 60 {url}")).ok().says(text);
}

#[test]
fn a_rootless_container_of_the_systems_starts_on_a_low_port_and_ends_when_idle() {
    let host = host();
    host.root("useradd --system --no-create-home --home-dir /nonexistent lazy").ok();
    let system = Manager::of(host, "root");
    // Not even a network: connections come all the same.
    system.add("lazy.container", &lazy("lazy", "80:8080", "Network=none", "User=lazy"));
    assert_eq!(
        host.root("readlink /run/systemd/generator/default.target.wants/*")
            .ok()
            .stdout
            .lines()
            .find(|it| it.contains("lazy")),
        Some("../lazy.socket")
    );
    system.start("lazy.socket");
    assert_eq!(system.property("lazy", "ActiveState"), "inactive");
    // The connection that starts it is answered, though the payload is slow to listen.
    answers(host, "http://localhost/", "this is lazy");
    assert_eq!(system.property("lazy", "ActiveState"), "active");
    // One that lasts longer than the timeout is not broken off.
    answers(host, "http://localhost/cgi-bin/slow", "slowly");
    until_idle(system, "lazy");
    host.root("pontoon --user lazy ps -aq").ok().prints("");
    // And again, several at once.
    host.root("for n in 1 2 3 4; do curl --silent --max-time 60 http://127.0.0.1/ & done; wait")
        .ok()
        .prints("this is lazy\nthis is lazy\nthis is lazy\nthis is lazy");
    // Stopped by hand it comes back as well; only without its socket nobody listens.
    system.stop("lazy");
    answers(host, "http://localhost/", "this is lazy");
    system.stop("lazy.socket");
    host.root("curl --silent http://localhost/").fails(7);
    system.remove("lazy.container");
}

#[test]
fn a_users_container_starts_with_a_connection() {
    let host = host();
    let alice = Manager::of(host, "alice");
    alice.add("mine.container", &lazy("mine", "127.0.0.1:8480:8080", "", ""));
    alice.start("mine.socket");
    answers(host, "http://127.0.0.1:8480/", "this is mine");
    assert_eq!(alice.property("mine", "ActiveState"), "active");
    // The payload gets none of the sockets, and what leads connections ends with the container.
    host.alice("pontoon exec mine sh -c 'echo $LISTEN_FDS; ls /proc/1/fd | tr \"\\n\" \" \"'")
        .ok()
        .lacks(" 3 ");
    until_idle(alice, "mine");
    wait::until_true("the helper to end", || {
        host.alice("pgrep -u alice -f '[p]ontoon-network activated'").code == 1
    });
    // It fails, and says so, where nobody listens for it.
    let alone = host.alice(&format!("pontoon run --rm --activate 80 {B} true")).fails(125);
    assert!(alone.stderr.contains("0 sockets that systemd listens on"), "{alone:?}");
    alice.stop("mine.socket");
    alice.remove("mine.container");
}
