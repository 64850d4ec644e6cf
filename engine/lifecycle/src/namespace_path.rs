//! Namespaces by path (`ns:PATH`): what they are, whose they are, and whether a container may join them.
//!
//! A namespace belongs to a user namespace, and only whoever is root of that may join it. A user's containers are root of
//! user namespaces of their own; those of the host they can only share as they are (`--network host`).

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pontoon_rootless::idmap::{IdMaps, IdRange};
use pontoon_rootless::sys::{self, CloneFlags, Cloned};
use pontoon_runtime::plan::NamespaceKind;
use rustix::process::{WaitId, WaitIdOptions, waitid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::request::{CreateRequest, NamespaceMode, NetworkMode, UserNsMode};

/// Why a namespace cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum NamespacePathError {
    /// It is not there.
    #[error("{option} ns:{}: cannot open it", path.display())]
    Open {
        /// The option.
        option: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// It is something else.
    #[error("{option} ns:{}: it is no {word} namespace", path.display())]
    Kind {
        /// The option.
        option: &'static str,
        /// The path.
        path: PathBuf,
        /// What it should be.
        word: &'static str,
    },
    /// It is the host's.
    #[error("{option} ns:{}: it belongs to the host, and only root may join it", path.display())]
    NotOurs {
        /// The option.
        option: &'static str,
        /// The path.
        path: PathBuf,
        /// Whether it is the one that we are in.
        is_own: bool,
    },
    /// Its user namespace cannot be looked at.
    #[error("{option} ns:{}: the ids of its user namespace cannot be told", path.display())]
    Owner {
        /// The option.
        option: &'static str,
        /// The path.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl NamespacePathError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotOurs { option, is_own: true, .. } => Some(format!("use {option} host")),
            Self::NotOurs { .. } => {
                Some("a user's container can join namespaces of the user's other containers only".to_owned())
            }
            Self::Kind { .. } => {
                Some("it is a file as /proc/PID/ns/net, or one that such a file is mounted on".to_owned())
            }
            Self::Open { .. } | Self::Owner { .. } => None,
        }
    }
}

/// A namespace that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// By this option.
    pub option: &'static str,
    /// Its kind.
    pub kind: NamespaceKind,
    /// Its path.
    pub path: &'a Path,
}

/// All namespaces by path that a request asks for.
#[must_use]
pub fn asked(request: &CreateRequest) -> Vec<Asked<'_>> {
    let mut found = Vec::new();
    if let UserNsMode::Path(path) = &request.userns {
        found.push(Asked { option: "--userns", kind: NamespaceKind::User, path });
    }
    if let Some(NetworkMode::Path(path)) = &request.network {
        found.push(Asked { option: "--network", kind: NamespaceKind::Network, path });
    }
    for (option, kind, mode) in [
        ("--pid", NamespaceKind::Pid, &request.pid),
        ("--ipc", NamespaceKind::Ipc, &request.ipc),
        ("--uts", NamespaceKind::Uts, &request.uts),
        ("--cgroupns", NamespaceKind::Cgroup, &request.cgroup_namespace),
    ] {
        if let NamespaceMode::Path(path) = mode {
            found.push(Asked { option, kind, path });
        }
    }
    found
}

/// Whose a namespace is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// Our own user namespace.
    Own {
        /// Whether the namespace is the one that we are in.
        is_ours: bool,
    },
    /// One below ours.
    Below {
        /// Its number (see ioctl_ns(2)).
        id: u64,
        /// Its maps.
        maps: IdMaps,
    },
}

fn bit(kind: NamespaceKind) -> (i32, &'static str, &'static str) {
    match kind {
        NamespaceKind::User => (libc::CLONE_NEWUSER, "user", "user"),
        NamespaceKind::Network => (libc::CLONE_NEWNET, "net", "network"),
        NamespaceKind::Pid => (libc::CLONE_NEWPID, "pid", "pid"),
        NamespaceKind::Ipc => (libc::CLONE_NEWIPC, "ipc", "ipc"),
        NamespaceKind::Uts => (libc::CLONE_NEWUTS, "uts", "uts"),
        NamespaceKind::Cgroup => (libc::CLONE_NEWCGROUP, "cgroup", "cgroup"),
    }
}

/// Number of one of our own namespaces.
fn own(kind: NamespaceKind) -> u64 {
    number_of("self", kind).unwrap_or(0)
}

/// Whether a process is in the same namespace of a kind as we are.
#[must_use]
pub fn is_ours(process: i32, kind: NamespaceKind) -> bool {
    number(process, kind).is_some_and(|it| it == own(kind))
}

/// Number of a namespace of a process, if there is such a process and we may look.
#[must_use]
pub fn number(process: i32, kind: NamespaceKind) -> Option<u64> {
    number_of(&process.to_string(), kind)
}

