//! Everything the registry client may use: certificates, proxies, times, tries.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::address::Address;
use super::trust::Trust;
use crate::cancel::Cancel;
use crate::environment::Environment;

/// How the client behaves.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Directories with one directory of certificates per registry, later ones added to earlier.
    pub certs_dirs: Vec<PathBuf>,
    /// A directory with certificates for every registry (`--cert-dir`), instead of [`certs_dirs`](Self::certs_dirs).
    pub cert_dir: Option<PathBuf>,
    /// Certificates in place of those of the host and of directories, for a client that speaks with one server.
    pub trust: Option<Trust>,
    /// `--tls-verify`; `None` leaves it to registries.conf.
    pub tls_verify: Option<bool>,
    /// Proxies.
    pub proxy: ProxySettings,
    /// How long a connection may take, with TLS.
    pub connect_timeout: Duration,
    /// How long an answer may take, and how long a transfer may stand still.
    pub idle_timeout: Duration,
    /// How often a request or a broken transfer is tried in all.
    pub tries: u32,
    /// Time before the second try; doubled for each further one.
    pub retry_delay: Duration,
    /// Stops everything.
    pub cancel: Cancel,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            certs_dirs: Vec::new(),
            cert_dir: None,
            trust: None,
            tls_verify: None,
            proxy: ProxySettings::default(),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            tries: 3,
            retry_delay: Duration::from_secs(1),
            cancel: Cancel::new(),
        }
    }
}

impl ClientOptions {
    /// Returns the options for the user of this environment: Podman's certificate directories, and the proxies.
    pub fn standard(environment: &Environment) -> ClientOptions {
        let mut certs_dirs =
            vec![PathBuf::from("/etc/docker/certs.d"), PathBuf::from("/etc/containers/certs.d")];
        certs_dirs.extend(environment.user_config_dirs().into_iter().rev().map(|dir| dir.join("certs.d")));
        ClientOptions {
            certs_dirs,
            proxy: ProxySettings::from_environment(environment),
            ..ClientOptions::default()
        }
    }
}

/// Which proxies lead to the outside.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// For `http` addresses.
    pub http: Option<String>,
    /// For `https` addresses.
    pub https: Option<String>,
    /// What is reached without: hosts, domains, addresses and networks, separated by commas; `*` is everything.
    pub no_proxy: String,
}

impl ProxySettings {
    /// Reads `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY`, in upper or lower case.
    pub fn from_environment(environment: &Environment) -> ProxySettings {
        let either = |upper: &str, lower: &str| {
            environment.get(upper).or_else(|| environment.get(lower)).map(str::to_owned)
        };
        ProxySettings {
            http: either("HTTP_PROXY", "http_proxy"),
            https: either("HTTPS_PROXY", "https_proxy"),
            no_proxy: either("NO_PROXY", "no_proxy").unwrap_or_default(),
        }
    }

    /// Returns the proxy for an address. This machine itself is never reached through one.
    pub(crate) fn for_address(&self, address: &Address) -> Option<&str> {
        let proxy = if address.https { &self.https } else { &self.http };
        let proxy = proxy.as_deref()?;
        let local = address.host == "localhost" || address.ip().is_some_and(|ip| ip.is_loopback());
        (!local && !self.is_exempt(address)).then_some(proxy)
    }

    fn is_exempt(&self, address: &Address) -> bool {
        self.no_proxy
            .split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
            .any(|rule| exempts(rule, address))
    }
}

/// Tells whether one word of `NO_PROXY` is about an address.
fn exempts(rule: &str, address: &Address) -> bool {
    let rule = rule.to_ascii_lowercase();
    if rule == "*" {
        return true;
    }
    if let Some(ip) = address.ip() {
        if let Some((network, length)) = rule.split_once('/') {
            return match (network.parse::<IpAddr>(), length.parse::<u32>()) {
                (Ok(network), Ok(length)) => in_network(ip, network, length),
                _ => false,
            };
        }
        if rule.parse::<IpAddr>().is_ok_and(|rule| rule == ip) {
            return true;
        }
    }
    let (host, port) = match rule.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && !host.is_empty() => (host, port.parse().ok()),
        _ => (rule.as_str(), None),
    };
    if port.is_some_and(|port: u16| port != address.port) {
        return false;
    }
    match host.strip_prefix("*.").or_else(|| host.strip_prefix('.')) {
        Some(domain) => address.host.strip_suffix(domain).is_some_and(|front| front.ends_with('.')),
        None => {
            address.host == host || address.host.strip_suffix(host).is_some_and(|front| front.ends_with('.'))
        }
    }
}

fn in_network(ip: IpAddr, network: IpAddr, length: u32) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        (IpAddr::V6(ip), IpAddr::V6(network)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            ip.to_bits() & mask == network.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn through_proxy(no_proxy: &str, address: &str) -> bool {
        let environment: Environment =
            [("https_proxy", "http://proxy:3128"), ("NO_PROXY", no_proxy)].into_iter().collect();
        let settings = ProxySettings::from_environment(&environment);
        settings.for_address(&Address::parse(address).unwrap()).is_some()
    }

    #[test]
    fn only_the_scheme_with_a_proxy_uses_one() {
        assert!(through_proxy("", "https://q.io/"));
        assert!(!through_proxy("", "http://q.io/"));
    }

    #[test]
    fn this_machine_is_reached_directly() {
        for address in ["https://localhost/", "https://127.0.0.1:5000/", "https://[::1]/"] {
            assert!(!through_proxy("", address), "{address}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_and_networks() {
        for (rule, address, proxied) in [
            ("*", "https://q.io/", false),
            ("q.io", "https://q.io/", false),
            ("q.io", "https://a.q.io/", false),
            ("q.io", "https://aq.io/", true),
            (".q.io", "https://q.io/", true),
            (".q.io", "https://a.q.io/", false),
            ("*.q.io", "https://a.q.io/", false),
            ("Q.IO", "https://q.io/", false),
            ("q.io:5000", "https://q.io/", true),
            ("q.io:5000", "https://q.io:5000/", false),
            ("10.0.0.0/8", "https://10.1.2.3/", false),
            ("10.0.0.0/8", "https://11.1.2.3/", true),
            ("0.0.0.0/0", "https://11.1.2.3/", false),
            ("10.1.2.3", "https://10.1.2.3/", false),
            ("fd00::/8", "https://[fd00::1]/", false),
            ("a.io, q.io", "https://q.io/", false),
            ("10.0.0.0/99", "https://10.1.2.3/", true),
        ] {
            assert_eq!(through_proxy(rule, address), proxied, "{rule} {address}");
        }
    }
}
