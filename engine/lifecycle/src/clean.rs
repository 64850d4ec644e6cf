//! Paths by their words alone.

/// An absolute path without `.`, `..` and empty parts, as Go's `filepath.Clean` leaves it. One that is relative is taken from the
/// root, as Podman takes those of an image's volumes.
#[must_use]
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_root() {
        for (path, is) in [
            ("/data", "/data"),
            ("/data/", "/data"),
            ("rel/data", "/rel/data"),
            ("/a/../../b", "/b"),
            ("../../x", "/x"),
            ("./a//b/.", "/a/b"),
            ("/", "/"),
        ] {
            assert_eq!(clean(path), is, "{path}");
        }
    }
}
