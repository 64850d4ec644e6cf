//! The server, with clients and resolvers on loopback addresses.

use std::io::{PipeWriter, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use domain::base::iana::{Class, Rtype};
use domain::base::{Message, MessageBuilder, Name};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::*;

/// So long nothing takes that works.
const PATIENCE: Duration = Duration::from_secs(20);

type Deed = Box<dyn FnOnce(&mut DnsServer) + Send>;

/// A server in a thread of its own, with one network that is asked on `address`.
struct Running {
    address: SocketAddr,
    deeds: Sender<Deed>,
    wake: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
    directory: PathBuf,
}

impl Running {
    /// With the host's resolvers on these loopback addresses.
    fn start(name: &str, resolvers: &[Ipv4Addr], port: u16) -> Self {
        let directory = std::env::temp_dir().join(format!("pontoon-dns-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let running = Self::write_resolvers(&directory, resolvers);
        let mut server = DnsServer::with_resolver_port(&running, port).unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let udp = UdpSocket::bind(address).unwrap();
        server.set_names("net", &web("10.89.0.2"));
        server.add_listener("net", udp, tcp).unwrap();
        let (deeds, todo): (Sender<Deed>, Receiver<Deed>) = channel();
        let (mut woken, wake) = std::io::pipe().unwrap();
        let thread = std::thread::spawn(move || {
            loop {
                let now = Instant::now();
                let wait = server.next_timeout().map(|at| {
                    let wait = at.saturating_duration_since(now);
                    Timespec { tv_sec: wait.as_secs().cast_signed(), tv_nsec: wait.subsec_nanos().into() }
                });
                let ours = server.as_fd();
                let mut fds = [PollFd::new(&ours, PollFlags::IN), PollFd::new(&woken, PollFlags::IN)];
                poll(&mut fds, wait.as_ref()).unwrap();
                if !fds[1].revents().is_empty() {
                    if woken.read(&mut [0]).unwrap() == 0 {
                        return;
                    }
                    let deed = todo.recv().unwrap();
                    deed(&mut server);
                }
                server.turn(Instant::now()).unwrap();
            }
        });
        Self { address, deeds, wake: Some(wake), thread: Some(thread), directory }
    }

    fn write_resolvers(directory: &std::path::Path, resolvers: &[Ipv4Addr]) -> PathBuf {
        let text: String = resolvers.iter().map(|address| format!("nameserver {address}\n")).collect();
        std::fs::write(directory.join("new"), text).unwrap();
        std::fs::rename(directory.join("new"), directory.join("resolv.conf")).unwrap();
        directory.join("resolv.conf")
    }

    fn tell(&mut self, deed: impl FnOnce(&mut DnsServer) + Send + 'static) {
        self.deeds.send(Box::new(deed)).unwrap();
        self.wake.as_mut().unwrap().write_all(&[0]).unwrap();
    }

    fn client(&self) -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.connect(self.address).unwrap();
        socket
    }

    fn connection(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.wake.take());
        let ended = self.thread.take().unwrap().join();
        let _ = std::fs::remove_dir_all(&self.directory);
        assert!(ended.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn web(address: &str) -> NetworkNames {
    let member = Member {
        addresses: vec![address.parse().unwrap()],
        names: vec!["web".to_owned()],
        ..Member::default()
    };
    NetworkNames { members: vec![member], ..NetworkNames::default() }
}

fn question(id: u16, name: &str) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(true);
    let mut question = builder.question();
    question.push((Name::vec_from_str(name).unwrap(), Rtype::A, Class::IN)).unwrap();
    question.finish()
}

/// An answer in short: its id, its code, its first address.
fn show(packet: &[u8]) -> String {
    let message = Message::from_slice(packet).unwrap();
    let mut words = format!("{} {}", message.header().id(), message.header().rcode());
    for record in message.answer().unwrap().limit_to::<domain::rdata::A>() {
        words = format!("{words} {}", record.unwrap().data());
    }
    words
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut packet = [0; 65536];
    let length = socket.recv(&mut packet).unwrap();
    packet[..length].to_vec()
}

fn ask(client: &UdpSocket, id: u16, name: &str) -> String {
    client.send(&question(id, name)).unwrap();
    show(&receive(client))
}

fn send(stream: &mut TcpStream, messages: &[Vec<u8>]) {
    let framed: Vec<u8> = messages.iter().flat_map(|it| super::exchange::with_length(it)).collect();
    stream.write_all(&framed).unwrap();
}

fn read(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).unwrap();
    let mut message = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut message).unwrap();
    message
}

/// A resolver on a loopback address that answers nothing by itself.
struct Resolver {
    udp: UdpSocket,
    tcp: TcpListener,
}

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

impl Resolver {
    fn on(address: Ipv4Addr, port: u16) -> Self {
        let tcp = TcpListener::bind((address, port)).unwrap();
        let udp = UdpSocket::bind(tcp.local_addr().unwrap()).unwrap();
        udp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { udp, tcp }
    }

    fn port(&self) -> u16 {
        self.udp.local_addr().unwrap().port()
    }

    fn next(&self) -> (Vec<u8>, SocketAddr) {
        let mut packet = [0; 4096];
        let (length, from) = self.udp.recv_from(&mut packet).unwrap();
        (packet[..length].to_vec(), from)
    }

    fn answer(&self, (query, from): &(Vec<u8>, SocketAddr), last: u8) {
        self.udp.send_to(&resolved(query, last), from).unwrap();
    }

    fn serve(&self, last: u8) {
        self.answer(&self.next(), last);
    }
}

/// What a resolver says: 192.0.2.LAST.
fn resolved(query: &[u8], last: u8) -> Vec<u8> {
    let asked = Message::from_slice(query).unwrap();
    let mut answer =
        MessageBuilder::new_vec().start_answer(asked, domain::base::iana::Rcode::NOERROR).unwrap();
    let name = asked.sole_question().unwrap().into_qname();
    let address = Ipv4Addr::new(192, 0, 2, last);
    answer.push((name, Class::IN, domain::base::Ttl::HOUR, domain::rdata::A::new(address))).unwrap();
    answer.finish()
}

#[test]
fn names_are_answered_over_udp_and_tcp() {
    let running = Running::start("plain", &[], 1);
    assert_eq!(ask(&running.client(), 7, "web"), "7 NOERROR 10.89.0.2");
    let mut stream = running.connection();
    send(&mut stream, &[question(1, "web"), question(2, "nope.dns.podman")]);
    assert_eq!(show(&read(&mut stream)), "1 NOERROR 10.89.0.2");
    assert_eq!(show(&read(&mut stream)), "2 NXDOMAIN");
    // It ends when the client has.
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn no_question_is_lost_while_names_change() {
    let mut running = Running::start("change", &[], 1);
    let client = running.client();
    for round in 0..200_u16 {
        for id in 0..50 {
            client.send(&question(id, "web")).unwrap();
        }
        let address = format!("10.89.1.{}", round % 250 + 1);
        running.tell(move |server| server.set_names("net", &web(&address)));
        for id in 0..50 {
            let answer = show(&receive(&client));
            assert!(answer.starts_with(&format!("{id} NOERROR 10.89.")), "{answer}");
        }
    }
}

#[test]
fn others_are_asked_for_other_names_and_only_they_are_believed() {
    let resolver = Resolver::on(FIRST, 0);
    let running = Running::start("forward", &[FIRST], resolver.port());
    let client = running.client();
    client.send(&question(9, "example.com")).unwrap();
    let query = resolver.next();
    assert_ne!(query.1.port(), running.address.port());
    // Somebody else who knows everything, and the resolver with an id that nobody asked under.
    let forger = UdpSocket::bind("127.0.0.3:0").unwrap();
    forger.send_to(&resolved(&query.0, 66), query.1).unwrap();
    let mut wrong = resolved(&query.0, 66);
    wrong[0] ^= 1;
    resolver.udp.send_to(&wrong, query.1).unwrap();
    let other = question(u16::from_be_bytes([query.0[0], query.0[1]]), "example.org");
    resolver.udp.send_to(&resolved(&other, 66), query.1).unwrap();
    resolver.answer(&query, 1);
    assert_eq!(show(&receive(&client)), "9 NOERROR 192.0.2.1");
}

#[test]
fn a_question_that_is_repeated_is_asked_once() {
    let resolver = Resolver::on(FIRST, 0);
    let running = Running::start("repeat", &[FIRST], resolver.port());
    let client = running.client();
    client.send(&question(9, "example.com")).unwrap();
    let query = resolver.next();
    client.send(&question(9, "example.com")).unwrap();
    // This one is behind it.
    assert_eq!(ask(&client, 8, "web"), "8 NOERROR 10.89.0.2");
    resolver.answer(&query, 1);
    assert_eq!(show(&receive(&client)), "9 NOERROR 192.0.2.1");
    assert_eq!(ask(&client, 7, "web"), "7 NOERROR 10.89.0.2");
}

#[test]
fn a_silent_resolver_is_asked_again_and_then_the_next() {
    let first = Resolver::on(FIRST, 0);
    let second = Resolver::on(SECOND, first.port());
    let running = Running::start("silent", &[FIRST, SECOND], first.port());
    let client = running.client();
    client.send(&question(1, "example.com")).unwrap();
    let ignored = first.next();
    let also_ignored = second.next();
    assert_ne!(ignored.0[..2], also_ignored.0[..2]);
    // Again the first, with the same id, so that a late answer counts.
    assert_eq!(first.next(), ignored);
    first.answer(&ignored, 1);
    assert_eq!(show(&receive(&client)), "1 NOERROR 192.0.2.1");
    // Both were silent, so none of them is worse.
    client.send(&question(2, "example.org")).unwrap();
    first.serve(3);
    assert_eq!(show(&receive(&client)), "2 NOERROR 192.0.2.3");
}

#[test]
fn a_resolver_that_is_not_there_or_refuses_makes_room_for_the_next() {
    let second = Resolver::on(SECOND, 0);
    let running = Running::start("refused", &[FIRST, SECOND], second.port());
    let client = running.client();
    client.send(&question(1, "example.com")).unwrap();
    second.serve(2);
    assert_eq!(show(&receive(&client)), "1 NOERROR 192.0.2.2");
    client.send(&question(2, "example.com")).unwrap();
    let (mut query, from) = second.next();
    query[2] |= 0x80;
    query[3] = 5;
    second.udp.send_to(&query, from).unwrap();
    assert_eq!(show(&receive(&client)), "2 REFUSED");
    drop(second);
    assert_eq!(ask(&client, 3, "example.com"), "3 SERVFAIL");
}

#[test]
fn long_answers_are_fetched_over_tcp_for_who_asks_over_tcp() {
    let resolver = Resolver::on(FIRST, 0);
    let running = Running::start("long", &[FIRST], resolver.port());
    let truncate = || {
        let (mut query, from) = resolver.next();
        query[2] |= 0x82;
        resolver.udp.send_to(&query, from).unwrap();
    };
    let client = running.client();
    client.send(&question(1, "example.com")).unwrap();
    truncate();
    let answer = receive(&client);
    assert!(Message::from_slice(&answer).unwrap().header().tc());
    let mut stream = running.connection();
    send(&mut stream, &[question(2, "example.com")]);
    truncate();
    let mut asked = resolver.tcp.accept().unwrap().0;
    let query = read(&mut asked);
    send(&mut asked, &[resolved(&query, 2)]);
    assert_eq!(show(&read(&mut stream)), "2 NOERROR 192.0.2.2");
    // A resolver that does not speak TCP: what there is.
    send(&mut stream, &[question(3, "example.com")]);
    truncate();
    drop(resolver.tcp.accept().unwrap());
    assert!(Message::from_slice(&read(&mut stream)).unwrap().header().tc());
}

#[test]
fn another_resolver_gets_what_the_last_one_left_unanswered() {
    let first = Resolver::on(FIRST, 0);
    let second = Resolver::on(SECOND, first.port());
    let running = Running::start("follow", &[FIRST], first.port());
    let client = running.client();
    client.send(&question(1, "example.com")).unwrap();
    let _ = first.next();
    Running::write_resolvers(&running.directory, &[SECOND]);
    second.serve(2);
    assert_eq!(show(&receive(&client)), "1 NOERROR 192.0.2.2");
    client.send(&question(2, "example.com")).unwrap();
    second.serve(3);
    assert_eq!(show(&receive(&client)), "2 NOERROR 192.0.2.3");
}

#[test]
fn a_connection_may_ask_more_than_is_on_its_way_at_once() {
    let resolver = Resolver::on(FIRST, 0);
    let running = Running::start("many", &[FIRST], resolver.port());
    let mut stream = running.connection();
    let questions: Vec<Vec<u8>> =
        (0..200).map(|id| question(id, if id % 2 == 0 { "web" } else { "example.com" })).collect();
    send(&mut stream, &questions);
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    for _ in 0..100 {
        resolver.serve(1);
    }
    let mut ids: Vec<u16> =
        (0..200).map(|_| Message::from_octets(read(&mut stream)).unwrap().header().id()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..200).collect::<Vec<u16>>());
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn idle_connections_make_room_for_new_ones() {
    let running = Running::start("crowd", &[], 1);
    let mut all: Vec<TcpStream> = (0..100).map(|_| running.connection()).collect();
    let newest = all.last_mut().unwrap();
    send(newest, &[question(1, "web")]);
    assert_eq!(show(&read(newest)), "1 NOERROR 10.89.0.2");
    assert_eq!(all[0].read(&mut [0]).unwrap(), 0);
}

#[test]
fn rubbish_harms_nobody() {
    let running = Running::start("rubbish", &[], 1);
    let client = running.client();
    for length in [0, 1, 11, 12, 13, 100, 4096] {
        client.send(&vec![0xff; length]).unwrap();
        client.send(&vec![0; length]).unwrap();
    }
    let mut stream = running.connection();
    stream.write_all(&[0xff; 9000]).unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    client.send(&question(77, "web")).unwrap();
    while show(&receive(&client)) != "77 NOERROR 10.89.0.2" {}
}

#[test]
fn a_network_that_goes_takes_its_listeners_along() {
    let mut running = Running::start("gone", &[], 1);
    let client = running.client();
    assert_eq!(ask(&client, 1, "web"), "1 NOERROR 10.89.0.2");
    let (done, wait) = channel();
    running.tell(move |server| {
        server.remove_network("net");
        done.send(server.host_resolvers().to_vec()).unwrap();
    });
    assert_eq!(wait.recv().unwrap(), [SocketAddr::new(IpAddr::from(FIRST), 1)]);
    assert!(TcpStream::connect(running.address).is_err());
}
