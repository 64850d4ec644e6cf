//! The words of the `payload` program, which runs inside containers.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, RenameFlags};
use rustix::process::{Pid, kill_process};

/// The page of the demonstration.
const PAGE: &str = "<!doctype html>\n<title>Landed</title>\n<h1>Hello from a pontoon</h1>\n\
    <p>This page comes from a rootless container that systemd started.</p>\n";

/// Runs one command; returns the exit code.
pub fn run(words: &[&str]) -> i32 {
    match words {
        ["landing"] => {
            end_on_sigterm();
            serve("80", PAGE)
        }
        ["serve", port, page] => serve(port, page),
        ["peer", port] => peer(port),
        // What is left of a program that does nothing.
        ["nothing"] => 0,
        ["bare-generator", .., out] => bare_generator(out),
        ["time", rounds, lines @ ..] => time(rounds, lines),
        ["echo-udp", port] => echo_udp(port),
        ["peer-udp", port] => peer_udp(port),
        ["ask", host, port, times] => ask(host, port, times),
        ["resolve", name, times] => resolve(name, times),
        ["notify", text] => notify(text),
        ["swap", pairs @ ..] => swap(pairs),
        ["grab-exe", seconds] => grab_exe(seconds),
        ["ids"] => {
            println!("{} {}", rustix::process::getuid().as_raw(), rustix::process::geteuid().as_raw());
            0
        }
        ["peek", seconds] => peek(seconds),
        ["use-up"] => use_up(),
        ["grab-fd", seconds, path] => grab_fd(seconds, path),
        ["grab-memory", seconds] => grab_memory(seconds),
        ["halt", seconds] => halt(seconds),
        _ => {
            eprintln!(
                "payload: landing | serve PORT PAGE | peer PORT | notify TEXT | swap A B… | grab-exe SECONDS | peek SECONDS"
            );
            2
        }
    }
}

/// Answers every request on a port with one page, and says on standard output what was asked.
fn serve(port: &str, page: &str) -> i32 {
    let listener = TcpListener::bind(("0.0.0.0", port.parse().expect("a port"))).expect("the port is free");
    println!("serving on port {port}");
    for stream in listener.incoming().flatten() {
        let mut line = String::new();
        let _ = BufReader::new(&stream).read_line(&mut line);
        println!(
            "{} asked: {}",
            stream.peer_addr().map_or_else(|_| "?".into(), |it| it.ip().to_string()),
            line.trim()
        );
        let _ = write!(
            &stream,
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}",
            page.len()
        );
    }
    0
}

/// Makes SIGTERM a good end, also for the first process of a container, whom no default action of a signal reaches.
fn end_on_sigterm() {
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGTERM);
    // Before any thread: all of them inherit the mask, and only the one below takes the signal.
    signals.thread_block().expect("a mask can be set");
    std::thread::spawn(move || {
        if signals.wait().is_ok() {
            println!("good bye");
            std::process::exit(0);
        }
    });
}

/// Tells every client its own address.
fn peer(port: &str) -> i32 {
    let listener = TcpListener::bind(("::", port.parse().expect("a port"))).expect("the port is free");
    println!("listening");
    for mut stream in listener.incoming().flatten() {
        let address = stream.peer_addr().map_or_else(|_| "?".into(), |it| it.ip().to_canonical().to_string());
        let _ = writeln!(stream, "{address}");
    }
    0
}

/// Connects to a server so many times, one after the other, and hears what it says.
fn ask(host: &str, port: &str, times: &str) -> i32 {
    for _ in 0..times.parse::<usize>().expect("a number") {
        let mut said = String::new();
        let heard = TcpStream::connect((host, port.parse().expect("a port")))
            .and_then(|mut stream| stream.read_to_string(&mut said));
        if let Err(err) = heard {
            eprintln!("cannot ask {host}: {err}");
            return 1;
        }
    }
    0
}

