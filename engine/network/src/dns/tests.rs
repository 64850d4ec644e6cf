//! What becomes of packets.

use std::net::IpAddr;

use domain::base::iana::{Class, Opcode, Rcode, Rtype};
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::AllRecordData;
use proptest::prelude::*;

use super::*;

fn addresses(words: &[&str]) -> Vec<IpAddr> {
    words.iter().map(|word| word.parse().unwrap()).collect()
}

fn member(addresses_of: &[&str], names: &[&str]) -> Member {
    Member {
        addresses: addresses(addresses_of),
        names: names.iter().map(|&name| name.to_owned()).collect(),
        ..Member::default()
    }
}

/// Two networks that share the container at 10.89.0.3, and an internal one.
fn names() -> Names {
    let mut names = Names::default();
    let mut own = member(&["10.89.0.9"], &["own"]);
    own.resolvers = addresses(&["9.9.9.9"]);
    let front = NetworkNames {
        members: vec![
            member(&["10.89.0.2", "fd00::2"], &["Web", "0123456789ab", "www"]),
            member(&["10.89.0.3"], &["both", "www", "a.b"]),
            own,
        ],
        ..NetworkNames::default()
    };
    let back = NetworkNames {
        resolvers: addresses(&["1.1.1.1", "8.8.8.8"]),
        members: vec![member(&["10.89.1.3", "10.89.0.3"], &["both"]), member(&["10.89.1.4"], &["db"])],
        ..NetworkNames::default()
    };
    let inner = NetworkNames {
        internal: true,
        members: vec![member(&["10.89.2.2"], &["inner"])],
        ..NetworkNames::default()
    };
    names.set("front", &front);
    names.set("back", &back);
    names.set("inner", &inner);
    names
}

/// A question as resolvers write it.
fn question(name: &str, qtype: Rtype, udp_size: Option<u16>) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(0x1234);
    builder.header_mut().set_rd(true);
    let mut question = builder.question();
    question.push((Name::vec_from_str(name).unwrap(), qtype, Class::IN)).unwrap();
    let mut additional = question.additional();
    if let Some(size) = udp_size {
        let opt = additional.opt(|opt| {
            opt.set_udp_payload_size(size);
            Ok(())
        });
        opt.unwrap();
    }
    additional.finish()
}

/// An answer in short: its code, then its records.
fn show(packet: &[u8]) -> String {
    let message = Message::from_slice(packet).unwrap();
    assert_eq!(message.header().id(), 0x1234);
    assert!(message.header().qr());
    let mut words = vec![message.header().rcode().to_string()];
    if message.header().tc() {
        words.push("truncated".to_owned());
    }
    for record in message.answer().unwrap() {
        let record = record.unwrap().into_record::<AllRecordData<_, _>>().unwrap().unwrap();
        assert_eq!(record.ttl().as_secs(), 0);
        words.push(record.data().to_string());
    }
    words.join(" ")
}

fn verdict(client: &str, network: &str, name: &str, qtype: Rtype) -> String {
    let packet = question(name, qtype, None);
    match decide(&packet, Transport::Udp, client.parse().unwrap(), network, &names()) {
        Verdict::Ignore => "silence".to_owned(),
        Verdict::Answer(answer) => show(&answer),
        Verdict::Forward(forward) => match forward.resolvers {
            Resolvers::Host => "host".to_owned(),
            Resolvers::These(those) => those.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        },
    }
}

#[track_caller]
fn check(client: &str, network: &str, name: &str, qtype: Rtype, expected: &str) {
    assert_eq!(verdict(client, network, name, qtype), expected, "{name} {qtype} from {client} on {network}");
}

#[test]
fn names_aliases_and_ids_are_known_in_any_case_and_with_the_search_domain() {
    for name in ["web", "WEB", "0123456789ab", "web.dns.podman", "Web.DNS.Podman"] {
        check("10.89.0.3", "front", name, Rtype::A, "NOERROR 10.89.0.2");
        check("10.89.0.3", "front", name, Rtype::AAAA, "NOERROR fd00::2");
    }
    check("10.89.0.3", "front", "a.b", Rtype::A, "NOERROR 10.89.0.3");
    check("10.89.0.2", "front", "www", Rtype::A, "NOERROR 10.89.0.2 10.89.0.3");
    check("10.89.0.2", "front", "web", Rtype::ANY, "NOERROR 10.89.0.2 fd00::2");
}

