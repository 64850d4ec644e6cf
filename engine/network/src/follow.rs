//! The resolvers of a container that has the host's, as those change while it runs.
//!
//! Its `/etc/resolv.conf` is a file of ours, written at the start. pasta sends what comes to its own address to the
//! resolver that the host had then, and never looks again; so a new one is written into the file, in place, since the container has
//! the file itself mounted. Programs see it at their next look, which glibc and musl take by themselves.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::NetworkPlan;
use crate::facts::{RESOLV_CONF, host_resolv_conf};
use crate::files::Resolver;
use crate::watch::Watch;

/// What of a container's resolvers is the host's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowPlan {
    /// The address by which the host's resolver of the start is reached; `None` in the host's own network namespace, where its
    /// resolvers are as they are.
    pub forwarder: Option<String>,
    /// What was asked for in place of the host's own search list.
    pub search: Option<Vec<String>>,
    /// The same of options.
    pub options: Option<Vec<String>>,
}

impl FollowPlan {
    /// What the container's file is to say when the host's says `host`.
    fn text(&self, host: &Resolver) -> String {
        let mut resolver = host.clone();
        if let Some(forwarder) = &self.forwarder {
            resolver = resolver.without_loopback();
            // Last: it may lead to a resolver that is no more.
            resolver.nameservers.push(forwarder.clone());
        }
        if let Some(search) = &self.search {
            resolver.search.clone_from(search);
        }
        if let Some(options) = &self.options {
            resolver.options.clone_from(options);
        }
        resolver.text()
    }
}

/// Keeps a container's `resolv.conf` as the host's is. Readable ([`AsFd`]) when something may have changed.
#[derive(Debug)]
pub struct ResolverFollower {
    plan: FollowPlan,
    watch: Watch,
    file: PathBuf,
    host: Resolver,
    /// What we have written last. What others have written since stays.
    ours: String,
}

impl ResolverFollower {
    /// Follows the host's for the container whose file that is, if the plan says so.
    ///
    /// # Errors
    /// The kernel's: too many inotify instances.
    pub fn begin(plan: &NetworkPlan, file: &Path) -> io::Result<Option<Self>> {
        let (Some(follow), Some(text)) = (&plan.follow, &plan.resolv_conf) else { return Ok(None) };
        Self::of(Path::new(RESOLV_CONF), follow, file, text).map(Some)
    }

    fn of(hosts: &Path, plan: &FollowPlan, file: &Path, ours: &str) -> io::Result<Self> {
        let watch = Watch::new(hosts)?;
        let host = Resolver::parse(&host_resolv_conf(hosts).unwrap_or_default());
        Ok(Self { plan: plan.clone(), watch, file: file.to_owned(), host, ours: ours.to_owned() })
    }

    /// Looks at what has changed. A host without any resolver leaves the container the last ones.
    ///
    /// # Errors
    /// If the container's file cannot be read or written.
    pub fn follow(&mut self) -> io::Result<()> {
        if !self.watch.has_changed() {
            return Ok(());
        }
        let Ok(text) = host_resolv_conf(&self.watch.path) else { return Ok(()) };
        let host = Resolver::parse(&text);
        if host.nameservers.is_empty() || host == self.host {
            return Ok(());
        }
        let new = self.plan.text(&host);
        self.host = host;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::open(&self.file, flags, Mode::empty())?);
        let mut old = Vec::new();
        Read::by_ref(&mut file).take(self.ours.len() as u64 + 1).read_to_end(&mut old)?;
        if old != self.ours.as_bytes() {
            return Ok(());
        }
        file.seek(SeekFrom::Start(0))?;
        file.write_all(new.as_bytes())?;
        file.set_len(new.len() as u64)?;
        self.ours = new;
        Ok(())
    }
}

impl AsFd for ResolverFollower {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_resolvers_come_before_the_way_to_the_old_one() {
        let host =
            Resolver::parse("nameserver 127.0.0.1\nnameserver 192.0.2.53\nsearch a\noptions ndots:2\n");
        let mut plan = FollowPlan { forwarder: Some("169.254.1.1".to_owned()), ..FollowPlan::default() };
        assert_eq!(
            plan.text(&host),
            "search a\nnameserver 192.0.2.53\nnameserver 169.254.1.1\noptions ndots:2\n"
        );
        plan.search = Some(vec!["b".to_owned()]);
        plan.options = Some(Vec::new());
        plan.forwarder = None;
        assert_eq!(plan.text(&host), "search b\nnameserver 127.0.0.1\nnameserver 192.0.2.53\n");
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
        let mut follower = ResolverFollower::of(&hosts, &plan, &file, &seen()).unwrap();
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
}
