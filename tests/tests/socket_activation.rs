//! Containers that start with the first connection and end when they are not needed (`SocketActivation=` in `[X-Pontoon]`).
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6};
use pontoon_tests::{B, Manager, TestHost, alone, host, wait};

/// A container that takes a while until it answers; `/cgi-bin/slow` answers later than the idle timeout.
fn lazy(name: &str, activation: &str, more: &str, service: &str) -> String {
    format!(
        "[Container]\nImage={B}\nContainerName={name}\nRunInit=true\n{more}\n\
         Exec=sh -c 'mkdir -p /www/cgi-bin; echo this is {name} >/www/index.html; \
           printf \"#!/bin/sh\\\\necho; echo\\\\nsleep 4; echo slowly\\\\n\" >/www/cgi-bin/slow; \
           printf \"#!/bin/sh\\\\necho; echo\\\\nenv\\\\n\" >/www/cgi-bin/env; chmod +x /www/cgi-bin/*; \
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
    // While a manager reloads, what generators have made is away.
    let _alone = alone();
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
    assert_ne!(system.property("lazy", "ActiveEnterTimestampMonotonic"), "0");
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
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    alice.add("mine.container", &lazy("mine", "127.0.0.1:8480:8080", "", ""));
    alice.start("mine.socket");
    answers(host, "http://127.0.0.1:8480/", "this is mine");
    // The payload gets none of the sockets, and what leads connections ends with the container. An open connection keeps it here.
    let seen = "pontoon exec mine sh -c 'echo $LISTEN_FDS; ls /proc/1/fd | tr \"\\n\" \" \"'";
    host.alice(&format!("exec 9<>/dev/tcp/127.0.0.1/8480; until pontoon exec mine true; do sleep 0.1; done 2>/dev/null; {seen} 9<&-"))
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

#[test]
fn the_payload_sees_who_has_connected() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    // Without a network, with one, and on the host's, which is not ours to change.
    for (name, network, port, inner) in
        [("apart", "none", 8482, 8080), ("along", "pasta", 8483, 8080), ("beside", "host", 8484, 8485)]
    {
        let file = format!("{name}.container");
        let text = lazy(name, &format!("{port}:{inner}"), &format!("Network={network}"), "");
        alice.add(&file, &text.replace("-p 8080", &format!("-p {inner}")));
        alice.start(&format!("{name}.socket"));
        for (address, client) in [(HOST_V4.to_owned(), OUTSIDE_V4), (format!("[{HOST_V6}]"), OUTSIDE_V6)] {
            let page = host
                .root(&format!(
                    "ip netns exec outside curl -sS --max-time 60 http://{address}:{port}/cgi-bin/env"
                ))
                .ok();
            let said = page.stdout.lines().find_map(|line| line.strip_prefix("REMOTE_ADDR="));
            let said = said.unwrap_or_default().trim_matches(['[', ']']);
            let expected = match (network, client) {
                ("host", OUTSIDE_V4) => "127.0.0.1",
                ("host", _) => "::1",
                _ => client,
            };
            assert_eq!(said.strip_prefix("::ffff:").unwrap_or(said), expected, "{name}: {page:?}");
        }
        until_idle(alice, name);
        alice.stop(&format!("{name}.socket"));
        alice.remove(&file);
    }
}

#[test]
fn a_server_for_one_connection_serves_the_one_that_started_it() {
    let _alone = alone();
    let host = host();
    let alice = Manager::of(host, "alice");
    // Any connection before the client's would be its client. It listens late, and ends after the first.
    alice.add(
        "once.container",
        &format!(
            "[Container]\nImage={B}\nContainerName=once\nRunInit=true\nNetwork=none\n\
             Exec=sh -c 'sleep 1; exec nc -l -p 8080 -e echo only to you'\n\
             [X-Pontoon]\nSocketActivation=127.0.0.1:8486:8080\n"
        ),
    );
    alice.start("once.socket");
    for _ in 0..2 {
        let ask = "exec 9<>/dev/tcp/127.0.0.1/8486; timeout 60 cat <&9";
        host.entry("root").env("ASK", ask).sh("bash -c \"$ASK\"").ok().prints("only to you");
        until_idle(alice, "once");
    }
    alice.stop("once.socket");
    alice.remove("once.container");
}

#[test]
fn a_container_starts_with_a_datagram_which_is_not_lost() {
    let _alone = alone();
    let host = host();
    host.root("useradd --system --no-create-home --home-dir /nonexistent datagrams").ok();
    let system = Manager::of(host, "root");
    // It takes a while until it listens.
    system.add(
        "datagrams.container",
        &format!(
            "[Container]\nImage={B}\nContainerName=datagrams\nRunInit=true\nNetwork=none\nVolume=/srv/payload:/payload:ro\n\
             Exec=sh -c 'sleep 1; exec /payload echo-udp 5353'\n\
             [X-Pontoon]\nSocketActivation=99:5353/udp\nIdleTimeout=2s\n[Service]\nUser=datagrams\n"
        ),
    );
    system.start("datagrams.socket");
    // One datagram, once; the client takes an answer from nobody else than whom it has asked.
    let ask = |from: &str, to: &str, text: &str| {
        let client = format!(
            "exec 9<>/dev/udp/{to}/99; echo {text} >&9; timeout 60 dd bs=2048 count=1 status=none <&9"
        );
        host.entry("root")
            .env("CLIENT", &client)
            .sh(&format!("{from} bash -c \"$CLIENT\""))
            .ok()
            .prints(text);
    };
    for (from, to) in
        [("", "127.0.0.1"), ("ip netns exec outside", HOST_V4), ("ip netns exec outside", HOST_V6)]
    {
        assert_eq!(system.property("datagrams", "ActiveState"), "inactive");
        ask(from, to, "first");
        ask(from, to, "second");
        until_idle(system, "datagrams");
    }
    system.stop("datagrams.socket");
    system.remove("datagrams.container");
}
