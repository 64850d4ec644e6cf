//! Which hooks a container has: files in directories say for which containers they are.
//!
//! Files are those of oci-hooks(5), versions 1.0.0 and 0.1.0. A file in a later directory takes the place of one with the
//! same name in those before it; hooks run in the order of their names.

mod file;
pub mod precreate;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use pontoon_runtime::hooks::Hook;

pub use file::HookFault;
use file::HookFile;
pub use precreate::PrecreateError;

/// Where hooks are looked for if nobody says otherwise: Podman's, for root and for users.
pub const DIRECTORIES: [&str; 1] = ["/usr/share/containers/oci/hooks.d"];

/// Why a container's hooks cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum HooksError {
    /// A directory.
    #[error("cannot read the hooks directory {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file.
    #[error("{}{fault}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: HookFault,
    },
}

/// What is asked about a container.
#[derive(Debug, Clone, Copy)]
pub struct Container<'a> {
    /// Its annotations.
    pub annotations: &'a BTreeMap<String, String>,
    /// Its program.
    pub command: &'a str,
    /// Whether it mounts anything that somebody asked for.
    pub has_mounts: bool,
}

/// Finds the hooks of a container, and what the user should know about them. Where there is no directory, that is all that
/// is looked at.
///
/// # Errors
/// See [`HooksError`].
pub fn find(
    directories: &[PathBuf],
    container: Container<'_>,
) -> Result<(Vec<Hook>, Vec<String>), HooksError> {
    let (mut files, mut warnings): (BTreeMap<String, HookFile>, _) = (BTreeMap::new(), Vec::new());
    for directory in directories {
        read_directory(directory, &mut files, &mut warnings)?;
    }
    let mut hooks = Vec::new();
    for file in files.values() {
        let fault = |fault| HooksError::File { path: file.path.clone(), fault };
        if !file.is_for(container).map_err(fault)? {
            continue;
        }
        hooks.extend(file.hooks());
    }
    Ok((hooks, warnings))
}

fn read_directory(
    directory: &Path,
    files: &mut BTreeMap<String, HookFile>,
    warnings: &mut Vec<String>,
) -> Result<(), HooksError> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(err) if matches!(err.kind(), io::ErrorKind::NotFound) => return Ok(()),
        Err(source) => return Err(HooksError::Directory { path: directory.to_owned(), source }),
    };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if !name.ends_with(".json") {
            continue;
        }
        let read = HookFile::read(&path).map_err(|fault| HooksError::File { path: path.clone(), fault })?;
        if read.program.exists() {
            files.insert(name, read);
        } else {
            // Of a package that was removed: Podman passes it over as well.
            warnings.push(format!(
                "{}: the hook `{}` is not there, ignoring it",
                path.display(),
                read.program.display()
            ));
            files.remove(&name);
        }
    }
    Ok(())
}
