//! Those who come when the end has come already.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use pontoon_monitor::control::{self, Reply, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::door::Door;

/// For how long somebody who has connected is waited for: he says at once what he wants.
const PATIENCE: Duration = Duration::from_millis(100);

/// Tells the end to those who have connected and were not heard yet, and to those at the door: `clients` and `control`. Without
/// it they could only say that nobody is there any more, and of a container that is removed at its end nobody else knows how it
/// has ended. Gives the connections, which are to stand until we have gone.
pub fn answer(mut clients: Vec<OwnedFd>, control: &OwnedFd, code: i32) -> Vec<OwnedFd> {
    let mut door = Door::new(control);
    let end = Instant::now() + PATIENCE;
    let mut answered = Vec::new();
    loop {
        while let Some(client) = door.next() {
            clients.push(client);
        }
        let left = end.saturating_duration_since(Instant::now());
        if clients.is_empty() || left.is_zero() {
            answered.append(&mut clients);
            return answered;
        }
        let ready: Vec<bool> = {
            let mut fds: Vec<_> = clients.iter().map(|it| PollFd::new(it, PollFlags::IN)).collect();
            let timeout = Timespec::try_from(left).ok();
            let _ = poll(&mut fds, timeout.as_ref());
            fds.iter().map(|it| !it.revents().is_empty()).collect()
        };
        let mut silent = Vec::new();
        for (client, is_ready) in clients.into_iter().zip(ready) {
            if !is_ready {
                silent.push(client);
            } else if let Ok(Some((request, _))) = control::receive::<Request>(&client) {
                tell(&client, &request, code);
                answered.push(client);
            }
        }
        clients = silent;
    }
}

/// Who asks for something else sees that nobody is there.
fn tell(client: &OwnedFd, request: &Request, code: i32) {
    let exited = Reply::Exited { code };
    let replies = match request {
        // All that it wrote was written before.
        Request::Attach => vec![Reply::Done, exited],
        Request::Wait | Request::Stop { .. } | Request::Await(_) => vec![exited],
        _ => Vec::new(),
    };
    for reply in replies {
        let _ = control::send(client, &reply, &[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_is_told_the_end() {
        let directory = std::env::temp_dir().join(format!("pontoon-late-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let socket = control::listen_in(&directory).unwrap();
        let connect = || control::connect_in(&directory).unwrap();
        let (known, silent, waits, attaches, checks) =
            (connect(), connect(), connect(), connect(), connect());
        let accepted: Vec<OwnedFd> = std::iter::from_fn(|| Door::new(&socket).next()).take(2).collect();
        for (client, request) in [
            (&known, Request::Stop { timeout: None }),
            (&waits, Request::Wait),
            (&attaches, Request::Attach),
            (&checks, Request::Check),
        ] {
            control::send(client, &request, &[]).unwrap();
        }
        // Nobody is told of a directory that is gone.
        std::fs::remove_dir_all(&directory).unwrap();
        drop(answer(accepted, &socket, 3));
        let heard = |client: &OwnedFd| {
            let next = || control::receive::<Reply>(client).unwrap().map(|it| it.0);
            std::iter::from_fn(next).collect::<Vec<_>>()
        };
        let exited = Reply::Exited { code: 3 };
        for client in [&known, &waits] {
            assert_eq!(heard(client), std::slice::from_ref(&exited));
        }
        assert_eq!(heard(&attaches), [Reply::Done, exited]);
        assert!(heard(&checks).is_empty() && heard(&silent).is_empty());
    }
}
