//! `/etc/subuid` and `/etc/subgid`: which ids an administrator has granted to a user.
//!
//! The law is subuid(5): `name-or-uid:first:count`, one range a line. Lines that are not of that form, or that reach beyond
//! the id space, are passed over, as shadow's own tools do: one bad line must not take a user's containers away.

use std::fs;
use std::io;

use crate::idmap::OwnedRange;

mod allot;

pub use allot::{AllotError, Allotted, Rules, allot, free_range, next_range};

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
        .filter_map(parse)
        .filter(|(owner, _)| owns(owner, name, uid))
        .map(|(_, range)| range)
        .collect()
}

/// One line of a grant file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Whose it is: a name or a number.
    pub owner: String,
    /// Its ids.
    pub range: OwnedRange,
}

/// All that `text` grants to anybody, in order.
#[must_use]
pub fn grants(text: &str) -> Vec<Grant> {
    text.lines().filter_map(parse).map(|(owner, range)| Grant { owner: owner.to_owned(), range }).collect()
}

/// Grants to others that have ids of a user's, each with the range of the user's that it meets.
#[must_use]
pub fn shared(grants: &[Grant], name: Option<&str>, uid: u32) -> Vec<(OwnedRange, Grant)> {
    let (own, others): (Vec<&Grant>, Vec<&Grant>) = grants.iter().partition(|it| owns(&it.owner, name, uid));
    own.iter()
        .flat_map(|own| {
            let met = others.iter().filter(|it| overlap(own.range, it.range));
            met.map(|other| (own.range, (*other).clone()))
        })
        .collect()
}

fn overlap(one: OwnedRange, other: OwnedRange) -> bool {
    let end = |it: OwnedRange| u64::from(it.0) + u64::from(it.1);
    u64::from(one.0) < end(other) && u64::from(other.0) < end(one)
}

fn owns(owner: &str, name: Option<&str>, uid: u32) -> bool {
    Some(owner) == name || owner.parse() == Ok(uid)
}

fn parse(line: &str) -> Option<(&str, OwnedRange)> {
    let mut fields = line.trim().split(':');
    let (owner, first, count) = (fields.next()?, fields.next()?, fields.next()?);
    let (first, count): (u32, u32) = (first.parse().ok()?, count.parse().ok()?);
    (fields.next().is_none() && count > 0 && first.checked_add(count).is_some())
        .then_some((owner, (first, count)))
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

    #[test]
    fn ranges_that_others_have_too_are_found() {
        let text = "alice:100000:10\nbob:100009:5\ncarol:100010:5\n1000:200000:1\ndave:200000:1\n";
        let met = shared(&grants(text), Some("alice"), 1000);
        let met: Vec<_> = met.iter().map(|(own, other)| (*own, other.owner.as_str())).collect();
        assert_eq!(met, [((100_000, 10), "bob"), ((200_000, 1), "dave")]);
        assert_eq!(shared(&grants("alice:1:5\nalice:1:5\n"), Some("alice"), 1000), []);
    }
}
