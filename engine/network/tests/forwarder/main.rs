//! Published ports between real network namespaces: who is seen to call, and what arrives.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests, and what they share")]

mod place;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use place::{PATIENCE, Place, client, in_namespaces, udp_client};
use pontoon_network::forwarder::{Forwarder, Limits};
use rustix::net::sockopt;

/// The next connection, and who is at its other end.
fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    let (stream, from) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    (stream, from)
}

fn read<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn connections_keep_the_clients_address() {
    in_namespaces("connections_keep_the_clients_address", || {
        let mut place = Place::new();
        let listener = place.listen("[::]:80");
        let port = place.publish_tcp("web", 80);
        for (from, to, seen) in [
            ("192.0.2.7", "192.0.2.1", "::ffff:192.0.2.7"),
            ("2001:db8::7", "2001:db8::1", "2001:db8::7"),
            // These the container would not answer by way of its gateway.
            ("127.0.0.1", "127.0.0.1", "::ffff:10.89.0.1"),
            ("10.89.0.9", "192.0.2.1", "::ffff:10.89.0.1"),
            ("::1", "::1", "fd00::1"),
        ] {
            let mut calling = client(from, (to, port)).unwrap();
            calling.write_all(b"hello").unwrap();
            let (mut called, peer) = accept(&listener);
            assert_eq!(peer.ip(), seen.parse::<std::net::IpAddr>().unwrap(), "{from}");
            let kept = !seen.ends_with("::1") && !seen.ends_with("10.89.0.1");
            assert!(!kept || peer.port() == calling.local_addr().unwrap().port(), "{from}");
            assert_eq!(&read(&mut called), b"hello");
            called.write_all(b"welcome").unwrap();
            assert_eq!(&read(&mut calling), b"welcome");
        }
    });
}

#[test]
fn one_client_may_call_several_ports_from_one_of_its_own() {
    in_namespaces("one_client_may_call_several_ports_from_one_of_its_own", || {
        let mut place = Place::new();
        let listener = place.listen("0.0.0.0:80");
        let ports = [place.publish_tcp("web", 80), place.publish_tcp("web", 80)];
        let from = "192.0.2.7:4444";
        let mut calling = ports.map(|port| client(from, ("192.0.2.1", port)).unwrap());
        for (number, calling) in calling.iter_mut().enumerate() {
            calling.write_all(&[u8::try_from(number).unwrap()]).unwrap();
        }
        for _ in 0..2 {
            let (mut called, peer) = accept(&listener);
            assert_eq!(peer.ip().to_string(), "192.0.2.7");
            let number = read::<1>(&mut called);
            called.write_all(&number).unwrap();
            assert_eq!(read::<1>(&mut calling[usize::from(number[0])]), number);
        }
    });
}

/// Bytes that say where they belong.
fn pattern(block: usize) -> Vec<u8> {
    (0..BLOCK / 8).flat_map(|word| ((block * BLOCK / 8 + word) as u64).to_le_bytes()).collect()
}

const BLOCK: usize = 1 << 20;

#[test]
fn gigabytes_pass_intact_both_ways_at_once() {
    in_namespaces("gigabytes_pass_intact_both_ways_at_once", || {
        let mut place = Place::new();
        let listener = place.listen("[::]:80");
        let port = place.publish_tcp("web", 80);
        let blocks = 1024;
        let calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        let (called, _) = accept(&listener);
        std::thread::scope(|scope| {
            for stream in [&calling, &called] {
                scope.spawn(move || {
                    let mut stream = stream;
                    let ours = pattern(0);
                    for _ in 0..blocks {
                        stream.write_all(&ours).unwrap();
                    }
                    stream.shutdown(Shutdown::Write).unwrap();
                });
                scope.spawn(move || {
                    let mut stream = stream;
                    let (mut block, expected) = (vec![0; BLOCK], pattern(0));
                    for number in 0..blocks {
                        stream.read_exact(&mut block).unwrap();
                        assert!(block == expected, "block {number}");
                    }
                    assert_eq!(stream.read(&mut block).unwrap(), 0);
                });
            }
        });
    });
}

