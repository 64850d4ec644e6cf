//! The resolvers of a container, as those of the host, or the networks that it is on, change while it runs.
//!
//! Its `/etc/resolv.conf` is a file of ours, written at the start. pasta sends what comes to its own address to the
//! resolver that the host had then, and never looks again; so a new one is written into the file, in place, since the container has
//! the file itself mounted. Programs see it at their next look, which glibc and musl take by themselves. A container on networks with
//! names asks those that resolve names, and they ask the host's.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::facts::{RESOLV_CONF, host_resolv_conf};
use crate::files::Resolver;
use crate::join::{Attachment, Join};
use crate::watch::Watch;
use crate::{NetworkPlan, networks};

/// Longer ones are left as they are: nobody has so many resolvers.
const MOST_BYTES: u64 = 1 << 16;

/// What of a container's resolvers is its own, and how it reaches the host's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowPlan {
    /// The address by which the host's resolver of the start is reached; `None` in the host's own network namespace, where its
    /// resolvers are as they are, and on root's networks, from where they are reached by themselves.
    pub forwarder: Option<String>,
    /// What was asked for in place of the host's own servers; those of networks that resolve names come before them.
    #[serde(default)]
    pub servers: Vec<String>,
    /// The same of the search list.
    pub search: Option<Vec<String>>,
    /// The same of options.
    pub options: Option<Vec<String>>,
}

impl FollowPlan {
    /// What the container's file says at its start.
    pub(crate) fn at_start(&self, host: &Resolver, networks: Option<&[Attachment]>) -> String {
        self.text(host, networks, true)
    }

    /// What it is to say when the host's says `host`, for one that is on these networks with names, if on any at all. At the
    /// start pasta leads to the first of the host's resolvers; later, and the way out of networks that has run for long, perhaps to one
    /// that is no more, so it comes last.
    fn text(&self, host: &Resolver, networks: Option<&[Attachment]>, is_start: bool) -> String {
        let mut resolver = host.clone();
        if self.forwarder.is_some() || networks.is_some() {
            resolver = resolver.without_loopback();
        }
        let attachments = networks.unwrap_or_default();
        if networks::resolves(attachments) {
            // They ask the host's themselves, or those that were asked for.
            resolver.nameservers = networks::nameservers(attachments).map(|it| it.to_string()).collect();
            resolver.search.insert(0, networks::DOMAIN.to_owned());
        } else if !self.servers.is_empty() {
            resolver.nameservers.clone_from(&self.servers);
        } else if let Some(forwarder) = &self.forwarder
            && !(networks.is_some() && networks::are_closed(attachments))
        {
            let place = if is_start && networks.is_none() { 0 } else { resolver.nameservers.len() };
            resolver.nameservers.insert(place, forwarder.clone());
        } else if resolver.nameservers.is_empty() && !host.nameservers.is_empty() {
            resolver.nameservers = networks::relays(attachments).map(|it| it.to_string()).collect();
        }
        if let Some(search) = &self.search {
            resolver.search.clone_from(search);
        }
        if let Some(options) = &self.options {
            resolver.options.clone_from(options);
        }
        resolver.text()
    }

    /// Whether the host's servers are in the file.
    fn has_hosts(&self, networks: Option<&[Attachment]>) -> bool {
        self.servers.is_empty() && !networks.is_some_and(networks::resolves)
    }
}

impl NetworkPlan {
    /// What the container's `resolv.conf` is to say if it starts now, on these networks, if that is ours to say.
    #[must_use]
    pub fn resolv_conf_now(&self, join: Option<&Join>) -> Option<String> {
        let host = Resolver::parse(&host_resolv_conf(Path::new(RESOLV_CONF)).ok()?);
        Some(self.follow.as_ref()?.at_start(&host, join.map(|it| it.attachments.as_slice())))
    }
}

/// Keeps a container's `resolv.conf` as the host's, and its networks, are.
#[derive(Debug)]
pub struct ResolverFollower {
    plan: FollowPlan,
    hosts: PathBuf,
    /// Tells of changes of the host's, if that is in the container's.
    watch: Option<Watch>,
    file: File,
    host: Resolver,
    networks: Option<Vec<Attachment>>,
    /// What we have written last. What others have written since stays.
    ours: String,
}

impl ResolverFollower {
    /// Follows for the container on these networks whose file that is, open for reading and writing, and says `ours`, if the
    /// plan says so.
    ///
    /// # Errors
    /// The kernel's: too many inotify instances.
    pub fn begin(
        plan: &NetworkPlan,
        join: Option<&Join>,
        file: File,
        ours: &str,
    ) -> io::Result<Option<Self>> {
        let Some(follow) = &plan.follow else { return Ok(None) };
        let networks = join.map(|it| it.attachments.clone());
        Self::of(Path::new(RESOLV_CONF), follow, networks, file, ours).map(Some)
    }

