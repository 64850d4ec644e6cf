//! The service manager's notification socket, and the filtered one that a payload gets.
//!
//! The protocol is sd_notify(3): newline-separated assignments in a datagram.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, chmod};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, recv, sendto,
    socket_with,
};

/// What a payload may say: how it is, not who it is, nor what becomes of descriptors.
const ALLOWED: [&str; 8] = [
    "READY",
    "STATUS",
    "RELOADING",
    "STOPPING",
    "WATCHDOG",
    "ERRNO",
    "EXTEND_TIMEOUT_USEC",
    "MONOTONIC_USEC",
];

/// Longest datagram that is looked at.
const MAX_DATAGRAM: usize = 4096;

/// systemd's end.
#[derive(Debug)]
pub struct Notifier {
    socket: OwnedFd,
    address: SocketAddrUnix,
    watches: bool,
}

impl Notifier {
    /// The socket of `$NOTIFY_SOCKET`; `None` if we were not started by a manager that wants to hear.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let name = std::env::var("NOTIFY_SOCKET").ok()?;
        let address = match name.strip_prefix('@') {
            Some(abstract_name) => SocketAddrUnix::new_abstract_name(abstract_name.as_bytes()),
            None => SocketAddrUnix::new(name),
        };
        let watches = std::env::var_os("WATCHDOG_USEC").is_some();
        Some(Self { socket: datagram().ok()?, address: address.ok()?, watches })
    }

    /// Whether it wants to hear again and again that all is well (`WatchdogSec=`).
    #[must_use]
    pub fn watches(&self) -> bool {
        self.watches
    }

    /// Says something. A manager that does not listen is no fault of the container's.
    pub fn tell(&self, text: &str) {
        let _ = sendto(&self.socket, text.as_bytes(), SendFlags::NOSIGNAL, &self.address);
    }
}

fn datagram() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None)?)
}

/// Makes the payload's socket at `path`; any user of the container may write to it.
///
/// # Errors
/// The kernel's error.
pub fn listen_at(path: &Path) -> io::Result<OwnedFd> {
    match std::fs::remove_file(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        _ => {}
    }
    let socket = datagram()?;
    let (directory, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or_default());
    let handle = std::fs::File::open(directory)?;
    // Through a handle: the path may be longer than a socket address.
    use std::os::fd::AsRawFd;
    let short = format!("/proc/self/fd/{}/{}", handle.as_raw_fd(), name.to_string_lossy());
    bind(&socket, &SocketAddrUnix::new(short)?)?;
    chmod(path, Mode::from_raw_mode(0o777))?;
    Ok(socket)
}

/// Takes one datagram and passes on what is allowed. Descriptors that came with it are closed by not being received.
pub fn relay(from: impl AsFd, to: &Notifier) {
    let mut bytes = [0u8; MAX_DATAGRAM];
    let Ok((count, _)) = recv(from, &mut bytes, RecvFlags::DONTWAIT) else { return };
    let text = String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned();
    let passed = filtered(&text);
    if !passed.is_empty() {
        to.tell(&passed);
    }
}

fn filtered(text: &str) -> String {
    let allowed = |line: &&str| line.split_once('=').is_some_and(|(name, _)| ALLOWED.contains(&name));
    text.lines().filter(allowed).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_harmless_fields_pass() {
        let said = "MAINPID=1\nREADY=1\nFDSTORE=1\nSTATUS=up\nBARRIER=1\nNOTIFYACCESS=all\nnonsense";
        assert_eq!(filtered(said), "READY=1\nSTATUS=up");
        assert_eq!(filtered("MAINPID=1"), "");
    }
}
