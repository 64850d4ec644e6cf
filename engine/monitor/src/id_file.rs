//! The file that a container's id was written to (`--cidfile`): it goes with the container.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Removes it, unless it holds another container's id by now, or is no file any more: it may lie where the container can
/// reach it.
pub fn forget(path: &Path, id: &str) {
    if holds(path, id).is_ok_and(|holds| holds) {
        let _ = std::fs::remove_file(path);
    }
}

fn holds(path: &Path, id: &str) -> io::Result<bool> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut text = String::new();
    file.take(100).read_to_string(&mut text)?;
    Ok(text.trim_end() == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_with_that_id_is_removed() {
        let path = std::env::temp_dir().join(format!("pontoon-id-file-{}", std::process::id()));
        std::fs::write(&path, "abc").unwrap();
        forget(&path, "ab");
        assert!(path.exists());
        forget(&path, "abc");
        assert!(!path.exists());
        forget(&path, "abc");
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        forget(&path, "abc");
        assert!(path.is_symlink());
        std::fs::remove_file(&path).unwrap();
        forget(Path::new("/dev/zero"), "abc");
    }
}
