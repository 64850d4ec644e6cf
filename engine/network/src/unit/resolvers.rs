//! Servers of networks that have been changed while containers were on them (`network update`).
//!
//! Supervisors say again what their containers have when the unit has ended, and of servers they know those of the start. So what has
//! become of them is remembered in a file of the runtime directory.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;

use pontoon_network::join::Link;
use serde::{Deserialize, Serialize};

type Servers = Vec<IpAddr>;

/// All of them, by the ids of their networks.
#[derive(Debug)]
pub struct Resolvers {
    path: PathBuf,
    changed: BTreeMap<String, Changed>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Changed {
    /// What containers may have begun with.
    former: BTreeSet<Servers>,
    /// What these are now.
    servers: Servers,
}

impl Resolvers {
    /// What is remembered in that file; a missing or a broken one counts as empty.
    pub fn read(path: PathBuf) -> Self {
        let text = fs::read(&path).unwrap_or_default();
        Self { changed: serde_json::from_slice(&text).unwrap_or_default(), path }
    }

    /// The servers of a network are others now than containers on it have been told.
    ///
    /// # Errors
    /// The kernel's, if it cannot be written down.
    pub fn change(&mut self, network: &str, told: Servers, servers: &[IpAddr]) -> io::Result<()> {
        let changed = self.changed.entry(network.to_owned()).or_default();
        changed.former.insert(told);
        servers.clone_into(&mut changed.servers);
        self.write()
    }

    /// A container begins on a network with what it was told at its own start: it gets what has become of that.
    pub fn apply(&self, network: &mut Link) {
        if let Some(changed) = self.changed.get(&network.id)
            && changed.former.contains(&network.dns_servers)
        {
            network.dns_servers.clone_from(&changed.servers);
        }
    }

    /// Nobody is on the network any more; who comes to it next reads its file.
    pub fn forget(&mut self, network: &str) {
        if self.changed.remove(network).is_some() {
            let _ = self.write();
        }
    }

    fn write(&self) -> io::Result<()> {
        if let Some(directory) = self.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let new = self.path.with_extension("new");
        fs::write(&new, serde_json::to_vec(&self.changed)?)?;
        fs::rename(new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_outlives_the_unit() {
        let directory = std::env::temp_dir().join(format!("pontoon-resolvers-{}", std::process::id()));
        let path = directory.join("resolvers.json");
        let servers =
            |text: &str| -> Servers { text.split_whitespace().map(|it| it.parse().unwrap()).collect() };
        let mut resolvers = Resolvers::read(path.clone());
        resolvers.change("a", servers("192.0.2.1"), &servers("192.0.2.2")).unwrap();
        resolvers.change("a", servers("192.0.2.2"), &servers("192.0.2.3")).unwrap();
        resolvers.change("b", servers(""), &servers("192.0.2.9")).unwrap();
        let mut resolvers = Resolvers::read(path.clone());
        let check = |resolvers: &Resolvers, id: &str, told: &str, expected: &str| {
            let mut link = Link { id: id.to_owned(), dns_servers: servers(told), ..Link::default() };
            resolvers.apply(&mut link);
            assert_eq!(link.dns_servers, servers(expected), "{id} {told}");
        };
        check(&resolvers, "a", "192.0.2.1", "192.0.2.3");
        check(&resolvers, "a", "192.0.2.2", "192.0.2.3");
        check(&resolvers, "a", "192.0.2.4", "192.0.2.4");
        check(&resolvers, "b", "", "192.0.2.9");
        check(&resolvers, "c", "", "");
        resolvers.forget("a");
        check(&Resolvers::read(path.clone()), "a", "192.0.2.1", "192.0.2.1");
        std::fs::write(&path, "{").unwrap();
        check(&Resolvers::read(path), "b", "", "");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
