//! Asking slirp4netns for published ports, over its socket.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use serde::Deserialize;

use crate::slirp::{PLACE, SOCKET, forward_requests};
use crate::{HelperPlan, NetworkError, Protocol};

/// It answers at once, or never.
const PATIENCE: Duration = Duration::from_secs(10);
/// Far more than any answer.
const LONGEST_ANSWER: u64 = 4096;

#[derive(Deserialize)]
struct Answer {
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    desc: String,
}

/// Asks for every port of the plan.
pub(crate) fn add_all(plan: &HelperPlan, directory: &Path) -> Result<(), NetworkError> {
    let Some(guest) = plan.guest else { return Ok(()) };
    for mapping in &plan.forwards {
        for (port, request) in forward_requests(mapping, guest) {
            add(directory, &request, port, mapping.protocol)?;
        }
    }
    Ok(())
}

fn add(directory: &Path, request: &str, port: u16, protocol: Protocol) -> Result<(), NetworkError> {
    let answer =
        ask(directory, request).map_err(|source| NetworkError::Forward { port, protocol, source })?;
    let understood: Result<Answer, _> = serde_json::from_str(answer.trim());
    match understood {
        Ok(Answer { error: None }) => Ok(()),
        Ok(Answer { error: Some(fault) }) => {
            Err(NetworkError::ForwardRefused { port, protocol, words: fault.desc })
        }
        Err(_) => Err(NetworkError::ForwardRefused { port, protocol, words: "no answer".to_owned() }),
    }
}

/// Where the socket is: in the container's runtime directory, or in the place there that was made for it.
pub(crate) fn place(directory: &Path) -> PathBuf {
    let place = directory.join(PLACE);
    if place.is_dir() { place } else { directory.to_owned() }
}

fn ask(directory: &Path, request: &str) -> io::Result<String> {
    // By way of the directory's descriptor, since a socket's path has 107 bytes at most.
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = rustix::fs::open(place(directory), flags, Mode::empty())?;
    let mut stream = UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", handle.as_raw_fd()))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(request.as_bytes())?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    stream.take(LONGEST_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}
