//! What `/etc/hosts` and `/etc/resolv.conf` of a container say.
//!
//! Pure: text in, text out. The order of lines is Podman's.

use std::fmt::Write;
use std::net::IpAddr;

/// What a resolver is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Resolver {
    /// Addresses, perhaps with a zone (`fe80::1%eth0`).
    pub(crate) nameservers: Vec<String>,
    pub(crate) search: Vec<String>,
    pub(crate) options: Vec<String>,
}

impl Resolver {
    /// Reads the text of a `resolv.conf`; what is no nameserver, search list or option is left out.
    pub(crate) fn parse(text: &str) -> Self {
        let mut resolver = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace().map(str::to_owned);
            match words.next().as_deref() {
                Some("nameserver") => resolver.nameservers.extend(words.next()),
                // The last list counts (man resolv.conf).
                Some("search" | "domain") => resolver.search = words.collect(),
                Some("options") => resolver.options.extend(words),
                _ => {}
            }
        }
        resolver
    }

    /// Leaves out servers on the host's own loopback, which is another one inside.
    pub(crate) fn without_loopback(mut self) -> Self {
        self.nameservers.retain(|server| {
            let address = server.split('%').next().unwrap_or(server);
            !address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        });
        self
    }

    /// The text of a `resolv.conf`.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, words: &str| {
            if !words.is_empty() {
                let _ = writeln!(text, "{key} {words}");
            }
        };
        line("search", &self.search.join(" "));
        for server in &self.nameservers {
            line("nameserver", server);
        }
        line("options", &self.options.join(" "));
        text
    }
}

/// Whether a `resolv.conf` names nothing but the stub of systemd-resolved.
pub(crate) fn names_only_the_stub(resolv_conf: &str) -> bool {
    Resolver::parse(resolv_conf).nameservers == ["127.0.0.53"]
}

/// The text of an `/etc/hosts`: first what was asked for, then the host's own entries, then ours.
pub(crate) fn hosts(added: &[(IpAddr, Vec<String>)], base: &str, own: &[(IpAddr, Vec<String>)]) -> String {
    let mut text = String::new();
    let mut taken: Vec<&str> = Vec::new();
    for (address, names) in added {
        push(&mut text, &address.to_string(), names.iter().map(String::as_str));
        taken.extend(names.iter().map(String::as_str));
    }
    let mut localhost = false;
    for line in base.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let Some(address) = words.next().filter(|it| it.parse::<IpAddr>().is_ok()) else { continue };
        // Also names that were asked for with another address: who looks one up takes the first line, or all.
        let names: Vec<&str> = words.collect();
        localhost |= names.contains(&"localhost");
        push(&mut text, address, names.into_iter());
    }
    if !localhost && !taken.contains(&"localhost") {
        push(&mut text, "127.0.0.1", ["localhost"].into_iter());
        push(&mut text, "::1", ["localhost"].into_iter());
    }
    for (address, names) in own {
        let names = names.iter().map(String::as_str).filter(|name| !taken.contains(name));
        push(&mut text, &address.to_string(), names);
    }
    text
}

fn push<'a>(text: &mut String, address: &str, names: impl Iterator<Item = &'a str>) {
    let names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    if !names.is_empty() {
        let _ = writeln!(text, "{address}\t{}", names.join(" "));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resolv_conf_is_read_and_written() {
        let text = "# made by hand\nnameserver 127.0.0.1\nnameserver 192.0.2.53 # first\nnameserver fe80::1%eth0\n\
                    domain old\nsearch a.example b.example\noptions ndots:2\noptions edns0\nsortlist 1.2.3.4\n";
        let resolver = Resolver::parse(text).without_loopback();
        assert_eq!(
            resolver.text(),
            "search a.example b.example\nnameserver 192.0.2.53\nnameserver fe80::1%eth0\noptions ndots:2 edns0\n"
        );
    }

    #[test]
    fn the_stub_of_systemd_resolved_is_recognised() {
        assert!(names_only_the_stub("nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n"));
        assert!(!names_only_the_stub("nameserver 127.0.0.53\nnameserver 192.0.2.53\n"));
        assert!(!names_only_the_stub(""));
    }

    #[test]
    fn hosts_has_added_entries_first_and_ours_last() {
        let entry = |address: &str, names: &[&str]| {
            (address.parse().unwrap(), names.iter().map(|&name| name.to_owned()).collect())
        };
        let base =
            "127.0.0.1 localhost\n127.0.1.1 myhost.example myhost\n# c\n10.9.9.9  a b # x\nbroken line\n";
        let text = hosts(
            &[entry("1.2.3.4", &["foo", "a"])],
            base,
            &[
                entry("169.254.1.2", &["host.containers.internal", "host.docker.internal"]),
                entry("192.0.2.2", &["id", "web"]),
            ],
        );
        assert_eq!(
            text,
            "1.2.3.4\tfoo a\n127.0.0.1\tlocalhost\n127.0.1.1\tmyhost.example myhost\n10.9.9.9\ta b\n\
             169.254.1.2\thost.containers.internal host.docker.internal\n192.0.2.2\tid web\n"
        );
    }

    #[test]
    fn localhost_is_always_there() {
        assert_eq!(hosts(&[], "", &[]), "127.0.0.1\tlocalhost\n::1\tlocalhost\n");
    }
}
