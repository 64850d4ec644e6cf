//! The host's resolvers, followed as `/etc/resolv.conf` changes.
//!
//! The file is often a link, and what it leads to is replaced, or is not there before the network is. So every directory
//! on the way is watched for the next name on it, and the file itself, which may be mounted from elsewhere.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::net::{AddressFamily, SocketType, netdevice, socket};

/// Resolvers that are used, as in resolv.conf(5) (`MAXNS`).
const MOST: usize = 3;
/// As many links as the kernel follows, see path_resolution(7).
const MOST_LINKS: usize = 40;
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

/// The directories on the way, by watch, with the name that is next on the way in each.
#[derive(Debug)]
struct Watch {
    fd: OwnedFd,
    steps: Vec<(i32, OsString)>,
    file: Option<i32>,
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

    /// What is to be waited for; another one after each [`Self::look`] that says so.
    pub(super) fn fd(&self) -> impl AsFd {
        &self.watch.fd
    }

    /// Takes what has happened. If it may concern the file, it is read again and watched anew.
    pub(super) fn look(&mut self) -> io::Result<bool> {
        if !self.watch.concerns_us() {
            return Ok(false);
        }
        // First the watch, so that nothing that happens while it is read goes by.
        self.watch = Watch::new(&self.path)?;
        self.servers = read(&self.path, self.port);
        Ok(true)
    }
}

impl Watch {
    fn new(path: &Path) -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut steps = Vec::new();
        for (directory, name) in way(path) {
            let flags = WatchFlags::CREATE
                | WatchFlags::MOVED_TO
                | WatchFlags::MOVED_FROM
                | WatchFlags::DELETE
                | WatchFlags::CLOSE_WRITE
                | WatchFlags::ONLYDIR;
            // What is not there cannot be watched, and is looked for in the directory above.
            if let Ok(watch) = inotify::add_watch(&fd, &directory, flags) {
                steps.push((watch, name));
            }
        }
        let flags = WatchFlags::CLOSE_WRITE | WatchFlags::MOVE_SELF | WatchFlags::DELETE_SELF;
        let file = inotify::add_watch(&fd, path, flags).ok();
        Ok(Self { fd, steps, file })
    }

    fn concerns_us(&self) -> bool {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        let mut ours = false;
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            // A queue that ran over may have lost what concerns us; its watch is -1.
            ours |= event.wd() == -1
                || self.file == Some(event.wd())
                || self.steps.iter().any(|(watch, next)| *watch == event.wd() && name == Some(next));
        }
        ours
    }
}

/// Each directory on the way to a file with the next name in it, links included.
fn way(path: &Path) -> Vec<(PathBuf, OsString)> {
    let mut steps = Vec::new();
    let mut links = 0;
    let mut at = PathBuf::from("/");
    let mut rest: Vec<OsString> = names(path);
    while let Some(name) = rest.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        steps.push((at.clone(), name.clone()));
        let next = at.join(&name);
        let Ok(target) = std::fs::read_link(&next) else {
            at = next;
            continue;
        };
        links += 1;
        if links > MOST_LINKS {
            break;
        }
        if target.is_absolute() {
            at = PathBuf::from("/");
        }
        rest.extend(names(&target));
    }
    steps
}

/// The names of a path, the first one last.
fn names(path: &Path) -> Vec<OsString> {
    let mut names: Vec<OsString> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect();
    names.reverse();
    names
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
        assert!(file.look().unwrap(), "nothing was noticed");
        let expected: Vec<SocketAddr> =
            server.into_iter().map(|last| SocketAddr::from(([192, 0, 2, last], 53))).collect();
        assert_eq!(file.servers(), expected);
        assert!(!file.look().unwrap());
    }

    #[test]
    fn every_way_of_changing_the_file_is_noticed() {
        let directory = Directory::new("file");
        directory.put("resolv.conf", 1);
        let mut file = ResolvConf::follow(&directory.0.join("resolv.conf"), 53).unwrap();
        assert_eq!(file.servers(), [SocketAddr::from(([192, 0, 2, 1], 53))]);
        directory.put("other", 9);
        assert!(!file.look().unwrap());
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
