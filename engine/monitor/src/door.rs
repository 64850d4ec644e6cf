//! The control socket's door: whoever connects is let in, or turned away where no descriptor is left for him.

use std::os::fd::OwnedFd;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::net::{SocketFlags, accept_with};

/// The door. A connection that is not taken would be told of again and again, for ever; so a descriptor is kept that can be
/// given up for a moment, to take the connection and close it.
#[derive(Debug)]
pub struct Door<'a> {
    socket: &'a OwnedFd,
    spare: Option<OwnedFd>,
}

impl<'a> Door<'a> {
    /// A door at a listening socket, which does not block.
    pub fn new(socket: &'a OwnedFd) -> Self {
        Self { socket, spare: spare(socket) }
    }

    /// The socket.
    pub fn socket(&self) -> &'a OwnedFd {
        self.socket
    }

    /// The next who has connected; `None` if there is nobody.
    pub fn next(&mut self) -> Option<OwnedFd> {
        let accept = || accept_with(self.socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK);
        loop {
            match accept() {
                Ok(client) => return Some(client),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(Errno::MFILE | Errno::NFILE) => {
                    // Without one there is nothing to be done.
                    drop(self.spare.take()?);
                    let is_nobody = accept().map(drop).is_err();
                    self.spare = spare(self.socket);
                    // The kernel looks for a free descriptor before it looks who is there.
                    if is_nobody {
                        return None;
                    }
                }
                Err(_) => return None,
            }
        }
    }
}

fn spare(socket: &OwnedFd) -> Option<OwnedFd> {
    fcntl_dupfd_cloexec(socket, 0).ok()
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;
    use std::process::Command;

    use pontoon_monitor::control;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    use super::*;

    /// Set in the process of its own that the test needs: the limit is the whole process's.
    const INSIDE: &str = "PONTOON_MONITOR_TEST_INSIDE";

    #[test]
    fn who_finds_no_room_is_turned_away_and_the_next_is_let_in() {
        if std::env::var_os(INSIDE).is_none() {
            let name = "door::tests::who_finds_no_room_is_turned_away_and_the_next_is_let_in";
            let mut own = Command::new(std::env::current_exe().unwrap());
            let status = own.args(["--exact", name]).env(INSIDE, "1").status().unwrap();
            return assert!(status.success());
        }
        let directory = std::env::temp_dir().join(format!("pontoon-door-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let socket = control::listen_in(&directory).unwrap();
        let clients: Vec<OwnedFd> = (0..3).map(|_| control::connect_in(&directory).unwrap()).collect();
        let mut door = Door::new(&socket);
        let first = door.next().unwrap();
        let before = getrlimit(Resource::Nofile);
        let next = spare(&socket).unwrap().as_raw_fd();
        let limit = Rlimit { current: u64::try_from(next).ok(), maximum: before.maximum };
        setrlimit(Resource::Nofile, limit).unwrap();
        // Nobody is left at the door, so it is not told of anybody either.
        assert!(door.next().is_none() && door.next().is_none());
        for turned_away in &clients[1..] {
            assert_eq!(rustix::io::read(turned_away, &mut [0; 1]).unwrap(), 0);
        }
        setrlimit(Resource::Nofile, before).unwrap();
        let late = control::connect_in(&directory).unwrap();
        assert!(door.next().is_some());
        drop((first, late));
        std::fs::remove_dir_all(directory).unwrap();
    }
}
