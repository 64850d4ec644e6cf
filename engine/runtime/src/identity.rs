//! Who a process is, by the container's own `/etc/passwd` and `/etc/group`.
//!
//! Both files come from the image or from a mount and are hostile input: they are read as regular files only, up to a limit, and lines that
//! are not of the form of passwd(5) and group(5) are passed over.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use crate::databases::Databases;
use crate::message::{Failure, Step};
use crate::plan::{Files, HostEntry, Process};

/// Largest user database that is read.
const MAX_DATABASE: usize = 8 << 20;

/// A user, resolved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// User id inside.
    pub uid: u32,
    /// Group id inside.
    pub gid: u32,
    /// Supplementary groups inside.
    pub groups: Vec<u32>,
    /// Home directory.
    pub home: String,
    /// Whether `/etc/passwd` has an entry for the user.
    pub known: bool,
    /// Whether `/etc/group` has an entry for the group.
    pub known_group: bool,
}

struct PasswdEntry<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

fn passwd_entries(text: &str) -> impl Iterator<Item = PasswdEntry<'_>> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        let home = fields.nth(1).unwrap_or("");
        Some(PasswdEntry { name, uid, gid, home })
    })
}

fn group_entries(text: &str) -> impl Iterator<Item = (&str, u32, &str)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?, fields.next().unwrap_or("")))
    })
}

/// Looks up `user`, `uid`, `user:group`, `uid:gid`, … as Podman does: with a group given, only that group and `more` are
/// set; without, the user's primary group and the groups that list it as a member; with an empty one (`user:`) the primary
/// group alone; where no user is asked for, `more` alone.
///
/// # Errors
/// [`Step::UnknownUser`], [`Step::UnknownGroup`].
pub fn resolve(user: &str, more: &[String], passwd: &str, group: &str) -> Result<Identity, Failure> {
    let mut identity = resolve_joining(user, more, passwd, group)?;
    if !user.is_empty() && !identity.groups.contains(&identity.gid) {
        identity.groups.push(identity.gid);
        identity.groups.sort_unstable();
    }
    Ok(identity)
}

/// The same for a process that comes later: as with Podman, its own group is not among its further ones.
fn resolve_joining(user: &str, more: &[String], passwd: &str, group: &str) -> Result<Identity, Failure> {
    let (user, wanted_group) = match user.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (user, None),
    };
    let user = if user.is_empty() { "0" } else { user };
    let entry = passwd_entries(passwd)
        .find(|it| it.name == user)
        .or_else(|| user.parse().ok().and_then(|uid: u32| passwd_entries(passwd).find(|it| it.uid == uid)));
    let uid = match (&entry, user.parse::<u32>()) {
        (Some(entry), _) => entry.uid,
        (None, Ok(uid)) if uid <= i32::MAX as u32 => uid,
        _ => return Err(Failure { step: Step::UnknownUser, subject: user.to_owned(), errno: 0 }),
    };
    let group_id = |name: &str| {
        let named = group_entries(group).find(|it| it.0 == name).map(|it| it.1);
        let number = || name.parse().ok().filter(|gid| *gid <= i32::MAX as u32);
        named.or_else(number).ok_or_else(|| Failure {
            step: Step::UnknownGroup,
            subject: name.to_owned(),
            errno: 0,
        })
    };
    let mut groups = Vec::new();
    let gid = match wanted_group {
        Some(name) if !name.is_empty() => group_id(name)?,
        given => {
            if let (Some(entry), None) = (&entry, given) {
                let lists_user = |members: &str| members.split(',').any(|it| it == entry.name);
                groups.extend(group_entries(group).filter(|it| lists_user(it.2)).map(|it| it.1));
            }
            entry.as_ref().map_or(0, |it| it.gid)
        }
    };
    for name in more {
        groups.push(group_id(name)?);
    }
    groups.sort_unstable();
    groups.dedup();
    let home = entry.as_ref().map(|it| it.home).filter(|it| !it.is_empty()).unwrap_or("/").to_owned();
    let known_group = group_entries(group).any(|it| it.1 == gid);
    Ok(Identity { uid, gid, groups, home, known: entry.is_some(), known_group })
}

/// Looks a user, and more groups, up in the databases below `root`. For numbers one that cannot be read is empty.
pub(crate) fn look_up_in(root: &OwnedFd, user: &str, more: &[String]) -> Result<Identity, Failure> {
    look_up_read(databases_in(root), |passwd, group| resolve(user, more, passwd, group))
}

/// Looks up who runs a process that comes later. What the container has done to its databases since keeps nobody out who is
/// meant by a number.
pub(crate) fn look_up_joining(root: &OwnedFd, user: &str, more: &[String]) -> Result<Identity, Failure> {
    look_up_read(databases_in(root), |passwd, group| resolve_joining(user, more, passwd, group))
}

/// The contents of both databases, or why there are none.
type Read = [Result<String, Failure>; 2];

fn databases_in(root: &OwnedFd) -> Read {
    ["/etc/passwd", "/etc/group"].map(|path| read_database_in(root, path))
}