#[test]
fn a_name_without_an_address_of_the_family_has_an_empty_answer() {
    check("10.89.0.2", "front", "both", Rtype::AAAA, "NOERROR");
    check("10.89.0.2", "front", "both", Rtype::TXT, "NOERROR");
    check("10.89.0.2", "front", "dns.podman", Rtype::A, "NOERROR");
}

#[test]
fn names_of_networks_the_client_is_not_on_stay_unknown() {
    check("10.89.0.2", "front", "db.dns.podman", Rtype::A, "NXDOMAIN");
    check("10.89.0.2", "front", "db", Rtype::A, "host");
    // The container on both networks sees both, whichever server it asks.
    check("10.89.0.3", "front", "db", Rtype::A, "NOERROR 10.89.1.4");
    check("10.89.0.3", "back", "web", Rtype::A, "NOERROR 10.89.0.2");
    check("10.89.0.3", "back", "both", Rtype::A, "NOERROR 10.89.1.3 10.89.0.3");
    // Asking the other network's server helps nobody.
    check("10.89.0.2", "back", "db", Rtype::A, "host");
    // Who is on none sees the one it asks on.
    check("192.0.2.1", "back", "db", Rtype::A, "NOERROR 10.89.1.4");
    check("192.0.2.1", "gone", "db", Rtype::A, "SERVFAIL");
}

#[test]
fn unknown_names_go_to_the_resolvers_of_the_container_its_networks_or_the_host() {
    check("10.89.0.2", "front", "example.com", Rtype::A, "host");
    check("10.89.0.2", "front", "nope", Rtype::A, "host");
    check("10.89.0.9", "front", "example.com", Rtype::A, "9.9.9.9");
    check("10.89.1.4", "back", "example.com", Rtype::MX, "1.1.1.1 8.8.8.8");
    check("10.89.0.2", "front", "nope.dns.podman", Rtype::A, "NXDOMAIN");
    check("10.89.0.2", "front", ".", Rtype::NS, "host");
}

#[test]
fn internal_networks_ask_nobody() {
    check("10.89.2.2", "inner", "inner", Rtype::A, "NOERROR 10.89.2.2");
    check("10.89.2.2", "inner", "example.com", Rtype::A, "NXDOMAIN");
    check("10.89.2.2", "inner", "1.2.0.192.in-addr.arpa", Rtype::PTR, "NXDOMAIN");
}

#[test]
fn addresses_are_looked_up_backwards() {
    check("10.89.0.2", "front", "3.0.89.10.in-addr.arpa", Rtype::PTR, "NOERROR both. www. a.b.");
    let v6 = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa";
    check("10.89.0.3", "front", v6, Rtype::PTR, "NOERROR Web. 0123456789ab. www.");
    check("10.89.0.2", "front", "4.1.89.10.in-addr.arpa", Rtype::PTR, "host");
    for odd in ["03.0.89.10", "3.0.89", "1.3.0.89.10", "+3.0.89.10", "256.0.89.10"] {
        check("10.89.0.2", "front", &format!("{odd}.in-addr.arpa"), Rtype::PTR, "host");
    }
}

#[test]
fn names_that_change_are_seen_at_once() {
    let mut names = names();
    let ask = |names: &Names| {
        let packet = question("new", Rtype::A, None);
        decide(&packet, Transport::Udp, "10.89.0.2".parse().unwrap(), "front", names)
    };
    assert!(matches!(ask(&names), Verdict::Forward(_)));
    let members = vec![member(&["10.89.0.2"], &["web"]), member(&["10.89.0.7"], &["new"])];
    names.set("front", &NetworkNames { members, ..NetworkNames::default() });
    assert!(matches!(ask(&names), Verdict::Answer(answer) if show(&answer) == "NOERROR 10.89.0.7"));
    names.remove("front");
    assert!(matches!(ask(&names), Verdict::Answer(answer) if show(&answer) == "SERVFAIL"));
}

