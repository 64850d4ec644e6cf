//! Real namespaces, connected by the real pasta and slirp4netns.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests, and what they share")]

mod inside;

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::time::Duration;

use inside::Inside;
use pontoon_network::{
    HostFacts, Mode, NetworkPlan, NetworkRequest, NetworkSession, PortMapping, Starting, check_free,
    end_left, is_left, leftover, parse_publish, plan, resolve_random,
};
use rustix::process::{Pid, Signal, kill_process};

/// Whether this machine can run the tests. As root, who can install it (`make unit` does), the program must be there.
fn can_run(program: &str) -> bool {
    let found = Path::new("/usr/bin").join(program).exists();
    assert!(found || !rustix::process::geteuid().is_root(), "{program} is not installed");
    let tun = std::fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    if found && tun.is_ok() {
        return true;
    }
    eprintln!("SKIPPED: {program} or an open /dev/net/tun is missing");
    false
}

struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        // Longer than a socket's path may be, as real ones are.
        let directory = format!("pontoon-connect-{name}-{}-{}", std::process::id(), "x".repeat(80));
        let path = std::env::temp_dir().join(directory);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn decide(mode: Mode, ports: &[&str], user_namespace: bool) -> NetworkPlan {
    let mut ports: Vec<PortMapping> = ports.iter().map(|word| parse_publish(word).unwrap()).collect();
    resolve_random(&mut ports).unwrap();
    let request = NetworkRequest {
        mode,
        ports,
        hostname: "abc".to_owned(),
        container_name: "web".to_owned(),
        user_namespace,
        ..NetworkRequest::default()
    };
    plan(&request, &HostFacts::read(&std::env::temp_dir()).unwrap()).unwrap()
}

#[track_caller]
fn connect(plan: &NetworkPlan, inside: &Inside, directory: &Directory) -> NetworkSession {
    let starting = Starting::begin(plan.helper.as_ref().unwrap(), inside.pid(), &directory.0).unwrap();
    match starting.finish() {
        Ok(session) => session,
        Err(err) => panic!("{err}, {:?}", err.hint()),
    }
}

fn ask_tcp(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn ask_udp(address: SocketAddr) -> std::io::Result<String> {
    let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    socket.connect(address)?;
    socket.send(b"hello")?;
    let mut answer = [0_u8; 512];
    let length = socket.recv(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}

#[track_caller]
fn check_tcp(address: &str, port: u16, container_port: u16) {
    let address: IpAddr = address.parse().unwrap();
    let answer = ask_tcp(SocketAddr::new(address, port)).unwrap();
    assert!(answer.contains(&format!("served on {container_port} ")), "{answer}");
    check_peer(address, &answer);
}

/// Whoever trusts its own loopback must not take strangers for it. (What comes from the host's loopback may come from
/// the container's: pasta hands such connections over without a detour.)
#[track_caller]
fn check_peer(address: IpAddr, answer: &str) {
    let loopback = answer.contains("to 127.0.0.1") || answer.contains("to ::1");
    assert!(address.is_loopback() || !loopback, "{answer}");
}

#[track_caller]
fn check_udp(address: &str, port: u16, container_port: u16) {
    let address: IpAddr = address.parse().unwrap();
    let answer = ask_udp(SocketAddr::new(address, port)).unwrap();
    assert!(answer.contains(&format!("served on {container_port} ")), "{answer}");
    check_peer(address, &answer);
}

/// A process that has ended and that nobody has asked about yet has no words any more.
fn is_running(pid: u32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| !words.is_empty())
}

/// Everything that is published answers; nothing else does; the helper goes when it is told to.
#[track_caller]
fn check_forwarding(mode: Mode, name: &str, user_namespace: bool) {
    let directory = Directory::new(name);
    let inside = Inside::start(user_namespace);
    let outer = HostFacts::read(&std::env::temp_dir()).unwrap().address_v4.map(|address| address.to_string());
    let plan = decide(mode, &["80-82", "127.0.0.1::90", "0.0.0.0::91/udp"], user_namespace);
    let session = connect(&plan, &inside, &directory);
    inside.serve();
    let host = |place: usize| plan.ports[place].host_port;
    for offset in 0..3 {
        check_tcp("127.0.0.1", host(0) + offset, 80 + offset);
    }
    check_tcp("127.0.0.1", host(1), 90);
    if let Some(address) = &outer {
        check_tcp(address, host(0), 80);
    }
    // slirp4netns does not let answers to the host's loopback out; pasta gives its host's outer address to the container.
    match (&plan.mode, &outer) {
        (Mode::Slirp4netns(_), Some(address)) => check_udp(address, host(2), 91),
        (Mode::Slirp4netns(_), None) => eprintln!("SKIPPED: datagrams, since the host has no outer address"),
        _ if !plan.warnings.is_empty() => eprintln!("SKIPPED: datagrams, since {}", plan.warnings.join(" ")),
        _ => check_udp("127.0.0.1", host(2), 91),
    }
    // Published on one address only.
    let elsewhere = SocketAddr::new("127.0.0.2".parse().unwrap(), host(1));
    assert!(ask_tcp(elsewhere).is_err());
    // Not published at all.
    assert!(ask_tcp(SocketAddr::new("127.0.0.1".parse().unwrap(), 92)).is_err());
    let pid = session.helper_pid();
    assert!(is_running(pid));
    session.stop().unwrap();
    assert!(!is_running(pid), "the helper is still there");
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0, "files are left");
    assert!(ask_tcp(SocketAddr::new("127.0.0.1".parse().unwrap(), host(1))).is_err());
}