/// Takes a database that cannot be read for empty; whoever misses a name in it hears why it is not there.
fn look_up_read(
    [passwd, group]: Read,
    resolve: impl FnOnce(&str, &str) -> Result<Identity, Failure>,
) -> Result<Identity, Failure> {
    let text = |database: &Result<String, Failure>| database.as_ref().map_or("", String::as_str).to_owned();
    resolve(&text(&passwd), &text(&group)).map_err(|failure| match failure.step {
        Step::UnknownUser => passwd.err().unwrap_or(failure),
        Step::UnknownGroup => group.err().unwrap_or(failure),
        _ => failure,
    })
}

/// Looks up who runs a process; users of the host's are in no database yet, and are found by their names behind those who are.
pub(crate) fn look_up_for(databases: Databases<'_>, process: &Process) -> Result<Identity, Failure> {
    look_up_among(databases, &process.user, &process.groups, process.host_entries())
}

/// Looks up who gets what is given away of a container's files.
pub(crate) fn look_up_owner(databases: Databases<'_>, files: &Files) -> Result<Identity, Failure> {
    look_up_among(databases, &files.owner, &[], &files.hosts)
}

/// The same where nothing runs: whatever the container has done to its databases, its files are its owner's to have. Who is
/// not to be found is root.
pub(crate) fn look_up_owner_at_rest(databases: Databases<'_>, files: &Files) -> Identity {
    look_up_owner(databases, files)
        .unwrap_or_else(|_| Identity { home: "/".to_owned(), ..Identity::default() })
}

fn look_up_among(
    databases: Databases<'_>,
    user: &str,
    more: &[String],
    hosts: &[HostEntry],
) -> Result<Identity, Failure> {
    let mut passwd = databases.read("passwd")?;
    let name = user.split(':').next().unwrap_or_default();
    for host in hosts.iter().filter(|it| it.name == name) {
        passwd.push('\n');
        passwd.push_str(&host.line);
    }
    resolve(user, more, &passwd, &databases.read("group")?)
}

/// Whether the database below `root` has a group with this name.
pub(crate) fn has_group(root: &OwnedFd, name: &str) -> bool {
    read_database_in(root, "/etc/group").is_ok_and(|text| group_entries(&text).any(|it| it.0 == name))
}

/// The names of all users and of all groups in the databases below `root`, by number; of several with one number the first.
#[must_use]
pub fn names_in(root: &OwnedFd) -> (BTreeMap<u32, String>, BTreeMap<u32, String>) {
    let read = |path| read_database_in(root, path).unwrap_or_default();
    let (mut users, mut groups) = (BTreeMap::new(), BTreeMap::new());
    for entry in passwd_entries(&read("/etc/passwd")) {
        users.entry(entry.uid).or_insert_with(|| entry.name.to_owned());
    }
    for (name, gid, _) in group_entries(&read("/etc/group")) {
        groups.entry(gid).or_insert_with(|| name.to_owned());
    }
    (users, groups)
}

/// Reads a database file below `root`. One that is missing, or that is no regular file, is empty: a FIFO must not hang us,
/// and a device must not be opened.
pub(crate) fn read_database_in(root: &OwnedFd, path: &str) -> Result<String, Failure> {
    let failed = |err| Failure::new(Step::UserDatabase, path, err);
    let handle = match crate::paths::open(root, path, OFlags::PATH) {
        Ok(handle) => handle,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(String::new()),
        Err(err) => return Err(failed(err)),
    };
    if crate::paths::kind(&handle).map_err(failed)? != FileType::RegularFile {
        return Ok(String::new());
    }
    let file = crate::paths::open(root, path, OFlags::RDONLY | OFlags::NONBLOCK).map_err(failed)?;
    read_regular(&file).map_err(failed)
}

