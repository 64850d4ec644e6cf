//! Paths made whole by their text alone.
//!
//! Knows no disk: `..` is cut off without asking whether it follows a link.

use std::borrow::Cow;

/// A path without `.`, `..`, doubled or final slashes.
pub(crate) fn clean(path: &str) -> String {
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(&"..") | None if !absolute => parts.push(".."),
                Some(_) => {
                    parts.pop();
                }
                None => {}
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (absolute, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

/// A path as seen from a directory.
pub(crate) fn absolute<'p>(directory: &str, path: &'p str) -> Cow<'p, str> {
    match path.starts_with('/') {
        true => Cow::Borrowed(path),
        false => Cow::Owned(clean(&[directory, "/", path].concat())),
    }
}

/// Whether a path begins with something systemd expands.
pub(crate) fn is_expanded(path: &str) -> bool {
    path.strip_prefix('%').is_some_and(|rest| !rest.is_empty() && !rest.starts_with('%'))
}

/// A path that may begin with something systemd expands, and is left alone then.
pub(crate) fn absolute_unless_expanded<'p>(directory: &str, path: &'p str) -> Cow<'p, str> {
    if is_expanded(path) { Cow::Borrowed(path) } else { absolute(directory, path) }
}

/// The directory a path lies in.
pub(crate) fn parent(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent,
        None => ".",
    }
}