fn answer(packet: &[u8], transport: Transport, names: &Names) -> Vec<u8> {
    match decide(packet, transport, "10.89.0.2".parse().unwrap(), "front", names) {
        Verdict::Answer(answer) => answer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_is_as_long_as_the_client_takes() {
    let addresses = (1..=100).map(|last| IpAddr::from([10, 89, 3, last])).collect();
    let crowd = Member { addresses, names: vec!["crowd".to_owned()], ..Member::default() };
    let mut names = Names::default();
    names.set("front", &NetworkNames { members: vec![crowd], ..NetworkNames::default() });
    let records = |packet: &[u8]| show(packet).split(' ').filter(|word| word.contains('.')).count();
    for (size, transport, limit, whole) in [
        (None, Transport::Udp, 512, false),
        (Some(100), Transport::Udp, 512, false),
        (Some(600), Transport::Udp, 600, false),
        (Some(4096), Transport::Udp, 1232, false),
        (None, Transport::Tcp, 65535, true),
        (Some(512), Transport::Tcp, 65535, true),
    ] {
        let got = answer(&question("crowd", Rtype::A, size), transport, &names);
        let truncated = Message::from_slice(&got).unwrap().header().tc();
        assert!(got.len() <= limit && records(&got) > 10, "{size:?}: {} bytes", got.len());
        assert_eq!(truncated, !whole, "{size:?}");
        assert_eq!(records(&got) == 100, whole, "{size:?}");
        assert_eq!(Message::from_slice(&got).unwrap().opt().is_some(), size.is_some(), "{size:?}");
    }
}

#[test]
fn what_cannot_be_read_is_refused_in_the_words_of_the_protocol() {
    let rcode = |packet: &[u8]| {
        let answer = answer(packet, Transport::Udp, &names());
        Message::from_slice(&answer).unwrap().opt_rcode().to_string()
    };
    let good = question("web", Rtype::A, Some(1232));
    assert_eq!(rcode(&good), "NOERROR");
    let mut notify = good.clone();
    notify[2] = Opcode::NOTIFY.to_int() << 3;
    assert_eq!(rcode(&notify), "NOTIMP");
    let mut two = good.clone();
    two[5] = 2;
    assert_eq!(rcode(&two), "FORMERR");
    assert_eq!(rcode(&good[..15]), "FORMERR");
    assert_eq!(rcode(&good[..good.len() - 1]), "FORMERR");
    let mut newer = good.clone();
    let version = good.len() - 5;
    newer[version] = 1;
    assert_eq!(rcode(&newer), "BADVERS");
    let mut chaos = question("version.bind", Rtype::TXT, None);
    let class = chaos.len() - 1;
    chaos[class] = 3;
    assert_eq!(rcode(&chaos), "REFUSED");
    let silent = |packet: &[u8]| {
        decide(packet, Transport::Udp, "10.89.0.2".parse().unwrap(), "front", &names()) == Verdict::Ignore
    };
    assert!(silent(&good[..11]));
    let mut response = good;
    response[2] |= 0x80;
    assert!(silent(&response));
}

fn forward(name: &str, udp_size: Option<u16>, transport: Transport) -> Forward {
    let packet = question(name, Rtype::A, udp_size);
    match decide(&packet, transport, "10.89.0.2".parse().unwrap(), "front", &names()) {
        Verdict::Forward(forward) => forward,
        other => panic!("{other:?}"),
    }
}

/// What a resolver says to a query.
fn resolved(query: &[u8], rcode: Rcode, truncated: bool) -> Vec<u8> {
    let mut answer = query.to_vec();
    answer[2] |= 0x80 | if truncated { 2 } else { 0 };
    answer[3] = 0x80 | rcode.to_int();
    answer
}

#[test]
fn a_forwarded_question_keeps_its_name_and_flags_and_gets_another_id() {
    let forward = forward("Example.com", Some(4096), Transport::Udp);
    let query = forward.query(0xbeef);
    let message = Message::from_slice(&query).unwrap();
    assert_eq!(message.header().id(), 0xbeef);
    assert!(message.header().rd() && !message.header().qr());
    assert_eq!(message.sole_question().unwrap().qname().to_string(), "Example.com");
    assert_eq!(message.opt().unwrap().udp_payload_size(), 1232);
}

#[test]
fn only_an_answer_to_the_question_counts() {
    let forward = forward("example.com", None, Transport::Udp);
    let query = forward.query(7);
    let good = resolved(&query, Rcode::NOERROR, false);
    let expected = [&0x1234_u16.to_be_bytes()[..], &good[2..]].concat();
    assert_eq!(forward.read(&good, 7, false), Reply::Answer(expected));
    assert_eq!(forward.read(&good, 8, false), Reply::Foreign);
    assert_eq!(forward.read(&query, 7, false), Reply::Foreign);
    assert_eq!(forward.read(&good[..good.len() - 1], 7, false), Reply::Foreign);
    let other = super::tests::forward("example.org", None, Transport::Udp).query(7);
    assert_eq!(forward.read(&resolved(&other, Rcode::NOERROR, false), 7, false), Reply::Foreign);
}

#[test]
fn a_resolver_that_cannot_is_not_the_last_word() {
    let forward = forward("example.com", None, Transport::Udp);
    for (rcode, unable) in [
        (Rcode::SERVFAIL, true),
        (Rcode::REFUSED, true),
        (Rcode::NOTIMP, true),
        (Rcode::NXDOMAIN, false),
        (Rcode::FORMERR, false),
    ] {
        let reply = forward.read(&resolved(&forward.query(1), rcode, false), 1, false);
        assert_eq!(matches!(reply, Reply::Unable(_)), unable, "{rcode}");
        assert_eq!(matches!(reply, Reply::Answer(_)), !unable, "{rcode}");
    }
    assert_eq!(show(&forward.failure()), "SERVFAIL");
}

#[test]
fn a_truncated_answer_is_asked_again_over_tcp_only_for_clients_that_can_take_it() {
    for (size, transport, again) in [
        (None, Transport::Udp, false),
        (Some(4096), Transport::Udp, false),
        (None, Transport::Tcp, true),
        (Some(4096), Transport::Tcp, true),
    ] {
        let forward = forward("example.com", size, transport);
        let cut = resolved(&forward.query(1), Rcode::NOERROR, true);
        let reply = forward.read(&cut, 1, false);
        assert_eq!(matches!(reply, Reply::AskByTcp(_)), again, "{size:?} {transport:?}");
    }
    let forward = forward("example.com", None, Transport::Udp);
    let mut long = resolved(&forward.query(1), Rcode::NOERROR, false);
    long.resize(600, 0);
    assert!(
        matches!(forward.read(&long, 1, true), Reply::Answer(answer) if show(&answer) == "NOERROR truncated")
    );
}

proptest! {
    #[test]
    fn any_bytes_get_a_well_formed_answer_or_none(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        tcp in any::<bool>(),
    ) {
        let transport = if tcp { Transport::Tcp } else { Transport::Udp };
        check_any(&bytes, transport);
    }

    #[test]
    fn a_question_with_some_bytes_changed_does_too(
        name in "[a-zA-Z0-9._-]{1,40}",
        qtype in any::<u16>(),
        size in proptest::option::of(any::<u16>()),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        prop_assume!(Name::vec_from_str(&name).is_ok());
        let mut packet = question(&name, Rtype::from_int(qtype), size);
        for (index, byte) in changes {
            let index = index.index(packet.len());
            packet[index] = byte;
        }
        check_any(&packet, Transport::Udp);
    }
}

fn check_any(packet: &[u8], transport: Transport) {
    match decide(packet, transport, "10.89.0.2".parse().unwrap(), "front", &names()) {
        Verdict::Ignore => {}
        Verdict::Answer(answer) => {
            let message = Message::from_slice(&answer).unwrap();
            assert!(message.header().qr());
            assert_eq!(answer[..2], packet[..2]);
            assert!(transport == Transport::Tcp || answer.len() <= 1232);
        }
        Verdict::Forward(forward) => {
            let query = forward.query(1);
            assert!(Message::from_slice(&query).unwrap().sole_question().is_ok());
            assert_eq!(forward.read(packet, 1, false), Reply::Foreign);
            let reply = forward.read(&resolved(&query, Rcode::NOERROR, false), 1, false);
            assert!(matches!(reply, Reply::Answer(_)), "{reply:?}");
        }
    }
}