/// Asks the first name server of `/etc/resolv.conf` so many times for the IPv4 address of a name, one after the other.
fn resolve(name: &str, times: &str) -> i32 {
    let conf = fs::read_to_string("/etc/resolv.conf").expect("a resolv.conf");
    let server = conf.lines().find_map(|line| line.strip_prefix("nameserver ")).expect("a server").trim();
    let socket = UdpSocket::bind(("0.0.0.0", 0)).expect("a socket");
    socket.connect((server, 53)).expect("a route");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a timeout");
    // RFC 1035, 4.1: id, flags (recursion desired), one question; the name in labels, type A, class IN.
    let mut question = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        question.push(u8::try_from(label.len()).expect("a short label"));
        question.extend(label.bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    let mut answer = [0; 1500];
    for number in 0..times.parse::<u16>().expect("a number up to 65535") {
        question[..2].copy_from_slice(&number.to_be_bytes());
        socket.send(&question).expect("a question is sent");
        let length = socket.recv(&mut answer).unwrap_or(0);
        // The same id, no error, at least one answer.
        if length < 12 || answer[..2] != number.to_be_bytes() || answer[3] & 0xf != 0 || answer[7] == 0 {
            eprintln!("no answer for {name} from {server}");
            return 1;
        }
    }
    0
}

/// Sends every datagram back.
fn echo_udp(port: &str) -> i32 {
    let socket = UdpSocket::bind(("::", port.parse().expect("a port"))).expect("the port is free");
    let mut buffer = [0; 2048];
    while let Ok((length, client)) = socket.recv_from(&mut buffer) {
        let _ = socket.send_to(&buffer[..length], client);
    }
    0
}

/// Answers every datagram with the address that it came from.
fn peer_udp(port: &str) -> i32 {
    let socket = UdpSocket::bind(("::", port.parse().expect("a port"))).expect("the port is free");
    while let Ok((_, client)) = socket.recv_from(&mut [0; 2048]) {
        let _ = socket.send_to(client.ip().to_canonical().to_string().as_bytes(), client);
    }
    0
}

/// Runs shell lines in turn, round after round, and prints what each took: one line of microseconds per shell line.
///
/// In turn, so that whatever else the machine does meanwhile falls on all of them alike; and with a rest before each, so
/// that what one leaves behind in the background (conmon's clean-up) is not on the next one's bill.
fn time(rounds: &str, lines: &[&str]) -> i32 {
    let rounds: usize = rounds.parse().expect("a number");
    let mut times = vec![Vec::new(); lines.len()];
    // One round more than counted: the first fills the caches.
    for round in 0..=rounds {
        for (line, times) in lines.iter().zip(&mut times) {
            // The words of a line are single words: no shell stands between the clock and the program.
            let mut words = line.split(' ');
            let mut command = std::process::Command::new(words.next().unwrap_or_default());
            command.args(words).stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
            crate::wait::rest(Duration::from_millis(150));
            let start = Instant::now();
            let status = command.status().expect("the program exists");
            let took = start.elapsed();
            if !status.success() {
                eprintln!("`{line}` failed: {status}");
                return 1;
            }
            if round > 0 {
                times.push(took.as_micros().to_string());
            }
        }
    }
    for times in times {
        println!("{}", times.join(" "));
    }
    0
}

/// The kernel calls of a generator without its thoughts: each file of `QUADLET_UNIT_DIRS` is read, and a service and a link
/// are made for it.
fn bare_generator(out: &str) -> i32 {
    let source = std::env::var("QUADLET_UNIT_DIRS").expect("QUADLET_UNIT_DIRS is set");
    let open = |path: &str| rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    let (files, services) = (open(&source).expect("a directory"), open(out).expect("a directory"));
    let _ = rustix::fs::mkdirat(&services, "default.target.wants", Mode::from_raw_mode(0o755));
    let text = [b'x'; 760];
    let mut bytes = [0; 16 * 1024];
    for entry in rustix::fs::Dir::read_from(&files).expect("a directory").flatten() {
        let Some(stem) = entry.file_name().to_str().ok().and_then(|it| it.strip_suffix(".container")) else {
            continue;
        };
        let file = rustix::fs::openat(&files, entry.file_name(), OFlags::CLOEXEC, Mode::empty());
        let _ = file.and_then(|it| rustix::io::read(&it, &mut bytes));
        let (name, flags) = (format!("{stem}.service"), OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC);
        let file = rustix::fs::openat(&services, &name, flags, Mode::from_raw_mode(0o644));
        let _ = file.and_then(|it| rustix::io::write(&it, &text));
        let link = format!("default.target.wants/{name}");
        let _ = rustix::fs::symlinkat(format!("../{name}"), &services, link);
    }
    0
}

/// Sends text to the socket that a service manager offers.
fn notify(text: &str) -> i32 {
    let path = std::env::var("NOTIFY_SOCKET").expect("NOTIFY_SOCKET is set");
    let socket = UnixDatagram::unbound().expect("a socket");
    match socket.send_to(text.replace(';', "\n").as_bytes(), &path) {
        Ok(_) => 0,
        Err(err) => {
            eprintln!("cannot notify {path}: {err}");
            1
        }
    }
}

/// Exchanges the two names of each pair for ever.
fn swap(names: &[&str]) -> i32 {
    println!("swapping");
    loop {
        for pair in names.chunks_exact(2) {
            let _ = rustix::fs::renameat_with(CWD, pair[0], CWD, pair[1], RenameFlags::EXCHANGE);
        }
    }
}

/// Takes all that there is of inotify instances, and holds it.
fn use_up() -> i32 {
    let mut held = Vec::new();
    while let Ok(instance) = rustix::fs::inotify::init(rustix::fs::inotify::CreateFlags::empty()) {
        held.push(instance);
    }
    println!("{} used up", held.len());
    loop {
        crate::wait::rest(Duration::from_secs(3600));
    }
}

/// Every process but this one and the first, again and again for some seconds, or until somebody who is done makes a file.
fn others(seconds: &str, mut see: impl FnMut(&Path)) {
    let end = Instant::now() + Duration::from_secs(seconds.parse().expect("seconds"));
    let own = std::process::id().to_string();
    while Instant::now() < end && !Path::new("/enough").exists() {
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.bytes().all(|byte| byte.is_ascii_digit()) && name != own && name != "1" {
                see(&entry.path());
            }
        }
    }
}

