//! Processes that come into the container: none of them is waited for.

use std::os::fd::{AsFd, OwnedFd};

use pontoon_monitor::control::Reply;
use pontoon_monitor::event::Deed;
use pontoon_monitor::state::FailureReport;
use pontoon_runtime::start::{Joining, Running, StartError};
use rustix::event::epoll::EventFlags;
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};

use super::Supervisor;
use super::sources::Source;
use crate::check::Job;

/// A process that joined.
#[derive(Debug)]
pub(super) struct Joined {
    pub(super) client: u64,
    /// The id of its session.
    pub(super) session: String,
    /// Its terminal. It outlives the client, who may leave it or be killed; what is written on it then is read here.
    pub(super) terminal: Option<OwnedFd>,
}

/// A process that is about to join.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) joining: Joining,
    pub(super) purpose: Purpose,
}

/// Who wants a process to join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A client.
    Exec {
        /// Which.
        client: u64,
        /// Nobody holds its terminal.
        unattended: bool,
    },
    /// Work of ours.
    Job(Job),
}

impl Supervisor<'_> {
    /// Has a process that is about to join watched.
    pub(super) fn await_process(&mut self, joining: Joining, purpose: Purpose) {
        let token = self.next_talk;
        self.next_talk += 1;
        match self.sources.watch(joining.fd(), Source::Talk(token), EventFlags::IN) {
            Ok(()) => drop(self.pending.insert(token, Pending { joining, purpose })),
            Err(err) => self.did_not_join(purpose, &StartError::Socket(err.into())),
        }
    }

    /// A process that is about to join says something.
    pub(super) fn advance(&mut self, token: u64) {
        let Some(pending) = self.pending.get_mut(&token) else { return };
        let purpose = pending.purpose;
        match pending.joining.advance() {
            Ok(None) => return,
            Ok(Some(running)) => self.has_joined(purpose, running),
            Err(err) => self.did_not_join(purpose, &err),
        }
        self.forget_pending(|at, _| at == token);
        // It may have ended already, and others before it.
        self.reap();
    }

    /// Gives up those that are about to join for somebody.
    pub(super) fn give_up(&mut self, is_unwanted: impl Fn(Purpose) -> bool) {
        if self.pending.values().any(|it| is_unwanted(it.purpose)) {
            self.forget_pending(|_, purpose| is_unwanted(purpose));
            self.reap();
        }
    }

    /// The container stands still. Clients whose process runs in it wait until it goes on; those whose process is not ready yet
    /// are told now, for what they wait for would come only then.
    pub(super) fn refuse_pending(&mut self) {
        let number_of =
            |(number, it): (&u64, &Pending)| matches!(it.purpose, Purpose::Exec { .. }).then_some(*number);
        let numbers: Vec<u64> = self.pending.iter().filter_map(number_of).collect();
        for number in numbers {
            // What it said before it was frozen may say that it runs.
            while self.pending.get(&number).is_some_and(|it| it.joining.has_something_to_say()) {
                self.advance(number);
            }
            if let Some(Purpose::Exec { client, .. }) = self.pending.get(&number).map(|it| it.purpose) {
                self.forget_pending(|at, _| at == number);
                self.refuse_paused(client);
            }
        }
        self.reap();
    }

    pub(super) fn forget_pending(&mut self, unwanted: impl Fn(u64, Purpose) -> bool) {
        let sources = &self.sources;
        self.pending.retain(|token, it| {
            let is_kept = !unwanted(*token, it.purpose);
            if !is_kept {
                sources.forget(it.joining.fd());
            }
            is_kept
        });
    }

    pub(super) fn has_joined(&mut self, purpose: Purpose, running: Running) {
        let (client, unattended) = match purpose {
            Purpose::Exec { client, unattended } => (client, unattended),
            Purpose::Job(job) => return self.job_runs(job, &running),
        };
        let pid = running.pid.as_raw_nonzero().get();
        let theirs = running.terminal.as_ref().filter(|_| !unattended).and_then(|it| it.try_clone().ok());
        let session = new_session();
        self.joined.insert(pid, Joined { client, session: session.clone(), terminal: running.terminal });
        if unattended {
            self.client_left(client);
        }
        self.teller.tell(Deed::Exec);
        let terminal: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
        self.reply(client, &Reply::Started { pid, session, reads_on: true }, &terminal);
    }

    /// A process that joined has ended.
    pub(super) fn has_left(&mut self, joined: &Joined, code: i32) {
        self.teller.ended(Deed::ExecDied, code);
        self.reply(joined.client, &Reply::Exited { code }, &[]);
    }

    /// A client has gone, or holds no terminal. What it had begun goes on, and what that writes must be read, or it would wait
    /// for ever.
    pub(super) fn client_left(&self, client: u64) {
        for (pid, joined) in self.joined.iter().filter(|(_, it)| it.client == client) {
            if let Some(terminal) = &joined.terminal {
                let source = Source::Unattended(pid.cast_unsigned());
                // It may be watched already.
                let _ = self.sources.watch(terminal.as_fd(), source, EventFlags::IN);
            }
        }
    }

    /// The reader of what a process writes has gone, or the process has and left others that write: that must be read as well.
    pub(super) fn read_on(&mut self, pipes: [Option<OwnedFd>; 2]) {
        for pipe in pipes.into_iter().flatten() {
            let number = self.next_talk;
            self.next_talk += 1;
            if self.sources.watch(pipe.as_fd(), Source::Unread(number), EventFlags::IN).is_ok() {
                self.unread.insert(number, pipe);
            }
        }
    }

    /// Reads what is written into a pipe that nobody reads.
    pub(super) fn forget_unread(&mut self, number: u64) {
        if self.unread.get(&number).is_some_and(|pipe| !throw_away(pipe)) {
            // Closing it takes it out of the list.
            self.unread.remove(&number);
        }
    }

    pub(super) fn did_not_join(&mut self, purpose: Purpose, err: &StartError) {
        match purpose {
            Purpose::Exec { client, .. } => {
                let report = FailureReport::new(err, err.hint(), err.exit_code_of_joining());
                self.reply(client, &Reply::Failed(report), &[]);
            }
            Purpose::Job(job) => self.job_cannot_run(job, err),
        }
    }

    /// Reads what a process writes on a terminal that nobody holds.
    pub(super) fn forget_output(&mut self, pid: u32) {
        let Some(joined) = self.joined.get_mut(&pid.cast_signed()) else { return };
        if !joined.terminal.as_ref().is_some_and(throw_away) {
            // Closing it takes it out of the list.
            joined.terminal = None;
        }
    }
}

/// Reads what is there for nobody; false at its end.
fn throw_away(from: &OwnedFd) -> bool {
    matches!(rustix::io::read(from, &mut [0u8; 4096]), Ok(1..) | Err(Errno::INTR | Errno::AGAIN))
}

/// An id that no other session has: 64 hexadecimal digits, as Podman's.
fn new_session() -> String {
    let mut bytes = [0u8; 32];
    // So few bytes come at once, and whole.
    let _ = getrandom(&mut bytes[..], GetRandomFlags::empty());
    bytes.iter().map(|it| format!("{it:02x}")).collect()
}
