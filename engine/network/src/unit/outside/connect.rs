//! Connecting containers: all of it, or nothing.

use std::net::{IpAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};

use pontoon_network::dns::{Member, NetworkNames};
use pontoon_network::join::{Attachment, Join, Joined, JoinedNetwork, Link};
use pontoon_network::lease::Refusal;

use super::{Outside, malformed};
use crate::unit::order::{Answer, Order};
use crate::unit::state::{Lease, Preparation, StateError};
use crate::unit::worker::WorkerError;

fn refused(err: &StateError) -> Refusal {
    Refusal::of(err, err.hint())
}

fn broken(err: &WorkerError) -> Refusal {
    err.refusal()
}

impl Outside {
    /// Connects a container to its networks.
    pub(super) fn join(&mut self, token: u64, mut join: Join, namespace: OwnedFd) -> Result<Joined, Refusal> {
        if self.clients.get(&token).is_none_or(|it| it.lease.is_some()) {
            return Err(malformed());
        }
        self.prepare(false).map_err(|err| broken(&err))?;
        self.mend().map_err(|err| broken(&err))?;
        self.choose_uplink(join.uplink);
        join.attachments.iter_mut().for_each(|it| self.resolvers.apply(&mut it.network));
        let mut networks: Vec<JoinedNetwork> = Vec::new();
        for (place, attachment) in join.attachments.iter().enumerate() {
            match self.attach(&join.id, attachment, place, &namespace) {
                Ok(joined) => networks.push(joined),
                Err(refusal) => {
                    self.release(&join.id, &networks);
                    return Err(refusal);
                }
            }
        }
        let lease = Lease::new(join, networks);
        if let Err(refusal) = self.publish(&lease, namespace.as_fd()) {
            self.release(&lease.join.id, &lease.joined.networks);
            return Err(refusal);
        }
        let joined = lease.joined.clone();
        if let Some(client) = self.clients.get_mut(&token) {
            client.lease = Some(lease);
            client.namespace = Some(namespace);
        }
        self.tell_names_of(&joined);
        Ok(joined)
    }

    /// Connects a container that runs to one more network.
    pub(super) fn connect(&mut self, token: u64, attachment: Attachment) -> Result<JoinedNetwork, Refusal> {
        let client = self.clients.get(&token).ok_or_else(malformed)?;
        let lease = client.lease.clone().ok_or_else(malformed)?;
        let namespace = client.namespace.as_ref().and_then(|it| it.try_clone().ok()).ok_or_else(malformed)?;
        let network = &attachment.network.name;
        if lease.joined.networks.iter().any(|it| it.network == *network) {
            return Err(refused(&StateError::Already { network: network.clone() }));
        }
        if lease.joined.networks.iter().any(|it| it.interface == attachment.interface) {
            let interface = attachment.interface.clone();
            return Err(refused(&StateError::InterfaceTaken { interface }));
        }
        let place = lease.joined.networks.len();
        self.mend().map_err(|err| broken(&err))?;
        let joined = self.attach(&lease.join.id, &attachment, place, &namespace)?;
        if let Some(lease) = self.clients.get_mut(&token).and_then(|it| it.lease.as_mut()) {
            lease.join.attachments.push(attachment);
            lease.joined.networks.push(joined.clone());
            let lease = lease.clone();
            self.redirect(&lease);
            self.tell_names_of(&lease.joined);
        }
        Ok(joined)
    }

    /// Takes a container that runs off a network.
    pub(super) fn disconnect(&mut self, token: u64, network: &str) -> Result<(), Refusal> {
        let lease = self.clients.get_mut(&token).and_then(|it| it.lease.as_mut()).ok_or_else(malformed)?;
        let place = lease.joined.networks.iter().position(|it| it.network == network);
        let place = place.ok_or_else(|| refused(&StateError::NotOn { network: network.to_owned() }))?;
        let joined = lease.joined.networks.remove(place);
        lease.join.attachments.retain(|it| it.network.name != network);
        let lease = lease.clone();
        self.redirect(&lease);
        self.release(&lease.join.id, &[joined]);
        self.tell_names_of(&lease.joined);
        Ok(())
    }

