//! Faults told to the journal under the name of the service they are about, so that `journalctl -u web` has them.
//!
//! Only where journald is running already: at boot the system's generators run before it, and the kernel's log
//! takes their words. Never waits.

use std::os::unix::net::UnixDatagram;

use pontoon_units::{Diagnostic, Severity};

/// journald's own protocol, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.
const SOCKET: &str = "/run/systemd/journal/socket";

/// The way to journald.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    /// The field that ties a line to a service; journalctl believes the one of users from themselves, and the
    /// other from root alone.
    field: &'static str,
}

impl Journal {
    /// Finds journald.
    pub fn open(user: bool) -> Option<Self> {
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        socket.connect(SOCKET).ok()?;
        Some(Self { socket, field: if user { "USER_UNIT" } else { "OBJECT_SYSTEMD_UNIT" } })
    }

    /// Tells a fault; false if nobody takes it.
    pub fn tell(&mut self, service: &str, fault: &Diagnostic) -> bool {
        let priority = match fault.severity {
            Severity::Error => 3,
            Severity::Warning => 4,
        };
        let message = fault.with_its_hint();
        let text = format!(
            "MESSAGE={message}\nPRIORITY={priority}\nSYSLOG_IDENTIFIER=pontoon-generator\n{}={service}\n",
            self.field
        );
        self.socket.send(text.as_bytes()).is_ok()
    }
}
