//! `:z` and `:Z`: what is mounted from the host gets a label that the container may touch.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Dir, FileType, Mode, OFlags, XattrFlags, openat, setxattr};

/// The attribute that holds a file's context.
const ATTRIBUTE: &str = "security.selinux";
/// How deep a tree may be.
const DEPTH: usize = 512;

/// Directories that other programs need with the labels they have: giving one to a container would break the host. Those of
/// the library that Podman uses.
const KEPT: [&str; 21] = [
    "/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/media", "/mnt", "/opt", "/proc",
    "/root", "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib",
];

/// Why something is not relabelled.
#[derive(Debug, thiserror::Error)]
pub enum RelabelError {
    /// It is the host's.
    #[error("`{}` must keep its SELinux label: other programs need it", path.display())]
    Kept {
        /// The path.
        path: PathBuf,
    },
    /// The kernel says no.
    #[error("cannot give `{}` the SELinux label `{label}`", path.display())]
    Set {
        /// The path.
        path: PathBuf,
        /// The label.
        label: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl RelabelError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kept { .. } => Some(
                "mount a directory below it, or leave out `:z` and `:Z` and say --security-opt label=disable"
                    .to_owned(),
            ),
            Self::Set { .. } => None,
        }
    }
}

/// Whether the host needs a path's label as it is. `home` is the caller's home directory.
#[must_use]
pub fn is_kept(path: &Path, home: Option<&Path>) -> bool {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    KEPT.iter().any(|it| clean == Path::new(it)) || home.is_some_and(|it| clean == it)
}

/// The label of what several containers share (`z`): that of one, without its categories.
#[must_use]
pub fn shared(label: &str) -> String {
    let parts: Vec<&str> = label.splitn(4, ':').collect();
    match parts.as_slice() {
        [user, role, kind, level] => {
            let level = level.split(':').next().unwrap_or(level);
            format!("{user}:{role}:{kind}:{level}")
        }
        _ => label.to_owned(),
    }
}

/// Gives a file, or a directory and all in it, a label. Links are labelled themselves and lead nowhere.
///
/// # Errors
/// See [`RelabelError`].
pub fn relabel(path: &Path, home: Option<&Path>, label: &str) -> Result<(), RelabelError> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if is_kept(path, home) || is_kept(&real, home) {
        return Err(RelabelError::Kept { path: path.to_owned() });
    }
    let failed = |source: rustix::io::Errno| RelabelError::Set {
        path: path.to_owned(),
        label: label.to_owned(),
        source: source.into(),
    };
    let root = openat(CWD, &real, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    walk(&root, label, DEPTH).map_err(failed)
}

fn walk(place: &OwnedFd, label: &str, depth: usize) -> rustix::io::Result<()> {
    // A handle without access is named through /proc.
    let name = format!("/proc/self/fd/{}", place.as_raw_fd());
    let kind = FileType::from_raw_mode(rustix::fs::fstat(place)?.st_mode);
    match setxattr(name.as_str(), ATTRIBUTE, label.as_bytes(), XattrFlags::empty()) {
        // Where a file system has no labels, it is mounted with one for all.
        Ok(()) | Err(rustix::io::Errno::NOTSUP) => {}
        Err(err) => return Err(err),
    }
    if kind != FileType::Directory || depth == 0 {
        return Ok(());
    }
    let directory = openat(place, ".", OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    for entry in Dir::read_from(&directory)? {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") || entry.file_type() == FileType::Symlink {
            continue;
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat(directory.as_fd(), name, flags, Mode::empty()) {
            Ok(below) => walk(&below, label, depth - 1)?,
            // It has gone meanwhile.
            Err(rustix::io::Errno::NOENT) => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_the_host_keep_their_labels() {
        let home = Path::new("/home/alice");
        for path in ["/", "//", "/etc", "/etc/", "/home", "/usr/../etc", "/home/alice", "/var/lib", "/proc"] {
            assert!(is_kept(Path::new(path), Some(home)), "{path}");
            let kept = relabel(Path::new(path), Some(home), "x");
            assert!(matches!(kept, Err(RelabelError::Kept { .. })), "{path}");
        }
        for path in ["/home/alice/data", "/home/bob", "/srv/www", "/etc/nginx", "/var/lib/mysql"] {
            assert!(!is_kept(Path::new(path), Some(home)), "{path}");
        }
    }

    #[test]
    fn what_is_shared_has_no_categories() {
        assert_eq!(
            shared("system_u:object_r:container_file_t:s0:c1,c2"),
            "system_u:object_r:container_file_t:s0"
        );
        assert_eq!(shared("u:r:t:s0"), "u:r:t:s0");
    }
}