    /// Puts a container on one network.
    fn attach(
        &mut self,
        container: &str,
        attachment: &Attachment,
        place: usize,
        namespace: &OwnedFd,
    ) -> Result<JoinedNetwork, Refusal> {
        self.set_up(&attachment.network)?;
        let mut random = [0u8; 6];
        let _ = rustix::rand::getrandom(&mut random[..], rustix::rand::GetRandomFlags::empty());
        let (plug, joined) =
            self.state.assign(container, attachment, place, random).map_err(|err| refused(&err))?;
        if let Err(err) = self.order(&Order::Plug(Box::new(plug)), &[namespace.as_fd()]) {
            self.release(container, &[joined]);
            return Err(broken(&err));
        }
        Ok(joined)
    }

    /// Makes a network stand.
    fn set_up(&mut self, link: &Link) -> Result<(), Refusal> {
        match self.state.preparation(link).map_err(|err| refused(&err))? {
            Preparation::Stands => return Ok(()),
            Preparation::New => {}
            Preparation::Anew(former) => self.take_away(&former)?,
        }
        for other in self.state.in_the_way(link) {
            self.take_away(&other)?;
        }
        let order = Order::Network(Box::new(link.clone()));
        match self.order(&order, &[]).map_err(|err| broken(&err))? {
            (Answer::Sockets(_), sockets) => self.listen_for_names(link, sockets)?,
            _ => return Err(malformed()),
        }
        self.state.add(link.clone());
        Ok(())
    }

    /// Names are asked for on these sockets: of each gateway one for datagrams and one that listens.
    fn listen_for_names(&mut self, link: &Link, sockets: Vec<OwnedFd>) -> Result<(), Refusal> {
        let mut sockets = sockets.into_iter();
        while let (Some(datagrams), Some(listening)) = (sockets.next(), sockets.next()) {
            let (datagrams, listening) = (UdpSocket::from(datagrams), TcpListener::from(listening));
            self.names
                .add_listener(&link.name, datagrams, listening)
                .map_err(|err| Refusal::of(&err, None))?;
        }
        Ok(())
    }

    /// Tells the name server who is on these networks.
    fn tell_names_of(&mut self, joined: &Joined) {
        for it in &joined.networks {
            self.tell_names(&it.network);
        }
    }

    /// Tells the name server who is on a network.
    fn tell_names(&mut self, network: &str) {
        let mut names = NetworkNames::default();
        for lease in self.clients.values().filter_map(|it| it.lease.as_ref()) {
            let Some(joined) = lease.joined.networks.iter().find(|it| it.network == network) else {
                continue;
            };
            let mut is_named = false;
            if let Some(asked) = lease.join.attachments.iter().find(|it| it.network.name == network) {
                // A network without names hands on questions all the same, where the host's resolver is its own.
                is_named = asked.network.dns;
                names.internal = asked.network.internal;
                names.resolvers.clone_from(&asked.network.dns_servers);
            }
            let own = lease.join.names.iter().chain(&joined.aliases);
            names.members.push(Member {
                addresses: joined.addresses.iter().map(|it| it.address).collect(),
                elsewhere: lease.joined.addresses().collect(),
                names: own.filter(|_| is_named).cloned().collect(),
                resolvers: lease.join.dns_servers.clone(),
            });
        }
        self.names.set_names(network, &names);
    }

    /// Those on a network have others asked for what it does not know itself.
    pub(super) fn change_resolvers(&mut self, network: &str, servers: &[IpAddr]) {
        for lease in self.clients.values_mut().filter_map(|it| it.lease.as_mut()) {
            for asked in lease.join.attachments.iter_mut().filter(|it| it.network.name == network) {
                let told = std::mem::replace(&mut asked.network.dns_servers, servers.to_owned());
                if let Err(err) = self.resolvers.change(&asked.network.id, told, servers) {
                    let lost = "would not be known if this unit were started anew";
                    crate::unit::warn(&format!("the servers of network `{network}` {lost}: {err}"));
                }
            }
        }
        self.tell_names(network);
    }

    /// Takes a network away that nobody is on.
    pub(super) fn take_away(&mut self, link: &Link) -> Result<(), Refusal> {
        self.order(&Order::RemoveNetwork(Box::new(link.clone())), &[]).map_err(|err| broken(&err))?;
        self.names.remove_network(&link.name);
        self.resolvers.forget(&link.id);
        self.state.remove(&link.name);
        Ok(())
    }

    /// What a container had on these networks is free.
    pub(super) fn release(&mut self, container: &str, networks: &[JoinedNetwork]) {
        for joined in networks {
            self.tell_names(&joined.network);
            if let Some(port) = self.state.release(container, joined) {
                // It vanishes with the container's namespace in any case.
                let _ = self.order(&Order::Unplug(port), &[]);
            }
        }
    }
}