#[test]
fn pasta_forwards_what_is_published_and_nothing_else() {
    if can_run("pasta") {
        check_forwarding(Mode::Pasta(Vec::new()), "pasta", true);
    }
}

#[test]
fn slirp4netns_forwards_what_is_published_and_nothing_else() {
    if can_run("slirp4netns") {
        check_forwarding(Mode::Slirp4netns(Vec::new()), "slirp", true);
    }
}

#[test]
fn pasta_connects_a_namespace_of_root_without_a_user_namespace() {
    if can_run("pasta") && rustix::process::getuid().is_root() {
        check_forwarding(Mode::Pasta(Vec::new()), "pasta-root", false);
    }
}

#[test]
fn slirp4netns_connects_a_namespace_of_root_without_a_user_namespace() {
    if can_run("slirp4netns") && rustix::process::getuid().is_root() {
        check_forwarding(Mode::Slirp4netns(Vec::new()), "slirp-root", false);
    }
}

#[test]
fn a_namespace_of_root_is_not_left_mounted() {
    if !can_run("pasta") || !rustix::process::getuid().is_root() {
        return;
    }
    let directory = Directory::new("mount");
    let inside = Inside::start(false);
    let session = connect(&decide(Mode::Pasta(Vec::new()), &[], false), &inside, &directory);
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(directory.0.to_str().unwrap()));
    session.stop().unwrap();
}

#[test]
fn no_helper_mounts_anything_over_the_hosts_directories() {
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    for (program, mode) in
        [("pasta", Mode::Pasta(Vec::new())), ("slirp4netns", Mode::Slirp4netns(Vec::new()))]
    {
        if !can_run(program) {
            continue;
        }
        let directory = Directory::new(&format!("tmp-{program}"));
        let inside = Inside::start(true);
        let session = connect(&decide(mode, &[], true), &inside, &directory);
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let over = |line: &&str| [" / /tmp ", " / /etc ", " / /run "].iter().any(|it| line.contains(it));
        assert_eq!(mounts.lines().filter(over).count(), before.lines().filter(over).count(), "{mounts}");
        session.stop().unwrap();
    }
}

#[test]
fn a_port_can_be_published_again_at_once() {
    for (program, mode) in
        [("pasta", Mode::Pasta(Vec::new())), ("slirp4netns", Mode::Slirp4netns(Vec::new()))]
    {
        if !can_run(program) {
            continue;
        }
        let directory = Directory::new(&format!("again-{program}"));
        let plan = decide(mode, &["80-82", "91/udp"], true);
        for _ in 0..3 {
            let inside = Inside::start(true);
            check_free(&plan.ports).unwrap();
            connect(&plan, &inside, &directory).stop().unwrap();
        }
    }
}

#[test]
fn pasta_listens_on_ipv6_loopback_where_asked() {
    if !can_run("pasta") || UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let directory = Directory::new("six");
    let inside = Inside::start(true);
    let plan = decide(Mode::Pasta(Vec::new()), &["[::1]::80"], true);
    let session = connect(&plan, &inside, &directory);
    inside.serve();
    check_tcp("::1", plan.ports[0].host_port, 80);
    assert!(ask_tcp(SocketAddr::new("127.0.0.1".parse().unwrap(), plan.ports[0].host_port)).is_err());
    session.stop().unwrap();
}

#[test]
fn the_hosts_loopback_is_out_of_reach() {
    for (program, mode) in
        [("pasta", Mode::Pasta(Vec::new())), ("slirp4netns", Mode::Slirp4netns(Vec::new()))]
    {
        if !can_run(program) {
            continue;
        }
        let directory = Directory::new(&format!("loopback-{program}"));
        let inside = Inside::start(true);
        let secret = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = secret.local_addr().unwrap().port();
        let session = connect(&decide(mode, &[], true), &inside, &directory);
        for address in ["127.0.0.1", "10.0.2.2", "169.254.1.1"] {
            assert_eq!(inside.dial(&format!("{address}:{port}")), "refused", "{program} {address}");
        }
        session.stop().unwrap();
    }
}

