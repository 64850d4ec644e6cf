//! Ports of SCTP, as root on bridges: with packets made by hand, since the kernel may have no sockets for them.

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6};
use pontoon_tests::{B, Output, alone, wait};

use super::{Gone, address, host, root};

/// `serve`: answers each INIT (RFC 9260) with an INIT ACK whose cookie says who asked, and for which port. `ask ADDRESS PORT SECONDS [OWN_PORT]`: says
/// what that cookie tells, if it comes from where it was asked for within `SECONDS`.
const ASSOCIATION: &str = r#"
import random, select, socket, struct, sys, time

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff

def packet(source, destination, tag, kind, own_tag, cookie=b''):
    parameter = struct.pack('>HH', 7, 4 + len(cookie)) + cookie + b'\0' * (-len(cookie) % 4) if cookie else b''
    length = 20 + len(parameter) - (-len(cookie) % 4)
    chunk = struct.pack('>BBHIIHHI', kind, 0, length, own_tag, 65536, 1, 1, 1) + parameter
    head = struct.pack('>HHI', source, destination, tag)
    return head + struct.pack('<I', crc32c(head + b'\0' * 4 + chunk)) + chunk

def read(data, is_v6):
    data = data if is_v6 else data[(data[0] & 15) * 4:]
    source, destination, _ = struct.unpack('>HHI', data[:8])
    sound = struct.unpack('<I', data[8:12])[0] == crc32c(data[:8] + b'\0' * 4 + data[12:])
    kind, tag = data[12], struct.unpack('>I', data[16:20])[0]
    length = struct.unpack('>H', data[34:36])[0] if len(data) > 36 else 0
    return sound, source, destination, kind, tag, data[36:32 + length]

def sockets():
    return {f: socket.socket(f, socket.SOCK_RAW, 132) for f in (socket.AF_INET, socket.AF_INET6)}

def serve():
    both = sockets()
    print('ready', flush=True)
    while True:
        for it in select.select(list(both.values()), [], [])[0]:
            data, peer = it.recvfrom(4096)
            sound, source, destination, kind, tag, _ = read(data, it.family == socket.AF_INET6)
            if sound and kind == 1:
                cookie = f'{peer[0]} {destination}'.encode()
                it.sendto(packet(destination, source, tag, 2, 77, cookie), (peer[0], 0))

def ask(address, port, seconds, own=0):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    it = socket.socket(family, socket.SOCK_RAW, 132)
    own = own or random.randrange(20000, 60000)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        it.sendto(packet(own, port, 0, 1, 55), (address, 0))
        again = time.monotonic() + 0.2
        while select.select([it], [], [], max(0, again - time.monotonic()))[0]:
            data, peer = it.recvfrom(4096)
            sound, source, destination, kind, _, cookie = read(data, family == socket.AF_INET6)
            if sound and kind == 2 and destination == own and peer[0] == address and source == port:
                return print(cookie.decode())
    sys.exit(1)

serve() if sys.argv[1] == 'serve' else ask(sys.argv[2], *map(int, sys.argv[3:]))
"#;

/// Somebody who answers in a container's network.
#[track_caller]
fn answer_in(container: &str) {
    let unit = format!("answers-{container}");
    root(&format!(
        "systemctl stop {unit} 2>/dev/null; rm -f /run/{unit}
         systemd-run -q --unit={unit} --collect -p StandardOutput=file:/run/{unit} \
           nsenter -n -t $(pontoon inspect --format '{{{{.State.Pid}}}}' {container}) python3 /srv/association.py serve"
    ))
    .ok();
    wait::until_true("the one who answers", || root(&format!("cat /run/{unit}")).text() == "ready");
}

/// What is answered, asked for from somewhere.
fn ask(place: &str, address: &str, port: u16) -> Output {
    root(&format!("{place} python3 /srv/association.py ask {address} {port} 10"))
}

/// Nobody answers there.
#[track_caller]
fn is_silent(place: &str, address: &str, port: u16) {
    root(&format!("{place} python3 /srv/association.py ask {address} {port} 1")).fails(1);
}

const OUTSIDE: &str = "ip netns exec outside";

fn within(container: &str) -> String {
    format!("nsenter -n -t $(pontoon inspect --format '{{{{.State.Pid}}}}' {container})")
}

