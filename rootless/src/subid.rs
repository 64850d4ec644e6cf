//! `/etc/subuid` and `/etc/subgid`: which ids an administrator has granted to a user.
//!
//! The law is subuid(5): `name-or-uid:first:count`, one range a line. Lines that are not of that form, or that reach beyond
//! the id space, are passed over, as shadow's own tools do: one bad line must not take a user's containers away.

use std::fs;
use std::io;

use crate::idmap::OwnedRange;

/// Files that hold the grants.
pub const SUBUID: &str = "/etc/subuid";
/// The same for groups.
pub const SUBGID: &str = "/etc/subgid";

/// Reads the ranges of a user from `path`; a file that is not there grants nothing.
///
/// # Errors
/// Any other failure to read the file.
pub fn read(path: &str, name: Option<&str>, uid: u32) -> io::Result<Vec<OwnedRange>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(ranges_of(&text, name, uid)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(err) => Err(err),
    }
}

/// The ranges that `text` grants to a user, by name or by number, in order.
#[must_use]
pub fn ranges_of(text: &str, name: Option<&str>, uid: u32) -> Vec<OwnedRange> {
    text.lines()
        .filter_map(|line| {
            let mut fields = line.trim().split(':');
            let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
            let ours = Some(owner) == name || owner.parse() == Ok(uid);
            let (first, count): (u32, u32) = (first.parse().ok()?, count.parse().ok()?);
            (ours && fields.next().is_none() && count > 0 && first.checked_add(count).is_some())
                .then_some((first, count))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_found_by_name_and_by_number() {
        let text = "bob:1:1\nalice:100000:65536\n1000:300000:10\n# comment\n";
        assert_eq!(ranges_of(text, Some("alice"), 1000), [(100_000, 65_536), (300_000, 10)]);
        assert_eq!(ranges_of(text, None, 1000), [(300_000, 10)]);
        assert_eq!(ranges_of(text, Some("carol"), 1002), []);
    }

    #[test]
    fn malformed_lines_are_passed_over() {
        let text = "alice:1\nalice:x:1\nalice:-1:5\nalice:1:0\nalice:4294967295:9\nalice:5:6:7\nalice:7:8\n";
        assert_eq!(ranges_of(text, Some("alice"), 1000), [(7, 8)]);
    }
}