/// Reads an open database, which is empty if it is no regular file.
pub(crate) fn read_regular(file: &OwnedFd) -> Result<String, Errno> {
    if crate::paths::kind(file)? != FileType::RegularFile {
        return Ok(String::new());
    }
    let mut bytes = Vec::new();
    let mut chunk = [0u8; 16 << 10];
    loop {
        match rustix::io::read(file, &mut chunk) {
            Ok(0) => break,
            Ok(count) if bytes.len() + count > MAX_DATABASE => return Err(Errno::FBIG),
            Ok(count) => bytes.extend(chunk.iter().take(count)),
            Err(Errno::INTR) => {}
            Err(err) => return Err(err),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nbad line\nnginx:x:101:102:nginx:/nonexistent:/bin/false\n7:x:70:71::/seven:\n";
    const GROUP: &str = "root:x:0:\nnginx:x:102:\nwww:x:33:nginx,other\nadm:x:4:nginx\n";

    #[track_caller]
    fn check(user: &str, more: &[&str], expected: (u32, u32, &[u32], &str)) {
        let more: Vec<_> = more.iter().map(|it| (*it).to_owned()).collect();
        let found = resolve(user, &more, PASSWD, GROUP).unwrap();
        assert_eq!((found.uid, found.gid, &found.groups[..], &found.home[..]), expected);
    }

    #[test]
    fn a_user_brings_its_group_and_the_groups_that_list_it() {
        check("", &[], (0, 0, &[], "/root"));
        check("", &["www", "3000"], (0, 0, &[33, 3000], "/root"));
        check("root", &[], (0, 0, &[0], "/root"));
        check(":33", &[], (0, 33, &[33], "/root"));
        check("nginx", &[], (101, 102, &[4, 33, 102], "/nonexistent"));
        check("101", &[], (101, 102, &[4, 33, 102], "/nonexistent"));
    }

    #[test]
    fn a_group_that_is_given_replaces_them() {
        check("nginx:www", &[], (101, 33, &[33], "/nonexistent"));
        check("5000:6000", &[], (5000, 6000, &[6000], "/"));
        check("nginx:", &[], (101, 102, &[102], "/nonexistent"));
        check("nginx:", &["99"], (101, 102, &[99, 102], "/nonexistent"));
        check("nginx", &["adm", "99"], (101, 102, &[4, 33, 99, 102], "/nonexistent"));
    }

    #[test]
    fn whoever_comes_later_has_its_own_group_only_once() {
        let groups = |user: &str, more: &[&str]| {
            let more: Vec<_> = more.iter().map(|it| (*it).to_owned()).collect();
            let found = resolve_joining(user, &more, PASSWD, GROUP).unwrap();
            (found.gid, found.groups)
        };
        assert_eq!(groups("1000:1000", &["20"]), (1000, vec![20]));
        assert_eq!(groups("1000:1000", &[]), (1000, vec![]));
        assert_eq!(groups("nginx", &[]), (102, vec![4, 33]));
        assert_eq!(groups("1000:1000", &["1000"]), (1000, vec![1000]));
    }

    #[test]
    fn a_number_without_an_entry_has_group_zero() {
        check("5000", &[], (5000, 0, &[0], "/"));
    }

    #[test]
    fn a_name_wins_over_a_number_of_the_same_text() {
        check("7", &[], (70, 71, &[71], "/seven"));
    }

    #[test]
    fn users_of_the_host_come_behind_the_container_s_own() {
        let directory = std::env::temp_dir().join(format!("pontoon-identity-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("etc")).unwrap();
        std::fs::write(directory.join("etc/passwd"), PASSWD).unwrap();
        let root = rustix::fs::open(&directory, OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
        let host = |name: &str| HostEntry {
            name: name.to_owned(),
            line: format!("{name}:*:7:8::/:"),
            ..HostEntry::default()
        };
        let hosts = [host("nginx"), host("games")];
        let databases = Databases { root: &root, mounts: &[], sources: &[] };
        let found = |user: &str| look_up_among(databases, user, &[], &hosts).map(|it| (it.uid, it.gid));
        assert_eq!(found("games").unwrap(), (7, 8));
        assert_eq!(found("nginx").unwrap(), (101, 102));
        assert_eq!(found("nobody").unwrap_err().step, Step::UnknownUser);
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn a_database_that_cannot_be_read_stands_in_the_way_of_names_only() {
        let unread = |path: &str| Err(Failure::new(Step::UserDatabase, path, Errno::FBIG));
        let found = |user: &str, more: &[&str], read: Read| {
            let more: Vec<_> = more.iter().map(|it| (*it).to_owned()).collect();
            look_up_read(read, |passwd, group| resolve_joining(user, &more, passwd, group))
                .map(|it| (it.uid, it.gid))
                .map_err(|it| (it.step, it.subject))
        };
        let neither = || [unread("passwd"), unread("group")];
        assert_eq!(found("", &[], neither()).unwrap(), (0, 0));
        assert_eq!(found("1000", &["7"], neither()).unwrap(), (1000, 0));
        assert_eq!(found("1000:7", &[], neither()).unwrap(), (1000, 7));
        assert_eq!(found("nginx", &[], neither()).unwrap_err(), (Step::UserDatabase, "passwd".to_owned()));
        assert_eq!(found("1000:www", &[], neither()).unwrap_err(), (Step::UserDatabase, "group".to_owned()));
        assert_eq!(found("0", &["www"], neither()).unwrap_err(), (Step::UserDatabase, "group".to_owned()));
        let no_group = || [Ok(PASSWD.to_owned()), unread("group")];
        assert_eq!(found("nginx", &[], no_group()).unwrap(), (101, 102));
        assert_eq!(found("nobody", &[], no_group()).unwrap_err().0, Step::UnknownUser);
    }

    #[test]
    fn names_that_are_not_there_are_errors() {
        let failed = |user: &str| resolve(user, &[], PASSWD, GROUP).unwrap_err().step;
        assert_eq!(failed("nobody"), Step::UnknownUser);
        assert_eq!(failed("-1"), Step::UnknownUser);
        assert_eq!(failed("4294967295"), Step::UnknownUser);
        assert_eq!(failed("nginx:none"), Step::UnknownGroup);
    }
}
