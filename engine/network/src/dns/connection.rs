//! A client over TCP.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use super::exchange::{take_message, with_length};
use crate::poll::Poll;

/// Who says and takes nothing for so long is let go (RFC 7766, 6.2.3, leaves the time open).
const PATIENCE: Duration = Duration::from_secs(10);
/// Questions of one client that are on their way to resolvers; more are read when there are fewer.
const MOST_PENDING: usize = 32;
/// No question is longer.
const LONGEST_QUESTION: usize = 4096;
/// Answers that may wait to be taken, in bytes; one more may come on top.
const MOST_UNSENT: usize = 65536;

/// The client.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) network: Arc<str>,
    pub(super) peer: IpAddr,
    /// When it is let go if nothing happens.
    pub(super) due: Instant,
    /// Its questions that are on their way.
    pending: usize,
    stream: TcpStream,
    token: u64,
    interest: EventFlags,
    received: Vec<u8>,
    unsent: Vec<u8>,
    ended: bool,
}

/// It has gone, or is to go.
#[derive(Debug)]
pub(super) struct Gone;

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: IpAddr,
        network: Arc<str>,
        poll: &mut Poll,
        now: Instant,
    ) -> io::Result<(u64, Self)> {
        stream.set_nonblocking(true)?;
        // Answers are sent whole, and the next one is not to wait for the word that the last has come.
        stream.set_nodelay(true)?;
        let interest = EventFlags::IN;
        let token = poll.add(&stream, interest)?;
        let connection = Self {
            network,
            peer,
            due: now + PATIENCE,
            pending: 0,
            stream,
            token,
            interest,
            received: Vec::new(),
            unsent: Vec::new(),
            ended: false,
        };
        Ok((token, connection))
    }

    /// Takes what came, and sends what waits.
    pub(super) fn go_on(&mut self, poll: &Poll, now: Instant) -> Result<(), Gone> {
        self.send(now)?;
        if self.takes_more() {
            let mut part = [0; LONGEST_QUESTION];
            match self.stream.read(&mut part) {
                Ok(0) => self.ended = true,
                Ok(length) => {
                    self.received.extend_from_slice(part.get(..length).unwrap_or_default());
                    self.due = now + PATIENCE;
                }
                Err(err) if is_later(&err) => {}
                Err(_) => return Err(Gone),
            }
        }
        self.settle(poll)
    }

    /// The next question that is here, unless too many are on their way.
    pub(super) fn question(&mut self) -> Result<Option<Vec<u8>>, Gone> {
        if self.pending >= MOST_PENDING || self.unsent.len() > MOST_UNSENT {
            return Ok(None);
        }
        let question = take_message(&mut self.received);
        let too_long = question.is_none() && self.received.len() > LONGEST_QUESTION;
        if too_long { Err(Gone) } else { Ok(question) }
    }

    /// A question of its has been forwarded.
    pub(super) fn forwarded(&mut self) {
        self.pending += 1;
    }

    /// The answer to one that was forwarded.
    pub(super) fn answer_forwarded(&mut self, message: &[u8], poll: &Poll, now: Instant) -> Result<(), Gone> {
        self.pending = self.pending.saturating_sub(1);
        self.answer(message, poll, now)
    }

    /// An answer.
    pub(super) fn answer(&mut self, message: &[u8], poll: &Poll, now: Instant) -> Result<(), Gone> {
        self.unsent.extend_from_slice(&with_length(message));
        self.send(now)?;
        self.settle(poll)
    }

    fn takes_more(&self) -> bool {
        !self.ended
            && self.pending < MOST_PENDING
            && self.unsent.len() <= MOST_UNSENT
            && self.received.len() <= LONGEST_QUESTION
    }

    fn send(&mut self, now: Instant) -> Result<(), Gone> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => {
                    self.unsent.drain(..sent);
                    self.due = now + PATIENCE;
                }
                Err(err) if is_later(&err) => break,
                Err(_) => return Err(Gone),
            }
        }
        Ok(())
    }

    /// Waits for what is wanted now. A client that has said all it wanted goes when it has its answers.
    fn settle(&mut self, poll: &Poll) -> Result<(), Gone> {
        let unanswered = self.pending > 0 || !self.unsent.is_empty() || has_message(&self.received);
        if self.ended && !unanswered {
            return Err(Gone);
        }
        let mut interest = EventFlags::empty();
        interest.set(EventFlags::IN, self.takes_more());
        interest.set(EventFlags::OUT, !self.unsent.is_empty());
        if interest != self.interest {
            poll.change(self.token, &self.stream, interest).map_err(|_| Gone)?;
            self.interest = interest;
        }
        Ok(())
    }
}

fn has_message(received: &[u8]) -> bool {
    received
        .first_chunk()
        .is_some_and(|length| received.len() >= 2 + usize::from(u16::from_be_bytes(*length)))
}

fn is_later(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
