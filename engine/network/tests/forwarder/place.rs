//! Three network namespaces: the host, the one between, where the forwarder is, and a container on a bridge of it.

use std::fs::File;
use std::io::{ErrorKind, PipeWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pontoon_network::forwarder::{Forwarder, Limits, MARK_STATEMENT, Target, Within};
use pontoon_rootless::sys::{CloneFlags, unshare};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

/// So long nothing takes that works.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Says that we are in namespaces of our own already, and which way connections take to the container.
const INSIDE: &str = "PONTOON_FORWARDER_INSIDE";
/// The way in the container's own namespace.
const SHORT: &str = "short";

/// Runs a test as root of a user namespace, in a network namespace for the host, once for either way to the container.
pub fn in_namespaces(test: &str, deed: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return deed();
    }
    for program in ["/usr/sbin/nft", "/usr/sbin/ip"] {
        if !std::path::Path::new(program).exists() {
            assert!(!rustix::process::geteuid().is_root(), "{program} is not installed");
            eprintln!("SKIPPED: {program} is missing");
            return;
        }
    }
    for way in ["long", SHORT] {
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(INSIDE, way)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{way}: {}", String::from_utf8_lossy(&text));
    }
}

type Deed = Box<dyn FnOnce() + Send>;
type Order = Box<dyn FnOnce(&mut Forwarder) + Send>;

/// A network namespace, with a thread that does in it what it is told.
struct Namespace {
    path: String,
    deeds: Sender<Deed>,
}

impl Namespace {
    fn new() -> Self {
        let (deeds, todo) = channel::<Deed>();
        let (tell, told) = channel();
        std::thread::spawn(move || {
            unshare(CloneFlags::NETWORK).unwrap();
            let (pid, tid) = (std::process::id(), rustix::thread::gettid());
            tell.send(format!("/proc/{pid}/task/{tid}/ns/net")).unwrap();
            todo.into_iter().for_each(|deed| deed());
        });
        Self { path: told.recv().unwrap(), deeds }
    }

    fn run<R: Send + 'static>(&self, deed: impl FnOnce() -> R + Send + 'static) -> R {
        let (tell, told) = channel();
        self.deeds.send(Box::new(move || tell.send(deed()).unwrap())).unwrap();
        told.recv().unwrap()
    }

    fn shell(&self, script: &str) {
        let script = script.to_owned();
        self.run(move || shell(&script));
    }
}

