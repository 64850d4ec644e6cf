//! Writing what was generated.

use std::fs;
use std::path::Path;

use super::super::Failure;

/// Writes a whole file in the place of what is there, and gives its absolute path.
pub(super) fn write(path: &Path, text: &str) -> Result<String, Failure> {
    let path = std::path::absolute(path)?;
    replace(&path, text)
        .map_err(|err| Failure::from(err).while_doing(format!("cannot write `{}`", path.display())))?;
    Ok(path.display().to_string())
}

fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    // Nothing that a generator would read.
    name.push(format!(".{}", std::process::id()));
    let beside = path.with_file_name(name);
    fs::write(&beside, text).and_then(|()| fs::rename(&beside, path)).inspect_err(|_| {
        let _ = fs::remove_file(&beside);
    })
}
