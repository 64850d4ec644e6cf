//! The test host's network: a cable to a second namespace `outside`, from where published ports are asked.
//!
//! Nothing of it reaches the machine: both ends live inside the host.

use crate::host::TestHost;
use crate::output::Output;

/// The host's address on the cable.
pub const HOST_V4: &str = "192.0.2.10";
/// The host's IPv6 address on the cable.
pub const HOST_V6: &str = "2001:db8::10";
/// The address at the other end.
pub const OUTSIDE_V4: &str = "192.0.2.1";
/// Its IPv6 address.
pub const OUTSIDE_V6: &str = "2001:db8::1";

/// Lays the cable and gives both ends their addresses.
pub(crate) fn set_up(host: &TestHost) {
    host.root(&format!(
        "set -e
        ip netns add outside
        ip link add eth0 type veth peer name eth0 netns outside
        ip addr add {HOST_V4}/24 dev eth0; ip addr add {HOST_V6}/64 dev eth0 nodad; ip link set eth0 up
        ip -n outside addr add {OUTSIDE_V4}/24 dev eth0; ip -n outside addr add {OUTSIDE_V6}/64 dev eth0 nodad
        ip -n outside link set lo up; ip -n outside link set eth0 up
        ip route add default via {OUTSIDE_V4}; ip -6 route add default via {OUTSIDE_V6}"
    ))
    .ok();
}

/// Waits until nginx (the image of the tests) answers on a port of the host's, as a machine next to it sees it.
#[track_caller]
pub fn until_nginx_answers(host: &TestHost, port: u16) {
    let url = format!("http://{HOST_V4}:{port}/");
    crate::wait::until("nginx to answer from outside", || {
        let answer = curl_from_outside(host, &url);
        if answer.stdout.contains("Hello from nginx") { Ok(()) } else { Err(format!("{answer:?}")) }
    });
}

/// Fetches a page as a machine next to the host would.
#[must_use = "a command's result must be looked at: `.ok()`, `.fails(CODE)`"]
pub fn curl_from_outside(host: &TestHost, url: &str) -> Output {
    host.run_as("root", &["ip", "netns", "exec", "outside", "curl", "-sS", "--max-time", "10", url])
}
