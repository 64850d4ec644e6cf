//! Who asked is in the log of a real web server: the client's own address, whatever network its container is on.
#![cfg(feature = "e2e")]
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic)]

use pontoon_tests::network::{HOST_V4, HOST_V6, OUTSIDE_V4, OUTSIDE_V6, curl_from_outside};
use pontoon_tests::{host, wait};

#[test]
fn nginx_logs_the_address_of_its_client() {
    let host = host();
    let pontoon = |words: &str| host.alice(&format!("pontoon {words}"));
    let image = "localhost:5000/nginx";
    pontoon(&format!("pull -q {image}")).ok();
    pontoon("network create log-network --ipv6").ok();
    pontoon("pod create --name log-pod -p 8713:80").ok();
    pontoon("pod create --name log-pod-bridge --network log-network -p 8714:80").ok();
    for (name, options, port) in [
        ("log-pasta", "--network pasta -p 8711:80", 8711),
        ("log-bridge", "--network log-network -p 8712:80", 8712),
        ("log-in-pod", "--pod log-pod", 8713),
        ("log-in-pod-on-bridge", "--pod log-pod-bridge", 8714),
    ] {
        pontoon(&format!("run -d --name {name} --stop-timeout 0 {options} {image}")).ok();
        for (address, client) in [(HOST_V4.to_owned(), OUTSIDE_V4), (format!("[{HOST_V6}]"), OUTSIDE_V6)] {
            wait::until(&format!("the page of {name} at {address}"), || {
                let page = curl_from_outside(host, &format!("http://{address}:{port}/"));
                if page.stdout.contains("Hello from nginx") { Ok(()) } else { Err(format!("{page:?}")) }
            });
            wait::until(&format!("{client} in the log of {name}"), || {
                let log = pontoon(&format!("logs {name}"));
                let is_there = log.stdout.lines().any(|line| line.starts_with(&format!("{client} - - [")));
                if is_there { Ok(()) } else { Err(format!("{log:?}")) }
            });
        }
        pontoon(&format!("rm -f -t 0 {name}")).ok();
    }
    pontoon("pod rm -f -t 0 log-pod log-pod-bridge").ok();
    pontoon("network rm log-network").ok();
}
