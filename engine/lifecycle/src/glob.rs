//! Paths of the host that a pattern matches, as Go's `filepath.Glob` does it: `*`, `?` and `[…]` in each part of the path, and
//! none of them matches a slash.

use std::path::{Path, PathBuf};

/// The paths that are there, in the order of their names. A pattern that is broken matches nothing.
pub(crate) fn matches(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::from(if pattern.starts_with('/') { "/" } else { "" })];
    for part in pattern.split('/').filter(|it| !it.is_empty()) {
        found = found.iter().flat_map(|directory| in_directory(directory, part)).collect();
    }
    if pattern.is_empty() { Vec::new() } else { found }
}

fn in_directory(directory: &Path, pattern: &str) -> Vec<PathBuf> {
    if !pattern.contains(['*', '?', '[', '\\']) {
        let path = directory.join(pattern);
        return if path.symlink_metadata().is_ok() { vec![path] } else { Vec::new() };
    }
    let here = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = std::fs::read_dir(here).into_iter().flatten().flatten();
    let names = entries.filter_map(|it| it.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| is_match(pattern, name)).collect();
    names.sort_unstable();
    names.into_iter().map(|name| directory.join(name)).collect()
}

/// Whether a name is what a pattern describes.
#[must_use]
pub fn is_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    rest_matches(&pattern, &name)
}

fn rest_matches(pattern: &[char], name: &[char]) -> bool {
    // Where the last star stands, and what it has taken so far: only that one is ever tried again.
    let (mut pattern_at, mut name_at) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match (pattern.get(pattern_at), name.get(name_at)) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((pattern_at + 1, name_at));
                Some((pattern_at + 1, name_at))
            }
            (Some('?'), Some(_)) => Some((pattern_at + 1, name_at + 1)),
            (Some('['), Some(letter)) => {
                match class(pattern.get(pattern_at..).unwrap_or_default(), *letter) {
                    Some((true, length)) => Some((pattern_at + length, name_at + 1)),
                    _ => None,
                }
            }
            (Some('\\'), Some(letter)) if pattern.get(pattern_at + 1) == Some(letter) => {
                Some((pattern_at + 2, name_at + 1))
            }
            (Some('\\'), _) => None,
            (Some(wanted), Some(letter)) if wanted == letter => Some((pattern_at + 1, name_at + 1)),
            _ => None,
        };
        (pattern_at, name_at) = match (step, star) {
            (Some(next), _) => next,
            (None, Some((after, taken))) if taken < name.len() => {
                star = Some((after, taken + 1));
                (after, taken + 1)
            }
            (None, _) => return false,
        };
    }
}

/// Whether a letter is in the class that a pattern begins with, and how long the class is; `None` if it has no end.
fn class(pattern: &[char], letter: char) -> Option<(bool, usize)> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let mut found = false;
    let mut first = true;
    loop {
        match *pattern.get(at)? {
            ']' if !first => return Some((found != negated, at + 1)),
            mut low => {
                if low == '\\' {
                    at += 1;
                    low = *pattern.get(at)?;
                }
                let mut high = low;
                if pattern.get(at + 1) == Some(&'-') && pattern.get(at + 2).is_some_and(|it| *it != ']') {
                    high = *pattern.get(at + 2)?;
                    at += 2;
                }
                found |= (low..=high).contains(&letter);
                at += 1;
            }
        }
        first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_describe_names() {
        for (pattern, name) in [
            ("*", "a"),
            ("f*", "f"),
            ("*.txt", "a.b.txt"),
            ("a*b*c", "aXbYbZc"),
            ("?", "ä"),
            ("[a-c]x", "bx"),
            ("[^a]x", "bx"),
            ("\\*", "*"),
            ("[]a]", "]"),
        ] {
            assert!(is_match(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("f*", "g"), ("?", ""), ("a*b", "abc"), ("[a-c]", "d"), ("[^a]", "a"), ("[a", "a"), ("\\*", "a")]
        {
            assert!(!is_match(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn paths_are_found_by_the_order_of_their_names() {
        let base = std::env::temp_dir().join(format!("pontoon-glob-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&base);
        for name in ["x/b1", "x/a1", "y/b1", "y/c2"] {
            std::fs::create_dir_all(base.join(name)).unwrap();
        }
        let found = matches(&format!("{}/?/*1", base.display()));
        assert_eq!(found, ["x/a1", "x/b1", "y/b1"].map(|it| base.join(it)));
        assert!(matches(&format!("{}/none*", base.display())).is_empty());
        let _ = std::fs::remove_dir_all(&base);
    }
}
