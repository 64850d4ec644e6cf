//! The process outside: hears the supervisors, and has done what follows.

mod connect;
mod publish;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pontoon_network::dns::DnsServer;
use pontoon_network::lease::{Refusal, Reply, Request, SOCKET};
use pontoon_network::{HelperKind, host_address};
use pontoon_rootless::packet;
use pontoon_rootless::userns::UserNamespaceError;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, RecvFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, listen, recv,
    socket_with,
};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::order::{Answer, Order, Ways};
use super::resolvers::Resolvers;
use super::service::{self, Manager};
use super::state::{Lease, State};
use super::uplink::{self, Uplink};
use super::worker::{UserNamespace, Worker, WorkerError};

const CONTROL: u64 = 0;
const IDLE: u64 = 1;
const WORKER: u64 = 2;
const UPLINK: u64 = 3;
const UPLINK_DELAY: u64 = 4;
const HOST: u64 = 5;
const NAMES: u64 = 6;
const DOOR: u64 = 7;
const CLIENTS: u64 = 1 << 32;

/// Names under which the service manager keeps things for us.
const KEPT_USER: &str = "user";
const KEPT_NETWORK: &str = "network";
/// Names the host's resolvers.
const RESOLV_CONF: &str = "/etc/resolv.conf";
/// How long the unit stays when nobody needs it any more: somebody may come at once.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody is let in after there was no descriptor left for somebody.
const WANT: Duration = Duration::from_millis(200);
/// `RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE`: what may change the host's address.
const HOST_GROUPS: u32 = 0x1 | 0x10 | 0x40;

/// Why the unit does not run.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// Something it cannot be without.
    #[error("cannot {deed}: {source}")]
    Io {
        /// What was tried.
        deed: &'static str,
        /// The cause.
        source: io::Error,
    },
    /// The user namespace.
    #[error("{0}")]
    Namespace(#[from] UserNamespaceError),
    /// The process inside.
    #[error("{0}")]
    Worker(#[from] WorkerError),
}

impl OutsideError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Io { .. } => None,
            Self::Namespace(err) => err.hint(),
            Self::Worker(err) => err.hint(),
        }
    }
}

fn failed(deed: &'static str) -> impl FnOnce(io::Error) -> OutsideError {
    move |source| OutsideError::Io { deed, source }
}

/// A supervisor.
#[derive(Debug)]
struct Client {
    socket: OwnedFd,
    lease: Option<Lease>,
    /// The container's network namespace.
    namespace: Option<OwnedFd>,
}

/// Everything that the process holds.
#[derive(Debug)]
struct Outside {
    epoll: OwnedFd,
    manager: Manager,
    control: OwnedFd,
    /// When the control socket is listened to again.
    door: OwnedFd,
    idle: OwnedFd,
    user: Option<UserNamespace>,
    /// The network namespace of the bridges.
    network: OwnedFd,
    worker: Worker,
    /// Whether the namespace is ready for networks; if not, it is tried again with the next container.
    is_prepared: bool,
    uplink: Option<Uplink>,
    uplink_delay: OwnedFd,
    /// Tells of changes of the host's addresses.
    host: OwnedFd,
    /// What the rules lead to.
    ways: Ways,
    state: State,
    /// Servers of networks that are others now than containers know.
    resolvers: Resolvers,
    /// The name server.
    names: DnsServer,
    clients: BTreeMap<u64, Client>,
    next_client: u64,
    is_over: bool,
}

/// Runs until nobody needs it.
///
/// # Errors
/// [`OutsideError`].
pub fn run() -> Result<(), OutsideError> {
    let mut outside = Outside::new()?;
    outside.manager.tell("READY=1");
    let mut events = [epoll::Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 32];
    while !outside.is_over {
        let timeout = outside.names.next_timeout().map(super::until);
        let count = match epoll::wait(&outside.epoll, &mut events[..], timeout.as_ref()) {
            Ok(count) => count,
            Err(Errno::INTR) => continue,
            Err(err) => return Err(failed("wait for events")(err.into())),
        };
        for event in events.iter().take(count) {
            outside.happened(event.data.u64());
        }
        if count == 0 {
            outside.turn_names();
        }
    }
    outside.end();
    Ok(())
}