    fn of(
        hosts: &Path,
        plan: &FollowPlan,
        networks: Option<Vec<Attachment>>,
        file: File,
        ours: &str,
    ) -> io::Result<Self> {
        let watch = plan.has_hosts(networks.as_deref()).then(|| Watch::new(hosts)).transpose()?;
        let host = Resolver::parse(&host_resolv_conf(hosts).unwrap_or_default());
        let (plan, hosts, ours) = (plan.clone(), hosts.to_owned(), ours.to_owned());
        Ok(Self { plan, hosts, watch, file, host, networks, ours })
    }

    /// Readable when something of the host's may have changed; `None` if that does not matter to the container. Another one after
    /// [`ResolverFollower::networks_are`].
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.watch.as_ref().map(AsFd::as_fd)
    }

    /// Looks at what has changed. A host without any resolver leaves the container the last ones.
    ///
    /// # Errors
    /// If the container's file cannot be read or written.
    pub fn follow(&mut self) -> io::Result<()> {
        if !self.watch.as_mut().is_some_and(Watch::has_changed) {
            return Ok(());
        }
        let Ok(text) = host_resolv_conf(&self.hosts) else { return Ok(()) };
        let host = Resolver::parse(&text);
        if host.nameservers.is_empty() || host == self.host {
            return Ok(());
        }
        self.host = host;
        let new = self.plan.text(&self.host, self.networks.as_deref(), false);
        if self.read()? == self.ours {
            rewrite(&mut self.file, &new)?;
            self.ours = new;
        }
        Ok(())
    }

    /// The container is on these networks now. What others have written into its file stays, but that servers of networks come
    /// and go, as with Podman.
    ///
    /// # Errors
    /// If the container's file cannot be read or written, or the host's not be watched.
    pub fn networks_are(&mut self, now: &[Attachment]) -> io::Result<()> {
        let before = self.networks.replace(now.to_vec()).unwrap_or_default();
        match (self.plan.has_hosts(Some(now)), &self.watch) {
            (true, None) => {
                self.watch = Some(Watch::new(&self.hosts)?);
                self.host = Resolver::parse(&host_resolv_conf(&self.hosts).unwrap_or_default());
            }
            (false, Some(_)) => self.watch = None,
            _ => {}
        }
        let old = self.read()?;
        if old == self.ours {
            let new = self.plan.text(&self.host, Some(now), false);
            rewrite(&mut self.file, &new)?;
            self.ours = new;
            return Ok(());
        }
        let (before, now): (Vec<IpAddr>, Vec<IpAddr>) =
            (networks::nameservers(&before).collect(), networks::nameservers(now).collect());
        rewrite(&mut self.file, &edited(&old, &before, &now))
    }

    fn read(&mut self) -> io::Result<String> {
        let mut text = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut self.file).take(MOST_BYTES + 1).read_to_end(&mut text)?;
        if text.len() as u64 > MOST_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        String::from_utf8(text).map_err(io::Error::other)
    }
}

/// Writes a file anew, in place.
///
/// # Errors
/// The kernel's error.
pub fn rewrite(file: &mut File, text: &str) -> io::Result<()> {
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)
}