/// Tries to write to the program of every process that comes in from outside.
fn grab_exe(seconds: &str) -> i32 {
    let mut held: Vec<File> = Vec::new();
    others(seconds, |process| {
        let exe = process.join("exe");
        if let Ok(file) = File::open(&exe) {
            // Writable once nobody runs it any more: through the descriptor that we keep.
            held.truncate(50);
            held.insert(0, file);
        }
        if let Ok(mut file) = OpenOptions::new().write(true).open(&exe)
            && file.write_all(b"#!/bin/sh\n").is_ok()
        {
            println!("wrote to {}", exe.display());
        }
        for file in &held {
            let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(file));
            if let Ok(mut file) = OpenOptions::new().write(true).open(path)
                && file.write_all(b"#!/bin/sh\n").is_ok()
            {
                println!("wrote through a descriptor");
            }
        }
    });
    println!("done");
    0
}

/// Tries to look out of every process that comes in: its directory, its root, its descriptors.
fn peek(seconds: &str) -> i32 {
    let mut seen = BTreeSet::new();
    others(seconds, |process| {
        for place in ["cwd", "root"] {
            // A directory of the host has what no container here has.
            if let Ok(dir) =
                rustix::fs::open(process.join(place), OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
                && rustix::fs::accessat(dir.as_fd(), "etc/subuid", Access::EXISTS, AtFlags::empty()).is_ok()
            {
                seen.insert(format!("the host through {place}"));
            }
        }
        for entry in fs::read_dir(process.join("fd")).into_iter().flatten().flatten() {
            if let Ok(target) = fs::read_link(entry.path()) {
                let target = target.to_string_lossy().into_owned();
                let harmless = ["pipe:", "/dev/null", "/dev/pts/", "socket:", "/proc/"];
                if !harmless.iter().any(|start| target.starts_with(start)) {
                    seen.insert(format!("a descriptor of {target}"));
                }
            }
        }
    });
    for what in seen {
        println!("saw {what}");
    }
    println!("done");
    0
}

/// Tries to open the memory of every process that comes in while it is not yet what it is to become: who can, can have it do
/// anything.
fn grab_memory(seconds: &str) -> i32 {
    let mut got = 0;
    others(seconds, |process| {
        let is_open = OpenOptions::new().read(true).write(true).open(process.join("mem")).is_ok();
        // Looked at after that: whoever has become the payload meanwhile was it, or was not yet.
        if is_open && fs::read_to_string(process.join("comm")).is_ok_and(|it| it.starts_with("pontoon")) {
            got += 1;
        }
    });
    println!("got {got}");
    0
}

/// Stops every process that comes in, again and again.
fn halt(seconds: &str) -> i32 {
    others(seconds, |process| {
        let pid = process.file_name().and_then(|it| it.to_str()?.parse().ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, rustix::process::Signal::STOP);
        }
    });
    println!("done");
    0
}

/// Tries to reach a file of the host by whatever descriptors and directories other processes that are seen have; what it
/// finds there is told.
fn grab_fd(seconds: &str, path: &str) -> i32 {
    let up = "../".repeat(12);
    others(seconds, |process| {
        let places = (3..24)
            .map(|number| format!("fd/{number}/{up}"))
            .chain(["root/".to_owned(), format!("cwd/{up}")]);
        for place in places {
            if let Ok(found) = std::fs::read_to_string(process.join(place).join(path.trim_start_matches('/')))
            {
                println!("GOT {}", found.trim_end());
            }
        }
    });
    println!("done");
    0
}