#[test]
fn associations_reach_containers_and_show_them_their_clients() {
    let _alone = alone();
    let _gone = Gone("assoc apart");
    host().write("root", "/srv/association.py", ASSOCIATION);
    root("pontoon network create --ipv6 assoc && pontoon network create apart").ok();
    let run = "pontoon run -d --stop-timeout 0";
    root(&format!(
        "{run} --name assoc --network assoc -p 8720:36412/sctp -p {HOST_V4}:8721-8722:1-2/sctp $B sleep 1000
         {run} --name near --network assoc $B sleep 1000
         {run} --name far --network apart $B sleep 1000"
    ))
    .ok();
    root("pontoon port assoc; pontoon ps --format '{{.Names}} {{.Ports}}'")
        .ok()
        .says("36412/sctp -> 0.0.0.0:8720")
        .says("0.0.0.0:8720->36412/sctp")
        .says(&format!("{HOST_V4}:8721-8722->1-2/sctp"));
    answer_in("assoc");
    let from_outside = || ask(OUTSIDE, HOST_V4, 8720);
    from_outside().ok().prints(&format!("{OUTSIDE_V4} 36412"));
    ask(OUTSIDE, HOST_V6, 8720).ok().prints(&format!("{OUTSIDE_V6} 36412"));
    ask(OUTSIDE, HOST_V4, 8722).ok().prints(&format!("{OUTSIDE_V4} 2"));
    // From the host itself, from the same network and from another one.
    ask("env", HOST_V4, 8720).ok().prints(&format!("{HOST_V4} 36412"));
    ask(&within("near"), HOST_V4, 8720).ok().says(" 36412");
    ask(&within("far"), HOST_V4, 8720).ok().prints(&format!("{} 36412", address("far")));
    is_silent(&within("far"), &address("assoc"), 36412);
    // Nobody else may have the port, nor one that nobody reaches.
    root("pontoon run --rm --network apart -p 8000:1/sctp -p 8720:1/sctp $B true")
        .fails(125)
        .warns("port 8720/sctp of the host is taken");
    root("pontoon run --rm -p 8720:1 -p 8720:1/udp $B true").ok();
    root("pontoon run --rm -p 127.0.0.1:8723:1/sctp $B true").fails(125).warns("127.0.0.1:8723:1/sctp");
    root("pontoon run --rm --network pasta -p 8723:1/sctp $B true")
        .fails(125)
        .warns("pasta forwards no SCTP");
    // The rules are made again; processes of the unit that are killed leave them as they are, and know of them afterwards.
    root("nft flush ruleset && pontoon network reload -a").ok();
    from_outside().ok();
    root("systemctl kill -s KILL pontoon-network.service").ok();
    wait::until_true("the network unit", || {
        from_outside().code == 0
            && root("pontoon run --rm -p 8720:1/sctp $B true")
                .stderr
                .contains("port 8720/sctp of the host is taken")
    });
    // It follows the container from network to network, and ends with it.
    root("pontoon network connect apart assoc && pontoon network disconnect assoc assoc").ok();
    from_outside().ok().prints(&format!("{OUTSIDE_V4} 36412"));
    // Who begins again from the same port is not led to where the container was.
    let again = || {
        let own = "10 5555";
        root(&format!("{OUTSIDE} python3 /srv/association.py ask {HOST_V4} 8720 {own}")).ok();
    };
    again();
    let former = address("assoc");
    root("pontoon stop assoc").ok();
    is_silent(OUTSIDE, HOST_V4, 8720);
    root("nft list table inet pontoon").ok().lacks("8720");
    root("pontoon start assoc").ok();
    answer_in("assoc");
    assert_ne!(address("assoc"), former);
    again();
    root("pontoon rm -f assoc").ok();
    is_silent(OUTSIDE, HOST_V4, 8720);
}

#[test]
fn a_pod_publishes_them_for_its_members() {
    let _alone = alone();
    host().write("root", "/srv/association.py", ASSOCIATION);
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: signalling}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers:\n  - name: one\n    image: IMAGE\n    \
               command: [sleep, '1000']\n    ports: [{containerPort: 2905, hostPort: 8725, protocol: SCTP}]\n";
    host().write("root", "/root/signalling.yaml", pod.replace("IMAGE", B));
    root("pontoon kube play -q /root/signalling.yaml").ok();
    answer_in("signalling-one");
    ask(OUTSIDE, HOST_V4, 8725).ok().prints(&format!("{OUTSIDE_V4} 2905"));
    root("pontoon pod inspect --format '{{.InfraConfig.PortBindings}}' signalling").ok().says("2905/sctp");
    root("pontoon kube generate signalling").ok().says("protocol: SCTP").says("hostPort: 8725");
    root("pontoon kube down /root/signalling.yaml").ok();
    is_silent(OUTSIDE, HOST_V4, 8725);
}
