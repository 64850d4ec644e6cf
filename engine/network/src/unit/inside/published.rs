//! Published ports: who leads to which container.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::rc::Rc;

use pontoon_network::Protocol;
use pontoon_network::forwarder::{ANSWERS, Within};
use rustix::net::getsockname;

use super::super::netlink::Socket;
use super::super::order::Reach;
use super::super::ports::Led;
use super::super::{conntrack, links, rules};
use super::{Inside, InsideError, set_kernel};

impl Inside {
    pub(super) fn publish(
        &mut self,
        owner: &str,
        ports: &[(bool, u16)],
        mut led: Vec<Led>,
        target: &Reach,
        fds: Vec<OwnedFd>,
    ) -> Result<(), InsideError> {
        // Nobody else carries on what is led here.
        let is_needed = !led.is_empty();
        let mut sockets = fds.into_iter();
        let namespace = sockets.next().ok_or(InsideError::Malformed)?;
        let within = self.within(namespace);
        for ((is_datagram, port), socket) in ports.iter().zip(sockets) {
            if !is_datagram
                && !self.is_own
                && let Ok(Some(at)) = getsockname(&socket).map(|it| SocketAddr::try_from(it).ok())
            {
                led.push(Led { protocol: Protocol::Tcp, at, port: *port });
            }
            let target = target.target(*port);
            let added = if *is_datagram {
                self.forwarder.add_udp(owner, UdpSocket::from(socket), target)
            } else {
                self.forwarder.add_tcp(owner, TcpListener::from(socket), target, within.clone())
            };
            added.map_err(InsideError::kernel(format!("publish the container's port {port}")))?;
        }
        let text = self.ports.publish(owner, led, target);
        // Where somebody has flushed the rules, the forwarder carries on everything until they are made again.
        self.change(&text).or_else(|err| if is_needed { Err(err) } else { Ok(()) })
    }

    pub(super) fn redirect(&mut self, owner: &str, target: &Reach) -> Result<(), InsideError> {
        self.forwarder.set_target(owner, |former| target.target(former.port));
        let former = self.ports.sctp_targets(owner);
        let text = self.ports.redirect(owner, target);
        self.lead_elsewhere(&text, &former)
    }

    pub(super) fn unpublish(&mut self, owner: &str) -> Result<(), InsideError> {
        self.forwarder.remove(owner);
        let former = self.ports.sctp_targets(owner);
        let text = self.ports.unpublish(owner);
        self.lead_elsewhere(&text, &former)
    }

    /// Changes the rules, and what the kernel remembers of them.
    fn lead_elsewhere(&mut self, text: &str, former: &[IpAddr]) -> Result<(), InsideError> {
        let changed = self.change(text);
        for address in former {
            // Where it cannot, clients that begin again from the same port have to wait.
            let _ = conntrack::forget_sctp(*address);
        }
        changed
    }

    /// The short way to a container's ports. Where the bridges are on the host the packet filter leads there by itself, and where the
    /// container's namespace cannot be made ready, the way over the bridge does.
    fn within(&self, namespace: OwnedFd) -> Option<Rc<Within>> {
        if !self.is_own {
            return None;
        }
        let mut theirs = self.in_namespace(&namespace, || {
            let [connections, resets, resets_v6] = ANSWERS.map(|name| set_kernel(name, "1"));
            let _ = resets_v6;
            connections.and(resets).ok().and_then(|()| Socket::open().ok())
        });
        links::take_in_marked(theirs.as_mut().ok()?.as_mut()?, rules::MARK, rules::MARK_TABLE).ok()?;
        Within::new(namespace, rules::MARK).ok().map(Rc::new)
    }

    /// Whoever did this before us may have left ports in the rules whose containers are gone meanwhile. Those that are there are
    /// published again.
    pub(super) fn forget_ports(&mut self) {
        if !self.is_own {
            // Without rules there is nothing to be forgotten, and nft says no.
            let _ = self.nft(&rules::no_ports());
        }
    }
}
