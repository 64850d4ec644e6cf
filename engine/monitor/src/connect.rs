//! Networks with names: the lease that the network unit gives, and what follows from it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_monitor::plan::MonitorPlan;
use pontoon_network::join::{Attachment, Join, Joined};
use pontoon_network::lease::{Lease, LeaseError, Outer, Reply, again, runtime_directory, socket};
use pontoon_network::rewrite;
use pontoon_rootless::userns::NewNamespace;
use pontoon_runtime::start::StartError;
use rustix::fs::{Mode, OFlags};

use crate::finish;
use crate::launch::LaunchError;

/// What is begun before anything else of a container is there.
#[derive(Debug, Default)]
pub struct Early {
    /// Its user namespace.
    pub namespace: Option<NewNamespace>,
    /// The connection to the network unit.
    pub lease: Option<Lease>,
}

/// Begins what a container on networks needs before anything else of it is there: the connection to the unit that has them, and
/// the container's user namespace, which is made below that unit's. Others need nothing of it.
pub fn begin(plan: &MonitorPlan) -> Result<Early, LaunchError> {
    let namespaces = &plan.container.namespaces;
    if plan.network.join.is_none() {
        return Ok(Early::default());
    }
    let (lease, outer) = Lease::begin(socket(&plan.store.1, &runtime_directory()))?;
    let below = |outer: &Outer| {
        let maps = match &namespaces.mounter {
            Some(mounter) => mounter.user.as_ref(),
            None => namespaces.user.as_ref(),
        };
        let maps = maps.filter(|_| namespaces.joined.is_none());
        maps.map(|maps| NewNamespace::begin_below(outer.namespace.as_fd(), &maps.within(&outer.maps)))
    };
    let namespace = outer.as_ref().and_then(below);
    Ok(Early { namespace: namespace.transpose().map_err(StartError::from)?, lease: Some(lease) })
}

/// A container that is being connected.
#[derive(Debug)]
pub struct Connecting {
    lease: Lease,
    join: Join,
    namespace: OwnedFd,
}

/// Asks for the networks of the container whose first process has that pid.
pub fn ask(plan: &MonitorPlan, lease: Lease, pid: i32) -> Result<Connecting, LaunchError> {
    let join = plan.network.join.clone().unwrap_or_default();
    let namespace =
        rustix::fs::open(format!("/proc/{pid}/ns/net"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
            .map_err(|err| LaunchError::io("open the container's network namespace")(err.into()))?;
    lease.ask_to_join(&join, namespace.as_fd())?;
    Ok(Connecting { lease, join, namespace })
}

impl Connecting {
    /// Waits until the container is connected, and writes down under which addresses.
    pub fn finish(self, plan: &MonitorPlan, hosts: Option<File>) -> Result<Connected, LaunchError> {
        let joined = self.lease.joined()?;
        let Self { lease, join, namespace } = self;
        let mut connected = Connected { lease, join, joined, namespace, hosts };
        connected.write_hosts(plan).map_err(LaunchError::io("write the container's hosts file"))?;
        Ok(connected)
    }
}

/// A container on networks. Dropping this takes it off them.
#[derive(Debug)]
pub struct Connected {
    lease: Lease,
    join: Join,
    joined: Joined,
    namespace: OwnedFd,
    /// Its `/etc/hosts`, if that is its own and ours to fill.
    hosts: Option<File>,
}

impl Connected {
    /// What it has.
    pub fn joined(&self) -> &Joined {
        &self.joined
    }

    /// What it asked for.
    pub fn join(&self) -> &Join {
        &self.join
    }

    /// Puts it on one more network.
    pub fn connect(&mut self, plan: &MonitorPlan, attachment: &Attachment) -> Result<(), LeaseError> {
        let joined = self.lease.connect(attachment)?;
        self.join.attachments.push(attachment.clone());
        self.joined.networks.push(joined);
        self.tell_hosts(plan);
        Ok(())
    }

    /// Takes it off a network.
    pub fn disconnect(&mut self, plan: &MonitorPlan, network: &str) -> Result<(), LeaseError> {
        self.lease.disconnect(network)?;
        self.join.attachments.retain(|it| it.network.name != network);
        self.joined.networks.retain(|it| it.network != network);
        self.tell_hosts(plan);
        Ok(())
    }

    fn tell_hosts(&mut self, plan: &MonitorPlan) {
        if let Err(source) = self.write_hosts(plan) {
            finish::warn(&LaunchError::Io { deed: "write the container's hosts file".to_owned(), source });
        }
    }

    /// Puts the container's own addresses into its `/etc/hosts`, in place: it is mounted already.
    fn write_hosts(&mut self, plan: &MonitorPlan) -> io::Result<()> {
        let text = plan.network.hosts_with(&self.joined);
        self.hosts.as_mut().map_or(Ok(()), |it| rewrite(it, &text))
    }

    /// The unit says something, which is that it has ended, or that its follower knows us. The container keeps its networks
    /// meanwhile: they are the kernel's.
    ///
    /// Gives whether there is still somebody to listen to.
    pub fn attend(&mut self) -> bool {
        let outcome = match self.lease.hear() {
            Ok((Reply::Joined(joined), _)) => {
                self.joined = joined;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(LeaseError::Vanished | LeaseError::Talk(_)) => {
                self.lease.renew(&again(&self.join, &self.joined), self.namespace.as_fd())
            }
            Err(refused) => Err(refused),
        };
        if let Err(err) = &outcome {
            finish::warn(err);
        }
        outcome.is_ok()
    }
}

impl AsFd for Connected {
    /// Readable when the unit has something to say.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lease.as_fd()
    }
}
