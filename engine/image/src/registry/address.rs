//! Web addresses as far as registries need them: scheme, host, port and the rest, with redirects resolved.
//!
//! Addresses with user names in them are refused: they serve nothing but deceit here.

use std::fmt;
use std::net::IpAddr;

/// An `http` or `https` address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    pub https: bool,
    /// Lower-case name or address; IPv6 in brackets.
    pub host: String,
    pub port: u16,
    /// Path and query, beginning with a slash.
    pub target: String,
}

impl Address {
    /// Makes the address of a path on a registry, which is written as host and perhaps port.
    pub(crate) fn new(https: bool, authority: &str, target: &str) -> Option<Address> {
        let (host, port) = split_authority(authority)?;
        let port = port.unwrap_or(if https { 443 } else { 80 });
        Some(Address { https, host, port, target: target.to_owned() })
    }

    /// Parses an absolute address.
    pub(crate) fn parse(text: &str) -> Option<Address> {
        if text.chars().any(|ch| ch.is_control() || ch.is_whitespace() || ch == '\\') {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = (rest.get(..end)?, rest.get(end..)?);
        let target = target.split('#').next().unwrap_or_default();
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Address::new(https, authority, &target)
    }

    /// Resolves what a `Location` header says against this address.
    pub(crate) fn join(&self, location: &str) -> Option<Address> {
        if location.contains("://")
            && location.split_once("://").is_some_and(|(scheme, _)| !scheme.contains('/'))
        {
            return Address::parse(location);
        }
        let scheme = if self.https { "https" } else { "http" };
        if location.starts_with("//") {
            return Address::parse(&format!("{scheme}:{location}"));
        }
        let origin = format!("{scheme}://{}:{}", self.host, self.port);
        if location.starts_with('/') {
            return Address::parse(&format!("{origin}{location}"));
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let directory = path.rfind('/').and_then(|at| path.get(..=at)).unwrap_or("/");
        Address::parse(&format!("{origin}{directory}{location}"))
    }

    /// Tells whether both lead to the same server and port by the same scheme.
    pub(crate) fn same_origin(&self, other: &Address) -> bool {
        self.https == other.https && self.host == other.host && self.port == other.port
    }

    /// Returns the host, with its port where it is not the scheme's own.
    pub(crate) fn authority(&self) -> String {
        match (self.https, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Returns the host as a number, if it is one.
    pub(crate) fn ip(&self) -> Option<IpAddr> {
        self.host.trim_start_matches('[').trim_end_matches(']').parse().ok()
    }

    /// Tells whether it leads to an address that only means this link, such as the metadata service of a cloud.
    pub(crate) fn is_link_local(&self) -> bool {
        match self.ip() {
            Some(IpAddr::V4(ip)) => ip.is_link_local(),
            Some(IpAddr::V6(ip)) => {
                ip.is_unicast_link_local() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_link_local())
            }
            None => false,
        }
    }
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`.
fn split_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let host_end = match authority.starts_with('[') {
        true => authority.find(']')? + 1,
        false => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = (authority.get(..host_end)?, authority.get(host_end..)?);
    let port = match port.strip_prefix(':') {
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        Some(_) => return None,
        None if port.is_empty() => None,
        None => return None,
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let fits = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(good),
    };
    fits.then(|| (host.to_ascii_lowercase(), port))
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(formatter, "{scheme}://{}{}", self.authority(), self.target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn joined(base: &str, location: &str) -> Option<String> {
        Address::parse(base).unwrap().join(location).map(|it| it.to_string())
    }

    #[test]
    fn addresses_are_split() {
        let address = Address::parse("HTTPS://Host.IO:5000/a?b=c#d").unwrap();
        assert_eq!(
            (address.host.as_str(), address.port, address.target.as_str()),
            ("host.io", 5000, "/a?b=c")
        );
        assert_eq!(Address::parse("http://h?x").unwrap().target, "/?x");
        assert_eq!(Address::parse("http://[::1]:1/x").unwrap().to_string(), "http://[::1]:1/x");
        assert_eq!(Address::parse("https://h:443/").unwrap().to_string(), "https://h/");
    }

    #[test]
    fn deceitful_addresses_are_refused() {
        for text in [
            "file:///etc/passwd",
            "http://a@b/",
            "http://a:b@c/",
            "http:///x",
            "http://a b/",
            "http://a\r\nX: y/",
            "http://a\\@b/",
            "http://h:99999/",
            "http://[::1/x",
            "ftp://h/",
            "h/x",
        ] {
            assert_eq!(Address::parse(text), None, "{text}");
        }
    }

    #[test]
    fn redirects_are_resolved() {
        let base = "https://h:5000/v2/x/blobs/1?q";
        assert_eq!(joined(base, "https://c.io/y").unwrap(), "https://c.io/y");
        assert_eq!(joined(base, "//c.io/y").unwrap(), "https://c.io/y");
        assert_eq!(joined(base, "/y?u=http://z").unwrap(), "https://h:5000/y?u=http://z");
        assert_eq!(joined(base, "2").unwrap(), "https://h:5000/v2/x/blobs/2");
        assert_eq!(joined(base, "file:///etc/passwd"), None);
    }

    #[test]
    fn link_local_addresses_are_known() {
        for text in ["http://169.254.169.254/", "http://[fe80::1]/", "http://[::ffff:169.254.169.254]/"] {
            assert!(Address::parse(text).unwrap().is_link_local(), "{text}");
        }
        for text in ["http://127.0.0.1/", "http://h/", "http://10.0.0.1/"] {
            assert!(!Address::parse(text).unwrap().is_link_local(), "{text}");
        }
    }
}
