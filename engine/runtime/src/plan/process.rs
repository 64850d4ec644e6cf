//! What runs in a container, and as whom.

use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};
use serde::{Deserialize, Serialize};

/// A process to run in a container: the first one, or one that joins later.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments.
    pub args: Vec<String>,
    /// Environment, `NAME=value`; `HOME` is added from the container's user database where it is missing.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// Whether a missing working directory is made (the image asks for it) or an error (a person asked for it). One in something
    /// that is mounted in a new container is always made.
    pub create_cwd: bool,
    /// Who runs it: `user`, `uid`, `user:group`, …; looked up in the container.
    pub user: String,
    /// More groups, names or numbers.
    pub groups: Vec<String>,
    /// Our own supplementary groups stay, in place of those of the user database.
    #[serde(default)]
    pub keep_groups: bool,
    /// The entry that `/etc/passwd` gets if it has none for the user; `None` makes no entry.
    pub entry: Option<Entry>,
    /// Capabilities if the user is root inside.
    pub root_capabilities: Capabilities,
    /// Capabilities for any other user.
    pub user_capabilities: Capabilities,
    /// `no_new_privs`.
    pub no_new_privileges: bool,
    /// Resource limits: `RLIMIT_*` number, soft, hard; `None` is unlimited.
    pub rlimits: Vec<Rlimit>,
    /// File mode creation mask.
    pub umask: u32,
    /// Nice value, as far as we may set it; `None` leaves our own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nice: Option<i32>,
    /// `oom_score_adj`.
    pub oom_score_adj: Option<i32>,
    /// A terminal of its own.
    pub terminal: bool,
    /// How large that is when the program begins; `None` is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
    /// So many descriptors from 3 on stay open.
    #[serde(default)]
    pub preserve_fds: u32,
    /// Labels of security modules.
    #[serde(default)]
    pub labels: Labels,
    /// Descriptors with these numbers stay open.
    #[serde(default)]
    pub preserved: Vec<u32>,
    /// What the kernel says it is (personality(2)); `None` leaves our own.
    #[serde(default)]
    pub personality: Option<u32>,
    /// Nobody holds its terminal: the supervisor reads what is written there, and forgets it.
    #[serde(default)]
    pub unattended: bool,
    /// Put a small init before it, which reaps orphans and forwards signals.
    pub init: bool,
    /// Nothing is executed: that init stands alone, until it is asked to end. For containers that only hold namespaces.
    #[serde(default)]
    pub pauses: bool,
}

impl Process {
    /// The environment of a user with that home, who has it unless another one is asked for.
    #[must_use]
    pub fn environment(&self, home: &str) -> Vec<String> {
        let mut environment = self.env.clone();
        if !home.is_empty() && !environment.iter().any(|it| it.starts_with("HOME=")) {
            environment.push(format!("HOME={home}"));
        }
        environment
    }

    /// Users of the host's who are to be known to it.
    #[must_use]
    pub fn host_entries(&self) -> &[HostEntry] {
        self.entry.as_ref().map_or(&[], |it| &it.hosts)
    }
}

/// Labels that a program is executed with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Labels {
    /// Its AppArmor profile.
    pub apparmor: Option<String>,
    /// Its SELinux context.
    pub selinux: Option<String>,
}

/// What a user that the image does not know is called in its user database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Login name.
    pub name: String,
    /// What its group is called, with the user as its member; `None` is the group's number, with the user's.
    #[serde(default)]
    pub group_name: Option<String>,
    /// What it is called there beside that; `None` is the usual one.
    #[serde(default)]
    pub comment: Option<String>,
    /// Its home; `None` is the working directory.
    #[serde(default)]
    pub home: Option<String>,
    /// The line of `/etc/passwd`, with `$USERNAME`, `$UID`, `$GID`, `$NAME` and `$HOME`; `None` is the usual one.
    #[serde(default)]
    pub passwd: Option<String>,
    /// Lines of `/etc/passwd` for users of the host's, each with the name and the number that it is about: where the image
    /// knows one of them it gets none.
    #[serde(default)]
    pub hosts: Vec<HostEntry>,
    /// The line of `/etc/group`, with `$GROUPNAME`, `$GID` and `$USERLIST`; `None` is the usual one.
    #[serde(default)]
    pub group: Option<String>,
}

/// A user of the host's who is to be known in the container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostEntry {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// The line.
    pub line: String,
    /// A line of `/etc/group` for the user's group, where the container knows none of that name.
    #[serde(default)]
    pub group: Option<String>,
}

/// One resource limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// `RLIMIT_*`.
    pub resource: u32,
    /// Soft limit; `None` is unlimited.
    pub soft: Option<u64>,
    /// Hard limit; `None` is unlimited.
    pub hard: Option<u64>,
}

impl Rlimit {
    /// What `--ulimit` calls the resources, by their numbers (getrlimit(2)).
    pub const NAMES: [&str; 16] = [
        "cpu",
        "fsize",
        "data",
        "stack",
        "core",
        "rss",
        "nproc",
        "nofile",
        "memlock",
        "as",
        "locks",
        "sigpending",
        "msgqueue",
        "nice",
        "rtprio",
        "rttime",
    ];

    /// The kernel's number of a resource with a name.
    #[must_use]
    pub fn number(name: &str) -> Option<u32> {
        Self::NAMES.iter().position(|it| *it == name).and_then(|it| it.try_into().ok())
    }

    /// The name of the resource.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self.resource as usize).copied().unwrap_or("that is unknown")
    }
}

/// The capability sets of a process, bit `n` for capability number `n` (capabilities(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// What can ever be gained.
    pub bounding: u64,
    /// What counts now.
    pub effective: u64,
    /// What can be switched on.
    pub permitted: u64,
    /// What survives `execve` of files that inherit.
    pub inheritable: u64,
    /// What survives `execve` of any file.
    pub ambient: u64,
}

impl From<crate::capabilities::ProcessCaps> for Capabilities {
    fn from(caps: crate::capabilities::ProcessCaps) -> Self {
        Self {
            bounding: caps.bounding.bits(),
            effective: caps.effective.bits(),
            permitted: caps.permitted.bits(),
            inheritable: caps.inheritable.bits(),
            ambient: caps.ambient.bits(),
        }
    }
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Lines.
    pub rows: u16,
    /// Letters in a line.
    pub columns: u16,
}

impl Window {
    /// Of this terminal; `None` if it is none, or does not know.
    #[must_use]
    pub fn of(terminal: BorrowedFd<'_>) -> Option<Self> {
        let size = tcgetwinsize(terminal).ok()?;
        (size.ws_row > 0 && size.ws_col > 0).then_some(Self { rows: size.ws_row, columns: size.ws_col })
    }

    /// Gives a terminal this size; whoever runs in it is told by SIGWINCH.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn set(self, terminal: BorrowedFd<'_>) -> Result<(), Errno> {
        tcsetwinsize(
            terminal,
            Winsize { ws_row: self.rows, ws_col: self.columns, ws_xpixel: 0, ws_ypixel: 0 },
        )
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::pty::{OpenptFlags, openpt};

    use super::Window;

    #[test]
    fn the_size_of_a_terminal_is_told_and_set() {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        assert_eq!(Window::of(master.as_fd()), None);
        let size = Window { rows: 24, columns: 80 };
        size.set(master.as_fd()).unwrap();
        assert_eq!(Window::of(master.as_fd()), Some(size));
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(Window::of(file.as_fd()), None);
    }
}