fn number_of(process: &str, kind: NamespaceKind) -> Option<u64> {
    let (_, name, _) = bit(kind);
    std::fs::metadata(format!("/proc/{process}/ns/{name}")).map(|it| it.ino()).ok()
}

/// Looks at a namespace.
///
/// # Errors
/// See [`NamespacePathError`].
pub fn look(asked: Asked<'_>) -> Result<Owner, NamespacePathError> {
    let Asked { option, kind, path } = asked;
    let failed = |source| NamespacePathError::Open { option, path: path.to_owned(), source };
    // Opening a pipe would wait for somebody at its other end.
    let metadata = std::fs::metadata(path).map_err(failed)?;
    let (wanted, _, word) = bit(kind);
    let wrong = || NamespacePathError::Kind { option, path: path.to_owned(), word };
    if !metadata.is_file() {
        return Err(wrong());
    }
    let namespace = File::open(path).map_err(failed)?;
    if sys::namespace_kind(&namespace).ok() != Some(wanted) {
        return Err(wrong());
    }
    let owner_failed = |source| NamespacePathError::Owner { option, path: path.to_owned(), source };
    let is_ours = metadata.ino() == own(kind);
    let user = if kind == NamespaceKind::User {
        namespace
    } else {
        match sys::owner_namespace(&namespace) {
            Ok(user) => File::from(user),
            // Above us.
            Err(err) if err.raw_os_error() == Some(libc::EPERM) => return Ok(Owner::Own { is_ours }),
            Err(err) => return Err(owner_failed(err)),
        }
    };
    let id = user.metadata().map_err(owner_failed)?.ino();
    if id == own(NamespaceKind::User) {
        return Ok(Owner::Own { is_ours });
    }
    let parent = sys::parent_namespace(&user).and_then(|it| File::from(it).metadata());
    if parent.map_err(owner_failed)?.ino() != own(NamespaceKind::User) {
        let source = io::Error::other("it does not lie directly below our own");
        return Err(owner_failed(source));
    }
    Ok(Owner::Below { id, maps: maps_of(&user).map_err(owner_failed)? })
}

/// The maps of a user namespace below ours, as a process in it sees them: told by our own ids.
fn maps_of(user: impl AsFd) -> io::Result<IdMaps> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    let child = match sys::clone(CloneFlags::default(), None)? {
        Cloned::Child => {
            let tell = || -> io::Result<()> {
                move_into_link_name_space(user.as_fd(), Some(LinkNameSpaceType::User))?;
                for file in ["uid_map", "gid_map"] {
                    let text = std::fs::read_to_string(format!("/proc/self/{file}"))?;
                    rustix::io::write(&write, format!("{text};").as_bytes())?;
                }
                Ok(())
            };
            sys::exit_now(tell().map_or_else(|err| err.raw_os_error().unwrap_or(1), |()| 0))
        }
        Cloned::Parent { pidfd, .. } => pidfd,
    };
    drop(write);
    let mut text = String::new();
    File::from(read).read_to_string(&mut text)?;
    let status = waitid(WaitId::PidFd(child.as_fd()), WaitIdOptions::EXITED)?;
    match status.and_then(|it| it.exit_status()) {
        Some(0) => parse(&text).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData)),
        Some(number) => Err(io::Error::from_raw_os_error(number)),
        None => Err(io::Error::from(io::ErrorKind::Interrupted)),
    }
}

/// Two maps, each ended by a semicolon.
fn parse(text: &str) -> Option<IdMaps> {
    let mut parts = text.split(';');
    let mut map = || {
        let lines = parts.next()?.lines().filter(|it| !it.trim().is_empty());
        lines
            .map(|line| {
                let mut numbers = line.split_whitespace().map(|it| it.parse::<u32>().ok());
                let mut next = || numbers.next().flatten();
                Some(IdRange { container: next()?, host: next()?, size: next()? })
            })
            .collect::<Option<Vec<_>>>()
    };
    Some(IdMaps { uids: map()?, gids: map()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read() {
        let maps =
            parse("         0       1000          1\n         1     100000      65536\n;  0 0 4294967295\n;")
                .unwrap();
        assert_eq!(maps.host_uid(2), Some(100_001));
        assert_eq!(maps.host_gid(7), Some(7));
        assert!(parse("0 x 1\n;0 0 1;").is_none());
    }

    #[test]
    fn what_is_no_namespace_is_refused() {
        let look = |path: &str, kind| look(Asked { option: "--network", kind, path: Path::new(path) });
        assert!(matches!(look("/nowhere", NamespaceKind::Network), Err(NamespacePathError::Open { .. })));
        for path in ["/etc/passwd", "/proc", "/dev/null", "/proc/self/ns/uts"] {
            let looked = look(path, NamespaceKind::Network);
            assert!(matches!(looked, Err(NamespacePathError::Kind { .. })), "{path}: {looked:?}");
        }
        assert_eq!(look("/proc/self/ns/net", NamespaceKind::Network).unwrap(), Owner::Own { is_ours: true });
    }
}
