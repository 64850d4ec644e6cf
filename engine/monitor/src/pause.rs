//! The time before a run of a container: whoever wants something from it is heard.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::sys::signalfd::SignalFd;
use pontoon_monitor::control::{self, Reply, Request};
use pontoon_monitor::state::FailureReport;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{WaitOptions, wait};

use crate::course::Course;
use crate::door::Door;
use crate::tell::Teller;

/// How the pause came to its end.
#[derive(Debug)]
pub enum Outcome {
    /// The time is over.
    GoOn,
    /// The container is not wanted any more.
    Stop {
        /// Who said so by a command, and is to be answered once the end is noted; else we were told to end.
        asker: Option<OwnedFd>,
        /// The others who are connected.
        others: Vec<OwnedFd>,
    },
}

/// Waits between two runs, of which the first has ended with `code`. A container that is stopped meanwhile stays as it is.
pub fn before_restart(
    delay: Duration,
    code: i32,
    signals: &SignalFd,
    control: &OwnedFd,
    teller: &Teller<'_>,
    course: &mut Course,
) -> Outcome {
    let end = Instant::now() + delay;
    let mut left = || end.saturating_duration_since(Instant::now());
    until(&mut left, Some(code), signals, control, teller, course)
}

/// Waits until no time is left, which is asked anew whenever something has happened, a child's end as well. `code` is how the run
/// before has ended, if there was one.
pub fn until(
    left: &mut dyn FnMut() -> Duration,
    code: Option<i32>,
    signals: &SignalFd,
    control: &OwnedFd,
    teller: &Teller<'_>,
    course: &mut Course,
) -> Outcome {
    let mut clients: Vec<OwnedFd> = Vec::new();
    let mut door = Door::new(control);
    loop {
        let left = left();
        // What the last run left to us is buried here.
        while matches!(wait(WaitOptions::NOHANG), Ok(Some(_))) {}
        if left.is_zero() {
            return Outcome::GoOn;
        }
        let mut fds = vec![
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(control.as_fd(), PollFlags::IN),
        ];
        fds.extend(clients.iter().map(|it| PollFd::from_borrowed_fd(it.as_fd(), PollFlags::IN)));
        // One that is too long for it has no end.
        let timeout = Timespec::try_from(left).ok();
        if poll(&mut fds, timeout.as_ref()).is_err() {
            continue;
        }
        let ready: Vec<bool> = fds.iter().skip(2).map(|it| !it.revents().is_empty()).collect();
        while let Ok(Some(signal)) = signals.read_signal() {
            if matches!(
                Signal::try_from(signal.ssi_signo.cast_signed()),
                Ok(Signal::SIGTERM | Signal::SIGINT)
            ) {
                return Outcome::Stop { asker: None, others: clients };
            }
        }
        let mut kept = Vec::new();
        let mut all = clients.into_iter().zip(ready);
        while let Some((client, is_ready)) = all.next() {
            if !is_ready {
                kept.push(client);
            } else if let Ok(Some((request, _))) = control::receive::<Request>(&client) {
                if matches!(request, Request::Stop { .. }) {
                    kept.extend(all.map(|it| it.0));
                    return Outcome::Stop { asker: Some(client), others: kept };
                }
                answer(&client, request, code, teller, course);
                kept.push(client);
            }
        }
        clients = kept;
        while let Some(client) = door.next() {
            clients.push(client);
        }
    }
}

fn answer(client: &OwnedFd, request: Request, code: Option<i32>, teller: &Teller<'_>, course: &mut Course) {
    match request {
        Request::Policy(policy) => course.policy = policy,
        Request::Limits(limits) => course.limits = limits,
        Request::Health(health) => course.health = health.map(|it| *it),
        Request::Environment(environment) => course.environment = environment,
        Request::Renamed(name) => teller.renamed(name),
        // It has ended, and that is what is waited for; else as below.
        Request::Wait => {
            if let Some(code) = code {
                let _ = control::send(client, &Reply::Exited { code }, &[]);
            }
            return;
        }
        // Nothing is said before the next run, and at its beginning the connection ends, so that it is asked.
        Request::Await(_) => return,
        // The same for the pod, whose members come when it runs.
        Request::Place | Request::Member | Request::Sidecar if code.is_none() => return,
        _ => {
            let again = if code.is_some() { " again" } else { "" };
            let chain = vec![format!("the container is not running: it is about to be started{again}")];
            let hint = Some("try again in a moment, or stop it".to_owned());
            let _ = control::send(client, &Reply::Failed(FailureReport { chain, hint, code: 125 }), &[]);
            return;
        }
    }
    let _ = control::send(client, &Reply::Done, &[]);
}
