//! Those who connect to the control socket, and what they ask for.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::event::Deed;
use pontoon_monitor::plan::PodRole;
use pontoon_monitor::state::FailureReport;
use pontoon_runtime::plan::{Process, Window};
use pontoon_runtime::start::{Extras, Joining, StandardStreams};
use pontoon_runtime::visit;
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::process::Signal;

use super::Supervisor;
use super::joining::Purpose;
use super::sources::Source;
use crate::relay::Tap;

/// A connection to the control socket.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) socket: OwnedFd,
    pub(super) waits: bool,
    /// It has asked for something.
    pub(super) was_heard: bool,
    /// It is the supervisor of a member of the pod, or about to start one.
    pub(super) membership: Option<Membership>,
    /// What it reads of its process, so that we can read on: output and errors.
    pub(super) reads: [Option<OwnedFd>; 2],
}

/// What a member is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Membership {
    /// It is about to start one.
    Coming,
    /// The pod is there as long as it is.
    Main,
    /// It is there for the others.
    Sidecar,
    /// It was told that they have ended.
    Dismissed,
}

/// The container itself runs.
fn started(pid: i32) -> Reply {
    Reply::Started { pid, session: String::new(), reads_on: false }
}

impl Supervisor<'_> {
    pub(super) fn accept(&mut self) {
        while let Some(socket) = self.door.next() {
            let token = self.next_talk;
            self.next_talk += 1;
            if self.sources.watch(socket.as_fd(), Source::Talk(token), EventFlags::IN).is_ok() {
                let client =
                    Client { socket, waits: false, was_heard: false, membership: None, reads: [None, None] };
                self.clients.insert(token, client);
            }
        }
    }

    pub(super) fn drop_client(&mut self, token: u64) {
        if let Some(client) = self.clients.remove(&token) {
            self.sources.forget(client.socket.as_fd());
            self.give_up(|purpose| matches!(purpose, Purpose::Exec { client, .. } if client == token));
            self.client_left(token);
            self.read_on(client.reads);
            self.stages.retain(|it| it.0 != token);
            match client.membership {
                None => {}
                // Of one that never came nobody was left alone.
                Some(Membership::Coming) if !self.has_been_left => {}
                Some(_) => {
                    self.has_been_left = true;
                    self.member_left();
                }
            }
        }
    }

    /// The last member of the pod takes the infra container with it, if that is the pod's policy; before that go those that are
    /// there for the others, the last one first.
    fn member_left(&mut self) {
        let stops = matches!(self.plan.pod, Some(PodRole::Infra { stops_with_last: true }));
        let is = |it: &Client, what: Membership| it.membership == Some(what);
        let is_needed = |it: &Client| {
            [Membership::Coming, Membership::Main, Membership::Dismissed].iter().any(|what| is(it, *what))
        };
        if !stops || self.halt.is_asked || self.clients.values().any(is_needed) {
            return;
        }
        let mut sidecars = self.clients.iter_mut().rev().filter(|it| is(it.1, Membership::Sidecar));
        let Some((token, sidecar)) = sidecars.next() else {
            self.halt.by_command = true;
            return self.stop(None);
        };
        sidecar.membership = Some(Membership::Dismissed);
        let token = *token;
        self.reply(token, &Reply::Exited { code: 0 }, &[]);
    }

    /// We are there for the others of the pod, and its supervisor says something about them.
    pub(super) fn hear_pod(&mut self) {
        let Some(connection) = &self.launched.pod else { return };
        match crate::pod::is_dismissed(connection) {
            Some(false) => {}
            Some(true) => {
                self.halt.by_command = true;
                self.stop(None);
            }
            None => {
                self.sources.forget(connection.as_fd());
                self.launched.pod = None;
            }
        }
    }

    pub(super) fn reply(&mut self, token: u64, reply: &Reply, fds: &[BorrowedFd<'_>]) {
        if let Some(client) = self.clients.get(&token)
            && control::send(&client.socket, reply, fds).is_err()
        {
            self.drop_client(token);
        }
    }

    pub(super) fn hear(&mut self, token: u64) {
        let Some(client) = self.clients.get_mut(&token) else { return };
        let (request, fds) = match control::receive::<Request>(&client.socket) {
            Ok(Some(received)) => received,
            Ok(None) | Err(_) => return self.drop_client(token),
        };
        client.was_heard = true;
        match request {
            Request::Start => {
                let pid = self.launched.running.pid.as_raw_nonzero().get();
                let reply = self.let_it_run().map_or_else(Reply::Failed, |()| started(pid));
                self.reply(token, &reply, &[]);
            }
            Request::Kill { .. } | Request::Exec(_) | Request::Check if self.launched.held.is_some() => {
                let chain = vec!["the container is not running: it is initialized".to_owned()];
                let hint = Some(format!("start it first: pontoon start {}", self.plan.name));
                let report = FailureReport { chain, hint, code: 125 };
                self.reply(token, &Reply::Failed(report), &[]);
            }
            Request::EndInput => {
                self.launched.input = None;
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Stop { timeout } => {
                client.waits = true;
                self.halt.by_command = true;
                self.told_by_others();
                self.stop(timeout);
            }
            Request::Wait => client.waits = true,
            Request::Check if self.health.is_none() => self.reply(token, &super::checks::no_check(), &[]),
            Request::Check => {
                self.askers.push(token);
                self.begin_check();
            }
            Request::Attach => self.attach(token, fds),
            Request::Member => {
                client.membership = Some(Membership::Main);
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Sidecar => {
                client.membership = Some(Membership::Sidecar);
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Place if self.halt.is_asked => {
                let chain = vec!["the infra container of the pod is about to end".to_owned()];
                self.reply(token, &Reply::Failed(FailureReport { chain, hint: None, code: 125 }), &[]);
            }
            Request::Place => {
                client.membership = Some(Membership::Coming);
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Await(stage) => self.await_stage(token, stage),
            Request::Connect(attachment) => {
                let reply = self.change_networks(|it, plan| it.connect(plan, &attachment));
                self.reply(token, &reply, &[]);
            }
            Request::Disconnect(network) => {
                let reply = self.change_networks(|it, plan| it.disconnect(plan, &network));
                self.reply(token, &reply, &[]);
            }
            Request::Renamed(name) => {
                self.teller.renamed(name);
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Sessions => {
                let sessions = self.joined.values().map(|it| it.session.clone()).collect();
                self.reply(token, &Reply::Sessions(sessions), &[]);
            }
            Request::Paused => {
                self.refuse_pending();
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Policy(policy) => {
                self.course.policy = policy;
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Limits(limits) => {
                self.course.limits = limits;
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Environment(environment) => {
                self.course.environment = environment;
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Health(plan) => {
                self.check_otherwise(plan.map(|it| *it));
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Restart { timeout } => {
                self.halt.for_restart = true;
                self.restarters.push(token);
                self.told_by_others();
                self.stop(timeout);
            }
            Request::Kill { signal, handed_on } => {
                let ends_it = [Signal::KILL, Signal::TERM, Signal::INT, Signal::QUIT]
                    .map(Signal::as_raw)
                    .contains(&signal)
                    || signal == self.plan.stop_signal;
                if ends_it {
                    self.halt.by_command |= !handed_on;
                    self.told_by_others();
                }
                let reply = match self.kill(signal) {
                    Ok(()) => {
                        self.teller.tell(Deed::Kill);
                        Reply::Done
                    }
                    Err(err) => Reply::Failed(FailureReport {
                        chain: vec![
                            "cannot send the signal".to_owned(),
                            std::io::Error::from(err).to_string(),
                        ],
                        hint: None,
                        code: 125,
                    }),
                };
                self.reply(token, &reply, &[]);
            }
            Request::Resize { rows, columns } => {
                if let Some(terminal) = &self.terminal {
                    let _ = Window { rows, columns }.set(terminal.master.as_fd());
                }
                self.reply(token, &Reply::Done, &[]);
            }
            Request::Exec(process) => self.exec(token, &process, fds),
            Request::ReadOn => {
                let mut fds = fds.into_iter();
                client.reads = [fds.next(), fds.next()];
            }
            Request::Unread { errors } => {
                let [output, error] = &mut client.reads;
                *(if errors { error } else { output }) = None;
            }
            Request::Volume(name) => {
                let held = self.launched.volumes.iter().find(|it| it.volume == name);
                match held.map(|it| it.common.copy()) {
                    Some(Ok(mount)) => self.reply(token, &Reply::Done, &[mount.as_fd()]),
                    Some(Err(err)) => {
                        let report = FailureReport::new(&err, err.hint(), err.exit_code());
                        self.reply(token, &Reply::Failed(report), &[]);
                    }
                    None => {
                        let chain = vec![format!("the container has no volume `{name}` mounted")];
                        let report = FailureReport { chain, hint: None, code: 125 };
                        self.reply(token, &Reply::Failed(report), &[]);
                    }
                }
            }
            Request::Root => {
                let user_namespace = self.plan.container.namespaces.user.is_some();
                match visit::root_of(self.launched.running.pidfd.as_fd(), user_namespace) {
                    Ok(root) => self.reply(token, &Reply::Done, &[root.as_fd()]),
                    Err(err) => {
                        let report = FailureReport::new(&err, err.hint(), err.exit_code());
                        self.reply(token, &Reply::Failed(report), &[]);
                    }
                }
            }
        }
    }

    /// Lets a client see what the payload writes from now on, and write what it reads.
    pub(super) fn attach(&mut self, token: u64, fds: Vec<OwnedFd>) {
        let mut fds = fds.into_iter();
        let added = match (fds.next(), fds.next()) {
            (Some(stdout), Some(stderr)) => self.taps.add(Tap { client: token, stdout, stderr }),
            _ => Err(Errno::BADF),
        };
        if let Err(err) = added {
            let cause = std::io::Error::from(err).to_string();
            let chain = vec!["cannot attach".to_owned(), cause];
            return self.reply(token, &Reply::Failed(FailureReport { chain, hint: None, code: 125 }), &[]);
        }
        let master = self.terminal.as_ref().and_then(|it| it.master.try_clone().ok());
        let input = master.or_else(|| self.launched.input.as_ref().and_then(|it| it.try_clone().ok()));
        self.teller.tell(Deed::Attach);
        if let Some(client) = self.clients.get_mut(&token) {
            client.waits = true;
        }
        let input: Vec<_> = input.iter().map(AsFd::as_fd).collect();
        self.reply(token, &Reply::Done, &input);
    }

    pub(super) fn exec(&mut self, token: u64, process: &Process, fds: Vec<OwnedFd>) {
        let mut fds = fds.into_iter();
        let mut streams = None;
        if !process.terminal
            && let (Some(stdin), Some(stdout), Some(stderr)) = (fds.next(), fds.next(), fds.next())
        {
            streams = Some(StandardStreams { stdin, stdout, stderr });
        }
        let passed: Vec<OwnedFd> = fds.collect();
        let is_complete = passed.len() == process.preserve_fds as usize + process.preserved.len();
        if (streams.is_none() && !process.terminal) || !is_complete {
            let text = "the request came without its descriptors".to_owned();
            let report = FailureReport { chain: vec![text], hint: None, code: 125 };
            return self.reply(token, &Reply::Failed(report), &[]);
        }
        if self.is_frozen() {
            return self.refuse_paused(token);
        }
        let cgroup = self.launched.cgroup.as_ref().map(|it| &it.1);
        let (target, namespaces) = (self.launched.running.pidfd.as_fd(), &self.plan.container.namespaces);
        let filter = self.launched.extras.filter.clone();
        let extras = Extras { filter, passed, ..Extras::default() };
        let purpose = Purpose::Exec { client: token, unattended: process.unattended };
        match Joining::begin(target, namespaces, process, &extras, streams, cgroup) {
            Ok(joining) => self.await_process(joining, purpose),
            Err(err) => self.did_not_join(purpose, &err),
        }
    }

    /// Nobody comes into a container that is paused.
    pub(super) fn refuse_paused(&mut self, token: u64) {
        let text = "the container is paused".to_owned();
        let hint = Some(format!("let it go on first: pontoon unpause {}", self.plan.name));
        let report = FailureReport { chain: vec![text], hint, code: 125 };
        self.reply(token, &Reply::Failed(report), &[]);
    }
}
