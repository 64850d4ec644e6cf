//! What we say as a service, told to the journal under the unit's name.
//!
//! Standard error would lead there as well, but journald asks for the unit of a process only when it reads what the
//! process wrote, and a command that fails has ended by then: its reason would be missing from `journalctl -u`.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;

/// journald's own protocol, <https://systemd.io/JOURNAL_NATIVE_PROTOCOL/>.
const SOCKET: &str = "/run/systemd/journal/socket";

/// Tells a text; false if our standard error is not the journal, or nobody takes it.
pub fn tell(text: &str, priority: u8) -> bool {
    is_stderr() && own_unit().is_some_and(|unit| send(&unit, text, priority).is_some())
}

/// Whether standard error is a stream of the journal, as `$JOURNAL_STREAM` says (systemd.exec(5)).
fn is_stderr() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    let Ok(about) = std::fs::metadata("/proc/self/fd/2") else { return false };
    stream == format!("{}:{}", about.dev(), about.ino())
}

/// A unit, and whose manager it belongs to.
#[derive(Debug, PartialEq, Eq)]
struct Unit {
    name: String,
    is_users: bool,
}

fn own_unit() -> Option<Unit> {
    unit_of(&std::fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// The service that a cgroup belongs to, cgroups(7): the last part of its path that is one.
fn unit_of(cgroup: &str) -> Option<Unit> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut services = path.split('/').filter(|part| part.ends_with(".service")).rev();
    let name = services.next()?.to_owned();
    let is_users = services.any(|manager| manager.starts_with("user@"));
    Some(Unit { name, is_users })
}

fn send(unit: &Unit, text: &str, priority: u8) -> Option<usize> {
    let socket = UnixDatagram::unbound().ok()?;
    socket.connect(SOCKET).ok()?;
    // journalctl believes the one field from the user whose unit it is, the other from root.
    let field = if unit.is_users { "USER_UNIT" } else { "OBJECT_SYSTEMD_UNIT" };
    let Unit { name, .. } = unit;
    let identifier = name.strip_suffix(".service").unwrap_or(name);
    let text = text.trim_end();
    let mut message =
        format!("PRIORITY={priority}\nSYSLOG_IDENTIFIER={identifier}\n{field}={name}\nMESSAGE\n")
            .into_bytes();
    // A text of several lines comes with its length.
    message.extend(u64::try_from(text.len()).ok()?.to_le_bytes());
    message.extend(text.as_bytes());
    message.push(b'\n');
    socket.send(&message).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(cgroup: &str, expected: Option<(&str, bool)>) {
        let found = unit_of(cgroup);
        assert_eq!(found, expected.map(|(name, is_users)| Unit { name: name.to_owned(), is_users }));
    }

    #[test]
    fn the_unit_is_found_in_the_cgroup_s_path() {
        check("0::/system.slice/web.service\n", Some(("web.service", false)));
        check("0::/system.slice/web.service/supervisor-0123\n", Some(("web.service", false)));
        let user = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/web.service\n";
        check(user, Some(("web.service", true)));
        check("0::/user.slice/user-1000.slice/session-1.scope\n", None);
        check("1:name=systemd:/x.service\n", None);
    }
}
