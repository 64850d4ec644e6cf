//! The host's resolvers, followed as `/etc/resolv.conf` changes.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::net::{AddressFamily, SocketType, netdevice, socket};

use crate::watch::Watch;

/// Resolvers that are used, as in resolv.conf(5) (`MAXNS`).
const MOST: usize = 3;
/// Far more than any such file.
const LONGEST: u64 = 64 * 1024;

/// The file, and what it says.
#[derive(Debug)]
pub(super) struct ResolvConf {
    path: PathBuf,
    port: u16,
    servers: Vec<SocketAddr>,
    watch: Watch,
}

impl ResolvConf {
    /// Reads the file and watches it. One that cannot be read names no server, until it can be.
    pub(super) fn follow(path: &Path, port: u16) -> io::Result<Self> {
        let watch = Watch::new(path)?;
        let servers = read(path, port);
        Ok(Self { path: path.to_owned(), port, servers, watch })
    }

    pub(super) fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// What is to be waited for.
    pub(super) fn fd(&self) -> impl AsFd {
        &self.watch
    }

    /// Takes what has happened. If it may concern the file, it is read again.
    pub(super) fn look(&mut self) -> bool {
        let changed = self.watch.has_changed();
        if changed {
            self.servers = read(&self.path, self.port);
        }
        changed
    }
}

fn read(path: &Path, port: u16) -> Vec<SocketAddr> {
    use std::io::Read;
    let mut text = Vec::new();
    let opened = std::fs::File::open(path).and_then(|file| file.take(LONGEST).read_to_end(&mut text));
    match opened {
        Ok(_) => parse(&String::from_utf8_lossy(&text), port),
        // Nobody knows whom to ask.
        Err(_) => Vec::new(),
    }
}

/// The servers of a `resolv.conf`; of one that names none, the one on this machine, as resolv.conf(5) says.
fn parse(text: &str, port: u16) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        if words.next() != Some("nameserver") {
            continue;
        }
        if let Some(server) = words.next().and_then(|word| server(word, port))
            && !servers.contains(&server)
            && servers.len() < MOST
        {
            servers.push(server);
        }
    }
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    servers
}

/// An address, of a link-local one with the interface behind `%`.
fn server(word: &str, port: u16) -> Option<SocketAddr> {
    let Some((address, scope)) = word.split_once('%') else {
        return Some(SocketAddr::new(word.parse().ok()?, port));
    };
    let IpAddr::V6(address) = address.parse().ok()? else { return None };
    let index = scope.parse().ok().or_else(|| {
        let any = socket(AddressFamily::INET, SocketType::DGRAM, None).ok()?;
        netdevice::name_to_index(&any, scope).ok()
    })?;
    Some(SocketAddrV6::new(address, port, 0, index).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let servers: Vec<String> = parse(text, 53).iter().map(ToString::to_string).collect();
        assert_eq!(servers.join(" "), expected, "{text:?}");
    }

    #[test]
    fn the_first_three_servers_are_used() {
        check("nameserver 1.1.1.1\nsearch x\nnameserver\tfd00::1 \n", "1.1.1.1:53 [fd00::1]:53");
        check(
            "nameserver 1.1.1.1\nnameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4",
            "1.1.1.1:53 2.2.2.2:53 3.3.3.3:53",
        );
        check("#nameserver 1.1.1.1\n nameserver x\nnameserver fe80::1%1\nnameserver", "[fe80::1%1]:53");
        check("nameserver fe80::1%lo\nnameserver fe80::1%nowhere", "[fe80::1%1]:53");
    }

    #[test]
    fn where_none_is_named_it_is_the_local_one() {
        check("", "127.0.0.1:53");
        check("nameserver example.com", "127.0.0.1:53");
    }

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pontoon-resolv-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(std::fs::canonicalize(path).unwrap())
        }

        fn put(&self, name: &str, server: u8) {
            let path = self.0.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, format!("nameserver 192.0.2.{server}\n")).unwrap();
        }

        fn replace(&self, name: &str, server: u8) {
            self.put("temporary", server);
            std::fs::rename(self.0.join("temporary"), self.0.join(name)).unwrap();
        }

        fn link(&self, name: &str, target: &str) {
            let _ = std::fs::remove_file(self.0.join("temporary"));
            std::os::unix::fs::symlink(target, self.0.join("temporary")).unwrap();
            std::fs::rename(self.0.join("temporary"), self.0.join(name)).unwrap();
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[track_caller]
    fn sees(file: &mut ResolvConf, server: Option<u8>) {
        assert!(file.look(), "nothing was noticed");
        let expected: Vec<SocketAddr> =
            server.into_iter().map(|last| SocketAddr::from(([192, 0, 2, last], 53))).collect();
        assert_eq!(file.servers(), expected);
        assert!(!file.look());
    }

    #[test]
    fn every_way_of_changing_the_file_is_noticed() {
        let directory = Directory::new("file");
        directory.put("resolv.conf", 1);
        let mut file = ResolvConf::follow(&directory.0.join("resolv.conf"), 53).unwrap();
        assert_eq!(file.servers(), [SocketAddr::from(([192, 0, 2, 1], 53))]);
        directory.put("other", 9);
        assert!(!file.look());
        directory.put("resolv.conf", 2);
        sees(&mut file, Some(2));
        directory.replace("resolv.conf", 3);
        sees(&mut file, Some(3));
        std::fs::remove_file(directory.0.join("resolv.conf")).unwrap();
        sees(&mut file, None);
        directory.put("resolv.conf", 4);
        sees(&mut file, Some(4));
    }

    #[test]
    fn links_are_followed_also_to_what_is_not_there_yet() {
        let directory = Directory::new("link");
        directory.link("resolv.conf", "run/resolve/stub.conf");
        let mut file = ResolvConf::follow(&directory.0.join("resolv.conf"), 53).unwrap();
        assert_eq!(file.servers(), []);
        std::fs::create_dir(directory.0.join("run")).unwrap();
        sees(&mut file, None);
        std::fs::create_dir(directory.0.join("run/resolve")).unwrap();
        sees(&mut file, None);
        directory.put("run/resolve/stub.conf", 1);
        sees(&mut file, Some(1));
        directory.replace("run/resolve/stub.conf", 2);
        sees(&mut file, Some(2));
        directory.put("other/resolv.conf", 3);
        let target = directory.0.join("other/../other/resolv.conf");
        directory.link("resolv.conf", &target.display().to_string());
        sees(&mut file, Some(3));
        directory.put("other/resolv.conf", 4);
        sees(&mut file, Some(4));
        directory.link("resolv.conf", "resolv.conf");
        sees(&mut file, None);
    }

    #[test]
    fn a_file_that_is_mounted_from_elsewhere_is_followed_by_itself() {
        // A hard link stands for it: what is done by its other name is seen in no directory on the way.
        let directory = Directory::new("hard");
        directory.put("a/resolv.conf", 1);
        std::fs::create_dir(directory.0.join("b")).unwrap();
        std::fs::hard_link(directory.0.join("a/resolv.conf"), directory.0.join("b/resolv.conf")).unwrap();
        let mut file = ResolvConf::follow(&directory.0.join("b/resolv.conf"), 53).unwrap();
        directory.put("a/resolv.conf", 2);
        sees(&mut file, Some(2));
    }
}
