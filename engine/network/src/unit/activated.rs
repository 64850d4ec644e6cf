//! Connections to sockets that the service manager listens on for one container: a helper of that container's supervisor.
//!
//! It goes into the container's network namespace, where loopback leads to the payload, which need not know of any of this. A
//! connection that started the service waits until the payload answers. When there has been none for as long as was said, it
//! ends, which tells the supervisor that the container may. It ends as well when the supervisor does: that one holds the
//! other end of its standard input.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use pontoon_network::forwarder::{Forwarder, Limits, Target};
use pontoon_rootless::sys::{inherited_fd, owner_namespace};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, fstat};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// How soon a payload that does not answer yet is tried again: the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What the supervisor's words say.
#[derive(Debug)]
struct Asked {
    network: OwnedFd,
    /// Listening sockets, with the payload's port for each.
    ports: Vec<(TcpListener, u16)>,
    idle: Option<Duration>,
}

fn read_words(mut words: impl Iterator<Item = String>) -> io::Result<Asked> {
    let invalid = || io::Error::from(io::ErrorKind::InvalidInput);
    let (mut network, mut ports, mut idle) = (None, Vec::new(), None);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|it| it.parse::<u32>().ok()).ok_or_else(invalid);
        let fd = |number: u32| inherited_fd(i32::try_from(number).map_err(|_| invalid())?);
        match word.as_str() {
            "--network" => network = Some(fd(number()?)?),
            "--listen" => {
                let listener = TcpListener::from(fd(number()?)?);
                ports.push((listener, u16::try_from(number()?).map_err(|_| invalid())?));
            }
            "--idle" => idle = Some(Duration::from_secs(number()?.into())),
            _ => return Err(invalid()),
        }
    }
    Ok(Asked { network: network.ok_or_else(invalid)?, ports, idle })
}

/// Does it until there is nothing more to do.
///
/// # Errors
/// The kernel's.
pub fn run(words: impl Iterator<Item = String>) -> io::Result<()> {
    let Asked { network, ports, idle } = read_words(words)?;
    enter(&network)?;
    let mut waiting: Vec<Waiting> = ports.into_iter().map(Waiting::new).collect();
    let mut forwarder = Forwarder::new(Limits::of_process())?;
    let mut idle_since = Instant::now();
    loop {
        let now = Instant::now();
        if forwarder.carries() {
            idle_since = now;
        }
        let gives_up = idle.filter(|_| !forwarder.carries()).map(|it| idle_since + it);
        if gives_up.is_some_and(|it| it <= now) {
            return Ok(());
        }
        let times = forwarder
            .next_timeout()
            .into_iter()
            .chain(waiting.iter().filter_map(|it| it.again))
            .chain(gives_up);
        let timeout = times.min().map(super::until);
        let stdin = rustix::stdio::stdin();
        let mut polled = vec![PollFd::new(&stdin, PollFlags::IN), PollFd::new(&forwarder, PollFlags::IN)];
        // One that is to be tried at a time has somebody waiting already.
        let quiet = waiting.iter().filter(|it| it.again.is_none());
        polled.extend(quiet.map(|it| PollFd::new(&it.listener, PollFlags::IN)));
        rustix::io::retry_on_intr(|| poll(&mut polled, timeout.as_ref()))?;
        let mut came = polled.iter().map(|it| !it.revents().is_empty());
        if came.next() == Some(true) {
            return Ok(());
        }
        let _ = came.next();
        let came: Vec<bool> = came.collect();
        let mut came = came.into_iter();
        let now = Instant::now();
        let mut left = Vec::new();
        for mut port in waiting {
            let is_due = match port.again {
                Some(at) => at <= now,
                None => came.next() == Some(true),
            };
            if is_due {
                idle_since = now;
            }
            match port.target().filter(|_| is_due) {
                Some(target) => forwarder.add_tcp("", port.listener, target)?,
                None => {
                    if is_due {
                        port.try_later(now);
                    }
                    left.push(port);
                }
            }
        }
        waiting = left;
        forwarder.turn(Instant::now())?;
    }
}

/// Goes into a network namespace, by way of the user namespace that it belongs to.
fn enter(network: &OwnedFd) -> io::Result<()> {
    let own = |kind: &str| {
        rustix::fs::open(format!("/proc/self/ns/{kind}"), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    };
    let is_same = |one: &OwnedFd, other: &OwnedFd| -> io::Result<bool> {
        let (one, other) = (fstat(one)?, fstat(other)?);
        Ok((one.st_dev, one.st_ino) == (other.st_dev, other.st_ino))
    };
    if is_same(network, &own("net")?)? {
        return Ok(());
    }
    let user = owner_namespace(network)?;
    if !is_same(&user, &own("user")?)? {
        move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
    }
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}

/// A port whose payload has not answered yet.
#[derive(Debug)]
struct Waiting {
    listener: TcpListener,
    port: u16,
    /// When it is tried again, once somebody has come.
    again: Option<Instant>,
    pause: Duration,
}

impl Waiting {
    fn new((listener, port): (TcpListener, u16)) -> Self {
        Self { listener, port, again: None, pause: FIRST_PAUSE }
    }

    fn try_later(&mut self, now: Instant) {
        self.again = Some(now + self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
    }

    /// Where the payload answers, if it does. Loopback tells at once.
    fn target(&self) -> Option<Target> {
        let answers = |address: SocketAddr| TcpStream::connect(address).is_ok();
        let (v4, v6) = (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST);
        // Nobody is answered by way of a gateway here: clients appear as the container itself.
        let everybody = ["0.0.0.0/0", "::/0"].iter().filter_map(|it| it.parse().ok()).collect();
        let target = Target { port: self.port, on_link: everybody, ..Target::default() };
        if answers((v4, self.port).into()) {
            return Some(Target { v4: Some(v4), ..target });
        }
        answers((v6, self.port).into()).then_some(Target { v6: Some(v6), ..target })
    }
}