#[test]
fn a_taken_port_is_told_in_the_helpers_words() {
    for (program, mode) in
        [("pasta", Mode::Pasta(Vec::new())), ("slirp4netns", Mode::Slirp4netns(Vec::new()))]
    {
        if !can_run(program) {
            continue;
        }
        let directory = Directory::new(&format!("taken-{program}"));
        let inside = Inside::start(true);
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let plan = decide(mode, &[&format!("127.0.0.1:{port}:80")], true);
        let starting = Starting::begin(plan.helper.as_ref().unwrap(), inside.pid(), &directory.0).unwrap();
        let error = starting.finish().unwrap_err();
        assert!(error.to_string().contains(&port.to_string()), "{error}");
        assert!(error.hint().unwrap().contains("ss -lntup"), "{error}");
        assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0, "files are left");
    }
}

#[test]
fn a_namespace_that_is_not_there_is_an_error_and_nothing_is_left() {
    for (program, mode) in
        [("pasta", Mode::Pasta(Vec::new())), ("slirp4netns", Mode::Slirp4netns(Vec::new()))]
    {
        if !can_run(program) {
            continue;
        }
        let directory = Directory::new(&format!("absent-{program}"));
        let plan = decide(mode, &[], true);
        // No process has this pid: it is above the kernel's limit.
        let starting = Starting::begin(plan.helper.as_ref().unwrap(), 4_194_305, &directory.0).unwrap();
        let error = starting.finish().unwrap_err().to_string();
        assert!(error.contains("cannot connect the container to the network: "), "{error}");
        assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0, "files are left");
    }
}

#[test]
fn a_helper_that_nobody_supervises_is_found_and_ended() {
    if !can_run("pasta") {
        return;
    }
    let directory = Directory::new("leftover");
    let inside = Inside::start(true);
    let session = connect(&decide(Mode::Pasta(Vec::new()), &[], true), &inside, &directory);
    let pid = session.helper_pid();
    // As if the supervisor had been killed.
    std::mem::forget(session);
    assert!(is_left(&directory.0));
    let found = leftover(&directory.0).unwrap();
    assert_eq!(found.pid(), pid);
    found.end().unwrap();
    assert!(leftover(&directory.0).is_none());
    assert!(!is_left(&directory.0));
    // A number that belongs to somebody else is not taken for it.
    std::fs::write(directory.0.join("pasta.pid"), format!("{}\n", std::process::id())).unwrap();
    std::fs::write(directory.0.join("pasta.ready"), "").unwrap();
    assert!(leftover(&directory.0).is_none());
    // Looked for once, and then its files are gone.
    assert!(is_left(&directory.0));
    end_left(&directory.0).unwrap();
    assert!(!is_left(&directory.0));
    assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0, "files are left");
}

/// What is killed loses its words first and its ports last.
#[test]
fn a_helper_that_was_killed_a_moment_ago_is_waited_for() {
    if !can_run("pasta") {
        return;
    }
    let inside = Inside::start(true);
    let mut still_dying = 0;
    // Free now and then, so none that other tests may get.
    let plan = decide(Mode::Pasta(Vec::new()), &["18485:80"], true);
    for round in 0..10 {
        let directory = Directory::new(&format!("killed-{round}"));
        let session = connect(&plan, &inside, &directory);
        let pid = session.helper_pid();
        std::mem::forget(session);
        kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
        while std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|it| !it.is_empty()) {
            std::thread::yield_now();
        }
        if let Some(found) = leftover(&directory.0) {
            still_dying += 1;
            found.end().unwrap();
        }
        check_free(&plan.ports).unwrap();
    }
    assert!(still_dying > 0, "none of ten was still ending");
}

#[test]
fn a_start_that_is_given_up_leaves_nothing() {
    for (program, mode) in
        [("pasta", Mode::Pasta(Vec::new())), ("slirp4netns", Mode::Slirp4netns(Vec::new()))]
    {
        if !can_run(program) {
            continue;
        }
        let directory = Directory::new(&format!("given-up-{program}"));
        let inside = Inside::start(true);
        let plan = decide(mode, &[], true);
        drop(Starting::begin(plan.helper.as_ref().unwrap(), inside.pid(), &directory.0).unwrap());
        assert_eq!(std::fs::read_dir(&directory.0).unwrap().count(), 0, "files are left");
    }
}
