//! Giving a user ranges that nobody else has.
//!
//! As useradd(8) does: the rules are those of login.defs(5) (`SUB_UID_MIN` and so on), and whoever changes these files holds
//! the lock of lckpwdf(3) meanwhile, so that no two ever choose the same range.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, fcntl_lock};

use super::{SUBGID, SUBUID, grants, ranges_of};
use crate::idmap::OwnedRange;

/// The lock of all who change users, see lckpwdf(3).
const LOCK: &str = "/etc/.pwd.lock";
const LOGIN_DEFS: &str = "/etc/login.defs";
const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Where ranges may lie, and how large they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The lowest id.
    pub min: u32,
    /// The highest id.
    pub max: u32,
    /// How many ids a user gets.
    pub count: u32,
}

impl Rules {
    /// The rules in the text of login.defs(5), for `UID` or `GID`; what it does not say is shadow's own default.
    #[must_use]
    pub fn read(text: &str, kind: &str) -> Self {
        let of = |name: &str, default: u32| {
            let key = format!("SUB_{kind}_{name}");
            text.lines()
                .filter_map(|line| {
                    let mut words = line.split_whitespace();
                    (words.next()? == key).then(|| words.next()?.parse().ok())?
                })
                .next_back()
                .unwrap_or(default)
        };
        Self { min: of("MIN", 100_000), max: of("MAX", 600_100_000), count: of("COUNT", 65_536) }
    }
}

/// The lowest range by the rules without any of the ids that are taken; `None` if there is no room.
#[must_use]
pub fn free_range(rules: Rules, taken: &[OwnedRange]) -> Option<OwnedRange> {
    let mut taken = taken.to_vec();
    taken.sort_unstable();
    let mut first = u64::from(rules.min);
    for (start, count) in taken {
        if first + u64::from(rules.count) <= u64::from(start) {
            break;
        }
        first = first.max(u64::from(start) + u64::from(count));
    }
    let last = (first + u64::from(rules.count)).checked_sub(1)?;
    let first = u32::try_from(first).ok()?;
    (rules.count > 0 && last <= u64::from(rules.max)).then_some((first, rules.count))
}

/// What a user was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allotted {
    /// The file.
    pub path: &'static str,
    /// The ids.
    pub range: OwnedRange,
}

/// Why a user could not be given ids.
#[derive(Debug, thiserror::Error)]
pub enum AllotError {
    /// A file.
    #[error("cannot {deed} {}", path.display())]
    File {
        /// What was tried.
        deed: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// All ids are taken.
    #[error("{path} has no room for {count} ids that nobody has")]
    NoRoom {
        /// The file.
        path: &'static str,
        /// How many are to be given.
        count: u32,
    },
}

fn failed(deed: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> AllotError {
    let path = path.as_ref().to_owned();
    move |source| AllotError::File { deed, path, source }
}

/// Gives a user ranges in the files where it has none. Its own ones stay. For root only.
///
/// # Errors
/// See [`AllotError`].
pub fn allot(name: &str, uid: u32) -> Result<Vec<Allotted>, AllotError> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let lock = rustix::fs::open(LOCK, flags, Mode::RUSR | Mode::WUSR);
    let lock = lock.map_err(|err| failed("open", LOCK)(err.into()))?;
    fcntl_lock(&lock, FlockOperation::LockExclusive).map_err(|err| failed("lock", LOCK)(err.into()))?;
    let defaults = read(LOGIN_DEFS)?;
    let mut allotted = Vec::new();
    for (path, kind, accounts) in [(SUBUID, "UID", PASSWD), (SUBGID, "GID", GROUP)] {
        let text = read(path)?;
        if !ranges_of(&text, Some(name), uid).is_empty() {
            continue;
        }
        let rules = Rules::read(&defaults, kind);
        let mut taken: Vec<OwnedRange> = grants(&text).iter().map(|it| it.range).collect();
        taken.extend(ids(&read(accounts)?));
        let range = free_range(rules, &taken).ok_or(AllotError::NoRoom { path, count: rules.count })?;
        add(path, &text, &format!("{name}:{}:{}\n", range.0, range.1)).map_err(failed("write", path))?;
        allotted.push(Allotted { path, range });
    }
    Ok(allotted)
}

/// The range that somebody could be given next, in [`SUBUID`] or [`SUBGID`]; `None` if there is no room, or it cannot be told.
#[must_use]
pub fn next_range(path: &str) -> Option<OwnedRange> {
    let (kind, accounts) = if path == SUBUID { ("UID", PASSWD) } else { ("GID", GROUP) };
    let mut taken: Vec<OwnedRange> = grants(&read(path).ok()?).iter().map(|it| it.range).collect();
    taken.extend(ids(&read(accounts).ok()?));
    free_range(Rules::read(&read(LOGIN_DEFS).ok()?, kind), &taken)
}

/// The ids of accounts: the third field of passwd(5) and group(5) alike.
fn ids(text: &str) -> impl Iterator<Item = OwnedRange> {
    text.lines().filter_map(|line| Some((line.split(':').nth(2)?.parse().ok()?, 1)))
}

/// A file; one that is not there is empty.
fn read(path: &str) -> Result<String, AllotError> {
    match fs::read_to_string(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        other => other.map_err(failed("read", path)),
    }
}

/// Adds a line, by a new file in the place of the old one.
fn add(path: &str, text: &str, line: &str) -> io::Result<()> {
    let new = format!("{path}.pontoon");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
    if let Ok(old) = fs::metadata(path) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
        file.set_permissions(old.permissions())?;
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    file.write_all(format!("{text}{gap}{line}").as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    fs::File::open(Path::new(path).parent().unwrap_or(Path::new("/")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { min: 100, max: 199, count: 10 };

    #[test]
    fn the_lowest_free_range_is_taken() {
        let cases: [(&[OwnedRange], Option<OwnedRange>); 8] = [
            (&[], Some((100, 10))),
            (&[(100, 10)], Some((110, 10))),
            // Too small a gap, and ranges out of order.
            (&[(120, 10), (100, 15)], Some((130, 10))),
            (&[(120, 10), (100, 10)], Some((110, 10))),
            (&[(90, 15)], Some((105, 10))),
            (&[(101, 1)], Some((102, 10))),
            (&[(100, 91)], None),
            (&[(0, u32::MAX)], None),
        ];
        for (taken, expected) in cases {
            assert_eq!(free_range(RULES, taken), expected, "{taken:?}");
        }
        assert_eq!(free_range(Rules { count: 0, ..RULES }, &[]), None);
        assert_eq!(free_range(Rules { min: u32::MAX, max: u32::MAX, count: 10 }, &[]), None);
    }

    #[test]
    fn the_rules_are_those_of_login_defs() {
        let text = "# SUB_UID_MIN 1\nSUB_UID_MIN\t\t  200000\nSUB_UID_COUNT 10\nSUB_GID_MAX 5\n";
        assert_eq!(Rules::read(text, "UID"), Rules { min: 200_000, max: 600_100_000, count: 10 });
        assert_eq!(Rules::read(text, "GID").max, 5);
        assert_eq!(Rules::read("", "GID"), Rules { min: 100_000, max: 600_100_000, count: 65_536 });
    }

    #[test]
    fn accounts_have_ids() {
        let found: Vec<_> = ids("root:x:0:0::/root:/bin/sh\nbad\nalice:x:1000:1000:::\n").collect();
        assert_eq!(found, [(0, 1), (1000, 1)]);
    }
}