/// Somebody else's text, without the servers that are no more, and with new ones, which are asked first.
fn edited(text: &str, before: &[IpAddr], now: &[IpAddr]) -> String {
    let server = |line: &str| -> Option<IpAddr> {
        let mut words = line.split_whitespace();
        words.next().filter(|it| *it == "nameserver").and(words.next())?.parse().ok()
    };
    let is_gone = |line: &&str| server(line).is_some_and(|it| before.contains(&it) && !now.contains(&it));
    let mut lines: Vec<String> =
        text.lines().filter(|it| !is_gone(it)).map(|it| it.to_owned() + "\n").collect();
    let place = lines.iter().position(|it| server(it).is_some()).unwrap_or(lines.len());
    let new = now.iter().filter(|it| !before.contains(it)).map(|it| format!("nameserver {it}\n"));
    lines.splice(place..place, new);
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::join::{Link, Subnet};

    #[test]
    fn the_new_resolvers_come_before_the_way_to_the_old_one() {
        let host =
            Resolver::parse("nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch a\noptions ndots:2\n");
        let mut plan = FollowPlan { forwarder: Some("169.254.1.1".to_owned()), ..FollowPlan::default() };
        assert_eq!(
            plan.text(&host, None, false),
            "search a\nnameserver 192.0.2.53\nnameserver 169.254.1.1\noptions ndots:2\n"
        );
        plan.search = Some(vec!["b".to_owned()]);
        plan.options = Some(Vec::new());
        plan.forwarder = None;
        assert_eq!(plan.text(&host, None, false), "search b\nnameserver 127.0.0.1\nnameserver 192.0.2.53\n");
    }

    #[test]
    fn the_file_is_written_in_place_unless_others_have_written_it() {
        let directory = std::env::temp_dir().join(format!("pontoon-follow-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (hosts, file) = (directory.join("hosts-own"), directory.join("resolv.conf"));
        std::fs::write(&hosts, "nameserver 192.0.2.1\n").unwrap();
        std::fs::write(
            &file,
            "nameserver 169.254.1.1\nnameserver 192.0.2.1\nsearch much.longer.than.the.new.one\n",
        )
        .unwrap();
        let mounted = File::open(&file).unwrap();
        let seen = || {
            std::io::read_to_string(
                File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&mounted))).unwrap(),
            )
            .unwrap()
        };
        let plan = FollowPlan { forwarder: Some("169.254.1.1".to_owned()), ..FollowPlan::default() };
        let given = File::options().read(true).write(true).open(&file).unwrap();
        let mut follower = ResolverFollower::of(&hosts, &plan, None, given, &seen()).unwrap();
        std::fs::write(&hosts, "nameserver 198.51.100.1\n").unwrap();
        follower.follow().unwrap();
        assert_eq!(seen(), "nameserver 198.51.100.1\nnameserver 169.254.1.1\n");
        std::fs::write(&hosts, "").unwrap();
        follower.follow().unwrap();
        assert_eq!(seen(), "nameserver 198.51.100.1\nnameserver 169.254.1.1\n");
        std::fs::write(&file, "nameserver 9.9.9.9\n").unwrap();
        std::fs::write(&hosts, "nameserver 192.0.2.1\n").unwrap();
        follower.follow().unwrap();
        assert_eq!(seen(), "nameserver 9.9.9.9\n");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    fn on(networks: &[(&str, bool)]) -> Vec<Attachment> {
        let attachment = |(gateway, dns): &(&str, bool)| {
            let gateway: IpAddr = gateway.parse().unwrap();
            let subnet = Subnet { address: gateway, prefix: 24, gateway: Some(gateway), range: None };
            let network = Link { subnets: vec![subnet], dns: *dns, ..Link::default() };
            Attachment { network, ..Attachment::default() }
        };
        networks.iter().map(attachment).collect()
    }

    #[test]
    fn networks_that_resolve_names_are_asked_in_place_of_the_host() {
        let host = Resolver::parse("nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch a\n");
        let mut plan = FollowPlan { forwarder: Some("169.254.1.1".to_owned()), ..FollowPlan::default() };
        let check = |plan: &FollowPlan, networks: &[(&str, bool)], expected: &str| {
            assert_eq!(plan.text(&host, Some(&on(networks)), true), expected, "{networks:?}");
        };
        let mut closed = on(&[("10.89.0.1", false)]);
        closed[0].network.internal = true;
        assert_eq!(plan.text(&host, Some(&closed), true), "search a\nnameserver 192.0.2.53\n");
        check(&plan, &[("10.88.0.1", false)], "search a\nnameserver 192.0.2.53\nnameserver 169.254.1.1\n");
        check(
            &plan,
            &[("10.88.0.1", false), ("10.89.0.1", true), ("10.89.1.1", true)],
            "search dns.podman a\nnameserver 10.89.0.1\nnameserver 10.89.1.1\n",
        );
        plan.servers = vec!["9.9.9.9".to_owned()];
        check(&plan, &[("10.88.0.1", false)], "search a\nnameserver 9.9.9.9\n");
        check(&plan, &[("10.89.0.1", true)], "search dns.podman a\nnameserver 10.89.0.1\n");
    }

    #[test]
    fn a_resolver_of_the_hosts_own_is_asked_by_way_of_roots_networks() {
        let host = Resolver::parse("nameserver 127.0.0.1\nsearch a\n");
        let plan = FollowPlan::default();
        let mut networks = on(&[("10.88.0.1", false)]);
        assert_eq!(plan.text(&host, Some(&networks), true), "search a\nnameserver 10.88.0.1\n");
        networks[0].network.internal = true;
        assert_eq!(plan.text(&host, Some(&networks), true), "search a\n");
        // In the host's own network it is reached as it is.
        assert_eq!(plan.text(&host, None, true), "search a\nnameserver 127.0.0.1\n");
    }

    #[test]
    fn servers_of_networks_come_to_somebody_else_s_text_and_go() {
        let check = |text: &str, before: &[&str], now: &[&str], expected: &str| {
            let addresses =
                |them: &[&str]| -> Vec<IpAddr> { them.iter().map(|it| it.parse().unwrap()).collect() };
            assert_eq!(edited(text, &addresses(before), &addresses(now)), expected);
        };
        let text = "# mine\nsearch x\nnameserver 10.89.0.1\nnameserver 1.2.3.4\noptions a";
        check(
            text,
            &["10.89.0.1"],
            &["10.89.0.1", "10.89.1.1"],
            "# mine\nsearch x\nnameserver 10.89.1.1\nnameserver 10.89.0.1\nnameserver 1.2.3.4\noptions a\n",
        );
        check(text, &["10.89.0.1"], &[], "# mine\nsearch x\nnameserver 1.2.3.4\noptions a\n");
        check("search x\n", &[], &["10.89.0.1"], "search x\nnameserver 10.89.0.1\n");
    }
}
