//! Names of users and groups of the host.
//!
//! `/etc/passwd` and `/etc/group` first, since reading it costs a tenth of a millisecond; users from elsewhere (LDAP, homed) by `getent`,
//! which asks whatever the host has set up, also from a static program.

use std::fs;
use std::process::{Command, Stdio};

/// A user of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostUser {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// What else is said of the user, mostly the whole name.
    pub comment: String,
    /// Home directory.
    pub home: String,
}

/// Finds the user with an id.
#[must_use]
pub fn by_uid(uid: u32) -> Option<HostUser> {
    lookup(&uid.to_string(), |user| user.uid == uid)
}

/// Finds the user with an id in the host's own file, which costs no process.
#[must_use]
pub fn local_by_uid(uid: u32) -> Option<HostUser> {
    fs::read_to_string("/etc/passwd").ok()?.lines().filter_map(parse).find(|user| user.uid == uid)
}

/// Finds the user with a name.
#[must_use]
pub fn by_name(name: &str) -> Option<HostUser> {
    lookup(name, |user| user.name == name)
}

/// Finds the number of the group with a name.
#[must_use]
pub fn group_id(name: &str) -> Option<u32> {
    find("group", name, |line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then(|| fields.nth(1)?.parse().ok())?
    })
}

/// The groups that a user is a member of besides the primary one, as `/etc/group` has them.
#[must_use]
pub fn groups_of(name: &str) -> Vec<u32> {
    let text = fs::read_to_string("/etc/group").unwrap_or_default();
    text.lines().filter_map(|line| group_with(line, name)).collect()
}

/// The number of the group in a line of group(5), if it has that member.
fn group_with(line: &str, member: &str) -> Option<u32> {
    let mut fields = line.split(':').skip(2);
    let gid = fields.next()?.parse().ok()?;
    fields.next()?.split(',').any(|it| it == member).then_some(gid)
}

fn lookup(key: &str, wanted: impl Fn(&HostUser) -> bool) -> Option<HostUser> {
    find("passwd", key, |line| parse(line).filter(|user| wanted(user)))
}

/// Looks through a database of names: the host's own file, then whatever else it asks.
fn find<T>(database: &str, key: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
    let first = |text: &str| text.lines().find_map(&read);
    let local = fs::read_to_string(format!("/etc/{database}")).ok().and_then(|text| first(&text));
    local.or_else(|| {
        let program = crate::helper::find("getent", "libc-bin").ok()?;
        let output = Command::new(program)
            .args([database, "--", key])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        first(std::str::from_utf8(&output.ok()?.stdout).ok()?)
    })
}

/// One line of passwd(5).
fn parse(line: &str) -> Option<HostUser> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(HostUser { name, uid, gid, comment: fields.next()?.to_owned(), home: fields.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_found_by_number_and_by_name() {
        assert_eq!(by_uid(0).map(|it| it.name), Some("root".to_owned()));
        assert_eq!(by_name("root").map(|it| it.home), Some("/root".to_owned()));
        assert_eq!(by_name("no-such-user"), None);
        assert_eq!(local_by_uid(0).map(|it| it.name), Some("root".to_owned()));
    }

    #[test]
    fn members_of_a_group_are_whole_names() {
        assert_eq!(group_with("video:x:44:web,alice", "web"), Some(44));
        assert_eq!(group_with("video:x:44:webmaster", "web"), None);
        assert_eq!(group_with("video:x:44:", "web"), None);
        assert_eq!(group_with("broken", "web"), None);
    }
}