#[test]
fn who_has_said_all_still_hears() {
    in_namespaces("who_has_said_all_still_hears", || {
        let mut place = Place::new();
        let listener = place.listen("0.0.0.0:80");
        let port = place.publish_tcp("web", 80);
        let mut calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        calling.write_all(b"question").unwrap();
        calling.shutdown(Shutdown::Write).unwrap();
        let (mut called, _) = accept(&listener);
        let mut text = String::new();
        called.read_to_string(&mut text).unwrap();
        assert_eq!(text, "question");
        called.write_all(b"answer").unwrap();
        drop(called);
        text.clear();
        calling.read_to_string(&mut text).unwrap();
        assert_eq!(text, "answer");
    });
}

#[test]
fn a_connection_that_is_broken_off_is_so_at_both_ends() {
    in_namespaces("a_connection_that_is_broken_off_is_so_at_both_ends", || {
        let mut place = Place::new();
        let listener = place.listen("[::]:80");
        let port = place.publish_tcp("web", 80);
        let reset = |stream: TcpStream| sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
        for by_client in [true, false] {
            let mut calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
            calling.write_all(b"x").unwrap();
            let (mut called, _) = accept(&listener);
            read::<1>(&mut called);
            let mut other = if by_client {
                reset(calling);
                called
            } else {
                reset(called);
                calling
            };
            assert_eq!(other.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        }
        // Also after one of them has said all.
        let calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        calling.shutdown(Shutdown::Write).unwrap();
        let (mut called, _) = accept(&listener);
        assert_eq!(called.read(&mut [0]).unwrap(), 0);
        reset(calling);
        let gone = loop {
            if let Err(err) = called.write_all(b"x") {
                break err.kind();
            }
        };
        assert!(matches!(gone, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{gone}");
        // Nobody listens: as if it were the host's own port.
        drop(listener);
        for (from, to) in [("192.0.2.7", "192.0.2.1"), ("2001:db8::7", "2001:db8::1")] {
            let heard = client(from, (to, port)).and_then(|mut calling| calling.read(&mut [0]));
            assert_eq!(heard.unwrap_err().kind(), ErrorKind::ConnectionReset, "{from}");
        }
    });
}

#[test]
fn who_does_not_read_holds_back_who_writes() {
    in_namespaces("who_does_not_read_holds_back_who_writes", || {
        let mut place = Place::new();
        let listener = place.listen("0.0.0.0:80");
        let port = place.publish_tcp("web", 80);
        let mut calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        let (mut called, _) = accept(&listener);
        calling.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let block = pattern(0);
        let mut written = 0;
        while let Ok(length) = calling.write(&block[written % BLOCK..]) {
            written += length;
            assert!(written < 256 * BLOCK, "nothing holds it back");
        }
        calling.shutdown(Shutdown::Write).unwrap();
        let mut place_in = 0;
        let mut part = vec![0; BLOCK];
        loop {
            let length = called.read(&mut part).unwrap();
            if length == 0 {
                break;
            }
            for byte in &part[..length] {
                assert_eq!(*byte, block[place_in % BLOCK]);
                place_in += 1;
            }
        }
        assert_eq!(place_in, written);
    });
}

#[test]
fn at_the_bound_of_connections_clients_wait_for_one_to_end() {
    in_namespaces("at_the_bound_of_connections_clients_wait_for_one_to_end", || {
        let limits = Limits { connections: 3, connections_of_port: 2, ..Limits::of_process() };
        let mut place = Place::with_limits(limits);
        let listener = place.listen("0.0.0.0:80");
        let (port, other) = (place.publish_tcp("web", 80), place.publish_tcp("other", 80));
        let call = |port| client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        let calling: Vec<TcpStream> = (0..4).map(|_| call(port)).collect();
        let first = [accept(&listener).0, accept(&listener).0];
        // The third one of this port waits, one of another port does not, and then that port's waits, too.
        let elsewhere = [call(other), call(other)];
        let third = accept(&listener);
        assert_eq!(third.1.port(), elsewhere[0].local_addr().unwrap().port());
        listener.set_nonblocking(true).unwrap();
        assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
        listener.set_nonblocking(false).unwrap();
        drop((first, calling));
        // When they have gone, those that waited come.
        let _ = [accept(&listener), accept(&listener)];
        drop(third);
        drop(elsewhere);
    });
}

/// Has the forwarder end, for which it may take so long.
fn end(place: &mut Place, time: Duration) {
    place.tell(move |forwarder| {
        let next = Forwarder::new(Limits::of_process()).unwrap();
        std::mem::replace(forwarder, next).finish(Instant::now() + time).unwrap();
    });
}

#[test]
fn what_a_container_has_said_before_it_ended_is_handed_on_by_the_end() {
    in_namespaces("what_a_container_has_said_before_it_ended_is_handed_on_by_the_end", || {
        let mut place = Place::new();
        let listener = place.listen("0.0.0.0:80");
        let port = place.publish_tcp("web", 80);
        let mut calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        let (mut called, _) = accept(&listener);
        // More than is on its way at any time.
        const SIZE: usize = 32 << 20;
        let saying = std::thread::spawn(move || called.write_all(&vec![7; SIZE]).unwrap());
        let hearing = std::thread::spawn(move || {
            let mut heard = Vec::new();
            calling.read_to_end(&mut heard).unwrap();
            heard
        });
        end(&mut place, PATIENCE);
        saying.join().unwrap();
        assert!(hearing.join().unwrap() == vec![7; SIZE]);
        assert!(client("192.0.2.7", ("192.0.2.1", port)).is_err());
    });
}

#[test]
fn the_end_waits_no_longer_than_it_may() {
    in_namespaces("the_end_waits_no_longer_than_it_may", || {
        let mut place = Place::new();
        let listener = place.listen("0.0.0.0:80");
        let port = place.publish_tcp("web", 80);
        let mut calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        let (called, _) = accept(&listener);
        // It says nothing, and goes on.
        end(&mut place, Duration::ZERO);
        assert_eq!(calling.read(&mut [0]).unwrap(), 0);
        drop(called);
    });
}

#[test]
fn what_is_removed_is_broken_off() {
    in_namespaces("what_is_removed_is_broken_off", || {
        let mut place = Place::new();
        let listener = place.listen("0.0.0.0:80");
        let (port, other) = (place.publish_tcp("web", 80), place.publish_tcp("other", 80));
        let mut calling = client("192.0.2.7", ("192.0.2.1", port)).unwrap();
        let (mut called, _) = accept(&listener);
        let mut staying = client("192.0.2.7", ("192.0.2.1", other)).unwrap();
        let (mut stays, _) = accept(&listener);
        place.tell(|forwarder| forwarder.remove("web"));
        assert_eq!(calling.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(called.read(&mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(
            client("192.0.2.7", ("192.0.2.1", port)).unwrap_err().kind(),
            ErrorKind::ConnectionRefused
        );
        staying.write_all(b"x").unwrap();
        assert_eq!(&read(&mut stays), b"x");
    });
}

#[test]
fn hundreds_of_connections_are_carried_at_once() {
    in_namespaces("hundreds_of_connections_are_carried_at_once", || {
        let mut place = Place::with_limits(Limits {
            connections: 1000,
            connections_of_port: 1000,
            ..Limits::of_process()
        });
        let listener = place.listen("0.0.0.0:80");
        let port = place.publish_tcp("web", 80);
        let mut calling: Vec<TcpStream> = Vec::new();
        let mut called = Vec::new();
        for _ in 0..120 {
            calling.push(client("192.0.2.7", ("192.0.2.1", port)).unwrap());
            called.push(accept(&listener));
        }
        for round in 0..20_u8 {
            for stream in &mut calling {
                stream.write_all(&[round; 1000]).unwrap();
            }
            for (stream, _) in &mut called {
                assert_eq!(read::<1000>(stream), [round; 1000]);
                stream.write_all(&[round]).unwrap();
            }
            for stream in &mut calling {
                assert_eq!(read::<1>(stream), [round]);
            }
        }
    });
}

#[test]
fn datagrams_keep_the_clients_address_and_are_answered_from_where_they_went() {
    in_namespaces("datagrams_keep_the_clients_address_and_are_answered_from_where_they_went", || {
        let mut place = Place::new();
        let server = place.listen_udp("[::]:53");
        let port = place.publish_udp("dns", 53);
        let mut buffer = [0; 65536];
        for (from, to, seen) in [
            ("192.0.2.7", "192.0.2.1", "::ffff:192.0.2.7"),
            ("2001:db8::7", "2001:db8::1", "2001:db8::7"),
            ("192.0.2.7", "127.0.0.1", "::ffff:192.0.2.7"),
            ("127.0.0.1", "127.0.0.1", "::ffff:10.89.0.1"),
            ("::1", "::1", "fd00::1"),
        ] {
            let calling = udp_client(from, (to, port));
            for length in [0, 1, 1400, 60000] {
                calling.send(&vec![7; length]).unwrap();
                let (received, peer) = server.recv_from(&mut buffer).unwrap();
                assert_eq!((received, peer.ip()), (length, seen.parse().unwrap()), "{from} to {to}");
                server.send_to(&vec![8; length], peer).unwrap();
                // The socket is connected: it only hears whom it has written to.
                assert_eq!(calling.recv(&mut buffer).unwrap(), length, "{from} to {to}");
            }
        }
    });
}

#[test]
fn clients_of_a_udp_port_are_told_apart_and_forgotten() {
    in_namespaces("clients_of_a_udp_port_are_told_apart_and_forgotten", || {
        let limits = Limits { flows: 3, flows_of_port: 2, idle: PATIENCE, ..Limits::of_process() };
        let mut place = Place::with_limits(limits);
        let server = place.listen_udp("0.0.0.0:53");
        let (port, other) = (place.publish_udp("dns", 53), place.publish_udp("dns", 53));
        let mut buffer = [0; 100];
        // From one address and port to two ports of the host that lead to the same.
        let first = udp_client("192.0.2.7:5353", ("192.0.2.1", port));
        first.send(b"a").unwrap();
        let first_seen = server.recv_from(&mut buffer).unwrap().1;
        assert_eq!(first_seen.to_string(), "192.0.2.7:5353");
        drop(first);
        let second = udp_client("192.0.2.7:5353", ("192.0.2.1", other));
        second.send(b"b").unwrap();
        let second_seen = server.recv_from(&mut buffer).unwrap().1;
        assert_eq!(second_seen.ip().to_string(), "192.0.2.7");
        assert_ne!(second_seen, first_seen);
        server.send_to(b"c", second_seen).unwrap();
        assert_eq!(second.recv(&mut buffer).unwrap(), 1);
        // Of three clients of one port the one that was silent for longest is forgotten: what is sent to it goes nowhere.
        let crowd = [1, 2, 3].map(|_| udp_client("192.0.2.7", ("192.0.2.1", port)));
        let seen = crowd.each_ref().map(|client| {
            client.send(b"d").unwrap();
            server.recv_from(&mut buffer).unwrap().1
        });
        for peer in seen {
            server.send_to(b"e", peer).unwrap();
        }
        assert_eq!(crowd[1].recv(&mut buffer).unwrap(), 1);
        assert_eq!(crowd[2].recv(&mut buffer).unwrap(), 1);
        crowd[0].set_nonblocking(true).unwrap();
        assert_eq!(crowd[0].recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn silent_clients_of_a_udp_port_are_forgotten() {
    in_namespaces("silent_clients_of_a_udp_port_are_forgotten", || {
        let limits = Limits { idle: Duration::from_millis(100), ..Limits::of_process() };
        let mut place = Place::with_limits(limits);
        let server = place.listen_udp("0.0.0.0:53");
        let port = place.publish_udp("dns", 53);
        let calling = udp_client("192.0.2.7", ("192.0.2.1", port));
        let mut buffer = [0; 100];
        calling.send(b"a").unwrap();
        let peer = server.recv_from(&mut buffer).unwrap().1;
        // When nothing is due any more, it has been forgotten.
        while place.tell(|forwarder| forwarder.next_timeout().is_some()) {}
        let _ = server.send_to(b"lost", peer);
        calling.send(b"b").unwrap();
        let peer = server.recv_from(&mut buffer).unwrap().1;
        server.send_to(b"heard", peer).unwrap();
        let length = calling.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..length], b"heard");
    });
}