impl Outside {
    fn new() -> Result<Self, OutsideError> {
        let runtime = runtime_directory();
        let mut passed = service::passed().map_err(failed("take over what the service manager passes"))?;
        let mut take = |name: &str| {
            let place = passed.iter().position(|(it, _)| it == name)?;
            Some(passed.swap_remove(place).1)
        };
        let (kept_user, kept_network) = (take(KEPT_USER), take(KEPT_NETWORK));
        let control = match take("control") {
            Some(socket) => socket,
            None => listen_at(&runtime.join(SOCKET)).map_err(failed("listen to supervisors"))?,
        };
        let manager = Manager::find();
        let is_root = rustix::process::geteuid().is_root();
        let user = match kept_user {
            _ if is_root => None,
            Some(fd) => Some(UserNamespace::kept(fd)?),
            None => Some(UserNamespace::make()?),
        };
        let is_used = kept_network.is_some() && !is_root;
        let (worker, network) = Worker::start(user.as_ref(), kept_network.as_ref().map(AsFd::as_fd))?;
        if let Some(user) = user.as_ref().filter(|_| !is_used) {
            manager.keep(KEPT_USER, user.fd.as_fd());
            manager.keep(KEPT_NETWORK, network.as_fd());
        }
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(|err| failed("watch")(err.into()))?;
        let uplink = user.is_some().then(|| Uplink::new(runtime.join("pontoon/network")));
        let mut outside = Self {
            epoll,
            manager,
            control,
            door: timer()?,
            idle: timer()?,
            user,
            network,
            worker,
            is_prepared: false,
            uplink,
            uplink_delay: timer()?,
            host: watch_host().map_err(failed("watch the host's addresses"))?,
            ways: Ways::default(),
            state: State::default(),
            resolvers: Resolvers::read(runtime.join("pontoon/network/resolvers.json")),
            names: DnsServer::new(Path::new(RESOLV_CONF)).map_err(failed("make the name server"))?,
            clients: BTreeMap::new(),
            next_client: CLIENTS,
            is_over: false,
        };
        outside.watch(outside.control.as_fd(), CONTROL)?;
        outside.watch(outside.door.as_fd(), DOOR)?;
        outside.watch(outside.idle.as_fd(), IDLE)?;
        outside.watch(outside.worker.as_fd(), WORKER)?;
        outside.watch(outside.uplink_delay.as_fd(), UPLINK_DELAY)?;
        outside.watch(outside.host.as_fd(), HOST)?;
        outside.watch(outside.names.as_fd(), NAMES)?;
        if let Err(err) = outside.prepare(is_used) {
            super::warn(&err.to_string());
        }
        outside.start_uplink();
        set_timer(&outside.idle, Some(PATIENCE));
        Ok(outside)
    }

    fn watch(&self, fd: BorrowedFd<'_>, token: u64) -> Result<(), OutsideError> {
        epoll::add(&self.epoll, fd, EventData::new_u64(token), EventFlags::IN)
            .map_err(|err| failed("watch")(err.into()))
    }

    fn happened(&mut self, token: u64) {
        match token {
            CONTROL => self.accept(),
            IDLE => self.is_idle(),
            WORKER => self.replace_worker(),
            UPLINK => self.uplink_ended(),
            UPLINK_DELAY => {
                read_timer(&self.uplink_delay);
                self.start_uplink();
            }
            HOST => self.host_changed(),
            NAMES => self.turn_names(),
            DOOR => self.open_door(),
            client => self.hear(client),
        }
    }

    fn turn_names(&mut self) {
        if let Err(err) = self.names.turn(Instant::now()) {
            // Started anew, it may have more luck.
            super::warn(&format!("the name server fails: {err}"));
            std::process::exit(1);
        }
    }

    fn accept(&mut self) {
        let socket = match accept_with(&self.control, SocketFlags::CLOEXEC) {
            Ok(socket) => socket,
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => return self.close_door(),
            Err(_) => return,
        };
        let token = self.next_client;
        self.next_client += 1;
        if self.watch(socket.as_fd(), token).is_ok() {
            self.clients.insert(token, Client { socket, lease: None, namespace: None });
        }
    }

    /// No descriptor is left for who has come: he waits in the kernel's queue, of which we would be told again and again.
    fn close_door(&self) {
        let _ = epoll::delete(&self.epoll, &self.control);
        set_timer(&self.door, Some(WANT));
    }

    /// Others may have given some back.
    fn open_door(&self) {
        read_timer(&self.door);
        let _ = self.watch(self.control.as_fd(), CONTROL);
    }