fn shell(script: &str) {
    let mut child = Command::new("sh").args(["-e"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{script}");
}

/// All of it.
pub struct Place {
    container: Namespace,
    deeds: Sender<Order>,
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Place {
    pub fn new() -> Self {
        Self::with_limits(Limits::of_process())
    }

    pub fn with_limits(limits: Limits) -> Self {
        shell(
            "ip link set lo up
             ip addr add 192.0.2.1/32 dev lo; ip addr add 192.0.2.7/32 dev lo
             ip addr add 10.89.0.9/32 dev lo
             ip addr add 2001:db8::1/128 dev lo; ip addr add 2001:db8::7/128 dev lo",
        );
        let (container, between) = (Namespace::new(), Namespace::new());
        between.shell(&format!(
            "ip link set lo up; ip link add br0 type bridge; ip link set br0 up
             ip addr add 10.89.0.1/24 dev br0; ip addr add fd00::1/64 dev br0 nodad
             ip link add v0 type veth peer name eth0 netns {}; ip link set v0 master br0 up
             ip rule add fwmark 0x70 lookup 70; ip route add local default dev lo table 70
             ip -6 rule add fwmark 0x70 lookup 70; ip -6 route add local default dev lo table 70
             nft 'add table inet test
                  add chain inet test answers {{ type filter hook prerouting priority mangle; }}
                  add rule inet test answers {MARK_STATEMENT} meta mark set 0x70 accept
                  add chain inet test out {{ type nat hook postrouting priority srcnat; }}
                  add rule inet test out ip saddr 10.89.0.0/24 oifname != br0 masquerade'",
            container.path
        ));
        container.shell(
            "ip link set lo up; ip link set eth0 up
             ip addr add 10.89.0.2/24 dev eth0; ip addr add fd00::2/64 dev eth0 nodad
             ip route add default via 10.89.0.1; ip -6 route add default via fd00::1
             ip rule add fwmark 0x71 lookup 71; ip route add local default dev lo table 71
             ip -6 rule add fwmark 0x71 lookup 71; ip -6 route add local default dev lo table 71
             for name in tcp_fwmark_accept fwmark_reflect; do echo 1 >/proc/sys/net/ipv4/$name; done
             echo 1 >/proc/sys/net/ipv6/fwmark_reflect",
        );
        // The kernel takes its time until a link that is up carries something; what connects waits for it.
        for address in ["10.89.0.2:9", "[fd00::2]:9"] {
            between.run(move || {
                while TcpStream::connect(address).is_err_and(|err| err.kind() != ErrorKind::ConnectionRefused)
                {
                }
            });
        }
        let (deeds, todo) = channel::<Order>();
        let (mut woken, wake) = std::io::pipe().unwrap();
        let thread = std::thread::spawn(move || {
            let (done, wait) = channel();
            between
                .deeds
                .send(Box::new(move || {
                    let mut forwarder = Forwarder::new(limits).unwrap();
                    assert!(forwarder.keeps_addresses());
                    loop {
                        let pause = forwarder.next_timeout().map(|at| {
                            let pause = at.saturating_duration_since(Instant::now());
                            let nanoseconds = pause.subsec_nanos().into();
                            Timespec { tv_sec: pause.as_secs().cast_signed(), tv_nsec: nanoseconds }
                        });
                        let ours = forwarder.as_fd();
                        let mut fds = [PollFd::new(&ours, PollFlags::IN), PollFd::new(&woken, PollFlags::IN)];
                        poll(&mut fds, pause.as_ref()).unwrap();
                        if !fds[1].revents().is_empty() {
                            if woken.read(&mut [0]).unwrap() == 0 {
                                break;
                            }
                            let deed = todo.recv().unwrap();
                            deed(&mut forwarder);
                        }
                        forwarder.turn(Instant::now()).unwrap();
                    }
                    done.send(()).unwrap();
                }))
                .unwrap();
            wait.recv().unwrap();
        });
        Self { container, deeds, wake: Some(wake), thread: Some(thread) }
    }

    /// Has the forwarder do something.
    pub fn tell<R: Send + 'static>(&mut self, deed: impl FnOnce(&mut Forwarder) -> R + Send + 'static) -> R {
        let (tell, told) = channel();
        self.deeds.send(Box::new(move |forwarder| tell.send(deed(forwarder)).unwrap())).unwrap();
        self.wake.as_mut().unwrap().write_all(&[0]).unwrap();
        told.recv().unwrap()
    }

    /// Publishes a port of the host, and gives its number.
    pub fn publish_tcp(&mut self, owner: &'static str, port: u16) -> u16 {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let number = listener.local_addr().unwrap().port();
        let namespace =
            std::env::var(INSIDE).is_ok_and(|it| it == SHORT).then(|| self.container.path.clone());
        self.tell(move |forwarder| {
            let within =
                namespace.map(|path| Rc::new(Within::new(File::open(path).unwrap().into(), 0x71).unwrap()));
            forwarder.add_tcp(owner, listener, target(port), within).unwrap();
        });
        number
    }

    pub fn publish_udp(&mut self, owner: &'static str, port: u16) -> u16 {
        let socket = UdpSocket::bind("[::]:0").unwrap();
        let number = socket.local_addr().unwrap().port();
        self.tell(move |forwarder| forwarder.add_udp(owner, socket, target(port)).unwrap());
        number
    }

    /// Listens in the container.
    pub fn listen(&self, address: &'static str) -> TcpListener {
        self.container.run(move || TcpListener::bind(address).unwrap())
    }

    pub fn listen_udp(&self, address: &'static str) -> UdpSocket {
        let socket = self.container.run(move || UdpSocket::bind(address).unwrap());
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.wake.take());
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the forwarder panicked");
    }
}

pub fn target(port: u16) -> Target {
    Target {
        port,
        v4: Some("10.89.0.2".parse().unwrap()),
        v6: Some("fd00::2".parse().unwrap()),
        v4_gateway: Some("10.89.0.1".parse().unwrap()),
        v6_gateway: Some("fd00::1".parse().unwrap()),
        on_link: vec!["10.89.0.0/24".parse().unwrap(), "fd00::/64".parse().unwrap()],
    }
}

/// A client on the host with an address of its own.
pub fn client(from: &str, to: (&str, u16)) -> std::io::Result<TcpStream> {
    let (from, to) = addresses(from, to);
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    bind(&socket, &from)?;
    connect(&socket, &to)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

pub fn udp_client(from: &str, to: (&str, u16)) -> UdpSocket {
    let (from, to) = addresses(from, to);
    let socket = UdpSocket::bind(from).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    // It hears only whom it has written to.
    socket.connect(to).unwrap();
    socket
}

fn addresses(from: &str, to: (&str, u16)) -> (SocketAddr, SocketAddr) {
    let from = from.parse().unwrap_or_else(|_| SocketAddr::new(from.parse().unwrap(), 0));
    (from, SocketAddr::new(to.0.parse().unwrap(), to.1))
}
