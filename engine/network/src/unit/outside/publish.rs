//! Published ports: the sockets are made here, where the host is, and served inside, where the containers are.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_network::Protocol;
use pontoon_network::lease::Refusal;

use super::{Client, Outside};
use crate::unit::order::{Order, Reach};
use crate::unit::ports::Led;
use crate::unit::state::Lease;

/// Most sockets in one order.
const AT_ONCE: usize = 32;

fn reach(lease: &Lease) -> Reach {
    let closed: Vec<String> = lease
        .join
        .attachments
        .iter()
        .filter(|it| it.network.internal)
        .map(|it| it.network.name.clone())
        .collect();
    let reach = Reach::of(&lease.joined.networks, &closed);
    // Root's are led by the packet filter, which lets nobody into a closed network.
    match rustix::process::geteuid().is_root() {
        true => reach,
        false => reach.or_closed(&lease.joined.networks),
    }
}

impl Outside {
    /// Opens a container's ports; all of them or none.
    pub(super) fn publish(&mut self, lease: &Lease, namespace: BorrowedFd<'_>) -> Result<(), Refusal> {
        if lease.join.ports.is_empty() {
            return Ok(());
        }
        let led = self.led(lease)?;
        let listeners =
            pontoon_network::listen(&lease.join.ports).map_err(|err| Refusal::of(&err, err.hint()))?;
        let owner = lease.join.id.clone();
        let target = reach(lease);
        if !led.is_empty() {
            let order =
                Order::Publish { owner: owner.clone(), ports: Vec::new(), led, target: target.clone() };
            if let Err(err) = self.order(&order, &[namespace]) {
                self.unpublish(lease);
                return Err(err.refusal());
            }
        }
        for some in listeners.chunks(AT_ONCE) {
            let ports = some.iter().map(|it| (it.protocol == Protocol::Udp, it.container_port)).collect();
            let fds: Vec<BorrowedFd<'_>> =
                std::iter::once(namespace).chain(some.iter().map(|it| it.socket.as_fd())).collect();
            let order =
                Order::Publish { owner: owner.clone(), ports, led: Vec::new(), target: target.clone() };
            if let Err(err) = self.order(&order, &fds) {
                self.unpublish(lease);
                return Err(err.refusal());
            }
        }
        Ok(())
    }

    /// Ports for which no socket listens: so nobody but us knows whose they are.
    fn led(&self, lease: &Lease) -> Result<Vec<Led>, Refusal> {
        let others = self.clients.values().filter_map(|it| it.lease.as_ref());
        let others = others.filter(|it| it.join.id != lease.join.id).flat_map(|it| &it.join.ports);
        pontoon_network::led(&lease.join.ports, others)
            .map(|led| led.into_iter().map(|(at, port)| Led { protocol: Protocol::Sctp, at, port }).collect())
            .map_err(|err| Refusal::of(&err, err.hint()))
    }

    /// The container is on other networks than before.
    pub(super) fn redirect(&mut self, lease: &Lease) {
        if !lease.join.ports.is_empty() {
            let _ = self.order(&Order::Redirect { owner: lease.join.id.clone(), target: reach(lease) }, &[]);
        }
    }

    /// Closes a container's ports.
    pub(super) fn unpublish(&mut self, lease: &Lease) {
        if !lease.join.ports.is_empty() {
            let _ = self.order(&Order::Unpublish(lease.join.id.clone()), &[]);
        }
    }

    /// The process inside that served them was killed.
    pub(super) fn publish_again(&mut self) {
        let again =
            |client: &Client| Some((client.lease.clone()?, client.namespace.as_ref()?.try_clone().ok()?));
        let leases: Vec<(Lease, OwnedFd)> = self.clients.values().filter_map(again).collect();
        for (lease, namespace) in leases {
            if let Err(refusal) = self.publish(&lease, namespace.as_fd()) {
                crate::unit::warn(&format!("ports of container `{}` are closed: {refusal}", lease.join.name));
            }
        }
    }
}