    fn hear(&mut self, token: u64) {
        let Some(client) = self.clients.get(&token) else { return };
        let Ok(Some((request, mut fds))) = packet::receive::<Request>(&client.socket) else {
            return self.leave(token);
        };
        let reply = match request {
            Request::Hello => return self.welcome(token),
            Request::Look => return self.show(token),
            Request::Join(join) => match fds.pop() {
                Some(namespace) => self.join(token, *join, namespace).map(Reply::Joined),
                None => Err(malformed()),
            },
            Request::Connect(attachment) => self.connect(token, *attachment).map(Reply::Connected),
            Request::Reload => self.reload().map(|()| Reply::Done),
            Request::Resolvers { network, servers } => {
                self.change_resolvers(&network, &servers);
                Ok(Reply::Done)
            }
            Request::Disconnect(network) => self.disconnect(token, &network).map(|()| Reply::Done),
        };
        self.answer(token, &reply.unwrap_or_else(Reply::Failed), &[]);
    }

    /// Makes the rules again. They are nobody's in particular: they are all made.
    fn reload(&mut self) -> Result<(), Refusal> {
        let order = Order::Reload { networks: self.state.all(), ways: self.ways };
        self.order(&order, &[]).map(drop).map_err(|err| err.refusal())
    }

    /// Makes the rules again if somebody has flushed them: before each container that comes to a network.
    fn mend(&mut self) -> Result<(), WorkerError> {
        let order = Order::Mend { networks: self.state.all(), ways: self.ways };
        self.order(&order, &[]).map(drop)
    }

    fn welcome(&mut self, token: u64) {
        let maps = self.user.as_ref().map(|it| it.maps.clone());
        let fds: Vec<BorrowedFd<'_>> = self.user.iter().map(|it| it.fd.as_fd()).collect();
        self.answer(token, &Reply::Welcome { maps }, &fds);
    }

    fn show(&mut self, token: u64) {
        // Somebody wants to see the networks: what they need is there, also before the first container.
        if let Err(err) = self.prepare(false) {
            super::warn(&err.to_string());
        }
        let maps = self.user.as_ref().map(|it| it.maps.clone());
        let user = self.user.iter().map(|it| it.fd.as_fd());
        let fds: Vec<BorrowedFd<'_>> = user.chain([self.network.as_fd()]).collect();
        self.answer(token, &Reply::Welcome { maps }, &fds);
    }

