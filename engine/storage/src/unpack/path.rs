//! Paths of entries: cut into parent and name, refused when they climb.

use super::error::{UnpackError, shown};
use crate::tar::Entry;

/// The longest name a Linux file system keeps.
const MAX_NAME: usize = 255;

/// Deeper than any tree people make, shallow enough for every tool that must walk it later.
const MAX_DEPTH: usize = 512;

/// Where an entry goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Its parent from the layer's root, without slashes at either end; empty for the root.
    pub parent: Vec<u8>,
    pub name: Vec<u8>,
}

/// What is wrong with a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault(pub &'static str);

impl Fault {
    /// Gives the fault its entry.
    pub fn of(self, entry: &Entry) -> UnpackError {
        UnpackError::Path { entry: shown(&entry.path), fault: self.0 }
    }
}

/// Cuts a path; `None` is the root itself. A leading slash means the layer's root, as other engines take it.
pub(super) fn split(path: &[u8]) -> Result<Option<Place>, Fault> {
    let mut parent = Vec::with_capacity(path.len());
    let mut last: Option<&[u8]> = None;
    let mut depth = 0;
    for component in path.split(|byte| *byte == b'/') {
        match component {
            b"" | b"." => continue,
            b".." => return Err(Fault("climbs with `..`")),
            _ => {}
        }
        if component.len() > MAX_NAME {
            return Err(Fault("holds a name of more than 255 bytes"));
        }
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(Fault("is more than 512 directories deep"));
        }
        if let Some(before) = last.replace(component) {
            if !parent.is_empty() {
                parent.push(b'/');
            }
            parent.extend_from_slice(before);
        }
    }
    Ok(last.map(|name| Place { parent, name: name.to_vec() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Result<Option<(&str, &str)>, &'static str>) {
        let found = split(path.as_bytes());
        let expected = expected
            .map(|place| place.map(|(parent, name)| Place { parent: parent.into(), name: name.into() }))
            .map_err(Fault);
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn paths_are_cut_into_parent_and_name() {
        check("a", Ok(Some(("", "a"))));
        check("a/b/c", Ok(Some(("a/b", "c"))));
        check("./a//b/./c/", Ok(Some(("a/b", "c"))));
        check("/etc/passwd", Ok(Some(("etc", "passwd"))));
        check("...", Ok(Some(("", "..."))));
    }

    #[test]
    fn the_root_has_no_place() {
        for root in [".", "./", "/", "//", "./."] {
            check(root, Ok(None));
        }
    }

    #[test]
    fn climbing_is_refused_wherever_it_stands() {
        for path in ["..", "../a", "a/../b", "a/..", "/../a", "./.."] {
            check(path, Err("climbs with `..`"));
        }
    }

    #[test]
    fn depth_and_length_have_limits() {
        assert!(split("a/".repeat(512).as_bytes()).is_ok());
        check(&"a/".repeat(513), Err("is more than 512 directories deep"));
        assert!(split("a".repeat(255).as_bytes()).is_ok());
        check(&"a".repeat(256), Err("holds a name of more than 255 bytes"));
    }
}
