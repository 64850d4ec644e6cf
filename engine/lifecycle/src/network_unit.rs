//! The unit that connects containers to networks: that somebody listens there.

use std::path::{Path, PathBuf};

use pontoon_network::lease::{self, SOCKET_UNIT};
use pontoon_rootless::dbus::{ManagerError, UnitDeed, change_units};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::host::Host;
use crate::start::connect_to_manager;

/// Sees to it that the unit's socket is there. Where it is, which is nearly always, nobody is asked: one connection tells, and
/// starts the unit while the rest is planned.
///
/// # Errors
/// [`ManagerError`] if the service manager does not make it.
pub fn ensure(host: &Host) -> Result<(), ManagerError> {
    let path = socket(host);
    let is_there = || {
        let stream = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        connect(&stream, &SocketAddrUnix::new(&path)?)
    };
    if is_there().is_ok() {
        return Ok(());
    }
    let deed = "start the unit".to_owned();
    let bus = connect_to_manager(host).map_err(|source| ManagerError::Bus { deed, source })?;
    match change_units(&bus, &[SOCKET_UNIT], UnitDeed::Start)?.into_iter().next() {
        Some(err) => Err(err),
        None => Ok(()),
    }
}

/// Where it is reached.
pub(crate) fn socket(host: &Host) -> PathBuf {
    let runtime = match host.runtime_directory() {
        Some(directory) if host.is_rootless() => directory,
        _ => Path::new("/run"),
    };
    lease::socket(&host.paths.run, runtime)
}
