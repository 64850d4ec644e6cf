//! The journal: what we say as a service, told under the unit's name; and waiting until everything is in it.
//!
//! Standard error would lead there as well, but journald asks for the unit of a process only when it reads what the
//! process wrote, and a command that fails has ended by then: its reason would be missing from `journalctl -u`.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use pontoon_monitor::event::JOURNAL;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_send_buffer_size;

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
    socket.connect(JOURNAL).ok()?;
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

/// So long is waited for a journal that is behind, or stands still.
const LATE: Duration = Duration::from_secs(5);

/// Waits until everything that was sent to the journal before this call can be read in it.
///
/// journald takes messages in the order in which they were sent, one after the other, and on a busy machine some time
/// later: a container's last line may be missing although everybody knows that the container has ended. So we send a
/// message as well, with nothing in it but a comment, which journald drops without a trace. Once it has received this
/// one, it has stored all those before.
pub fn catch_up() {
    // Without a journal, or without a place for messages in it, nothing can be waited for.
    let _ = send_and_wait(JOURNAL, LATE);
}

/// Sends a comment, and waits until somebody has received it, but not longer; gives whether somebody has.
fn send_and_wait(path: &str, limit: Duration) -> std::io::Result<bool> {
    let end = Instant::now() + limit;
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(limit))?;
    // A socket can be written to as long as no more than a quarter of its buffer is under way, unix(7): with the smallest
    // there is, not before this message has been received.
    set_socket_send_buffer_size(&socket, 1)?;
    let mut comment = [b' '; 3000];
    comment[0] = b'#';
    comment[2999] = b'\n';
    // Not connected: what others have under way to the same reader would count.
    socket.send_to(&comment, path)?;
    loop {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now())).unwrap_or_default();
        match poll(&mut [PollFd::new(&socket, PollFlags::OUT)], Some(&left)) {
            Err(rustix::io::Errno::INTR) => {}
            other => return Ok(other? > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_for_a_reader_waits_until_it_has_read() {
        let directory = std::env::temp_dir().join(format!("pontoon-late-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("socket");
        let name = path.to_str().unwrap();
        let reader = UnixDatagram::bind(&path).unwrap();
        assert!(!send_and_wait(name, Duration::from_millis(20)).unwrap(), "nobody has read");
        let mut buffer = [0; 8000];
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| send_and_wait(name, Duration::from_secs(60)).unwrap());
            // The one that nobody waits for any more, and the other.
            for _ in 0..2 {
                let count = reader.recv(&mut buffer).unwrap();
                assert!(buffer[..count].starts_with(b"#") && buffer[..count].ends_with(b" \n"));
            }
            assert!(waiting.join().unwrap());
        });
        drop(reader);
        send_and_wait(name, Duration::from_secs(60)).unwrap_err();
        std::fs::remove_dir_all(&directory).unwrap();
    }

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