    fn answer(&self, token: u64, reply: &Reply, fds: &[BorrowedFd<'_>]) {
        if let Some(client) = self.clients.get(&token) {
            // Whoever has gone is heard of by the end of the connection.
            let _ = packet::send(&client.socket, reply, fds);
        }
    }

    /// A supervisor has ended, and its container with it: everything it had is free.
    fn leave(&mut self, token: u64) {
        let Some(client) = self.clients.remove(&token) else { return };
        let _ = epoll::delete(&self.epoll, &client.socket);
        if let Some(lease) = client.lease {
            self.unpublish(&lease);
            self.release(&lease.join.id, &lease.joined.networks);
        }
        set_timer(&self.idle, Some(PATIENCE));
    }

    /// Some time has gone by since the last one left, or since the start.
    fn is_idle(&mut self) {
        read_timer(&self.idle);
        if let Some(uplink) = &mut self.uplink {
            uplink.runs_well();
        }
        if self.state.waits() {
            // They had all the time that they need to come back.
            for port in self.state.forget_left() {
                let _ = self.order(&Order::Unplug(port), &[]);
            }
        }
        for link in self.state.unused() {
            let _ = self.take_away(&link);
        }
        self.is_over |= self.clients.is_empty();
    }

    /// Has something done inside; if the process there has been killed, by the next one.
    fn order(
        &mut self,
        order: &Order,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(Answer, Vec<OwnedFd>), WorkerError> {
        match self.have_done(order, fds) {
            Err(WorkerError::Ended) => {
                self.replace_worker();
                self.have_done(order, fds)
            }
            other => other,
        }
    }

    /// The same once. Names are answered meanwhile.
    fn have_done(
        &mut self,
        order: &Order,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(Answer, Vec<OwnedFd>), WorkerError> {
        self.worker.order(order, fds)?;
        loop {
            let mut waited =
                [PollFd::new(&self.worker, PollFlags::IN), PollFd::new(&self.names, PollFlags::IN)];
            let timeout = self.names.next_timeout().map(super::until);
            if retry_on_intr(|| poll(&mut waited, timeout.as_ref())).is_err() {
                // No memory for it: then the answer alone is waited for.
                return self.worker.hear();
            }
            let [answered, names] = waited.map(|it| !it.revents().is_empty());
            if names || !answered {
                self.turn_names();
            }
            if answered {
                return self.worker.hear();
            }
        }
    }

    fn replace_worker(&mut self) {
        let _ = epoll::delete(&self.epoll, &self.worker);
        match Worker::start(self.user.as_ref(), Some(self.network.as_fd())) {
            Ok((worker, _)) => {
                super::warn("the process inside was killed; another one takes over");
                self.worker = worker;
                if self.watch(self.worker.as_fd(), WORKER).is_err() {
                    self.is_over = true;
                }
                self.publish_again();
            }
            Err(err) => {
                // Started anew, the whole unit may have more luck.
                super::warn(&err.to_string());
                std::process::exit(1);
            }
        }
    }

    /// Makes the namespace ready for networks.
    fn prepare(&mut self, is_used: bool) -> Result<(), WorkerError> {
        if self.is_prepared {
            return Ok(());
        }
        if let (Answer::Plugs(plugs), _) = self.order(&Order::Prepare { is_used }, &[])? {
            plugs.iter().for_each(|it| self.state.learn(it));
        }
        self.is_prepared = true;
        self.ways = Ways::default();
        self.host_changed();
        Ok(())
    }

    fn start_uplink(&mut self) {
        let pid = self.worker.pid();
        let Some(uplink) = &mut self.uplink else { return };
        uplink.start(pid);
        let Some(fd) = uplink.fd() else { return self.uplink_ended() };
        let _ = epoll::add(&self.epoll, fd, EventData::new_u64(UPLINK), EventFlags::IN);
        if let Some((address, router)) = uplink.address_to_give() {
            let order = Order::Uplink { interface: uplink::INTERFACE.to_owned(), address, router };
            if let Err(err) = self.order(&order, &[]) {
                super::warn(&format!("{}", err.refusal()));
            }
        }
        self.host_changed();
    }

    /// The first container says by what the networks are led outside.
    fn choose_uplink(&mut self, asked: Option<HelperKind>) {
        let is_first = self.clients.values().all(|it| it.lease.is_none());
        let Some(uplink) = self.uplink.as_mut().filter(|_| is_first) else { return };
        if uplink.choose(asked) {
            if let Some(fd) = uplink.fd() {
                let _ = epoll::delete(&self.epoll, fd);
            }
            set_timer(&self.uplink_delay, None);
            self.start_uplink();
        }
    }

    fn uplink_ended(&mut self) {
        let Some(uplink) = &mut self.uplink else { return };
        if let Some(fd) = uplink.fd() {
            let _ = epoll::delete(&self.epoll, fd);
        }
        set_timer(&self.uplink_delay, Some(uplink.ended()));
    }

    /// The host may have another address.
    fn host_changed(&mut self) {
        let mut buffer = [0u8; 8192];
        while recv(&self.host, &mut buffer[..], RecvFlags::DONTWAIT).is_ok() {}
        let resolver = self.uplink.as_ref().and_then(Uplink::resolver);
        let ways = Ways { host: host_address(), resolver };
        if ways != self.ways && self.order(&Order::Ways(ways), &[]).is_ok() {
            self.ways = ways;
        }
    }

    /// Nobody needs us: everything goes.
    fn end(&mut self) {
        self.manager.tell("STOPPING=1");
        if let Some(uplink) = &mut self.uplink {
            uplink.stop();
        }
        if self.user.is_none() {
            let all = self.state.all();
            let _ = self.order(&Order::Leave(all), &[]);
        }
        self.manager.let_go(KEPT_USER);
        self.manager.let_go(KEPT_NETWORK);
    }
}

fn malformed() -> Refusal {
    Refusal { chain: vec!["malformed request".to_owned()], hint: None }
}

/// Where the user's sockets are; for root `/run`.
fn runtime_directory() -> PathBuf {
    let given = std::env::var_os("XDG_RUNTIME_DIR").filter(|_| !rustix::process::geteuid().is_root());
    given.map_or_else(|| PathBuf::from("/run"), PathBuf::from)
}

/// Where no service manager listens for us.
fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)?;
    }
    let _ = std::fs::remove_file(path);
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    listen(&socket, 128)?;
    Ok(socket)
}

fn timer() -> Result<OwnedFd, OutsideError> {
    timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)
        .map_err(|err| failed("make a timer")(err.into()))
}

/// Sets a timer, or stops it.
fn set_timer(timer: &OwnedFd, after: Option<Duration>) {
    let value = super::timespec(after.unwrap_or_default());
    let never = Timespec { tv_sec: 0, tv_nsec: 0 };
    let _ = timerfd_settime(
        timer,
        TimerfdTimerFlags::empty(),
        &Itimerspec { it_interval: never, it_value: value },
    );
}

fn read_timer(timer: &OwnedFd) {
    let _ = rustix::io::read(timer, &mut [0u8; 8]);
}

fn watch_host() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    bind(&socket, &SocketAddrNetlink::new(0, HOST_GROUPS))?;
    Ok(socket)
}
