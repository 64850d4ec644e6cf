//! Finding the few programs that we start on the host.
//!
//! They are looked for in fixed directories only: what `$PATH` says is under the control of whoever wrote it, and
//! `newuidmap` decides over ids (see also `newuidmap(1)`).

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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

/// How a program comes to rights that its caller does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// It runs as root (chmod(1), u+s).
    SetUserId,
    /// Its file has a capability (setcap(8)).
    Capability,
    /// By nothing: it can do what the caller can do.
    None,
}

/// What rights the program at a path gives; `capability` is the number of the one it needs (capabilities(7)).
#[must_use]
pub fn rights(path: &Path, capability: u32) -> Rights {
    let Ok(metadata) = std::fs::metadata(path) else { return Rights::None };
    if metadata.uid() == 0 && metadata.mode() & 0o4000 != 0 {
        return Rights::SetUserId;
    }
    let mut value = [0u8; 64];
    match rustix::fs::getxattr(path, "security.capability", &mut value) {
        Ok(count) if value.get(..count).is_some_and(|it| permits(it, capability)) => Rights::Capability,
        _ => Rights::None,
    }
}

/// Whether `struct vfs_cap_data` (capabilities(7), linux/capability.h) permits a capability and makes it effective.
fn permits(value: &[u8], capability: u32) -> bool {
    const EFFECTIVE: u32 = 1;
    let word = |index: usize| -> Option<u32> {
        let bytes = value.get(index * 4..index * 4 + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let set = word(if capability < 32 { 1 } else { 3 }).unwrap_or(0);
    word(0).is_some_and(|it| it & EFFECTIVE != 0) && set & (1 << (capability % 32)) != 0
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_of_files_are_read() {
        // As `setcap cap_setuid=ep` writes it: revision 2, effective; permitted 1 << 7.
        let setuid = [1, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(permits(&setuid, 7));
        assert!(!permits(&setuid, 6));
        assert!(!permits(&setuid, 39));
        let idle = [0, 0, 0, 2, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert!(!permits(&idle, 7));
        assert!(!permits(&[], 7));
    }
}
