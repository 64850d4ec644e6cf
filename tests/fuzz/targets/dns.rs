//! Any packets come to the name server: what it answers is well formed, fits, and says nothing of networks the client is not on.

#![no_main]

use std::net::IpAddr;

use libfuzzer_sys::fuzz_target;
use pontoon_network::dns::{Member, Names, NetworkNames, Reply, Transport, Verdict, decide};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 89, 0, 2));
const SECRET: [u8; 4] = [10, 89, 9, 9];

fn names() -> Names {
    let member = |address: IpAddr, name: &str| Member {
        addresses: vec![address],
        names: vec![name.to_owned(), "a.b".to_owned()],
        ..Member::default()
    };
    let mut names = Names::default();
    let own = NetworkNames { members: vec![member(CLIENT, "web")], ..NetworkNames::default() };
    let other = NetworkNames { members: vec![member(SECRET.into(), "db")], ..NetworkNames::default() };
    names.set("own", &own);
    names.set("other", &other);
    names
}

/// The first byte chooses how the packet comes.
fuzz_target!(|bytes: &[u8]| {
    let Some((first, packet)) = bytes.split_first() else { return };
    let transport = if first & 1 == 0 { Transport::Udp } else { Transport::Tcp };
    let network = if first & 2 == 0 { "own" } else { "other" };
    match decide(packet, transport, CLIENT, network, &names()) {
        Verdict::Ignore => {}
        Verdict::Answer(answer) => {
            assert!(answer.len() >= 12 && answer[2] & 0x80 != 0);
            assert_eq!(answer[..2], packet[..2]);
            assert!(transport == Transport::Tcp || answer.len() <= 1232);
            // It may be in the question, which is repeated, also put together by compression; nowhere else.
            let asked =
                packet.windows(4).any(|part| part == SECRET) || packet.iter().any(|byte| *byte >= 0xc0);
            assert!(asked || !answer.windows(4).any(|part| part == SECRET));
        }
        Verdict::Forward(forward) => {
            let query = forward.query(7);
            assert_eq!(forward.read(&query, 7, false), Reply::Foreign);
            // What a resolver says can be as hostile as what a client says.
            let mut reply = packet.to_vec();
            reply[..2].copy_from_slice(&7_u16.to_be_bytes());
            reply[2] |= 0x80;
            match forward.read(&reply, 7, false) {
                Reply::Foreign => {}
                Reply::Answer(answer) | Reply::Unable(answer) | Reply::AskByTcp(answer) => {
                    assert_eq!(answer[..2], packet[..2]);
                    assert!(transport == Transport::Tcp || answer.len() <= 1232);
                }
            }
        }
    }
});
