//! Host names to addresses, by the host's own rules.
//!
//! `getent` asks as every program of the host would (nsswitch.conf(5): /etc/hosts, DNS, mDNS, …). We are linked statically,
//! so that every command starts at once, and the C library's own lookup would have to load the host's modules into us,
//! which only works with the very version that we were built with.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// The most addresses that are tried.
const MAX_ADDRESSES: usize = 16;

/// Looks names up as the host does.
#[derive(Debug)]
pub(super) struct HostResolver;

impl Resolver for HostResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("http") { 80 } else { 443 });
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![address],
            Err(_) => look_up(host, &timeout)?,
        };
        let mut resolved = self.empty();
        for address in addresses.into_iter().take(MAX_ADDRESSES) {
            resolved.push(SocketAddr::new(address, port));
        }
        if resolved.is_empty() { Err(ureq::Error::HostNotFound) } else { Ok(resolved) }
    }
}

fn look_up(host: &str, timeout: &NextTimeout) -> Result<Vec<IpAddr>, ureq::Error> {
    // One thread waits for the answer while we watch the clock; killing the program ends both.
    let mut child = Command::new("getent")
        .args(["ahosts", "--", host])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|err| io::Error::new(err.kind(), format!("cannot run getent to look up {host}: {err}")))?;
    let text = read_within(&mut child, timeout);
    if text.is_err() {
        let _ = child.kill();
    }
    let _ = child.wait();
    Ok(addresses(&text?))
}

fn read_within(child: &mut Child, timeout: &NextTimeout) -> Result<String, ureq::Error> {
    let mut output = child.stdout.take().ok_or(ureq::Error::HostNotFound)?;
    let mut text = String::new();
    if timeout.after.is_not_happening() {
        output.read_to_string(&mut text)?;
        return Ok(text);
    }
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let read = output.read_to_string(&mut text).map(|_| text);
        let _ = sender.send(read);
    });
    match receiver.recv_timeout(*timeout.after) {
        Ok(read) => Ok(read?),
        Err(RecvTimeoutError::Timeout) => Err(ureq::Error::Timeout(timeout.reason)),
        Err(RecvTimeoutError::Disconnected) => Err(ureq::Error::HostNotFound),
    }
}

/// The addresses in the answer of `getent ahosts` (getent(1)): a line for each address and kind of socket.
fn addresses(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        if let (Some(address), Some("STREAM")) = (words.next(), words.next())
            && let Ok(address) = address.parse()
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_is_taken_once_in_the_order_of_the_answer() {
        let text = "::1             STREAM localhost\n::1             DGRAM  \n::1             RAW    \n\
                    127.0.0.1       STREAM \n127.0.0.1       DGRAM  \nfe80::1%eth0 STREAM x\n";
        assert_eq!(addresses(text), ["::1".parse::<IpAddr>().unwrap(), "127.0.0.1".parse().unwrap()]);
        assert!(addresses("").is_empty());
    }
}
