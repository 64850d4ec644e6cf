//! A system call that failed on a file of the store: which deed, which file, which reason.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// A system call failed on one file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {deed} `{}`", path.display())]
pub struct FileError {
    /// What was being tried, as a verb: `open`, `rename`.
    pub deed: &'static str,
    /// The file.
    pub path: PathBuf,
    /// The kernel's word.
    #[source]
    pub source: Errno,
}

impl FileError {
    /// Makes the error of one failed call.
    pub(crate) fn new(deed: &'static str, path: impl AsRef<Path>, source: Errno) -> Self {
        Self { deed, path: path.as_ref().to_owned(), source }
    }

    /// The same with the whole path, where the name of a file in a directory was given.
    pub(crate) fn below(mut self, directory: BorrowedFd<'_>) -> Self {
        let link = format!("/proc/self/fd/{}", directory.as_raw_fd());
        if self.path.is_relative()
            && let Ok(directory) = std::fs::read_link(link)
        {
            self.path = directory.join(self.path);
        }
        self
    }

    /// Whether the file was not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.source == Errno::NOENT
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        hint_for(self.source, &format!("the file system of `{}`", self.path.display()))
    }
}

/// What the user can do about a file system that does not take what is written.
pub(crate) fn hint_for(errno: Errno, file_system: &str) -> Option<String> {
    match errno {
        Errno::NOSPC => Some(format!(
            "{file_system} is full (blocks or inodes); `pontoon image prune` frees what no container uses"
        )),
        Errno::DQUOT => Some("your disk quota is used up".to_owned()),
        Errno::ROFS => Some("the file system is mounted read-only".to_owned()),
        _ => None,
    }
}

/// Puts deed and path to a failed call.
pub(crate) trait At<T> {
    /// Turns the errno into a [`FileError`].
    fn at(self, deed: &'static str, path: impl AsRef<Path>) -> Result<T, FileError>;
}

impl<T> At<T> for rustix::io::Result<T> {
    fn at(self, deed: &'static str, path: impl AsRef<Path>) -> Result<T, FileError> {
        self.map_err(|errno| FileError::new(deed, path, errno))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Durability, write_record_atomically};
    use crate::testing::TestDir;

    #[test]
    fn a_record_that_cannot_be_written_is_told_with_its_whole_path() {
        let test = TestDir::new();
        test.make("record.json/below");
        let error = write_record_atomically(test.fd(), "record.json", b"{}", Durability::Volatile);
        assert_eq!(error.unwrap_err().path, test.path("record.json"));
        let full = FileError::new("write", "record.json", Errno::NOSPC).below(test.fd());
        let path = test.path("record.json");
        assert!(full.hint().is_some_and(|it| it.contains(&format!("`{}`", path.display()))));
    }
}
