//! Finding the few programs that we start on the host.
//!
//! They are looked for in fixed directories only: what `$PATH` says is under the control of whoever wrote it, and
//! `newuidmap` decides over ids (see also `newuidmap(1)`).

use std::path::PathBuf;

use rustix::fs::{Access, access};

const DIRECTORIES: [&str; 6] =
    ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin", "/usr/local/sbin"];

/// A program that is not there.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "cannot find the program `{program}` in /usr/bin, /bin, /usr/sbin, /sbin, /usr/local/bin or /usr/local/sbin"
)]
pub struct MissingHelper {
    /// Its name.
    pub program: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
}

impl MissingHelper {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        format!("install it, on Debian: apt-get install {}", self.package)
    }
}

/// Finds `program`; `package` is the Debian package to name where it is missing.
///
/// # Errors
/// [`MissingHelper`] if none of the directories has an executable file of that name.
pub fn find(program: &'static str, package: &'static str) -> Result<PathBuf, MissingHelper> {
    DIRECTORIES
        .iter()
        .map(|directory| PathBuf::from(format!("{directory}/{program}")))
        .find(|path| access(path, Access::EXEC_OK).is_ok())
        .ok_or(MissingHelper { program, package })
}
