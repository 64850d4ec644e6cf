//! Where events go: the journal's socket, a file, or nowhere. Nobody waits for any of them for long, and nothing fails.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, MemfdFlags, SealFlags, fcntl_add_seals, flock, memfd_create};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags,
    SocketType, sendmsg_addr, sendto, socket_with,
};
use serde::{Deserialize, Serialize};

use super::{Event, to_journal, to_line};
use crate::whole;

/// The journal's socket.
pub const JOURNAL: &str = "/run/systemd/journal/socket";

/// For how long an event waits for a journal that has no room for it: it may be busy with what containers write.
const PATIENCE: Duration = Duration::from_millis(200);

/// The file, below the store's runtime directory; Podman's is at the same place below its own.
pub const FILE: &str = "events/events.log";
/// What follows the file's name when it has reached its size and begins anew: one older file is kept.
pub const FILE_BEFORE: &str = ".1";
/// Size at which the file begins anew; Podman's.
pub const MAX_FILE: u64 = 1 << 20;

/// Where events go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventLog {
    /// To the journal.
    Journald,
    /// Into a file.
    File(PathBuf),
    /// Nowhere.
    #[default]
    None,
}

impl EventLog {
    /// Where events go unless something else is asked for; `run` is the store's runtime directory.
    #[must_use]
    pub fn usual(run: &Path) -> Self {
        if Path::new(JOURNAL).exists() { Self::Journald } else { Self::file(run) }
    }

    /// The file of a store.
    #[must_use]
    pub fn file(run: &Path) -> Self {
        Self::File(run.join(FILE))
    }

    /// Tells of an event. If that cannot be done, or not soon, it is not done.
    pub fn tell(&self, event: &Event) {
        let _ = match self {
            Self::Journald => send(Path::new(JOURNAL), &to_journal(event)),
            Self::File(path) => append(path, &to_line(event), MAX_FILE),
            Self::None => Ok(()),
        };
    }
}

/// Sends one message, without waiting long for a reader that is slow.
pub(super) fn send(path: &Path, message: &[u8]) -> io::Result<()> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    let address = SocketAddrUnix::new(path)?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE))?;
    match sendto(&socket, message, SendFlags::NOSIGNAL, &address) {
        Err(Errno::MSGSIZE) => send_as_file(&socket, &address, message),
        other => Ok(other.map(drop)?),
    }
}

/// What is too long for a message goes in a sealed memory file, as the protocol has it.
fn send_as_file(socket: &OwnedFd, address: &SocketAddrUnix, message: &[u8]) -> io::Result<()> {
    let mut file =
        File::from(memfd_create("pontoon-event", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(message)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE | SealFlags::SEAL)?;
    let fds = [file.as_fd()];
    let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg_addr(socket, address, &[IoSlice::new(&[])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Appends one line with one write, so that lines of several writers never mix.
pub(super) fn append(path: &Path, line: &[u8], max: u64) -> io::Result<()> {
    let mut file = match open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let directory = path.parent().unwrap_or(Path::new("/"));
            DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            open(path)?
        }
        other => other?,
    };
    let size = file.metadata()?.len();
    if size > 0 && size + line.len() as u64 > max && begin_anew(path, &file)? {
        file = open(path)?;
    }
    whole::append(&file, line)
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    // Nothing but a file of ours is waited for or followed.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(path)
}

/// Puts a full file aside; false if another writer is just doing so, and this line is its last.
pub(super) fn begin_anew(path: &Path, file: &File) -> io::Result<bool> {
    if flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(false);
    }
    // Somebody may have done so between our look and the lock: then the file there is another one, and fresh;
    // or that one is full too, and just being put aside by a third, who has its lock.
    let ours = file.metadata()?;
    match std::fs::metadata(path) {
        Ok(there) if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) => {
            std::fs::rename(path, before(path))?;
        }
        Err(err) if err.kind() != io::ErrorKind::NotFound => return Err(err),
        Ok(_) | Err(_) => {}
    }
    Ok(true)
}

/// The older file.
pub(super) fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(FILE_BEFORE);
    name.into()
}
